/*
 * pki_config - the settings of a mount: URLs, CRLs, cluster paths, tidying, and what the defaults are.
 */
#include "keeper/engines/pki_int.h"

enum { CRL_EXPIRY_LEAST = 60 };

static const struct pki_field url_fields[] = {
    { "crl_distribution_points", PKI_LIST, 0, "" },
    { "enable_templating", PKI_BOOL, 0, NULL },
    { "issuing_certificates", PKI_LIST, 0, "" },
    { "ocsp_servers", PKI_LIST, 0, "" },
    { 0 },
};

static const struct pki_field crl_fields[] = {
    { "auto_rebuild", PKI_BOOL, 0, NULL },
    { "auto_rebuild_grace_period", PKI_DURATION, 0, "12h" },
    { "cross_cluster_revocation", PKI_BOOL, 0, NULL },
    { "delta_rebuild_interval", PKI_DURATION, 0, "15m" },
    { "disable", PKI_BOOL, 0, NULL },
    { "enable_delta", PKI_BOOL, 0, NULL },
    { "expiry", PKI_DURATION, 0, "72h" },
    { "ocsp_disable", PKI_BOOL, 0, NULL },
    { "ocsp_expiry", PKI_DURATION, 0, "12h" },
    { "unified_crl", PKI_BOOL, 0, NULL },
    { "unified_crl_on_existing_paths", PKI_BOOL, 0, NULL },
    { 0 },
};

static const struct pki_field cluster_fields[] = {
    { "aia_path", PKI_TEXT, 0, "" },
    { "path", PKI_TEXT, 0, "" },
    { 0 },
};

static const struct pki_field tidy_fields[] = {
    { "enabled", PKI_BOOL, 0, NULL },
    { "interval_duration", PKI_SECONDS, 43200, NULL },
    { "issuer_safety_buffer", PKI_SECONDS, 31536000, NULL },
    { "maintain_stored_certificate_counts", PKI_BOOL, 0, NULL },
    { "pause_duration", PKI_DURATION, 0, "0s" },
    { "publish_stored_certificate_count_metrics", PKI_BOOL, 0, NULL },
    { "revocation_queue_safety_buffer", PKI_SECONDS, 172800, NULL },
    { "safety_buffer", PKI_SECONDS, 259200, NULL },
    { "tidy_cert_store", PKI_BOOL, 0, NULL },
    { "tidy_cross_cluster_revoked_certs", PKI_BOOL, 0, NULL },
    { "tidy_expired_issuers", PKI_BOOL, 0, NULL },
    { "tidy_move_legacy_ca_bundle", PKI_BOOL, 0, NULL },
    { "tidy_revocation_queue", PKI_BOOL, 0, NULL },
    { "tidy_revoked_cert_issuer_associations", PKI_BOOL, 0, NULL },
    { "tidy_revoked_certs", PKI_BOOL, 0, NULL },
    { 0 },
};

static const struct config {
    const char *name;
    const struct pki_field *fields;
} configs[] = {
    { "urls", url_fields },
    { "crl", crl_fields },
    { "cluster", cluster_fields },
    { "auto-tidy", tidy_fields },
};

static const struct config *config_named(struct str name)
{
    for (size_t i = 0; i < sizeof(configs) / sizeof(configs[0]); i++)
        if (str_is(name, configs[i].name))
            return &configs[i];
    return NULL;
}

/* With defaults where nothing was said. */
static struct value *load(struct request *r, const struct config *c)
{
    struct value *v = pki_fields_default(&r->arena, c->fields);
    const struct value *kept = entry_get_value(&r->tx, mount_path(r, "config/%s", c->name));

    value_each (it, kept)
        value_set(&r->arena, v, it->name, value_copy(&r->arena, it));
    return v;
}

static struct value *load_named(struct request *r, const char *name)
{
    return load(r, config_named(str_from(name)));
}

/* ---- what others need of it ---- */

