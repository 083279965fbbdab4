/*
 * finish - what must hold within a route.  See finish.c.
 */
#include "model/template.h"
#include "model/values_int.h"

#define PROBLEM(r, n, id, ...) problem_add((r)->problems, node_place(n), false, id, __VA_ARGS__)
#define WARNING(r, n, id, ...) problem_add((r)->problems, node_place(n), true, id, __VA_ARGS__)

static void check_action(struct reading *r, const struct node *n, struct route *route)
{
    static const char *const actions[] = { "to", "respond", "redirect" };
    const char *first = NULL;

    for (size_t i = 0; i < 3; i++) {
        const struct node *value = node_get(n, actions[i]);

        if (value == NULL)
            continue;
        if (first != NULL)
            PROBLEM(r, value, "blueprint_route_actions",
                "%s has `%s` and `%s`: a route does one thing (an overlay takes the other away "
                "with `%s: null`)",
                reading_where(r), first, actions[i], first);
        first = first != NULL ? first : actions[i];
        route->action = (enum route_action)i;
    }
    if (first == NULL && !r->misspelt)
        PROBLEM(r, n, "blueprint_route_action",
            "%s does nothing; give it `to: SERVICE`, `respond` or `redirect`", reading_where(r));
    if (route->action != ROUTE_PROXY)
        for (size_t i = 0; i < n->n; i++)
            if (str_is(n->pairs[i].key, "rewrite") || str_is(n->pairs[i].key, "request_headers") ||
                str_is(n->pairs[i].key, "timeouts"))
                WARNING(r, n->pairs[i].value, "blueprint_no_effect",
                    "%s: `%.*s` means nothing without `to`", reading_where(r),
                    STR_ARG(n->pairs[i].key));
}

static bool path_has_capture(struct str path, struct str name)
{
    struct str rest = path;

    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);

        if (segment.len < 3 || segment.at[0] != '{')
            continue;
        segment = (struct str){ segment.at + 1, segment.len - 2 };
        if (str_ends(segment, STR("...")))
            segment.len -= 3;
        if (str_eq(segment, name))
            return true;
    }
    return false;
}

static void check_captures(
    struct reading *r, const struct node *n, const struct route *route, struct str template)
{
    struct template_part part;
    static const struct str prefix = { "capture.", 8 };

    while (template_next(&template, &part)) {
        struct str name;

        if (part.word.at == NULL || !str_starts(part.word, prefix))
            continue;
        name = (struct str){ part.word.at + prefix.len, part.word.len - prefix.len };
        if (!path_has_capture(route->match.path, name))
            PROBLEM(r, n, "blueprint_unknown_capture", "%s: ${%.*s}: `match.path` has no {%.*s}",
                reading_where(r), STR_ARG(part.word), STR_ARG(name));
    }
}

static void check_edits(struct reading *r, const struct node *n, const struct route *route,
    const struct header_edits *edits)
{
    for (size_t i = 0; i < edits->set.n; i++)
        check_captures(r, node_on_way(n, "set", edits->set.at[i].name.at, NULL), route,
            edits->set.at[i].value);
    for (size_t i = 0; i < edits->add.n; i++)
        check_captures(r, node_on_way(n, "add", edits->add.at[i].name.at, NULL), route,
            edits->add.at[i].value);
}

static void check_redirect(struct reading *r, const struct node *n, const struct route *route)
{
    const struct match *m = &route->match;
    struct str to = route->redirect.to;
    const struct node *at = node_on_way(n, "redirect", "to", NULL);

    if (to.at == NULL)
        return;
    if (to.at[0] != '/' && !str_starts(to, STR("http://")) && !str_starts(to, STR("https://")) &&
        !str_starts(to, STR("${")))
        PROBLEM(r, at, "blueprint_redirect",
            "%s: a redirect goes to a path (/...) or a URL (https://...)", reading_where(r));
    if (str_starts(to, STR("//")))
        PROBLEM(r, at, "blueprint_redirect", "%s: // begins another host; write the scheme too",
            reading_where(r));
    /* Only what is certain: the same path again, or any path while all paths are taken. */
    if ((m->path_kind == PATH_EXACT && str_eq(to, m->path)) || str_is(to, "${path}") ||
        str_is(to, "${path}${query_with_mark}") ||
        (to.at[0] == '/' && m->path_kind == PATH_ANY && m->nheaders == 0 && m->nquery == 0 &&
            m->methods.n == 0 && m->from.n == 0))
        PROBLEM(r, at, "blueprint_redirect_loop",
            "%s redirects to what it takes itself: clients would go in circles", reading_where(r));
}

