/*
 * pki - a certificate authority, as Vault's PKI engine has it: issuers, keys, roles, issuing, revoking, CRLs, OCSP.
 *
 * Entries of a mount ("mount/<id>/..."), all of them values:
 *   config/issuers   {default, follow: BOOL}             config/keys  {default}
 *   config/urls, config/crl, config/cluster, config/auto-tidy, tidy
 *   issuer/<id>      {id, name, key_id, der, serial, chain: [id..], manual_chain, leaf_not_after_behavior, usage, revocation_signature_algorithm,
 *                     issuing_certificates, crl_distribution_points, ocsp_servers, enable_aia_url_templating, revoked}
 *   issuer-name/<name>, key-name/<name>    the id, text
 *   key/<id>         {id, name, type, bits, pkcs8}
 *   role/<name>      the role's fields
 *   cert/<serial>    {der, issuer, expires}              serial: "0a:1b:..", lower case
 *   revoked/<serial> {time, issuer, expires}
 *   revocations/<issuer id>/<n>     packed: up to REVOCATIONS_A_CHUNK of {serial, time, expires}, in the order they came
 *   crl/<issuer id>  {number, der, next, upto, delta_number, delta, delta_next}
 *   dirty/<issuer id>               a CRL is to be built
 *   unstored                        not every certificate of this authority has an entry
 * Everything that is signed is built here from values; nothing that a client encoded is ever signed as it came.
 */
#ifndef WEIR_KEEPER_ENGINES_PKI_INT_H
#define WEIR_KEEPER_ENGINES_PKI_INT_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "keeper/core/core_int.h"
#include "keeper/core/request_int.h"

enum {
    PKI_ISSUERS_MAX = 500,
    PKI_SERIAL_BYTES = 20,
    PKI_CHAIN_MAX = 16,
    PKI_NAMES_MAX = 500, /* in one certificate */
    PKI_REVOCATIONS_A_CHUNK = 500,
    PKI_DNS_MAX = 253,
};

/* What an issuer may be used for. */
enum { USE_READ = 1, USE_ISSUE = 2, USE_CRL = 4, USE_OCSP = 8, USE_ALL = 15 };

struct pki_issuer { /* an object of its entry: immutable */
    struct arena arena;
    const struct value *v;
    X509 *x509;
    struct str id;
    struct str key_id; /* len 0: its key is elsewhere */
    struct str der;
    unsigned usage;
};

struct pki_key {
    struct arena arena;
    const struct value *v;
    EVP_PKEY *pkey;
    struct str id;
};

/* ---- what is kept: pki_store.c ---- */

/* "default", a name or an id. NULL: reply_error() said so. Valid until the handler returns. */
const struct pki_issuer *pki_issuer(struct request *r, struct str ref);
const struct pki_key *pki_key(struct request *r, struct str ref);
/* By id alone; NULL, and nothing is said. */
const struct pki_issuer *pki_issuer_by_id(struct request *r, struct str id);
const struct pki_key *pki_key_by_id(struct request *r, struct str id);
/* The id behind a reference; len 0: there is none. kind: "issuer" or "key". */
struct str pki_resolve(struct request *r, const char *kind, struct str ref);
struct str pki_default(struct request *r, const char *kind); /* id, or len 0 */
void pki_set_default(struct request *r, const char *kind, struct str id);
/* The issuer's key, when it may be used for this; NULL: reply_error() said why not. */
EVP_PKEY *pki_signer(struct request *r, const struct pki_issuer *i, unsigned use);
/* A name for a new issuer or key that is free; false: reply_error(). An empty one is. */
bool pki_name_is_free(struct request *r, const char *kind, struct str name);
/* Writes a new key; returns its id. pkey is borrowed. */
struct str pki_add_key(struct request *r, EVP_PKEY *pkey, struct str name);
/* Writes a new issuer; returns its id. Makes it the default when there is none. */
struct str pki_add_issuer(struct request *r, struct str der, struct str key_id, struct str name);
/* After issuers came or went: who is whose parent. */
void pki_chain_all(struct request *r);
struct value *pki_ids(struct request *r, const char *kind); /* LIST */
/* The key in this mount with that public key; id or len 0. */
struct str pki_key_of(struct request *r, EVP_PKEY *public_key);
/* PEM of the chain, the issuer first: LIST of texts. without_root leaves out self-signed ones. */
struct value *pki_chain_pem(struct request *r, const struct pki_issuer *i, bool without_root);
void pki_store_certificate(
    struct request *r, struct str serial, struct str der, struct str issuer, int64_t expires);

