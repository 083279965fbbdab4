/*
 * h1_front - the client's side of HTTP/1.1: reads heads and bodies, writes responses.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "edge/conn.h"
#include "edge/passage.h"

enum {
    DRAIN_MAX = 64 * 1024, /* of a body that nobody wants: more than that closes the connection */
    RATE_GRACE = 5000,     /* ms before the minimum rate counts */
    BODY_ROOM = 4096,      /* with less behind the head, a body gets a buffer of its own */
};

static const struct client_limits *limits_of(const struct conn *c)
{
    return &c->worker->binding->blueprint->client;
}

static msec_t now_of(const struct conn *c)
{
    return loop_now(c->worker->loop);
}

/* ---- the head ---- */

static void start_parser(struct conn *c)
{
    const struct client_limits *l = &c->p->binding->blueprint->client;
    struct h1_limits limits = { .max_head = (uint32_t)l->max_head,
        .max_uri = (uint32_t)l->max_uri,
        .max_fields = (uint16_t)l->max_fields };

    h1_request_start(&c->p->parser, &c->p->head, &limits);
}

static void begin_passage(struct conn *c)
{
    c->p = passage_new(c->worker, &h1_front, c);
    c->p->tls = c->s.tls != NULL;
    c->p->listener = c->acceptor->name;
    c->p->peer = c->peer;
    c->p->peer_port = c->peer_port;
    c->phase = CONN_HEAD;
    start_parser(c);
}

/* More room for a head that does not end yet. The parser's pointers go stale: it starts anew. */
static void make_room(struct conn *c)
{
    stream_move_input(
        &c->s, c->s.in.at > 0 && c->s.in.cap <= page_bytes(PAGE_16K) ? PAGE_16K : PAGE_64K);
    start_parser(c);
}

static void refuse_head(struct conn *c, enum h1_error error)
{
    c->close_after = true;
    c->phase = CONN_PASSAGE;
    c->p->was_parsed = true;
    c->p->body_ended = true;
    passage_refuse(c->p, h1_error_status(error), h1_error_word(error));
}

static void start_body(struct conn *c)
{
    const struct h1_head *h = &c->p->head;

    c->framing = h->framing;
    c->left = h->content_length;
    c->reading = (struct progress){ 0 };
    c->writing = (struct progress){ 0 };
    if (h->framing == H1_CHUNKED)
        h1_chunks_start(&c->chunks);
    else if (h->framing == H1_NO_BODY || h->content_length == 0)
        c->p->body_ended = true;
    c->floor = c->s.in.at;
    if (c->p->body_ended)
        return;
    c->reading.since = now_of(c);
    c->reading.last = c->reading.since;
    timer_set(c->worker->loop, &c->timer, now_of(c) + 1000);
    if (c->s.in.cap - c->s.in.at < BODY_ROOM || h->framing == H1_CHUNKED ||
        h->content_length > c->s.in.cap - c->s.in.at) {
        /* The head stays where it is; the body goes through a buffer of its own. */
        struct str rest = stream_input(&c->s);

        c->head_page = c->s.in;
        c->s.in = (struct stream_buffer){ 0 };
        stream_move_input(&c->s, PAGE_64K);
        if (rest.len > 0)
            memcpy(c->s.in.data, rest.at, rest.len);
        c->s.in.end = (uint32_t)rest.len;
        c->floor = 0;
    }
}

static void head_complete(struct conn *c, size_t length)
{
    struct passage *p = c->p;

    stream_consume(&c->s, length);
    p->was_parsed = true;
    c->phase = CONN_PASSAGE;
    c->nrequests++;
    c->close_after = !p->head.keep_alive || c->worker->draining || c->acceptor->listener == NULL ||
                     (limits_of(c)->max_requests > 0 && c->nrequests >= limits_of(c)->max_requests);
    start_body(c);
    if (p->body_ended && stream_input(&c->s).len > 0)
        c->s.corked = true; /* pipelined: the responses may share a packet */
    passage_run(p);
}

