/*
 * mounts - the table of what is mounted where: entries "core/mount/<id>", and in memory in the order of the paths.
 *
 * Mounts never lie within each other, so that the last path that is not past a request's is the only
 * one that can hold it.  The table is read anew when it changes; a row that did not change keeps its object, and
 * one that is gone stays as long as a request holds it.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/state_int.h"

enum { MOUNT_ARENA = 1024 };

struct mount_object {
    struct mount mount; /* first */
    struct arena arena;
    struct str row; /* as it was stored */
    unsigned held;
};

struct mounts {
    struct mount_object **rows;
    size_t n;
    uint64_t after; /* the batch that made it so */
};

/* ---- one row ---- */

const struct engine *engine_find(struct str type, bool auth)
{
    for (const struct engine *const *e = engines; *e != NULL; e++)
        if ((*e)->auth == auth && str_is(type, (*e)->type))
            return *e;
    return NULL;
}

struct mount *mount_make(struct arena *a, const struct engine *e, struct str path)
{
    struct mount *m = arena_calloc(a, 1, sizeof(*m));
    uint32_t drawn;

    random_bytes(&drawn, sizeof(drawn));
    m->engine = e;
    m->path = arena_str(a, path);
    m->id = random_uuid(a);
    m->uuid = m->id;
    m->accessor = str_from(arena_printf(
        a, "%s%s_%08x", e->auth && !e->single ? "auth_" : "", e->type, (unsigned)drawn));
    m->options = value_map(a);
    m->config = value_map(a);
    m->description = STR("");
    return m;
}

static struct value *as_value(struct arena *a, const struct mount *m)
{
    struct value *v = value_map(a);

    value_put_text(a, v, "type", str_from(m->engine->type));
    value_put_bool(a, v, "auth", m->engine->auth);
    value_put_text(a, v, "path", m->path);
    value_put_text(a, v, "accessor", m->accessor);
    value_put_text(a, v, "description", m->description);
    value_put(v, "options", value_copy(a, m->options));
    value_put_i64(a, v, "default_ttl", m->default_ttl);
    value_put_i64(a, v, "max_ttl", m->max_ttl);
    value_put(v, "config", value_copy(a, m->config));
    value_put_bool(a, v, "local", m->local);
    value_put_bool(a, v, "seal_wrap", m->seal_wrap);
    value_put_bool(a, v, "tainted", m->tainted);
    return v;
}

static struct value *map_of(struct arena *a, const struct value *v, const char *name)
{
    const struct value *map = value_get(v, name);

    return map != NULL && map->kind == VALUE_MAP ? value_copy(a, map) : value_map(a);
}

/* False: it says nothing that this version knows. */
static bool read_row(struct mount_object *o, struct str id, const struct value *v)
{
    struct arena *a = &o->arena;
    struct mount *m = &o->mount;

    m->engine = engine_find(value_get_text(v, "type", STR("")), value_get_bool(v, "auth", false));
    if (m->engine == NULL)
        return false;
    m->id = arena_str(a, id);
    m->uuid = m->id;
    m->path = arena_str(a, value_get_text(v, "path", STR("")));
    m->accessor = arena_str(a, value_get_text(v, "accessor", STR("")));
    m->description = arena_str(a, value_get_text(v, "description", STR("")));
    m->options = map_of(a, v, "options");
    m->default_ttl = value_get_i64(v, "default_ttl", 0);
    m->max_ttl = value_get_i64(v, "max_ttl", 0);
    m->config = map_of(a, v, "config");
    m->local = value_get_bool(v, "local", false);
    m->seal_wrap = value_get_bool(v, "seal_wrap", false);
    m->tainted = value_get_bool(v, "tainted", false);
    return true;
}

void mount_put(struct tx *t, const struct mount *m)
{
    entry_put_value(t, entry_path(t, "core/mount/%.*s", STR_ARG(m->id)), as_value(t->arena, m), 0);
}

void mount_remove(struct tx *t, const struct mount *m)
{
    entry_delete(t, entry_path(t, "core/mount/%.*s", STR_ARG(m->id)));
}

void mounts_put_first(struct tx *t)
{
    static const struct {
        const char *type;
        const char *path;
        const char *description;
    } first[] = {
        { "cubbyhole", "cubbyhole/", "per-token private secret storage" },
        { "identity", "identity/", "identity store" },
        { "system", "sys/", "system endpoints used for control, policy and debugging" },
        { "token", "auth/token/", "token based credentials" },
    };

    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        struct str path = str_from(first[i].path);
        const struct engine *e =
            engine_find(str_from(first[i].type), str_starts(path, STR("auth/")));
        struct mount *m;

        if (e == NULL)
            continue;
        m = mount_make(t->arena, e, path);
        m->description = str_from(first[i].description);
        mount_put(t, m);
    }
}

/* ---- the table ---- */

struct mount_object *mount_hold(struct mount *m)
{
    struct mount_object *o = (struct mount_object *)(void *)m;

