/*
 * pki_incident - an issuer's key is no longer its own: what that touches, and its end.
 *
 * The issuer issues no more, what it issued is revoked, and a successor takes its name and its place as the default, so
 * that roles go on: self-signed as it was itself, or signed by its parent when that one's key is here.  It
 * still signs CRLs and OCSP answers: they say that all of it is revoked.  More certificates than fit into one
 * transaction are revoked by the ticks that follow:
 *     compromised/<issuer id>   {after: serial}
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keeper/engines/pki_int.h"

enum { REVOKED_AT_ONCE = 2000, REVOKED_A_TICK = 500, SHOWN_MAX = 1000 };

/* ---- what it issued ---- */

static bool is_live(struct request *r, struct str serial, struct str issuer, int64_t *expires)
{
    const struct value *v = entry_get_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(serial)));
    struct str data;

    *expires = value_get_i64(v, "expires", 0);
    return v != NULL && str_eq(value_get_text(v, "issuer", STR("")), issuer) &&
           (*expires == 0 || *expires > r->now / 1000) &&
           !entry_get(&r->tx, mount_path(r, "revoked/%.*s", STR_ARG(serial)), &data);
}

/* Revokes some of those past `after`; true: there are more, and *after is where to go on. */
static bool revoke_some(
    struct request *r, const struct pki_issuer *i, struct str *after, unsigned most)
{
    struct str own = value_get_text(i->v, "serial", STR(""));
    struct value *names = entry_list(&r->tx, mount_path(r, "cert/"), *after, most);

    value_each (name, names) {
        int64_t expires;
        int64_t when;

        if (!str_eq(name->text, own) && is_live(r, name->text, i->id, &expires))
            pki_revoke_serial(r, name->text, i->id, expires, &when);
        *after = name->text;
    }
    return names != NULL && names->n == most;
}

static void count_live(struct request *r, const struct pki_issuer *i, struct value *to)
{
    struct str own = value_get_text(i->v, "serial", STR(""));
    struct value *serials = value_list(&r->arena);
    int64_t n = 0;
    int64_t expires;

    value_each (name, entry_list(&r->tx, mount_path(r, "cert/"), STR_NONE, 0)) {
        if (str_eq(name->text, own) || !is_live(r, name->text, i->id, &expires))
            continue;
        if (n++ < SHOWN_MAX)
            value_add_text(&r->arena, serials, name->text);
    }
    value_put_i64(&r->arena, to, "certificates", n);
    value_put(to, "serial_numbers", serials);
}

/* ---- its successor ---- */

/* The issuer that signed this one, when it can sign again; NULL: this one is its own, or its parent is not here. */
static const struct pki_issuer *parent_here(struct request *r, const struct pki_issuer *i)
{
    const struct value *chain = value_get(i->v, "chain");
    const struct pki_issuer *p =
        chain != NULL && chain->n > 1 ? pki_issuer_by_id(r, chain->first->next->text) : NULL;

    return p != NULL && (p->usage & USE_ISSUE) != 0 && !value_get_bool(p->v, "revoked", false) &&
                   pki_key_by_id(r, p->key_id) != NULL
               ? p
               : NULL;
}

static bool is_self_signed(const struct pki_issuer *i)
{
    return (X509_get_extension_flags(i->x509) & EXFLAG_SI) != 0;
}

/* Constraints that are not of our making (excluded names, addresses) would be lost on the way to a successor. */
static bool is_plainly_constrained(const struct pki_issuer *i)
{
    int critical = -1;
    NAME_CONSTRAINTS *n = X509_get_ext_d2i(i->x509, NID_name_constraints, &critical, NULL);
    bool ok = n != NULL || critical == -1;

    if (n != NULL && sk_GENERAL_SUBTREE_num(n->excludedSubtrees) > 0)
        ok = false;
    for (int k = 0; n != NULL && k < sk_GENERAL_SUBTREE_num(n->permittedSubtrees); k++)
        ok = ok && sk_GENERAL_SUBTREE_value(n->permittedSubtrees, k)->base->type == GEN_DNS;
    NAME_CONSTRAINTS_free(n);
    return ok;
}

static const char *succession(struct request *r, const struct pki_issuer *i)
{
    return !is_plainly_constrained(i)  ? "none"
           : is_self_signed(i)         ? "self-signed"
           : parent_here(r, i) != NULL ? "signed by its parent"
                                       : "none";
}

static EVP_PKEY *same_kind_of_key(EVP_PKEY *old)
{
    int bits = EVP_PKEY_get_bits(old);

    switch (EVP_PKEY_get_base_id(old)) {
    case EVP_PKEY_RSA:
        return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    case EVP_PKEY_EC:
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC",
            bits > 384   ? "P-521"
            : bits > 256 ? "P-384"
                         : "P-256");
    default:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    }
}

