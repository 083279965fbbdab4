/*
 * pki_store - issuers and keys as they are kept, and how they are found.
 */
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "keeper/engines/pki_int.h"

enum { OBJECT_NODES = 10000 };

/* ---- objects ---- */

static X509 *x509_of(struct str der)
{
    const uint8_t *at = (const uint8_t *)der.at;

    return der.len > 0 ? d2i_X509(NULL, &at, (long)der.len) : NULL;
}

static void issuer_free(void *object)
{
    struct pki_issuer *i = object;

    X509_free(i->x509);
    arena_free(&i->arena);
    free(i);
}

static void *issuer_parse(struct str data, const char **why)
{
    struct pki_issuer *i = xcalloc(1, sizeof(*i));

    arena_init(&i->arena, data.len + 2048);
    i->v = value_decode(&i->arena, arena_str(&i->arena, data), OBJECT_NODES);
    i->id = value_get_text(i->v, "id", STR_NONE);
    i->key_id = value_get_text(i->v, "key_id", STR_NONE);
    i->der = value_get_text(i->v, "der", STR_NONE);
    i->usage = (unsigned)value_get_i64(i->v, "usage", 0);
    i->x509 = x509_of(i->der);
    if (i->x509 == NULL || i->id.len == 0) {
        *why = "not an issuer";
        issuer_free(i);
        return NULL;
    }
    X509_check_purpose(i->x509, -1, 0); /* its extensions, once */
    return i;
}

static size_t issuer_size(const void *object)
{
    return 8192 + 4 * ((const struct pki_issuer *)object)->der.len;
}

static const struct entry_class issuer_class = { "pki issuer", issuer_parse, issuer_free,
    issuer_size };

static void key_free(void *object)
{
    struct pki_key *k = object;

    EVP_PKEY_free(k->pkey);
    arena_free(&k->arena);
    free(k);
}

static void *key_parse(struct str data, const char **why)
{
    struct pki_key *k = xcalloc(1, sizeof(*k));
    struct value *v;
    struct value *copy;
    struct str pkcs8;
    const uint8_t *at;

    arena_init(&k->arena, 1024);
    v = value_decode(
        &k->arena, data, OBJECT_NODES); /* texts are borrowed: the secret is not copied */
    pkcs8 = value_get_text(v, "pkcs8", STR_NONE);
    at = (const uint8_t *)pkcs8.at;
    k->pkey = pkcs8.len > 0 ? d2i_AutoPrivateKey(NULL, &at, (long)pkcs8.len) : NULL;
    if (k->pkey == NULL) {
        *why = "not a key";
        key_free(k);
        return NULL;
    }
    value_remove(v, STR("pkcs8"));
    copy = value_copy(&k->arena, v);
    k->v = copy;
    k->id = value_get_text(copy, "id", STR_NONE);
    return k;
}

static size_t key_size(const void *object)
{
    (void)object;
    return 8192;
}

static const struct entry_class key_class = { "pki key", key_parse, key_free, key_size };

/* ---- finding ---- */

/* An id or a name becomes a path: no other characters get there. */
static bool is_reference(struct str s)
{
    if (s.len == 0 || s.len > 128)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.at[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.')
            return false;
    }
    return true;
}

const struct pki_issuer *pki_issuer_by_id(struct request *r, struct str id)
{
    return is_reference(id)
               ? entry_object(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id)), &issuer_class)
               : NULL;
}

const struct pki_key *pki_key_by_id(struct request *r, struct str id)
{
    return is_reference(id)
               ? entry_object(&r->tx, mount_path(r, "key/%.*s", STR_ARG(id)), &key_class)
               : NULL;
}

struct str pki_default(struct request *r, const char *kind)
{
    return value_get_text(
        entry_get_value(&r->tx, mount_path(r, "config/%ss", kind)), "default", STR(""));
}

void pki_set_default(struct request *r, const char *kind, struct str id)
{
    struct str path = mount_path(r, "config/%ss", kind);
    struct value *v = entry_get_value(&r->tx, path);

    if (v == NULL)
        v = value_map(&r->arena);
    value_set(&r->arena, v, STR("default"), value_text(&r->arena, id));
    entry_put_value(&r->tx, path, v, 0);
}

