/*
 * token entry - a token as a value and back.
 *
 * Members are written in the order of the table, so reading them is one walk along both.
 */
#include <stddef.h>
#include <stdlib.h>

#include "keeper/core/encode_int.h"
#include "keeper/core/token_store_int.h"

enum field_kind { TEXT, TREE, NUMBER, BOOL };

static const struct field {
    const char *name;
    enum field_kind kind;
    size_t at;
} fields[] = {
#define FIELD(name, kind)                                                                          \
    {                                                                                              \
#name, kind, offsetof(struct token, name)                                                  \
    }
    FIELD(accessor, TEXT),
    FIELD(parent, TEXT),
    FIELD(policies, TREE),
    FIELD(display_name, TEXT),
    FIELD(path, TEXT),
    FIELD(mount_accessor, TEXT),
    FIELD(entity, TEXT),
    FIELD(role, TEXT),
    FIELD(metadata, TREE),
    FIELD(internal, TREE),
    FIELD(bound_cidrs, TREE),
    FIELD(created, NUMBER),
    FIELD(issued_ttl, NUMBER),
    FIELD(expires, NUMBER),
    FIELD(renewed, NUMBER),
    FIELD(period, NUMBER),
    FIELD(explicit_max_ttl, NUMBER),
    FIELD(max_ttl, NUMBER),
    FIELD(num_uses, NUMBER),
    FIELD(depth, NUMBER),
    FIELD(renewable, BOOL),
    FIELD(root, BOOL),
#undef FIELD
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static struct value *field_to_value(struct arena *a, const struct field *f, const void *at)
{
    switch (f->kind) {
    case TEXT: {
        const struct str *s = at;

        return s->len > 0 ? value_text(a, *s) : NULL;
    }
    case TREE: {
        struct value *const *v = at;

        return *v != NULL ? value_copy(a, *v) : NULL;
    }
    case NUMBER: {
        const int64_t *n = at;

        return *n != 0 ? value_i64(a, *n) : NULL;
    }
    case BOOL:
        return *(const bool *)at ? value_bool(a, true) : NULL;
    }
    return NULL;
}

struct value *token_to_value(struct arena *a, const struct token *k)
{
    struct value *map = value_map(a);

    for (size_t i = 0; i < FIELDS; i++) {
        struct value *v = field_to_value(a, &fields[i], (const char *)k + fields[i].at);

        if (v != NULL)
            value_put(map, fields[i].name, v);
    }
    return map;
}

static void field_from_value(const struct field *f, struct value *v, void *at)
{
    switch (f->kind) {
    case TEXT:
        *(struct str *)at = v->text;
        break;
    case TREE:
        *(struct value **)at = v;
        break;
    case NUMBER:
        value_to_i64(v, at);
        break;
    case BOOL:
        *(bool *)at = v->kind == VALUE_TRUE;
        break;
    }
}

void token_from_value(const struct value *v, struct token *k)
{
    size_t i = 0;

    value_each (m, v) {
        for (size_t tried = 0; tried < FIELDS; tried++) {
            const struct field *f = &fields[i];

            i = (i + 1) % FIELDS;
            if (str_is(m->name, f->name)) {
                field_from_value(f, m, (char *)k + f->at);
                break;
            }
        }
    }
}

void token_put(struct tx *t, const struct token *k)
{
    int64_t due = k->num_uses == TOKEN_SPENT ? 1 : k->expires * 1000;

    entry_put_value(
        t, entry_path(t, "token/id/%.*s", STR_ARG(k->hash)), token_to_value(t->arena, k), due);
}

struct str token_index_path(struct request *r, const struct token *k)
{
    return entry_path(&r->tx, "lease/id/%.*s/h%.*s", STR_ARG(k->path), STR_ARG(k->hash));
}

/* ---- names of policies ---- */

static int compare_names(const void *x, const void *y)
{
    const struct str *a = x;
    const struct str *b = y;
    size_t shared = a->len < b->len ? a->len : b->len;
    int c = shared > 0 ? memcmp(a->at, b->at, shared) : 0;

    if (c != 0)
        return c;
    return (a->len > b->len) - (a->len < b->len);
}

static struct str clean_name(struct arena *a, struct str s)
{
    char *to;

    s = str_trim(s);
    to = arena_alloc(a, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    return (struct str){ to, s.len };
}

struct value *policies_clean(struct arena *a, const struct value *names, bool add_default)
{
    struct value *out = value_list(a);
    struct str *sorted = arena_calloc(a, (names != NULL ? names->n : 0) + 1, sizeof(struct str));
    size_t n = 0;
    bool root = false;

    value_each (p, names) {
        struct str s = clean_name(a, p->text);

        root |= str_is(s, "root");
        if (s.len > 0)
            sorted[n++] = s;
    }
    if (add_default && !root)
        sorted[n++] = STR("default");
    qsort(sorted, n, sizeof(sorted[0]), compare_names);
    for (size_t i = 0; i < n; i++) {
        bool again = i > 0 && str_eq(sorted[i], sorted[i - 1]);

        if (!again && (!root || str_is(sorted[i], "root")))
            value_add_text(a, out, sorted[i]);
    }
    return out;
}

bool policies_contain(const struct value *names, const char *name)
{
    value_each (p, names)
        if (str_is(p->text, name))
            return true;
    return false;
}

const char *policies_unassignable(const struct value *names)
{
    static const char *const words[] = { "response-wrapping", "control-group" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (policies_contain(names, words[i]))
            return words[i];
    return NULL;
}
