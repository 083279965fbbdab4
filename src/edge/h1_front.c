/*
 * h1_front - the life of a request on an HTTP/1.1 connection, and its clocks.
 */
#include "edge/h1_int.h"

enum { RATE_GRACE = 5000 }; /* ms before the minimum rate counts */

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
    timer_set(c->worker->loop, &c->timer, conn_now(c) + conn_limits(c)->idle_timeout);
}

bool h1_serve(struct conn *c)
{
    struct passage *p = c->p;

    if (p->client_gone) {
        conn_close(c);
        return false;
    }
    if (c->tunnel && !p->response.ended)
        return h1_tunnel(c);
    if (!p->response.ended) {
        h1_pump(c);
        return c->phase != CONN_PASSAGE || (c->p != NULL && c->p->response.ended);
    }
    if (h1_blocked(p))
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

static const char *too_slow(const struct progress *g, msec_t now, const struct client_limits *l)
{
    if (g->since == 0)
        return NULL;
    if (now - g->last >= l->body_timeout)
        return "body_timeout";
    if (now - g->since > RATE_GRACE && l->min_body_rate > 0 &&
        g->bytes * 1000 < (now - g->since) * l->min_body_rate)
        return "body_too_slow";
    return NULL;
}

/* Is it the client's turn to send?  Not while it rightly waits for a 100 Continue. */
static bool is_sending(const struct conn *c)
{
    if (c->phase == CONN_DRAIN)
        return true;
    return c->p->body_wanted &&
           (!c->p->head.expect_continue || c->p->continued || c->p->body_bytes > 0);
}

bool h1_check_progress(struct conn *c, msec_t now)
{
    const struct client_limits *l = conn_limits(c);
    const char *reason;

    if (c->tunnel || c->p == NULL)
        return true;
    if (!c->p->body_ended && is_sending(c)) {
        if (c->p->head.expect_continue && c->reading.bytes == 0)
            c->reading.since = now; /* it may wait for a 100: there is no rate yet */
        reason = too_slow(&c->reading, now, l);
        if (reason != NULL) {
            if (c->phase == CONN_DRAIN)
                conn_close(c);
            else
                h1_broken_body(c, 408, reason);
            if (c->phase != CONN_CLOSED)
                conn_advance(c);
            return c->phase != CONN_CLOSED;
        }
    } else if (c->reading.since != 0) {
        /* It is not the client that we wait for: its clock begins anew after that. */
        c->reading = (struct progress){ .since = now, .last = now };
    }
    if (stream_blocked(&c->s)) {
        uint64_t moved = stream_acknowledged(&c->s) - c->writing.start;

        if (moved != c->writing.bytes)
            c->writing.last = now;
        c->writing.bytes = moved;
        reason = too_slow(&c->writing, now, l);
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
