/*
 * Transit through a whole core: keys, batches, versions and their states, and what must be refused.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"

static struct core_fixture f;

static int write_to(const char *path, const char *json)
{
    return core_call(&f, OP_WRITE, path, f.root, json);
}

static int read_from(const char *path)
{
    return core_call(&f, OP_READ, path, f.root, NULL);
}

/* A copy of a text of the answer, as long as the fixture lives. */
static const char *keep(const char *path)
{
    struct str s = core_text(&f, path);

    return arena_printf(&f.arena, "%.*s", STR_ARG(s));
}

#define BODY(...) arena_printf(&f.arena, __VA_ARGS__)

static void begin(void)
{
    core_fixture_open(&f);
    CHECK_U64(write_to("sys/mounts/transit", "{\"type\":\"transit\"}"), 204);
}

static void end(void)
{
    core_fixture_close(&f);
}

/* ---- keys ---- */

static void a_key_reads_as_it_was_made(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.name"), "a");
    CHECK_STR(core_text(&f, "data.type"), "aes256-gcm96");
    CHECK_STR(core_text(&f, "data.latest_version"), "1");
    CHECK_STR(core_text(&f, "data.min_decryption_version"), "1");
    CHECK_STR(core_text(&f, "data.min_encryption_version"), "0");
    CHECK_STR(core_text(&f, "data.supports_encryption"), "true");
    CHECK_STR(core_text(&f, "data.supports_signing"), "false");
    CHECK_STR(core_text(&f, "data.exportable"), "false");
    CHECK(core_text(&f, "data.keys.1").len == 10);
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_STR(core_text(&f, "warnings.0"), "key a already existed");
    CHECK_U64(write_to("transit/keys/b", "{\"type\":\"ecdsa-p256\"}"), 200);
    CHECK_STR(core_text(&f, "data.keys.1.name"), "P-256");
    CHECK(str_starts(core_text(&f, "data.keys.1.public_key"), STR("-----BEGIN PUBLIC KEY-----")));
    CHECK_U64(core_call(&f, OP_LIST, "transit/keys", f.root, NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "a");
    CHECK_STR(core_text(&f, "data.keys.1"), "b");
    CHECK_U64(read_from("transit/keys/none"), 404);
    end();
}

static void keys_that_cannot_be_are_refused(void)
{
    static const char *const bad[] = { "{\"type\":\"des\"}", "{\"convergent_encryption\":true}",
        "{\"type\":\"rsa-2048\",\"derived\":true}", "{\"type\":\"ecdsa-p256\",\"derived\":true}",
        "{\"type\":\"ed25519\",\"derived\":true,\"convergent_encryption\":true}",
        "{\"type\":\"hmac\",\"key_size\":31}", "{\"type\":\"hmac\",\"key_size\":513}",
        "{\"key_size\":32}", "{\"auto_rotate_period\":\"59m\"}", "{\"derived\":\"maybe\"}" };

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_U64(write_to("transit/keys/bad", bad[i]), 400);
    CHECK_U64(write_to("transit/keys/-bad", NULL), 400);
    CHECK_U64(write_to("transit/keys/b$d", NULL), 400);
    CHECK_U64(core_call(&f, OP_LIST, "transit/keys", f.root, NULL), 404);
    end();
}

static void deletion_must_be_allowed(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(core_call(&f, OP_DELETE, "transit/keys/a", f.root, NULL), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"deletion_allowed\":true}"), 200);
    CHECK_STR(core_text(&f, "data.deletion_allowed"), "true");
    CHECK_U64(core_call(&f, OP_DELETE, "transit/keys/a", f.root, NULL), 204);
    CHECK_U64(read_from("transit/keys/a"), 404);
    CHECK_U64(core_call(&f, OP_DELETE, "transit/keys/a", f.root, NULL), 400);
    /* A new key of the name has nothing of the old one. */
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "1");
    end();
}

/* ---- encryption ---- */

