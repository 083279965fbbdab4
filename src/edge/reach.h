/*
 * reach - knocks once at each origin that a plan brings, so that a wrong
 * address or an application that was not started is said in words at once, and
 * not only when the first client gets a 502.
 *
 * Nothing else follows from it: whether requests are sent to an origin is for
 * health checks, outlier detection and breakers to say.  Main thread only.
 */
#ifndef WEIR_EDGE_REACH_H
#define WEIR_EDGE_REACH_H

#include "edge/plan.h"
#include "net/loop.h"

struct reach;
/* say(sentence, arg) is called for each origin that cannot be reached. */
struct reach *reach_new(struct loop *l, void (*say)(const char *sentence, void *arg), void *arg);
void reach_free(struct reach *r);
/* Knocks at the origins that no earlier plan had; those of `run:` are up when they are told of. */
void reach_follow(struct reach *r, const struct plan *p);

#endif
