/*
 * worker - one event loop of the edge, its connections and what it shares with nobody.
 */
#ifndef WEIR_EDGE_WORKER_H
#define WEIR_EDGE_WORKER_H

#include <pthread.h>

#include "base/buf.h"
#include "edge/binding.h"
#include "edge/pages.h"
#include "keeper/client.h"
#include "net/loop.h"
#include "watch/log.h"
#include "watch/metrics.h"

struct conn;
struct passage;
struct edge;
struct addresses;

/* A listening socket of this worker. Lives while a connection refers to it. */
struct acceptor {
    struct watch_fd watch; /* must stay first */
    struct list link;
    unsigned refs;
    struct worker *worker;
    struct str address;              /* as the blueprint writes it; owned */
    const struct listener *listener; /* of the present binding; NULL: closed */
    struct tls_context *tls;         /* of the present binding */
    struct timer pause;              /* set while it does not accept */
    struct str name;                 /* of the listener; owned */
    cell *open;
    cell *accepted;
};

struct graveyard { /* memory to free after this round of events; embedded in it */
    struct graveyard *next;
    void *memory;
};

struct worker {
    unsigned index;
    struct edge *edge;
    struct loop *loop;
    pthread_t thread;
    struct keeper_client *keeper;
    struct binding *binding;
    struct pages pages;
    struct list acceptors;
    struct list conns;
    unsigned nconns;
    bool draining;
    bool drained; /* told to the main thread */
    struct passage *free_passages;
    unsigned nfree_passages;
    struct pool *pools[256]; /* by hash of the state's address */
    struct graveyard *graves;
    struct buf scratch; /* for heads: filled and sent in one go */
    struct metrics *metrics;
    struct log *log;
    struct addresses *addresses; /* connections per client address, shared */
    cell *log_sampled_out;
    cell *signatures_ok;
    cell *signatures_failed;
    _Atomic unsigned inflight; /* passages; read by the main thread when draining */
    _Atomic unsigned open;     /* connections */
};

struct worker *worker_new(struct edge *e, unsigned index);
void worker_free(struct worker *w);

/* All of these run in the worker's thread. */
void worker_bind(struct worker *w, struct plan *plan); /* takes the reference */
void worker_add_acceptor(struct worker *w, struct str address, int fd);
/* Accepts nothing for so long: there are no descriptors left. */
void worker_pause_acceptor(struct acceptor *a, msec_t span);
void worker_drain(struct worker *w);
void worker_close_all(struct worker *w);
/* The last thing in the worker's thread: closes everything that belongs to it. */
void worker_unbind(struct worker *w);
/* Frees memory (in which g is) after this round: callers further up may still look at it. */
void worker_bury(struct worker *w, struct graveyard *g, void *memory);
/* A refusal that is not (yet) a request: counted under its reason word. */
void worker_count_refusal(struct worker *w, const char *reason);

#endif
