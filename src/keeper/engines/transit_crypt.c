/*
 * Transit: encrypt, decrypt, rewrap and data keys.
 *
 * Derived keys: HKDF of the version's key for the request's context.  Convergent ones derive 32 bytes more, an HMAC key:
 * the nonce is the HMAC of the plaintext (version 3), of old the HMAC of it under the context (2), or the client's (1); only so can
 * the same plaintext give the same ciphertext without two plaintexts ever sharing a nonce.
 */
#include <string.h>

#include "base/hash.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_job_int.h"
#include "keeper/seal/memory_int.h"

enum { NONCE_MOST = 32, CONVERGENT_HMAC = 32 };

static const struct transit_words ciphertext_words = {
    .what = "invalid ciphertext",
    .old = "ciphertext or signature version is disallowed by policy (too old)",
    .base64 = "invalid ciphertext: could not decode base64",
};

/* ---- running: in the core or a worker ---- */

/* A version's key for a context, and the HMAC key of convergent encryption behind it. */
struct derived {
    struct crypto_key *key;
    uint8_t *bytes;
    struct str hmac;
};

static bool derive(const struct transit_job *j, struct transit_item *it, struct crypto_key *key,
    int convergent, struct derived *to)
{
    size_t n = key_facts(j->k.type)->secret_bytes;
    struct err err;

    *to = (struct derived){ .key = key };
    if (!j->k.derived)
        return true;
    to->bytes =
        transit_derive(key, j->k.kdf, it->context, n + (convergent > 2 ? CONVERGENT_HMAC : 0));
    to->hmac = (struct str){ (char *)to->bytes + n, CONVERGENT_HMAC };
    to->key = crypto_from_secret(j->k.type, (struct str){ (char *)to->bytes, n }, &err);
    if (to->key == NULL)
        transit_item_fails(it, 500, "the key could not be derived");
    return to->key != NULL;
}

static void underive(const struct transit_job *j, struct derived *d)
{
    if (!j->k.derived)
        return;
    crypto_unref(d->key);
    secret_free(d->bytes);
}

/* NULL: a random one is to be used. */
static const uint8_t *nonce_of(const struct transit_item *it, int convergent,
    const struct derived *d, struct str plain, uint8_t room[64])
{
    size_t n;

    if (convergent == 0)
        return NULL;
    if (convergent == 1)
        return (const uint8_t *)it->nonce.at;
    crypto_hmac(DIGEST_SHA256, convergent == 2 ? it->context : d->hmac, plain, room, &n);
    return room;
}

static const char *sentence_of(const struct err *err)
{
    if (strcmp(err->id, "crypto_failed") == 0)
        return strncmp(err->text, "crypto/rsa", 10) == 0 ? "crypto/rsa: decryption error"
                                                         : "cipher: message authentication failed";
    return "invalid ciphertext: unable to decrypt";
}

static void seal(const struct transit_job *j, struct transit_item *it, struct crypto_key *key,
    int convergent, struct str plain, struct buf *to)
{
    uint8_t room[64];
    struct derived d;
    struct err err;

    if (!derive(j, it, key, convergent, &d)) {
        underive(j, &d);
        return;
    }
    if (crypto_encrypt(
            d.key, nonce_of(it, convergent, &d, plain, room), it->aad, plain, to, &err) == -1)
        transit_item_fails(it, 400,
            key_facts(j->k.type)->asymmetric ? "crypto/rsa: message too long for RSA key size"
                                             : "the plaintext is too long");
    else if (convergent == 1)
        buf_consume(to, crypto_nonce_bytes(j->k.type)); /* the client knows it */
    underive(j, &d);
}

static void open_sealed(const struct transit_job *j, struct transit_item *it, struct buf *to)
{
    struct derived d;
    struct buf whole;
    struct err err;

    if (!derive(j, it, it->key, it->convergent, &d)) {
        underive(j, &d);
        return;
    }
    buf_init(&whole, it->sealed.len + NONCE_MOST);
    if (it->convergent == 1) {
        buf_str(&whole, it->nonce);
        buf_str(&whole, it->sealed);
    }
    if (crypto_decrypt(
            d.key, it->aad, it->convergent == 1 ? buf_as_str(&whole) : it->sealed, to, &err) == -1)
        transit_item_fails(it, 400, sentence_of(&err));
    buf_free(&whole);
    underive(j, &d);
}

static void run_encrypt(const struct transit_job *j, struct transit_item *it)
{
    seal(j, it, it->key, it->convergent, it->input, &it->out);
}

static void run_decrypt(const struct transit_job *j, struct transit_item *it)
{
    open_sealed(j, it, &it->out);
}

static void run_rewrap(const struct transit_job *j, struct transit_item *it)
{
    struct buf plain;

    buf_init_secret(&plain, it->sealed.len);
    open_sealed(j, it, &plain);
    if (it->error == NULL)
        seal(j, it, it->to, it->to_convergent, buf_as_str(&plain), &it->out);
    buf_free(&plain);
}

