/*
 * Tokens through a whole core: what children may have, how long they last, what ends them, and races for the last use.
 */
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/entries_int.h"

static struct core_fixture f;

static char *text_at(const char *path)
{
    struct str s = core_text(&f, path);

    return arena_strdup(&f.arena, arena_str(&f.arena, s).at);
}

/* A child of the token; returns it. */
static char *make(const char *parent, const char *json)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", parent, json), 200);
    return text_at("auth.client_token");
}

static int self(const char *token)
{
    return core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL);
}

static void root_is_looked_at(void)
{
    CHECK_U64(self(f.root), 200);
    CHECK_STR(core_text(&f, "data.display_name"), "root");
    CHECK_STR(core_text(&f, "data.policies.0"), "root");
    CHECK_STR(core_text(&f, "data.path"), "auth/token/root");
    CHECK_STR(core_text(&f, "data.ttl"), "0");
    CHECK_STR(core_text(&f, "data.orphan"), "true");
    CHECK_STR(core_text(&f, "data.type"), "service");
    CHECK_STR(core_text(&f, "data.id"), f.root);
    CHECK_U64(self("hvs.000000000000000000000000"), 403);
    CHECK_U64(self("hvb.AAAA"), 403);
    CHECK_U64(self(NULL), 403);
}

static void a_child_is_made_and_shown(void)
{
    char *t =
        make(f.root, "{\"policies\":[\"B\",\" a \",\"b\"],\"ttl\":\"1h\",\"display_name\":\"x y!\","
                     "\"meta\":{\"k\":\"v\"},\"explicit_max_ttl\":7200}");

    CHECK(str_starts(str_from(t), STR("hvs.")));
    CHECK_STR(core_text(&f, "auth.lease_duration"), "3600");
    CHECK_STR(core_text(&f, "auth.renewable"), "true");
    CHECK_STR(core_text(&f, "auth.policies.0"), "a");
    CHECK_STR(core_text(&f, "auth.policies.1"), "b");
    CHECK_STR(core_text(&f, "auth.policies.2"), "default");
    CHECK_STR(core_text(&f, "auth.token_type"), "service");
    CHECK_STR(core_text(&f, "auth.orphan"), "false");
    CHECK_STR(core_text(&f, "auth.metadata.k"), "v");
    CHECK_STR(core_text(&f, "warnings.0"), "Policy \"a\" does not exist");
    CHECK_U64(self(t), 200);
    CHECK_STR(core_text(&f, "data.display_name"), "token-x-y");
    CHECK_STR(core_text(&f, "data.creation_ttl"), "3600");
    CHECK_STR(core_text(&f, "data.explicit_max_ttl"), "7200");
    CHECK_STR(core_text(&f, "data.meta.k"), "v");
    CHECK_STR(core_text(&f, "data.path"), "auth/token/create");
}

static void empty_fields_say_nothing(void)
{
    make(f.root,
        "{\"ttl\":\"\",\"period\":\"\",\"explicit_max_ttl\":\"\",\"num_uses\":null,\"id\":null,"
        "\"meta\":null,\"policies\":null,\"display_name\":\"\",\"type\":\"\",\"entity_alias\":\"\","
        "\"no_parent\":false,\"no_default_policy\":null,\"renewable\":true,\"lease\":\"\"}");
    CHECK_STR(core_text(&f, "auth.policies.0"), "root");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "0");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"ttl\":\"soon\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"ttl\":-5}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"num_uses\":-1}"), 400);
}

static void the_keepers_own_tokens_are_not_root(void)
{
    struct request *r = request_inside(f.core, OP_WRITE, STR("auth/token/create"), NULL);

    CHECK_U64(r->reply.status, 200);
    CHECK(value_get(r->reply.auth_made, "policies")->n == 1);
    CHECK_STR(value_get(r->reply.auth_made, "policies")->first->text, "default");
    request_free(r);
    core_fixture_rounds(&f, 3);
}

static void children_have_no_more_than_their_parents(void)
{
    char *t = make(f.root, "{\"policies\":[\"a\"],\"no_default_policy\":true}");
    static const char policy[] =
        "{\"policy\":\"path \\\"auth/token/create\\\" { capabilities = [\\\"update\\\"] }\"}";

    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, NULL), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/policies/acl/a", f.root, policy), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{}"), 200);
    CHECK_STR(core_text(&f, "auth.policies.0"), "a");
    CHECK(core_text(&f, "auth.policies.1").len == 0);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{\"policies\":[\"a\",\"b\"]}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "child policies must be subset of parent");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{\"policies\":[\"root\"]}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{\"id\":\"mine\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{\"period\":\"1h\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{\"no_parent\":true}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root,
                  "{\"policies\":[\"response-wrapping\"]}"),
        400);
}