static int64_t seconds_of(const struct value *v, const char *name)
{
    int64_t n = 0;

    return duration_parse(value_get_text(v, name, STR("0")), &n) ? n : 0;
}

void pki_crl_rule(struct request *r, struct pki_crl_rule *out)
{
    const struct value *v = load_named(r, "crl");

    *out = (struct pki_crl_rule){
        .expiry = seconds_of(v, "expiry"),
        .disable = value_get_bool(v, "disable", false),
        .ocsp_disable = value_get_bool(v, "ocsp_disable", false),
        .ocsp_expiry = seconds_of(v, "ocsp_expiry"),
        .auto_rebuild = value_get_bool(v, "auto_rebuild", false),
        .grace = seconds_of(v, "auto_rebuild_grace_period"),
        .delta = value_get_bool(v, "enable_delta", false),
        .delta_interval = seconds_of(v, "delta_rebuild_interval"),
    };
}

static bool is_url(struct str s)
{
    const char *at = s.len > 0 ? memmem(s.at, s.len, "://", 3) : NULL;

    if (at == NULL || at == s.at || s.len > 1024)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] <= 0x20 || s.at[i] >= 0x7f)
            return false;
    return true;
}

bool pki_urls_ok(struct request *r, const struct value *urls)
{
    static const char *const lists[] = { "issuing_certificates", "crl_distribution_points",
        "ocsp_servers" };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        value_each (v, value_get(urls, lists[i])) {
            bool template = memmem(v->text.at, v->text.len, "{{", 2) != NULL;

            if (!is_url(v->text) && !template) {
                reply_error(r, 400, "invalid URL found in %s: %.*s", lists[i], STR_ARG(v->text));
                return false;
            }
        }
    return true;
}

/* {{issuer_id}}, {{cluster_path}} and {{cluster_aia_path}} in one URL. */
static struct str fill_in(struct request *r, struct str url, struct str issuer_id)
{
    const struct value *cluster = load_named(r, "cluster");
    const struct {
        struct str mark;
        struct str text;
    } marks[] = {
        { STR("{{issuer_id}}"), issuer_id },
        { STR("{{cluster_path}}"), value_get_text(cluster, "path", STR("")) },
        { STR("{{cluster_aia_path}}"), value_get_text(cluster, "aia_path", STR("")) },
    };
    struct str out;
    struct buf b;

    buf_init(&b, 8192);
    for (size_t i = 0; i < url.len;) {
        struct str rest = { url.at + i, url.len - i };
        size_t m = 0;

        while (m < 3 && !str_starts(rest, marks[m].mark))
            m++;
        if (m < 3)
            buf_str(&b, marks[m].text);
        else
            buf_char(&b, url.at[i]);
        i += m < 3 ? marks[m].mark.len : 1;
    }
    out = arena_str(&r->arena, buf_as_str(&b));
    buf_free(&b);
    return out;
}

struct value *pki_urls(struct request *r, const struct value *issuer)
{
    static const char *const lists[] = { "issuing_certificates", "crl_distribution_points",
        "ocsp_servers" };
    const struct value *from = load_named(r, "urls");
    bool templates = value_get_bool(from, "enable_templating", false);
    struct value *to = value_map(&r->arena);

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct value *own = value_get(issuer, lists[i]);

        if (own != NULL && own->n > 0) {
            from = issuer;
            templates = value_get_bool(issuer, "enable_aia_url_templating", false);
            break;
        }
    }
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct value *list = value_list(&r->arena);

        value_each (v, value_get(from, lists[i]))
            value_add_text(&r->arena, list,
                templates ? fill_in(r, v->text, value_get_text(issuer, "id", STR(""))) : v->text);
        value_put(to, lists[i], list);
    }
    return to;
}

/* ---- endpoints ---- */

void pki_config_read(struct request *r)
{
    const struct config *c = config_named(param(r, "config"));

    if (c == NULL)
        reply_not_found(r);
    else
        reply_data(r, load(r, c));
}

