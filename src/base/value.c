/*
 * value - see value.h.
 */
#include <stdlib.h>

#include "base/value.h"

static struct value *new_value(struct arena *a, enum value_kind kind)
{
    struct value *v = arena_calloc(a, 1, sizeof(*v));

    v->kind = kind;
    return v;
}

struct value *value_null(struct arena *a)
{
    return new_value(a, VALUE_NULL);
}

struct value *value_bool(struct arena *a, bool b)
{
    return new_value(a, b ? VALUE_TRUE : VALUE_FALSE);
}

struct value *value_number(struct arena *a, struct str spelling)
{
    struct value *v = new_value(a, VALUE_NUMBER);

    v->text = arena_str(a, spelling);
    return v;
}

struct value *value_i64(struct arena *a, int64_t n)
{
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (n < 0)
        digits[--at] = '-';
    return value_number(a, (struct str){ digits + at, sizeof(digits) - at });
}

struct value *value_text(struct arena *a, struct str s)
{
    struct value *v = new_value(a, VALUE_TEXT);

    v->text = arena_str(a, s);
    return v;
}

struct value *value_list(struct arena *a)
{
    return new_value(a, VALUE_LIST);
}

struct value *value_map(struct arena *a)
{
    return new_value(a, VALUE_MAP);
}

void value_add(struct value *list, struct value *v)
{
    v->next = NULL;
    if (list->last != NULL)
        list->last->next = v;
    else
        list->first = v;
    list->last = v;
    list->n++;
}

void value_put(struct value *map, const char *name, struct value *v)
{
    v->name = str_from(name);
    value_add(map, v);
}

void value_put_named(struct arena *a, struct value *map, struct str name, struct value *v)
{
    v->name = arena_str(a, name);
    value_add(map, v);
}

struct value *value_copy(struct arena *a, const struct value *v)
{
    struct value *to = new_value(a, v->kind);

    if (v->kind == VALUE_NUMBER || v->kind == VALUE_TEXT)
        to->text = arena_str(a, v->text);
    value_each (it, v)
        value_put_named(a, to, it->name, value_copy(a, it));
    return to;
}

/* The last member of that name, and what stands before it. */
static struct value *find(const struct value *map, struct str name, struct value **before)
{
    struct value *found = NULL;
    struct value *last = NULL;

    *before = NULL;
    if (map == NULL || map->kind != VALUE_MAP)
        return NULL;
    value_each (it, map) {
        if (str_eq(it->name, name)) {
            found = it;
            *before = last;
        }
        last = it;
    }
    return found;
}

struct value *value_find(const struct value *map, struct str name)
{
    struct value *before;

    return find(map, name, &before);
}

struct value *value_get(const struct value *map, const char *name)
{
    return value_find(map, str_from(name));
}

void value_set(struct arena *a, struct value *map, struct str name, struct value *v)
{
    struct value *before;
    struct value *old = find(map, name, &before);

    if (old == NULL) {
        value_put_named(a, map, name, v);
        return;
    }
    v->name = old->name;
    v->next = old->next;
    if (before != NULL)
        before->next = v;
    else
        map->first = v;
    if (map->last == old)
        map->last = v;
}

void value_remove(struct value *map, struct str name)
{
    struct value *before;
    struct value *old;

    while ((old = find(map, name, &before)) != NULL) {
        if (before != NULL)
            before->next = old->next;
        else
            map->first = old->next;
        if (map->last == old)
            map->last = before;
        map->n--;
    }
}

struct str value_get_text(const struct value *map, const char *name, struct str otherwise)
{
    const struct value *v = value_get(map, name);

    return v != NULL && v->kind == VALUE_TEXT ? v->text : otherwise;
}

int64_t value_get_i64(const struct value *map, const char *name, int64_t otherwise)
{
    int64_t n;

    return value_to_i64(value_get(map, name), &n) ? n : otherwise;
}

bool value_get_bool(const struct value *map, const char *name, bool otherwise)
{
    const struct value *v = value_get(map, name);

    if (v == NULL || (v->kind != VALUE_TRUE && v->kind != VALUE_FALSE))
        return otherwise;
    return v->kind == VALUE_TRUE;
}

