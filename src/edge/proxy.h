/*
 * proxy - takes a request to an origin and brings the response back.
 *
 *     CHOOSE -> (QUEUED) -> CONNECT -> SEND -> AWAIT_HEAD -> BODY -> done
 *        ^                     |         |         |
 *        +---- BACKOFF <-------+---------+---------+     a failed try, if another is allowed
 *                                            AWAIT_HEAD -> TUNNEL    after a 101
 *
 * A try may be repeated only before the response has begun, when the request
 * can be sent again (no body was sent, or it is kept), when repeating is safe
 * (nothing was sent, or the method is idempotent), and within the service's
 * attempts, its budget and the total time.
 */
#ifndef WEIR_EDGE_PROXY_H
#define WEIR_EDGE_PROXY_H

#include "base/buf.h"
#include "base/list.h"
#include "edge/binding.h"
#include "http/h1.h"
#include "net/loop.h"

enum proxy_state {
    PROXY_OFF,
    PROXY_QUEUED,
    PROXY_BACKOFF,
    PROXY_CONNECT,
    PROXY_SEND, /* and, if the body is long, until all of it is sent */
    PROXY_AWAIT_HEAD,
    PROXY_BODY,
    PROXY_TUNNEL,
    PROXY_DONE,
};

enum { PROXY_TRIED_MAX = 8 };

struct origin_conn;
struct proxy {
    enum proxy_state state;
    struct bound_service *service;
    struct origin_conn *conn;
    struct pool *pool;      /* of the present try; one reference */
    struct str origin_host; /* of the present try */
    unsigned tries;
    struct pool *tried[PROXY_TRIED_MAX]; /* not dereferenced: only compared */
    unsigned ntried;
    struct timer wait; /* queue, backoff */
    struct timer try_timer;
    msec_t deadline;       /* of all tries; 0: none */
    bool probe;            /* it is the breaker's */
    bool admitted;         /* the breaker waits for a report */
    bool reached;          /* a byte of this try's request went out */
    bool got_bytes;        /* a byte of its response came in */
    uint64_t acknowledged; /* by the origin, when the try timer was last set */
    bool fresh;            /* the next try takes no idle connection: one was stale */
    bool sending;          /* the request's body is not all out yet */
    bool expect_continue;  /* the client waits for a 100 */
    bool tunnel_ended;     /* the client sends no more; the origin is told when all is sent */
    unsigned interims;     /* 1xx heads of this try */
    struct h1_parser parser;
    struct h1_head head;
    struct h1_chunks chunks;
    uint64_t left;     /* of a body with a length */
    struct buf replay; /* the body so far, while it may be sent again */
    bool replay_whole;
    usec_t try_started;
    usec_t head_at;          /* when the final try's head came */
    usec_t origin_usec;      /* of the last try, to the end of its head */
    struct str origin_label; /* in the passage's arena */
    struct buf trailers;     /* of the request, as lines */
    const char *reason;      /* of the last failed try */
};

struct passage;
void proxy_init(struct passage *p);
/* Starts: the route has a service. */
void proxy_start(struct passage *p);
/*
 * A piece of the request's body, decoded; taken whole.  Clears p->body_wanted
 * when the origin does not keep up, and sets it and pulls when it does again.
 */
void proxy_body(struct passage *p, struct str data, bool end);
void proxy_trailer(struct passage *p, const struct http_field *f);
/* The client reads again. */
void proxy_resume(struct passage *p);
/* Bytes from the client of a tunnel; how many were taken. */
size_t proxy_tunnel_send(struct passage *p, struct str data);
/* The client closed its sending side of the tunnel. */
void proxy_tunnel_end(struct passage *p);
/* In the queue, or between two tries. */
bool proxy_is_waiting(const struct passage *p);
/* The client has gone, or the total time is over. */
void proxy_cancel(struct passage *p);
/* Another try for somebody in the queue. */
void proxy_serve_queue(struct bound_service *s);

#endif
