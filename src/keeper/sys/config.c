/*
 * config - small settings that clients write and read back: headers of a user interface, CORS, and the catalogue of plugins.
 */
#include "keeper/core/engines_int.h"
#include "keeper/sys/sys_int.h"

/* ---- sys/config/ui/headers ---- */

static struct str header_entry(struct request *r)
{
    return entry_path(&r->tx, "core/ui-header/%.*s", STR_ARG(param(r, "name")));
}

void sys_ui_headers(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("core/ui-header/"), STR_NONE, 0));
}

void sys_ui_header_read(struct request *r)
{
    struct value *row = entry_get_value(&r->tx, header_entry(r));
    struct value *values = value_get(row, "values");
    struct value *v = value_map(&r->arena);
    bool many = false;

    field_bool(r, "multivalue", &many);
    if (values == NULL || values->n == 0) {
        reply_not_found(r);
        return;
    }
    if (many)
        value_put(v, "values", value_copy(&r->arena, values));
    else
        value_put_text(&r->arena, v, "value", values->first->text);
    reply_data(r, v);
}

void sys_ui_header_write(struct request *r)
{
    struct value *row = value_map(&r->arena);
    struct value *values = NULL;
    struct str name = param(r, "name");

    field_list(r, "values", &values);
    if (refused(r))
        return;
    if (values == NULL || values->n == 0) {
        reply_error(r, 400, "the \"values\" parameter is empty");
        return;
    }
    if (name.len >= 8 && str_eq_nocase((struct str){ name.at, 8 }, STR("x-vault-"))) {
        reply_error(r, 400, "X-Vault headers cannot be set");
        return;
    }
    value_put(row, "values", values);
    entry_put_value(&r->tx, header_entry(r), row, 0);
    reply_empty(r);
}

void sys_ui_header_delete(struct request *r)
{
    entry_delete(&r->tx, header_entry(r));
    reply_empty(r);
}

/* ---- sys/config/cors: kept, but this API is never for browsers ---- */

void sys_cors_read(struct request *r)
{
    struct value *row = entry_get_value(&r->tx, STR("core/cors"));
    struct value *v = value_map(&r->arena);

    value_put_bool(&r->arena, v, "enabled", row != NULL);
    value_each (it, row)
        value_put_named(&r->arena, v, it->name, value_copy(&r->arena, it));
    reply_data_and_top(r, v);
}

void sys_cors_write(struct request *r)
{
    struct value *row = value_map(&r->arena);
    struct value *list;

    if (!field_list(r, "allowed_origins", &list) && !refused(r))
        reply_error(r, 400, "at least one origin or the wildcard must be provided.");
    if (refused(r))
        return;
    value_put(row, "allowed_origins", list);
    if (field_list(r, "allowed_headers", &list))
        value_put(row, "allowed_headers", list);
    if (refused(r))
        return;
    entry_put_value(&r->tx, STR("core/cors"), row, 0);
    reply_empty(r);
}

void sys_cors_delete(struct request *r)
{
    entry_delete(&r->tx, STR("core/cors"));
    reply_empty(r);
}

/* ---- sys/plugins/catalog: what is built in, and nothing else ever ---- */

static const char *kind_of(const struct engine *e)
{
    return e->auth ? "auth" : "secret";
}

static struct value *plugin_names(struct arena *a, const char *kind)
{
    struct value *list = value_list(a);

    for (const struct engine *const *e = engines; *e != NULL; e++)
        if (!(*e)->single && strcmp(kind_of(*e), kind) == 0)
            value_add_text(a, list, str_from((*e)->type));
    return list;
}

static struct value *plugin_value(struct arena *a, const struct engine *e)
{
    struct value *v = value_map(a);

    value_put_bool(a, v, "builtin", true);
    value_put_text(a, v, "deprecation_status", STR("supported"));
    value_put_text(a, v, "name", str_from(e->type));
    value_put_text(a, v, "type", str_from(kind_of(e)));
    value_put_text(a, v, "version", str_from(arena_printf(a, "v%s+builtin.vault", sys_version())));
    return v;
}

void sys_plugins(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *detailed = value_list(a);

    value_put(v, "auth", plugin_names(a, "auth"));
    value_put(v, "database", value_list(a));
    value_put(v, "secret", plugin_names(a, "secret"));
    for (const struct engine *const *e = engines; *e != NULL; e++)
        if (!(*e)->single)
            value_add(detailed, plugin_value(a, *e));
    value_put(v, "detailed", detailed);
    reply_data(r, v);
}

void sys_plugins_of(struct request *r)
{
    reply_keys(r, plugin_names(&r->arena, arena_str(&r->arena, param(r, "kind")).at));
}

void sys_plugin(struct request *r)
{
    struct str kind = param(r, "kind");
    struct value *v;

    for (const struct engine *const *e = engines; *e != NULL; e++)
        if (!(*e)->single && str_is(kind, kind_of(*e)) && str_is(param(r, "name"), (*e)->type)) {
            v = plugin_value(&r->arena, *e);
            value_put(v, "args", value_null(&r->arena));
            value_put_text(&r->arena, v, "command", STR(""));
            value_put_text(&r->arena, v, "sha256", STR(""));
            reply_data(r, v);
            return;
        }
    reply_not_found(r);
}

void sys_plugin_change(struct request *r)
{
    reply_error(r, 400, "plugins are built in: the catalog cannot be changed");
}

void sys_raw(struct request *r)
{
    reply_error(r, 404, "unsupported path");
}
