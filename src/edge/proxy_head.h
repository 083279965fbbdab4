/*
 * proxy_head - the request head as an origin gets it.
 */
#ifndef WEIR_EDGE_PROXY_HEAD_H
#define WEIR_EDGE_PROXY_HEAD_H

#include "base/buf.h"

struct passage;
void proxy_put_head(struct passage *p, struct buf *b);

/* Does a list of edits name this field? For set and remove alike. */
struct header_edits;
struct http_field;
bool header_edits_touch(const struct header_edits *e, const struct http_field *f);

#endif
