/*
 * binding - a plan, tied to one worker: pools, counters, TLS contexts.
 *
 * Made in the worker's thread when a new plan arrives; requests in flight keep
 * the binding they began with (worker-local count).
 */
#ifndef WEIR_EDGE_BINDING_H
#define WEIR_EDGE_BINDING_H

#include "edge/limiter.h"
#include "edge/plan.h"
#include "edge/pool.h"
#include "net/loop.h"
#include "watch/metrics.h"

struct retry_budget { /* over a window of ten seconds, in ten slots */
    msec_t slot_at;
    unsigned slot;
    uint32_t requests[10];
    uint32_t retries[10];
    uint32_t sum_requests;
    uint32_t sum_retries;
};

struct bound_origin {
    struct pool *pool;
    unsigned weight;
    struct str host;
    int64_t current; /* of smooth weighted round robin */
};

/* ms: how soon a connection that another worker freed is noticed by those who wait for one */
enum { QUEUE_LOOK = 10 };

struct binding;
struct bound_service {
    struct binding *binding;
    const struct service *service;
    const struct plan_service *plan;
    struct bound_origin *origins;
    size_t norigins;
    struct tls_context *tls; /* borrowed from the plan; NULL: plain */
    struct retry_budget budget;
    struct list queue; /* passages that wait for a connection */
    unsigned nqueue;
    struct timer queue_timer; /* looks at the queue: another worker may have freed a connection */
    struct worker *worker;
    cell *retries;
    cell *retries_denied;
    cell *queue_depth;
};

struct bound_route {
    cell *requests[6]; /* by class; made when first used */
    cell *bytes_in;
    cell *bytes_out;
    struct histogram *seconds;
};

enum limit_decision { LIMIT_ALLOWED, LIMIT_REFUSED, LIMIT_OBSERVED, LIMIT_EXEMPT, LIMIT_DECISIONS };

struct bound_limit {
    struct limiter *limiter;
    cell *decisions[LIMIT_DECISIONS];
};

struct binding {
    unsigned refs;
    struct worker *worker;
    struct plan *plan;
    struct blueprint *blueprint; /* the plan's */
    struct bound_service *services;
    struct bound_route *routes; /* by route id; the last one is for "no route" */
    struct bound_limit *limits; /* by limit id */
};

struct binding *binding_new(struct worker *w, struct plan *plan); /* takes the plan's reference */
void binding_unref(struct binding *b);
static inline struct binding *binding_ref(struct binding *b)
{
    b->refs++;
    return b;
}
/* The counters of a route (NULL: of requests that matched none). */
struct bound_route *binding_route(struct binding *b, const struct route *r);
cell *binding_route_class(struct binding *b, const struct route *r, unsigned status);

#endif
