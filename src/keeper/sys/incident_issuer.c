/*
 * incident, an issuer: it and everything it signed are revoked, a successor takes its place, the CRL says so.
 *
 * How, is the engine's: engines/pki_incident.c.  Certificates of the edge that it signed are asked for anew by control, which
 * hears of each.  An issuer that somebody else signed can have no successor made here: the report says so.
 */
#include <openssl/x509v3.h>

#include "keeper/engines/pki_int.h"
#include "keeper/sys/incident_int.h"

struct authority {
    struct mount *mount;
    struct str id;
    struct str serial;
    struct str name; /* common name */
    struct value *serials;
    bool is_root;
    bool is_default;
    const char *key_type;
    int64_t key_bits;
};

/* With the mount as the request's: what the engine's functions work on. */
static void enter(struct request *r, struct mount *m, struct mount **was)
{
    *was = r->mount;
    r->mount = m;
}

/* ---- what it touches ---- */

static void common_name(struct request *r, X509 *x, struct authority *a)
{
    char text[256];
    int n = X509_NAME_get_text_by_NID(
        X509_get_subject_name(x), NID_commonName, text, (int)sizeof(text));

    a->name = n > 0 ? arena_str(&r->arena, (struct str){ text, (size_t)n }) : STR("successor");
}

/* Those that it signed, that have not ended and are not revoked. */
static struct value *living(struct request *r, struct str issuer, bool *all)
{
    struct value *list = value_list(&r->arena);
    struct value *names =
        entry_list(&r->tx, mount_path(r, "cert/"), STR_NONE, INCIDENT_CERTIFICATES);

    *all = names->n < INCIDENT_CERTIFICATES;
    value_each (it, names) {
        struct value *v = entry_get_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(it->text)));
        struct str revoked;

        if (str_eq(value_get_text(v, "issuer", STR("")), issuer) &&
            value_get_i64(v, "expires", 0) > r->now / 1000 &&
            !entry_get(&r->tx, mount_path(r, "revoked/%.*s", STR_ARG(it->text)), &revoked))
            value_add_text(&r->arena, list, it->text);
    }
    return list;
}

static bool read_authority(struct request *r, struct str ref, struct authority *a)
{
    const struct pki_issuer *i = pki_issuer(r, ref);
    EVP_PKEY *key;

    if (i == NULL)
        return false;
    key = X509_get0_pubkey(i->x509);
    a->id = arena_str(&r->arena, i->id);
    a->serial = arena_str(&r->arena, value_get_text(i->v, "serial", STR("")));
    a->is_root = X509_check_issued(i->x509, i->x509) == X509_V_OK;
    a->is_default = str_eq(pki_default(r, "issuer"), a->id);
    a->key_type = pki_key_type(key);
    a->key_bits = EVP_PKEY_get_bits(key);
    common_name(r, i->x509, a);
    return true;
}

static void look(struct request *r, struct incident *in, struct authority *a)
{
    struct arena *ar = &r->arena;
    struct value *listed = value_list(ar);
    bool all;

    a->serials = living(r, a->id, &all);
    value_each (it, a->serials) {
        if (listed->n < INCIDENT_LISTED)
            value_add_text(ar, listed, it->text);
    }
    value_put_text(ar, in->radius, "engine", a->mount->path);
    value_put_text(ar, in->radius, "issuer_id", a->id);
    value_put_text(ar, in->radius, "serial", a->serial);
    value_put_text(ar, in->radius, "common_name", a->name);
    value_put_bool(ar, in->radius, "default", a->is_default);
    value_put_bool(ar, in->radius, "root", a->is_root);
    value_put_i64(ar, in->radius, "certificates", a->serials->n);
    value_put_bool(ar, in->radius, "certificates_all_counted", all);
    value_put(in->radius, "serials", listed);
    value_put(in->radius, "roles", entry_list(&r->tx, mount_path(r, "role/"), STR_NONE, 0));
    incident_mark(r, in, "the blast radius is known");
}

/* ---- its end ---- */

struct ending {
    struct incident *in;
    struct authority authority;
    struct pki_plan plan; /* the successor's key: RSA takes long */
};

static bool rebuild(struct request *r, struct incident *in, const struct authority *a)
{
    struct pki_crl_rule rule;
    const struct pki_issuer *i = pki_issuer_by_id(r, a->id);

    pki_crl_rule(r, &rule);
    if (i == NULL || i->key_id.len == 0 || rule.disable) {
        reply_warn(r, "the issuer's CRL is not made here");
        return true;
    }
    if (!pki_crl_build(r, i, false))
        return false;
    incident_mark(r, in, "the CRL is made anew; OCSP answers from the same list");
    return true;
}

/* What became of it, for the report. */
static void tell(struct request *r, struct incident *in, const struct value *made)
{
    struct str id = value_get_text(made, "successor_id", STR(""));
    const struct pki_issuer *successor = pki_issuer_by_id(r, id);
    int64_t n = value_get_i64(made, "certificates", 0);

    value_put_i64(&r->arena, in->done, "certificates_revoked", n);
    incident_mark(r, in, "the issuer is revoked: it signs no more certificates");
    incident_mark(r, in, "%lld certificates are revoked", (long long)n);
    if (successor == NULL) {
        reply_warn(
            r, "the issuer has no successor: make a new one and have it signed where this one was");
        return;
    }
    value_put_text(&r->arena, in->done, "new_issuer", id);
    value_put_text(
        &r->arena, in->done, "new_certificate", pki_pem(&r->arena, "CERTIFICATE", successor->der));
    incident_mark(r, in, "issuer %.*s takes its place, %.*s", STR_ARG(id),
        STR_ARG(value_get_text(made, "successor", STR(""))));
}

static void act(struct request *r, struct pki_plan *p)
{
    struct ending *e = p->arg;
    struct incident *in = e->in;
    struct value *made = value_map(&r->arena);
    struct mount *was;
    bool ok;

    enter(r, e->authority.mount, &was);
    ok = pki_compromise(r, r->mount, e->authority.id, in->reason, p->pkey, made);
    if (ok) {
        tell(r, in, made);
        ok = rebuild(r, in, &e->authority);
    }
    r->mount = was;
    if (ok)
        incident_report(r, in);
}

void incident_issuer(struct request *r, struct incident *in)
{
    struct ending *e = arena_calloc(&r->arena, 1, sizeof(*e));
    struct authority *a = &e->authority;
    struct mount *was;
    struct str ref;
    bool ok;

    e->in = in;
    a->mount = incident_mount(r, in, "pki", &ref);
    if (a->mount == NULL)
        return;
    enter(r, a->mount, &was);
    ok = read_authority(r, ref, a);
    if (ok)
        look(r, in, a);
    r->mount = was;
    if (!ok)
        return;
    e->plan = (struct pki_plan){ .type = a->key_type, .bits = a->key_bits, .done = act, .arg = e };
    if (in->dry_run)
        incident_report(r, in);
    else if (a->key_type != NULL)
        pki_generate(r, &e->plan);
    else
        act(r, &e->plan);
}
