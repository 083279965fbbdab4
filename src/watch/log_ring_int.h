/*
 * log_ring - what a worker hands to the log's writer: chunks of whole lines.
 *
 *     worker: free or new chunk --opens--> fills --opens the next--> ...
 *     writer:                     writes what is filled; all of a closed one --releases--> free
 *
 * The chunk that was released last is filled next, so that a writer that keeps
 * up makes the two pass a few chunks to and fro, which stay in the cache; the
 * others are allocated when it falls behind.  A line lies in one chunk.
 *
 * One worker and one writer, no lock.
 */
#ifndef WEIR_WATCH_LOG_RING_INT_H
#define WEIR_WATCH_LOG_RING_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    CHUNK_SIZE = 128 << 10,
    CHUNKS_MAX = 64,
    LOG_LINE_MAX = 32 << 10,
    LOG_CACHE_LINE = 64,
};

struct chunk {
    _Atomic uint32_t filled;
    char bytes[CHUNK_SIZE];
};

struct log_ring {
    /* The worker's. */
    _Alignas(LOG_CACHE_LINE) _Atomic uint64_t opened; /* chunks so far */
    _Atomic uint64_t committed;                       /* lines */
    _Atomic uint64_t dropped;                         /* lines */
    _Atomic uint64_t flushed;                         /* committed at the last ring_flush() */
    uint32_t used;                                    /* of the open chunk */
    uint64_t collected;                               /* released chunks that are in free[] */
    unsigned nfree;
    unsigned nchunks;
    struct chunk *free[CHUNKS_MAX];
    struct chunk *chunks[CHUNKS_MAX]; /* by number; the writer reads those that are not released */
    /* The writer's. */
    _Alignas(LOG_CACHE_LINE) _Atomic uint64_t released; /* chunks so far; the next is being read */
    uint32_t at;                                        /* in it: written up to here */
    uint32_t line;                                      /* in it: the line in which `at` lies */
    uint64_t counted;                                   /* of committed */
};

void ring_free_chunks(struct log_ring *r);

/* The worker's. */
char *ring_begin(struct log_ring *r, uint32_t n);
void ring_commit(struct log_ring *r, uint32_t used);
/*
 * Have lines been committed since the last call?  Sequentially consistent with
 * ring_is_drained(): who then looks whether the writer sleeps misses nothing.
 */
bool ring_flush(struct log_ring *r);
/* Chunks that are open or not yet written whole. */
unsigned ring_backlog(const struct log_ring *r);

/* The writer's: the next bytes, in one piece; empty when there are none. */
struct str ring_peek(struct log_ring *r);
void ring_advance(struct log_ring *r, size_t n);
/* Has a part of a line been written? */
bool ring_is_torn(const struct log_ring *r);
/* Back to the start of that line. */
void ring_rewind(struct log_ring *r);
bool ring_is_drained(struct log_ring *r);

#endif
