/*
 * Addresses and networks as text and as bytes.
 */
#include "base/addr.h"
#include "check.h"

static void formats_what_it_parsed(void)
{
    static const char *const same[] = { "127.0.0.1:80", "[::1]:8443", "unix:/run/x.sock" };
    char text[ADDR_TEXT_MAX];
    struct addr a;
    struct err err;

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        CHECK(addr_parse(str_from(same[i]), &a, &err) == 0);
        addr_format(&a, text);
        CHECK_STR(str_from(text), same[i]);
    }
    CHECK(addr_parse(STR(":80"), &a, &err) == 0);
    addr_format(&a, text);
    CHECK_STR(str_from(text), "[::]:80");
    CHECK(addr_parse(STR("[::ffff:10.0.0.1]:80"), &a, &err) == 0);
    addr_format(&a, text);
    CHECK_STR(str_from(text), "10.0.0.1:80");
}

static void refuses_nonsense(void)
{
    static const char *const bad[] = { "", "x", "127.0.0.1", "127.0.0.1:70000", "[::1", "host:80",
        "unix:", "[::1]x:3", "1.2.3.4:8a" };
    struct addr a;
    struct err err;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(addr_parse(str_from(bad[i]), &a, &err) == -1);
}

static void a_set_knows_its_networks(void)
{
    static const char *const nets[] = { "10.0.0.0/8", "192.168.1.7", "2001:db8::/32" };
    struct cidr list[3];
    struct arena arena;
    const struct cidr_set *set;
    struct ip ip;
    struct err err;

    arena_init(&arena, 4096);
    for (int i = 0; i < 3; i++)
        CHECK(cidr_parse(str_from(nets[i]), &list[i], &err) == 0);
    set = cidr_set_build(&arena, list, 3);
    CHECK(ip_parse(STR("10.255.0.1"), &ip) && cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("::ffff:10.255.0.1"), &ip) && cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("11.0.0.1"), &ip) && !cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("192.168.1.7"), &ip) && cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("192.168.1.6"), &ip) && !cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("2001:db8:1::2"), &ip) && cidr_set_contains(set, ip));
    CHECK(ip_parse(STR("2001:db9::"), &ip) && !cidr_set_contains(set, ip));
    CHECK(!cidr_set_contains(cidr_set_build(&arena, NULL, 0), ip));
    arena_free(&arena);
}

static void bits_past_the_prefix_are_refused_with_a_hint(void)
{
    struct cidr c;
    struct err err;

    CHECK(cidr_parse(STR("10.1.2.3/8"), &c, &err) == -1);
    CHECK(strstr(err.text, "did you mean 10.0.0.0/8?") != NULL);
    CHECK(cidr_parse(STR("10.0.0.0/33"), &c, &err) == -1);
    CHECK(cidr_parse(STR("::/0"), &c, &err) == 0 && c.bits == 0);
}

TESTS(CASE(formats_what_it_parsed), CASE(refuses_nonsense), CASE(a_set_knows_its_networks),
    CASE(bits_past_the_prefix_are_refused_with_a_hint))
