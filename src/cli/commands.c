/*
 * commands - the table of them, in the order in which `weir help` lists them.
 */
#include "cli/commands_int.h"

const struct command *const commands[] = {
    &command_serve,
    &command_check,
    &command_explain,
    &command_schema,
    &command_routes,
    &command_apply,
    &command_status,
    &command_stop,
    &command_origin,
    &command_keeper,
    &command_secret,
    &command_key,
    &command_cert,
    &command_top,
    &command_metrics,
    &command_completion,
    &command_man,
    &command_version,
    &command_help,
    NULL,
};
