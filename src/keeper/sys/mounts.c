/*
 * mounts - sys/mounts, sys/auth, their tuning, and sys/remount.
 *
 * Both are one table; those of sys/auth have "auth/" before their path.  A mount that is taken away is gone at once; what
 * it kept is cleared away in the background.
 */
#include "keeper/core/approval_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/lockout_int.h"
#include "keeper/sys/sys_int.h"

enum { DESCRIPTION_MAX = 4096, OPTIONS_MAX = 64 };

/* ---- what is said of a mount ---- */

static const char *const listed_config[] = { "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys", "listing_visibility", "passthrough_request_headers",
    "allowed_response_headers", "allowed_managed_keys", "token_type", "user_lockout_config", NULL };

static struct value *config_value(struct arena *a, const struct mount *m)
{
    struct value *v = value_map(a);

    value_put_i64(a, v, "default_lease_ttl", m->default_ttl);
    value_put_bool(a, v, "force_no_cache", value_get_bool(m->config, "force_no_cache", false));
    value_put_i64(a, v, "max_lease_ttl", m->max_ttl);
    if (m->engine->auth)
        value_put_text(
            a, v, "token_type", value_get_text(m->config, "token_type", STR("default-service")));
    for (const char *const *name = listed_config; *name != NULL; name++) {
        const struct value *it = value_get(m->config, *name);

        if (it != NULL && value_get(v, *name) == NULL)
            value_put(v, *name, value_copy(a, it));
    }
    return v;
}

/* Of a mount that nobody made: null, as in Vault; else what was given, be it nothing. */
static struct value *options_value(struct arena *a, const struct mount *m)
{
    static const char *const always[] = { "system", "cubbyhole", "identity", "token" };

    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        if (strcmp(m->engine->type, always[i]) == 0)
            return value_null(a);
    return value_copy(a, m->options);
}

struct value *mount_value(struct arena *a, const struct mount *m)
{
    struct value *v = value_map(a);

    value_put_text(a, v, "accessor", m->accessor);
    value_put(v, "config", config_value(a, m));
    value_put_text(a, v, "deprecation_status", STR("supported"));
    value_put_text(a, v, "description", m->description);
    value_put_bool(a, v, "external_entropy_access", false);
    value_put_bool(a, v, "local", m->local);
    value_put(v, "options", options_value(a, m));
    value_put_text(a, v, "plugin_version", STR(""));
    value_put_text(a, v, "running_plugin_version",
        str_from(arena_printf(a, "v%s+builtin.vault", sys_version())));
    value_put_text(a, v, "running_sha256", STR(""));
    value_put_bool(a, v, "seal_wrap", m->seal_wrap);
    value_put_text(a, v, "type", str_from(m->engine->type));
    value_put_text(a, v, "uuid", m->uuid);
    return v;
}

/* The path as sys/auth names it. */
static struct str name_of(const struct mount *m, bool auth)
{
    return auth ? (struct str){ m->path.at + 5, m->path.len - 5 } : m->path;
}

static void list_mounts(struct request *r, bool auth)
{
    struct value *v = value_map(&r->arena);
    struct mount *m = NULL;

    while ((m = core_mount_each(r->core, NULL, m)) != NULL)
        if (m->engine->auth == auth && !m->tainted)
            value_put_named(&r->arena, v, name_of(m, auth), mount_value(&r->arena, m));
    reply_data_and_top(r, v);
}

void sys_mounts_list(struct request *r)
{
    list_mounts(r, false);
}

void sys_auth_list(struct request *r)
{
    list_mounts(r, true);
}

/* ---- which mount ---- */

/* "kv/tune" is the mount "kv/"; *tune says that it was there. */
static struct str mount_name(struct request *r, bool auth, bool *tune)
{
    struct str name = param(r, "path");

    *tune = str_ends(name, STR("/tune"));
    if (*tune)
        name.len -= 5;
    while (name.len > 0 && name.at[name.len - 1] == '/')
        name.len--;
    return str_from(arena_printf(&r->arena, "%s%.*s/", auth ? "auth/" : "", STR_ARG(name)));
}

static struct mount *mount_at(struct request *r, struct str path, bool auth)
{
    struct mount *m = core_mount_of(r->core, path);

    return m != NULL && str_eq(m->path, path) && m->engine->auth == auth && !m->tainted ? m : NULL;
}

/* ---- configuration ---- */

/* One of the words of config or tune that are kept as lists of texts. */
static void read_list(struct request *r, struct mount *m, const char *name)
{
    struct value *list;

    if (!field_list(r, name, &list))
        return;
    if (list->n > 0)
        value_set(&r->arena, m->config, str_from(name), list);
    else
        value_remove(m->config, str_from(name));
}