static const char plain[] = "{\"plaintext\":\"dGhlIHF1aWNrIGJyb3duIGZveA==\"}";
#define FOX "dGhlIHF1aWNrIGJyb3duIGZveA=="

static void every_cipher_opens_what_it_sealed(void)
{
    static const char *const types[] = { "aes128-gcm96", "aes256-gcm96", "chacha20-poly1305",
        "xchacha20-poly1305", "rsa-2048" };

    begin();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const char *sealed;

        CHECK_U64(
            write_to(BODY("transit/keys/%s", types[i]), BODY("{\"type\":\"%s\"}", types[i])), 200);
        CHECK_U64(write_to(BODY("transit/encrypt/%s", types[i]), plain), 200);
        CHECK_STR(core_text(&f, "data.key_version"), "1");
        CHECK(str_starts(core_text(&f, "data.ciphertext"), STR("vault:v1:")));
        sealed = keep("data.ciphertext");
        CHECK_U64(
            write_to(BODY("transit/decrypt/%s", types[i]), BODY("{\"ciphertext\":\"%s\"}", sealed)),
            200);
        CHECK_STR(core_text(&f, "data.plaintext"), FOX);
        /* The empty text is a text. */
        CHECK_U64(write_to(BODY("transit/encrypt/%s", types[i]), "{\"plaintext\":\"\"}"), 200);
        sealed = keep("data.ciphertext");
        CHECK_U64(
            write_to(BODY("transit/decrypt/%s", types[i]), BODY("{\"ciphertext\":\"%s\"}", sealed)),
            200);
        CHECK_STR(core_text(&f, "data.plaintext"), "");
        CHECK(core_at(&f, "data.plaintext") != NULL);
    }
    end();
}

