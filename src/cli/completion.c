/*
 * completion - shell scripts that complete commands and options, from the table.
 */
#include <stdio.h>
#include <string.h>

#include "cli/commands_int.h"

/* Does the argument or the option's value name something in the file system? */
static bool is_path(const char *what)
{
    return what != NULL && (strstr(what, "FILE") != NULL || strstr(what, "FOLDER") != NULL);
}

static void bash(void)
{
    fputs("_weir() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "        words=\"",
        stdout);
    for (const struct command *const *c = commands; *c != NULL; c++)
        printf("%s%s", c == commands ? "" : " ", (*c)->name);
    fputs("\"\n    else\n        case ${COMP_WORDS[1]} in\n", stdout);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        printf("        %s) words=\"--json --help", (*c)->name);
        for (const struct option *o = (*c)->options; o != NULL && o->name != NULL; o++)
            printf(" --%s", o->name);
        if (*c == &command_completion)
            fputs(" bash zsh fish", stdout);
        for (const struct action *a = (*c)->actions; a != NULL && a->name != NULL; a++)
            printf(" %s", a->name);
        fputs("\" ;;\n", stdout);
    }
    fputs("        esac\n"
          "    fi\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "}\n"
          "complete -o bashdefault -o default -F _weir weir\n",
        stdout);
}

/* Inside single quotes, with ':' and brackets as zsh's _arguments wants them. */
static void zsh_text(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\'')
            fputs("'\\''", stdout);
        else if (strchr("[]:\\", *s) != NULL)
            printf("\\%c", *s);
        else
            putchar(*s);
    }
}

static void zsh_actions(const struct action *actions)
{
    fputs(" '1:action:((", stdout);
    for (const struct action *a = actions; a->name != NULL; a++) {
        printf("%s%s\\:\"", a == actions ? "" : " ", a->name);
        zsh_text(a->help);
        fputs("\"", stdout);
    }
    fputs("))' '*:file:_files'", stdout);
}

static void zsh(void)
{
    fputs("#compdef weir\n_weir() {\n    local -a commands\n    commands=(\n", stdout);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        printf("        '%s:", (*c)->name);
        zsh_text((*c)->help);
        fputs("'\n", stdout);
    }
    fputs("    )\n"
          "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
          "    local command=$words[2]\n"
          "    shift words; (( CURRENT-- ))\n"
          "    case $command in\n",
        stdout);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        printf("    %s) _arguments '--json[print JSON]' '--help[say more]'", (*c)->name);
        for (const struct option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            printf(" '--%s[", o->name);
            zsh_text(o->help);
            printf("]%s%s%s'", o->value != NULL ? ":" : "", o->value != NULL ? o->value : "",
                is_path(o->value)  ? ":_files"
                : o->value != NULL ? ": "
                                   : "");
        }
        if (*c == &command_completion)
            fputs(" '1:shell:(bash zsh fish)'", stdout);
        else if ((*c)->actions != NULL)
            zsh_actions((*c)->actions);
        else if (is_path((*c)->arguments))
            fputs(" '*:file:_files'", stdout);
        fputs(" ;;\n", stdout);
    }
    fputs("    esac\n}\n_weir \"$@\"\n", stdout);
}

static void fish_text(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\'' || *s == '\\')
            putchar('\\');
        putchar(*s);
    }
}

static void fish(void)
{
    for (const struct command *const *c = commands; *c != NULL; c++) {
        const char *name = (*c)->name;

        printf("complete -c weir -n __fish_use_subcommand %s -a %s -d '",
            is_path((*c)->arguments) ? "" : "-f", name);
        fish_text((*c)->help);
        fputs("'\n", stdout);
        printf(
            "complete -c weir -n '__fish_seen_subcommand_from %s' -l json -d 'print JSON'\n", name);
        for (const struct option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            printf("complete -c weir -n '__fish_seen_subcommand_from %s' -l %s%s -d '", name,
                o->name,
                o->value == NULL    ? ""
                : is_path(o->value) ? " -r -F"
                                    : " -x");
            fish_text(o->help);
            fputs("'\n", stdout);
        }
        for (const struct action *a = (*c)->actions; a != NULL && a->name != NULL; a++) {
            printf("complete -c weir -f -n '__fish_seen_subcommand_from %s' -a %s -d '", name,
                a->name);
            fish_text(a->help);
            fputs("'\n", stdout);
        }
        if (*c == &command_completion)
            printf("complete -c weir -f -n '__fish_seen_subcommand_from %s' -a 'bash zsh fish'\n",
                name);
    }
}

static const struct {
    const char *name;
    void (*print)(void);
} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

static int run_completion(const struct command_line *line)
{
    struct err err;

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(line->args[0], shells[i].name) == 0) {
            shells[i].print();
            return 0;
        }
    err_set(&err, ERR_CONFIG, "shell_unknown",
        "there is no completion for \"%s\"; known are bash, zsh and fish", line->args[0]);
    return command_fail(line, &err);
}

const struct command command_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .help = "Prints a script that completes weir's commands in a shell.",
    .details = "For bash:  weir completion bash > /etc/bash_completion.d/weir\n"
               "For zsh:   weir completion zsh > /usr/share/zsh/vendor-completions/_weir\n"
               "For fish:  weir completion fish > /etc/fish/completions/weir.fish",
    .min_args = 1,
    .max_args = 1,
    .prints_a_file = true,
    .run = run_completion,
};
