/*
 * buf - see buf.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
    memset(b, 0, sizeof(*b));
    b->max = max;
}

void buf_init_secret(struct buf *b, size_t max)
{
    buf_init(b, max);
    b->secret = true;
}

void buf_free(struct buf *b)
{
    bool secret = b->secret;

    if (secret && b->data != NULL)
        explicit_bzero(b->data, b->cap);
    free(b->data);
    buf_init(b, b->max);
    b->secret = secret;
}

/* realloc() would leave a copy behind. */
static char *move_secret(struct buf *b, size_t cap)
{
    char *to = xmalloc(cap);

    if (b->len > 0)
        memcpy(to, b->data, b->len);
    if (b->data != NULL)
        explicit_bzero(b->data, b->cap);
    free(b->data);
    return to;
}

char *buf_reserve(struct buf *b, size_t n)
{
    size_t need;
    size_t cap = b->cap > 0 ? b->cap : 256;

    if (__builtin_add_overflow(b->len, n, &need) || need > b->max) {
        b->over = true;
        return NULL;
    }
    if (need <= b->cap)
        return b->data + b->len;
    while (cap < need)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    b->data = b->secret ? move_secret(b, cap) : xrealloc(b->data, cap);
    b->cap = cap;
    return b->data + b->len;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    MUST(n >= 0);
    if (buf_reserve(b, (size_t)n + 1) != NULL) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t n)
{
    MUST(n <= b->len);
    b->len -= n;
    if (b->len > 0)
        memmove(b->data, b->data + n, b->len);
    if (b->secret && n > 0)
        explicit_bzero(b->data + b->len, n);
}

void buf_clear(struct buf *b)
{
    buf_consume(b, b->len);
    b->over = false;
}

void buf_u64(struct buf *b, uint64_t n)
{
    char text[20];
    size_t at = sizeof(text);

    do {
        text[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_add(b, text + at, sizeof(text) - at);
}

const char *buf_cstr(struct buf *b)
{
    if (buf_reserve(b, 1) == NULL)
        BUG("buf_cstr past the maximum");
    b->data[b->len] = '\0';
    return b->data;
}
