/*
 * Respond: routes that answer by themselves, with a fixed text or a redirect.
 */
#include "edge/passage.h"
#include "edge/stage.h"

enum { LOCATION_MAX = 8192 };

static void redirect(struct passage *p)
{
    struct template_values v;
    struct buf b;

    passage_template_values(p, &v);
    buf_init(&b, LOCATION_MAX);
    template_expand_url(p->route->redirect.to, &v, &b);
    passage_add_header(p, STR("Location"), arena_str(&p->arena, buf_as_str(&b)));
    buf_free(&b);
    passage_answer(p, p->route->redirect.status, STR_NONE, STR_NONE);
}

static enum verdict on_request(struct passage *p)
{
    switch (p->route->action) {
    case ROUTE_PROXY:
        return NEXT;
    case ROUTE_REDIRECT:
        redirect(p);
        return ANSWERED;
    case ROUTE_RESPOND:
        passage_answer(
            p, p->route->respond.status, p->route->respond.content_type, p->route->respond.body);
        return ANSWERED;
    }
    return NEXT;
}

const struct stage stage_respond = {
    .name = "respond",
    .on_request = on_request,
};
