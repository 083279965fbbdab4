/*
 * cert_match - whether a certificate is one that a role trusts, and meets every one of its conditions.
 *
 * A role's certificate that is no authority admits exactly itself: the same
 * DER, not the same number or the same key with another name on it.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "keeper/auth/cert_int.h"

/* ---- the client ---- */

static X509 *x509_of(struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509 *x = der.len > 0 ? d2i_X509(NULL, &at, (long)der.len) : NULL;

    if (x != NULL && (at != (const uint8_t *)der.at + der.len || X509_get0_pubkey(x) == NULL)) {
        X509_free(x);
        x = NULL;
    }
    ERR_clear_error();
    return x;
}

bool cert_client_open(struct request *r, struct cert_client *c)
{
    unsigned n = 0;

    *c = (struct cert_client){ .der = value_get_text(r->client_certificate, "der", STR_NONE) };
    c->leaf = x509_of(c->der);
    if (c->leaf == NULL)
        return false;
    c->chain = sk_X509_new_null();
    value_each (der, value_get(r->client_certificate, "chain")) {
        X509 *x = n++ < CERT_CHAIN_MAX ? x509_of(der->text) : NULL;

        if (x != NULL && sk_X509_push(c->chain, x) <= 0)
            X509_free(x);
    }
    return true;
}

void cert_client_close(struct cert_client *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    *c = (struct cert_client){ 0 };
}

struct str cert_key_hash(struct arena *a, X509 *x)
{
    uint8_t hash[EVP_MAX_MD_SIZE];
    uint8_t *der = NULL;
    unsigned n = 0;
    int len = i2d_PUBKEY(X509_get0_pubkey(x), &der);

    if (len > 0)
        EVP_Digest(der, (size_t)len, hash, &n, EVP_sha256(), NULL);
    OPENSSL_free(der);
    return pki_serial_text(a, (struct str){ (char *)hash, n });
}

/* ---- texts of a certificate ---- */

static void add_entry(struct arena *a, struct value *list, const X509_NAME_ENTRY *e)
{
    uint8_t *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));

    if (n >= 0 && memchr(utf8, '\0', (size_t)n) == NULL)
        value_add_text(a, list, (struct str){ (char *)utf8, (size_t)n });
    OPENSSL_free(utf8);
}

static struct value *attributes(struct arena *a, X509 *x, int nid)
{
    X509_NAME *name = X509_get_subject_name(x);
    struct value *list = value_list(a);
    int at = -1;

    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        add_entry(a, list, X509_NAME_get_entry(name, at));
    return list;
}

struct str cert_common_name(struct arena *a, X509 *x)
{
    const struct value *list = attributes(a, x, NID_commonName);

    return list->n == 1 ? list->first->text : STR(""); /* several mean nothing */
}

static struct value *alternative_names(struct arena *a, X509 *x, int type)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct value *list = value_list(a);

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < CERT_NAMES_MAX; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        struct str s;

        if (g->type != type)
            continue;
        s = (struct str){ (const char *)ASN1_STRING_get0_data(g->d.ia5),
            (size_t)ASN1_STRING_length(g->d.ia5) };
        if (s.len > 0 && memchr(s.at, '\0', s.len) == NULL)
            value_add_text(a, list, s);
    }
    GENERAL_NAMES_free(names);
    return list;
}

/* ---- conditions ---- */

static bool any_matches(const struct value *patterns, const struct value *texts)
{
    value_each (p, patterns)
        value_each (t, texts)
            if (pki_glob(p->text, t->text))
                return true;
    return false;
}

/* Nothing asked for is met. */
static bool met(const struct value *role, const char *field, const struct value *texts)
{
    const struct value *patterns = value_get(role, field);

    return patterns == NULL || patterns->n == 0 || any_matches(patterns, texts);
}

static void add_all(struct arena *a, struct value *to, const struct value *from)
{
    value_each (v, from)
        value_add_text(a, to, v->text);
}

static bool names_met(struct arena *a, const struct value *role, X509 *x)
{
    struct value *common = attributes(a, x, NID_commonName);
    struct value *dns = alternative_names(a, x, GEN_DNS);
    struct value *emails = alternative_names(a, x, GEN_EMAIL);
    struct value *any = value_list(a);

    add_all(a, any, common);
    add_all(a, any, dns);
    add_all(a, any, emails);
    return met(role, "allowed_names", any) && met(role, "allowed_common_names", common) &&
           met(role, "allowed_dns_sans", dns) && met(role, "allowed_email_sans", emails) &&
           met(role, "allowed_uri_sans", alternative_names(a, x, GEN_URI)) &&
           met(role, "allowed_organizational_units", attributes(a, x, NID_organizationalUnitName));
}

static struct str hex_of(struct arena *a, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *to = arena_alloc(a, bytes.len * 2 + 1);

    for (size_t i = 0; i < bytes.len; i++) {
        to[2 * i] = digits[(uint8_t)bytes.at[i] >> 4];
        to[2 * i + 1] = digits[(uint8_t)bytes.at[i] & 15];
    }
    return (struct str){ to, bytes.len * 2 };
}

/* The text inside, when the extension is one of ASN.1's text types; else its bytes. */
static struct str extension_text(struct arena *a, struct str raw)
{
    const uint8_t *at = (const uint8_t *)raw.at;
    ASN1_STRING *s = d2i_ASN1_PRINTABLE(NULL, &at, (long)raw.len);
    struct str out = raw;
    uint8_t *utf8 = NULL;
    int n = s != NULL ? ASN1_STRING_to_UTF8(&utf8, s) : -1;

