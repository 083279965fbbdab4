/*
 * crypto key - one key of any algorithm that the keeper knows, and what can be done with it.
 *
 * libsodium for Ed25519 and (X)ChaCha20-Poly1305, libsecp256k1 for secp256k1, OpenSSL for the rest; contexts are cached per thread.
 * A struct crypto_key is immutable but for its lazily made contexts; used by one thread, or by a worker that has a reference of its own.
 * Secret bytes lie in secret memory.  (crypto_sign and crypto_hash are libsodium's names.)
 */
#ifndef WEIR_KEEPER_CRYPTO_KEY_INT_H
#define WEIR_KEEPER_CRYPTO_KEY_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum key_type {
    KEY_AES128_GCM96,
    KEY_AES256_GCM96,
    KEY_CHACHA20_POLY1305,
    KEY_XCHACHA20_POLY1305,
    KEY_ED25519,
    KEY_ECDSA_P256,
    KEY_ECDSA_P384,
    KEY_ECDSA_P521,
    KEY_ECDSA_SECP256K1,
    KEY_RSA_2048,
    KEY_RSA_3072,
    KEY_RSA_4096,
    KEY_HMAC,
    KEY_TYPES,
};

enum digest {
    DIGEST_NONE,
    DIGEST_SHA1,
    DIGEST_SHA224,
    DIGEST_SHA256,
    DIGEST_SHA384,
    DIGEST_SHA512,
    DIGEST_SHA3_224,
    DIGEST_SHA3_256,
    DIGEST_SHA3_384,
    DIGEST_SHA3_512,
    DIGESTS
};

struct key_facts {
    const char *name; /* "aes256-gcm96": Vault's word */
    bool encrypts, signs, derives, converges, asymmetric;
    unsigned secret_bytes; /* symmetric */
};
const struct key_facts *key_facts(enum key_type t);
/* KEY_TYPES: there is none of that name. */
enum key_type key_type_find(struct str name);
/* "sha2-256", "sha256", "SHA256" ...; DIGESTS: none of that name. */
enum digest digest_find(struct str name);
size_t digest_bytes(enum digest d);

/* Makes ready what all keys share; the functions below do it too when nobody has.  Before a sandbox: it allocates much. */
void crypto_start(void);

struct crypto_key;

/* Does making one take 0.1 s and more? Then: in a worker. */
bool crypto_is_slow(enum key_type t);
/* bytes: for HMAC, 32 to 512, else ignored. */
struct crypto_key *crypto_generate(enum key_type t, size_t bytes, struct err *err);
/* Raw secret (symmetric, HMAC; Ed25519 seed 32 or 64 bytes, secp256k1 32), or PKCS#8 DER (asymmetric). err id key_malformed, key_type. */
struct crypto_key *crypto_from_secret(enum key_type t, struct str secret, struct err *err);
/* A public half alone (SubjectPublicKeyInfo DER): verifies and encrypts. */
struct crypto_key *crypto_from_public(enum key_type t, struct str spki, struct err *err);
/* Numbers, big-endian: the private scalar of an ECDSA key; exponent and primes of an RSA key (the rest is computed). */
struct crypto_key *crypto_from_scalar(enum key_type t, struct str scalar, struct err *err);
struct crypto_key *crypto_from_primes(
    enum key_type t, struct str e, struct str p, struct str q, struct err *err);
/* The other way, in decimal: a number of an RSA or ECDSA key. False: it has no such number. */
enum crypto_number {
    NUMBER_EC_X,
    NUMBER_EC_Y,
    NUMBER_EC_D,
    NUMBER_RSA_N,
    NUMBER_RSA_E,
    NUMBER_RSA_D,
    NUMBER_RSA_P,
    NUMBER_RSA_Q,
    NUMBER_RSA_DP,
    NUMBER_RSA_DQ,
    NUMBER_RSA_QINV,
};
bool crypto_number(const struct crypto_key *k, enum crypto_number which, struct buf *to);
/* A decimal number, as JSON spells it, to big-endian bytes; false: it is none or past 4096 bits. */
bool crypto_decimal_to_bytes(struct str digits, struct buf *to);
struct crypto_key *crypto_ref(struct crypto_key *k); /* atomic */
void crypto_unref(struct crypto_key *k);
enum key_type crypto_type(const struct crypto_key *k);
bool crypto_is_public(const struct crypto_key *k); /* has no private half */
/* What crypto_from_secret() takes: raw bytes (Ed25519: seed | public, 64; secp256k1: 32), or PKCS#8 DER. In secret memory the caller frees
 * with secret_free(); NULL when there is a public half alone. */