static void a_guess_is_known_for_one(void)
{
    char *t = make(f.root, "{\"ttl\":\"1h\"}");
    struct entries_stats before;
    struct entries_stats after;

    CHECK_U64(self(t), 200);
    CHECK_U64(strlen(t), 28);
    entries_get_stats(core_entries(f.core), &before);
    for (size_t i = 4; i < 28; i++) {
        char was = t[i];

        t[i] = was == 'x' ? 'y' : 'x';
        CHECK_U64(self(t), 403);
        t[i] = was;
    }
    CHECK_U64(self("hvs.short"), 403);
    entries_get_stats(core_entries(f.core), &after);
    CHECK_U64(after.misses, before.misses); /* nothing was read for them */
    CHECK_U64(self(t), 200);
}

static void a_chosen_id_is_for_sudo_alone(void)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"id\":\"my-own\"}"), 200);
    CHECK_STR(core_text(&f, "auth.client_token"), "my-own");
    CHECK_U64(self("my-own"), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"id\":\"my-own\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"id\":\"hvs.x\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root, "{\"id\":\"a.b\"}"), 400);
}

static void time_ends_and_renewal_prolongs(void)
{
    char *t = make(f.root, "{\"ttl\":\"100s\",\"explicit_max_ttl\":\"250s\"}");
    char *never = make(f.root, "{\"ttl\":\"100s\",\"renewable\":false}");

    core_fixture_advance(&f, 60);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", t, "{}"), 200);
    CHECK_STR(core_text(&f, "auth.lease_duration"), "100");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", never, "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "lease is not renewable");
    core_fixture_advance(&f, 60);
    CHECK_U64(self(never), 403);
    CHECK_U64(self(t), 200);
    CHECK_STR(core_text(&f, "data.ttl"), "40");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", t, "{\"increment\":\"1h\"}"), 200);
    CHECK_STR(core_text(&f, "auth.lease_duration"), "130"); /* 250 less the 120 that passed */
    core_fixture_advance(&f, 129);
    CHECK_U64(self(t), 200);
    core_fixture_advance(&f, 1);
    CHECK_U64(self(t), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", f.root, "{}"), 400);
}

static void a_period_renews_for_ever(void)
{
    char *t = make(f.root, "{\"period\":\"60s\"}");

    for (int i = 0; i < 5; i++) {
        core_fixture_advance(&f, 50);
        CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", t, "{\"increment\":5}"), 200);
        CHECK_STR(core_text(&f, "auth.lease_duration"), "60");
    }
    CHECK_U64(self(t), 200);
    CHECK_STR(core_text(&f, "data.period"), "60");
}

