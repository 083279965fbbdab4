/*
 * kv - the engine's table: what version 1 and version 2 of a mount do at the same paths.
 */
#include "keeper/core/engines_int.h"
#include "keeper/engines/kv_int.h"

static bool is_v2(const struct mount *m)
{
    return str_is(value_get_text(m->options, "version", STR("1")), "2");
}

/* ---- version 2's paths ---- */

static const struct area {
    const char *name;
    void (*on[OP_COUNT])(struct request *r, struct str path);
    bool creates; /* a WRITE of what is not there needs "create" */
    bool whole;   /* the name alone is the path */
} areas[] = {
    { "config", { [OP_READ] = kv_config_read, [OP_WRITE] = kv_config_write }, .whole = true },
    { "data",
        { [OP_READ] = kv_data_read,
            [OP_WRITE] = kv_data_write,
            [OP_PATCH] = kv_data_patch,
            [OP_DELETE] = kv_data_delete },
        .creates = true },
    { "delete", { [OP_WRITE] = kv_delete } },
    { "destroy", { [OP_WRITE] = kv_destroy } },
    { "metadata",
        { [OP_READ] = kv_metadata_read,
            [OP_LIST] = kv_metadata_list,
            [OP_WRITE] = kv_metadata_write,
            [OP_PATCH] = kv_metadata_patch,
            [OP_DELETE] = kv_metadata_delete },
        .creates = true },
    { "subkeys", { [OP_READ] = kv_subkeys } },
    { "undelete", { [OP_WRITE] = kv_undelete } },
    { 0 },
};

/* NULL: no such area. *path: what is behind its '/'. */
static const struct area *area_of(const struct request *r, struct str *path)
{
    struct str name = str_cut(r->rest, '/', path);

    for (const struct area *a = areas; a->name != NULL; a++)
        if (str_is(name, a->name))
            return !a->whole || path->at == NULL ? a : NULL;
    return NULL;
}

/* 404 with a hint instead of an error: what the command line tools show. */
static void not_versioned(struct request *r)
{
    static const char *const words[OP_COUNT] = {
        [OP_READ] = "get",
        [OP_LIST] = "list",
        [OP_WRITE] = "put",
        [OP_DELETE] = "delete",
        [OP_PATCH] = "patch",
    };

    reply_warn(r,
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
        "endpoints to use. If using the Vault CLI, use 'vault kv %s' for this operation.",
        words[r->op]);
    r->reply.status = 404;
}

static void unsupported(struct request *r)
{
    reply_error(r, 405, "1 error occurred:\n\t* unsupported operation\n\n");
}

static bool ends_with_slash(struct str s)
{
    return s.len > 0 && s.at[s.len - 1] == '/';
}

static bool is_write(const struct request *r)
{
    return r->op == OP_WRITE || r->op == OP_PATCH;
}

static void on_v2(struct request *r)
{
    struct str path;
    const struct area *area = area_of(r, &path);

    if (kv_is_upgrading(r)) {
        reply_error(r, 400,
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for "
            "a brief period and will resume service shortly.");
    } else if (area == NULL) {
        not_versioned(r);
    } else if (area->on[r->op] == NULL) {
        unsupported(r);
    } else if (!area->whole && r->op != OP_LIST && path.len == 0) {
        reply_warn(r, "Non-listing operations on the root of a K/V v2 mount are not supported.");
        r->reply.status = 404;
    } else {
        area->on[r->op](r, path);
    }
}

static void on_any(struct request *r)
{
    static void (*const v1[OP_COUNT])(struct request * r) = {
        [OP_READ] = kv_v1_read,
        [OP_LIST] = kv_v1_list,
        [OP_WRITE] = kv_v1_write,
        [OP_DELETE] = kv_v1_delete,
        [OP_PATCH] = unsupported,
    };

    if (is_write(r) && ends_with_slash(r->rest))
        reply_error(r, 400, "cannot write to a path ending in '/'");
    else if (is_v2(r->mount))
        on_v2(r);
    else
        v1[r->op](r);
}

static bool exists(struct request *r)
{
    const struct area *area;
    struct str path;

    if (!is_v2(r->mount))
        return kv_v1_exists(r);
    area = area_of(r, &path);
    return area == NULL || !area->creates || kv_key_load(r, path) != NULL;
}

void kv_list(struct request *r, const char *kind, struct str path)
{
    const char *end = path.len > 0 && !ends_with_slash(path) ? "/" : "";
    struct str after = STR("");
    int64_t limit = 0;

    field_text(r, "after", &after);
    field_int(r, "limit", &limit);
    if (refused(r))
        return;
    if (limit < 0 || limit > UINT32_MAX)
        limit = 0;
    reply_keys(r, entry_list(&r->tx, mount_path(r, "%s/%.*s%s", kind, STR_ARG(path), end), after,
                      (unsigned)limit));
}

static struct value *merge_member(
    struct arena *a, const struct value *target, const struct value *patch)
{
    if (patch->kind == VALUE_MAP)
        return kv_merge(a, target, patch);
    return value_copy(a, patch);
}

struct value *kv_merge(struct arena *a, const struct value *target, const struct value *patch)
{
    struct value *out =
        target != NULL && target->kind == VALUE_MAP ? value_copy(a, target) : value_map(a);

    value_each (it, patch) {
        if (it->kind == VALUE_NULL)
            value_remove(out, it->name);
        else
            value_set(a, out, it->name, merge_member(a, value_find(out, it->name), it));
    }
    return out;
}

/* ---- mounts ---- */

static bool version_is_known(struct request *r, const struct value *options)
{
    struct str version = value_get_text(options, "version", STR("1"));

    if (str_is(version, "1") || str_is(version, "2") || version.len == 0)
        return true;
    reply_error(r, 400, "a kv mount has version 1 or 2");
    return false;
}

static bool mount(struct request *r, struct mount *m)
{
    return version_is_known(r, m->options);
}

static bool tune(struct request *r, struct mount *m, const struct value *options)
{
    bool to_v2 = str_is(value_get_text(options, "version", STR("")), "2");

    if (value_get(options, "version") == NULL)
        return true;
    if (!version_is_known(r, options))
        return false;
    if (is_v2(m) && !to_v2) {
        reply_error(r, 400, "cannot downgrade a kv mount from version 2 to 1");
        return false;
    }
    if (!is_v2(m) && to_v2)
        kv_upgrade_begin(r, m);
    return true;
}

static void tick(struct request *r, struct mount *m)
{
    if (is_v2(m) && kv_is_upgrading(r))
        kv_upgrade(r, m);
}

#define EVERYTHING                                                                                 \
    {                                                                                              \
        [OP_READ] = on_any, [OP_LIST] = on_any, [OP_WRITE] = on_any, [OP_DELETE] = on_any,         \
        [OP_PATCH] = on_any                                                                        \
    }

/* What destroys stands alone, for policies that ask for approvals. */
static const struct endpoint endpoints[] = {
    { "destroy/{path*}", EVERYTHING, exists, ENDPOINT_APPROVE },
    { "metadata/{path*}", EVERYTHING, exists, ENDPOINT_APPROVE },
    { "{path*}", EVERYTHING, exists, 0 },
    { 0 },
};

const struct engine engine_kv = {
    .type = "kv",
    .endpoints = endpoints,
    .mount = mount,
    .tune = tune,
    .tick = tick,
};
