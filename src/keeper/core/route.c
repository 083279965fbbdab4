/*
 * route - which endpoint of an engine a path belongs to, and the parameters in it.
 */
#include "keeper/core/state_int.h"

/* One segment of an endpoint's pattern against one of the path. */
static bool segment_fits(struct request *r, const char *pattern, size_t len, struct str segment)
{
    struct param *p;

    if (len < 2 || pattern[0] != '{' || pattern[len - 1] != '}')
        return str_eq((struct str){ pattern, len }, segment);
    if (segment.len == 0 || r->nparams == REQUEST_PARAMS)
        return false;
    p = &r->params[r->nparams++];
    p->name = pattern + 1;
    p->value = segment;
    return true;
}

/* "{path*}" takes all the rest. */
static bool rest_fits(struct request *r, const char *pattern, struct str rest)
{
    struct param *p;

    if (r->nparams == REQUEST_PARAMS)
        return false;
    p = &r->params[r->nparams++];
    p->name = pattern + 1;
    p->value = rest.at != NULL ? rest : STR("");
    return true;
}

static bool pattern_fits(struct request *r, const char *pattern, struct str path)
{
    struct str rest = path;
    bool more = true; /* of the path */

    r->nparams = 0;
    for (;;) {
        const char *end = strchrnul(pattern, '/');
        size_t len = (size_t)(end - pattern);
        struct str segment;

        if (len > 3 && pattern[0] == '{' && memcmp(pattern + len - 2, "*}", 2) == 0)
            return rest_fits(r, pattern, more ? rest : STR(""));
        if (!more)
            return false;
        segment = str_cut(rest, '/', &rest);
        more = rest.at != NULL;
        if (!segment_fits(r, pattern, len, segment))
            return false;
        if (*end == '\0')
            return !more;
        pattern = end + 1;
    }
}

static bool find(struct request *r, struct str path)
{
    for (const struct endpoint *e = r->mount->engine->endpoints; e->pattern != NULL; e++)
        if (pattern_fits(r, e->pattern, path)) {
            r->endpoint = e;
            return true;
        }
    r->nparams = 0;
    return false;
}

bool route_find(struct request *r)
{
    struct str path = r->rest;
    bool slash = path.len > 0 && path.at[path.len - 1] == '/';
    struct str bare = { path.at, path.len - slash };

    if (r->op == OP_LIST)
        return find(r, bare);
    if (find(r, path))
        return true;
    if (!slash || !find(r, bare))
        return false;
    r->rest = bare; /* what is meant is what policies must be asked about */
    return true;
}

bool route_path_is_canonical(struct str path)
{
    struct str rest = path;

    if (path.len == 0 || path.len >= ENTRY_PATH_MAX / 2)
        return false;
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.at[i] < 0x20 || path.at[i] == 0x7f)
            return false;
    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);

        if (str_is(segment, ".") || str_is(segment, ".."))
            return false;
        if (segment.len == 0 && rest.at != NULL) /* only a '/' at the very end has none behind it */
            return false;
    }
    return true;
}
