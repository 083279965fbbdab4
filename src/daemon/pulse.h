/*
 * pulse - a timer in real time, for what the machine does in real time: starting
 * a program, waiting for one to die.  Everything that a client or an origin can
 * observe uses the loop's timers, which a scenario's test clock moves.
 */
#ifndef WEIR_DAEMON_PULSE_H
#define WEIR_DAEMON_PULSE_H

#include <stdbool.h>

#include "net/loop.h"

struct pulse {
    struct watch_fd watch; /* must stay first */
    struct loop *loop;
    void (*beat)(struct pulse *p);
};

/* Not set yet. */
void pulse_init(struct pulse *p, struct loop *l, void (*beat)(struct pulse *p));
/* Once, after `wait`; replaces what was set. */
void pulse_set(struct pulse *p, msec_t wait);
void pulse_cancel(struct pulse *p);
void pulse_free(struct pulse *p);

#endif
