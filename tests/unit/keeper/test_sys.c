/*
 * What is under sys/ once a keeper is open: mounts, policies, capabilities, keys, quotas, tools, and looking at it.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/encode_int.h"

static struct core_fixture f;

static int get(const char *path)
{
    return core_call(&f, OP_READ, path, f.root, NULL);
}

static int put(const char *path, const char *json)
{
    return core_call(&f, OP_WRITE, path, f.root, json);
}

static int del(const char *path)
{
    return core_call(&f, OP_DELETE, path, f.root, NULL);
}

static int list(const char *path)
{
    return core_call(&f, OP_LIST, path, f.root, NULL);
}

/* A text of the newest answer, with an end. */
static void keep(char *to, size_t room, const char *path)
{
    struct str s = core_text(&f, path);

    MUST(s.len < room);
    memcpy(to, s.at, s.len);
    to[s.len] = '\0';
}

/* A token with these policies; valid until the next call. */
static const char *token_with(const char *policy)
{
    static char token[200];
    char *body = xasprintf("{\"policies\":[\"%s\"]}", policy);

    CHECK_U64(put("auth/token/create", body), 200);
    free(body);
    keep(token, sizeof(token), "auth.client_token");
    return token;
}

static void mounts_are_made_tuned_moved_and_taken_away(void)
{
    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/secret",
                  "{\"type\":\"kv\",\"description\":\"d\",\"options\":{\"version\":2}}"),
        204);
    CHECK_U64(get("sys/mounts"), 200);
    CHECK_STR(core_text(&f, "data.secret/.type"), "kv");
    CHECK_STR(core_text(&f, "secret/.options.version"), "2");
    CHECK_STR(core_text(&f, "data.secret/.description"), "d");
    CHECK_STR(core_text(&f, "data.secret/.config.default_lease_ttl"), "0");
    CHECK_U64(put("sys/mounts/secret/deep", "{\"type\":\"kv\"}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "path is already in use at secret/");
    CHECK_U64(put("sys/mounts/x", "{\"type\":\"nonsense\"}"), 400);
    CHECK_U64(put("sys/mounts/sys", "{\"type\":\"kv\"}"), 400);
    CHECK_U64(put("sys/mounts/secret/tune", "{\"default_lease_ttl\":\"1h\",\"max_lease_ttl\":7200,"
                                            "\"listing_visibility\":\"unauth\"}"),
        204);
    CHECK_U64(get("sys/mounts/secret/tune"), 200);
    CHECK_STR(core_text(&f, "data.default_lease_ttl"), "3600");
    CHECK_STR(core_text(&f, "max_lease_ttl"), "7200");
    CHECK_STR(core_text(&f, "data.listing_visibility"), "unauth");
    CHECK_U64(put("sys/mounts/secret/tune", "{\"default_lease_ttl\":\"3h\"}"), 400);
    CHECK_U64(put("sys/mounts/none/tune", "{\"default_lease_ttl\":\"3h\"}"), 400);
    CHECK_U64(put("secret/data/a", "{\"data\":{\"k\":\"v\"}}"), 200);
    CHECK_U64(put("sys/remount", "{\"from\":\"secret\",\"to\":\"moved\"}"), 200);
    CHECK_U64(get("moved/data/a"), 200);
    CHECK_STR(core_text(&f, "data.data.k"), "v");
    CHECK_U64(get("secret/data/a"), 404);
    CHECK_U64(del("sys/mounts/moved"), 204);
    CHECK_U64(get("moved/data/a"), 404);
    CHECK_U64(put("sys/mounts/moved", "{\"type\":\"kv-v2\"}"), 204);
    CHECK_U64(get("moved/data/a"), 404);
    CHECK_U64(del("sys/mounts/sys"), 400);
    core_fixture_close(&f);
}

static void mounts_outlive_a_restart(void)
{
    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/secret", "{\"type\":\"kv\"}"), 204);
    CHECK_U64(put("secret/a", "{\"k\":\"v\"}"), 204);
    core_fixture_restart(&f);
    CHECK_U64(get("secret/a"), 503);
    core_fixture_unseal(&f);
    CHECK_U64(get("secret/a"), 200);
    CHECK_STR(core_text(&f, "data.k"), "v");
    CHECK_STR(core_text(&f, "lease_duration"), "2764800");
    core_fixture_close(&f);
}