static void read_ttl(struct request *r, const char *name, int64_t *ttl)
{
    struct str text;

    if (value_get(r->body, name) == NULL)
        return;
    if (field_text(r, name, &text) && str_is(text, "system"))
        *ttl = 0;
    else
        field_seconds(r, name, ttl);
    if (!refused(r) && *ttl < 0)
        reply_error(r, 400, "%s must not be negative", name);
}

static bool is_word(struct str s, const char *const *words)
{
    for (; *words != NULL; words++)
        if (str_is(s, *words))
            return true;
    return false;
}

static void read_words(struct request *r, struct mount *m)
{
    static const char *const visibility[] = { "", "hidden", "unauth", NULL };
    static const char *const token_types[] = { "default-service", "default-batch", "service",
        "batch", NULL };
    struct str text;
    bool flag;

    if (field_text(r, "listing_visibility", &text)) {
        if (is_word(text, visibility))
            value_set(&r->arena, m->config, STR("listing_visibility"),
                value_text(&r->arena, text.len > 0 ? text : STR("hidden")));
        else
            reply_error(r, 400, "invalid value for listing_visibility");
    }
    if (m->engine->auth && field_text(r, "token_type", &text)) {
        if (is_word(text, token_types))
            value_set(&r->arena, m->config, STR("token_type"), value_text(&r->arena, text));
        else
            reply_error(r, 400, "invalid value for \"token_type\"");
    }
    if (m->engine->auth)
        lockout_read_config(r, m);
    if (field_bool(r, "force_no_cache", &flag))
        value_set(&r->arena, m->config, STR("force_no_cache"), value_bool(&r->arena, flag));
}

/* The members of r->body that config and tune have in common. False: reply_error() said why. */
static bool read_config(struct request *r, struct mount *m)
{
    static const char *const lists[] = { "audit_non_hmac_request_keys",
        "audit_non_hmac_response_keys", "passthrough_request_headers", "allowed_response_headers",
        "allowed_managed_keys", NULL };
    int64_t longest;

    read_ttl(r, "default_lease_ttl", &m->default_ttl);
    read_ttl(r, "max_lease_ttl", &m->max_ttl);
    for (const char *const *name = lists; *name != NULL; name++)
        read_list(r, m, *name);
    read_words(r, m);
    if (refused(r))
        return false;
    longest = m->max_ttl > 0 ? m->max_ttl : CORE_TTL_DEFAULT;
    if (m->default_ttl > longest)
        reply_error(r, 400, "backend max lease TTL of %llds is less than its default of %llds",
            (long long)longest, (long long)m->default_ttl);
    return !refused(r);
}

/* Options are texts, whatever they came as. Adds to what is there. */
static bool read_options(struct request *r, struct value *to)
{
    struct value *options;

    if (!field_map(r, "options", &options))
        return !refused(r);
    if (options->n > OPTIONS_MAX) {
        reply_error(r, 400, "too many options");
        return false;
    }
    value_each (it, options) {
        if (it->kind == VALUE_TEXT || it->kind == VALUE_NUMBER)
            value_set(&r->arena, to, it->name, value_text(&r->arena, it->text));
        else if (it->kind == VALUE_TRUE || it->kind == VALUE_FALSE)
            value_set(&r->arena, to, it->name,
                value_text(&r->arena, it->kind == VALUE_TRUE ? STR("true") : STR("false")));
    }
    return true;
}

/* ---- making ---- */

/* Calls a hook of the engine with r->mount set, so that mount_path() is the mount's. */
static bool in_mount(struct request *r, struct mount *m, const struct value *options)
{
    struct mount *ours = r->mount;
    bool ok = true;

    r->mount = m;
    if (options == NULL && m->engine->mount != NULL)
        ok = m->engine->mount(r, m);
    else if (options != NULL && m->engine->tune != NULL)
        ok = m->engine->tune(r, m, options);
    r->mount = ours;
    return ok;
}

static bool path_is_free(struct request *r, struct str path, bool auth)
{
    static const char *const reserved[] = { "auth/", "sys/", "audit/", "cubbyhole/", "identity/",
        NULL };
    struct mount *m;

    if (path.len <= (auth ? 6u : 1u) || path.len > 512) {
        reply_error(r, 400, "the path of a mount must be between 1 and 500 characters");
        return false;
    }
    for (const char *const *word = reserved; !auth && *word != NULL; word++)
        if (str_starts(path, str_from(*word))) {
            reply_error(r, 400, "cannot mount under reserved path %s", *word);
            return false;
        }
    m = mounts_conflict(r->core, path);
    if (m != NULL) {
        reply_error(r, 400, "path is already in use at %.*s", STR_ARG(m->path));
        return false;
    }
    return true;
}

