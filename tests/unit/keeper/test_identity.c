/*
 * Entities through a whole core: made by logins, named, disabled, and what their policies add to a token.
 */
#include "check.h"
#include "core_fixture.h"

static struct core_fixture f;

static char *text_at(const char *path)
{
    return arena_strdup(&f.arena, arena_str(&f.arena, core_text(&f, path)).at);
}

static int ask(enum operation op, const char *path, const char *json)
{
    return core_call(&f, op, path, f.root, json);
}

static const char *at(const char *fmt, const char *a)
{
    return arena_printf(&f.arena, "%s%s", fmt, a);
}

static char *token;
static char *entity;
static char *accessor;

static void a_login_makes_an_entity(void)
{
    CHECK_U64(ask(OP_WRITE, "sys/auth/userpass", "{\"type\":\"userpass\"}"), 204);
    CHECK_U64(ask(OP_READ, "sys/auth", NULL), 200);
    accessor = arena_strdup(&f.arena,
        arena_str(&f.arena,
            value_get_text(value_get(core_at(&f, "data"), "userpass/"), "accessor", STR("")))
            .at);
    CHECK(strlen(accessor) > 9);
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/joe", "{\"password\":\"pw\"}"), 204);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL, "{\"password\":\"pw\"}"), 200);
    token = text_at("auth.client_token");
    entity = text_at("auth.entity_id");
    CHECK_U64(ask(OP_READ, at("identity/entity/id/", entity), NULL), 200);
    CHECK_STR(core_text(&f, "data.aliases.0.name"), "joe");
    CHECK_STR(core_text(&f, "data.aliases.0.mount_accessor"), accessor);
    CHECK_STR(core_text(&f, "data.aliases.0.mount_type"), "userpass");
    CHECK_STR(core_text(&f, "data.aliases.0.canonical_id"), entity);
    CHECK_STR(core_text(&f, "data.disabled"), "false");
    CHECK_U64(ask(OP_LIST, "identity/entity/id", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), entity);
}

static void its_policies_add_to_its_tokens(void)
{
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", token, NULL), 403);
    CHECK_U64(ask(OP_WRITE, "sys/policies/acl/users",
                  "{\"policy\":\"path \\\"auth/userpass/users\\\" "
                  "{ capabilities = [\\\"list\\\"] }\"}"),
        204);
    CHECK_U64(
        ask(OP_WRITE, at("identity/entity/id/", entity),
            "{\"name\":\"Joe Doe/1\",\"policies\":[\"users\"],\"metadata\":{\"team\":\"a\"}}"),
        204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", token, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.identity_policies.0"), "users");
    CHECK_STR(core_text(&f, "data.policies.0"), "default");
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL, "{\"password\":\"pw\"}"), 200);
    CHECK_STR(core_text(&f, "auth.entity_id"), entity);
    CHECK_STR(core_text(&f, "auth.identity_policies.0"), "users");
    CHECK_STR(core_text(&f, "auth.policies.1"), "users");
    CHECK_STR(core_text(&f, "auth.token_policies.0"), "default");
    CHECK_U64(ask(OP_WRITE, at("identity/entity/id/", entity), "{\"policies\":[\"Root\"]}"), 400);
}

