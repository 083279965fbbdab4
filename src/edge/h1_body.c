/*
 * h1_body - the client's request bodies, wanted or not, and the bytes of tunnels.
 */
#include "edge/h1_int.h"

/* Pieces of a body in one go; then the other connections have their turn. */
enum { BODY_ROUNDS = 64 };

static void body_progress(struct conn *c, size_t n)
{
    c->reading.last = conn_now(c);
    c->reading.bytes += n;
}

void h1_broken_body(struct conn *c, unsigned status, const char *reason)
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
    if (c->phase == CONN_PASSAGE && p->body_bytes > p->max_body) {
        h1_broken_body(c, 413, "body_too_large");
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
    h1_broken_body(c, h1_error_status(c->chunks.error), h1_error_word(c->chunks.error));
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
        h1_broken_body(c, 400, h1_error_word(H1_BAD_CHUNK));
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

bool h1_tunnel(struct conn *c)
{
    for (int round = 0;; round++) {
        struct str in = stream_input(&c->s);
        enum stream_got got;

        if (round == BODY_ROUNDS) {
            conn_yield(c);
            return false;
        }
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
        if (got == STREAM_AGAIN) {
            stream_release_input(&c->s); /* a tunnel may be silent for hours */
            return false;
        }
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

void h1_pump(struct conn *c)
{
    int round = 0;

    while (c->phase == CONN_PASSAGE && c->p != NULL && c->p->body_wanted && !c->p->body_ended) {
        struct str in = stream_input(&c->s);

        if (round++ == BODY_ROUNDS) {
            conn_yield(c);
            return;
        }
        if ((in.len == 0 || !step_body(c, in)) &&
            (c->phase != CONN_PASSAGE || c->p == NULL || !c->p->body_wanted || !read_body(c)))
            return;
    }
}

void h1_pull(struct passage *p)
{
    struct conn *c = p->front_self;

    if (c->advancing)
        h1_pump(c);
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
        if (c->p->body_bytes > H1_DRAIN_MAX) {
            c->close_after = true;
            c->p->body_ended = true;
        } else if ((in.len == 0 || !step_body(c, in)) && c->phase == CONN_DRAIN && !read_body(c)) {
            return false;
        }
    }
    return c->phase != CONN_CLOSED;
}
