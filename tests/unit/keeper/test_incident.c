/*
 * Incidents: a key, an issuer and an entity are compromised; what that touches, and that nothing of them works afterwards.
 */
#include <sodium.h>

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

static char *text_at(const char *path)
{
    return arena_strdup(&f.arena, arena_str(&f.arena, core_text(&f, path)).at);
}

/* The signature over "weir report\n" and the report's text. */
static void check_signature(void)
{
    struct str signature;
    struct str key;
    char *text = arena_printf(&f.arena, "weir report\n%s", text_at("data.report"));

    CHECK(decode_base64(&f.arena, core_text(&f, "data.signature"), &signature));
    CHECK(decode_base64(&f.arena, core_text(&f, "data.public_key"), &key));
    CHECK(signature.len == crypto_sign_BYTES && key.len == crypto_sign_PUBLICKEYBYTES);
    CHECK(crypto_sign_verify_detached((const uint8_t *)signature.at, (const uint8_t *)text,
              strlen(text), (const uint8_t *)key.at) == 0);
    text[20] ^= 1;
    CHECK(crypto_sign_verify_detached((const uint8_t *)signature.at, (const uint8_t *)text,
              strlen(text), (const uint8_t *)key.at) != 0);
}

static void a_key(const char *type)
{
    char *old;
    char *body;

    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/transit", "{\"type\":\"transit\"}"), 204);
    CHECK(put("transit/keys/k", arena_printf(&f.arena, "{\"type\":\"%s\"}", type)) < 300);
    CHECK_U64(put("transit/keys/k/rotate", NULL) / 100, 2);
    CHECK_U64(
        put("sys/policies/acl/signer",
            "{\"policy\":\"path \\\"transit/sign/k\\\" { capabilities = [\\\"update\\\"] }\"}"),
        204);
    CHECK_U64(put("auth/token/create", "{\"policies\":[\"signer\"]}"), 200);
    CHECK_U64(put("transit/sign/k", "{\"input\":\"aGVsbG8=\"}"), 200);
    old = text_at("data.signature");

    CHECK_U64(
        put("sys/weir/incident", "{\"key\":\"transit/k\",\"reason\":\"found on a laptop\"}"), 200);
    CHECK_STR(core_text(&f, "data.dry_run"), "true");
    CHECK_STR(core_text(&f, "data.blast_radius.latest_version"), "2");
    CHECK_STR(core_text(&f, "data.blast_radius.policies.0"), "signer");
    CHECK_STR(core_text(&f, "data.blast_radius.tokens"), "2");
    check_signature();
    CHECK_U64(put("transit/sign/k", "{\"input\":\"aGVsbG8=\"}"), 200);
    CHECK(str_starts(core_text(&f, "data.signature"), STR("vault:v2:")));

    CHECK_U64(put("sys/weir/incident",
                  "{\"key\":\"transit/k\",\"reason\":\"found on a laptop\",\"dry_run\":false}"),
        200);
    CHECK_STR(core_text(&f, "data.done.compromised_up_to"), "2");
    CHECK_STR(core_text(&f, "data.done.new_version"), "3");
    CHECK(core_at(&f, "data.timeline")->n >= 4);
    check_signature();
    body = arena_printf(&f.arena, "sys/weir/incident/%s", text_at("data.id"));
    CHECK_U64(put("transit/sign/k", "{\"input\":\"aGVsbG8=\"}"), 200);
    CHECK(str_starts(core_text(&f, "data.signature"), STR("vault:v3:")));
    CHECK_U64(put("transit/sign/k", "{\"input\":\"aGVsbG8=\",\"key_version\":2}"), 400);
    CHECK(put("transit/verify/k",
              arena_printf(&f.arena, "{\"input\":\"aGVsbG8=\",\"signature\":\"%s\"}", old)) >= 200);
    CHECK_U64(get(body), 200);
    CHECK_STR(core_text(&f, "data.reason"), "found on a laptop");
    check_signature();
    CHECK_U64(core_call(&f, OP_LIST, "sys/weir/incident", f.root, NULL), 200);
    CHECK_U64(core_at(&f, "data.keys")->n, 1);
    core_fixture_close(&f);
}

static void a_quick_key(void)
{
    a_key("ed25519");
}

static void a_slow_key(void)
{
    a_key("rsa-2048");
}

static void keep_status(void *arg, int status, const struct value *body)
{
    (void)body;
    *(int *)arg = status;
}

/* The table of mounts becomes another one while a worker makes the new key. */
static void the_engine_changes_meanwhile(void)
{
    static const char body[] =
        "{\"key\":\"transit/k\",\"reason\":\"found on a laptop\",\"dry_run\":false}";
    int tuned = 0;
    int done = 0;

    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/transit", "{\"type\":\"transit\"}"), 204);
    CHECK(put("transit/keys/k", "{\"type\":\"rsa-2048\"}") < 300);
    core_ask(&f, OP_WRITE, "sys/weir/incident", f.root, body, keep_status, &done);
    core_ask(&f, OP_WRITE, "sys/mounts/transit/tune", f.root, "{\"description\":\"other\"}",
        keep_status, &tuned);
    core_fixture_run(&f);
    CHECK_U64(tuned, 204);
    CHECK_U64(done, 200);
    core_ask(&f, OP_WRITE, "sys/weir/incident", f.root, body, keep_status, &done);
    core_ask(&f, OP_DELETE, "sys/mounts/transit", f.root, NULL, keep_status, &tuned);
    core_fixture_run(&f);
    CHECK_U64(tuned, 204);
    CHECK_U64(done, 404);
    core_fixture_close(&f);
}