bool value_to_i64(const struct value *v, int64_t *out)
{
    struct str digits;
    uint64_t n;
    bool minus;

    if (v == NULL || v->kind != VALUE_NUMBER || v->text.len == 0)
        return false;
    minus = v->text.at[0] == '-';
    digits = (struct str){ v->text.at + minus, v->text.len - minus };
    if (!str_to_u64(digits, minus ? (uint64_t)INT64_MAX + 1 : INT64_MAX, &n))
        return false;
    *out = minus ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

static bool children_equal(const struct value *a, const struct value *b)
{
    const struct value *other = b->first;

    value_each (it, a) {
        if (a->kind == VALUE_MAP)
            other = value_find(b, it->name);
        if (other == NULL || !value_equal(it, other))
            return false;
        other = other->next;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->kind != b->kind || a->n != b->n || !str_eq(a->text, b->text))
        return false;
    return children_equal(a, b);
}

/* ---- binary ---- */

static void put_u32(struct buf *to, size_t n)
{
    uint8_t b[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24) };

    buf_add(to, b, sizeof(b));
}

void value_encode(const struct value *v, struct buf *to)
{
    buf_char(to, (char)v->kind);
    if (v->kind == VALUE_NUMBER || v->kind == VALUE_TEXT) {
        put_u32(to, v->text.len);
        buf_str(to, v->text);
    } else if (v->kind == VALUE_LIST || v->kind == VALUE_MAP) {
        put_u32(to, v->n);
        value_each (it, v) {
            if (v->kind == VALUE_MAP) {
                put_u32(to, it->name.len);
                buf_str(to, it->name);
            }
            value_encode(it, to);
        }
    }
}

struct reader {
    struct arena *arena;
    const uint8_t *at;
    const uint8_t *end;
    uint32_t nodes; /* still allowed */
};

static bool take_u32(struct reader *r, uint32_t *n)
{
    if (r->end - r->at < 4)
        return false;
    *n = (uint32_t)r->at[0] | (uint32_t)r->at[1] << 8 | (uint32_t)r->at[2] << 16 |
         (uint32_t)r->at[3] << 24;
    r->at += 4;
    return true;
}

static bool take_text(struct reader *r, struct str *s)
{
    uint32_t n;

    if (!take_u32(r, &n) || (size_t)(r->end - r->at) < n)
        return false;
    *s = (struct str){ (const char *)r->at, n };
    r->at += n;
    return true;
}

static struct value *take(struct reader *r, unsigned depth);

static bool take_children(struct reader *r, struct value *v, unsigned depth)
{
    struct str name = STR_NONE;
    struct value *child;
    uint32_t n;

    if (depth == 0 || !take_u32(r, &n))
        return false;
    for (; n > 0; n--) {
        if (v->kind == VALUE_MAP && !take_text(r, &name))
            return false;
        child = take(r, depth - 1);
        if (child == NULL)
            return false;
        child->name = name;
        value_add(v, child);
    }
    return true;
}

static struct value *take(struct reader *r, unsigned depth)
{
    struct value *v;

    if (r->at == r->end || r->nodes == 0 || *r->at > VALUE_MAP)
        return NULL;
    r->nodes--;
    v = new_value(r->arena, (enum value_kind) * r->at++);
    if ((v->kind == VALUE_NUMBER || v->kind == VALUE_TEXT) && !take_text(r, &v->text))
        return NULL;
    if ((v->kind == VALUE_LIST || v->kind == VALUE_MAP) && !take_children(r, v, depth))
        return NULL;
    return v;
}

struct value *value_decode(struct arena *a, struct str bytes, uint32_t nodes)
{
    const uint8_t *at = (const uint8_t *)bytes.at;
    struct reader r = { a, at, at + bytes.len, nodes };
    struct value *v = take(&r, VALUE_DEPTH_MAX);

    return v != NULL && r.at == r.end ? v : NULL;
}
