/*
 * problems - what is wrong with a blueprint, for people and for programs.
 */
#ifndef WEIR_CLI_PROBLEMS_H
#define WEIR_CLI_PROBLEMS_H

#include <stdio.h>

#include "base/json.h"
#include "model/blueprint.h"

/*
 * One line each, "weir.yaml:3:7: error: text [id]"; when `to` is a terminal also
 * the line of the file, with a caret under the place.
 */
void problems_print(FILE *to, const struct problems *p);
/* "problems": [{file, line, column, severity, id, text}] */
void problems_put_json(struct json *j, const struct problems *p);
/* Text of a user's file, without what could move a terminal's cursor. */
void print_clean(FILE *to, struct str s);

#endif
