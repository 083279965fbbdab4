/*
 * key - one private key, and signing with it.
 */
#ifndef WEIR_KEEPER_KEY_INT_H
#define WEIR_KEEPER_KEY_INT_H

#include <openssl/evp.h>

#include "base/err.h"
#include "base/str.h"
#include "keeper/policy_int.h"
#include "net/tls.h"

enum { KEY_PEM_MAX = 64 * 1024 };

struct key;

/* What all keys share: OpenSSL's context, and the digests. */
struct key_tools;
struct key_tools *key_tools_new(void);
void key_tools_free(struct key_tools *t);

/* PKCS#8, SEC1 or PKCS#1, not encrypted. err ids keeper_key_read, keeper_key. */
struct key *key_read(struct key_tools *t, int fd, struct err *err);
struct key *key_parse(struct key_tools *t, struct str pem, struct err *err);
void key_free(struct key *k); /* wipes it */

const uint8_t *key_id(const struct key *k); /* TLS_KEY_ID bytes */
/* "rsa-2048", "ecdsa-p256", "ed25519" ... */
const char *key_algorithm(const struct key *k);

/* Is there such a scheme at all? */
bool key_scheme_exists(uint16_t scheme);
/* NULL, and the signature; or a word that says why not. */
const char *key_sign(struct key *k, uint16_t scheme, struct str input,
    uint8_t signature[TLS_SIGNATURE_MAX], size_t *len);

#endif