static void the_mount_caps_every_time(void)
{
    CHECK_U64(core_call(&f, OP_WRITE, "sys/auth/token/tune", f.root,
                  "{\"default_lease_ttl\":\"50s\",\"max_lease_ttl\":\"100s\"}"),
        204);
    make(f.root, "{\"policies\":\"default\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "50");
    make(f.root, "{\"ttl\":\"1h\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "100");
    CHECK(core_text(&f, "warnings.0").len > 0);
    make(f.root, "{\"period\":\"1h\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "100");
    make(f.root, "{\"ttl\":\"80s\",\"explicit_max_ttl\":\"30s\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "30");
    make(f.root, "{\"period\":\"20s\",\"explicit_max_ttl\":\"50s\"}");
    char *t = text_at("auth.client_token");

    for (int i = 0; i < 2; i++) {
        CHECK_STR(core_text(&f, "auth.lease_duration"), "20");
        core_fixture_advance(&f, 18);
        CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", t, "{}"), 200);
    }
    CHECK_STR(core_text(&f, "auth.lease_duration"), "14"); /* 50 less 36 */
    CHECK_U64(core_call(&f, OP_WRITE, "sys/auth/token/tune", f.root,
                  "{\"default_lease_ttl\":0,\"max_lease_ttl\":0}"),
        204);
    make(f.root, "{\"policies\":\"default\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "2764800");
    make(f.root, "{\"ttl\":\"500000h\"}");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "2764800");
}

static void what_ended_is_cleared_away(void)
{
    char *t = make(f.root, "{\"ttl\":\"10s\"}");
    char *accessor = text_at("auth.accessor");
    char *body = arena_printf(&f.arena, "{\"accessor\":\"%s\"}", accessor);

    CHECK_U64(core_call(&f, OP_WRITE, "cubbyhole/x", t, "{\"a\":1}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/lookup-accessor", f.root, body), 200);
    CHECK_STR(core_text(&f, "data.id"), "");
    CHECK(core_at(&f, "data.id") != NULL);
    core_fixture_advance(&f, 20);
    core_fixture_advance(&f, 20);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/lookup-accessor", f.root, body), 400);
    CHECK_U64(core_call(&f, OP_LIST, "auth/token/accessors", f.root, NULL), 200);
    value_each (k, core_at(&f, "data.keys"))
        CHECK(!str_is(k->text, accessor));
}

static void uses_are_counted(void)
{
    char *t = make(f.root, "{\"num_uses\":3,\"ttl\":\"1h\"}");

    CHECK_U64(self(t), 200);
    CHECK_STR(core_text(&f, "data.num_uses"), "2");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", t, "{}"), 200);
    CHECK_U64(self(t), 200);
    CHECK_U64(self(t), 403);
    t = make(f.root, "{\"num_uses\":2,\"policies\":[\"root\"]}");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", t, "{}"), 400);
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(self(t), 200);
    CHECK_U64(self(t), 403);
}

static void count_ok(void *arg, int status, const struct value *body)
{
    unsigned *ok = arg;

    (void)body;
    *ok += status == 200;
}

static void one_of_many_takes_the_last_use(void)
{
    char *t = make(f.root, "{\"num_uses\":1}");
    unsigned ok = 0;

    for (int i = 0; i < 100; i++)
        core_ask(&f, OP_READ, "auth/token/lookup-self", t, NULL, count_ok, &ok);
    core_fixture_run(&f);
    CHECK_U64(ok, 1);
}

static void a_tree_falls_with_its_root(void)
{
    char *parent = make(f.root, "{\"policies\":[\"root\"],\"ttl\":\"1h\"}");
    char *child = make(parent, "{\"ttl\":\"1h\"}");
    char *grandchild = make(child, "{\"ttl\":60}");
    char *orphan;

    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create-orphan", parent, "{\"ttl\":\"1h\"}"), 200);
    orphan = text_at("auth.client_token");
    CHECK_STR(core_text(&f, "auth.orphan"), "true");
    CHECK_U64(self(grandchild), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke", f.root,
                  arena_printf(&f.arena, "{\"token\":\"%s\"}", parent)),
        204);
    CHECK_U64(self(parent), 403);
    CHECK_U64(self(child), 403);
    CHECK_U64(self(grandchild), 403);
    CHECK_U64(self(orphan), 200);
}

static void revoke_orphan_leaves_the_children(void)
{
    char *parent = make(f.root, "{\"policies\":[\"root\"],\"ttl\":\"1h\"}");
    char *few[2];
    char *many[100];

    few[0] = make(parent, "{\"ttl\":\"1h\"}");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke-orphan", f.root,
                  arena_printf(&f.arena, "{\"token\":\"%s\"}", parent)),
        204);
    CHECK_U64(self(parent), 403);
    CHECK_U64(self(few[0]), 200);
    CHECK_STR(core_text(&f, "data.orphan"), "true");
    parent = make(f.root, "{\"policies\":[\"root\"],\"ttl\":\"1h\"}");
    for (int i = 0; i < 100; i++)
        many[i] = make(parent, "{\"ttl\":\"1h\"}");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke-orphan", f.root,
                  arena_printf(&f.arena, "{\"token\":\"%s\"}", parent)),
        204);
    CHECK_U64(self(parent), 403);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 100; i++)
            CHECK_U64(self(many[i]), 200);
        CHECK_U64(self(parent), 403);
        core_fixture_advance(&f, 5);
        core_fixture_advance(&f, 5);
    }
    CHECK_STR(core_text(&f, "errors.0"), "permission denied");
    CHECK_U64(self(many[99]), 200);
    CHECK_STR(core_text(&f, "data.orphan"), "true");
}

static void batch_tokens_are_nowhere_stored(void)
{
    char *parent = make(f.root, "{\"policies\":[\"root\"],\"ttl\":\"1h\"}");
    char *t;

    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", parent,
                  "{\"type\":\"batch\",\"policies\":[\"default\"],\"ttl\":\"100s\"}"),
        200);
    t = text_at("auth.client_token");
    CHECK(str_starts(str_from(t), STR("hvb.")));
    CHECK_STR(core_text(&f, "auth.accessor"), "");
    CHECK_STR(core_text(&f, "auth.renewable"), "false");
    CHECK_U64(self(t), 200);
    CHECK_STR(core_text(&f, "data.type"), "batch");
    CHECK_U64(core_call(&f, OP_WRITE, "cubbyhole/x", t, "{\"a\":1}"), 400);
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(self(t), 200);
    t[30] ^= 1;
    CHECK_U64(self(t), 403);
    t[30] ^= 1;
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/revoke-self", parent, NULL), 204);
    CHECK_U64(self(t), 403);
    t = make(f.root, "{\"type\":\"batch\",\"policies\":[\"default\"],\"ttl\":\"100s\"}");
    core_fixture_advance(&f, 100);
    CHECK_U64(self(t), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create", f.root,
                  "{\"type\":\"batch\",\"policies\":[\"default\"],\"num_uses\":1}"),
        400);
}

