/*
 * admin - the admin API: HTTP/1.1 over state/admin.sock, and GET /metrics over TCP where the
 * blueprint says so.
 *
 * Small on purpose: one request at a time on a connection, bodies of at most
 * 16 MB, few connections, a time limit on everything.  What may be asked is the
 * table in api.c.
 */
#ifndef WEIR_DAEMON_ADMIN_H
#define WEIR_DAEMON_ADMIN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "daemon/control_int.h"
#include "http/method.h"

struct admin;
struct admin *admin_new(struct control *c);
/* Owns fd, a listening socket: the unix socket. */
void admin_listen(struct admin *a, int fd);
/* The sockets of the one address for /metrics alone, n 0 for none; owns them, and closes those
 * before unless the address is the same. */
void admin_follow(struct admin *a, const int *fds, unsigned n, struct str address);

/* A request that waits for its answer. Answered exactly once; it may outlive its connection. */
struct exchange {
    struct control *control;
    bool public; /* over TCP */
    enum http_method method;
    struct str path;   /* not decoded */
    struct str query;  /* without '?' */
    struct str accept; /* header */
    struct str body;
    /* the rest is admin.c's */
    struct admin_conn *conn; /* NULL: the client has gone */
};

void exchange_answer(
    struct exchange *x, unsigned status, const char *content_type, struct str body);
/* {"error":{"id","text"}}; the status follows from the kind. */
void exchange_fail(struct exchange *x, const struct err *err);

/* api.c: finds the route and calls it. */
void api_serve(struct exchange *x);

#endif
