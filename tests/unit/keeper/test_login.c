/*
 * Logins by AppRole and by password through a whole core, response wrapping, and what lockout and races make of them.
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

static char *with(const char *fmt, const char *a, const char *b)
{
    char *s = arena_alloc(&f.arena, strlen(fmt) + strlen(a) + strlen(b) + 1);
    char *to = s;

    for (const char *c = fmt; *c != '\0'; c++) {
        const char *put = *c == '$' ? a : *c == '%' ? b : NULL;

        if (put == NULL)
            *to++ = *c == '\'' ? '"' : *c;
        else
            to = stpcpy(to, put);
    }
    *to = '\0';
    return s;
}

static void enable(const char *type)
{
    char *path = arena_printf(&f.arena, "sys/auth/%s", type);

    if (core_call(&f, OP_READ, arena_printf(&f.arena, "%s/tune", path), f.root, NULL) != 200)
        CHECK_U64(ask(OP_WRITE, path, with("{'type':'$'}", type, "")), 204);
}

/* ---- approle ---- */

static char *role_id;

static char *new_secret(const char *json)
{
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id", json), 200);
    return text_at("data.secret_id");
}

static int login(const char *secret)
{
    return core_call(&f, OP_WRITE, "auth/approle/login", NULL,
        with("{'role_id':'$','secret_id':'%'}", role_id, secret));
}

static void a_role_is_made_and_read_back(void)
{
    enable("approle");
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App",
                  "{\"token_policies\":\"p,Q\",\"token_ttl\":\"20m\",\"token_max_ttl\":3600,"
                  "\"secret_id_num_uses\":40,\"secret_id_ttl\":\"10m\"}"),
        204);
    CHECK_U64(ask(OP_READ, "auth/approle/role/app", NULL), 200);
    CHECK_STR(core_text(&f, "data.token_policies.1"), "q");
    CHECK_STR(core_text(&f, "data.token_ttl"), "1200");
    CHECK_STR(core_text(&f, "data.token_max_ttl"), "3600");
    CHECK_STR(core_text(&f, "data.secret_id_ttl"), "600");
    CHECK_STR(core_text(&f, "data.bind_secret_id"), "true");
    CHECK_STR(core_text(&f, "data.token_type"), "default");
    CHECK(core_at(&f, "data.role_id") == NULL && core_at(&f, "data.uid") == NULL);
    CHECK_U64(ask(OP_READ, "auth/approle/role/App/role-id", NULL), 200);
    role_id = text_at("data.role_id");
    CHECK_U64(ask(OP_LIST, "auth/approle/role", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "app");
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/bad", "{\"bind_secret_id\":false}"), 400);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/bad", with("{'role_id':'$'}", role_id, "")), 400);
}

static void a_machine_logs_in(void)
{
    char *secret = new_secret("{\"metadata\":\"{\\\"team\\\":\\\"a\\\"}\"}");
    char *token;

    CHECK_U64(login(secret), 200);
    token = text_at("auth.client_token");
    CHECK_STR(core_text(&f, "auth.lease_duration"), "1200");
    CHECK_STR(core_text(&f, "auth.policies.0"), "default");
    CHECK_STR(core_text(&f, "auth.policies.1"), "p");
    CHECK_STR(core_text(&f, "auth.metadata.role_name"), "App");
    CHECK_STR(core_text(&f, "auth.metadata.team"), "a");
    CHECK_STR(core_text(&f, "auth.orphan"), "true");
    CHECK(core_text(&f, "auth.entity_id").len == 36);
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.display_name"), "approle");
    CHECK_STR(core_text(&f, "data.path"), "auth/approle/login");
    CHECK_U64(login("no-such"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "invalid role or secret ID");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/approle/login", NULL, "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "missing role_id");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{\"increment\":7200}"), 200);
    CHECK_STR(core_text(&f, "auth.lease_duration"), "3600");
}

static void the_same_machine_is_the_same_entity(void)
{
    char *entity;

    CHECK_U64(login(new_secret("{}")), 200);
    entity = text_at("auth.entity_id");
    CHECK_U64(login(new_secret("{}")), 200);
    CHECK_STR(core_text(&f, "auth.entity_id"), entity);
}

