/*
 * Every algorithm against published vectors, and what must not pass.
 *
 * Sources: NIST FIPS 180-4 and 202 ("abc"), McGrew and Viega's GCM cases 4 and 16, RFC 8439 2.8.2, draft-irtf-cfrg-xchacha
 * A.3.1, RFC 8032 7.1, RFC 6979 A.2.5-7, the well-known secp256k1 vector of key 1, RFC 4231, RFC 2202, RFC 5869 A.1 and A.3, and
 * Project Wycheproof (RSA PKCS#1, PSS, OAEP, key wrap with padding, ECDSA and Ed25519 that must fail).
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "check.h"
#include "crypto_vectors.h"
#include "keeper/crypto/key_int.h"
#include "keeper/seal/memory_int.h"

/* ---- hashes ---- */

static void digests_of_abc(void)
{
    static const char *const want[DIGESTS] = { NULL, "a9993e364706816aba3e25717850c26c9cd0d89d",
        "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134"
        "c825a7",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3"
        "feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
        "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228"
        "376d25",
        "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647"
        "e3934057340b4cf408d5a56592f8274eec53f0" };
    uint8_t out[64];
    size_t n;

    for (enum digest d = DIGEST_SHA1; d < DIGESTS; d++) {
        crypto_digest(d, STR("abc"), out, &n);
        CHECK_U64(n, digest_bytes(d));
        CHECK(is_hex((struct str){ (char *)out, n }, want[d]));
    }
}

