/*
 * approval - M-of-N: what a policy lets through only when others have agreed.
 */
#ifndef WEIR_KEEPER_CORE_APPROVAL_INT_H
#define WEIR_KEEPER_CORE_APPROVAL_INT_H

#include "keeper/core/request_int.h"

/* rule: {count, policies, ttl} of the policy that decides. True: this very request has its approvals; else the reply
 * says what to wait for. */
bool approval_admits(struct request *r, const struct value *rule);

#endif
