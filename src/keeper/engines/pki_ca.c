/*
 * pki_ca - how an authority comes to be: generated roots, requests for intermediates, imports, and signing
 * for others' authorities.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "keeper/engines/pki_int.h"

enum { CA_USAGE = 1u << 5 | 1u << 6 /* keyCertSign, cRLSign */ };

struct making {
    struct pki_wish wish;
    struct pki_plan plan;
    struct str issuer_name;
    struct str key_name;
    struct str key_ref; /* an existing key's, or len 0 */
    enum pki_format format;
    bool exported;
    void (*finish)(struct request *r, struct making *m, EVP_PKEY *key, struct str key_id);
};

/* Subject, names, constraints: what every CA's request may say. */
/* csr: may say the common name, or NULL. */
static bool read_ca_wish(struct request *r, struct pki_wish *w, const struct value *csr)
{
    bool exclude = false;
    struct str cn = STR("");
    struct str serial = STR("");

    field_text(r, "common_name", &cn);
    field_text(r, "serial_number", &serial);
    field_bool(r, "exclude_cn_from_sans", &exclude);
    field_int(r, "max_path_length", &w->path_length);
    field_int(r, "signature_bits", &w->signature_bits);
    field_bool(r, "use_pss", &w->pss);
    field_list(r, "permitted_dns_domains", &w->permitted);
    if (refused(r) || !pki_read_names(r, w))
        return false;
    if (cn.len == 0 && csr != NULL)
        cn = pki_csr_attribute(csr, "CN");
    if (cn.len == 0) {
        reply_error(r, 400,
            "the common_name field is required, or must be provided in a CSR with "
            "\"use_csr_common_name\" set to true, unless \"require_cn\" is set to false");
        return false;
    }
    if (!exclude)
        pki_add_common_name(r, w, cn);
    pki_read_subject(r, w, NULL, cn, serial);
    if (w->path_length < -1 || w->path_length > 100) {
        reply_error(r, 400, "max_path_length must be -1 or a small number");
        return false;
    }
    w->ca = true;
    w->usage = CA_USAGE;
    return !refused(r);
}

/* "internal", "exported", "existing" and the key that goes with it. */
static bool read_key_wish(struct request *r, struct making *m)
{
    struct str kind = param(r, "exported");
    struct str type = STR("rsa");
    int64_t bits = 0;

    field_text(r, "key_name", &m->key_name);
    field_text(r, "key_type", &type);
    field_int(r, "key_bits", &bits);
    if (refused(r) || !pki_read_format(r, &m->format))
        return false;
    m->exported = str_is(kind, "exported");
    if (str_is(kind, "existing")) {
        m->key_ref = STR("default");
        return field_text(r, "key_ref", &m->key_ref) || !refused(r);
    }
    if (str_is(kind, "kms")) {
        reply_error(r, 400, "managed keys are not supported");
        return false;
    }
    if (!m->exported && !str_is(kind, "internal")) {
        reply_error(r, 404, "unsupported path");
        return false;
    }
    return pki_name_is_free(r, "key", m->key_name) && pki_key_wish(r, type, bits, &m->plan);
}

static void with_new_key(struct request *r, struct pki_plan *p)
{
    struct making *m = p->arg;

    m->finish(r, m, p->pkey, STR(""));
}

/* finish() with the key: one that is there, or a new one. */
static void go_on(struct request *r, struct making *m)
{
    const struct pki_key *k;

    if (m->key_ref.len == 0) {
        m->plan.done = with_new_key;
        m->plan.arg = m;
        pki_generate(r, &m->plan);
        return;
    }
    k = pki_key(r, m->key_ref);
    if (k != NULL)
        m->finish(r, m, k->pkey, k->id);
}

static struct making *begin(struct request *r)
{
    struct making *m = arena_calloc(&r->arena, 1, sizeof(*m));

