/*
 * test_kv - secrets of both versions, as stock clients read and write them.
 */
#include "check.h"
#include "core_fixture.h"

static int get(struct core_fixture *f, const char *path)
{
    return core_call(f, OP_READ, path, f->root, NULL);
}

static int list(struct core_fixture *f, const char *path)
{
    return core_call(f, OP_LIST, path, f->root, NULL);
}

static int put(struct core_fixture *f, const char *path, const char *json)
{
    return core_call(f, OP_WRITE, path, f->root, json);
}

static int patch(struct core_fixture *f, const char *path, const char *json)
{
    return core_call(f, OP_PATCH, path, f->root, json);
}

static int drop(struct core_fixture *f, const char *path)
{
    return core_call(f, OP_DELETE, path, f->root, NULL);
}

static void open_with(struct core_fixture *f, const char *version)
{
    core_fixture_open(f);
    CHECK_U64(put(f, "sys/mounts/kv",
                  version[0] == '2' ? "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}"
                                    : "{\"type\":\"kv\"}"),
        204);
}

static void version_one_keeps_a_value(void)
{
    struct core_fixture f;

    open_with(&f, "1");
    CHECK_U64(get(&f, "kv/shop"), 404);
    CHECK_U64(core_at(&f, "errors")->n, 0);
    CHECK_U64(list(&f, "kv"), 404);
    CHECK_U64(
        put(&f, "kv/shop", "{\"user\":\"joe\",\"n\":1.50,\"deep\":{\"x\":[1,null,true]}}"), 204);
    CHECK_U64(put(&f, "kv/shop/db", "{\"a\":\"b\",\"ttl\":\"1h\"}"), 204);
    CHECK_U64(get(&f, "kv/shop"), 200);
    CHECK_STR(core_text(&f, "data.user"), "joe");
    CHECK_STR(core_text(&f, "data.n"), "1.50");
    CHECK_STR(core_text(&f, "data.deep.x.2"), "true");
    CHECK_STR(core_text(&f, "lease_duration"), "2764800");
    CHECK_STR(core_text(&f, "renewable"), "false");
    CHECK_U64(get(&f, "kv/shop/db"), 200);
    CHECK_STR(core_text(&f, "lease_duration"), "3600");
    CHECK_U64(list(&f, "kv/"), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "shop");
    CHECK_STR(core_text(&f, "data.keys.1"), "shop/");
    CHECK_U64(list(&f, "kv/shop"), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "db");
    CHECK_U64(put(&f, "kv/shop", "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "missing data fields");
    CHECK_U64(put(&f, "kv/shop/", "{\"a\":1}"), 400);
    CHECK_U64(patch(&f, "kv/shop", "{\"a\":1}"), 405);
    CHECK_U64(drop(&f, "kv/shop"), 204);
    CHECK_U64(drop(&f, "kv/shop"), 204);
    CHECK_U64(get(&f, "kv/shop"), 404);
    CHECK_U64(get(&f, "kv/shop/db"), 200);
    core_fixture_close(&f);
}

static void version_two_keeps_versions(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(get(&f, "kv/data/shop"), 404);
    CHECK_U64(put(&f, "kv/data/shop", "{\"data\":{\"a\":\"one\"}}"), 200);
    CHECK_STR(core_text(&f, "data.version"), "1");
    CHECK_STR(core_text(&f, "data.destroyed"), "false");
    CHECK_STR(core_text(&f, "data.deletion_time"), "");
    CHECK(core_at(&f, "data.custom_metadata")->kind == VALUE_NULL);
    CHECK(core_text(&f, "data.created_time").len > 19);
    CHECK_U64(put(&f, "kv/data/shop", "{\"data\":{\"a\":\"two\"},\"options\":{}}"), 200);
    CHECK_U64(get(&f, "kv/data/shop"), 200);
    CHECK_STR(core_text(&f, "data.data.a"), "two");
    CHECK_STR(core_text(&f, "data.metadata.version"), "2");
    CHECK_U64(core_call(&f, OP_READ, "kv/data/shop", f.root, "{\"version\":\"1\"}"), 200);
    CHECK_STR(core_text(&f, "data.data.a"), "one");
    CHECK_U64(core_call(&f, OP_READ, "kv/data/shop", f.root, "{\"version\":3}"), 404);
    CHECK_U64(core_at(&f, "errors")->n, 0);
    CHECK_U64(put(&f, "kv/data/shop", "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "no data provided");
    CHECK_U64(put(&f, "kv/data/", "{\"data\":{}}"), 400);
    CHECK_U64(get(&f, "kv/data/"), 404);
    CHECK_U64(list(&f, "kv/data"), 405);
    core_fixture_close(&f);
}

static void check_and_set(void)
{
    struct core_fixture f;
    static const char mismatch[] = "check-and-set parameter did not match the current version";

    open_with(&f, "2");
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1},\"options\":{\"cas\":1}}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), mismatch);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1},\"options\":{\"cas\":0}}"), 200);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":2},\"options\":{\"cas\":0}}"), 400);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":2},\"options\":{\"cas\":\"1\"}}"), 200);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":2},\"options\":{\"cas\":\"one\"}}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "error parsing check-and-set parameter");
    CHECK_U64(put(&f, "kv/config", "{\"cas_required\":true}"), 204);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":3}}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "check-and-set parameter required for this call");
    CHECK_U64(patch(&f, "kv/data/a", "{\"data\":{\"x\":3}}"), 400);
    CHECK_U64(put(&f, "kv/metadata/a", "{\"cas_required\":false}"), 200);
    CHECK(core_at(&f, "warnings.0") != NULL);
    CHECK_U64(put(&f, "kv/config", "{\"cas_required\":false}"), 204);
    CHECK_U64(put(&f, "kv/metadata/a", "{\"cas_required\":true}"), 204);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":3}}"), 400);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":3},\"options\":{\"cas\":2}}"), 200);
    CHECK_U64(get(&f, "kv/data/a"), 200);
    CHECK_STR(core_text(&f, "data.data.x"), "3");
    core_fixture_close(&f);
}

