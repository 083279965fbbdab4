/*
 * pem - PEM texts (RFC 7468) into DER, and DER into the one form of it that the core takes.
 *
 * What goes on is what OpenSSL makes of what it has read, and only when that
 * is byte for byte what came: a certificate whose encoding is not DER, or which has
 * something behind it, has no business in a chain that others will check.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "vault/parsed_int.h"

/* ---- base64 ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str parse_base64(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len / 4 * 3 + 4);
    size_t n = 0;
    size_t digits = 0;
    size_t pads = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < s.len; i++) {
        int d = sextet(s.at[i]);

        if (is_space(s.at[i]))
            continue;
        if (s.at[i] == '=' && ++pads <= 2)
            continue;
        if (d < 0 || pads > 0)
            return STR_NONE;
        bits = bits << 6 | (uint32_t)d;
        if (++digits % 4 != 1)
            to[n++] = (char)(bits >> (digits % 4 == 2 ? 4 : digits % 4 == 3 ? 2 : 0));
    }
    if (digits % 4 == 1 || (pads > 0 && (digits + pads) % 4 != 0))
        return STR_NONE;
    return (struct str){ to, n };
}

/* ---- blocks ---- */

static size_t find(struct str s, const char *what)
{
    const char *at = s.len > 0 ? memmem(s.at, s.len, what, strlen(what)) : NULL;

    return at != NULL ? (size_t)(at - s.at) : s.len;
}

static struct str behind(struct str s, size_t n)
{
    return (struct str){ s.at + n, s.len - n };
}

int pem_next(struct arena *a, struct str *rest, struct pem *out, struct err *err)
{
    struct str label;
    struct str body;
    size_t n = find(*rest, "-----BEGIN ");

    if (n == rest->len)
        return 0;
    *rest = behind(*rest, n + 11);
    n = find(*rest, "-----");
    label = (struct str){ rest->at, n };
    if (n == rest->len || n > 64)
        return err_set(err, ERR_CONFIG, "pem", "a PEM block's first line does not end");
    *rest = behind(*rest, n + 5);
    n = find(*rest, "-----END ");
    body = (struct str){ rest->at, n };
    if (n == rest->len)
        return err_set(err, ERR_CONFIG, "pem", "a PEM block has no last line");
    *rest = behind(*rest, n + 9);
    if (!str_starts(*rest, label) || !str_starts(behind(*rest, label.len), STR("-----")))
        return err_set(err, ERR_CONFIG, "pem", "a PEM block ends with another name than it begins");
    *rest = behind(*rest, label.len + 5);
    if (find(body, "Proc-Type") < body.len || find(label, "ENCRYPTED") < label.len)
        return err_set(err, ERR_CONFIG, "pem", "the private key is encrypted");
    out->label = label;
    out->der = parse_base64(a, body);
    if (out->der.at == NULL || out->der.len == 0)
        return err_set(err, ERR_CONFIG, "pem", "a PEM block is not base64");
    return 1;
}

/* ---- one thing in DER ---- */

static struct str copy(struct arena *a, const uint8_t *der, int n)
{
    return arena_str(a, (struct str){ (const char *)der, (size_t)n });
}

static bool same(struct str der, const uint8_t *made, int n)
{
    return n > 0 && (size_t)n == der.len && memcmp(der.at, made, der.len) == 0;
}

struct str parse_certificate(struct arena *a, struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509 *x = der.len <= PARSED_PEM_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
    struct str out = STR_NONE;
    uint8_t *made = NULL;

    if (x != NULL) {
        i2d_re_X509_tbs(x, NULL);
        int n = i2d_X509(x, &made);
        if (same(der, made, n) && X509_get0_pubkey(x) != NULL)
            out = copy(a, made, n);
    }
    OPENSSL_free(made);
    X509_free(x);
    return out;
}

struct str parse_crl(struct arena *a, struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509_CRL *x = der.len <= PARSED_PEM_MAX ? d2i_X509_CRL(NULL, &at, (long)der.len) : NULL;
    struct str out = STR_NONE;
    uint8_t *made = NULL;

    if (x != NULL) {
        i2d_re_X509_CRL_tbs(x, NULL);
        int n = i2d_X509_CRL(x, &made);
        if (same(der, made, n))
            out = copy(a, made, n);
    }
    OPENSSL_free(made);
    X509_CRL_free(x);
    return out;
}

