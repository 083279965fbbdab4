/*
 * breaker - stops sending requests to an origin that keeps failing.
 *
 *     CLOSED --failures in a row--> OPEN --probe_after--> HALF_OPEN
 *        ^                            ^                      |
 *        |                            +------probe fails-----+
 *        +-------------------successes in a row--------------+
 *
 * One breaker per origin, shared by the workers: all fields are atomic, and a
 * success while closed and unblemished writes nothing.
 */
#ifndef WEIR_EDGE_BREAKER_H
#define WEIR_EDGE_BREAKER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/time.h"
#include "model/blueprint.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN, BREAKER_OPEN };

struct breaker {
    _Atomic unsigned state;
    _Atomic unsigned failures;  /* in a row, while closed */
    _Atomic unsigned successes; /* in a row, while half-open */
    _Atomic bool probing;       /* a probe is out */
    _Atomic msec_t open_until;
};

/* Would a request be let through now?  Changes nothing: for choosing among origins. */
bool breaker_is_ready(const struct breaker *b, const struct breaker_rule *rule, msec_t now);
/*
 * May this request go out?  In HALF_OPEN only one caller at a time is told yes:
 * *probe is then true, and goes into the report.
 */
bool breaker_admits(struct breaker *b, const struct breaker_rule *rule, msec_t now, bool *probe);
/*
 * Every admitted request reports exactly once.  True when this report changed the
 * state.  While half-open only the probe's outcome counts: the others were sent
 * before it opened.
 */
bool breaker_report(
    struct breaker *b, const struct breaker_rule *rule, bool ok, bool probe, msec_t now);
/* An admitted request that ended without telling anything of the origin (the client left). */
void breaker_forget(struct breaker *b, bool probe);

#endif
