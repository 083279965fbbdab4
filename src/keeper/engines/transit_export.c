/*
 * Transit: what lets keys out, for those who allowed it when they made them: export, wrapped export, and backup.
 *
 * A backup has the very form that Vault gives it (JSON in base64), so that keys can move either way.
 */
#include "base/hash.h"
#include "base/json_read.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_int.h"
#include "keeper/engines/transit_vault_int.h"
#include "keeper/seal/memory_int.h"

enum { TEXT_MAX = 1 << 20, BACKUP_MAX = 32 << 20 };

enum export_kind {
    EXPORT_ENCRYPTION,
    EXPORT_SIGNING,
    EXPORT_HMAC,
    EXPORT_PUBLIC,
    EXPORT_CHAIN,
    EXPORTS
};
static const char *const kinds[EXPORTS] = { "encryption-key", "signing-key", "hmac-key",
    "public-key", "certificate-chain" };

/* ---- one version as a text ---- */

static struct str base64_of(struct arena *a, const struct crypto_key *key)
{
    size_t len;
    void *secret = crypto_secret(key, &len);
    struct str text = encode_base64(a, (struct str){ secret, len });

    secret_free(secret);
    return text;
}

static struct str written(struct arena *a, const struct crypto_key *key,
    void (*write)(const struct crypto_key *k, struct buf *to), bool base64)
{
    struct buf out;
    struct str text;

    buf_init_secret(&out, TEXT_MAX);
    write(key, &out);
    text = base64 ? encode_base64(a, buf_as_str(&out)) : arena_str(a, buf_as_str(&out));
    buf_free(&out);
    return text;
}

static struct str private_text(struct arena *a, const struct crypto_key *key, struct str format)
{
    bool raw = !key_facts(crypto_type(key))->asymmetric || crypto_type(key) == KEY_ED25519;

    if (str_is(format, "der"))
        return written(a, key, crypto_private_pkcs8, true);
    if (str_is(format, "pem"))
        return written(a, key, crypto_private_pem, false);
    return raw ? base64_of(a, key) : written(a, key, crypto_private_pem_own, false);
}

static struct str public_text(struct arena *a, const struct crypto_key *key, struct str format)
{
    if (str_is(format, "der"))
        return written(a, key, crypto_public_der, true);
    if (crypto_type(key) == KEY_ED25519 && !str_is(format, "pem"))
        return written(a, key, crypto_public_raw, true);
    return written(a, key, crypto_public_pem, false);
}

/* Why not; NULL: it may. */
static const char *refusal(const struct transit_key *k, enum export_kind kind, struct str format)
{
    const struct key_facts *f = key_facts(k->type);
    bool raw = str_is(format, "raw");

    if (kind != EXPORT_PUBLIC && !k->exportable)
        return "private key material is not exportable";
    if (format.len > 0 && !raw && !str_is(format, "der") && !str_is(format, "pem"))
        return "invalid format: one of raw, der, pem";
    if (kind == EXPORT_ENCRYPTION && !f->encrypts)
        return "encryption not supported for the key";
    if (kind == EXPORT_SIGNING && !f->signs)
        return "signing not supported for the key";
    if (kind == EXPORT_PUBLIC && !f->asymmetric)
        return "unknown key type for export: a symmetric key has no public half";
    if (raw && f->asymmetric && k->type != KEY_ED25519 && kind != EXPORT_HMAC)
        return "keys of this type have no raw form";
    if (format.len > 0 && !raw && (!f->asymmetric || kind == EXPORT_HMAC))
        return "this key has no such form";
    return NULL;
}

static bool put_version(struct request *r, const struct transit_version *v, uint32_t n,
    enum export_kind kind, struct str format, struct value *keys)
{
    struct arena *a = &r->arena;
    struct str text;

    if (kind == EXPORT_PUBLIC) {
        text = public_text(a, v->key, format);
    } else if (kind == EXPORT_HMAC) {
        if (v->hmac == NULL)
            return true;
        text = base64_of(a, v->hmac);
    } else if (crypto_is_public(v->key)) {
        return true; /* there is nothing to export */
    } else {
        text = private_text(a, v->key, format);
    }
    value_put_named(a, keys, str_from(arena_printf(a, "%u", n)), value_text(a, text));
    return true;
}

/* "latest", a number, or nothing: all that may be used. False: refused, and said. */
static bool versions_of(
    struct request *r, const struct transit_key *k, uint32_t *first, uint32_t *last)
{
    struct str version = param(r, "version");
    uint64_t n;

    *first = k->min_decryption;
    *last = k->latest;
    if (version.len == 0)
        return true;
    if (str_is(version, "latest")) {
        *first = k->latest;
        return true;
    }
    if (!str_to_u64(version, UINT32_MAX, &n))
        reply_error(r, 400, "invalid key version");
    else if (n < k->min_decryption)
        reply_error(r, 400, "version for export is below minimum decryption version");
    else if (n > k->latest)
        reply_error(r, 400, "version does not exist or cannot be found");
    *first = *last = (uint32_t)n;
    return !refused(r);
}

static void reply_keys_of(struct request *r, const struct transit_key *k, struct value *keys)
{
    struct value *data = value_map(&r->arena);

    value_put_text(&r->arena, data, "name", param(r, "name"));
    value_put_text(&r->arena, data, "type", str_from(key_facts(k->type)->name));
    value_put(data, "keys", keys);
    transit_reply(r, data);
}