/* The engine that "type" names; "kv-v2" and "generic" are other words for kv. */
static const struct engine *asked_engine(struct request *r, bool auth, bool *second)
{
    struct str type = STR("");
    struct str asked;
    const struct engine *e;

    field_text(r, "type", &type);
    if (str_is(type, "plugin") || type.len == 0)
        field_text(r, "plugin_name", &type);
    if (refused(r))
        return NULL;
    asked = type;
    *second = str_is(type, "kv-v2");
    if (!auth && (*second || str_is(type, "generic") || str_is(type, "kv-v1")))
        type = STR("kv");
    e = engine_find(type, auth);
    if (type.len == 0)
        reply_error(r, 400, "backend type must be specified as a string");
    else if (e == NULL || e->single)
        reply_error(r, 400, "plugin not found in the catalog: %.*s", STR_ARG(asked));
    return refused(r) ? NULL : e;
}

/* Reads config as if its members stood in the body. */
static bool read_nested_config(struct request *r, struct mount *m)
{
    struct value *body = r->body;
    struct value *config;
    bool ok;

    if (!field_map(r, "config", &config))
        return !refused(r);
    r->body = config;
    ok = read_config(r, m);
    r->body = body;
    return ok;
}

static bool read_new(struct request *r, struct mount *m, bool second)
{
    field_text(r, "description", &m->description);
    field_bool(r, "local", &m->local);
    field_bool(r, "seal_wrap", &m->seal_wrap);
    if (refused(r) || !read_nested_config(r, m) || !read_options(r, m->options))
        return false;
    if (second)
        value_set(&r->arena, m->options, STR("version"), value_text(&r->arena, STR("2")));
    if (m->description.len > DESCRIPTION_MAX)
        reply_error(r, 400, "the description is too long");
    return !refused(r);
}

static void enable(struct request *r, bool auth)
{
    bool tune;
    bool second = false;
    struct str path = mount_name(r, auth, &tune);
    const struct engine *e = asked_engine(r, auth, &second);
    struct mount *m;

    if (e == NULL || !path_is_free(r, path, auth))
        return;
    if (mounts_count(r->core) >= CORE_MOUNTS_MAX) {
        reply_error(r, 400, "there are %d mounts already", CORE_MOUNTS_MAX);
        return;
    }
    m = mount_make(&r->arena, e, path);
    if (!read_new(r, m, second) || !in_mount(r, m, NULL))
        return;
    mount_put(&r->tx, m);
    call_of(r)->reloads = true;
    r->reply.status = 0;
    reply_empty(r);
}

/* ---- tuning ---- */

static struct mount *copy_of(struct request *r, const struct mount *m)
{
    struct mount *copy = arena_alloc(&r->arena, sizeof(*copy));

    *copy = *m;
    copy->options = value_copy(&r->arena, m->options);
    copy->config = value_copy(&r->arena, m->config);
    return copy;
}

static void tune_read(struct request *r, const struct mount *m)
{
    struct arena *a = &r->arena;
    struct value *v = config_value(a, m);

    value_set(a, v, STR("default_lease_ttl"),
        value_i64(a, m->default_ttl > 0 ? m->default_ttl : CORE_TTL_DEFAULT));
    value_set(
        a, v, STR("max_lease_ttl"), value_i64(a, m->max_ttl > 0 ? m->max_ttl : CORE_TTL_DEFAULT));
    value_put_text(a, v, "description", m->description);
    if (m->options->n > 0)
        value_put(v, "options", value_copy(a, m->options));
    reply_data_and_top(r, v);
}

static void tune_write(struct request *r, const struct mount *m)
{
    struct mount *changed = copy_of(r, m);
    struct value *options = value_map(&r->arena);

    field_text(r, "description", &changed->description);
    if (refused(r) || !read_config(r, changed) || !read_options(r, options))
        return;
    if (changed->description.len > DESCRIPTION_MAX) {
        reply_error(r, 400, "the description is too long");
        return;
    }
    if (options->n > 0 && !in_mount(r, changed, options))
        return;
    value_each (it, options)
        value_set(&r->arena, changed->options, it->name, value_text(&r->arena, it->text));
    mount_put(&r->tx, changed);
    call_of(r)->reloads = true;
    reply_empty(r);
}

static void one_mount(struct request *r, bool auth, bool write)
{
    bool tune;
    struct str path = mount_name(r, auth, &tune);
    struct mount *m;

    if (param(r, "path").len == 0 && !write) { /* "sys/mounts/" */
        list_mounts(r, auth);
        return;
    }
    if (!tune && write) {
        enable(r, auth);
        return;
    }
    m = mount_at(r, path, auth);
    if (m == NULL)
        reply_error(r, 400, "%s%.*s",
            tune ? "cannot fetch sysview for path " : "No secret engine mount at ", STR_ARG(path));
    else if (!tune)
        reply_data_and_top(r, mount_value(&r->arena, m));
    else if (write)
        tune_write(r, m);
    else
        tune_read(r, m);
}

