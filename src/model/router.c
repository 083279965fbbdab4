/*
 * router - the search.  See router.h for what is promised.
 */
#include "base/json.h"
#include "model/router_int.h"

enum why {
    TAKEN,
    NOT_LISTENER,
    NOT_FROM,
    NOT_HEADER,
    NOT_QUERY,
    NOT_METHOD, /* last: all else holds, so it is a 405 */
};

struct search {
    const struct route_request *request;
    struct route_result *out;
    /* Told of every candidate, or NULL. */
    void (*witness)(
        void *ctx, const struct host *h, const struct route *route, enum why why, struct str what);
    void *ctx;
};

/* ---- conditions ---- */

static bool has(const struct strs *list, struct str s)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->at[i], s))
            return true;
    return false;
}

/* RFC 9110 section 9.1: whoever answers GET answers HEAD. */
static bool has_method(const struct strs *list, struct str method)
{
    return has(list, method) || (str_is(method, "HEAD") && has(list, STR("GET")));
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of an encoded parameter, decoded; a bad escape stays as it is. */
static char decode_next(struct str *s)
{
    char c = s->at[0];
    size_t used = 1;

    if (c == '+') {
        c = ' ';
    } else if (c == '%' && s->len >= 3 && hex_digit(s->at[1]) >= 0 && hex_digit(s->at[2]) >= 0) {
        c = (char)(hex_digit(s->at[1]) * 16 + hex_digit(s->at[2]));
        used = 3;
    }
    *s = (struct str){ s->at + used, s->len - used };
    return c;
}

/* Compares an encoded text with a plain one; with prefix, its beginning. */
static bool decodes_to(struct str encoded, struct str plain, bool prefix)
{
    for (size_t i = 0; i < plain.len; i++)
        if (encoded.len == 0 || decode_next(&encoded) != plain.at[i])
            return false;
    return prefix || encoded.len == 0;
}

static bool query_holds(const struct field_match *m, struct str query)
{
    bool found = false;

    while (query.at != NULL && query.len > 0) {
        struct str pair = str_cut(query, '&', &query);
        struct str value;
        struct str name = str_cut(pair, '=', &value);

        if (!decodes_to(name, m->name, false))
            continue;
        if (m->absent)
            return false;
        found = found || m->value.at == NULL || decodes_to(value, m->value, m->prefix);
    }
    return m->absent || found;
}

static bool header_holds(const struct field_match *m, struct str value)
{
    if (value.at == NULL || m->absent)
        return value.at == NULL && m->absent;
    if (m->value.at == NULL)
        return true;
    return m->prefix ? str_starts(value, m->value) : str_eq(value, m->value);
}

static enum why check(const struct search *s, const struct route *route, struct str *what)
{
    const struct match *m = &route->match;
    const struct route_request *q = s->request;

    if (m->listeners.n > 0 && !has(&m->listeners, q->listener))
        return NOT_LISTENER;
    if (m->from.n > 0 && !cidr_set_contains(m->from.set, q->client))
        return NOT_FROM;
    for (size_t i = 0; i < m->nheaders; i++)
        if (!header_holds(&m->headers[i],
                q->header != NULL ? q->header(q->ctx, m->headers[i].name) : STR_NONE)) {
            *what = m->headers[i].name;
            return NOT_HEADER;
        }
    for (size_t i = 0; i < m->nquery; i++)
        if (!query_holds(&m->query[i], q->query)) {
            *what = m->query[i].name;
            return NOT_QUERY;
        }
    if (m->methods.n > 0 && !has_method(&m->methods, q->method))
        return NOT_METHOD;
    return TAKEN;
}

static bool try_entry(struct search *s, const struct host *h, const struct entry *e)
{
    struct str what = STR_NONE;
    enum why why = e->plain ? TAKEN : check(s, e->route, &what);

    if (s->witness != NULL)
        s->witness(s->ctx, h, e->route, why, what);
    if (why == NOT_METHOD)
        s->out->method_mismatch = true;
    if (why != TAKEN)
        return false;
    s->out->route = e->route;
    return true;
}

static bool try_group(struct search *s, const struct host *h, const struct group *g)
{
    for (unsigned i = 0; i < g->n; i++)
        if (try_entry(s, h, &g->at[i]))
            return true;
    return false;
}

/* ---- paths ---- */

/* The best pattern that comes after `after` (most literals, then the order in the file). */
struct pattern_search {
    const struct entry *best;
    unsigned best_literals;
    const struct entry *after;
    unsigned after_literals;
};

static bool comes_before(
    unsigned literals_a, const struct entry *a, unsigned literals_b, const struct entry *b)
{
    if (literals_a != literals_b)
        return literals_a > literals_b;
    return a->route->id < b->route->id;
}

static void consider(struct pattern_search *p, const struct group *g, unsigned literals)
{
    for (unsigned i = 0; i < g->n; i++) {
        const struct entry *e = &g->at[i];

        if (p->after != NULL && !comes_before(p->after_literals, p->after, literals, e))
            continue;
        if (p->best == NULL || comes_before(literals, e, p->best_literals, p->best)) {
            p->best = e;
            p->best_literals = literals;
        }
        return; /* the others of the group come later */
    }
}

/* rest.at is NULL when the path has ended. Depth: that of the author's longest pattern. */
static void find_pattern(struct pattern_search *p, const struct segment *s, struct str rest)
{
    const struct segment *literal;
    struct str segment;

    if (s->rest.n > 0)
        consider(p, &s->rest, s->nliterals);
    if (rest.at == NULL) {
        consider(p, &s->here, s->nliterals);
        return;
    }
    segment = segment_next(&rest);
    literal = map_find(&s->literals, segment);
    if (literal != NULL)
        find_pattern(p, literal, rest);
    if (s->capture != NULL && segment.len > 0)
        find_pattern(p, s->capture, rest);
}

static bool try_patterns(struct search *s, const struct host *h, struct str path)
{
    struct pattern_search p = { 0 };

    for (;;) {
        p.best = NULL;
        find_pattern(&p, h->patterns, path);
        if (p.best == NULL)
            return false;
        if (try_entry(s, h, p.best))
            return true;
        p.after = p.best;
        p.after_literals = p.best_literals;
    }
}

static bool try_prefixes(struct search *s, const struct host *h, struct str rest)
{
    const struct segment *at = h->prefixes;
    const struct segment *deepest = at;

    while (rest.at != NULL && at->literals.n > 0) {
        at = map_find(&at->literals, segment_next(&rest));
        if (at == NULL)
            break;
        deepest = at;
    }
    for (at = deepest->here.n > 0 ? deepest : deepest->above; at != NULL; at = at->above)
        if (try_group(s, h, &at->here))
            return true;
    return false;
}

static bool try_host(struct search *s, const struct host *h)
{
    struct str path = s->request->path;
    struct str rest = { path.at + 1, path.len - 1 };
    const struct group *exact;

    if (path.len == 0 || path.at[0] != '/') /* "*" of OPTIONS */
        return try_group(s, h, &h->any);
    if (path.len <= h->exact_longest && (exact = map_find(&h->exact, path)) != NULL &&
        try_group(s, h, exact))
        return true;
    if (h->patterns != NULL && try_patterns(s, h, rest))
        return true;
    if (h->prefixes != NULL && try_prefixes(s, h, rest))
        return true;
    return try_group(s, h, &h->any);
}

/* ---- hosts ---- */

static bool try_wildcards(struct search *s, const struct router *r)
{
    struct str rest = s->request->host;
    unsigned labels = 1;

    for (size_t i = 0; i < rest.len; i++)
        labels += rest.at[i] == '.';
    /* At least one label stands for the *, and no wildcard is longer than the longest. */
    while (labels > 1) {
        const struct host *h;

        str_cut(rest, '.', &rest);
        labels--;
        if (labels <= r->wildcard_labels && (h = map_find(&r->wildcards, rest)) != NULL &&
            try_host(s, h))
            return true;
    }
    return false;
}

/* Both texts were matched already, so they fit. */
static void fill_captures(struct route_result *out, struct str pattern, struct str path)
{
    struct str names = { pattern.at + 1, pattern.len - 1 };
    struct str rest = { path.at + 1, path.len - 1 };

    while (names.at != NULL) {
        struct str name = segment_next(&names);
        bool takes_rest = str_ends(name, STR("...}"));
        struct str value = takes_rest ? rest : segment_next(&rest);

        if (name.len < 3 || name.at[0] != '{')
            continue;
        name = (struct str){ name.at + 1, name.len - (takes_rest ? 5 : 2) };
        if (value.at == NULL) /* "/a" for "/a/{rest...}" */
            value = (struct str){ path.at + path.len, 0 };
        out->captures[out->ncaptures++] = (struct name_value){ name, value };
    }
}

static void search(struct search *s, const struct router *r)
{
    const struct host *h = map_find(&r->hosts, s->request->host);
    struct route_result *out = s->out;

    out->route = NULL;
    out->method_mismatch = false;
    out->ncaptures = 0;
    if (!(h != NULL && try_host(s, h)) && !(r->wildcards.n > 0 && try_wildcards(s, r)))
        try_host(s, r->any);
    if (out->route == NULL)
        return;
    out->method_mismatch = false;
    if (out->route->match.path_kind == PATH_PATTERN)
        fill_captures(out, out->route->match.path, s->request->path);
}

void router_find(
    const struct router *r, const struct route_request *request, struct route_result *out)
{
    struct search s = { request, out, NULL, NULL };

    search(&s, r);
}

/* ---- explanations ---- */

static void explain(
    void *ctx, const struct host *h, const struct route *route, enum why why, struct str what)
{
    static const char *const sentences[] = {
        [TAKEN] = "taken",
        [NOT_LISTENER] = "the request came in on another listener",
        [NOT_FROM] = "the client is not in `from`",
        [NOT_HEADER] = "a header does not match",
        [NOT_QUERY] = "a parameter of the query does not match",
        [NOT_METHOD] = "the method is another",
    };
    struct json *j = ctx;

    json_open(j, NULL, '{');
    json_put_str(j, "route", route->name);
    json_put_text(j, "source", route->source);
    json_put_str(j, "host", h->name.len > 0 ? h->name : STR("any"));
    json_put_str(j, "path", route->match.path.at != NULL ? route->match.path : STR("any"));
    json_put_bool(j, "taken", why == TAKEN);
    json_put_text(j, "why", sentences[why]);
    if (what.at != NULL)
        json_put_str(j, "name", what);
    json_close(j, '}');
}

void router_explain(const struct router *r, const struct route_request *request,
    struct route_result *out, struct buf *json)
{
    struct json j;
    struct search s = { request, out, explain, &j };

    json_init(&j, json, false);
    json_open(&j, NULL, '[');
    search(&s, r);
    json_close(&j, ']');
}

struct allowed {
    struct buf *to; /* empty at first */
};

static bool is_listed(const struct allowed *a, struct str method)
{
    struct str rest = buf_as_str(a->to);

    while (rest.at != NULL && rest.len > 0) {
        struct str one = str_trim(str_cut(rest, ',', &rest));

        if (str_eq(one, method))
            return true;
    }
    return false;
}

static void allow_one(struct allowed *a, struct str method)
{
    if (is_listed(a, method))
        return;
    if (a->to->len > 0)
        buf_text(a->to, ", ");
    buf_str(a->to, method);
}

static void allow(
    void *ctx, const struct host *h, const struct route *route, enum why why, struct str what)
{
    struct allowed *a = ctx;

    (void)h;
    (void)what;
    for (size_t i = 0; why == NOT_METHOD && i < route->match.methods.n; i++) {
        allow_one(a, route->match.methods.at[i]);
        if (str_is(route->match.methods.at[i], "GET"))
            allow_one(a, STR("HEAD"));
    }
}

void router_allow(const struct router *r, const struct route_request *request, struct buf *to)
{
    struct allowed a = { .to = to };
    struct route_result out;
    struct search s = { request, &out, allow, &a };

    search(&s, r);
}
