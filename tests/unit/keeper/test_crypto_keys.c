/*
 * Keys of every algorithm as bytes: out, back, in the forms that other programs read, and what is no key.
 */
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check.h"
#include "crypto_vectors.h"
#include "keeper/crypto/inside_int.h"
#include "keeper/seal/memory_int.h"

/* ---- all of them ---- */

static size_t bytes_of(enum key_type t)
{
    return t == KEY_HMAC ? 64 : 0;
}

static void keys_go_out_and_come_back(void)
{
    struct err err;

    for (enum key_type t = 0; t < KEY_TYPES; t++) {
        struct crypto_key *k;
        struct crypto_key *again;
        size_t len;
        void *secret;

        if (t == KEY_RSA_3072 || t == KEY_RSA_4096) /* as RSA-2048, but seconds long */
            continue;
        k = crypto_generate(t, bytes_of(t), &err);
        CHECK(k != NULL && crypto_self_test(k));
        secret = crypto_secret(k, &len);
        again = crypto_from_secret(t, (struct str){ secret, len }, &err);
        CHECK(again != NULL && crypto_self_test(again) && crypto_type(again) == t);
        crypto_unref(again);
        /* A key of any other type it is not, but for those that are any bytes. */
        for (enum key_type o = KEY_ED25519; o < KEY_HMAC; o++)
            if (o != t && key_facts(t)->asymmetric && o != KEY_ED25519) {
                again = crypto_from_secret(o, (struct str){ secret, len }, &err);
                CHECK(again == NULL);
                crypto_unref(again);
            }
        secret_free(secret);
        crypto_unref(k);
    }
}

static void public_halves_verify_what_private_ones_sign(void)
{
    const struct signing how = { .digest = DIGEST_SHA256, .salt_length = -1 };
    struct err err;
    struct buf der;
    struct buf signature;

    buf_init(&der, 4096);
    buf_init(&signature, 4096);
    for (enum key_type t = KEY_ED25519; t <= KEY_RSA_2048; t++) {
        struct crypto_key *k = t == KEY_RSA_2048 ? rsa() : crypto_generate(t, 0, &err);
        struct crypto_key *half;
        size_t len;

        der.len = signature.len = 0;
        crypto_public_der(k, &der);
        half = crypto_from_public(t, buf_as_str(&der), &err);
        CHECK(half != NULL && crypto_is_public(half) && !crypto_is_public(k));
        CHECK(crypto_key_sign(k, &how, STR("text"), &signature, &err) == 0);
        CHECK(crypto_verify(half, &how, STR("text"), buf_as_str(&signature), &err) == 1);
        CHECK(crypto_verify(half, &how, STR("texu"), buf_as_str(&signature), &err) == 0);
        CHECK(crypto_key_sign(half, &how, STR("text"), &signature, &err) == -1);
        CHECK(!crypto_self_test(half));
        CHECK(crypto_secret(half, &len) == NULL);
        der.len--;
        CHECK(crypto_from_public(t, buf_as_str(&der), &err) == NULL);
        crypto_unref(half);
        crypto_unref(k);
    }
    buf_free(&signature);
    buf_free(&der);
}

static void pem_says_what_is_inside(void)
{
    static const struct {
        enum key_type type;
        const char *own;
    } cases[] = {
        { KEY_ED25519, "-----BEGIN PRIVATE KEY-----\n" },
        { KEY_ECDSA_P256, "-----BEGIN EC PRIVATE KEY-----\n" },
        { KEY_ECDSA_SECP256K1, "-----BEGIN EC PRIVATE KEY-----\n" },
        { KEY_RSA_2048, "-----BEGIN RSA PRIVATE KEY-----\n" },
    };
    struct err err;
    struct buf pem;

    buf_init_secret(&pem, 8192);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum key_type t = cases[i].type;
        struct crypto_key *k = t == KEY_RSA_2048 ? rsa() : crypto_generate(t, 0, &err);

        pem.len = 0;
        crypto_private_pem_own(k, &pem);
        CHECK(str_starts(buf_as_str(&pem), str_from(cases[i].own)));
        pem.len = 0;
        crypto_private_pem(k, &pem);
        CHECK(str_starts(buf_as_str(&pem), STR("-----BEGIN PRIVATE KEY-----\n")));
        pem.len = 0;
        crypto_public_pem(k, &pem);
        CHECK(str_starts(buf_as_str(&pem), STR("-----BEGIN PUBLIC KEY-----\n")));
        crypto_unref(k);
    }
    buf_free(&pem);
}

/* What is written by hand is byte for byte what OpenSSL would write. */
static void der_is_openssls(void)
{
    struct err err;
    struct buf ours;

    buf_init_secret(&ours, 8192);
    for (enum key_type t = KEY_ED25519; t <= KEY_RSA_2048; t++) {
        struct crypto_key *k = t == KEY_RSA_2048 ? rsa() : crypto_generate(t, 0, &err);
        EVP_PKEY *pkey = crypto_pkey(k);
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
        unsigned char *der = NULL;
        int len = i2d_PUBKEY(pkey, &der);

        ours.len = 0;
        crypto_public_der(k, &ours);
        CHECK(str_eq(buf_as_str(&ours), (struct str){ (char *)der, (size_t)len }));
        OPENSSL_free(der);
        der = NULL;
        len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        ours.len = 0;
        crypto_private_pkcs8(k, &ours);
        CHECK(str_eq(buf_as_str(&ours), (struct str){ (char *)der, (size_t)len }));
        OPENSSL_free(der);
        if (t != KEY_ED25519) {
            der = NULL;
            len = i2d_PrivateKey(pkey, &der);
            ours.len = 0;
            crypto_der(k, DER_OWN, &ours);
            CHECK(str_eq(buf_as_str(&ours), (struct str){ (char *)der, (size_t)len }));
            OPENSSL_free(der);
        }
        PKCS8_PRIV_KEY_INFO_free(info);
        EVP_PKEY_free(pkey);
        crypto_unref(k);
    }
    buf_free(&ours);
}