static void policies_are_kept_and_obeyed(void)
{
    const char *token;

    core_fixture_open(&f);
    put("sys/mounts/secret", "{\"type\":\"kv\"}");
    CHECK_U64(put("sys/policies/acl/Reader",
                  "{\"policy\":\"path \\\"secret/a\\\" { capabilities = [\\\"read\\\"] }\"}"),
        204);
    CHECK_U64(get("sys/policies/acl/reader"), 200);
    CHECK_STR(core_text(&f, "data.policy"), "path \"secret/a\" { capabilities = [\"read\"] }");
    CHECK_U64(get("sys/policy/reader"), 200);
    CHECK_STR(core_text(&f, "rules"), "path \"secret/a\" { capabilities = [\"read\"] }");
    CHECK_U64(list("sys/policies/acl"), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "default");
    CHECK_STR(core_text(&f, "data.keys.1"), "reader");
    CHECK_STR(core_text(&f, "data.keys.2"), "root");
    CHECK_U64(
        put("sys/policy/bad", "{\"policy\":\"path \\\"x\\\" { capabilities = [\\\"fly\\\"] }\"}"),
        400);
    CHECK_U64(put("sys/policy/bad", "{\"policy\":\"\"}"), 400);
    CHECK_U64(
        put("sys/policy/root", "{\"policy\":\"path \\\"x\\\" { policy = \\\"read\\\" }\"}"), 400);
    CHECK_U64(del("sys/policy/default"), 400);
    put("secret/a", "{\"k\":\"v\"}");
    token = token_with("reader");
    CHECK_U64(core_call(&f, OP_READ, "secret/a", token, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "secret/b", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "secret/a", token, "{\"k\":\"w\"}"), 403);
    CHECK_U64(core_call(&f, OP_READ, "sys/mounts", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_READ, "nowhere/at/all", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_READ, "nowhere/at/all", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_READ, "auth/nowhere", NULL, NULL), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/capabilities-self", token,
                  "{\"paths\":[\"secret/a\",\"secret/b\"]}"),
        200);
    CHECK_STR(core_text(&f, "data.secret/a.0"), "read");
    CHECK_STR(core_text(&f, "secret/b.0"), "deny");
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/capabilities-self", f.root, "{\"path\":\"secret/a\"}"), 200);
    CHECK_STR(core_text(&f, "capabilities.0"), "root");
    CHECK_U64(core_call(&f, OP_READ, "sys/internal/ui/mounts/secret/a", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.path"), "secret/");
    CHECK_U64(core_call(&f, OP_READ, "sys/internal/ui/mounts/sys/x", token, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "sys/internal/ui/mounts/identity/x", token, NULL), 403);
    CHECK_U64(core_call(&f, OP_READ, "sys/internal/ui/resultant-acl", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.exact_paths.secret/a.capabilities.0"), "read");
    CHECK_STR(core_text(&f, "data.root"), "false");
    CHECK_U64(put("sys/policy/reader",
                  "{\"policy\":\"path \\\"secret/b\\\" { capabilities = [\\\"read\\\"] }\"}"),
        204);
    CHECK_U64(core_call(&f, OP_READ, "secret/a", token, NULL), 403);
    CHECK_U64(del("sys/policy/reader"), 204);
    CHECK_U64(get("sys/policy/reader"), 404);
    core_fixture_close(&f);
}

static void password_policies_make_passwords(void)
{
    struct str word;
    unsigned digits = 0;

    core_fixture_open(&f);
    CHECK_U64(put("sys/policies/password/strong",
                  "{\"policy\":\"length = 12\\nrule \\\"charset\\\" { charset = \\\"ab\\\" }\\n"
                  "rule \\\"charset\\\" { charset = \\\"01\\\" min-chars = 3 }\"}"),
        204);
    CHECK_U64(get("sys/policies/password/strong/generate"), 200);
    word = core_text(&f, "data.password");
    CHECK_U64(word.len, 12);
    for (size_t i = 0; i < word.len; i++) {
        CHECK(strchr("ab01", word.at[i]) != NULL);
        digits += word.at[i] == '0' || word.at[i] == '1';
    }
    CHECK(digits >= 3);
    CHECK_U64(get("sys/policies/password/none/generate"), 404);
    CHECK_U64(list("sys/policies/password"), 200);
    CHECK_U64(del("sys/policies/password/strong"), 204);
    core_fixture_close(&f);
}

static void sealing_waits_for_nobody_and_shares_open_again(void)
{
    char *body;

    core_fixture_open(&f);
    put("sys/mounts/secret", "{\"type\":\"kv\"}");
    CHECK_U64(put("secret/a", "{\"k\":\"v\"}"), 204);
    CHECK_U64(put("sys/seal", NULL), 204);
    CHECK_U64(get("secret/a"), 503);
    CHECK_U64(core_call(&f, OP_READ, "sys/health", NULL, NULL), 503);
    CHECK_U64(core_call(&f, OP_READ, "sys/health", NULL, "{\"sealedcode\":\"299\"}"), 299);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, "{}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, "{\"key\":\"abc\"}"), 400);
    body = xasprintf("{\"key\":\"%s\"}", f.shares[0]);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, body), 200);
    CHECK_STR(core_text(&f, "progress"), "1");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, body), 400);
    CHECK_STR(core_text(&f, "errors.0"), "this share came already");
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, "{\"reset\":true}"), 200);
    CHECK_STR(core_text(&f, "progress"), "0");
    free(body);
    core_fixture_unseal(&f);
    CHECK_U64(get("secret/a"), 200);
    CHECK_U64(core_call(&f, OP_READ, "sys/health", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "sealed"), "false");
    core_fixture_close(&f);
}