static void copy_constraints(struct request *r, struct pki_wish *w, X509 *x)
{
    NAME_CONSTRAINTS *n = X509_get_ext_d2i(x, NID_name_constraints, NULL, NULL);

    for (int i = 0; n != NULL && i < sk_GENERAL_SUBTREE_num(n->permittedSubtrees); i++) {
        const GENERAL_NAME *g = sk_GENERAL_SUBTREE_value(n->permittedSubtrees, i)->base;

        if (g->type == GEN_DNS)
            value_add_text(&r->arena, w->permitted,
                (struct str){ (const char *)ASN1_STRING_get0_data(g->d.dNSName),
                    (size_t)ASN1_STRING_length(g->d.dNSName) });
    }
    NAME_CONSTRAINTS_free(n);
}

/* As the old one was: subject, length of life, constraints. */
static void wish_like(struct request *r, struct pki_wish *w, const struct pki_issuer *i,
    const struct pki_issuer *parent)
{
    int64_t from = pki_time(X509_get0_notBefore(i->x509));
    int64_t to = pki_time(X509_get0_notAfter(i->x509));
    int64_t end = parent != NULL ? pki_time(X509_get0_notAfter(parent->x509)) : INT64_MAX;
    long length = X509_get_pathlen(i->x509);

    pki_wish_init(r, w);
    w->subject = pki_subject_of(r, i->x509);
    w->ca = true;
    w->usage = 1u << 5 | 1u << 6; /* keyCertSign, cRLSign */
    w->path_length = length >= 0 ? length : -1;
    w->not_before = r->now / 1000 - 30;
    w->not_after = r->now / 1000 + (to - from) < end ? r->now / 1000 + (to - from) : end;
    w->urls = pki_urls(r, parent != NULL ? parent->v : i->v);
    copy_constraints(r, w, i->x509);
}

/* Its id; len 0: there can be none, or reply_error() said what went wrong. */
static struct str make_successor(
    struct request *r, const struct pki_issuer *i, struct str name, EVP_PKEY *fresh)
{
    const struct pki_issuer *parent = is_self_signed(i) ? NULL : parent_here(r, i);
    EVP_PKEY *signer = parent != NULL ? pki_signer(r, parent, USE_ISSUE) : NULL;
    EVP_PKEY *key = NULL;
    struct pki_made made = { 0 };
    struct str id = STR("");
    struct pki_wish w;

    if (!is_plainly_constrained(i) || (!is_self_signed(i) && signer == NULL))
        return id;
    key = fresh != NULL && EVP_PKEY_up_ref(fresh) == 1
              ? fresh
              : same_kind_of_key(X509_get0_pubkey(i->x509));
    if (key == NULL) {
        reply_error(r, 500, "error generating key");
        return id;
    }
    wish_like(r, &w, i, parent);
    w.pkey = key;
    if (pki_build(
            r, &w, parent != NULL ? parent->x509 : NULL, parent != NULL ? signer : key, &made)) {
        id = pki_add_issuer(r, made.der, pki_add_key(r, key, STR("")), name);
        pki_store_certificate(
            r, made.serial, made.der, parent != NULL ? parent->id : id, made.expires);
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return id;
}

/* ---- the old one ---- */

/* Marked, and without its name: the successor gets it. */
static void retire(struct request *r, const struct pki_issuer *i, struct str reason)
{
    struct value *v = value_copy(&r->arena, i->v);
    struct str name = value_get_text(v, "name", STR(""));

    if (name.len > 0)
        entry_delete(&r->tx, mount_path(r, "issuer-name/%.*s", STR_ARG(name)));
    value_set(&r->arena, v, STR("name"), value_text(&r->arena, STR("")));
    value_set(&r->arena, v, STR("usage"), value_i64(&r->arena, i->usage & ~(unsigned)USE_ISSUE));
    value_set(&r->arena, v, STR("revoked"), value_bool(&r->arena, true));
    value_set(&r->arena, v, STR("revocation_time"), value_i64(&r->arena, r->now / 1000));
    value_set(&r->arena, v, STR("compromised"), value_text(&r->arena, reason));
    entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(i->id)), v, 0);
}

static void revoke_at_parent(struct request *r, const struct pki_issuer *i)
{
    const struct value *chain = value_get(i->v, "chain");
    int64_t when;

    if (chain != NULL && chain->n > 1)
        pki_revoke_serial(r, value_get_text(i->v, "serial", STR("")), chain->first->next->text,
            pki_time(X509_get0_notAfter(i->x509)), &when);
}

