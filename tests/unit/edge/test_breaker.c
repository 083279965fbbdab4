/*
 * The breaker's life: closed, open, half-open.
 */
#include "check.h"
#include "edge/breaker.h"

static const struct breaker_rule rule = {
    .on = true, .failures = 3, .probe_after = 1000, .successes = 2
};

static bool probing; /* the last one that was admitted is a probe */

static bool admits(struct breaker *b, msec_t now)
{
    bool probe;
    bool yes = breaker_admits(b, &rule, now, &probe);

    if (yes)
        probing = probe;
    return yes;
}

static bool report(struct breaker *b, bool ok, msec_t now)
{
    return breaker_report(b, &rule, ok, probing, now);
}

static void fail_times(struct breaker *b, int n, msec_t now)
{
    for (int i = 0; i < n; i++) {
        CHECK(admits(b, now));
        report(b, false, now);
    }
}

static void failures_in_a_row_open_it(void)
{
    struct breaker b = { 0 };

    fail_times(&b, 2, 10);
    report(&b, true, 10); /* a success begins the count anew */
    fail_times(&b, 2, 10);
    CHECK(breaker_is_ready(&b, &rule, 10));
    fail_times(&b, 1, 10);
    CHECK_U64(b.state, BREAKER_OPEN);
    CHECK(!breaker_is_ready(&b, &rule, 10));
    CHECK(!admits(&b, 1009));
}

static void half_open_lets_one_probe_through_at_a_time(void)
{
    struct breaker b = { 0 };

    fail_times(&b, 3, 0);
    CHECK(breaker_is_ready(&b, &rule, 1000));
    CHECK(admits(&b, 1000));
    CHECK_U64(b.state, BREAKER_HALF_OPEN);
    CHECK(!admits(&b, 1000));
    CHECK(!breaker_is_ready(&b, &rule, 1000));
    report(&b, true, 1000);
    CHECK_U64(b.state, BREAKER_HALF_OPEN); /* two successes are asked for */
    CHECK(admits(&b, 1001));
    CHECK(report(&b, true, 1001));
    CHECK_U64(b.state, BREAKER_CLOSED);
}

static void a_failed_probe_opens_it_for_another_while(void)
{
    struct breaker b = { 0 };

    fail_times(&b, 3, 0);
    CHECK(admits(&b, 1000));
    CHECK(report(&b, false, 1000));
    CHECK(!admits(&b, 1999));
    CHECK(admits(&b, 2000));
}

static void a_probe_without_an_outcome_gives_its_place_back(void)
{
    struct breaker b = { 0 };

    fail_times(&b, 3, 0);
    CHECK(admits(&b, 1000));
    breaker_forget(&b, probing);
    CHECK(admits(&b, 1000));
}

static void late_outcomes_touch_neither_an_open_nor_a_half_open_one(void)
{
    struct breaker b = { 0 };

    fail_times(&b, 3, 0);
    CHECK(!breaker_report(&b, &rule, true, false, 500));
    CHECK_U64(b.state, BREAKER_OPEN);
    CHECK(admits(&b, 1000) && probing);
    CHECK(!breaker_report(&b, &rule, false, false, 1000));
    CHECK(!breaker_report(&b, &rule, true, false, 1000));
    breaker_forget(&b, false);
    CHECK_U64(b.state, BREAKER_HALF_OPEN);
    CHECK(!admits(&b, 1000)); /* the probe is still out */
}

TESTS(CASE(failures_in_a_row_open_it), CASE(half_open_lets_one_probe_through_at_a_time),
    CASE(a_failed_probe_opens_it_for_another_while),
    CASE(a_probe_without_an_outcome_gives_its_place_back),
    CASE(late_outcomes_touch_neither_an_open_nor_a_half_open_one))
