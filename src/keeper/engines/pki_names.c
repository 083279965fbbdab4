/*
 * pki_names - which names a role lets into a certificate.
 *
 * Each name must be permitted by itself, wherever it comes from: the body or the
 * request that is signed.  Comparisons are on names in lower case without a trailing dot; what is not ASCII is refused,
 * so that no two spellings mean one host.
 */
#include "keeper/core/token_int.h"
#include "keeper/engines/pki_int.h"

struct name_check {
    struct request *r;
    const struct value *role;
    struct str name;   /* as it was asked for, lower case */
    struct str host;   /* without "user@" and "*." */
    struct str domain; /* behind the '@' of an address */
    bool email;
    bool wildcard;
};

static bool flag(const struct value *role, const char *name)
{
    return value_get_bool(role, name, false);
}

static bool is_label(struct str s)
{
    if (s.len == 0 || s.len > 63 || s.at[0] == '-' || s.at[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.at[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

bool pki_is_hostname(struct str s)
{
    struct str rest = str_starts(s, STR("*.")) ? (struct str){ s.at + 2, s.len - 2 } : s;

    if (s.len == 0 || s.len > PKI_DNS_MAX)
        return false;
    while (rest.at != NULL)
        if (!is_label(str_cut(rest, '.', &rest)))
            return false;
    return true;
}

/* "foo.<base>", and not ".<base>" alone. */
static bool is_below(struct str name, struct str base)
{
    return name.len > base.len + 1 && str_ends(name, base) &&
           name.at[name.len - base.len - 1] == '.';
}

static bool under(const struct name_check *c, struct str base)
{
    return is_below(c->host, base) || (c->wildcard && str_eq(c->host, base));
}

static bool by_localhost(const struct name_check *c)
{
    static const char *const bases[] = { "localhost", "localdomain" };

    for (size_t i = 0; i < 2; i++) {
        struct str base = str_from(bases[i]);

        if (!c->wildcard && str_eq(c->host, base))
            return true;
        if (flag(c->role, "allow_subdomains") && under(c, base))
            return true;
    }
    return false;
}

static bool by_display_name(const struct name_check *c)
{
    struct arena *a = &c->r->arena;
    const struct token *who = c->r->who;
    struct str display = who != NULL ? pki_lower(a, who->display_name) : STR_NONE;
    struct str domain;

    if (display.len == 0)
        return false;
    if (str_eq(c->name, display))
        return true;
    if (!flag(c->role, "allow_subdomains"))
        return false;
    str_cut(display, '@', &domain);
    if (c->email && domain.len > 0 && is_below(c->host, domain))
        return true;
    return under(c, display);
}

static bool by_domain(const struct name_check *c, struct str domain)
{
    if (flag(c->role, "allow_bare_domains") &&
        (str_eq(c->name, domain) || (c->email && str_eq(c->domain, domain))))
        return true;
    if (flag(c->role, "allow_subdomains") && under(c, domain))
        return true;
    return flag(c->role, "allow_glob_domains") && memchr(domain.at, '*', domain.len) != NULL &&
           pki_glob(domain, c->name);
}

static bool by_domains(const struct name_check *c)
{
    value_each (d, value_get(c->role, "allowed_domains")) {
        if (d->text.len > 0 && by_domain(c, pki_lower(&c->r->arena, d->text)))
            return true;
    }
    return false;
}

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= 0x20 || s.at[i] >= 0x7f)
            return false;
    return s.len > 0;
}

/* "*.x", "a*.x" ...: only as the whole of the first label, and never alone. */
static bool split_wildcard(struct name_check *c)
{
    struct str rest;

    if (memchr(c->host.at, '*', c->host.len) == NULL)
        return true;
    if (!str_is(str_cut(c->host, '.', &rest), "*") || rest.len == 0 ||
        memchr(rest.at, '*', rest.len) != NULL)
        return false;
    c->wildcard = true;
    c->host = rest;
    return !c->email && flag(c->role, "allow_wildcard_certificates");
}

static bool is_permitted(struct request *r, const struct value *role, struct str asked)
{
    struct str name = pki_lower(&r->arena, asked);
    struct name_check c = { .r = r, .role = role, .name = name, .host = name };
    struct str domain;

    if (!is_printable(name))
        return false;
    str_cut(name, '@', &domain);
    if (domain.at != NULL) {
        if (memchr(domain.at, '@', domain.len) != NULL || domain.len == 0 || name.at[0] == '@')
            return false;
        c.email = true;
        c.host = domain;
        c.domain = domain;
    }
    if (!split_wildcard(&c) || (flag(role, "enforce_hostnames") && !pki_is_hostname(c.host)))
        return false;
    return flag(role, "allow_any_name") || (flag(role, "allow_localhost") && by_localhost(&c)) ||
           (flag(role, "allow_token_displayname") && by_display_name(&c)) || by_domains(&c);
}

static bool matches_one(const struct value *patterns, struct str s)
{
    value_each (p, patterns)
        if (pki_glob(p->text, s))
            return true;
    return false;
}

static bool list_has(const struct value *list, const char *word)
{
    value_each (v, list)
        if (str_eq_nocase(v->text, str_from(word)))
            return true;
    return false;
}

/* What a common name must look like at all. */
static bool common_name_ok(const struct value *role, struct str cn)
{
    const struct value *how = value_get(role, "cn_validations");
    struct str domain;

    if (cn.len == 0 || list_has(how, "disabled"))
        return true;
    str_cut(cn, '@', &domain);
    if (domain.at != NULL ? !list_has(how, "email") : !list_has(how, "hostname"))
        return false;
    return true;
}

static bool others_permitted(
    struct request *r, const struct value *role, const struct value *others)
{
    const struct value *allowed = value_get(role, "allowed_other_sans");

    value_each (o, others) {
        struct str oid = value_get_text(o, "oid", STR_NONE);
        struct str text = value_get_text(o, "value", STR_NONE);
        bool ok = false;

        value_each (p, allowed) {
            struct str rest;
            struct str for_oid = str_trim(str_cut(p->text, ';', &rest));
            struct str value;

            if (str_is(p->text, "*"))
                ok = true;
            str_cut(rest, ':', &value);
            if (value.at == NULL)
                value = rest;
            ok = ok || (rest.at != NULL && str_eq(for_oid, oid) && pki_glob(value, text));
        }
        if (!ok) {
            reply_error(r, 400, "other SAN OID %.*s not allowed by this role", STR_ARG(oid));
            return false;
        }
    }
    return true;
}

static bool refuse(struct request *r, const char *what, struct str name)
{
    reply_error(r, 400, "%s %.*s not allowed by this role", what, STR_ARG(name));
    return false;
}

bool pki_names_permitted(
    struct request *r, const struct value *role, const struct pki_wish *w, struct str cn)
{
    const struct value *uris = value_get(role, "allowed_uri_sans");

    if (!common_name_ok(role, cn) ||
        (cn.len > 0 && !list_has(value_get(role, "cn_validations"), "disabled") &&
            !is_permitted(r, role, cn)))
        return refuse(r, "common name", cn);
    value_each (v, w->dns)
        if (!is_permitted(r, role, v->text))
            return refuse(r, "subject alternate name", v->text);
    value_each (v, w->emails)
        if (memchr(v->text.at, '@', v->text.len) == NULL || !is_permitted(r, role, v->text))
            return refuse(r, "email address", v->text);
    if (w->ips->n > 0 && !flag(role, "allow_ip_sans")) {
        reply_error(r, 400,
            "IP Subject Alternative Names are not allowed in this role, but was provided %.*s",
            STR_ARG(w->ips->first->text));
        return false;
    }
    if (w->uris->n > 0 && (uris == NULL || uris->n == 0)) {
        reply_error(r, 400,
            "URI Subject Alternative Names are not allowed in this role, but were provided via CSR "
            "or API");
        return false;
    }
    value_each (v, w->uris)
        if (!matches_one(uris, v->text))
            return refuse(r, "URI", v->text);
    return others_permitted(r, role, w->others);
}