/* Reads some; false: wait, or it is over. */
static bool read_more(struct conn *c)
{
    switch (stream_fill(&c->s)) {
    case STREAM_GOT:
        return true;
    case STREAM_FULL:
        if (c->s.in.at == 0 && c->s.in.cap >= page_bytes(PAGE_64K))
            refuse_head(c, H1_HEAD_TOO_LARGE);
        else
            make_room(c);
        return true;
    case STREAM_AGAIN:
        if (c->phase == CONN_IDLE)
            stream_release_input(&c->s);
        return false;
    case STREAM_EOF:
    case STREAM_FAILED:
        break;
    }
    if (c->phase == CONN_HEAD)
        worker_count_refusal(c->worker, "client_closed_in_head");
    conn_close(c);
    return false;
}

bool h1_read_head(struct conn *c)
{
    struct str in = stream_input(&c->s);
    int64_t n;

    if (in.len == 0)
        return read_more(c);
    if (c->phase == CONN_IDLE)
        begin_passage(c);
    n = h1_parse(&c->p->parser, in.at, in.len);
    if (n > 0) {
        head_complete(c, (size_t)n);
        return true;
    }
    if (n < 0) {
        refuse_head(c, c->p->parser.error);
        return true;
    }
    if (c->reading.since == 0) { /* the clock of the head runs from its first byte */
        c->reading.since = now_of(c);
        timer_set(c->worker->loop, &c->timer, now_of(c) + limits_of(c)->header_timeout);
    }
    return read_more(c);
}

void h1_head_timeout(struct conn *c)
{
    c->close_after = true;
    c->phase = CONN_PASSAGE;
    c->p->was_parsed = true;
    c->p->body_ended = true;
    passage_refuse(c->p, 408, "header_timeout");
    conn_advance(c);
}

/* ---- the body ---- */

static void body_progress(struct conn *c, size_t n)
{
    c->reading.last = now_of(c);
    c->reading.bytes += n;
}

static void broken_body(struct conn *c, unsigned status, const char *reason)
{
    c->close_after = true;
    c->p->body_ended = true;
    passage_cancel(c->p, reason);
    if (c->p->response.started)
        conn_close(c);
    else
        passage_refuse(c->p, status, reason);
}

static void deliver(struct conn *c, struct str data, bool end)
{
    struct passage *p = c->p;

    p->body_bytes += data.len;
    if (p->body_bytes > p->max_body) {
        broken_body(c, 413, "body_too_large");
        return;
    }
    if (end)
        p->body_ended = true;
    if (c->phase == CONN_PASSAGE && p->body_wanted)
        proxy_body(p, data, end);
}

/* One step of a chunked body; false: more input is needed, or it is over. */
static bool step_chunked(struct conn *c, struct str in)
{
    struct str data;
    size_t used;
    enum h1_chunk_event e = h1_chunks_next(&c->chunks, in.at, in.len, &used, &data);

    stream_consume(&c->s, used);
    body_progress(c, used);
    switch (e) {
    case H1_CHUNK_MORE:
        return used > 0 && stream_input(&c->s).len > 0;
    case H1_CHUNK_DATA:
        deliver(c, data, false);
        return true;
    case H1_CHUNK_TRAILER: {
        struct http_field f;

        if (h1_trailer(data, &f))
            proxy_trailer(c->p, &f);
        return true;
    }
    case H1_CHUNK_END:
        deliver(c, STR_NONE, true);
        return true;
    case H1_CHUNK_ERROR:
        break;
    }
    broken_body(c, h1_error_status(c->chunks.error), h1_error_word(c->chunks.error));
    return false;
}

static bool step_body(struct conn *c, struct str in)
{
    size_t n;

    if (c->framing == H1_CHUNKED)
        return step_chunked(c, in);
    n = in.len < c->left ? in.len : (size_t)c->left;
    c->left -= n;
    stream_consume(&c->s, n);
    body_progress(c, n);
    deliver(c, (struct str){ in.at, n }, c->left == 0);
    return true;
}

