/*
 * A whole core on a disk that is full for a while: nothing is half done, and it goes on by itself.
 */
#include "check.h"
#include "core_fixture.h"
#include "disk_faults.h"

static void fill_disk(void)
{
    disk_fault_set(FAULT_FULL, 1);
}

/* And until the audit journal works again, which is tried now and then, everything is refused. */
static void make_room(struct core_fixture *f)
{
    unsigned tries = 0;

    disk_fault_set(FAULT_NONE, 1);
    while (core_call(f, OP_READ, "sys/key-status", f->root, NULL) == 503 && tries++ < 100000)
        core_fixture_rounds(f, 1);
    CHECK_U64(f->status, 200);
}

static void init_is_all_or_nothing(void)
{
    struct core_fixture f;

    core_fixture_open_empty(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/init", NULL, NULL), 200);
    fill_disk();
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/init", NULL, "{\"secret_shares\":3,\"secret_threshold\":2}"),
        503);
    disk_fault_set(FAULT_NONE, 1);
    CHECK_U64(core_call(&f, OP_READ, "sys/init", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "initialized"), "false");
    core_fixture_init(&f);
    core_fixture_unseal(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/mounts", f.root, NULL), 200);
    core_fixture_close(&f);
}

static void a_keyring_that_was_not_written_is_not_used(void)
{
    struct core_fixture f;
    struct str term;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/secret", f.root, "{\"type\":\"kv\"}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "sys/key-status", f.root, NULL), 200);
    term = core_text(&f, "data.term");
    fill_disk();
    CHECK_U64(core_call(&f, OP_WRITE, "sys/rotate", f.root, "{}"), 503);
    make_room(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/key-status", f.root, NULL), 200);
    CHECK(str_eq(core_text(&f, "data.term"), term));
    CHECK_U64(core_call(&f, OP_WRITE, "secret/a", f.root, "{\"a\":\"b\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/rotate", f.root, "{}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "secret/b", f.root, "{\"a\":\"b\"}"), 204);
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(core_call(&f, OP_READ, "secret/a", f.root, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "secret/b", f.root, NULL), 200);
    core_fixture_close(&f);
}

static void reads_go_on_and_writes_come_back(void)
{
    struct core_fixture f;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/secret", f.root, "{\"type\":\"kv\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "secret/a", f.root, "{\"a\":\"old\"}"), 204);
    for (int i = 0; i < 3; i++) {
        fill_disk();
        CHECK_U64(core_call(&f, OP_WRITE, "secret/a", f.root, "{\"a\":\"new\"}"), 503);
        CHECK_U64(core_call(&f, OP_WRITE, "secret/b", f.root, "{\"a\":\"new\"}"), 503);
        make_room(&f);
        CHECK_U64(core_call(&f, OP_READ, "secret/a", f.root, NULL), 200);
        CHECK_STR(core_text(&f, "data.a"), "old");
        CHECK_U64(core_call(&f, OP_READ, "secret/b", f.root, NULL), 404);
        CHECK_U64(core_call(&f, OP_WRITE, "secret/c", f.root, "{\"a\":\"x\"}"), 204);
    }
    core_fixture_close(&f);
}

TESTS(CASE(init_is_all_or_nothing), CASE(a_keyring_that_was_not_written_is_not_used),
    CASE(reads_go_on_and_writes_come_back))
