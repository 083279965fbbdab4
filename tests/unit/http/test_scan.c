/*
 * Every set of instructions against the plain one, on random bytes.
 */
#include <stdlib.h>

#include "feed.h"

enum { ROUNDS = 20000, LEN_MAX = 200 };

static uint32_t seed = 1;

static uint32_t next(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

/* Mostly what is allowed, so that scans get far; a rare byte of any kind. */
static void fill(char *to, size_t len)
{
    static const char usual[] = "abcXYZ019-_.:/ \t\"#<>\\%?\x80\xff";

    for (size_t i = 0; i < len; i++)
        to[i] = next() % 40 == 0 ? (char)next() : usual[next() % (sizeof(usual) - 1)];
    if (next() % 2 == 0)
        for (size_t i = 0; i < len; i++)
            if (next() % 50 != 0)
                to[i] = 'a';
}

static void scans_stop_at_the_same_byte(void)
{
    const struct scanner *list[8];
    unsigned n = scanner_list(list, 8);

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t len = next() % LEN_MAX;
        char *data = malloc(len > 0 ? len : 1);
        uint32_t from = len > 0 ? next() % (uint32_t)len : 0;
        uint32_t end = (uint32_t)len;

        fill(data, len);
        for (unsigned s = 1; s < n; s++) {
            CHECK_U64(list[s]->token(data, from, end), list[0]->token(data, from, end));
            CHECK_U64(list[s]->target(data, from, end), list[0]->target(data, from, end));
            CHECK_U64(list[s]->value(data, from, end), list[0]->value(data, from, end));
            CHECK(list[s]->is_normal(data, len) == list[0]->is_normal(data, len));
        }
        free(data);
    }
}

/* Each byte alone among good ones, at each place of a vector and behind it. */
static void each_byte_is_judged_alike_at_each_place(void)
{
    const struct scanner *list[8];
    unsigned n = scanner_list(list, 8);
    char data[70];

    for (unsigned c = 0; c < 256; c++) {
        for (uint32_t at = 0; at < sizeof(data); at++) {
            memset(data, 'a', sizeof(data));
            data[at] = (char)c;
            for (unsigned s = 1; s < n; s++) {
                CHECK_U64(list[s]->token(data, 0, 70), list[0]->token(data, 0, 70));
                CHECK_U64(list[s]->target(data, 0, 70), list[0]->target(data, 0, 70));
                CHECK_U64(list[s]->value(data, 0, 70), list[0]->value(data, 0, 70));
                CHECK(list[s]->is_normal(data, 70) == list[0]->is_normal(data, 70));
            }
        }
    }
}

/* Two neighbours that make a path odd, also where one vector ends and the next begins. */
static void odd_pairs_are_seen_across_vectors(void)
{
    const struct scanner *list[8];
    unsigned n = scanner_list(list, 8);
    char data[100];

    for (size_t at = 0; at + 1 < sizeof(data); at++) {
        for (unsigned s = 0; s < n; s++) {
            memset(data, 'a', sizeof(data));
            data[at] = '/';
            CHECK(list[s]->is_normal(data, sizeof(data)));
            data[at + 1] = at % 2 == 0 ? '/' : '.';
            CHECK(!list[s]->is_normal(data, sizeof(data)));
        }
    }
}

/* Whole requests with a byte changed, dropped or doubled, through h1_parse(). */
static void broken_requests_have_one_outcome(void)
{
    static const char base[] =
        "POST /path/to?query=1 HTTP/1.1\r\nHost: example.com\r\nUser-Agent: something long enough "
        "for a vector\r\nContent-Length: 12\r\n"
        "Connection: keep-alive, X-Hop\r\nX-Hop: \t1 \r\n\r\n";
    static const struct h1_limits limits = { .max_head = 250, .max_uri = 20, .max_fields = 6 };
    static struct outcome plain, o;
    const struct scanner *list[8];
    const struct scanner *usual = scanner;
    unsigned n = scanner_list(list, 8);
    char *data = malloc(sizeof(base) + 1);

    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t len = sizeof(base) - 1;
        size_t at = next() % len;
        struct message m = { .limits = &limits };

        memcpy(data, base, len);
        if (round % 3 == 0) {
            data[at] = (char)next();
        } else if (round % 3 == 1) {
            memmove(data + at, data + at + 1, len - at - 1);
            len--;
        } else {
            memmove(data + at + 1, data + at, len - at);
            len++;
        }
        m.bytes = (struct str){ data, len };
        scanner = list[0];
        feed_in_steps(&m, len, 1, &plain);
        for (unsigned s = 0; s < n; s++) {
            scanner = list[s];
            feed_in_steps(&m, 1 + next() % 40, 1 + next() % 40, &o);
            CHECK(same_outcome(&plain, &o));
        }
    }
    scanner = usual;
    free(data);
}

TESTS(CASE(scans_stop_at_the_same_byte), CASE(each_byte_is_judged_alike_at_each_place),
    CASE(odd_pairs_are_seen_across_vectors), CASE(broken_requests_have_one_outcome))
