/*
 * cert_login - a token for who shows a certificate that a role admits, and its renewal.
 */
#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "keeper/auth/cert_int.h"

static struct str decimal(struct arena *a, const X509 *x)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
    char *text = n != NULL ? BN_bn2dec(n) : NULL;
    struct str out = text != NULL ? arena_str(a, str_from(text)) : STR("");

    OPENSSL_free(text);
    BN_free(n);
    return out;
}

static struct str octets(struct arena *a, const ASN1_OCTET_STRING *s)
{
    if (s == NULL)
        return STR("");
    return pki_serial_text(
        a, (struct str){ (const char *)ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s) });
}

/* "1.2.3" is the member "1-2-3". */
static void add_extensions(struct request *r, struct value *to, const struct value *role, X509 *x)
{
    value_each (oid, value_get(role, "allowed_metadata_extensions")) {
        struct str text;
        char *name;

        if (!cert_extension(&r->arena, x, oid->text, &text))
            continue;
        name = arena_printf(&r->arena, "%.*s", STR_ARG(oid->text));
        for (char *c = name; *c != '\0'; c++)
            if (*c == '.')
                *c = '-';
        value_put_text(&r->arena, to, name, text);
    }
}

static struct value *metadata_of(
    struct request *r, struct str name, const struct value *role, X509 *x)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "cert_name", name);
    value_put_text(a, v, "common_name", cert_common_name(a, x));
    value_put_text(a, v, "serial_number", decimal(a, x));
    value_put_text(a, v, "subject_key_id", octets(a, X509_get0_subject_key_id(x)));
    value_put_text(a, v, "authority_key_id", octets(a, X509_get0_authority_key_id(x)));
    add_extensions(r, v, role, x);
    return v;
}

static void grant(
    struct request *r, struct str name, const struct value *role, const struct cert_client *c)
{
    struct auth *auth = arena_calloc(&r->arena, 1, sizeof(*auth));
    struct str display = value_get_text(role, "display_name", STR(""));
    struct str common = cert_common_name(&r->arena, c->leaf);
    struct str hash = cert_key_hash(&r->arena, c->leaf);
    struct token_params p;

    token_params_from(&r->arena, &p, role);
    token_params_grant(r, &p, auth);
    auth->metadata = metadata_of(r, name, role, c->leaf);
    auth->internal = value_map(&r->arena);
    value_put_text(&r->arena, auth->internal, "name", name);
    value_put_text(&r->arena, auth->internal, "key", hash);
    auth->display_name = login_display_name(r, display.len > 0 ? display : name);
    auth->alias_name = common.len > 0 ? common : hash;
    r->reply.auth = auth;
    r->reply.status = 200;
}

/* The role that the client asks for, or the first that admits it. */
static const struct value *admitting(
    struct request *r, const struct cert_client *c, struct str asked, struct str *name)
{
    const struct value *names =
        entry_list(&r->tx, mount_path(r, "cert/"), STR_NONE, CERT_ROLES_MAX);

    value_each (it, names) {
        const struct value *role = NULL;

        if (asked.len == 0 || str_eq(asked, it->text))
            role = cert_role(r, it->text);
        if (role != NULL && cert_admits(r, role, c)) {
            *name = it->text;
            return role;
        }
    }
    return NULL;
}

void cert_login(struct request *r)
{
    struct cert_client c;
    const struct value *role;
    struct str asked = STR("");
    struct str name = STR("");

    field_text(r, "name", &asked);
    if (refused(r))
        return;
    if (!cert_client_open(r, &c)) {
        reply_error(r, 400, "client certificate must be supplied");
        return;
    }
    role = admitting(r, &c, pki_lower(&r->arena, asked), &name);
    if (role == NULL)
        reply_error(r, 400, "invalid certificate or no client certificate supplied");
    else if (!token_remote_is_bound(value_get(role, "token_bound_cidrs"), r->remote))
        reply_error(r, 403, "permission denied");
    else
        grant(r, name, role, &c);
    cert_client_close(&c);
}

/* The same key must be shown again, in a certificate that the role still admits: another one that it
 * would admit too is somebody else's. */
static bool is_bound_client(
    struct request *r, const struct value *role, const struct value *internal)
{
    struct cert_client c;
    bool ok = cert_client_open(r, &c);

    ok = ok && str_eq(cert_key_hash(&r->arena, c.leaf), value_get_text(internal, "key", STR(""))) &&
         cert_admits(r, role, &c);
    cert_client_close(&c);
    return ok;
}

bool cert_renew(struct request *r, struct mount *m, const struct value *internal)
{
    struct str name = value_get_text(internal, "name", STR(""));
    const struct value *role = cert_role(r, name);
    const struct value *config = entry_get_value(&r->tx, mount_path(r, "config"));
    struct token_params p;

    (void)m;
    if (role == NULL) {
        reply_error(r, 400, "the role of this login is no longer there");
        return false;
    }
    if (!value_get_bool(config, "disable_binding", false) && !is_bound_client(r, role, internal)) {
        reply_error(r, 400,
            "client identity during renewal not matching client identity used during login");
        return false;
    }
    token_params_from(&r->arena, &p, role);
    if (!value_equal(
            policies_clean(&r->arena, p.policies, !p.no_default_policy), r->reply.auth->policies)) {
        reply_error(r, 400, "policies have changed, not renewing");
        return false;
    }
    r->reply.auth->ttl = p.ttl;
    r->reply.auth->max_ttl = p.max_ttl;
    r->reply.auth->period = p.period;
    return true;
}
