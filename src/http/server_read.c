/*
 * server_read - bytes become calls.
 *
 * A request lies in one buffer, its own: head, then body (a chunked one is decoded in place).  The head points
 * into it; when the buffer has moved while it grew, the head is parsed again.  What a client sent behind the
 * request begins the buffer of the next.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "http/server_int.h"

enum { SPARE_SIZE = 32 << 10, ARENA_SIZE = 8 << 10, SLACK = 128 << 10 };

static const struct h1_limits limits = { SERVER_HEAD_MAX, SERVER_URI_MAX, SERVER_FIELDS_MAX };

enum step { STEP_MORE, STEP_WHOLE, STEP_REFUSED };

/* ---- calls ---- */

static struct http_call *take_spare(struct http_server *s)
{
    struct http_call *call;

    if (s->nspare > 0) {
        call = list_item(s->spare.next, struct http_call, link);
        list_remove(&call->link);
        s->nspare--;
        return call;
    }
    call = xcalloc(1, sizeof(*call));
    list_init(&call->link);
    arena_init(&call->arena, ARENA_SIZE);
    buf_init_secret(&call->bytes, SERVER_HEAD_MAX + (size_t)s->options.max_body + SLACK);
    buf_init_secret(&call->answer, SIZE_MAX / 4);
    return call;
}

struct http_call *server_call_new(struct server_conn *c)
{
    struct http_call *call = take_spare(c->server);

    call->conn = c;
    call->data = NULL;
    call->body = STR_NONE;
    call->charged = 0;
    call->answered = false;
    call->last = false;
    c->parsed = NULL;
    return call;
}

void server_call_free(struct http_call *call)
{
    struct http_server *s = call->conn->server;

    s->bytes -= call->charged;
    arena_wipe(&call->arena);
    buf_free(&call->answer);
    if (call->bytes.cap > SPARE_SIZE)
        buf_free(&call->bytes);
    else
        buf_clear(&call->bytes);
    if (s->nspare < SERVER_KEEP_CALLS) {
        list_prepend(&s->spare, &call->link);
        s->nspare++;
        return;
    }
    arena_free(&call->arena);
    buf_free(&call->bytes);
    free(call);
}

/* False when all bodies together are too much. */
static bool charge(struct http_call *call)
{
    struct http_server *s = call->conn->server;
    size_t body = call->bytes.len;

    s->bytes += body - call->charged;
    call->charged = body;
    return s->bytes <= s->options.max_bytes;
}

void server_refuse(struct server_conn *c, unsigned status, const char *word)
{
    struct http_call *call = c->reading;
    char body[80];
    int n = snprintf(body, sizeof(body), "{\"errors\":[\"%s\"]}\n", word);

    c->server->stats.refused++;
    c->reading = NULL;
    c->stop = true;
    c->refused = true;
    c->phase = SERVER_HEAD;
    call->last = true;
    call->head.method_id = HTTP_OTHER; /* whatever it was: the answer has a body */
    list_append(&c->calls, &call->link);
    c->ncalls++;
    http_answer(call, (int)status, "application/json", STR_NONE, (struct str){ body, (size_t)n });
}

static enum step refuse(struct server_conn *c, unsigned status, const char *word)
{
    server_refuse(c, status, word);
    return STEP_REFUSED;
}

/* ---- head ---- */

/* > 0 when it is complete; from the start when the bytes have moved. */
static int64_t parse_head(struct server_conn *c)
{
    struct http_call *call = c->reading;

    if (c->parsed != call->bytes.data) {
        call->head.fields = call->fields;
        h1_request_start(&c->parser, &call->head, &limits);
        c->parsed = call->bytes.data;
    }
    return h1_parse(&c->parser, call->bytes.data, call->bytes.len);
}

static enum step begin_body(struct server_conn *c)
{
    struct http_call *call = c->reading;
    struct h1_head *h = &call->head;

    c->want_continue = h->expect_continue && h->minor > 0 && call->bytes.len == h->head_len;
    if (h->framing == H1_CHUNKED) {
        h1_chunks_start(&c->chunks);
        c->body_end = h->head_len;
        c->phase = SERVER_CHUNKS;
        return STEP_MORE;
    }
    if (h->framing != H1_LENGTH || h->content_length == 0)
        return STEP_WHOLE;
    if (h->content_length > c->server->options.max_body)
        return refuse(c, 413, "body_too_large");
    c->phase = SERVER_BODY;
    return STEP_MORE;
}

/* What clients of Go's servers are told of bytes that no field may have. */
static const char *word_of(const struct h1_parser *p)
{
    bool in_fields = p->at > p->begin;

    if (in_fields &&
        (p->error == H1_CONTROL_BYTE || p->error == H1_NUL_BYTE || p->error == H1_BAD_FIELD_VALUE))
        return "invalid header value";
    return h1_error_word(p->error);
}

