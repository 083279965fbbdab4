/*
 * weir origin - origin processes by hand.
 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/client_int.h"
#include "cli/commands_int.h"

static int list(const struct command_line *line)
{
    json_t *root;
    json_t *o;
    size_t i;
    struct err err;

    if (command_ask(line, &(struct command_question){ "GET", "/v1/origins" }, &root, &err) == -1)
        return command_fail(line, &err);
    if (line->json) {
        command_print_json(root);
        json_decref(root);
        return 0;
    }
    printf(
        "%-20s %-9s %-22s %8s %9s  %s\n", "ORIGIN", "STATE", "ADDRESS", "PID", "RESTARTS", "SINCE");
    json_array_foreach(json_object_get(root, "origins"), i, o)
    {
        char name[128];

        snprintf(name, sizeof(name), "%s/%lld", json_text_at(o, "service"),
            (long long)json_number_at(o, "instance"));
        printf("%-20s %-9s %-22s %8lld %9lld  %s\n", name, json_text_at(o, "state"),
            json_text_at(o, "address"), (long long)json_number_at(o, "pid"),
            (long long)json_number_at(o, "restarts"), json_text_at(o, "since"));
    }
    json_array_foreach(json_object_get(root, "names"), i, o)
    {
        size_t k;
        json_t *a;

        printf("%-20s", json_text_at(o, "name"));
        json_array_foreach(json_object_get(o, "addresses"), k, a)
        {
            printf(" %s", json_string_value(a));
        }
        printf("%s%s\n", json_text_at(o, "error")[0] != '\0' ? "  " : "", json_text_at(o, "error"));
    }
    json_decref(root);
    return 0;
}

static bool is_plain(const char *s)
{
    for (; *s != '\0'; s++)
        if (strchr("?#% \\", *s) != NULL || (unsigned char)*s < '!')
            return false;
    return true;
}

static int act(const struct command_line *line, const char *action, const char *origin)
{
    const char *slash = strchr(origin, '/');
    char target[512];
    json_t *root;
    struct err err;

    if (slash == NULL || strchr(slash + 1, '/') != NULL || !is_plain(origin) || !is_plain(action) ||
        (size_t)snprintf(target, sizeof(target), "/v1/origins/%s/%s", origin, action) >=
            sizeof(target)) {
        err_set(&err, ERR_CONFIG, "origin_syntax",
            "\"%s\" is not an origin process; write SERVICE/INSTANCE, as in api/1", origin);
        return command_fail(line, &err);
    }
    if (command_ask(line, &(struct command_question){ "POST", target }, &root, &err) == -1)
        return command_fail(line, &err);
    if (line->json)
        command_print_json(root);
    else
        printf("%s: %s\n", origin, action);
    json_decref(root);
    return 0;
}

static int run_origin(const struct command_line *line)
{
    struct err err;

    if (line->nargs == 0)
        return list(line);
    if (line->nargs == 1) {
        err_set(&err, ERR_CONFIG, "argument_missing", "usage: weir origin %s SERVICE/INSTANCE",
            line->args[0]);
        return command_fail(line, &err);
    }
    return act(line, line->args[0], line->args[1]);
}

static const struct option origin_options[] = { OPTIONS_CLIENT, { 0 } };

const struct command command_origin = {
    .name = "origin",
    .arguments = "[stop|start|restart|kill SERVICE/INSTANCE]",
    .help = "List the origin processes that Weir runs, or stop, start, restart or kill one.",
    .details = "weir origin kill api/1    kills a process at once: watch the edge cope, and Weir\n"
               "                          start another",
    .options = origin_options,
    .max_args = 2,
    .run = run_origin,
};
