/*
 * A whole core: init, its two seals, sealing under load, and messages that are none.
 */
#include "base/fd.h"
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

/* ---- two seals at once ---- */

static void give_file(struct core_fixture *f, const char *bytes)
{
    core_give_unseal_key(f->core, fd_memory("key", bytes, strlen(bytes)));
}

static void a_key_file_opens_by_itself_and_so_do_shares(void)
{
    static const char key[] = "0123456789abcdef0123456789abcdef";
    struct core_fixture f;

    core_fixture_open_empty(&f);
    give_file(&f, "too short");
    give_file(&f, key);
    core_fixture_init(&f);
    CHECK(!core_is_sealed(f.core)); /* open at once */
    CHECK_U64(core_call(&f, OP_READ, "sys/seal-status", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "recovery_seal"), "true");
    core_fixture_restart(&f);
    CHECK(core_is_sealed(f.core));
    give_file(&f, "another file with more than thirty-two bytes");
    CHECK(core_is_sealed(f.core));
    give_file(&f, key);
    CHECK(!core_is_sealed(f.core));
    core_fixture_restart(&f);
    core_fixture_unseal(&f); /* the file is lost: shares */
    CHECK_U64(core_call(&f, OP_READ, "sys/mounts", f.root, NULL), 200);
    core_fixture_close(&f);
}

/* By command it stays closed, file or not, until somebody opens it. */
static void sealing_by_command_holds(void)
{
    struct core_fixture f;

    core_fixture_open_empty(&f);
    give_file(&f, "0123456789abcdef0123456789abcdef");
    core_fixture_init(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/seal", f.root, NULL), 204);
    core_fixture_rounds(&f, 50);
    CHECK(core_is_sealed(f.core));
    core_fixture_unseal(&f);
    core_fixture_close(&f);
}

static void wrong_wishes_for_shares_are_refused(void)
{
    static const char *const wishes[] = {
        "{}",
        "{\"secret_shares\":0,\"secret_threshold\":0}",
        "{\"secret_shares\":5,\"secret_threshold\":1}",
        "{\"secret_shares\":2,\"secret_threshold\":3}",
        "{\"secret_shares\":256,\"secret_threshold\":3}",
        "{\"secret_shares\":5,\"secret_threshold\":3,\"pgp_keys\":[\"x\"]}",
        "{\"secret_shares\":\"five\",\"secret_threshold\":3}",
    };
    struct core_fixture f;

    core_fixture_open_empty(&f);
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
        CHECK_U64(core_call(&f, OP_WRITE, "sys/init", NULL, wishes[i]), 400);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/init", NULL, "{\"secret_shares\":1,\"secret_threshold\":1}"),
        200);
    CHECK_U64(core_text(&f, "keys.0").len, 64);
    core_fixture_close(&f);
}

/* What is no KEEPER_REQUEST gets an answer all the same. */
static void note_status(void *arg, struct str bytes)
{
    *(int *)arg = (unsigned char)bytes.at[0] | (unsigned char)bytes.at[1] << 8;
}

static void malformed_messages_are_answered(void)
{
    static const struct str malformed[] = {
        { "", 0 },
        { "\0\0\0\0", 4 },
        { "\7\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 28 },
        { "\0\0\0\0\0\0\0\0\377\377\377\377", 12 },
        { "\0\0\0\0\0\0\0\0\1\0\0\0x\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0", 30 },
    };
    struct core_fixture f;

    core_fixture_open(&f);
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        int status = 0;

        core_request(f.core, malformed[i], note_status, &status);
        core_fixture_rounds(&f, 1);
        CHECK_U64(status, 400);
    }
    core_fixture_close(&f);
}

/* Many questions at once, some of which need a worker and some a commit: each has one answer. */
struct tally {
    int ok;
    int all;
};

static void count(void *arg, int status, const struct value *body)
{
    struct tally *t = arg;

    (void)body;
    t->all++;
    t->ok += status < 300;
}

static void many_at_once_are_all_answered(void)
{
    struct core_fixture f;
    struct tally t = { 0, 0 };

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/secret", f.root, "{\"type\":\"kv\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "secret/a", f.root, "{\"k\":\"v\"}"), 204);
    for (int i = 0; i < 2000; i++) {
        bool write = i % 3 == 0;

        core_ask(&f, write ? OP_WRITE : OP_READ, "secret/a", f.root, write ? "{\"k\":\"w\"}" : NULL,
            count, &t);
        if (i % 50 == 0)
            core_fixture_rounds(&f, 1);
    }
    core_fixture_run(&f);
    CHECK_U64(t.all, 2000);
    CHECK_U64(t.ok, 2000);
    core_fixture_close(&f);
}

/* Sealing while requests are under way: each is answered, done or refused, and what was done is there afterwards. */
static void sealing_in_the_middle_loses_nothing(void)
{
    struct core_fixture f;
    struct tally t = { 0, 0 };
    struct tally sealed = { 0, 0 };
    int there = 0;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/secret", f.root, "{\"type\":\"kv\"}"), 204);
    for (int i = 0; i < 200; i++) {
        char path[32];

        snprintf(path, sizeof(path), "secret/%d", i);
        core_ask(&f, OP_WRITE, path, f.root, "{\"k\":\"v\"}", count, &t);
        if (i == 100)
            core_ask(&f, OP_WRITE, "sys/seal", f.root, NULL, count, &sealed);
        if (i % 20 == 0)
            core_fixture_rounds(&f, 1);
    }
    core_fixture_run(&f);
    CHECK_U64(t.all, 200);
    CHECK_U64(sealed.ok, 1);
    CHECK(core_is_sealed(f.core));
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    for (int i = 0; i < 200; i++) {
        char path[32];

        snprintf(path, sizeof(path), "secret/%d", i);
        there += core_call(&f, OP_READ, path, f.root, NULL) == 200;
    }
    CHECK_U64(there, t.ok);
    core_fixture_close(&f);
}

TESTS(CASE(is_initialised_once), CASE(a_key_file_opens_by_itself_and_so_do_shares),
    CASE(sealing_by_command_holds), CASE(wrong_wishes_for_shares_are_refused),
    CASE(malformed_messages_are_answered), CASE(many_at_once_are_all_answered),
    CASE(sealing_in_the_middle_loses_nothing))
