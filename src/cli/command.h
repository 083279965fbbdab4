/*
 * command - what `weir` can be told to do, as a table.
 *
 * A command is one file with one `const struct command command_NAME`, listed
 * in commands.c.  From the table come the parsing of the command line, `weir
 * help`, shell completion and the man page.
 *
 * Every command takes --json and --help.  Exit codes: 0 done, 1 failed, 2 the
 * user's input.  What goes wrong is one sentence on stderr.
 */
#ifndef WEIR_CLI_COMMAND_H
#define WEIR_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { COMMAND_ARGS_MAX = 16, COMMAND_OPTIONS_MAX = 16, COMMAND_GIVEN_MAX = 64 };

struct option {
    const char *name;  /* "environment" is --environment; NULL ends the list */
    const char *value; /* what the value is, "NAME", "FILE", "FOLDER"; NULL: a switch */
    const char *help;
};

/* For commands that talk to a running Weir: see command_client(). */
#define OPTIONS_CLIENT                                                                             \
    { "state", "FOLDER", "the state folder of the Weir that is meant" },                           \
    {                                                                                              \
        "socket", "FILE", "its admin socket, when it is not in the state folder"                   \
    }

struct command_line;
/* One of the things that a command can do: `weir keeper seal`. */
struct action {
    const char *name; /* NULL ends the list */
    const char *arguments;
    const char *help;
    unsigned min_args;
    unsigned max_args;
    int (*run)(const struct command_line *line); /* line->args begin behind the action */
};

struct command {
    const char *name;
    const char *arguments; /* "FILE", "[WORD]"; "" for none */
    const char *help;      /* one sentence */
    const char *details;   /* what `weir help NAME` and the man page say more; NULL: nothing */
    const struct option *options; /* NULL: none but the common ones */
    unsigned min_args;
    unsigned max_args;
    bool prints_a_file; /* a script, a page: with --json it becomes {"command":..., "text":...} */
    const struct action *actions; /* instead of run: the first argument is one of them; or NULL */
    /* Returns the exit code. */
    int (*run)(const struct command_line *line);
};

struct command_line {
    const struct command *command;
    const struct action *action; /* when the command has actions */
    const char *args[COMMAND_ARGS_MAX];
    unsigned nargs;
    bool json;
    bool help;
    const char *values[COMMAND_OPTIONS_MAX]; /* as command->options; NULL: not given */
    struct {
        unsigned option;
        const char *value;
    } given[COMMAND_GIVEN_MAX]; /* every option in its order, see command_option_each() */
    unsigned ngiven;
};

/* All commands, in the order of the help; NULL at the end. */
extern const struct command *const commands[];

const struct command *command_find(const char *name);
/* The value of an option, "" for a switch that is there, NULL when it was not given. */
const char *command_option(const struct command_line *line, const char *name);
/* For an option that may be repeated: its next value, NULL after the last. *at begins as 0. */
const char *command_option_each(const struct command_line *line, const char *name, unsigned *at);
/* Options may stand anywhere; "--" ends them.  argv begins behind the command's name. */
int command_parse(const struct command *command, int argc, char **argv, struct command_line *out,
    struct err *err);
/* argv as main() has it. Returns the exit code. */
int command_main(int argc, char **argv);

/* Says what went wrong ("weir: sentence", or a JSON object with --json); returns the exit code. */
int command_fail(const struct command_line *line, const struct err *err);
/* May colours and cursor movements be used on stdout? */
bool command_is_terminal(void);

#endif
