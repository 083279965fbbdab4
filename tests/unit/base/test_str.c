/*
 * Borrowed bytes, numbers in them, and words that are nearly right; growing buffers.
 */
#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "check.h"

static void numbers_are_digits_and_nothing_else(void)
{
    static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0",
        "18446744073709551616", "99999999999999999999999" };
    uint64_t n = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!str_to_u64(str_from(bad[i]), UINT64_MAX, &n));
    CHECK_U64(n, 7);
    CHECK(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    CHECK(!str_to_u64(STR("11"), 10, &n));
    CHECK(str_to_u64(STR("0010"), 10, &n) && n == 10);
}

static void cutting_and_trimming(void)
{
    struct str rest;

    CHECK_STR(str_cut(STR("a:b:c"), ':', &rest), "a");
    CHECK_STR(rest, "b:c");
    CHECK_STR(str_cut(STR("abc"), ':', &rest), "abc");
    CHECK(rest.at == NULL);
    CHECK_STR(str_trim(STR(" \t x y\t ")), "x y");
    CHECK_STR(str_trim(STR("  ")), "");
    CHECK(str_eq_nocase(STR("Host"), STR("hOST")) && !str_eq_nocase(STR("Host"), STR("Hos")));
}

static void words_that_are_nearly_right_are_near(void)
{
    CHECK_U64(str_distance(STR("routes"), STR("routes")), 0);
    CHECK_U64(str_distance(STR("routse"), STR("routes")), 1);
    CHECK_U64(str_distance(STR("route"), STR("routes")), 1);
    CHECK_U64(str_distance(STR("listner"), STR("listeners")), 2);
    CHECK(str_distance(STR("x"), STR("certificates")) >= 8);
}

static void a_buffer_keeps_its_maximum(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_text(&b, "12345678");
    CHECK(!b.over);
    buf_text(&b, "abc");
    CHECK(b.over);
    MUST(b.data != NULL);
    CHECK_STR(buf_as_str(&b), "12345678");
    buf_consume(&b, 3);
    CHECK_STR(buf_as_str(&b), "45678");
    buf_free(&b);
}

static void an_arena_gives_aligned_memory_and_takes_it_back_at_once(void)
{
    struct arena a;
    char *first;

    arena_init(&a, 256);
    first = arena_alloc(&a, 1);
    for (int i = 0; i < 1000; i++)
        CHECK(((uintptr_t)arena_alloc(&a, (size_t)i) & 15) == 0);
    arena_reset(&a);
    CHECK(arena_alloc(&a, 1) == first);
    CHECK_STR(arena_str(&a, STR("kept")), "kept");
    arena_free(&a);
}

TESTS(CASE(numbers_are_digits_and_nothing_else), CASE(cutting_and_trimming),
    CASE(words_that_are_nearly_right_are_near), CASE(a_buffer_keeps_its_maximum),
    CASE(an_arena_gives_aligned_memory_and_takes_it_back_at_once))
