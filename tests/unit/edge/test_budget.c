/*
 * The retry budget, and the count of connections per address.
 */
#include "check.h"
#include "edge/addresses.h"
#include "edge/balance.h"

static void a_share_of_the_requests_of_ten_seconds(void)
{
    struct retry rule = { .budget_percent = 20, .budget_min = 0 };
    struct retry_budget b = { 0 };
    unsigned admitted = 0;
    msec_t now = 100000;

    for (int i = 0; i < 100; i++)
        budget_count(&b, now + (msec_t)i * 50);
    for (int i = 0; i < 100; i++)
        admitted += budget_admits(&b, &rule, now + 5000);
    CHECK_U64(admitted, 20);
    CHECK(!budget_admits(&b, &rule, now + 20000)); /* nobody came lately */
    for (int i = 0; i < 10; i++)
        budget_count(&b, now + 20000);
    CHECK(budget_admits(&b, &rule, now + 20000));
}

static void a_minimum_whatever_the_traffic(void)
{
    struct retry rule = { .budget_percent = 20, .budget_min = 1 };
    struct retry_budget b = { 0 };
    unsigned admitted = 0;

    for (int i = 0; i < 50; i++)
        admitted += budget_admits(&b, &rule, 5000);
    CHECK_U64(admitted, 10); /* one a second over the window */
}

static void an_address_may_have_so_many_connections(void)
{
    struct addresses *a = addresses_new();
    struct ip one = { 0 };
    struct ip two = { 0 };

    CHECK(ip_parse(STR("10.0.0.1"), &one) && ip_parse(STR("::1"), &two));
    CHECK(addresses_enter(a, one, 2));
    CHECK(addresses_enter(a, one, 2));
    CHECK(!addresses_enter(a, one, 2));
    CHECK(addresses_enter(a, two, 2));
    addresses_leave(a, one);
    CHECK(addresses_enter(a, one, 2));
    addresses_free(a);
}

TESTS(CASE(a_share_of_the_requests_of_ten_seconds), CASE(a_minimum_whatever_the_traffic),
    CASE(an_address_may_have_so_many_connections))
