/*
 * merge - see merge_int.h.  Nodes are shared and never changed: each step makes
 * a new mapping of old pairs.
 */
#include "model/merge_int.h"

static struct node *copy_map(struct merging *m, const struct node *n, size_t room)
{
    struct node *copy = arena_alloc(m->arena, sizeof(*copy));

    *copy = *n;
    copy->pairs = arena_calloc(m->arena, n->n + room + 1, sizeof(*copy->pairs));
    if (n->n > 0)
        memcpy(copy->pairs, n->pairs, n->n * sizeof(*copy->pairs));
    return copy;
}

static struct place pair_place(const struct pair *p)
{
    return (struct place){ p->file, p->line, p->column };
}

/* ---- includes ---- */

static void said_twice(struct merging *m, const struct pair *first, const struct pair *second)
{
    problem_add(m->problems, pair_place(second), false, "blueprint_said_twice",
        "\"%.*s\" is already in %s, line %u", STR_ARG(second->key), first->file->path, first->line);
}

static const struct node *append_lists(
    struct merging *m, const struct node *a, const struct node *b)
{
    struct node *list = arena_alloc(m->arena, sizeof(*list));
    size_t na = a->kind == NODE_LIST ? a->n : 1;
    size_t nb = b->kind == NODE_LIST ? b->n : 1;

    *list = *a;
    list->kind = NODE_LIST;
    list->n = na + nb;
    list->items = arena_calloc(m->arena, list->n + 1, sizeof(const struct node *));
    for (size_t i = 0; i < na; i++)
        list->items[i] = a->kind == NODE_LIST ? a->items[i] : a;
    for (size_t i = 0; i < nb; i++)
        list->items[na + i] = b->kind == NODE_LIST ? b->items[i] : b;
    return list;
}

static const struct node *join_maps(struct merging *m, const struct node *a, const struct node *b)
{
    struct node *map = copy_map(m, a, b->n);

    for (size_t i = 0; i < b->n; i++) {
        const struct pair *before = node_pair(a, b->pairs[i].key);

        if (before != NULL)
            said_twice(m, before, &b->pairs[i]);
        else
            map->pairs[map->n++] = b->pairs[i];
    }
    return map;
}

/* variables: [A, B] as {A: {}, B: {}} */
static const struct node *names_as_map(struct merging *m, const struct node *n)
{
    struct node *map;

    if (n->kind != NODE_LIST)
        return n;
    map = arena_calloc(m->arena, 1, sizeof(*map));
    *map = *n;
    map->kind = NODE_MAP;
    map->n = 0;
    map->pairs = arena_calloc(m->arena, n->n + 1, sizeof(*map->pairs));
    for (size_t i = 0; i < n->n; i++) {
        struct node *empty = arena_calloc(m->arena, 1, sizeof(*empty));
        const struct node *item = n->items[i];

        *empty = *item;
        empty->kind = NODE_MAP;
        empty->n = 0;
        map->pairs[map->n++] =
            (struct pair){ item->text, item->line, item->column, item->file, empty };
    }
    return map;
}

static void join_word(struct merging *m, struct pair *into, const struct pair *p)
{
    const struct word *w = table_word(&schema_blueprint, p->key);
    const struct node *a = into->value;
    const struct node *b = p->value;

    if (str_is(p->key, "variables")) {
        a = names_as_map(m, a);
        b = names_as_map(m, b);
    }
    if (w != NULL && w->shape == WORD_LIST && (w->flags & WORD_TREE) == 0)
        into->value = append_lists(m, a, b);
    else if (a->kind == NODE_MAP && b->kind == NODE_MAP)
        into->value = join_maps(m, a, b);
    else
        said_twice(m, into, p);
}

const struct node *join_parts(struct merging *m, const struct node *root, const struct node *part)
{
    struct node *map = copy_map(m, root, part->n);

    for (size_t i = 0; i < part->n; i++) {
        const struct pair *p = &part->pairs[i];
        struct pair *into = NULL;

        if (str_is(p->key, "include"))
            continue;
        for (size_t k = 0; k < map->n && into == NULL; k++)
            if (str_eq(map->pairs[k].key, p->key))
                into = &map->pairs[k];
        if (into != NULL)
            join_word(m, into, p);
        else
            map->pairs[map->n++] = *p;
    }
    return map;
}

/* ---- overlays ---- */

static const struct node *merge_table(
    struct merging *m, const struct table *t, const struct node *base, const struct node *over);

static const struct node *empty_map(struct merging *m, const struct node *like)
{
    struct node *map = arena_alloc(m->arena, sizeof(*map));

    *map = *like;
    map->kind = NODE_MAP;
    map->n = 0;
    map->pairs = NULL;
    return map;
}

/* A bare value as the mapping it stands for; true and false stay what they are. */
static const struct node *as_map(struct merging *m, const struct table *t, const struct node *n)
{
    bool ignored;

    if (n->kind == NODE_MAP || t->short_word == NULL || node_is_bool(n, &ignored))
        return n;
    return node_wrap(m->arena, t->short_word, n);
}

static const struct node *merge_value(
    struct merging *m, const struct table *t, const struct node *base, const struct node *over)
{
    over = as_map(m, t, over);
    if (over->kind != NODE_MAP)
        return over;
    base = base != NULL ? as_map(m, t, base) : empty_map(m, over);
    if (base->kind != NODE_MAP)
        base = empty_map(m, over);
    return merge_table(m, t, base, over);
}

