/*
 * origins - what origins.c (which instances there are) and instance.c (the life of one) share.
 */
#ifndef WEIR_DAEMON_ORIGINS_INT_H
#define WEIR_DAEMON_ORIGINS_INT_H

#include "daemon/origins.h"
#include "daemon/pulse.h"

enum instance_state {
    INSTANCE_STOPPED,  /* by hand, or not started yet */
    INSTANCE_ASKED,    /* RUN is on its way */
    INSTANCE_STARTING, /* runs, does not accept connections yet */
    INSTANCE_UP,
    INSTANCE_WAITING, /* died; starts again when the backoff is over */
    INSTANCE_LEAVING, /* no new requests */
    INSTANCE_ENDING,  /* signalled */
};

/* A value that the keeper hands out at each start. */
struct hand_wish {
    char *variable;
    uint32_t as;  /* enum hand */
    char *secret; /* its name, for people; NULL: a token */
    char *path;   /* of the API: "secret/data/shop/database" */
    char *field;
    char **policies; /* of a token; ended by NULL */
};

/* What a process is started as: a copy, for it outlives the blueprint. */
struct run_spec {
    struct arena arena;
    uint64_t hash; /* of all that cannot change while it runs */
    char **command;
    char **environment; /* "NAME=value" */
    char *folder;
    char *user;
    struct hand_wish *wishes;
    unsigned nwishes;
    unsigned port; /* of the first instance, or 0 */
    msec_t start_timeout;
    msec_t stop_timeout;
    msec_t backoff;
    msec_t backoff_max;
};

struct instance {
    struct list link;
    struct origins *all;
    char *service;
    unsigned index; /* from 1 */
    struct run_spec *spec;
    struct run_spec *later; /* replaces spec when the turn of this one comes (same port), or NULL */
    enum instance_state state;
    bool live;  /* the live blueprint has it */
    bool next;  /* the blueprint being applied has it */
    bool held;  /* stopped by hand: does not start by itself */
    bool again; /* starts again when it has ended (restart, or replaced on the same port) */
    uint64_t
        secrets; /* versions of those it was started with, see hands_versions(); 0: not known */
    struct hands *hands; /* being fetched, or NULL */
    char *accessor;      /* of its token, or NULL */
    char *said;          /* the last that went wrong: said once */
    bool fresh;          /* has not been up since origins_prepare() asked for it */
    uint64_t number;
    uint64_t pid;
    unsigned port;
    uint64_t restarts;
    unsigned failures; /* in a row */
    nsec_t started;    /* the process */
    usec_t since;      /* the state, wall clock */
    struct ask run;
    struct pulse probe;   /* does it accept connections? */
    struct pulse limit;   /* start_timeout, leaving, stop_timeout */
    struct timer backoff; /* a client can see this one: the loop's time */
    struct watch_fd connecting;
};

struct hands;
struct origins {
    struct control *control;
    struct list instances;
    const struct blueprint *next; /* being prepared */
    void (*ready)(void *arg, const struct err *err);
    void *ready_arg;
    bool failed;
    struct err err;
    void (*stopped)(void *arg);
    void *stopped_arg;
    struct timer renew; /* tokens of those that live */
    struct pulse look;  /* at what leaves, see origins_leave.c */
    struct ask looking;
    bool asked;
};

struct instance *instance_new(
    struct origins *o, struct str service, unsigned index, struct run_spec *spec);
void instance_free(struct instance *i);
void instance_start(struct instance *i);
/* Takes it out of the edge's list, waits, ends it; at_once: without the wait. */
void instance_stop(struct instance *i, bool at_once);
/* Of one that leaves: TERM now, KILL after its stop_timeout. */
void instance_end(struct instance *i);
void instance_kill(struct instance *i);
/* wanted: it may go on; else it is ended. */
void instance_adopt(struct instance *i, uint64_t number, uint64_t pid, unsigned port, bool wanted);
void instance_died(struct instance *i, int status);
const char *instance_state_word(const struct instance *i);

struct run_spec *run_spec_new(const struct run *r);
void run_spec_free(struct run_spec *s);

/* origins.c; called by instance.c */
void origins_changed(struct origins *o, const char *service);   /* one is up, or no longer */
void origins_settled(struct origins *o, const struct err *err); /* one that was waited for */
void origins_roll(struct origins *o);  /* the next that is to be replaced on its own port */
void origins_gone(struct instance *i); /* stopped for good: frees it when nobody wants it */

/* origins_leave.c: ends each instance that leaves as soon as its requests have ended. */
void origins_watch_leaving(struct origins *o);
void origins_leave_init(struct origins *o);

#endif
