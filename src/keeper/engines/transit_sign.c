/*
 * Transit: signatures, their verification, and HMACs.
 *
 * A version that is compromised signs nothing and proves nothing: whoever has its key could have signed.
 */
#include <string.h>

#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_job_int.h"
#include "keeper/seal/memory_int.h"

static const struct transit_words signature_words = {
    .what = "invalid signature",
    .old = "ciphertext or signature version is disallowed by policy (too old)",
    .base64 = "invalid base64 signature value",
};
static const struct transit_words hmac_words = {
    .what = "invalid HMAC to verify",
    .old = "cannot verify HMAC: version is too old (disallowed by policy)",
    .base64 = "unable to decode verification string as base64",
};

/* ---- running: in the core or a worker ---- */

/* Of a derived key: the one for this context. */
static struct crypto_key *key_of(const struct transit_job *j, struct transit_item *it)
{
    struct crypto_key *k;
    uint8_t *seed;
    struct err err;

    if (!j->k.derived)
        return crypto_ref(it->key);
    seed = transit_derive(it->key, j->k.kdf, it->context, 32);
    k = crypto_from_secret(KEY_ED25519, (struct str){ (char *)seed, 32 }, &err);
    secret_free(seed);
    if (k == NULL)
        transit_item_fails(it, 500, "the key could not be derived");
    return k;
}

/* err's sentence, as one that lasts. */
static const char *lasting(const struct err *err)
{
    static const char *const sentences[] = {
        "the input has not the length of its hash algorithm",
        "an algorithm of no hash needs input that is hashed already",
        "an algorithm of no hash is for PKCS#1 v1.5 signatures alone",
        "the input has the length of no hash algorithm",
        "this key is too short for such a signature",
        "this key does not sign",
        "this key cannot sign so",
    };

    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (strcmp(sentences[i], err->text) == 0)
            return sentences[i];
    return "the input cannot be signed so";
}

static void run_sign(const struct transit_job *j, struct transit_item *it)
{
    struct crypto_key *k = key_of(j, it);
    struct err err;

    if (k == NULL)
        return;
    if (crypto_key_sign(k, &j->how, it->input, &it->out, &err) == -1)
        transit_item_fails(it, 400, lasting(&err));
    else if (j->k.derived)
        crypto_public_raw(k, &it->public_half);
    crypto_unref(k);
}

static void run_verify(const struct transit_job *j, struct transit_item *it)
{
    struct crypto_key *k = key_of(j, it);
    struct err err;
    int got;

    if (k == NULL)
        return;
    got = crypto_verify(k, &j->how, it->input, it->sealed, &err);
    if (got == -1)
        transit_item_fails(it, 400, lasting(&err));
    it->valid = got == 1;
    crypto_unref(k);
}

static void run_hmac(const struct transit_job *j, struct transit_item *it)
{
    uint8_t sum[64];
    size_t n;

    crypto_mac(it->key, j->digest, it->input, sum, &n);
    buf_add(&it->out, sum, n);
}

static void run_verify_hmac(const struct transit_job *j, struct transit_item *it)
{
    run_hmac(j, it);
    it->valid = str_eq_secret(buf_as_str(&it->out), it->sealed);
}

/* ---- answers ---- */

static void answer_signature(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    struct arena *a = &j->r->arena;

    value_put_text(
        a, to, "signature", transit_text(a, it->version, buf_as_str(&it->out), j->how.jws));
    value_put_i64(a, to, "key_version", it->version);
    if (it->public_half.len > 0)
        value_put_text(a, to, j->batch ? "publickey" : "public_key",
            encode_base64(a, buf_as_str(&it->public_half)));
}

static void answer_hmac(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    struct arena *a = &j->r->arena;

    value_put_text(a, to, "hmac", transit_text(a, it->version, buf_as_str(&it->out), false));
}

static void answer_valid(struct transit_job *j, const struct transit_item *it, struct value *to)
{
    value_put_bool(&j->r->arena, to, "valid", it->valid);
}

/* ---- how ---- */