/* A list that is always due would be signed anew for everybody who reads it. */
static const char *crl_problem(const struct value *v)
{
    int64_t expiry = seconds_of(v, "expiry");

    if (expiry < CRL_EXPIRY_LEAST)
        return "expiry must be a minute at least";
    if (value_get_bool(v, "auto_rebuild", false) &&
        seconds_of(v, "auto_rebuild_grace_period") >= expiry)
        return "auto_rebuild_grace_period must be shorter than expiry";
    if (value_get_bool(v, "enable_delta", false) &&
        (!value_get_bool(v, "auto_rebuild", false) ||
            seconds_of(v, "delta_rebuild_interval") >= expiry))
        return "enable_delta needs auto_rebuild, and a delta_rebuild_interval shorter than expiry";
    return NULL;
}

void pki_config_write(struct request *r)
{
    const struct config *c = config_named(param(r, "config"));
    struct value *v;

    if (c == NULL) {
        reply_error(r, 404, "unsupported path");
        return;
    }
    v = load(r, c);
    if (!pki_fields_read(r, c->fields, v) || (c->fields == url_fields && !pki_urls_ok(r, v)))
        return;
    if (c->fields == crl_fields && crl_problem(v) != NULL) {
        reply_error(r, 400, "%s", crl_problem(v));
        return;
    }
    if (value_get_bool(v, "cross_cluster_revocation", false) ||
        value_get_bool(v, "unified_crl", false)) {
        reply_error(r, 400, "there is one cluster: revocation across clusters cannot be enabled");
        return;
    }
    entry_put_value(&r->tx, mount_path(r, "config/%s", c->name), v, 0);
    if (c->fields == crl_fields)
        value_each (id, pki_ids(r, "issuer"))
            pki_crl_mark(r, id->text);
    reply_data(r, v);
}

void pki_config_issuers_read(struct request *r)
{
    struct value *v = entry_get_value(&r->tx, mount_path(r, "config/issuers"));
    struct value *data = value_map(&r->arena);

    value_put_text(&r->arena, data, "default", pki_default(r, "issuer"));
    value_put_bool(
        &r->arena, data, "default_follows_latest_issuer", value_get_bool(v, "follow", false));
    reply_data(r, data);
}

static bool set_default_of(struct request *r, const char *kind)
{
    struct str ref = STR("");
    struct str id;

    if (!field_text(r, "default", &ref) || ref.len == 0 || str_is(ref, "default")) {
        if (!refused(r))
            reply_error(r, 400,
                "Invalid %s specification; must be non-empty and can't be 'default'.", kind);
        return false;
    }
    id = pki_resolve(r, kind, ref);
    if (id.len == 0) {
        reply_error(r, 400, "unable to find PKI %s for reference: %.*s", kind, STR_ARG(ref));
        return false;
    }
    pki_set_default(r, kind, id);
    return true;
}

void pki_config_issuers_write(struct request *r)
{
    struct str path = mount_path(r, "config/issuers");
    struct value *v;
    bool follow;

    if (field_has(r, "default") && !set_default_of(r, "issuer"))
        return;
    if (field_bool(r, "default_follows_latest_issuer", &follow)) {
        v = entry_get_value(&r->tx, path);
        v = v != NULL ? v : value_map(&r->arena);
        value_set(&r->arena, v, STR("follow"), value_bool(&r->arena, follow));
        entry_put_value(&r->tx, path, v, 0);
    }
    if (!refused(r))
        pki_config_issuers_read(r);
}

void pki_root_replace(struct request *r)
{
    if (!field_has(r, "default"))
        value_put_text(&r->arena, r->body, "default", STR("next"));
    if (set_default_of(r, "issuer"))
        pki_config_issuers_read(r);
}

void pki_config_keys_read(struct request *r)
{
    struct value *data = value_map(&r->arena);

    value_put_text(&r->arena, data, "default", pki_default(r, "key"));
    reply_data(r, data);
}

void pki_config_keys_write(struct request *r)
{
    if (set_default_of(r, "key"))
        pki_config_keys_read(r);
}
