/*
 * Signatures: Ed25519 (RFC 8032) by libsodium, secp256k1 by libsecp256k1 (RFC 6979 nonces, low s), ECDSA on the
 * NIST curves and RSA (RFC 8017 8.1, 8.2) by OpenSSL with its contexts kept.
 *
 * No schnorr, no prehashed Ed25519.  A malformed signature is one that does not verify, not an error.
 */
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "base/bug.h"
#include "keeper/crypto/inside_int.h"
#include "keeper/crypto/meter_int.h"

enum { SIGNATURE_MAX = 512, COORDINATE_MAX = 66, HASH_MAX = 64 };

static int bad_input(struct err *err, const char *sentence)
{
    return crypto_refuse(err, "crypto_input", sentence);
}

static size_t coordinate_bytes(enum key_type t)
{
    if (t == KEY_ECDSA_P384)
        return 48;
    return t == KEY_ECDSA_P521 ? 66 : 32;
}

/* ---- what is signed ---- */

static bool is_a_digest(size_t len)
{
    return len == 20 || len == 28 || len == 32 || len == 48 || len == 64;
}

/* The digest of the input, or the input itself when that is one. */
static int digest_of(const struct crypto_key *k, const struct signing *how, struct str input,
    uint8_t room[HASH_MAX], struct str *out, struct err *err)
{
    bool rsa = crypto_rsa_bits(k->type) > 0;
    size_t len = 0;

    *out = input;
    if (!how->prehashed && how->digest == DIGEST_NONE)
        return bad_input(err, "an algorithm of no hash needs input that is hashed already");
    if (!how->prehashed) {
        crypto_digest(how->digest, input, room, &len);
        *out = (struct str){ (const char *)room, len };
        return 0;
    }
    if (how->digest != DIGEST_NONE && input.len != digest_bytes(how->digest))
        return bad_input(err, "the input has not the length of its hash algorithm");
    if (how->digest == DIGEST_NONE && rsa && how->scheme != SCHEME_PKCS1)
        return bad_input(err, "an algorithm of no hash is for PKCS#1 v1.5 signatures alone");
    if (how->digest == DIGEST_NONE && !rsa && !is_a_digest(input.len))
        return bad_input(err, "the input has the length of no hash algorithm");
    return 0;
}

/* ---- OpenSSL ---- */

static bool same(const struct signing *a, const struct signing *b)
{
    return a->digest == b->digest && a->scheme == b->scheme && a->salt_length == b->salt_length;
}

static int salt_length(const struct signing *how, bool signs)
{
    if (how->salt_length == -1)
        return signs ? RSA_PSS_SALTLEN_MAX : RSA_PSS_SALTLEN_AUTO;
    return how->salt_length == -2 ? RSA_PSS_SALTLEN_DIGEST : how->salt_length;
}

/* ECDSA takes any digest; only RSA says in the signature which it was. */
static bool prepare_rsa(EVP_PKEY_CTX *c, const struct signing *how, bool signs)
{
    bool pss = how->scheme != SCHEME_PKCS1;

    if (EVP_PKEY_CTX_set_rsa_padding(c, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) != 1)
        return false;
    if (how->digest != DIGEST_NONE && EVP_PKEY_CTX_set_signature_md(c, crypto_md(how->digest)) != 1)
        return false;
    return !pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(c, salt_length(how, signs)) == 1;
}

static EVP_PKEY_CTX *context(
    struct crypto_key *k, const struct signing *how, bool signs, bool *kept)
{
    EVP_PKEY_CTX **own = signs ? &k->sign : &k->verify;
    struct signing *was = signs ? &k->sign_as : &k->verify_as;
    bool rsa = crypto_rsa_bits(k->type) > 0;
    EVP_PKEY_CTX *c;

    *kept = crypto_is_mine(k);
    if (*kept && *own != NULL && (!rsa || same(was, how)))
        return *own;
    c = EVP_PKEY_CTX_new_from_pkey(crypto_library(), k->pkey, NULL);
    if (c == NULL || (signs ? EVP_PKEY_sign_init(c) : EVP_PKEY_verify_init(c)) != 1 ||
        (rsa && !prepare_rsa(c, how, signs))) {
        EVP_PKEY_CTX_free(c);
        return NULL;
    }
    if (*kept) {
        EVP_PKEY_CTX_free(*own);
        *own = c;
        *was = *how;
    }
    return c;
}

static int pkey_sign(struct crypto_key *k, const struct signing *how, struct str hash,
    uint8_t *signature, size_t *len, struct err *err)
{
    bool kept;
    EVP_PKEY_CTX *c = context(k, how, true, &kept);
    bool ok;

    if (c == NULL)
        return bad_input(err, "this key cannot sign so");
    ok = EVP_PKEY_sign(c, signature, len, (const uint8_t *)hash.at, hash.len) == 1;
    if (!kept)
        EVP_PKEY_CTX_free(c);
    if (!ok)
        return bad_input(err, "this key is too short for such a signature");
    return 0;
}

static bool pkey_verify(
    struct crypto_key *k, const struct signing *how, struct str hash, struct str signature)
{
    bool kept;
    EVP_PKEY_CTX *c = context(k, how, false, &kept);
    bool ok = c != NULL && EVP_PKEY_verify(c, (const uint8_t *)signature.at, signature.len,
                               (const uint8_t *)hash.at, hash.len) == 1;

    if (c != NULL && !kept)
        EVP_PKEY_CTX_free(c);
    if (!ok)
        ERR_clear_error();
    return ok;
}

