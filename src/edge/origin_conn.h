/*
 * origin_conn - one connection to an origin.
 *
 * Belongs to a pool; while a request uses it, to that request's proxy.  An idle
 * one refers to its pool without counting: the pool closes its idle ones when
 * it goes.
 */
#ifndef WEIR_EDGE_ORIGIN_CONN_H
#define WEIR_EDGE_ORIGIN_CONN_H

#include "edge/binding.h"
#include "edge/stream.h"
#include "edge/worker.h"

enum origin_conn_phase {
    OC_CONNECTING,
    OC_TLS,
    OC_READY, /* carries the request of `p` */
    OC_IDLE,
    OC_CLOSED,
};

struct origin_conn {
    struct stream s; /* must stay first */
    struct graveyard grave;
    struct list link; /* in the pool's idle list */
    struct pool *pool;
    struct passage *p;
    struct timer timer;
    struct turn turn; /* goes on reading in the next round */
    uint8_t phase;
    uint32_t nrequests;
    struct tls_context *tls; /* it was made with, a reference; NULL: plain */
    uint64_t tls_name;       /* hash of the name that was verified */
};

/*
 * An idle one that still looks alive and was made as the service says now; NULL
 * when there is none.  careful: ask the kernel too, because the request could
 * not be repeated if the origin had just closed.
 */
struct origin_conn *origin_conn_reuse(
    struct pool *pool, const struct bound_service *s, struct str host, bool careful);
/*
 * Begins to connect, until the deadline (0: none) at most.  NULL when that fails at
 * once (*reason says why).
 */
struct origin_conn *origin_conn_open(struct pool *pool, struct bound_service *s, struct str host,
    msec_t deadline, const char **reason);
/* The request is over and the connection may carry another. */
void origin_conn_keep(struct origin_conn *c, const struct bound_service *s);
void origin_conn_close(struct origin_conn *c);

/* What the proxy does when something happens on its connection. */
void proxy_connected(struct passage *p);
void proxy_origin_ready(struct passage *p, bool writable);
void proxy_origin_failed(struct passage *p, const char *reason);

#endif
