/*
 * keeper_actions - the actions of `weir keeper` that stand in files of their own.
 */
#ifndef WEIR_CLI_KEEPER_ACTIONS_INT_H
#define WEIR_CLI_KEEPER_ACTIONS_INT_H

#include "cli/keeper_int.h"

/* keeper_backup.c */
int keeper_identity(const struct command_line *line);
int keeper_backup(const struct command_line *line);
int keeper_restore(const struct command_line *line);
int keeper_drill(const struct command_line *line);
/* keeper_audit.c */
int keeper_audit(const struct command_line *line);
/* keeper_incident.c */
int keeper_incident(const struct command_line *line);

#endif
