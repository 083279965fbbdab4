/*
 * approval - see approval_int.h.
 */
#include "keeper/core/approval_int.h"

/* Nobody can approve anything yet, so what needs approvals is refused. */
bool approval_admits(struct request *r, const struct value *rule)
{
    (void)rule;
    reply_error(r, 403, "this request needs approvals, and there are none");
    return false;
}
