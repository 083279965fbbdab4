/*
 * pki_params - what a request for a certificate says: subject, names, validity, usages, format.
 */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "keeper/engines/pki_int.h"

static const struct {
    const char *field;
    const char *type;
} subject_fields[] = {
    /* in the order of Vault's certificates */
    { "country", "C" },
    { "organization", "O" },
    { "ou", "OU" },
    { "locality", "L" },
    { "province", "ST" },
    { "street_address", "STREET" },
    { "postal_code", "POSTALCODE" },
};

void pki_wish_init(struct request *r, struct pki_wish *w)
{
    *w = (struct pki_wish){ .path_length = -1 };
    w->subject = value_list(&r->arena);
    w->dns = value_list(&r->arena);
    w->emails = value_list(&r->arena);
    w->ips = value_list(&r->arena);
    w->uris = value_list(&r->arena);
    w->others = value_list(&r->arena);
    w->extended = value_list(&r->arena);
    w->policies = value_list(&r->arena);
    w->permitted = value_list(&r->arena);
}

/* ---- subject ---- */

static void put_attribute(struct request *r, struct pki_wish *w, const char *type, struct str text)
{
    struct value *v = value_map(&r->arena);

    if (text.len == 0)
        return;
    value_put_text(&r->arena, v, "type", str_from(type));
    value_put_text(&r->arena, v, "value", text);
    value_add(w->subject, v);
}

void pki_read_subject(struct request *r, struct pki_wish *w, const struct value *from,
    struct str cn, struct str serial)
{
    for (size_t i = 0; i < sizeof(subject_fields) / sizeof(subject_fields[0]); i++) {
        struct value *list = NULL;

        if (from != NULL)
            list = value_get(from, subject_fields[i].field);
        else
            field_list(r, subject_fields[i].field, &list);
        value_each (v, list)
            put_attribute(r, w, subject_fields[i].type, v->text);
    }
    put_attribute(r, w, "CN", cn);
    put_attribute(r, w, "SERIALNUMBER", serial);
}

/* ---- names ---- */

static bool has_text(const struct value *list, struct str s)
{
    value_each (v, list)
        if (str_eq(v->text, s))
            return true;
    return false;
}

static void add_once(struct request *r, struct value *list, struct str s)
{
    if (!has_text(list, s))
        value_add_text(&r->arena, list, s);
}

static bool is_email(struct str s)
{
    return s.len > 0 && memchr(s.at, '@', s.len) != NULL;
}

void pki_add_common_name(struct request *r, struct pki_wish *w, struct str cn)
{
    if (is_email(cn))
        add_once(r, w->emails, cn);
    else if (pki_is_hostname(cn))
        add_once(r, w->dns, cn);
}

/* "1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp" */
static bool add_other(struct request *r, struct pki_wish *w, struct str s)
{
    struct value *v = value_map(&r->arena);
    struct str rest;
    struct str text;
    struct str oid = str_trim(str_cut(s, ';', &rest));
    struct str kind = rest.at != NULL ? str_trim(str_cut(rest, ':', &text)) : STR_NONE;

    if (oid.len == 0 || rest.at == NULL || text.at == NULL ||
        !(str_eq_nocase(kind, STR("utf8")) || str_eq_nocase(kind, STR("utf-8")))) {
        reply_error(
            r, 400, "could not parse requested other SAN: it must be like 1.2.3.4;UTF8:text");
        return false;
    }
    value_put_text(&r->arena, v, "oid", oid);
    value_put_text(&r->arena, v, "value", text);
    value_add(w->others, v);
    return true;
}

bool pki_read_names(struct request *r, struct pki_wish *w)
{
    struct value *list;

    if (field_list(r, "alt_names", &list))
        value_each (v, list)
            add_once(r, is_email(v->text) ? w->emails : w->dns, v->text);
    if (field_list(r, "ip_sans", &list))
        value_each (v, list)
            add_once(r, w->ips, v->text);
    if (field_list(r, "uri_sans", &list))
        value_each (v, list)
            add_once(r, w->uris, v->text);
    if (field_list(r, "other_sans", &list))
        value_each (v, list)
            if (!add_other(r, w, v->text))
                return false;
    return !refused(r);
}

bool pki_copy_csr_names(struct request *r, struct pki_wish *w, const struct value *csr)
{
    value_each (v, value_get(csr, "dns"))
        add_once(r, w->dns, v->text);
    value_each (v, value_get(csr, "emails"))
        add_once(r, w->emails, v->text);
    value_each (v, value_get(csr, "ips"))
        add_once(r, w->ips, v->text);
    value_each (v, value_get(csr, "uris"))
        add_once(r, w->uris, v->text);
    value_each (v, value_get(csr, "others"))
        value_add(w->others, value_copy(&r->arena, v));
    return true;
}