void *crypto_secret(const struct crypto_key *k, size_t *len);
/* SubjectPublicKeyInfo DER, and PEM; empty for symmetric keys. */
void crypto_public_der(const struct crypto_key *k, struct buf *to);
void crypto_public_pem(const struct crypto_key *k, struct buf *to);
void crypto_public_raw(const struct crypto_key *k, struct buf *to);  /* Ed25519: 32 bytes */
void crypto_private_pem(const struct crypto_key *k, struct buf *to); /* PKCS#8; to be wiped */
/* In the form of its kind: SEC 1 "EC PRIVATE KEY", PKCS#1 "RSA PRIVATE KEY"; to be wiped. */
void crypto_private_pem_own(const struct crypto_key *k, struct buf *to);
/* OpenSSL's form of it, for its X.509 functions: the caller frees it. NULL: symmetric. */
struct evp_pkey_st *crypto_pkey(const struct crypto_key *k);
const struct evp_md_st *crypto_evp_digest(enum digest d);              /* lives for ever */
void crypto_private_pkcs8(const struct crypto_key *k, struct buf *to); /* DER; to be wiped */

enum signature_scheme { SCHEME_DEFAULT, SCHEME_PSS, SCHEME_PKCS1 };
struct signing {
    enum digest digest; /* ignored by Ed25519; NONE with prehashed: PKCS1 without DigestInfo,
                                     ECDSA of any digest's length */
    bool prehashed;     /* input is the digest */
    enum signature_scheme scheme; /* RSA */
    int salt_length;              /* PSS: -1 auto (largest), -2 the digest's length, or bytes */
    bool jws;                     /* ECDSA: r | s of fixed width; else ASN.1 */
};
/* err ids crypto_input (sentence says what is wrong with it), crypto_failed. Signature is appended. */
int crypto_key_sign(struct crypto_key *k, const struct signing *how, struct str input,
    struct buf *to, struct err *err);
/* 1 it is, 0 it is not, -1 err. */
int crypto_verify(struct crypto_key *k, const struct signing *how, struct str input,
    struct str signature, struct err *err);

/* AEAD: nonce | ciphertext | tag appended; nonce NULL: random. RSA: OAEP with SHA-256 (nonce and aad must be empty). */
int crypto_encrypt(struct crypto_key *k, const uint8_t *nonce, struct str aad, struct str plain,
    struct buf *to, struct err *err);
int crypto_decrypt(
    struct crypto_key *k, struct str aad, struct str sealed, struct buf *to, struct err *err);
size_t crypto_nonce_bytes(enum key_type t); /* 0: takes none */
/* RSA-OAEP (RFC 8017 7.1) with that digest, for MGF1 too. */
int crypto_oaep_encrypt(
    struct crypto_key *k, enum digest d, struct str plain, struct buf *to, struct err *err);
int crypto_oaep_decrypt(
    struct crypto_key *k, enum digest d, struct str sealed, struct buf *to, struct err *err);
/* AES-256 key wrap with padding, RFC 5649; key: 32 bytes. */
int crypto_kwp_wrap(struct str key, struct str plain, struct buf *to, struct err *err);
int crypto_kwp_unwrap(struct str key, struct str wrapped, struct buf *to, struct err *err);

/* With a key of type HMAC. */
void crypto_mac(
    const struct crypto_key *k, enum digest d, struct str input, uint8_t out[64], size_t *len);
void crypto_hmac(enum digest d, struct str key, struct str input, uint8_t out[64], size_t *len);
void crypto_digest(enum digest d, struct str input, uint8_t out[64], size_t *len);
/* RFC 5869 with SHA-256. */
void crypto_hkdf(struct str ikm, struct str salt, struct str info, uint8_t *out, size_t n);

/* Signs and verifies a fresh challenge (asymmetric), or encrypts and decrypts one, HMAC: recomputes; false: the key does not work. */
bool crypto_self_test(struct crypto_key *k);

#endif
