/*
 * status - what the edge tells of itself: gauges, and the JSON of `weir status`.
 */
#ifndef WEIR_EDGE_STATUS_H
#define WEIR_EDGE_STATUS_H

#include "base/buf.h"
#include "edge/directory.h"
#include "edge/worker.h"

/* Sets the gauges that are looked up rather than counted, in the main thread's shard. */
void status_update_gauges(struct metrics *m, unsigned shard, const struct plan *p,
    struct directory *d, const struct log *log);
/* An origin is no more: its series are shown no longer. */
void status_forget_origin(struct metrics *m, const struct origin_state *s);

/*
 * {"blueprint":{...},"workers":[{connections, requests}],"services":[{name, origins:[...]}],
 *  "leaving":[{service, address, requests_in_flight}]}: the last are origins that get no new
 * requests and still have some under way.
 */
void status_write(struct buf *b, const struct plan *p, struct directory *d,
    struct worker *const *workers, unsigned nworkers);

#endif
