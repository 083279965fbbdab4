/*
 * resolver - the addresses behind the names of origins, kept fresh, by c-ares.
 *
 * A name is looked up again after resolve_interval, never sooner than its
 * records allow; a failure keeps the last good answer.  The edge is told when
 * an answer differs.
 */
#ifndef WEIR_DAEMON_RESOLVER_H
#define WEIR_DAEMON_RESOLVER_H

#include "base/json.h"
#include "daemon/control_int.h"

struct resolver *resolver_new(struct control *c);
void resolver_free(struct resolver *r); /* NULL is fine */

/*
 * Looks up the names that are new in a blueprint; ready(arg) when each has an
 * answer or the blueprint's dns timeout is over.  Never fails an apply: a name
 * that does not resolve yet may do so later.
 */
void resolver_prepare(
    struct resolver *r, const struct blueprint *b, void (*ready)(void *arg), void *arg);
/* The blueprint is live: other names are forgotten. */
void resolver_follow(struct resolver *r, const struct blueprint *b);
/* The apply failed: names that only it had are forgotten. */
void resolver_forget(struct resolver *r);
void resolver_send_all(struct resolver *r, struct channel *edge);
/* An array of {name, addresses, error}. */
void resolver_json(const struct resolver *r, struct json *j, const char *key);

#endif
