/*
 * proxy_response - from the origin's bytes to the client's.
 */
#include "base/bug.h"
#include "edge/balance.h"
#include "edge/passage.h"
#include "edge/proxy_int.h"
#include "edge/worker.h"

enum {
    RESPONSE_TRAILERS_MAX = 8192,
    INTERIMS_MAX = 16, /* 1xx heads before a response */
    READ_ROUNDS = 64,  /* pieces in one go; then the other connections have their turn */
};

/*
 * What a step found: go on; read more; wait for the client to read; or the proxy
 * is done with this passage (do not touch it).
 */
enum step { AGAIN, WAIT, PAUSE, OVER };

/* ---- the end of a response ---- */

/* Gives the connection back once the front has taken the last bytes out of it. */
static void settle(struct origin_conn *c, struct bound_service *s, bool reusable)
{
    struct pool *pool = c->pool;

    if (reusable)
        origin_conn_keep(c, s);
    else
        origin_conn_close(c);
    pool_unref(pool);
    proxy_serve_queue(s);
}

static void deliver(struct passage *p, struct str data, bool end)
{
    if (p->response.started)
        p->front->body(p, data, end);
    else
        passage_respond(p, data, end);
}

/* The last piece. After this the passage may be gone. */
static void deliver_last(struct passage *p, struct str data, size_t used)
{
    struct proxy *x = &p->proxy;
    struct binding *b = binding_ref(p->binding);
    struct bound_service *s = x->service;
    bool reusable = x->head.keep_alive && x->head.framing != H1_UNTIL_CLOSE && p->body_ended &&
                    !p->response.upgraded;
    struct origin_conn *c = proxy_detach(p);

    stream_consume(&c->s, used);
    deliver(p, data, true);
    settle(c, s, reusable);
    binding_unref(b);
}

/* ---- the head ---- */

static const unsigned retry_bit[][2] = {
    { 429, RETRY_ON_429 },
    { 500, RETRY_ON_500 },
    { 502, RETRY_ON_502 },
    { 503, RETRY_ON_503 },
    { 504, RETRY_ON_504 },
};

static unsigned retry_class_of_status(unsigned status)
{
    for (size_t i = 0; i < sizeof(retry_bit) / sizeof(retry_bit[0]); i++)
        if (retry_bit[i][0] == status)
            return retry_bit[i][1];
    return 0;
}

static void count_head(struct passage *p)
{
    struct proxy *x = &p->proxy;
    usec_t now = time_usec();

    x->origin_usec = now - x->try_started;
    histogram_record(x->pool->latency, x->origin_usec * 1000);
    cell_add(x->pool->requests[x->head.status / 100 % 6], 1);
    if (x->admitted) {
        x->admitted = false;
        balance_report(p, x->pool, x->head.status < 500);
    }
}

static enum step interim(struct passage *p, size_t length)
{
    struct proxy *x = &p->proxy;

    if (++x->interims > INTERIMS_MAX) {
        proxy_origin_failed(p, "too_many_interim");
        return OVER;
    }
    if (x->head.status == 100) {
        if (x->expect_continue)
            p->front->interim(p, 100, NULL, 0);
        x->expect_continue = false;
    } else {
        p->front->interim(p, x->head.status, x->head.fields, x->head.nfields);
    }
    stream_consume(&x->conn->s, length);
    h1_response_start(&x->parser, &x->head, &x->parser.limits, p->head.method_id);
    return AGAIN;
}

static void begin_response(struct passage *p)
{
    struct proxy *x = &p->proxy;

    p->response.status = x->head.status;
    p->response.framing = x->head.framing;
    p->response.content_length = x->head.content_length;
    p->response.fields = x->head.fields;
    p->response.nfields = x->head.nfields;
    x->state = PROXY_BODY;
    x->left = x->head.content_length;
    if (x->head.framing == H1_CHUNKED)
        h1_chunks_start(&x->chunks);
    proxy_arm(p);
}

static enum step upgraded(struct passage *p, size_t length)
{
    struct proxy *x = &p->proxy;

    if (p->head.upgrade.at == NULL || !p->route->upgrade) {
        proxy_origin_failed(p, "unexpected_upgrade");
        return OVER;
    }
    count_head(p);
    begin_response(p);
    stream_consume(&x->conn->s, length);
    x->state = PROXY_TUNNEL;
    timer_cancel(p->worker->loop, &p->total_timer); /* it is no request any more */
    p->response.upgraded = true;
    passage_respond(p, STR_NONE, false);
    if (x->conn == NULL)
        return OVER;
    p->front->tunnel(p);
    return x->conn != NULL ? AGAIN : OVER;
}

