/*
 * Transit: certificate requests signed by a key that stays here, and the chain that came of one.
 *
 * A request's template was read by the api; here it is rebuilt: the subject, and the names of its subject alternative name.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/engines/transit_int.h"

enum { CSR_MAX = 64 * 1024, NAMES_MAX = 1000 };

/* ---- which version ---- */

/* "version" of the body, or the latest. NULL: refused, and said. */
static const struct transit_version *version_of(
    struct request *r, const struct transit_key *k, uint32_t *n)
{
    const struct transit_version *v;
    struct str text = STR("latest");
    uint64_t number = k->latest;

    field_text(r, "version", &text);
    if (refused(r))
        return NULL;
    if (text.len > 0 && !str_is(text, "latest") && !str_to_u64(text, UINT32_MAX, &number)) {
        reply_error(r, 400, "invalid key version");
        return NULL;
    }
    if (number == 0)
        number = k->latest;
    *n = (uint32_t)number;
    v = number >= k->min_decryption && number <= k->latest
            ? transit_version_get(&r->tx, r->mount, param(r, "name"), *n)
            : NULL;
    if (v == NULL || v->key == NULL) {
        reply_error(r, 400, "version does not exist or cannot be found");
        return NULL;
    }
    return v;
}

static const struct transit_key *signing_key(struct request *r)
{
    const struct transit_key *k = transit_of(r, "key not found");

    if (k == NULL || !transit_is_usable(r, k))
        return NULL;
    if (!key_facts(k->type)->signs)
        reply_error(r, 400, "key type %s does not support signing", key_facts(k->type)->name);
    else if (k->derived)
        reply_error(r, 400, "operation not supported on keys with derivation enabled");
    else
        return k;
    return NULL;
}

/* ---- the request ---- */

static bool add_names(GENERAL_NAMES *to, const struct value *list, int kind)
{
    value_each (it, list) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_STRING *s = kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

        MUST(name != NULL && s != NULL);
        if (it->kind != VALUE_TEXT || sk_GENERAL_NAME_num(to) >= NAMES_MAX ||
            ASN1_STRING_set(s, it->text.at, (int)it->text.len) != 1) {
            ASN1_STRING_free(s);
            GENERAL_NAME_free(name);
            return false;
        }
        GENERAL_NAME_set0_value(name, kind, s);
        MUST(sk_GENERAL_NAME_push(to, name) > 0);
    }
    return true;
}

/* Addresses come as text; the extension has 4 or 16 bytes. */
static bool add_addresses(GENERAL_NAMES *to, const struct value *list)
{
    value_each (it, list) {
        char text[64];
        GENERAL_NAME *name;
        ASN1_OCTET_STRING *bytes;

        if (it->kind != VALUE_TEXT || it->text.len >= sizeof(text))
            return false;
        memcpy(text, it->text.at, it->text.len);
        text[it->text.len] = '\0';
        bytes = a2i_IPADDRESS(text);
        if (bytes == NULL)
            return false;
        name = GENERAL_NAME_new();
        MUST(name != NULL);
        GENERAL_NAME_set0_value(name, GEN_IPADD, bytes);
        MUST(sk_GENERAL_NAME_push(to, name) > 0);
    }
    return true;
}

static bool add_alternative_names(X509_REQ *req, const struct value *csr)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    STACK_OF(X509_EXTENSION) *extensions = sk_X509_EXTENSION_new_null();
    bool ok;

    MUST(names != NULL && extensions != NULL);
    ok = add_names(names, value_get(csr, "dns"), GEN_DNS) &&
         add_names(names, value_get(csr, "emails"), GEN_EMAIL) &&
         add_names(names, value_get(csr, "uris"), GEN_URI) &&
         add_addresses(names, value_get(csr, "ips"));
    if (ok && sk_GENERAL_NAME_num(names) > 0)
        ok =
            X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
            X509_REQ_add_extensions(req, extensions) == 1;
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    GENERAL_NAMES_free(names);
    return ok;
}

