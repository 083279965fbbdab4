/*
 * Approvals: a request that needs others waits for them, is done once, and is no other request.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"

static struct core_fixture f;
static char accessor[64];

static void keep(char *to, size_t room, const char *path)
{
    struct str s = core_text(&f, path);

    MUST(s.len < room);
    memcpy(to, s.at, s.len);
    to[s.len] = '\0';
}

static char *token_with(const char *policy)
{
    char *body = xasprintf("{\"policies\":[\"%s\"]}", policy);
    char *token = xcalloc(1, 200);

    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, body), 200);
    keep(token, 200, "auth.client_token");
    free(body);
    return token;
}

static int authorize(const char *token)
{
    char *body = xasprintf("{\"accessor\":\"%s\"}", accessor);
    int status = core_call(&f, OP_WRITE, "sys/control-group/authorize", token, body);

    free(body);
    return status;
}

static int how_it_stands(const char *token)
{
    char *body = xasprintf("{\"accessor\":\"%s\"}", accessor);
    int status = core_call(&f, OP_WRITE, "sys/control-group/request", token, body);

    free(body);
    return status;
}

static void put_policy(const char *name, const char *text)
{
    char *path = xasprintf("sys/policies/acl/%s", name);
    char *body = xasprintf("{\"policy\":\"%s\"}", text);

    CHECK_U64(core_call(&f, OP_WRITE, path, f.root, body), 204);
    free(path);
    free(body);
}

static void begin(void)
{
    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/kv", f.root, "{\"type\":\"kv\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/a", f.root, "{\"k\":\"v\"}"), 204);
    put_policy("careful",
        "path \\\"kv/*\\\" { capabilities = [\\\"delete\\\", \\\"read\\\", \\\"update\\\"] "
        "approvals = { count = 2 policies = [\\\"elder\\\"] ttl = \\\"10m\\\" } }");
    put_policy("elder", "path \\\"sys/control-group/*\\\" { capabilities = [\\\"update\\\"] }");
    put_policy("young", "path \\\"sys/control-group/*\\\" { capabilities = [\\\"update\\\"] }");
}

/* Whoever asks, or has agreed, is nobody else by a token that he made himself. */
static void own_tokens_are_nobody_else(void)
{
    char child[2000];
    char *asker;
    char *one;
    char *two;

    begin();
    put_policy("maker",
        "path \\\"auth/token/create\\\" { capabilities = [\\\"create\\\", \\\"update\\\"] }");
    asker = token_with("careful\",\"elder\",\"maker");
    one = token_with("elder\",\"maker");
    two = token_with("elder");
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    keep(accessor, sizeof(accessor), "control_group.accessor");
    for (int i = 0; i < 2; i++) {
        const char *body =
            i == 0 ? "{\"policies\":[\"elder\"]}" : "{\"policies\":[\"elder\"],\"type\":\"batch\"}";

        CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", asker, body), 200);
        keep(child, sizeof(child), "auth.client_token");
        CHECK_U64(authorize(child), 403);
        CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", one, body), 200);
        keep(child, sizeof(child), "auth.client_token");
        CHECK_U64(authorize(child), i == 0 ? 200 : 400);
    }
    CHECK_U64(authorize(one), 400);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    CHECK_U64(authorize(two), 200);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 204);
    core_fixture_close(&f);
    free(asker);
    free(one);
    free(two);
}

static void two_others_must_agree(void)
{
    char *asker;
    char *one;
    char *two;
    char *young;

    begin();
    asker = token_with("careful");
    one = token_with("elder");
    two = token_with("elder");
    young = token_with("young");
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    CHECK_STR(core_text(&f, "control_group.required"), "2");
    keep(accessor, sizeof(accessor), "control_group.accessor");
    CHECK_U64(authorize(asker), 403);
    CHECK_U64(authorize(young), 403);
    CHECK_U64(authorize(one), 200);
    CHECK_STR(core_text(&f, "data.approved"), "false");
    CHECK_U64(authorize(one), 400);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    CHECK_STR(core_text(&f, "control_group.approved"), "1");
    CHECK_U64(authorize(two), 200);
    CHECK_STR(core_text(&f, "data.approved"), "true");
    CHECK_U64(how_it_stands(asker), 200);
    CHECK_STR(core_text(&f, "data.approved"), "true");
    CHECK_STR(core_text(&f, "data.request_path"), "kv/a");
    CHECK_U64(core_call(&f, OP_READ, "kv/a", asker, NULL), 403); /* another request */
    CHECK_U64(core_call(&f, OP_DELETE, "kv/b", asker, NULL), 403);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 204);
    CHECK_U64(core_call(&f, OP_READ, "kv/a", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403); /* once */
    core_fixture_close(&f);
    free(asker);
    free(one);
    free(two);
    free(young);
}

static void what_was_approved_cannot_be_changed(void)
{
    char *asker;
    char *one;
    char *two;

    begin();
    asker = token_with("careful");
    one = token_with("elder");
    two = token_with("elder");
    CHECK_U64(core_call(&f, OP_WRITE, "kv/a", asker, "{\"k\":\"good\"}"), 403);
    keep(accessor, sizeof(accessor), "control_group.accessor");
    CHECK_U64(authorize(one), 200);
    CHECK_U64(authorize(two), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/a", asker, "{\"k\":\"evil\"}"), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/a", one, "{\"k\":\"good\"}"), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/a", asker, "{\"k\":\"good\"}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "kv/a", f.root, NULL), 200);
    CHECK_STR(core_text(&f, "data.k"), "good");
    core_fixture_close(&f);
    free(asker);
    free(one);
    free(two);
}

static void questions_end(void)
{
    char *asker;
    char *one;

    begin();
    asker = token_with("careful");
    one = token_with("elder");
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    keep(accessor, sizeof(accessor), "control_group.accessor");
    CHECK_U64(authorize(one), 200);
    core_fixture_advance(&f, 601);
    CHECK_U64(authorize(one), 400);
    CHECK_U64(how_it_stands(asker), 400);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403);
    CHECK_STR(core_text(&f, "control_group.approved"), "0");
    put_policy("careful", "path \\\"kv/*\\\" { capabilities = [\\\"delete\\\"] "
                          "approvals = { count = 1 policies = [\\\"elder\\\"] } }");
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 403); /* asked anew by the new rule */
    CHECK_STR(core_text(&f, "control_group.required"), "1");
    keep(accessor, sizeof(accessor), "control_group.accessor");
    CHECK_U64(authorize(one), 200);
    CHECK_U64(core_call(&f, OP_DELETE, "kv/a", asker, NULL), 204);
    core_fixture_close(&f);
    free(asker);
    free(one);
}

static void questions_are_bounded(void)
{
    char *asker;
    int limited = 0;

    begin();
    asker = token_with("careful");
    for (int i = 0; i < 110; i++) {
        char path[32];

        snprintf(path, sizeof(path), "kv/%d", i);
        limited += core_call(&f, OP_DELETE, path, asker, NULL) == 429;
    }
    CHECK_U64(limited, 10);
    core_fixture_close(&f);
    free(asker);
}

static const struct check_case cases[] = {
    CASE(two_others_must_agree),
    CASE(own_tokens_are_nobody_else),
    CASE(what_was_approved_cannot_be_changed),
    CASE(questions_end),
    CASE(questions_are_bounded),
};

int main(void)
{
    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
