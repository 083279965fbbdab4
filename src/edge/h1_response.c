/*
 * h1_response - what the client is answered.
 */
#include <sys/socket.h>

#include "edge/h1_int.h"

static bool has_no_body(const struct passage *p)
{
    unsigned status = p->response.status;

    if (p->response.upgraded)
        return false;
    return p->head.method_id == HTTP_HEAD || status < 200 || status == 204 || status == 304;
}

static void choose_framing(struct conn *c, struct buf *b, struct str body, bool end)
{
    const struct response *r = &c->p->response;

    c->chunked_out = false;
    if (r->upgraded)
        return;
    if (r->framing == H1_LENGTH || (end && r->trailers.len == 0 && !has_no_body(c->p))) {
        if (r->status >= 200 && r->status != 204) {
            buf_text(b, "Content-Length: ");
            buf_u64(b, r->framing == H1_LENGTH ? r->content_length : body.len);
            buf_text(b, "\r\n");
        }
    } else if (!has_no_body(c->p)) {
        if (c->p->head.minor >= 1 && c->p->was_parsed) {
            c->chunked_out = true;
            buf_text(b, "Transfer-Encoding: chunked\r\n");
        } else {
            c->close_after = true;
        }
    }
}

/* with_length: of a response without a body, whose length says what a GET would have got. */
static void put_fields(struct buf *b, const struct http_field *f, unsigned n, bool with_length)
{
    for (unsigned i = 0; i < n; i++)
        if (f[i].name.len > 0 && !f[i].hop && (with_length || f[i].id != HTTP_CONTENT_LENGTH))
            h1_put_field(b, f[i].name, f[i].value);
}

static void put_connection(struct conn *c, struct buf *b)
{
    const struct passage *p = c->p;

    if (p->response.upgraded) {
        buf_text(b, "Connection: upgrade\r\n");
        h1_put_field(b, STR("Upgrade"),
            p->proxy.head.upgrade.at != NULL ? p->proxy.head.upgrade : p->head.upgrade);
    } else if (c->close_after) {
        buf_text(b, "Connection: close\r\n");
    } else if (p->head.minor == 0) {
        buf_text(b, "Connection: keep-alive\r\n");
    }
}

/* The rest of the request's body: may it be read and forgotten, or must the connection close? */
static void decide_unread_body(struct conn *c, bool end)
{
    const struct passage *p = c->p;

    if (p->body_ended)
        return;
    if (p->head.expect_continue && p->body_bytes == 0)
        c->close_after = true; /* it was not told to go on, and need not send the body now */
    if (p->body_wanted && !end)
        return;
    if (c->framing == H1_LENGTH && c->left > H1_DRAIN_MAX)
        c->close_after = true;
}

static void after_write(struct conn *c, bool ok);

static void put_head(struct conn *c, struct str body, bool end)
{
    struct passage *p = c->p;
    struct buf *b = &c->worker->scratch;

    b->len = 0;
    h1_put_status(b, p->response.status);
    put_fields(b, p->response.fields, p->response.nfields,
        has_no_body(p) && p->response.framing != H1_LENGTH && p->response.status >= 200 &&
            p->response.status != 204);
    put_fields(b, p->response.extra, p->response.nextra, false);
    choose_framing(c, b, body, end);
    put_connection(c, b);
    buf_add(b, "\r\n", 2);
}

static unsigned put_body(
    struct conn *c, struct iovec *v, struct str body, bool end, char chunk_head[18])
{
    unsigned n = 0;
    struct str trailers = c->p->response.trailers;