struct str parse_private_key(struct arena *a, struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    const uint8_t *end = at + der.len;
    EVP_PKEY *key = der.len <= PARSED_PEM_MAX ? d2i_AutoPrivateKey(NULL, &at, (long)der.len) : NULL;
    PKCS8_PRIV_KEY_INFO *p8 = key != NULL && at == end ? EVP_PKEY2PKCS8(key) : NULL;
    struct str out = STR_NONE;
    uint8_t *made = NULL;
    int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &made) : 0;

    if (n > 0) {
        out = copy(a, made, n);
        OPENSSL_clear_free(made, (size_t)n);
    }
    PKCS8_PRIV_KEY_INFO_free(p8);
    EVP_PKEY_free(key);
    return out;
}

struct str parse_public_key(struct arena *a, struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    const uint8_t *end = at + der.len;
    EVP_PKEY *key = der.len <= PARSED_PEM_MAX ? d2i_PUBKEY(NULL, &at, (long)der.len) : NULL;
    struct str out = STR_NONE;
    uint8_t *made = NULL;
    int n = 0;

    if (key == NULL && der.len <= PARSED_PEM_MAX) {
        at = (const uint8_t *)der.at;
        key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)der.len);
    }
    if (key != NULL && at == end)
        n = i2d_PUBKEY(key, &made);
    if (n > 0)
        out = copy(a, made, n);
    OPENSSL_free(made);
    EVP_PKEY_free(key);
    return out;
}

/* ---- all that a member holds ---- */

static const struct pem_kind {
    const char *label;
    const char *group; /* member of `parsed` */
    const char *name;
    struct str (*parse)(struct arena *a, struct str der);
} kinds[] = {
    { "CERTIFICATE", "certificates", "certificate", parse_certificate },
    { "X509 CERTIFICATE", "certificates", "certificate", parse_certificate },
    { "X509 CRL", "crls", "CRL", parse_crl },
    { "PRIVATE KEY", "private_keys", "private key", parse_private_key },
    { "RSA PRIVATE KEY", "private_keys", "private key", parse_private_key },
    { "EC PRIVATE KEY", "private_keys", "private key", parse_private_key },
    { "PUBLIC KEY", "public_keys", "public key", parse_public_key },
    { "RSA PUBLIC KEY", "public_keys", "public key", parse_public_key },
};

static struct value *group_list(
    struct arena *a, struct value *parsed, const char *group, const char *member)
{
    struct value *map = value_get(parsed, group);
    struct value *list;

    if (map == NULL) {
        map = value_map(a);
        value_put(parsed, group, map);
    }
    list = value_get(map, member);
    if (list == NULL) {
        list = value_list(a);
        value_put_named(a, map, str_from(member), list);
    }
    return list;
}

int parse_pem(
    struct arena *a, struct str text, const char *member, struct value *parsed, struct err *err)
{
    const size_t nkinds = sizeof(kinds) / sizeof(kinds[0]);
    struct pem block = { 0 };
    unsigned n = 0;
    int got;

    if (text.len > PARSED_PEM_MAX)
        return err_set(err, ERR_LIMIT, "pem", "more than %d bytes of PEM", PARSED_PEM_MAX);
    while ((got = pem_next(a, &text, &block, err)) == 1) {
        struct str der;
        size_t k = 0;

        while (k < nkinds && !str_is(block.label, kinds[k].label))
            k++;
        if (k == nkinds) /* "EC PARAMETERS" and the like */
            continue;
        if (++n > PARSED_CERTIFICATES_MAX)
            return err_set(
                err, ERR_LIMIT, "pem", "more than %d PEM blocks", PARSED_CERTIFICATES_MAX);
        der = kinds[k].parse(a, block.der);
        if (der.at == NULL)
            return err_set(err, ERR_CONFIG, "pem", "block %u: not a %s", n, kinds[k].name);
        value_add_text(a, group_list(a, parsed, kinds[k].group, member), der);
    }
    if (got == 0 && n == 0)
        return err_set(err, ERR_CONFIG, "pem", "no PEM block in it");
    return got;
}

struct value *parse_client_chain(struct arena *a, const struct str *der, unsigned n)
{
    struct value *out = value_map(a);
    struct value *chain = value_list(a);

    for (unsigned i = 0; i < n && i < 16; i++) {
        struct str one = parse_certificate(a, der[i]);

        if (one.at == NULL && i == 0)
            return NULL;
        if (one.at == NULL)
            continue;
        if (i == 0)
            value_put_text(a, out, "der", one);
        value_add_text(a, chain, one);
    }
    if (chain->n == 0)
        return NULL;
    value_put(out, "chain", chain);
    return out;
}
