/*
 * value - a tree of maps, lists, texts and numbers: what a JSON document says.
 *
 * Lives in an arena, all of it; nothing is freed alone.  Members of a map keep
 * their order; a name that comes twice is the last one's.  Numbers keep the spelling they
 * came in, so that 1.50 goes out as 1.50.
 *
 * The binary form is for channels between our own processes and for storage:
 *   kind u8, then   NUMBER, TEXT: length u32, bytes
 *                   LIST: count u32, values     MAP: count u32, {length u32, name, value}
 * little-endian.  value_decode() takes any bytes: it refuses what is malformed,
 * nested deeper than VALUE_DEPTH_MAX or has more than `nodes` values.
 */
#ifndef WEIR_BASE_VALUE_H
#define WEIR_BASE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { VALUE_DEPTH_MAX = 64, VALUE_NODES_MAX = 1000000 };

enum value_kind {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_NUMBER,
    VALUE_TEXT, /* any bytes */
    VALUE_LIST,
    VALUE_MAP,
};

struct value {
    enum value_kind kind;
    uint32_t n;          /* LIST, MAP: children */
    struct str text;     /* NUMBER, TEXT; NUL-terminated when the functions below made it */
    struct str name;     /* as a member of a map */
    struct value *first; /* LIST, MAP */
    struct value *last;
    struct value *next; /* sibling */
};

/* for (v in list or map); NULL is an empty one */
/* NOLINTBEGIN(bugprone-macro-parentheses): variables that are declared take none */
#define value_each(it, of)                                                                         \
    for (struct value *it = (of) != NULL ? (of)->first : NULL; it != NULL; it = it->next)
/* NOLINTEND(bugprone-macro-parentheses) */

struct value *value_null(struct arena *a);
struct value *value_bool(struct arena *a, bool b);
struct value *value_i64(struct arena *a, int64_t n);
struct value *value_number(struct arena *a, struct str spelling); /* copies */
struct value *value_text(struct arena *a, struct str s);          /* copies */
struct value *value_list(struct arena *a);
struct value *value_map(struct arena *a);
/* Deep. */
struct value *value_copy(struct arena *a, const struct value *v);

/* v must not be in another tree. The name is copied by value_put_named(), borrowed (a literal) by value_put(). */
void value_add(struct value *list, struct value *v);
void value_put(struct value *map, const char *name, struct value *v);
void value_put_named(struct arena *a, struct value *map, struct str name, struct value *v);
/* Replaces a member of that name in its place, else appends. */
void value_set(struct arena *a, struct value *map, struct str name, struct value *v);
void value_remove(struct value *map, struct str name);

static inline void value_put_text(
    struct arena *a, struct value *map, const char *name, struct str s)
{
    value_put(map, name, value_text(a, s));
}
static inline void value_put_i64(struct arena *a, struct value *map, const char *name, int64_t n)
{
    value_put(map, name, value_i64(a, n));
}
static inline void value_put_bool(struct arena *a, struct value *map, const char *name, bool b)
{
    value_put(map, name, value_bool(a, b));
}
static inline void value_add_text(struct arena *a, struct value *list, struct str s)
{
    value_add(list, value_text(a, s));
}

/* NULL when map is NULL, no map, or has no such member. */
struct value *value_get(const struct value *map, const char *name);
struct value *value_find(const struct value *map, struct str name);
/* What a member is, when it is of that kind; else the other one. */
struct str value_get_text(const struct value *map, const char *name, struct str otherwise);
int64_t value_get_i64(const struct value *map, const char *name, int64_t otherwise);
bool value_get_bool(const struct value *map, const char *name, bool otherwise);
/* The integer a NUMBER spells; false for fractions and past 64 bits. */
bool value_to_i64(const struct value *v, int64_t *out);
bool value_equal(const struct value *a, const struct value *b); /* members in any order */

void value_encode(const struct value *v, struct buf *to);
/* Texts are borrowed from `bytes`; all of it must be one value. NULL: malformed or past a limit. */
struct value *value_decode(struct arena *a, struct str bytes, uint32_t nodes);

#endif
