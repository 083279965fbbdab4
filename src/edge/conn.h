/*
 * conn - one client connection: accept, TLS, HTTP/1.1, and its end.
 *
 *     TLS -> IDLE <-> HEAD -> PASSAGE -> (DRAIN) -> IDLE
 *                       |        |                   |
 *                       +--------+----> LINGER <-----+      then closed
 *
 * DRAIN reads the rest of a request body that nobody wanted, when it is short.
 * LINGER has sent all it will and reads on for a moment, so that the kernel
 * does not answer unread bytes with a reset that destroys the response.
 */
#ifndef WEIR_EDGE_CONN_H
#define WEIR_EDGE_CONN_H

#include "edge/stream.h"
#include "edge/worker.h"
#include "http/h1.h"

enum conn_phase {
    CONN_TLS,
    CONN_IDLE,
    CONN_HEAD,
    CONN_PASSAGE,
    CONN_DRAIN,
    CONN_LINGER,
    CONN_CLOSED,
};

/* A direction of the connection that must make progress. */
struct progress {
    msec_t since;   /* when the body began; 0: nothing to watch */
    msec_t last;    /* when bytes last moved */
    uint64_t bytes; /* moved since it began */
    uint64_t start; /* writing: what was acknowledged then */
};

struct conn {
    struct stream s; /* must stay first */
    struct graveyard grave;
    struct list link;
    struct worker *worker;
    struct acceptor *acceptor;
    cell *open;        /* the listener's count that this connection is part of */
    struct passage *p; /* the request being read or served */
    struct timer timer;
    struct turn turn; /* goes on in the next round */
    struct ip peer;
    uint16_t peer_port;
    uint8_t phase;
    bool advancing;      /* inside conn_advance(): who ends a passage need not call it */
    bool asked_to_close; /* the client sends no further request */
    bool close_after;    /* the present response is the last */
    bool counted;        /* in addresses */
    bool chunked_out;    /* the response's body goes out in chunks */
    bool tunnel;
    bool retired; /* no further request */
    uint32_t nrequests;
    struct stream_buffer head_page; /* the head's bytes, when the body needed another buffer */
    uint32_t floor;                 /* where body bytes begin in the input buffer */
    enum h1_framing framing;        /* of the request's body */
    uint64_t left;
    struct h1_chunks chunks;
    struct progress reading;
    struct progress writing;
    uint64_t lingered;
};

static inline const struct client_limits *conn_limits(const struct conn *c)
{
    return &c->worker->binding->blueprint->client;
}

static inline msec_t conn_now(const struct conn *c)
{
    return loop_now(c->worker->loop);
}

void conn_accept(struct acceptor *a);
/* Goes on as far as it can without waiting, and without keeping the others waiting. */
void conn_advance(struct conn *c);
/* Goes on in the next round of the loop. */
void conn_yield(struct conn *c);
/* Sends what is kept, then closes, gently when bytes may be unread. */
void conn_begin_close(struct conn *c);
/* At once. */
void conn_close(struct conn *c);
/* Nothing is in flight here, or after the present response: a drain. */
void conn_retire(struct conn *c);

/* ---- HTTP/1.1: h1_*.c ---- */

extern const struct front h1_front;
/* Each goes on as far as it can; false: wait for the loop. */
bool h1_read_head(struct conn *c);
bool h1_serve(struct conn *c);
bool h1_drain(struct conn *c);
/* What the timer found while a passage is served; false: it was ended. */
bool h1_check_progress(struct conn *c, msec_t now);
void h1_head_timeout(struct conn *c);

#endif
