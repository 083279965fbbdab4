/*
 * cookie - the pairs of a Cookie header, as RFC 6265 5.4 writes them.
 *
 * A pair without '=' is a value without a name, as browsers have it.
 */
#include "http/uri.h"

bool cookie_next(struct str *cookies, struct str *name, struct str *value)
{
    while (cookies->len > 0) {
        struct str pair = str_trim(str_cut(*cookies, ';', cookies));
        struct str rest;

        if (pair.len == 0)
            continue;
        *name = str_cut(pair, '=', &rest);
        if (rest.at == NULL) {
            rest = pair;
            name->len = 0;
        }
        *name = str_trim(*name);
        *value = str_trim(rest);
        return true;
    }
    return false;
}

struct str cookie_get(struct str cookies, struct str name)
{
    struct str n, value;

    while (cookie_next(&cookies, &n, &value))
        if (str_eq(n, name))
            return value;
    return STR_NONE;
}
