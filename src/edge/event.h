/*
 * event - log lines that are not requests: what happened to origins.
 */
#ifndef WEIR_EDGE_EVENT_H
#define WEIR_EDGE_EVENT_H

#include "edge/origin.h"
#include "watch/log.h"

struct worker;
/* {"time":...,"event":NAME,"service":...,"origin":...,"for_ms":...}; for_ms 0 is left out. */
void event_origin(struct worker *w, const char *name, const struct origin_state *o, msec_t span);
void event_origin_in(
    struct log *log, unsigned ring, const char *name, const struct origin_state *o, msec_t span);

#endif
