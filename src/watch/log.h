/*
 * log - one JSON line an event, never in the way of a request.
 *
 * Each thread writes into its own ring, 8 MB at most; a writer thread of the
 * same process takes the rings' bytes to the descriptor in large writes.  A
 * full ring (a slow or full disk) drops the event and counts it; the first drop
 * and the recovery are said once on stderr.
 *
 * The descriptor comes from outside, for the edge may not open files: when
 * the size passes rotate_size, or the file's writes fail with EIO, on_rotate
 * is called (in the writer thread, once) and log_set_fd() gives the next.
 */
#ifndef WEIR_WATCH_LOG_H
#define WEIR_WATCH_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct log;

/*
 * nrings threads will write.  Starts the writer thread, which blocks all signals
 * and inherits the sandbox that is up.  Lines committed reach the descriptor
 * within 50 ms, without a system call in the thread that wrote them.
 */
struct log *log_new(unsigned nrings, void (*on_rotate)(void *arg), void *arg);
/* Writes what is there (a reader of a pipe gets a second for each piece), stops the thread. */
void log_free(struct log *l);
/*
 * Owns fd; -1: discard everything.  size: what the file already holds;
 * rotate_size 0: never.  A line of which the old descriptor took only a part
 * is written whole to the new one.
 */
void log_set_fd(struct log *l, int fd, uint64_t size, uint64_t rotate_size);

/*
 * Room for one line of at most n bytes (n <= 32 KB) in the ring of the calling
 * thread; NULL when full (counted as dropped).  Write, then commit what was used;
 * the line must end in '\n'.  No other call for this ring between the two.
 */
char *log_begin(struct log *l, unsigned ring, uint32_t n);
void log_commit(struct log *l, unsigned ring, uint32_t used);

/* Sees to it that committed lines get written; call once a round of the event loop. */
void log_flush(struct log *l, unsigned ring);

struct log_stats {
    uint64_t written; /* lines that a descriptor has taken; runs behind while some wait */
    uint64_t dropped;
    uint64_t bytes;
};
struct log_stats log_get_stats(const struct log *l);

#endif
