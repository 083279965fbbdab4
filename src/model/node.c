/*
 * node - questions to a tree of nodes, and canonical JSON as a tree.  See tree_int.h.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/buf.h"
#include "model/tree_int.h"

const struct pair *node_pair(const struct node *map, struct str key)
{
    if (map == NULL || map->kind != NODE_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->pairs[i].key, key))
            return &map->pairs[i];
    return NULL;
}

const struct node *node_get(const struct node *map, const char *key)
{
    const struct pair *p = node_pair(map, str_from(key));

    return p != NULL ? p->value : NULL;
}

static bool is_one_of(const struct node *n, const char *const *words)
{
    if (n->kind != NODE_SCALAR || !n->plain)
        return false;
    for (; *words != NULL; words++)
        if (str_is(n->text, *words))
            return true;
    return false;
}

bool node_is_null(const struct node *n)
{
    static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };

    return is_one_of(n, words);
}

bool node_is_bool(const struct node *n, bool *value)
{
    static const char *const yes[] = { "true", "True", "yes", "on", NULL };
    static const char *const no[] = { "false", "False", "no", "off", NULL };

    if (is_one_of(n, yes))
        *value = true;
    else if (is_one_of(n, no))
        *value = false;
    else
        return false;
    return true;
}

const char *node_describe(const struct node *n, char *to)
{
    enum { SHOWN = 48 };
    struct str s = n->text;

    if (n->kind != NODE_SCALAR)
        return n->kind == NODE_LIST ? "a list" : "a mapping";
    if (node_is_null(n))
        return "nothing";
    if (s.len <= SHOWN) {
        snprintf(to, 80, "\"%.*s\"", STR_ARG(s));
        return to;
    }
    s.len = SHOWN;
    while (s.len > 0 && ((unsigned char)s.at[s.len] & 0xc0) == 0x80)
        s.len--;
    snprintf(to, 80, "\"%.*s...\"", STR_ARG(s));
    return to;
}

const struct node *node_wrap(struct arena *a, const char *key, const struct node *value)
{
    struct node *map = arena_calloc(a, 1, sizeof(*map));

    *map = *value;
    map->kind = NODE_MAP;
    map->n = 1;
    map->items = NULL;
    map->pairs = arena_calloc(a, 1, sizeof(*map->pairs));
    map->pairs[0] = (struct pair){ str_from(key), value->line, value->column, value->file, value };
    map->weight = value->weight + 1;
    return map;
}

static struct node *json_node(struct arena *a, const struct file *file, json_t *v);

static void json_members(struct arena *a, const struct file *file, json_t *v, struct node *n)
{
    const char *key;
    json_t *member;

    n->pairs = arena_calloc(a, json_object_size(v) + 1, sizeof(*n->pairs));
    json_object_foreach(v, key, member) n->pairs[n->n++] =
        (struct pair){ str_from(arena_strdup(a, key)), 1, 1, file, json_node(a, file, member) };
}

static struct node *json_node(struct arena *a, const struct file *file, json_t *v)
{
    struct node *n = arena_calloc(a, 1, sizeof(*n));

    n->file = file;
    n->line = n->column = 1;
    n->weight = 1;
    if (json_is_object(v)) {
        n->kind = NODE_MAP;
        json_members(a, file, v, n);
    } else if (json_is_array(v)) {
        n->kind = NODE_LIST;
        n->items = arena_calloc(a, json_array_size(v) + 1, sizeof(const struct node *));
        for (; n->n < json_array_size(v); n->n++)
            n->items[n->n] = json_node(a, file, json_array_get(v, n->n));
    } else if (json_is_string(v)) {
        n->text = arena_str(a, (struct str){ json_string_value(v), json_string_length(v) });
    } else {
        n->plain = true;
        n->text = str_from(json_is_true(v)    ? "true"
                           : json_is_false(v) ? "false"
                           : json_is_null(v)  ? "null"
                                              : arena_printf(a, "%.12g", json_number_value(v)));
        if (json_is_integer(v))
            n->text = str_from(arena_printf(a, "%lld", (long long)json_integer_value(v)));
    }
    return n;
}

const struct node *tree_read_json(
    struct arena *a, struct problem_list *problems, const struct file *file, struct str text)
{
    json_error_t error;
    json_t *root = json_loadb(text.at, text.len, JSON_REJECT_DUPLICATES, &error);
    const struct node *node;

    if (root == NULL) {
        problem_add(problems,
            (struct place){ file, error.line > 0 ? (uint32_t)error.line : 0,
                error.column > 0 ? (uint32_t)error.column : 0 },
            false, "blueprint_json", "this is not JSON: %s", error.text);
        return NULL;
    }
    node = json_node(a, file, root);
    json_decref(root);
    return node;
}
