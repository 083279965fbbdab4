/*
 * ocsp - an OCSP request (RFC 6960 section 4.1) as plain values: which certificates are asked for.
 *
 * A signature on the request is not looked at, as section 4.1.2 leaves it to the responder.
 */
#include <openssl/objects.h>
#include <openssl/ocsp.h>

#include "vault/parsed_int.h"

enum { NONCE_MAX = 128, SERIAL_MAX = 64 };

static struct str asn1_str(const ASN1_STRING *s)
{
    return (struct str){ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) };
}

static const char *hash_name(const ASN1_OBJECT *o)
{
    switch (OBJ_obj2nid(o)) {
    case NID_sha1:
        return "sha1";
    case NID_sha256:
        return "sha256";
    case NID_sha384:
        return "sha384";
    case NID_sha512:
        return "sha512";
    default:
        return NULL;
    }
}

/* The serial number as the bytes of a positive integer. */
static struct str serial_bytes(struct arena *a, ASN1_INTEGER *serial)
{
    struct str s = asn1_str(serial);

    if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER || s.len > SERIAL_MAX)
        return STR_NONE;
    return arena_str(a, s);
}

static const char *read_one(struct arena *a, OCSP_ONEREQ *one, struct value *list)
{
    ASN1_OCTET_STRING *name = NULL;
    ASN1_OCTET_STRING *key = NULL;
    ASN1_OBJECT *hash = NULL;
    ASN1_INTEGER *serial = NULL;
    struct value *v = value_map(a);
    struct str number;

    if (OCSP_id_get0_info(&name, &hash, &key, &serial, OCSP_onereq_get0_id(one)) != 1)
        return "an OCSP request names no certificate";
    number = serial_bytes(a, serial);
    if (hash_name(hash) == NULL)
        return "an OCSP request uses a hash that is not supported";
    if (number.at == NULL || ASN1_STRING_length(name) > 64 || ASN1_STRING_length(key) > 64)
        return "an OCSP request is malformed";
    value_put_text(a, v, "hash", str_from(hash_name(hash)));
    value_put_text(a, v, "name_hash", asn1_str(name));
    value_put_text(a, v, "key_hash", asn1_str(key));
    value_put_text(a, v, "serial", number);
    value_add(list, v);
    return NULL;
}

/* RFC 8954: an OCTET STRING of 1 to 32 bytes; up to 128 as older clients send. */
static const char *read_nonce(struct arena *a, OCSP_REQUEST *req, struct value *out)
{
    int at = OCSP_REQUEST_get_ext_by_NID(req, NID_id_pkix_OCSP_Nonce, -1);
    X509_EXTENSION *e = at >= 0 ? OCSP_REQUEST_get_ext(req, at) : NULL;
    ASN1_OCTET_STRING *nonce;
    const uint8_t *p;
    struct str raw;

    if (e == NULL)
        return NULL;
    raw = asn1_str(X509_EXTENSION_get_data(e));
    p = (const uint8_t *)raw.at;
    nonce = d2i_ASN1_OCTET_STRING(NULL, &p, (long)raw.len);
    if (nonce == NULL || ASN1_STRING_length(nonce) < 1 || ASN1_STRING_length(nonce) > NONCE_MAX) {
        ASN1_OCTET_STRING_free(nonce);
        return "an OCSP request has a nonce that is none";
    }
    value_put_text(a, out, "nonce", asn1_str(nonce));
    ASN1_OCTET_STRING_free(nonce);
    return NULL;
}

static const char *read_request(struct arena *a, OCSP_REQUEST *req, struct value *out)
{
    struct value *list = value_list(a);
    int n = OCSP_request_onereq_count(req);
    const char *problem = NULL;

    if (n < 1 || n > PARSED_OCSP_REQUESTS_MAX)
        return "an OCSP request asks for none, or for too many certificates";
    for (int i = 0; problem == NULL && i < n; i++)
        problem = read_one(a, OCSP_request_onereq_get0(req, i), list);
    value_put(out, "requests", list);
    return problem != NULL ? problem : read_nonce(a, req, out);
}

struct value *parse_ocsp(struct arena *a, struct str der, struct err *err)
{
    const uint8_t *at = (const uint8_t *)der.at;
    OCSP_REQUEST *req =
        der.len <= PARSED_OCSP_MAX ? d2i_OCSP_REQUEST(NULL, &at, (long)der.len) : NULL;
    struct value *out = value_map(a);
    const char *problem = "an OCSP request is malformed";

    if (req != NULL && at == (const uint8_t *)der.at + der.len)
        problem = read_request(a, req, out);
    OCSP_REQUEST_free(req);
    if (problem == NULL)
        return out;
    err_set(err, ERR_CONFIG, "ocsp", "%s", problem);
    return NULL;
}
