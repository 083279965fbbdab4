/*
 * Keys as Vault's backups spell them: see transit_vault_int.h.
 *
 * What is read is rebuilt: of an EC key only its scalar, of an RSA key its exponent and primes; everything else is computed anew.
 */
#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_vault_int.h"
#include "keeper/seal/memory_int.h"

/* As Vault numbers them; OpenBao has 10 for hmac and 11 for xchacha20-poly1305. */
static const int numbers[KEY_TYPES] = {
    [KEY_AES256_GCM96] = 0,
    [KEY_ECDSA_P256] = 1,
    [KEY_ED25519] = 2,
    [KEY_RSA_2048] = 3,
    [KEY_RSA_4096] = 4,
    [KEY_CHACHA20_POLY1305] = 5,
    [KEY_ECDSA_P384] = 6,
    [KEY_ECDSA_P521] = 7,
    [KEY_AES128_GCM96] = 8,
    [KEY_RSA_3072] = 9,
    [KEY_HMAC] = 11,
    [KEY_XCHACHA20_POLY1305] = 111,
    [KEY_ECDSA_SECP256K1] = 112,
};

enum {
    TYPE_OPENBAO_HMAC = 10,
    TYPE_ELEVEN = 11,
    NANOSECONDS = 1000000000,
    BYTES_MAX = 1024,
    BASE64_MAX = 2048
};

static bool is_rsa(enum key_type t)
{
    return t >= KEY_RSA_2048 && t <= KEY_RSA_4096;
}

static bool is_curve(enum key_type t)
{
    return t >= KEY_ECDSA_P256 && t <= KEY_ECDSA_SECP256K1;
}

/* ---- writing ---- */

static struct value *number_of(
    struct arena *a, const struct crypto_key *key, enum crypto_number which)
{
    struct buf digits;
    struct value *v;

    buf_init_secret(&digits, 2048);
    v = crypto_number(key, which, &digits) ? value_number(a, buf_as_str(&digits)) : value_null(a);
    buf_free(&digits);
    return v;
}

static struct value *rsa_of(struct arena *a, const struct crypto_key *key)
{
    struct value *v = value_map(a);
    struct value *primes = value_list(a);
    struct value *crt = value_map(a);

    value_put(v, "N", number_of(a, key, NUMBER_RSA_N));
    value_put(v, "E", number_of(a, key, NUMBER_RSA_E));
    value_put(v, "D", number_of(a, key, NUMBER_RSA_D));
    value_add(primes, number_of(a, key, NUMBER_RSA_P));
    value_add(primes, number_of(a, key, NUMBER_RSA_Q));
    value_put(v, "Primes", primes);
    value_put(crt, "Dp", number_of(a, key, NUMBER_RSA_DP));
    value_put(crt, "Dq", number_of(a, key, NUMBER_RSA_DQ));
    value_put(crt, "Qinv", number_of(a, key, NUMBER_RSA_QINV));
    value_put(crt, "CRTValues", value_list(a));
    value_put(v, "Precomputed", crt);
    return v;
}

static struct value *secret_of(struct arena *a, const struct crypto_key *key)
{
    size_t len;
    void *secret = key != NULL ? crypto_secret(key, &len) : NULL;
    struct value *v;

    if (secret == NULL)
        return value_null(a);
    v = value_text(a, encode_base64(a, (struct str){ secret, len }));
    secret_free(secret);
    return v;
}

static struct str public_of(struct arena *a, const struct crypto_key *key)
{
    struct buf out;
    struct str text;

    buf_init(&out, 8192);
    if (crypto_type(key) == KEY_ED25519) {
        crypto_public_raw(key, &out);
        text = encode_base64(a, buf_as_str(&out));
    } else {
        crypto_public_pem(key, &out);
        text = arena_str(a, buf_as_str(&out));
    }
    buf_free(&out);
    return text;
}

static struct value *chain_of(struct arena *a, const struct transit_version *v)
{
    struct value *list = value_list(a);

    if (v->nchain == 0)
        return value_null(a);
    for (unsigned i = 0; i < v->nchain; i++)
        value_add_text(a, list, encode_base64(a, v->chain[i]));
    return list;
}

static struct value *entry_of(struct arena *a, const struct transit_version *v)
{
    enum key_type t = crypto_type(v->key);
    struct value *e = value_map(a);
    bool numeric = is_rsa(t) || is_curve(t);