static void count_status(void *arg, int status, const struct value *body)
{
    unsigned *ok = arg;

    (void)body;
    *ok += status == 200;
}

static void a_single_use_secret_opens_once(void)
{
    char *secret = new_secret("{\"num_uses\":1}");
    char *two = new_secret("{\"num_uses\":2}");
    char *body = with("{'role_id':'$','secret_id':'%'}", role_id, secret);
    unsigned ok = 0;

    for (int i = 0; i < 100; i++)
        core_ask(&f, OP_WRITE, "auth/approle/login", NULL, body, count_status, &ok);
    core_fixture_run(&f);
    CHECK_U64(ok, 1);
    CHECK_U64(login(two), 200);
    CHECK_U64(login(two), 200);
    CHECK_U64(login(two), 400);
}

static void secrets_are_looked_up_and_ended(void)
{
    char *secret = new_secret("{\"ttl\":\"60s\"}");
    char *accessor = text_at("data.secret_id_accessor");
    char *by_id = with("{'secret_id':'$'}", secret, "");
    char *by_accessor = with("{'secret_id_accessor':'$'}", accessor, "");

    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id/lookup", by_id), 200);
    CHECK_STR(core_text(&f, "data.secret_id_accessor"), accessor);
    CHECK_STR(core_text(&f, "data.secret_id_ttl"), "60");
    CHECK_STR(core_text(&f, "data.secret_id_num_uses"), "40");
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id-accessor/lookup", by_accessor), 200);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id/destroy", by_id), 204);
    CHECK_U64(login(secret), 400);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id-accessor/lookup", by_accessor), 404);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id", "{\"num_uses\":0}"), 400);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id", "{\"num_uses\":41}"), 400);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/secret-id", "{\"ttl\":\"11m\"}"), 400);
    secret = new_secret("{\"ttl\":\"60s\"}");
    accessor = text_at("data.secret_id_accessor");
    core_fixture_advance(&f, 60);
    CHECK_U64(login(secret), 400);
    core_fixture_advance(&f, 5);
    CHECK_U64(ask(OP_LIST, "auth/approle/role/App/secret-id", NULL), 200);
    value_each (k, core_at(&f, "data.keys"))
        CHECK(!str_is(k->text, accessor));
}

static void a_secret_of_ones_own_and_networks(void)
{
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/custom-secret-id",
                  "{\"secret_id\":\"mine\",\"cidr_list\":\"10.0.0.0/8\"}"),
        200);
    CHECK_U64(
        ask(OP_WRITE, "auth/approle/role/App/custom-secret-id", "{\"secret_id\":\"mine\"}"), 400);
    CHECK_U64(login("mine"), 403);
    f.remote = "10.1.1.1";
    CHECK_U64(login("mine"), 200);
    f.remote = "127.0.0.1";
}

static void fields_of_a_role_are_set_alone(void)
{
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/policies", "{\"policies\":\"z\"}"), 204);
    CHECK_U64(ask(OP_READ, "auth/approle/role/App/policies", NULL), 200);
    CHECK_STR(core_text(&f, "data.token_policies.0"), "z");
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/token-ttl", "{\"token_ttl\":\"5m\"}"), 204);
    CHECK_U64(ask(OP_READ, "auth/approle/role/App/token-ttl", NULL), 200);
    CHECK_STR(core_text(&f, "data.token_ttl"), "300");
    CHECK_U64(ask(OP_DELETE, "auth/approle/role/App/token-ttl", NULL), 204);
    CHECK_U64(ask(OP_READ, "auth/approle/role/App", NULL), 200);
    CHECK_STR(core_text(&f, "data.token_ttl"), "0");
    CHECK_STR(core_text(&f, "data.token_policies.0"), "z");
    CHECK_U64(
        ask(OP_WRITE, "auth/approle/role/App/bind-secret-id", "{\"bind_secret_id\":false}"), 400);
    CHECK_U64(
        ask(OP_WRITE, "auth/approle/role/App/secret-id-num-uses", "{\"secret_id_num_uses\":0}"),
        204);
    CHECK_U64(ask(OP_READ, "auth/approle/role/App/nonsense", NULL), 404);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App/role-id", "{\"role_id\":\"chosen\"}"), 204);
    CHECK_U64(login(new_secret("{}")), 400);
    role_id = arena_strdup(&f.arena, "chosen");
    CHECK_U64(login(new_secret("{}")), 200);
}

