/*
 * command - from the command line to the command; see command.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/json.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/help.h"

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static const char *nearest_command(const char *name)
{
    const char *best = NULL;
    unsigned least = 3;

    for (const struct command *const *c = commands; *c != NULL; c++) {
        unsigned d = str_distance(str_from(name), str_from((*c)->name));

        if (d < least) {
            least = d;
            best = (*c)->name;
        }
    }
    return best;
}

static const struct option *find_option(const struct command *c, struct str name, unsigned *index)
{
    for (*index = 0; c->options != NULL && c->options[*index].name != NULL; (*index)++)
        if (str_is(name, c->options[*index].name))
            return &c->options[*index];
    return NULL;
}

const char *command_option(const struct command_line *line, const char *name)
{
    unsigned i;

    if (find_option(line->command, str_from(name), &i) == NULL)
        return NULL;
    return line->values[i];
}

const char *command_option_each(const struct command_line *line, const char *name, unsigned *at)
{
    unsigned i;

    if (find_option(line->command, str_from(name), &i) == NULL)
        return NULL;
    while (*at < line->ngiven)
        if (line->given[(*at)++].option == i)
            return line->given[*at - 1].value;
    return NULL;
}

static int unknown_option(const struct command *c, struct str name, struct err *err)
{
    const char *best = NULL;
    unsigned least = 3;

    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++) {
        unsigned d = str_distance(name, str_from(o->name));

        if (d < least) {
            least = d;
            best = o->name;
        }
    }
    if (best != NULL)
        return err_set(err, ERR_CONFIG, "option_unknown",
            "weir %s has no option --%.*s; did you mean --%s?", c->name, STR_ARG(name), best);
    return err_set(err, ERR_CONFIG, "option_unknown",
        "weir %s has no option --%.*s; \"weir help %s\" lists them", c->name, STR_ARG(name),
        c->name);
}

/* "--name", "--name=value" or "--name value"; *next is the word behind it. */
static int parse_option(
    struct command_line *out, const char *word, int *at, int argc, char **argv, struct err *err)
{
    struct str value;
    struct str name = str_cut(str_from(word + 2), '=', &value);
    const struct option *o;
    unsigned i;

    if (str_is(name, "json") || str_is(name, "help")) {
        if (value.at != NULL)
            return err_set(err, ERR_CONFIG, "option_value", "--%.*s takes no value", STR_ARG(name));
        *(str_is(name, "json") ? &out->json : &out->help) = true;
        return 0;
    }
    o = find_option(out->command, name, &i);
    if (o == NULL)
        return unknown_option(out->command, name, err);
    if (o->value == NULL) {
        if (value.at != NULL)
            return err_set(err, ERR_CONFIG, "option_value", "--%s takes no value", o->name);
        out->values[i] = "";
    } else if (value.at != NULL) {
        out->values[i] = value.at;
    } else if (*at + 1 < argc) {
        out->values[i] = argv[++*at];
    } else {
        return err_set(err, ERR_CONFIG, "option_value", "--%s needs a value: --%s %s", o->name,
            o->name, o->value);
    }
    if (out->ngiven == COMMAND_GIVEN_MAX)
        return err_set(err, ERR_CONFIG, "option_many", "more than %d options", COMMAND_GIVEN_MAX);
    out->given[out->ngiven].option = i;
    out->given[out->ngiven++].value = out->values[i];
    return 0;
}

int command_parse(
    const struct command *command, int argc, char **argv, struct command_line *out, struct err *err)
{
    bool only_args = false;

    memset(out, 0, sizeof(*out));
    out->command = command;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];

        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
        } else if (!only_args && strcmp(word, "-h") == 0) {
            out->help = true;
        } else if (!only_args && strncmp(word, "--", 2) == 0) {
            if (parse_option(out, word, &i, argc, argv, err) == -1)
                return -1;
        } else if (!only_args && word[0] == '-' && word[1] != '\0') {
            return err_set(err, ERR_CONFIG, "option_unknown",
                "weir %s has no option %s; options begin with two dashes", command->name, word);
        } else if (out->nargs >= command->max_args || out->nargs == COMMAND_ARGS_MAX) {
            return err_set(err, ERR_CONFIG, "argument_extra",
                "weir %s does not know what to do with \"%s\"; usage: weir %s%s%s", command->name,
                word, command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
        } else {
            out->args[out->nargs++] = word;
        }
    }
    if (!out->help && out->nargs < command->min_args)
        return err_set(err, ERR_CONFIG, "argument_missing", "usage: weir %s %s", command->name,
            command->arguments);
    return 0;
}

