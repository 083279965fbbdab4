/*
 * Headers: the route's edits of request and response fields.
 *
 * A request's `set` and `remove` take effect where the head for the origin is
 * written (proxy_head.c); here the values are made.
 */
#include "edge/passage.h"
#include "edge/proxy_head.h"
#include "edge/stage.h"

enum { VALUE_MAX = 8192 };

static struct str expand(struct passage *p, struct str text)
{
    struct template_values v;
    struct buf b;
    struct str out;

    if (memchr(text.at, '$', text.len) == NULL)
        return text;
    passage_template_values(p, &v);
    buf_init(&b, VALUE_MAX);
    template_expand(text, &v, &b);
    out = arena_str(&p->arena, buf_as_str(&b));
    buf_free(&b);
    return out;
}

static enum verdict on_request(struct passage *p)
{
    const struct header_edits *e = &p->route->request_headers;
    size_t n = e->set.n + e->add.n;

    if (n == 0)
        return NEXT;
    p->request_extra.at = arena_alloc(&p->arena, n * sizeof(struct http_field));
    for (size_t i = 0; i < n; i++) {
        const struct name_value *nv = i < e->set.n ? &e->set.at[i] : &e->add.at[i - e->set.n];

        p->request_extra.at[p->request_extra.n++] =
            (struct http_field){ .name = nv->name, .value = expand(p, nv->value) };
    }
    return NEXT;
}

static void on_response(struct passage *p)
{
    const struct header_edits *e;

    if (p->route == NULL)
        return;
    e = &p->route->response_headers;
    if (e->set.n + e->remove.n > 0) {
        for (unsigned i = 0; i < p->response.nfields; i++)
            if (header_edits_touch(e, &p->response.fields[i]))
                p->response.fields[i].name.len = 0;
        for (unsigned i = 0; i < p->response.nextra; i++)
            if (header_edits_touch(e, &p->response.extra[i]))
                p->response.extra[i].name.len = 0;
    }
    for (size_t i = 0; i < e->set.n; i++)
        passage_add_header(p, e->set.at[i].name, expand(p, e->set.at[i].value));
    for (size_t i = 0; i < e->add.n; i++)
        passage_add_header(p, e->add.at[i].name, expand(p, e->add.at[i].value));
}

const struct stage stage_headers = {
    .name = "headers",
    .on_request = on_request,
    .on_response = on_response,
};
