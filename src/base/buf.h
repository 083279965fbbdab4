/*
 * buf - growing bytes with a hard maximum.
 *
 * Appending past the maximum sets `over` and appends nothing; check it once at
 * the end.  One owner; buf_free() when done.  What a secret one held is wiped
 * wherever it moves away from or ends.
 */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/str.h"

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t max;
    bool over;
    bool secret;
};

void buf_init(struct buf *b, size_t max);
void buf_init_secret(struct buf *b, size_t max);
void buf_free(struct buf *b);
/* Room for n more bytes behind len; NULL (and over) when that passes the maximum. */
char *buf_reserve(struct buf *b, size_t n);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/* Empty, its memory kept for the next. */
void buf_clear(struct buf *b);

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    char *to;

    if (n == 0) /* data may be NULL, and so may p */
        return;
    to = b->cap - b->len >= n ? b->data + b->len : buf_reserve(b, n);
    if (to != NULL) {
        memcpy(to, p, n);
        b->len += n;
    }
}

static inline void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.at, s.len);
}

static inline void buf_text(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_u64(struct buf *b, uint64_t n);

static inline struct str buf_as_str(const struct buf *b)
{
    return (struct str){ b->data, b->len };
}

/* The text with a NUL behind it, which len does not count; valid until the next append. */
const char *buf_cstr(struct buf *b);

#endif
