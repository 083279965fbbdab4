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

#endif
