/*
 * status - what the edge tells of itself: gauges, and the JSON of `weir status`.
 */
#ifndef WEIR_EDGE_STATUS_H
#define WEIR_EDGE_STATUS_H

#include "base/buf.h"
#include "edge/directory.h"
#include "edge/worker.h"

/* Sets the gauges that are looked up rather than counted, in the main thread's shard. */
void status_update_gauges(
    struct metrics *m, unsigned shard, struct directory *d, const struct log *log);

/* {"blueprint":{...},"workers":[{connections, requests}],"services":[{name, origins:[...]}]} */
void status_write(
    struct buf *b, const struct plan *p, struct worker *const *workers, unsigned nworkers);

#endif
