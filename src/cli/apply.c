/*
 * weir apply - puts a new blueprint in the place of the live one, without loss.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/mem.h"
#include "cli/client_int.h"
#include "cli/commands_int.h"
#include "cli/problems.h"
#include "model/blueprint.h"

enum { APPLY_TIMEOUT = 600000 }; /* origin processes may take their time to start */

/* The problems as Weir told them, in the shape that problems_print() takes. */
static void problems_from(const json_t *list, struct problems *out)
{
    size_t n = json_array_size(list);

    *out = (struct problems){ .at = xcalloc(n + 1, sizeof(*out->at)) };
    for (size_t i = 0; i < n; i++) {
        const json_t *from = json_array_get(list, i);
        struct problem *p = &out->at[out->n++];

        p->file = xstrdup(json_text_at(from, "file"));
        p->line = (unsigned)json_number_at(from, "line");
        p->column = (unsigned)json_number_at(from, "column");
        p->id = xstrdup(json_text_at(from, "id"));
        p->text = xstrdup(json_text_at(from, "text"));
        p->warning = json_is_true(json_object_get(from, "warning"));
        out->nerrors += !p->warning;
    }
}

/* Control may read only what its sandbox lets it: did it fail to read whole files, and no more? */
static bool could_not_read(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (!p->at[i].warning && p->at[i].line > 0)
            return false;
    return p->nerrors > 0;
}

static int ask(const struct command_line *line, const char *path, struct str canonical,
    json_t **answer, struct err *err)
{
    json_t *body = json_object();

    if (path != NULL)
        json_object_set_new(body, "path", json_string(path));
    if (command_option(line, "environment") != NULL)
        json_object_set_new(body, "environment", json_string(command_option(line, "environment")));
    if (canonical.len > 0)
        json_object_set_new(body, "canonical", json_stringn(canonical.at, canonical.len));
    return command_ask(line,
        &(struct command_question){ "POST", "/v1/apply", body, APPLY_TIMEOUT, true }, answer, err);
}

/* Reads the file here and sends what it says. False: it cannot be read here either. */
static bool ask_with_text(
    const struct command_line *line, const char *given, json_t **answer, struct err *err)
{
    const struct blueprint_options options = { command_option(line, "environment"), NULL };
    auto_free char *path = xstrdup(given != NULL ? given : json_text_at(*answer, "path"));
    struct problems problems;
    struct blueprint *b = blueprint_load(path, &options, &problems);
    json_t *now = NULL;

    problems_free(&problems);
    if (b == NULL)
        return false;
    if (ask(line, path, b->canonical, &now, err) == 0) {
        json_decref(*answer);
        *answer = now;
    }
    blueprint_unref(b);
    return now != NULL;
}

static int report(const struct command_line *line, const json_t *answer, const struct problems *p)
{
    const json_t *error = json_object_get(answer, "error");
    bool applied = json_is_true(json_object_get(answer, "applied"));
    struct err err;

    if (line->json)
        command_print_json(answer);
    else if (p->n > 0)
        problems_print(stderr, p);
    if (applied && !line->json)
        printf("applied %s, version %s, in %.1f ms\n", json_text_at(answer, "path"),
            json_text_at(answer, "version"), (double)json_number_at(answer, "took_us") / 1000);
    if (applied)
        return 0;
    err_set(&err, p->nerrors > 0 ? ERR_CONFIG : ERR_PEER, "apply_refused", "%s",
        p->nerrors > 0 ? "the blueprint has errors; the live one stays as it is"
                       : json_text_at(error, "text"));
    return line->json ? err_exit_code(&err) : command_fail(line, &err);
}

static int run_apply(const struct command_line *line)
{
    auto_free char *path = line->nargs > 0 ? realpath(line->args[0], NULL) : NULL;
    struct problems problems;
    json_t *answer;
    struct err err;
    int code;

    if (line->nargs > 0 && path == NULL) {
        err_set(&err, ERR_CONFIG, "blueprint_missing", "there is no file %s", line->args[0]);
        return command_fail(line, &err);
    }
    if (ask(line, path, STR_NONE, &answer, &err) == -1)
        return command_fail(line, &err);
    problems_from(json_object_get(answer, "problems"), &problems);
    if (could_not_read(&problems) && ask_with_text(line, path, &answer, &err)) {
        problems_free(&problems);
        problems_from(json_object_get(answer, "problems"), &problems);
    }
    code = report(line, answer, &problems);
    problems_free(&problems);
    json_decref(answer);
    return code;
}

static const struct option options[] = {
    { "environment", "NAME", "lay environments/NAME.yaml over the file" },
    OPTIONS_CLIENT,
    { 0 },
};

const struct command command_apply = {
    .name = "apply",
    .arguments = "[FILE]",
    .help = "Put a blueprint in the place of the live one, without losing a request.",
    .details =
        "All of it or nothing: a blueprint that is wrong, or that cannot be served, is refused\n"
        "and the live one stays.  Without FILE the same file is read again, as on SIGHUP.",
    .options = options,
    .max_args = 1,
    .run = run_apply,
};
