/*
 * h1_head - the client's request heads.
 */
#include "edge/h1_int.h"

enum { BODY_ROOM = 4096 }; /* with less behind the head, a body gets a buffer of its own */

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
    c->p->listener = arena_str(&c->p->arena, c->acceptor->name); /* an apply may rename it */
    c->p->peer = c->peer;
    c->p->client = c->peer; /* until a whole head says more */
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

void h1_leave_head(struct conn *c, enum page_size size)
{
    struct str rest = stream_input(&c->s);

    if (c->head_page.data != NULL)
        return;
    c->head_page = c->s.in;
    c->s.in = (struct stream_buffer){ 0 };
    stream_move_input(&c->s, rest.len > page_bytes(size) ? PAGE_64K : size);
    if (rest.len > 0)
        memcpy(c->s.in.data, rest.at, rest.len);
    c->s.in.end = (uint32_t)rest.len;
    c->floor = 0;
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
    c->reading.since = conn_now(c);
    c->reading.last = c->reading.since;
    timer_set(c->worker->loop, &c->timer, conn_now(c) + 1000);
    if (c->s.in.cap - c->s.in.at < BODY_ROOM || h->framing == H1_CHUNKED ||
        h->content_length > c->s.in.cap - c->s.in.at)
        h1_leave_head(c, PAGE_64K);
}

static void head_complete(struct conn *c, size_t length)
{
    struct passage *p = c->p;

    stream_consume(&c->s, length);
    p->was_parsed = true;
    c->phase = CONN_PASSAGE;
    c->nrequests++;
    c->asked_to_close = !p->head.keep_alive;
    c->close_after =
        !p->head.keep_alive || c->worker->draining || c->acceptor->listener == NULL ||
        (conn_limits(c)->max_requests > 0 && c->nrequests >= conn_limits(c)->max_requests);
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

    if (in.len == 0 && c->retired && c->phase == CONN_IDLE) {
        if (stream_blocked(&c->s))
            conn_begin_close(c);
        else
            conn_close(c);
        return c->phase != CONN_CLOSED;
    }
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
        c->reading.since = conn_now(c);
        timer_set(c->worker->loop, &c->timer, conn_now(c) + conn_limits(c)->header_timeout);
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
