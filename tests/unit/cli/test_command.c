/* command: the table of commands, and the reading of a command line. */
#include "check.h"
#include "cli/command.h"

static int run_nothing(const struct command_line *line)
{
    (void)line;
    return 0;
}

static const struct option options[] = {
    { "state", "FOLDER", "where" },
    { "quick", NULL, "how" },
    { "header", "TEXT", "again and again" },
    { 0 },
};
static const struct command command = {
    .name = "try",
    .arguments = "FILE [FILE]",
    .help = "Tries.",
    .options = options,
    .min_args = 1,
    .max_args = 2,
    .run = run_nothing,
};

enum { WORDS_MAX = 8 };

static struct command_line line;
static struct err err;

static int parse(const char *const *words)
{
    char *argv[WORDS_MAX];
    int argc = 0;

    for (; words[argc] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc];
    return command_parse(&command, argc, argv, &line, &err);
}

static void options_stand_anywhere(void)
{
    CHECK(
        parse((const char *const[]){ "--state", "/s", "a", "--quick", "b", "--json", NULL }) == 0);
    CHECK_U64(line.nargs, 2);
    CHECK_STR(str_from(line.args[0]), "a");
    CHECK_STR(str_from(line.args[1]), "b");
    CHECK_STR(str_from(command_option(&line, "state")), "/s");
    CHECK(command_option(&line, "quick") != NULL);
    CHECK(line.json && !line.help);
    CHECK(parse((const char *const[]){ "a", "--state=/t=u", NULL }) == 0);
    CHECK_STR(str_from(command_option(&line, "state")), "/t=u");
    CHECK(command_option(&line, "quick") == NULL);
}

static void two_dashes_end_the_options(void)
{
    CHECK(parse((const char *const[]){ "--", "--quick", NULL }) == 0);
    CHECK_STR(str_from(line.args[0]), "--quick");
    CHECK(command_option(&line, "quick") == NULL);
    CHECK(parse((const char *const[]){ "-", NULL }) == 0);
    CHECK_STR(str_from(line.args[0]), "-");
}

static void an_option_may_be_repeated(void)
{
    unsigned at = 0;

    CHECK(parse((const char *const[]){ "--header", "1", "a", "--header=2", NULL }) == 0);
    CHECK_STR(str_from(command_option_each(&line, "header", &at)), "1");
    CHECK_STR(str_from(command_option_each(&line, "header", &at)), "2");
    CHECK(command_option_each(&line, "header", &at) == NULL);
}

static void mistakes_are_told(void)
{
    static const struct {
        const char *words[4];
        const char *id;
        const char *text;
    } cases[] = {
        { { "a", "--stat", "x" }, "option_unknown", "--state" },
        { { "a", "--nonsense" }, "option_unknown", "weir help try" },
        { { "a", "-x" }, "option_unknown", "two dashes" },
        { { "a", "--state" }, "option_value", "--state FOLDER" },
        { { "a", "--quick=yes" }, "option_value", "takes no value" },
        { { "a", "--json=yes" }, "option_value", "takes no value" },
        { { "a", "b", "c" }, "argument_extra", "\"c\"" },
        { { "--quick" }, "argument_missing", "weir try FILE" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(parse(cases[i].words) == -1);
        CHECK_STR(str_from(err.id), cases[i].id);
        CHECK(strstr(err.text, cases[i].text) != NULL);
        CHECK_U64(err_exit_code(&err), 2);
    }
    CHECK(parse((const char *const[]){ "--help", NULL }) == 0 && line.help);
    CHECK(parse((const char *const[]){ "-h", NULL }) == 0 && line.help);
}

/* What the help, the man page and completion are made of. */
static void the_table_is_in_order(void)
{
    for (const struct command *const *c = commands; *c != NULL; c++) {
        size_t n = strlen((*c)->help);

        CHECK(command_find((*c)->name) == *c);
        CHECK(((*c)->run != NULL) != ((*c)->actions != NULL));
        CHECK((*c)->min_args <= (*c)->max_args);
        for (const struct action *a = (*c)->actions; a != NULL && a->name != NULL; a++)
            CHECK(a->run != NULL && a->min_args <= a->max_args && strlen(a->help) > 10);
        CHECK((*c)->max_args <= COMMAND_ARGS_MAX);
        CHECK(n > 10 && n < 100 && (*c)->help[0] >= 'A' && (*c)->help[0] <= 'Z');
        CHECK(((*c)->max_args > 0) == ((*c)->arguments[0] != '\0'));
        for (const struct option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            CHECK((size_t)(o - (*c)->options) < COMMAND_OPTIONS_MAX);
            CHECK(strcmp(o->name, "json") != 0 && strcmp(o->name, "help") != 0);
            CHECK(o->help != NULL && o->help[0] != '\0');
        }
    }
    CHECK(command_find("nonsense") == NULL);
}

TESTS(CASE(options_stand_anywhere), CASE(two_dashes_end_the_options),
    CASE(an_option_may_be_repeated), CASE(mistakes_are_told), CASE(the_table_is_in_order))