/* ---- tables of fields: pki_fields.c ---- */

enum pki_field_kind {
    PKI_BOOL,
    PKI_TEXT,
    PKI_LIST,
    PKI_SECONDS,
    PKI_INT,
    PKI_DURATION /* kept as text, "72h" */
};
struct pki_field {
    const char *name; /* NULL ends the table */
    enum pki_field_kind kind;
    int64_t number;   /* BOOL, SECONDS, INT: when it is not given */
    const char *text; /* TEXT, DURATION, LIST (comma separated) */
};
struct value *pki_fields_default(struct arena *a, const struct pki_field *fields);
/* What the body gives of them, into `to`. False: refused. */
bool pki_fields_read(struct request *r, const struct pki_field *fields, struct value *to);

/* ---- settings: pki_config.c ---- */

struct pki_crl_rule {
    int64_t expiry; /* seconds */
    bool disable;
    bool ocsp_disable;
    int64_t ocsp_expiry;
    bool auto_rebuild;
    int64_t grace;
    bool delta;
    int64_t delta_interval;
};
void pki_crl_rule(struct request *r, struct pki_crl_rule *out);
/* Of the issuer, or the mount's: {issuing_certificates, crl_distribution_points, ocsp_servers}, templates filled in. */
struct value *pki_urls(struct request *r, const struct value *issuer);
/* The lists of URLs in it must be such. False: refused. */
bool pki_urls_ok(struct request *r, const struct value *urls);

/* ---- texts: pki_text.c ---- */

struct str pki_pem(struct arena *a, const char *label, struct str der);
/* "0a:1b:..." of a certificate; of what a client wrote ("0A-1b", "0a:1b"); len 0: not one. */
struct str pki_serial(struct arena *a, const X509 *x);
struct str pki_serial_read(struct arena *a, struct str s);
/* Of bytes, as the number they are. */
struct str pki_serial_text(struct arena *a, struct str bytes);
struct str pki_base64(struct arena *a, struct str s);
struct str pki_uuid(struct arena *a);
struct str pki_rfc3339(struct arena *a, int64_t seconds);
bool pki_rfc3339_read(struct str s, int64_t *seconds);
int64_t pki_time(const ASN1_TIME *t); /* seconds since 1970 */
/* Shell-like, '*' is any run of characters. */
bool pki_glob(struct str pattern, struct str s);
struct str pki_lower(struct arena *a, struct str s);
/* "rsa", "ec", "ed25519"; NULL: another. */
const char *pki_key_type(EVP_PKEY *pkey);

/* ---- certificates: pki_build.c ---- */

struct pki_wish {
    struct value *subject;                            /* LIST of {type, value} */
    struct value *dns, *emails, *ips, *uris, *others; /* LISTs of texts; others: {oid, value} */
    EVP_PKEY *pkey;                                   /* its public key; borrowed */
    int64_t not_before, not_after;
    bool ca;
    int64_t path_length;     /* -1: any */
    bool constraints;        /* say CA:FALSE too */
    unsigned usage;          /* bit n as in RFC 5280 4.2.1.3 */
    struct value *extended;  /* LIST of OIDs */
    struct value *policies;  /* LIST of OIDs */
    struct value *permitted; /* LIST of DNS domains: name constraints */
    struct value *urls;
    int64_t signature_bits;
    bool pss;
};

struct pki_made {
    struct str der;
    struct str serial;
    int64_t expires;
};
/* issuer NULL: self-signed, by the key itself. False: reply_error() said why. */
bool pki_build(struct request *r, const struct pki_wish *w, X509 *issuer, EVP_PKEY *signer,
    struct pki_made *out);
