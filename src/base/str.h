/*
 * str - a borrowed run of bytes, for all that is read off a wire.
 *
 * Not NUL-terminated, may hold any byte.  Whoever keeps one longer than the
 * call that gave it copies it (arena_str()).
 */
#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *at;
    size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_NONE     ((struct str){ NULL, 0 })
/* For printf: "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).at

static inline struct str str_from(const char *s)
{
    return (struct str){ s, s != NULL ? strlen(s) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool str_is(struct str a, const char *b)
{
    return str_eq(a, str_from(b));
}

/* ASCII only, as RFC 9110 wants it for field names and schemes. */
static inline char ascii_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
/* Without spaces and tabs (OWS of RFC 9110 5.6.3) at both ends. */
struct str str_trim(struct str s);
/* The part before the first sep; *rest is what follows it (at NULL when there is no sep). */
struct str str_cut(struct str s, char sep, struct str *rest);
/* Digits only, all of it; false when empty, not digits or past max. */
bool str_to_u64(struct str s, uint64_t max, uint64_t *out);
/* Compares in a time that depends on the lengths alone. */
bool str_eq_secret(struct str a, struct str b);
/* Edit distance with transpositions, for "did you mean"; stops counting past 8. */
unsigned str_distance(struct str a, struct str b);

#endif
