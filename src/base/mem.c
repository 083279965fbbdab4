/*
 * mem - see mem.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/mem.h"

static void *or_die(void *p)
{
    if (p == NULL)
        BUG("out of memory");
    return p;
}

void *xmalloc(size_t n)
{
    return or_die(malloc(n > 0 ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
    return or_die(calloc(n > 0 ? n : 1, size > 0 ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
    return or_die(realloc(p, n > 0 ? n : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total))
        BUG("allocation size overflows");
    return xrealloc(p, total);
}

char *xstrdup(const char *s)
{
    return or_die(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
    return or_die(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return or_die(s);
}

struct arena_block {
    struct arena_block *next;
    size_t size;
    _Alignas(16) char data[];
};

void arena_init(struct arena *a, size_t block_size)
{
    memset(a, 0, sizeof(*a));
    a->block_size = block_size;
}

static void free_blocks(struct arena_block *b)
{
    while (b != NULL) {
        struct arena_block *next = b->next;

        free(b);
        b = next;
    }
}

void arena_reset(struct arena *a)
{
    if (a->first == NULL)
        return;
    free_blocks(take(a->first->next));
    a->now = a->first;
    a->at = a->first->data;
    a->end = a->at + a->first->size;
}

void arena_wipe(struct arena *a)
{
    for (struct arena_block *b = a->first; b != NULL; b = b->next)
        explicit_bzero(b->data, b == a->now ? (size_t)(a->at - b->data) : b->size);
    arena_reset(a);
}

void arena_free(struct arena *a)
{
    free_blocks(a->first);
    arena_init(a, a->block_size);
}

void *arena_grow_(struct arena *a, size_t n)
{
    size_t size = n > a->block_size ? n : a->block_size;
    struct arena_block *b;

    MUST(n < SIZE_MAX / 2);
    b = xmalloc(sizeof(*b) + size);
    b->next = NULL;
    b->size = size;
    if (a->first == NULL)
        a->first = b;
    else
        a->now->next = b;
    a->now = b;
    a->at = b->data + n;
    a->end = b->data + size;
    return b->data;
}

void *arena_calloc(struct arena *a, size_t n, size_t size)
{
    size_t total;
    void *p;

    MUST(!__builtin_mul_overflow(n, size, &total));
    p = arena_alloc(
        a, total > 0 ? total : 1); /* an arena that has given nothing yet has no place */
    memset(p, 0, total);
    return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t n = strlen(s) + 1;

    return memcpy(arena_alloc(a, n), s, n);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.at, s.len);
    p[s.len] = '\0';
    return (struct str){ p, s.len };
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    char *p;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    MUST(n >= 0);
    p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p;
}