static enum step take_head(struct passage *p, size_t length)
{
    struct proxy *x = &p->proxy;
    unsigned class = retry_class_of_status(x->head.status);

    if (x->head.status == 101)
        return upgraded(p, length);
    if (x->head.status < 200)
        return interim(p, length);
    count_head(p);
    if (class != 0 && proxy_may_retry(p, class)) {
        bool whole = x->head.keep_alive && x->head.framing == H1_LENGTH &&
                     stream_input(&x->conn->s).len == length + x->head.content_length;
        struct origin_conn *c = proxy_detach(p);

        stream_consume(&c->s, whole ? stream_input(&c->s).len : 0);
        x->reason = "origin_status";
        proxy_retry(p);
        settle(c, x->service, whole && p->body_ended);
        return OVER;
    }
    begin_response(p);
    stream_consume(&x->conn->s, length);
    if (x->head.framing == H1_NO_BODY || (x->head.framing == H1_LENGTH && x->left == 0)) {
        deliver_last(p, STR_NONE, 0);
        return OVER;
    }
    return AGAIN;
}

static enum step read_head(struct passage *p, struct str in)
{
    struct proxy *x = &p->proxy;
    int64_t n;

    if (in.len == 0)
        return WAIT;
    if (x->interims > 0 && p->front->blocked(p))
        return PAUSE;
    x->got_bytes = true;
    n = h1_parse(&x->parser, in.at, in.len);
    if (n > 0)
        return take_head(p, (size_t)n);
    if (n < 0) {
        proxy_origin_failed(
            p, arena_printf(&p->arena, "bad_response_%s", h1_error_word(x->parser.error)));
        return OVER;
    }
    return WAIT;
}

/* ---- the body ---- */

static enum step pass_length(struct passage *p, struct str in)
{
    struct proxy *x = &p->proxy;
    size_t n = in.len < x->left ? in.len : (size_t)x->left;

    x->left -= n;
    if (x->left == 0) {
        deliver_last(p, (struct str){ in.at, n }, n);
        return OVER;
    }
    stream_consume(&x->conn->s, n);
    deliver(p, (struct str){ in.at, n }, false);
    return AGAIN;
}

static void add_trailer(struct passage *p, struct str line)
{
    struct str *t = &p->response.trailers;
    struct http_field f;
    char *more;

    if (!h1_trailer(line, &f) || t->len + f.name.len + f.value.len + 4 > RESPONSE_TRAILERS_MAX)
        return;
    more = arena_printf(
        &p->arena, "%.*s%.*s: %.*s\r\n", STR_ARG(*t), STR_ARG(f.name), STR_ARG(f.value));
    *t = str_from(more);
}

/*
 * All the chunks that are in the input.  A piece is held back until the next
 * event is known, so that the last one can go out together with the end.
 */
static enum step pass_chunks(struct passage *p, struct str in)
{
    struct proxy *x = &p->proxy;
    struct str held = STR_NONE;

    for (;;) {
        struct str data;
        size_t used;
        enum h1_chunk_event e = h1_chunks_next(&x->chunks, in.at, in.len, &used, &data);

        in.at += used;
        in.len -= used;
        if (held.len > 0 && e == H1_CHUNK_DATA) {
            deliver(p, held, false);
            if (x->conn == NULL || p->client_gone)
                return OVER;
        }
        switch (e) {
        case H1_CHUNK_DATA:
            held = data;
            break;
        case H1_CHUNK_TRAILER:
            add_trailer(p, data);
            break;
        case H1_CHUNK_END:
            deliver_last(p, held, stream_input(&x->conn->s).len - in.len);
            return OVER;
        case H1_CHUNK_ERROR:
            proxy_give_up(
                p, arena_printf(&p->arena, "bad_response_%s", h1_error_word(x->chunks.error)));
            return OVER;
        case H1_CHUNK_MORE:
            stream_consume(&x->conn->s, stream_input(&x->conn->s).len - in.len);
            if (held.len > 0)
                deliver(p, held, false);
            return x->conn == NULL ? OVER : WAIT;
        }
    }
}

static enum step pass_all(struct passage *p, struct str in)
{
    stream_consume(&p->proxy.conn->s, in.len);
    deliver(p, in, false);
    return p->proxy.conn == NULL ? OVER : AGAIN;
}

static enum step pass_body(struct passage *p, struct str in)
{
    struct proxy *x = &p->proxy;