/* ---- certificate requests ---- */

const struct value *pki_csr(struct request *r)
{
    const struct value *csr = value_get(r->parsed, "csr");
    struct str error = value_get_text(csr, "error", STR_NONE);

    if (csr == NULL)
        reply_error(r, 400, "\"csr\" is empty");
    else if (error.at != NULL)
        reply_error(r, 400, "%.*s", STR_ARG(error));
    else if (!value_get_bool(csr, "signature_ok", false))
        reply_error(r, 400, "request signature invalid");
    else if (str_is(value_get_text(csr, "key_type", STR_NONE), "rsa") &&
             value_get_i64(csr, "key_bits", 0) < 2048)
        reply_error(r, 400, "RSA keys < 2048 bits are unsafe and not supported");
    else
        return csr;
    return NULL;
}

EVP_PKEY *pki_csr_key(struct request *r, const struct value *csr)
{
    struct str spki = value_get_text(csr, "spki", STR_NONE);
    const uint8_t *at = (const uint8_t *)spki.at;
    EVP_PKEY *key = spki.len > 0 ? d2i_PUBKEY(NULL, &at, (long)spki.len) : NULL;

    if (key == NULL || at != (const uint8_t *)spki.at + spki.len || pki_key_type(key) == NULL) {
        EVP_PKEY_free(key);
        ERR_clear_error();
        reply_error(r, 400, "the public key of the request cannot be used");
        return NULL;
    }
    return key;
}

/* ---- validity ---- */

struct limits {
    int64_t ttl;
    int64_t most;
    struct str until; /* not_after, or len 0 */
};

static bool read_limits(struct request *r, const struct value *role, struct limits *l)
{
    int64_t usual = r->mount->default_ttl > 0 ? r->mount->default_ttl : CORE_TTL_DEFAULT;
    int64_t most = r->mount->max_ttl > 0 ? r->mount->max_ttl : CORE_TTL_DEFAULT;
    bool asked_ttl = field_seconds(r, "ttl", &l->ttl) && l->ttl > 0;
    bool asked_until = field_text(r, "not_after", &l->until) && l->until.len > 0;

    if (refused(r))
        return false;
    if (asked_ttl && asked_until) {
        reply_error(r, 400, "ttl and not_after say the same thing: give one of them");
        return false;
    }
    if (!asked_until && !asked_ttl)
        l->until = value_get_text(role, "not_after", STR(""));
    if (!asked_ttl)
        l->ttl = value_get_i64(role, "ttl", 0);
    if (l->ttl == 0)
        l->ttl = usual;
    l->most = value_get_i64(role, "max_ttl", 0);
    if (l->most == 0 || l->most > most)
        l->most = l->most == 0 ? most : l->most;
    if (l->ttl > l->most && (asked_ttl || value_get_i64(role, "ttl", 0) > 0))
        reply_warn(r, "TTL %s is longer than permitted maxTTL %s, so maxTTL is being used",
            duration_text(&r->arena, l->ttl).at, duration_text(&r->arena, l->most).at);
    if (l->ttl > l->most)
        l->ttl = l->most;
    return true;
}

/* What happens at the end of the issuer's own life. */
static bool within_issuer(struct request *r, struct pki_wish *w, const struct pki_issuer *issuer)
{
    struct str how = value_get_text(issuer->v, "leaf_not_after_behavior", STR("err"));
    int64_t end = pki_time(X509_get0_notAfter(issuer->x509));

    if (w->not_after <= end || str_is(how, "permit"))
        return true;
    if (str_is(how, "truncate")) {
        w->not_after = end;
        return true;
    }
    reply_error(r, 400,
        "cannot satisfy request, as TTL would result in notAfter of %s that is beyond the "
        "expiration of the CA certificate at %s",
        pki_rfc3339(&r->arena, w->not_after).at, pki_rfc3339(&r->arena, end).at);
    return false;
}