/* ---- answers ---- */

static void answer_sealed(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    struct arena *a = &j->r->arena;
    uint32_t version = it->to != NULL ? it->to_version : it->version;

    value_put_text(a, to, "ciphertext", transit_text(a, version, buf_as_str(&it->out), false));
    value_put_i64(a, to, "key_version", version);
}

static void answer_plain(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    struct arena *a = &j->r->arena;

    value_put_text(a, to, "plaintext", encode_base64(a, buf_as_str(&it->out)));
}

/* ---- preparing ---- */

static bool encrypts(struct request *r, const struct transit_key *k)
{
    if (key_facts(k->type)->encrypts)
        return true;
    reply_error(
        r, 400, "message encryption not supported for key type %s", key_facts(k->type)->name);
    return false;
}

/* Context, associated data and nonce. */
static bool take_common(struct transit_job *j, struct transit_item *it, bool seals)
{
    size_t n = crypto_nonce_bytes(j->k.type);

    if (!transit_item_context(j, it))
        return false;
    transit_item_bytes(j, it, "associated_data", &it->aad);
    if (it->error == NULL)
        transit_item_bytes(j, it, "nonce", &it->nonce);
    if (it->error != NULL)
        return false;
    if (it->aad.len > 0 && key_facts(j->k.type)->asymmetric)
        transit_item_fails(it, 400, "associated data is not supported for keys of this type");
    else if (it->convergent == 1 && it->nonce.len != n)
        transit_item_fails(it, 400, "invalid nonce size: this key needs the client's nonce");
    else if (seals && it->nonce.len > 0 && it->convergent != 1)
        transit_item_fails(it, 400, "provided nonce not allowed for this key");
    return it->error == NULL;
}

static int convergent_of(const struct transit_job *j, const struct transit_version *v)
{
    if (!j->k.convergent)
        return 0;
    return v->convergent != 0            ? v->convergent
           : j->k.convergent_version > 0 ? j->k.convergent_version
                                         : 1;
}

static void prepare_encrypt(struct transit_job *j, struct transit_item *it, int64_t asked)
{
    const struct transit_version *v;
    struct str plaintext;

    if (!transit_item_text(j, it, "plaintext", &plaintext)) {
        if (it->error == NULL)
            transit_item_fails(it, 400, "missing plaintext to encrypt");
        return;
    }
    if (!transit_item_bytes(j, it, "plaintext", &it->input) ||
        !transit_item_version(j, it, asked, "encryption", &it->version, &v))
        return;
    it->convergent = convergent_of(j, v);
    if (take_common(j, it, true))
        it->key = crypto_ref(v->key);
}

static void prepare_decrypt(struct transit_job *j, struct transit_item *it)
{
    struct str text;

    if (!transit_item_text(j, it, "ciphertext", &text) || text.len == 0) {
        if (it->error == NULL)
            transit_item_fails(it, 400, "missing ciphertext to decrypt");
        return;
    }
    if (transit_item_open(j, it, text, false, &ciphertext_words))
        take_common(j, it, false);
}

/* SP 800-38D section 8.3. Others are rotated by the tick long before; this one may not be. */
static bool is_worn_out(struct request *r, const struct transit_key *k)
{
    if (!k->imported || k->allow_rotation || crypto_nonce_bytes(k->type) != 12 || k->derived ||
        transit_usage_of(&r->tx, r->mount, param(r, "name"), k->latest) < TRANSIT_SEALS_MAX)
        return false;
    reply_error(r, 400, "the key has encrypted 2^32 times: import a new version");
    return true;
}

static void encrypt_with(struct request *r, const struct transit_key *k)
{
    struct transit_job *j;
    int64_t asked;

    if (!encrypts(r, k) || !transit_is_usable(r, k) || !transit_asked_version(r, &asked) ||
        is_worn_out(r, k))
        return;
    j = transit_job_new(r, k);
    if (j == NULL)
        return;
    j->run = run_encrypt;
    j->answer = answer_sealed;
    j->refuses_batch = true;
    j->signs = !key_facts(k->type)->asymmetric;
    for (uint32_t i = 0; i < j->n; i++) {
        int64_t own = asked;
        const struct value *v = j->batch ? value_get(j->items[i].from, "key_version") : NULL;

        if (v != NULL && !value_to_i64(v, &own))
            own = asked;
        prepare_encrypt(j, &j->items[i], own);
    }
    transit_job_run(j);
}

/* ---- a key that is made by its first use ---- */

static bool has_context(const struct request *r)
{
    const struct value *batch = value_get(r->body, "batch_input");
    const struct value *from = batch != NULL ? batch->first : r->body;

    return value_get_text(from, "context", STR_NONE).len > 0;
}

static void upserted(struct request *r, struct crypto_key *key, void *arg)
{
    struct transit_key *k = arg;

    if (!transit_key_exists(r))
        transit_version_add(&r->tx, r->mount, param(r, "name"), k, key, r->now, TRANSIT_AT_ONCE);
    encrypt_with(r, transit_key_get(&r->tx, r->mount, param(r, "name")));
}