int command_fail(const struct command_line *line, const struct err *err)
{
    if (line != NULL && line->json) {
        struct buf b;
        struct json j;

        buf_init(&b, 1 << 16);
        json_init(&j, &b, false);
        json_open(&j, NULL, '{');
        json_open(&j, "error", '{');
        json_put_text(&j, "id", err->id);
        json_put_text(&j, "text", err->text);
        json_close(&j, '}');
        json_close(&j, '}');
        fprintf(stderr, "%s\n", buf_cstr(&b));
        buf_free(&b);
    } else {
        fprintf(stderr, "weir: %s\n", err->text);
    }
    return err_exit_code(err);
}

bool command_is_terminal(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

static int unknown_command(const char *name)
{
    const char *best = nearest_command(name);
    struct err err;

    if (best != NULL)
        err_set(&err, ERR_CONFIG, "command_unknown",
            "there is no command \"%s\"; did you mean \"weir %s\"?", name, best);
    else
        err_set(&err, ERR_CONFIG, "command_unknown",
            "there is no command \"%s\"; \"weir help\" lists them", name);
    return command_fail(NULL, &err);
}

/* What the command prints for a file to be, as a string in an object. */
static int run_as_json(const struct command_line *line)
{
    FILE *out = stdout;
    auto_free char *text = NULL;
    size_t len = 0;
    struct buf b;
    struct json j;
    int code;

    stdout = open_memstream(&text, &len);
    MUST(stdout != NULL);
    code = line->command->run(line);
    fclose(stdout);
    stdout = out;
    if (code != 0)
        return code;
    buf_init(&b, 1 << 24);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "command", line->command->name);
    json_put_str(&j, "text", (struct str){ text, len });
    json_close(&j, '}');
    puts(buf_cstr(&b));
    buf_free(&b);
    return 0;
}

/* The first argument is the action; the rest are its own. */
static int choose_action(struct command_line *line, struct err *err)
{
    const struct command *c = line->command;
    const struct action *found = NULL;
    const char *word = line->nargs > 0 ? line->args[0] : "";
    const char *best = NULL;
    unsigned least = 3;

    for (const struct action *a = c->actions; a->name != NULL; a++) {
        unsigned d = str_distance(str_from(word), str_from(a->name));

        if (d == 0)
            found = a;
        if (d < least) {
            least = d;
            best = a->name;
        }
    }
    if (found == NULL && best != NULL)
        return err_set(err, ERR_CONFIG, "action_unknown",
            "weir %s cannot \"%s\"; did you mean \"weir %s %s\"?", c->name, word, c->name, best);
    if (found == NULL)
        return err_set(err, ERR_CONFIG, "action_unknown",
            "weir %s cannot \"%s\"; \"weir help %s\" lists what it can", c->name, word, c->name);
    line->nargs--;
    memmove(line->args, line->args + 1, line->nargs * sizeof(line->args[0]));
    if (line->nargs < found->min_args || line->nargs > found->max_args)
        return err_set(err, ERR_CONFIG,
            line->nargs < found->min_args ? "argument_missing" : "argument_extra",
            "usage: weir %s %s%s%s", c->name, found->name, found->arguments[0] != '\0' ? " " : "",
            found->arguments);
    line->action = found;
    return 0;
}

static int run_action(struct command_line *line)
{
    struct err err;

    if (line->nargs == 0) {
        help_command(line->command, stdout);
        return 2;
    }
    if (choose_action(line, &err) == -1)
        return command_fail(line, &err);
    MUST(line->action != NULL);
    return line->action->run(line);
}

int command_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";
    const struct command *command;
    struct command_line line;
    struct err err;
    int code;

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    command = command_find(name);
    if (command == NULL)
        return unknown_command(name);
    if (command_parse(command, argc > 2 ? argc - 2 : 0, argv + 2, &line, &err) == -1)
        return command_fail(&line, &err);
    if (line.help) {
        help_command(command, stdout);
        code = 0;
    } else if (command->actions != NULL) {
        code = run_action(&line);
    } else {
        code = command->prints_a_file && line.json ? run_as_json(&line) : command->run(&line);
    }
    if (fflush(stdout) != 0 && code == 0) {
        err_set(&err, ERR_SYSTEM, "output", "cannot write the output");
        return command_fail(NULL, &err);
    }
    return code;
}
