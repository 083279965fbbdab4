/*
 * server - a small HTTP/1.1 server for APIs (the keeper's, the admin socket), on an event loop.
 *
 * Not the edge: whole requests with bodies up to a limit, answered with whole bodies, now or later;
 * keep-alive, pipelining (answered in order), HEAD, Expect: 100-continue, chunked requests, plain or TLS
 * (whether a client certificate is asked for, the context says).  Strict as http/h1.h.  Every limit has an
 * answer: 400, 408, 413, 431, 503, with {"errors":["a word"]} as body.  What went through is wiped.
 */
#ifndef WEIR_HTTP_SERVER_H
#define WEIR_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/h1.h"
#include "net/loop.h"
#include "net/tls.h"

struct http_server;
struct http_call; /* one request and its answer */

struct http_server_options {
    uint32_t max_body;        /* bytes; past it 413 */
    unsigned max_connections; /* past it the newest is closed with 503 */
    unsigned max_pipelined;   /* unanswered on one connection before reading stops */
    uint64_t max_bytes;       /* of all bodies in memory; past it 503 */
    msec_t header_timeout, body_timeout, idle_timeout;
    /* Called once a request is whole; answer with http_answer() now or later. */
    void (*handle)(struct http_call *call, void *arg);
    /* The connection is gone before the answer: forget the call. May be NULL. */
    void (*gone)(struct http_call *call, void *arg);
    void *arg;
};

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o);
/* Not from inside handle() or gone(). */
void http_server_free(struct http_server *s);
struct http_server_stats {
    uint64_t open;        /* connections now */
    uint64_t bytes;       /* of requests and answers in memory now */
    uint64_t accepted;    /* connections so far */
    uint64_t turned_away; /* past max_connections */
    uint64_t
        refused; /* requests that handle() never saw: malformed, too large, too slow, too many bytes */
    uint64_t slow; /* those of them that ran out of time, and connections that did */
};
struct http_server_stats http_server_get_stats(const struct http_server *s);

/* Takes connections from a listening socket (owned from now on); tls NULL: plain. */
void http_server_listen(struct http_server *s, int listener, struct tls_context *tls);
/* For listeners already there: the certificate changed. */
void http_server_set_tls(struct http_server *s, struct tls_context *tls);

/* Valid until http_answer(). */
const struct h1_head *http_call_head(
    const struct http_call *c); /* any method token is let through */
struct str http_call_field(
    const struct http_call *c, const char *name); /* first of that name; at NULL: none */
struct str http_call_body(const struct http_call *c);
struct str http_call_remote(
    const struct http_call *c); /* address without port; len 0: a unix socket's */
struct arena *http_call_arena(struct http_call *c);
bool http_call_is_tls(const struct http_call *c);
/* The client's chain in DER, leaf first; how many there are (0: none). */
unsigned http_call_certificates(struct http_call *c, struct str *der, unsigned room);
void http_call_set_data(struct http_call *c, void *data);
void *http_call_data(const struct http_call *c);

/* fields: "Name: value\r\n" lines, or len 0; Content-Length and Date are added. content_type NULL: none. */
void http_answer(
    struct http_call *c, int status, const char *content_type, struct str fields, struct str body);

#endif
