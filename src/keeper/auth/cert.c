/*
 * cert - login by TLS certificate: roles, CRLs and settings.
 *
 * What would need the network is refused instead of being left out: asking OCSP responders, fetching CRLs.  The core
 * has no socket.
 */
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keeper/auth/cert_int.h"
#include "keeper/core/engines_int.h"

static const struct pki_field fields[] = {
    { "allowed_common_names", PKI_LIST, 0, "" },
    { "allowed_dns_sans", PKI_LIST, 0, "" },
    { "allowed_email_sans", PKI_LIST, 0, "" },
    { "allowed_metadata_extensions", PKI_LIST, 0, "" },
    { "allowed_names", PKI_LIST, 0, "" },
    { "allowed_organizational_units", PKI_LIST, 0, "" },
    { "allowed_uri_sans", PKI_LIST, 0, "" },
    { "display_name", PKI_TEXT, 0, "" },
    { "ocsp_enabled", PKI_BOOL, 0, NULL },
    { "ocsp_fail_open", PKI_BOOL, 0, NULL },
    { "ocsp_query_all_servers", PKI_BOOL, 0, NULL },
    { "ocsp_servers_override", PKI_LIST, 0, "" },
    { "required_extensions", PKI_LIST, 0, "" },
    { 0 },
};

static const struct pki_field config_fields[] = {
    { "disable_binding", PKI_BOOL, 0, NULL },
    { "enable_identity_alias_metadata", PKI_BOOL, 0, NULL },
    { "ocsp_cache_size", PKI_INT, 100, NULL },
    { "role_cache_size", PKI_INT, 200, NULL },
    { 0 },
};

/* ---- roles ---- */

static struct str role_path(struct request *r, struct str name)
{
    return mount_path(r, "cert/%.*s", STR_ARG(pki_lower(&r->arena, name)));
}

struct value *cert_role(struct request *r, struct str name)
{
    if (name.len == 0 || name.len > 512)
        return NULL;
    return entry_get_value(&r->tx, role_path(r, name));
}

static bool exists(struct request *r)
{
    return cert_role(r, param(r, "name")) != NULL;
}

static void list_roles(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "cert/"), STR_NONE, 0));
}

static struct str bundle_text(struct request *r, const struct value *certificates)
{
    struct str out;
    struct buf b;

    buf_init(&b, 4 << 20);
    value_each (der, certificates)
        buf_printf(&b, "%.*s\n", STR_ARG(pki_pem(&r->arena, "CERTIFICATE", der->text)));
    out = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return out;
}

static void read_role(struct request *r)
{
    struct value *role = cert_role(r, param(r, "name"));

    if (role == NULL) {
        reply_not_found(r);
        return;
    }
    value_put_text(&r->arena, role, "certificate", bundle_text(r, value_get(role, "certificates")));
    value_remove(role, STR("certificates"));
    reply_data(r, role);
}

static const struct value *pem_member(struct request *r, const char *group, const char *member)
{
    return value_get(value_get(r->parsed, group), member);
}

/* One that is no authority can only log in itself, so it must be a client's. */
static bool is_usable(struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    bool ok = x != NULL &&
              (X509_check_ca(x) == 1 ||
                  ((X509_get_extension_flags(x) & EXFLAG_XKUSAGE) != 0 &&
                      (X509_get_extended_key_usage(x) & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0));

    X509_free(x);
    ERR_clear_error();
    return ok;
}

static bool set_certificates(struct request *r, struct value *role)
{
    const struct value *list = pem_member(r, "certificates", "certificate");

    if (!field_has(r, "certificate") && value_get(role, "certificates") != NULL)
        return true;
    if (list == NULL || pem_member(r, "pem_errors", "certificate") != NULL) {
        reply_error(r, 400, "failed to parse certificate");
        return false;
    }
    value_each (der, list)
        if (!is_usable(der->text)) {
            reply_error(r, 400,
                "non-CA certificates should have TLS client authentication set as an extended key "
                "usage");
            return false;
        }
    value_set(&r->arena, role, STR("certificates"), value_copy(&r->arena, list));
    return true;
}

static bool conditions_ok(struct request *r, const struct value *role)
{
    value_each (c, value_get(role, "required_extensions")) {
        struct str text = c->text;
        struct str glob;

        if (str_starts(text, STR("hex:")))
            text = (struct str){ text.at + 4, text.len - 4 };
        str_cut(text, ':', &glob);
        if (glob.at == NULL) {
            reply_error(r, 400, "required_extensions must be like OID:value");
            return false;
        }
    }
    if (value_get_bool(role, "ocsp_enabled", false)) {
        reply_error(
            r, 400, "OCSP responders cannot be asked from here: give CRLs to crls/ instead");
        return false;
    }
    return true;
}

static void write_role(struct request *r)
{
    struct str name = param(r, "name");
    struct value *role = cert_role(r, name);
    struct token_params p;

    token_params_from(&r->arena, &p, role);
    if (role == NULL)
        role = pki_fields_default(&r->arena, fields);
    if (!token_params_read(r, &p, true) || !pki_fields_read(r, fields, role) ||
        !set_certificates(r, role) || !conditions_ok(r, role))
        return;
    if (value_get_text(role, "display_name", STR("")).len == 0)
        value_set(&r->arena, role, STR("display_name"), value_text(&r->arena, name));
    token_params_put(&r->arena, role, &p);
    entry_put_value(&r->tx, role_path(r, name), role, 0);
    reply_empty(r);
}

static void delete_role(struct request *r)
{
    entry_delete(&r->tx, role_path(r, param(r, "name")));
    reply_empty(r);
}

/* ---- CRLs ---- */

static struct str crl_path(struct request *r)
{
    return mount_path(r, "crl/%.*s", STR_ARG(pki_lower(&r->arena, param(r, "name"))));
}

static void list_crls(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "crl/"), STR_NONE, 0));
}

