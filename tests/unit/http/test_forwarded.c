/*
 * Who the client is behind proxies, and how Forwarded is taken apart.
 */
#include "check.h"
#include "http/uri.h"

static struct arena arena;

static const struct cidr_set *trust(const char *const *nets, size_t n)
{
    struct cidr list[4];
    struct err err;

    for (size_t i = 0; i < n; i++)
        CHECK(cidr_parse(str_from(nets[i]), &list[i], &err) == 0);
    return cidr_set_build(&arena, list, n);
}

struct chain {
    const char *peer;
    const char *x_forwarded_for; /* NULL: absent */
    const char *forwarded;
    const char *client;
};

/* Trusted: 10.0.0.0/8 and fd00::/8. */
static const struct chain chains[] = {
    /* nobody is believed who is not trusted */
    { "1.1.1.1", NULL, NULL, "1.1.1.1" },
    { "1.1.1.1", "2.2.2.2", NULL, "1.1.1.1" },
    { "1.1.1.1", NULL, "for=2.2.2.2", "1.1.1.1" },

    /* from the right, up to the first that is not trusted */
    { "10.0.0.1", NULL, NULL, "10.0.0.1" },
    { "10.0.0.1", "2.2.2.2", NULL, "2.2.2.2" },
    { "10.0.0.1", "9.9.9.9, 2.2.2.2", NULL, "2.2.2.2" },
    { "10.0.0.1", "9.9.9.9, 2.2.2.2,10.0.0.2 ,\t10.0.0.3", NULL, "2.2.2.2" },
    { "10.0.0.1", "10.0.0.2, 10.0.0.3", NULL, "10.0.0.2" },
    { "10.0.0.1", "garbage, 2.2.2.2", NULL, "2.2.2.2" },
    { "fd00::1", "2001:db8::1", NULL, "2001:db8::1" },
    { "10.0.0.1", "2.2.2.2:1234", NULL, "2.2.2.2" },
    { "10.0.0.1", "[2001:db8::1]:80", NULL, "2001:db8::1" },
    { "10.0.0.1", "[2001:db8::1]", NULL, "2001:db8::1" },
    { "10.0.0.1", "::ffff:2.2.2.2", NULL, "2.2.2.2" },
    { "10.0.0.1", "::ffff:10.0.0.9", NULL, "10.0.0.9" },

    /* what cannot be read makes the peer the client */
    { "10.0.0.1", "", NULL, "10.0.0.1" },
    { "10.0.0.1", "garbage", NULL, "10.0.0.1" },
    { "10.0.0.1", "unknown, 10.0.0.2", NULL, "10.0.0.1" },
    { "10.0.0.1", "2.2.2.2,", NULL, "10.0.0.1" },
    { "10.0.0.1", "2.2.2.2 3.3.3.3", NULL, "10.0.0.1" },
    { "10.0.0.1", "2.2.2.2:x", NULL, "10.0.0.1" },
    { "10.0.0.1", "2.2.2.256", NULL, "10.0.0.1" },

    /* Forwarded */
    { "10.0.0.1", NULL, "for=2.2.2.2", "2.2.2.2" },
    { "10.0.0.1", NULL, "for=9.9.9.9, For=2.2.2.2;proto=https;by=10.0.0.1", "2.2.2.2" },
    { "10.0.0.1", NULL, "for=\"[2001:db8::1]:4711\"", "2001:db8::1" },
    { "10.0.0.1", NULL, "for=2.2.2.2, for=10.0.0.3", "2.2.2.2" },
    { "10.0.0.1", NULL, "for=_hidden, for=2.2.2.2", "2.2.2.2" },
    { "10.0.0.1", NULL, "for=_hidden", "10.0.0.1" },
    { "10.0.0.1", NULL, "proto=https", "10.0.0.1" },
    { "10.0.0.1", NULL, "for=2.2.2.2, for=\"", "10.0.0.1" },
    { "10.0.0.1", NULL, "for=2.2.2.2;for=3.3.3.3", "10.0.0.1" },

    /* X-Forwarded-For is read first */
    { "10.0.0.1", "3.3.3.3", "for=2.2.2.2", "3.3.3.3" },
};