static void hmacs_of_the_rfc(void)
{
    static const struct {
        enum digest digest;
        const char *want;
    } cases[] = {
        { DIGEST_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79" },
        { DIGEST_SHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44" },
        { DIGEST_SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
        { DIGEST_SHA384,
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e"
            "69e2c78b3239ecfab21649" },
        { DIGEST_SHA512,
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c0"
            "5a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737" },
    };
    uint8_t out[64];
    size_t n;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        crypto_hmac(cases[i].digest, STR("Jefe"), STR("what do ya want for nothing?"), out, &n);
        CHECK(is_hex((struct str){ (char *)out, n }, cases[i].want));
    }
    /* An empty key is a key, not the one of before (RFC 2104: padded with zeros). */
    crypto_hmac(DIGEST_SHA256, STR_NONE, STR_NONE, out, &n);
    CHECK(is_hex((struct str){ (char *)out, n },
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

static void hkdf_of_the_rfc(void)
{
    uint8_t out[42];
    struct str got = { (char *)out, sizeof(out) };

    crypto_hkdf(hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"),
        hex("000102030405060708090a0b0c"), hex("f0f1f2f3f4f5f6f7f8f9"), out, sizeof(out));
    CHECK(is_hex(got, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b8"
                      "87185865"));
    crypto_hkdf(
        hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"), STR_NONE, STR_NONE, out, sizeof(out));
    CHECK(is_hex(got, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4"
                      "b61a96c8"));
}

/* ---- encryption ---- */

#define GCM_PLAIN                                                                                  \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6" \
    "b525b16aedf5aa0de657ba637b39"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define SUNSCREEN                                                                                  \
    "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a2049662049" \
    "20636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c20" \
    "73756e73637265656e20776f756c642062652069742e"

static const struct aead {
    enum key_type type;
    const char *key, *nonce, *aad, *plain, *sealed;
} aeads[] = {
    { KEY_AES128_GCM96, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", GCM_AAD,
        GCM_PLAIN,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac"
        "84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47" },
    { KEY_AES256_GCM96, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888", GCM_AAD, GCM_PLAIN,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056"
        "828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b" },
    { KEY_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da"
        "92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585"
        "808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691" },
    { KEY_XCHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        "404142434445464748494a4b4c4d4e4f5051525354555657", "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4e"
        "da7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2"
        "383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49" },
};

static void every_bit_of_a_sealed_text_counts(
    struct crypto_key *k, struct str aad, struct buf *sealed)
{
    struct buf out;
    struct err err;

    buf_init(&out, 4096);
    for (size_t i = 0; i < sealed->len; i++) {
        sealed->data[i] = (char)(sealed->data[i] ^ 1);
        CHECK(crypto_decrypt(k, aad, buf_as_str(sealed), &out, &err) == -1);
        CHECK(out.len == 0 && strcmp(err.id, "crypto_failed") == 0);
        sealed->data[i] = (char)(sealed->data[i] ^ 1);
    }
    for (size_t n = 0; n < sealed->len; n++)
        CHECK(crypto_decrypt(k, aad, (struct str){ sealed->data, n }, &out, &err) == -1);
    CHECK(crypto_decrypt(k, STR("other"), buf_as_str(sealed), &out, &err) == -1);
    buf_free(&out);
}

static void aeads_of_the_standards(void)
{
    struct buf sealed;
    struct buf plain;
    struct err err;

    for (size_t i = 0; i < sizeof(aeads) / sizeof(aeads[0]); i++) {
        const struct aead *a = &aeads[i];
        struct crypto_key *k = crypto_from_secret(a->type, hex(a->key), &err);
        size_t head = crypto_nonce_bytes(a->type);

        buf_init(&sealed, 4096);
        buf_init(&plain, 4096);
        CHECK(crypto_encrypt(k, (const uint8_t *)hex(a->nonce).at, hex(a->aad), hex(a->plain),
                  &sealed, &err) == 0);
        CHECK(is_hex((struct str){ sealed.data, head }, a->nonce));
        CHECK(is_hex((struct str){ sealed.data + head, sealed.len - head }, a->sealed));
        CHECK(crypto_decrypt(k, hex(a->aad), buf_as_str(&sealed), &plain, &err) == 0);
        CHECK(is_hex(buf_as_str(&plain), a->plain));
        every_bit_of_a_sealed_text_counts(k, hex(a->aad), &sealed);
        buf_free(&sealed);
        buf_free(&plain);
        crypto_unref(k);
    }
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void nonces_do_not_repeat(void)
{
    enum { MANY = 20000 };
    static char nonces[MANY][12];
    struct err err;
    struct crypto_key *k = crypto_generate(KEY_AES256_GCM96, 0, &err);
    struct buf sealed;

    buf_init(&sealed, 4096);
    for (unsigned i = 0; i < MANY; i++) {
        sealed.len = 0;
        CHECK(crypto_encrypt(k, NULL, STR_NONE, STR("x"), &sealed, &err) == 0);
        memcpy(nonces[i], sealed.data, 12);
    }
    qsort(nonces, MANY, 12, by_bytes);
    for (unsigned i = 1; i < MANY; i++)
        CHECK(memcmp(nonces[i - 1], nonces[i], 12) != 0);
    buf_free(&sealed);
    crypto_unref(k);
}

/* ---- Ed25519 ---- */

static const struct {
    const char *seed, *public_key, *message, *signature;
} ed25519[] = {
    { "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b" },
    { "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
        "4dc6594a7c15e9716ed28dc027beceea1ec40a" },
};

static void ed25519_of_the_rfc(void)
{
    const struct signing how = { 0 };
    struct buf out;
    struct err err;

    for (size_t i = 0; i < sizeof(ed25519) / sizeof(ed25519[0]); i++) {
        struct crypto_key *k = crypto_from_secret(KEY_ED25519, hex(ed25519[i].seed), &err);
        struct str message = hex(ed25519[i].message);

        buf_init(&out, 4096);
        crypto_public_raw(k, &out);
        CHECK(is_hex(buf_as_str(&out), ed25519[i].public_key));
        out.len = 0;
        CHECK(crypto_key_sign(k, &how, message, &out, &err) == 0);
        CHECK(is_hex(buf_as_str(&out), ed25519[i].signature));
        CHECK(crypto_verify(k, &how, message, buf_as_str(&out), &err) == 1);
        for (size_t b = 0; b < out.len; b++) {
            out.data[b] = (char)(out.data[b] ^ 4);
            CHECK(crypto_verify(k, &how, message, buf_as_str(&out), &err) == 0);
            out.data[b] = (char)(out.data[b] ^ 4);
        }
        buf_free(&out);
        crypto_unref(k);
    }
}

/* Wycheproof: r and s of special values under a key that signed nothing of the kind. */
static void ed25519_refuses_special_values(void)
{
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    static const char *const points[] = { zeros,
        "0100000000000000000000000000000000000000000000000000000000000000",
        "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" };
    const struct signing how = { 0 };
    struct err err;
    struct crypto_key *k = crypto_from_public(KEY_ED25519,
        hex("302a300506032b65700321007d4d0e7f6153a69b6242b522abbee685fda4420f8834b108c3bdae369ef549"
            "fa"),
        &err);
    char text[129];

    CHECK(crypto_verify(k, &how, hex("54657374"),
              hex("7c38e026f29e14aabd059a0f2db8b0cd783040609a8be684db12f82a27774ab07a9155711ecfaf7f"
                  "99f277bad0c6ae7e39d4eef676573336a5c51eb6f946b30d"),
              &err) == 1);
    for (size_t r = 0; r < 4; r++)
        for (size_t s = 0; s < 4; s++) {
            memcpy(text, points[r], 64);
            memcpy(text + 64, points[s], 65);
            CHECK(crypto_verify(k, &how, hex("3f"), hex(text), &err) == 0);
        }
    CHECK(crypto_verify(k, &how, hex("3f"), STR_NONE, &err) == 0);
    crypto_unref(k);
}

/* ---- ECDSA ---- */

static const struct ecdsa {
    enum key_type type;
    enum digest digest;
    const char *scalar, *message, *signature; /* r | s */
} ecdsas[] = {
    { KEY_ECDSA_P256, DIGEST_SHA256,
        "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721", "73616d706c65",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6"
        "E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8" },
    { KEY_ECDSA_P384, DIGEST_SHA384,
        "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60"
        "D2EDF5",
        "73616d706c65",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80"
        "FABE4699EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82"
        "C71A38628AC8" },
    { KEY_ECDSA_P521, DIGEST_SHA512,
        "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6"
        "D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
        "73616d706c65",
        "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD"
        "152B534931D7D4E8455CC91F9B15BF05EC36E377FA00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA2"
        "09417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A" },
    { KEY_ECDSA_SECP256K1, DIGEST_SHA256,
        "0000000000000000000000000000000000000000000000000000000000000001",
        "5361746f736869204e616b616d6f746f",
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e"
        "923ec36b49743e2ffa1c4496f01a512aafd9e5" },
};

static void ecdsa_of_the_standards(void)
{
    struct buf out;
    struct err err;

    for (size_t i = 0; i < sizeof(ecdsas) / sizeof(ecdsas[0]); i++) {
        const struct ecdsa *e = &ecdsas[i];
        struct crypto_key *k = crypto_from_scalar(e->type, hex(e->scalar), &err);
        struct signing how = { .digest = e->digest, .jws = true };

        CHECK(k != NULL);
        CHECK(crypto_verify(k, &how, hex(e->message), hex(e->signature), &err) == 1);
        CHECK(crypto_verify(k, &how, STR("samplf"), hex(e->signature), &err) == 0);
        buf_init(&out, 4096);
        for (int jws = 0; jws < 2; jws++) {
            how.jws = jws == 1;
            out.len = 0;
            CHECK(crypto_key_sign(k, &how, STR("other"), &out, &err) == 0);
            CHECK(crypto_verify(k, &how, STR("other"), buf_as_str(&out), &err) == 1);
            CHECK(crypto_verify(k, &how, STR("othes"), buf_as_str(&out), &err) == 0);
            how.jws = !how.jws; /* the other form */
            CHECK(crypto_verify(k, &how, STR("other"), buf_as_str(&out), &err) == 0);
        }
        buf_free(&out);
        crypto_unref(k);
    }
}

/* RFC 6979 with SHA-256: the signature is the published one. */
static void secp256k1_is_deterministic(void)
{
    const struct ecdsa *e = &ecdsas[3];
    const struct signing how = { .digest = DIGEST_SHA256, .jws = true };
    struct err err;
    struct crypto_key *k = crypto_from_scalar(e->type, hex(e->scalar), &err);
    struct buf out;

    buf_init(&out, 4096);
    CHECK(crypto_key_sign(k, &how, hex(e->message), &out, &err) == 0);
    CHECK(is_hex(buf_as_str(&out), e->signature));
    buf_free(&out);
    crypto_unref(k);
}

/* Wycheproof: encodings that a lax parser takes. */
static void ecdsa_refuses_other_encodings(void)
{
    static const char *const bad[] = {
        "30440220813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc983236502206ff18a52dcc033"
        "6f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba",
        "308145022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc983236502206ff18a52dc"
        "c0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba",
        "3046022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc983236502206ff18a52dcc0"
        "336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba",
        "3088ffffffffffffffff022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc9832365"
        "02206ff18a52dcc0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba",
        "3006020100020100",
        "3006020101020101",
        "",
    };
    const struct signing how = { .digest = DIGEST_SHA256 };
    struct err err;
    struct crypto_key *k = crypto_from_public(KEY_ECDSA_SECP256K1,
        hex("3056301006072a8648ce3d020106052b8104000a03420004b838ff44e5bc177bf21189d0766082fc9d8432"
            "26887fc9760371100b7ee20a6ff0c9d75bfba7b31a6bca1974496eeb56de357071955d83c4b1badaa0b218"
            "32e9"),
        &err);

    CHECK(crypto_verify(k, &how, hex("313233343030"),
              hex("3045022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc983236502206f"
                  "f18a52dcc0336f7af62400a6dd9b810732baf1ff758000d6f613a556eb31ba"),
              &err) == 1);
    /* The same with s mirrored is as good: ECDSA itself does not forbid it. */
    CHECK(crypto_verify(k, &how, hex("313233343030"),
              hex("3046022100813ef79ccefa9a56f7ba805f0e478584fe5f0dd5f567bc09b5123ccbc9832365022100"
                  "900e75ad233fcc908509dbff5922647db37c21f4afd3203ae8dc4ae7794b0f87"),
              &err) == 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(crypto_verify(k, &how, hex("313233343030"), hex(bad[i]), &err) == 0);
    crypto_unref(k);
}

static void scalars_out_of_range_are_no_keys(void)
{
    struct err err;

    CHECK(crypto_from_scalar(KEY_ECDSA_P256, hex("00"), &err) == NULL);
    CHECK(
        crypto_from_scalar(KEY_ECDSA_P256,
            hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"), &err) == NULL);
    CHECK(
        crypto_from_scalar(KEY_ECDSA_SECP256K1,
            hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"), &err) == NULL);
    CHECK(crypto_from_scalar(KEY_ED25519, hex("01"), &err) == NULL);
}

/* ---- RSA ---- */

static void rsa_pkcs1_of_wycheproof(void)
{
    static const char want[] =
        "264491e844c119f14e425c03282139a558dcdaeb82a4628173cd407fd319f9076eaebc0dd87a1c22e4d1783909"
        "6886d58a9d5b7f7aeb63efec56c45ac7bead4203b6886e1faa90e028ec0ae094d46bf3f97efdd19045cfbc25a1"
        "abda2432639f9876405c0d68f8edbf047c12a454f7681d5d5a2b54bd3723d193dbad4338baad753264006e2d08"
        "931c4b8bb79aa1c9cad10eb6605f87c5831f6e2b08e002f9c6f21141f5841d92727dd3e1d99c36bc560da3c906"
        "7df99fcaf818941f72588be33032bad22caf6704223bb114d575b6d02d9d222b580005d930e8f40cce9f672eeb"
        "b634a20177d84351627964b83f2053d736a84ab1a005f63bd5ba943de6205c";
    /* DigestInfo whose length is in the long form. */
    static const char bad[] =
        "8a0e82d4f334aca72a718b6f8f643f69c6048d619d5eba71263a5d2d3ac7a7af133b780c7595ca2c982c006e86"
        "1948f543cd0210c758691f9626842c25de2843ea314ca8eff285d47e0cffa54180af416004017034962a80a595"
        "9c3d3f1bfc154a4824462a93c014f6dfe920824f414a6e30e0e5944d480b99949ec7bf64c4a7461575933b17d7"
        "d6b0178b5192392ace3ed8469e8ac1dacae51ad5d3ad73dcb213e056d04596e64d8c0703def3110c7cecc93ba8"
        "ac8059f0f3d66b89d8712c62b41d407e4b4a104f4569558b0290c213cad6d0653898b9df8f4a453ab07d13bfb7"
        "598d505abbd0c4987e4f1ac66e1a523e113e370ab7cf990f0cc63f50f4f0a4";
    const struct signing how = { .digest = DIGEST_SHA256, .scheme = SCHEME_PKCS1 };
    const struct signing pss = { .digest = DIGEST_SHA256, .salt_length = -1 };
    struct crypto_key *k = rsa();
    struct buf out;
    struct err err;

    buf_init(&out, 4096);
    CHECK(crypto_key_sign(k, &how, hex("54657374"), &out, &err) == 0);
    CHECK(is_hex(buf_as_str(&out), want));
    CHECK(crypto_verify(k, &how, hex("54657374"), hex(want), &err) == 1);
    CHECK(crypto_verify(k, &how, hex("54657375"), hex(want), &err) == 0);
    CHECK(crypto_verify(k, &pss, hex("54657374"), hex(want), &err) == 0);
    CHECK(crypto_verify(k, &how, hex("313233343030"), hex(bad), &err) == 0);
    buf_free(&out);
    crypto_unref(k);
}

static void rsa_pss_of_wycheproof(void)
{
    static const char good[] =
        "401eb03cdb47ca88033e3030f6bdecbac8f5c8fc1dd6a13d23d379ed9a2b309891d13d74fea9d21d159b9e6d8f"
        "37efa2489962e24555f56dd434ff1d31ce4f9f5abd3f22cbea8b691d6a11e44efb83e2bca155e6a164325e0fde"
        "2a8865afd5c9f51161a9d615f62af7ec2e31b3e5ab649c164490d31d88cfae35b84aea7925690f929a144b6d2f"
        "48e8fb894a52deecd1b9a6496990c4ecf1588699a42cacd10c53af350514e4291ea9a058e77f101e32c1c0cefa"
        "61d945f7bc931f8bd19e7ba3169358a60e5a8b0123bc3199b9fdcafe8e519c41ba675491a27b85e44ef2d77277"
        "c10fe107293c8290186913bc9a99b640d8da041b64f31eab1d35920985f4a5";
    static const int salts[] = { -1, -2, 0, 20, 32 };
    struct signing how = { .digest = DIGEST_SHA256, .salt_length = -2 };
    struct crypto_key *k = rsa();
    struct buf out;
    struct err err;

    CHECK(crypto_verify(k, &how, hex("54657374"), hex(good), &err) == 1);
    how.salt_length = 31;
    CHECK(crypto_verify(k, &how, hex("54657374"), hex(good), &err) == 0);
    how.salt_length = -1;
    CHECK(crypto_verify(k, &how, hex("54657374"), hex(good), &err) == 1);
    buf_init(&out, 4096);
    for (enum digest d = DIGEST_SHA1; d < DIGESTS; d++)
        for (size_t i = 0; i < sizeof(salts) / sizeof(salts[0]); i++) {
            struct signing any = { .digest = d, .salt_length = -1 };

            how = (struct signing){ .digest = d, .salt_length = salts[i] };
            out.len = 0;
            CHECK(crypto_key_sign(k, &how, STR("text"), &out, &err) == 0);
            CHECK_U64(out.len, 256);
            CHECK(crypto_verify(k, &how, STR("text"), buf_as_str(&out), &err) == 1);
            CHECK(crypto_verify(k, &any, STR("text"), buf_as_str(&out), &err) == 1);
            CHECK(crypto_verify(k, &any, STR("texu"), buf_as_str(&out), &err) == 0);
        }
    how = (struct signing){ .digest = DIGEST_SHA256, .salt_length = 240 };
    CHECK(crypto_key_sign(k, &how, STR("text"), &out, &err) == -1);
    buf_free(&out);
    crypto_unref(k);
}

static void rsa_oaep_of_wycheproof(void)
{
    static const char sealed[] =
        "5eab3f0741e63986ed647d53e1cd71df041986900803d0f99c68355d249a15a47dc5b4f70a191477654299e5a2"
        "731f3b4eec76dea18262fc696ac794e5f66cbfcddac4472c578e246c26707598055584540b839836b1404c5611"
        "ae558a984cee8fd036cea924e0be2474a940f61e0acc14fcae95ebdc59942a9ce9af9a9c81999f7f6815f057ff"
        "dc2533cb15d6391d1e2d95f16f9c04209c889a4c359c7d2926d28a66e2b030a416b928d2825627998e5191fb49"
        "83a6e65024262d94fc09187a2d78162122433251d1bfcc8e507d06eba2d229c10031261da32ab8ccd15f1c5f9f"
        "bf07ed158483d736a110af4b44d6a4da60d6cb519b4454213cf9f0dc560f2b";
    static const enum digest digests[] = { DIGEST_SHA1, DIGEST_SHA224, DIGEST_SHA384,
        DIGEST_SHA512 };
    struct crypto_key *k = rsa();
    struct buf out;
    struct buf again;
    struct err err;

    buf_init(&out, 4096);
    buf_init(&again, 4096);
    CHECK(crypto_decrypt(k, STR_NONE, hex(sealed), &out, &err) == 0);
    CHECK_STR(buf_as_str(&out), "Test");
    out.len = 0;
    CHECK(crypto_decrypt(k, STR_NONE, hex("00"), &out, &err) == -1);
    CHECK(crypto_decrypt(k, STR("aad"), hex(sealed), &out, &err) == -1);
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        out.len = again.len = 0;
        CHECK(crypto_oaep_encrypt(k, digests[i], STR("short"), &again, &err) == 0);
        CHECK(crypto_decrypt(k, STR_NONE, buf_as_str(&again), &out, &err) == -1);
        CHECK(crypto_oaep_decrypt(k, digests[i], buf_as_str(&again), &out, &err) == 0);
        CHECK_STR(buf_as_str(&out), "short");
    }
    buf_free(&again);
    buf_free(&out);
    crypto_unref(k);
}

/* n comes out as published: DER of the public half, RFC 8017 A.1.1. */
static void rsa_is_rebuilt_from_its_primes(void)
{
    struct crypto_key *k = rsa();
    struct buf der;
    struct err err;

    buf_init(&der, 4096);
    crypto_public_der(k, &der);
    CHECK_U64(der.len, 294);
    CHECK(
        memcmp(der.data + 33, hex("a2b451a07d0aa5f96e455671513550514a8a5b462ebef717").at, 24) == 0);
    CHECK(crypto_from_primes(KEY_RSA_3072, hex("010001"), hex(RSA_P), hex(RSA_Q), &err) == NULL);
    CHECK(crypto_from_primes(KEY_RSA_2048, hex("010001"), hex(RSA_P), hex(RSA_P), &err) == NULL);
    CHECK(crypto_from_primes(KEY_RSA_2048, hex("010000"), hex(RSA_P), hex(RSA_Q), &err) == NULL);
    CHECK(crypto_from_primes(KEY_RSA_2048, hex("01"), hex(RSA_P), hex(RSA_Q), &err) == NULL);
    CHECK(crypto_from_primes(KEY_RSA_2048, STR_NONE, hex("00"), hex("01"), &err) == NULL);
    buf_free(&der);
    crypto_unref(k);
}

/* ---- key wrap ---- */

static void key_wrap_of_wycheproof(void)
{
    static const char key[] = "1abf4b7fa2bb62a78f09ddab04625dcacdd9e551d1a69b6b162baa53d2700093";
    static const char other[] = "4f710eb6b5e28703becfc3dc52fa8bc1dd44a4a6d38a84b4f94e89ac32d987e7";
    static const struct {
        const char *plain, *wrapped;
    } good[] = {
        { "f713b9", "b2a77d9b837e87cdb7391e1df7cdaf14" },
        { "e43f5e4e123a03c4", "3a6746052a1744cfe7e2f36dafc4042d" },
        { "1723eb9d000916996a", "db7e73da22219e1baac0f4e955c3db2b900b5d3078f94b59" },
        { "72aaee126a822184806c7d22eed66b", "de497acf18a177a3a9b3d8da46d74dfa58dcc537a3a95323" },
    };
    static const char *const bad[] = { "98428fb83dc207033c1585e0242e699be98e0001f1ee15ba",
        "0fcc89e543fae40b914510c9064307b70ef12de4c8750874",
        "b17c3957d85127aae1ae0a04096b19eb2e0f67583772182b",
        "fa783b3aca0ec1e677378f23ebe937776fa590ecc6b01392",
        "7c19e66d21c0f1409ee6f03a36ab6ba532349e2567200b95d7f5012b2b7e5d33", "00" };
    struct buf out;
    struct err err;

    buf_init(&out, 4096);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        out.len = 0;
        CHECK(crypto_kwp_wrap(hex(key), hex(good[i].plain), &out, &err) == 0);
        CHECK(is_hex(buf_as_str(&out), good[i].wrapped));
        out.len = 0;
        CHECK(crypto_kwp_unwrap(hex(key), hex(good[i].wrapped), &out, &err) == 0);
        CHECK(is_hex(buf_as_str(&out), good[i].plain));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(crypto_kwp_unwrap(hex(other), hex(bad[i]), &out, &err) == -1);
    CHECK(crypto_kwp_unwrap(STR("short key"), hex(bad[0]), &out, &err) == -1);
    buf_free(&out);
}

TESTS(CASE(digests_of_abc), CASE(hmacs_of_the_rfc), CASE(hkdf_of_the_rfc),
    CASE(aeads_of_the_standards), CASE(nonces_do_not_repeat), CASE(ed25519_of_the_rfc),
    CASE(ed25519_refuses_special_values), CASE(ecdsa_of_the_standards),
    CASE(secp256k1_is_deterministic), CASE(ecdsa_refuses_other_encodings),
    CASE(scalars_out_of_range_are_no_keys), CASE(rsa_pkcs1_of_wycheproof),
    CASE(rsa_pss_of_wycheproof), CASE(rsa_oaep_of_wycheproof), CASE(rsa_is_rebuilt_from_its_primes),
    CASE(key_wrap_of_wycheproof))
