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
/*
 * The same for a URL or a path (redirect.to, rewrite.path): captures, which were
 * decoded, and header values are percent-encoded, so that a space, '?' or '#' in
 * them cannot end the path.  ${path} and ${query} go in as they came.
 */
void template_expand_url(struct str text, const struct template_values *v, struct buf *out);
/* False and *bad set to the unknown ${word} when it is not one of the above. */
bool template_check(struct str text, struct str *bad);

/* A template piece by piece: literal text, or the inside of a ${word}. False at the end. */
struct template_part {
    struct str text;
    struct str word; /* at NULL: it is text */
    bool open;       /* the } is missing */
};
bool template_next(struct str *text, struct template_part *part);

/* The value of a capture; at NULL when the route has none of that name. */
struct str template_capture(const struct route_result *result, struct str name);
/* The known word that was meant, or NULL. */
const char *template_nearest(struct str bad);
/* "${host}, ${path}, ..." */
void template_words(char *to, size_t size);

#endif