static void broken_ciphertexts_say_what_is_wrong(void)
{
    static const struct {
        const char *ciphertext, *why;
    } bad[] = {
        { "", "missing ciphertext to decrypt" },
        { "hello", "invalid ciphertext: no prefix" },
        { "vault:v1", "invalid ciphertext: no prefix" },
        { "vault:vx:AAAA", "invalid ciphertext: version number could not be decoded" },
        { "vault:v-1:AAAA", "invalid ciphertext: version number could not be decoded" },
        { "vault:v99999999999:AAAA", "invalid ciphertext: version number could not be decoded" },
        { "vault:v2147483648:AAAA", "invalid ciphertext: version is too new" },
        { "vault:v2:AAAA", "invalid ciphertext: version is too new" },
        { "vault:v1:***", "invalid ciphertext: could not decode base64" },
        { "vault:v1:AAAA", "invalid ciphertext: unable to decrypt" },
        { "vault:v1:AAECAwQFBgcICQoLAAAAAAAAAAAAAAAAAAAAAA==",
            "cipher: message authentication failed" },
    };

    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_U64(
            write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", bad[i].ciphertext)), 400);
        CHECK_STR(core_text(&f, "errors.0"), bad[i].why);
    }
    CHECK_U64(write_to("transit/decrypt/none", "{\"ciphertext\":\"vault:v1:AAAA\"}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "encryption key not found");
    CHECK_U64(write_to("transit/encrypt/a", "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "missing plaintext to encrypt");
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"***\"}"), 400);
    CHECK_U64(
        write_to("transit/encrypt/a", "{\"plaintext\":\"\",\"nonce\":\"AAECAwQFBgcICQoL\"}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "provided nonce not allowed for this key");
    end();
}

static void associated_data_and_context_bind(void)
{
    const char *sealed;

    begin();
    CHECK_U64(
        write_to("transit/encrypt/a", "{\"plaintext\":\"" FOX "\",\"associated_data\":\"YWFk\"}"),
        200);
    sealed = keep("data.ciphertext");
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 400);
    CHECK_U64(write_to("transit/decrypt/a",
                  BODY("{\"ciphertext\":\"%s\",\"associated_data\":\"YWFk\"}", sealed)),
        200);
    CHECK_U64(write_to("transit/keys/d", "{\"derived\":true}"), 200);
    CHECK_U64(write_to("transit/encrypt/d", plain), 400);
    CHECK_U64(
        write_to("transit/encrypt/d", "{\"plaintext\":\"" FOX "\",\"context\":\"YQ==\"}"), 200);
    sealed = keep("data.ciphertext");
    CHECK_U64(
        write_to("transit/decrypt/d", BODY("{\"ciphertext\":\"%s\",\"context\":\"Yg==\"}", sealed)),
        400);
    CHECK_U64(
        write_to("transit/decrypt/d", BODY("{\"ciphertext\":\"%s\",\"context\":\"YQ==\"}", sealed)),
        200);
    CHECK_STR(core_text(&f, "data.plaintext"), FOX);
    end();
}

static void convergent_keys_repeat_themselves_within_a_context(void)
{
    const char *first;
    const char *other;

    begin();
    CHECK_U64(write_to("transit/keys/c", "{\"derived\":true,\"convergent_encryption\":true}"), 200);
    CHECK_STR(core_text(&f, "data.convergent_encryption"), "true");
    CHECK_U64(
        write_to("transit/encrypt/c", "{\"plaintext\":\"" FOX "\",\"context\":\"YQ==\"}"), 200);
    first = keep("data.ciphertext");
    CHECK_U64(
        write_to("transit/encrypt/c", "{\"plaintext\":\"" FOX "\",\"context\":\"YQ==\"}"), 200);
    CHECK_STR(core_text(&f, "data.ciphertext"), first);
    CHECK_U64(
        write_to("transit/encrypt/c", "{\"plaintext\":\"" FOX "\",\"context\":\"Yg==\"}"), 200);
    other = keep("data.ciphertext");
    CHECK(strcmp(first, other) != 0);
    CHECK_U64(write_to("transit/encrypt/c", "{\"plaintext\":\"AA==\",\"context\":\"YQ==\"}"), 200);
    other = keep("data.ciphertext");
    CHECK(strncmp(first + 9, other + 9, 16) != 0); /* another nonce */
    CHECK_U64(
        write_to("transit/decrypt/c", BODY("{\"ciphertext\":\"%s\",\"context\":\"YQ==\"}", first)),
        200);
    CHECK_STR(core_text(&f, "data.plaintext"), FOX);
    end();
}

static void a_key_is_made_by_its_first_use(void)
{
    begin();
    CHECK_U64(write_to("transit/encrypt/new", plain), 200);
    CHECK_U64(read_from("transit/keys/new"), 200);
    CHECK_STR(core_text(&f, "data.type"), "aes256-gcm96");
    CHECK_STR(core_text(&f, "data.derived"), "false");
    CHECK_U64(
        write_to("transit/encrypt/withcontext",
            "{\"plaintext\":\"" FOX "\",\"context\":\"YQ==\",\"type\":\"chacha20-poly1305\"}"),
        200);
    CHECK_U64(read_from("transit/keys/withcontext"), 200);
    CHECK_STR(core_text(&f, "data.derived"), "true");
    CHECK_STR(core_text(&f, "data.type"), "chacha20-poly1305");
    CHECK_U64(write_to("transit/config/keys", "{\"disable_upsert\":true}"), 200);
    CHECK_U64(write_to("transit/encrypt/other", plain), 400);
    CHECK_STR(core_text(&f, "errors.0"), "encryption key not found");
    CHECK_U64(read_from("transit/config/keys"), 200);
    CHECK_STR(core_text(&f, "data.disable_upsert"), "true");
    end();
}

/* Creating needs "create", using what is there "update". */
static void upsert_needs_the_capability_to_create(void)
{
    const char *token;

    begin();
    CHECK_U64(write_to("sys/policies/acl/user",
                  "{\"policy\":\"path \\\"transit/encrypt/*\\\" { capabilities = [\\\"update\\\"] "
                  "}\"}"),
        204);
    CHECK_U64(write_to("auth/token/create", "{\"policies\":[\"user\"]}"), 200);
    token = keep("auth.client_token");
    CHECK_U64(core_call(&f, OP_WRITE, "transit/encrypt/a", token, plain), 403);
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "transit/encrypt/a", token, plain), 200);
    CHECK_U64(core_call(&f, OP_WRITE, "transit/keys/a/rotate", token, NULL), 403);
    end();
}

static void data_keys_open(void)
{
    const char *sealed;
    const char *key;

    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(write_to("transit/datakey/plaintext/a", "{\"bits\":512}"), 200);
    key = keep("data.plaintext");
    sealed = keep("data.ciphertext");
    CHECK_U64(strlen(key), 88);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 200);
    CHECK_STR(core_text(&f, "data.plaintext"), key);
    CHECK_U64(write_to("transit/datakey/wrapped/a", NULL), 200);
    CHECK(core_at(&f, "data.plaintext") == NULL);
    CHECK_U64(write_to("transit/datakey/other/a", NULL), 400);
    CHECK_U64(write_to("transit/datakey/plaintext/a", "{\"bits\":100}"), 400);
    CHECK_U64(write_to("transit/datakey/plaintext/none", NULL), 400);
    end();
}