/* In the path, or in the body by one of two names. False: refused, and said. */
static bool algorithm_of(struct request *r, enum digest usual, enum digest *to, bool *given)
{
    struct str name = param(r, "algorithm");

    if (name.len == 0)
        field_text(r, "hash_algorithm", &name);
    if (name.len == 0)
        field_text(r, "algorithm", &name);
    if (refused(r))
        return false;
    *given = name.len > 0;
    *to = *given ? digest_find(name) : usual;
    if (*to == DIGESTS)
        reply_error(r, 400, "invalid hash algorithm \"%.*s\"", STR_ARG(name));
    return *to != DIGESTS;
}

static bool scheme_of(struct request *r, struct signing *how)
{
    struct str scheme = STR("");
    struct str marshaling = STR("");

    field_text(r, "signature_algorithm", &scheme);
    field_text(r, "marshaling_algorithm", &marshaling);
    field_bool(r, "prehashed", &how->prehashed);
    if (refused(r))
        return false;
    how->scheme = str_is(scheme, "pkcs1v15") ? SCHEME_PKCS1 : SCHEME_PSS;
    how->jws = str_is(marshaling, "jws");
    if (scheme.len > 0 && !str_is(scheme, "pss") && !str_is(scheme, "pkcs1v15"))
        reply_error(r, 400, "invalid signature algorithm \"%.*s\"", STR_ARG(scheme));
    else if (marshaling.len > 0 && !how->jws && !str_is(marshaling, "asn1"))
        reply_error(r, 400, "invalid marshaling type \"%.*s\"", STR_ARG(marshaling));
    return !refused(r);
}

static bool salt_of(struct request *r, struct signing *how)
{
    struct str salt = STR("auto");
    uint64_t n;

    field_text(r, "salt_length", &salt);
    if (refused(r))
        return false;
    if (salt.len == 0 || str_is(salt, "auto"))
        how->salt_length = -1;
    else if (str_is(salt, "hash"))
        how->salt_length = -2;
    else if (str_to_u64(salt, 512, &n))
        how->salt_length = (int)n;
    else
        reply_error(r, 400, "invalid salt length \"%.*s\"", STR_ARG(salt));
    return !refused(r);
}

static bool how_of(struct request *r, const struct transit_key *k, struct signing *how)
{
    bool given;
    bool curve = k->type >= KEY_ECDSA_P256 && k->type <= KEY_ECDSA_SECP256K1;

    *how = (struct signing){ 0 };
    if (!algorithm_of(r, DIGEST_SHA256, &how->digest, &given) || !scheme_of(r, how) ||
        !salt_of(r, how))
        return false;
    if (how->digest == DIGEST_NONE && (!how->prehashed || how->scheme != SCHEME_PKCS1)) {
        reply_error(r, 400,
            "hash_algorithm=none requires both prehashed=true and signature_algorithm=pkcs1v15");
        return false;
    }
    if (curve && how->prehashed && !given) /* any digest will do */
        how->digest = DIGEST_NONE;
    return true;
}

/* ---- sign ---- */

static const struct transit_key *signing_key(struct request *r, const char *missing)
{
    const struct transit_key *k = transit_of(r, missing);

    if (k == NULL || !transit_is_usable(r, k))
        return NULL;
    if (key_facts(k->type)->signs)
        return k;
    reply_error(r, 400, "key type %s does not support signing", key_facts(k->type)->name);
    return NULL;
}

static bool take_input(struct transit_job *j, struct transit_item *it, const char *missing)
{
    struct str text;

    if (transit_item_text(j, it, "input", &text))
        return transit_item_bytes(j, it, "input", &it->input);
    if (it->error == NULL)
        transit_item_fails(it, 400, missing);
    return false;
}

void transit_sign(struct request *r)
{
    const struct transit_key *k = signing_key(r, "signing key not found");
    struct transit_job *j;
    struct signing how;
    int64_t asked;

    if (k == NULL || !how_of(r, k, &how) || !transit_asked_version(r, &asked))
        return;
    j = transit_job_new(r, k);
    if (j == NULL)
        return;
    j->how = how;
    j->run = run_sign;
    j->answer = answer_signature;
    j->signs = true;
    for (uint32_t i = 0; i < j->n; i++) {
        struct transit_item *it = &j->items[i];
        const struct transit_version *v;

        if (!take_input(j, it, "missing input") || !transit_item_context(j, it) ||
            !transit_item_version(j, it, asked, "signing", &it->version, &v))
            continue;
        if (crypto_is_public(v->key))
            transit_item_fails(
                it, 400, "requested version for signing does not contain a private part");
        else
            it->key = crypto_ref(v->key);
    }
    transit_job_run(j);
}

