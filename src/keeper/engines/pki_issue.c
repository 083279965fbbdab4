/*
 * pki_issue - certificates by a role: with a new key (issue), or for a request's key (sign, sign-verbatim).
 */
#include "keeper/engines/pki_int.h"

/* One issuing, from the checks to the answer; in the request's arena. */
struct issuing {
    struct pki_wish wish;
    struct pki_plan plan;
    struct value *role;
    struct str issuer; /* reference */
};

/* The issuer of the path, else the role's. */
static struct str issuer_ref(struct request *r, const struct value *role)
{
    struct str ref = param(r, "issuer_ref");

    if (ref.len > 0)
        return ref;
    ref = value_get_text(role, "issuer_ref", STR("default"));
    return ref.len > 0 ? ref : STR("default");
}

static struct value *role_of(struct request *r)
{
    struct value *role = pki_role(r, param(r, "role"));

    if (role == NULL)
        reply_error(r, 400, "unknown role: %.*s", STR_ARG(param(r, "role")));
    return role;
}

static void usages_of_role(struct request *r, struct pki_wish *w, const struct value *role)
{
    static const struct {
        const char *flag;
        const char *usage;
    } flags[] = {
        { "server_flag", "serverauth" },
        { "client_flag", "clientauth" },
        { "code_signing_flag", "codesigning" },
        { "email_protection_flag", "emailprotection" },
    };
    struct value *names = value_list(&r->arena);

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (value_get_bool(role, flags[i].flag, false))
            value_add_text(&r->arena, names, str_from(flags[i].usage));
    pki_add_extended(r, w, names, NULL);
    pki_add_extended(r, w, value_get(role, "ext_key_usage"), value_get(role, "ext_key_usage_oids"));
    w->usage = pki_usage_bits(value_get(role, "key_usage"));
    w->usage &= ~(1u << 5 | 1u << 6); /* a leaf signs neither certificates nor CRLs */
    w->constraints = value_get_bool(role, "basic_constraints_valid_for_non_ca", false);
    w->policies = value_get(role, "policy_identifiers");
    if (w->policies == NULL)
        w->policies = value_list(&r->arena);
    w->signature_bits = value_get_i64(role, "signature_bits", 0);
    w->pss = value_get_bool(role, "use_pss", false);
}

struct str pki_csr_attribute(const struct value *csr, const char *type)
{
    value_each (v, value_get(csr, "subject"))
        if (str_is(value_get_text(v, "type", STR_NONE), type))
            return value_get_text(v, "value", STR(""));
    return STR("");
}

static bool one_matches(const struct value *patterns, struct str s)
{
    value_each (p, patterns)
        if (pki_glob(p->text, s))
            return true;
    return false;
}

/* Serial number and user ids of the subject: only what the role names. */
static bool read_identifiers(
    struct request *r, struct issuing *i, const struct value *csr, struct str *serial)
{
    struct value *ids = NULL;

    field_text(r, "serial_number", serial);
    if (serial->len == 0 && csr != NULL)
        *serial = pki_csr_attribute(csr, "SERIALNUMBER");
    if (serial->len > 0 && !one_matches(value_get(i->role, "allowed_serial_numbers"), *serial)) {
        reply_error(r, 400, "serial_number %.*s not allowed by this role", STR_ARG(*serial));
        return false;
    }
    if (!field_list(r, "user_ids", &ids))
        return !refused(r);
    value_each (id, ids) {
        struct value *v = value_map(&r->arena);

        if (!one_matches(value_get(i->role, "allowed_user_ids"), id->text)) {
            reply_error(r, 400, "user_id %.*s is not allowed by this role", STR_ARG(id->text));
            return false;
        }
        value_put_text(&r->arena, v, "type", STR("UID"));
        value_put_text(&r->arena, v, "value", id->text);
        value_add(i->wish.subject, v);
    }
    return true;
}

