/*
 * finish - what must hold within one table, and values that follow from others.
 *
 * Called by the reader of words when a table is filled; n is the mapping it
 * was filled from.
 */
#include "model/template.h"
#include "model/values_int.h"

#define PROBLEM(r, n, id, ...) problem_add((r)->problems, node_place(n), false, id, __VA_ARGS__)
#define WARNING(r, n, id, ...) problem_add((r)->problems, node_place(n), true, id, __VA_ARGS__)

void finish_listener(struct reading *r, const struct node *n, void *base)
{
    const struct listener *l = base;

    if (l->tls.on && l->redirect_to_https)
        PROBLEM(r, node_on_way(n, "redirect_to_https", NULL), "blueprint_redirect_loop",
            "%s speaks TLS and redirects to https: clients would go in circles", reading_where(r));
}

void finish_certificate(struct reading *r, const struct node *n, void *base)
{
    const struct certificate *c = base;

    if (c->local && (c->chain.at != NULL || c->key.at != NULL))
        PROBLEM(r, n, "blueprint_certificate",
            "%s is `local`, so it has no chain and key; leave out one or the other",
            reading_where(r));
    else if (c->local && c->hosts.n == 0)
        PROBLEM(r, n, "blueprint_certificate",
            "%s is `local`, so it needs `hosts`, such as hosts: [localhost]", reading_where(r));
    else if (r->misspelt)
        return;
    else if (!c->local && c->chain.at == NULL && c->key.at == NULL)
        PROBLEM(r, n, "blueprint_certificate",
            "%s needs `chain` and `key`, or `local: true` for one of this machine's own",
            reading_where(r));
    else if (!c->local && (c->chain.at == NULL || c->key.at == NULL))
        PROBLEM(r, n, "blueprint_certificate", "%s has a `%s` but no `%s`", reading_where(r),
            c->chain.at != NULL ? "chain" : "key", c->chain.at != NULL ? "key" : "chain");
}

static void check_retry(struct reading *r, const struct node *n, const struct service *s)
{
    const struct retry *retry = &s->retry;

    if (retry->attempts > 0 && retry->budget_percent == 0 && retry->budget_min == 0)
        WARNING(r, node_on_way(n, "retry", "budget", NULL), "blueprint_retry_budget",
            "%s: the budget is 0, so nothing is ever tried again; `retry: false` says so plainly",
            reading_where(r));
    if (retry->budget_percent > 50 && retry->attempts > 0)
        WARNING(r, node_on_way(n, "retry", "budget", NULL), "blueprint_retry_budget",
            "%s: a budget of %u%% lets retries multiply the load on a service in trouble",
            reading_where(r), retry->budget_percent);
    if (retry->backoff > retry->backoff_max)
        PROBLEM(r, node_on_way(n, "retry", "backoff", NULL), "blueprint_backoff",
            "%s: `backoff` is longer than `backoff_max`", reading_where(r));
}

static void check_times(struct reading *r, const struct node *n, const struct service *s)
{
    const struct service_timeouts *t = &s->timeouts;

    if (t->total > 0 && t->per_try > t->total &&
        node_get(node_get(n, "timeouts"), "per_try") != NULL)
        WARNING(r, node_on_way(n, "timeouts", "per_try", NULL), "blueprint_timeouts",
            "%s: `per_try` is longer than `total`, so it never comes to pass", reading_where(r));
    if (t->connect > t->per_try)
        WARNING(r, node_on_way(n, "timeouts", "connect", NULL), "blueprint_timeouts",
            "%s: `connect` is longer than `per_try`, so it never comes to pass", reading_where(r));
    if (s->health.on && s->health.timeout > s->health.interval)
        PROBLEM(r, node_on_way(n, "health", "timeout", NULL), "blueprint_timeouts",
            "%s: the `timeout` of health checks is longer than their `interval`", reading_where(r));
    if (s->outliers.ejection > s->outliers.ejection_max)
        PROBLEM(r, node_on_way(n, "outliers", "ejection", NULL), "blueprint_backoff",
            "%s: `ejection` is longer than `ejection_max`", reading_where(r));
    if (s->run.restart_backoff > s->run.restart_backoff_max)
        PROBLEM(r, node_on_way(n, "run", "restart_backoff", NULL), "blueprint_backoff",
            "%s: `restart_backoff` is longer than `restart_backoff_max`", reading_where(r));
}