static void write_crl(struct request *r)
{
    const struct value *list = pem_member(r, "crls", "crl");

    if (field_has(r, "url")) {
        reply_error(r, 400, "CRLs cannot be fetched from here: give the CRL itself");
    } else if (list == NULL || list->n != 1) {
        reply_error(r, 400, "failed to parse CRL");
    } else {
        entry_put(&r->tx, crl_path(r), list->first->text, 0);
        reply_empty(r);
    }
}

static struct value *serials_of(struct request *r, X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(crl);
    struct value *map = value_map(&r->arena);

    for (int i = 0; i < sk_X509_REVOKED_num(list); i++) {
        const X509_REVOKED *one = sk_X509_REVOKED_value(list, i);
        BIGNUM *n = ASN1_INTEGER_to_BN(X509_REVOKED_get0_serialNumber(one), NULL);
        char *text = n != NULL ? BN_bn2dec(n) : NULL;

        if (text != NULL)
            value_put_named(&r->arena, map, str_from(text), value_map(&r->arena));
        OPENSSL_free(text);
        BN_free(n);
    }
    return map;
}

static void read_crl(struct request *r)
{
    struct value *data = value_map(&r->arena);
    struct str der = STR_NONE;
    const uint8_t *at;
    X509_CRL *crl;

    if (!entry_get(&r->tx, crl_path(r), &der)) {
        reply_not_found(r);
        return;
    }
    at = (const uint8_t *)der.at;
    crl = d2i_X509_CRL(NULL, &at, (long)der.len);
    if (crl == NULL) {
        reply_error(r, 500, "the CRL is corrupt");
        return;
    }
    value_put(data, "serials", serials_of(r, crl));
    X509_CRL_free(crl);
    reply_data(r, data);
}

static void delete_crl(struct request *r)
{
    entry_delete(&r->tx, crl_path(r));
    reply_empty(r);
}

/* ---- settings ---- */

static struct value *load_config(struct request *r)
{
    struct value *v = pki_fields_default(&r->arena, config_fields);
    const struct value *kept = entry_get_value(&r->tx, mount_path(r, "config"));

    value_each (it, kept)
        value_set(&r->arena, v, it->name, value_copy(&r->arena, it));
    return v;
}

static void read_config(struct request *r)
{
    reply_data(r, load_config(r));
}

static void write_config(struct request *r)
{
    struct value *v = load_config(r);

    if (!pki_fields_read(r, config_fields, v))
        return;
    entry_put_value(&r->tx, mount_path(r, "config"), v, 0);
    reply_empty(r);
}

static const struct endpoint endpoints[] = {
    { "certs", { [OP_LIST] = list_roles }, NULL, 0 },
    { "certs/{name}", { [OP_READ] = read_role, [OP_WRITE] = write_role, [OP_DELETE] = delete_role },
        exists, 0 },
    { "config", { [OP_READ] = read_config, [OP_WRITE] = write_config }, NULL, 0 },
    { "crls", { [OP_LIST] = list_crls }, NULL, 0 },
    { "crls/{name}", { [OP_READ] = read_crl, [OP_WRITE] = write_crl, [OP_DELETE] = delete_crl },
        NULL, 0 },
    { "login", { [OP_WRITE] = cert_login }, NULL, ENDPOINT_OPEN },
    { NULL },
};

const struct engine engine_cert = {
    .type = "cert",
    .auth = true,
    .endpoints = endpoints,
    .renew = cert_renew,
};
