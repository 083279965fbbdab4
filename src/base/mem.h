/*
 * mem - allocation that does not fail, and arenas.
 *
 * Limits bound memory before the allocator does; if the allocator fails all
 * the same the process ends, and its parent restarts it.
 *
 * An arena is many allocations with one end: a request, a connection, a
 * snapshot.  Nothing in it is freed alone.  Not thread-safe.
 */
#ifndef WEIR_BASE_MEM_H
#define WEIR_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

void *xmalloc(size_t n) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Room for n items of size bytes; ends the process when the product overflows. */
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

struct arena_block;
struct arena {
    struct arena_block *first; /* kept by arena_reset() */
    struct arena_block *now;
    char *at;
    char *end;
    size_t block_size;
};

/* Allocates nothing until the first arena_alloc(). */
void arena_init(struct arena *a, size_t block_size);
/* Frees all but the first block. */
void arena_reset(struct arena *a);
/* The same, and wipes all it gave: secrets were in it. */
void arena_wipe(struct arena *a);
void arena_free(struct arena *a);

void *arena_grow_(struct arena *a, size_t n);

/* 16-byte aligned, not zeroed. */
static inline void *arena_alloc(struct arena *a, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (__builtin_expect(n <= (size_t)(a->end - a->at), 1)) {
        void *p = a->at;

        a->at += n;
        return p;
    }
    return arena_grow_(a, n);
}

void *arena_calloc(struct arena *a, size_t n, size_t size);
char *arena_strdup(struct arena *a, const char *s);
/* A copy with a NUL behind it, which len does not count. */
struct str arena_str(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
