/*
 * api - the table of what the admin API can be asked.
 */
#include <stdio.h>

#include "daemon/api_int.h"
#include "http/uri.h"

static const struct api_route {
    enum http_method method;
    const char *path; /* a part that is * matches any one */
    bool public;      /* also over TCP, see `metrics.address` */
    api_handler *handler;
    const char *help;
} routes[] = {
    { HTTP_GET, "/v1/status", false, api_status, "What is live, and how it is." },
    { HTTP_POST, "/v1/apply", false, api_apply,
        "Applies a blueprint: {path, environment, canonical}, all optional." },
    { HTTP_POST, "/v1/check", false, api_check, "Checks a blueprint: {path, environment}." },
    { HTTP_POST, "/v1/stop", false, api_stop, "Drains and stops: {timeout_ms}." },
    { HTTP_GET, "/v1/origins", false, api_origins, "Origin processes, and the names looked up." },
    { HTTP_POST, "/v1/origins/*/*/*", false, api_origin_act,
        "SERVICE/INSTANCE/stop, start, restart or kill." },
    { HTTP_GET, "/v1/explain", false, api_explain, "What a word of the blueprint means: ?word=" },
    { HTTP_GET, "/v1/schema", false, api_schema, "The JSON Schema of blueprints." },
    { HTTP_GET, "/v1/routes", false, api_routes,
        "The live routes; ?explain=URL&method=: which one." },
    { HTTP_GET, "/v1/metrics.json", false, api_metrics_json, "The metrics as JSON." },
    { HTTP_GET, "/metrics", true, api_metrics, "The metrics, in the format that Accept asks for." },
};

static bool matches(struct str pattern, struct str path, struct api_words *words)
{
    words->n = 0;
    for (;;) {
        struct str want = str_cut(pattern, '/', &pattern);
        struct str have = str_cut(path, '/', &path);

        if (str_is(want, "*") && have.len > 0 && words->n < API_WORDS_MAX)
            words->at[words->n++] = have;
        else if (!str_eq(want, have))
            return false;
        if (pattern.at == NULL || path.at == NULL)
            return pattern.at == NULL && path.at == NULL;
    }
}

static void no_such_route(struct exchange *x, bool method_wrong)
{
    char text[256];
    struct buf b;
    struct json j;

    snprintf(text, sizeof(text),
        method_wrong ? "%.*s does not take that method" : "there is no %.*s",
        (int)(x->path.len < 200 ? x->path.len : 200), x->path.at);
    buf_init(&b, 8192);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_open(&j, "error", '{');
    json_put_text(&j, "id", method_wrong ? "method_not_allowed" : "not_found");
    json_put_text(&j, "text", text);
    json_close(&j, '}');
    json_close(&j, '}');
    api_answer_json(x, method_wrong ? 405 : 404, &b);
}

void api_serve(struct exchange *x)
{
    bool method_wrong = false;

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        const struct api_route *r = &routes[i];
        struct api_words words;

        if ((x->public && !r->public) || !matches(str_from(r->path), x->path, &words))
            continue;
        if (x->method == r->method || (x->method == HTTP_HEAD && r->method == HTTP_GET)) {
            r->handler(x, &words);
            return;
        }
        method_wrong = true;
    }
    no_such_route(x, method_wrong);
}

void api_answer_json(struct exchange *x, unsigned status, struct buf *b)
{
    buf_char(b, '\n');
    exchange_answer(x, status, "application/json", buf_as_str(b));
    buf_free(b);
}

struct str api_parameter(const struct exchange *x, const char *name, struct arena *a)
{
    struct str query = x->query;
    struct str key;
    struct str value;

    while (uri_query_next(&query, &key, &value)) {
        char *to;

        if (!str_is(key, name))
            continue;
        to = arena_alloc(a, value.len + 1);
        return (struct str){ to, uri_query_decode(value, to) };
    }
    return STR_NONE;
}