static void it_is_found_by_name_and_alias(void)
{
    CHECK_U64(ask(OP_WRITE, "identity/lookup/entity", "{\"name\":\"Joe Doe/1\"}"), 200);
    CHECK_STR(core_text(&f, "data.id"), entity);
    CHECK_U64(ask(OP_WRITE, "identity/lookup/entity",
                  arena_printf(&f.arena, "{\"alias_name\":\"joe\",\"alias_mount_accessor\":\"%s\"}",
                      accessor)),
        200);
    CHECK_STR(core_text(&f, "data.metadata.team"), "a");
    CHECK_U64(ask(OP_WRITE, "identity/lookup/entity", "{\"name\":\"none\"}"), 204);
    CHECK_U64(ask(OP_WRITE, "identity/lookup/entity", "{}"), 400);
    CHECK_U64(ask(OP_LIST, "identity/entity/name", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "Joe Doe/1");
    CHECK_U64(ask(OP_WRITE, "identity/entity", "{\"name\":\"other\"}"), 200);
    CHECK_U64(ask(OP_WRITE, "identity/entity", "{\"name\":\"other\",\"policies\":\"x\"}"), 204);
    CHECK_U64(ask(OP_READ, "identity/entity/name/other", NULL), 200);
    CHECK_STR(core_text(&f, "data.policies.0"), "x");
}

static void aliases_are_made_moved_and_removed(void)
{
    char *other;
    char *alias;

    CHECK_U64(ask(OP_READ, "identity/entity/name/other", NULL), 200);
    other = text_at("data.id");
    CHECK_U64(ask(OP_WRITE, "identity/entity-alias",
                  arena_printf(&f.arena,
                      "{\"name\":\"ann\",\"canonical_id\":\"%s\",\"mount_accessor\":\"%s\"}", other,
                      accessor)),
        200);
    alias = text_at("data.id");
    CHECK_U64(ask(OP_READ, at("identity/entity-alias/id/", alias), NULL), 200);
    CHECK_STR(core_text(&f, "data.canonical_id"), other);
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/ann", "{\"password\":\"pw\"}"), 204);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/userpass/login/ann", NULL, "{\"password\":\"pw\"}"), 200);
    CHECK_STR(core_text(&f, "auth.entity_id"), other);
    CHECK_U64(ask(OP_WRITE, "identity/entity-alias",
                  arena_printf(&f.arena,
                      "{\"name\":\"bob\",\"canonical_id\":\"%s\",\"mount_accessor\":\"%s\"}", other,
                      accessor)),
        400);
    CHECK_U64(ask(OP_WRITE, "identity/entity/merge",
                  arena_printf(&f.arena, "{\"to_entity_id\":\"%s\",\"from_entity_ids\":[\"%s\"]}",
                      entity, other)),
        400);
    CHECK_U64(ask(OP_DELETE, at("identity/entity-alias/id/", alias), NULL), 204);
    CHECK_U64(ask(OP_READ, at("identity/entity-alias/id/", alias), NULL), 404);
    CHECK_U64(ask(OP_WRITE, "identity/entity/merge",
                  arena_printf(&f.arena, "{\"to_entity_id\":\"%s\",\"from_entity_ids\":[\"%s\"]}",
                      entity, other)),
        204);
    CHECK_U64(ask(OP_READ, at("identity/entity/id/", other), NULL), 404);
    CHECK_U64(ask(OP_READ, at("identity/entity/id/", entity), NULL), 200);
    CHECK_STR(core_text(&f, "data.policies.1"), "x");
}

