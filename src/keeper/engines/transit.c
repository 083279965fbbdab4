/*
 * Transit: its paths, the little endpoints without a key, and what the tick does.
 *
 * The tick makes due rotations (by age and by count), activates versions whose time has come and writes the counts.
 */
#include "base/hash.h"
#include "keeper/audit/audit_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/engines/transit_int.h"

enum {
    RANDOM_MOST = 128 * 1024,
    CACHE_LEAST = 10,
    TICK_KEYS = 200, /* due keys that one tick looks at */
    BYTES_USUAL = 32,
};

/* ---- random and hash ---- */

static bool encode(struct request *r, const char *format_usual, struct str bytes, struct str *out)
{
    struct str format = str_from(format_usual);

    field_text(r, "format", &format);
    if (refused(r))
        return false;
    if (str_is(format, "hex"))
        *out = encode_hex(&r->arena, bytes);
    else if (str_is(format, "base64"))
        *out = encode_base64(&r->arena, bytes);
    else {
        reply_error(r, 400, "unsupported encoding format %.*s; must be \"hex\" or \"base64\"",
            STR_ARG(format));
        return false;
    }
    return true;
}

static bool is_source(struct str s)
{
    return str_is(s, "platform") || str_is(s, "seal") || str_is(s, "all");
}

/* random/SOURCE/BYTES, random/SOURCE, random/BYTES, or in the body. */
static bool random_length(struct request *r, int64_t *n)
{
    struct str first = param(r, "source");
    struct str second = param(r, "bytes");
    uint64_t number;

    *n = BYTES_USUAL;
    field_int(r, "bytes", n);
    if (refused(r))
        return false;
    if (first.len > 0 && !is_source(first)) {
        if (second.len > 0) {
            reply_error(r, 400, "unsupported entropy source %.*s", STR_ARG(first));
            return false;
        }
        second = first;
    }
    if (second.len > 0) {
        if (!str_to_u64(second, INT32_MAX, &number)) {
            reply_error(r, 400, "error parsing url-set byte count: not a number");
            return false;
        }
        *n = (int64_t)number;
    }
    return true;
}

static void random_write(struct request *r)
{
    struct str source = STR("platform");
    struct value *data = value_map(&r->arena);
    struct str out;
    int64_t n;
    char *bytes;

    field_text(r, "source", &source);
    if (!random_length(r, &n))
        return;
    if (!is_source(source))
        reply_error(r, 400, "unsupported entropy source %.*s", STR_ARG(source));
    else if (n < 1)
        reply_error(r, 400, "\"bytes\" cannot be less than 1");
    else if (n > RANDOM_MOST)
        reply_error(r, 400, "\"bytes\" should be less than %d", RANDOM_MOST);
    if (refused(r))
        return;
    bytes = arena_alloc(&r->arena, (size_t)n);
    random_bytes(bytes, (size_t)n);
    if (!encode(r, "base64", (struct str){ bytes, (size_t)n }, &out))
        return;
    value_put_text(&r->arena, data, "random_bytes", out);
    transit_reply(r, data);
}

static void hash_write(struct request *r)
{
    struct str algorithm = STR("sha2-256");
    struct str text = STR("");
    struct str input;
    struct value *data = value_map(&r->arena);
    enum digest d;
    uint8_t sum[64];
    size_t n;

    field_text(r, "algorithm", &algorithm);
    field_text(r, "input", &text);
    if (param(r, "algorithm").len > 0)
        algorithm = param(r, "algorithm");
    if (refused(r))
        return;
    if (!decode_base64(&r->arena, text, &input)) {
        reply_error(r, 400, "unable to decode input as base64: illegal base64 data");
        return;
    }
    d = digest_find(algorithm);
    if (d == DIGESTS || d == DIGEST_NONE || d == DIGEST_SHA1) {
        reply_error(r, 400, "unsupported algorithm %.*s", STR_ARG(algorithm));
        return;
    }
    crypto_digest(d, input, sum, &n);
    if (!encode(r, "hex", (struct str){ (char *)sum, n }, &input))
        return;
    value_put_text(&r->arena, data, "sum", input);
    transit_reply(r, data);
}

/* ---- settings of the mount ---- */

