/*
 * routes - what listing and explaining share.
 */
#ifndef WEIR_CLI_ROUTES_INT_H
#define WEIR_CLI_ROUTES_INT_H

#include "cli/command.h"
#include "model/router.h"

/* "GET,POST header:x-canary=1" */
void routes_conditions(const struct match *m, struct buf *b);
/* "to shop" */
void routes_action(const struct route *r, struct buf *b);
/* The exit code: 0 also when no route takes it. */
int routes_explain(const struct command_line *line, const struct blueprint *b, const char *url);

#endif
