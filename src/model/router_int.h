/*
 * router - how compiled routes lie in memory.
 *
 *     hosts ---+--> struct host --+-- exact      "/a"       hash of paths
 *     wildcards+                  +-- patterns   "/a/{id}"  tree of segments
 *     any -----+                  +-- prefixes   "/a/" "*"  tree of segments
 *                                 +-- any
 *
 * A group is all routes of one host and path, in the order of the file.
 * Everything is in the blueprint's arena and only read after router_build().
 */
#ifndef WEIR_MODEL_ROUTER_INT_H
#define WEIR_MODEL_ROUTER_INT_H

#include "base/mem.h"
#include "model/router.h"

struct entry {
    const struct route *route;
    bool plain; /* no condition beside host and path */
};

struct group {
    struct entry *at;
    unsigned n;
    unsigned cap;
};

/* Text to pointer; open addressing. Keys are the author's, so a fast hash will do. */
struct map_slot {
    uint64_t hash;
    struct str key;
    void *value; /* NULL: free */
};
struct map {
    struct map_slot *slots;
    uint32_t mask;
    uint32_t n;
};

struct segment {
    struct map literals;     /* of struct segment */
    struct segment *capture; /* {name} */
    struct group here;       /* the pattern ends, or (prefixes) the * stands, here */
    struct group rest;       /* the pattern ends in {rest...} here */
    struct segment *above;   /* prefixes: the next shorter one that has a group */
    unsigned nliterals;      /* on the way here, {} not counted */
};

struct host {
    struct str name;  /* as written; "" for any */
    struct map exact; /* of struct group */
    struct segment *patterns;
    struct segment *prefixes;
    struct group any;
    size_t exact_longest;
};

struct router {
    struct map hosts;     /* of struct host, by name */
    struct map wildcards; /* of struct host, by what follows "*." */
    struct host *any;
    unsigned wildcard_labels; /* of the longest wildcard */
};

static inline uint64_t map_hash(struct str s)
{
    uint64_t h = s.len * 0x9e3779b97f4a7c15ULL;
    const char *p = s.at;
    size_t n = s.len;

    while (n >= 8) {
        uint64_t word;

        memcpy(&word, p, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
        p += 8;
        n -= 8;
    }
    if (n > 0) {
        uint64_t word = 0;

        memcpy(&word, p, n);
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    return h * 0xc4ceb9fe1a85ec53ULL;
}

static inline void *map_find(const struct map *m, struct str key)
{
    uint64_t hash;

    if (m->n == 0)
        return NULL;
    hash = map_hash(key);
    for (uint32_t i = (uint32_t)(hash >> 32) & m->mask;; i = (i + 1) & m->mask) {
        const struct map_slot *slot = &m->slots[i];

        if (slot->value == NULL)
            return NULL;
        if (slot->hash == hash && str_eq(slot->key, key))
            return slot->value;
    }
}

/* The next segment of a path without its first '/'; *rest.at is NULL after the last. */
static inline struct str segment_next(struct str *rest)
{
    return str_cut(*rest, '/', rest);
}

/* Calls for each route that can never be taken, and the route that is in its way. */
void router_shadowed(const struct router *r, const struct blueprint *b,
    void (*say)(void *ctx, const struct route *route, const struct route *by), void *ctx);

#endif
