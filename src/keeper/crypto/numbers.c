/*
 * Keys that come as numbers: a scalar on a curve, the parts of an RSA key, as other programs write them down.
 *
 * Everything that can be computed is: of an EC key only the scalar is taken, of an RSA key e and the two primes.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/bug.h"
#include "keeper/crypto/inside_int.h"

enum { NUMBER_BYTES_MAX = 512 };

static struct crypto_key *malformed(struct err *err)
{
    crypto_refuse(err, "key_malformed", "the numbers are not those of such a key");
    return NULL;
}

static EVP_PKEY *from_data(const char *algorithm, OSSL_PARAM_BLD *bld)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(crypto_library(), algorithm, NULL);
    EVP_PKEY *pkey = NULL;

    MUST(params != NULL && c != NULL && EVP_PKEY_fromdata_init(c) == 1);
    if (EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(c);
    OSSL_PARAM_free(params);
    return pkey;
}

static BIGNUM *number(struct str bytes)
{
    BIGNUM *n = BN_secure_new();

    MUST(n != NULL && BN_bin2bn((const uint8_t *)bytes.at, (int)bytes.len, n) != NULL);
    BN_set_flags(n, BN_FLG_CONSTTIME);
    return n;
}

/* ---- curves ---- */

/* The public point; 0: the scalar is none. */
static size_t point_of(enum key_type t, const BIGNUM *scalar, uint8_t *out, size_t most)
{
    const EC_GROUP *g = crypto_ec_group(t);
    EC_POINT *p = EC_POINT_new(g);
    BN_CTX *c = BN_CTX_secure_new_ex(crypto_library());
    size_t n = 0;

    MUST(p != NULL && c != NULL);
    if (!BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(g)) < 0 &&
        EC_POINT_mul(g, p, scalar, NULL, NULL, c) == 1)
        n = EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, out, most, c);
    BN_CTX_free(c);
    EC_POINT_free(p);
    return n;
}

struct crypto_key *crypto_from_scalar(enum key_type t, struct str scalar, struct err *err)
{
    const char *group = crypto_group(t);
    uint8_t point[2 * 66 + 1];
    OSSL_PARAM_BLD *bld;
    EVP_PKEY *pkey = NULL;
    BIGNUM *d;
    size_t len;

    if (group == NULL || scalar.len > 66)
        return malformed(err);
    d = number(scalar);
    len = point_of(t, d, point, sizeof(point));
    if (len > 0) {
        bld = OSSL_PARAM_BLD_new();
        MUST(bld != NULL &&
             OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
             OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1 &&
             OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1);
        pkey = from_data("EC", bld);
        OSSL_PARAM_BLD_free(bld);
    }
    BN_clear_free(d);
    return pkey != NULL ? crypto_adopt(t, pkey, false, err) : malformed(err);
}

/* ---- RSA ---- */

enum part { N, E, D, P, Q, DP, DQ, QI, PARTS };

static const char *const part_names[PARTS] = { OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E,
    OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2,
    OSSL_PKEY_PARAM_RSA_COEFFICIENT1 };

/* n, d and the parts for the Chinese remainder theorem (RFC 8017 3.2) out of e, p and q. */
static bool complete(BIGNUM *n[PARTS])
{
    BN_CTX *c = BN_CTX_secure_new_ex(crypto_library());
    BIGNUM *p1 = BN_secure_new();
    BIGNUM *q1 = BN_secure_new();
    BIGNUM *phi = BN_secure_new();
    bool ok;

    MUST(c != NULL && p1 != NULL && q1 != NULL && phi != NULL);
    BN_set_flags(phi, BN_FLG_CONSTTIME);
    ok = BN_is_odd(n[P]) && BN_is_odd(n[Q]) && BN_is_odd(n[E]) && !BN_is_one(n[E]) &&
         BN_cmp(n[P], n[Q]) != 0 && BN_sub(p1, n[P], BN_value_one()) == 1 &&
         BN_sub(q1, n[Q], BN_value_one()) == 1 && BN_mul(phi, p1, q1, c) == 1 &&
         BN_mul(n[N], n[P], n[Q], c) == 1 && BN_mod_inverse(n[D], n[E], phi, c) != NULL &&
         BN_mod(n[DP], n[D], p1, c) == 1 && BN_mod(n[DQ], n[D], q1, c) == 1 &&
         BN_mod_inverse(n[QI], n[Q], n[P], c) != NULL;
    BN_clear_free(p1);
    BN_clear_free(q1);
    BN_clear_free(phi);
    BN_CTX_free(c);
    return ok;
}

