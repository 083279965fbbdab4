/*
 * limiter - rate limits by GCRA, one table per limit, shared by the workers.
 *
 * For each key the table holds its theoretical arrival time (TAT): one word
 * says all about a client.  The table is of fixed size, 8 entries a bucket; a
 * new key takes the place of the one whose TAT is the furthest in the past,
 * which has the least to remember.  Lock-free.
 */
#ifndef WEIR_EDGE_LIMITER_H
#define WEIR_EDGE_LIMITER_H

#include <stdbool.h>

#include "base/time.h"
#include "model/blueprint.h"

struct limiter;

/* entries is rounded up to a power of two. */
struct limiter *limiter_new(struct str name, unsigned entries);
struct limiter *limiter_ref(struct limiter *l);
void limiter_unref(struct limiter *l);
struct str limiter_name(const struct limiter *l);
unsigned limiter_entries(const struct limiter *l);

struct limit_result {
    bool allowed;
    uint64_t remaining; /* requests that could follow at once */
    usec_t reset;       /* until the whole burst is there again */
    usec_t retry_after; /* 0 when allowed */
};

/* Takes one request of the key when there is room; a refused one takes nothing. */
struct limit_result limiter_take(
    struct limiter *l, const struct limit *rule, uint64_t key, usec_t now);

#endif
