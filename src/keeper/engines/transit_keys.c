/*
 * Transit's keys/: making, reading, changing, rotating and destroying keys, and the states of their versions.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_int.h"
#include "keeper/seal/memory_int.h"

enum { HMAC_USUAL = 32, HMAC_LEAST = 32, HMAC_MOST = 512 };

bool transit_key_exists(struct request *r)
{
    return transit_key_get(&r->tx, r->mount, param(r, "name")) != NULL;
}

const struct transit_key *transit_of(struct request *r, const char *missing)
{
    const struct transit_key *k = transit_key_get(&r->tx, r->mount, param(r, "name"));

    if (k != NULL)
        return k;
    if (missing == NULL)
        reply_not_found(r);
    else
        reply_error(r, 400, "%s", missing);
    return NULL;
}

bool transit_is_usable(struct request *r, const struct transit_key *k)
{
    if (k->soft_deleted)
        reply_error(r, 400, "policy has been soft deleted and is not usable until restored");
    return !k->soft_deleted;
}

/* Newer Vaults say the kind of the mount too, and some clients insist on it. */
static void say_kind(struct request *r)
{
    r->reply.top = value_map(&r->arena);
    value_put_text(&r->arena, r->reply.top, "mount_type", STR("transit"));
}

void transit_reply(struct request *r, struct value *data)
{
    reply_data(r, data);
    say_kind(r);
}

/* ---- making a key's secret ---- */

struct making {
    enum key_type type;
    size_t size;
    struct crypto_key *key;
    struct err err;
    void (*made)(struct request *r, struct crypto_key *key, void *arg);
    void *arg;
};

static void make(void *arg)
{
    struct making *g = arg;

    g->key = crypto_generate(g->type, g->size, &g->err);
}

static void make_done(struct request *r, void *arg)
{
    struct making *g = arg;

    if (g->key == NULL)
        reply_error(r, 500, "error generating key: %s", g->err.text);
    else
        g->made(r, g->key, g->arg);
    crypto_unref(g->key);
    free(g);
}

void transit_generate(struct request *r, enum key_type t, int64_t key_size,
    void (*made)(struct request *r, struct crypto_key *key, void *arg), void *arg)
{
    struct making *g = xcalloc(1, sizeof(*g));

    *g = (struct making){ .type = t, .size = (size_t)key_size, .made = made, .arg = arg };
    if (crypto_is_slow(t)) {
        if (!request_work(r, make, make_done, g))
            free(g);
        return;
    }
    make(g);
    make_done(r, g);
}

uint8_t *transit_derive(
    const struct crypto_key *key, enum transit_kdf kdf, struct str context, size_t n)
{
    size_t len;
    void *secret = crypto_secret(key, &len);
    struct str ikm = { secret, len };
    uint8_t *out = secret_alloc(n);

    if (kdf == TRANSIT_HKDF) {
        crypto_hkdf(ikm, STR_NONE, context, out, n);
    } else { /* NIST SP 800-108 in counter mode, as keys of very old Vaults need it: one round, from 0 */
        struct buf text;
        uint8_t round[64];
        size_t got;

        buf_init(&text, context.len + 16);
        buf_add(&text, "\0\0\0\0", 4);
        buf_str(&text, context);
        buf_add(&text, "\0\0\1\0", 4); /* 256 bits */
        crypto_hmac(DIGEST_SHA256, ikm, buf_as_str(&text), round, &got);
        memcpy(out, round, n < got ? n : got);
        explicit_bzero(round, sizeof(round));
        buf_free(&text);
    }
    secret_free(secret);
    return out;
}

/* ---- reading ---- */

static struct str name_of(struct arena *a, uint32_t n)
{
    return str_from(arena_printf(a, "%u", n));
}

static struct str public_text(struct request *r, const struct transit_key *k,
    const struct crypto_key *key, struct str context)
{
    struct crypto_key *derived = NULL;
    struct buf out;
    struct str text;
    struct err err;

    buf_init(&out, 1 << 16);
    if (k->type != KEY_ED25519) {
        crypto_public_pem(key, &out);
        text = arena_str(&r->arena, buf_as_str(&out));
        buf_free(&out);
        return text;
    }
    if (k->derived && context.len > 0) {
        uint8_t *seed = transit_derive(key, k->kdf, context, 32);

        derived = crypto_from_secret(KEY_ED25519, (struct str){ (char *)seed, 32 }, &err);
        secret_free(seed);
    }
    if (!k->derived || derived != NULL)
        crypto_public_raw(derived != NULL ? derived : key, &out);
    text = encode_base64(&r->arena, buf_as_str(&out));
    crypto_unref(derived);
    buf_free(&out);
    return text;
}

