/*
 * lockout - names at an auth mount that failed to log in too often, and for how long nobody may try them.
 *
 * In memory, of bounded size, and the same for names that exist and names that do not: neither the time a failure takes
 * nor what follows tells which names there are.  An attempt asks twice: before its work and after it, so that guesses
 * in parallel gain nothing.  Settings are the mount's config member user_lockout_config {lockout_threshold,
 * lockout_duration, lockout_counter_reset, lockout_disable}: 5 failures, 15 minutes, 15 minutes.
 */
#ifndef WEIR_KEEPER_CORE_LOCKOUT_INT_H
#define WEIR_KEEPER_CORE_LOCKOUT_INT_H

#include "keeper/core/request_int.h"

/* name: as the engine stores it (lower case), so that no spelling of it has a count of its own. */
bool lockout_holds(struct request *r, const struct mount *m, struct str name);
void lockout_failed(struct request *r, const struct mount *m, struct str name);
void lockout_clear(struct request *r, const struct mount *m, struct str name);
/* user_lockout_config of the body into the mount's config, times in seconds. What is wrong: reply_error(). */
void lockout_read_config(struct request *r, struct mount *m);
/* sys/locked-users/<accessor>/unlock/<name> */
void lockout_endpoint_unlock(struct request *r);
void lockouts_forget(struct core *c);

#endif