    pki_wish_init(r, &m->wish);
    m->issuer_name = STR("");
    m->key_name = STR("");
    return m;
}

static struct str key_name_of(struct request *r, struct str key_id)
{
    return value_get_text(
        entry_get_value(&r->tx, mount_path(r, "key/%.*s", STR_ARG(key_id))), "name", STR(""));
}

/* ---- roots ---- */

static void finish_root(struct request *r, struct making *m, EVP_PKEY *key, struct str key_id)
{
    struct arena *a = &r->arena;
    struct value *data = value_map(a);
    struct pki_made made = { 0 };
    const struct pki_issuer *issuer;
    struct str id;

    m->wish.pkey = key;
    if (!pki_name_is_free(r, "issuer", m->issuer_name) || !pki_build(r, &m->wish, NULL, key, &made))
        return;
    if (key_id.len == 0)
        key_id = pki_add_key(r, key, m->key_name);
    id = pki_add_issuer(r, made.der, key_id, m->issuer_name);
    pki_chain_all(r);
    pki_store_certificate(r, made.serial, made.der, id, made.expires);
    issuer = pki_issuer_by_id(r, id);
    if (issuer == NULL) {
        reply_error(r, 500, "the new issuer cannot be read");
        return;
    }
    pki_reply_certificate(r, data, &made, issuer, m->exported ? key : NULL);
    value_remove(data, STR("ca_chain"));
    value_put_text(a, data, "issuer_id", id);
    value_put_text(a, data, "issuer_name", m->issuer_name);
    value_put_text(a, data, "key_id", key_id);
    value_put_text(a, data, "key_name", key_name_of(r, key_id));
}

void pki_on_root_generate(struct request *r)
{
    struct making *m = begin(r);

    if (pki_ids(r, "issuer")->n >= PKI_ISSUERS_MAX) {
        reply_error(r, 400, "there are %d issuers already", PKI_ISSUERS_MAX);
        return;
    }
    if (str_starts(r->rest, STR("root/rotate/")))
        m->issuer_name = STR("next");
    field_text(r, "issuer_name", &m->issuer_name);
    if (!pki_name_is_free(r, "issuer", m->issuer_name) || !read_ca_wish(r, &m->wish, NULL) ||
        !read_key_wish(r, m) || !pki_read_validity(r, &m->wish, NULL, NULL))
        return;
    m->wish.urls = pki_urls(r, NULL);
    m->finish = finish_root;
    go_on(r, m);
}

/* Every issuer and key; what they issued can still be read. */
void pki_on_root_delete(struct request *r)
{
    static const char *const kinds[] = { "issuer", "key" };

    for (size_t i = 0; i < 2; i++) {
        value_each (id, pki_ids(r, kinds[i])) {
            struct str path = mount_path(r, "%s/%.*s", kinds[i], STR_ARG(id->text));
            struct str name = value_get_text(entry_get_value(&r->tx, path), "name", STR(""));

            entry_delete(&r->tx, path);
            if (name.len > 0)
                entry_delete(&r->tx, mount_path(r, "%s-name/%.*s", kinds[i], STR_ARG(name)));
        }
        pki_set_default(r, kinds[i], STR(""));
    }
    reply_empty(r);
}

/* ---- intermediates ---- */

static void finish_request(struct request *r, struct making *m, EVP_PKEY *key, struct str key_id)
{
    struct value *data = value_map(&r->arena);
    struct str der;

    m->wish.pkey = key;
    der = pki_build_request(r, &m->wish, key);
    if (der.at == NULL)
        return;
    if (key_id.len == 0)
        key_id = pki_add_key(r, key, m->key_name);
    if (m->exported)
        pki_put_private_key(r, data, key, m->format);
    value_put_text(&r->arena, data, "csr",
        m->format == PKI_DER ? pki_base64(&r->arena, der)
                             : pki_pem(&r->arena, "CERTIFICATE REQUEST", der));
    value_put_text(&r->arena, data, "key_id", key_id);
    reply_data(r, data);
}

