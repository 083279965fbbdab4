/*
 * api_model - what a blueprint may say and what the live one's routes are: explain, schema, routes.
 */
#include <stdio.h>

#include "daemon/api_int.h"
#include "http/uri.h"
#include "model/router.h"
#include "model/schema.h"

enum { MATCHES_MAX = 24 };

/* ---- words ---- */

static void put_word(struct json *j, const struct word *w, const char *path)
{
    json_open(j, NULL, '{');
    json_put_text(j, "path", path);
    json_put_text(j, "help", w->help);
    json_put_text(j, "type", w->type == WORD_TABLE ? "mapping" : word_type_name(w));
    json_put_text(j, "default", w->preset);
    json_put_text(j, "example", w->example);
    json_put_bool(j, "required", (w->flags & WORD_REQUIRED) != 0);
    json_close(j, '}');
}

static void put_each(void *ctx, const struct word *w, const char *path, unsigned depth)
{
    (void)depth;
    put_word(ctx, w, path);
}

void api_explain(struct exchange *x, const struct api_words *words)
{
    struct schema_match matches[MATCHES_MAX];
    struct schema_match nearest;
    size_t n = 0;
    struct arena a;
    struct str word;
    struct json j;
    struct buf b;
    struct err err;

    (void)words;
    arena_init(&a, 1024);
    word = api_parameter(x, "word", &a);
    if (word.at != NULL)
        n = schema_find(word, matches, MATCHES_MAX, &nearest);
    if (word.at != NULL && n == 0) {
        err_set(&err, ERR_CONFIG, "word_unknown", "there is no word %.*s", STR_ARG(word));
        exchange_fail(x, &err);
        arena_free(&a);
        return;
    }
    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '[');
    for (size_t i = 0; i < n; i++)
        put_word(&j, matches[i].word, matches[i].path);
    if (word.at == NULL)
        schema_each(put_each, &j);
    json_close(&j, ']');
    api_answer_json(x, 200, &b);
    arena_free(&a);
}

void api_schema(struct exchange *x, const struct api_words *words)
{
    struct buf b;

    (void)words;
    buf_init(&b, API_ANSWER_MAX);
    schema_json(&b);
    api_answer_json(x, 200, &b);
}

/* ---- routes ---- */

static const char *action_word(const struct route *r)
{
    switch (r->action) {
    case ROUTE_PROXY:
        return "proxy";
    case ROUTE_RESPOND:
        return "respond";
    case ROUTE_REDIRECT:
        break;
    }
    return "redirect";
}

static void put_route(struct json *j, const struct route *r)
{
    json_open(j, NULL, '{');
    json_put_str(j, "name", r->name);
    json_open(j, "hosts", '[');
    for (size_t i = 0; i < r->match.hosts.n; i++)
        json_put_str(j, NULL, r->match.hosts.at[i]);
    json_close(j, ']');
    json_put_text(j, "path", r->match.path.at);
    json_put_text(j, "action", action_word(r));
    json_put_text(j, "to", r->action == ROUTE_PROXY ? r->to.at : NULL);
    json_put_text(j, "source", r->source);
    json_close(j, '}');
}

static struct str no_header(void *ctx, struct str name)
{
    (void)ctx;
    (void)name;
    return STR_NONE;
}

/* "https://host/path?query" into a request; the parts point into url and the arena. */
static bool request_of(
    struct str url, const struct blueprint *b, struct arena *a, struct route_request *out)
{
    bool tls = str_starts(url, STR("https://"));
    struct str rest = url;
    struct str authority;
    char *to;

    if (!tls && !str_starts(url, STR("http://")))
        return false;
    rest = (struct str){ url.at + (tls ? 8 : 7), url.len - (tls ? 8 : 7) };
    authority = str_cut(rest, '/', &rest);
    rest = rest.at != NULL ? (struct str){ rest.at - 1, rest.len + 1 } : STR("/");
    rest = str_cut(rest, '?', &out->query);
    to = arena_alloc(a, 256);
    if (!uri_normalize_host(authority, to, &out->host))
        return false;
    to = arena_alloc(a, rest.len + 1);
    if (!uri_normalize_path(rest, to, &out->path))
        return false;
    for (size_t i = b->nlisteners; i > 0; i--)
        if (b->listeners[i - 1].tls.on == tls)
            out->listener = b->listeners[i - 1].name;
    return true;
}

static void explain(struct exchange *x, struct str url, struct arena *a)
{
    const struct blueprint *bp = x->control->live->blueprint;
    struct route_request request = { .header = no_header, .client = { 4, { 127, 0, 0, 1 } } };
    struct route_result result;
    struct buf why;
    struct json j;
    struct buf b;
    struct err err;

    request.method = api_parameter(x, "method", a);
    if (request.method.at == NULL)
        request.method = STR("GET");
    if (!request_of(url, bp, a, &request)) {
        err_set(&err, ERR_CONFIG, "url_syntax",
            "\"%.*s\" is not a URL such as https://example.org/path", STR_ARG(url));
        exchange_fail(x, &err);
        return;
    }
    buf_init(&why, API_ANSWER_MAX);
    router_explain(bp->router, &request, &result, &why);
    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "route", result.route != NULL ? result.route->name.at : NULL);
    buf_text(&b, ",\"candidates\":");
    buf_str(&b, buf_as_str(&why));
    json_close(&j, '}');
    api_answer_json(x, 200, &b);
    buf_free(&why);
}

void api_routes(struct exchange *x, const struct api_words *words)
{
    const struct version *live = x->control->live;
    struct arena a;
    struct str url;
    struct json j;
    struct buf b;
    struct err err;

    (void)words;
    if (live == NULL) {
        err_set(&err, ERR_LIMIT, "starting", "nothing is live yet");
        exchange_fail(x, &err);
        return;
    }
    arena_init(&a, 4096);
    url = api_parameter(x, "explain", &a);
    if (url.at != NULL) {
        explain(x, url, &a);
        arena_free(&a);
        return;
    }
    buf_init(&b, API_ANSWER_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '[');
    for (size_t i = 0; i < live->blueprint->nroutes; i++)
        put_route(&j, &live->blueprint->routes[i]);
    json_close(&j, ']');
    api_answer_json(x, 200, &b);
    arena_free(&a);
}
