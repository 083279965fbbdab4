/*
 * Keys: making them, reading them, writing them.
 *
 * RSA and the NIST curves are an EVP_PKEY; Ed25519, secp256k1 and everything symmetric are bytes in
 * secret memory that libsodium, libsecp256k1 or a cipher take directly.  What is read is
 * rebuilt, never trusted: the public half always comes out of the private one.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "keeper/crypto/inside_int.h"
#include "keeper/seal/memory_int.h"

enum { DER_MAX = 16 * 1024, HMAC_KEY_LEAST = 32, HMAC_KEY_MOST = 512 };

struct crypto_key *crypto_new(enum key_type t)
{
    struct crypto_key *k = xcalloc(1, sizeof(*k));

    crypto_start();
    k->type = t;
    atomic_init(&k->refs, 1);
    atomic_init(&k->owner, 0);
    return k;
}

struct crypto_key *crypto_ref(struct crypto_key *k)
{
    atomic_fetch_add(&k->refs, 1);
    return k;
}

void crypto_unref(struct crypto_key *k)
{
    if (k == NULL || atomic_fetch_sub(&k->refs, 1) > 1)
        return;
    EVP_CIPHER_CTX_free(k->seal);
    EVP_CIPHER_CTX_free(k->open);
    EVP_PKEY_CTX_free(k->sign);
    EVP_PKEY_CTX_free(k->verify);
    EVP_PKEY_free(k->pkey);
    secret_free(k->secret);
    free(k);
}

enum key_type crypto_type(const struct crypto_key *k)
{
    return k->type;
}

bool crypto_is_public(const struct crypto_key *k)
{
    return k->public_only;
}

/* ---- from bytes ---- */

static struct crypto_key *from_symmetric(enum key_type t, struct str secret)
{
    struct crypto_key *k = crypto_new(t);

    k->secret = secret_alloc(secret.len);
    k->secret_len = secret.len;
    memcpy(k->secret, secret.at, secret.len);
    return k;
}

static struct crypto_key *from_seed(const uint8_t seed[ED25519_SEED])
{
    struct crypto_key *k = crypto_new(KEY_ED25519);

    k->secret = secret_alloc(ED25519_SECRET);
    k->secret_len = ED25519_SECRET;
    crypto_sign_seed_keypair(k->ed25519, k->secret, seed);
    return k;
}

static struct crypto_key *from_scalar_secp256k1(const uint8_t scalar[SECP256K1_SECRET])
{
    struct crypto_key *k;

    if (secp256k1_ec_seckey_verify(crypto_secp256k1(), scalar) != 1)
        return NULL;
    k = from_symmetric(KEY_ECDSA_SECP256K1, (struct str){ (const char *)scalar, SECP256K1_SECRET });
    MUST(secp256k1_ec_pubkey_create(crypto_secp256k1(), &k->secp256k1, k->secret) == 1);
    return k;
}

/* RFC 8032 keys come as the seed, or as Go keeps them: seed | public. */
static struct crypto_key *from_ed25519(struct str secret, struct err *err)
{
    struct crypto_key *k = from_seed((const uint8_t *)secret.at);

    if (secret.len == ED25519_SECRET &&
        sodium_memcmp(k->ed25519, secret.at + ED25519_SEED, sizeof(k->ed25519)) != 0) {
        crypto_unref(k);
        crypto_refuse(err, "key_malformed", "the halves of the key do not belong together");
        return NULL;
    }
    return k;
}

static bool is_group(const EVP_PKEY *pkey, const char *wanted)
{
    /* OpenSSL answers with the short name of the OID. */
    static const struct {
        const char *group;
        const char *name;
    } names[] = { { "P-256", "prime256v1" }, { "P-384", "secp384r1" }, { "P-521", "secp521r1" },
        { "secp256k1", "secp256k1" } };
    char name[32] = "";
    size_t len = 0;

    if (EVP_PKEY_is_a(pkey, "EC") != 1 ||
        EVP_PKEY_get_group_name(pkey, name, sizeof(name), &len) != 1)
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].group, wanted) == 0)
            return strcmp(name, names[i].name) == 0 || strcmp(name, wanted) == 0;
    return false;
}