/* Rekeys to one share, with what the old ones are worth. */
static void rekeying_makes_the_old_shares_worthless(void)
{
    char nonce[64];
    char share[100];
    char *body;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_READ, "sys/rekey/init", NULL, NULL), 403);
    CHECK_U64(put("sys/rekey/init", "{\"secret_shares\":3,\"secret_threshold\":1}"), 400);
    CHECK_U64(put("sys/rekey/init", "{\"secret_shares\":1,\"secret_threshold\":1}"), 200);
    CHECK_STR(core_text(&f, "started"), "true");
    CHECK_STR(core_text(&f, "required"), "2");
    keep(nonce, sizeof(nonce), "nonce");
    body = xasprintf("{\"key\":\"%s\",\"nonce\":\"wrong\"}", f.shares[0]);
    CHECK_U64(put("sys/rekey/update", body), 400);
    free(body);
    for (int i = 0; i < 2; i++) {
        body = xasprintf("{\"key\":\"%s\",\"nonce\":\"%s\"}", f.shares[i], nonce);
        CHECK_U64(put("sys/rekey/update", body), 200);
        free(body);
    }
    CHECK_STR(core_text(&f, "complete"), "true");
    CHECK_U64(core_text(&f, "keys.0").len, 64);
    keep(share, sizeof(share), "keys.0");
    put("sys/seal", NULL);
    body = xasprintf("{\"key\":\"%s\"}", f.shares[0]);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, body), 400);
    free(body);
    body = xasprintf("{\"key\":\"%s\"}", share);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/unseal", NULL, body), 200);
    CHECK_STR(core_text(&f, "sealed"), "false");
    free(body);
    core_fixture_close(&f);
}

