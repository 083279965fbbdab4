/*
 * explain - what the command and the reference page share.
 */
#ifndef WEIR_CLI_EXPLAIN_INT_H
#define WEIR_CLI_EXPLAIN_INT_H

#include "model/schema.h"

/* "list of: text", "p2c | round_robin | hash" */
void explain_type(const struct word *w, char *to, size_t size);
/* All of it on stdout, as docs/reference/blueprint.md. */
void explain_markdown(void);

#endif
