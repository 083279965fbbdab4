/*
 * identity oidc key - the named keys that sign identity tokens; see identity_oidc_int.h.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "keeper/core/encode_int.h"
#include "keeper/engines/identity_oidc_int.h"
#include "keeper/seal/memory_int.h"

enum { DAY = 86400, VERSIONS_MAX = 100, KID_BYTES = 36 };

static const struct oidc_algorithm algorithms[] = {
    { "RS256", KEY_RSA_2048, { .digest = DIGEST_SHA256, .scheme = SCHEME_PKCS1 }, NULL },
    { "RS384", KEY_RSA_2048, { .digest = DIGEST_SHA384, .scheme = SCHEME_PKCS1 }, NULL },
    { "RS512", KEY_RSA_2048, { .digest = DIGEST_SHA512, .scheme = SCHEME_PKCS1 }, NULL },
    { "ES256", KEY_ECDSA_P256, { .digest = DIGEST_SHA256, .jws = true }, "P-256" },
    { "ES384", KEY_ECDSA_P384, { .digest = DIGEST_SHA384, .jws = true }, "P-384" },
    { "ES512", KEY_ECDSA_P521, { .digest = DIGEST_SHA512, .jws = true }, "P-521" },
    { "EdDSA", KEY_ED25519, { .digest = DIGEST_NONE }, "Ed25519" },
};

const struct oidc_algorithm *oidc_algorithm_find(struct str name)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (str_is(name, algorithms[i].name))
            return &algorithms[i];
    return NULL;
}

static const struct oidc_algorithm *algorithm_of(const struct value *key)
{
    return oidc_algorithm_find(value_get_text(key, "algorithm", STR("")));
}

/* ---- storage ---- */

static struct str key_path(struct request *r, struct str name)
{
    return entry_path(&r->tx, "identity/oidc-key/%.*s", STR_ARG(encode_base64url(&r->arena, name)));
}

struct value *oidc_key_load(struct request *r, struct str name)
{
    if (name.len == 0 || name.len > ENTITY_NAME_MAX)
        return NULL;
    return entry_get_value(&r->tx, key_path(r, name));
}

bool oidc_version_is_valid(const struct request *r, const struct value *version)
{
    int64_t expires = value_get_i64(version, "expires", 0);

    return expires == 0 || r->now < expires * 1000;
}

/* Without the versions that verify nothing any more. */
void oidc_key_save(struct request *r, struct value *key)
{
    struct arena *a = &r->arena;
    const struct value *versions = value_get(key, "versions");
    struct value *kept = value_list(a);

    value_each (v, versions) {
        if (oidc_version_is_valid(r, v))
            value_add(kept, value_copy(a, v));
    }
    value_set(a, key, STR("versions"), kept);
    entry_put_value(&r->tx, key_path(r, value_get_text(key, "name", STR(""))), key, 0);
}

/* ---- versions ---- */

struct crypto_key *oidc_version_key(const struct value *key, const struct value *version)
{
    const struct oidc_algorithm *alg = algorithm_of(key);
    struct err err;

    if (alg == NULL)
        return NULL;
    return crypto_from_secret(alg->key, value_get_text(version, "secret", STR("")), &err);
}

struct making {
    struct str name;
    const struct oidc_algorithm *alg;
    struct crypto_key *made;
    void (*done)(struct request *r, struct value *key);
};

static void make_in_worker(void *arg)
{
    struct making *m = arg;
    struct err err;

    m->made = crypto_generate(m->alg->key, 0, &err);
}

static void add_version(struct request *r, struct value *key, struct crypto_key *made)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *versions = value_get(key, "versions");
    int64_t now = r->now / 1000;
    size_t len;
    char *secret = crypto_secret(made, &len);

    if (versions->last != NULL)
        value_set(a, versions->last, STR("expires"),
            value_i64(a, now + value_get_i64(key, "verification_ttl", DAY)));
    value_put_text(a, v, "kid", random_uuid(a));
    value_put_text(a, v, "secret", (struct str){ secret, len });
    secret_free(secret);
    value_add(versions, v);
    value_set(a, key, STR("next_rotation"),
        value_i64(a, now + value_get_i64(key, "rotation_period", DAY)));
}

static void made(struct request *r, void *arg)
{
    struct making *m = arg;
    struct value *key = oidc_key_load(r, m->name);

    if (m->made == NULL || key == NULL) {
        reply_error(r, m->made == NULL ? 500 : 400,
            m->made == NULL ? "the key could not be made" : "the key was deleted");
    } else {
        add_version(r, key, m->made);
        m->done(r, key);
    }
    crypto_unref(m->made);
}

