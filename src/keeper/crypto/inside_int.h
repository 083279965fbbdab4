/*
 * inside - what the files of keeper/crypto share and nobody else sees.
 */
#ifndef WEIR_KEEPER_CRYPTO_INSIDE_INT_H
#define WEIR_KEEPER_CRYPTO_INSIDE_INT_H

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <secp256k1.h>
#include <stdatomic.h>

#include "keeper/crypto/key_int.h"

enum { ED25519_SEED = 32, ED25519_SECRET = 64, SECP256K1_SECRET = 32 };

struct crypto_key {
    enum key_type type;
    atomic_uint refs;
    bool public_only;
    uint8_t *secret; /* secret memory: symmetric keys, Ed25519 (seed | public), secp256k1 */
    size_t secret_len;
    uint8_t ed25519[32];
    secp256k1_pubkey secp256k1;
    EVP_PKEY *pkey; /* RSA and the NIST curves */

    /* Made when first needed, by the thread that came first; another one makes its own for each call. */
    atomic_uintptr_t owner;
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    EVP_PKEY_CTX *sign;
    EVP_PKEY_CTX *verify;
    struct signing sign_as;
    struct signing verify_as;
};

/* May this thread use the contexts kept in k? */
bool crypto_is_mine(struct crypto_key *k);

OSSL_LIB_CTX *crypto_library(void);
const EVP_MD *crypto_md(enum digest d);
/* Of a curve; immutable, so that threads may share it. */
const EC_GROUP *crypto_ec_group(enum key_type t);
/* Signs and verifies; randomised against side channels. */
const secp256k1_context *crypto_secp256k1(void);

/* "P-256", "RSA"; NULL: not OpenSSL's. */
const char *crypto_group(enum key_type t);
/* 2048 ..., or 0. */
int crypto_rsa_bits(enum key_type t);

enum der_form { DER_PUBLIC, DER_PKCS8, DER_OWN /* SEC 1, PKCS#1 */ };
/* Of an asymmetric key that has that half. */
void crypto_der(const struct crypto_key *k, enum der_form form, struct buf *to);
void crypto_pem(const struct crypto_key *k, enum der_form form, struct buf *to);
/* The scalar inside PKCS#8 of a curve in the very form that crypto_der() writes; at NULL: another form. */
struct str crypto_der_scalar(enum key_type t, struct str der);

/* Takes over pkey (never NULL) when it is a key of that type; else frees it, and NULL. */
struct crypto_key *crypto_adopt(enum key_type t, EVP_PKEY *pkey, bool public_only, struct err *err);
struct crypto_key *crypto_new(enum key_type t);
/* -1, and what OpenSSL said is forgotten. */
int crypto_refuse(struct err *err, const char *id, const char *sentence);

#endif
