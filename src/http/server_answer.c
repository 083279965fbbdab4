/*
 * server_answer - calls become bytes, in the order of the requests.
 *
 * An answer that comes before its turn waits in its call.  What is written is gathered until the end of the
 * loop's round, so that pipelined requests share a system call.
 */
#include "base/bug.h"
#include "http/server_int.h"

/* ---- looking at a call ---- */

const struct h1_head *http_call_head(const struct http_call *c)
{
    return &c->head;
}

struct str http_call_field(const struct http_call *c, const char *name)
{
    return h1_find(&c->head, str_from(name));
}

struct str http_call_body(const struct http_call *c)
{
    return c->body;
}

struct str http_call_remote(const struct http_call *c)
{
    return str_from(c->conn->remote);
}

struct arena *http_call_arena(struct http_call *c)
{
    return &c->arena;
}

bool http_call_is_tls(const struct http_call *c)
{
    return c->conn->tls != NULL;
}

unsigned http_call_certificates(struct http_call *c, struct str *der, unsigned room)
{
    return c->conn->tls != NULL ? tls_peer_certificates(c->conn->tls, &c->arena, der, room) : 0;
}

void http_call_set_data(struct http_call *c, void *data)
{
    c->data = data;
}

void *http_call_data(const struct http_call *c)
{
    return c->data;
}

/* ---- answering ---- */

bool server_is_done(const struct server_conn *c)
{
    return (c->stop || c->ended) && c->ncalls == 0 && c->out.len == c->out_at;
}

void server_charge_out(struct server_conn *c)
{
    size_t waiting = c->out.len - c->out_at;

    c->server->bytes += waiting - c->out_charged;
    c->out_charged = waiting;
}

/* Formatted once a second. */
static struct str date_of(struct http_server *s)
{
    usec_t second = loop_wall(s->loop) / 1000000 + 1; /* 0 is: not yet */

    if (s->dated != second) {
        time_format_http(loop_wall(s->loop), s->date);
        s->dated = second;
    }
    return (struct str){ s->date, 29 };
}

/* RFC 9110 8.6 and 15.3.5: these have no content and say no length. */
static bool has_no_content(int status)
{
    return status == 204 || status == 304 || status < 200;
}

static void put_answer(struct http_call *call, struct buf *b, int status, const char *content_type,
    struct str fields, struct str body)
{
    h1_put_status(b, (unsigned)status);
    if (content_type != NULL)
        h1_put_field(b, STR("Content-Type"), str_from(content_type));
    buf_str(b, fields);
    if (!has_no_content(status)) {
        buf_str(b, STR("Content-Length: "));
        buf_u64(b, body.len);
        buf_str(b, STR("\r\n"));
    }
    h1_put_field(b, STR("Date"), date_of(call->conn->server));
    if (call->last)
        buf_str(b, STR("Connection: close\r\n"));
    else if (call->head.minor == 0)
        buf_str(b, STR("Connection: keep-alive\r\n"));
    buf_str(b, STR("\r\n"));
    if (!has_no_content(status) && call->head.method_id != HTTP_HEAD)
        buf_str(b, body);
}

static void pop(struct server_conn *c, struct http_call *call)
{
    list_remove(&call->link);
    c->ncalls--;
    server_call_free(call);
}

/* Those behind it whose answers were there before. */
static void release_waiting(struct server_conn *c)
{
    while (c->ncalls > 0) {
        struct http_call *call = list_item(c->calls.next, struct http_call, link);

        if (!call->answered)
            break;
        buf_str(&c->out, buf_as_str(&call->answer));
        pop(c, call);
    }
}

void http_answer(struct http_call *call, int status, const char *content_type, struct str fields,
    struct str body)
{
    struct server_conn *c = call->conn;

    MUST(!call->answered);
    call->answered = true;
    if (c->calls.next != &call->link) {
        put_answer(call, &call->answer, status, content_type, fields, body);
        return;
    }
    put_answer(call, &c->out, status, content_type, fields, body);
    pop(c, call);
    release_waiting(c);
    server_charge_out(c);
    if (!c->blocked)
        loop_take_last_turn(c->server->loop, &c->flush);
}