/* r | s of fixed width (RFC 7518 3.4) out of ASN.1, and back. */
static void der_to_pair(size_t width, uint8_t *signature, size_t *len)
{
    const uint8_t *at = signature;
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)*len);

    MUST(s != NULL);
    MUST(BN_bn2binpad(ECDSA_SIG_get0_r(s), signature, (int)width) == (int)width &&
         BN_bn2binpad(ECDSA_SIG_get0_s(s), signature + width, (int)width) == (int)width);
    *len = 2 * width;
    ECDSA_SIG_free(s);
}

static bool pair_to_der(size_t width, struct str pair, uint8_t *out, size_t *len)
{
    const uint8_t *at = (const uint8_t *)pair.at;
    ECDSA_SIG *s;
    uint8_t *to = out;
    int n;

    if (pair.len != 2 * width)
        return false;
    s = ECDSA_SIG_new();
    MUST(s != NULL && ECDSA_SIG_set0(s, BN_bin2bn(at, (int)width, NULL),
                          BN_bin2bn(at + width, (int)width, NULL)) == 1);
    n = i2d_ECDSA_SIG(s, &to);
    ECDSA_SIG_free(s);
    *len = (size_t)n;
    return n > 0;
}

/* ---- secp256k1 ---- */

/* The leftmost 32 bytes of the hash (SEC 1 4.1.3); a shorter one is a smaller number. */
static void message_of(struct str hash, uint8_t message[32])
{
    size_t n = hash.len < 32 ? hash.len : 32;

    memset(message, 0, 32);
    memcpy(message + 32 - n, hash.at, n);
}

static void secp256k1_sign(
    const struct crypto_key *k, bool jws, struct str hash, uint8_t *signature, size_t *len)
{
    const secp256k1_context *c = crypto_secp256k1();
    secp256k1_ecdsa_signature s;
    uint8_t message[32];

    message_of(hash, message);
    MUST(secp256k1_ecdsa_sign(c, &s, message, k->secret, NULL, NULL) == 1);
    if (jws) {
        *len = 64;
        secp256k1_ecdsa_signature_serialize_compact(c, signature, &s);
    } else {
        MUST(secp256k1_ecdsa_signature_serialize_der(c, signature, len, &s) == 1);
    }
}

static bool secp256k1_verify(
    const struct crypto_key *k, bool jws, struct str hash, struct str signature)
{
    const secp256k1_context *c = crypto_secp256k1();
    const uint8_t *at = (const uint8_t *)signature.at;
    secp256k1_ecdsa_signature s;
    uint8_t message[32];

    message_of(hash, message);
    if (jws ? signature.len != 64 || secp256k1_ecdsa_signature_parse_compact(c, &s, at) != 1
            : secp256k1_ecdsa_signature_parse_der(c, &s, at, signature.len) != 1)
        return false;
    secp256k1_ecdsa_signature_normalize(c, &s, &s); /* others do not promise a low s */
    return secp256k1_ecdsa_verify(c, &s, message, &k->secp256k1) == 1;
}

/* ---- what the header promises ---- */

static int key_sign(struct crypto_key *k, const struct signing *how, struct str input,
    struct buf *to, struct err *err)
{
    uint8_t room[HASH_MAX];
    uint8_t *out = (uint8_t *)buf_reserve(to, SIGNATURE_MAX);
    size_t len = SIGNATURE_MAX;
    struct str hash;

    if (!key_facts(k->type)->signs || k->public_only)
        return bad_input(err, "this key does not sign");
    if (out == NULL)
        return bad_input(err, "the answer is too long");
    if (k->type == KEY_ED25519) {
        crypto_sign_detached(out, NULL, (const uint8_t *)input.at, input.len, k->secret);
        to->len += crypto_sign_BYTES;
        return 0;
    }
    if (digest_of(k, how, input, room, &hash, err) == -1)
        return -1;
    if (k->type == KEY_ECDSA_SECP256K1)
        secp256k1_sign(k, how->jws, hash, out, &len);
    else if (pkey_sign(k, how, hash, out, &len, err) == -1)
        return -1;
    else if (how->jws && crypto_group(k->type) != NULL)
        der_to_pair(coordinate_bytes(k->type), out, &len);
    to->len += len;
    return 0;
}

int crypto_key_sign(struct crypto_key *k, const struct signing *how, struct str input,
    struct buf *to, struct err *err)
{
    nsec_t begin = time_nsec();
    int result = key_sign(k, how, input, to, err);

    meter_note(k->type, time_nsec() - begin, result == 0 || strcmp(err->id, "crypto_input") == 0);
    return result;
}

int crypto_verify(struct crypto_key *k, const struct signing *how, struct str input,
    struct str signature, struct err *err)
{
    uint8_t room[HASH_MAX];
    uint8_t der[2 * COORDINATE_MAX + 16];
    size_t len = 0;
    struct str hash;

    if (!key_facts(k->type)->signs)
        return bad_input(err, "keys of this type do not verify signatures");
    if (k->type == KEY_ED25519)
        return signature.len == crypto_sign_BYTES &&
               crypto_sign_verify_detached((const uint8_t *)signature.at, (const uint8_t *)input.at,
                   input.len, k->ed25519) == 0;
    if (digest_of(k, how, input, room, &hash, err) == -1)
        return -1;
    if (k->type == KEY_ECDSA_SECP256K1)
        return secp256k1_verify(k, how->jws, hash, signature);
    if (how->jws && crypto_group(k->type) != NULL) {
        if (!pair_to_der(coordinate_bytes(k->type), signature, der, &len))
            return 0;
        signature = (struct str){ (char *)der, len };
    }
    return pkey_verify(k, how, hash, signature);
}

void crypto_mac(
    const struct crypto_key *k, enum digest d, struct str input, uint8_t out[64], size_t *len)
{
    MUST(k->type == KEY_HMAC);
    crypto_hmac(d, (struct str){ (char *)k->secret, k->secret_len }, input, out, len);
}
