/*
 * breaker - see breaker.h.
 */
#include "edge/breaker.h"

bool breaker_is_ready(const struct breaker *b, const struct breaker_rule *rule, msec_t now)
{
    if (!rule->on)
        return true;
    switch ((enum breaker_state)b->state) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_OPEN:
        return now >= b->open_until;
    case BREAKER_HALF_OPEN:
        return !b->probing;
    }
    return false;
}

bool breaker_admits(struct breaker *b, const struct breaker_rule *rule, msec_t now, bool *probe)
{
    unsigned open = BREAKER_OPEN;

    *probe = false;
    if (!rule->on || b->state == BREAKER_CLOSED)
        return true;
    if (b->state == BREAKER_OPEN) {
        if (now < b->open_until)
            return false;
        if (atomic_compare_exchange_strong(&b->state, &open, BREAKER_HALF_OPEN))
            b->successes = 0;
    }
    *probe = !atomic_exchange(&b->probing, true);
    return *probe;
}

static void open_it(struct breaker *b, const struct breaker_rule *rule, msec_t now)
{
    b->open_until = now + rule->probe_after;
    b->failures = 0;
    b->state = BREAKER_OPEN;
    b->probing = false;
}

bool breaker_report(
    struct breaker *b, const struct breaker_rule *rule, bool ok, bool probe, msec_t now)
{
    if (!rule->on)
        return false;
    if (b->state == BREAKER_CLOSED) {
        if (ok) {
            if (atomic_load_explicit(&b->failures, memory_order_relaxed) != 0)
                b->failures = 0;
            return false;
        }
        if (atomic_fetch_add(&b->failures, 1) + 1 < rule->failures)
            return false;
        open_it(b, rule, now);
        return true;
    }
    if (b->state == BREAKER_OPEN || !probe) /* was sent before it opened */
        return false;
    if (!ok) {
        open_it(b, rule, now);
        return true;
    }
    if (atomic_fetch_add(&b->successes, 1) + 1 < rule->successes) {
        b->probing = false;
        return false;
    }
    b->failures = 0;
    b->state = BREAKER_CLOSED;
    b->probing = false;
    return true;
}

void breaker_forget(struct breaker *b, bool probe)
{
    if (probe && b->state == BREAKER_HALF_OPEN)
        b->probing = false;
}