/* A request (PKCS#10) for it. DER, at NULL: reply_error(). */
struct str pki_build_request(struct request *r, const struct pki_wish *w, EVP_PKEY *key);
/* A context that signs as asked; NULL: that cannot be. */
EVP_MD_CTX *pki_signing(EVP_PKEY *key, int64_t bits, bool pss);

/* A certificate's subject as pki_wish has it. */
struct value *pki_subject_of(struct request *r, X509 *x);

/* ---- what a request asks for: pki_params.c ---- */

/* The fields that every certificate's request has, from the body: the lists, the subject (fields of `from`, a role, or the body when NULL). */
void pki_wish_init(struct request *r, struct pki_wish *w);
void pki_read_subject(struct request *r, struct pki_wish *w, const struct value *from,
    struct str cn, struct str serial);
/* alt_names, ip_sans, uri_sans, other_sans. False: refused. */
bool pki_read_names(struct request *r, struct pki_wish *w);
/* The CN among the names, where it belongs. */
void pki_add_common_name(struct request *r, struct pki_wish *w, struct str cn);
/* What the CSR says. */
bool pki_copy_csr_names(struct request *r, struct pki_wish *w, const struct value *csr);
/* ttl, not_after, with the role's (or NULL) and the mount's limits, within the issuer's life. False: refused. */
bool pki_read_validity(struct request *r, struct pki_wish *w, const struct value *role,
    const struct pki_issuer *issuer);
/* parsed.csr, checked; NULL: refused. */
const struct value *pki_csr(struct request *r);
/* Its public key; to be freed. NULL: refused. */
EVP_PKEY *pki_csr_key(struct request *r, const struct value *csr);
/* The first "CN", "SERIALNUMBER" ... of its subject; len 0: there is none. */
struct str pki_csr_attribute(const struct value *csr, const char *type);
/* Names of usages into bits and OIDs. False: unknown ones are left out, and said as a warning. */
unsigned pki_usage_bits(struct value *names);
void pki_add_extended(
    struct request *r, struct pki_wish *w, struct value *names, struct value *oids);
/* "pem", "der" or "pem_bundle"; false: refused. */
enum pki_format { PKI_PEM, PKI_DER, PKI_BUNDLE };
bool pki_read_format(struct request *r, enum pki_format *to);
/* certificate, issuing_ca, ca_chain, serial_number, expiration; and the private key unless NULL. */
void pki_reply_certificate(struct request *r, struct value *data, const struct pki_made *made,
    const struct pki_issuer *issuer, EVP_PKEY *key);
void pki_put_private_key(struct request *r, struct value *data, EVP_PKEY *key, enum pki_format f);

/* Key for a new certificate: in a worker when that takes long. done() gets NULL when it failed. */
struct pki_plan {
    const char *type; /* "rsa", "ec", "ed25519" */
    int64_t bits;     /* 0: the type's usual */
    EVP_PKEY *pkey;
    void (*done)(struct request *r, struct pki_plan *p);
    void *arg;
};
/* plan lives in the request's arena. Says the answer itself, or done() does. */
void pki_generate(struct request *r, struct pki_plan *plan);
/* key_type, key_bits checked; false: refused. */
bool pki_key_wish(struct request *r, struct str type, int64_t bits, struct pki_plan *plan);

/* ---- roles: pki_role.c, names: pki_names.c ---- */

/* The role's fields with defaults; NULL: there is none. */
struct value *pki_role(struct request *r, struct str name);
struct value *pki_role_default(struct arena *a);
/* False: reply_error() said which name is not allowed. */
bool pki_names_permitted(
    struct request *r, const struct value *role, const struct pki_wish *w, struct str cn);
bool pki_is_hostname(
    struct str s); /* letters, digits and hyphens, with dots; a "*." in front may be */

/* ---- revoking: pki_revoke.c, pki_crl.c ---- */

