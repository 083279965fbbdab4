/*
 * pki_fetch - what anybody may read: CA certificates, CRLs and issued certificates, as JSON, PEM or DER.
 */
#include "keeper/engines/pki_int.h"

static const char type_certificate[] = "application/pkix-cert";
static const char type_chain[] = "application/pem-certificate-chain";
static const char type_crl[] = "application/pkix-crl";
static const char type_pem[] = "application/x-pem-file";

static const struct pki_issuer *default_issuer(struct request *r)
{
    return pki_issuer_by_id(r, pki_default(r, "issuer"));
}

static struct str chain_text(struct request *r, const struct pki_issuer *i)
{
    struct value *list = pki_chain_pem(r, i, false);
    struct str out;
    struct buf b;

    buf_init(&b, 1 << 20);
    value_each (v, list) {
        if (b.len > 0)
            buf_char(&b, '\n');
        buf_str(&b, v->text);
    }
    out = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return out;
}

/* Nothing there: 204 with the type, as clients that poll for a CA expect it. */
static void raw(struct request *r, const char *type, struct str bytes)
{
    reply_raw(r, bytes.len > 0 ? 200 : 204, type, bytes);
}

/* ca, ca/pem, ca_chain */
void pki_ca_read(struct request *r)
{
    const struct pki_issuer *i = default_issuer(r);

    if (i == NULL)
        raw(r, type_certificate, STR(""));
    else if (str_is(r->rest, "ca_chain"))
        raw(r, type_certificate, chain_text(r, i));
    else if (str_is(r->rest, "ca/pem"))
        raw(r, type_chain, pki_pem(&r->arena, "CERTIFICATE", i->der));
    else
        raw(r, type_certificate, i->der);
}

static void say_crl(struct request *r, const struct pki_issuer *i, bool delta, bool pem)
{
    struct str der = i != NULL ? pki_crl(r, i, delta) : STR("");

    if (refused(r))
        return;
    if (pem && der.len > 0)
        der = pki_pem(&r->arena, "X509 CRL", der);
    raw(r, pem ? type_pem : type_crl, der);
}

/* crl, crl/pem, crl/delta, crl/delta/pem */
void pki_crl_read(struct request *r)
{
    bool delta = memmem(r->rest.at, r->rest.len, "delta", 5) != NULL;

    say_crl(r, default_issuer(r), delta, str_ends(r->rest, STR("/pem")));
}

/* ---- one issuer's: issuer/REF/json, pem, der, crl, crl/pem, crl/der, crl/delta ... ---- */

static void issuer_json(struct request *r, const struct pki_issuer *i)
{
    struct value *data = value_map(&r->arena);

    value_put_text(&r->arena, data, "certificate", pki_pem(&r->arena, "CERTIFICATE", i->der));
    value_put(data, "ca_chain", pki_chain_pem(r, i, false));
    value_put_text(&r->arena, data, "issuer_id", i->id);
    value_put_text(&r->arena, data, "issuer_name", value_get_text(i->v, "name", STR("")));
    reply_data(r, data);
}

static void crl_json(struct request *r, const struct pki_issuer *i, bool delta)
{
    struct value *data = value_map(&r->arena);
    struct str der = pki_crl(r, i, delta);

    value_put_text(
        &r->arena, data, "crl", der.len > 0 ? pki_pem(&r->arena, "X509 CRL", der) : STR(""));
    if (!refused(r))
        reply_data(r, data);
}

void pki_issuer_form(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));
    struct str form;
    struct str behind;
    bool delta;

    if (i == NULL)
        return;
    form = (struct str){ r->rest.at + strlen("issuer/") + param(r, "issuer_ref").len + 1, 0 };
    form.len = (size_t)(r->rest.at + r->rest.len - form.at);
    delta = str_starts(form, STR("crl/delta"));
    if (str_is(form, "json")) {
        issuer_json(r, i);
    } else if (str_is(form, "pem")) {
        raw(r, type_chain, pki_pem(&r->arena, "CERTIFICATE", i->der));
    } else if (str_is(form, "der")) {
        raw(r, type_certificate, i->der);
    } else {
        behind = delta ? (struct str){ form.at + 9, form.len - 9 }
                       : (struct str){ form.at + 3, form.len - 3 };
        if (behind.len == 0)
            crl_json(r, i, delta);
        else
            say_crl(r, i, delta, str_is(behind, "/pem"));
    }
}

/* ---- certificates ---- */

struct found {
    struct str der;
    const char *label; /* of its PEM; NULL: der is the text itself */
    const char *type;
    struct value *entry; /* of a certificate that was issued */
    struct str serial;
};

static bool find(struct request *r, struct str what, struct found *f)
{
    const struct pki_issuer *i = default_issuer(r);

    f->label = "CERTIFICATE";
    f->type = type_certificate;
    if (str_is(what, "ca")) {
        f->der = i != NULL ? i->der : STR("");
    } else if (str_is(what, "ca_chain")) {
        f->label = NULL;
        f->der = i != NULL ? chain_text(r, i) : STR("");
    } else if (str_is(what, "crl") || str_is(what, "delta-crl")) {
        f->label = "X509 CRL";
        f->type = type_crl;
        f->der = i != NULL ? pki_crl(r, i, str_is(what, "delta-crl")) : STR("");
    } else {
        f->serial = pki_serial_read(&r->arena, what);
        if (f->serial.len > 0)
            f->entry = entry_get_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(f->serial)));
        f->der = value_get_text(f->entry, "der", STR(""));
    }
    return f->der.len > 0;
}

static void certificate_json(struct request *r, const struct found *f)
{
    struct arena *a = &r->arena;
    struct value *data = value_map(a);
    const struct value *revoked = NULL;
    int64_t when;

    value_put_text(
        a, data, "certificate", f->label != NULL ? pki_pem(a, f->label, f->der) : f->der);
    if (f->serial.len > 0)
        revoked = entry_get_value(&r->tx, mount_path(r, "revoked/%.*s", STR_ARG(f->serial)));
    when = value_get_i64(revoked, "time", 0);
    value_put_i64(a, data, "revocation_time", when);
    value_put_text(a, data, "revocation_time_rfc3339", when > 0 ? pki_rfc3339(a, when) : STR(""));
    value_put_text(
        a, data, "issuer_id", when > 0 ? value_get_text(revoked, "issuer", STR("")) : STR(""));
    if (f->label == NULL)
        value_put_text(a, data, "ca_chain", f->der);
    reply_data(r, data);
}

/* cert/WHAT, cert/WHAT/raw, cert/WHAT/raw/pem */
void pki_cert_read(struct request *r)
{
    struct found f = { 0 };
    bool pem = str_ends(r->rest, STR("/raw/pem"));

    if (!find(r, param(r, "serial"), &f)) {
        if (!refused(r))
            reply_not_found(r);
    } else if (pem && f.label != NULL) {
        raw(r, strcmp(f.label, "X509 CRL") == 0 ? type_pem : type_chain,
            pki_pem(&r->arena, f.label, f.der));
    } else if (pem || str_ends(r->rest, STR("/raw"))) {
        raw(r, f.type, f.der);
    } else {
        certificate_json(r, &f);
    }
}

void pki_certs_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "cert/"), STR_NONE, 0));
}

void pki_certs_revoked_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "revoked/"), STR_NONE, 0));
}
