/*
 * loop - one thread's events: descriptors, timers, and calls from other threads.
 *
 * epoll behind a narrow interface.  A descriptor is registered once, for both
 * directions, edge-triggered; nothing is re-armed later.  The owner reads until
 * it sees EAGAIN or a short read and remembers that it may read; an engine on
 * io_uring could take this same interface with multishot polls.
 *
 * Not thread-safe, but for loop_post() and loop_stop().
 */
#ifndef WEIR_NET_LOOP_H
#define WEIR_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/time.h"

struct loop;

enum {
    LOOP_READ = 1,   /* readable, or the peer has closed */
    LOOP_WRITE = 2,  /* writable again */
    LOOP_HANGUP = 4, /* the peer has closed its side (comes with LOOP_READ): read until 0 */
    LOOP_ERROR = 8,  /* reset; reading will say why */
};

/* Embedded in whoever owns the descriptor. */
struct watch_fd {
    int fd;
    void (*ready)(struct watch_fd *w, unsigned events);
};

/* Embedded. Re-arming later is free: the wheel entry moves only when it comes up. */
struct timer {
    struct list link;
    msec_t when; /* 0: off */
    msec_t slot; /* when the wheel will look at it */
    void (*fire)(struct timer *t);
};

struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Until loop_stop(). */
void loop_run(struct loop *l);
/* One round; waits at most max_wait (or until the next timer). */
void loop_once(struct loop *l, msec_t max_wait);
void loop_stop(struct loop *l);

/* 0, or -1 with errno. The descriptor must be non-blocking. */
int loop_add(struct loop *l, struct watch_fd *w);
/* Level-triggered and for reading only: listeners, channels. */
int loop_add_level(struct loop *l, struct watch_fd *w);
/* For one added by loop_add_level(): LOOP_WRITE too, as long as it is on. */
void loop_want_write(struct loop *l, struct watch_fd *w, bool on);
/* Safe inside callbacks: no further event for w comes after this. Does not close. */
void loop_remove(struct loop *l, struct watch_fd *w);
/* The same for a descriptor that is about to be closed (which removes it without a call of its own). */
void loop_forget(struct loop *l, struct watch_fd *w);

/* Has the loop been told something of w that it has not passed on yet in this round? */
bool loop_has_news(const struct loop *l, const struct watch_fd *w);

/* The time at the start of this round of events. */
msec_t loop_now(const struct loop *l);
/* The wall clock, read at most once a round. */
usec_t loop_wall(struct loop *l);

void timer_init(struct timer *t, void (*fire)(struct timer *t));
/* Fires once at or after `when`; replaces what was set. */
void timer_set(struct loop *l, struct timer *t, msec_t when);
void timer_cancel(struct loop *l, struct timer *t);

/* Called once after the events of each round (flush logs, free what is no longer used). */
void loop_after(struct loop *l, void (*call)(void *arg), void *arg);
/* No longer; not from inside such a call. */
void loop_after_cancel(struct loop *l, void (*call)(void *arg), void *arg);

/*
 * Another turn: call(t) runs once in the next round, after that round's events
 * had theirs.  For whoever could go on for ever and must let others go first.
 */
struct turn {
    struct list link;
    void (*call)(struct turn *t);
};
void turn_init(struct turn *t, void (*call)(struct turn *t));
void loop_take_turn(struct loop *l, struct turn *t); /* again is fine */
void turn_cancel(struct turn *t);
/* The same at the end of this very round, behind all else (or of the next, when none is on):
 * for sending what the round has gathered. */
void loop_take_last_turn(struct loop *l, struct turn *t);

/* From any thread: call(arg) runs in the loop's thread. The struct is embedded, the caller's. */
struct post {
    struct post *next;
    void (*call)(struct post *p);
};
void loop_post(struct loop *l, struct post *p);

#endif