/* Everything but key and signature. */
static bool prepare(struct request *r, struct issuing *i, const struct value *csr)
{
    const struct pki_issuer *issuer = pki_issuer(r, i->issuer);
    bool exclude = false;
    struct str cn = STR("");
    struct str serial = STR("");

    if (issuer == NULL || pki_signer(r, issuer, USE_ISSUE) == NULL)
        return false;
    field_text(r, "common_name", &cn);
    field_bool(r, "exclude_cn_from_sans", &exclude);
    if (csr != NULL && value_get_bool(i->role, "use_csr_common_name", true) &&
        pki_csr_attribute(csr, "CN").len > 0)
        cn = pki_csr_attribute(csr, "CN");
    if (cn.len == 0 && value_get_bool(i->role, "require_cn", true)) {
        reply_error(r, 400,
            "the common_name field is required, or must be provided in a CSR with "
            "\"use_csr_common_name\" set to true, unless \"require_cn\" is set to false");
        return false;
    }
    if (csr != NULL && value_get_bool(i->role, "use_csr_sans", true))
        pki_copy_csr_names(r, &i->wish, csr);
    else if (!pki_read_names(r, &i->wish))
        return false;
    if (cn.len > 0 && !exclude)
        pki_add_common_name(r, &i->wish, cn);
    if (!pki_names_permitted(r, i->role, &i->wish, cn) || !read_identifiers(r, i, csr, &serial))
        return false;
    pki_read_subject(r, &i->wish, i->role, cn, serial);
    usages_of_role(r, &i->wish, i->role);
    i->wish.urls = pki_urls(r, issuer->v);
    return pki_read_validity(r, &i->wish, i->role, issuer);
}

/* A lease that revokes the certificate when it ends. */
static void lease(struct request *r, const struct pki_made *made, const struct pki_issuer *issuer)
{
    struct value *secret = value_map(&r->arena);
    int64_t left = made->expires - r->now / 1000;

    value_put_text(&r->arena, secret, "serial_number", made->serial);
    value_put_text(&r->arena, secret, "issuer", issuer->id);
    value_put_i64(&r->arena, secret, "expires", made->expires);
    lease_add(r, secret, left, left, false);
}

static void keep(struct request *r, const struct issuing *i, const struct pki_made *made,
    const struct pki_issuer *issuer)
{
    if (value_get_bool(i->role, "no_store", false)) {
        entry_put(&r->tx, mount_path(r, "unstored"), STR("1"), 0);
        return;
    }
    pki_store_certificate(r, made->serial, made->der, issuer->id, made->expires);
    if (value_get_bool(i->role, "generate_lease", false))
        lease(r, made, issuer);
}

/* key: the new private key, or NULL. */
static void finish(struct request *r, struct issuing *i, EVP_PKEY *public_key, EVP_PKEY *key)
{
    const struct pki_issuer *issuer = pki_issuer(r, i->issuer);
    EVP_PKEY *signer = issuer != NULL ? pki_signer(r, issuer, USE_ISSUE) : NULL;
    struct pki_made made = { 0 };

    if (signer == NULL)
        return;
    i->wish.pkey = public_key;
    if (!pki_build(r, &i->wish, issuer->x509, signer, &made))
        return;
    pki_reply_certificate(r, value_map(&r->arena), &made, issuer, key);
    if (!refused(r))
        keep(r, i, &made, issuer);
}

static void issue_with_key(struct request *r, struct pki_plan *p)
{
    finish(r, p->arg, p->pkey, p->pkey);
}

static struct issuing *begin(struct request *r, struct value *role)
{
    struct issuing *i = arena_calloc(&r->arena, 1, sizeof(*i));
    enum pki_format f;

    if (role == NULL || !pki_read_format(r, &f))
        return NULL;
    i->role = role;
    i->issuer = issuer_ref(r, role);
    pki_wish_init(r, &i->wish);
    return i;
}

void pki_on_issue(struct request *r)
{
    struct issuing *i = begin(r, role_of(r));
    struct str type;

    if (i == NULL)
        return;
    type = value_get_text(i->role, "key_type", STR("rsa"));
    if (str_is(type, "any")) {
        type = STR("");
        field_text(r, "key_type", &type);
        if (type.len == 0) {
            reply_error(
                r, 400, "role key type \"any\" not allowed for issuing certificates, only signing");
            return;
        }
    }
    i->plan.done = issue_with_key;
    i->plan.arg = i;
    if (prepare(r, i, NULL) &&
        pki_key_wish(r, type, value_get_i64(i->role, "key_bits", 0), &i->plan))
        pki_generate(r, &i->plan);
}