static struct str chain_text(struct arena *a, const struct transit_version *v)
{
    struct buf pem;
    struct str text;

    buf_init(&pem, 1 << 20);
    for (unsigned i = 0; i < v->nchain; i++) {
        struct str line = encode_base64(a, v->chain[i]);

        buf_text(&pem, "-----BEGIN CERTIFICATE-----\n");
        for (size_t at = 0; at < line.len; at += 64)
            buf_printf(
                &pem, "%.*s\n", (int)(line.len - at < 64 ? line.len - at : 64), line.at + at);
        buf_text(&pem, "-----END CERTIFICATE-----\n");
    }
    text = arena_str(a, buf_as_str(&pem));
    buf_free(&pem);
    return text;
}

static struct value *describe_version(struct request *r, const struct transit_key *k,
    const struct transit_version *v, struct str context)
{
    static const char *const curves[KEY_TYPES] = { [KEY_ECDSA_P256] = "P-256",
        [KEY_ECDSA_P384] = "P-384",
        [KEY_ECDSA_P521] = "P-521",
        [KEY_ECDSA_SECP256K1] = "secp256k1" };
    struct value *one = value_map(&r->arena);
    const char *name = curves[k->type] != NULL ? curves[k->type] : key_facts(k->type)->name;

    value_put_text(&r->arena, one, "creation_time", time_text_fine(&r->arena, v->created));
    value_put_text(&r->arena, one, "name", str_from(name));
    value_put_text(&r->arena, one, "public_key", public_text(r, k, v->key, context));
    if (v->nchain > 0)
        value_put_text(&r->arena, one, "certificate_chain", chain_text(&r->arena, v));
    return one;
}

static struct value *describe_versions(
    struct request *r, struct str name, const struct transit_key *k, struct str context)
{
    struct value *keys = value_map(&r->arena);

    for (uint32_t n = k->min_decryption; n <= k->latest && r->tx.failed == NULL; n++) {
        const struct transit_version *v = transit_version_get(&r->tx, r->mount, name, n);
        struct value *one;

        if (v == NULL || v->key == NULL)
            continue;
        one = key_facts(k->type)->asymmetric ? describe_version(r, k, v, context)
                                             : value_i64(&r->arena, v->created / 1000);
        value_put_named(&r->arena, keys, name_of(&r->arena, n), one);
    }
    return keys;
}

static void describe_kind(struct arena *a, struct value *data, const struct transit_key *k)
{
    const struct key_facts *f = key_facts(k->type);

    value_put_bool(a, data, "supports_encryption", f->encrypts);
    value_put_bool(a, data, "supports_decryption", f->encrypts);
    value_put_bool(a, data, "supports_derivation", f->derives);
    value_put_bool(a, data, "supports_signing", f->signs);
    value_put_bool(a, data, "imported_key", k->imported);
    if (k->imported)
        value_put_bool(a, data, "imported_key_allow_rotation", k->allow_rotation);
    if (k->type == KEY_HMAC)
        value_put_i64(a, data, "key_size", k->key_size);
    if (!k->derived)
        return;
    value_put_text(
        a, data, "kdf", k->kdf == TRANSIT_HKDF ? STR("hkdf_sha256") : STR("hmac-sha256-counter"));
    value_put_bool(a, data, "convergent_encryption", k->convergent);
    if (k->convergent)
        value_put_i64(a, data, "convergent_encryption_version", k->convergent_version);
}

static void describe_time(struct arena *a, struct value *data, const char *name, int64_t seconds)
{
    struct value *info;

    if (seconds == 0)
        return;
    info = value_map(a);
    value_put_text(a, info, "time", time_text(a, seconds));
    value_put_i64(a, info, "version", 1);
    value_put(data, name, info);
}

struct value *transit_describe(
    struct request *r, struct str name, const struct transit_key *k, struct str context)
{
    struct arena *a = &r->arena;
    struct value *data = value_map(a);

