/*
 * key - see key_int.h.
 *
 * The private numbers lie in OpenSSL's secure heap (memory.c), and so does the
 * text of the file while it is being read, and what libsodium signs with.
 * Contexts for signing are made once per key and scheme and kept: initialising
 * one costs a fifth of a P-256 signature.
 */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/key_int.h"
#include "keeper/seal/memory_int.h"

enum digest { BY_SHA256, BY_SHA384, BY_SHA512, DIGESTS, NO_DIGEST = DIGESTS };
enum kind { KIND_RSA, KIND_EC, KIND_ED25519 };

/* RFC 8446 4.2.3. In TLS 1.3 an ECDSA scheme names the curve too. */
static const struct scheme {
    uint16_t number;
    bool tls13;
    bool pss;
    enum kind kind;
    enum digest digest;
    int curve_bits;
} schemes[] = {
    { 0x0403, true, false, KIND_EC, BY_SHA256, 256 },
    { 0x0503, true, false, KIND_EC, BY_SHA384, 384 },
    { 0x0603, true, false, KIND_EC, BY_SHA512, 521 },
    { 0x0804, true, true, KIND_RSA, BY_SHA256, 0 },
    { 0x0805, true, true, KIND_RSA, BY_SHA384, 0 },
    { 0x0806, true, true, KIND_RSA, BY_SHA512, 0 },
    { 0x0401, false, false, KIND_RSA, BY_SHA256, 0 },
    { 0x0501, false, false, KIND_RSA, BY_SHA384, 0 },
    { 0x0601, false, false, KIND_RSA, BY_SHA512, 0 },
    { 0x0807, true, false, KIND_ED25519, NO_DIGEST, 0 },
};

enum { SCHEMES = sizeof(schemes) / sizeof(schemes[0]) };

struct key_tools {
    OSSL_LIB_CTX *ctx;
    EVP_MD *digest[DIGESTS];
    EVP_MD_CTX *hashing;
};

struct key {
    struct key_tools *tools;
    EVP_PKEY *pkey;
    enum kind kind;
    int bits;
    uint8_t id[TLS_KEY_ID];
    char algorithm[24];
    uint8_t *ed25519;             /* seed and public half, in secret memory, for libsodium */
    EVP_PKEY_CTX *ready[SCHEMES]; /* NULL until first used */
};

/* ---- tools ---- */

struct key_tools *key_tools_new(void)
{
    static const char *const names[DIGESTS] = { "SHA256", "SHA384", "SHA512" };
    struct key_tools *t = xcalloc(1, sizeof(*t));

    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
    MUST(sodium_init() >= 0);
    t->ctx = OSSL_LIB_CTX_new();
    t->hashing = EVP_MD_CTX_new();
    MUST(t->ctx != NULL && t->hashing != NULL);
    for (unsigned i = 0; i < DIGESTS; i++) {
        t->digest[i] = EVP_MD_fetch(t->ctx, names[i], NULL);
        MUST(t->digest[i] != NULL);
    }
    return t;
}

void key_tools_free(struct key_tools *t)
{
    for (unsigned i = 0; i < DIGESTS; i++)
        EVP_MD_free(t->digest[i]);
    EVP_MD_CTX_free(t->hashing);
    OPENSSL_thread_stop_ex(t->ctx);
    OSSL_LIB_CTX_free(t->ctx);
    free(t);
}

/* ---- reading ---- */

static int refuse(struct err *err, const char *why)
{
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "keeper_key", "%s", why);
}

/* Into room of KEY_PEM_MAX + 1. A pipe could keep us waiting, and with us every handshake. */
static int read_file(int fd, char *to, size_t *len, struct err *err)
{
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) == -1)
        return err_set(err, ERR_SYSTEM, "keeper_key_read", "the key file");
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CONFIG, "keeper_key_read", "the key is not a regular file");
    *len = 0;
    while (*len <= KEY_PEM_MAX) {
        n = read(fd, to + *len, KEY_PEM_MAX + 1 - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_SYSTEM, "keeper_key_read", "the key file");
        if (n == 0)
            return 0;
        *len += (size_t)n;
    }
    return err_set(err, ERR_LIMIT, "keeper_key_read", "the key file is over %d bytes", KEY_PEM_MAX);
}

