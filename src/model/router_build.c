/*
 * router - compiling routes, and finding those that can never be taken.
 * See router.h and router_int.h.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "model/router_int.h"

static void map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = map_hash(key);
    uint32_t i = (uint32_t)(hash >> 32) & m->mask;

    while (m->slots[i].value != NULL)
        i = (i + 1) & m->mask;
    m->slots[i] = (struct map_slot){ hash, key, value };
    m->n++;
}

static void map_add(struct arena *a, struct map *m, struct str key, void *value)
{
    struct map old = *m;

    if (m->slots == NULL || (m->n + 1) * 2 > m->mask + 1) {
        uint32_t cap = m->slots == NULL ? 4 : (m->mask + 1) * 2;

        *m = (struct map){ arena_calloc(a, cap, sizeof(*m->slots)), cap - 1, 0 };
        for (uint32_t i = 0; old.slots != NULL && i <= old.mask; i++)
            if (old.slots[i].value != NULL)
                map_put(m, old.slots[i].key, old.slots[i].value);
    }
    map_put(m, key, value);
}

static void group_add(struct arena *a, struct group *g, const struct route *route)
{
    const struct match *m = &route->match;

    if (g->n == g->cap) {
        struct entry *old = g->at;

        g->cap = g->cap > 0 ? g->cap * 2 : 1;
        g->at = arena_calloc(a, g->cap, sizeof(*g->at));
        if (g->n > 0)
            memcpy(g->at, old, g->n * sizeof(*g->at));
    }
    g->at[g->n++] =
        (struct entry){ route, m->methods.n == 0 && m->nheaders == 0 && m->nquery == 0 &&
                                   m->from.n == 0 && m->listeners.n == 0 };
}

static struct segment *literal_below(struct arena *a, struct segment *s, struct str text)
{
    struct segment *below = map_find(&s->literals, text);

    if (below == NULL) {
        below = arena_calloc(a, 1, sizeof(*below));
        below->nliterals = s->nliterals + (text.len > 0);
        map_add(a, &s->literals, text, below);
    }
    return below;
}

static struct segment *capture_below(struct arena *a, struct segment *s)
{
    if (s->capture == NULL) {
        s->capture = arena_calloc(a, 1, sizeof(*s->capture));
        s->capture->nliterals = s->nliterals;
    }
    return s->capture;
}

static bool is_capture(struct str segment)
{
    return segment.len > 2 && segment.at[0] == '{';
}

static struct group *pattern_group(struct arena *a, struct segment *s, struct str path)
{
    struct str rest = { path.at + 1, path.len - 1 };

    while (rest.at != NULL) {
        struct str segment = segment_next(&rest);

        if (is_capture(segment) && str_ends(segment, STR("...}")))
            return &s->rest;
        s = is_capture(segment) ? capture_below(a, s) : literal_below(a, s, segment);
    }
    return &s->here;
}

static struct group *prefix_group(struct arena *a, struct segment *s, struct str path)
{
    struct str rest = { path.at + 1, path.len - 1 };

    for (;;) {
        struct str segment = segment_next(&rest);

        if (rest.at == NULL) /* the * */
            return &s->here;
        s = literal_below(a, s, segment);
    }
}

static struct group *path_group(struct arena *a, struct host *h, const struct match *m)
{
    struct group *g;

    switch (m->path_kind) {
    case PATH_ANY:
        break;
    case PATH_EXACT:
        g = map_find(&h->exact, m->path);
        if (g == NULL) {
            g = arena_calloc(a, 1, sizeof(*g));
            map_add(a, &h->exact, m->path, g);
        }
        if (m->path.len > h->exact_longest)
            h->exact_longest = m->path.len;
        return g;
    case PATH_PATTERN:
        if (h->patterns == NULL)
            h->patterns = arena_calloc(a, 1, sizeof(*h->patterns));
        return pattern_group(a, h->patterns, m->path);
    case PATH_PREFIX:
        if (h->prefixes == NULL)
            h->prefixes = arena_calloc(a, 1, sizeof(*h->prefixes));
        return prefix_group(a, h->prefixes, m->path);
    }
    return &h->any;
}

static unsigned count_labels(struct str name)
{
    unsigned n = 1;

    for (size_t i = 0; i < name.len; i++)
        n += name.at[i] == '.';
    return n;
}

static struct host *host_named(struct arena *a, struct router *r, struct str name)
{
    bool wildcard = str_starts(name, STR("*."));
    struct str key = wildcard ? (struct str){ name.at + 2, name.len - 2 } : name;
    struct map *m = wildcard ? &r->wildcards : &r->hosts;
    struct host *h = map_find(m, key);

    if (h == NULL) {
        h = arena_calloc(a, 1, sizeof(*h));
        h->name = name;
        map_add(a, m, key, h);
    }
    if (wildcard && count_labels(key) > r->wildcard_labels)
        r->wildcard_labels = count_labels(key);
    return h;
}

/* Points each prefix at the next shorter one; author's depth, so recursion is bounded by the path
 * of the longest route. */
static void link_prefixes(struct segment *s, struct segment *above)
{
    s->above = above;
    if (s->here.n > 0)
        above = s;
    for (uint32_t i = 0; s->literals.n > 0 && i <= s->literals.mask; i++)
        if (s->literals.slots[i].value != NULL)
            link_prefixes(s->literals.slots[i].value, above);
}

