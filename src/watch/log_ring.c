/*
 * log_ring - see log_ring_int.h.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "watch/log_ring_int.h"

static void add_relaxed(_Atomic uint64_t *counter)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

void ring_free_chunks(struct log_ring *r)
{
    uint64_t opened = atomic_load(&r->opened);

    for (uint64_t i = r->collected; i < opened; i++)
        free(r->chunks[i % CHUNKS_MAX]);
    while (r->nfree > 0)
        free(r->free[--r->nfree]);
}

/* ---- the worker's side ---- */

static struct chunk *find_chunk(struct log_ring *r)
{
    uint64_t released = atomic_load_explicit(&r->released, memory_order_acquire);

    for (; r->collected < released; r->collected++)
        r->free[r->nfree++] = r->chunks[r->collected % CHUNKS_MAX];
    if (r->nfree > 0)
        return r->free[--r->nfree];
    if (r->nchunks == CHUNKS_MAX)
        return NULL;
    r->nchunks++;
    return xmalloc(sizeof(struct chunk));
}

static bool open_chunk(struct log_ring *r)
{
    uint64_t number = atomic_load_explicit(&r->opened, memory_order_relaxed);
    struct chunk *c = find_chunk(r);

    if (c == NULL)
        return false;
    atomic_store_explicit(&c->filled, 0, memory_order_relaxed);
    r->chunks[number % CHUNKS_MAX] = c;
    r->used = 0;
    atomic_store_explicit(&r->opened, number + 1, memory_order_release);
    return true;
}

static struct chunk *current(const struct log_ring *r)
{
    uint64_t opened = atomic_load_explicit(&r->opened, memory_order_relaxed);

    return opened > 0 ? r->chunks[(opened - 1) % CHUNKS_MAX] : NULL;
}

char *ring_begin(struct log_ring *r, uint32_t n)
{
    struct chunk *c = current(r);

    MUST(n <= LOG_LINE_MAX);
    if (c != NULL && CHUNK_SIZE - r->used >= n)
        return c->bytes + r->used;
    if (open_chunk(r))
        return current(r)->bytes;
    add_relaxed(&r->dropped);
    return NULL;
}

void ring_commit(struct log_ring *r, uint32_t used)
{
    struct chunk *c = current(r);

    MUST(used > 0 && used <= CHUNK_SIZE - r->used && c->bytes[r->used + used - 1] == '\n');
    r->used += used;
    add_relaxed(&r->committed);
    atomic_store_explicit(&c->filled, r->used, memory_order_release);
}

bool ring_flush(struct log_ring *r)
{
    uint64_t committed = atomic_load_explicit(&r->committed, memory_order_relaxed);

    if (committed == atomic_load_explicit(&r->flushed, memory_order_relaxed))
        return false;
    atomic_store(&r->flushed, committed);
    return true;
}

unsigned ring_backlog(const struct log_ring *r)
{
    return (unsigned)(atomic_load_explicit(&r->opened, memory_order_relaxed) -
                      atomic_load_explicit(&r->released, memory_order_relaxed));
}

/* ---- the writer's side ---- */

struct str ring_peek(struct log_ring *r)
{
    for (;;) {
        uint64_t number = atomic_load_explicit(&r->released, memory_order_relaxed);
        uint64_t opened = atomic_load_explicit(&r->opened, memory_order_acquire);
        const struct chunk *c;
        uint32_t filled;

        if (number == opened)
            return STR_NONE;
        c = r->chunks[number % CHUNKS_MAX];
        /* After opened: a chunk that has a successor is filled for good. */
        filled = atomic_load_explicit(&c->filled, memory_order_acquire);
        if (r->at < filled)
            return (struct str){ c->bytes + r->at, filled - r->at };
        if (opened == number + 1)
            return STR_NONE;
        r->at = 0;
        r->line = 0;
        atomic_store_explicit(&r->released, number + 1, memory_order_release);
    }
}

void ring_advance(struct log_ring *r, size_t n)
{
    uint64_t number = atomic_load_explicit(&r->released, memory_order_relaxed);
    const char *start = r->chunks[number % CHUNKS_MAX]->bytes;
    const char *newline = memrchr(start + r->at, '\n', n);

    r->at += (uint32_t)n;
    if (newline != NULL)
        r->line = (uint32_t)(newline + 1 - start);
}

bool ring_is_torn(const struct log_ring *r)
{
    return r->at != r->line;
}

void ring_rewind(struct log_ring *r)
{
    r->at = r->line;
}

bool ring_is_drained(struct log_ring *r)
{
    /* What was committed before the flush that we see is seen by ring_peek() too. */
    atomic_load(&r->flushed);
    return ring_peek(r).len == 0;
}
