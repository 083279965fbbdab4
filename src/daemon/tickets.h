/*
 * tickets - the keys that TLS session tickets are sealed with, and their rotation.
 *
 * The first issues, the older ones still open what they have issued.  They live
 * in memory alone: after a restart of control old tickets mean a full handshake.
 */
#ifndef WEIR_DAEMON_TICKETS_H
#define WEIR_DAEMON_TICKETS_H

#include "base/str.h"
#include "base/time.h"
#include "net/loop.h"
#include "net/tls.h"

enum { TICKET_KEYS = 3 };

struct tickets {
    uint8_t keys[TICKET_KEYS][TLS_TICKET_KEY];
    unsigned n;
    struct loop *loop;
    struct timer timer;
    msec_t every; /* 0: never */
    void (*changed)(struct tickets *t);
};

/* Makes the first key. changed() is called after each rotation. */
void tickets_init(struct tickets *t, struct loop *l, void (*changed)(struct tickets *t));
void tickets_set_rotation(struct tickets *t, msec_t every);
struct str tickets_all(const struct tickets *t);

#endif