static void a_disabled_entity_is_refused_at_once(void)
{
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_U64(ask(OP_WRITE, at("identity/entity/id/", entity), "{\"disabled\":true}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 403);
    CHECK_U64(
        core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL, "{\"password\":\"pw\"}"), 403);
    CHECK_U64(ask(OP_WRITE, at("identity/entity/id/", entity), "{\"disabled\":false}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_U64(ask(OP_DELETE, at("identity/entity/id/", entity), NULL), 204);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 403);
}

static char *enter(const char *name)
{
    CHECK_U64(ask(OP_WRITE, at("auth/userpass/users/", name),
                  "{\"password\":\"pw\",\"token_policies\":\"own\"}"),
        204);
    CHECK_U64(
        core_call(&f, OP_WRITE, at("auth/userpass/login/", name), NULL, "{\"password\":\"pw\"}"),
        200);
    return text_at("auth.client_token");
}

static int look(const char *who, const char *user)
{
    return core_call(&f, OP_READ, at("auth/userpass/users/", user), who, NULL);
}

static void a_policy_may_name_its_entity(void)
{
    char *a;
    char *b;
    char *id;

    CHECK_U64(ask(OP_WRITE, "sys/policies/acl/own",
                  arena_printf(&f.arena,
                      "{\"policy\":\"path \\\"auth/userpass/users/{{identity.entity.aliases.%s."
                      "name}}\\\" { capabilities = [\\\"read\\\"] }\\n"
                      "path \\\"auth/userpass/users/{{ identity.entity.metadata.friend }}\\\" "
                      "{ capabilities = [\\\"read\\\"] }\"}",
                      accessor)),
        204);
    a = enter("ada");
    id = text_at("auth.entity_id");
    b = enter("bea");
    CHECK_U64(look(a, "ada"), 200);
    CHECK_U64(look(a, "bea"), 403);
    CHECK_U64(look(b, "bea"), 200);
    CHECK_U64(look(b, "ada"), 403);
    CHECK_U64(look(f.root, "ada"), 200);
    CHECK_U64(
        ask(OP_WRITE, at("identity/entity/id/", id), "{\"metadata\":{\"friend\":\"bea\"}}"), 204);
    CHECK_U64(look(a, "bea"), 200);
    CHECK_U64(
        ask(OP_WRITE, at("identity/entity/id/", id), "{\"metadata\":{\"friend\":\"*\"}}"), 204);
    CHECK_U64(look(a, "bea"), 403);
    CHECK_U64(
        ask(OP_WRITE, at("identity/entity/id/", id), "{\"metadata\":{\"friend\":\"+\"}}"), 204);
    CHECK_U64(look(a, "bea"), 403);
    CHECK_U64(look(a, "ada"), 200);
}

static char *new_group(
    const char *name, const char *members, const char *groups, const char *policy)
{
    CHECK_U64(ask(OP_WRITE, "identity/group",
                  arena_printf(&f.arena,
                      "{\"name\":\"%s\",\"policies\":\"%s\",\"member_entity_ids\":\"%s\","
                      "\"member_group_ids\":\"%s\"}",
                      name, policy, members, groups)),
        200);
    return text_at("data.id");
}

static void groups_add_their_policies(void)
{
    char *who = enter("gil");
    char *id = text_at("auth.entity_id");
    char *inner;
    char *outer;

    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 403);
    inner = new_group("inner", id, "", "nothing");
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 403);
    outer = new_group("outer", "", inner, "users");
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 200);
    CHECK_U64(ask(OP_READ, at("identity/entity/id/", id), NULL), 200);
    CHECK_STR(core_text(&f, "data.direct_group_ids.0"), inner);
    CHECK_STR(core_text(&f, "data.inherited_group_ids.0"), outer);
    CHECK(core_at(&f, "data.policies")->n == 0);
    CHECK_U64(ask(OP_READ, at("identity/group/id/", inner), NULL), 200);
    CHECK_STR(core_text(&f, "data.parent_group_ids.0"), outer);
    CHECK_STR(core_text(&f, "data.member_entity_ids.0"), id);
    CHECK_U64(ask(OP_WRITE, at("identity/group/id/", inner),
                  arena_printf(&f.arena, "{\"member_group_ids\":\"%s\"}", outer)),
        400);
    CHECK_U64(ask(OP_WRITE, at("identity/group/id/", outer), "{\"policies\":\"root\"}"), 400);
    CHECK_U64(ask(OP_WRITE, at("identity/group/id/", outer), "{\"policies\":\"nothing\"}"), 204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 403);
    CHECK_U64(ask(OP_WRITE, at("identity/group/id/", outer), "{\"policies\":\"users\"}"), 204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 200);
    CHECK_U64(ask(OP_WRITE, "identity/group/name/inner", "{\"member_entity_ids\":[]}"), 204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 403);
    CHECK_U64(ask(OP_WRITE, "identity/group/name/inner",
                  arena_printf(&f.arena, "{\"member_entity_ids\":[\"%s\"]}", id)),
        204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 200);
    CHECK_U64(ask(OP_DELETE, at("identity/group/id/", inner), NULL), 204);
    CHECK_U64(core_call(&f, OP_LIST, "auth/userpass/users", who, NULL), 403);
    CHECK_U64(ask(OP_READ, at("identity/group/id/", outer), NULL), 200);
    CHECK(core_at(&f, "data.member_group_ids")->n == 0);
    CHECK_U64(ask(OP_LIST, "identity/group/name", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "outer");
}

static void external_groups_have_an_alias(void)
{
    char *id;
    char *alias;

    CHECK_U64(ask(OP_WRITE, "identity/group", "{\"name\":\"ext\",\"type\":\"external\"}"), 200);
    id = text_at("data.id");
    CHECK_U64(ask(OP_WRITE, "identity/group-alias",
                  arena_printf(&f.arena,
                      "{\"name\":\"ops\",\"canonical_id\":\"%s\",\"mount_accessor\":\"%s\"}", id,
                      accessor)),
        200);
    alias = text_at("data.id");
    CHECK_U64(ask(OP_READ, at("identity/group-alias/id/", alias), NULL), 200);
    CHECK_STR(core_text(&f, "data.canonical_id"), id);
    CHECK_U64(ask(OP_WRITE, "identity/lookup/group",
                  arena_printf(&f.arena, "{\"alias_name\":\"ops\",\"alias_mount_accessor\":\"%s\"}",
                      accessor)),
        200);
    CHECK_STR(core_text(&f, "data.name"), "ext");
    CHECK_U64(ask(OP_DELETE, at("identity/group-alias/id/", alias), NULL), 204);
    CHECK_U64(ask(OP_READ, at("identity/group-alias/id/", alias), NULL), 404);
    CHECK_U64(ask(OP_READ, "identity/group/name/outer", NULL), 200);
    CHECK_U64(ask(OP_WRITE, "identity/group-alias",
                  arena_printf(&f.arena,
                      "{\"name\":\"ops\",\"canonical_id\":\"%.*s\",\"mount_accessor\":\"%s\"}",
                      STR_ARG(core_text(&f, "data.id")), accessor)),
        400);
}

static bool is_active(const char *jwt)
{
    CHECK_U64(ask(OP_WRITE, "identity/oidc/introspect",
                  arena_printf(&f.arena, "{\"token\":\"%s\"}", jwt)),
        200);
    return memmem(f.raw.at, f.raw.len, "\"active\":true", 13) != NULL;
}

static void identity_tokens_are_signed_and_verified(void)
{
    static const char *const algorithms[] = { "RS256", "ES256", "ES384", "ES512", "EdDSA" };
    char *who = enter("ivy");
    char *id = text_at("auth.entity_id");

    CHECK_U64(ask(OP_WRITE, "identity/oidc/config", "{\"issuer\":\"https://weir.test\"}"), 200);
    CHECK_U64(ask(OP_WRITE, "sys/policies/acl/own",
                  "{\"policy\":\"path \\\"identity/oidc/token/*\\\" "
                  "{ capabilities = [\\\"read\\\"] }\"}"),
        204);
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        const char *key = arena_printf(&f.arena, "identity/oidc/key/k%zu", i);
        const char *role = arena_printf(&f.arena, "identity/oidc/role/r%zu", i);
        const char *path = arena_printf(&f.arena, "identity/oidc/token/r%zu", i);
        char *jwt;
        char *forged;

        CHECK_U64(ask(OP_WRITE, key,
                      arena_printf(&f.arena, "{\"algorithm\":\"%s\",\"allowed_client_ids\":\"*\"}",
                          algorithms[i])),
            204);
        CHECK_U64(
            ask(OP_WRITE, role, arena_printf(&f.arena, "{\"key\":\"k%zu\",\"ttl\":\"1h\"}", i)),
            204);
        CHECK_U64(core_call(&f, OP_READ, path, who, NULL), 200);
        jwt = text_at("data.token");
        CHECK_STR(core_text(&f, "data.ttl"), "3600");
        CHECK(is_active(jwt));
        forged = arena_strdup(&f.arena, jwt);
        forged[strcspn(forged, ".") + 10] ^= 1;
        CHECK(!is_active(forged));
        CHECK_U64(ask(OP_WRITE, at(key, "/rotate"), "{\"verification_ttl\":\"2m\"}"), 204);
        CHECK(is_active(jwt));
        CHECK_U64(ask(OP_DELETE, key, NULL), 400);
    }
    CHECK_U64(core_call(&f, OP_READ, "identity/oidc/token/r1", f.root, NULL), 400);
    CHECK_U64(core_call(&f, OP_READ, "identity/oidc/.well-known/keys", NULL, NULL), 200);
    CHECK(memmem(f.raw.at, f.raw.len, "\"kty\":\"OKP\"", 11) != NULL);
    CHECK(memmem(f.raw.at, f.raw.len, "secret", 6) == NULL);
    CHECK_U64(core_call(&f, OP_READ, "identity/oidc/token/r1", who, NULL), 200);
    char *jwt = text_at("data.token");

    CHECK(is_active(jwt));
    CHECK_U64(ask(OP_WRITE, "identity/oidc/key/k1/rotate", "{\"verification_ttl\":\"2m\"}"), 204);
    core_fixture_advance(&f, 119);
    CHECK(is_active(jwt));
    core_fixture_advance(&f, 1);
    CHECK(!is_active(jwt));
    CHECK_U64(core_call(&f, OP_READ, "identity/oidc/token/r2", who, NULL), 200);
    jwt = text_at("data.token");
    CHECK_U64(ask(OP_WRITE, at("identity/entity/id/", id), "{\"disabled\":true}"), 204);
    CHECK(!is_active(jwt));
}

static const struct check_case cases[] = {
    CASE(a_login_makes_an_entity),
    CASE(its_policies_add_to_its_tokens),
    CASE(it_is_found_by_name_and_alias),
    CASE(aliases_are_made_moved_and_removed),
    CASE(a_disabled_entity_is_refused_at_once),
    CASE(a_policy_may_name_its_entity),
    CASE(groups_add_their_policies),
    CASE(external_groups_have_an_alias),
    CASE(identity_tokens_are_signed_and_verified),
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