    if (in.len == 0)
        return WAIT;
    if (x->state == PROXY_TUNNEL)
        return pass_all(p, in);
    switch (x->head.framing) {
    case H1_LENGTH:
        return pass_length(p, in);
    case H1_CHUNKED:
        return pass_chunks(p, in);
    case H1_UNTIL_CLOSE:
        return pass_all(p, in);
    case H1_NO_BODY:
        break;
    }
    BUG("a body where there is none");
}

/* ---- reading ---- */

static enum step on_eof(struct passage *p)
{
    struct proxy *x = &p->proxy;

    if (x->state == PROXY_TUNNEL || (x->state == PROXY_BODY && x->head.framing == H1_UNTIL_CLOSE)) {
        deliver_last(p, STR_NONE, 0);
        return OVER;
    }
    if (x->state == PROXY_BODY) {
        if (!p->response.started) /* a broken body of which nothing was passed on */
            proxy_give_up(p, "origin_closed_early");
        else
            proxy_origin_failed(p, "origin_closed_early");
        return OVER;
    }
    proxy_origin_failed(p, x->got_bytes ? "closed_in_head" : "reset");
    return OVER;
}

/* Input is consumed in whole: begin at the start again, with a larger buffer once it streams. */
static void rewind_input(struct passage *p)
{
    struct stream *s = &p->proxy.conn->s;
    bool was_full = s->in.end == s->in.cap;

    if (s->in.at == s->in.end) {
        s->in.at = 0;
        s->in.end = 0;
        if (was_full && s->in.data != NULL && p->proxy.state != PROXY_AWAIT_HEAD)
            stream_move_input(s, PAGE_64K);
    } else if (was_full) {
        stream_move_input(s, p->proxy.state == PROXY_BODY && s->in.at > 0 ? PAGE_16K : PAGE_64K);
        if (p->proxy.state != PROXY_BODY && p->proxy.state != PROXY_TUNNEL)
            h1_response_start(
                &p->proxy.parser, &p->proxy.head, &p->proxy.parser.limits, p->head.method_id);
    }
}

static enum step fill(struct passage *p)
{
    struct stream *s = &p->proxy.conn->s;

    rewind_input(p);
    switch (stream_fill(s)) {
    case STREAM_GOT:
        if (p->proxy.state == PROXY_BODY || p->proxy.state == PROXY_TUNNEL)
            proxy_arm(p);
        return AGAIN;
    case STREAM_AGAIN:
        return WAIT;
    case STREAM_FULL:
        proxy_origin_failed(p, "bad_response_head_too_large");
        return OVER;
    case STREAM_EOF:
        return on_eof(p);
    case STREAM_FAILED:
        break;
    }
    proxy_origin_failed(p, "reset");
    return OVER;
}

/*
 * The head's fields point into the buffer and were not passed on yet: what
 * comes may only go behind them.
 */
static enum step fill_behind_head(struct passage *p)
{
    struct stream *s = &p->proxy.conn->s;

    switch (stream_fill(s)) {
    case STREAM_GOT:
        proxy_arm(p);
        return AGAIN;
    case STREAM_AGAIN:
    case STREAM_FULL:
        return WAIT;
    case STREAM_EOF:
        return on_eof(p);
    case STREAM_FAILED:
        break;
    }
    proxy_origin_failed(p, "reset");
    return OVER;
}

static enum step step(struct passage *p)
{
    struct proxy *x = &p->proxy;
    struct str in = stream_input(&x->conn->s);
    enum step r;

    if (x->state != PROXY_BODY && x->state != PROXY_TUNNEL) {
        r = read_head(p, in);
    } else {
        if (p->response.started && p->front->blocked(p))
            return PAUSE;
        r = pass_body(p, in);
    }
    if (r == OVER || x->conn == NULL || p->client_gone)
        return OVER;
    if (r != WAIT)
        return r;
    if (x->state != PROXY_BODY || p->response.started)
        return fill(p);
    r = fill_behind_head(p);
    if (r == WAIT)
        deliver(p, STR_NONE, false); /* the body takes its time: the client gets the head now */
    return r;
}

void proxy_read_response(struct passage *p)
{
    struct origin_conn *c = p->proxy.conn;

    if (p->proxy.state < PROXY_SEND || p->proxy.state == PROXY_DONE)
        return;
    for (int n = 0; step(p) == AGAIN; n++)
        if (n == READ_ROUNDS) {
            loop_take_turn(p->worker->loop, &c->turn);
            return;
        }
}

void proxy_resume(struct passage *p)
{
    if (p->proxy.conn != NULL)
        proxy_read_response(p);
}
