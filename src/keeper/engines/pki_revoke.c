/*
 * pki_revoke - revoking a certificate by its number, by itself, or by showing its private key.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keeper/engines/pki_int.h"

struct target {
    struct str serial;
    struct str issuer;
    int64_t expires;
    struct str der;
};

static const struct value *pem_member(struct request *r, const char *group, const char *member)
{
    const struct value *list = value_get(value_get(r->parsed, group), member);

    return list != NULL ? list->first : NULL;
}

/* A certificate that was not stored here is ours when one of our issuers signed it. */
static bool by_certificate(struct request *r, struct str der, struct target *t)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    bool found = false;

    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);

        if (x == NULL || i == NULL || found || X509_check_issued(i->x509, x) != X509_V_OK ||
            X509_verify(x, X509_get0_pubkey(i->x509)) != 1)
            continue;
        found = true;
        *t = (struct target){ pki_serial(&r->arena, x), id->text, pki_time(X509_get0_notAfter(x)),
            der };
    }
    X509_free(x);
    ERR_clear_error();
    if (!found)
        reply_error(r, 400, "certificate was not issued by an issuer of this mount");
    return found;
}

static bool by_serial(struct request *r, struct str serial, struct target *t)
{
    struct value *v = entry_get_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(serial)));

    if (v == NULL) {
        reply_error(r, 400, "certificate with serial %.*s not found.", STR_ARG(serial));
        return false;
    }
    *t = (struct target){ serial, value_get_text(v, "issuer", STR("")),
        value_get_i64(v, "expires", 0), value_get_text(v, "der", STR("")) };
    return true;
}

static bool find_target(struct request *r, struct target *t)
{
    const struct value *certificate = pem_member(r, "certificates", "certificate");
    struct str asked = STR("");
    struct str serial;

    field_text(r, "serial_number", &asked);
    if (refused(r))
        return false;
    if (asked.len > 0 && field_has(r, "certificate")) {
        reply_error(r, 400, "give the certificate or its serial_number, not both");
        return false;
    }
    if (asked.len == 0 && certificate == NULL) {
        reply_error(r, 400,
            field_has(r, "certificate")
                ? "the certificate could not be parsed"
                : "the certificate to revoke, or its serial_number, is missing");
        return false;
    }
    if (asked.len == 0)
        return by_certificate(r, certificate->text, t);
    serial = pki_serial_read(&r->arena, asked);
    if (serial.len == 0) {
        reply_error(r, 400, "certificate with serial %.*s not found.", STR_ARG(asked));
        return false;
    }
    return by_serial(r, serial, t);
}

/* An issuer's own certificate is revoked through the issuer, so that nobody does it by mistake. */
static bool is_own_issuer(struct request *r, const struct target *t)
{
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);

        if (i != NULL && str_eq(value_get_text(i->v, "serial", STR("")), t->serial))
            return true;
    }
    return false;
}

static void revoke(struct request *r, const struct target *t)
{
    struct value *data = value_map(&r->arena);
    int64_t when = 0;

    if (is_own_issuer(r, t)) {
        reply_error(
            r, 400, "adding issuer (id: %.*s) to its own CRL is not allowed", STR_ARG(t->issuer));
        return;
    }
    if (t->expires != 0 && t->expires < r->now / 1000) {
        reply_warn(r, "certificate with serial %.*s already expired; refusing to add to CRL",
            STR_ARG(t->serial));
        reply_data(r, data);
        return;
    }
    if (!pki_revoke_serial(r, t->serial, t->issuer, t->expires, &when))
        reply_warn(r, "certificate with serial %.*s already revoked", STR_ARG(t->serial));
    value_put_i64(&r->arena, data, "revocation_time", when);
    value_put_text(&r->arena, data, "revocation_time_rfc3339", pki_rfc3339(&r->arena, when));
    value_put_text(&r->arena, data, "state", STR("revoked"));
    reply_data(r, data);
}

void pki_on_revoke(struct request *r)
{
    struct target t = { 0 };

    if (find_target(r, &t))
        revoke(r, &t);
}

void pki_on_revoke_with_key(struct request *r)
{
    const struct value *shown = pem_member(r, "private_keys", "private_key");
    const uint8_t *at = shown != NULL ? (const uint8_t *)shown->text.at : NULL;
    struct target t = { 0 };
    const uint8_t *der;
    EVP_PKEY *key;
    X509 *x;

    if (shown == NULL) {
        reply_error(r, 400, "private_key is missing");
        return;
    }
    if (!find_target(r, &t))
        return;
    der = (const uint8_t *)t.der.at;
    key = d2i_AutoPrivateKey(NULL, &at, (long)shown->text.len);
    x = t.der.len > 0 ? d2i_X509(NULL, &der, (long)t.der.len) : NULL;
    if (key != NULL && x != NULL && X509_check_private_key(x, key) == 1)
        revoke(r, &t);
    else
        reply_error(r, 400, "the private key does not belong to the certificate");
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
}
