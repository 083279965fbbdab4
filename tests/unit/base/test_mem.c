/*
 * Memory: arenas and buffers that held secrets are empty of them afterwards.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "check.h"

static bool all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != 0)
            return false;
    return true;
}

static void a_wiped_arena_holds_nothing(void)
{
    struct arena a;
    char *first;

    arena_init(&a, 64);
    arena_wipe(&a); /* nothing yet */
    first = arena_strdup(&a, "the first secret");
    for (int i = 0; i < 10; i++)
        (void)arena_strdup(&a, "one of many that need blocks of their own, behind the first");
    arena_wipe(&a);
    CHECK(all_zero(first, 17)); /* the first block is kept */
    CHECK(arena_strdup(&a, "again") == first);
    arena_wipe(&a);
    CHECK(all_zero(first, 6));
    arena_free(&a);
}

static void secret_buffers_wipe_what_they_drop(void)
{
    struct buf b;

    buf_init_secret(&b, 100000);
    buf_text(&b, "a secret and more");
    buf_consume(&b, 9);
    CHECK_STR(buf_as_str(&b), "and more");
    CHECK(all_zero(b.data + b.len, 9));
    buf_clear(&b);
    CHECK(b.len == 0 && b.cap > 0 && all_zero(b.data, 17));
    buf_free(&b);
    CHECK(b.secret && b.max == 100000 && b.data == NULL);
}

static void clearing_forgives_what_was_too_much(void)
{
    struct buf b;

    buf_init(&b, 4);
    buf_text(&b, "12345");
    CHECK(b.over && b.len == 0);
    buf_clear(&b);
    buf_text(&b, "1234");
    CHECK(!b.over && b.len == 4);
    buf_free(&b);
}

TESTS(CASE(a_wiped_arena_holds_nothing), CASE(secret_buffers_wipe_what_they_drop),
    CASE(clearing_forgives_what_was_too_much))