static void upsert(struct request *r)
{
    struct value *row = entry_get_value(&r->tx, mount_path(r, "config/keys"));
    struct transit_key *k = arena_calloc(&r->arena, 1, sizeof(*k));
    struct str type = STR("aes256-gcm96");

    if (value_get_bool(row, "disable_upsert", false) || !transit_name_is_valid(param(r, "name"))) {
        reply_error(r, 400, "encryption key not found");
        return;
    }
    field_text(r, "type", &type);
    field_bool(r, "convergent_encryption", &k->convergent);
    if (refused(r))
        return;
    k->derived = has_context(r);
    k->kdf = TRANSIT_HKDF;
    k->convergent_version = k->convergent ? -1 : 0;
    k->type = key_type_find(type);
    if (k->type == KEY_TYPES)
        reply_error(r, 400, "unknown key type %.*s", STR_ARG(type));
    else if (!key_facts(k->type)->converges)
        reply_error(r, 400, "key type %.*s not supported for this operation", STR_ARG(type));
    else if (k->convergent && !k->derived)
        reply_error(r, 400,
            "convergent encryption requires derivation to be enabled, so context is required");
    else
        transit_generate(r, k->type, 0, upserted, k);
}

void transit_encrypt(struct request *r)
{
    const struct transit_key *k = transit_key_get(&r->tx, r->mount, param(r, "name"));

    if (k == NULL)
        upsert(r);
    else
        encrypt_with(r, k);
}

/* ---- decrypt, rewrap ---- */

static struct transit_job *opening(struct request *r)
{
    const struct transit_key *k = transit_of(r, "encryption key not found");
    struct transit_job *j;

    if (k == NULL || !encrypts(r, k) || !transit_is_usable(r, k))
        return NULL;
    j = transit_job_new(r, k);
    if (j == NULL)
        return NULL;
    j->refuses_batch = true;
    for (uint32_t i = 0; i < j->n; i++)
        prepare_decrypt(j, &j->items[i]);
    return j;
}

void transit_decrypt(struct request *r)
{
    struct transit_job *j = opening(r);

    if (j == NULL)
        return;
    for (uint32_t i = 0; i < j->n; i++)
        if (j->items[i].key != NULL && crypto_is_public(j->items[i].key))
            transit_item_fails(&j->items[i], 400,
                "requested version for decryption does not contain a private part");
    j->run = run_decrypt;
    j->answer = answer_plain;
    transit_job_run(j);
}

void transit_rewrap(struct request *r)
{
    struct transit_job *j;
    int64_t asked;

    if (!transit_asked_version(r, &asked))
        return;
    j = opening(r);
    if (j == NULL)
        return;
    for (uint32_t i = 0; i < j->n; i++) {
        struct transit_item *it = &j->items[i];
        const struct transit_version *v;

        if (it->error != NULL ||
            !transit_item_version(j, it, asked, "encryption", &it->to_version, &v))
            continue;
        it->to = crypto_ref(v->key);
        it->to_convergent = convergent_of(j, v);
    }
    j->run = run_rewrap;
    j->answer = answer_sealed;
    j->signs = true;
    transit_job_run(j);
}

/* ---- data keys ---- */

static void answer_data_key(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    struct arena *a = &j->r->arena;

    answer_sealed(j, it, to);
    if (str_is(param(j->r, "kind"), "plaintext"))
        value_put_text(a, to, "plaintext", encode_base64(a, it->input));
}

void transit_datakey(struct request *r)
{
    const struct transit_key *k = transit_of(r, "encryption key not found");
    const struct transit_version *v;
    struct str kind = param(r, "kind");
    struct transit_job *j;
    struct transit_item *it;
    int64_t bits = 256;
    uint8_t *bytes;

    if (k == NULL || !encrypts(r, k) || !transit_is_usable(r, k))
        return;
    field_int(r, "bits", &bits);
    if (refused(r))
        return;
    if (!str_is(kind, "plaintext") && !str_is(kind, "wrapped")) {
        reply_error(r, 400, "Invalid path, must be 'plaintext' or 'wrapped'");
        return;
    }
    if (bits != 128 && bits != 256 && bits != 512) {
        reply_error(r, 400, "invalid bit length");
        return;
    }
    value_remove(r->body, STR("batch_input")); /* one key a request */
    j = transit_job_new(r, k);
    it = &j->items[0];
    bytes = arena_alloc(&r->arena, (size_t)bits / 8);
    random_bytes(bytes, (size_t)bits / 8);
    it->input = (struct str){ (char *)bytes, (size_t)bits / 8 };
    if (transit_item_version(j, it, 0, "encryption", &it->version, &v)) {
        it->convergent = convergent_of(j, v);
        if (take_common(j, it, true))
            it->key = crypto_ref(v->key);
    }
    j->run = run_encrypt;
    j->answer = answer_data_key;
    j->signs = true;
    transit_job_run(j);
}