    o->held++;
    return o;
}

void mount_release(struct mount_object *o)
{
    if (o == NULL || --o->held > 0)
        return;
    arena_free(&o->arena);
    free(o);
}

struct mounts *mounts_new(void)
{
    return xcalloc(1, sizeof(struct mounts));
}

void mounts_forget(struct mounts *m)
{
    for (size_t i = 0; i < m->n; i++)
        mount_release(m->rows[i]);
    free(m->rows);
    *m = (struct mounts){ 0 };
}

void mounts_free(struct mounts *m)
{
    if (m == NULL)
        return;
    mounts_forget(m);
    free(m);
}

static struct mount_object *unchanged(const struct mounts *m, struct str id, struct str row)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->rows[i]->mount.id, id) && str_eq(m->rows[i]->row, row))
            return m->rows[i];
    return NULL;
}

static struct mount_object *new_object(struct arena *scratch, struct str id, struct str row)
{
    struct mount_object *o = xcalloc(1, sizeof(*o));
    struct value *v;

    arena_init(&o->arena, MOUNT_ARENA);
    o->row = arena_str(&o->arena, row);
    v = value_decode(scratch, o->row, VALUE_NODES_MAX);
    if (v != NULL && read_row(o, id, v))
        return o;
    arena_free(&o->arena);
    free(o);
    return NULL;
}

static int by_path(const void *a, const void *b)
{
    struct str x = (*(const struct mount_object *const *)a)->mount.path;
    struct str y = (*(const struct mount_object *const *)b)->mount.path;
    int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);

    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static void add_row(struct core *c, struct tx *t, struct mounts *to, struct str id)
{
    struct mount_object *o;
    struct str row;

    if (!entry_get(t, entry_path(t, "core/mount/%.*s", STR_ARG(id)), &row))
        return;
    o = unchanged(c->mounts, id, row);
    if (o == NULL)
        o = new_object(t->arena, id, row);
    if (o == NULL)
        return;
    o->held++;
    to->rows[to->n++] = o;
}

bool mounts_load(struct core *c)
{
    struct mounts new = { 0 };
    struct arena scratch;
    struct value *ids;
    struct tx t;

    arena_init(&scratch, CORE_ARENA);
    tx_init(&t, c->entries, &scratch);
    ids = entry_list(&t, STR("core/mount/"), STR_NONE, 0);
    new.rows = xcalloc(ids->n + 1, sizeof(struct mount_object *));
    value_each (id, ids)
        add_row(c, &t, &new, id->text);
    qsort(new.rows, new.n, sizeof(struct mount_object *), by_path);
    new.after = t.after;
    if (t.failed != NULL) {
        mounts_forget(&new);
    } else {
        mounts_forget(c->mounts);
        *c->mounts = new;
    }
    arena_free(&scratch);
    return t.failed == NULL;
}

size_t mounts_count(const struct core *c)
{
    return c->mounts->n;
}

uint64_t mounts_after(const struct core *c)
{
    return c->mounts->after;
}

/* How many rows are not past this path. */
static size_t not_past(const struct mounts *m, struct str path)
{
    size_t low = 0;
    size_t high = m->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct str p = m->rows[middle]->mount.path;
        int order = memcmp(p.at, path.at, p.len < path.len ? p.len : path.len);

        if (order < 0 || (order == 0 && p.len <= path.len))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct mount *core_mount_of(struct core *c, struct str path)
{
    size_t n = not_past(c->mounts, path);
    struct mount *m;

    if (n > 0 && str_starts(path, c->mounts->rows[n - 1]->mount.path))
        return &c->mounts->rows[n - 1]->mount;
    if (n == c->mounts->n) /* "secret" is the folder "secret/" */
        return NULL;
    m = &c->mounts->rows[n]->mount;
    return m->path.len == path.len + 1 && str_starts(m->path, path) ? m : NULL;
}

struct mount *core_mount_by_accessor(struct core *c, struct str accessor)
{
    for (size_t i = 0; i < c->mounts->n; i++) {
        struct mount *m = &c->mounts->rows[i]->mount;

        if (str_eq(m->accessor, accessor) || str_eq(m->uuid, accessor))
            return m;
    }
    return NULL;
}

struct mount *core_mount_each(struct core *c, const char *type, struct mount *after)
{
    bool past = after == NULL;

    for (size_t i = 0; i < c->mounts->n; i++) {
        struct mount *m = &c->mounts->rows[i]->mount;

        if (past && (type == NULL || strcmp(m->engine->type, type) == 0))
            return m;
        past = past || m == after;
    }
    return NULL;
}

struct mount *mounts_conflict(const struct core *c, struct str path)
{
    for (size_t i = 0; i < c->mounts->n; i++) {
        struct mount *m = &c->mounts->rows[i]->mount;

        if (str_starts(path, m->path) || str_starts(m->path, path))
            return m;
    }
    return NULL;
}