static void config_keys_read(struct request *r)
{
    struct value *row = entry_get_value(&r->tx, mount_path(r, "config/keys"));
    struct value *data = value_map(&r->arena);

    value_put_bool(&r->arena, data, "disable_upsert", value_get_bool(row, "disable_upsert", false));
    transit_reply(r, data);
}

static void config_keys_write(struct request *r)
{
    struct value *row = value_map(&r->arena);
    bool disable = false;

    field_bool(r, "disable_upsert", &disable);
    if (refused(r))
        return;
    value_put_bool(&r->arena, row, "disable_upsert", disable);
    entry_put_value(&r->tx, mount_path(r, "config/keys"), row, 0);
    config_keys_read(r);
}

/* The cache is the keeper's own and shared; the number is kept for clients that read back what they wrote. */
static void cache_read(struct request *r)
{
    struct value *row = entry_get_value(&r->tx, mount_path(r, "config/cache"));
    struct value *data = value_map(&r->arena);

    value_put_i64(&r->arena, data, "size", value_get_i64(row, "size", 0));
    transit_reply(r, data);
}

static void cache_write(struct request *r)
{
    struct value *row = value_map(&r->arena);
    int64_t size = 0;

    field_int(r, "size", &size);
    if (refused(r))
        return;
    if (size != 0 && size < CACHE_LEAST) {
        reply_error(r, 400, "size must be 0 or a value greater or equal to %d", CACHE_LEAST);
        return;
    }
    value_put_i64(&r->arena, row, "size", size);
    entry_put_value(&r->tx, mount_path(r, "config/cache"), row, 0);
    cache_read(r);
}

/* ---- the tick ---- */

static void rotate_now(
    struct request *r, struct mount *m, struct str name, struct transit_key *k, const char *why)
{
    struct err err;
    struct crypto_key *fresh;
    struct value *details = value_map(&r->arena);

    if (crypto_is_slow(k->type)) {
        if (k->tried + TRANSIT_TRY_AGAIN > r->now / 1000)
            return;
        k->tried = r->now / 1000;
        transit_key_put(&r->tx, m, name, k);
        request_background(r->core, OP_WRITE,
            str_from(
                arena_printf(&r->arena, "%.*skeys/%.*s/rotate", STR_ARG(m->path), STR_ARG(name))),
            NULL);
        return;
    }
    fresh = crypto_generate(k->type, (size_t)k->key_size, &err);
    if (fresh == NULL)
        return; /* again with the next tick */
    transit_version_add(&r->tx, m, name, k, fresh, r->now, TRANSIT_AT_ONCE);
    crypto_unref(fresh);
    value_put_text(&r->arena, details, "mount", m->path);
    value_put_text(&r->arena, details, "key", name);
    value_put_i64(&r->arena, details, "version", k->latest);
    value_put_text(&r->arena, details, "reason", str_from(why));
    audit_event(core_audit(r->core), "key rotated", details, "mount,key,version,reason");
}

/* Its time has come: for a version that waits, or for a new one. */
static void on_due(struct request *r, struct mount *m, struct str name)
{
    const struct transit_key *found = transit_key_get(&r->tx, m, name);
    struct transit_key k;

    if (found == NULL)
        return;
    k = *found;
    if (k.pending != 0 && k.activates != 0 && k.activates * 1000 <= r->now) {
        k.latest = k.pending;
        k.rotated = r->now / 1000;
        k.pending = 0;
        k.activates = 0;
        transit_key_put(&r->tx, m, name, &k);
    } else {
        rotate_now(r, m, name, &k, "age");
    }
}

struct tick {
    struct request *r;
    struct mount *m;
};

/* SP 800-38D section 8.3: 2^32 random nonces under one key at most; rotated long before. */
static void on_used(void *arg, struct str name, uint32_t version, uint64_t uses)
{
    const struct tick *t = arg;
    const struct transit_key *found = transit_key_get(&t->r->tx, t->m, name);
    struct transit_key k;
    uint64_t most;

    if (found == NULL || version != found->latest || found->soft_deleted ||
        (found->imported && !found->allow_rotation))
        return;
    k = *found;
    most = k.rotate_after > 0 ? (uint64_t)k.rotate_after : UINT64_MAX;
    if (crypto_nonce_bytes(k.type) == 12 && !k.derived && most > TRANSIT_SEALS_MAX / 2)
        most = TRANSIT_SEALS_MAX / 2;
    if (uses >= most)
        rotate_now(t->r, t->m, name, &k, "count");
}

