/*
 * gather - asks the parent what the processes use, the edge and the keeper for their own account, all at once.
 */
#ifndef WEIR_DAEMON_GATHER_H
#define WEIR_DAEMON_GATHER_H

#include "base/json.h"
#include "daemon/control_int.h"

enum { GATHER_TIMEOUT = 5000 /* ms */ };

struct process_usage {
    struct str role; /* "edge", or "api/1" */
    uint64_t pid;
    uint64_t restarts;
    usec_t cpu;
    uint64_t resident;
    uint64_t fds;
};

struct gathered {
    struct buf usage;  /* LIFE_USAGE; empty when the parent did not answer */
    struct buf edge;   /* EDGE_DATA; empty when the edge did not answer */
    struct buf keeper; /* KEEPER_OBSERVED; empty when there is none, or it did not answer */
};

/* done() is called exactly once, at the latest after GATHER_TIMEOUT; what is gathered is freed behind
 * it. */
void gather(struct control *c, uint16_t edge_question, struct str body,
    void (*done)(void *arg, const struct gathered *g), void *arg);

/* The next process; false at the end.  rest begins as the whole usage. */
bool gathered_next(struct str *rest, struct process_usage *out);

#endif