    value_put_text(a, data, "name", name);
    value_put_text(a, data, "type", str_from(key_facts(k->type)->name));
    value_put_bool(a, data, "derived", k->derived);
    value_put_bool(a, data, "deletion_allowed", k->deletion_allowed);
    value_put_bool(a, data, "exportable", k->exportable);
    value_put_bool(a, data, "allow_plaintext_backup", k->plaintext_backup);
    value_put_i64(a, data, "auto_rotate_period", k->auto_rotate);
    value_put_i64(a, data, "rotate_after_uses", k->rotate_after);
    value_put_i64(a, data, "latest_version", k->latest);
    value_put_i64(a, data, "min_available_version", k->min_available);
    value_put_i64(a, data, "min_decryption_version", k->min_decryption);
    value_put_i64(a, data, "min_encryption_version", k->min_encryption);
    if (k->soft_deleted)
        value_put_bool(a, data, "soft_deleted", true);
    describe_kind(a, data, k);
    describe_time(a, data, "backup_info", k->backed_up);
    describe_time(a, data, "restore_info", k->restored);
    value_put(data, "keys", describe_versions(r, name, k, context));
    return data;
}

void transit_key_read(struct request *r)
{
    const struct transit_key *k = transit_of(r, NULL);
    struct str context = STR_NONE;

    if (k == NULL)
        return;
    field_bytes(r, "context", &context);
    if (refused(r))
        return;
    if (context.len > 0 && !k->derived) {
        reply_error(r, 400, "this key does not use key derivation");
        return;
    }
    transit_reply(r, transit_describe(r, param(r, "name"), k, context));
}

void transit_key_list(struct request *r)
{
    struct str after = STR_NONE;
    int64_t limit = 0;

    field_text(r, "after", &after);
    field_int(r, "limit", &limit);
    if (refused(r))
        return;
    reply_keys(r, entry_list(&r->tx, mount_path(r, "key/"), after,
                      limit > 0 && limit < UINT32_MAX ? (unsigned)limit : 0));
    if (!refused(r))
        say_kind(r);
}

/* ---- making ---- */

/* The answer of a change: the key as it is now. */
static void reply_key(struct request *r, struct str name)
{
    const struct transit_key *k = transit_key_get(&r->tx, r->mount, name);

    if (k != NULL)
        transit_reply(r, transit_describe(r, name, k, STR_NONE));
}

static bool rotation_period(struct request *r, int64_t *seconds)
{
    field_seconds(r, "auto_rotate_period", seconds);
    if (!refused(r) && *seconds != 0 && *seconds < TRANSIT_ROTATE_LEAST)
        reply_error(r, 400, "auto rotate period must be 0 to disable or at least an hour");
    return !refused(r);
}

static bool rotation_count(struct request *r, int64_t *uses)
{
    field_int(r, "rotate_after_uses", uses);
    if (!refused(r) && *uses < 0)
        reply_error(r, 400, "rotate_after_uses cannot be negative");
    return !refused(r);
}

static bool key_size_of(struct request *r, struct transit_key *k)
{
    int64_t size = 0;

    field_int(r, "key_size", &size);
    if (refused(r))
        return false;
    if (k->type != KEY_HMAC && size != 0) {
        reply_error(r, 400, "key_size is not valid for algorithm %s", key_facts(k->type)->name);
        return false;
    }
    if (k->type == KEY_HMAC && size == 0)
        size = HMAC_USUAL;
    if (k->type == KEY_HMAC && (size < HMAC_LEAST || size > HMAC_MOST)) {
        reply_error(r, 400, "invalid key size %lld, must be between %d and %d bytes",
            (long long)size, HMAC_LEAST, HMAC_MOST);
        return false;
    }
    k->key_size = size;
    return true;
}

bool transit_key_fields(struct request *r, const char *type_usual, struct transit_key *k)
{
    struct str type = str_from(type_usual);

    *k = (struct transit_key){ .kdf = TRANSIT_HKDF };
    field_text(r, "type", &type);
    field_bool(r, "derived", &k->derived);
    field_bool(r, "convergent_encryption", &k->convergent);
    field_bool(r, "exportable", &k->exportable);
    field_bool(r, "allow_plaintext_backup", &k->plaintext_backup);
    if (refused(r) || !rotation_period(r, &k->auto_rotate) || !rotation_count(r, &k->rotate_after))
        return false;
    k->type = key_type_find(type);
    if (k->type == KEY_TYPES) {
        reply_error(r, 400, "unknown key type %.*s", STR_ARG(type));
        return false;
    }
    if (k->convergent && !k->derived) {
        reply_error(r, 400, "convergent encryption requires derivation to be enabled");
        return false;
    }
    if ((k->derived && !key_facts(k->type)->derives) ||
        (k->convergent && !key_facts(k->type)->converges)) {
        reply_error(r, 400,
            "key derivation and convergent encryption not supported for keys of type %s",
            key_facts(k->type)->name);
        return false;
    }
    k->convergent_version = k->convergent ? -1 : 0;
    return key_size_of(r, k);
}

