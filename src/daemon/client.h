/*
 * client - asks a running Weir over its admin socket, or its keeper over that one's.  Blocking, for
 * commands.
 */
#ifndef WEIR_DAEMON_CLIENT_H
#define WEIR_DAEMON_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"

struct client;

/*
 * socket: the path of the admin socket, or NULL; state: a state folder, or NULL.
 * With neither: $WEIR_STATE, then the state of ./weir.yaml when there is one
 * (find_state, may be NULL, is asked for it), then /var/lib/weir.
 * err ids client_no_weir, client_denied.
 */
struct client *client_new(
    const char *socket, const char *state, char *(*find_state)(void), struct err *err);
/* The same for the API of its keeper, keeper.sock in that folder; socket: the path of that one. */
struct client *client_new_keeper(
    const char *socket, const char *state, char *(*find_state)(void), struct err *err);
void client_free(struct client *c); /* NULL is fine */
/* Where it is connected. */
const char *client_socket(const struct client *c);

struct client_answer {
    unsigned status;
    struct buf body; /* the caller frees; wiped then */
};

struct client_question {
    const char *method;
    const char *target;
    const char *accept;       /* a header, or NULL */
    const char *token;        /* of the keeper's API, or NULL */
    const char *content_type; /* or NULL */
    struct str body;          /* len 0: none */
    msec_t timeout;           /* for the whole answer */
};

/* An answer of 4xx or 5xx is an answer.  err ids client_lost, client_timeout, client_size. */
int client_ask(
    struct client *c, const struct client_question *q, struct client_answer *out, struct err *err);

#endif