    if (n >= 0 && at == (const uint8_t *)raw.at + raw.len)
        out = arena_str(a, (struct str){ (char *)utf8, (size_t)n });
    OPENSSL_free(utf8);
    ASN1_STRING_free(s);
    ERR_clear_error();
    return out;
}

/* at NULL: it has none. */
static struct str extension_of(X509 *x, struct str oid)
{
    char text[128];

    if (oid.len == 0 || oid.len >= sizeof(text))
        return STR_NONE;
    for (int i = 0; i < X509_get_ext_count(x); i++) {
        X509_EXTENSION *e = X509_get_ext(x, i);
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(e);
        int n = OBJ_obj2txt(text, sizeof(text), X509_EXTENSION_get_object(e), 1);

        if (n > 0 && (size_t)n < sizeof(text) && str_eq((struct str){ text, (size_t)n }, oid))
            return (struct str){ (const char *)ASN1_STRING_get0_data(data),
                (size_t)ASN1_STRING_length(data) };
    }
    return STR_NONE;
}

/* "1.2.3:glob", or "hex:1.2.3:0c*" over the bytes. */
static bool extension_met(struct arena *a, X509 *x, struct str condition)
{
    bool hex = str_starts(condition, STR("hex:"));
    struct str glob;
    struct str oid;
    struct str raw;

    if (hex)
        condition = (struct str){ condition.at + 4, condition.len - 4 };
    oid = str_cut(condition, ':', &glob);
    raw = extension_of(x, oid);
    if (raw.at == NULL || glob.at == NULL)
        return false;
    return pki_glob(hex ? pki_lower(a, glob) : glob, hex ? hex_of(a, raw) : extension_text(a, raw));
}

bool cert_extension(struct arena *a, X509 *x, struct str oid, struct str *text)
{
    struct str raw = extension_of(x, oid);

    if (raw.at == NULL)
        return false;
    *text = extension_text(a, raw);
    return true;
}

static bool conditions_met(struct arena *a, const struct value *role, X509 *x)
{
    value_each (c, value_get(role, "required_extensions"))
        if (!extension_met(a, x, c->text))
            return false;
    return names_met(a, role, x);
}

/* ---- trust ---- */

static bool is_valid_now(X509 *x, int64_t now)
{
    return pki_time(X509_get0_notBefore(x)) <= now && pki_time(X509_get0_notAfter(x)) > now;
}

static X509_STORE *authorities_of(const struct value *role)
{
    X509_STORE *store = X509_STORE_new();

    value_each (der, value_get(role, "certificates")) {
        X509 *x = x509_of(der->text);

        if (x != NULL && X509_check_ca(x) == 1)
            X509_STORE_add_cert(store, x);
        X509_free(x);
    }
    return store;
}

/* The chain up to an authority of the role (RFC 5280 section 6); NULL: there is none. To be freed. */
static STACK_OF(X509) *
    chain_to_authority(const struct value *role, const struct cert_client *c, int64_t now)
{
    X509_STORE *store = authorities_of(role);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *chain = NULL;
    X509_VERIFY_PARAM *how;

    if (store != NULL && ctx != NULL && X509_STORE_CTX_init(ctx, store, c->leaf, c->chain) == 1) {
        how = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(how, (time_t)now);
        X509_VERIFY_PARAM_set_flags(how, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_depth(how, CERT_CHAIN_MAX);
        X509_VERIFY_PARAM_set_purpose(how, X509_PURPOSE_SSL_CLIENT);
        if (X509_verify_cert(ctx) == 1)
            chain = X509_STORE_CTX_get1_chain(ctx);
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return chain;
}

static bool is_named_itself(const struct value *role, const struct cert_client *c)
{
    value_each (der, value_get(role, "certificates"))
        if (str_eq(der->text, c->der))
            return true;
    return false;
}

/* ---- revocation ---- */

static void *crl_parse(struct str data, const char **why)
{
    const uint8_t *at = (const uint8_t *)data.at;
    X509_CRL *crl = data.len > 0 ? d2i_X509_CRL(NULL, &at, (long)data.len) : NULL;

    if (crl == NULL)
        *why = "not a CRL";
    return crl;
}

static void crl_free(void *object)
{
    X509_CRL_free(object);
}

static const struct entry_class crl_class = { "cert crl", crl_parse, crl_free, NULL };

static bool is_revoked(struct request *r, X509 *x)
{
    value_each (name, entry_list(&r->tx, mount_path(r, "crl/"), STR_NONE, 0)) {
        /* Looking a number up sorts the list the first time: it is the cache's own, in one thread. */
        X509_CRL *crl = (X509_CRL *)(uintptr_t)entry_object(
            &r->tx, mount_path(r, "crl/%.*s", STR_ARG(name->text)), &crl_class);
        X509_REVOKED *found = NULL;

        if (crl == NULL || X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(x)) != 0)
            continue;
        if (X509_CRL_get0_by_serial(crl, &found, X509_get_serialNumber(x)) == 1)
            return true;
    }
    return false;
}

static bool any_revoked(struct request *r, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (is_revoked(r, sk_X509_value(chain, i)))
            return true;
    return false;
}

bool cert_admits(struct request *r, const struct value *role, const struct cert_client *c)
{
    int64_t now = r->now / 1000;
    STACK_OF(X509) *chain = NULL;
    bool ok;

    if (!is_valid_now(c->leaf, now) || is_revoked(r, c->leaf))
        return false;
    ok = is_named_itself(role, c) && X509_check_ca(c->leaf) != 1;
    if (!ok) {
        chain = chain_to_authority(role, c, now);
        ok = chain != NULL && !any_revoked(r, chain);
    }
    sk_X509_pop_free(chain, X509_free);
    return ok && conditions_met(&r->arena, role, c->leaf);
}