/* PEM headers that hold a private key, and how OpenSSL calls the structure inside. */
static const struct {
    const char *header;
    const char *structure;
} pem_kinds[] = {
    { PEM_STRING_PKCS8INF, "PrivateKeyInfo" },
    { PEM_STRING_ECPRIVATEKEY, "type-specific" },
    { PEM_STRING_RSA, "type-specific" },
};

static EVP_PKEY *decode(
    struct key_tools *t, const char *structure, const unsigned char *der, size_t len)
{
    EVP_PKEY *pkey = NULL;
    OSSL_DECODER_CTX *d = OSSL_DECODER_CTX_new_for_pkey(
        &pkey, "DER", structure, NULL, EVP_PKEY_KEYPAIR, t->ctx, NULL);

    MUST(d != NULL);
    if (OSSL_DECODER_from_data(d, &der, &len) != 1) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    OSSL_DECODER_CTX_free(d);
    return pkey;
}

/* One block of the file: 1 it was a key, 0 it was something else (parameters, a certificate). */
static int take_block(struct key_tools *t, const char *name, const char *header,
    const unsigned char *der, size_t len, EVP_PKEY **out, struct err *err)
{
    if (strcmp(name, PEM_STRING_PKCS8) == 0 || strstr(header, "ENCRYPTED") != NULL)
        return refuse(err, "the key is encrypted with a passphrase: store it without one, readable "
                           "by its owner alone");
    for (size_t i = 0; i < sizeof(pem_kinds) / sizeof(pem_kinds[0]); i++) {
        if (strcmp(name, pem_kinds[i].header) != 0)
            continue;
        *out = decode(t, pem_kinds[i].structure, der, len);
        return *out != NULL ? 1 : refuse(err, "the private key in the file is damaged");
    }
    return 0;
}

static int parse_pem(
    struct key_tools *t, const char *text, size_t len, EVP_PKEY **out, struct err *err)
{
    BIO *b = BIO_new_mem_buf(text, (int)len); /* reads in place */
    int got = 0;

    MUST(b != NULL);
    while (got == 0) {
        char *name = NULL;
        char *header = NULL;
        unsigned char *der = NULL;
        long der_len = 0;

        if (PEM_read_bio_ex(b, &name, &header, &der, &der_len, PEM_FLAG_SECURE) != 1)
            got = refuse(err, "there is no private key in the file: expected PEM, -----BEGIN "
                              "PRIVATE KEY----- and base64");
        else
            got = take_block(t, name, header, der, (size_t)der_len, out, err);
        OPENSSL_secure_free(name);
        OPENSSL_secure_free(header);
        OPENSSL_secure_clear_free(der, (size_t)der_len);
    }
    BIO_free(b);
    return got > 0 ? 0 : -1;
}

/* ---- what it is ---- */

static int describe_ec(struct key *k, struct err *err)
{
    static const struct {
        const char *group;
        int bits;
        const char *word;
    } curves[] = {
        { "prime256v1", 256, "ecdsa-p256" },
        { "secp384r1", 384, "ecdsa-p384" },
        { "secp521r1", 521, "ecdsa-p521" },
    };
    char group[64] = "";

    EVP_PKEY_get_group_name(k->pkey, group, sizeof(group), NULL);
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (strcmp(group, curves[i].group) == 0) {
            k->bits = curves[i].bits;
            snprintf(k->algorithm, sizeof(k->algorithm), "%s", curves[i].word);
            return 0;
        }
    }
    return refuse(err, "the key is on a curve that TLS does not sign with: use P-256");
}