void transit_export(struct request *r)
{
    const struct transit_key *k;
    struct str format = STR("");
    struct value *keys = value_map(&r->arena);
    enum export_kind kind = 0;
    const char *why;
    uint32_t first;
    uint32_t last;

    while (kind < EXPORTS && !str_is(param(r, "kind"), kinds[kind]))
        kind++;
    if (kind >= EXPORT_CHAIN) {
        reply_error(r, 400, "invalid export type: %.*s", STR_ARG(param(r, "kind")));
        return;
    }
    k = transit_of(r, NULL);
    field_text(r, "format", &format);
    if (k == NULL || refused(r) || !transit_is_usable(r, k))
        return;
    why = refusal(k, kind, format);
    if (why != NULL) {
        reply_error(r, 400, "%s", why);
        return;
    }
    if (!versions_of(r, k, &first, &last))
        return;
    for (uint32_t n = first; n <= last; n++) {
        const struct transit_version *v =
            transit_version_get(&r->tx, r->mount, param(r, "name"), n);

        if (v != NULL && v->key != NULL)
            put_version(r, v, n, kind, format, keys);
    }
    reply_keys_of(r, k, keys);
}

/* ---- wrapped for another keeper ---- */

/* As an import takes it: an AES key under RSA-OAEP, and the key under that. */
static bool wrap(
    struct arena *a, struct crypto_key *destination, const struct crypto_key *key, struct str *text)
{
    uint8_t aes[32];
    struct str wrapping = { (char *)aes, sizeof(aes) };
    size_t len;
    void *secret = crypto_secret(key, &len);
    struct buf out;
    struct err err;
    bool ok;

    random_bytes(aes, sizeof(aes));
    buf_init(&out, TEXT_MAX);
    if (crypto_type(key) == KEY_ED25519 || crypto_type(key) == KEY_ECDSA_SECP256K1) {
        struct buf der;

        buf_init_secret(&der, TEXT_MAX);
        crypto_private_pkcs8(key, &der);
        ok = crypto_oaep_encrypt(destination, DIGEST_SHA256, wrapping, &out, &err) == 0 &&
             crypto_kwp_wrap(wrapping, buf_as_str(&der), &out, &err) == 0;
        buf_free(&der);
    } else {
        ok = crypto_oaep_encrypt(destination, DIGEST_SHA256, wrapping, &out, &err) == 0 &&
             crypto_kwp_wrap(wrapping, (struct str){ secret, len }, &out, &err) == 0;
    }
    *text = encode_base64(a, buf_as_str(&out));
    explicit_bzero(aes, sizeof(aes));
    secret_free(secret);
    buf_free(&out);
    return ok;
}

/* The key that it is wrapped for. */
static struct crypto_key *destination_of(struct request *r)
{
    struct str name = param(r, "destination");
    const struct transit_key *k = transit_key_get(&r->tx, r->mount, name);
    const struct transit_version *v =
        k != NULL ? transit_version_get(&r->tx, r->mount, name, k->latest) : NULL;

    if (v == NULL || v->key == NULL)
        reply_error(r, 400, "no such destination key to export to");
    else if (k->type < KEY_RSA_2048 || k->type > KEY_RSA_4096)
        reply_error(r, 400, "the destination key must be an RSA key");
    else if (transit_is_usable(r, k))
        return v->key;
    return NULL;
}

void transit_export_wrapped(struct request *r)
{
    struct crypto_key *destination = destination_of(r);
    struct value *keys = value_map(&r->arena);
    const struct transit_key *k;
    uint32_t first;
    uint32_t last;

    if (destination == NULL)
        return;
    k = transit_of(r, "no such source key for export");
    if (k == NULL || !transit_is_usable(r, k) || !versions_of(r, k, &first, &last))
        return;
    if (!k->exportable) {
        reply_error(r, 400, "key is not exportable");
        return;
    }
    for (uint32_t n = first; n <= last; n++) {
        const struct transit_version *v =
            transit_version_get(&r->tx, r->mount, param(r, "name"), n);
        struct str text;

        if (v == NULL || v->key == NULL || crypto_is_public(v->key))
            continue;
        if (!wrap(&r->arena, destination, v->key, &text)) {
            reply_error(r, 500, "the key could not be wrapped");
            return;
        }
        value_put_named(&r->arena, keys, str_from(arena_printf(&r->arena, "%u", n)),
            value_text(&r->arena, text));
    }
    reply_keys_of(r, k, keys);
}

/* ---- backup ---- */

/* Vault's refusals here are internal errors. NULL: it may. */
static const char *backup_refusal(const struct transit_key *k)
{
    if (!k->exportable)
        return "exporting is disallowed on the policy";
    return k->plaintext_backup ? NULL : "plaintext backup is disallowed on the policy";
}

void transit_backup(struct request *r)
{
    struct str name = param(r, "name");
    const struct transit_key *found = transit_key_get(&r->tx, r->mount, name);
    struct value *data = value_map(&r->arena);
    struct transit_key k;
    struct buf json;

    if (found == NULL) {
        reply_error(r, 500, "key \"%.*s\" not found", STR_ARG(name));
        return;
    }
    k = *found;
    if (backup_refusal(&k) != NULL) {
        reply_error(r, 500, "%s", backup_refusal(&k));
        return;
    }
    k.backed_up = r->now / 1000;
    buf_init_secret(&json, BACKUP_MAX);
    json_write(transit_to_vault(&r->tx, r->mount, name, &k), &json);
    if (json.over) {
        reply_error(r, 500, "the backup is too large");
    } else {
        value_put_text(&r->arena, data, "backup", encode_base64(&r->arena, buf_as_str(&json)));
        transit_key_put(&r->tx, r->mount, name, &k);
        transit_reply(r, data);
    }
    buf_free(&json);
}