void oidc_key_rotate(
    struct request *r, struct str name, void (*done)(struct request *r, struct value *key))
{
    struct making *m = arena_calloc(&r->arena, 1, sizeof(*m));
    struct value *key = oidc_key_load(r, name);

    m->name = arena_str(&r->arena, name);
    m->alg = algorithm_of(key);
    m->done = done;
    if (m->alg == NULL)
        reply_error(r, 400, "key \"%.*s\" does not exist", STR_ARG(name));
    else if (value_get(key, "versions")->n >= VERSIONS_MAX)
        reply_error(r, 400, "a key may have at most %d versions that still verify", VERSIONS_MAX);
    else
        request_work(r, make_in_worker, made, m);
}

/* ---- JWK ---- */

static void put_number(struct request *r, struct value *jwk, const char *name, const EVP_PKEY *p,
    const char *param_name, int width)
{
    BIGNUM *n = NULL;
    uint8_t bytes[1024];
    int len;

    if (EVP_PKEY_get_bn_param(p, param_name, &n) != 1)
        return;
    len = width > 0 ? width : BN_num_bytes(n);
    if (len <= (int)sizeof(bytes) && BN_bn2binpad(n, bytes, len) == len)
        value_put_text(&r->arena, jwk, name,
            encode_base64url(&r->arena, (struct str){ (const char *)bytes, (size_t)len }));
    BN_free(n);
}

static void put_public(
    struct request *r, struct value *jwk, const struct oidc_algorithm *alg, const EVP_PKEY *p)
{
    struct arena *a = &r->arena;
    int width = (EVP_PKEY_get_bits(p) + 7) / 8;
    uint8_t raw[32];
    size_t len = sizeof(raw);

    value_put_text(a, jwk, "kty",
        alg->curve == NULL        ? STR("RSA")
        : alg->key == KEY_ED25519 ? STR("OKP")
                                  : STR("EC"));
    if (alg->curve == NULL) {
        put_number(r, jwk, "n", p, OSSL_PKEY_PARAM_RSA_N, 0);
        put_number(r, jwk, "e", p, OSSL_PKEY_PARAM_RSA_E, 0);
        return;
    }
    value_put_text(a, jwk, "crv", str_from(alg->curve));
    if (alg->key != KEY_ED25519) {
        put_number(r, jwk, "x", p, OSSL_PKEY_PARAM_EC_PUB_X, width);
        put_number(r, jwk, "y", p, OSSL_PKEY_PARAM_EC_PUB_Y, width);
    } else if (EVP_PKEY_get_raw_public_key(p, raw, &len) == 1) {
        value_put_text(a, jwk, "x", encode_base64url(a, (struct str){ (const char *)raw, len }));
    }
}

struct value *oidc_version_jwk(
    struct request *r, const struct value *key, const struct value *version)
{
    struct arena *a = &r->arena;
    const struct oidc_algorithm *alg = algorithm_of(key);
    struct crypto_key *k = oidc_version_key(key, version);
    struct value *jwk = value_map(a);
    const uint8_t *at;
    EVP_PKEY *p;
    struct buf der;

    if (k == NULL)
        return NULL;
    buf_init(&der, 8192);
    crypto_public_der(k, &der);
    crypto_unref(k);
    at = (const uint8_t *)der.data;
    p = d2i_PUBKEY(NULL, &at, (long)der.len);
    buf_free(&der);
    if (p == NULL)
        return NULL;
    value_put_text(a, jwk, "use", STR("sig"));
    value_put_text(a, jwk, "kid", value_get_text(version, "kid", STR("")));
    value_put_text(a, jwk, "alg", str_from(alg->name));
    put_public(r, jwk, alg, p);
    EVP_PKEY_free(p);
    return jwk;
}

/* ---- endpoints ---- */

static void saved(struct request *r, struct value *key)
{
    oidc_key_save(r, key);
    reply_empty(r);
}

static struct value *new_key(struct request *r, struct str name)
{
    struct arena *a = &r->arena;
    struct value *key = value_map(a);

    value_put_text(a, key, "name", name);
    value_put_text(a, key, "algorithm", STR("RS256"));
    value_put_i64(a, key, "rotation_period", DAY);
    value_put_i64(a, key, "verification_ttl", DAY);
    value_put(key, "allowed_client_ids", value_list(a));
    value_put(key, "versions", value_list(a));
    return key;
}