static void a_root_token_is_made_of_shares(void)
{
    char nonce[64];
    char otp[64];
    struct str s;
    struct str mixed;
    char *token;
    char *body;

    core_fixture_open(&f);
    CHECK_U64(put("sys/generate-root/attempt", "{}"), 200);
    CHECK_STR(core_text(&f, "otp_length"), "28");
    CHECK_U64(core_text(&f, "otp").len, 28);
    keep(otp, sizeof(otp), "otp");
    keep(nonce, sizeof(nonce), "nonce");
    CHECK_U64(get("sys/generate-root/attempt"), 200);
    CHECK_STR(core_text(&f, "otp"), "");
    for (int i = 0; i < 2; i++) {
        body = xasprintf("{\"key\":\"%s\",\"nonce\":\"%s\"}", f.shares[i], nonce);
        CHECK_U64(put("sys/generate-root/update", body), 200);
        free(body);
    }
    CHECK_STR(core_text(&f, "complete"), "true");
    s = core_text(&f, "encoded_token");
    token = xasprintf("%.*s==", STR_ARG(s));
    CHECK(decode_base64(&f.arena, str_from(token), &mixed));
    free(token);
    token = xasprintf("%.*s", STR_ARG(mixed));
    token = xrealloc(token, 64);
    CHECK_U64(mixed.len, 28);
    for (size_t i = 0; i < mixed.len; i++)
        token[i] = (char)(mixed.at[i] ^ otp[i]);
    token[mixed.len] = '\0';
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_STR(core_text(&f, "data.policies.0"), "root");
    free(token);
    core_fixture_close(&f);
}

static void keys_turn(void)
{
    core_fixture_open(&f);
    CHECK_U64(get("sys/key-status"), 200);
    CHECK_STR(core_text(&f, "term"), "1");
    CHECK_U64(put("sys/rotate", NULL), 204);
    CHECK_U64(get("sys/key-status"), 200);
    CHECK_STR(core_text(&f, "data.term"), "2");
    CHECK_U64(put("sys/rotate/config", "{\"max_operations\":5}"), 400);
    CHECK_U64(put("sys/rotate/config", "{\"max_operations\":2000000,\"interval\":\"48h\"}"), 204);
    CHECK_U64(get("sys/rotate/config"), 200);
    CHECK_STR(core_text(&f, "data.interval"), "172800");
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(get("sys/key-status"), 200);
    CHECK_STR(core_text(&f, "data.term"), "2");
    core_fixture_close(&f);
}

static void quotas_bound_what_is_asked(void)
{
    int limited = 0;

    core_fixture_open(&f);
    put("sys/mounts/secret", "{\"type\":\"kv\"}");
    CHECK_U64(put("sys/quotas/rate-limit/a", "{\"path\":\"nowhere/\",\"rate\":1}"), 400);
    CHECK_U64(put("sys/quotas/rate-limit/a", "{\"path\":\"secret\",\"rate\":0}"), 400);
    CHECK_U64(
        put("sys/quotas/rate-limit/a", "{\"path\":\"secret\",\"rate\":3,\"interval\":\"1h\"}"),
        204);
    CHECK_U64(get("sys/quotas/rate-limit/a"), 200);
    CHECK_STR(core_text(&f, "data.rate"), "3");
    CHECK_STR(core_text(&f, "data.interval"), "3600");
    CHECK_STR(core_text(&f, "data.path"), "secret/");
    for (int i = 0; i < 5; i++)
        limited += get("secret/none") == 429;
    CHECK_U64(limited, 2);
    f.remote = "10.0.0.1";
    CHECK_U64(get("secret/none"), 404);
    CHECK_U64(list("sys/quotas/rate-limit"), 200);
    CHECK_U64(del("sys/quotas/rate-limit/a"), 204);
    f.remote = "127.0.0.1";
    CHECK_U64(get("secret/none"), 404);
    CHECK_U64(get("sys/quotas/config"), 200);
    core_fixture_close(&f);
}