void sys_mount_read(struct request *r)
{
    one_mount(r, false, false);
}

void sys_mount_write(struct request *r)
{
    one_mount(r, false, true);
}

void sys_auth_read(struct request *r)
{
    one_mount(r, true, false);
}

void sys_auth_write(struct request *r)
{
    one_mount(r, true, true);
}

/* ---- taking away ---- */

static void disable(struct request *r, bool auth)
{
    bool tune;
    struct str path = mount_name(r, auth, &tune);
    struct mount *m = mount_at(r, path, auth);

    if (m != NULL && m->engine->single) {
        reply_error(r, 400, "cannot unmount \"%.*s\"", STR_ARG(path));
        return;
    }
    if (m != NULL) {
        lease_revoke_prefix(r, m->path, true);
        mount_remove(&r->tx, m);
        entry_put(&r->tx, entry_path(&r->tx, "core/gone/%.*s", STR_ARG(m->id)), STR(""), 0);
        call_of(r)->reloads = true;
    }
    if (!refused(r))
        reply_empty(r);
}

void sys_mount_delete(struct request *r)
{
    disable(r, false);
}

void sys_auth_delete(struct request *r)
{
    disable(r, true);
}

/* What mounts left behind that are gone: a bounded piece of it. */
void sys_tick(struct request *r, struct mount *m)
{
    struct value *gone = entry_list(&r->tx, STR("core/gone/"), STR_NONE, 1);

    (void)m;
    rotate_when_due(r);
    approval_tick(r);
    value_each (id, gone)
        if (!entry_delete_under(&r->tx, entry_path(&r->tx, "mount/%.*s/", STR_ARG(id->text))))
            entry_delete(&r->tx, entry_path(&r->tx, "core/gone/%.*s", STR_ARG(id->text)));
}

/* ---- moving ---- */

static struct str with_slash(struct request *r, struct str path)
{
    while (path.len > 0 && path.at[path.len - 1] == '/')
        path.len--;
    while (path.len > 0 && path.at[0] == '/')
        path = (struct str){ path.at + 1, path.len - 1 };
    return str_from(arena_printf(&r->arena, "%.*s/", STR_ARG(path)));
}

static void put_migration(struct request *r, struct str id, struct str from, struct str to)
{
    struct value *v = value_map(&r->arena);

    value_put_text(&r->arena, v, "source_mount", from);
    value_put_text(&r->arena, v, "target_mount", to);
    value_put_text(&r->arena, v, "status", STR("success"));
    entry_put_value(&r->tx, entry_path(&r->tx, "core/migration/%.*s", STR_ARG(id)), v,
        r->now + INT64_C(86400000));
}

void sys_remount(struct request *r)
{
    struct str from = STR("");
    struct str to = STR("");
    struct mount *m;
    struct value *v;
    struct str id;
    bool auth;

    field_text(r, "from", &from);
    field_text(r, "to", &to);
    if (refused(r))
        return;
    from = with_slash(r, from);
    to = with_slash(r, to);
    auth = str_starts(from, STR("auth/"));
    m = mount_at(r, from, auth);
    if (m == NULL || m->engine->single) {
        reply_error(r, 400, "no matching mount at \"%.*s\"", STR_ARG(from));
        return;
    }
    if (auth != str_starts(to, STR("auth/"))) {
        reply_error(r, 400, "cannot remount between auth and secret mounts");
        return;
    }
    if (!route_path_is_canonical(to) || !path_is_free(r, to, auth))
        return;
    lease_revoke_prefix(r, from, true);
    m = copy_of(r, m);
    m->path = to;
    mount_put(&r->tx, m);
    call_of(r)->reloads = true;
    id = random_uuid(&r->arena);
    put_migration(r, id, from, to);
    v = value_map(&r->arena);
    value_put_text(&r->arena, v, "migration_id", id);
    reply_data_and_top(r, v);
}

void sys_remount_status(struct request *r)
{
    struct str id = param(r, "id");
    struct value *info =
        entry_get_value(&r->tx, entry_path(&r->tx, "core/migration/%.*s", STR_ARG(id)));
    struct value *v = value_map(&r->arena);

    if (info == NULL) {
        reply_not_found(r);
        return;
    }
    value_put_text(&r->arena, v, "migration_id", id);
    value_put(v, "migration_info", info);
    reply_data(r, v);
}