void pki_on_intermediate_generate(struct request *r)
{
    struct making *m = begin(r);

    if (!read_ca_wish(r, &m->wish, NULL) || !read_key_wish(r, m))
        return;
    field_bool(r, "add_basic_constraints", &m->wish.constraints);
    m->finish = finish_request;
    if (!refused(r))
        go_on(r, m);
}

/* A request for the key of an issuer or key that is there, to be signed by another authority. */
void pki_on_cross_sign(struct request *r)
{
    struct making *m = begin(r);

    m->key_ref = STR("default");
    field_text(r, "key_ref", &m->key_ref);
    field_bool(r, "add_basic_constraints", &m->wish.constraints);
    if (!refused(r) && pki_read_format(r, &m->format) && read_ca_wish(r, &m->wish, NULL)) {
        m->finish = finish_request;
        go_on(r, m);
    }
}

/* ---- imports ---- */

struct import {
    struct value *issuers;
    struct value *keys;
    struct value *known_issuers;
    struct value *known_keys;
    struct value *mapping;
};

static void import_key(struct request *r, struct import *i, struct str pkcs8)
{
    const uint8_t *at = (const uint8_t *)pkcs8.at;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)pkcs8.len);
    struct str known = key != NULL ? pki_key_of(r, key) : STR("");

    if (key == NULL || pki_key_type(key) == NULL)
        reply_error(r, 400, "a private key is of a type that is not supported");
    else if (strcmp(pki_key_type(key), "rsa") == 0 && EVP_PKEY_get_bits(key) < 2048)
        reply_error(r, 400, "RSA keys < 2048 bits are unsafe and not supported");
    else if (known.len > 0)
        value_add_text(&r->arena, i->known_keys, known);
    else
        value_add_text(&r->arena, i->keys, pki_add_key(r, key, STR("")));
    EVP_PKEY_free(key);
    ERR_clear_error();
}

static struct str known_issuer(struct request *r, struct str der)
{
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);

        if (i != NULL && str_eq(i->der, der))
            return id->text;
    }
    return STR("");
}

static void import_certificate(struct request *r, struct import *i, struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;
    X509 *x = d2i_X509(NULL, &at, (long)der.len);
    struct str known = known_issuer(r, der);
    struct str key_id;

    if (x == NULL || X509_check_ca(x) != 1) {
        reply_error(r, 400, "refusing to import non-CA certificate");
    } else if (known.len > 0) {
        value_add_text(&r->arena, i->known_issuers, known);
    } else if (pki_ids(r, "issuer")->n >= PKI_ISSUERS_MAX) {
        reply_error(r, 400, "there are %d issuers already", PKI_ISSUERS_MAX);
    } else {
        key_id = pki_key_of(r, X509_get0_pubkey(x));
        known = pki_add_issuer(r, der, key_id, STR(""));
        pki_store_certificate(
            r, pki_serial(&r->arena, x), der, known, pki_time(X509_get0_notAfter(x)));
        value_add_text(&r->arena, i->issuers, known);
        value_put_named(&r->arena, i->mapping, known, value_text(&r->arena, key_id));
    }
    X509_free(x);
    ERR_clear_error();
}

/* A key that came after its certificate. */
static void match_keys(struct request *r)
{
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct str key_id;
        struct value *v;

        if (i == NULL || i->key_id.len > 0)
            continue;
        key_id = pki_key_of(r, X509_get0_pubkey(i->x509));
        if (key_id.len == 0)
            continue;
        v = value_copy(&r->arena, i->v);
        value_set(&r->arena, v, STR("key_id"), value_text(&r->arena, key_id));
        entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id->text)), v, 0);
        if (pki_default(r, "issuer").len == 0)
            pki_set_default(r, "issuer", id->text);
    }
}

