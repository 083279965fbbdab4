/*
 * pack - the bodies of messages between the parent and its roles.
 *
 * Numbers are little-endian, text has a u32 length in front.  Reading past the
 * end, or a text with a NUL in it, sets `bad` and yields 0 or "": check once,
 * at the end, with unpack_done().
 */
#ifndef WEIR_DAEMON_PACK_H
#define WEIR_DAEMON_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

void pack_u32(struct buf *b, uint32_t n);
void pack_u64(struct buf *b, uint64_t n);
void pack_str(struct buf *b, struct str s);
void pack_text(struct buf *b, const char *s); /* NULL is "" */

struct unpack {
    struct str rest;
    bool bad;
};

static inline struct unpack unpack_from(struct str body)
{
    return (struct unpack){ body, false };
}

uint32_t unpack_u32(struct unpack *u);
uint64_t unpack_u64(struct unpack *u);
/* Borrowed from the body; not NUL-terminated. */
struct str unpack_str(struct unpack *u);
/* All was there, and nothing more. */
bool unpack_done(const struct unpack *u);

#endif
