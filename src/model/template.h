/*
 * template - text with ${...} in it: header values, redirects, rewrites.
 *
 * Known: ${host} ${path} ${query} ${query_with_mark} ("?..." or nothing)
 * ${method} ${scheme} ${client} ${request_id} ${route} ${capture.NAME}
 * ${header.NAME}.  "$${" is a literal "${".  The schema checks the words, so
 * that expanding cannot fail.
 */
#ifndef WEIR_MODEL_TEMPLATE_H
#define WEIR_MODEL_TEMPLATE_H

#include "base/buf.h"
#include "model/router.h"

struct template_values {
    const struct route_request *request;
    const struct route_result *result;
    struct str raw_path; /* as received, still percent-encoded; used for ${path} */
    struct str scheme;
    struct str request_id;
    struct str client;
};

/* Appends; bytes that would break a header (CR, LF, NUL) are dropped from inserted values. */
void template_expand(struct str text, const struct template_values *v, struct buf *out);
/* False and *bad set to the unknown ${word} when it is not one of the above. */
bool template_check(struct str text, struct str *bad);

#endif
