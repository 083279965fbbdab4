/*
 * balance - which origin the next try goes to, and what its outcome means for it.
 */
#ifndef WEIR_EDGE_BALANCE_H
#define WEIR_EDGE_BALANCE_H

#include "edge/binding.h"

struct passage;

/*
 * An origin that is healthy, not ejected, admitted by its breaker and has room
 * for a connection, and was not tried yet if there is another.  On NULL, *reason
 * says why: "no_origin", "no_healthy_origin", "breaker_open", or "no_room" (then
 * the request may wait in the queue).  The breaker has admitted the result.
 */
struct bound_origin *balance_choose(struct passage *p, const char **reason);

/* The outcome of a try that the breaker admitted: breaker and outlier detection. */
void balance_report(struct passage *p, struct pool *pool, bool ok);

/* The retry budget: one more request; may this retry be made (then it is counted)? */
void budget_count(struct retry_budget *b, msec_t now);
bool budget_admits(struct retry_budget *b, const struct retry *rule, msec_t now);

#endif