static void an_issuer_of(const char *type)
{
    char *old;
    char *serial;

    core_fixture_open(&f);
    CHECK_U64(
        put("sys/mounts/pki", "{\"type\":\"pki\",\"config\":{\"max_lease_ttl\":\"87600h\"}}"), 204);
    CHECK_U64(
        put("pki/root/generate/internal",
            arena_printf(&f.arena,
                "{\"common_name\":\"Shop Root\",\"key_type\":\"%s\",\"ttl\":\"8760h\"}", type)),
        200);
    old = text_at("data.issuer_id");
    CHECK_U64(
        put("pki/roles/web", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"ttl\":\"24h\"}") / 100,
        2);
    CHECK_U64(put("pki/issue/web", "{\"common_name\":\"a.example\"}"), 200);
    serial = text_at("data.serial_number");
    CHECK_U64(put("pki/issue/web", "{\"common_name\":\"b.example\"}"), 200);

    CHECK_U64(put("sys/weir/incident", "{\"issuer\":\"pki/default\",\"reason\":\"stolen\"}"), 200);
    CHECK_U64(core_at(&f, "data.blast_radius.serials")->n, 3); /* its own, and two that it issued */
    CHECK_STR(core_text(&f, "data.blast_radius.common_name"), "Shop Root");
    CHECK_U64(
        core_call(&f, OP_READ, arena_printf(&f.arena, "pki/cert/%s", serial), NULL, NULL), 200);
    CHECK_STR(core_text(&f, "data.revocation_time"), "0");

    CHECK_U64(put("sys/weir/incident",
                  "{\"issuer\":\"pki/default\",\"reason\":\"stolen\",\"dry_run\":false}"),
        200);
    CHECK_STR(core_text(&f, "data.done.certificates_revoked"), "2");
    CHECK(core_text(&f, "data.done.new_issuer").len > 0);
    CHECK(!str_is(core_text(&f, "data.done.new_issuer"), old));
    check_signature();
    CHECK_U64(
        core_call(&f, OP_READ, arena_printf(&f.arena, "pki/cert/%s", serial), NULL, NULL), 200);
    CHECK(core_text(&f, "data.revocation_time").len > 1);
    CHECK_U64(get("pki/config/issuers"), 200);
    CHECK(!str_is(core_text(&f, "data.default"), old));
    CHECK_U64(put("pki/issue/web", "{\"common_name\":\"c.example\"}"), 200);
    CHECK(put(arena_printf(&f.arena, "pki/issuer/%s/issue/web", old),
              "{\"common_name\":\"d.example\"}") >= 400);
    core_fixture_close(&f);
}

static void an_issuer(void)
{
    an_issuer_of("ec");
}

static void an_issuer_with_a_slow_key(void)
{
    an_issuer_of("rsa");
}

static void an_entity(void)
{
    char *token;

    core_fixture_open(&f);
    CHECK_U64(put("sys/auth/userpass", "{\"type\":\"userpass\"}"), 204);
    CHECK_U64(put("auth/userpass/users/joe", "{\"password\":\"correct horse\"}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL,
                  "{\"password\":\"correct horse\"}"),
        200);
    token = text_at("auth.client_token");
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_U64(
        put("sys/weir/incident", arena_printf(&f.arena, "{\"entity\":\"%s\",\"reason\":\"left\"}",
                                     text_at("data.entity_id"))),
        200);
    CHECK_STR(core_text(&f, "data.blast_radius.tokens"), "1");
    CHECK_STR(core_text(&f, "data.blast_radius.aliases.0.name"), "joe");
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 200);
    CHECK_U64(
        put("sys/weir/incident",
            arena_printf(&f.arena, "{\"entity\":\"%s\",\"reason\":\"left\",\"dry_run\":false}",
                text_at("data.entity_id"))),
        200);
    CHECK_STR(core_text(&f, "data.done.tokens_revoked"), "1");
    CHECK_U64(core_call(&f, OP_READ, "auth/token/lookup-self", token, NULL), 403);
    CHECK(core_call(&f, OP_WRITE, "auth/userpass/login/joe", NULL,
              "{\"password\":\"correct horse\"}") >= 400);
    core_fixture_close(&f);
}

static void what_is_wrong_is_said(void)
{
    core_fixture_open(&f);
    CHECK_U64(put("sys/weir/incident", "{\"reason\":\"x\"}"), 400);
    CHECK_U64(put("sys/weir/incident", "{\"key\":\"a/b\",\"entity\":\"c\",\"reason\":\"x\"}"), 400);
    CHECK_U64(put("sys/weir/incident", "{\"key\":\"nowhere/k\",\"reason\":\"x\"}"), 400);
    CHECK_U64(put("sys/weir/incident", "{\"entity\":\"nobody\",\"reason\":\"x\"}"), 400);
    CHECK_U64(put("sys/weir/incident", "{\"entity\":\"nobody\"}"), 400);
    CHECK_U64(get("sys/weir/incident/none"), 404);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/weir/incident", NULL, "{\"entity\":\"x\",\"reason\":\"y\"}"),
        403);
    core_fixture_close(&f);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(a_quick_key),
        CASE(a_slow_key),
        CASE(the_engine_changes_meanwhile),
        CASE(an_issuer),
        CASE(an_issuer_with_a_slow_key),
        CASE(an_entity),
        CASE(what_is_wrong_is_said),
    };

    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
