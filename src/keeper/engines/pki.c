/*
 * pki - the table of the PKI engine's endpoints; what they do is in the files pki_*.c.
 */
#include "keeper/core/engines_int.h"
#include "keeper/engines/pki_int.h"

/* {pattern, {READ, LIST, WRITE, DELETE, PATCH}, exists, flags} */
static const struct endpoint endpoints[] = {
    { "ca", { pki_ca_read }, NULL, ENDPOINT_OPEN },
    { "ca/pem", { pki_ca_read }, NULL, ENDPOINT_OPEN },
    { "ca_chain", { pki_ca_read }, NULL, ENDPOINT_OPEN },
    { "cert/{serial}", { pki_cert_read }, NULL, ENDPOINT_OPEN },
    { "cert/{serial}/raw", { pki_cert_read }, NULL, ENDPOINT_OPEN },
    { "cert/{serial}/raw/pem", { pki_cert_read }, NULL, ENDPOINT_OPEN },
    { "certs", { NULL, pki_certs_list }, NULL, 0 },
    { "certs/revoked", { NULL, pki_certs_revoked_list }, NULL, 0 },
    { "config/ca", { NULL, NULL, pki_on_import }, NULL, 0 },
    { "config/issuers", { pki_config_issuers_read, NULL, pki_config_issuers_write }, NULL, 0 },
    { "config/keys", { pki_config_keys_read, NULL, pki_config_keys_write }, NULL, 0 },
    { "config/{config}", { pki_config_read, NULL, pki_config_write, NULL, pki_config_write }, NULL,
        0 },
    { "crl", { pki_crl_read }, NULL, ENDPOINT_OPEN },
    { "crl/delta", { pki_crl_read }, NULL, ENDPOINT_OPEN },
    { "crl/delta/pem", { pki_crl_read }, NULL, ENDPOINT_OPEN },
    { "crl/pem", { pki_crl_read }, NULL, ENDPOINT_OPEN },
    { "crl/rotate", { pki_on_crl_rotate, NULL, pki_on_crl_rotate }, NULL, 0 },
    { "crl/rotate-delta", { pki_on_crl_rotate_delta, NULL, pki_on_crl_rotate_delta }, NULL, 0 },
    { "intermediate/cross-sign", { NULL, NULL, pki_on_cross_sign }, NULL, 0 },
    { "intermediate/generate/{exported}", { NULL, NULL, pki_on_intermediate_generate }, NULL, 0 },
    { "intermediate/set-signed", { NULL, NULL, pki_on_import }, NULL, 0 },
    { "issue/{role}", { NULL, NULL, pki_on_issue }, NULL, 0 },
    { "issuer/{issuer_ref}",
        { pki_issuer_read, NULL, pki_issuer_write, pki_issuer_delete, pki_issuer_patch }, NULL, 0 },
    /* beyond Vault: its key is no longer its own; GET says what that would touch */
    { "issuer/{issuer_ref}/compromised", { pki_issuer_blast, NULL, pki_issuer_compromised }, NULL,
        ENDPOINT_SUDO | ENDPOINT_APPROVE },
    { "issuer/{issuer_ref}/crl", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/crl/delta", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/crl/delta/der", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/crl/delta/pem", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/crl/der", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/crl/pem", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/der", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/issue/{role}", { NULL, NULL, pki_on_issue }, NULL, 0 },
    { "issuer/{issuer_ref}/json", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/pem", { pki_issuer_form }, NULL, ENDPOINT_OPEN },
    { "issuer/{issuer_ref}/revoke", { NULL, NULL, pki_issuer_revoke }, NULL, 0 },
    { "issuer/{issuer_ref}/sign-intermediate", { NULL, NULL, pki_on_sign_intermediate }, NULL, 0 },
    { "issuer/{issuer_ref}/sign-self-issued", { NULL, NULL, pki_on_sign_self_issued }, NULL,
        ENDPOINT_SUDO },
    { "issuer/{issuer_ref}/sign-verbatim", { NULL, NULL, pki_on_sign_verbatim }, NULL, 0 },
    { "issuer/{issuer_ref}/sign-verbatim/{role}", { NULL, NULL, pki_on_sign_verbatim }, NULL, 0 },
    { "issuer/{issuer_ref}/sign/{role}", { NULL, NULL, pki_on_sign }, NULL, 0 },
    { "issuers", { NULL, pki_issuers_list }, NULL, ENDPOINT_OPEN },
    { "issuers/generate/intermediate/{exported}", { NULL, NULL, pki_on_intermediate_generate },
        NULL, 0 },
    { "issuers/generate/root/{exported}", { NULL, NULL, pki_on_root_generate }, NULL, 0 },
    { "issuers/import/bundle", { NULL, NULL, pki_on_import }, NULL, 0 },
    { "issuers/import/cert", { NULL, NULL, pki_on_import }, NULL, 0 },
    { "key/{key_ref}", { pki_key_read, NULL, pki_key_write, pki_key_delete }, NULL, 0 },
    { "keys", { NULL, pki_keys_list }, NULL, 0 },
    { "keys/generate/{exported}", { NULL, NULL, pki_keys_generate }, NULL, 0 },
    { "keys/import", { NULL, NULL, pki_keys_import }, NULL, 0 },
    { "ocsp", { NULL, NULL, pki_on_ocsp }, NULL, ENDPOINT_OPEN | ENDPOINT_RAW },
    { "ocsp/{request*}", { pki_on_ocsp }, NULL, ENDPOINT_OPEN },
    { "revoke", { NULL, NULL, pki_on_revoke }, NULL, 0 },
    { "revoke-with-key", { NULL, NULL, pki_on_revoke_with_key }, NULL, 0 },
    { "roles", { NULL, pki_role_list }, NULL, 0 },
    { "roles/{name}", { pki_role_read, NULL, pki_role_write, pki_role_delete, pki_role_patch },
        pki_role_exists, 0 },
    { "root", { NULL, NULL, NULL, pki_on_root_delete }, NULL, ENDPOINT_SUDO | ENDPOINT_APPROVE },
    { "root/generate/{exported}", { NULL, NULL, pki_on_root_generate }, NULL, 0 },
    { "root/replace", { NULL, NULL, pki_root_replace }, NULL, 0 },
    { "root/rotate/{exported}", { NULL, NULL, pki_on_root_generate }, NULL, 0 },
    { "root/sign-intermediate", { NULL, NULL, pki_on_sign_intermediate }, NULL, 0 },
    { "root/sign-self-issued", { NULL, NULL, pki_on_sign_self_issued }, NULL, ENDPOINT_SUDO },
    { "sign-verbatim", { NULL, NULL, pki_on_sign_verbatim }, NULL, 0 },
    { "sign-verbatim/{role}", { NULL, NULL, pki_on_sign_verbatim }, NULL, 0 },
    { "sign/{role}", { NULL, NULL, pki_on_sign }, NULL, 0 },
    { "tidy", { NULL, NULL, pki_on_tidy }, NULL, 0 },
    { "tidy-cancel", { NULL, NULL, pki_tidy_cancel }, NULL, 0 },
    { "tidy-status", { pki_tidy_status }, NULL, 0 },
    { 0 },
};

/* A certificate that was issued with a lease: its end is a revocation. */
static void revoke(struct request *r, struct mount *m, const struct value *secret)
{
    struct mount *before = r->mount;
    int64_t when;

    r->mount = m;
    pki_revoke_serial(r, value_get_text(secret, "serial_number", STR("")),
        value_get_text(secret, "issuer", STR("")), value_get_i64(secret, "expires", 0), &when);
    r->mount = before;
}

static void tick(struct request *r, struct mount *m)
{
    (void)m;
    pki_crl_tick(r);
    pki_tidy_tick(r);
    pki_incident_tick(r);
}

const struct engine engine_pki = {
    .type = "pki",
    .endpoints = endpoints,
    .revoke = revoke,
    .tick = tick,
    .observe = pki_observe,
};