static bool is_of_type(const EVP_PKEY *pkey, enum key_type t)
{
    if (t == KEY_ED25519)
        return EVP_PKEY_is_a(pkey, "ED25519") == 1;
    if (crypto_group(t) != NULL)
        return is_group(pkey, crypto_group(t));
    return EVP_PKEY_is_a(pkey, "RSA") == 1 && EVP_PKEY_get_bits(pkey) == crypto_rsa_bits(t);
}

static struct crypto_key *adopt_ed25519(const EVP_PKEY *pkey, bool public_only)
{
    uint8_t seed[ED25519_SEED];
    size_t len = sizeof(seed);
    struct crypto_key *k;

    if (public_only) {
        k = crypto_new(KEY_ED25519);
        k->public_only = true;
        MUST(EVP_PKEY_get_raw_public_key(pkey, k->ed25519, &len) == 1);
        return k;
    }
    if (EVP_PKEY_get_raw_private_key(pkey, seed, &len) != 1)
        return NULL;
    k = from_seed(seed);
    explicit_bzero(seed, sizeof(seed));
    return k;
}

static struct crypto_key *adopt_secp256k1(const EVP_PKEY *pkey, bool public_only)
{
    uint8_t bytes[65];
    size_t len = 0;
    BIGNUM *scalar = NULL;
    struct crypto_key *k = NULL;

    if (public_only) {
        k = crypto_new(KEY_ECDSA_SECP256K1);
        k->public_only = true;
        if (EVP_PKEY_get_octet_string_param(
                pkey, OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof(bytes), &len) == 1 &&
            secp256k1_ec_pubkey_parse(crypto_secp256k1(), &k->secp256k1, bytes, len) == 1)
            return k;
        crypto_unref(k);
        return NULL;
    }
    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
        BN_bn2binpad(scalar, bytes, SECP256K1_SECRET) == SECP256K1_SECRET)
        k = from_scalar_secp256k1(bytes);
    BN_clear_free(scalar);
    explicit_bzero(bytes, sizeof(bytes));
    return k;
}

struct crypto_key *crypto_adopt(enum key_type t, EVP_PKEY *pkey, bool public_only, struct err *err)
{
    struct crypto_key *k = NULL;

    if (!is_of_type(pkey, t)) {
        EVP_PKEY_free(pkey);
        crypto_refuse(err, "key_type", "the key is of another type");
        return NULL;
    }
    if (t == KEY_ED25519 || t == KEY_ECDSA_SECP256K1) {
        k = t == KEY_ED25519 ? adopt_ed25519(pkey, public_only)
                             : adopt_secp256k1(pkey, public_only);
        EVP_PKEY_free(pkey);
        if (k == NULL)
            crypto_refuse(err, "key_malformed", "the key is malformed");
        return k;
    }
    k = crypto_new(t);
    k->pkey = pkey;
    k->public_only = public_only;
    return k;
}

static struct crypto_key *from_pkcs8(enum key_type t, struct str der, struct err *err)
{
    const unsigned char *at = (const unsigned char *)der.at;
    struct str scalar = crypto_der_scalar(t, der);
    PKCS8_PRIV_KEY_INFO *info = NULL;
    EVP_PKEY *pkey = NULL;

    if (scalar.at != NULL)
        return crypto_from_scalar(t, scalar, err);
    if (der.len > 0 && der.len <= DER_MAX)
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);
    if (info != NULL && at == (const unsigned char *)der.at + der.len)
        pkey = EVP_PKCS82PKEY_ex(info, crypto_library(), NULL);
    PKCS8_PRIV_KEY_INFO_free(info);
    if (pkey != NULL)
        return crypto_adopt(t, pkey, false, err);
    crypto_refuse(err, "key_malformed", "not a PKCS#8 private key");
    return NULL;
}

