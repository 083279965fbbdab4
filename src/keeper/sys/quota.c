/*
 * quota - see quota_int.h.
 */
#include <stdlib.h>

#include "keeper/core/state_int.h"
#include "keeper/sys/quota_int.h"

struct quotas {
    size_t n;
};

struct quotas *quotas_new(void)
{
    return xcalloc(1, sizeof(struct quotas));
}

void quotas_free(struct quotas *q)
{
    free(q);
}

void quotas_forget(struct quotas *q)
{
    q->n = 0;
}

bool quotas_load(struct core *c)
{
    c->quotas->n = 0;
    return true;
}

bool quota_admits(struct request *r)
{
    return r->core->quotas->n == 0;
}