/* What an author writes into a URL goes out as it is: it must be one already. */
static void check_url_text(struct reading *r, const struct node *n, struct str template)
{
    struct template_part part;

    while (template_next(&template, &part))
        for (size_t i = 0; i < part.text.len; i++) {
            unsigned char c = (unsigned char)part.text.at[i];

            if (c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}", c) == NULL)
                continue;
            PROBLEM(r, n, "blueprint_url",
                "%s: what may not stand in a URL must be percent-encoded: write %%%02X",
                reading_where(r), c);
            return;
        }
}

static void check_rewrite(struct reading *r, const struct node *n, const struct route *route)
{
    const struct rewrite *w = &route->rewrite;
    struct str to = route->match.path;
    size_t len = w->strip_prefix.len;

    check_captures(r, node_on_way(n, "rewrite", "path", NULL), route, w->path);
    check_url_text(r, node_on_way(n, "rewrite", "path", NULL), w->path);
    if (w->path.at != NULL && w->path.at[0] != '/' && !str_starts(w->path, STR("${path}")))
        PROBLEM(r, node_on_way(n, "rewrite", "path", NULL), "blueprint_rewrite",
            "%s: the path must begin with / or ${path}", reading_where(r));
    if (w->path.at != NULL && memchr(w->path.at, '#', w->path.len) != NULL)
        PROBLEM(r, node_on_way(n, "rewrite", "path", NULL), "blueprint_rewrite",
            "%s: a # and what follows it is never sent to a server", reading_where(r));
    if (w->strip_prefix.at == NULL)
        return;
    if (w->path.at != NULL)
        PROBLEM(r, node_on_way(n, "rewrite", "strip_prefix", NULL), "blueprint_rewrite",
            "%s: `path` replaces the whole path, so there is no prefix to strip", reading_where(r));
    while (len > 0 && w->strip_prefix.at[len - 1] == '/')
        len--;
    if (to.at == NULL || !str_starts(to, (struct str){ w->strip_prefix.at, len }) ||
        (to.len > len && to.at[len] != '/'))
        WARNING(r, node_on_way(n, "rewrite", "strip_prefix", NULL), "blueprint_strip_prefix",
            "%s: `match.path` does not begin with %.*s, so it is only sometimes there to strip",
            reading_where(r), STR_ARG(w->strip_prefix));
}

static void check_respond(struct reading *r, const struct node *n, const struct route *route)
{
    unsigned status = route->respond.status;

    if (route->action == ROUTE_RESPOND && route->respond.body.len > 0 &&
        (status == 204 || status == 304))
        PROBLEM(r, node_on_way(n, "respond", "body", NULL), "blueprint_respond",
            "%s: a response with status %u has no body", reading_where(r), status);
}

void finish_route(struct reading *r, const struct node *n, void *base)
{
    struct route *route = base;

    check_action(r, n, route);
    check_respond(r, n, route);
    check_rewrite(r, n, route);
    if (route->action == ROUTE_REDIRECT) {
        check_redirect(r, n, route);
        check_url_text(r, node_on_way(n, "redirect", "to", NULL), route->redirect.to);
        check_captures(r, node_on_way(n, "redirect", "to", NULL), route, route->redirect.to);
    }
    check_edits(r, node_on_way(n, "request_headers", NULL), route, &route->request_headers);
    check_edits(r, node_on_way(n, "response_headers", NULL), route, &route->response_headers);
}

/* Weir itself writes these: a second hand in them breaks the framing of messages. */
static bool is_framing(struct str name)
{
    static const char *const names[] = { "Connection", "Content-Length", "Transfer-Encoding",
        "Upgrade", "TE", "Trailer", "Keep-Alive", "Proxy-Connection" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(name, str_from(names[i])))
            return true;
    return false;
}

static void refuse_framing(struct reading *r, const struct node *n, struct str name)
{
    if (is_framing(name))
        PROBLEM(r, n, "blueprint_framing_header",
            "%s: %.*s belongs to the connection and is Weir's own to write", reading_where(r),
            STR_ARG(name));
    else if (str_eq_nocase(name, STR("Host")))
        PROBLEM(r, n, "blueprint_host_header", "%s: set the Host with `rewrite: {host: ...}`",
            reading_where(r));
}

void finish_header_edits(struct reading *r, const struct node *n, void *base)
{
    const struct header_edits *e = base;
    const struct node *remove = node_get(n, "remove");

    for (size_t i = 0; i < e->set.n; i++)
        refuse_framing(r, node_on_way(n, "set", e->set.at[i].name.at, NULL), e->set.at[i].name);
    for (size_t i = 0; i < e->add.n; i++)
        refuse_framing(r, node_on_way(n, "add", e->add.at[i].name.at, NULL), e->add.at[i].name);
    for (size_t i = 0; i < e->remove.n; i++)
        if (e->remove.at[i].at != NULL)
            refuse_framing(
                r, remove->kind == NODE_LIST ? remove->items[i] : remove, e->remove.at[i]);
}
