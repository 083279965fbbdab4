/*
 * A whole core: init, shares, sealing, mounts, policies, and all the rest of sys/.
 */
#include "check.h"
#include "core_fixture.h"

static void is_initialised_once(void)
{
    struct core_fixture f;

    core_fixture_open_empty(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/init", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "initialized"), "false");
    CHECK_U64(core_call(&f, OP_READ, "sys/health", NULL, NULL), 501);
    CHECK_U64(core_call(&f, OP_READ, "secret/x", "whatever", NULL), 503);
    core_fixture_init(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/seal-status", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "sealed"), "true");
    CHECK_STR(core_text(&f, "initialized"), "true");
    CHECK_STR(core_text(&f, "t"), "2");
    CHECK_STR(core_text(&f, "n"), "3");
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/init", NULL, "{\"secret_shares\":1,\"secret_threshold\":1}"),
        400);
    core_fixture_unseal(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/mounts", f.root, NULL), 200);
    CHECK_STR(core_text(&f, "data.sys/.type"), "system");
    CHECK_STR(core_text(&f, "cubbyhole/.type"), "cubbyhole");
    core_fixture_close(&f);
}

TESTS(CASE(is_initialised_once))
