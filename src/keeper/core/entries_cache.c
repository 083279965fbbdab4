/*
 * entries_cache - plaintext and parsed objects by path, with a limit in bytes.
 *
 * What is not durable yet is pinned: it is the only place where it can be read.  The rest goes, the least
 * recently used first.  Absence is remembered too.  All data is wiped when it goes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"

enum { TABLE_LEAST = 1024 };

struct grave {
    struct grave *next;
    void *object;
    const struct entry_class *class;
};

void cache_init(struct cache *c)
{
    memset(c, 0, sizeof(*c));
    list_init(&c->used);
    list_init(&c->pinned);
    c->room = TABLE_LEAST;
    c->table = xcalloc(c->room, sizeof(struct cached *));
}

void cache_free(struct cache *c)
{
    cache_drop_all(c);
    cache_bury(c);
    free(c->table);
}

void cache_add_grave(struct cache *c, void *object, const struct entry_class *class)
{
    struct grave *g = xmalloc(sizeof(*g));

    g->object = object;
    g->class = class;
    g->next = c->graves;
    c->graves = g;
}

void cache_bury(struct cache *c)
{
    while (c->graves != NULL) {
        struct grave *g = c->graves;

        c->graves = g->next;
        g->class->free(g->object);
        free(g);
    }
}

struct cached *cache_find(struct cache *c, struct str path, uint64_t hash)
{
    struct cached *it = c->table[hash & (c->room - 1)];

    while (
        it != NULL && (it->hash != hash || !str_eq((struct str){ it->path, it->path_len }, path)))
        it = it->chain;
    if (it != NULL && !it->pinned) {
        list_remove(&it->place);
        list_append(&c->used, &it->place);
    }
    return it;
}

static void grow(struct cache *c)
{
    size_t room = c->room * 2;
    struct cached **table = xcalloc(room, sizeof(struct cached *));

    for (size_t i = 0; i < c->room; i++) {
        struct cached *next;

        for (struct cached *it = c->table[i]; it != NULL; it = next) {
            next = it->chain;
            it->chain = table[it->hash & (room - 1)];
            table[it->hash & (room - 1)] = it;
        }
    }
    free(c->table);
    c->table = table;
    c->room = room;
}

static void wipe(struct cache *c, struct cached *it)
{
    if (it->data != NULL)
        explicit_bzero(it->data, it->len);
    free(it->data);
    it->data = NULL;
    if (it->object != NULL)
        cache_add_grave(c, it->object, it->class);
    it->object = NULL;
}

static void drop(struct cache *c, struct cached *it)
{
    struct cached **at = &c->table[it->hash & (c->room - 1)];

    while (*at != it)
        at = &(*at)->chain;
    *at = it->chain;
    list_remove(&it->place);
    wipe(c, it);
    c->n--;
    c->bytes -= it->size;
    free(it);
}

static void count(struct cache *c, struct cached *it)
{
    c->bytes -= it->size;
    it->size = sizeof(*it) + it->path_len + it->len + 2 * sizeof(void *);
    if (it->object != NULL)
        it->size += it->class->size != NULL ? it->class->size(it->object) : 2 * it->len;
    c->bytes += it->size;
}

struct cached *cache_set(
    struct cache *c, struct str path, uint64_t hash, const struct contents *now, uint64_t batch)
{
    struct cached *it = cache_find(c, path, hash);

    if (it == NULL) {
        if (c->n >= c->room)
            grow(c);
        it = xcalloc(1, sizeof(*it) + path.len);
        it->hash = hash;
        it->path_len = path.len;
        memcpy(it->path, path.at, path.len);
        it->folder = path_hash(folder_of(path));
        it->chain = c->table[hash & (c->room - 1)];
        c->table[hash & (c->room - 1)] = it;
        list_init(&it->place);
        c->n++;
    }
    wipe(c, it);
    it->there = now->there;
    it->data = now->data;
    it->len = now->len;
    it->due = now->due;
    it->batch = batch;
    it->pinned = batch > 0;
    list_remove(&it->place);
    list_append(batch > 0 ? &c->pinned : &c->used, &it->place);
    count(c, it);
    return it;
}

void cache_set_gone(struct cache *c, struct str path, uint64_t hash, uint64_t batch)
{
    cache_set(c, path, hash, &(struct contents){ .there = false }, batch);
}

void cache_set_object(
    struct cache *c, struct cached *it, void *object, const struct entry_class *class)
{
    if (it->object != NULL)
        cache_add_grave(c, it->object, it->class);
    it->object = object;
    it->class = class;
    count(c, it);
}

void cache_settle(struct cache *c, uint64_t durable)
{
    list_each (at, after, &c->pinned) {
        struct cached *it = list_item(at, struct cached, place);

        if (it->batch > durable)
            break;
        it->pinned = false;
        it->batch = 0;
        list_remove(&it->place);
        list_append(&c->used, &it->place);
    }
}

void cache_drop_all(struct cache *c)
{
    list_each (at, after, &c->pinned)
        drop(c, list_item(at, struct cached, place));
    list_each (at, after, &c->used)
        drop(c, list_item(at, struct cached, place));
    MUST(c->n == 0 && c->bytes == 0);
}

void cache_evict(struct cache *c, size_t most)
{
    list_each (at, after, &c->used) {
        if (c->bytes <= most && most > 0)
            return;
        drop(c, list_item(at, struct cached, place));
    }
}
