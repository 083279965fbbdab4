/*
 * help - the table of commands for people: at a prompt, and as a man page.
 */
#ifndef WEIR_CLI_HELP_H
#define WEIR_CLI_HELP_H

#include <stdio.h>

#include "cli/command.h"

void help_all(FILE *to);
void help_command(const struct command *c, FILE *to);

#endif
