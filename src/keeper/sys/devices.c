/*
 * devices - sys/audit, sys/audit-hash, and which headers are audited.
 *
 * There is one audit log, the keeper's own, and it is always on.  Devices that clients enable are names for it: nothing is
 * ever written where a caller says.
 */
#include "keeper/sys/sys_int.h"

enum { DEVICES_MAX = 100 };

static struct str device_path(struct request *r)
{
    struct str path = param(r, "path");

    while (path.len > 0 && path.at[path.len - 1] == '/')
        path.len--;
    return path;
}

static struct str device_entry(struct request *r)
{
    return entry_path(&r->tx, "core/audit-device/%.*s", STR_ARG(device_path(r)));
}

static void put_device(struct arena *a, struct value *to, struct str name, const struct value *row)
{
    struct str path = str_from(arena_printf(a, "%.*s/", STR_ARG(name)));
    struct value *v = value_map(a);
    const struct value *options = value_get(row, "options");

    value_put_text(a, v, "type", value_get_text(row, "type", STR("file")));
    value_put_text(a, v, "description", value_get_text(row, "description", STR("")));
    value_put(v, "options", options != NULL ? value_copy(a, options) : value_map(a));
    value_put_bool(a, v, "local", value_get_bool(row, "local", false));
    value_put_text(a, v, "path", path);
    value_put_named(a, to, path, v);
}

void sys_audit_list(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *own = value_map(a);

    value_put_text(a, own, "type", STR("weir"));
    value_put_text(a, own, "description", STR("the keeper's journal, always on"));
    put_device(a, v, STR("weir"), own);
    value_each (name, entry_list(&r->tx, STR("core/audit-device/"), STR_NONE, 0))
        put_device(a, v, name->text,
            entry_get_value(
                &r->tx, entry_path(&r->tx, "core/audit-device/%.*s", STR_ARG(name->text))));
    reply_data_and_top(r, v);
}

void sys_audit_enable(struct request *r)
{
    static const char *const types[] = { "file", "syslog", "socket", NULL };
    struct arena *a = &r->arena;
    struct str path = device_path(r);
    struct str type = STR("");
    struct str description = STR("");
    struct value *options = value_map(a);
    struct value *v = value_map(a);
    bool local = false;
    const char *const *known = types;
    struct str there;

    field_text(r, "type", &type);
    field_text(r, "description", &description);
    field_map(r, "options", &options);
    field_bool(r, "local", &local);
    if (refused(r))
        return;
    while (*known != NULL && !str_is(type, *known))
        known++;
    if (*known == NULL) {
        reply_error(r, 400, "unknown backend type: \"%.*s\"", STR_ARG(type));
        return;
    }
    if (str_is(path, "weir") || memchr(path.at, '/', path.len) != NULL ||
        entry_get(&r->tx, device_entry(r), &there)) {
        reply_error(r, 400, "path already in use");
        return;
    }
    if (entry_list(&r->tx, STR("core/audit-device/"), STR_NONE, 0)->n >= DEVICES_MAX) {
        reply_error(r, 400, "there are %d audit devices already", DEVICES_MAX);
        return;
    }
    value_put_text(a, v, "type", type);
    value_put_text(a, v, "description", description);
    value_put(v, "options", options);
    value_put_bool(a, v, "local", local);
    entry_put_value(&r->tx, device_entry(r), v, 0);
    reply_empty(r);
}

void sys_audit_disable(struct request *r)
{
    if (str_is(device_path(r), "weir")) {
        reply_error(r, 400, "the keeper's own audit log cannot be switched off");
        return;
    }
    entry_delete(&r->tx, device_entry(r));
    reply_empty(r);
}

void sys_audit_hash(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct str input = STR("");
    struct str there;

    if (!field_text(r, "input", &input) && !refused(r))
        reply_error(r, 400, "the \"input\" parameter is empty");
    if (refused(r))
        return;
    if (!str_is(device_path(r), "weir") && !entry_get(&r->tx, device_entry(r), &there)) {
        reply_error(r, 400, "unknown audit backend: %.*s/", STR_ARG(device_path(r)));
        return;
    }
    value_put_text(&r->arena, v, "hash", audit_hash(r->core->audit, &r->arena, input));
    reply_data_and_top(r, v);
}

/* ---- sys/config/auditing/request-headers ---- */

static struct str lower(struct request *r, struct str s)
{
    struct str copy = arena_str(&r->arena, s);
    char *at = (char *)(uintptr_t)copy.at;

    for (size_t i = 0; i < copy.len; i++)
        at[i] = ascii_lower(at[i]);
    return copy;
}

static struct str header_entry(struct request *r, struct str name)
{
    return entry_path(&r->tx, "core/audit-header/%.*s", STR_ARG(lower(r, name)));
}

void sys_audit_headers(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *headers = value_map(&r->arena);

    value_each (name, entry_list(&r->tx, STR("core/audit-header/"), STR_NONE, 0)) {
        struct value *row = entry_get_value(&r->tx, header_entry(r, name->text));

        if (row != NULL)
            value_put_named(&r->arena, headers, name->text, value_copy(&r->arena, row));
    }
    value_put(v, "headers", headers);
    reply_data_and_top(r, v);
}

void sys_audit_header_read(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *row = entry_get_value(&r->tx, header_entry(r, param(r, "name")));

    if (row == NULL) {
        reply_error(r, 400, "Could not find header in config");
        return;
    }
    value_put_named(&r->arena, v, lower(r, param(r, "name")), value_copy(&r->arena, row));
    reply_data_and_top(r, v);
}

void sys_audit_header_write(struct request *r)
{
    struct value *row = value_map(&r->arena);
    bool hmac = false;

    field_bool(r, "hmac", &hmac);
    if (refused(r))
        return;
    value_put_bool(&r->arena, row, "hmac", hmac);
    entry_put_value(&r->tx, header_entry(r, param(r, "name")), row, 0);
    reply_empty(r);
}

void sys_audit_header_delete(struct request *r)
{
    entry_delete(&r->tx, header_entry(r, param(r, "name")));
    reply_empty(r);
}