static void a_deleted_role_opens_nothing_more(void)
{
    char *secret = new_secret("{}");
    char *token;

    CHECK_U64(login(secret), 200);
    token = text_at("auth.client_token");
    CHECK_U64(ask(OP_DELETE, "auth/approle/role/App", NULL), 204);
    CHECK_U64(login(secret), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App", "{\"role_id\":\"chosen\"}"), 204);
    CHECK_U64(login(secret), 400);
    core_fixture_advance(&f, 5);
    CHECK_U64(ask(OP_LIST, "auth/approle/role/App/secret-id", NULL), 404);
}

/* ---- userpass ---- */

static int enter(const char *name, const char *password)
{
    return core_call(&f, OP_WRITE, arena_printf(&f.arena, "auth/userpass/login/%s", name), NULL,
        with("{'password':'$'}", password, ""));
}

static void a_user_logs_in(void)
{
    char *token;

    enable("userpass");
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/Joe",
                  "{\"password\":\"correct horse\",\"policies\":\"p\",\"ttl\":\"30m\"}"),
        204);
    CHECK_U64(enter("joe", "correct horse"), 200);
    CHECK_STR(core_text(&f, "auth.lease_duration"), "1800");
    CHECK_STR(core_text(&f, "auth.metadata.username"), "joe");
    token = text_at("auth.client_token");
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.display_name"), "userpass-joe");
    CHECK_STR(core_text(&f, "data.path"), "auth/userpass/login/joe");
    CHECK_U64(enter("JOE", "correct horse"), 200);
    CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "invalid username or password");
    CHECK_U64(enter("nobody", "wrong"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "invalid username or password");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL, "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "missing password");
    CHECK_U64(ask(OP_READ, "auth/userpass/users/joe", NULL), 200);
    CHECK_STR(core_text(&f, "data.token_ttl"), "1800");
    CHECK_STR(core_text(&f, "data.token_policies.0"), "p");
    CHECK(core_at(&f, "data.hash") == NULL && core_at(&f, "data.password") == NULL);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 200);
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/joe/policies", "{\"policies\":\"other\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/joe/password", "{\"password\":\"new\"}"), 204);
    CHECK_U64(enter("joe", "correct horse"), 400);
    CHECK_U64(enter("joe", "new"), 200);
    CHECK_STR(core_text(&f, "auth.lease_duration"), "1800");
    CHECK_U64(ask(OP_WRITE, "auth/userpass/users/new", "{}"), 400);
    CHECK_U64(ask(OP_LIST, "auth/userpass/users", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "joe");
}

static void too_many_failures_lock_a_name(void)
{
    static const char *const spellings[] = { "joe", "Joe", "jOe", "joE", "JOE" };

    for (int i = 0; i < 5; i++)
        CHECK_U64(enter(spellings[i], "wrong"), 400);
    CHECK_U64(enter("joe", "new"), 403);
    CHECK_STR(core_text(&f, "errors.0"), "permission denied");
    for (int i = 0; i < 5; i++)
        CHECK_U64(enter("ghost", "wrong"), 400);
    CHECK_U64(enter("ghost", "wrong"), 403);
    core_fixture_advance(&f, 899);
    CHECK_U64(enter("joe", "new"), 403);
    core_fixture_advance(&f, 1);
    CHECK_U64(enter("joe", "new"), 200);
}