static int describe_rsa(struct key *k, struct err *err)
{
    k->bits = EVP_PKEY_get_bits(k->pkey);
    if (k->bits < 2048)
        return refuse(err, "the RSA key is too short: at least 2048 bits");
    if (k->bits > TLS_SIGNATURE_MAX * 8)
        return refuse(err, "the RSA key is too long: at most 8192 bits");
    snprintf(k->algorithm, sizeof(k->algorithm), "rsa-%d", k->bits);
    return 0;
}

static int describe(struct key *k, struct err *err)
{
    if (EVP_PKEY_is_a(k->pkey, "EC")) {
        k->kind = KIND_EC;
        return describe_ec(k, err);
    }
    if (EVP_PKEY_is_a(k->pkey, "RSA")) {
        k->kind = KIND_RSA;
        return describe_rsa(k, err);
    }
    if (EVP_PKEY_is_a(k->pkey, "ED25519")) {
        k->kind = KIND_ED25519;
        snprintf(k->algorithm, sizeof(k->algorithm), "ed25519");
        return 0;
    }
    return refuse(err, "the key is of no kind that TLS signs with here: use ECDSA, RSA or Ed25519");
}

/* A private half that does not fit the public one would sign, and give itself away. */
static bool is_sound(const struct key *k)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(k->tools->ctx, k->pkey, NULL);
    bool ok = EVP_PKEY_pairwise_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static bool set_id(struct key *k)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(k->pkey, &der);
    bool ok = len > 0 &&
              EVP_Digest(der, (size_t)len, k->id, NULL, k->tools->digest[BY_SHA256], NULL) == 1;

    OPENSSL_free(der);
    return ok;
}

/* libsodium signs almost twice as fast. It wants the seed with the public half that belongs to it. */
static bool prepare_ed25519(struct key *k)
{
    uint8_t half[crypto_sign_PUBLICKEYBYTES];
    uint8_t theirs[crypto_sign_PUBLICKEYBYTES];
    uint8_t seed[crypto_sign_SEEDBYTES];
    size_t seed_len = sizeof(seed);
    size_t their_len = sizeof(theirs);
    bool ok;

    if (k->kind != KIND_ED25519)
        return true;
    k->ed25519 = secret_alloc(crypto_sign_SECRETKEYBYTES);
    ok = EVP_PKEY_get_raw_private_key(k->pkey, seed, &seed_len) == 1 &&
         EVP_PKEY_get_raw_public_key(k->pkey, theirs, &their_len) == 1 &&
         crypto_sign_seed_keypair(half, k->ed25519, seed) == 0 &&
         memcmp(half, theirs, sizeof(half)) == 0;
    explicit_bzero(seed, sizeof(seed));
    return ok;
}

static struct key *key_new(struct key_tools *t, EVP_PKEY *pkey, struct err *err)
{
    struct key *k = xcalloc(1, sizeof(*k));

    k->tools = t;
    k->pkey = pkey;
    if (describe(k, err) == 0) {
        if (is_sound(k) && set_id(k) && prepare_ed25519(k))
            return k;
        refuse(err, "the private and the public half of the key do not belong together");
    }
    key_free(k);
    return NULL;
}

struct key *key_read(struct key_tools *t, int fd, struct err *err)
{
    char *text = OPENSSL_secure_malloc(KEY_PEM_MAX + 1);
    EVP_PKEY *pkey = NULL;
    size_t len = 0;

    if (text == NULL) {
        err_set(err, ERR_LIMIT, "keeper_key", "no locked memory is left for another key");
        return NULL;
    }
    if (read_file(fd, text, &len, err) == 0)
        parse_pem(t, text, len, &pkey, err);
    OPENSSL_secure_clear_free(text, KEY_PEM_MAX + 1);
    return pkey != NULL ? key_new(t, pkey, err) : NULL;
}

struct key *key_parse(struct key_tools *t, struct str pem, struct err *err)
{
    EVP_PKEY *pkey = NULL;

