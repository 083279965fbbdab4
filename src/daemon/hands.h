/*
 * hands - fetches what the keeper hands out for one start of an origin process: secrets and a token.
 *
 * Each comes as a descriptor of sealed memory; control never reads one.
 */
#ifndef WEIR_DAEMON_HANDS_H
#define WEIR_DAEMON_HANDS_H

#include "daemon/origins_int.h"
#include "daemon/processes.h"

struct hands {
    struct process_value values[PROCESS_VALUES_MAX]; /* descriptors are its own */
    unsigned n;
    char *accessor; /* of a token among them, or NULL */
};

/*
 * done(arg, err) once: with err NULL all are there.  err id keeper_hand: the first that could not be had.
 * hands_free() before that is fine, and done() is not called.
 */
struct hands *hands_fetch(struct control *c, const struct run_spec *spec, const char *service,
    void (*done)(void *arg, const struct err *err), void *arg);
void hands_free(struct hands *h); /* NULL is fine */

/* Which versions of the secrets it gets are there now, as one number; 0: not known, or it gets none. */
uint64_t hands_versions(const struct control *c, const struct run_spec *spec);

/* A token's process lives on, or has ended. */
void hands_renew(struct control *c, const char *accessor);
void hands_revoke(struct control *c, const char *accessor);

enum { HANDS_TOKEN_TTL = 3600 /* s; a token that nobody renews ends by itself */ };

#endif
