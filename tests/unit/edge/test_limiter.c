/*
 * GCRA: bursts, steady rates, what is told to clients, and a table that is full.
 */
#include <pthread.h>

#include "check.h"
#include "edge/limiter.h"

static const struct limit ten_a_second = { .requests = 10, .period = 1000, .burst = 5 };

static void a_burst_then_the_steady_rate(void)
{
    struct limiter *l = limiter_new(STR("t"), 1024);
    usec_t now = 5000000;
    unsigned allowed = 0;

    for (int i = 0; i < 20; i++)
        allowed += limiter_take(l, &ten_a_second, 42, now).allowed;
    CHECK_U64(allowed, 5);
    allowed = 0;
    for (int i = 0; i < 1000; i++) /* one second in steps of a millisecond */
        allowed += limiter_take(l, &ten_a_second, 42, now += 1000).allowed;
    CHECK_U64(allowed, 10);
    CHECK(limiter_take(l, &ten_a_second, 43, now).allowed); /* another client */
    limiter_unref(l);
}

static void it_says_what_is_left_and_when_to_come_back(void)
{
    struct limiter *l = limiter_new(STR("t"), 1024);
    struct limit_result r = limiter_take(l, &ten_a_second, 1, 1000000);

    CHECK_U64(r.remaining, 4);
    CHECK_U64(r.reset, 100000);
    for (int i = 0; i < 4; i++)
        r = limiter_take(l, &ten_a_second, 1, 1000000);
    CHECK_U64(r.remaining, 0);
    CHECK_U64(r.reset, 500000);
    r = limiter_take(l, &ten_a_second, 1, 1000000);
    CHECK(!r.allowed);
    CHECK_U64(r.retry_after, 100000);
    CHECK(!limiter_take(l, &ten_a_second, 1, 1099999).allowed);
    CHECK(limiter_take(l, &ten_a_second, 1, 1100000).allowed);
    limiter_unref(l);
}

static void a_full_table_forgets_the_quietest_not_the_loudest(void)
{
    struct limiter *l = limiter_new(STR("t"), 64);
    uint64_t loud = 7;
    usec_t now = 1000000;

    for (int i = 0; i < 5; i++)
        CHECK(limiter_take(l, &ten_a_second, loud, now).allowed);
    for (uint64_t k = 0; k < 2000; k++) { /* a flood of keys, some in the same bucket */
        limiter_take(l, &ten_a_second, 1000 + k, now);
        CHECK(!limiter_take(l, &ten_a_second, loud, now).allowed);
    }
    limiter_unref(l);
}

static struct limiter *shared;
static const struct limit slow = { .requests = 1, .period = 3600000, .burst = 1000 };

static void *take_many(void *arg)
{
    unsigned *n = arg;

    for (int i = 0; i < 2000; i++)
        *n += limiter_take(shared, &slow, 5, 1000000).allowed;
    return NULL;
}

static void threads_together_get_no_more_than_one_would(void)
{
    unsigned counts[2] = { 0 };
    pthread_t threads[2];

    shared = limiter_new(STR("t"), 64);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, take_many, &counts[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK_U64(counts[0] + counts[1], 1000);
    limiter_unref(shared);
}

TESTS(CASE(a_burst_then_the_steady_rate), CASE(it_says_what_is_left_and_when_to_come_back),
    CASE(a_full_table_forgets_the_quietest_not_the_loudest),
    CASE(threads_together_get_no_more_than_one_would))