static void tick(struct request *r, struct mount *m)
{
    struct tick t = { r, m };
    struct str folder = mount_path(r, "key/");
    struct value *due = entry_due(&r->tx, folder, r->now, TICK_KEYS);

    value_each (it, due)
        on_due(r, m, (struct str){ it->text.at + folder.len, it->text.len - folder.len });
    transit_usage_flush(&r->tx, m, on_used, &t);
}

/* ---- the table ---- */

#define ON(read, list, write, delete)                                                              \
    {                                                                                              \
        read, list, write, delete, NULL                                                            \
    }
#define WRITE(f) ON(NULL, NULL, f, NULL)

static const struct endpoint endpoints[] = {
    { "sign/{name}", WRITE(transit_sign) },
    { "sign/{name}/{algorithm}", WRITE(transit_sign) },
    { "verify/{name}", WRITE(transit_verify) },
    { "verify/{name}/{algorithm}", WRITE(transit_verify) },
    { "encrypt/{name}", WRITE(transit_encrypt), .exists = transit_key_exists },
    { "decrypt/{name}", WRITE(transit_decrypt) },
    { "rewrap/{name}", WRITE(transit_rewrap) },
    { "datakey/{kind}/{name}", WRITE(transit_datakey) },
    { "hmac/{name}", WRITE(transit_hmac) },
    { "hmac/{name}/{algorithm}", WRITE(transit_hmac) },
    { "hash", WRITE(hash_write) },
    { "hash/{algorithm}", WRITE(hash_write) },
    { "random", WRITE(random_write) },
    { "random/{source}", WRITE(random_write) },
    { "random/{source}/{bytes}", WRITE(random_write) },
    { "keys", ON(NULL, transit_key_list, NULL, NULL) },
    { "keys/", ON(NULL, transit_key_list, NULL, NULL) },
    { "keys/{name}", ON(transit_key_read, NULL, transit_key_create, transit_key_delete),
        .exists = transit_key_exists, .flags = ENDPOINT_APPROVE },
    { "keys/{name}/config", WRITE(transit_key_config) },
    { "keys/{name}/rotate", WRITE(transit_key_rotate) },
    { "keys/{name}/trim", WRITE(transit_key_trim), .flags = ENDPOINT_APPROVE },
    { "keys/{name}/soft-delete", ON(NULL, NULL, transit_key_soft_delete, transit_key_soft_delete) },
    { "keys/{name}/soft-delete-restore", WRITE(transit_key_soft_restore) },
    { "keys/{name}/import", WRITE(transit_import) },
    { "keys/{name}/import_version", WRITE(transit_import_version) },
    { "keys/{name}/csr", WRITE(transit_csr) },
    { "keys/{name}/set-certificate", WRITE(transit_set_certificate) },
    { "keys/{name}/versions", ON(transit_versions_list, transit_versions_list, NULL, NULL) },
    { "keys/{name}/versions/{version}", ON(transit_version_read, NULL, transit_version_write, NULL),
        .flags = ENDPOINT_APPROVE },
    { "export/{kind}/{name}", ON(transit_export, NULL, NULL, NULL), .flags = ENDPOINT_APPROVE },
    { "export/{kind}/{name}/{version}", ON(transit_export, NULL, NULL, NULL),
        .flags = ENDPOINT_APPROVE },
    { "byok-export/{destination}/{name}", ON(transit_export_wrapped, NULL, NULL, NULL),
        .flags = ENDPOINT_APPROVE },
    { "byok-export/{destination}/{name}/{version}", ON(transit_export_wrapped, NULL, NULL, NULL),
        .flags = ENDPOINT_APPROVE },
    { "backup/{name}", ON(transit_backup, NULL, NULL, NULL), .flags = ENDPOINT_APPROVE },
    { "restore", WRITE(transit_restore) },
    { "restore/{name}", WRITE(transit_restore) },
    { "wrapping_key", ON(transit_wrapping_key, NULL, NULL, NULL) },
    { "config/keys", ON(config_keys_read, NULL, config_keys_write, NULL) },
    { "cache-config", ON(cache_read, NULL, cache_write, NULL) },
    { NULL },
};

const struct engine engine_transit = {
    .type = "transit",
    .endpoints = endpoints,
    .tick = tick,
};