/* Room behind the head again; a partial chunk line moves to the front. */
static void rewind_body(struct conn *c)
{
    uint32_t held = c->s.in.end - c->s.in.at;

    if (held == 0) {
        c->s.in.at = c->floor;
        c->s.in.end = c->floor;
    } else if (c->s.in.end == c->s.in.cap && c->s.in.at > c->floor) {
        memmove(c->s.in.data + c->floor, c->s.in.data + c->s.in.at, held);
        c->s.in.at = c->floor;
        c->s.in.end = c->floor + held;
    }
}

/* False: nothing to read now, or the connection is gone. */
static bool read_body(struct conn *c)
{
    rewind_body(c);
    switch (stream_fill(&c->s)) {
    case STREAM_GOT:
        return true;
    case STREAM_FULL:
        broken_body(c, 400, h1_error_word(H1_BAD_CHUNK));
        return false;
    case STREAM_AGAIN:
        return false;
    case STREAM_EOF:
    case STREAM_FAILED:
        break;
    }
    conn_close(c);
    return false;
}

static bool tunnel(struct conn *c)
{
    for (;;) {
        struct str in = stream_input(&c->s);
        enum stream_got got;

        if (in.len > 0) {
            size_t n = proxy_tunnel_send(c->p, in);

            if (c->phase == CONN_CLOSED)
                return false;
            stream_consume(&c->s, n);
            c->p->body_bytes += n;
            if (n < in.len)
                return false;
        }
        rewind_body(c);
        got = stream_fill(&c->s);
        if (got == STREAM_AGAIN)
            return false;
        if (got == STREAM_EOF) {
            proxy_tunnel_end(c->p);
            return false;
        }
        if (got != STREAM_GOT) {
            conn_close(c);
            return false;
        }
    }
}

static void pump(struct conn *c)
{
    while (c->phase == CONN_PASSAGE && c->p != NULL && c->p->body_wanted && !c->p->body_ended) {
        struct str in = stream_input(&c->s);

        if ((in.len == 0 || !step_body(c, in)) &&
            (c->phase != CONN_PASSAGE || c->p == NULL || !c->p->body_wanted || !read_body(c)))
            return;
    }
}

static void pull(struct passage *p)
{
    struct conn *c = p->front_self;

    if (c->advancing)
        pump(c);
    else
        conn_advance(c);
}

bool h1_drain(struct conn *c)
{
    while (c->phase == CONN_DRAIN) {
        struct str in = stream_input(&c->s);

        if (c->p->body_ended) {
            c->phase = CONN_PASSAGE;
            return true;
        }
        if (c->p->body_bytes > DRAIN_MAX) {
            c->close_after = true;
            c->p->body_ended = true;
        } else if ((in.len == 0 || !step_body(c, in)) && c->phase == CONN_DRAIN && !read_body(c)) {
            return false;
        }
    }
    return c->phase != CONN_CLOSED;
}

/* ---- the response ---- */

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
    if (r->framing == H1_LENGTH || (end && !has_no_body(c->p))) {
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
        h1_put_field(b, STR("Upgrade"), p->head.upgrade);
    } else if (c->close_after) {
        buf_text(b, "Connection: close\r\n");
    } else if (p->head.minor == 0) {
        buf_text(b, "Connection: keep-alive\r\n");
    }
}

/* The rest of the request's body: may it be read and forgotten, or must the connection close? */
static void decide_unread_body(struct conn *c)
{
    const struct passage *p = c->p;

    if (p->body_ended)
        return;
    if (p->head.expect_continue && p->body_bytes == 0)
        c->close_after = true; /* it was not told to go on, and need not send the body now */
    if (p->body_wanted)
        return;
    if (c->framing == H1_LENGTH && c->left > DRAIN_MAX)
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

    decide_unread_body(c);
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
    b->len = 0;
    h1_put_status(b, status);
    put_fields(b, fields, nfields, false);
    buf_add(b, "\r\n", 2);
    v = (struct iovec){ b->data, b->len };
    after_write(c, stream_write(&c->s, &v, 1));
}

