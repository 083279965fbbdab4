/*
 * kv key - what version 2 knows of a secret: its versions, how long they live, and what its owner noted.
 */
#include "keeper/core/encode_int.h"
#include "keeper/engines/kv_int.h"

enum { ROOM_FIRST = 16, SECOND = 1000 };

/* ---- as stored ---- */

static struct str key_place(struct request *r, struct str path)
{
    return mount_path(r, "key/%.*s", STR_ARG(path));
}

static struct str version_place(struct request *r, const struct kv_key *k, int64_t n)
{
    return mount_path(r, "version/%.*s/%lld", STR_ARG(k->id), (long long)n);
}

static int64_t item_i64(const struct value **at)
{
    int64_t n = 0;

    if (*at != NULL) {
        value_to_i64(*at, &n);
        *at = (*at)->next;
    }
    return n;
}

static struct kv_version *append(struct request *r, struct kv_key *k)
{
    if (k->n == k->room) {
        size_t room = k->room > 0 ? k->room * 2 : ROOM_FIRST;
        struct kv_version *more = arena_calloc(&r->arena, room, sizeof(*more));

        if (k->n > 0)
            memcpy(more, k->versions, k->n * sizeof(*more));
        k->versions = more;
        k->room = room;
    }
    memset(&k->versions[k->n], 0, sizeof(k->versions[0]));
    return &k->versions[k->n++];
}

/* Four numbers a version. */
static void load_versions(struct request *r, struct kv_key *k, const struct value *list)
{
    const struct value *at = list != NULL ? list->first : NULL;

    while (at != NULL) {
        struct kv_version *v = append(r, k);

        v->n = item_i64(&at);
        v->created = item_i64(&at);
        v->deleted = item_i64(&at);
        v->destroyed = item_i64(&at) != 0;
    }
}

struct kv_key *kv_key_load(struct request *r, struct str path)
{
    const struct value *row = entry_get_value(&r->tx, key_place(r, path));
    struct kv_key *k;

    if (row == NULL)
        return NULL;
    k = arena_calloc(&r->arena, 1, sizeof(*k));
    k->path = path;
    k->id = value_get_text(row, "id", STR(""));
    k->current = value_get_i64(row, "current", 0);
    k->oldest = value_get_i64(row, "oldest", 0);
    k->created = value_get_i64(row, "created", 0);
    k->updated = value_get_i64(row, "updated", 0);
    k->max_versions = value_get_i64(row, "max_versions", 0);
    k->delete_after = value_get_i64(row, "delete_after", 0);
    k->cas_required = value_get_bool(row, "cas_required", false);
    k->custom = value_get(row, "custom");
    load_versions(r, k, value_get(row, "versions"));
    return k;
}

struct kv_key *kv_key_new(struct request *r, struct str path)
{
    struct kv_key *k = arena_calloc(&r->arena, 1, sizeof(*k));

    k->path = path;
    k->id = random_uuid(&r->arena);
    k->created = k->updated = r->now;
    return k;
}

void kv_key_store(struct request *r, const struct kv_key *k)
{
    struct arena *a = &r->arena;
    struct value *row = value_map(a);
    struct value *versions = value_list(a);

    value_put_text(a, row, "id", k->id);
    value_put_i64(a, row, "current", k->current);
    value_put_i64(a, row, "oldest", k->oldest);
    value_put_i64(a, row, "created", k->created);
    value_put_i64(a, row, "updated", k->updated);
    value_put_i64(a, row, "max_versions", k->max_versions);
    value_put_i64(a, row, "delete_after", k->delete_after);
    value_put_bool(a, row, "cas_required", k->cas_required);
    if (k->custom != NULL)
        value_put(row, "custom", value_copy(a, k->custom));
    for (size_t i = 0; i < k->n; i++) {
        value_add(versions, value_i64(a, k->versions[i].n));
        value_add(versions, value_i64(a, k->versions[i].created));
        value_add(versions, value_i64(a, k->versions[i].deleted));
        value_add(versions, value_i64(a, k->versions[i].destroyed));
    }
    value_put(row, "versions", versions);
    entry_put_value(&r->tx, key_place(r, k->path), row, 0);
}

