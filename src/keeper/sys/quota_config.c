/*
 * quota config - the endpoints of sys/quotas: what quota.c counts by.
 */
#include <math.h>
#include <stdlib.h>

#include "keeper/sys/quota_int.h"
#include "keeper/sys/sys_int.h"

enum { QUOTAS_MAX = 1000, RATE_TEXT_MAX = 32 };

static const double rate_most = 1e9;

double quota_rate(const struct value *v)
{
    char text[RATE_TEXT_MAX + 1];
    char *end;
    double rate;

    if (v == NULL || (v->kind != VALUE_NUMBER && v->kind != VALUE_TEXT) || v->text.len == 0 ||
        v->text.len > RATE_TEXT_MAX)
        return 0;
    memcpy(text, v->text.at, v->text.len);
    text[v->text.len] = '\0';
    rate = strtod(text, &end);
    return *end == '\0' && isfinite(rate) && rate > 0 && rate <= rate_most ? rate : 0;
}

static struct str kind_of(const struct request *r)
{
    return str_starts(r->rest, STR("quotas/lease-count")) ? STR("lease-count") : STR("rate-limit");
}

static struct str quota_entry(struct request *r)
{
    return entry_path(&r->tx, "quota/%.*s/%.*s", STR_ARG(kind_of(r)), STR_ARG(param(r, "name")));
}

void sys_quotas_list(struct request *r)
{
    reply_keys(
        r, entry_list(&r->tx, entry_path(&r->tx, "quota/%.*s/", STR_ARG(kind_of(r))), STR_NONE, 0));
}

void sys_quota_read(struct request *r)
{
    struct value *v = entry_get_value(&r->tx, quota_entry(r));

    if (v == NULL)
        reply_not_found(r);
    else
        reply_data(r, v);
}

/* A quota's path must lie in a mount; it is kept as the client wrote it, a mount's with its '/'. */
static bool read_path(struct request *r, struct str *path)
{
    struct mount *m;
    struct str bare;

    if (!field_text(r, "path", path) || path->len == 0)
        return !refused(r);
    bare = *path;
    if (bare.at[bare.len - 1] == '*')
        bare.len--;
    m = bare.len > 0 ? core_mount_of(r->core, bare) : NULL;
    if (m == NULL) {
        reply_error(r, 400, "invalid mount path \"%.*s\"", STR_ARG(*path));
        return false;
    }
    if (path->len + 1 == m->path.len)
        *path = m->path;
    return true;
}

static void read_rate(struct request *r, struct value *v)
{
    struct arena *a = &r->arena;
    const struct value *rate = value_get(r->body, "rate");
    int64_t interval = 1;
    int64_t block = 0;

    field_seconds(r, "interval", &interval);
    field_seconds(r, "block_interval", &block);
    if (refused(r))
        return;
    if (quota_rate(rate) == 0)
        reply_error(r, 400, "'rate' is invalid");
    else if (interval < 1)
        reply_error(r, 400, "'interval' is invalid");
    else if (block < 0)
        reply_error(r, 400, "'block' is invalid");
    if (refused(r))
        return;
    value_put(v, "rate", value_number(a, rate->text));
    value_put_i64(a, v, "interval", interval);
    value_put_i64(a, v, "block_interval", block);
}

static void read_most(struct request *r, struct value *v)
{
    int64_t most = 0;

    field_int(r, "max_leases", &most);
    if (!refused(r) && most < 1)
        reply_error(r, 400, "'max_leases' is invalid");
    value_put_i64(&r->arena, v, "max_leases", most);
}

/* Two quotas of a kind for the same path and role would be a riddle. */
static bool is_taken(struct request *r, const struct value *v)
{
    struct str folder = entry_path(&r->tx, "quota/%.*s/", STR_ARG(kind_of(r)));
    struct value *names = entry_list(&r->tx, folder, STR_NONE, 0);

    value_each (name, names) {
        const struct value *other;

        if (str_eq(name->text, param(r, "name")))
            continue;
        other = entry_get_value(
            &r->tx, entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text)));
        if (value_equal(value_get(other, "path"), value_get(v, "path")) &&
            value_equal(value_get(other, "role"), value_get(v, "role")))
            return true;
    }
    return names->n >= QUOTAS_MAX;
}

void sys_quota_write(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct str path = STR("");
    struct str role = STR("");

    if (!read_path(r, &path))
        return;
    field_text(r, "role", &role);
    value_put_text(a, v, "name", param(r, "name"));
    value_put_text(a, v, "type", kind_of(r));
    value_put_text(a, v, "path", path);
    value_put_text(a, v, "role", role);
    if (str_is(kind_of(r), "rate-limit"))
        read_rate(r, v);
    else
        read_most(r, v);
    if (refused(r))
        return;
    if (is_taken(r, v)) {
        reply_error(r, 400, "quota rule with similar properties exists, or there are too many");
        return;
    }
    entry_put_value(&r->tx, quota_entry(r), v, 0);
    call_of(r)->requota = true;
    reply_empty(r);
}

void sys_quota_delete(struct request *r)
{
    entry_delete(&r->tx, quota_entry(r));
    call_of(r)->requota = true;
    reply_empty(r);
}

/* ---- sys/quotas/config ---- */

static const struct setting {
    const char *name;
    bool flag;
} settings[] = {
    { "enable_rate_limit_audit_logging", true },
    { "enable_rate_limit_response_headers", true },
    { "rate_limit_exempt_paths", false },
    { "absolute_rate_limit_exempt_paths", false },
};

void sys_quotas_config_read(struct request *r)
{
    struct arena *a = &r->arena;
    const struct value *kept = entry_get_value(&r->tx, STR("core/quotas"));
    struct value *v = value_map(a);

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        const struct value *it = value_get(kept, settings[i].name);

        if (it != NULL)
            value_put(v, settings[i].name, value_copy(a, it));
        else
            value_put(v, settings[i].name, settings[i].flag ? value_bool(a, false) : value_list(a));
    }
    reply_data(r, v);
}

void sys_quotas_config_write(struct request *r)
{
    struct arena *a = &r->arena;
    const struct value *before = entry_get_value(&r->tx, STR("core/quotas"));
    struct value *v = before != NULL ? value_copy(a, before) : value_map(a);

    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct value *list;
        bool flag;

        if (settings[i].flag && field_bool(r, settings[i].name, &flag))
            value_set(a, v, str_from(settings[i].name), value_bool(a, flag));
        else if (!settings[i].flag && field_list(r, settings[i].name, &list))
            value_set(a, v, str_from(settings[i].name), list);
    }
    if (refused(r))
        return;
    entry_put_value(&r->tx, STR("core/quotas"), v, 0);
    reply_empty(r);
}
