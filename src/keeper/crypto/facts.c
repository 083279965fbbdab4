/*
 * What the algorithms are called and what they can do: two tables.
 */
#include "base/bug.h"
#include "keeper/crypto/inside_int.h"

#define BOTH  .encrypts = true, .derives = true, .converges = true
#define SIGNS .signs = true, .asymmetric = true
#define RSA   .encrypts = true, .signs = true, .asymmetric = true

static const struct algorithm {
    struct key_facts facts;
    const char *group; /* as OpenSSL calls the curve */
    int rsa_bits;
} algorithms[KEY_TYPES] = {
    [KEY_AES128_GCM96] = { { "aes128-gcm96", BOTH, .secret_bytes = 16 } },
    [KEY_AES256_GCM96] = { { "aes256-gcm96", BOTH, .secret_bytes = 32 } },
    [KEY_CHACHA20_POLY1305] = { { "chacha20-poly1305", BOTH, .secret_bytes = 32 } },
    [KEY_XCHACHA20_POLY1305] = { { "xchacha20-poly1305", BOTH, .secret_bytes = 32 } },
    [KEY_ED25519] = { { "ed25519", SIGNS, .derives = true } },
    [KEY_ECDSA_P256] = { { "ecdsa-p256", SIGNS }, .group = "P-256" },
    [KEY_ECDSA_P384] = { { "ecdsa-p384", SIGNS }, .group = "P-384" },
    [KEY_ECDSA_P521] = { { "ecdsa-p521", SIGNS }, .group = "P-521" },
    [KEY_ECDSA_SECP256K1] = { { "ecdsa-secp256k1", SIGNS }, .group = "secp256k1" },
    [KEY_RSA_2048] = { { "rsa-2048", RSA }, .rsa_bits = 2048 },
    [KEY_RSA_3072] = { { "rsa-3072", RSA }, .rsa_bits = 3072 },
    [KEY_RSA_4096] = { { "rsa-4096", RSA }, .rsa_bits = 4096 },
    [KEY_HMAC] = { { "hmac" } },
};

/* The first name is the one that Vault prints. */
static const struct {
    enum digest digest;
    const char *name;
} digest_names[] = {
    { DIGEST_NONE, "none" },
    { DIGEST_SHA1, "sha1" },
    { DIGEST_SHA1, "sha-1" },
    { DIGEST_SHA224, "sha2-224" },
    { DIGEST_SHA224, "sha224" },
    { DIGEST_SHA224, "sha-224" },
    { DIGEST_SHA256, "sha2-256" },
    { DIGEST_SHA256, "sha256" },
    { DIGEST_SHA256, "sha-256" },
    { DIGEST_SHA384, "sha2-384" },
    { DIGEST_SHA384, "sha384" },
    { DIGEST_SHA384, "sha-384" },
    { DIGEST_SHA512, "sha2-512" },
    { DIGEST_SHA512, "sha512" },
    { DIGEST_SHA512, "sha-512" },
    { DIGEST_SHA3_224, "sha3-224" },
    { DIGEST_SHA3_256, "sha3-256" },
    { DIGEST_SHA3_384, "sha3-384" },
    { DIGEST_SHA3_512, "sha3-512" },
};

const struct key_facts *key_facts(enum key_type t)
{
    MUST(t < KEY_TYPES);
    return &algorithms[t].facts;
}

enum key_type key_type_find(struct str name)
{
    enum key_type t = 0;

    while (t < KEY_TYPES && !str_is(name, algorithms[t].facts.name))
        t++;
    return t;
}

enum digest digest_find(struct str name)
{
    for (size_t i = 0; i < sizeof(digest_names) / sizeof(digest_names[0]); i++)
        if (str_eq_nocase(name, str_from(digest_names[i].name)))
            return digest_names[i].digest;
    return DIGESTS;
}

size_t digest_bytes(enum digest d)
{
    static const uint8_t bytes[DIGESTS] = { 0, 20, 28, 32, 48, 64, 28, 32, 48, 64 };

    MUST(d < DIGESTS);
    return bytes[d];
}

const char *crypto_group(enum key_type t)
{
    return algorithms[t].group;
}

int crypto_rsa_bits(enum key_type t)
{
    return algorithms[t].rsa_bits;
}

bool crypto_is_slow(enum key_type t)
{
    return algorithms[t].rsa_bits > 0;
}

size_t crypto_nonce_bytes(enum key_type t)
{
    if (!key_facts(t)->converges)
        return 0;
    return t == KEY_XCHACHA20_POLY1305 ? 24 : 12;
}