struct creation {
    struct transit_key k;
    struct str name;
};

static void created(struct request *r, struct crypto_key *key, void *arg)
{
    struct creation *c = arg;

    if (transit_key_get(&r->tx, r->mount, c->name) == NULL)
        transit_version_add(&r->tx, r->mount, c->name, &c->k, key, r->now, TRANSIT_AT_ONCE);
    else /* somebody was faster */
        reply_warn(r, "key %.*s already existed", STR_ARG(c->name));
    reply_key(r, c->name);
}

void transit_key_create(struct request *r)
{
    struct creation *c = arena_calloc(&r->arena, 1, sizeof(*c));

    c->name = param(r, "name");
    if (!transit_name_is_valid(c->name)) {
        reply_error(r, 400, "a key's name is made of letters, digits, '_', '-' and '.'");
        return;
    }
    if (!transit_key_fields(r, "aes256-gcm96", &c->k))
        return;
    if (transit_key_exists(r)) {
        reply_warn(r, "key %.*s already existed", STR_ARG(c->name));
        reply_key(r, c->name);
        return;
    }
    transit_generate(r, c->k.type, c->k.key_size, created, c);
}

/* ---- rotating ---- */

struct rotation {
    int64_t activates; /* as transit_version_add() has it */
};

static void rotated(struct request *r, struct crypto_key *key, void *arg)
{
    const struct rotation *how = arg;
    const struct transit_key *found = transit_of(r, "key not found");
    struct transit_key k;

    if (found == NULL)
        return;
    k = *found;
    if (k.type != crypto_type(key)) { /* deleted and made anew while a worker was at it */
        reply_error(r, 400, "the key is another one by now");
        return;
    }
    if (k.latest >= TRANSIT_VERSIONS_MAX) {
        reply_error(r, 400, "the key has too many versions");
        return;
    }
    transit_version_add(&r->tx, r->mount, param(r, "name"), &k, key, r->now, how->activates);
    reply_key(r, param(r, "name"));
}

/* Beyond Vault: "activate_after", a duration; until then the version is pre-active. */
static bool activation(struct request *r, const struct transit_key *k, struct rotation *how)
{
    int64_t seconds = 0;

    how->activates = TRANSIT_AT_ONCE;
    if (!field_seconds(r, "activate_after", &seconds))
        return !refused(r);
    if (seconds < 0) {
        reply_error(r, 400, "activate_after cannot be negative");
        return false;
    }
    if (k->pending != 0) {
        reply_error(r, 400, "version %u is not active yet", k->pending);
        return false;
    }
    how->activates = seconds > 0 ? r->now / 1000 + seconds : 0;
    return true;
}

/* A version that waits becomes the latest now, rather than one more being made. */
static void activate(struct request *r, const struct transit_key *found)
{
    struct transit_key k = *found;

    k.latest = k.pending;
    k.rotated = r->now / 1000;
    k.pending = 0;
    k.activates = 0;
    transit_key_put(&r->tx, r->mount, param(r, "name"), &k);
    reply_key(r, param(r, "name"));
}

void transit_key_rotate(struct request *r)
{
    const struct transit_key *k = transit_of(r, "key not found");
    struct rotation *how = arena_calloc(&r->arena, 1, sizeof(*how));

    if (k == NULL || !transit_is_usable(r, k))
        return;
    if (k->imported && !k->allow_rotation) {
        reply_error(r, 400, "imported key %.*s does not allow rotation within Vault",
            STR_ARG(param(r, "name")));
        return;
    }
    if (!activation(r, k, how))
        return;
    if (k->pending != 0)
        activate(r, k);
    else
        transit_generate(r, k->type, k->key_size, rotated, how);
}

/* ---- configuration ---- */

static bool min_decryption(struct request *r, struct transit_key *k)
{
    int64_t n;

    if (!field_int(r, "min_decryption_version", &n))
        return !refused(r);
    if (n < 0) {
        reply_error(r, 400, "min decryption version cannot be negative");
        return false;
    }
    if (n == 0) {
        reply_warn(r, "since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1");
        n = 1;
    }
    if (n > k->latest) {
        reply_error(r, 400, "cannot set min decryption version of %lld, latest key version is %u",
            (long long)n, k->latest);
        return false;
    }
    if (n < k->min_available) {
        reply_error(r, 400, "min decryption version should not be less then min available version");
        return false;
    }
    k->min_decryption = (uint32_t)n;
    return true;
}

