/*
 * pki_issuer - issuers and keys as endpoints: list, read, change, delete.
 */
#include <openssl/err.h>

#include "keeper/engines/pki_int.h"

/* ---- usages ---- */

static const struct {
    const char *word;
    unsigned bit;
} usages[] = {
    { "read-only", USE_READ },
    { "issuing-certificates", USE_ISSUE },
    { "crl-signing", USE_CRL },
    { "ocsp-signing", USE_OCSP },
};

static struct str usage_text(struct request *r, unsigned bits)
{
    const char *text = "";

    for (size_t i = 0; i < 4; i++)
        if ((bits & usages[i].bit) != 0)
            text =
                arena_printf(&r->arena, "%s%s%s", text, text[0] != '\0' ? "," : "", usages[i].word);
    return str_from(text);
}

static bool usage_read(struct request *r, const struct value *words, int64_t *bits)
{
    *bits = USE_READ;
    value_each (v, words) {
        size_t i = 0;

        while (i < 4 && !str_is(v->text, usages[i].word))
            i++;
        if (i == 4) {
            reply_error(r, 400, "Unable to parse specified usages: %.*s", STR_ARG(v->text));
            return false;
        }
        *bits |= usages[i].bit;
    }
    return true;
}

/* ---- issuers ---- */

static struct value *issuer_data(struct request *r, const struct pki_issuer *i)
{
    static const char *const copied[] = { "leaf_not_after_behavior",
        "revocation_signature_algorithm" };
    static const char *const lists[] = { "issuing_certificates", "crl_distribution_points",
        "ocsp_servers", "manual_chain" };
    struct arena *a = &r->arena;
    struct value *data = value_map(a);
    int64_t since = value_get_i64(i->v, "revocation_time", 0);

    value_put_text(a, data, "issuer_id", i->id);
    value_put_text(a, data, "issuer_name", value_get_text(i->v, "name", STR("")));
    value_put_text(a, data, "key_id", i->key_id);
    value_put_text(a, data, "certificate", pki_pem(a, "CERTIFICATE", i->der));
    value_put(data, "ca_chain", pki_chain_pem(r, i, false));
    for (size_t n = 0; n < sizeof(copied) / sizeof(copied[0]); n++)
        value_put_text(a, data, copied[n], value_get_text(i->v, copied[n], STR("")));
    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        struct value *list = value_get(i->v, lists[n]);

        value_put(data, lists[n], list != NULL ? value_copy(a, list) : value_list(a));
    }
    value_put_text(a, data, "usage", usage_text(r, i->usage));
    value_put_bool(a, data, "enable_aia_url_templating",
        value_get_bool(i->v, "enable_aia_url_templating", false));
    value_put_bool(a, data, "revoked", since > 0);
    if (since > 0) {
        value_put_i64(a, data, "revocation_time", since);
        value_put_text(a, data, "revocation_time_rfc3339", pki_rfc3339(a, since));
    }
    return data;
}

void pki_issuers_list(struct request *r)
{
    struct arena *a = &r->arena;
    struct str usual = pki_default(r, "issuer");
    struct value *ids = pki_ids(r, "issuer");
    struct value *info = value_map(a);
    struct value *data = value_map(a);

    value_each (id, ids) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        struct value *one = value_map(a);

        if (i == NULL)
            continue;
        value_put_text(a, one, "issuer_name", value_get_text(i->v, "name", STR("")));
        value_put_bool(a, one, "is_default", str_eq(id->text, usual));
        value_put_text(a, one, "serial_number", value_get_text(i->v, "serial", STR("")));
        value_put_text(a, one, "key_id", i->key_id);
        value_put_named(a, info, id->text, one);
    }
    if (ids->n == 0) {
        reply_not_found(r);
        return;
    }
    value_put(data, "keys", ids);
    value_put(data, "key_info", info);
    reply_data(r, data);
}

void pki_issuer_read(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));

    if (i != NULL)
        reply_data(r, issuer_data(r, i));
}

static const struct pki_field issuer_fields[] = {
    { "crl_distribution_points", PKI_LIST, 0, "" },
    { "enable_aia_url_templating", PKI_BOOL, 0, NULL },
    { "issuing_certificates", PKI_LIST, 0, "" },
    { "leaf_not_after_behavior", PKI_TEXT, 0, "err" },
    { "ocsp_servers", PKI_LIST, 0, "" },
    { "revocation_signature_algorithm", PKI_TEXT, 0, "" },
    { 0 },
};

static bool rename_to(struct request *r, const char *kind, struct value *v, struct str id)
{
    struct str old = value_get_text(v, "name", STR(""));
    struct str name = old;
    const char *field = strcmp(kind, "key") == 0 ? "key_name" : "issuer_name";

    if (!field_text(r, field, &name) || str_eq(name, old))
        return !refused(r);
    if (!pki_name_is_free(r, kind, name))
        return false;
    if (old.len > 0)
        entry_delete(&r->tx, mount_path(r, "%s-name/%.*s", kind, STR_ARG(old)));
    if (name.len > 0)
        entry_put(&r->tx, mount_path(r, "%s-name/%.*s", kind, STR_ARG(name)), id, 0);
    value_set(&r->arena, v, STR("name"), value_text(&r->arena, name));
    return true;
}