    value_put(e, "key", numeric ? value_null(a) : secret_of(a, v->key));
    value_put(e, "hmac_key", secret_of(a, v->hmac));
    value_put_text(a, e, "time", time_text_fine(a, v->created));
    value_put(e, "ec_x", is_curve(t) ? number_of(a, v->key, NUMBER_EC_X) : value_null(a));
    value_put(e, "ec_y", is_curve(t) ? number_of(a, v->key, NUMBER_EC_Y) : value_null(a));
    value_put(e, "ec_d", is_curve(t) ? number_of(a, v->key, NUMBER_EC_D) : value_null(a));
    value_put(e, "rsa_key", is_rsa(t) ? rsa_of(a, v->key) : value_null(a));
    value_put_text(a, e, "public_key", public_of(a, v->key));
    value_put_i64(a, e, "convergent_version", v->convergent);
    value_put_i64(a, e, "creation_time", v->created / 1000);
    value_put(e, "certificate_chain", chain_of(a, v));
    if (v->state != TRANSIT_ACTIVE) {
        value_put_text(a, e, "weir_state", str_from(transit_state_name(v->state)));
        value_put_i64(a, e, "weir_changed", v->changed);
    }
    return e;
}

/* What stands for a version that is not there. */
static struct value *blank(struct arena *a)
{
    static const char *const names[] = { "key", "hmac_key", "ec_x", "ec_y", "ec_d", "rsa_key" };
    struct value *e = value_map(a);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        value_put(e, names[i], value_null(a));
    value_put_text(a, e, "time", STR("0001-01-01T00:00:00Z"));
    value_put_text(a, e, "public_key", STR(""));
    value_put_i64(a, e, "creation_time", 0);
    return e;
}

static void put_policy(
    struct arena *a, struct value *p, struct str name, const struct transit_key *k)
{
    struct value *info = value_map(a);

    value_put_text(a, p, "name", name);
    if (k->key_size != 0)
        value_put_i64(a, p, "key_size", k->key_size);
    value_put_bool(a, p, "derived", k->derived);
    value_put_i64(a, p, "kdf", k->derived ? (int)k->kdf : 0);
    value_put_bool(a, p, "convergent_encryption", k->convergent);
    value_put_bool(a, p, "exportable", k->exportable);
    value_put_i64(a, p, "min_decryption_version", k->min_decryption);
    value_put_i64(a, p, "min_encryption_version", k->min_encryption);
    value_put_i64(a, p, "latest_version", k->latest);
    value_put_i64(a, p, "archive_version", k->latest);
    value_put_i64(a, p, "archive_min_version", 0);
    value_put_i64(a, p, "min_available_version", k->min_available);
    value_put_bool(a, p, "deletion_allowed", k->deletion_allowed);
    value_put_i64(a, p, "convergent_version", k->convergent_version);
    value_put_i64(a, p, "type", numbers[k->type]);
    value_put_text(a, info, "time", time_text(a, k->backed_up));
    value_put_i64(a, info, "version", k->latest);
    value_put(p, "backup_info", info);
    value_put(p, "restore_info", value_null(a));
    value_put_bool(a, p, "allow_plaintext_backup", k->plaintext_backup);
    value_put_text(a, p, "version_template", STR(""));
    value_put_text(a, p, "storage_prefix", STR(""));
    value_put_i64(a, p, "auto_rotate_period", k->auto_rotate * NANOSECONDS);
    value_put_bool(a, p, "Imported", k->imported);
    value_put_bool(a, p, "AllowImportedKeyRotation", k->allow_rotation);
}

static struct value *extras(struct arena *a, const struct transit_key *k)
{
    struct value *w = value_map(a);

    value_put_text(a, w, "type", str_from(key_facts(k->type)->name));
    value_put_bool(a, w, "soft_deleted", k->soft_deleted);
    value_put_i64(a, w, "rotate_after", k->rotate_after);
    return w;
}

struct value *transit_to_vault(
    struct tx *t, const struct mount *m, struct str name, const struct transit_key *k)
{
    struct arena *a = t->arena;
    struct value *backup = value_map(a);
    struct value *policy = value_map(a);
    struct value *keys = value_map(a);
    struct value *archived = value_map(a);
    struct value *list = value_list(a);

    put_policy(a, policy, name, k);
    value_put(policy, "weir", extras(a, k));
    for (uint32_t n = k->min_available; n <= k->latest; n++) {
        const struct transit_version *v = n > 0 ? transit_version_get(t, m, name, n) : NULL;
        bool there = v != NULL && v->key != NULL;

        value_add(list, there ? entry_of(a, v) : blank(a));
        if (there && n >= k->min_decryption)
            value_put_named(a, keys, str_from(arena_printf(a, "%u", n)), entry_of(a, v));
    }
    value_put(policy, "keys", keys);
    value_put(archived, "keys", list);
    value_put(backup, "policy", policy);
    value_put(backup, "archived_keys", archived);
    return backup;
}

/* ---- reading ---- */

static bool bytes_of(struct arena *a, const struct value *e, const char *member, struct str *to)
{
    struct str text = value_get_text(e, member, STR_NONE);

    *to = STR_NONE;
    return text.len > 0 && text.len <= BASE64_MAX && decode_base64(a, text, to);
}

