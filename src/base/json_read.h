/*
 * json_read - a JSON text (RFC 8259) as a value tree, strict.
 *
 * Refuses nesting past VALUE_DEPTH_MAX, more than `nodes` values, bytes that are no UTF-8, lone
 * surrogates, and anything behind the document.  A name that comes twice counts once: in the place of the
 * first, with the value of the last.
 */
#ifndef WEIR_BASE_JSON_READ_H
#define WEIR_BASE_JSON_READ_H

#include "base/err.h"
#include "base/value.h"

/* Texts are borrowed from `text` where nothing was escaped. NULL: err id json, "line 3, column 7: ...". */
struct value *json_read(struct arena *a, struct str text, uint32_t nodes, struct err *err);
/*
 * The other way, compact; members in the order given.  What is no UTF-8 comes out as U+FFFD, a NUMBER
 * that JSON cannot spell as a text.
 */
void json_write(const struct value *v, struct buf *to);

#endif