static bool set_subject(X509_REQ *req, const struct value *csr)
{
    struct str der = value_get_text(csr, "subject_der", STR_NONE);
    const unsigned char *at = (const unsigned char *)der.at;
    X509_NAME *name = der.len > 0 ? d2i_X509_NAME(NULL, &at, (long)der.len) : X509_NAME_new();
    bool ok = name != NULL && X509_REQ_set_subject_name(req, name) == 1;

    X509_NAME_free(name);
    return ok;
}

/* PEM, in the arena; at NULL: it cannot be made of this template. */
static struct str make_request(
    struct arena *a, const struct crypto_key *key, const struct value *csr)
{
    EVP_PKEY *pkey = crypto_pkey(key);
    X509_REQ *req = X509_REQ_new();
    BIO *out = BIO_new(BIO_s_mem());
    struct str pem = STR_NONE;
    char *bytes;
    long len;

    MUST(pkey != NULL && req != NULL && out != NULL);
    if (X509_REQ_set_version(req, 0) == 1 && set_subject(req, csr) &&
        X509_REQ_set_pubkey(req, pkey) == 1 && add_alternative_names(req, csr) &&
        X509_REQ_sign(req, pkey,
            crypto_type(key) == KEY_ED25519 ? NULL : crypto_evp_digest(DIGEST_SHA256)) > 0 &&
        PEM_write_bio_X509_REQ(out, req) == 1) {
        len = BIO_get_mem_data(out, &bytes);
        pem = arena_str(a, (struct str){ bytes, (size_t)len });
    }
    BIO_free(out);
    X509_REQ_free(req);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return pem;
}

void transit_csr(struct request *r)
{
    const struct transit_key *k = signing_key(r);
    const struct value *csr = value_get(r->parsed, "csr");
    struct value *data = value_map(&r->arena);
    const struct transit_version *v;
    struct str pem;
    uint32_t n;

    if (k == NULL || (v = version_of(r, k, &n)) == NULL)
        return;
    if (csr != NULL && value_get(csr, "error") != NULL) {
        reply_error(r, 400, "%.*s", STR_ARG(value_get_text(csr, "error", STR(""))));
        return;
    }
    if (crypto_is_public(v->key) || v->state != TRANSIT_ACTIVE) {
        reply_error(r, 400, "this version of the key does not sign");
        return;
    }
    pem = make_request(&r->arena, v->key, csr);
    if (pem.at == NULL) {
        reply_error(r, 400, "no request can be made of this template");
        return;
    }
    transit_usage_add(r->mount, param(r, "name"), n, 1);
    value_put_text(&r->arena, data, "name", param(r, "name"));
    value_put_text(&r->arena, data, "type", str_from(key_facts(k->type)->name));
    value_put_text(&r->arena, data, "csr", pem);
    transit_reply(r, data);
}

/* ---- the chain ---- */

/* Is it a certificate of this key? */
static bool is_certificate_of(struct str der, const struct crypto_key *key)
{
    const unsigned char *at = (const unsigned char *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    EVP_PKEY *pkey = crypto_pkey(key);
    EVP_PKEY *theirs = x != NULL ? X509_get0_pubkey(x) : NULL;
    bool same = theirs != NULL && EVP_PKEY_eq(theirs, pkey) == 1;

    X509_free(x);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return same;
}

void transit_set_certificate(struct request *r)
{
    const struct transit_key *k = signing_key(r);
    const struct value *list = value_get(value_get(r->parsed, "certificates"), "certificate_chain");
    const struct transit_version *old;
    struct transit_version v;
    uint32_t n;

    if (k == NULL || (old = version_of(r, k, &n)) == NULL)
        return;
    if (list == NULL || list->n == 0 || list->n > 100) {
        reply_error(r, 400, "certificate_chain must hold one to 100 certificates in PEM");
        return;
    }
    if (!is_certificate_of(list->first->text, old->key)) {
        reply_error(r, 400, "the first certificate of the chain is not one of this key");
        return;
    }
    v = *old;
    v.chain = arena_calloc(&r->arena, list->n, sizeof(*v.chain));
    v.nchain = 0;
    value_each (it, list)
        v.chain[v.nchain++] = it->text;
    transit_version_put(&r->tx, r->mount, param(r, "name"), n, &v);
    reply_empty(r);
}