static bool decimal_of(const struct value *v, struct buf *to)
{
    to->len = 0;
    return v != NULL && v->kind == VALUE_NUMBER && crypto_decimal_to_bytes(v->text, to);
}

static struct crypto_key *curve_key(enum key_type t, const struct value *e)
{
    struct crypto_key *k = NULL;
    struct buf scalar;
    struct err err;

    buf_init_secret(&scalar, BYTES_MAX);
    if (decimal_of(value_get(e, "ec_d"), &scalar))
        k = crypto_from_scalar(t, buf_as_str(&scalar), &err);
    buf_free(&scalar);
    return k;
}

static struct crypto_key *rsa_key(enum key_type t, const struct value *e)
{
    const struct value *v = value_get(e, "rsa_key");
    const struct value *primes = value_get(v, "Primes");
    struct crypto_key *k = NULL;
    struct buf exponent;
    struct buf p;
    struct buf q;
    struct err err;

    if (primes == NULL || primes->kind != VALUE_LIST || primes->n != 2)
        return NULL;
    buf_init(&exponent, BYTES_MAX);
    buf_init_secret(&p, BYTES_MAX);
    buf_init_secret(&q, BYTES_MAX);
    if (decimal_of(value_get(v, "E"), &exponent) && decimal_of(primes->first, &p) &&
        decimal_of(primes->last, &q))
        k = crypto_from_primes(t, buf_as_str(&exponent), buf_as_str(&p), buf_as_str(&q), &err);
    buf_free(&exponent);
    buf_free(&p);
    buf_free(&q);
    return k;
}

static struct crypto_key *key_of(struct arena *a, enum key_type t, const struct value *e)
{
    struct str bytes;
    struct err err;

    if (is_curve(t))
        return curve_key(t, e);
    if (is_rsa(t))
        return rsa_key(t, e);
    if (!bytes_of(a, e, "key", &bytes))
        return NULL;
    return crypto_from_secret(t, bytes, &err);
}

static void take_chain(struct arena *a, const struct value *list, struct transit_version *v)
{
    if (list == NULL || list->kind != VALUE_LIST || list->n == 0 || list->n > 100)
        return;
    v->chain = arena_calloc(a, list->n, sizeof(*v->chain));
    value_each (it, list)
        if (it->kind == VALUE_TEXT && decode_base64(a, it->text, &v->chain[v->nchain]))
            v->nchain++;
}

static enum transit_state state_of(const struct value *e)
{
    struct str name = value_get_text(e, "weir_state", STR_NONE);

    for (enum transit_state s = TRANSIT_DEACTIVATED; s <= TRANSIT_COMPROMISED; s++)
        if (str_is(name, transit_state_name(s)))
            return s;
    return TRANSIT_ACTIVE;
}

static bool put_entry(struct tx *t, const struct mount *m, struct str name, enum key_type type,
    uint32_t n, const struct value *e, int64_t now_msec)
{
    struct transit_version v = { .state = state_of(e) };
    struct str hmac;
    struct err err;
    bool ok;

    v.key = key_of(t->arena, type, e);
    if (v.key == NULL)
        return false;
    if (type == KEY_HMAC)
        v.hmac = crypto_ref(v.key);
    else if (bytes_of(t->arena, e, "hmac_key", &hmac))
        v.hmac = crypto_from_secret(KEY_HMAC, hmac, &err);
    v.created = value_get_i64(e, "creation_time", 0) * 1000;
    if (v.created <= 0)
        v.created = now_msec;
    v.changed = value_get_i64(e, "weir_changed", 0);
    v.convergent = (int)value_get_i64(e, "convergent_version", 0);
    take_chain(t->arena, value_get(e, "certificate_chain"), &v);
    ok = v.convergent >= 0 && v.convergent <= TRANSIT_CONVERGENT && crypto_self_test(v.key);
    if (ok)
        transit_version_put(t, m, name, n, &v);
    crypto_unref(v.key);
    crypto_unref(v.hmac);
    return ok;
}

/* Two programs give 11 to different types; a key of another length, or with a size, is an HMAC key. */
static enum key_type eleven(const struct value *policy)
{
    if (value_get_i64(policy, "key_size", 0) != 0 || value_get(policy, "soft_deleted") == NULL)
        return KEY_HMAC;
    return KEY_XCHACHA20_POLY1305;
}

static enum key_type type_of(const struct value *policy)
{
    const struct value *weir = value_get(policy, "weir");
    int64_t n = value_get_i64(policy, "type", -1);

    if (weir != NULL)
        return key_type_find(value_get_text(weir, "type", STR_NONE));
    if (n == TYPE_OPENBAO_HMAC)
        return KEY_HMAC;
    if (n == TYPE_ELEVEN)
        return eleven(policy);
    for (enum key_type t = 0; t < KEY_TYPES; t++)
        if (numbers[t] == n)
            return t;
    return KEY_TYPES;
}