static void describe(struct request *r, const struct pki_issuer *i, struct value *to)
{
    struct arena *a = &r->arena;

    value_put_text(a, to, "issuer_id", i->id);
    value_put_text(a, to, "issuer_name", value_get_text(i->v, "name", STR("")));
    value_put_text(a, to, "serial_number", value_get_text(i->v, "serial", STR("")));
    value_put_text(a, to, "key_id", i->key_id);
    value_put_bool(a, to, "is_default", str_eq(pki_default(r, "issuer"), i->id));
    value_put_text(a, to, "successor", str_from(succession(r, i)));
    count_live(r, i, to);
}

bool pki_blast_radius(struct request *r, struct mount *m, struct str ref, struct value *to)
{
    struct mount *before = r->mount;
    const struct pki_issuer *i;

    r->mount = m;
    i = pki_issuer(r, ref);
    if (i != NULL)
        describe(r, i, to);
    r->mount = before;
    return i != NULL;
}

static bool compromise(
    struct request *r, struct str ref, struct str reason, EVP_PKEY *fresh, struct value *to)
{
    const struct pki_issuer *i = pki_issuer(r, ref);
    bool was_default = i != NULL && str_eq(pki_default(r, "issuer"), i->id);
    struct str after = STR("");
    struct str successor;
    struct str name;

    if (i == NULL)
        return false;
    describe(r, i, to);
    name = value_get_text(i->v, "name", STR(""));
    retire(r, i, reason);
    revoke_at_parent(r, i);
    successor = make_successor(r, i, name, fresh);
    if (refused(r))
        return false;
    if (was_default)
        pki_set_default(r, "issuer", successor);
    pki_chain_all(r);
    if (revoke_some(r, i, &after, REVOKED_AT_ONCE)) {
        struct value *rest = value_map(&r->arena);

        value_put_text(&r->arena, rest, "after", after);
        entry_put_value(&r->tx, mount_path(r, "compromised/%.*s", STR_ARG(i->id)), rest, 0);
    }
    pki_crl_mark(r, i->id);
    value_put_text(&r->arena, to, "successor_id", successor);
    return true;
}

bool pki_compromise(struct request *r, struct mount *m, struct str ref, struct str reason,
    EVP_PKEY *fresh, struct value *to)
{
    struct mount *before = r->mount;
    bool ok;

    r->mount = m;
    ok = compromise(r, ref, reason, fresh, to);
    r->mount = before;
    return ok;
}

void pki_incident_tick(struct request *r)
{
    value_each (id, entry_list(&r->tx, mount_path(r, "compromised/"), STR_NONE, 0)) {
        struct str path = mount_path(r, "compromised/%.*s", STR_ARG(id->text));
        struct value *v = entry_get_value(&r->tx, path);
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct str after = value_get_text(v, "after", STR(""));

        if (i != NULL && revoke_some(r, i, &after, REVOKED_A_TICK)) {
            value_set(&r->arena, v, STR("after"), value_text(&r->arena, after));
            entry_put_value(&r->tx, path, v, 0);
        } else {
            entry_delete(&r->tx, path);
        }
    }
}

/* ---- endpoints ---- */

void pki_issuer_blast(struct request *r)
{
    struct value *to = value_map(&r->arena);

    if (pki_blast_radius(r, r->mount, param(r, "issuer_ref"), to))
        reply_data(r, to);
}

static void with_fresh_key(struct request *r, struct pki_plan *p)
{
    struct value *to = value_map(&r->arena);
    const struct str *reason = p->arg;

    if (pki_compromise(r, r->mount, param(r, "issuer_ref"), *reason, p->pkey, to))
        reply_data(r, to);
}

void pki_issuer_compromised(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));
    struct pki_plan *plan = arena_calloc(&r->arena, 1, sizeof(*plan));
    struct str *reason = arena_calloc(&r->arena, 1, sizeof(*reason));

    *reason = STR("");
    if (i == NULL)
        return;
    field_text(r, "reason", reason);
    if (!refused(r) && reason->len == 0)
        reply_error(r, 400, "say the reason: it is kept with the issuer");
    plan->type = pki_key_type(X509_get0_pubkey(i->x509));
    if (!refused(r) && plan->type == NULL)
        reply_error(r, 400, "keys of the issuer's kind cannot be made here");
    if (refused(r))
        return;
    plan->bits = EVP_PKEY_get_bits(X509_get0_pubkey(i->x509));
    plan->done = with_fresh_key;
    plan->arg = reason;
    pki_generate(r, plan);
}
