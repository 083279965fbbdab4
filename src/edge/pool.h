/*
 * pool - one worker's view of an origin: idle connections, and counters.
 *
 * Found by the origin's state, so it outlives the blueprints that name it.
 */
#ifndef WEIR_EDGE_POOL_H
#define WEIR_EDGE_POOL_H

#include "base/list.h"
#include "edge/origin.h"
#include "watch/metrics.h"

enum { CLASS_ERROR = 0 };                /* 1..5: the class of the status */
extern const char *const class_names[6]; /* "error", "1xx" ... "5xx" */

struct worker;
struct pool {
    struct pool *next; /* in the worker's table */
    unsigned refs;     /* bindings, connections, requests; worker-local */
    struct worker *worker;
    struct origin_state *state;
    struct list idle; /* the most recently used first */
    unsigned nidle;
    cell *requests[6];
    cell *connections;
    cell *idle_cell;
    cell *opened;
    struct histogram *latency;
};

/* The worker's pool for that origin: found or made; one reference more. */
struct pool *pool_get(struct worker *w, struct origin_state *state);
void pool_ref(struct pool *p);
/* The last one closes the idle connections. */
void pool_unref(struct pool *p);
/* Closes the idle connection that was used least recently, if there is one. */
void pool_shed(struct worker *w, const struct origin_state *state);
void pool_count_error(struct pool *p, const char *reason);

#endif