static void deleted_and_destroyed_versions(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    for (int i = 0; i < 3; i++)
        CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(drop(&f, "kv/data/a"), 204);
    CHECK_U64(get(&f, "kv/data/a"), 404);
    CHECK(core_at(&f, "errors") == NULL);
    CHECK(core_at(&f, "data.data")->kind == VALUE_NULL);
    CHECK_STR(core_text(&f, "data.metadata.version"), "3");
    CHECK(core_text(&f, "data.metadata.deletion_time").len > 19);
    CHECK_U64(put(&f, "kv/delete/a", "{\"versions\":[1,\"2\"]}"), 204);
    CHECK_U64(core_call(&f, OP_READ, "kv/data/a", f.root, "{\"version\":2}"), 404);
    CHECK_U64(put(&f, "kv/undelete/a", "{\"versions\":\"2,3\"}"), 204);
    CHECK_U64(get(&f, "kv/data/a"), 200);
    CHECK_STR(core_text(&f, "data.metadata.deletion_time"), "");
    CHECK_U64(put(&f, "kv/destroy/a", "{\"versions\":[3,9]}"), 204);
    CHECK_U64(put(&f, "kv/undelete/a", "{\"versions\":[3]}"), 204);
    CHECK_U64(get(&f, "kv/data/a"), 404);
    CHECK_STR(core_text(&f, "data.metadata.destroyed"), "true");
    CHECK_U64(put(&f, "kv/delete/a", "{\"versions\":[]}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "No version number provided");
    CHECK_U64(put(&f, "kv/delete/a", "{}"), 400);
    CHECK_U64(put(&f, "kv/delete/a", "{\"versions\":[\"x\"]}"), 400);
    CHECK_U64(put(&f, "kv/delete/none", "{\"versions\":[1]}"), 204);
    CHECK_U64(get(&f, "kv/metadata/a"), 200);
    CHECK_STR(core_text(&f, "data.versions.1.destroyed"), "false");
    CHECK(core_text(&f, "data.versions.1.deletion_time").len > 19);
    CHECK_STR(core_text(&f, "data.versions.2.deletion_time"), "");
    CHECK_STR(core_text(&f, "data.versions.3.destroyed"), "true");
    CHECK_U64(drop(&f, "kv/metadata/a"), 204);
    CHECK_U64(get(&f, "kv/metadata/a"), 404);
    CHECK_U64(get(&f, "kv/data/a"), 404);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{}}"), 200);
    CHECK_STR(core_text(&f, "data.version"), "1");
    core_fixture_close(&f);
}

static void only_so_many_versions(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    for (int i = 0; i < 12; i++)
        CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(get(&f, "kv/metadata/a"), 200);
    CHECK_STR(core_text(&f, "data.current_version"), "12");
    CHECK_STR(core_text(&f, "data.oldest_version"), "3");
    CHECK_U64(core_at(&f, "data.versions")->n, 10);
    CHECK_U64(core_call(&f, OP_READ, "kv/data/a", f.root, "{\"version\":2}"), 404);
    CHECK_U64(put(&f, "kv/metadata/a", "{\"max_versions\":2}"), 204);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(get(&f, "kv/metadata/a"), 200);
    CHECK_U64(core_at(&f, "data.versions")->n, 2);
    CHECK_STR(core_text(&f, "data.oldest_version"), "12");
    CHECK_STR(core_text(&f, "data.max_versions"), "2");
    core_fixture_close(&f);
}

static void versions_that_end_by_themselves(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(put(&f, "kv/config", "{\"delete_version_after\":\"30m\"}"), 204);
    CHECK_U64(get(&f, "kv/config"), 200);
    CHECK_STR(core_text(&f, "data.delete_version_after"), "30m0s");
    CHECK_U64(put(&f, "kv/metadata/short", "{\"delete_version_after\":\"10s\"}"), 204);
    CHECK_U64(put(&f, "kv/metadata/long", "{\"delete_version_after\":\"10h\"}"), 204);
    CHECK_U64(put(&f, "kv/data/short", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(put(&f, "kv/data/long", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(get(&f, "kv/data/short"), 200);
    CHECK(core_text(&f, "data.metadata.deletion_time").len > 19);
    core_fixture_advance(&f, 11);
    CHECK_U64(get(&f, "kv/data/short"), 404);
    CHECK_U64(get(&f, "kv/data/long"), 200);
    core_fixture_advance(&f, 1800);
    CHECK_U64(get(&f, "kv/data/long"), 404);
    CHECK_U64(put(&f, "kv/config", "{\"delete_version_after\":\"-1s\"}"), 204);
    CHECK_U64(put(&f, "kv/data/short", "{\"data\":{\"x\":1}}"), 200);
    core_fixture_advance(&f, 1800);
    CHECK_U64(get(&f, "kv/data/short"), 200);
    core_fixture_close(&f);
}

static void patches_merge(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(patch(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 404);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1,\"y\":{\"p\":1,\"q\":2},\"z\":3}}"), 200);
    CHECK_U64(patch(&f, "kv/data/a",
                  "{\"data\":{\"x\":2,\"y\":{\"p\":null,\"r\":{\"s\":null}},\"z\":null}}"),
        200);
    CHECK_STR(core_text(&f, "data.version"), "2");
    CHECK_U64(get(&f, "kv/data/a"), 200);
    CHECK_STR(core_text(&f, "data.data.x"), "2");
    CHECK(core_at(&f, "data.data.y.p") == NULL);
    CHECK_STR(core_text(&f, "data.data.y.q"), "2");
    CHECK_U64(core_at(&f, "data.data.y.r")->n, 0);
    CHECK(core_at(&f, "data.data.z") == NULL);
    CHECK_U64(drop(&f, "kv/data/a"), 204);
    CHECK_U64(patch(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 404);
    CHECK_STR(core_text(&f, "data.metadata.version"), "2");
    core_fixture_close(&f);
}

static void names_without_values(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(
        put(&f, "kv/data/a", "{\"data\":{\"x\":1,\"y\":{\"p\":{\"q\":2}},\"e\":{},\"l\":[1]}}"),
        200);
    CHECK_U64(get(&f, "kv/subkeys/a"), 200);
    CHECK(core_at(&f, "data.subkeys.x")->kind == VALUE_NULL);
    CHECK(core_at(&f, "data.subkeys.e")->kind == VALUE_NULL);
    CHECK(core_at(&f, "data.subkeys.l")->kind == VALUE_NULL);
    CHECK(core_at(&f, "data.subkeys.y.p.q")->kind == VALUE_NULL);
    CHECK_STR(core_text(&f, "data.metadata.version"), "1");
    CHECK_U64(core_call(&f, OP_READ, "kv/subkeys/a", f.root, "{\"depth\":\"1\"}"), 200);
    CHECK(core_at(&f, "data.subkeys.y")->kind == VALUE_NULL);
    CHECK_U64(core_call(&f, OP_READ, "kv/subkeys/a", f.root, "{\"depth\":2}"), 200);
    CHECK(core_at(&f, "data.subkeys.y.p")->kind == VALUE_NULL);
    CHECK_U64(drop(&f, "kv/data/a"), 204);
    CHECK_U64(get(&f, "kv/subkeys/a"), 404);
    CHECK(core_at(&f, "data.subkeys")->kind == VALUE_NULL);
    core_fixture_close(&f);
}

static void what_an_owner_notes(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(
        put(&f, "kv/metadata/a", "{\"custom_metadata\":{\"team\":\"blue\",\"z\":\"1\"}}"), 204);
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":1}}"), 200);
    CHECK_STR(core_text(&f, "data.custom_metadata.team"), "blue");
    CHECK_U64(patch(&f, "kv/metadata/a",
                  "{\"custom_metadata\":{\"team\":\"red\",\"z\":null},\"max_versions\":5}"),
        204);
    CHECK_U64(get(&f, "kv/metadata/a"), 200);
    CHECK_STR(core_text(&f, "data.custom_metadata.team"), "red");
    CHECK(core_at(&f, "data.custom_metadata.z") == NULL);
    CHECK_STR(core_text(&f, "data.max_versions"), "5");
    CHECK_STR(core_text(&f, "data.delete_version_after"), "0s");
    CHECK_U64(patch(&f, "kv/metadata/a", "{\"max_versions\":null}"), 204);
    CHECK_U64(get(&f, "kv/metadata/a"), 200);
    CHECK_STR(core_text(&f, "data.max_versions"), "0");
    CHECK_U64(put(&f, "kv/metadata/a", "{\"custom_metadata\":{\"n\":{\"deep\":1}}}"), 400);
    CHECK_U64(put(&f, "kv/metadata/a", "{\"custom_metadata\":{\"\":\"x\"}}"), 400);
    CHECK_U64(put(&f, "kv/metadata/a", "{\"max_versions\":-1}"), 400);
    CHECK_U64(patch(&f, "kv/metadata/none", "{\"max_versions\":1}"), 404);
    CHECK_U64(put(&f, "kv/data/b/c", "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(list(&f, "kv/metadata"), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "a");
    CHECK_STR(core_text(&f, "data.keys.1"), "b/");
    CHECK_U64(list(&f, "kv/metadata/b/"), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "c");
    CHECK_U64(list(&f, "kv/metadata/x"), 404);
    core_fixture_close(&f);
}

static void hints_at_the_right_path(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(get(&f, "kv/shop"), 404);
    CHECK(core_at(&f, "errors") == NULL);
    CHECK(core_at(&f, "data")->kind == VALUE_NULL);
    CHECK(strstr(core_text(&f, "warnings.0").at, "'vault kv get'") != NULL);
    CHECK_U64(put(&f, "kv/shop", "{\"a\":1}"), 404);
    CHECK(strstr(core_text(&f, "warnings.0").at, "'vault kv put'") != NULL);
    CHECK_U64(get(&f, "kv/data"), 404);
    CHECK(core_at(&f, "warnings.0") != NULL);
    core_fixture_close(&f);
}

static void create_and_update_are_two_things(void)
{
    struct core_fixture f;
    char *token;

    open_with(&f, "2");
    CHECK_U64(put(&f, "sys/policies/acl/once",
                  "{\"policy\":\"path \\\"kv/data/*\\\" { capabilities = [\\\"create\\\"] }\"}"),
        204);
    CHECK_U64(put(&f, "auth/token/create", "{\"policies\":[\"once\"]}"), 200);
    token = arena_strdup(&f.arena, arena_str(&f.arena, core_text(&f, "auth.client_token")).at);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/data/a", token, "{\"data\":{\"x\":1}}"), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/data/a", token, "{\"data\":{\"x\":1}}"), 403);
    CHECK_U64(core_call(&f, OP_READ, "kv/data/a", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "kv/data/b", token, "{\"data\":{\"x\":1}}"), 200);
    core_fixture_close(&f);
}

static void a_mount_goes_from_one_to_two(void)
{
    struct core_fixture f;
    char path[64];

    open_with(&f, "1");
    for (int i = 0; i < 1100; i++) {
        snprintf(path, sizeof(path), "kv/many/%d", i);
        CHECK_U64(put(&f, path, "{\"x\":1}"), 204);
    }
    CHECK_U64(put(&f, "kv/shop", "{\"a\":\"b\"}"), 204);
    CHECK_U64(put(&f, "sys/mounts/kv/tune", "{\"options\":{\"version\":\"2\"}}"), 204);
    CHECK_U64(get(&f, "kv/data/shop"), 400);
    for (int i = 0; i < 10 && get(&f, "kv/data/shop") == 400; i++)
        core_fixture_advance(&f, 1);
    CHECK_U64(get(&f, "kv/data/shop"), 200);
    CHECK_STR(core_text(&f, "data.data.a"), "b");
    CHECK_STR(core_text(&f, "data.metadata.version"), "1");
    CHECK_U64(get(&f, "kv/data/many/1099"), 200);
    CHECK_U64(list(&f, "kv/metadata/many"), 200);
    CHECK_U64(core_at(&f, "data.keys")->n, 1100);
    CHECK_U64(put(&f, "sys/mounts/kv/tune", "{\"options\":{\"version\":\"1\"}}"), 400);
    core_fixture_close(&f);
}

static void survives_a_restart(void)
{
    struct core_fixture f;

    open_with(&f, "2");
    CHECK_U64(put(&f, "kv/data/a", "{\"data\":{\"x\":\"kept\"}}"), 200);
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(get(&f, "kv/data/a"), 200);
    CHECK_STR(core_text(&f, "data.data.x"), "kept");
    core_fixture_close(&f);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(version_one_keeps_a_value),
        CASE(version_two_keeps_versions),
        CASE(check_and_set),
        CASE(deleted_and_destroyed_versions),
        CASE(only_so_many_versions),
        CASE(versions_that_end_by_themselves),
        CASE(patches_merge),
        CASE(names_without_values),
        CASE(what_an_owner_notes),
        CASE(hints_at_the_right_path),
        CASE(create_and_update_are_two_things),
        CASE(a_mount_goes_from_one_to_two),
        CASE(survives_a_restart),
    };

    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
