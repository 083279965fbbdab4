/*
 * The end of a large tree of tokens: refused at once, cleared away in the background, also across a restart.
 *
 * CHILDREN in the environment sets another size than the small one of every day.
 */
#include <stdlib.h>

#include "check.h"
#include "core_fixture.h"

enum { CHILDREN = 3000, AT_ONCE = 1000, EVERY = 10 /* th child has a child and a cubbyhole */ };

static struct core_fixture f;
static unsigned children = CHILDREN;
static char **tokens;
static unsigned made;

static char *keep(const struct value *body)
{
    struct str s = value_get_text(value_get(body, "auth"), "client_token", STR(""));

    return arena_strdup(&f.arena, arena_str(&f.arena, s).at);
}

static void on_made(void *arg, int status, const struct value *body)
{
    (void)arg;
    if (status == 200)
        tokens[made++] = keep(body);
}

static void count(void *arg, int status, const struct value *body)
{
    unsigned *ok = arg;

    (void)body;
    *ok += status < 300;
}

static char *make_tree(void)
{
    unsigned ok = 0;
    char *parent;

    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"ttl\":\"1h\"}"), 200);
    parent = keep(f.answer);
    made = 0;
    for (unsigned i = 0; i < children; i++) {
        core_ask(&f, OP_WRITE, "auth/token/create", parent, "{\"ttl\":\"1h\"}", on_made, NULL);
        if (i % AT_ONCE == AT_ONCE - 1)
            core_fixture_run(&f);
    }
    core_fixture_run(&f);
    CHECK_U64(made, children);
    for (unsigned i = 0; i < children; i += EVERY) {
        core_ask(&f, OP_WRITE, "auth/token/create", tokens[i], "{\"ttl\":\"1h\"}", on_made, NULL);
        core_ask(&f, OP_WRITE, "cubbyhole/a/b", tokens[i], "{\"x\":1}", count, &ok);
        if (i % AT_ONCE == 0)
            core_fixture_run(&f);
    }
    core_fixture_run(&f);
    CHECK_U64(ok, children / EVERY);
    CHECK_U64(made, children + children / EVERY);
    return parent;
}

static unsigned alive(void)
{
    unsigned ok = 0;

    for (unsigned i = 0; i < made; i++) {
        core_ask(&f, OP_READ, "auth/token/lookup-self", tokens[i], NULL, count, &ok);
        if (i % AT_ONCE == AT_ONCE - 1)
            core_fixture_run(&f);
    }
    core_fixture_run(&f);
    return ok;
}

static unsigned accessors(void)
{
    CHECK_U64(core_call(&f, OP_LIST, "auth/token/accessors", f.root, NULL), 200);
    return core_at(&f, "data.keys")->n;
}

/* Nothing but root is left. */
static void wait_until_cleared(void)
{
    for (unsigned i = 0; i < children && accessors() > 1; i++)
        for (int k = 0; k < 16; k++)
            core_fixture_advance(&f, 1);
    CHECK_U64(accessors(), 1);
}

static void revoke(const char *token)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke", f.root,
                  arena_printf(&f.arena, "{\"token\":\"%s\"}", token)),
        204);
}

static void a_large_tree_falls_at_once_and_is_cleared_away(void)
{
    char *parent = make_tree();

    CHECK_U64(alive(), made);
    CHECK(accessors() > children);
    revoke(parent);
    CHECK_U64(alive(), 0);
    wait_until_cleared();
}

static void a_restart_does_not_end_the_clearing(void)
{
    char *parent = make_tree();

    revoke(parent);
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(alive(), 0);
    wait_until_cleared();
}

static void time_ends_many_at_once(void)
{
    make_tree();
    CHECK_U64(alive(), made);
    core_fixture_advance(&f, 3700);
    CHECK_U64(alive(), 0);
    wait_until_cleared();
}

static const struct check_case cases[] = {
    CASE(a_large_tree_falls_at_once_and_is_cleared_away),
    CASE(a_restart_does_not_end_the_clearing),
    CASE(time_ends_many_at_once),
};

int main(void)
{
    const char *wanted = getenv("CHILDREN");
    uint64_t n;
    int bad;

    if (wanted != NULL && str_to_u64(str_from(wanted), 1000000, &n))
        children = (unsigned)n;
    tokens = xcalloc(2 * (size_t)children, sizeof(*tokens));
    core_fixture_use_clock();
    core_fixture_open(&f);
    bad = check_run(cases, sizeof(cases) / sizeof(cases[0]));
    core_fixture_close(&f);
    free(tokens);
    return bad;
}