/* The key of a request must be as the role wants it. */
static bool key_permitted(struct request *r, const struct value *role, const struct value *csr)
{
    struct str want = value_get_text(role, "key_type", STR("any"));
    struct str type = value_get_text(csr, "key_type", STR_NONE);
    int64_t bits = value_get_i64(csr, "key_bits", 0);
    int64_t least = value_get_i64(role, "key_bits", 0);

    if (str_is(want, "any") || want.len == 0)
        return true;
    if (!str_eq(want, type)) {
        reply_error(r, 400, "role requires keys of type %.*s", STR_ARG(want));
        return false;
    }
    if (least == 0)
        least = str_is(want, "rsa") ? 2048 : str_is(want, "ec") ? 256 : 0;
    if (str_is(want, "ed25519") || bits >= least)
        return true;
    reply_error(r, 400, "role requires a minimum of a %lld-bit key, but CSR's key is %lld bits",
        (long long)least, (long long)bits);
    return false;
}

static void sign_csr(struct request *r, struct issuing *i, const struct value *csr)
{
    EVP_PKEY *key = pki_csr_key(r, csr);

    if (key != NULL)
        finish(r, i, key, NULL);
    EVP_PKEY_free(key);
}

void pki_on_sign(struct request *r)
{
    struct issuing *i = begin(r, role_of(r));
    const struct value *csr = i != NULL ? pki_csr(r) : NULL;

    if (csr != NULL && key_permitted(r, i->role, csr) && prepare(r, i, csr))
        sign_csr(r, i, csr);
}

/* ---- verbatim ---- */

/* Lifetimes and leases are a role's, when one is named; names are the request's own. */
static struct value *verbatim_role(struct request *r)
{
    static const char *const taken[] = { "ttl", "max_ttl", "generate_lease", "no_store",
        "issuer_ref", "not_before_duration" };
    struct value *role = pki_role_default(&r->arena);
    struct value *named;

    value_set(&r->arena, role, STR("key_usage"), value_list(&r->arena));
    if (param(r, "role").len == 0)
        return role;
    named = role_of(r);
    for (size_t i = 0; named != NULL && i < sizeof(taken) / sizeof(taken[0]); i++) {
        struct value *v = value_get(named, taken[i]);

        if (v != NULL)
            value_set(&r->arena, role, str_from(taken[i]), value_copy(&r->arena, v));
    }
    return named != NULL ? role : NULL;
}

static void verbatim_usages(struct request *r, struct pki_wish *w, const struct value *csr)
{
    struct value *names = NULL;
    struct value *extended = NULL;
    struct value *oids = NULL;

    w->usage = 1u << 0 | 1u << 2 | 1u << 4; /* digitalSignature, keyEncipherment, keyAgreement */
    if (field_list(r, "key_usage", &names))
        w->usage = pki_usage_bits(names);
    if (value_get_i64(csr, "key_usage", 0) != 0)
        w->usage = (unsigned)value_get_i64(csr, "key_usage", 0);
    w->usage &= ~(1u << 5 | 1u << 6);
    field_list(r, "ext_key_usage", &extended);
    field_list(r, "ext_key_usage_oids", &oids);
    if (value_get(csr, "ext_key_usage") != NULL && value_get(csr, "ext_key_usage")->n > 0)
        oids = value_get(csr, "ext_key_usage");
    pki_add_extended(r, w, extended, oids);
    field_int(r, "signature_bits", &w->signature_bits);
    field_bool(r, "use_pss", &w->pss);
}

void pki_on_sign_verbatim(struct request *r)
{
    struct issuing *i = begin(r, verbatim_role(r));
    const struct value *csr = i != NULL ? pki_csr(r) : NULL;
    const struct pki_issuer *issuer = csr != NULL ? pki_issuer(r, i->issuer) : NULL;

    if (issuer == NULL || pki_signer(r, issuer, USE_ISSUE) == NULL)
        return;
    i->wish.subject = value_get(csr, "subject");
    pki_copy_csr_names(r, &i->wish, csr);
    verbatim_usages(r, &i->wish, csr);
    i->wish.urls = pki_urls(r, issuer->v);
    if (!refused(r) && pki_read_validity(r, &i->wish, i->role, issuer))
        sign_csr(r, i, csr);
}