static void put(struct node *map, const struct pair *p, const struct node *value)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->pairs[i].key, p->key)) {
            map->pairs[i].value = value;
            return;
        }
    map->pairs[map->n] = *p;
    map->pairs[map->n++].value = value;
}

static void take_out(struct node *map, struct str key)
{
    size_t kept = 0;

    for (size_t i = 0; i < map->n; i++)
        if (!str_eq(map->pairs[i].key, key))
            map->pairs[kept++] = map->pairs[i];
    map->n = kept;
}

/* services: {...}, header maps: by name. */
static const struct node *merge_map(
    struct merging *m, const struct word *w, const struct node *base, const struct node *over)
{
    struct node *map = copy_map(m, base, over->n);

    for (size_t i = 0; i < over->n; i++) {
        const struct pair *p = &over->pairs[i];

        if (node_is_null(p->value))
            take_out(map, p->key);
        else if (w->type == WORD_TABLE)
            put(map, p, merge_value(m, w->table, node_get(map, p->key.at), p->value));
        else
            put(map, p, p->value);
    }
    return map;
}

struct routes {
    const struct node **items;
    size_t n;
};

static void merge_route(struct merging *m, struct routes *all, const struct word *w,
    struct str name, const struct node *over)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct node *named = node_get(all->items[i], "name");

        if (named == NULL || named->kind != NODE_SCALAR || !str_eq(named->text, name))
            continue;
        if (!node_is_null(over)) {
            all->items[i] = merge_value(m, w->table, all->items[i], over);
            return;
        }
        memmove((void *)&all->items[i], (const void *)&all->items[i + 1],
            (all->n - i - 1) * sizeof(const struct node *));
        all->n--;
        return;
    }
    if (!node_is_null(over))
        all->items[all->n++] = merge_value(m, w->table, NULL, over);
}

/* routes: {NAME: {...}} in an overlay: the name goes in with the rest. */
static const struct node *named_route(struct merging *m, const struct pair *p)
{
    struct node *map;
    struct node *name;

    if (p->value->kind != NODE_MAP)
        return p->value;
    map = copy_map(m, p->value, 1);
    if (node_get(map, "name") != NULL)
        return map;
    name = arena_calloc(m->arena, 1, sizeof(*name));
    *name = (struct node){ .kind = NODE_SCALAR,
        .file = p->file,
        .line = p->line,
        .column = p->column,
        .weight = 1,
        .text = p->key };
    map->pairs[map->n] = *p;
    map->pairs[map->n].key = STR("name");
    map->pairs[map->n++].value = name;
    return map;
}

static const struct node *merge_routes(
    struct merging *m, const struct word *w, const struct node *base, const struct node *over)
{
    struct node *list = arena_alloc(m->arena, sizeof(*list));
    struct routes all = {
        arena_calloc(m->arena, base->n + over->n + 1, sizeof(const struct node *)), 0
    };

    for (size_t i = 0; base->kind == NODE_LIST && i < base->n; i++)
        all.items[all.n++] = base->items[i];
    for (size_t i = 0; i < over->n; i++) {
        const struct node *route =
            over->kind == NODE_MAP ? named_route(m, &over->pairs[i]) : over->items[i];
        const struct node *name = node_get(route, "name");

        if (over->kind == NODE_MAP)
            merge_route(m, &all, w, over->pairs[i].key, route);
        else
            merge_route(m, &all, w,
                name != NULL && name->kind == NODE_SCALAR ? name->text : STR_NONE, route);
    }
    *list = *base;
    list->kind = NODE_LIST;
    list->items = all.items;
    list->n = all.n;
    return list;
}

static const struct node *merge_word(
    struct merging *m, const struct word *w, const struct node *base, const struct node *over)
{
    if (w == NULL)
        return over;
    if (str_is(str_from(w->name), "routes") && over->kind != NODE_SCALAR)
        return merge_routes(m, w, base != NULL ? base : empty_map(m, over), over);
    if (str_is(str_from(w->name), "variables")) {
        over = names_as_map(m, over);
        base = base != NULL ? names_as_map(m, base) : NULL;
    }
    if (w->shape == WORD_MAP && over->kind == NODE_MAP)
        return merge_map(
            m, w, base != NULL && base->kind == NODE_MAP ? base : empty_map(m, over), over);
    if (w->shape == WORD_ONE && w->type == WORD_TABLE)
        return merge_value(m, w->table, base, over);
    return over;
}

static const struct node *merge_table(
    struct merging *m, const struct table *t, const struct node *base, const struct node *over)
{
    struct node *map = copy_map(m, base, over->n);

    for (size_t i = 0; i < over->n; i++) {
        const struct pair *p = &over->pairs[i];
        const struct word *w = table_word(t, p->key);

        if (node_is_null(p->value))
            take_out(map, p->key);
        else
            put(map, p, merge_word(m, w, node_get(map, p->key.at), p->value));
    }
    return map;
}

const struct node *merge_overlay(
    struct merging *m, const struct node *root, const struct node *over)
{
    return merge_table(m, &schema_blueprint, root, over);
}