static bool take_versions(const struct value *p, struct transit_key *k)
{
    int64_t latest = value_get_i64(p, "latest_version", 0);
    int64_t decryption = value_get_i64(p, "min_decryption_version", 0);
    int64_t encryption = value_get_i64(p, "min_encryption_version", 0);
    int64_t available = value_get_i64(p, "min_available_version", 0);

    if (decryption == 0)
        decryption = 1;
    if (latest < 1 || latest > TRANSIT_VERSIONS_MAX || decryption < 1 || decryption > latest ||
        encryption < 0 || encryption > latest || (encryption != 0 && encryption < decryption) ||
        available < 0 || available > decryption)
        return false;
    k->latest = (uint32_t)latest;
    k->min_decryption = (uint32_t)decryption;
    k->min_encryption = (uint32_t)encryption;
    k->min_available = (uint32_t)available;
    return true;
}

static const char *take_policy(const struct value *p, struct transit_key *k)
{
    const struct value *weir = value_get(p, "weir");
    int64_t kdf = value_get_i64(p, "kdf", 0);
    int64_t convergent = value_get_i64(p, "convergent_version", 0);

    *k = (struct transit_key){ .type = type_of(p) };
    if (k->type == KEY_TYPES)
        return "the backup holds a key of a type that is not known here";
    if (value_get_text(p, "version_template", STR_NONE).len > 0 &&
        !str_is(value_get_text(p, "version_template", STR_NONE), "vault:v{{version}}:"))
        return "the backup's key writes ciphertexts of another form";
    k->derived = value_get_bool(p, "derived", false);
    k->kdf = kdf == TRANSIT_HKDF || !k->derived ? TRANSIT_HKDF : TRANSIT_HMAC_COUNTER;
    k->convergent = value_get_bool(p, "convergent_encryption", false);
    k->convergent_version = (int)convergent;
    k->exportable = value_get_bool(p, "exportable", false);
    k->plaintext_backup = value_get_bool(p, "allow_plaintext_backup", false);
    k->deletion_allowed = value_get_bool(p, "deletion_allowed", false);
    k->imported = value_get_bool(p, "Imported", false);
    k->allow_rotation = value_get_bool(p, "AllowImportedKeyRotation", false);
    k->soft_deleted =
        value_get_bool(p, "soft_deleted", value_get_bool(weir, "soft_deleted", false));
    k->auto_rotate = value_get_i64(p, "auto_rotate_period", 0) / NANOSECONDS;
    k->rotate_after = value_get_i64(weir, "rotate_after", 0);
    k->key_size = value_get_i64(p, "key_size", 0);
    if (k->type == KEY_HMAC && k->key_size == 0)
        k->key_size = TRANSIT_HMAC_KEY;
    if (!take_versions(p, k) || kdf < 0 || kdf > 1 || convergent < -1 ||
        convergent > TRANSIT_CONVERGENT || k->key_size < 0 || k->key_size > 512 ||
        k->rotate_after < 0 || k->auto_rotate < 0 ||
        (k->auto_rotate > 0 && k->auto_rotate < TRANSIT_ROTATE_LEAST) ||
        (k->derived && !key_facts(k->type)->derives) ||
        (k->convergent && (!k->derived || !key_facts(k->type)->converges)))
        return "the backup's settings contradict each other";
    return NULL;
}

/* From the ring, or from the archive, which begins with the first version that is available. */
static const struct value *entry_at(
    struct arena *a, const struct value *backup, const struct transit_key *k, uint32_t n)
{
    const struct value *ring = value_get(value_get(backup, "policy"), "keys");
    const struct value *e = value_find(ring, str_from(arena_printf(a, "%u", n)));
    uint32_t at = n - k->min_available;

    if (e != NULL)
        return e;
    value_each (it, value_get(value_get(backup, "archived_keys"), "keys"))
        if (at-- == 0)
            return it;
    return NULL;
}

const char *transit_from_vault(struct tx *t, const struct mount *m, struct str name,
    const struct value *backup, int64_t now_msec)
{
    struct transit_key k;
    const char *why = take_policy(value_get(backup, "policy"), &k);

    if (why != NULL)
        return why;
    for (uint32_t n = k.min_available > 0 ? k.min_available : 1; n <= k.latest; n++) {
        const struct value *e = entry_at(t->arena, backup, &k, n);

        if (e == NULL)
            return "the backup lacks a version of the key";
        if (!put_entry(t, m, name, k.type, n, e, now_msec))
            return "the backup holds a version of the key that cannot be used";
    }
    k.rotated = now_msec / 1000;
    k.restored = now_msec / 1000;
    transit_key_put(t, m, name, &k);
    return NULL;
}