static void each_host(const struct router *r, void (*visit)(void *ctx, struct host *h), void *ctx)
{
    const struct map *maps[] = { &r->hosts, &r->wildcards };

    for (int k = 0; k < 2; k++)
        for (uint32_t i = 0; maps[k]->n > 0 && i <= maps[k]->mask; i++)
            if (maps[k]->slots[i].value != NULL)
                visit(ctx, maps[k]->slots[i].value);
    visit(ctx, r->any);
}

static void link_host(void *ctx, struct host *h)
{
    (void)ctx;
    if (h->prefixes != NULL)
        link_prefixes(h->prefixes, NULL);
}

const struct router *router_build(struct arena *a, const struct blueprint *b)
{
    struct router *r = arena_calloc(a, 1, sizeof(*r));

    r->any = arena_calloc(a, 1, sizeof(*r->any));
    for (size_t i = 0; i < b->nroutes; i++) {
        const struct match *m = &b->routes[i].match;

        for (size_t k = 0; k < m->hosts.n; k++)
            group_add(a, path_group(a, host_named(a, r, m->hosts.at[k]), m), &b->routes[i]);
        if (m->hosts.n == 0)
            group_add(a, path_group(a, r->any, m), &b->routes[i]);
    }
    each_host(r, link_host, NULL);
    return r;
}

/* ---- routes that can never be taken ---- */

struct shadows {
    const struct route **by; /* of each route; NULL: some host still reaches it */
    bool *seen;
};

static bool covers_strs(const struct strs *wide, const struct strs *narrow)
{
    if (wide->n == 0)
        return true;
    for (size_t i = 0; i < narrow->n; i++) {
        bool found = false;

        for (size_t k = 0; k < wide->n && !found; k++)
            found = str_eq(wide->at[k], narrow->at[i]);
        if (!found)
            return false;
    }
    return narrow->n > 0;
}

static bool covers_fields(
    const struct field_match *wide, size_t nwide, const struct field_match *narrow, size_t nnarrow)
{
    for (size_t i = 0; i < nwide; i++) {
        bool found = false;

        for (size_t k = 0; k < nnarrow && !found; k++)
            found = str_eq(wide[i].name, narrow[k].name) && wide[i].absent == narrow[k].absent &&
                    (wide[i].value.at == NULL ||
                        (narrow[k].value.at != NULL && wide[i].prefix == narrow[k].prefix &&
                            str_eq(wide[i].value, narrow[k].value)));
        if (!found)
            return false;
    }
    return true;
}

/* Does `wide` take all that `narrow` would, as far as can be seen without solving a riddle? */
static bool covers(const struct match *wide, const struct match *narrow)
{
    if (wide->from.n > 0 &&
        (wide->from.n != narrow->from.n ||
            memcmp(wide->from.at, narrow->from.at, wide->from.n * sizeof(*wide->from.at)) != 0))
        return false;
    return covers_strs(&wide->methods, &narrow->methods) &&
           covers_strs(&wide->listeners, &narrow->listeners) &&
           covers_fields(wide->headers, wide->nheaders, narrow->headers, narrow->nheaders) &&
           covers_fields(wide->query, wide->nquery, narrow->query, narrow->nquery);
}

static void shadow_group(struct shadows *s, const struct group *g, const struct route *all)
{
    enum { LOOK_BACK = 64 };

    for (unsigned i = 0; i < g->n; i++) {
        const struct route *route = g->at[i].route;
        const struct route *by = all;

        for (unsigned k = i > LOOK_BACK ? i - LOOK_BACK : 0; k < i && by == NULL; k++)
            if (covers(&g->at[k].route->match, &route->match))
                by = g->at[k].route;
        if (!s->seen[route->id])
            s->by[route->id] = by;
        else if (by == NULL)
            s->by[route->id] = NULL;
        s->seen[route->id] = true;
        if (all == NULL && g->at[i].plain)
            all = route;
    }
}

static const struct route *first_plain(const struct group *g)
{
    for (unsigned i = 0; i < g->n; i++)
        if (g->at[i].plain)
            return g->at[i].route;
    return NULL;
}

static void shadow_segments(struct shadows *s, const struct segment *at)
{
    shadow_group(s, &at->here, NULL);
    shadow_group(s, &at->rest, NULL);
    if (at->capture != NULL)
        shadow_segments(s, at->capture);
    for (uint32_t i = 0; at->literals.n > 0 && i <= at->literals.mask; i++)
        if (at->literals.slots[i].value != NULL)
            shadow_segments(s, at->literals.slots[i].value);
}

static void shadow_host(void *ctx, struct host *h)
{
    struct shadows *s = ctx;
    const struct route *all = NULL;

    for (uint32_t i = 0; h->exact.n > 0 && i <= h->exact.mask; i++)
        if (h->exact.slots[i].value != NULL)
            shadow_group(s, h->exact.slots[i].value, NULL);
    if (h->patterns != NULL)
        shadow_segments(s, h->patterns);
    if (h->prefixes != NULL) {
        shadow_segments(s, h->prefixes);
        all = first_plain(&h->prefixes->here); /* every path begins with / */
    }
    shadow_group(s, &h->any, all);
}

void router_shadowed(const struct router *r, const struct blueprint *b,
    void (*say)(void *ctx, const struct route *route, const struct route *by), void *ctx)
{
    auto_free const struct route **by = xcalloc(b->nroutes + 1, sizeof(const struct route *));
    auto_free bool *seen = xcalloc(b->nroutes + 1, sizeof(bool));
    struct shadows s = { by, seen };

    each_host(r, shadow_host, &s);
    for (size_t i = 0; i < b->nroutes; i++)
        if (by[i] != NULL)
            say(ctx, &b->routes[i], by[i]);
}