/* PKCS#8 without the public half is another form: OpenSSL reads it, and the half is computed. */
static void foreign_forms_are_read(void)
{
    struct err err;
    struct crypto_key *k = crypto_from_secret(KEY_ECDSA_P256,
        hex("3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420c9afa9d845ba7516"
            "6b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
        &err);
    const struct signing how = { .digest = DIGEST_SHA256, .jws = true };

    CHECK(k != NULL && crypto_self_test(k));
    CHECK(k != NULL && crypto_verify(k, &how, STR("sample"),
                           hex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7"
                               "CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"),
                           &err) == 1);
    crypto_unref(k);
}

static void malformed_secrets_are_refused(void)
{
    struct err err;
    struct str seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    char both[64];

    CHECK(crypto_from_secret(KEY_AES256_GCM96, STR("short"), &err) == NULL);
    CHECK(strcmp(err.id, "key_malformed") == 0);
    CHECK(crypto_from_secret(KEY_AES128_GCM96, seed, &err) == NULL);
    CHECK(crypto_from_secret(KEY_RSA_2048, STR("nonsense"), &err) == NULL);
    CHECK(crypto_from_secret(KEY_ECDSA_P256, STR_NONE, &err) == NULL);
    CHECK(crypto_from_secret(KEY_HMAC, STR_NONE, &err) == NULL);
    CHECK(crypto_generate(KEY_HMAC, 31, &err) == NULL);
    CHECK(crypto_generate(KEY_HMAC, 513, &err) == NULL);
    /* A seed with another key's public half would give the private one away. */
    memcpy(both, seed.at, 32);
    memcpy(
        both + 32, hex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025").at, 32);
    CHECK(crypto_from_secret(KEY_ED25519, (struct str){ both, 64 }, &err) == NULL);
}

static void prehashed_input_has_the_length_of_its_hash(void)
{
    struct signing how = { .digest = DIGEST_SHA256, .prehashed = true, .scheme = SCHEME_PKCS1 };
    struct crypto_key *k = rsa();
    struct err err;
    struct buf out;
    struct buf hashed;
    uint8_t hash[64];
    size_t n;

    buf_init(&out, 4096);
    buf_init(&hashed, 4096);
    crypto_digest(DIGEST_SHA256, STR("text"), hash, &n);
    CHECK(crypto_key_sign(k, &how, (struct str){ (char *)hash, n }, &out, &err) == 0);
    how.prehashed = false;
    CHECK(crypto_key_sign(k, &how, STR("text"), &hashed, &err) == 0);
    CHECK(str_eq(buf_as_str(&out), buf_as_str(&hashed)));
    how.prehashed = true;
    CHECK(crypto_key_sign(k, &how, STR("too short"), &out, &err) == -1);
    CHECK(strcmp(err.id, "crypto_input") == 0);
    how.digest = DIGEST_NONE;
    CHECK(crypto_key_sign(k, &how, STR("any input"), &out, &err) == 0);
    how.scheme = SCHEME_PSS;
    CHECK(crypto_key_sign(k, &how, STR("any input"), &out, &err) == -1);
    how.prehashed = false;
    CHECK(crypto_key_sign(k, &how, STR("any input"), &out, &err) == -1);
    buf_free(&hashed);
    buf_free(&out);
    crypto_unref(k);
}

static void numbers_come_in_decimal(void)
{
    struct buf out;

    buf_init(&out, 1024);
    CHECK(crypto_decimal_to_bytes(STR("65537"), &out) && is_hex(buf_as_str(&out), "010001"));
    out.len = 0;
    CHECK(crypto_decimal_to_bytes(STR("0"), &out) && out.len == 0);
    CHECK(!crypto_decimal_to_bytes(STR("-1"), &out));
    CHECK(!crypto_decimal_to_bytes(STR("1e5"), &out));
    CHECK(!crypto_decimal_to_bytes(STR_NONE, &out));
    buf_free(&out);
}

static void names_are_vaults(void)
{
    CHECK(key_type_find(STR("aes256-gcm96")) == KEY_AES256_GCM96);
    CHECK(key_type_find(STR("rsa-4096")) == KEY_RSA_4096);
    CHECK(key_type_find(STR("dsa")) == KEY_TYPES && key_type_find(STR_NONE) == KEY_TYPES);
    CHECK(digest_find(STR("sha2-256")) == DIGEST_SHA256);
    CHECK(digest_find(STR("SHA512")) == DIGEST_SHA512);
    CHECK(digest_find(STR("md5")) == DIGESTS);
}

TESTS(CASE(keys_go_out_and_come_back), CASE(public_halves_verify_what_private_ones_sign),
    CASE(pem_says_what_is_inside), CASE(der_is_openssls), CASE(foreign_forms_are_read),
    CASE(malformed_secrets_are_refused), CASE(prehashed_input_has_the_length_of_its_hash),
    CASE(numbers_come_in_decimal), CASE(names_are_vaults))
