/*
 * csr - a certificate request (PKCS#10, RFC 2986) as plain values.
 *
 * The core never sees the request: it gets names, flags and a public key that
 * has proven that its owner signed this, and builds a certificate of what the role allows.
 * Names that could mean two things (NUL bytes, no UTF-8, control characters) are
 * refused here, for every one of them.
 */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "base/utf8.h"
#include "vault/parsed_int.h"

enum { RSA_BITS_MAX = 8192, OID_TEXT = 128 };

struct csr_reader {
    struct arena *arena;
    struct err *err;
    X509_REQ *req;
    struct value *out;
    unsigned names; /* still allowed */
};

static int bad(struct csr_reader *r, const char *what)
{
    return err_set(r->err, ERR_CONFIG, "csr", "certificate request: %s", what);
}

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = utf8_length((const unsigned char *)s.at + i, s.len - i);

        if (n == 0 || (n == 1 && (s.at[i] < 0x20 || s.at[i] == 0x7f)))
            return false;
        i += n;
    }
    return s.len > 0;
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= 0x20 || (unsigned char)s.at[i] >= 0x7f)
            return false;
    return s.len > 0;
}

static struct str oid_text(struct arena *a, const ASN1_OBJECT *o)
{
    char text[OID_TEXT];
    int n = OBJ_obj2txt(text, sizeof(text), o, 1);

    return n > 0 && n < OID_TEXT ? arena_str(a, (struct str){ text, (size_t)n }) : STR_NONE;
}

/* ---- subject ---- */

/* The attribute types that a role or Vault's parameters speak of; others go by their OID. */
static struct str attribute_name(struct arena *a, const ASN1_OBJECT *o)
{
    static const struct {
        int nid;
        const char *name;
    } known[] = {
        { NID_commonName, "CN" },
        { NID_organizationName, "O" },
        { NID_organizationalUnitName, "OU" },
        { NID_countryName, "C" },
        { NID_stateOrProvinceName, "ST" },
        { NID_localityName, "L" },
        { NID_streetAddress, "STREET" },
        { NID_postalCode, "POSTALCODE" },
        { NID_serialNumber, "SERIALNUMBER" },
    };
    int nid = OBJ_obj2nid(o);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].nid == nid)
            return str_from(known[i].name);
    return oid_text(a, o);
}

static int read_attribute(struct csr_reader *r, const X509_NAME_ENTRY *e, struct value *list)
{
    const ASN1_STRING *data = X509_NAME_ENTRY_get_data(e);
    struct str type = attribute_name(r->arena, X509_NAME_ENTRY_get_object(e));
    struct value *v = value_map(r->arena);
    uint8_t *utf8 = NULL;
    int n = ASN1_STRING_to_UTF8(&utf8, data);
    struct str text =
        n >= 0 ? arena_str(r->arena, (struct str){ (char *)utf8, (size_t)n }) : STR_NONE;

    OPENSSL_free(utf8);
    if (r->names-- == 0)
        return bad(r, "too many names");
    if (type.len == 0 || !is_clean(text))
        return bad(r, "an attribute of the subject is no printable text");
    value_put_text(r->arena, v, "type", type);
    value_put_text(r->arena, v, "value", text);
    value_put_i64(r->arena, v, "set", X509_NAME_ENTRY_set(e));
    value_add(list, v);
    return 0;
}

static int read_subject(struct csr_reader *r)
{
    X509_NAME *name = X509_REQ_get_subject_name(r->req);
    struct value *list = value_list(r->arena);
    const uint8_t *der = NULL;
    size_t n = 0;

    if (X509_NAME_get0_der(name, &der, &n) != 1)
        return bad(r, "its subject cannot be read");
    value_put_text(r->arena, r->out, "subject_der", (struct str){ (const char *)der, n });
    for (int i = 0; i < X509_NAME_entry_count(name); i++)
        if (read_attribute(r, X509_NAME_get_entry(name, i), list) == -1)
            return -1;
    value_put(r->out, "subject", list);
    return 0;
}

/* ---- public key ---- */

static const char *ec_problem(EVP_PKEY *key)
{
    static const char *const curves[] = { "secp224r1", "prime256v1", "secp384r1", "secp521r1" };
    char name[64] = "";
    size_t n = 0;

    /* Explicit parameters have no name of their own: EVP_PKEY_get_group_name() fails. */
    if (EVP_PKEY_get_group_name(key, name, sizeof(name), &n) != 1)
        return "its elliptic curve has no name";
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (strcmp(name, curves[i]) == 0)
            return NULL;
    return "its elliptic curve is not one of P-224, P-256, P-384 and P-521";
}

