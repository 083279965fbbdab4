/*
 * commands - one line for each file that holds a command.
 */
#ifndef WEIR_CLI_COMMANDS_INT_H
#define WEIR_CLI_COMMANDS_INT_H

#include "cli/command.h"

extern const struct command command_apply;
extern const struct command command_cert;
extern const struct command command_check;
extern const struct command command_completion;
extern const struct command command_explain;
extern const struct command command_help;
extern const struct command command_keeper;
extern const struct command command_key;
extern const struct command command_man;
extern const struct command command_metrics;
extern const struct command command_origin;
extern const struct command command_routes;
extern const struct command command_schema;
extern const struct command command_secret;
extern const struct command command_serve;
extern const struct command command_status;
extern const struct command command_stop;
extern const struct command command_top;
extern const struct command command_version;

#endif