static bool set_manual_chain(struct request *r, struct value *v, struct str id)
{
    struct value *refs;
    struct value *chain = value_list(&r->arena);

    if (!field_list(r, "manual_chain", &refs))
        return !refused(r);
    value_each (ref, refs) {
        struct str one = str_is(ref->text, "self") ? id : pki_resolve(r, "issuer", ref->text);

        if (one.len == 0) {
            reply_error(
                r, 400, "unable to resolve manual_chain reference: %.*s", STR_ARG(ref->text));
            return false;
        }
        value_add_text(&r->arena, chain, one);
    }
    if (chain->n > 0 && !str_eq(chain->first->text, id)) {
        reply_error(r, 400, "manual_chain must begin with the issuer itself");
        return false;
    }
    value_set(&r->arena, v, STR("manual_chain"), chain);
    return true;
}

static bool issuer_values_ok(struct request *r, const struct value *v)
{
    static const char *const behaviors[] = { "err", "truncate", "permit" };
    struct str how = value_get_text(v, "leaf_not_after_behavior", STR("err"));

    for (size_t i = 0; i < 3; i++)
        if (str_is(how, behaviors[i]))
            return pki_urls_ok(r, v);
    reply_error(r, 400, "leaf_not_after_behavior must be err, truncate or permit");
    return false;
}

static void change_issuer(struct request *r, struct value *v, struct str id)
{
    struct value *words;
    int64_t bits;

    if (!rename_to(r, "issuer", v, id) || !pki_fields_read(r, issuer_fields, v) ||
        !issuer_values_ok(r, v) || !set_manual_chain(r, v, id))
        return;
    if (field_list(r, "usage", &words)) {
        if (!usage_read(r, words, &bits))
            return;
        value_set(&r->arena, v, STR("usage"), value_i64(&r->arena, bits));
    }
    if (refused(r))
        return;
    entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(id)), v, 0);
    pki_chain_all(r);
    pki_crl_mark(r, id);
    reply_data(r, issuer_data(r, pki_issuer_by_id(r, id)));
}

void pki_issuer_patch(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));

    if (i != NULL)
        change_issuer(r, value_copy(&r->arena, i->v), i->id);
}

/* What a POST does not name goes back to what it was at first. */
void pki_issuer_write(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));
    struct value *v;

    if (i == NULL)
        return;
    v = value_copy(&r->arena, i->v);
    value_each (f, pki_fields_default(&r->arena, issuer_fields))
        value_set(&r->arena, v, f->name, value_copy(&r->arena, f));
    value_remove(v, STR("manual_chain"));
    value_set(&r->arena, v, STR("usage"), value_i64(&r->arena, USE_ALL));
    change_issuer(r, v, i->id);
}

static void forget(struct request *r, const char *kind, struct str id, const struct value *v)
{
    struct str name = value_get_text(v, "name", STR(""));

    if (name.len > 0)
        entry_delete(&r->tx, mount_path(r, "%s-name/%.*s", kind, STR_ARG(name)));
    entry_delete(&r->tx, mount_path(r, "%s/%.*s", kind, STR_ARG(id)));
    if (str_eq(pki_default(r, kind), id)) {
        pki_set_default(r, kind, STR(""));
        reply_warn(r, "this was the default %s: choose another one", kind);
    }
}

void pki_issuer_delete(struct request *r)
{
    struct str id = pki_resolve(r, "issuer", param(r, "issuer_ref"));
    const struct pki_issuer *i = pki_issuer_by_id(r, id);

    reply_empty(r);
    if (i == NULL)
        return;
    forget(r, "issuer", id, i->v);
    entry_delete(&r->tx, mount_path(r, "crl/%.*s", STR_ARG(id)));
    entry_delete(&r->tx, mount_path(r, "dirty/%.*s", STR_ARG(id)));
    pki_chain_all(r);
}

/* An issuer that its parent in this mount revokes may issue no more. */
void pki_issuer_revoke(struct request *r)
{
    const struct pki_issuer *i = pki_issuer(r, param(r, "issuer_ref"));
    struct value *chain = i != NULL ? value_get(i->v, "chain") : NULL;
    struct value *v;
    int64_t when = r->now / 1000;

    if (i == NULL)
        return;
    v = value_copy(&r->arena, i->v);
    if (!value_get_bool(v, "revoked", false)) {
        value_set(&r->arena, v, STR("revoked"), value_bool(&r->arena, true));
        value_set(&r->arena, v, STR("revocation_time"), value_i64(&r->arena, when));
        entry_put_value(&r->tx, mount_path(r, "issuer/%.*s", STR_ARG(i->id)), v, 0);
        if (chain != NULL && chain->n > 1)
            pki_revoke_serial(r, value_get_text(v, "serial", STR("")), chain->first->next->text,
                pki_time(X509_get0_notAfter(i->x509)), &when);
    }
    reply_data(r, issuer_data(r, pki_issuer_by_id(r, i->id)));
}

