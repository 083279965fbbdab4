/*
 * weir key - keys that never leave the keeper: made, rotated, and put to work (its transit engine).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/commands_int.h"
#include "cli/keeper_int.h"

/* "receipts" is transit/receipts; "payments/cards" is in the engine payments. */
static char *path_of(const char *name, const char *part, const char *more)
{
    const char *slash = strrchr(name, '/');
    int mount = slash != NULL ? (int)(slash - name) : (int)strlen("transit");

    return xasprintf("%.*s/%s/%s%s", mount, slash != NULL ? name : "transit", part,
        slash != NULL ? slash + 1 : name, more);
}

static int list(const struct command_line *line)
{
    auto_free char *path = xasprintf("%s/keys", line->nargs > 0 ? line->args[0] : "transit");

    return keeper_list(line, path);
}

/* Beyond Vault: each version with its state (NIST SP 800-57), if the token may see them. */
static void print_versions(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "keys", "/versions");
    struct keeper_answer a;
    const char *version;
    struct err err;
    json_t *one;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, &err) ==
        -1)
        return;
    json_object_foreach(json_object_get(keeper_data(&a), "versions"), version, one)
    {
        printf("  version %-4s %-12s %s\n", version, json_text_at(one, "state"),
            json_text_at(one, "creation_time"));
    }
    keeper_answer_free(&a);
}

static int show(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "keys", "");
    struct keeper_answer a;
    struct err err;
    const json_t *data;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, &err) ==
        -1)
        return command_fail(line, &err);
    data = keeper_data(&a);
    if (line->json) {
        command_print_json(data);
    } else {
        printf("%s  %s\n", json_text_at(data, "name"), json_text_at(data, "type"));
        printf("  newest %lld, verifies and decrypts from %lld\n",
            (long long)json_number_at(data, "latest_version"),
            (long long)json_number_at(data, "min_decryption_version"));
        if (json_number_at(data, "auto_rotate_period") > 0)
            printf(
                "  rotates every %lld s\n", (long long)json_number_at(data, "auto_rotate_period"));
    }
    keeper_answer_free(&a);
    if (!line->json)
        print_versions(line);
    return 0;
}

static int create(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "keys", "");
    const char *type = command_option(line, "type");
    json_t *body = json_object();

    if (type != NULL)
        json_object_set_new(body, "type", json_string(type));
    return keeper_do(line,
        &(struct keeper_question){ .method = "POST", .path = path, .body = body },
        "the key is there");
}

static int rotate(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "keys", "/rotate");

    return keeper_do(line, &(struct keeper_question){ .method = "POST", .path = path },
        "a new version signs and encrypts; the old ones go on verifying and decrypting");
}

static int set_state(const struct command_line *line)
{
    auto_free char *more = xasprintf("/versions/%s", line->args[1]);
    auto_free char *path = path_of(line->args[0], "keys", more);
    const char *reason = command_option(line, "reason");
    json_t *body = json_object();

    json_object_set_new(body, "state", json_string(line->args[2]));
    if (reason != NULL)
        json_object_set_new(body, "reason", json_string(reason));
    return keeper_do(line,
        &(struct keeper_question){ .method = "POST", .path = path, .body = body },
        "the version is in that state");
}

static int public_key(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "keys", "");
    struct keeper_answer a;
    struct err err;
    char version[32];
    const json_t *data;
    const char *text;
    int result = 0;

    if (keeper_ask(line, &(struct keeper_question){ .method = "GET", .path = path }, &a, &err) ==
        -1)
        return command_fail(line, &err);
    data = keeper_data(&a);
    snprintf(version, sizeof(version), "%lld", (long long)json_number_at(data, "latest_version"));
    text = json_text_at(json_object_get(json_object_get(data, "keys"), version), "public_key");
    if (text[0] == '\0')
        result = err_set(&err, ERR_CONFIG, "key_public", "%s has no public half", line->args[0]);
    else if (line->json)
        command_print_json(json_object_get(json_object_get(data, "keys"), version));
    else
        printf("%s%s", text, text[strlen(text) - 1] == '\n' ? "" : "\n");
    keeper_answer_free(&a);
    return result == 0 ? 0 : command_fail(line, &err);
}

