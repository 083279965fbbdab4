/*
 * man - the man page weir(1) as roff, from the table of commands.
 */
#include <stdio.h>

#include "cli/commands_int.h"

/* roff: a dot or a quote begins a request, a dash may be broken, a backslash escapes. */
static void roff(const char *s)
{
    bool line_start = true;

    for (; *s != '\0'; s++) {
        if (line_start && (*s == '.' || *s == '\''))
            fputs("\\&", stdout);
        if (*s == '\\')
            fputs("\\e", stdout);
        else if (*s == '-')
            fputs("\\-", stdout);
        else
            putchar(*s);
        line_start = *s == '\n';
    }
}

static void print_option(const struct option *o)
{
    fputs(".RS\n.TP\n.B \\-\\-", stdout);
    roff(o->name);
    if (o->value != NULL) {
        fputs(" \\fI", stdout);
        roff(o->value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    roff(o->help);
    fputs("\n.RE\n", stdout);
}

static void print_command(const struct command *c)
{
    printf(".TP\n.B weir %s\n", c->name);
    if (c->arguments[0] != '\0') {
        fputs(".I ", stdout);
        roff(c->arguments);
        putchar('\n');
    }
    fputs(".br\n", stdout);
    roff(c->help);
    putchar('\n');
    for (const struct action *a = c->actions; a != NULL && a->name != NULL; a++) {
        fputs(".RS\n.TP\n.B ", stdout);
        roff(a->name);
        fputs("\n.I ", stdout);
        roff(a->arguments[0] != '\0' ? a->arguments : " ");
        fputs("\n.br\n", stdout);
        roff(a->help);
        fputs("\n.RE\n", stdout);
    }
    if (c->details != NULL) {
        fputs(".RS\n.PP\n.nf\n", stdout);
        roff(c->details);
        fputs("\n.fi\n.RE\n", stdout);
    }
    for (const struct option *o = c->options; o != NULL && o->name != NULL; o++)
        print_option(o);
}

static int run_man(const struct command_line *line)
{
    (void)line;
    printf(".TH WEIR 1 \"\" \"weir %s\" \"Weir\"\n", WEIR_VERSION);
    fputs(
        ".SH NAME\nweir \\- an edge server, and who runs it, in one binary\n"
        ".SH SYNOPSIS\n.B weir\n.I command\n[arguments] [options]\n"
        ".SH DESCRIPTION\n"
        "Weir serves an application as one blueprint (weir.yaml) says: TLS, routing, limits,\n"
        "resilient proxying, logs and metrics.  A blueprint is changed without loss of a request\n"
        "by\n.BR \"weir apply\" .\n\"weir explain\" documents every word of it.\n"
        ".SH COMMANDS\nEvery command takes\n.B \\-\\-json\n(print JSON) and\n.BR \\-\\-help .\n",
        stdout);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_command(*c);
    fputs(
        ".SH EXIT STATUS\n0: done.  1: failed.  2: the input was wrong (a blueprint with errors,\n"
        "an unknown word).\n"
        ".SH ENVIRONMENT\n.TP\n.B WEIR_STATE\nthe state folder, when \\-\\-state is not given\n"
        ".TP\n.B NO_COLOR\nno colours on a terminal\n"
        ".SH SIGNALS\nOf the process that\n.B weir serve\nstarted:\n"
        ".TP\n.B TERM, INT\ndrain and stop; a second one stops at once\n"
        ".TP\n.B HUP\napply the same file again\n",
        stdout);
    return 0;
}

const struct command command_man = {
    .name = "man",
    .arguments = "",
    .help = "Prints the man page weir(1) as roff: weir man | man -l -",
    .prints_a_file = true,
    .run = run_man,
};
