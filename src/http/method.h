/*
 * method - request methods (RFC 9110 section 9) and what a proxy may assume of them.
 */
#ifndef WEIR_HTTP_METHOD_H
#define WEIR_HTTP_METHOD_H

#include <stdbool.h>

#include "base/str.h"

enum http_method {
    HTTP_OTHER,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_CONNECT,
    HTTP_OPTIONS,
    HTTP_TRACE,
    HTTP_PATCH,
};

/* Case-sensitive, as the RFC has it. */
enum http_method http_method_lookup(struct str name);
bool http_method_is_safe(enum http_method m);
/* Sending it twice does what sending it once does: a retry is safe. Unknown ones are not. */
bool http_method_is_idempotent(enum http_method m);

#endif
