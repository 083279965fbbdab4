/*
 * pki_role - roles: what may be in a certificate, in a table.
 */
#include "keeper/engines/pki_int.h"

static const struct pki_field fields[] = {
    { "allow_any_name", PKI_BOOL, 0, NULL },
    { "allow_bare_domains", PKI_BOOL, 0, NULL },
    { "allow_glob_domains", PKI_BOOL, 0, NULL },
    { "allow_ip_sans", PKI_BOOL, 1, NULL },
    { "allow_localhost", PKI_BOOL, 1, NULL },
    { "allow_subdomains", PKI_BOOL, 0, NULL },
    { "allow_token_displayname", PKI_BOOL, 0, NULL },
    { "allow_wildcard_certificates", PKI_BOOL, 1, NULL },
    { "allowed_domains", PKI_LIST, 0, "" },
    { "allowed_domains_template", PKI_BOOL, 0, NULL },
    { "allowed_other_sans", PKI_LIST, 0, "" },
    { "allowed_serial_numbers", PKI_LIST, 0, "" },
    { "allowed_uri_sans", PKI_LIST, 0, "" },
    { "allowed_uri_sans_template", PKI_BOOL, 0, NULL },
    { "allowed_user_ids", PKI_LIST, 0, "" },
    { "basic_constraints_valid_for_non_ca", PKI_BOOL, 0, NULL },
    { "client_flag", PKI_BOOL, 1, NULL },
    { "cn_validations", PKI_LIST, 0, "email,hostname" },
    { "code_signing_flag", PKI_BOOL, 0, NULL },
    { "country", PKI_LIST, 0, "" },
    { "email_protection_flag", PKI_BOOL, 0, NULL },
    { "enforce_hostnames", PKI_BOOL, 1, NULL },
    { "ext_key_usage", PKI_LIST, 0, "" },
    { "ext_key_usage_oids", PKI_LIST, 0, "" },
    { "generate_lease", PKI_BOOL, 0, NULL },
    { "issuer_ref", PKI_TEXT, 0, "default" },
    { "key_bits", PKI_INT, 0, NULL },
    { "key_type", PKI_TEXT, 0, "rsa" },
    { "key_usage", PKI_LIST, 0, "DigitalSignature,KeyAgreement,KeyEncipherment" },
    { "locality", PKI_LIST, 0, "" },
    { "max_ttl", PKI_SECONDS, 0, NULL },
    { "no_store", PKI_BOOL, 0, NULL },
    { "not_after", PKI_TEXT, 0, "" },
    { "not_before_duration", PKI_SECONDS, 30, NULL },
    { "organization", PKI_LIST, 0, "" },
    { "ou", PKI_LIST, 0, "" },
    { "policy_identifiers", PKI_LIST, 0, "" },
    { "postal_code", PKI_LIST, 0, "" },
    { "province", PKI_LIST, 0, "" },
    { "require_cn", PKI_BOOL, 1, NULL },
    { "server_flag", PKI_BOOL, 1, NULL },
    { "signature_bits", PKI_INT, 0, NULL },
    { "street_address", PKI_LIST, 0, "" },
    { "ttl", PKI_SECONDS, 0, NULL },
    { "use_csr_common_name", PKI_BOOL, 1, NULL },
    { "use_csr_sans", PKI_BOOL, 1, NULL },
    { "use_pss", PKI_BOOL, 0, NULL },
    { 0 },
};

struct value *pki_role_default(struct arena *a)
{
    return pki_fields_default(a, fields);
}

static struct str role_path(struct request *r, struct str name)
{
    return mount_path(r, "role/%.*s", STR_ARG(name));
}

struct value *pki_role(struct request *r, struct str name)
{
    return entry_get_value(&r->tx, role_path(r, name));
}

/* ---- what must hold ---- */

static bool oids_ok(const struct value *list)
{
    value_each (v, list) {
        ASN1_OBJECT *o = NULL;

        if (v->text.len < 128)
            o = OBJ_txt2obj(v->text.at, 1);
        if (o == NULL)
            return false;
        ASN1_OBJECT_free(o);
    }
    return true;
}

static bool key_fits(struct str type, int64_t bits)
{
    if (str_is(type, "rsa"))
        return bits == 0 || bits == 2048 || bits == 3072 || bits == 4096;
    if (str_is(type, "ec"))
        return bits == 0 || bits == 256 || bits == 384 || bits == 521;
    return str_is(type, "ed25519") || str_is(type, "any");
}

static const char *role_problem(const struct value *role)
{
    int64_t bits = value_get_i64(role, "signature_bits", 0);
    int64_t most = value_get_i64(role, "max_ttl", 0);
    int64_t seconds;
    struct str until = value_get_text(role, "not_after", STR_NONE);

    if (!key_fits(value_get_text(role, "key_type", STR_NONE), value_get_i64(role, "key_bits", 0)))
        return "unsupported key type, or key size for it";
    if (bits != 0 && bits != 256 && bits != 384 && bits != 512)
        return "invalid signature_bits: must be 0, 256, 384 or 512";
    if (most > 0 && value_get_i64(role, "ttl", 0) > most)
        return "\"ttl\" value must be less than \"max_ttl\" value";
    if (until.len > 0 && !pki_rfc3339_read(until, &seconds))
        return "invalid not_after: it must be like 2030-01-31T08:15:30Z";
    if (!oids_ok(value_get(role, "ext_key_usage_oids")) ||
        !oids_ok(value_get(role, "policy_identifiers")))
        return "an OID of ext_key_usage_oids or policy_identifiers could not be parsed";
    if (value_get_bool(role, "allowed_domains_template", false) ||
        value_get_bool(role, "allowed_uri_sans_template", false))
        return "templates of identities in allowed_domains and allowed_uri_sans are not supported";
    return NULL;
}

/* ---- endpoints ---- */

bool pki_role_exists(struct request *r)
{
    struct str data;

    return entry_get(&r->tx, role_path(r, param(r, "name")), &data);
}

void pki_role_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "role/"), STR_NONE, 0));
}

void pki_role_read(struct request *r)
{
    struct value *role = pki_role(r, param(r, "name"));

    if (role == NULL)
        reply_not_found(r);
    else
        reply_data(r, role);
}

static void write_role(struct request *r, struct value *role)
{
    const char *problem;

    if (!pki_fields_read(r, fields, role))
        return;
    problem = role_problem(role);
    if (problem != NULL) {
        reply_error(r, 400, "%s", problem);
        return;
    }
    if (pki_resolve(r, "issuer", value_get_text(role, "issuer_ref", STR("default"))).len == 0)
        reply_warn(r, "Issuing Certificate was set to an issuer that is not there yet");
    entry_put_value(&r->tx, role_path(r, param(r, "name")), role, 0);
    reply_data(r, role);
}

void pki_role_write(struct request *r)
{
    write_role(r, pki_role_default(&r->arena));
}

void pki_role_patch(struct request *r)
{
    struct value *role = pki_role(r, param(r, "name"));

    if (role == NULL)
        reply_error(r, 404, "unable to fetch role entry to patch");
    else
        write_role(r, role);
}

void pki_role_delete(struct request *r)
{
    entry_delete(&r->tx, role_path(r, param(r, "name")));
    reply_empty(r);
}
