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
/* Where the blueprint in this folder says that the state is; the caller frees; NULL: there is none. */
char *command_state_here(void);
struct command_question {
    const char *method;
    const char *target;
    json_t *body;   /* NULL: none; it is consumed */
    msec_t timeout; /* 0: CLIENT_TIMEOUT */
    bool keep;      /* an answer of 400 and more is an answer too, not a failure */
};

/* One question; 0 and the answer as JSON (*root, to be decref'd by the caller), or -1. */
int command_ask(const struct command_line *line, const struct command_question *q, json_t **root,
    struct err *err);
/* A member as text or number, with something harmless when it is absent. */
const char *json_text_at(const json_t *o, const char *key);
json_int_t json_number_at(const json_t *o, const char *key);
/* The whole answer on stdout, for --json. */
void command_print_json(const json_t *root);

#endif