bool pki_read_validity(struct request *r, struct pki_wish *w, const struct value *role,
    const struct pki_issuer *issuer)
{
    int64_t before = value_get_i64(role, "not_before_duration", 30);
    int64_t now = r->now / 1000;
    struct limits l = { 0 };

    if (!read_limits(r, role, &l))
        return false;
    if (role == NULL)
        field_seconds(r, "not_before_duration", &before);
    w->not_before = now - before;
    w->not_after = now + l.ttl;
    if (l.until.len > 0 && !pki_rfc3339_read(l.until, &w->not_after)) {
        reply_error(r, 400, "invalid not_after: it must be like 2030-01-31T08:15:30Z");
        return false;
    }
    if (w->not_after <= now || refused(r)) {
        if (!refused(r))
            reply_error(r, 400, "the certificate would have expired already");
        return false;
    }
    return issuer == NULL || within_issuer(r, w, issuer);
}

/* ---- usages ---- */

unsigned pki_usage_bits(struct value *names)
{
    static const char *const known[] = { "digitalsignature", "contentcommitment", "keyencipherment",
        "dataencipherment", "keyagreement", "certsign", "crlsign", "encipheronly", "decipheronly" };
    unsigned bits = 0;

    value_each (v, names) {
        struct str name = v->text;

        if (name.len > 8 && str_eq_nocase((struct str){ name.at, 8 }, STR("keyusage")))
            name = (struct str){ name.at + 8, name.len - 8 };
        for (unsigned i = 0; i < 9; i++)
            if (str_eq_nocase(name, str_from(known[i])))
                bits |= 1u << i;
    }
    return bits;
}

void pki_add_extended(
    struct request *r, struct pki_wish *w, struct value *names, struct value *oids)
{
    static const struct {
        const char *name;
        const char *oid;
    } known[] = {
        { "any", "2.5.29.37.0" },
        { "serverauth", "1.3.6.1.5.5.7.3.1" },
        { "clientauth", "1.3.6.1.5.5.7.3.2" },
        { "codesigning", "1.3.6.1.5.5.7.3.3" },
        { "emailprotection", "1.3.6.1.5.5.7.3.4" },
        { "ipsecendsystem", "1.3.6.1.5.5.7.3.5" },
        { "ipsectunnel", "1.3.6.1.5.5.7.3.6" },
        { "ipsecuser", "1.3.6.1.5.5.7.3.7" },
        { "timestamping", "1.3.6.1.5.5.7.3.8" },
        { "ocspsigning", "1.3.6.1.5.5.7.3.9" },
        { "microsoftservergatedcrypto", "1.3.6.1.4.1.311.10.3.3" },
        { "netscapeservergatedcrypto", "2.16.840.1.113730.4.1" },
    };

    value_each (v, names) {
        struct str name = v->text;

        if (name.len > 11 && str_eq_nocase((struct str){ name.at, 11 }, STR("extkeyusage")))
            name = (struct str){ name.at + 11, name.len - 11 };
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (str_eq_nocase(name, str_from(known[i].name)))
                add_once(r, w->extended, str_from(known[i].oid));
    }
    value_each (v, oids)
        add_once(r, w->extended, v->text);
}

/* ---- answers ---- */

bool pki_read_format(struct request *r, enum pki_format *to)
{
    struct str format = STR("pem");
    struct str private_format = STR("der");

    field_text(r, "format", &format);
    field_text(r, "private_key_format", &private_format);
    if (refused(r))
        return false;
    *to = str_is(format, "der") ? PKI_DER : str_is(format, "pem_bundle") ? PKI_BUNDLE : PKI_PEM;
    if (*to == PKI_PEM && !str_is(format, "pem") && format.len > 0) {
        reply_error(
            r, 400, "the \"format\" path parameter must be \"pem\", \"der\", or \"pem_bundle\"");
        return false;
    }
    if (private_format.len > 0 && !str_is(private_format, "der") &&
        !str_is(private_format, "pem") && !str_is(private_format, "pkcs8")) {
        reply_error(
            r, 400, "the \"private_key_format\" parameter must be \"der\", \"pem\" or \"pkcs8\"");
        return false;
    }
    return true;
}

static struct str formatted(struct request *r, enum pki_format f, struct str der)
{
    return f == PKI_DER ? pki_base64(&r->arena, der) : pki_pem(&r->arena, "CERTIFICATE", der);
}