static struct value *or_null(struct request *r, struct value *list)
{
    return list->n > 0 ? list : value_null(&r->arena);
}

static struct value *pem_of(struct request *r, const char *group, const char *member)
{
    return value_get(value_get(r->parsed, group), member);
}

void pki_on_import(struct request *r)
{
    const char *member = field_has(r, "certificate") ? "certificate" : "pem_bundle";
    struct value *error = pem_of(r, "pem_errors", member);
    struct arena *a = &r->arena;
    struct import i = { value_list(a), value_list(a), value_list(a), value_list(a), value_map(a) };
    struct value *data = value_map(a);

    if (error != NULL) {
        reply_error(r, 400, "%.*s", STR_ARG(error->text));
        return;
    }
    if (pem_of(r, "certificates", member) == NULL && pem_of(r, "private_keys", member) == NULL) {
        reply_error(r, 400, "no data in request payload");
        return;
    }
    value_each (key, pem_of(r, "private_keys", member))
        if (!refused(r))
            import_key(r, &i, key->text);
    value_each (der, pem_of(r, "certificates", member))
        if (!refused(r))
            import_certificate(r, &i, der->text);
    if (refused(r))
        return;
    match_keys(r);
    pki_chain_all(r);
    entry_put(&r->tx, mount_path(r, "unstored"), STR("1"), 0);
    value_put(data, "imported_issuers", or_null(r, i.issuers));
    value_put(data, "imported_keys", or_null(r, i.keys));
    value_put(data, "existing_issuers", or_null(r, i.known_issuers));
    value_put(data, "existing_keys", or_null(r, i.known_keys));
    value_put(data, "mapping", i.mapping);
    reply_data(r, data);
}

/* ---- signing for other authorities ---- */

static struct str issuer_of_path(struct request *r)
{
    struct str ref = param(r, "issuer_ref");

    if (ref.len == 0)
        ref = STR("default");
    if (param(r, "issuer_ref").len == 0)
        field_text(r, "issuer_ref", &ref);
    return ref;
}

/* What the issuer's own certificate leaves of the path's length: -1 any, -2 none. */
static int64_t path_left(const struct pki_issuer *issuer)
{
    long n = X509_get_pathlen(issuer->x509);

    return n < 0 ? -1 : n == 0 ? -2 : n - 1;
}

static bool limit_path(struct request *r, struct pki_wish *w, const struct pki_issuer *issuer)
{
    int64_t left = path_left(issuer);

    if (left == -2 || (left >= 0 && w->path_length > left)) {
        reply_error(r, 400, "the issuer's path length does not permit this");
        return false;
    }
    if (left >= 0 && w->path_length == -1)
        w->path_length = left;
    return true;
}

static void copy_csr_wish(struct request *r, struct pki_wish *w, const struct value *csr)
{
    w->subject = value_get(csr, "subject");
    pki_copy_csr_names(r, w, csr);
    w->path_length = -1;
    field_int(r, "max_path_length", &w->path_length);
    if (w->path_length == -1 && value_get_bool(csr, "is_ca", false))
        w->path_length = value_get_i64(csr, "max_path_length", -1);
    field_int(r, "signature_bits", &w->signature_bits);
    field_bool(r, "use_pss", &w->pss);
    field_list(r, "permitted_dns_domains", &w->permitted);
    w->ca = true;
    w->usage = CA_USAGE;
}

