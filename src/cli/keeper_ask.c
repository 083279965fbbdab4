/*
 * keeper_ask - asks the keeper of a running Weir over its own socket; see keeper_int.h.
 *
 * Not by way of control: what goes to and fro here are secrets.
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "cli/keeper_int.h"

enum { TOKEN_MAX = 8192 };

/* ---- the token ---- */

char *keeper_token_path(void)
{
    const char *home = getenv("HOME");
    const struct passwd *pw = home == NULL || home[0] == '\0' ? getpwuid(geteuid()) : NULL;

    if (pw != NULL)
        home = pw->pw_dir;
    return xasprintf("%s/.vault-token", home != NULL && home[0] != '\0' ? home : ".");
}

static bool is_token(const char *s)
{
    for (const char *c = s; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return false;
    return s[0] != '\0';
}

char *keeper_token(struct err *err)
{
    const char *environment = getenv("VAULT_TOKEN");
    auto_free char *path = keeper_token_path();
    char text[TOKEN_MAX] = "";
    struct str trimmed;
    char *token = NULL;
    ssize_t n;
    int fd;

    if (environment != NULL && environment[0] != '\0') {
        snprintf(text, sizeof(text), "%s", environment);
    } else if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0) {
        n = read(fd, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        close(fd);
    } else if (!can_prompt() || !read_line("token", text, sizeof(text))) {
        err_set(err, ERR_CONFIG, "token_missing",
            "this needs a token: set VAULT_TOKEN, or run \"weir keeper login\"");
        return NULL;
    }
    trimmed = str_trim(str_from(text));
    token = xstrndup(trimmed.at, trimmed.len);
    explicit_bzero(text, sizeof(text));
    if (is_token(token))
        return token;
    free(token);
    err_set(err, ERR_CONFIG, "token_missing", "what VAULT_TOKEN or %s holds is no token", path);
    return NULL;
}

/* ---- one question ---- */

static void put_path(struct buf *b, const char *path)
{
    static const char plain[] = "-._~/+@:";

    for (const char *c = path; *c != '\0'; c++)
        if ((*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') ||
            strchr(plain, *c) != NULL)
            buf_char(b, *c);
        else
            buf_printf(b, "%%%02X", (unsigned char)*c);
}

/* "1 error occurred:\n\t* permission denied\n\n" says no more than its middle. */
static struct str plain_error(const char *text)
{
    const char *star = strstr(text, "* ");
    struct str rest = star != NULL ? str_from(star + 2) : str_from(text);

    return str_trim(str_cut(rest, '\n', &rest));
}

static int refused(const struct keeper_answer *a, const char *path, struct err *err)
{
    const char *text = json_string_value(json_array_get(json_object_get(a->root, "errors"), 0));
    enum err_kind kind = a->status == 403 ? ERR_DENIED : a->status < 500 ? ERR_CONFIG : ERR_PEER;
    struct str why = plain_error(text != NULL ? text : "");

    if (why.len > 0)
        return err_set(err, kind, "keeper_refused", "%.*s", STR_ARG(why));
    if (a->status == 404)
        return err_set(err, kind, "keeper_nothing", "there is nothing at %s", path);
    return err_set(err, kind, "keeper_refused", "the keeper refused (status %u)", a->status);
}

static char *state_of_blueprint(void)
{
    return command_state_here();
}

int keeper_ask(const struct command_line *line, const struct keeper_question *q,
    struct keeper_answer *out, struct err *err)
{
    auto_free char *text = q->body != NULL ? json_dumps(q->body, JSON_COMPACT) : NULL;
    struct client *c = client_new_keeper(
        command_option(line, "socket"), command_option(line, "state"), state_of_blueprint, err);
    char *token = c != NULL && !q->open ? keeper_token(err) : NULL;
    struct client_question question = { .method = q->method, .token = token };
    struct client_answer answer;
    struct buf target;
    int result = -1;

    json_decref(q->body);
    *out = (struct keeper_answer){ 0 };
    if (c != NULL && (q->open || token != NULL)) {
        buf_init(&target, 65536);
        buf_text(&target, "/v1/");
        put_path(&target, q->path);
        if (q->query != NULL)
            buf_printf(&target, "?%s", q->query);
        question.target = buf_cstr(&target);
        question.body = q->raw.len > 0 ? q->raw : str_from(text);
        question.content_type = q->raw.len > 0 ? "application/octet-stream" : "application/json";
        question.timeout = CLIENT_TIMEOUT;
        result = client_ask(c, &question, &answer, err);
        buf_free(&target);
    }
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    if (token != NULL)
        explicit_bzero(token, strlen(token));
    free(token);
    client_free(c);
    if (result == -1)
        return -1;
    out->status = answer.status;
    out->bytes = answer.body;
    out->root = json_loadb(answer.body.data, answer.body.len, JSON_ALLOW_NUL, NULL);
    if (answer.status < 400 || q->keep)
        return 0;
    result = refused(out, q->path, err);
    keeper_answer_free(out);
    return result;
}

void keeper_answer_free(struct keeper_answer *a)
{
    json_decref(a->root);
    buf_free(&a->bytes);
    *a = (struct keeper_answer){ 0 };
}

const json_t *keeper_data(const struct keeper_answer *a)
{
    const json_t *data = json_object_get(a->root, "data");

    return json_is_object(data) ? data : a->root;
}

void keeper_print_json(const struct keeper_answer *a)
{
    if (a->root != NULL)
        command_print_json(keeper_data(a));
    else
        printf("{\"done\": true}\n");
}

int keeper_list(const struct command_line *line, const char *path)
{
    struct keeper_answer a;
    struct err err;
    const json_t *keys;
    size_t i;
    const json_t *key;

    if (keeper_ask(line, &(struct keeper_question){ .method = "LIST", .path = path }, &a, &err) ==
        -1)
        return command_fail(line, &err);
    keys = json_object_get(keeper_data(&a), "keys");
    if (line->json)
        command_print_json(keys);
    else
        json_array_foreach(keys, i, key)
        {
            printf("%s\n", json_string_value(key));
        }
    keeper_answer_free(&a);
    return 0;
}

int keeper_do(const struct command_line *line, const struct keeper_question *q, const char *done)
{
    struct keeper_answer a;
    struct err err;

    if (keeper_ask(line, q, &a, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        keeper_print_json(&a);
    else if (done != NULL)
        printf("%s\n", done);
    keeper_answer_free(&a);
    return 0;
}
