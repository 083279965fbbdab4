/*
 * What sys/capabilities-self answers is what happens: random policies and paths, each asked for and then tried.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"

enum { TRIALS = 150, PATHS = 8 };

static struct core_fixture f;
static unsigned seed = 20260101;

static unsigned draw(unsigned n)
{
    seed = seed * 1103515245 + 12345;
    return seed / 65536 % n;
}

/* "kv/" and one to three segments of few letters, so that rules and paths meet. */
static void add_path(struct buf *to, bool rule)
{
    static const char *const words[] = { "a", "b", "ab", "+" };
    unsigned n = 1 + draw(3);
    unsigned last = 0;

    buf_text(to, "kv");
    for (unsigned i = 0; i < n; i++) {
        last = draw(rule ? 4 : 3);
        buf_printf(to, "/%s", words[last]);
    }
    if (rule && draw(3) == 0) /* "+*" is no rule */
        buf_text(to, draw(2) == 0 && last != 3 ? "*" : "/*");
    else if (draw(6) == 0)
        buf_text(to, "/");
}

static void add_rule(struct buf *to)
{
    static const char *const words[] = { "create", "read", "update", "delete", "list", "deny" };
    unsigned all = draw(6) == 0 ? 1 << 5 : draw(32);
    const char *comma = "";

    buf_text(to, "path \\\"");
    add_path(to, true);
    buf_text(to, "\\\" { capabilities = [");
    for (unsigned i = 0; i < 6; i++)
        if ((all >> i & 1) != 0) {
            buf_printf(to, "%s\\\"%s\\\"", comma, words[i]);
            comma = ",";
        }
    buf_text(to, "] }\\n");
}

static bool said(const char *word)
{
    const struct value *list = core_at(&f, "capabilities");
    bool found = false;

    value_each (it, list)
        found = found || str_is(it->text, word);
    return found;
}

static void try_path(const char *token, const char *path)
{
    static const struct {
        enum operation op;
        const char *word;
        const char *other; /* a write is one or the other */
    } tries[] = {
        { OP_READ, "read", NULL },
        { OP_LIST, "list", NULL },
        { OP_DELETE, "delete", NULL },
        { OP_WRITE, "create", "update" },
    };

    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        char *body = xasprintf("{\"path\":\"%s\"}", path);
        bool exists = core_call(&f, OP_READ, path, f.root, NULL) == 200;
        bool may;
        int status;

        CHECK_U64(core_call(&f, OP_WRITE, "sys/capabilities-self", token, body), 200);
        may = said(tries[i].op == OP_WRITE && exists ? tries[i].other : tries[i].word);
        status =
            core_call(&f, tries[i].op, path, token, tries[i].op == OP_WRITE ? "{\"k\":1}" : NULL);
        if (may != (status != 403)) {
            core_call(&f, OP_READ, "sys/policies/acl/p", f.root, NULL);
            fprintf(stderr, "%s %s: said %d, got %d\n%.*s\n", tries[i].word, path, may, status,
                STR_ARG(core_text(&f, "data.policy")));
            CHECK(false);
        }
        free(body);
    }
}

static void write_policy(void)
{
    struct buf policy;
    unsigned rules = 1 + draw(5);

    buf_init(&policy, 1 << 16);
    buf_text(&policy, "{\"policy\":\"");
    for (unsigned i = 0; i < rules; i++)
        add_rule(&policy);
    buf_text(&policy, "path \\\"sys/capabilities-self\\\" { capabilities = [\\\"update\\\"] }\"}");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/policies/acl/p", f.root, buf_cstr(&policy)), 204);
    buf_free(&policy);
}

/* A '/' behind a path that means the same without it is no way around a rule. */
static void a_slash_at_the_end_passes_no_denial(void)
{
    static const struct {
        enum operation op;
        const char *path;
    } tries[] = {
        { OP_READ, "t/keys/a" },
        { OP_READ, "t/export/encryption-key/a" },
        { OP_WRITE, "t/keys/a" },
        { OP_WRITE, "t/encrypt/a" },
        { OP_WRITE, "auth/token/create" },
        { OP_WRITE, "sys/policies/acl/p" },
    };
    char token[200];
    struct buf policy;
    struct str s;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/t", f.root, "{\"type\":\"transit\"}"), 204);
    CHECK(core_call(&f, OP_WRITE, "t/keys/a", f.root, "{\"exportable\":true}") < 300);
    buf_init(&policy, 1 << 16);
    buf_text(&policy, "{\"policy\":\"path \\\"*\\\" { capabilities = "
                      "[\\\"create\\\",\\\"read\\\",\\\"update\\\"] }\\n");
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        buf_printf(&policy, "path \\\"%s\\\" { capabilities = [\\\"deny\\\"] }\\n", tries[i].path);
    buf_text(&policy, "\"}");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/policies/acl/p", f.root, buf_cstr(&policy)), 204);
    buf_free(&policy);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root,
                  "{\"policies\":[\"p\"],\"no_default_policy\":true}"),
        200);
    s = core_text(&f, "auth.client_token");
    MUST(s.len < sizeof(token));
    memcpy(token, s.at, s.len);
    token[s.len] = '\0';
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        char *slash = xasprintf("%s/", tries[i].path);
        const char *body = tries[i].op == OP_WRITE ? "{}" : NULL;

        CHECK_U64(core_call(&f, tries[i].op, tries[i].path, token, body), 403);
        CHECK_U64(core_call(&f, tries[i].op, slash, token, body), 403);
        free(slash);
    }
    CHECK_U64(core_call(&f, OP_READ, "t/keys/a/", f.root, NULL), 200);
    core_fixture_close(&f);
}

static void what_is_said_is_what_happens(void)
{
    char token[200];
    struct str s;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/kv", f.root, "{\"type\":\"kv\"}"), 204);
    write_policy();
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root,
                  "{\"policies\":[\"p\"],\"no_default_policy\":true}"),
        200);
    s = core_text(&f, "auth.client_token");
    MUST(s.len < sizeof(token));
    memcpy(token, s.at, s.len);
    token[s.len] = '\0';
    for (unsigned i = 0; i < TRIALS; i++) {
        write_policy();
        for (unsigned k = 0; k < PATHS; k++) {
            struct buf path;

            buf_init(&path, 1024);
            add_path(&path, false);
            try_path(token, buf_cstr(&path));
            buf_free(&path);
        }
    }
    core_fixture_close(&f);
}

TESTS(CASE(what_is_said_is_what_happens), CASE(a_slash_at_the_end_passes_no_denial))