static bool min_encryption(struct request *r, struct transit_key *k)
{
    int64_t n;

    if (!field_int(r, "min_encryption_version", &n))
        return !refused(r);
    if (n < 0) {
        reply_error(r, 400, "min encryption version cannot be negative");
        return false;
    }
    if (n > k->latest) {
        reply_error(r, 400, "cannot set min encryption version of %lld, latest key version is %u",
            (long long)n, k->latest);
        return false;
    }
    k->min_encryption = (uint32_t)n;
    return true;
}

static bool is_consistent(struct request *r, const struct transit_key *k)
{
    if (k->min_encryption > 0 && k->min_encryption < k->min_decryption)
        reply_error(r, 400,
            "cannot set min encryption/decryption values; min encryption version of %u must be "
            "greater than or equal to min decryption version of %u",
            k->min_encryption, k->min_decryption);
    else if (k->auto_rotate != 0 && k->imported && !k->allow_rotation)
        reply_error(r, 400, "an imported key that may not be rotated cannot be rotated by age");
    return !refused(r);
}

void transit_key_config(struct request *r)
{
    const struct transit_key *found =
        transit_of(r, arena_printf(&r->arena, "no existing key named %.*s could be found",
                          STR_ARG(param(r, "name"))));
    struct transit_key k;
    bool exportable = false;
    bool backup = false;

    if (found == NULL)
        return;
    k = *found;
    field_bool(r, "deletion_allowed", &k.deletion_allowed);
    field_bool(r, "exportable", &exportable);
    field_bool(r, "allow_plaintext_backup", &backup);
    k.exportable |= exportable; /* once so, for ever */
    k.plaintext_backup |= backup;
    if (refused(r) || !min_decryption(r, &k) || !min_encryption(r, &k) ||
        !rotation_period(r, &k.auto_rotate) || !rotation_count(r, &k.rotate_after) ||
        !is_consistent(r, &k))
        return;
    transit_key_put(&r->tx, r->mount, param(r, "name"), &k);
    reply_key(r, param(r, "name"));
}

/* ---- the end of versions and keys ---- */

void transit_key_delete(struct request *r)
{
    const struct transit_key *k = transit_of(r, "could not delete key; not found");

    if (k == NULL)
        return;
    if (!k->deletion_allowed) {
        reply_error(r, 400, "error deleting policy %.*s: deletion is not allowed for this key",
            STR_ARG(param(r, "name")));
        return;
    }
    transit_key_remove(&r->tx, r->mount, param(r, "name"));
    reply_empty(r);
}

/* What forbids this; NULL: nothing. */
static const char *trim_refusal(const struct transit_key *k, int64_t n)
{
    if (n < 0)
        return "minimum available version cannot be negative";
    if (n == 0)
        return "minimum available version should be positive";
    if (n < k->min_available)
        return "minimum available version cannot be decremented";
    if (k->min_encryption == 0)
        return "minimum available version cannot be set when minimum encryption version is not set";
    if (n > k->latest)
        return "minimum available version cannot be greater than the latest key version";
    if (n > k->min_encryption)
        return "minimum available version cannot be greater than minimum encryption version";
    if (n > k->min_decryption)
        return "minimum available version cannot be greater than minimum decryption version";
    return NULL;
}

void transit_key_trim(struct request *r)
{
    const struct transit_key *found = transit_of(r, "key not found");
    struct transit_key k;
    const char *why;
    int64_t n = 0;

    if (found == NULL)
        return;
    k = *found;
    if (!field_int(r, "min_available_version", &n)) {
        if (!refused(r))
            reply_error(r, 400, "missing min_available_version");
        return;
    }
    why = trim_refusal(&k, n);
    if (why != NULL) {
        reply_error(r, 400, "%s", why);
        return;
    }
    transit_trim(&r->tx, r->mount, param(r, "name"), &k, (uint32_t)n, r->now);
    reply_empty(r);
}

static void soft(struct request *r, bool deleted)
{
    const struct transit_key *found = transit_of(r, "key not found");
    struct transit_key k;

    if (found == NULL)
        return;
    k = *found;
    k.soft_deleted = deleted;
    transit_key_put(&r->tx, r->mount, param(r, "name"), &k);
    reply_empty(r);
}

void transit_key_soft_delete(struct request *r)
{
    soft(r, true);
}

void transit_key_soft_restore(struct request *r)
{
    soft(r, false);
}