static void networks_bind(void)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/roles/near", f.root,
                  "{\"token_bound_cidrs\":\"10.0.0.0/8, 127.0.0.1/32\",\"orphan\":true}"),
        204);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/token/create/near", f.root, "{\"policies\":[\"default\"]}"),
        200);
    char *t = text_at("auth.client_token");

    CHECK_STR(core_text(&f, "auth.orphan"), "true");
    CHECK_U64(self(t), 200);
    f.remote = "10.9.8.7";
    CHECK_U64(self(t), 200);
    f.remote = "11.9.8.7";
    CHECK_U64(self(t), 403);
    f.remote = "::1";
    CHECK_U64(self(t), 403);
    f.remote = "127.0.0.1";
    CHECK_U64(core_call(&f, OP_READ, "auth/token/roles/near", f.root, NULL), 200);
    CHECK_STR(core_text(&f, "data.token_bound_cidrs.1"), "127.0.0.1");
}

static void roles_allow_and_disallow(void)
{
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/roles/r", f.root,
                  "{\"allowed_policies\":\"a,b\",\"disallowed_policies_glob\":[\"*x\"],"
                  "\"allowed_policies_glob\":[\"app-*\"],\"path_suffix\":\"s-1\","
                  "\"token_period\":\"60s\",\"renewable\":false}"),
        204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create/r", f.root, "{}"), 200);
    CHECK_STR(core_text(&f, "auth.policies.0"), "a");
    CHECK_STR(core_text(&f, "auth.policies.2"), "default");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "60");
    CHECK_STR(core_text(&f, "auth.renewable"), "false");
    CHECK_U64(self(text_at("auth.client_token")), 200);
    CHECK_STR(core_text(&f, "data.path"), "auth/token/create/r/s-1");
    CHECK_STR(core_text(&f, "data.role"), "r");
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/token/create/r", f.root, "{\"policies\":[\"app-1\"]}"), 200);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/token/create/r", f.root, "{\"policies\":[\"app-x\"]}"), 400);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/token/create/r", f.root, "{\"policies\":[\"c\"]}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/create/none", f.root, "{}"), 400);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/roles/r", f.root, NULL), 200);
    CHECK_STR(core_text(&f, "data.token_type"), "default-service");
    CHECK_STR(core_text(&f, "data.token_period"), "60");
    CHECK_STR(core_text(&f, "data.name"), "r");
    CHECK_U64(core_call(&f, OP_LIST, "auth/token/roles", f.root, NULL), 200);
    CHECK_U64(core_call(&f, OP_DELETE, "auth/token/roles/r", f.root, NULL), 204);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/roles/r", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/roles/q", f.root,
                  "{\"token_type\":\"batch\",\"orphan\":false}"),
        400);
}

static void a_cubbyhole_is_its_owners(void)
{
    char *a = make(f.root, "{\"ttl\":\"1h\"}");
    char *b = make(f.root, "{\"ttl\":\"1h\"}");

    CHECK_U64(core_call(&f, OP_WRITE, "cubbyhole/x/y", a, "{\"v\":\"mine\"}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/x/y", a, NULL), 200);
    CHECK_STR(core_text(&f, "data.v"), "mine");
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/x/y", b, NULL), 404);
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/x/y", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_LIST, "cubbyhole/", a, NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "x/");
    CHECK_U64(core_call(&f, OP_LIST, "cubbyhole/x", a, NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "y");
    CHECK_U64(core_call(&f, OP_DELETE, "cubbyhole/x/y", a, NULL), 204);
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/x/y", a, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "cubbyhole/x", a, "{}"), 400);
}

static const struct check_case cases[] = {
    CASE(root_is_looked_at),
    CASE(a_child_is_made_and_shown),
    CASE(children_have_no_more_than_their_parents),
    CASE(empty_fields_say_nothing),
    CASE(the_keepers_own_tokens_are_not_root),
    CASE(a_guess_is_known_for_one),
    CASE(a_chosen_id_is_for_sudo_alone),
    CASE(time_ends_and_renewal_prolongs),
    CASE(a_period_renews_for_ever),
    CASE(the_mount_caps_every_time),
    CASE(what_ended_is_cleared_away),
    CASE(uses_are_counted),
    CASE(one_of_many_takes_the_last_use),
    CASE(a_tree_falls_with_its_root),
    CASE(revoke_orphan_leaves_the_children),
    CASE(batch_tokens_are_nowhere_stored),
    CASE(networks_bind),
    CASE(roles_allow_and_disallow),
    CASE(a_cubbyhole_is_its_owners),
};

int main(void)
{
    int bad;

    core_fixture_use_clock();
    core_fixture_open(&f);
    bad = check_run(cases, sizeof(cases) / sizeof(cases[0]));
    core_fixture_close(&f);
    return bad;
}
