/*
 * health - active checks: GETs to each origin of a service with `health:`.
 *
 * Runs on the main thread's loop, so that checks cost the workers nothing and
 * happen once, whatever the number of workers.
 */
#ifndef WEIR_EDGE_HEALTH_H
#define WEIR_EDGE_HEALTH_H

#include "edge/plan.h"
#include "net/loop.h"
#include "watch/log.h"

struct health_checks;
/* Events go to that ring of the log. */
struct health_checks *health_new(struct loop *l, struct log *log, unsigned ring);
void health_free(struct health_checks *h);
/* Checks what this plan says from now on; keeps a reference of it. */
void health_follow(struct health_checks *h, struct plan *p);

#endif
