/* pack, start: what is packed comes out again, and nothing else is accepted. */
#include "base/mem.h"
#include "check.h"
#include "daemon/messages.h"
#include "daemon/pack.h"
#include "daemon/start.h"

static void numbers_and_text_come_out_again(void)
{
    struct unpack u;
    struct buf b;

    buf_init(&b, 1024);
    pack_u32(&b, 0x01020304);
    pack_u64(&b, UINT64_MAX - 1);
    pack_text(&b, "hello");
    pack_text(&b, NULL);
    CHECK_U64(b.data[0], 4); /* little-endian */
    u = unpack_from(buf_as_str(&b));
    CHECK_U64(unpack_u32(&u), 0x01020304);
    CHECK_U64(unpack_u64(&u), UINT64_MAX - 1);
    CHECK_STR(unpack_str(&u), "hello");
    CHECK(!unpack_done(&u));
    CHECK_STR(unpack_str(&u), "");
    CHECK(unpack_done(&u));
    buf_free(&b);
}

static void what_is_cut_off_is_bad(void)
{
    struct buf b;

    buf_init(&b, 1024);
    pack_u32(&b, 7);
    pack_u64(&b, 8);
    pack_text(&b, "text");
    for (size_t n = 0; n < b.len; n++) {
        struct unpack u = unpack_from((struct str){ b.data, n });

        unpack_u32(&u);
        unpack_u64(&u);
        unpack_str(&u);
        CHECK(!unpack_done(&u));
    }
    buf_free(&b);
}

static void a_length_past_the_end_is_bad(void)
{
    struct unpack u = unpack_from(STR("\xff\xff\xff\xff"
                                      "abc"));

    CHECK_STR(unpack_str(&u), "");
    CHECK(u.bad);
    CHECK_U64(unpack_u32(&u), 0); /* and stays so */
    u = unpack_from(STR("\x03\0\0\0a\0b"));
    CHECK_STR(unpack_str(&u), "");
    CHECK(u.bad);
}

static void a_start_and_a_plan_come_out_again(void)
{
    char path[] = "/etc/weir.yaml";
    char state[] = "/var/lib/weir";
    char none[] = "";
    struct start s = { .workers = 4,
        .drop = { 7, 8 },
        .again = 1,
        .path = path,
        .environment = none,
        .state = state };
    struct plan p = { .workers = 2,
        .roles = { 1, 2 },
        .control = { 3, 4 },
        .keeper = 1,
        .store = { 5, 6 },
        .state = state,
        .unseal = path,
        .log = none };
    struct start s2;
    struct plan p2;
    struct arena a;
    struct buf b;

    arena_init(&a, 1024);
    buf_init(&b, START_BODY_MAX);
    start_pack(&s, &b);
    CHECK(start_unpack(buf_as_str(&b), &a, &s2));
    CHECK(s2.workers == 4 && s2.drop.uid == 7 && s2.drop.gid == 8 && s2.again == 1);
    CHECK_STR(str_from(s2.path), path);
    CHECK_STR(str_from(s2.state), state);
    buf_char(&b, 'x');
    CHECK(!start_unpack(buf_as_str(&b), &a, &s2));
    b.len = 0;
    plan_pack(&p, &b);
    CHECK(plan_unpack(buf_as_str(&b), &a, &p2));
    CHECK(p2.workers == 2 && p2.control.gid == 4 && p2.keeper == 1 && p2.store.uid == 5);
    CHECK_STR(str_from(p2.unseal), path);
    CHECK_STR(str_from(p2.state), state);
    p.workers = 0;
    b.len = 0;
    plan_pack(&p, &b);
    CHECK(!plan_unpack(buf_as_str(&b), &a, &p2));
    buf_free(&b);
    arena_free(&a);
}

static void roles_have_names(void)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        CHECK(role_find(str_from(role_name((enum role)r))) == r);
    CHECK(role_find(STR("nobody")) == ROLE_COUNT);
}

TESTS(CASE(numbers_and_text_come_out_again), CASE(what_is_cut_off_is_bad),
    CASE(a_length_past_the_end_is_bad), CASE(a_start_and_a_plan_come_out_again),
    CASE(roles_have_names))
