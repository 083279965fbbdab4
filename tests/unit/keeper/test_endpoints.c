/*
 * Every endpoint of every engine, asked with nothing and with nonsense of every kind: each answers, none crashes, and none says
 * that it is the keeper's fault.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/engines_int.h"

static struct core_fixture f;

/* Words that handlers look for, said in one body. */
static const char *const words[] = { "accessor", "algorithm", "alias", "allowed_domains",
    "auto_rotate_period", "batch_input", "bits", "bytes", "cas", "certificate", "ciphertext",
    "cidr_list", "common_name", "config", "context", "custom_metadata", "csr", "data", "default",
    "delete_version_after", "description", "entity_id", "exp", "format", "id", "increment", "input",
    "ip_sans", "issuer_ref", "key", "key_bits", "key_type", "key_version", "keys", "lease_id",
    "max_ttl", "max_versions", "member_entity_ids", "meta", "metadata", "min_decryption_version",
    "name", "nonce", "num_uses", "options", "otp", "password", "path", "paths", "pem_bundle",
    "period", "plaintext", "policies", "policy", "private_key", "rate", "reason", "recipients",
    "role", "role_id", "rules", "secret_id", "secret_shares", "secret_threshold", "serial_number",
    "signature", "token", "token_bound_cidrs", "token_policies", "token_ttl", "ttl", "type", "url",
    "username", "values", "version", "versions" };

static const char *const nonsense[] = { "null", "[]", "{}", "-1", "99999999999999999999", "\"\"",
    "\"x\"", "\"../..\"", "true", "[[]]", "[{}]", "{\"a\":[null]}", "\"%n%s\"", "\"1h\"",
    "\"AAAA\"", "2" };

static char *body_of(const char *value)
{
    struct buf b;
    char *text;

    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        buf_printf(&b, "%c\"%s\":%s", i == 0 ? '{' : ',', words[i], value);
    buf_char(&b, '}');
    text = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* "keys/{name}/rotate" as "keys/WORD/rotate". */
static char *path_of(const char *mount, const char *pattern, const char *word)
{
    struct buf b;
    char *text;

    buf_init(&b, 4096);
    buf_text(&b, mount);
    while (*pattern != '\0') {
        if (*pattern == '{') {
            buf_text(&b, word);
            pattern = strchr(pattern, '}') + 1;
        } else {
            buf_char(&b, *pattern++);
        }
    }
    text = xstrdup(buf_cstr(&b));
    buf_free(&b);
    return text;
}

/* What ends the test's world, or is a failure by contract. */
static bool is_left_out(const char *path, int status)
{
    static const char *const by_contract[] = { "transit/backup", "transit/restore", NULL };

    for (const char *const *p = by_contract; *p != NULL; p++)
        if (strncmp(path, *p, strlen(*p)) == 0)
            return true;
    return status == 501;
}

static void ask(enum operation op, const char *path, const char *body)
{
    int status = core_call(&f, op, path, f.root, body);

    if (status < 200 || (status >= 500 && !is_left_out(path, status))) {
        struct str why = core_text(&f, "errors.0");

        fprintf(stderr, "%d %s %.100s: %d %.*s\n", (int)op, path, body != NULL ? body : "", status,
            STR_ARG(why));
        CHECK(false);
    }
    if (core_is_sealed(f.core))
        core_fixture_unseal(&f);
}

static void ask_all(const char *mount, const struct endpoint *e, const char *body)
{
    static const char *const names[] = { "x", "default" };

    for (int op = 0; op < OP_COUNT; op++)
        for (size_t i = 0; e->on[op] != NULL && i < 2; i++) {
            char *path = path_of(mount, e->pattern, names[i]);

            if (strncmp(path, "sys/seal", 8) != 0 && strncmp(path, "auth/token/revoke", 17) != 0)
                ask((enum operation)op, path, body);
            free(path);
        }
}

static void mount_all(void)
{
    for (const struct engine *const *e = engines; *e != NULL; e++) {
        char *path = xasprintf("sys/%s/%s", (*e)->auth ? "auth" : "mounts", (*e)->type);
        char *body = xasprintf("{\"type\":\"%s\"}", (*e)->type);

        if (!(*e)->single)
            CHECK_U64(core_call(&f, OP_WRITE, path, f.root, body), 204);
        free(path);
        free(body);
    }
    CHECK_U64(core_call(&f, OP_WRITE, "sys/mounts/kv2", f.root, "{\"type\":\"kv-v2\"}"), 204);
}

static void ask_engine(const struct mount *m, const char *body)
{
    char *mount = xasprintf("%.*s", STR_ARG(m->path));

    for (const struct endpoint *e = m->engine->endpoints; e->pattern != NULL; e++)
        ask_all(mount, e, body);
    free(mount);
}

static void ask_everything(const char *body)
{
    struct mount *m = NULL;
    char *paths[64];
    size_t n = 0;

    while ((m = core_mount_each(f.core, NULL, m)) != NULL && n < 64)
        paths[n++] = xasprintf("%.*s", STR_ARG(m->path));
    for (size_t i = 0; i < n; i++) { /* a request may have changed the table */
        m = core_mount_of(f.core, str_from(paths[i]));
        if (m != NULL)
            ask_engine(m, body);
        free(paths[i]);
    }
}

static void all_endpoints_answer(void)
{
    core_fixture_open(&f);
    mount_all();
    ask_everything(NULL);
    ask_everything("{}");
    core_fixture_close(&f);
}

static void all_endpoints_answer_nonsense(void)
{
    core_fixture_open(&f);
    mount_all();
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        char *body = body_of(nonsense[i]);

        ask_everything(body);
        free(body);
    }
    ask_everything(NULL); /* what that left behind can be read */
    core_fixture_close(&f);
}

TESTS(CASE(all_endpoints_answer), CASE(all_endpoints_answer_nonsense))
