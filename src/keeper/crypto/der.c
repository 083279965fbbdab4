/*
 * Keys as DER and PEM, written by hand: SubjectPublicKeyInfo (RFC 5280 4.1.2.7), PKCS#8 (RFC 5958), SEC 1 C.4 and PKCS#1 (RFC 8017 A.1).
 *
 * OpenSSL's encoders and decoders look for a provider anew each time, which takes longer than making the key.  What is
 * written here is also read here; any other form goes to OpenSSL.
 *
 * DER is written from its end to its beginning, so that a length is known when it is needed.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <sodium.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/crypto/inside_int.h"
#include "keeper/seal/memory_int.h"

enum { ROOM = 4096, POINT_MAX = 133, SCALAR_MAX = 66, PEM_LINE = 64, PEM_LINE_BYTES = 48 };
enum {
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    OCTET_STRING = 0x04,
    SEQUENCE = 0x30,
    TAG_0 = 0xa0,
    TAG_1 = 0xa1
};

struct der {
    uint8_t *room;
    size_t at; /* of ROOM: where what is written begins */
};

static const struct curve {
    size_t width; /* of a scalar and a coordinate */
    uint8_t oid_len;
    uint8_t oid[10]; /* with its head */
} curves[KEY_TYPES] = {
    [KEY_ECDSA_P256] = { 32, 10, { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 } },
    [KEY_ECDSA_P384] = { 48, 7, { 0x06, 5, 0x2b, 0x81, 4, 0, 34 } },
    [KEY_ECDSA_P521] = { 66, 7, { 0x06, 5, 0x2b, 0x81, 4, 0, 35 } },
    [KEY_ECDSA_SECP256K1] = { 32, 7, { 0x06, 5, 0x2b, 0x81, 4, 0, 10 } },
};
static const uint8_t ec_public_key[] = { 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };
static const uint8_t rsa_encryption[] = { 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5,
    0 };
static const uint8_t ed25519_oid[] = { 0x06, 3, 0x2b, 0x65, 0x70 };
static const uint8_t zero[] = { INTEGER, 1, 0 };
static const uint8_t one[] = { INTEGER, 1, 1 };

/* ---- writing ---- */

static void put(struct der *d, const void *bytes, size_t n)
{
    MUST(n <= d->at);
    d->at -= n;
    if (n > 0)
        memcpy(d->room + d->at, bytes, n);
}

/* What stands before `end` becomes the content of this. */
static void wrap(struct der *d, uint8_t tag, size_t end)
{
    size_t n = end - d->at;
    uint8_t head[4] = { tag, (uint8_t)n };
    size_t len = 2;

    if (n > 255) {
        head[1] = 0x82;
        head[2] = (uint8_t)(n >> 8);
        head[3] = (uint8_t)n;
        len = 4;
    } else if (n > 127) {
        head[1] = 0x81;
        head[2] = (uint8_t)n;
        len = 3;
    }
    put(d, head, len);
}

static void put_bits(struct der *d, const void *bytes, size_t n)
{
    size_t end = d->at;

    put(d, bytes, n);
    put(d, "", 1); /* no unused bits */
    wrap(d, BIT_STRING, end);
}

static void put_algorithm(
    struct der *d, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t end = d->at;

    put(d, b, b_len);
    put(d, a, a_len);
    wrap(d, SEQUENCE, end);
}

/* ---- what a key has ---- */

static size_t point_of(const struct crypto_key *k, uint8_t point[POINT_MAX])
{
    size_t n = POINT_MAX;

    if (k->type == KEY_ECDSA_SECP256K1)
        secp256k1_ec_pubkey_serialize(
            crypto_secp256k1(), point, &n, &k->secp256k1, SECP256K1_EC_UNCOMPRESSED);
    else
        MUST(EVP_PKEY_get_octet_string_param(
                 k->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_MAX, &n) == 1);
    MUST(n == 1 + 2 * curves[k->type].width);
    return n;
}

static void scalar_of(const struct crypto_key *k, uint8_t scalar[SCALAR_MAX])
{
    int n = (int)curves[k->type].width;
    BIGNUM *d = NULL;

    if (k->type == KEY_ECDSA_SECP256K1) {
        memcpy(scalar, k->secret, SECP256K1_SECRET);
        return;
    }
    MUST(EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
         BN_bn2binpad(d, scalar, n) == n);
    BN_clear_free(d);
}

static void put_number(struct der *d, const struct crypto_key *k, const char *which)
{
    uint8_t *bytes = d->room; /* the beginning is free yet */
    size_t end = d->at;
    BIGNUM *n = NULL;
    int len;

    MUST(EVP_PKEY_get_bn_param(k->pkey, which, &n) == 1);
    len = BN_num_bytes(n);
    MUST((size_t)len < d->at / 2);
    BN_bn2bin(n, bytes);
    put(d, bytes, (size_t)len);
    if (len == 0 || (d->room[d->at] & 0x80) != 0) /* a number is positive */
        put(d, "", 1);
    wrap(d, INTEGER, end);
    BN_clear_free(n);
}

/* ---- the structures ---- */

/* SEC 1; with the curve when nothing around it says which. */
static void put_ec_private(struct der *d, const struct crypto_key *k, bool alone)
{
    const struct curve *c = &curves[k->type];
    uint8_t scalar[SCALAR_MAX];
    uint8_t point[POINT_MAX];
    size_t end = d->at;
    size_t n = point_of(k, point);
    size_t inner;

    put_bits(d, point, n);
    wrap(d, TAG_1, end);
    if (alone) {
        inner = d->at;
        put(d, c->oid, c->oid_len);
        wrap(d, TAG_0, inner);
    }
    inner = d->at;
    scalar_of(k, scalar);
    put(d, scalar, c->width);
    explicit_bzero(scalar, sizeof(scalar));
    wrap(d, OCTET_STRING, inner);
    put(d, one, sizeof(one));
    wrap(d, SEQUENCE, end);
}

