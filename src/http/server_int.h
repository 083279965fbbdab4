/*
 * server_int - what the parts of server share.
 *
 *     server.c         listeners, connections, their bytes in and out, their time
 *     server_read.c    bytes become calls
 *     server_answer.c  calls become bytes, in order
 *
 *     bytes --> reading (one call) --whole--> calls (a queue) --answered, and first--> out --> bytes
 */
#ifndef WEIR_HTTP_SERVER_INT_H
#define WEIR_HTTP_SERVER_INT_H

#include "base/addr.h"
#include "base/list.h"
#include "http/server.h"

enum {
    SERVER_HEAD_MAX = 64 << 10,
    SERVER_URI_MAX = 16 << 10,
    SERVER_FIELDS_MAX = 128,
    SERVER_READ_SIZE = 16 << 10,
    SERVER_OUT_MAX = 1 << 20, /* with so much unsent no more requests are read */
    SERVER_KEEP_CALLS = 64,   /* done with, kept for the next */
};

struct server_conn;

struct http_call {
    struct list link; /* in conn->calls, or in server->spare */
    struct server_conn *conn;
    struct buf bytes; /* head and body as they came */
    struct str body;
    struct h1_head head;
    struct arena arena;
    void *data;
    struct buf answer; /* one that waits for its turn */
    size_t charged;    /* of server->bytes */
    bool answered;
    bool last; /* the connection ends behind its answer */
    struct http_field fields[SERVER_FIELDS_MAX];
};

enum server_phase {
    SERVER_HANDSHAKE,
    SERVER_HEAD,
    SERVER_BODY,
    SERVER_CHUNKS,
    SERVER_LINGER, /* the last answer is out: what still comes is thrown away, so that it arrives */
};

struct server_conn {
    struct watch_fd watch; /* must stay first */
    struct http_server *server;
    struct list link; /* in server->conns */
    struct tls *tls;  /* NULL: plain */
    enum server_phase phase;
    struct list calls; /* whole, their answers not out yet; oldest first */
    unsigned ncalls;
    struct http_call *reading; /* NULL: not a byte of the next one yet */
    struct h1_parser parser;
    const char *parsed; /* where the bytes were when it last looked */
    struct h1_chunks chunks;
    size_t body_end; /* of what is decoded of a chunked body */
    bool want_continue;
    struct buf out;
    size_t out_at;
    size_t out_charged; /* of server->bytes */
    struct timer timer;
    struct turn flush;
    struct turn more;
    bool blocked; /* the socket took no more */
    bool drained; /* it had no more to read */
    bool hangup;  /* the client has closed: read to the end */
    bool ended;   /* and that was reached */
    bool stop;    /* no more requests: Connection: close, or one was refused */
    bool refused;
    char remote[IP_TEXT_MAX];
};

struct server_listener {
    struct watch_fd watch; /* must stay first */
    struct http_server *server;
    struct list link;
    struct tls_context *tls; /* NULL: plain */
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    struct list listeners;
    struct list conns;
    unsigned nconns;
    struct list spare; /* calls */
    unsigned nspare;
    uint64_t bytes;
    struct http_server_stats stats; /* its counters */
    struct timer again;             /* listeners rest while descriptors are short */
    usec_t dated;                   /* the second that `date` says */
    char date[32];
};

/* ---- server.c ---- */

void server_conn_close(struct server_conn *c);
void server_set_timer(struct server_conn *c);
/* May another request be read now? */
bool server_may_read(const struct server_conn *c);
/* 1 got bytes for c->reading, 0 nothing there, -1 the end of it all (c->ended when it was clean) */
int server_fill(struct server_conn *c);

/* ---- server_read.c ---- */

struct http_call *server_call_new(struct server_conn *c);
void server_call_free(struct http_call *call);
/* As many requests as there are and may be read; the connection may be closed by it. */
void server_read(struct server_conn *c);
/* The request that is being read gets this answer, the connection its end. */
void server_refuse(struct server_conn *c, unsigned status, const char *word);

/* ---- server_answer.c ---- */

/* Has everything been said that will be? */
bool server_is_done(const struct server_conn *c);
void server_charge_out(struct server_conn *c);

#endif
