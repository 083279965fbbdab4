/*
 * method - see method.h.
 */
#include "http/method.h"

struct method {
    struct str name;
    bool safe;
    bool idempotent;
};

#define M(id, safe, idempotent) [HTTP_##id] = { { #id, sizeof(#id) - 1 }, safe, idempotent }
static const struct method methods[] = {
    M(GET, true, true),
    M(HEAD, true, true),
    M(POST, false, false),
    M(PUT, false, true),
    M(DELETE, false, true),
    M(CONNECT, false, false),
    M(OPTIONS, true, true),
    M(TRACE, true, true),
    M(PATCH, false, false),
};

static enum http_method candidate(struct str name)
{
    switch (name.len) {
    case 3:
        return name.at[0] == 'G' ? HTTP_GET : HTTP_PUT;
    case 4:
        return name.at[0] == 'P' ? HTTP_POST : HTTP_HEAD;
    case 5:
        return name.at[0] == 'P' ? HTTP_PATCH : HTTP_TRACE;
    case 6:
        return HTTP_DELETE;
    case 7:
        return name.at[0] == 'C' ? HTTP_CONNECT : HTTP_OPTIONS;
    default:
        return HTTP_OTHER;
    }
}

enum http_method http_method_lookup(struct str name)
{
    enum http_method m = candidate(name);

    return m != HTTP_OTHER && str_eq(name, methods[m].name) ? m : HTTP_OTHER;
}

bool http_method_is_safe(enum http_method m)
{
    return methods[m].safe;
}

bool http_method_is_idempotent(enum http_method m)
{
    return methods[m].idempotent;
}