struct crypto_key *crypto_from_secret(enum key_type t, struct str secret, struct err *err)
{
    const struct key_facts *f = key_facts(t);

    crypto_start();
    if (t == KEY_HMAC) {
        if (secret.len >= 1 && secret.len <= HMAC_KEY_MOST)
            return from_symmetric(t, secret);
        crypto_refuse(err, "key_malformed", "an HMAC key has 1 to 512 bytes");
        return NULL;
    }
    if (!f->asymmetric) {
        if (secret.len == f->secret_bytes)
            return from_symmetric(t, secret);
        err_set(err, ERR_CONFIG, "key_malformed", "a key of type %s has %u bytes", f->name,
            f->secret_bytes);
        return NULL;
    }
    if (t == KEY_ECDSA_SECP256K1 && secret.len == SECP256K1_SECRET) {
        struct crypto_key *k = from_scalar_secp256k1((const uint8_t *)secret.at);

        if (k == NULL)
            crypto_refuse(err, "key_malformed", "not a secp256k1 key");
        return k;
    }
    /* PKCS#8 of an Ed25519 key has 48 bytes, or more with its public half (RFC 8410 7). */
    if (t == KEY_ED25519 &&
        (secret.len == ED25519_SEED || (secret.len == ED25519_SECRET && secret.at[0] != 0x30)))
        return from_ed25519(secret, err);
    if (t == KEY_ED25519 && secret.len == ED25519_SECRET) {
        struct crypto_key *k = from_ed25519(secret, err);

        return k != NULL ? k : from_pkcs8(t, secret, err);
    }
    return from_pkcs8(t, secret, err);
}

struct crypto_key *crypto_from_public(enum key_type t, struct str spki, struct err *err)
{
    const unsigned char *at = (const unsigned char *)spki.at;
    EVP_PKEY *pkey = NULL;

    if (!key_facts(t)->asymmetric) {
        crypto_refuse(err, "key_type", "a symmetric key has no public half");
        return NULL;
    }
    if (spki.len > 0 && spki.len <= DER_MAX)
        pkey = d2i_PUBKEY_ex(NULL, &at, (long)spki.len, crypto_library(), NULL);
    if (pkey != NULL && at != (const unsigned char *)spki.at + spki.len) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    if (pkey != NULL)
        return crypto_adopt(t, pkey, true, err);
    crypto_refuse(err, "key_malformed", "not a public key (SubjectPublicKeyInfo)");
    return NULL;
}

/* ---- new ones ---- */

static struct crypto_key *generate_pkey(enum key_type t, struct err *err)
{
    const char *group = crypto_group(t);
    EVP_PKEY *pkey = group != NULL ? EVP_PKEY_Q_keygen(crypto_library(), NULL, "EC", group)
                                   : EVP_PKEY_Q_keygen(
                                         crypto_library(), NULL, "RSA", (size_t)crypto_rsa_bits(t));

    if (pkey != NULL)
        return crypto_adopt(t, pkey, false, err);
    crypto_refuse(err, "crypto_failed", "no key could be made");
    return NULL;
}

struct crypto_key *crypto_generate(enum key_type t, size_t bytes, struct err *err)
{
    const struct key_facts *f = key_facts(t);
    struct crypto_key *k = NULL;
    uint8_t *secret;

    if (t == KEY_HMAC && (bytes < HMAC_KEY_LEAST || bytes > HMAC_KEY_MOST)) {
        crypto_refuse(err, "key_malformed", "an HMAC key has 32 to 512 bytes");
        return NULL;
    }
    if (f->asymmetric && t != KEY_ED25519 && t != KEY_ECDSA_SECP256K1)
        return generate_pkey(t, err);
    if (t != KEY_HMAC)
        bytes = f->asymmetric ? 32 : f->secret_bytes;
    crypto_start();
    secret = secret_alloc(bytes);
    while (k == NULL) {
        random_bytes(secret, bytes);
        if (t == KEY_ED25519)
            k = from_seed(secret);
        else if (t == KEY_ECDSA_SECP256K1)
            k = from_scalar_secp256k1(secret); /* NULL once in 2^127 */
        else
            k = from_symmetric(t, (struct str){ (char *)secret, bytes });
    }
    secret_free(secret);
    return k;
}

