/*
 * weir keeper - the life of the keeper: beginning, opening and closing it, its own keys.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "cli/commands_int.h"
#include "cli/keeper_actions_int.h"

enum { KEY_BYTES = 32, SHARE_MOST = 512 };

/* ---- status ---- */

static int status(const struct command_line *line)
{
    struct keeper_answer a;
    struct keeper_answer health;
    struct err err;
    const char *state;

    if (keeper_ask(line,
            &(struct keeper_question){ .method = "GET", .path = "sys/seal-status", .open = true },
            &a, &err) == -1 ||
        keeper_ask(line,
            &(struct keeper_question){
                .method = "GET", .path = "sys/health", .open = true, .keep = true },
            &health, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        if (health.root != NULL)
            json_object_set(a.root, "health", health.root);
        command_print_json(a.root);
    } else {
        state = !json_is_true(json_object_get(a.root, "initialized")) ? "not initialised"
                : json_is_true(json_object_get(a.root, "sealed"))     ? "sealed"
                                                                      : "open";
        printf("keeper  %s\n", state);
        printf("  seal     %lld of %lld shares%s\n", (long long)json_number_at(a.root, "t"),
            (long long)json_number_at(a.root, "n"),
            json_is_true(json_object_get(a.root, "recovery_seal")) ? ", or the key file" : "");
        if (json_number_at(a.root, "progress") > 0)
            printf("  given    %lld so far\n", (long long)json_number_at(a.root, "progress"));
        printf("  API      Vault %s\n", json_text_at(a.root, "version"));
    }
    keeper_answer_free(&a);
    keeper_answer_free(&health);
    return 0;
}

/* ---- init ---- */

static void print_shares(const json_t *root)
{
    const json_t *shares = json_object_get(root, "keys_base64");
    size_t i;
    json_t *share;

    puts("The keeper is initialised.  What follows is shown once and kept nowhere:\n");
    json_array_foreach(shares, i, share)
    {
        printf("  share %zu     %s\n", i + 1, json_string_value(share));
    }
    printf("  root token  %s\n\n", json_text_at(root, "root_token"));
    puts("Give each share to another person: together they open the keeper when its key file is\n"
         "lost or it has none (weir keeper unseal).  Use the root token to set things up, then\n"
         "revoke it.");
}

static json_t *number_of(const struct command_line *line, const char *option, json_int_t otherwise)
{
    const char *text = command_option(line, option);
    uint64_t n;

    if (text == NULL)
        return json_integer(otherwise);
    return str_to_u64(str_from(text), 255, &n) ? json_integer((json_int_t)n) : json_string(text);
}

static int init(const struct command_line *line)
{
    json_t *body = json_object();
    struct keeper_answer a;
    struct err err;

    json_object_set_new(body, "secret_shares", number_of(line, "shares", 5));
    json_object_set_new(body, "secret_threshold", number_of(line, "threshold", 3));
    if (keeper_ask(line,
            &(struct keeper_question){
                .method = "PUT", .path = "sys/init", .body = body, .open = true },
            &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        command_print_json(a.root);
    else
        print_shares(a.root);
    keeper_answer_free(&a);
    return 0;
}

/* ---- shares ---- */

/* The next share that somebody gives; false (said) at the end. */
static bool next_share(char share[SHARE_MOST], struct err *err)
{
    struct str trimmed;

    if (!read_line("share", share, SHARE_MOST)) {
        err_set(err, ERR_CONFIG, "value_missing",
            "too few shares were given: write one a line on stdin, or run this on a terminal");
        return false;
    }
    trimmed = str_trim(str_from(share));
    memmove(share, trimmed.at, trimmed.len);
    share[trimmed.len] = '\0';
    return true;
}

static int unseal(const struct command_line *line)
{
    struct keeper_answer a = { 0 };
    struct err err;
    bool sealed = true;

    while (sealed) {
        json_t *body = json_object();
        char share[SHARE_MOST];

        if (!next_share(share, &err)) {
            json_decref(body);
            return command_fail(line, &err);
        }
        json_object_set_new(body, "key", json_string(share));
        explicit_bzero(share, sizeof(share));
        keeper_answer_free(&a);
        if (keeper_ask(line,
                &(struct keeper_question){
                    .method = "PUT", .path = "sys/unseal", .body = body, .open = true },
                &a, &err) == -1)
            return command_fail(line, &err);
        sealed = json_is_true(json_object_get(a.root, "sealed"));
        if (!line->json && sealed)
            printf("%lld of %lld shares\n", (long long)json_number_at(a.root, "progress"),
                (long long)json_number_at(a.root, "t"));
        fflush(stdout);
    }
    if (line->json)
        command_print_json(a.root);
    else
        puts("the keeper is open");
    keeper_answer_free(&a);
    return 0;
}

static int seal(const struct command_line *line)
{
    return keeper_do(line, &(struct keeper_question){ .method = "PUT", .path = "sys/seal" },
        "the keeper is sealed; weir keeper unseal opens it");
}

static int rotate(const struct command_line *line)
{
    return keeper_do(line, &(struct keeper_question){ .method = "PUT", .path = "sys/rotate" },
        "what is written from now on is sealed with a new key; the rest follows in the background");
}

/* One share of the old ones after another until the new ones are there. */
static int give_shares(const struct command_line *line, const char *nonce)
{
    struct keeper_answer a = { 0 };
    struct err err;
    bool complete = false;

    while (!complete) {
        json_t *body = json_object();
        char share[SHARE_MOST];

        if (!next_share(share, &err)) {
            json_decref(body);
            return command_fail(line, &err);
        }
        json_object_set_new(body, "key", json_string(share));
        json_object_set_new(body, "nonce", json_string(nonce));
        explicit_bzero(share, sizeof(share));
        keeper_answer_free(&a);
        if (keeper_ask(line,
                &(struct keeper_question){
                    .method = "PUT", .path = "sys/rekey/update", .body = body },
                &a, &err) == -1)
            return command_fail(line, &err);
        complete = json_is_true(json_object_get(a.root, "complete"));
    }
    if (line->json) {
        command_print_json(a.root);
    } else {
        size_t i;
        json_t *share;

        puts("The old shares open nothing any more.  The new ones, shown once:\n");
        json_array_foreach(json_object_get(a.root, "keys_base64"), i, share)
        {
            printf("  share %zu  %s\n", i + 1, json_string_value(share));
        }
    }
    keeper_answer_free(&a);
    return 0;
}

static int rekey(const struct command_line *line)
{
    json_t *body = json_object();
    struct keeper_answer a;
    struct err err;
    auto_free char *nonce = NULL;

    json_object_set_new(body, "secret_shares", number_of(line, "shares", 5));
    json_object_set_new(body, "secret_threshold", number_of(line, "threshold", 3));
    if (keeper_ask(line,
            &(struct keeper_question){ .method = "PUT", .path = "sys/rekey/init", .body = body },
            &a, &err) == -1)
        return command_fail(line, &err);
    nonce = xstrdup(json_text_at(a.root, "nonce"));
    keeper_answer_free(&a);
    return give_shares(line, nonce);
}

/* ---- the key file ---- */

static int keygen(const struct command_line *line)
{
    const char *path = line->args[0];
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    unsigned char key[KEY_BYTES];
    struct buf text;
    struct err err;
    int result;

    if (fd < 0) {
        err_set(&err, ERR_SYSTEM, "key_file", "%s cannot be made", path);
        return command_fail(line, &err);
    }
    random_bytes(key, sizeof(key));
    buf_init_secret(&text, 256);
    put_base64(&text, (struct str){ (const char *)key, sizeof(key) });
    buf_char(&text, '\n');
    explicit_bzero(key, sizeof(key));
    result = fd_write_all(fd, text.data, text.len) == -1 || fsync(fd) == -1;
    buf_free(&text);
    if (result != 0) {
        err_set(&err, ERR_SYSTEM, "key_file", "%s cannot be written", path);
        unlink(path);
        return command_fail(line, &err);
    }
    if (line->json)
        printf("{\"path\":\"%s\"}\n", path);
    else
        printf("%s holds a new key; name it in the blueprint: keeper: {seal: {key_file: %s}}\n",
            path, path);
    return 0;
}

/* ---- the token ---- */

static int keep_token(const char *token, struct err *err)
{
    auto_free char *path = keeper_token_path();
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || fchmod(fd, 0600) == -1 || fd_write_all(fd, token, strlen(token)) == -1)
        return err_set(err, ERR_SYSTEM, "token_file", "%s cannot be written", path);
    return 0;
}

static int login(const struct command_line *line)
{
    struct keeper_answer a;
    struct buf token;
    struct err err;

    buf_init_secret(&token, 65536);
    if (read_value("token", &token, &err) == -1)
        return command_fail(line, &err);
    if (setenv("VAULT_TOKEN", buf_cstr(&token), 1) == -1 ||
        keeper_ask(line,
            &(struct keeper_question){ .method = "GET", .path = "auth/token/lookup-self" }, &a,
            &err) == -1 ||
        keep_token(buf_cstr(&token), &err) == -1)
        return command_fail(line, &err);
    buf_free(&token);
    if (line->json)
        keeper_print_json(&a);
    else
        printf("logged in as %s\n", json_text_at(keeper_data(&a), "display_name"));
    keeper_answer_free(&a);
    return 0;
}

static int token(const struct command_line *line)
{
    json_t *body = json_object();
    json_t *policies = json_array();
    const char *ttl = command_option(line, "ttl");
    struct keeper_answer a;
    struct err err;

    for (unsigned i = 0; i < line->nargs; i++)
        json_array_append_new(policies, json_string(line->args[i]));
    json_object_set_new(body, "policies", policies);
    if (ttl != NULL)
        json_object_set_new(body, "ttl", json_string(ttl));
    if (keeper_ask(line,
            &(struct keeper_question){
                .method = "POST", .path = "auth/token/create", .body = body },
            &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        command_print_json(json_object_get(a.root, "auth"));
    else
        printf("%s\n", json_text_at(json_object_get(a.root, "auth"), "client_token"));
    keeper_answer_free(&a);
    return 0;
}

static int approve(const struct command_line *line)
{
    json_t *body = json_object();

    json_object_set_new(body, "accessor", json_string(line->args[0]));
    return keeper_do(line,
        &(struct keeper_question){
            .method = "POST", .path = "sys/control-group/authorize", .body = body },
        "you agreed; once enough have, whoever asked may ask again");
}

/* ---- the command ---- */

static const struct option keeper_options[] = {
    OPTIONS_KEEPER,
    { "shares", "N", "init, rekey: how many shares (5)" },
    { "threshold", "N", "init, rekey: how many of them open the keeper (3)" },
    { "ttl", "TIME", "token: how long it lives, as in 1h" },
    { "recipient", "KEY", "backup: who can restore it, see identity; may be repeated" },
    { "identity", "FILE", "restore, drill: the private key of a recipient" },
    { "key", "NAME", "incident: the key, ENGINE/NAME" },
    { "issuer", "NAME", "incident: the issuer, ENGINE/NAME" },
    { "entity", "NAME", "incident: whoever logs in" },
    { "reason", "TEXT", "incident: for the report" },
    { "do", NULL, "incident: do it; without, only say what it would touch" },
    { "head", "LINE", "audit: a signed head that was kept elsewhere" },
    { 0 },
};

static const struct action keeper_actions[] = {
    { "status", "", "Is it initialised, is it open?", 0, 0, status },
    { "keygen", "FILE", "Make a key file that opens it at each start.", 1, 1, keygen },
    { "init", "", "Begin: prints the recovery shares and the root token, once.", 0, 0, init },
    { "unseal", "", "Open it with shares: from the terminal, or one a line on stdin.", 0, 0,
        unseal },
    { "seal", "", "Close it: nothing is read or signed until it is opened.", 0, 0, seal },
    { "rotate", "", "Seal what it stores with a new key.", 0, 0, rotate },
    { "rekey", "", "New shares in place of the old ones, which are asked for.", 0, 0, rekey },
    { "login", "", "Check a token and keep it in ~/.vault-token.", 0, 0, login },
    { "token", "POLICY...", "Make a token with these policies.", 1, COMMAND_ARGS_MAX, token },
    { "approve", "ACCESSOR", "Agree to a request that needs approvals.", 1, 1, approve },
    { "identity", "FILE", "Make a key pair for backups: FILE gets the private half.", 1, 1,
        keeper_identity },
    { "backup", "FILE", "Write all it keeps to a file, encrypted to recipients.", 1, 1,
        keeper_backup },
    { "restore", "FILE", "Fill an empty keeper from a backup.", 1, 1, keeper_restore },
    { "drill", "FILE", "Restore aside, and prove every key against the live one.", 1, 1,
        keeper_drill },
    { "incident", "", "Something is compromised: what that touches, and with --do its end.", 0, 0,
        keeper_incident },
    { "audit", "verify [FOLDER]", "Was any record of the audit journal changed or taken away?", 1,
        2, keeper_audit },
    { 0 },
};

const struct command command_keeper = {
    .name = "keeper",
    .arguments = "ACTION",
    .help = "Begin, open, close, back up and look after the keeper of secrets and keys.",
    .details =
        "Shares, tokens and values are read from the terminal without showing them, or from\n"
        "stdin; never from the command line.  The token comes from $VAULT_TOKEN or\n"
        "~/.vault-token.",
    .options = keeper_options,
    .min_args = 0,
    .max_args = COMMAND_ARGS_MAX,
    .actions = keeper_actions,
};