static void check_origins(struct reading *r, const struct node *n, const struct service *s)
{
    const struct node *list = node_get(n, "origins");

    for (size_t i = 0; i < s->norigins; i++)
        for (size_t k = 0; k < i && k < 256; k++)
            if (s->origins[i].address_text.at != NULL &&
                str_eq(s->origins[i].address_text, s->origins[k].address_text))
                WARNING(r, list->kind == NODE_LIST ? list->items[i] : list,
                    "blueprint_duplicate_origin", "%s has the origin %.*s twice", reading_where(r),
                    STR_ARG(s->origins[i].address_text));
}

void finish_service(struct reading *r, const struct node *n, void *base)
{
    struct service *s = base;
    bool runs = node_get(n, "run") != NULL;
    bool has_origins = node_get(n, "origins") != NULL;

    if (runs && has_origins)
        PROBLEM(r, n, "blueprint_run_and_origins",
            "%s has `run` and `origins`: either Weir starts the processes or they are elsewhere",
            reading_where(r));
    else if (!runs && s->norigins == 0 && !r->misspelt)
        PROBLEM(r, n, "blueprint_no_origins",
            "%s has nothing behind it; give it `origins: [host:port]` or `run: {command: ...}`",
            reading_where(r));
    if (runs && s->run.port > 0 && s->run.port + s->run.instances - 1 > 65535)
        PROBLEM(r, node_on_way(n, "run", "port", NULL), "blueprint_ports",
            "%s: %u instances from port %u on go past port 65535", reading_where(r),
            s->run.instances, s->run.port);
    if (node_get(node_get(n, "balance"), "hash_on") != NULL && s->balance.method != BALANCE_HASH)
        WARNING(r, node_on_way(n, "balance", "hash_on", NULL), "blueprint_hash_on",
            "%s: `hash_on` means nothing without `method: hash`", reading_where(r));
    check_origins(r, n, s);
    check_retry(r, n, s);
    check_times(r, n, s);
}

void finish_limit(struct reading *r, const struct node *n, void *base)
{
    struct limit *l = base;

    if (l->burst == 0)
        l->burst = (unsigned)(l->requests < UINT32_MAX ? l->requests : UINT32_MAX);
    if (l->nparts == 0)
        PROBLEM(r, node_on_way(n, "key", NULL), "blueprint_limit_key",
            "%s counts nothing: `key` is empty", reading_where(r));
    for (size_t i = 0; i < l->nparts; i++)
        for (size_t k = 0; k < i; k++)
            if (l->parts[i].key == l->parts[k].key && str_eq(l->parts[i].name, l->parts[k].name))
                PROBLEM(r, node_on_way(n, "key", NULL), "blueprint_limit_key",
                    "%s has the same key twice", reading_where(r));
}

void finish_log(struct reading *r, const struct node *n, void *base)
{
    struct log_rule *l = base;

    if (node_get(n, "path") != NULL && node_get(n, "to") == NULL)
        l->to = LOG_FILE;
    else if (node_get(n, "path") != NULL && l->to != LOG_FILE)
        WARNING(r, node_on_way(n, "path", NULL), "blueprint_log_path",
            "%s has a `path`, but the log does not go to a file", reading_where(r));
}

/* ---- routes ---- */

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

void finish_route(struct reading *r, const struct node *n, void *base)
{
    struct route *route = base;

    check_action(r, n, route);
    if (route->action == ROUTE_REDIRECT) {
        check_redirect(r, n, route);
        check_captures(r, node_on_way(n, "redirect", "to", NULL), route, route->redirect.to);
    }
    check_captures(r, node_on_way(n, "rewrite", "path", NULL), route, route->rewrite.path);
    if (route->rewrite.path.at != NULL && route->rewrite.strip_prefix.at != NULL)
        PROBLEM(r, node_on_way(n, "rewrite", "strip_prefix", NULL), "blueprint_rewrite",
            "%s: `path` replaces the whole path, so there is no prefix to strip", reading_where(r));
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