static void lockout_is_the_mounts_to_set(void)
{
    CHECK_U64(
        ask(OP_WRITE, "sys/auth/userpass/tune",
            "{\"user_lockout_config\":{\"lockout_threshold\":\"2\",\"lockout_duration\":\"10s\"}}"),
        204);
    CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_U64(enter("joe", "new"), 403);
    CHECK_U64(ask(OP_READ, "sys/auth", NULL), 200);
    CHECK_U64(ask(OP_WRITE,
                  arena_printf(&f.arena, "sys/locked-users/%.*s/unlock/Joe",
                      STR_ARG(value_get_text(
                          value_get(core_at(&f, "data"), "userpass/"), "accessor", STR("")))),
                  NULL),
        204);
    CHECK_U64(enter("joe", "new"), 200);
    CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_U64(enter("joe", "new"), 403);
    core_fixture_advance(&f, 10);
    CHECK_U64(enter("joe", "new"), 200);
    CHECK_U64(ask(OP_WRITE, "sys/auth/userpass/tune",
                  "{\"user_lockout_config\":{\"lockout_disable\":true}}"),
        204);
    for (int i = 0; i < 7; i++)
        CHECK_U64(enter("joe", "wrong"), 400);
    CHECK_U64(enter("joe", "new"), 200);
    CHECK_U64(ask(OP_WRITE, "sys/auth/userpass/tune", "{\"user_lockout_config\":{}}"), 204);
}

static void guesses_in_parallel_gain_nothing(void)
{
    unsigned ok = 0;

    for (int i = 0; i < 20; i++)
        core_ask(&f, OP_WRITE, "auth/userpass/login/joe", NULL,
            i < 19 ? "{\"password\":\"wrong\"}" : "{\"password\":\"new\"}", count_status, &ok);
    core_fixture_run(&f);
    CHECK_U64(ok, 0);
    core_fixture_advance(&f, 900);
    CHECK_U64(enter("joe", "new"), 200);
}

static void a_deleted_user_is_gone(void)
{
    CHECK_U64(enter("joe", "new"), 200);
    char *token = text_at("auth.client_token");

    CHECK_U64(ask(OP_DELETE, "auth/userpass/users/JOE", NULL), 204);
    CHECK_U64(enter("joe", "new"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    CHECK_U64(ask(OP_READ, "auth/userpass/users/joe", NULL), 404);
}

/* ---- wrapping ---- */

static char *wrapped(int64_t ttl)
{
    f.wrap_ttl = ttl;
    CHECK_U64(ask(OP_WRITE, "sys/wrapping/wrap", "{\"a\":\"b\"}"), 200);
    CHECK(core_text(&f, "wrap_info.token").len > 0);
    return text_at("wrap_info.token");
}

static void a_wrapped_response_opens_once(void)
{
    char *t = wrapped(60);

    CHECK_STR(core_text(&f, "wrap_info.ttl"), "60");
    CHECK_STR(core_text(&f, "wrap_info.creation_path"), "sys/wrapping/wrap");
    CHECK(core_at(&f, "data")->kind == VALUE_NULL);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/wrapping/lookup", NULL, with("{'token':'$'}", t, "")), 200);
    CHECK_STR(core_text(&f, "data.creation_ttl"), "60");
    CHECK_STR(core_text(&f, "data.creation_path"), "sys/wrapping/wrap");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL), 200);
    CHECK_STR(core_text(&f, "data.a"), "b");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL), 400);
    CHECK_STR(core_text(&f, "errors.0"), "wrapping token is not valid or does not exist");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", f.root, "{}"), 400);
}

static void unwrap_by_body_leaves_the_caller_alone(void)
{
    char *t = wrapped(60);

    CHECK_U64(ask(OP_WRITE, "sys/wrapping/unwrap", with("{'token':'$'}", t, "")), 200);
    CHECK_STR(core_text(&f, "data.a"), "b");
    CHECK_U64(ask(OP_READ, "auth/token/lookup-self", NULL), 200);
    t = wrapped(60);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/wrapping/unwrap", "hvs.none", with("{'token':'$'}", t, "")),
        403);
    CHECK_U64(ask(OP_WRITE, "sys/wrapping/unwrap", with("{'token':'$'}", t, "")), 200);
}

static void one_of_many_unwraps(void)
{
    char *t = wrapped(60);
    unsigned ok = 0;

    for (int i = 0; i < 100; i++)
        core_ask(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL, count_status, &ok);
    core_fixture_run(&f);
    CHECK_U64(ok, 1);
}

