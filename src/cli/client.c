/*
 * client - see client_int.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client_int.h"
#include "model/blueprint.h"

static char *state_of(const char *file)
{
    const struct blueprint_options options = { NULL, NULL };
    struct problems problems;
    struct blueprint *b;
    char *state = NULL;

    if (access(file, R_OK) != 0)
        return NULL;
    b = blueprint_load(file, &options, &problems);
    if (b != NULL)
        state = xstrdup(b->state.at);
    problems_free(&problems);
    blueprint_unref(b);
    return state;
}

char *command_state_here(void)
{
    return state_of("weir.yaml");
}

struct client *command_client(const struct command_line *line, struct err *err)
{
    const char *socket = command_option(line, "socket");
    const char *state = command_option(line, "state");
    const char *environment = getenv("WEIR_STATE");
    auto_free char *found = NULL;

    /* A file that is to be applied says itself which Weir is meant. */
    if (socket == NULL && state == NULL && (environment == NULL || environment[0] == '\0') &&
        strcmp(line->command->name, "apply") == 0 && line->nargs > 0)
        found = state_of(line->args[0]);
    if (found != NULL)
        state = found;
    return client_new(socket, state, command_state_here, err);
}

static int error_of(const json_t *root, unsigned status, struct err *err)
{
    const json_t *error = json_object_get(root, "error");
    const char *text = json_string_value(json_object_get(error, "text"));
    enum err_kind kind = status < 500 && status != 403 ? ERR_CONFIG : ERR_PEER;

    /* The id lives as long as the answer, and errors keep theirs for ever: a fixed one. */
    return err_set(
        err, kind, "refused", "%s", text != NULL ? text : "Weir refused, and did not say why");
}

int command_ask(const struct command_line *line, const struct command_question *q, json_t **root,
    struct err *err)
{
    struct client *c = command_client(line, err);
    auto_free char *text = q->body != NULL ? json_dumps(q->body, JSON_COMPACT) : NULL;
    const struct client_question question = {
        .method = q->method,
        .target = q->target,
        .body = str_from(text),
        .timeout = q->timeout > 0 ? q->timeout : CLIENT_TIMEOUT,
    };
    struct client_answer answer;
    int result;

    json_decref(q->body);
    if (c == NULL)
        return -1;
    result = client_ask(c, &question, &answer, err);
    client_free(c);
    if (result == -1)
        return -1;
    *root = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    buf_free(&answer.body);
    if (*root == NULL)
        return err_set(err, ERR_PEER, "client_answer", "the answer of Weir is not JSON");
    if (answer.status >= 400 && !q->keep) {
        result = error_of(*root, answer.status, err);
        json_decref(*root);
    }
    return result;
}

const char *json_text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s != NULL ? s : "";
}

json_int_t json_number_at(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

void command_print_json(const json_t *root)
{
    auto_free char *text = json_dumps(root, JSON_INDENT(2));

    printf("%s\n", text != NULL ? text : "null");
}
