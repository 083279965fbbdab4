/*
 * quota - how often paths may be asked, and how many leases may be out.
 *
 * Kept as "quota/<type>/<name>"; the endpoints are in quota_config.c.
 */
#ifndef WEIR_KEEPER_SYS_QUOTA_INT_H
#define WEIR_KEEPER_SYS_QUOTA_INT_H

#include "keeper/core/request_int.h"

struct quotas;

struct quotas *quotas_new(void);
void quotas_free(struct quotas *q);
void quotas_forget(struct quotas *q);
/* Reads the quotas that are stored, anew. False: they cannot be read. */
bool quotas_load(struct core *c);
/* Counts the request; false: past a limit, reply_error() said 429. */
bool quota_admits(struct request *r);
/* May one more lease or token be given out?  Else reply_error() said 429. */
bool quota_admits_lease(struct request *r);
/* A number like 10 or 2.5; 0: none. */
double quota_rate(const struct value *v);

#endif