    if (body.len > 0) {
        if (c->chunked_out)
            v[n++] = (struct iovec){ chunk_head, h1_chunk_head(body.len, chunk_head) };
        v[n++] = (struct iovec){ (void *)(uintptr_t)body.at, body.len };
        if (c->chunked_out)
            v[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    }
    if (end && c->chunked_out) {
        v[n++] = (struct iovec){ (void *)(uintptr_t) "0\r\n", 3 };
        if (trailers.len > 0)
            v[n++] = (struct iovec){ (void *)(uintptr_t)trailers.at, trailers.len };
        v[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    }
    return n;
}

static void respond(struct passage *p, struct str body, bool end)
{
    struct conn *c = p->front_self;
    struct iovec v[8];
    char chunk_head[18];
    unsigned n = 1;

    decide_unread_body(c, end);
    put_head(c, body, end);
    v[0] = (struct iovec){ c->worker->scratch.data, c->worker->scratch.len };
    if (!has_no_body(p))
        n += put_body(c, v + 1, body, end, chunk_head);
    p->response.body_bytes += has_no_body(p) ? 0 : body.len;
    p->response.started = true;
    p->response.ended = end;
    after_write(c, stream_write(&c->s, v, n));
}

static void send_body(struct passage *p, struct str data, bool end)
{
    struct conn *c = p->front_self;
    struct iovec v[6];
    char chunk_head[18];
    unsigned n = has_no_body(p) ? 0 : put_body(c, v, data, end, chunk_head);

    p->response.body_bytes += data.len;
    p->response.ended = end;
    after_write(c, n == 0 || stream_write(&c->s, v, n));
}

static void interim(
    struct passage *p, unsigned status, const struct http_field *fields, unsigned nfields)
{
    struct conn *c = p->front_self;
    struct buf *b = &c->worker->scratch;
    struct iovec v;

    if (p->head.minor == 0 || p->response.started)
        return;
    if (status == 100)
        p->continued = true;
    b->len = 0;
    h1_put_status(b, status);
    put_fields(b, fields, nfields, false);
    buf_add(b, "\r\n", 2);
    v = (struct iovec){ b->data, b->len };
    after_write(c, stream_write(&c->s, &v, 1));
}

bool h1_blocked(const struct passage *p)
{
    const struct conn *c = p->front_self;

    return stream_blocked(&c->s) && !c->s.corked;
}

static void start_tunnel(struct passage *p)
{
    struct conn *c = p->front_self;

    c->tunnel = true;
    c->close_after = true;
    c->reading.since = 0;
    h1_leave_head(c, PAGE_16K);
    h1_pull(p);
}

static void abort_response(struct passage *p)
{
    struct conn *c = p->front_self;

    /* A close without the last chunk, or before the length: the client sees that it broke off.
     * Where the end of the connection is the end of the body, only a reset says so. */
    if (!c->chunked_out && p->response.framing != H1_LENGTH) {
        struct linger reset = { .l_onoff = 1 };

        setsockopt(c->s.watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    stream_break(&c->s);
    conn_close(c);
}

const struct front h1_front = {
    .protocol = "HTTP/1.1",
    .respond = respond,
    .body = send_body,
    .interim = interim,
    .blocked = h1_blocked,
    .pull = h1_pull,
    .tunnel = start_tunnel,
    .abort = abort_response,
};

/* Output moved, or waits: the clock of the client's reading starts or stops. */
static void after_write(struct conn *c, bool ok)
{
    struct loop *l = c->worker->loop;

    if (!ok) {
        /* Not now: our callers are in the middle of the passage. The socket's end comes by the loop. */
        shutdown(c->s.watch.fd, SHUT_RDWR);
        c->s.readable = true;
        c->s.hangup = true;
        c->close_after = true;
        c->p->client_gone = true;
        if (c->p->response.ended && !c->advancing)
            conn_advance(c);
        return;
    }
    if (stream_blocked(&c->s) && !c->s.corked) {
        if (c->writing.since == 0) {
            c->writing.since = loop_now(l);
            c->writing.bytes = 0;
            c->writing.start = stream_acknowledged(&c->s);
            timer_set(l, &c->timer, loop_now(l) + 1000);
        }
        c->writing.last = loop_now(l);
    }
    if (c->p->response.ended && !c->advancing)
        conn_advance(c);
}
