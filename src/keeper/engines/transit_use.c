/*
 * How often a version of a key has sealed or signed.
 *
 * A use is counted in memory, so that it costs no write; the tick adds what came together to the key's entry.  What
 * the last second counted is lost with a crash: the limits that are compared with it leave room for that.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "keeper/engines/transit_int.h"

enum { SLOTS = 1024, COUNTED_MAX = 100000, NAME_ROOM = 24 };

struct count {
    struct count *next;
    uint64_t uses;
    uint32_t version;
    size_t id_len;
    size_t name_len;
    char text[]; /* the mount's id, the key's name */
};

static struct count *slots[SLOTS];
static unsigned counted;

static unsigned slot_of(const struct mount *m, struct str name, uint32_t version)
{
    return (
        unsigned)((hash_bytes(m->id.at, m->id.len) + 31 * hash_bytes(name.at, name.len) + version) %
                  SLOTS);
}

static struct str id_of(const struct count *c)
{
    return (struct str){ c->text, c->id_len };
}

static struct str name_of(const struct count *c)
{
    return (struct str){ c->text + c->id_len, c->name_len };
}

static struct count *find(const struct mount *m, struct str name, uint32_t version)
{
    struct count *c = slots[slot_of(m, name, version)];

    while (c != NULL &&
           (c->version != version || !str_eq(name_of(c), name) || !str_eq(id_of(c), m->id)))
        c = c->next;
    return c;
}

void transit_usage_add(const struct mount *m, struct str name, uint32_t version, uint64_t uses)
{
    struct count *c = find(m, name, version);
    struct count **slot;

    if (c != NULL) {
        c->uses += uses;
        return;
    }
    if (counted >= COUNTED_MAX)
        return;
    c = xcalloc(1, sizeof(*c) + m->id.len + name.len);
    c->uses = uses;
    c->version = version;
    c->id_len = m->id.len;
    c->name_len = name.len;
    memcpy(c->text, m->id.at, m->id.len);
    memcpy(c->text + m->id.len, name.at, name.len);
    slot = &slots[slot_of(m, name, version)];
    c->next = *slot;
    *slot = c;
    counted++;
}

static struct str path_of(struct tx *t, const struct mount *m, struct str name)
{
    return entry_path(t, "mount/%.*s/usage/%.*s", STR_ARG(m->id), STR_ARG(name));
}

static struct str number(struct arena *a, uint32_t version)
{
    return str_from(arena_printf(a, "%u", version));
}

static uint64_t written(const struct value *row, struct arena *a, uint32_t version)
{
    int64_t n = 0;

    value_to_i64(value_find(row, number(a, version)), &n);
    return (uint64_t)n;
}

uint64_t transit_usage_of(struct tx *t, const struct mount *m, struct str name, uint32_t version)
{
    const struct count *c = find(m, name, version);

    return written(entry_get_value(t, path_of(t, m, name)), t->arena, version) +
           (c != NULL ? c->uses : 0);
}

static uint64_t add_to_row(struct tx *t, const struct mount *m, const struct count *c)
{
    struct str path = path_of(t, m, name_of(c));
    struct value *row = entry_get_value(t, path);
    uint64_t sum;

    if (row == NULL)
        row = value_map(t->arena);
    sum = written(row, t->arena, c->version) + c->uses;
    value_set(t->arena, row, number(t->arena, c->version), value_i64(t->arena, (int64_t)sum));
    entry_put_value(t, path, row, 0);
    return sum;
}

void transit_usage_flush(struct tx *t, const struct mount *m,
    void (*on_key)(void *arg, struct str name, uint32_t version, uint64_t uses), void *arg)
{
    if (counted == 0)
        return;
    for (unsigned i = 0; i < SLOTS; i++) {
        struct count **at = &slots[i];

        while (*at != NULL) {
            struct count *c = *at;
            struct str name = arena_str(t->arena, name_of(c));

            if (!str_eq(id_of(c), m->id)) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            counted--;
            if (transit_key_get(t, m, name) != NULL)
                on_key(arg, name, c->version, add_to_row(t, m, c));
            free(c);
        }
    }
}
