/*
 * weir routes --explain - one request put to the router, as the edge would.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/auto.h"
#include "base/json.h"
#include "cli/problems.h"
#include "cli/routes_int.h"
#include "http/uri.h"

enum { HEADERS_MAX = 32, URL_MAX = 8192 };

struct asked {
    struct route_request request;
    struct name_value headers[HEADERS_MAX];
    size_t nheaders;
    char host[256];
    char path[URL_MAX + 2];
    char client[IP_TEXT_MAX];
    bool https;
};

static struct str header(void *ctx, struct str name)
{
    const struct asked *a = ctx;

    for (size_t i = 0; i < a->nheaders; i++)
        if (str_eq_nocase(a->headers[i].name, name))
            return a->headers[i].value;
    return STR_NONE;
}

/* "https://host:port/path?query#fragment", or only "/path?query". */
static int parse_url(struct asked *a, struct str url, struct err *err)
{
    struct str rest;
    struct str path = str_cut(url, '#', &rest);
    struct str query;

    if (url.len > URL_MAX)
        return err_set(err, ERR_CONFIG, "url_syntax", "the URL is longer than %d bytes", URL_MAX);
    if (str_starts(path, STR("http://")) || str_starts(path, STR("https://"))) {
        struct str authority;
        size_t n;

        a->https = path.at[4] == 's';
        path = (struct str){ path.at + (a->https ? 8 : 7), path.len - (a->https ? 8 : 7) };
        for (n = 0; n < path.len && path.at[n] != '/' && path.at[n] != '?'; n++)
            continue;
        authority = (struct str){ path.at, n };
        path = (struct str){ path.at + n, path.len - n };
        if (!uri_normalize_host(authority, a->host, &a->request.host))
            return err_set(
                err, ERR_CONFIG, "url_syntax", "\"%.*s\" is not a host", STR_ARG(authority));
    } else if (path.len == 0 || path.at[0] != '/') {
        return err_set(err, ERR_CONFIG, "url_syntax",
            "\"%.*s\" is not a URL; write https://host/path, or /path for any host", STR_ARG(url));
    }
    path = str_cut(path, '?', &query);
    if (path.len == 0)
        path = STR("/");
    a->request.query = query;
    if (!uri_normalize_path(path, a->path, &a->request.path))
        return err_set(err, ERR_CONFIG, "url_syntax",
            "the path \"%.*s\" would be refused with 400: a bad escape, or a climb above /",
            STR_ARG(path));
    return 0;
}

static int take_headers(struct asked *a, const struct command_line *line, struct err *err)
{
    const char *text;
    unsigned at = 0;

    while ((text = command_option_each(line, "header", &at)) != NULL) {
        struct str value;
        struct str name = str_cut(str_from(text), ':', &value);

        if (value.at == NULL || name.len == 0)
            return err_set(err, ERR_CONFIG, "header_syntax",
                "\"%s\" is not a header; write --header 'Name: value'", text);
        if (a->nheaders == HEADERS_MAX)
            return err_set(err, ERR_CONFIG, "header_many", "more than %d headers", HEADERS_MAX);
        a->headers[a->nheaders++] = (struct name_value){ str_trim(name), str_trim(value) };
    }
    return 0;
}

static int take_listener(
    struct asked *a, const struct command_line *line, const struct blueprint *b, struct err *err)
{
    const char *name = command_option(line, "listener");

    for (size_t i = 0; i < b->nlisteners; i++) {
        const struct listener *l = &b->listeners[i];

        if (name != NULL ? str_is(l->name, name) : l->tls.on == a->https) {
            a->request.listener = l->name;
            return 0;
        }
    }
    if (name != NULL)
        return err_set(err, ERR_CONFIG, "listener_unknown", "there is no listener \"%s\"", name);
    a->request.listener = b->listeners[0].name;
    return 0;
}

static int ask(struct asked *a, const struct command_line *line, const struct blueprint *b,
    const char *url, struct err *err)
{
    const char *method = command_option(line, "method");
    const char *from = command_option(line, "from");

    a->request.header = header;
    a->request.ctx = a;
    a->request.method = str_from(method != NULL ? method : "GET");
    if (!ip_parse(str_from(from != NULL ? from : "127.0.0.1"), &a->request.client))
        return err_set(err, ERR_CONFIG, "address_syntax", "\"%s\" is not an IP address", from);
    ip_format(a->request.client, a->client);
    if (parse_url(a, str_from(url), err) == -1 || take_headers(a, line, err) == -1)
        return -1;
    return take_listener(a, line, b, err);
}

