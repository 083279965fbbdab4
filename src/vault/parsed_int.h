/*
 * parsed - what the core must never have to parse: policies, PEM, certificate requests, OCSP requests, backups.
 *
 * Every format is read here, where no key is, and comes out as plain values that keeper/messages.h
 * describes.  What cannot be read becomes {error: sentence}; the core says it to the client.
 */
#ifndef WEIR_VAULT_PARSED_INT_H
#define WEIR_VAULT_PARSED_INT_H

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/value.h"

enum {
    PARSED_PEM_MAX = 1 << 20,      /* bytes of one member */
    PARSED_CERTIFICATES_MAX = 200, /* in one member */
    PARSED_CSR_MAX = 64 << 10,
    PARSED_NAMES_MAX = 2000, /* subject alternative names, attributes of a subject */
    PARSED_OCSP_MAX = 64 << 10,
    PARSED_OCSP_REQUESTS_MAX = 100,
    PARSED_MAP_MAX = 64 << 10,
    PARSED_MAP_NODES = 1000,
};

/*
 * Adds to `parsed` (a MAP) what messages.h promises for this request.  path: canonical, without "v1/"; body: a MAP or
 * NULL; raw: the body's bytes.  Never fails.  Costs a comparison or two where there is nothing to do.
 */
void parse_special(struct arena *a, struct str path, struct str content_type,
    const struct value *body, struct str raw, struct value *parsed);

/* The certificate chain of a TLS client (DER, leaf first) as messages.h's `certificate`; NULL when the leaf cannot be read. */
struct value *parse_client_chain(struct arena *a, const struct str *der, unsigned n);

/* ---- the parsers, for tests and fuzzing ---- */

/* {rules: [...]} and "text", the policy itself, when it came in base64. NULL: err.text is Vault's sentence. */
struct value *parse_policy(struct arena *a, struct str text, struct err *err);

/* A password policy: {length, rules: [{charset, min-chars}], text}. NULL: err.text. */
struct value *parse_password_policy(struct arena *a, struct str text, struct err *err);

/* One block of a PEM text (RFC 7468). */
struct pem {
    struct str label; /* "CERTIFICATE" */
    struct str der;   /* in the arena */
};
/* The next block behind *rest, which moves on. 1 got it, 0 no more, -1 err: pem. */
int pem_next(struct arena *a, struct str *rest, struct pem *out, struct err *err);
/* Standard base64, or base64url; spaces and line ends are skipped, padding may be missing. at NULL: it is not. */
struct str parse_base64(struct arena *a, struct str s);

/* Every certificate, CRL, private and public key in the PEM text, as messages.h says, added to `parsed` under `member`.
 * -1: err says what is wrong with the first that is; what came before it stays. */
int parse_pem(
    struct arena *a, struct str text, const char *member, struct value *parsed, struct err *err);
/* The same bytes when `der` is exactly one certificate (CRL) in DER; at NULL otherwise. */
struct str parse_certificate(struct arena *a, struct str der);
struct str parse_crl(struct arena *a, struct str der);
/* PKCS#8, PKCS#1 or SEC1 to PKCS#8. at NULL: none of these. */
struct str parse_private_key(struct arena *a, struct str der);
/* SubjectPublicKeyInfo or PKCS#1 to SubjectPublicKeyInfo. at NULL: neither. */
struct str parse_public_key(struct arena *a, struct str der);

/* PKCS#10 (RFC 2986), PEM or DER, as messages.h's `csr`; NULL: err.text. */
struct value *parse_csr(struct arena *a, struct str text, struct err *err);

/* An OCSP request in DER (RFC 6960 section 4.1) as messages.h's `ocsp`; NULL: err.text. */
struct value *parse_ocsp(struct arena *a, struct str der, struct err *err);

/* A transit backup: base64 around JSON; NULL: err.text. */
struct value *parse_backup(struct arena *a, struct str text, struct err *err);

#endif