/* ---- batches ---- */

static void a_batch_goes_on_when_an_item_fails(void)
{
    const char *one;

    begin();
    CHECK_U64(write_to("transit/encrypt/a",
                  "{\"batch_input\":[{\"plaintext\":\"AA==\",\"reference\":\"x\"},{\"plaintext\":"
                  "\"AQ==\"}]}"),
        200);
    CHECK_STR(core_text(&f, "data.batch_results.0.reference"), "x");
    CHECK_STR(core_text(&f, "data.batch_results.1.key_version"), "1");
    one = keep("data.batch_results.1.ciphertext");
    CHECK_U64(
        write_to("transit/decrypt/a",
            BODY("{\"batch_input\":[{\"ciphertext\":\"%s\"},{\"ciphertext\":\"bad\"}]}", one)),
        400);
    CHECK_STR(core_text(&f, "data.batch_results.0.plaintext"), "AQ==");
    CHECK_STR(core_text(&f, "data.batch_results.1.error"), "invalid ciphertext: no prefix");
    CHECK_U64(
        write_to("transit/decrypt/a",
            BODY("{\"partial_failure_response_code\":202,\"batch_input\":[{\"ciphertext\":\"%s\"},{"
                 "\"ciphertext\":\"bad\"}]}",
                one)),
        202);
    CHECK_U64(
        write_to("transit/decrypt/a",
            "{\"partial_failure_response_code\":202,\"batch_input\":[{\"ciphertext\":\"bad\"}]"
            "}"),
        400);
    CHECK_U64(write_to("transit/encrypt/a", "{\"batch_input\":[]}"), 400);
    CHECK_U64(write_to("transit/encrypt/a", "{\"batch_input\":\"x\"}"), 400);
    CHECK_U64(write_to("transit/encrypt/a", "{\"batch_input\":[1]}"), 400);
    CHECK_U64(write_to("transit/encrypt/a", "{\"batch_input\":[{\"plaintext\":1}]}"), 400);
    end();
}

/* Past some milliseconds it is done by a worker; the answer is the same. */
static void a_great_batch_is_done_too(void)
{
    enum { MANY = 5000 };
    struct buf body;

    begin();
    buf_init(&body, 1 << 20);
    buf_text(&body, "{\"batch_input\":[");
    for (int i = 0; i < MANY; i++)
        buf_printf(&body, "%s{\"plaintext\":\"AA==\"}", i > 0 ? "," : "");
    buf_text(&body, "]}");
    CHECK_U64(write_to("transit/encrypt/a", buf_cstr(&body)), 200);
    CHECK_U64(core_at(&f, "data.batch_results")->n, MANY);
    CHECK(str_starts(core_text(&f, "data.batch_results.4999.ciphertext"), STR("vault:v1:")));
    buf_free(&body);
    end();
}

