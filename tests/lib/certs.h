/*
 * certs - keys and certificates for tests, made on the spot.
 *
 *     struct cert ca = cert_make(&(struct cert_wish){ .key = "EC", .name = "Test CA", .ca = true });
 *     struct cert c = cert_make(&(struct cert_wish){ .names = "DNS:a.example", .issuer = &ca });
 */
#ifndef WEIR_TESTS_CERTS_H
#define WEIR_TESTS_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/str.h"

struct cert {
    EVP_PKEY *key;
    X509 *x509;
    char *pem;     /* the certificate alone */
    char *key_pem; /* PKCS#8 */
};

struct cert_wish {
    const char *key;  /* "P-256" (the default), "P-384", "P-521", "RSA", "RSA-1024", "ED25519" */
    const char *name; /* common name; "test" by default */
    const char
        *names; /* subjectAltName as openssl.cnf(5) writes it, "DNS:a,IP:127.0.0.1"; or NULL */
    const struct cert *issuer; /* NULL: self-signed */
    bool ca;
    int from_days; /* from now; both 0: yesterday to next year */
    int to_days;
};

static inline EVP_PKEY *cert_key(const char *kind)
{
    if (strcmp(kind, "RSA") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    if (strcmp(kind, "RSA-1024") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
    if (strcmp(kind, "ED25519") == 0)
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind);
}

static inline char *cert_text_(BIO *b)
{
    char *at = NULL;
    long len = BIO_get_mem_data(b, &at);
    char *text = xstrndup(at, (size_t)len);

    BIO_free(b);
    return text;
}

static inline void cert_extend_(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX v3;
    X509_EXTENSION *e;

    X509V3_set_ctx(&v3, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    MUST(e != NULL && X509_add_ext(x, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static inline struct cert cert_make(const struct cert_wish *w)
{
    static long serial = 1000;
    const char *kind = w->key != NULL ? w->key : "P-256";
    const char *name = w->name != NULL ? w->name : "test";
    bool dated = w->from_days != 0 || w->to_days != 0;
    struct cert c = { .key = cert_key(kind), .x509 = X509_new() };
    EVP_PKEY *signer = w->issuer != NULL ? w->issuer->key : c.key;
    X509 *issuer = w->issuer != NULL ? w->issuer->x509 : c.x509;
    BIO *b;

    MUST(c.key != NULL && c.x509 != NULL);
    X509_set_version(c.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c.x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c.x509), 86400L * (dated ? w->from_days : -1));
    X509_gmtime_adj(X509_getm_notAfter(c.x509), 86400L * (dated ? w->to_days : 365));
    X509_NAME_add_entry_by_txt(
        X509_get_subject_name(c.x509), "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(c.x509, X509_get_subject_name(issuer));
    X509_set_pubkey(c.x509, c.key);
    cert_extend_(c.x509, issuer, NID_basic_constraints, w->ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (w->names != NULL)
        cert_extend_(c.x509, issuer, NID_subject_alt_name, w->names);
    MUST(X509_sign(c.x509, signer, EVP_PKEY_is_a(signer, "ED25519") ? NULL : EVP_sha256()) > 0);

    b = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(b, c.x509);
    c.pem = cert_text_(b);
    b = BIO_new(BIO_s_mem());
    PEM_write_bio_PKCS8PrivateKey(b, c.key, NULL, NULL, 0, NULL, NULL);
    c.key_pem = cert_text_(b);
    return c;
}

static inline void cert_free(struct cert *c)
{
    EVP_PKEY_free(c->key);
    X509_free(c->x509);
    free(c->pem);
    free(c->key_pem);
}

#endif
