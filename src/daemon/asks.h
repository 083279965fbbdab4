/*
 * asks - questions that control has put to another process and that are not answered yet.
 *
 * A struct ask is embedded in whoever asks.  answer() is called exactly once,
 * with m NULL when the other process is gone or the time is over - unless
 * ask_again() is called inside it, for answers that come in parts.
 */
#ifndef WEIR_DAEMON_ASKS_H
#define WEIR_DAEMON_ASKS_H

#include "net/channel.h"

struct asks {
    struct loop *loop;
    struct list open;
    uint64_t last_id;
};

struct question {
    struct channel *over;    /* NULL or dead: the answer is NULL, from the loop */
    struct channel *answers; /* NULL: from `over` as well */
    uint16_t type;
    struct str body;
    const int *fds;
    unsigned nfds;
    msec_t timeout;
};

struct ask {
    struct list link;
    struct asks *all;
    uint64_t id;
    struct channel *answers; /* whose end is the end of hope */
    struct timer timer;
    void (*answer)(struct ask *a, struct message *m);
};

void asks_init(struct asks *all, struct loop *l);

void ask_put(struct asks *all, struct ask *a, const struct question *q,
    void (*answer)(struct ask *a, struct message *m));
void ask_again(struct ask *a, msec_t timeout);
/* Not asked, or answered: fine. */
void ask_cancel(struct ask *a);

/* Handlers of answers call this; false when nobody asked (any more). */
bool asks_answered(struct asks *all, struct message *m);
void asks_gone(struct asks *all, const struct channel *answers);

#endif