/* ---- to bytes ---- */

/* What OpenSSL can write. The caller frees it. */
static EVP_PKEY *as_pkey(const struct crypto_key *k, bool public_only)
{
    static char group[] = "secp256k1";
    uint8_t point[65];
    size_t len = sizeof(point);
    OSSL_PARAM_BLD *bld;
    OSSL_PARAM *params;
    EVP_PKEY_CTX *c;
    BIGNUM *scalar = NULL;
    EVP_PKEY *pkey = NULL;

    if (k->pkey != NULL) {
        EVP_PKEY_up_ref(k->pkey);
        return k->pkey;
    }
    if (k->type == KEY_ED25519)
        return public_only ? EVP_PKEY_new_raw_public_key_ex(
                                 crypto_library(), "ED25519", NULL, k->ed25519, sizeof(k->ed25519))
                           : EVP_PKEY_new_raw_private_key_ex(
                                 crypto_library(), "ED25519", NULL, k->secret, ED25519_SEED);
    secp256k1_ec_pubkey_serialize(
        crypto_secp256k1(), point, &len, &k->secp256k1, SECP256K1_EC_UNCOMPRESSED);
    bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len);
    if (!public_only) {
        scalar = BN_secure_new();
        BN_bin2bn(k->secret, SECP256K1_SECRET, scalar);
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar);
    }
    params = OSSL_PARAM_BLD_to_param(bld);
    c = EVP_PKEY_CTX_new_from_name(crypto_library(), "EC", NULL);
    MUST(params != NULL && c != NULL && EVP_PKEY_fromdata_init(c) == 1);
    EVP_PKEY_fromdata(c, &pkey, public_only ? EVP_PKEY_PUBLIC_KEY : EVP_PKEY_KEYPAIR, params);
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_clear_free(scalar);
    return pkey;
}

EVP_PKEY *crypto_pkey(const struct crypto_key *k)
{
    return key_facts(k->type)->asymmetric ? as_pkey(k, k->public_only) : NULL;
}

void *crypto_secret(const struct crypto_key *k, size_t *len)
{
    struct buf der;
    void *p;

    if (k->public_only)
        return NULL;
    if (k->pkey == NULL) {
        p = secret_alloc(k->secret_len);
        memcpy(p, k->secret, *len = k->secret_len);
        return p;
    }
    buf_init_secret(&der, DER_MAX);
    crypto_der(k, DER_PKCS8, &der);
    MUST(!der.over);
    p = secret_alloc(der.len);
    memcpy(p, der.data, *len = der.len);
    buf_free(&der);
    return p;
}

static bool has_private(const struct crypto_key *k)
{
    return key_facts(k->type)->asymmetric && !k->public_only;
}

void crypto_public_der(const struct crypto_key *k, struct buf *to)
{
    if (key_facts(k->type)->asymmetric)
        crypto_der(k, DER_PUBLIC, to);
}

void crypto_public_pem(const struct crypto_key *k, struct buf *to)
{
    if (key_facts(k->type)->asymmetric)
        crypto_pem(k, DER_PUBLIC, to);
}

void crypto_public_raw(const struct crypto_key *k, struct buf *to)
{
    if (k->type == KEY_ED25519)
        buf_add(to, k->ed25519, sizeof(k->ed25519));
}

void crypto_private_pem(const struct crypto_key *k, struct buf *to)
{
    if (has_private(k))
        crypto_pem(k, DER_PKCS8, to);
}

void crypto_private_pem_own(const struct crypto_key *k, struct buf *to)
{
    if (has_private(k))
        crypto_pem(k, DER_OWN, to);
}

void crypto_private_pkcs8(const struct crypto_key *k, struct buf *to)
{
    if (has_private(k))
        crypto_der(k, DER_PKCS8, to);
}