/* In r->tx. False: it was revoked already; *when is since when. */
bool pki_revoke_serial(
    struct request *r, struct str serial, struct str issuer, int64_t expires, int64_t *when);
/* The CRL in DER, built when it must be; len 0: none. */
struct str pki_crl(struct request *r, const struct pki_issuer *i, bool delta);
/* At the next look: all issuers. */
void pki_crl_mark(struct request *r, struct str issuer);
void pki_crl_tick(struct request *r);
/* Builds it anew at once. False: reply_error(). */
bool pki_crl_build(struct request *r, const struct pki_issuer *i, bool delta);
/* Forgets what has expired. */
void pki_revocations_compact(struct request *r, struct str issuer, int64_t before);

/* ---- endpoints ---- */

void pki_role_list(struct request *r);
void pki_role_read(struct request *r);
void pki_role_write(struct request *r);
void pki_role_patch(struct request *r);
void pki_role_delete(struct request *r);
bool pki_role_exists(struct request *r);

void pki_on_issue(struct request *r);
void pki_on_sign(struct request *r);
void pki_on_sign_verbatim(struct request *r);

void pki_on_root_generate(struct request *r);
void pki_on_root_delete(struct request *r);
void pki_on_intermediate_generate(struct request *r);
void pki_on_cross_sign(struct request *r);
void pki_on_import(struct request *r);
void pki_on_sign_intermediate(struct request *r);
void pki_on_sign_self_issued(struct request *r);

void pki_issuers_list(struct request *r);
void pki_issuer_read(struct request *r);
void pki_issuer_write(struct request *r);
void pki_issuer_patch(struct request *r);
void pki_issuer_delete(struct request *r);
void pki_issuer_form(struct request *r); /* json, pem, der, crl ... */
void pki_issuer_revoke(struct request *r);
void pki_keys_list(struct request *r);
void pki_key_read(struct request *r);
void pki_key_write(struct request *r);
void pki_key_delete(struct request *r);
void pki_keys_generate(struct request *r);
void pki_keys_import(struct request *r);

void pki_config_issuers_read(struct request *r);
void pki_config_issuers_write(struct request *r);
void pki_config_keys_read(struct request *r);
void pki_config_keys_write(struct request *r);
void pki_config_read(struct request *r);
void pki_config_write(struct request *r);
void pki_root_replace(struct request *r);

void pki_on_revoke(struct request *r);
void pki_on_revoke_with_key(struct request *r);
void pki_on_crl_rotate(struct request *r);
void pki_on_crl_rotate_delta(struct request *r);
void pki_certs_list(struct request *r);
void pki_certs_revoked_list(struct request *r);
void pki_cert_read(struct request *r);
void pki_ca_read(struct request *r);
void pki_crl_read(struct request *r);
void pki_on_ocsp(struct request *r);
void pki_on_tidy(struct request *r);
void pki_tidy_status(struct request *r);
void pki_tidy_cancel(struct request *r);
void pki_tidy_tick(struct request *r);

/* ---- for incidents: pki_incident.c ---- */

/* What the loss of an issuer's key touches, into `to` (MAP): issuer_id, issuer_name, serial_number, key_id, is_default, successor
 * ("self-signed", "signed by its parent", "none"), certificates (how many are valid), serial_numbers (the first 1,000).
 * False: reply_error() said that there is none. */
bool pki_blast_radius(struct request *r, struct mount *m, struct str ref, struct value *to);
/* The same, and does it in r->tx: revokes them and the issuer, and makes the successor: also successor_id (len 0: none). fresh: the
 * successor's key, of the same kind, made in a worker where that takes long (RSA); NULL: it is made here. False: reply_error(). */
bool pki_compromise(struct request *r, struct mount *m, struct str ref, struct str reason,
    EVP_PKEY *fresh, struct value *to);
void pki_incident_tick(struct request *r);
void pki_issuer_blast(struct request *r);
void pki_issuer_compromised(struct request *r);
/* pki_observe.c: adds soonest_expiry. */
void pki_observe(struct request *r, struct mount *m, struct value *to);

#endif
