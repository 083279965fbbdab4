/*
 * keeper - what the commands that talk to the keeper share: its API, the token, and values that nobody else
 * is to see.
 */
#ifndef WEIR_CLI_KEEPER_INT_H
#define WEIR_CLI_KEEPER_INT_H

#include "base/buf.h"
#include "cli/client_int.h"

#define VALUE_MAX ((size_t)16 << 20)

struct keeper_question {
    const char *method; /* "GET", "PUT", "LIST" ... */
    const char *path;   /* without /v1/; what it may not hold is escaped */
    const char *query;  /* behind '?', or NULL */
    json_t *body;       /* NULL: none; it is consumed */
    struct str raw;     /* instead of body, when len > 0 */
    bool open;          /* needs no token */
    bool keep;          /* 400 and more is an answer too, not a failure */
};

struct keeper_answer {
    unsigned status;
    json_t *root;     /* NULL: no body, or none that is JSON; the caller decrefs */
    struct buf bytes; /* the body; the caller frees: keeper_answer_free() */
};

/* err ids client_..., keeper_refused, token_missing. */
int keeper_ask(const struct command_line *line, const struct keeper_question *q,
    struct keeper_answer *out, struct err *err);
void keeper_answer_free(struct keeper_answer *a);
/* Asks, and with --json prints the answer's `data` (or the whole) and is done: *printed.  The exit code in the end. */
int keeper_do(const struct command_line *line, const struct keeper_question *q, const char *done);
/* Prints the names that a LIST of the path gives, a line each. The exit code in the end. */
int keeper_list(const struct command_line *line, const char *path);
/* "data" when there is one. */
const json_t *keeper_data(const struct keeper_answer *a);
void keeper_print_json(const struct keeper_answer *a);

/*
 * A value: from the terminal, not shown; else all of stdin, without a newline at its end.
 * what: "share", "password" for the prompt.  err id value_missing.
 */
int read_value(const char *what, struct buf *to, struct err *err);
/* Is there somebody to ask? */
bool can_prompt(void);
/* The next line of stdin or of the terminal; false at the end. Wiped by the caller. */
bool read_line(const char *what, char *to, size_t room);

/* The token: $VAULT_TOKEN, ~/.vault-token, or the terminal; the caller wipes and frees. NULL with err. */
char *keeper_token(struct err *err);
char *keeper_token_path(void);

/* Standard base64. */
void put_base64(struct buf *to, struct str bytes);
/* False: not base64. */
bool get_base64(struct str text, struct buf *to);
json_t *json_str_value(struct str s);

#define OPTIONS_KEEPER                                                                             \
    { "state", "FOLDER", "the state folder of the Weir that is meant" },                           \
    {                                                                                              \
        "socket", "FILE", "the socket of its keeper, when it is not in the state folder"           \
    }

#endif