static EVP_PKEY *rsa_of(BIGNUM *n[PARTS])
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY *pkey;

    MUST(bld != NULL);
    for (enum part i = 0; i < PARTS; i++)
        MUST(OSSL_PARAM_BLD_push_BN(bld, part_names[i], n[i]) == 1);
    pkey = from_data("RSA", bld);
    OSSL_PARAM_BLD_free(bld);
    return pkey;
}

struct crypto_key *crypto_from_primes(
    enum key_type t, struct str e, struct str p, struct str q, struct err *err)
{
    BIGNUM *n[PARTS] = { NULL };
    EVP_PKEY *pkey = NULL;

    if (crypto_rsa_bits(t) == 0 || e.len > 8 || p.len > NUMBER_BYTES_MAX ||
        q.len > NUMBER_BYTES_MAX)
        return malformed(err);
    n[E] = number(e);
    n[P] = number(p);
    n[Q] = number(q);
    for (enum part i = 0; i < PARTS; i++)
        if (n[i] == NULL)
            n[i] = number(STR(""));
    if (complete(n))
        pkey = rsa_of(n);
    for (enum part i = 0; i < PARTS; i++)
        BN_clear_free(n[i]);
    ERR_clear_error();
    return pkey != NULL ? crypto_adopt(t, pkey, false, err) : malformed(err);
}

bool crypto_number(const struct crypto_key *k, enum crypto_number which, struct buf *to)
{
    static const char *const names[] = {
        [NUMBER_EC_X] = OSSL_PKEY_PARAM_EC_PUB_X,
        [NUMBER_EC_Y] = OSSL_PKEY_PARAM_EC_PUB_Y,
        [NUMBER_EC_D] = OSSL_PKEY_PARAM_PRIV_KEY,
        [NUMBER_RSA_N] = OSSL_PKEY_PARAM_RSA_N,
        [NUMBER_RSA_E] = OSSL_PKEY_PARAM_RSA_E,
        [NUMBER_RSA_D] = OSSL_PKEY_PARAM_RSA_D,
        [NUMBER_RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
        [NUMBER_RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
        [NUMBER_RSA_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
        [NUMBER_RSA_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
        [NUMBER_RSA_QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    EVP_PKEY *pkey = k->type == KEY_ED25519 ? NULL : crypto_pkey(k);
    BIGNUM *n = NULL;
    char *text = NULL;

    if (pkey != NULL && EVP_PKEY_get_bn_param(pkey, names[which], &n) == 1)
        text = BN_bn2dec(n);
    if (text != NULL) {
        buf_text(to, text);
        OPENSSL_clear_free(text, strlen(text));
    }
    BN_clear_free(n);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return text != NULL;
}

bool crypto_decimal_to_bytes(struct str digits, struct buf *to)
{
    char text[1300]; /* 4096 bits have 1234 digits */
    BIGNUM *n = NULL;
    uint8_t *room;
    int len;

    if (digits.len == 0 || digits.len >= sizeof(text))
        return false;
    for (size_t i = 0; i < digits.len; i++)
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return false;
    memcpy(text, digits.at, digits.len);
    text[digits.len] = '\0';
    MUST(BN_dec2bn(&n, text) > 0);
    explicit_bzero(text, sizeof(text));
    len = BN_num_bytes(n);
    room = (uint8_t *)buf_reserve(to, (size_t)len);
    if (room != NULL) {
        BN_bn2bin(n, room);
        to->len += (size_t)len;
    }
    BN_clear_free(n);
    return room != NULL;
}