    parse_pem(t, pem.at, pem.len, &pkey, err);
    return pkey != NULL ? key_new(t, pkey, err) : NULL;
}

void key_free(struct key *k)
{
    if (k == NULL)
        return;
    for (unsigned i = 0; i < SCHEMES; i++)
        EVP_PKEY_CTX_free(k->ready[i]);
    EVP_PKEY_free(k->pkey); /* OpenSSL wipes the private numbers */
    secret_free(k->ed25519);
    free(k);
}

const uint8_t *key_id(const struct key *k)
{
    return k->id;
}

const char *key_algorithm(const struct key *k)
{
    return k->algorithm;
}

/* ---- signing ---- */

static const struct scheme *scheme_of(uint16_t number)
{
    for (const struct scheme *s = schemes; s < schemes + SCHEMES; s++)
        if (s->number == number)
            return s;
    return NULL;
}

bool key_scheme_exists(uint16_t scheme)
{
    return scheme_of(scheme) != NULL;
}

static const char *refusal(const struct key *k, const struct scheme *s, struct str input)
{
    enum tls_text text;

    if (s == NULL)
        return "unknown_scheme";
    if (s->kind != k->kind)
        return "wrong_scheme_for_key";
    text = policy_recognise(input);
    if (text == TEXT_NOT_TLS)
        return "not_tls";
    if (text == TEXT_TLS13 && (!s->tls13 || (s->kind == KIND_EC && s->curve_bits != k->bits)))
        return "wrong_scheme_for_tls13";
    return NULL;
}

static EVP_PKEY_CTX *make_ready(const struct key *k, const struct scheme *s)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(k->tools->ctx, k->pkey, NULL);
    bool ok = c != NULL && EVP_PKEY_sign_init(c) == 1;

    if (s->kind == KIND_RSA)
        ok = ok && EVP_PKEY_CTX_set_rsa_padding(
                       c, s->pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
    ok = ok && EVP_PKEY_CTX_set_signature_md(c, k->tools->digest[s->digest]) == 1;
    if (s->pss)
        ok = ok && EVP_PKEY_CTX_set_rsa_pss_saltlen(c, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (ok)
        return c;
    EVP_PKEY_CTX_free(c);
    return NULL;
}

static bool sign_digest(
    struct key *k, const struct scheme *s, struct str input, uint8_t *signature, size_t *len)
{
    EVP_PKEY_CTX **ready = &k->ready[s - schemes];
    EVP_MD_CTX *hashing = k->tools->hashing;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned hash_len = 0;

    if (*ready == NULL)
        *ready = make_ready(k, s);
    return *ready != NULL && EVP_DigestInit_ex2(hashing, k->tools->digest[s->digest], NULL) == 1 &&
           EVP_DigestUpdate(hashing, input.at, input.len) == 1 &&
           EVP_DigestFinal_ex(hashing, hash, &hash_len) == 1 &&
           EVP_PKEY_sign(*ready, signature, len, hash, hash_len) == 1;
}

/* Ed25519 hashes by itself, and takes the whole text (RFC 8032 5.1.6). */
static bool sign_whole(const struct key *k, struct str input, uint8_t *signature, size_t *len)
{
    *len = crypto_sign_BYTES;
    return crypto_sign_detached(
               signature, NULL, (const uint8_t *)input.at, input.len, k->ed25519) == 0;
}

const char *key_sign(struct key *k, uint16_t scheme, struct str input,
    uint8_t signature[TLS_SIGNATURE_MAX], size_t *len)
{
    const struct scheme *s = scheme_of(scheme);
    const char *why = refusal(k, s, input);
    size_t n = TLS_SIGNATURE_MAX;
    bool ok;

    if (why != NULL)
        return why;
    ok = s->digest == NO_DIGEST ? sign_whole(k, input, signature, &n)
                                : sign_digest(k, s, input, signature, &n);
    ERR_clear_error();
    if (!ok)
        return "signing_failed";
    *len = n;
    return NULL;
}
