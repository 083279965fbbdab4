/*
 * Leases: given out by an engine's handler, then looked at, renewed, revoked by id, by prefix, by token and by time.
 */
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/entries_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/token_int.h"

static struct core_fixture f;

static char *kept(struct str s)
{
    return arena_strdup(&f.arena, arena_str(&f.arena, s).at);
}

static int ask(const char *path, const char *id, const char *more)
{
    return core_call(
        &f, OP_WRITE, path, f.root, arena_printf(&f.arena, "{\"lease_id\":\"%s\"%s}", id, more));
}

static char *new_token(const char *json)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, json), 200);
    return kept(core_text(&f, "auth.client_token"));
}

/* As an engine at secret/ would in the handler of a request of this token. */
static char *give(const char *path, const char *token, int64_t ttl, int64_t max_ttl, bool renewable)
{
    struct request *r = request_inside(f.core, OP_READ, STR("sys/leases/count"), NULL);
    struct value *secret = value_map(&r->arena);
    char *id;

    r->reply = (struct reply){ 0 };
    tx_init(&r->tx, core_entries(f.core), &r->arena);
    r->mount = core_mount_of(f.core, STR("secret/"));
    CHECK(r->mount != NULL);
    r->path = str_from(path);
    r->who = token_load_text(r, str_from(token));
    value_put_text(&r->arena, secret, "user", STR("u1"));
    lease_add(r, secret, ttl, max_ttl, renewable);
    id = kept(r->reply.lease_id);
    tx_take(&r->tx);
    CHECK(r->tx.failed == NULL);
    request_free(r);
    core_fixture_rounds(&f, 3);
    return id;
}

static void a_lease_is_looked_at_and_renewed(void)
{
    char *id = give("secret/creds/app", f.root, 100, 250, true);

    CHECK(str_starts(str_from(id), STR("secret/creds/app/")));
    CHECK_U64(ask("sys/leases/lookup", id, ""), 200);
    CHECK_STR(core_text(&f, "data.id"), id);
    CHECK_STR(core_text(&f, "data.ttl"), "100");
    CHECK_STR(core_text(&f, "data.renewable"), "true");
    core_fixture_advance(&f, 60);
    CHECK_U64(ask("sys/leases/renew", id, ""), 200);
    CHECK_STR(core_text(&f, "lease_id"), id);
    CHECK_STR(core_text(&f, "lease_duration"), "100");
    CHECK_U64(ask("sys/leases/renew", id, ",\"increment\":3600"), 200);
    CHECK_STR(core_text(&f, "lease_duration"), "190"); /* 250 less the 60 that passed */
    CHECK_U64(ask("sys/leases/renew", "secret/creds/app/none", ""), 400);
    id = give("secret/creds/app", f.root, 100, 0, false);
    CHECK_U64(ask("sys/leases/renew", id, ""), 400);
    CHECK_STR(core_text(&f, "errors.0"), "lease is not renewable");
}

static void time_ends_it(void)
{
    char *id = give("secret/creds/short", f.root, 10, 0, true);

    core_fixture_advance(&f, 9);
    CHECK_U64(ask("sys/leases/lookup", id, ""), 200);
    core_fixture_advance(&f, 1);
    CHECK_U64(ask("sys/leases/lookup", id, ""), 400);
    core_fixture_advance(&f, 5);
    CHECK_U64(core_call(&f, OP_LIST, "sys/leases/lookup/secret/creds/short", f.root, NULL), 404);
}

static void revoking_by_id_and_by_prefix(void)
{
    char *one = give("secret/creds/a", f.root, 100, 0, true);
    char *two = give("secret/creds/a", f.root, 100, 0, true);
    char *other = give("secret/creds/ab", f.root, 100, 0, true);

    CHECK_U64(ask("sys/leases/revoke", one, ""), 204);
    CHECK_U64(ask("sys/leases/lookup", one, ""), 400);
    CHECK_U64(ask("sys/leases/lookup", two, ""), 200);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/leases/revoke-prefix/secret/creds/a", f.root, NULL), 204);
    CHECK_U64(ask("sys/leases/lookup", two, ""), 400);
    CHECK_U64(ask("sys/leases/lookup", other, ""), 200);
    for (int i = 0; i < 200; i++)
        give("secret/creds/many", f.root, 100, 0, true);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/leases/revoke-prefix", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/leases/revoke-prefix/", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/leases/revoke-force/", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/leases/revoke-prefix/auth", f.root, NULL), 204);
    core_fixture_advance(&f, 2);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", f.root, NULL), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/leases/revoke-prefix/secret", f.root, NULL), 204);
    core_fixture_advance(&f, 2);
    core_fixture_advance(&f, 2);
    CHECK_U64(core_call(&f, OP_LIST, "sys/leases/lookup/secret", f.root, NULL), 404);
}

static void it_ends_with_its_token(void)
{
    char *token = new_token("{\"ttl\":\"1h\"}");
    char *short_token = new_token("{\"ttl\":\"20s\"}");
    char *batch;
    char *ids[100];
    char *id;

    for (int i = 0; i < 100; i++)
        ids[i] = give("secret/creds/t", token, 1000, 0, true);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke-self", token, NULL), 204);
    core_fixture_advance(&f, 2);
    core_fixture_advance(&f, 2);
    for (int i = 0; i < 100; i++)
        CHECK_U64(ask("sys/leases/lookup", ids[i], ""), 400);
    id = give("secret/creds/t", short_token, 1000, 0, true);
    CHECK_U64(ask("sys/leases/lookup", id, ""), 200);
    core_fixture_advance(&f, 25);
    core_fixture_advance(&f, 2);
    CHECK_U64(ask("sys/leases/lookup", id, ""), 400);
    batch = new_token("{\"ttl\":\"30s\",\"type\":\"batch\",\"policies\":[\"default\"]}");
    id = give("secret/creds/t", batch, 1000, 0, true);
    CHECK_U64(ask("sys/leases/lookup", id, ""), 200);
    CHECK_STR(core_text(&f, "data.ttl"), "30");
}

static void a_token_is_a_lease_too(void)
{
    char *token = new_token("{\"ttl\":\"1h\"}");
    char *id;

    CHECK_U64(core_call(&f, OP_LIST, "sys/leases/lookup/auth/token/create", f.root, NULL), 200);
    id = arena_printf(&f.arena, "auth/token/create/%.*s", STR_ARG(core_text(&f, "data.keys.0")));
    CHECK_U64(ask("sys/leases/lookup", id, ""), 200);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/leases/revoke-prefix/auth/token/create", f.root, NULL), 204);
    core_fixture_advance(&f, 2);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", f.root, NULL), 200);
}

static const struct check_case cases[] = {
    CASE(a_lease_is_looked_at_and_renewed),
    CASE(time_ends_it),
    CASE(revoking_by_id_and_by_prefix),
    CASE(it_ends_with_its_token),
    CASE(a_token_is_a_lease_too),
};

int main(void)
{
    int bad;

    core_fixture_use_clock();
    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/secret", f.root, "{\"type\":\"kv\"}"), 204);
    bad = check_run(cases, sizeof(cases) / sizeof(cases[0]));
    core_fixture_close(&f);
    return bad;
}