static void a_batch_that_would_take_too_long_is_refused(void)
{
    struct buf body;

    begin();
    CHECK_U64(write_to("transit/keys/slow", "{\"type\":\"ecdsa-p384\"}"), 200);
    buf_init(&body, 1 << 20);
    buf_text(&body, "{\"batch_input\":[");
    for (int i = 0; i < 7000; i++)
        buf_text(&body, i == 0 ? "{\"input\":\"AA==\"}" : ",{\"input\":\"AA==\"}");
    buf_text(&body, "]}");
    CHECK_U64(write_to("transit/sign/slow", buf_cstr(&body)), 400);
    CHECK(str_starts(core_text(&f, "errors.0"), STR("the batch takes too long")));
    buf_free(&body);
    end();
}

/* ---- versions ---- */

static void rotation_keeps_old_ciphertexts_readable(void)
{
    const char *old;

    begin();
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    old = keep("data.ciphertext");
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "2");
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", old)), 200);
    CHECK_U64(write_to("transit/rewrap/a", BODY("{\"ciphertext\":\"%s\"}", old)), 200);
    CHECK(str_starts(core_text(&f, "data.ciphertext"), STR("vault:v2:")));
    CHECK_U64(
        write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", keep("data.ciphertext"))),
        200);
    CHECK_STR(core_text(&f, "data.plaintext"), FOX);
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\",\"key_version\":1}"), 200);
    CHECK_STR(core_text(&f, "data.key_version"), "1");
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\",\"key_version\":3}"), 400);
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\",\"key_version\":-1}"), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_encryption_version\":2}"), 200);
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\",\"key_version\":1}"), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":2}"), 200);
    CHECK(core_at(&f, "data.keys.1") == NULL && core_at(&f, "data.keys.2") != NULL);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", old)), 400);
    CHECK_STR(core_text(&f, "errors.0"),
        "ciphertext or signature version is disallowed by policy (too old)");
    /* And back: archived is not gone. */
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":1}"), 200);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", old)), 200);
    end();
}

static void limits_of_versions_must_fit(void)
{
    static const char *const bad[] = { "{\"min_decryption_version\":4}",
        "{\"min_decryption_version\":-1}", "{\"min_encryption_version\":4}",
        "{\"min_encryption_version\":-1}",
        "{\"min_decryption_version\":3,\"min_encryption_version\":2}",
        "{\"auto_rotate_period\":\"1m\"}", "{\"rotate_after_uses\":-1}" };

    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_U64(write_to("transit/keys/a/config", bad[i]), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":0}"), 200);
    CHECK(core_at(&f, "warnings.0") != NULL);
    CHECK_U64(write_to("transit/keys/none/config", "{}"), 400);
    end();
}

static void trimmed_versions_are_gone_for_good(void)
{
    const char *old;

    begin();
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    old = keep("data.ciphertext");
    for (int i = 0; i < 3; i++)
        CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    CHECK_U64(write_to("transit/keys/a/trim", "{\"min_available_version\":2}"), 400);
    CHECK_U64(write_to("transit/keys/a/config",
                  "{\"min_decryption_version\":2,\"min_encryption_version\":3}"),
        200);
    CHECK_U64(write_to("transit/keys/a/trim", "{}"), 400);
    CHECK_U64(write_to("transit/keys/a/trim", "{\"min_available_version\":3}"), 400);
    CHECK_U64(write_to("transit/keys/a/trim", "{\"min_available_version\":2}"), 204);
    CHECK_U64(write_to("transit/keys/a/trim", "{\"min_available_version\":1}"), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":1}"), 400);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", old)), 400);
    CHECK_U64(read_from("transit/keys/a/versions"), 200);
    CHECK_STR(core_text(&f, "data.versions.1.state"), "destroyed");
    CHECK_STR(core_text(&f, "data.versions.2.state"), "deactivated");
    CHECK_STR(core_text(&f, "data.versions.4.state"), "active");
    end();
}

