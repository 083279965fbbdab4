/*
 * cert - login by TLS certificate: between the files of this engine.
 *
 * The api has shaken hands with the client, so whoever comes with a certificate has its key; whether it is one to trust is
 * decided here, anew, from its DER.  Entries under the mount:
 *     cert/<name>   a role: {certificates: [der...], the fields of cert_fields, token_*}
 *     crl/<name>    a CRL in DER
 *     config        {disable_binding, ...}
 */
#ifndef WEIR_KEEPER_AUTH_CERT_INT_H
#define WEIR_KEEPER_AUTH_CERT_INT_H

#include <openssl/x509.h>

#include "keeper/auth/token_params_int.h"
#include "keeper/engines/pki_int.h"

enum { CERT_ROLES_MAX = 5000, CERT_CHAIN_MAX = 10, CERT_NAMES_MAX = 200 };

struct cert_client { /* who is there, parsed */
    X509 *leaf;
    STACK_OF(X509) * chain; /* the others it showed; owned */
    struct str der;
};

/* False: there is none, or it cannot be read. */
bool cert_client_open(struct request *r, struct cert_client *c);
void cert_client_close(struct cert_client *c);
/* Is it one that this role lets in, now? */
bool cert_admits(struct request *r, const struct value *role, const struct cert_client *c);
/* hex of the SHA-256 of its public key. */
struct str cert_key_hash(struct arena *a, X509 *x);
struct str cert_common_name(struct arena *a, X509 *x);
/* An extension's text, or its bytes when it is none. False: it has no such extension. */
bool cert_extension(struct arena *a, X509 *x, struct str oid, struct str *text);

struct value *cert_role(struct request *r, struct str name);
void cert_login(struct request *r);
bool cert_renew(struct request *r, struct mount *m, const struct value *internal);

#endif
