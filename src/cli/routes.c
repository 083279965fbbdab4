/*
 * weir routes - the routes of a blueprint in the order in which they win, and
 * which of them takes a given request, and why.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "cli/commands_int.h"
#include "cli/problems.h"
#include "cli/routes_int.h"

/* A route under one of its hosts. */
struct row {
    const struct route *route;
    struct str host; /* at NULL: any */
};

static int host_class(const struct row *r)
{
    return r->host.at == NULL ? 2 : r->host.at[0] == '*' ? 1 : 0;
}

static int path_class(const struct route *r)
{
    static const int classes[] = {
        [PATH_EXACT] = 0,
        [PATH_PATTERN] = 1,
        [PATH_PREFIX] = 2,
        [PATH_ANY] = 3,
    };

    return classes[r->match.path_kind];
}

static size_t literals(struct str path)
{
    struct str rest = path;
    size_t n = 0;

    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);

        n += segment.len > 0 && segment.at[0] != '{';
    }
    return n;
}

static size_t path_detail(const struct route *r)
{
    return r->match.path_kind == PATH_PREFIX    ? r->match.path.len
           : r->match.path_kind == PATH_PATTERN ? literals(r->match.path)
                                                : 0;
}

static int compare_text(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n > 0 ? memcmp(a.at, b.at, n) : 0;

    return d != 0 ? d : a.len < b.len ? -1 : a.len > b.len;
}

/* The precedence of model/router.h; hosts of one class by name, so that they stand together. */
static int by_precedence(const void *x, const void *y)
{
    const struct row *a = x;
    const struct row *b = y;

    if (host_class(a) != host_class(b))
        return host_class(a) - host_class(b);
    if (host_class(a) == 1 && a->host.len != b->host.len)
        return a->host.len > b->host.len ? -1 : 1;
    if (compare_text(a->host, b->host) != 0)
        return compare_text(a->host, b->host);
    if (path_class(a->route) != path_class(b->route))
        return path_class(a->route) - path_class(b->route);
    if (path_detail(a->route) != path_detail(b->route))
        return path_detail(a->route) > path_detail(b->route) ? -1 : 1;
    return a->route->id < b->route->id ? -1 : a->route->id > b->route->id;
}

static struct row *rows_of(const struct blueprint *b, size_t *n)
{
    struct row *rows;

    *n = 0;
    for (size_t i = 0; i < b->nroutes; i++)
        *n += b->routes[i].match.hosts.n > 0 ? b->routes[i].match.hosts.n : 1;
    rows = xcalloc(*n + 1, sizeof(*rows));
    *n = 0;
    for (size_t i = 0; i < b->nroutes; i++) {
        const struct strs *hosts = &b->routes[i].match.hosts;

        for (size_t k = 0; k < hosts->n; k++)
            rows[(*n)++] = (struct row){ &b->routes[i], hosts->at[k] };
        if (hosts->n == 0)
            rows[(*n)++] = (struct row){ &b->routes[i], STR_NONE };
    }
    qsort(rows, *n, sizeof(*rows), by_precedence);
    return rows;
}

static void put_list(struct buf *b, const char *what, const struct strs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_text(b, i > 0 ? "," : b->len > 0 ? " " : "");
        if (i == 0)
            buf_text(b, what);
        buf_str(b, list->at[i]);
    }
}

static void put_fields(struct buf *b, const char *what, const struct field_match *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct field_match *f = &fields[i];

        buf_printf(
            b, "%s%s%s%.*s", b->len > 0 ? " " : "", f->absent ? "no " : "", what, STR_ARG(f->name));
        if (f->value.at != NULL)
            buf_printf(b, "=%.*s%s", STR_ARG(f->value), f->prefix ? "*" : "");
    }
}

void routes_conditions(const struct match *m, struct buf *b)
{
    put_list(b, "", &m->methods);
    put_fields(b, "header:", m->headers, m->nheaders);
    put_fields(b, "query:", m->query, m->nquery);
    for (size_t i = 0; i < m->from.n; i++) {
        char ip[IP_TEXT_MAX];

        ip_format(m->from.at[i].ip, ip);
        buf_printf(b, "%s%s/%u",
            i > 0        ? ","
            : b->len > 0 ? " from:"
                         : "from:",
            ip, m->from.at[i].bits);
    }
    put_list(b, "listener:", &m->listeners);
}

void routes_action(const struct route *r, struct buf *b)
{
    switch (r->action) {
    case ROUTE_PROXY:
        buf_printf(b, "to %.*s", STR_ARG(r->to));
        break;
    case ROUTE_RESPOND:
        buf_printf(b, "respond %u", r->respond.status);
        break;
    case ROUTE_REDIRECT:
        buf_printf(b, "redirect %u %.*s", r->redirect.status, STR_ARG(r->redirect.to));
        break;
    }
}

enum { HOST, PATH, CONDITIONS, ACTION, NAME, SOURCE, COLUMNS };
static const char *const headings[COLUMNS] = { "HOST", "PATH", "ONLY", "ACTION", "NAME", "SOURCE" };