void kv_key_delete(struct request *r, const struct kv_key *k)
{
    for (size_t i = 0; i < k->n; i++)
        if (!k->versions[i].destroyed)
            entry_delete(&r->tx, version_place(r, k, k->versions[i].n));
    entry_delete(&r->tx, key_place(r, k->path));
}

/* ---- versions ---- */

struct kv_version *kv_version_find(struct kv_key *k, int64_t n)
{
    if (n == 0)
        n = k->current;
    for (size_t i = k->n; i > 0; i--)
        if (k->versions[i - 1].n == n)
            return &k->versions[i - 1];
    return NULL;
}

bool kv_version_is_gone(const struct request *r, const struct kv_version *v)
{
    return v->destroyed || (v->deleted != 0 && v->deleted <= r->now);
}

/* When a version made now is deleted by itself; 0: never. The shorter of the mount's and the key's. */
static int64_t deletion(
    const struct request *r, const struct kv_config *config, const struct kv_key *k)
{
    int64_t after = config->delete_after;

    if (after < 0)
        return 0;
    if (after == 0 || (k->delete_after > 0 && k->delete_after < after))
        after = k->delete_after;
    return after > 0 ? r->now + after * SECOND : 0;
}

static int64_t versions_kept(const struct kv_config *config, const struct kv_key *k)
{
    int64_t most = k->max_versions > config->max_versions ? k->max_versions : config->max_versions;

    if (most <= 0)
        return KV_VERSIONS_DEFAULT;
    return most < KV_VERSIONS_MAX ? most : KV_VERSIONS_MAX;
}

static void drop_oldest(struct request *r, struct kv_key *k, int64_t most)
{
    size_t gone = k->n > (size_t)most ? k->n - (size_t)most : 0;

    if (gone == 0)
        return;
    for (size_t i = 0; i < gone; i++)
        if (!k->versions[i].destroyed)
            entry_delete(&r->tx, version_place(r, k, k->versions[i].n));
    k->n -= gone;
    memmove(k->versions, k->versions + gone, k->n * sizeof(k->versions[0]));
    k->oldest = k->versions[0].n;
}

struct kv_version *kv_version_add(
    struct request *r, struct kv_key *k, const struct kv_config *config, const struct value *data)
{
    struct kv_version *v = append(r, k);

    v->n = ++k->current;
    v->created = r->now;
    v->deleted = deletion(r, config, k);
    k->updated = r->now;
    entry_put_value(&r->tx, version_place(r, k, v->n), data, 0);
    drop_oldest(r, k, versions_kept(config, k));
    return &k->versions[k->n - 1];
}

struct value *kv_version_data(struct request *r, const struct kv_key *k, int64_t n)
{
    return entry_get_value(&r->tx, version_place(r, k, n));
}

void kv_version_destroy(struct request *r, const struct kv_key *k, struct kv_version *v)
{
    if (v->destroyed)
        return;
    v->destroyed = true;
    entry_delete(&r->tx, version_place(r, k, v->n));
}

static struct str time_or_none(struct arena *a, int64_t msec)
{
    return msec != 0 ? time_text_fine(a, msec) : STR("");
}

struct value *kv_version_says(struct request *r, const struct kv_version *v, const struct kv_key *k)
{
    struct arena *a = &r->arena;
    struct value *map = value_map(a);

    value_put_text(a, map, "created_time", time_or_none(a, v->created));
    if (k != NULL)
        value_put(
            map, "custom_metadata", k->custom != NULL ? value_copy(a, k->custom) : value_null(a));
    value_put_text(a, map, "deletion_time", time_or_none(a, v->deleted));
    value_put_bool(a, map, "destroyed", v->destroyed);
    if (k != NULL)
        value_put_i64(a, map, "version", v->n);
    return map;
}

void kv_config_load(struct request *r, struct kv_config *c)
{
    const struct value *row = entry_get_value(&r->tx, mount_path(r, "config"));

    c->max_versions = value_get_i64(row, "max_versions", 0);
    c->delete_after = value_get_i64(row, "delete_after", 0);
    c->cas_required = value_get_bool(row, "cas_required", false);
}