static void keys_rotate_by_age(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/a", "{\"auto_rotate_period\":\"1h\"}"), 200);
    CHECK_STR(core_text(&f, "data.auto_rotate_period"), "3600");
    core_fixture_advance(&f, 3500);
    core_fixture_rounds(&f, 5);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "1");
    core_fixture_advance(&f, 200);
    core_fixture_rounds(&f, 5);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "2");
    end();
}

static void keys_rotate_by_count(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/a", "{\"type\":\"ed25519\"}"), 200);
    CHECK_U64(write_to("transit/keys/a/config", "{\"rotate_after_uses\":3}"), 200);
    CHECK_STR(core_text(&f, "data.rotate_after_uses"), "3");
    for (int i = 0; i < 2; i++)
        CHECK_U64(write_to("transit/sign/a", "{\"input\":\"AA==\"}"), 200);
    core_fixture_advance(&f, 2);
    core_fixture_rounds(&f, 5);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "1");
    CHECK_U64(write_to("transit/sign/a", "{\"input\":\"AA==\"}"), 200);
    core_fixture_advance(&f, 2);
    core_fixture_rounds(&f, 5);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "2");
    CHECK_U64(read_from("transit/keys/a/versions/1"), 200);
    CHECK_STR(core_text(&f, "data.uses"), "3");
    end();
}

static void a_version_can_wait_for_its_time(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(write_to("transit/keys/a/rotate", "{\"activate_after\":\"10m\"}"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "1");
    CHECK_U64(read_from("transit/keys/a/versions/2"), 200);
    CHECK_STR(core_text(&f, "data.state"), "pre-active");
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\",\"key_version\":2}"), 400);
    CHECK_U64(write_to("transit/keys/a/rotate", "{\"activate_after\":\"10m\"}"), 400);
    core_fixture_advance(&f, 601);
    core_fixture_rounds(&f, 5);
    CHECK_U64(write_to("transit/encrypt/a", "{\"plaintext\":\"AA==\"}"), 200);
    CHECK_STR(core_text(&f, "data.key_version"), "2");
    /* By command: rotate activates what waits. */
    CHECK_U64(write_to("transit/keys/a/rotate", "{\"activate_after\":0}"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "2");
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "3");
    CHECK_U64(read_from("transit/keys/a/versions"), 200);
    CHECK(core_at(&f, "data.versions.4") == NULL);
    end();
}

static void states_forbid_what_they_say(void)
{
    const char *sealed;
    const char *signature;

    begin();
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    sealed = keep("data.ciphertext");
    CHECK_U64(write_to("transit/keys/s", "{\"type\":\"ed25519\"}"), 200);
    CHECK_U64(write_to("transit/sign/s", "{\"input\":\"AA==\"}"), 200);
    signature = keep("data.signature");
    CHECK_U64(write_to("transit/keys/s/versions/1", "{\"state\":\"deactivated\"}"), 400);
    CHECK_U64(write_to("transit/keys/s/rotate", NULL), 200);
    CHECK_U64(write_to("transit/keys/s/versions/1", "{\"state\":\"deactivated\"}"), 200);
    CHECK_U64(write_to("transit/sign/s", "{\"input\":\"AA==\",\"key_version\":1}"), 400);
    CHECK_U64(
        write_to("transit/verify/s", BODY("{\"input\":\"AA==\",\"signature\":\"%s\"}", signature)),
        200);
    CHECK_STR(core_text(&f, "data.valid"), "true");
    CHECK_U64(write_to("transit/keys/s/versions/1",
                  "{\"state\":\"compromised\",\"reason\":\"laptop lost\"}"),
        200);
    CHECK_STR(core_text(&f, "data.reason"), "laptop lost");
    CHECK_U64(
        write_to("transit/verify/s", BODY("{\"input\":\"AA==\",\"signature\":\"%s\"}", signature)),
        400);
    CHECK_U64(write_to("transit/keys/s/versions/1", "{\"state\":\"active\"}"), 400);
    /* The latest may be compromised too: then nothing signs until a rotation. */
    CHECK_U64(write_to("transit/keys/a/versions/1", "{\"state\":\"compromised\"}"), 200);
    CHECK_U64(write_to("transit/encrypt/a", plain), 400);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 200);
    CHECK(core_at(&f, "warnings.0") != NULL);
    CHECK_U64(write_to("transit/keys/a/versions/1", "{\"state\":\"destroyed\"}"), 400);
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 200);
    CHECK_U64(write_to("transit/keys/a/config", "{\"deletion_allowed\":true}"), 200);
    CHECK_U64(write_to("transit/keys/a/versions/1", "{\"state\":\"destroyed\"}"), 200);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 400);
    CHECK_U64(write_to("transit/keys/a/versions/9", "{\"state\":\"active\"}"), 404);
    end();
}