/* The cells of a row, to be freed. */
static void fill_cells(const struct row *r, char *cells[COLUMNS])
{
    const struct route *route = r->route;
    struct buf b;

    buf_init(&b, 1 << 16);
    routes_conditions(&route->match, &b);
    cells[CONDITIONS] = xstrndup(b.len > 0 ? b.data : "-", b.len > 0 ? b.len : 1);
    b.len = 0;
    routes_action(route, &b);
    cells[ACTION] = xstrndup(b.data, b.len);
    buf_free(&b);
    cells[HOST] = xstrdup(r->host.at != NULL ? r->host.at : "any");
    cells[PATH] = xstrdup(route->match.path.at != NULL ? route->match.path.at : "any");
    cells[NAME] = xstrdup(route->name.at);
    cells[SOURCE] = xstrdup(route->source);
}

static size_t width_of(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

static void print_cells(const char *const cells[COLUMNS], const size_t widths[COLUMNS])
{
    for (int c = 0; c < COLUMNS; c++) {
        print_clean(stdout, str_from(cells[c]));
        if (c < COLUMNS - 1)
            printf("%*s", (int)(widths[c] - width_of(cells[c]) + 2), "");
    }
    putchar('\n');
}

static void print_table(const struct row *rows, size_t n)
{
    size_t widths[COLUMNS];
    auto_free char **cells = xcalloc((n + 1) * COLUMNS, sizeof(*cells));

    for (int c = 0; c < COLUMNS; c++)
        widths[c] = width_of(headings[c]);
    for (size_t i = 0; i < n; i++) {
        fill_cells(&rows[i], cells + i * COLUMNS);
        for (int c = 0; c < COLUMNS; c++)
            if (width_of(cells[i * COLUMNS + c]) > widths[c])
                widths[c] = width_of(cells[i * COLUMNS + c]);
    }
    print_cells(headings, widths);
    for (size_t i = 0; i < n; i++)
        print_cells((const char *const *)cells + i * COLUMNS, widths);
    for (size_t i = 0; i < n * COLUMNS; i++)
        free(cells[i]);
}

static void print_json(const struct row *rows, size_t n)
{
    static const char *const keys[COLUMNS] = { "host", "path", "only", "action", "name", "source" };
    struct buf out;
    struct json j;

    buf_init(&out, 64 << 20);
    json_init(&j, &out, true);
    json_open(&j, NULL, '{');
    json_open(&j, "routes", '[');
    for (size_t i = 0; i < n; i++) {
        char *cells[COLUMNS];

        fill_cells(&rows[i], cells);
        json_open(&j, NULL, '{');
        for (int c = 0; c < COLUMNS; c++) {
            json_put_text(&j, keys[c], cells[c]);
            free(cells[c]);
        }
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_close(&j, '}');
    printf("%s\n", buf_cstr(&out));
    buf_free(&out);
}

static void list(const struct command_line *line, const struct blueprint *b)
{
    size_t n;
    auto_free struct row *rows = rows_of(b, &n);

    if (line->json)
        print_json(rows, n);
    else
        print_table(rows, n);
}

static int run(const struct command_line *line)
{
    const char *file = line->nargs > 0 ? line->args[0] : "weir.yaml";
    const struct blueprint_options options = { command_option(line, "environment"), NULL };
    struct problems problems;
    struct blueprint *b = blueprint_load(file, &options, &problems);
    int code = 0;

    if (b == NULL) {
        struct err err;

        problems_print(stderr, &problems);
        err_set(&err, ERR_CONFIG, "blueprint_refused", "%s has %zu error%s", file, problems.nerrors,
            problems.nerrors == 1 ? "" : "s");
        code = command_fail(line, &err);
    } else if (command_option(line, "explain") != NULL) {
        code = routes_explain(line, b, command_option(line, "explain"));
    } else {
        list(line, b);
    }
    problems_free(&problems);
    blueprint_unref(b);
    return code;
}

static const struct option options[] = {
    { "environment", "NAME", "lay environments/NAME.yaml over the file" },
    { "explain", "URL", "say which route takes this URL, and why the others do not" },
    { "method", "METHOD", "the method of that request; GET when absent" },
    { "header", "'NAME: VALUE'", "a header of that request; may be repeated" },
    { "from", "ADDRESS", "the client's address; 127.0.0.1 when absent" },
    { "listener", "NAME", "the listener; the first for the URL's scheme when absent" },
    { NULL, NULL, NULL },
};

const struct command command_routes = {
    .name = "routes",
    .arguments = "[FILE]",
    .help = "List routes in the order in which they win, or explain which takes a request.",
    .details = "weir routes weir.yaml --explain 'https://example.org/cart?id=7' --method POST \\\n"
               "    --header 'X-Canary: 1' --from 192.0.2.1",
    .options = options,
    .max_args = 1,
    .run = run,
};