static bool take_seconds(struct request *r, struct value *key, const char *name)
{
    int64_t n;

    if (field_seconds(r, name, &n)) {
        if (n < 60)
            reply_error(r, 400, "%s must be at least one minute", name);
        else
            value_set(&r->arena, key, str_from(name), value_i64(&r->arena, n));
    }
    return !refused(r);
}

static bool take_fields(struct request *r, struct value *key, bool fresh)
{
    struct str had = value_get_text(key, "algorithm", STR(""));
    struct str algorithm = had;
    struct value *ids;

    field_text(r, "algorithm", &algorithm);
    if (field_list(r, "allowed_client_ids", &ids))
        value_set(&r->arena, key, STR("allowed_client_ids"), value_copy(&r->arena, ids));
    if (refused(r) || !take_seconds(r, key, "rotation_period") ||
        !take_seconds(r, key, "verification_ttl"))
        return false;
    if (oidc_algorithm_find(algorithm) == NULL)
        reply_error(r, 400, "unknown signing algorithm \"%.*s\"", STR_ARG(algorithm));
    else if (!fresh && !str_eq(algorithm, had))
        reply_error(r, 400, "the algorithm of a key cannot be changed");
    else if (value_get_i64(key, "verification_ttl", 0) >
             10 * value_get_i64(key, "rotation_period", 0))
        reply_error(r, 400, "verification_ttl cannot be longer than 10 times rotation_period");
    value_set(&r->arena, key, STR("algorithm"), value_text(&r->arena, algorithm));
    return !refused(r);
}

void oidc_key_write(struct request *r)
{
    struct str name = param(r, "name");
    struct value *key = oidc_key_load(r, name);
    bool fresh = key == NULL;

    if (name.len > ENTITY_NAME_MAX) {
        reply_error(r, 400, "a name may have at most %d bytes", ENTITY_NAME_MAX);
        return;
    }
    if (fresh)
        key = new_key(r, name);
    if (!take_fields(r, key, fresh))
        return;
    oidc_key_save(r, key);
    if (fresh)
        oidc_key_rotate(r, name, saved);
    else
        reply_empty(r);
}

void oidc_key_read(struct request *r)
{
    static const char *const shown[] = { "algorithm", "allowed_client_ids", "rotation_period",
        "verification_ttl", NULL };
    struct value *key = oidc_key_load(r, param(r, "name"));
    struct value *data = value_map(&r->arena);

    if (key == NULL) {
        reply_not_found(r);
        return;
    }
    for (const char *const *name = shown; *name != NULL; name++)
        identity_put(&r->arena, data, *name, value_get(key, *name));
    reply_data(r, data);
}

void oidc_key_list(struct request *r)
{
    identity_list_names(r, "oidc-key");
}

void oidc_key_delete(struct request *r)
{
    struct str name = param(r, "name");

    value_each (role, entry_list(&r->tx, STR("identity/oidc-role/"), STR_NONE, 0)) {
        struct value *v = entry_get_value(
            &r->tx, entry_path(&r->tx, "identity/oidc-role/%.*s", STR_ARG(role->text)));
        struct str used_by = value_get_text(v, "name", STR(""));

        if (str_eq(value_get_text(v, "key", STR("")), name)) {
            reply_error(r, 400,
                "unable to delete key \"%.*s\" because it is currently referenced by these "
                "roles: %.*s",
                STR_ARG(name), STR_ARG(used_by));
            return;
        }
    }
    if (name.len <= ENTITY_NAME_MAX)
        entry_delete(&r->tx, key_path(r, name));
    reply_empty(r);
}

static void rotated(struct request *r, struct value *key)
{
    struct value *versions = value_get(key, "versions");
    struct value *before = versions->n > 1 ? versions->first : NULL;
    int64_t ttl = -1;

    field_seconds(r, "verification_ttl", &ttl);
    if (refused(r))
        return;
    while (before != NULL && before->next != versions->last)
        before = before->next;
    if (before != NULL && ttl >= 0)
        value_set(&r->arena, before, STR("expires"), value_i64(&r->arena, r->now / 1000 + ttl));
    saved(r, key);
}

void oidc_key_rotate_now(struct request *r)
{
    oidc_key_rotate(r, param(r, "name"), rotated);
}
