/*
 * client - what the commands that talk to a running Weir share.
 */
#ifndef WEIR_CLI_CLIENT_INT_H
#define WEIR_CLI_CLIENT_INT_H

#include <jansson.h>

#include "cli/command.h"
#include "daemon/client.h"

enum { CLIENT_TIMEOUT = 60000 };

/* By --socket, --state, $WEIR_STATE or ./weir.yaml; NULL with err. */
struct client *command_client(const struct command_line *line, struct err *err);
/*
 * One question, the answer as JSON (*root, to be decref'd by the caller).  body NULL: none; it is
 * consumed.  An answer of 400 and more fails with the error that it holds, except when `keep` says
 * that the caller wants to look at it.  0 or -1.
 */
int command_ask(const struct command_line *line, const char *method, const char *target,
    json_t *body, msec_t timeout, bool keep, json_t **root, unsigned *status, struct err *err);
/* A member as text or number, with something harmless when it is absent. */
const char *json_text_at(const json_t *o, const char *key);
json_int_t json_number_at(const json_t *o, const char *key);
/* The whole answer on stdout, for --json. */
void command_print_json(const json_t *root);

#endif