/* PKCS#1. */
static void put_rsa_private(struct der *d, const struct crypto_key *k)
{
    static const char *const names[] = { OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_FACTOR2,
        OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_E,
        OSSL_PKEY_PARAM_RSA_N };
    size_t end = d->at;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        put_number(d, k, names[i]);
    put(d, zero, sizeof(zero));
    wrap(d, SEQUENCE, end);
}

/* In the form of its kind: what PKCS#8 wraps. */
static void put_own(struct der *d, const struct crypto_key *k, bool alone)
{
    size_t end = d->at;

    if (k->type == KEY_ED25519) {
        put(d, k->secret, ED25519_SEED);
        wrap(d, OCTET_STRING, end);
    } else if (crypto_group(k->type) != NULL) {
        put_ec_private(d, k, alone);
    } else {
        put_rsa_private(d, k);
    }
}

static void put_kind(struct der *d, const struct crypto_key *k)
{
    const struct curve *c = &curves[k->type];

    if (k->type == KEY_ED25519)
        put_algorithm(d, ed25519_oid, sizeof(ed25519_oid), NULL, 0);
    else if (c->width > 0)
        put_algorithm(d, ec_public_key, sizeof(ec_public_key), c->oid, c->oid_len);
    else
        put_algorithm(d, rsa_encryption, sizeof(rsa_encryption), NULL, 0);
}

static void put_pkcs8(struct der *d, const struct crypto_key *k)
{
    size_t end = d->at;

    put_own(d, k, false);
    wrap(d, OCTET_STRING, end);
    put_kind(d, k);
    put(d, zero, sizeof(zero));
    wrap(d, SEQUENCE, end);
}

static void put_public(struct der *d, const struct crypto_key *k)
{
    uint8_t point[POINT_MAX];
    size_t end = d->at;

    if (k->type == KEY_ED25519) {
        put_bits(d, k->ed25519, sizeof(k->ed25519));
    } else if (crypto_group(k->type) != NULL) {
        put_bits(d, point, point_of(k, point));
    } else {
        put_number(d, k, OSSL_PKEY_PARAM_RSA_E);
        put_number(d, k, OSSL_PKEY_PARAM_RSA_N);
        wrap(d, SEQUENCE, end);
        put(d, "", 1);
        wrap(d, BIT_STRING, end);
    }
    put_kind(d, k);
    wrap(d, SEQUENCE, end);
}

void crypto_der(const struct crypto_key *k, enum der_form form, struct buf *to)
{
    struct der d = { secret_alloc(ROOM), ROOM };

    if (form == DER_PUBLIC)
        put_public(&d, k);
    else if (form == DER_PKCS8 || k->type == KEY_ED25519)
        put_pkcs8(&d, k);
    else
        put_own(&d, k, true);
    buf_add(to, d.room + d.at, ROOM - d.at);
    secret_free(d.room);
}

void crypto_pem(const struct crypto_key *k, enum der_form form, struct buf *to)
{
    const char *label = form == DER_PUBLIC                            ? "PUBLIC KEY"
                        : form == DER_PKCS8 || k->type == KEY_ED25519 ? "PRIVATE KEY"
                        : crypto_group(k->type) != NULL               ? "EC PRIVATE KEY"
                                                                      : "RSA PRIVATE KEY";
    char line[PEM_LINE + 1];
    struct buf der;

    buf_init_secret(&der, ROOM);
    crypto_der(k, form, &der);
    buf_printf(to, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < der.len; at += PEM_LINE_BYTES) {
        size_t n = der.len - at < PEM_LINE_BYTES ? der.len - at : PEM_LINE_BYTES;

        sodium_bin2base64(
            line, sizeof(line), (const uint8_t *)der.data + at, n, sodium_base64_VARIANT_ORIGINAL);
        buf_text(to, line);
        buf_char(to, '\n');
    }
    buf_printf(to, "-----END %s-----\n", label);
    explicit_bzero(line, sizeof(line));
    buf_free(&der);
}

/* ---- reading what was written here ---- */

/* With its head. */
static size_t whole(size_t content)
{
    return content + 2 + (content > 127) + (content > 255);
}

/* PKCS#8 of this curve up to the scalar, as put_pkcs8() writes it, given how much follows the scalar. */
static void put_until_scalar(struct der *d, const struct curve *c, size_t behind)
{
    size_t end;

    d->at -= behind;
    end = d->at;
    d->at -= c->width;
    wrap(d, OCTET_STRING, end);
    put(d, one, sizeof(one));
    end += behind;
    wrap(d, SEQUENCE, end);
    wrap(d, OCTET_STRING, end);
    put_algorithm(d, ec_public_key, sizeof(ec_public_key), c->oid, c->oid_len);
    put(d, zero, sizeof(zero));
    wrap(d, SEQUENCE, end);
}

struct str crypto_der_scalar(enum key_type t, struct str der)
{
    const struct curve *c = &curves[t];
    uint8_t room[512] = { 0 };
    struct der d = { room, sizeof(room) };
    size_t behind = whole(whole(2 * c->width + 2));
    size_t head;

    if (c->width == 0)
        return STR_NONE;
    put_until_scalar(&d, c, behind);
    head = sizeof(room) - d.at - behind - c->width;
    if (der.len != sizeof(room) - d.at || memcmp(der.at, room + d.at, head) != 0)
        return STR_NONE;
    return (struct str){ der.at + head, c->width };
}
