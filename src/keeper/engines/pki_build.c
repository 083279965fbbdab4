/*
 * pki_build - a certificate, or a request for one, made of plain values.
 *
 * Extensions are put together as structures (RFC 5280 section 4.2), never as
 * text for OpenSSL's configuration language, which would read commas and
 * sections out of a name that a client chose.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "base/hash.h"
#include "keeper/engines/pki_int.h"

/* ---- signing ---- */

static const EVP_MD *digest_for(EVP_PKEY *key, int64_t bits)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        return NULL;
    if (bits == 0 && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        bits = EVP_PKEY_get_bits(key) > 384 ? 512 : EVP_PKEY_get_bits(key) > 256 ? 384 : 256;
    return bits == 384 ? EVP_sha384() : bits == 512 ? EVP_sha512() : EVP_sha256();
}

EVP_MD_CTX *pki_signing(EVP_PKEY *key, int64_t bits, bool pss)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    bool ok = ctx != NULL && EVP_DigestSignInit(ctx, &how, digest_for(key, bits), NULL, key) == 1;

    if (ok && pss && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        ok = EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (ok)
        return ctx;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

/* ---- names ---- */

static const struct {
    const char *word;
    int nid;
} attributes[] = {
    { "CN", NID_commonName },
    { "O", NID_organizationName },
    { "OU", NID_organizationalUnitName },
    { "C", NID_countryName },
    { "ST", NID_stateOrProvinceName },
    { "L", NID_localityName },
    { "STREET", NID_streetAddress },
    { "POSTALCODE", NID_postalCode },
    { "SERIALNUMBER", NID_serialNumber },
    { "UID", NID_userId },
};

static ASN1_OBJECT *attribute_of(struct str type)
{
    char oid[128];

    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        if (str_is(type, attributes[i].word))
            return OBJ_nid2obj(attributes[i].nid);
    if (type.len == 0 || type.len >= sizeof(oid) || type.at[0] < '0' || type.at[0] > '9')
        return NULL;
    memcpy(oid, type.at, type.len);
    oid[type.len] = '\0';
    return OBJ_txt2obj(oid, 1);
}

/*
 * RFC 5280's upper bounds are kept for the common name alone: people write "Brazil" for a country, and
 * Vault takes it. Then it is UTF-8, whatever the attribute would be otherwise.
 */
static bool put_attribute(X509_NAME *name, const ASN1_OBJECT *o, struct str text)
{
    const unsigned char *at = (const unsigned char *)text.at;
    int n = (int)text.len;

    if (X509_NAME_add_entry_by_OBJ(name, o, MBSTRING_UTF8, at, n, -1, 0) == 1)
        return true;
    return OBJ_obj2nid(o) != NID_commonName &&
           ASN1_mbstring_copy(NULL, at, n, MBSTRING_UTF8, B_ASN1_UTF8STRING) == V_ASN1_UTF8STRING &&
           X509_NAME_add_entry_by_OBJ(name, o, V_ASN1_UTF8STRING, at, n, -1, 0) == 1;
}

static bool put_subject(X509_NAME *name, const struct value *subject)
{
    value_each (v, subject) {
        struct str text = value_get_text(v, "value", STR_NONE);
        ASN1_OBJECT *o = attribute_of(value_get_text(v, "type", STR_NONE));
        bool ok = o != NULL && text.len > 0 && text.len < 1024 && put_attribute(name, o, text);

        ASN1_OBJECT_free(o);
        if (!ok)
            return false;
    }
    return true;
}

static bool add_text_name(GENERAL_NAMES *to, int type, struct str s)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    if (g == NULL || text == NULL || s.len == 0 || s.len > 2048 ||
        ASN1_STRING_set(text, s.at, (int)s.len) != 1) {
        GENERAL_NAME_free(g);
        ASN1_IA5STRING_free(text);
        return false;
    }
    GENERAL_NAME_set0_value(g, type, text);
    return sk_GENERAL_NAME_push(to, g) > 0;
}

static bool add_address(GENERAL_NAMES *to, struct str s)
{
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();
    unsigned char raw[16];
    char text[INET6_ADDRSTRLEN];
    int len = 0;

    if (s.len > 0 && s.len < sizeof(text)) {
        memcpy(text, s.at, s.len);
        text[s.len] = '\0';
        len = inet_pton(AF_INET, text, raw) == 1 ? 4 : inet_pton(AF_INET6, text, raw) == 1 ? 16 : 0;
    }
    if (g == NULL || ip == NULL || len == 0 || ASN1_STRING_set(ip, raw, len) != 1) {
        GENERAL_NAME_free(g);
        ASN1_OCTET_STRING_free(ip);
        return false;
    }
    GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
    return sk_GENERAL_NAME_push(to, g) > 0;
}

