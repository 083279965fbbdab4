/*
 * approval - M-of-N: what a policy lets through only when others have agreed (Vault's control groups).
 *
 *     asked --403 with an accessor--> waiting --sys/control-group/authorize, by others--> approved --asked again--> done
 *
 * An approval is for one request alone: this token, operation, path and body, once, until its time is over.  It may be
 * wanted at any path, whatever is there; a root token needs none.  Entries, due when their time is over:
 *     approval/id/<accessor>                  what was asked, by whom, and who has agreed
 *     approval/of/<token's hash>/<request>    its accessor
 */
#ifndef WEIR_KEEPER_CORE_APPROVAL_INT_H
#define WEIR_KEEPER_CORE_APPROVAL_INT_H

#include "keeper/core/request_int.h"

/* rule: {count, policies, ttl} of the policy that decides: how many must agree, one of whose policies each must have (none:
 * anybody who may authorize), and for how long the question stands (seconds; 0: an hour).  True: this very request has its
 * approvals, and they are used up; else the reply says what to wait for. */
bool approval_admits(struct request *r, const struct value *rule);

/* sys/control-group/authorize {accessor}: the asker agrees.  Nobody agrees to a request of his own, or twice. */
void approval_authorize(struct request *r);
/* sys/control-group/request {accessor}: how it stands. */
void approval_status(struct request *r);

/* Forgets what is over: a bounded piece. */
void approval_tick(struct request *r);

#endif