static void the_client_is_the_first_that_no_proxy_vouches_for(void)
{
    static const char *const nets[] = { "10.0.0.0/8", "fd00::/8" };
    const struct cidr_set *trusted = trust(nets, 2);

    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
        char text[IP_TEXT_MAX];
        struct ip peer;
        struct ip got;

        CHECK(ip_parse(str_from(chains[i].peer), &peer));
        got = forwarded_client(
            peer, str_from(chains[i].x_forwarded_for), str_from(chains[i].forwarded), trusted);
        CHECK_STR(((struct str){ text, ip_format(got, text) }), chains[i].client);
    }
    arena_free(&arena);
}

static void nobody_is_trusted_by_an_empty_set(void)
{
    const struct cidr_set *none = cidr_set_build(&arena, NULL, 0);
    struct ip peer;

    CHECK(ip_parse(STR("10.0.0.1"), &peer));
    CHECK(ip_eq(forwarded_client(peer, STR("2.2.2.2"), STR_NONE, none), peer));
    arena_free(&arena);
}

static void endless_chains_are_not_walked(void)
{
    static const char *const nets[] = { "10.0.0.0/8" };
    const struct cidr_set *trusted = trust(nets, 1);
    char list[4096] = "2.2.2.2";
    size_t n = strlen(list);
    struct ip peer;

    for (int i = 0; i < 63; i++)
        n += (size_t)snprintf(list + n, sizeof(list) - n, ", 10.0.0.2");
    CHECK(ip_parse(STR("10.0.0.1"), &peer));
    CHECK(!ip_eq(forwarded_client(peer, (struct str){ list, n }, STR_NONE, trusted), peer));
    n += (size_t)snprintf(list + n, sizeof(list) - n, ", 10.0.0.2");
    CHECK(ip_eq(forwarded_client(peer, (struct str){ list, n }, STR_NONE, trusted), peer));
    arena_free(&arena);
}

/* Each element as "for/by/host/proto|", then "!" when the header is malformed. */
static void check_elements(const char *header, const char *want)
{
    struct str rest = str_from(header);
    struct forwarded_element e;
    char got[512];
    size_t n = 0;
    bool bad;

    while (forwarded_next(&rest, &e, &bad))
        n += (size_t)snprintf(got + n, sizeof(got) - n, "%.*s/%.*s/%.*s/%.*s|", STR_ARG(e.for_),
            STR_ARG(e.by), STR_ARG(e.host), STR_ARG(e.proto));
    if (bad)
        got[n++] = '!';
    CHECK_STR(((struct str){ got, n }), want);
}

static void elements_are_taken_apart(void)
{
    check_elements("", "");
    check_elements(" , ,", "");
    check_elements("for=a", "a///|");
    check_elements("for=a;by=b;host=c;proto=d", "a/b/c/d|");
    check_elements("FOR=a ; Proto=https , for=b", "a///https|b///|");
    check_elements("for=\"a, b;c\";host=\"x:80\"", "a, b;c//x:80/|");
    check_elements("secret=1;for=a", "a///|");
    check_elements("for=a,,for=b,", "a///|b///|");
    check_elements(";for=a;", "a///|");
    check_elements("for=\"\"", "///|");
}

static void malformed_elements_are_said_to_be(void)
{
    check_elements("for", "!");
    check_elements("for=", "!");
    check_elements("=a", "!");
    check_elements("for =a", "!");
    check_elements("for= a", "!");
    check_elements("for=a b", "!");
    check_elements("for=\"a", "!");
    check_elements("for=\"a\\\"b\"", "!");
    check_elements("for=\"a\"b", "!");
    check_elements("for=[::1]", "!");
    check_elements("for=a;for=b", "!");
    check_elements("for=a, for=b c", "a///|!");
    check_elements("for=\"a\x01\"", "!");
}

TESTS(CASE(the_client_is_the_first_that_no_proxy_vouches_for),
    CASE(nobody_is_trusted_by_an_empty_set), CASE(endless_chains_are_not_walked),
    CASE(elements_are_taken_apart), CASE(malformed_elements_are_said_to_be))