/* PKCS#1 or SEC1, as Vault gives it, or PKCS#8. */
static struct str private_pem(struct request *r, EVP_PKEY *key, enum pki_format f, bool pkcs8)
{
    BIO *b = BIO_new(BIO_s_secmem());
    struct str out = STR("");
    char *at = NULL;
    long n;
    bool ok;

    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519)
        pkcs8 = true;
    if (f == PKI_DER)
        ok = (pkcs8 ? i2d_PKCS8PrivateKey_bio(b, key, NULL, NULL, 0, NULL, NULL)
                    : i2d_PrivateKey_bio(b, key)) == 1;
    else
        ok = (pkcs8 ? PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL, NULL)
                    : PEM_write_bio_PrivateKey_traditional(b, key, NULL, NULL, 0, NULL, NULL)) == 1;
    n = BIO_get_mem_data(b, &at);
    if (ok && n > 0)
        out = f == PKI_DER
                  ? pki_base64(&r->arena, (struct str){ at, (size_t)n })
                  : arena_str(&r->arena, (struct str){ at, (size_t)n - 1 }); /* no newline */
    BIO_free(b);
    return out;
}

void pki_put_private_key(struct request *r, struct value *data, EVP_PKEY *key, enum pki_format f)
{
    struct str how = STR("der");

    field_text(r, "private_key_format", &how);
    value_put_text(&r->arena, data, "private_key", private_pem(r, key, f, str_is(how, "pkcs8")));
    value_put_text(&r->arena, data, "private_key_type", str_from(pki_key_type(key)));
}

/* private key, certificate, issuers: what servers want in one file. */
static struct str bundle(
    struct request *r, const struct value *data, const struct value *chain, struct str certificate)
{
    struct str key = value_get_text(data, "private_key", STR(""));
    struct str out;
    struct buf b;

    buf_init(&b, 1 << 20);
    if (key.len > 0)
        buf_printf(&b, "%.*s\n", STR_ARG(key));
    buf_str(&b, certificate);
    value_each (v, chain)
        buf_printf(&b, "\n%.*s", STR_ARG(v->text));
    out = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return out;
}

void pki_reply_certificate(struct request *r, struct value *data, const struct pki_made *made,
    const struct pki_issuer *issuer, EVP_PKEY *key)
{
    struct arena *a = &r->arena;
    enum pki_format f = PKI_PEM;
    bool without_root = false;
    struct value *chain;
    struct str certificate;

    pki_read_format(r, &f);
    field_bool(r, "remove_roots_from_chain", &without_root);
    chain = pki_chain_pem(r, issuer, without_root);
    certificate = formatted(r, f, made->der);
    if (key != NULL)
        pki_put_private_key(r, data, key, f);
    if (f == PKI_BUNDLE)
        certificate = bundle(r, data, chain, certificate);
    value_put_text(a, data, "certificate", certificate);
    value_put_text(a, data, "issuing_ca", formatted(r, f, issuer->der));
    value_put(data, "ca_chain", chain);
    value_put_text(a, data, "serial_number", made->serial);
    value_put_i64(a, data, "expiration", made->expires);
    if (!refused(r))
        reply_data(r, data);
}

/* ---- keys ---- */

bool pki_key_wish(struct request *r, struct str type, int64_t bits, struct pki_plan *plan)
{
    plan->bits = bits;
    if (str_is(type, "rsa") || type.len == 0) {
        plan->type = "rsa";
        plan->bits = bits == 0 ? 2048 : bits;
        if (plan->bits == 2048 || plan->bits == 3072 || plan->bits == 4096)
            return true;
    } else if (str_is(type, "ec")) {
        plan->type = "ec";
        plan->bits = bits == 0 ? 256 : bits;
        if (plan->bits == 256 || plan->bits == 384 || plan->bits == 521)
            return true;
    } else if (str_is(type, "ed25519")) {
        plan->type = "ed25519";
        return true;
    } else {
        reply_error(r, 400, "unknown key type: %.*s", STR_ARG(type));
        return false;
    }
    reply_error(r, 400, "unsupported bit length for %s key: %lld", plan->type, (long long)bits);
    return false;
}

static void run_plan(void *arg)
{
    struct pki_plan *p = arg;

    if (strcmp(p->type, "rsa") == 0)
        p->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)p->bits);
    else if (strcmp(p->type, "ec") == 0)
        p->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC",
            p->bits == 521   ? "P-521"
            : p->bits == 384 ? "P-384"
                             : "P-256");
    else
        p->pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

static void plan_done(struct request *r, void *arg)
{
    struct pki_plan *p = arg;

    if (p->pkey == NULL)
        reply_error(r, 500, "error generating key");
    else
        p->done(r, p);
    EVP_PKEY_free(p->pkey);
    p->pkey = NULL;
}

void pki_generate(struct request *r, struct pki_plan *plan)
{
    if (strcmp(plan->type, "rsa") == 0) {
        request_work(r, run_plan, plan_done, plan);
        return;
    }
    run_plan(plan);
    plan_done(r, plan);
}