/* ---- at work: stdin in, stdout out ---- */

/* POSTs stdin, base64, as `member`, with what the body has already; prints `answer` of the data. */
static int work(const struct command_line *line, const char *path, json_t *body, const char *member,
    const char *wanted, bool decode)
{
    struct keeper_answer a;
    struct buf value;
    struct buf text;
    struct err err;
    const json_t *found;
    int result;

    buf_init_secret(&value, VALUE_MAX);
    buf_init_secret(&text, 2 * VALUE_MAX);
    result = read_value("text", &value, &err);
    if (result == 0 && !decode)
        put_base64(&text, buf_as_str(&value));
    else if (result == 0)
        buf_str(&text, buf_as_str(&value));
    if (result == 0) {
        json_object_set_new(body, member, json_str_value(buf_as_str(&text)));
        result = keeper_ask(line,
            &(struct keeper_question){ .method = "POST", .path = path, .body = body }, &a, &err);
    } else {
        json_decref(body);
    }
    buf_free(&value);
    buf_free(&text);
    if (result == -1)
        return command_fail(line, &err);
    found = json_object_get(keeper_data(&a), wanted);
    if (line->json) {
        keeper_print_json(&a);
    } else if (decode) {
        buf_init_secret(&text, 2 * VALUE_MAX);
        if (get_base64(str_from(json_string_value(found)), &text))
            fwrite(text.data, 1, text.len, stdout);
        buf_free(&text);
    } else if (json_is_boolean(found)) {
        puts(json_is_true(found) ? "valid" : "not valid");
        result = json_is_true(found) ? 0 : 1;
    } else {
        printf("%s\n", json_string_value(found) != NULL ? json_string_value(found) : "");
    }
    keeper_answer_free(&a);
    return result;
}

static int sign(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "sign", "");

    return work(line, path, json_object(), "input", "signature", false);
}

static int verify(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "verify", "");
    json_t *body = json_object();

    json_object_set_new(body, "signature", json_string(line->args[1]));
    return work(line, path, body, "input", "valid", false);
}

static int encrypt(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "encrypt", "");

    return work(line, path, json_object(), "plaintext", "ciphertext", false);
}

static int decrypt(const struct command_line *line)
{
    auto_free char *path = path_of(line->args[0], "decrypt", "");

    return work(line, path, json_object(), "ciphertext", "plaintext", true);
}

static const struct option key_options[] = {
    OPTIONS_KEEPER,
    { "type", "TYPE", "create: ed25519, ecdsa-p256, rsa-2048, aes256-gcm96 (when not given) ..." },
    { "reason", "TEXT", "state: why" },
    { 0 },
};

static const struct action key_actions[] = {
    { "list", "[ENGINE]", "Names of keys.", 0, 1, list },
    { "show", "NAME", "Type, versions and their states.", 1, 1, show },
    { "create", "NAME", "Make one; its --type is aes256-gcm96 when none is given.", 1, 1, create },
    { "rotate", "NAME", "Make a new version of it, which signs from now on.", 1, 1, rotate },
    { "state", "NAME VERSION STATE", "Make a version deactivated, compromised or destroyed.", 3, 3,
        set_state },
    { "public", "NAME", "Print the public half of the newest version.", 1, 1, public_key },
    { "sign", "NAME", "Sign what comes on stdin.", 1, 1, sign },
    { "verify", "NAME SIGNATURE", "Does the signature fit what comes on stdin?", 2, 2, verify },
    { "encrypt", "NAME", "Encrypt what comes on stdin.", 1, 1, encrypt },
    { "decrypt", "NAME", "Decrypt what comes on stdin.", 1, 1, decrypt },
    { 0 },
};

const struct command command_key = {
    .name = "key",
    .arguments = "ACTION",
    .help = "Make, rotate and use keys that never leave the keeper.",
    .details = "A NAME is in the engine transit, or in another one as ENGINE/NAME.\n"
               "printf hello | weir key sign receipts",
    .options = key_options,
    .max_args = COMMAND_ARGS_MAX,
    .actions = key_actions,
};
