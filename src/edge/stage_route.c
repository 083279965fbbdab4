/*
 * Route: which route the request takes; without one it ends here.
 */
#include "edge/passage.h"
#include "edge/stage.h"
#include "edge/worker.h"

/* A listener that only sends clients to https. */
static bool redirect_to_https(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;
    const struct listener *l = NULL;
    struct str host = p->route_request.host;
    const char *port;

    for (size_t i = 0; i < b->nlisteners && l == NULL; i++)
        if (str_eq(b->listeners[i].name, p->listener))
            l = &b->listeners[i];
    if (l == NULL || !l->redirect_to_https)
        return false;
    if (host.len == 0) {
        passage_refuse(p, 400, "missing_host");
        return true;
    }
    port = l->redirect_port == 443 ? "" : arena_printf(&p->arena, ":%u", l->redirect_port);
    passage_add_header(p, STR("Location"),
        str_from(arena_printf(&p->arena, "https://%.*s%s%.*s%s%.*s", STR_ARG(host), port,
            STR_ARG(p->head.path), p->head.query.at != NULL ? "?" : "", STR_ARG(p->head.query))));
    passage_answer(p, 308, STR_NONE, STR_NONE);
    return true;
}

/* What RFC 9110 10.2.1 wants with a 405: the methods for which there is a route here. */
static void add_allow(struct passage *p)
{
    struct buf list;

    buf_init(&list, 1024);
    router_allow(p->binding->blueprint->router, &p->route_request, &list);
    passage_add_header(p, STR("Allow"), arena_str(&p->arena, buf_as_str(&list)));
    buf_free(&list);
}

static void refuse(struct passage *p)
{
    if (p->route_result.method_mismatch) {
        add_allow(p);
        passage_refuse(p, 405, "method_not_allowed");
    } else {
        passage_refuse(p, 404, "no_route");
    }
}

static enum verdict on_request(struct passage *p)
{
    if (redirect_to_https(p))
        return ANSWERED;
    router_find(p->binding->blueprint->router, &p->route_request, &p->route_result);
    p->route = p->route_result.route;
    if (p->route == NULL) {
        refuse(p);
        return ANSWERED;
    }
    if (p->route->max_body > 0)
        p->max_body = p->route->max_body;
    if (p->head.framing == H1_LENGTH && p->head.content_length > p->max_body) {
        passage_refuse(p, 413, "body_too_large");
        return ANSWERED;
    }
    return NEXT;
}

const struct stage stage_route = {
    .name = "route",
    .on_request = on_request,
};