/* ---- keys ---- */

void pki_keys_list(struct request *r)
{
    struct arena *a = &r->arena;
    struct str usual = pki_default(r, "key");
    struct value *ids = pki_ids(r, "key");
    struct value *info = value_map(a);
    struct value *data = value_map(a);

    value_each (id, ids) {
        const struct pki_key *k = pki_key_by_id(r, id->text);
        struct value *one = value_map(a);

        value_put_text(
            a, one, "key_name", value_get_text(k != NULL ? k->v : NULL, "name", STR("")));
        value_put_bool(a, one, "is_default", str_eq(id->text, usual));
        value_put_named(a, info, id->text, one);
    }
    if (ids->n == 0) {
        reply_not_found(r);
        return;
    }
    value_put(data, "keys", ids);
    value_put(data, "key_info", info);
    reply_data(r, data);
}

static void say_key(struct request *r, const struct value *v, struct value *data)
{
    value_put_text(&r->arena, data, "key_id", value_get_text(v, "id", STR("")));
    value_put_text(&r->arena, data, "key_name", value_get_text(v, "name", STR("")));
    value_put_text(&r->arena, data, "key_type", value_get_text(v, "type", STR("")));
    reply_data(r, data);
}

void pki_key_read(struct request *r)
{
    const struct pki_key *k = pki_key(r, param(r, "key_ref"));

    if (k != NULL)
        say_key(r, k->v, value_map(&r->arena));
}

void pki_key_write(struct request *r)
{
    const struct pki_key *k = pki_key(r, param(r, "key_ref"));
    struct str path = k != NULL ? mount_path(r, "key/%.*s", STR_ARG(k->id)) : STR_NONE;
    struct value *v = k != NULL ? entry_get_value(&r->tx, path) : NULL;

    if (v == NULL || !rename_to(r, "key", v, k->id))
        return;
    entry_put_value(&r->tx, path, v, 0);
    say_key(r, v, value_map(&r->arena));
}

void pki_key_delete(struct request *r)
{
    struct str id = pki_resolve(r, "key", param(r, "key_ref"));
    const struct pki_key *k = pki_key_by_id(r, id);

    value_each (issuer, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, issuer->text);

        if (k != NULL && i != NULL && str_eq(i->key_id, id)) {
            reply_error(r, 400, "failed to delete key: issuer %.*s uses it", STR_ARG(i->id));
            return;
        }
    }
    reply_empty(r);
    if (k != NULL)
        forget(r, "key", id, k->v);
}

struct generating {
    struct pki_plan plan;
    struct str name;
    bool exported;
};

static void generated(struct request *r, struct pki_plan *p)
{
    struct generating *g = p->arg;
    struct value *data = value_map(&r->arena);
    struct str id;

    if (!pki_name_is_free(r, "key", g->name))
        return;
    id = pki_add_key(r, p->pkey, g->name);
    if (g->exported)
        pki_put_private_key(r, data, p->pkey, PKI_PEM);
    say_key(r, entry_get_value(&r->tx, mount_path(r, "key/%.*s", STR_ARG(id))), data);
}

void pki_keys_generate(struct request *r)
{
    struct generating *g = arena_calloc(&r->arena, 1, sizeof(*g));
    struct str type = STR("rsa");
    int64_t bits = 0;

    g->name = STR("");
    g->exported = str_is(param(r, "exported"), "exported");
    if (!g->exported && !str_is(param(r, "exported"), "internal")) {
        reply_error(r, 400, "managed keys are not supported");
        return;
    }
    field_text(r, "key_name", &g->name);
    field_text(r, "key_type", &type);
    field_int(r, "key_bits", &bits);
    if (refused(r) || !pki_name_is_free(r, "key", g->name) ||
        !pki_key_wish(r, type, bits, &g->plan))
        return;
    g->plan.done = generated;
    g->plan.arg = g;
    pki_generate(r, &g->plan);
}

void pki_keys_import(struct request *r)
{
    const struct value *list = value_get(value_get(r->parsed, "private_keys"), "pem_bundle");
    const uint8_t *at = list != NULL ? (const uint8_t *)list->first->text.at : NULL;
    EVP_PKEY *key = NULL;
    struct str name = STR("");
    struct str id;

    if (list == NULL || list->n != 1) {
        reply_error(r, 400, "only a single key can be present within the pem_bundle for importing");
        return;
    }
    field_text(r, "key_name", &name);
    key = d2i_AutoPrivateKey(NULL, &at, (long)list->first->text.len);
    id = key != NULL ? pki_key_of(r, key) : STR("");
    if (key == NULL || pki_key_type(key) == NULL) {
        reply_error(r, 400, "the private key is of a type that is not supported");
    } else if (id.len > 0) {
        reply_warn(r, "this key is here already, under the name it has");
    } else if (pki_name_is_free(r, "key", name)) {
        id = pki_add_key(r, key, name);
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!refused(r))
        say_key(r, entry_get_value(&r->tx, mount_path(r, "key/%.*s", STR_ARG(id))),
            value_map(&r->arena));
}