static bool add_other(GENERAL_NAMES *to, const struct value *v)
{
    struct str text = value_get_text(v, "value", STR_NONE);
    ASN1_OBJECT *oid = attribute_of(value_get_text(v, "oid", STR_NONE));
    ASN1_TYPE *type = ASN1_TYPE_new();
    ASN1_UTF8STRING *utf8 = ASN1_UTF8STRING_new();
    GENERAL_NAME *g = GENERAL_NAME_new();

    if (oid == NULL || type == NULL || utf8 == NULL || g == NULL || text.len > 2048 ||
        ASN1_STRING_set(utf8, text.at, (int)text.len) != 1) {
        ASN1_OBJECT_free(oid);
        ASN1_TYPE_free(type);
        ASN1_UTF8STRING_free(utf8);
        GENERAL_NAME_free(g);
        return false;
    }
    ASN1_TYPE_set(type, V_ASN1_UTF8STRING, utf8);
    GENERAL_NAME_set0_othername(g, oid, type);
    return sk_GENERAL_NAME_push(to, g) > 0;
}

/* All alternative names; NULL when one of them is none. */
static GENERAL_NAMES *names_of(const struct pki_wish *w)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    bool ok = names != NULL;

    value_each (v, w->dns)
        ok = ok && add_text_name(names, GEN_DNS, v->text);
    value_each (v, w->emails)
        ok = ok && add_text_name(names, GEN_EMAIL, v->text);
    value_each (v, w->ips)
        ok = ok && add_address(names, v->text);
    value_each (v, w->uris)
        ok = ok && add_text_name(names, GEN_URI, v->text);
    value_each (v, w->others)
        ok = ok && add_other(names, v);
    if (ok)
        return names;
    GENERAL_NAMES_free(names);
    return NULL;
}

/* ---- extensions ---- */

static bool put(STACK_OF(X509_EXTENSION) * *to, int nid, void *structure, bool critical)
{
    return structure != NULL &&
           X509V3_add1_i2d(to, nid, structure, critical, X509V3_ADD_DEFAULT) == 1;
}

static bool put_names(STACK_OF(X509_EXTENSION) * *to, const struct pki_wish *w)
{
    GENERAL_NAMES *names = names_of(w);
    bool ok = names != NULL;

    if (ok && sk_GENERAL_NAME_num(names) > 0)
        ok = put(to, NID_subject_alt_name, names, w->subject->n == 0);
    GENERAL_NAMES_free(names);
    return ok;
}

static bool put_usage(STACK_OF(X509_EXTENSION) * *to, unsigned usage)
{
    ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
    bool ok = bits != NULL;

    for (int i = 0; i < 9; i++)
        if ((usage & 1u << i) != 0)
            ok = ok && ASN1_BIT_STRING_set_bit(bits, i, 1) == 1;
    ok = ok && put(to, NID_key_usage, bits, true);
    ASN1_BIT_STRING_free(bits);
    return ok;
}

static bool put_extended(STACK_OF(X509_EXTENSION) * *to, const struct value *oids)
{
    EXTENDED_KEY_USAGE *u = EXTENDED_KEY_USAGE_new();
    bool ok = u != NULL;

    value_each (v, oids) {
        ASN1_OBJECT *o = attribute_of(v->text);

        ok = ok && o != NULL && sk_ASN1_OBJECT_push(u, o) > 0;
    }
    ok = ok && put(to, NID_ext_key_usage, u, false);
    EXTENDED_KEY_USAGE_free(u);
    return ok;
}

static bool put_constraints(STACK_OF(X509_EXTENSION) * *to, const struct pki_wish *w)
{
    BASIC_CONSTRAINTS *c = BASIC_CONSTRAINTS_new();
    bool ok = c != NULL;

    if (ok && w->ca) {
        c->ca = 0xff;
        if (w->path_length >= 0) {
            c->pathlen = ASN1_INTEGER_new();
            ok = ASN1_INTEGER_set_int64(c->pathlen, w->path_length) == 1;
        }
    }
    ok = ok && put(to, NID_basic_constraints, c, true);
    BASIC_CONSTRAINTS_free(c);
    return ok;
}

static bool put_policies(STACK_OF(X509_EXTENSION) * *to, const struct value *oids)
{
    CERTIFICATEPOLICIES *list = CERTIFICATEPOLICIES_new();
    bool ok = list != NULL;

    value_each (v, oids) {
        POLICYINFO *p = POLICYINFO_new();

        ASN1_OBJECT_free(p->policyid);
        p->policyid = attribute_of(v->text);
        ok = ok && p->policyid != NULL;
        sk_POLICYINFO_push(list, p);
    }
    ok = ok && put(to, NID_certificate_policies, list, false);
    CERTIFICATEPOLICIES_free(list);
    return ok;
}

