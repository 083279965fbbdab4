/*
 * field inside: the look-up that the parser does for every field line.
 *
 * A perfect hash of a name's length, first and last byte leaves one candidate,
 * which is compared eight bytes at a time.
 */
#ifndef WEIR_HTTP_FIELD_INT_H
#define WEIR_HTTP_FIELD_INT_H

#include "http/field.h"

enum { FIELD_HOP = 1, FIELD_NOT_IN_TRAILER = 2, FIELD_HAS_TWIN = 4, FIELD_SLOTS = 128 };

/* first and last in lower case */
#define FIELD_SLOT(len, first, last) (((len) + 6 * (first) + 35 * (last)) % FIELD_SLOTS)

extern const struct str field_names[HTTP_FIELD_COUNT];
/* By id; HTTP_UNKNOWN has none. */
extern const uint8_t field_flags[HTTP_FIELD_COUNT + 1];
extern const uint8_t field_slots[FIELD_SLOTS]; /* id + 1 */

/* The only known field that the name can be, by its slot and length, or HTTP_UNKNOWN. */
static inline enum http_field_id field_candidate(struct str name)
{
    unsigned first, last, slot;

    if (name.len == 0)
        return HTTP_UNKNOWN;
    first = (unsigned char)name.at[0] | 0x20u;
    last = (unsigned char)name.at[name.len - 1] | 0x20u;
    slot = field_slots[FIELD_SLOT((unsigned)name.len, first, last)];
    return slot > 0 && field_names[slot - 1].len == name.len ? slot - 1 : HTTP_UNKNOWN;
}

static inline uint64_t field_lower8(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return v | 0x2020202020202020u;
}

static inline uint32_t field_lower4(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v | 0x20202020u;
}

/*
 * Are they equal but for case?  a is a token, b lower-case letters and '-', of
 * the same length >= 2.  Setting bit 5 makes letters lower, leaves '-' alone,
 * and turns no other byte of a token into one of those.
 */
static inline bool field_same_word(const char *a, const char *b, size_t len)
{
    if (len < 4)
        return (a[0] | 0x20) == b[0] && (a[1] | 0x20) == b[1] && (a[len - 1] | 0x20) == b[len - 1];
    if (len < 8)
        return field_lower4(a) == field_lower4(b) &&
               field_lower4(a + len - 4) == field_lower4(b + len - 4);
    for (size_t i = 0; i + 8 < len; i += 8)
        if (field_lower8(a + i) != field_lower8(b + i))
            return false;
    return field_lower8(a + len - 8) == field_lower8(b + len - 8);
}

/* As http_field_lookup(), for what is known to be a token; *maybe_twin: ask http_field_is_twin(). */
static inline enum http_field_id field_lookup_token(struct str name, bool *maybe_twin)
{
    enum http_field_id id = field_candidate(name);

    *maybe_twin = false;
    if (id == HTTP_UNKNOWN || field_same_word(name.at, field_names[id].at, name.len))
        return id;
    *maybe_twin = true;
    return HTTP_UNKNOWN;
}

#endif