static void print_candidate(size_t number, json_t *c)
{
    const char *route = "";
    const char *source = "";
    const char *host = "";
    const char *path = "";
    const char *why = "";
    const char *name = NULL;
    int taken = 0;

    json_unpack(c, "{s:s, s:s, s:s, s:s, s:s, s?s, s:b}", "route", &route, "source", &source,
        "host", &host, "path", &path, "why", &why, "name", &name, "taken", &taken);
    printf("  %zu. %s (%s)  host %s, path ", number, route, source, host);
    print_clean(stdout, str_from(path));
    printf("\n     %s%s", taken ? "" : "not taken: ", why);
    if (name != NULL) {
        fputs(" (", stdout);
        print_clean(stdout, str_from(name));
        fputs(")", stdout);
    }
    putchar('\n');
}

static void print_result(
    const struct asked *a, const struct blueprint *b, const struct route_result *found)
{
    struct buf text;

    buf_init(&text, 1 << 16);
    if (found->route != NULL) {
        routes_action(found->route, &text);
        printf("=> %s: ", found->route->name.at);
        print_clean(stdout, buf_as_str(&text));
        putchar('\n');
        for (unsigned i = 0; i < found->ncaptures; i++) {
            printf("   %.*s = ", STR_ARG(found->captures[i].name));
            print_clean(stdout, found->captures[i].value);
            putchar('\n');
        }
    } else if (found->method_mismatch) {
        router_allow(b->router, &a->request, &text);
        printf("=> no route takes this method: 405, allowed are %s\n", buf_cstr(&text));
    } else {
        printf("=> no route takes it: 404\n");
    }
    buf_free(&text);
}

static void print_text(const struct asked *a, const struct blueprint *b,
    const struct route_result *found, struct str candidates)
{
    json_t *list = json_loadb(candidates.at, candidates.len, 0, NULL);

    printf("%.*s ", STR_ARG(a->request.method));
    print_clean(stdout, a->request.host.len > 0 ? a->request.host : STR("(any host)"));
    print_clean(stdout, a->request.path);
    if (a->request.query.at != NULL) {
        putchar('?');
        print_clean(stdout, a->request.query);
    }
    printf(" from %s on listener %.*s\n", a->client, STR_ARG(a->request.listener));
    for (size_t i = 0; i < json_array_size(list); i++)
        print_candidate(i + 1, json_array_get(list, i));
    print_result(a, b, found);
    json_decref(list);
}

static void print_json(
    const struct asked *a, const struct route_result *found, struct str candidates)
{
    struct buf out;
    struct json j;

    buf_init(&out, 64 << 20);
    json_init(&j, &out, false);
    json_open(&j, NULL, '{');
    json_put_str(&j, "host", a->request.host);
    json_put_str(&j, "path", a->request.path);
    json_put_str(&j, "listener", a->request.listener);
    json_put_text(&j, "route", found->route != NULL ? found->route->name.at : NULL);
    json_put_text(&j, "source", found->route != NULL ? found->route->source : NULL);
    json_put_u64(&j, "status", found->route != NULL ? 0 : found->method_mismatch ? 405 : 404);
    json_open(&j, "captures", '{');
    for (unsigned i = 0; i < found->ncaptures; i++) {
        char name[64];

        snprintf(name, sizeof(name), "%.*s", STR_ARG(found->captures[i].name));
        json_put_str(&j, name, found->captures[i].value);
    }
    json_close(&j, '}');
    buf_text(&out, ",\"candidates\":");
    buf_str(&out, candidates);
    buf_char(&out, '}');
    printf("%s\n", buf_cstr(&out));
    buf_free(&out);
}

int routes_explain(const struct command_line *line, const struct blueprint *b, const char *url)
{
    auto_free struct asked *a = xcalloc(1, sizeof(*a));
    struct route_result found;
    struct buf candidates;
    struct err err;

    if (ask(a, line, b, url, &err) == -1)
        return command_fail(line, &err);
    buf_init(&candidates, 32 << 20);
    router_explain(b->router, &a->request, &found, &candidates);
    if (line->json)
        print_json(a, &found, buf_as_str(&candidates));
    else
        print_text(a, b, &found, buf_as_str(&candidates));
    buf_free(&candidates);
    return 0;
}
