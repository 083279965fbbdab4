/*
 * listeners - the sockets that the parent holds, so that an edge can die and lose none.
 *
 * One set per address, as the blueprint writes it: one socket a worker with
 * SO_REUSEPORT, or a single one for a unix socket.  Asking again for an
 * address gives what is there.
 */
#ifndef WEIR_DAEMON_LISTENERS_H
#define WEIR_DAEMON_LISTENERS_H

#include "base/err.h"
#include "base/str.h"

enum { LISTENERS_MAX = 256, LISTENER_SOCKETS_MAX = 256 };

struct listeners;
struct listeners *listeners_new(void);
void listeners_free(struct listeners *l); /* closes all, removes unix sockets */

struct listener_wish {
    struct str address;
    unsigned backlog;
    unsigned count; /* of sockets, for TCP */
    unsigned mode;  /* of a unix socket's file */
};

/*
 * The sockets stay the listeners'.  err ids:
 * address_syntax, listen_in_use, listen_denied, listen_failed, listen_limit.
 */
int listeners_bind(struct listeners *l, const struct listener_wish *wish, const int **fds,
    unsigned *n, struct err *err);
/* Closes the sockets of every address that keep(arg, address) does not want. */
void listeners_keep(struct listeners *l, bool (*keep)(void *arg, struct str address), void *arg);

#endif
