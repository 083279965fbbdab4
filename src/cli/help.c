/*
 * help - `weir help`, `weir help COMMAND` and `weir version`.
 */
#include <string.h>

#include "base/json.h"
#include "cli/commands_int.h"
#include "cli/help.h"

static const struct option common[] = {
    { "json", NULL, "print JSON, for programs" },
    { "help", NULL, "print this" },
    { 0 },
};

void help_all(FILE *to)
{
    fputs("weir: an edge server, and who runs it, in one binary\n\n", to);
    fputs("usage: weir COMMAND [ARGUMENTS] [OPTIONS]\n\n", to);
    for (const struct command *const *c = commands; *c != NULL; c++)
        fprintf(to, "  %-11s %s\n", (*c)->name, (*c)->help);
    fputs("\n\"weir help COMMAND\" says more of one; every command takes --json.\n", to);
}

static void print_options(const struct option *list, FILE *to)
{
    for (const struct option *o = list; o != NULL && o->name != NULL; o++) {
        char left[64];

        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value != NULL ? " " : "",
            o->value != NULL ? o->value : "");
        fprintf(to, "  %-22s %s\n", left, o->help);
    }
}

void help_command(const struct command *c, FILE *to)
{
    fprintf(to, "usage: weir %s%s%s [OPTIONS]\n\n%s\n", c->name, c->arguments[0] != '\0' ? " " : "",
        c->arguments, c->help);
    if (c->actions != NULL)
        fputc('\n', to);
    for (const struct action *a = c->actions; a != NULL && a->name != NULL; a++) {
        char left[64];

        snprintf(left, sizeof(left), "%s%s%s", a->name, a->arguments[0] != '\0' ? " " : "",
            a->arguments);
        fprintf(to, "  %-28s %s\n", left, a->help);
    }
    if (c->details != NULL)
        fprintf(to, "\n%s\n", c->details);
    fputs("\noptions:\n", to);
    print_options(c->options, to);
    print_options(common, to);
}

static void put_command(struct json *j, const struct command *c)
{
    json_open(j, NULL, '{');
    json_put_text(j, "name", c->name);
    json_put_text(j, "arguments", c->arguments);
    json_put_text(j, "help", c->help);
    json_put_text(j, "details", c->details);
    json_open(j, "actions", '[');
    for (const struct action *a = c->actions; a != NULL && a->name != NULL; a++) {
        json_open(j, NULL, '{');
        json_put_text(j, "name", a->name);
        json_put_text(j, "arguments", a->arguments);
        json_put_text(j, "help", a->help);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_open(j, "options", '[');
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
        json_open(j, NULL, '{');
        json_put_text(j, "name", o->name);
        json_put_text(j, "value", o->value);
        json_put_text(j, "help", o->help);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

/* One command, or with NULL a list of all. */
static void help_json(const struct command *one)
{
    struct buf b;
    struct json j;

    buf_init(&b, 1 << 20);
    json_init(&j, &b, false);
    if (one != NULL) {
        put_command(&j, one);
    } else {
        json_open(&j, NULL, '[');
        for (const struct command *const *c = commands; *c != NULL; c++)
            put_command(&j, *c);
        json_close(&j, ']');
    }
    printf("%s\n", buf_cstr(&b));
    buf_free(&b);
}

static int run_help(const struct command_line *line)
{
    const struct command *c;
    struct err err;

    if (line->nargs == 0) {
        if (line->json)
            help_json(NULL);
        else
            help_all(stdout);
        return 0;
    }
    c = command_find(line->args[0]);
    if (c == NULL) {
        err_set(&err, ERR_CONFIG, "command_unknown",
            "there is no command \"%s\"; \"weir help\" lists them", line->args[0]);
        return command_fail(line, &err);
    }
    if (line->json)
        help_json(c);
    else
        help_command(c, stdout);
    return 0;
}

const struct command command_help = {
    .name = "help",
    .arguments = "[COMMAND]",
    .help = "Says what the commands are, or more of one.",
    .max_args = 1,
    .run = run_help,
};

static int run_version(const struct command_line *line)
{
    if (line->json)
        printf("{\"name\":\"weir\",\"version\":\"%s\"}\n", WEIR_VERSION);
    else
        printf("weir %s\n", WEIR_VERSION);
    return 0;
}

const struct command command_version = {
    .name = "version",
    .arguments = "",
    .help = "Prints the version of this binary.",
    .run = run_version,
};