static bool blocked(const struct passage *p)
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
    pull(p);
}

static void abort_response(struct passage *p)
{
    struct conn *c = p->front_self;

    /* A close without the last chunk, or before the length: the client sees that it broke off. */
    conn_close(c);
}

const struct front h1_front = {
    .protocol = "HTTP/1.1",
    .respond = respond,
    .body = send_body,
    .interim = interim,
    .blocked = blocked,
    .pull = pull,
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
            c->writing.bytes = c->s.bytes_out;
            timer_set(l, &c->timer, loop_now(l) + 1000);
        }
        c->writing.last = loop_now(l);
    }
    if (c->p->response.ended && !c->advancing)
        conn_advance(c);
}

static void finish(struct conn *c)
{
    struct passage *p = c->p;

    c->p = NULL;
    passage_finish(p);
    c->reading = (struct progress){ 0 };
    c->writing = (struct progress){ 0 };
    stream_give(&c->s, &c->head_page);
    c->floor = 0;
    if (c->close_after) {
        conn_begin_close(c);
        return;
    }
    if (c->s.in.at == c->s.in.end)
        c->s.in.at = c->s.in.end = 0;
    c->phase = CONN_IDLE;
    timer_set(c->worker->loop, &c->timer, now_of(c) + limits_of(c)->idle_timeout);
}

bool h1_serve(struct conn *c)
{
    struct passage *p = c->p;

    if (p->client_gone) {
        conn_close(c);
        return false;
    }
    if (c->tunnel && !p->response.ended)
        return tunnel(c);
    if (!p->response.ended) {
        pump(c);
        return c->phase != CONN_PASSAGE || (c->p != NULL && c->p->response.ended);
    }
    if (blocked(p))
        return false;
    if (!p->body_ended && !c->close_after) {
        p->body_wanted = false;
        c->phase = CONN_DRAIN;
        return true;
    }
    finish(c);
    return true;
}

/* ---- clocks ---- */

static const char *too_slow(
    const struct progress *g, uint64_t bytes, msec_t now, const struct client_limits *l)
{
    if (g->since == 0)
        return NULL;
    if (now - g->last >= l->body_timeout)
        return "body_timeout";
    if (now - g->since > RATE_GRACE && l->min_body_rate > 0 &&
        bytes * 1000 < (now - g->since) * l->min_body_rate)
        return "body_too_slow";
    return NULL;
}

bool h1_check_progress(struct conn *c, msec_t now)
{
    const struct client_limits *l = limits_of(c);
    const char *reason;

    if (c->tunnel || c->p == NULL)
        return true;
    if (!c->p->body_ended && (c->p->body_wanted || c->phase == CONN_DRAIN)) {
        reason = too_slow(&c->reading, c->reading.bytes, now, l);
        if (reason != NULL) {
            if (c->phase == CONN_DRAIN)
                conn_close(c);
            else
                broken_body(c, 408, reason);
            if (c->phase != CONN_CLOSED)
                conn_advance(c);
            return c->phase != CONN_CLOSED;
        }
    } else if (c->reading.since != 0) {
        /* The origin is what we wait for: the client's clock begins anew after that. */
        c->reading = (struct progress){ .since = now, .last = now };
    }
    if (stream_blocked(&c->s)) {
        uint64_t sent = c->s.bytes_out - (c->s.out.end - c->s.out.at) - c->writing.bytes;

        reason = too_slow(&c->writing, sent, now, l);
        if (reason != NULL) {
            c->p->reason = "client_read_timeout";
            conn_close(c);
            return false;
        }
    } else {
        c->writing.since = 0;
    }
    return true;
}
