/*
 * directory - the addresses of services' origins as they are known now, and
 * the state of each origin.  The main thread's alone.
 *
 * Addresses come from the blueprint, from DNS (EDGE_ENDPOINTS) and from the
 * processes that Weir runs (EDGE_INSTANCES).
 */
#ifndef WEIR_EDGE_DIRECTORY_H
#define WEIR_EDGE_DIRECTORY_H

#include "base/buf.h"
#include "edge/plan.h"

struct directory;
struct directory *directory_new(void);
void directory_free(struct directory *d);

/* The JSON bodies of those messages. err id directory_message. */
int directory_set_endpoints(struct directory *d, struct str json, struct err *err);
int directory_set_instances(struct directory *d, struct str json, struct err *err);

/* Adds to each service of the plan the origins it has now. */
void directory_fill(struct directory *d, struct plan *p);

/* Drops the states that no plan refers to any more; gone() is told of each before. */
void directory_sweep(
    struct directory *d, void (*gone)(struct origin_state *s, void *arg), void *arg);

void directory_each(
    struct directory *d, void (*call)(struct origin_state *s, void *arg), void *arg);

#endif