static void devices_are_names_for_the_journal(void)
{
    core_fixture_open(&f);
    CHECK_U64(get("sys/audit"), 200);
    CHECK_STR(core_text(&f, "data.weir/.type"), "weir");
    CHECK_U64(
        put("sys/audit/tmp", "{\"type\":\"file\",\"options\":{\"file_path\":\"/tmp/never\"}}"),
        204);
    CHECK_U64(put("sys/audit/tmp", "{\"type\":\"file\"}"), 400);
    CHECK_U64(put("sys/audit/odd", "{\"type\":\"odd\"}"), 400);
    CHECK_U64(get("sys/audit"), 200);
    CHECK_STR(core_text(&f, "tmp/.options.file_path"), "/tmp/never");
    CHECK_U64(put("sys/audit-hash/tmp", "{\"input\":\"x\"}"), 200);
    CHECK_U64(del("sys/audit/weir"), 400);
    CHECK_U64(del("sys/audit/tmp"), 204);
    core_fixture_close(&f);
}

static void tools_are_there(void)
{
    core_fixture_open(&f);
    CHECK_U64(put("sys/tools/random/16", "{\"format\":\"hex\"}"), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 32);
    CHECK_U64(put("sys/tools/random/platform/4", "{\"format\":\"hex\"}"), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 8);
    CHECK_U64(put("sys/tools/random/0", NULL), 400);
    CHECK_U64(put("sys/tools/random/-1", NULL), 400);
    CHECK_U64(put("sys/tools/hash", "{\"input\":\"YWJj\"}"), 200);
    CHECK_STR(core_text(&f, "data.sum"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_U64(put("sys/tools/hash/sha2-512", "{\"input\":\"!\"}"), 400);
    CHECK_U64(get("sys/leader"), 200);
    CHECK_U64(get("sys/ha-status"), 200);
    CHECK_U64(get("sys/host-info"), 200);
    CHECK_U64(list("sys/version-history"), 200);
    CHECK_U64(get("sys/metrics"), 200);
    CHECK_U64(core_call(&f, OP_READ, "sys/metrics", f.root, "{\"format\":\"prometheus\"}"), 200);
    CHECK(memmem(f.raw.at, f.raw.len, "vault_core_unsealed 1\n", 22) != NULL);
    CHECK_U64(get("sys/plugins/catalog"), 200);
    CHECK_U64(put("sys/plugins/catalog/secret/evil", "{\"command\":\"sh\"}"), 400);
    CHECK_U64(get("sys/raw/core"), 404);
    CHECK_U64(get("sys/pprof"), 404);
    CHECK_U64(del("sys/health"), 405);
    CHECK_U64(put("sys/config/cors", "{\"allowed_origins\":\"*\"}"), 204);
    CHECK_U64(get("sys/config/cors"), 200);
    CHECK_STR(core_text(&f, "data.enabled"), "true");
    CHECK_U64(put("sys/config/ui/headers/X-Custom", "{\"values\":[\"a\"]}"), 204);
    CHECK_U64(get("sys/config/ui/headers/X-Custom"), 200);
    CHECK_STR(core_text(&f, "data.value"), "a");
    CHECK_U64(put("sys/config/auditing/request-headers/X-Thing", "{\"hmac\":true}"), 204);
    CHECK_U64(get("sys/config/auditing/request-headers/x-thing"), 200);
    CHECK_STR(core_text(&f, "data.x-thing.hmac"), "true");
    core_fixture_close(&f);
}

static void crooked_paths_are_refused(void)
{
    static const char *const paths[] = { "sys//mounts", "sys/../sys/mounts", "sys/./mounts",
        "/sys/mounts", "sys/mo\tunts", ".." };

    core_fixture_open(&f);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        CHECK_U64(get(paths[i]), 400);
    core_fixture_close(&f);
}

TESTS(CASE(mounts_are_made_tuned_moved_and_taken_away), CASE(mounts_outlive_a_restart),
    CASE(policies_are_kept_and_obeyed), CASE(password_policies_make_passwords),
    CASE(sealing_waits_for_nobody_and_shares_open_again),
    CASE(rekeying_makes_the_old_shares_worthless), CASE(a_root_token_is_made_of_shares),
    CASE(keys_turn), CASE(quotas_bound_what_is_asked), CASE(devices_are_names_for_the_journal),
    CASE(tools_are_there), CASE(crooked_paths_are_refused))
