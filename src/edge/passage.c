/*
 * passage - see passage.h.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "edge/accesslog.h"
#include "edge/passage.h"
#include "edge/stage.h"
#include "edge/worker.h"
#include "http/uri.h"

enum { ARENA_BLOCK = 8192, FREE_MAX = 512, EXTRA_FIELDS = 16 };

/* The way of a request, in this order. Responses pass the on_response hooks backwards. */
static const struct stage *const stages[] = {
    &stage_route,
    &stage_access,
    &stage_limit,
    &stage_headers,
    &stage_respond,
    &stage_proxy,
};
enum { NSTAGES = sizeof(stages) / sizeof(stages[0]) };

/* ---- life ---- */

static void on_total_timeout(struct timer *t)
{
    struct passage *p = list_item(t, struct passage, total_timer);

    if (p->response.started) {
        p->reason = "total_timeout";
        p->front->abort(p);
        return;
    }
    passage_cancel(p, "total_timeout");
    passage_refuse(p, 504, "total_timeout");
}

/* The memory goes after this round: callers further up may still compare its fields. */
void passage_bury(struct passage *p)
{
    arena_free(&p->arena);
    worker_bury(p->worker, &p->grave, p);
}

static struct passage *allocate(uint16_t room)
{
    size_t nfields = (size_t)room + H1_FIELDS_MAX;
    struct passage *p = xcalloc(1, sizeof(*p) + nfields * sizeof(*p->fields));

    arena_init(&p->arena, ARENA_BLOCK);
    p->fields_room = room;
    p->fields = (struct http_field *)(p + 1);
    p->res_fields = p->fields + room;
    return p;
}

struct passage *passage_new(struct worker *w, const struct front *front, void *self)
{
    uint16_t room = (uint16_t)w->binding->blueprint->client.max_fields;
    struct passage *p = w->free_passages;
    struct passage fresh = { .worker = w, .front = front, .front_self = self };

    if (p != NULL) {
        w->free_passages = p->next_free;
        w->nfree_passages--;
        if (p->fields_room < room) {
            passage_bury(p);
            p = NULL;
        }
    }
    if (p == NULL)
        p = allocate(room);
    fresh.arena = p->arena;
    fresh.fields_room = p->fields_room;
    fresh.fields = p->fields;
    fresh.res_fields = p->res_fields;
    fresh.binding = binding_ref(w->binding);
    /* The heads are set up by their parsers: they are the larger half, and stay as they are. */
    memcpy(p, &fresh, offsetof(struct passage, head));
    memset(&p->head, 0, sizeof(p->head));
    memcpy((char *)p + offsetof(struct passage, fields_room),
        (char *)&fresh + offsetof(struct passage, fields_room),
        sizeof(*p) - offsetof(struct passage, fields_room));
    p->head.fields = p->fields;
    p->proxy.head.fields = p->res_fields;
    p->started = time_usec();
    list_init(&p->link);
    timer_init(&p->total_timer, on_total_timeout);
    proxy_init(p);
    atomic_store_explicit(&w->inflight, w->inflight + 1, memory_order_relaxed);
    return p;
}

void passage_drop(struct passage *p)
{
    struct worker *w = p->worker;

    timer_cancel(w->loop, &p->total_timer);
    proxy_cancel(p);
    buf_free(&p->proxy.replay);
    buf_free(&p->proxy.trailers);
    arena_reset(&p->arena);
    binding_unref(p->binding);
    atomic_store_explicit(&w->inflight, w->inflight - 1, memory_order_relaxed);
    if (w->nfree_passages >= FREE_MAX) {
        passage_bury(p);
        return;
    }
    p->next_free = w->free_passages;
    w->free_passages = p;
    w->nfree_passages++;
}

void passage_finish(struct passage *p)
{
    accesslog_write(p);
    passage_drop(p);
}

void passage_cancel(struct passage *p, const char *reason)
{
    if (p->reason == NULL && !p->response.ended)
        p->reason = reason;
    timer_cancel(p->worker->loop, &p->total_timer);
    proxy_cancel(p);
}

/* ---- the request ---- */

static struct str header_of(void *ctx, struct str name)
{
    return h1_find(&((struct passage *)ctx)->head, name);
}

/* A trusted proxy may add a line of its own behind the client's: only the whole list is true. */
static struct str whole_list(struct passage *p, enum http_field_id id)
{
    size_t room = p->head.head_len + 2 * (size_t)p->head.nfields;

    if (p->head.known[id] == 0)
        return STR_NONE;
    return h1_join(&p->head, id, arena_alloc(&p->arena, room), room);
}

static void find_client(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;

    p->peer_trusted = p->peer.len == 0 ? b->trusted_proxies.n > 0
                                       : cidr_set_contains(b->trusted_proxies.set, p->peer);
    p->client = p->peer;
    if (p->peer_trusted) {
        p->forwarded_for = whole_list(p, HTTP_X_FORWARDED_FOR);
        p->forwarded = whole_list(p, HTTP_FORWARDED);
        p->client =
            forwarded_client(p->peer, p->forwarded_for, p->forwarded, b->trusted_proxies.set);
    }
    p->scheme = p->tls ? STR("https") : STR("http");
    if (p->peer_trusted && str_eq_nocase(h1_get(&p->head, HTTP_X_FORWARDED_PROTO), STR("https")))
        p->scheme = STR("https");
}

static bool is_id(struct str s)
{
    if (s.len == 0 || s.len > 128)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.' || c == '=' || c == '+' || c == '/'))
            return false;
    }
    return true;
}