/* What must hold before a signature is verified with it: that costs time that the sender chooses. */
static const char *key_problem(EVP_PKEY *key, const char **type)
{
    int bits = EVP_PKEY_get_bits(key);

    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        *type = "rsa";
        return bits >= 1024 && bits <= RSA_BITS_MAX ? NULL
                                                    : "its RSA key must have 1024 to 8192 bits";
    case EVP_PKEY_EC:
        *type = "ec";
        return ec_problem(key);
    case EVP_PKEY_ED25519:
        *type = "ed25519";
        return NULL;
    default:
        return "its key is neither RSA, ECDSA nor Ed25519";
    }
}

static int read_key(struct csr_reader *r)
{
    EVP_PKEY *key = X509_REQ_get0_pubkey(r->req);
    const char *type = NULL;
    const char *problem = key != NULL ? key_problem(key, &type) : "its public key cannot be read";
    uint8_t *spki = NULL;
    int n;

    if (problem != NULL)
        return bad(r, problem);
    n = i2d_PUBKEY(key, &spki);
    if (n <= 0)
        return bad(r, "its public key cannot be read");
    value_put_text(r->arena, r->out, "spki", (struct str){ (char *)spki, (size_t)n });
    OPENSSL_free(spki);
    value_put_text(r->arena, r->out, "key_type", str_from(type));
    value_put_i64(r->arena, r->out, "key_bits", EVP_PKEY_get_bits(key));
    value_put_bool(r->arena, r->out, "signature_ok", X509_REQ_verify(r->req, key) == 1);
    return 0;
}

/* ---- subject alternative names ---- */

static struct str asn1_str(const ASN1_STRING *s)
{
    return (struct str){ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}

static int read_address(struct csr_reader *r, const ASN1_OCTET_STRING *ip)
{
    struct str raw = asn1_str(ip);
    char text[INET6_ADDRSTRLEN];

    if ((raw.len != 4 && raw.len != 16) ||
        inet_ntop(raw.len == 4 ? AF_INET : AF_INET6, raw.at, text, sizeof(text)) == NULL)
        return bad(r, "an IP address in it is neither of 4 nor of 16 bytes");
    value_add_text(r->arena, value_get(r->out, "ips"), str_from(text));
    return 0;
}

static int read_other(struct csr_reader *r, const OTHERNAME *o)
{
    struct value *v = value_map(r->arena);
    struct str oid = oid_text(r->arena, o->type_id);

    if (o->value == NULL || o->value->type != V_ASN1_UTF8STRING || oid.len == 0 ||
        !is_clean(asn1_str(o->value->value.utf8string)))
        return bad(r, "an otherName in it is no printable UTF8String");
    value_put_text(r->arena, v, "oid", oid);
    value_put_text(r->arena, v, "value", asn1_str(o->value->value.utf8string));
    value_add(value_get(r->out, "others"), v);
    return 0;
}

static int read_text_name(struct csr_reader *r, const char *list, const ASN1_STRING *name)
{
    if (!is_ascii(asn1_str(name)))
        return bad(r, "a name in it is no printable ASCII");
    value_add_text(r->arena, value_get(r->out, list), asn1_str(name));
    return 0;
}

static int read_name(struct csr_reader *r, const GENERAL_NAME *g)
{
    if (r->names-- == 0)
        return bad(r, "too many names");
    switch (g->type) {
    case GEN_DNS:
        return read_text_name(r, "dns", g->d.dNSName);
    case GEN_EMAIL:
        return read_text_name(r, "emails", g->d.rfc822Name);
    case GEN_URI:
        return read_text_name(r, "uris", g->d.uniformResourceIdentifier);
    case GEN_IPADD:
        return read_address(r, g->d.iPAddress);
    case GEN_OTHERNAME:
        return read_other(r, g->d.otherName);
    default:
        return bad(r, "a kind of name in it is not supported");
    }
}

static int read_names(struct csr_reader *r, STACK_OF(X509_EXTENSION) * extensions)
{
    int critical = 0;
    GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, &critical, NULL);
    int done = 0;

    if (names == NULL)
        return critical == -1 ? 0 : bad(r, "its subject alternative names cannot be read");
    for (int i = 0; done == 0 && i < sk_GENERAL_NAME_num(names); i++)
        done = read_name(r, sk_GENERAL_NAME_value(names, i));
    GENERAL_NAMES_free(names);
    return done;
}

