/*
 * tool - what the load generators share: options, connections, replies.
 *
 * Every tool talks to one numeric address, with one fixed GET request, from one
 * thread with one epoll.  A connection is plain or TLS; its reads and writes
 * never block.  These programs measure a server, so they must be cheaper than
 * it: replies are only read as far as their status and Content-Length.
 */
#ifndef WEIR_BENCH_TOOL_H
#define WEIR_BENCH_TOOL_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/addr.h"
#include "base/time.h"

enum { REQUEST_MAX = 512, HEAD_MAX = 8192 };

/* "name=value" arguments; a word that no option has ends the program. */
struct option_word {
    const char *name;
    uint64_t *number; /* one of the two */
    const char **text;
};
void options_read(int argc, char **argv, const struct option_word *words);

struct target {
    struct addr addr;
    char request[REQUEST_MAX];
    size_t request_len;
    SSL_CTX *tls; /* NULL: plain */
};
/* address "127.0.0.1:80"; close asks the server to close behind the response. */
void target_init(struct target *t, const char *address, const char *path, bool tls, bool close);

/* A reply as it comes in. */
struct reply {
    char head[HEAD_MAX];
    size_t len; /* of head so far */
    bool in_body;
    uint64_t left; /* of the body */
    unsigned status;
    bool closes; /* the server said Connection: close */
};
enum reply_state { REPLY_MORE, REPLY_DONE, REPLY_BROKEN };
void reply_start(struct reply *r);
enum reply_state reply_feed(struct reply *r, const char *bytes, size_t n);

/* A connection; opened non-blocking, not yet connected. */
struct wire {
    int fd; /* -1: none */
    SSL *ssl;
    bool shaken; /* the TLS handshake is done */
};
/* False when there is no socket to be had. The fd is in ep with `data` for in, out, edge-triggered. */
bool wire_open(struct wire *w, const struct target *t, int ep, void *data, SSL_SESSION *session);
/* 1 done, 0 not yet, -1 broken. */
int wire_shake(struct wire *w);
/* Bytes, or 0 for "not now", or -1 for the end or an error. */
ssize_t wire_read(struct wire *w, char *to, size_t room);
ssize_t wire_write(struct wire *w, const char *from, size_t n);
void wire_close(struct wire *w);

/* Raises the limit on descriptors as far as it goes. */
void tool_raise_limits(void);
void tool_die(const char *what) __attribute__((noreturn));

/* Sorts n values and returns those at p50, p90, p99, p99.9 and the last, in microseconds. */
struct quantiles {
    double p50, p90, p99, p999, max;
};
struct quantiles quantiles_of(uint64_t *nsec, size_t n);

#endif