static void identify(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;
    struct str given = b->request_id_header.len > 0 && p->peer_trusted
                           ? h1_find(&p->head, b->request_id_header)
                           : STR_NONE;
    struct str parent =
        b->trace.trust_incoming || p->peer_trusted ? h1_get(&p->head, HTTP_TRACEPARENT) : STR_NONE;

    if (parent.at != NULL && trace_parse(parent, &p->trace))
        trace_enter(&p->trace);
    else
        trace_new(&p->trace, b->trace.sample);
    if (is_id(given)) {
        p->request_id = given;
    } else {
        char *id = arena_alloc(&p->arena, 32);

        trace_format_id(&p->trace, id);
        p->request_id = (struct str){ id, 32 };
    }
}

/* False: refused. */
static bool normalize(struct passage *p)
{
    char *host = arena_alloc(&p->arena, 256);
    char *path = arena_alloc(&p->arena, p->head.path.len + 1);
    struct route_request *r = &p->route_request;

    p->authority = p->head.host;
    if (p->head.host.len > 0 && !uri_normalize_host(p->head.host, host, &r->host)) {
        passage_refuse(p, 400, "bad_host");
        return false;
    }
    if (str_is(p->head.path, "*"))
        r->path = p->head.path;
    else if (!uri_normalize_path(p->head.path, path, &r->path)) {
        passage_refuse(p, 400, "bad_path");
        return false;
    }
    r->query = p->head.query;
    r->method = p->head.method;
    r->listener = p->listener;
    r->client = p->client;
    r->header = header_of;
    r->ctx = p;
    return true;
}

void passage_run(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;

    find_client(p);
    identify(p);
    p->max_body = b->client.max_body;
    if (p->head.method_id == HTTP_CONNECT) {
        passage_refuse(p, 501, "connect_not_supported");
        return;
    }
    if (!normalize(p))
        return;
    if (b->client.total_timeout > 0)
        timer_set(
            p->worker->loop, &p->total_timer, loop_now(p->worker->loop) + b->client.total_timeout);
    p->stage = 0;
    passage_continue(p);
}

void passage_continue(struct passage *p)
{
    while (p->stage < NSTAGES) {
        enum verdict v = stages[p->stage]->on_request(p);

        if (v != NEXT)
            return;
        p->stage++;
    }
    BUG("no stage answered a request");
}

void passage_template_values(const struct passage *p, struct template_values *v)
{
    static _Thread_local char client[IP_TEXT_MAX];

    v->request = &p->route_request;
    v->result = &p->route_result;
    v->raw_path = p->head.path;
    v->scheme = p->scheme;
    v->request_id = p->request_id;
    v->client = (struct str){ client, ip_format(p->client, client) };
}

/* ---- the response ---- */

void passage_add_header(struct passage *p, struct str name, struct str value)
{
    struct response *r = &p->response;

    if (r->nextra == r->extra_room) {
        unsigned room = r->extra_room + EXTRA_FIELDS;
        struct http_field *more = arena_alloc(&p->arena, room * sizeof(*more));

        if (r->nextra > 0)
            memcpy(more, r->extra, r->nextra * sizeof(*more));
        r->extra = more;
        r->extra_room = room;
    }
    r->extra[r->nextra++] =
        (struct http_field){ .name = name, .value = value, .id = (uint8_t)http_field_lookup(name) };
}

static bool has_field(const struct response *r, enum http_field_id id)
{
    for (unsigned i = 0; i < r->nfields; i++)
        if (r->fields[i].id == id && r->fields[i].name.len > 0)
            return true;
    for (unsigned i = 0; i < r->nextra; i++)
        if (r->extra[i].id == id)
            return true;
    return false;
}

static void add_standard_headers(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;

    if (p->response.status == 101)
        return;
    if (!has_field(&p->response, HTTP_DATE)) {
        char *date = arena_alloc(&p->arena, 30);

        passage_add_header(p, STR("Date"),
            (struct str){ date, time_format_http(loop_wall(p->worker->loop), date) });
    }
    if (b->server_header && !has_field(&p->response, HTTP_SERVER))
        passage_add_header(p, STR("Server"), STR("weir"));
    if (b->request_id_header.len > 0)
        passage_add_header(p, b->request_id_header, p->request_id);
}

void passage_respond(struct passage *p, struct str body, bool end)
{
    for (unsigned i = p->stage < NSTAGES ? p->stage + 1 : NSTAGES; i > 0; i--)
        if (stages[i - 1]->on_response != NULL)
            stages[i - 1]->on_response(p);
    add_standard_headers(p);
    p->front->respond(p, body, end);
}

void passage_answer(struct passage *p, unsigned status, struct str content_type, struct str body)
{
    p->response.status = status;
    p->response.framing = H1_LENGTH;
    p->response.content_length = body.len;
    if (content_type.len > 0 && body.len > 0)
        passage_add_header(p, STR("Content-Type"), content_type);
    passage_respond(p, body, true);
}

void passage_refuse(struct passage *p, unsigned status, const char *reason)
{
    struct str phrase = http_status_phrase(status);
    char *text = arena_printf(&p->arena, "%u %.*s: %s\n", status, STR_ARG(phrase), reason);

    /* What an origin said before it failed is not part of this answer. */
    p->response.fields = NULL;
    p->response.nfields = 0;
    p->response.trailers = STR_NONE;
    p->response.upgraded = false;
    if (p->reason == NULL)
        p->reason = reason;
    worker_count_refusal(p->worker, reason);
    if (p->request_id.len == 0) { /* refused before it ran */
        p->client = p->peer;
        identify(p);
    }
    passage_add_header(p, STR("Weir-Reason"), str_from(reason));
    passage_answer(p, status, STR("text/plain; charset=utf-8"), str_from(text));
}