/* ---- HMAC ---- */

/* SHA-1 is for old signatures alone. */
static bool hmac_digest(struct request *r, enum digest *d)
{
    bool given;

    if (!algorithm_of(r, DIGEST_SHA256, d, &given))
        return false;
    if (*d != DIGEST_NONE && *d != DIGEST_SHA1)
        return true;
    reply_error(r, 400, "unsupported algorithm");
    return false;
}

void transit_hmac(struct request *r)
{
    const struct transit_key *k = transit_of(r, "encryption key not found");
    struct transit_job *j;
    enum digest d;
    int64_t asked;

    if (k == NULL || !transit_is_usable(r, k) || !hmac_digest(r, &d) ||
        !transit_asked_version(r, &asked))
        return;
    j = transit_job_new(r, k);
    if (j == NULL)
        return;
    j->digest = d;
    j->run = run_hmac;
    j->answer = answer_hmac;
    for (uint32_t i = 0; i < j->n; i++) {
        struct transit_item *it = &j->items[i];
        const struct transit_version *v;

        if (!take_input(j, it, "missing input for HMAC") ||
            !transit_item_version(j, it, asked, "HMAC", &it->version, &v))
            continue;
        if (v->hmac == NULL)
            transit_item_fails(it, 400, "no HMAC key exists for that key version");
        else
            it->key = crypto_ref(v->hmac);
    }
    transit_job_run(j);
}

/* ---- verify ---- */

static bool has(const struct transit_item *it, const char *member)
{
    const struct value *v = value_get(it->from, member);

    return v != NULL && v->kind == VALUE_TEXT && v->text.len > 0;
}

/* All of one kind, of which the first says which. False: refused, and said. */
static bool kind_of(struct transit_job *j)
{
    bool hmac = has(&j->items[0], "hmac");

    for (uint32_t i = 0; i < j->n; i++) {
        const struct transit_item *it = &j->items[i];

        if (has(it, "hmac") && has(it, "signature"))
            reply_error(j->r, 400, "provide one of 'signature' or 'hmac'");
        else if (!has(it, "hmac") && !has(it, "signature"))
            reply_error(j->r, 400, "neither a 'signature' nor an 'hmac' were given to verify");
        else if (has(it, "hmac") != hmac)
            reply_error(
                j->r, 400, "elements of batch_input must all provide either 'signature' or 'hmac'");
        if (refused(j->r))
            return false;
    }
    j->verifies_hmac = hmac;
    return true;
}

static void prepare_verify(struct transit_job *j, struct transit_item *it)
{
    struct str text;

    if (!take_input(j, it, "missing input"))
        return;
    if (!j->verifies_hmac && !transit_item_context(j, it))
        return;
    if (!transit_item_text(j, it, j->verifies_hmac ? "hmac" : "signature", &text) ||
        !transit_item_open(j, it, text, !j->verifies_hmac && j->how.jws,
            j->verifies_hmac ? &hmac_words : &signature_words))
        return;
    if (it->compromised)
        transit_item_fails(
            it, 400, "this version of the key is compromised: what it has signed proves nothing");
}

void transit_verify(struct request *r)
{
    const struct transit_key *k = transit_of(r, "signature verification key not found");
    struct transit_job *j;

    if (k == NULL || !transit_is_usable(r, k))
        return;
    j = transit_job_new(r, k);
    if (j == NULL || !kind_of(j))
        return;
    if (j->verifies_hmac ? !hmac_digest(r, &j->digest)
                         : signing_key(r, NULL) == NULL || !how_of(r, k, &j->how))
        return;
    j->run = j->verifies_hmac ? run_verify_hmac : run_verify;
    j->answer = answer_valid;
    for (uint32_t i = 0; i < j->n; i++)
        prepare_verify(j, &j->items[i]);
    transit_job_run(j);
}
