/*
 * origins - the origin processes of services with `run:`, as control decides about them.
 *
 *     STARTING --accepts TCP--> UP --stop--> LEAVING --requests had time--> ENDING --gone--> STOPPED
 *        |  ^                   |                                             (TERM, then KILL)
 *        |  +----- backoff -----+ died
 *        +-- start_timeout --> killed, tried again after a backoff
 *
 * An instance is in the edge's list while it is UP.  It leaves the list before
 * it is signalled, so that no new request meets a process that is going.
 * Instances whose `run:` did not change live through an apply; a new control
 * takes over those that a former one started.
 */
#ifndef WEIR_DAEMON_ORIGINS_H
#define WEIR_DAEMON_ORIGINS_H

#include "base/json.h"
#include "daemon/control_int.h"

struct origins *origins_new(struct control *c);
/* Forgets the processes, and lets them live. */
void origins_free(struct origins *o);

/* A process that a former control started (LIFE_PROCESS), before the first origins_follow(). */
void origins_adopt(struct origins *o, uint64_t number, uint64_t pid, struct str note);

/*
 * Starts what a blueprint needs and is not there yet; ready(arg, err) once all of
 * it is up or has failed to come up in its time (err says the first).
 */
void origins_prepare(struct origins *o, const struct blueprint *b,
    void (*ready)(void *arg, const struct err *err), void *arg);
/* The blueprint is live: what it does not name is drained and stopped. */
void origins_follow(struct origins *o, const struct blueprint *b);
/* The apply failed: stops what only origins_prepare() started. */
void origins_forget(struct origins *o);

void origins_send_all(struct origins *o, struct channel *edge);
void origins_exited(struct origins *o, uint64_t number, int status);
/* Stops all of them; done(arg) when the last is gone. */
void origins_stop_all(struct origins *o, void (*done)(void *arg), void *arg);

enum origins_action { ORIGIN_STOP, ORIGIN_START, ORIGIN_RESTART, ORIGIN_KILL };
/* err ids origin_unknown, origin_state. */
int origins_act(struct origins *o, struct str service, unsigned instance,
    enum origins_action action, struct err *err);

/* An array of {service, instance, state, pid, address, restarts, since}. */
void origins_json(const struct origins *o, struct json *j, const char *key);
/* Of "SERVICE/INSTANCE"; 0 for what is none. */
uint64_t origins_restarts(const struct origins *o, struct str label);
void origins_each_restart(const struct origins *o,
    void (*call)(void *arg, const char *label, bool up, uint64_t restarts), void *arg);

#endif
