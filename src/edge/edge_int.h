/*
 * edge_int - what the main thread of the edge offers its workers.
 */
#ifndef WEIR_EDGE_EDGE_INT_H
#define WEIR_EDGE_EDGE_INT_H

#include "edge/limiter.h"
#include "edge/plan.h"
#include "watch/log.h"
#include "watch/metrics.h"

struct edge;
/* From any thread. The limiter of that limit, kept across blueprints by its name; one reference. */
struct limiter *edge_limiter(struct edge *e, const struct limit *rule);
struct metrics *edge_metrics(struct edge *e);
struct log *edge_log(struct edge *e);
struct addresses *edge_addresses(struct edge *e);
/* Open client connections, of all workers. */
unsigned edge_connections(const struct edge *e);
/* The other workers close an idle connection to that origin, if they have one. */
void edge_shed_idle(struct edge *e, unsigned asking, struct origin_state *state);
/* A worker that drains has no connection left. */
void edge_worker_drained(struct edge *e);

#endif