void pki_on_sign_intermediate(struct request *r)
{
    const struct pki_issuer *issuer = pki_issuer(r, issuer_of_path(r));
    EVP_PKEY *signer = issuer != NULL ? pki_signer(r, issuer, USE_ISSUE) : NULL;
    const struct value *csr = signer != NULL ? pki_csr(r) : NULL;
    struct pki_made made = { 0 };
    enum pki_format format;
    bool verbatim = false;
    struct pki_wish w;

    if (csr == NULL || !pki_read_format(r, &format))
        return;
    pki_wish_init(r, &w);
    field_bool(r, "use_csr_values", &verbatim);
    if (verbatim)
        copy_csr_wish(r, &w, csr);
    else if (!read_ca_wish(r, &w, csr))
        return;
    /* No issuer: its end bounds the leaves, an authority below it may be made for longer. */
    if (refused(r) || !limit_path(r, &w, issuer) || !pki_read_validity(r, &w, NULL, NULL))
        return;
    w.urls = pki_urls(r, issuer->v);
    w.pkey = pki_csr_key(r, csr);
    if (w.pkey != NULL && pki_build(r, &w, issuer->x509, signer, &made)) {
        pki_reply_certificate(r, value_map(&r->arena), &made, issuer, NULL);
        pki_store_certificate(r, made.serial, made.der, issuer->id, made.expires);
    }
    EVP_PKEY_free(w.pkey);
}

/* ---- self-issued certificates (RFC 5280 section 6.1): a root's roll-over ---- */

struct value *pki_subject_of(struct request *r, X509 *x)
{
    X509_NAME *name = X509_get_subject_name(x);
    struct value *list = value_list(&r->arena);

    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        struct value *v = value_map(&r->arena);
        uint8_t *utf8 = NULL;
        char oid[128] = "";
        int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));

        OBJ_obj2txt(oid, sizeof(oid), X509_NAME_ENTRY_get_object(e), 1);
        value_put_text(&r->arena, v, "type", str_from(oid));
        value_put_text(&r->arena, v, "value", (struct str){ (char *)utf8, n > 0 ? (size_t)n : 0 });
        value_add(list, v);
        OPENSSL_free(utf8);
    }
    return list;
}

static bool is_self_issued_ca(X509 *x)
{
    return X509_check_ca(x) == 1 && (X509_get_extension_flags(x) & EXFLAG_SI) != 0 &&
           X509_verify(x, X509_get0_pubkey(x)) == 1;
}

void pki_on_sign_self_issued(struct request *r)
{
    const struct value *list = pem_of(r, "certificates", "certificate");
    const struct pki_issuer *issuer = pki_issuer(r, issuer_of_path(r));
    EVP_PKEY *signer = issuer != NULL ? pki_signer(r, issuer, USE_ISSUE) : NULL;
    const uint8_t *at = list != NULL ? (const uint8_t *)list->first->text.at : NULL;
    X509 *x = at != NULL ? d2i_X509(NULL, &at, (long)list->first->text.len) : NULL;
    struct value *data = value_map(&r->arena);
    struct pki_made made = { 0 };
    struct pki_wish w;

    pki_wish_init(r, &w);
    if (signer == NULL || refused(r)) {
        X509_free(x);
        return;
    }
    if (x == NULL || list->n != 1)
        reply_error(r, 400, "certificate could not be PEM-decoded");
    else if (!is_self_issued_ca(x))
        reply_error(r, 400, "given certificate is not self-issued, or not a CA certificate");
    if (!refused(r)) {
        w.subject = pki_subject_of(r, x);
        w.pkey = X509_get0_pubkey(x);
        w.not_before = pki_time(X509_get0_notBefore(x));
        w.not_after = pki_time(X509_get0_notAfter(x));
        w.ca = true;
        w.path_length = X509_get_pathlen(x) >= 0 ? X509_get_pathlen(x) : -1;
        w.usage = CA_USAGE;
        w.urls = pki_urls(r, issuer->v);
        if (limit_path(r, &w, issuer) && pki_build(r, &w, issuer->x509, signer, &made)) {
            value_put_text(
                &r->arena, data, "certificate", pki_pem(&r->arena, "CERTIFICATE", made.der));
            value_put_text(
                &r->arena, data, "issuing_ca", pki_pem(&r->arena, "CERTIFICATE", issuer->der));
            reply_data(r, data);
        }
    }
    X509_free(x);
}