static void soft_deleted_keys_rest(void)
{
    begin();
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    CHECK_U64(core_call(&f, OP_DELETE, "transit/keys/a/soft-delete", f.root, NULL), 204);
    CHECK_U64(write_to("transit/encrypt/a", plain), 400);
    CHECK_U64(write_to("transit/keys/a/rotate", NULL), 400);
    CHECK_U64(write_to("transit/hmac/a", "{\"input\":\"AA==\"}"), 400);
    CHECK_U64(read_from("transit/keys/a"), 200);
    CHECK_STR(core_text(&f, "data.soft_deleted"), "true");
    CHECK_U64(write_to("transit/keys/a/soft-delete-restore", NULL), 204);
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    end();
}

static void keys_outlive_a_restart(void)
{
    const char *sealed;

    begin();
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    sealed = keep("data.ciphertext");
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(write_to("transit/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 200);
    CHECK_STR(core_text(&f, "data.plaintext"), FOX);
    end();
}

/* The same name in another mount is another key. */
static void mounts_do_not_mix(void)
{
    const char *sealed;

    begin();
    CHECK_U64(write_to("sys/mounts/other", "{\"type\":\"transit\"}"), 204);
    CHECK_U64(write_to("transit/encrypt/a", plain), 200);
    sealed = keep("data.ciphertext");
    CHECK_U64(write_to("other/encrypt/a", plain), 200);
    CHECK_U64(write_to("other/decrypt/a", BODY("{\"ciphertext\":\"%s\"}", sealed)), 400);
    end();
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(a_key_reads_as_it_was_made),
        CASE(keys_that_cannot_be_are_refused),
        CASE(deletion_must_be_allowed),
        CASE(every_cipher_opens_what_it_sealed),
        CASE(broken_ciphertexts_say_what_is_wrong),
        CASE(associated_data_and_context_bind),
        CASE(convergent_keys_repeat_themselves_within_a_context),
        CASE(a_key_is_made_by_its_first_use),
        CASE(upsert_needs_the_capability_to_create),
        CASE(data_keys_open),
        CASE(a_batch_goes_on_when_an_item_fails),
        CASE(a_great_batch_is_done_too),
        CASE(a_batch_that_would_take_too_long_is_refused),
        CASE(rotation_keeps_old_ciphertexts_readable),
        CASE(limits_of_versions_must_fit),
        CASE(trimmed_versions_are_gone_for_good),
        CASE(keys_rotate_by_age),
        CASE(keys_rotate_by_count),
        CASE(a_version_can_wait_for_its_time),
        CASE(states_forbid_what_they_say),
        CASE(soft_deleted_keys_rest),
        CASE(keys_outlive_a_restart),
        CASE(mounts_do_not_mix),
    };

    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
