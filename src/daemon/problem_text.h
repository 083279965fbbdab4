/*
 * problem_text - what is wrong with a blueprint, for people and for programs.
 */
#ifndef WEIR_DAEMON_PROBLEM_TEXT_H
#define WEIR_DAEMON_PROBLEM_TEXT_H

#include "base/json.h"
#include "model/blueprint.h"

/* "FILE:LINE:COLUMN: sentence" lines; warnings say so. */
void problem_text(const struct problems *p, struct buf *to);
/* An array of {file, line, column, id, text, warning}. */
void problem_json(const struct problems *p, struct json *j, const char *key);

#endif
