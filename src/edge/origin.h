/*
 * origin - one address that the requests of a service go to.
 *
 * origin_state is what the whole edge knows of it: shared by the workers and
 * the main thread, atomic, and kept across blueprints by (service, address), so
 * that an apply forgets neither breakers nor health.  One worker's view, with
 * its idle connections and counters, is a pool (pool.h).
 */
#ifndef WEIR_EDGE_ORIGIN_H
#define WEIR_EDGE_ORIGIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/addr.h"
#include "edge/breaker.h"

struct origin_state {
    _Atomic unsigned refs;
    struct str service; /* names, owned */
    struct str label;   /* the address as text: for logs and metrics */
    struct addr addr;
    struct breaker breaker;
    _Atomic bool healthy;
    _Atomic unsigned failures_in_row; /* 5xx and broken tries, for outlier detection */
    _Atomic unsigned ejections;       /* how often in a row it was ejected */
    _Atomic msec_t ejected_until;     /* 0: never */
    _Atomic msec_t warm_from;         /* slow start counts from here; 0: warm */
    _Atomic unsigned inflight;        /* requests */
    _Atomic unsigned connections;
    bool knocked; /* the main thread's: see reach.h */
};

struct origin_state *origin_state_new(struct str service, const struct addr *addr);
struct origin_state *origin_state_ref(struct origin_state *s);
void origin_state_unref(struct origin_state *s);

static inline bool origin_state_is_ejected(const struct origin_state *s, msec_t now)
{
    msec_t until = atomic_load_explicit(&s->ejected_until, memory_order_relaxed);

    return until != 0 && now < until;
}

#endif