static enum step step_head(struct server_conn *c)
{
    int64_t n = parse_head(c);

    if (n < 0)
        return refuse(c, h1_error_status(c->parser.error), word_of(&c->parser));
    return n > 0 ? begin_body(c) : STEP_MORE;
}

/* ---- body ---- */

static enum step step_body(struct server_conn *c)
{
    const struct http_call *call = c->reading;

    return call->bytes.len - call->head.head_len >= call->head.content_length ? STEP_WHOLE
                                                                              : STEP_MORE;
}

/* What is not decoded yet moves to behind what is. */
static void close_gap(struct http_call *call, size_t to, size_t from)
{
    size_t left = call->bytes.len - from;

    if (from == to)
        return;
    if (left > 0)
        memmove(call->bytes.data + to, call->bytes.data + from, left);
    explicit_bzero(call->bytes.data + to + left, from - to);
    call->bytes.len = to + left;
}

static enum step step_chunks(struct server_conn *c)
{
    struct http_call *call = c->reading;
    size_t at = c->body_end;

    for (;;) {
        char *bytes = call->bytes.data;
        struct str data = STR_NONE;
        size_t used = 0;
        enum h1_chunk_event e =
            h1_chunks_next(&c->chunks, bytes + at, call->bytes.len - at, &used, &data);

        if (e == H1_CHUNK_ERROR)
            return refuse(c, h1_error_status(c->chunks.error), h1_error_word(c->chunks.error));
        at += used;
        if (e == H1_CHUNK_DATA) {
            memmove(bytes + c->body_end, data.at, data.len);
            c->body_end += data.len;
        }
        if (c->body_end - call->head.head_len > c->server->options.max_body)
            return refuse(c, 413, "body_too_large");
        if (e == H1_CHUNK_MORE || e == H1_CHUNK_END) {
            close_gap(call, c->body_end, at);
            return e == H1_CHUNK_END ? STEP_WHOLE : STEP_MORE;
        }
    }
}

/* ---- a whole request ---- */

static size_t end_of(const struct server_conn *c)
{
    const struct http_call *call = c->reading;

    if (c->phase == SERVER_CHUNKS)
        return c->body_end;
    return call->head.head_len + (c->phase == SERVER_BODY ? (size_t)call->head.content_length : 0);
}

static void hand_over(struct server_conn *c)
{
    struct http_call *call = c->reading;
    size_t end = end_of(c);
    size_t extra = call->bytes.len - end;

    if (c->parsed != call->bytes.data)
        MUST(parse_head(c) > 0);
    call->body = (struct str){ call->bytes.data + call->head.head_len, end - call->head.head_len };
    call->last = !call->head.keep_alive;
    c->stop = call->last;
    c->phase = SERVER_HEAD;
    c->want_continue = false;
    c->reading = NULL;
    if (extra > 0 && !c->stop) {
        c->reading = server_call_new(c);
        buf_add(&c->reading->bytes, call->bytes.data + end, extra);
    }
    list_append(&c->calls, &call->link);
    c->ncalls++;
    server_set_timer(c);
    c->server->options.handle(call, c->server->options.arg);
}

static enum step step(struct server_conn *c)
{
    enum server_phase before = c->phase;
    enum step result = STEP_MORE;

    if (c->reading == NULL)
        return STEP_MORE;
    if (!charge(c->reading))
        return refuse(c, 503, "too_many_bytes");
    if (c->phase == SERVER_HEAD)
        result = step_head(c);
    if (result == STEP_MORE && c->phase == SERVER_BODY)
        result = step_body(c);
    if (result == STEP_MORE && c->phase == SERVER_CHUNKS)
        result = step_chunks(c);
    if (result == STEP_MORE && c->phase != before)
        server_set_timer(c);
    return result;
}

/* Only when nothing stands before it: interim answers keep the order too. */
static void say_continue(struct server_conn *c)
{
    if (!c->want_continue || c->ncalls > 0)
        return;
    c->want_continue = false;
    buf_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    loop_take_last_turn(c->server->loop, &c->flush);
}

void server_read(struct server_conn *c)
{
    while (server_may_read(c)) {
        enum step result = step(c);
        int got;

        if (result == STEP_WHOLE)
            hand_over(c);
        if (result != STEP_MORE)
            continue;
        say_continue(c);
        got = server_fill(c);
        if (got == 0)
            break;
        if (got < 0 && !c->ended) {
            server_conn_close(c);
            return;
        }
    }
    if (c->ended && c->ncalls == 0 && c->out.len == c->out_at)
        server_conn_close(c);
}