/* ---- the other extensions ---- */

static int read_constraints(struct csr_reader *r, STACK_OF(X509_EXTENSION) * extensions)
{
    int critical = 0;
    BASIC_CONSTRAINTS *c = X509V3_get_d2i(extensions, NID_basic_constraints, &critical, NULL);
    long length = -1;

    if (c == NULL && critical != -1)
        return bad(r, "its basic constraints cannot be read");
    value_put_bool(r->arena, r->out, "is_ca", c != NULL && c->ca != 0);
    if (c != NULL && c->pathlen != NULL)
        length = ASN1_INTEGER_get(c->pathlen);
    value_put_i64(r->arena, r->out, "max_path_length", length >= 0 && length < 256 ? length : -1);
    BASIC_CONSTRAINTS_free(c);
    return 0;
}

/* Bit 0 is digitalSignature (RFC 5280 section 4.2.1.3). */
static int read_usage(struct csr_reader *r, STACK_OF(X509_EXTENSION) * extensions)
{
    int critical = 0;
    ASN1_BIT_STRING *bits = X509V3_get_d2i(extensions, NID_key_usage, &critical, NULL);
    int64_t usage = 0;

    if (bits == NULL && critical != -1)
        return bad(r, "its key usage cannot be read");
    for (int i = 0; bits != NULL && i < 9; i++)
        usage |= ASN1_BIT_STRING_get_bit(bits, i) ? INT64_C(1) << i : 0;
    value_put_i64(r->arena, r->out, "key_usage", usage);
    ASN1_BIT_STRING_free(bits);
    return 0;
}

static int read_extended_usage(struct csr_reader *r, STACK_OF(X509_EXTENSION) * extensions)
{
    int critical = 0;
    EXTENDED_KEY_USAGE *u = X509V3_get_d2i(extensions, NID_ext_key_usage, &critical, NULL);
    struct value *list = value_list(r->arena);

    if (u == NULL && critical != -1)
        return bad(r, "its extended key usage cannot be read");
    for (int i = 0; u != NULL && i < sk_ASN1_OBJECT_num(u) && i < 64; i++)
        value_add_text(r->arena, list, oid_text(r->arena, sk_ASN1_OBJECT_value(u, i)));
    value_put(r->out, "ext_key_usage", list);
    EXTENDED_KEY_USAGE_free(u);
    return 0;
}

static int read_extensions(struct csr_reader *r)
{
    static const char *const lists[] = { "dns", "ips", "emails", "uris", "others" };
    STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(r->req);
    int done;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        value_put(r->out, lists[i], value_list(r->arena));
    done = read_names(r, extensions);
    if (done == 0)
        done = read_constraints(r, extensions);
    if (done == 0)
        done = read_usage(r, extensions);
    if (done == 0)
        done = read_extended_usage(r, extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    return done;
}

/* ---- all of it ---- */

/* The DER of the request: PEM, or base64 of DER without the lines around it. */
static struct str request_der(struct arena *a, struct str text, struct err *err)
{
    struct str rest = text;
    struct pem block = { 0 };
    int got = pem_next(a, &rest, &block, err);

    if (got == 1 && (str_is(block.label, "CERTIFICATE REQUEST") ||
                        str_is(block.label, "NEW CERTIFICATE REQUEST")))
        return block.der;
    if (got == 0 && text.len > 0 && text.at[0] == 0x30)
        return text;
    if (got != -1)
        err_set(err, ERR_CONFIG, "csr", "no certificate request in PEM");
    return STR_NONE;
}

struct value *parse_csr(struct arena *a, struct str text, struct err *err)
{
    struct csr_reader r = { a, err, NULL, value_map(a), PARSED_NAMES_MAX };
    const uint8_t *at;
    struct str der;
    int done;

    if (text.len > PARSED_CSR_MAX) {
        bad(&r, "it is too large");
        return NULL;
    }
    der = request_der(a, text, err);
    if (der.at == NULL)
        return NULL;
    at = (const uint8_t *)der.at;
    r.req = d2i_X509_REQ(NULL, &at, (long)der.len);
    if (r.req == NULL || at != (const uint8_t *)der.at + der.len) {
        X509_REQ_free(r.req);
        bad(&r, "it is malformed");
        return NULL;
    }
    done = read_subject(&r);
    if (done == 0)
        done = read_key(&r);
    if (done == 0)
        done = read_extensions(&r);
    X509_REQ_free(r.req);
    return done == 0 ? r.out : NULL;
}