static bool put_permitted(STACK_OF(X509_EXTENSION) * *to, const struct value *domains)
{
    NAME_CONSTRAINTS *n = NAME_CONSTRAINTS_new();
    bool ok = n != NULL && (n->permittedSubtrees = sk_GENERAL_SUBTREE_new_null()) != NULL;

    if (!ok) {
        NAME_CONSTRAINTS_free(n);
        return false;
    }
    value_each (v, domains) {
        GENERAL_SUBTREE *t = GENERAL_SUBTREE_new();
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();

        ok = ok && ASN1_STRING_set(s, v->text.at, (int)v->text.len) == 1;
        GENERAL_NAME_set0_value(t->base, GEN_DNS, s);
        sk_GENERAL_SUBTREE_push(n->permittedSubtrees, t);
    }
    ok = ok && put(to, NID_name_constraints, n, true);
    NAME_CONSTRAINTS_free(n);
    return ok;
}

static bool add_access(AUTHORITY_INFO_ACCESS *to, int method, const struct value *urls)
{
    bool ok = true;

    value_each (v, urls) {
        ACCESS_DESCRIPTION *d = ACCESS_DESCRIPTION_new();
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();

        ASN1_OBJECT_free(d->method);
        d->method = OBJ_nid2obj(method);
        ok = ok && ASN1_STRING_set(s, v->text.at, (int)v->text.len) == 1;
        GENERAL_NAME_set0_value(d->location, GEN_URI, s);
        sk_ACCESS_DESCRIPTION_push(to, d);
    }
    return ok;
}

static bool put_access(STACK_OF(X509_EXTENSION) * *to, const struct value *urls)
{
    AUTHORITY_INFO_ACCESS *list = AUTHORITY_INFO_ACCESS_new();
    bool ok = list != NULL && add_access(list, NID_ad_OCSP, value_get(urls, "ocsp_servers")) &&
              add_access(list, NID_ad_ca_issuers, value_get(urls, "issuing_certificates"));

    if (ok && sk_ACCESS_DESCRIPTION_num(list) > 0)
        ok = put(to, NID_info_access, list, false);
    AUTHORITY_INFO_ACCESS_free(list);
    return ok;
}

static bool put_crl_points(STACK_OF(X509_EXTENSION) * *to, const struct value *urls)
{
    CRL_DIST_POINTS *list = CRL_DIST_POINTS_new();
    bool ok = list != NULL;

    value_each (v, value_get(urls, "crl_distribution_points")) {
        DIST_POINT *p = DIST_POINT_new();

        p->distpoint = DIST_POINT_NAME_new();
        p->distpoint->type = 0;
        p->distpoint->name.fullname = GENERAL_NAMES_new();
        ok = ok && add_text_name(p->distpoint->name.fullname, GEN_URI, v->text);
        sk_DIST_POINT_push(list, p);
    }
    if (ok && sk_DIST_POINT_num(list) > 0)
        ok = put(to, NID_crl_distribution_points, list, false);
    CRL_DIST_POINTS_free(list);
    return ok;
}

static ASN1_OCTET_STRING *key_identifier(EVP_PKEY *key)
{
    ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
    X509_PUBKEY *public_key = NULL;
    const unsigned char *bits = NULL;
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int len = 0;

    X509_PUBKEY_set(&public_key, key);
    X509_PUBKEY_get0_param(NULL, &bits, &len, NULL, public_key);
    EVP_Digest(bits, (size_t)len, hash, &n, EVP_sha1(), NULL);
    ASN1_STRING_set(id, hash, (int)n);
    X509_PUBKEY_free(public_key);
    return id;
}

/* Whose key it is (RFC 5280 4.2.1.2) and whose key signed it (4.2.1.1). */
static bool put_key_ids(STACK_OF(X509_EXTENSION) * *to, const struct pki_wish *w, X509 *issuer)
{
    ASN1_OCTET_STRING *own = key_identifier(w->pkey);
    const ASN1_OCTET_STRING *theirs = issuer != NULL ? X509_get0_subject_key_id(issuer) : own;
    AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
    bool ok = authority != NULL && put(to, NID_subject_key_identifier, own, false);

    if (ok && theirs != NULL) {
        authority->keyid = ASN1_OCTET_STRING_dup(theirs);
        ok = put(to, NID_authority_key_identifier, authority, false);
    }
    AUTHORITY_KEYID_free(authority);
    ASN1_OCTET_STRING_free(own);
    return ok;
}