struct str pki_resolve(struct request *r, const char *kind, struct str ref)
{
    struct str data;

    if (str_is(ref, "default"))
        return pki_default(r, kind);
    if (!is_reference(ref))
        return STR("");
    if (entry_get(&r->tx, mount_path(r, "%s/%.*s", kind, STR_ARG(ref)), &data))
        return ref;
    if (entry_get(&r->tx, mount_path(r, "%s-name/%.*s", kind, STR_ARG(ref)), &data))
        return data;
    return STR("");
}

const struct pki_issuer *pki_issuer(struct request *r, struct str ref)
{
    const struct pki_issuer *i = pki_issuer_by_id(r, pki_resolve(r, "issuer", ref));

    if (i == NULL && str_is(ref, "default"))
        reply_error(r, 400, "no default issuer currently configured");
    else if (i == NULL)
        reply_error(r, 404, "unable to find PKI issuer for reference: %.*s", STR_ARG(ref));
    return i;
}

const struct pki_key *pki_key(struct request *r, struct str ref)
{
    const struct pki_key *k = pki_key_by_id(r, pki_resolve(r, "key", ref));

    if (k == NULL)
        reply_error(r, 404, "unable to find PKI key for reference: %.*s", STR_ARG(ref));
    return k;
}

EVP_PKEY *pki_signer(struct request *r, const struct pki_issuer *i, unsigned use)
{
    const struct pki_key *k = pki_key_by_id(r, i->key_id);

    if ((i->usage & use) == 0 || (use == USE_ISSUE && value_get_bool(i->v, "revoked", false))) {
        reply_error(r, 400, "issuer %.*s may not be used for this", STR_ARG(i->id));
        return NULL;
    }
    if (k == NULL)
        reply_error(r, 400, "issuer %.*s has no private key here", STR_ARG(i->id));
    return k != NULL ? k->pkey : NULL;
}

struct value *pki_ids(struct request *r, const char *kind)
{
    return entry_list(&r->tx, mount_path(r, "%s/", kind), STR_NONE, 0);
}

struct str pki_key_of(struct request *r, EVP_PKEY *public_key)
{
    value_each (id, pki_ids(r, "key")) {
        const struct pki_key *k = pki_key_by_id(r, id->text);

        if (k != NULL && EVP_PKEY_eq(k->pkey, public_key) == 1)
            return id->text;
    }
    return STR("");
}

/* ---- adding ---- */

bool pki_name_is_free(struct request *r, const char *kind, struct str name)
{
    if (name.len == 0)
        return true;
    if (str_is(name, "default") || !is_reference(name))
        reply_error(r, 400, "%s name is not one that can be used: %.*s", kind, STR_ARG(name));
    else if (pki_resolve(r, kind, name).len > 0)
        reply_error(r, 400, "%s name already in use", kind);
    else
        return true;
    return false;
}

static void put_name(struct request *r, const char *kind, struct str name, struct str id)
{
    if (name.len > 0)
        entry_put(&r->tx, mount_path(r, "%s-name/%.*s", kind, STR_ARG(name)), id, 0);
}

struct str pki_add_key(struct request *r, EVP_PKEY *pkey, struct str name)
{
    PKCS8_PRIV_KEY_INFO *p8 = EVP_PKEY2PKCS8(pkey);
    struct value *v = value_map(&r->arena);
    struct str id = pki_uuid(&r->arena);
    uint8_t *der = NULL;
    int n = p8 != NULL ? i2d_PKCS8_PRIV_KEY_INFO(p8, &der) : 0;

    value_put_text(&r->arena, v, "id", id);
    value_put_text(&r->arena, v, "name", name);
    value_put_text(&r->arena, v, "type", str_from(pki_key_type(pkey)));
    value_put_i64(&r->arena, v, "bits", EVP_PKEY_get_bits(pkey));
    value_put_text(&r->arena, v, "pkcs8", (struct str){ (char *)der, n > 0 ? (size_t)n : 0 });
    entry_put_value(&r->tx, mount_path(r, "key/%.*s", STR_ARG(id)), v, 0);
    put_name(r, "key", name, id);
    if (pki_default(r, "key").len == 0)
        pki_set_default(r, "key", id);
    if (n > 0)
        OPENSSL_clear_free(der, (size_t)n);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return id;
}