static void a_wrapping_token_reads_its_cubbyhole(void)
{
    char *t = wrapped(60);

    CHECK_U64(core_call(&f, OP_READ, "secret/data/x", t, NULL), 403);
    t = wrapped(60);
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/response", t, NULL), 200);
    CHECK(memmem(core_text(&f, "data.response").at, core_text(&f, "data.response").len,
              "\"data\":{\"a\":\"b\"}", 16) != NULL);
    CHECK_U64(core_call(&f, OP_READ, "cubbyhole/response", t, NULL), 403);
}

static void rewrapping_and_time(void)
{
    char *t = wrapped(60);
    char *again;

    CHECK_U64(ask(OP_WRITE, "sys/wrapping/rewrap", with("{'token':'$'}", t, "")), 200);
    again = text_at("wrap_info.token");
    CHECK_STR(core_text(&f, "wrap_info.creation_path"), "sys/wrapping/wrap");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", again, NULL), 200);
    CHECK_STR(core_text(&f, "data.a"), "b");
    t = wrapped(60);
    core_fixture_advance(&f, 60);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL), 400);
    CHECK_U64(ask(OP_WRITE, "sys/wrapping/wrap", "{\"a\":1}"), 400);
}

static void a_wrapped_token_names_its_accessor(void)
{
    char *t;
    char *accessor;

    f.wrap_ttl = 60;
    CHECK_U64(ask(OP_WRITE, "auth/token/create", "{\"ttl\":\"1h\"}"), 200);
    accessor = text_at("wrap_info.wrapped_accessor");
    CHECK(accessor[0] != '\0');
    t = text_at("wrap_info.token");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/wrapping/unwrap", t, NULL), 200);
    CHECK_STR(core_text(&f, "auth.accessor"), accessor);
    CHECK(core_text(&f, "auth.client_token").len == 28);
}

/* ---- tokens as leases ---- */

static void a_prefix_revokes_logins(void)
{
    char *tokens[100];

    enable("approle");
    CHECK_U64(ask(OP_WRITE, "auth/approle/role/App", "{\"role_id\":\"chosen\"}"), 204);
    role_id = arena_strdup(&f.arena, "chosen");
    for (int i = 0; i < 100; i++) {
        CHECK_U64(login(new_secret("{}")), 200);
        tokens[i] = text_at("auth.client_token");
    }
    CHECK_U64(ask(OP_LIST, "sys/leases/lookup/auth/approle", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "login/");
    CHECK_U64(ask(OP_WRITE, "sys/leases/revoke-prefix/auth/approle", "{}"), 204);
    core_fixture_advance(&f, 5);
    core_fixture_advance(&f, 5);
    for (int i = 0; i < 100; i++)
        CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", tokens[i], NULL), 403);
    CHECK_U64(ask(OP_LIST, "sys/leases/lookup/auth/approle", NULL), 404);
}

static const struct check_case cases[] = {
    CASE(a_role_is_made_and_read_back),
    CASE(a_machine_logs_in),
    CASE(the_same_machine_is_the_same_entity),
    CASE(a_single_use_secret_opens_once),
    CASE(secrets_are_looked_up_and_ended),
    CASE(a_secret_of_ones_own_and_networks),
    CASE(fields_of_a_role_are_set_alone),
    CASE(a_deleted_role_opens_nothing_more),
    CASE(a_user_logs_in),
    CASE(too_many_failures_lock_a_name),
    CASE(lockout_is_the_mounts_to_set),
    CASE(guesses_in_parallel_gain_nothing),
    CASE(a_deleted_user_is_gone),
    CASE(a_wrapped_response_opens_once),
    CASE(unwrap_by_body_leaves_the_caller_alone),
    CASE(one_of_many_unwraps),
    CASE(a_wrapping_token_reads_its_cubbyhole),
    CASE(rewrapping_and_time),
    CASE(a_wrapped_token_names_its_accessor),
    CASE(a_prefix_revokes_logins),
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