static bool put_extensions(STACK_OF(X509_EXTENSION) * *to, const struct pki_wish *w, X509 *issuer)
{
    bool ok = (w->usage == 0 || put_usage(to, w->usage)) &&
              (w->extended->n == 0 || put_extended(to, w->extended)) &&
              ((!w->ca && !w->constraints) || put_constraints(to, w)) && put_key_ids(to, w, issuer);

    return ok && put_access(to, w->urls) && put_names(to, w) && put_crl_points(to, w->urls) &&
           (w->policies->n == 0 || put_policies(to, w->policies)) &&
           (w->permitted->n == 0 || put_permitted(to, w->permitted));
}

/* ---- all of it ---- */

static bool set_serial(X509 *x)
{
    uint8_t bytes[PKI_SERIAL_BYTES];
    BIGNUM *n;
    bool ok;

    random_bytes(bytes, sizeof(bytes));
    bytes[0] =
        (uint8_t)((bytes[0] & 0x7f) | 0x40); /* positive, and always as long (RFC 5280 4.1.2.2) */
    n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static bool set_time(ASN1_TIME *t, int64_t seconds)
{
    return ASN1_TIME_set(t, (time_t)seconds) != NULL;
}

static bool fill(X509 *x, const struct pki_wish *w, X509 *issuer)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    X509_NAME *subject = X509_get_subject_name(x);
    bool ok = X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
              set_time(X509_getm_notBefore(x), w->not_before) &&
              set_time(X509_getm_notAfter(x), w->not_after) && put_subject(subject, w->subject);

    ok = ok &&
         X509_set_issuer_name(x, issuer != NULL ? X509_get_subject_name(issuer) : subject) == 1 &&
         X509_set_pubkey(x, w->pkey) == 1 && put_extensions(&extensions, w, issuer);
    for (int i = 0; ok && i < sk_X509_EXTENSION_num(extensions); i++)
        ok = X509_add_ext(x, sk_X509_EXTENSION_value(extensions, i), -1) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

/* PSS is for RSA keys that sign; the issuer's certificate may have asked for it itself. */
static bool sign(X509 *x, const struct pki_wish *w, EVP_PKEY *signer)
{
    EVP_MD_CTX *ctx = pki_signing(signer, w->signature_bits, w->pss);
    bool ok = ctx != NULL && X509_sign_ctx(x, ctx) > 0;

    EVP_MD_CTX_free(ctx);
    return ok;
}

bool pki_build(struct request *r, const struct pki_wish *w, X509 *issuer, EVP_PKEY *signer,
    struct pki_made *out)
{
    X509 *x = X509_new();
    uint8_t *der = NULL;
    int n = 0;

    if (w->dns->n + w->emails->n + w->ips->n + w->uris->n + w->others->n > PKI_NAMES_MAX)
        reply_error(r, 400, "more than %d names in one certificate", PKI_NAMES_MAX);
    else if (x == NULL || !fill(x, w, issuer))
        reply_error(r, 400,
            "a value of the certificate's subject or names cannot be encoded (a common name has at most "
            "64 characters)");
    else if (!sign(x, w, signer) || (n = i2d_X509(x, &der)) <= 0)
        reply_error(r, 500, "error signing certificate");
    if (n > 0) {
        out->der = arena_str(&r->arena, (struct str){ (char *)der, (size_t)n });
        out->serial = pki_serial(&r->arena, x);
        out->expires = w->not_after;
    }
    OPENSSL_free(der);
    X509_free(x);
    ERR_clear_error();
    return n > 0;
}

static bool fill_request(X509_REQ *req, const struct pki_wish *w)
{
    STACK_OF(X509_EXTENSION) *extensions = NULL;
    bool ok = X509_REQ_set_version(req, 0) == 1 &&
              put_subject(X509_REQ_get_subject_name(req), w->subject) &&
              X509_REQ_set_pubkey(req, w->pkey) == 1 && put_names(&extensions, w) &&
              (!w->constraints || put_constraints(&extensions, w));

    if (ok && sk_X509_EXTENSION_num(extensions) > 0)
        ok = X509_REQ_add_extensions(req, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return ok;
}

struct str pki_build_request(struct request *r, const struct pki_wish *w, EVP_PKEY *key)
{
    X509_REQ *req = X509_REQ_new();
    EVP_MD_CTX *ctx = pki_signing(key, w->signature_bits, w->pss);
    struct str out = STR_NONE;
    uint8_t *der = NULL;
    int n = 0;

    if (req == NULL || !fill_request(req, w))
        reply_error(r, 400, "a value of the request's subject or names cannot be encoded");
    else if (ctx == NULL || X509_REQ_sign_ctx(req, ctx) <= 0 || (n = i2d_X509_REQ(req, &der)) <= 0)
        reply_error(r, 500, "error signing the request");
    if (n > 0)
        out = arena_str(&r->arena, (struct str){ (char *)der, (size_t)n });
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    X509_REQ_free(req);
    ERR_clear_error();
    return out;
}