struct str pki_add_issuer(struct request *r, struct str der, struct str key_id, struct str name)
{
    struct value *v = value_map(&r->arena);
    struct str id = pki_uuid(&r->arena);
    struct value *config = entry_get_value(&r->tx, mount_path(r, "config/issuers"));
    X509 *x = x509_of(der);

    value_put_text(&r->arena, v, "id", id);
    value_put_text(&r->arena, v, "name", name);
    value_put_text(&r->arena, v, "key_id", key_id);
    value_put_text(&r->arena, v, "der", der);
    value_put_text(&r->arena, v, "serial", x != NULL ? pki_serial(&r->arena, x) : STR(""));
    value_put_text(&r->arena, v, "leaf_not_after_behavior", STR("err"));
    value_put_i64(&r->arena, v, "usage", USE_ALL);
    entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id)), v, 0);
    put_name(r, "issuer", name, id);
    if (key_id.len > 0 &&
        (pki_default(r, "issuer").len == 0 || value_get_bool(config, "follow", false)))
        pki_set_default(r, "issuer", id);
    pki_crl_mark(r, id);
    X509_free(x);
    return id;
}

/* ---- chains ---- */

static bool is_self_signed(X509 *x)
{
    return (X509_get_extension_flags(x) & EXFLAG_SI) != 0;
}

static bool signed_by(X509 *x, X509 *parent)
{
    return X509_check_issued(parent, x) == X509_V_OK &&
           X509_verify(x, X509_get0_pubkey(parent)) == 1;
}

static const struct pki_issuer *parent_of(
    struct request *r, const struct pki_issuer *i, const struct value *ids)
{
    value_each (id, ids) {
        const struct pki_issuer *p = pki_issuer_by_id(r, id->text);

        if (p != NULL && p != i && signed_by(i->x509, p->x509))
            return p;
    }
    return NULL;
}

static bool has_text(const struct value *list, struct str s)
{
    value_each (v, list)
        if (str_eq(v->text, s))
            return true;
    return false;
}

static struct value *chain_of(
    struct request *r, const struct pki_issuer *i, const struct value *ids)
{
    struct value *chain = value_list(&r->arena);

    while (i != NULL && chain->n < PKI_CHAIN_MAX && !has_text(chain, i->id)) {
        value_add_text(&r->arena, chain, i->id);
        i = is_self_signed(i->x509) ? NULL : parent_of(r, i, ids);
    }
    return chain;
}

void pki_chain_all(struct request *r)
{
    struct value *ids = pki_ids(r, "issuer");

    value_each (id, ids) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct value *manual = i != NULL ? value_get(i->v, "manual_chain") : NULL;
        struct value *v = i != NULL ? value_copy(&r->arena, i->v) : NULL;
        struct value *chain;

        if (v == NULL)
            continue;
        chain =
            manual != NULL && manual->n > 0 ? value_copy(&r->arena, manual) : chain_of(r, i, ids);
        if (value_get(v, "chain") != NULL && value_equal(value_get(v, "chain"), chain))
            continue;
        value_set(&r->arena, v, STR("chain"), chain);
        entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id->text)), v, 0);
    }
}

struct value *pki_chain_pem(struct request *r, const struct pki_issuer *i, bool without_root)
{
    struct value *list = value_list(&r->arena);

    value_each (id, value_get(i->v, "chain")) {
        const struct pki_issuer *p = pki_issuer_by_id(r, id->text);

        if (p != NULL && !(without_root && is_self_signed(p->x509)))
            value_add_text(&r->arena, list, pki_pem(&r->arena, "CERTIFICATE", p->der));
    }
    return list;
}

void pki_store_certificate(
    struct request *r, struct str serial, struct str der, struct str issuer, int64_t expires)
{
    struct value *v = value_map(&r->arena);

    value_put_text(&r->arena, v, "der", der);
    value_put_text(&r->arena, v, "issuer", issuer);
    value_put_i64(&r->arena, v, "expires", expires);
    entry_put_value(&r->tx, mount_path(r, "cert/%.*s", STR_ARG(serial)), v, 0);
}
