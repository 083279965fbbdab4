/*
 * proxy - tries: choosing, waiting, sending, giving up.  See proxy.h; the
 * response's way is proxy_response.c.
 */
#include <sys/socket.h>

#include "base/bug.h"
#include "base/hash.h"
#include "edge/balance.h"
#include "edge/edge_int.h"
#include "edge/origin_conn.h"
#include "edge/passage.h"
#include "edge/proxy_head.h"
#include "edge/proxy_int.h"
#include "edge/worker.h"

enum { REPLAY_MAX = 65536, TRAILERS_MAX = 8192 };

static void next_try(struct passage *p);

static msec_t now_of(const struct passage *p)
{
    return loop_now(p->worker->loop);
}

static const struct service *rules_of(const struct passage *p)
{
    return p->proxy.service->service;
}

static msec_t by_deadline(const struct proxy *x, msec_t when)
{
    return x->deadline > 0 && x->deadline < when ? x->deadline : when;
}

/* ---- life ---- */

static void on_wait(struct timer *t)
{
    struct proxy *x = list_item(t, struct proxy, wait);
    struct passage *p = list_item(x, struct passage, proxy);

    if (x->state == PROXY_QUEUED) {
        proxy_leave_queue(p);
        proxy_give_up(
            p, x->deadline > 0 && now_of(p) >= x->deadline ? "total_timeout" : "queue_timeout");
        return;
    }
    next_try(p);
}

void proxy_init(struct passage *p)
{
    timer_init(&p->proxy.wait, on_wait);
    timer_init(&p->proxy.try_timer, proxy_on_try_timer);
    buf_init(&p->proxy.replay, REPLAY_MAX);
    buf_init(&p->proxy.trailers, TRAILERS_MAX);
}

void proxy_leave_queue(struct passage *p)
{
    struct proxy *x = &p->proxy;

    list_remove(&p->link);
    x->service->nqueue--;
    cell_add(x->service->queue_depth, (uint64_t)-1);
    timer_cancel(p->worker->loop, &x->wait);
    x->state = PROXY_OFF;
}

/* Ends the present try: counts, and lets go of the pool. The connection was dealt with. */
static void leave_origin(struct passage *p)
{
    struct proxy *x = &p->proxy;

    timer_cancel(p->worker->loop, &x->try_timer);
    if (x->pool == NULL)
        return;
    if (x->admitted) {
        breaker_forget(&x->pool->state->breaker, x->probe);
        x->admitted = false;
    }
    atomic_fetch_sub_explicit(&x->pool->state->inflight, 1, memory_order_relaxed);
    pool_unref(x->pool);
    x->pool = NULL;
}

static void drop_conn(struct passage *p)
{
    struct origin_conn *c = p->proxy.conn;

    p->proxy.conn = NULL;
    if (c != NULL) {
        c->p = NULL;
        origin_conn_close(c);
    }
}

struct origin_conn *proxy_detach(struct passage *p)
{
    struct origin_conn *c = p->proxy.conn;

    p->proxy.conn = NULL;
    c->p = NULL;
    pool_ref(c->pool); /* proxy_reattach() or whoever closes lets go of it */
    leave_origin(p);
    p->proxy.state = PROXY_DONE;
    return c;
}

bool proxy_is_waiting(const struct passage *p)
{
    return p->proxy.state == PROXY_QUEUED || p->proxy.state == PROXY_BACKOFF;
}

void proxy_cancel(struct passage *p)
{
    struct proxy *x = &p->proxy;

    if (x->state == PROXY_QUEUED)
        proxy_leave_queue(p);
    timer_cancel(p->worker->loop, &x->wait);
    drop_conn(p);
    leave_origin(p);
    x->state = PROXY_DONE;
    p->body_wanted = false;
}

static void start_deadline(struct passage *p)
{
    msec_t total = p->route->timeouts.total;

    if (total == 0)
        total = rules_of(p)->timeouts.total;
    p->proxy.deadline = total > 0 ? now_of(p) + total : 0;
}

void proxy_start(struct passage *p)
{
    struct proxy *x = &p->proxy;

    x->service = &p->binding->services[p->route->service->id];
    start_deadline(p);
    x->expect_continue = p->head.expect_continue && !p->body_ended;
    x->replay_whole = p->route->buffer_request_for_retry;
    budget_count(&x->service->budget, now_of(p));
    next_try(p);
}

/* ---- giving up ---- */

static unsigned status_for(const char *reason)
{
    static const struct {
        const char *reason;
        unsigned status;
    } table[] = {
        { "no_origin", 503 },
        { "no_healthy_origin", 503 },
        { "breaker_open", 503 },
        { "queue_full", 503 },
        { "queue_timeout", 503 },
        { "out_of_descriptors", 503 },
        { "connect_timeout", 504 },
        { "tls_timeout", 504 },
        { "try_timeout", 504 },
        { "total_timeout", 504 },
        { "origin_idle_timeout", 504 },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].reason, reason) == 0)
            return table[i].status;
    return 502;
}

void proxy_give_up(struct passage *p, const char *reason)
{
    proxy_cancel(p);
    if (p->response.started) {
        p->reason = reason;
        p->front->abort(p);
        return;
    }
    passage_refuse(p, status_for(reason), reason);
}

/* ---- retries ---- */

static unsigned retry_class(const char *reason)
{
    if (strncmp(reason, "connect_", 8) == 0 || strncmp(reason, "tls_", 4) == 0)
        return RETRY_ON_CONNECT;
    if (strcmp(reason, "try_timeout") == 0 || strcmp(reason, "origin_idle_timeout") == 0)
        return RETRY_ON_TIMEOUT;
    return RETRY_ON_RESET;
}

bool proxy_may_retry(struct passage *p, unsigned class)
{
    struct proxy *x = &p->proxy;
    const struct retry *r = &rules_of(p)->retry;
    bool safe = !x->reached || r->non_idempotent || http_method_is_idempotent(p->head.method_id);
    bool repeatable = p->body_bytes == 0 || x->replay_whole;

    if (x->tries > r->attempts || (r->on & class) == 0 || !safe || !repeatable ||
        p->response.started || (x->deadline > 0 && now_of(p) >= x->deadline))
        return false;
    if (!budget_admits(&x->service->budget, r, now_of(p))) {
        cell_add(x->service->retries_denied, 1);
        return false;
    }
    cell_add(x->service->retries, 1);
    return true;
}

/* Full jitter: somewhere between now and the exponentially growing limit. */
void proxy_retry(struct passage *p)
{
    struct proxy *x = &p->proxy;
    const struct retry *r = &rules_of(p)->retry;
    unsigned shift = x->tries > 1 ? x->tries - 1 : 0;
    msec_t limit = shift < 20 ? r->backoff << shift : r->backoff_max;

    if (limit > r->backoff_max)
        limit = r->backoff_max;
    x->state = PROXY_BACKOFF;
    p->body_wanted = false;
    timer_set(p->worker->loop, &x->wait, by_deadline(x, now_of(p) + random_below(limit + 1)));
}

void proxy_origin_failed(struct passage *p, const char *reason)
{
    struct proxy *x = &p->proxy;
    struct pool *pool = x->pool;
    bool retry;

    pool_ref(pool);
    x->fresh = x->conn != NULL && x->conn->nrequests > 0 && !x->got_bytes;
    x->reason = reason;
    x->origin_usec = time_usec() - x->try_started;
    drop_conn(p);
    cell_add(pool->requests[CLASS_ERROR], 1);
    pool_count_error(pool, reason);
    if (x->admitted) {
        x->admitted = false;
        balance_report(p, pool, false);
    }
    leave_origin(p);
    pool_unref(pool);
    retry = proxy_may_retry(p, retry_class(reason));
    if (retry)
        proxy_retry(p);
    else
        proxy_give_up(p, reason);
}

/* ---- one try ---- */

static void remember_try(struct proxy *x, struct pool *pool)
{
    if (x->ntried < PROXY_TRIED_MAX)
        x->tried[x->ntried++] = pool;
}

/* Other workers may hold idle connections that count against the origin's maximum. */
static void ask_for_room(struct bound_service *s)
{
    for (size_t i = 0; i < s->norigins; i++) {
        struct origin_state *st = s->origins[i].pool->state;

        if (st->connections >= s->service->pool.max_connections && st->connections > st->inflight)
            edge_shed_idle(s->worker->edge, s->worker->index, st);
    }
}

static void enqueue(struct passage *p)
{
    struct proxy *x = &p->proxy;
    const struct pool_rule *rule = &rules_of(p)->pool;
    struct loop *l = p->worker->loop;

    if (x->service->nqueue >= rule->queue) {
        proxy_give_up(p, "queue_full");
        return;
    }
    x->state = PROXY_QUEUED;
    list_append(&x->service->queue, &p->link);
    x->service->nqueue++;
    cell_add(x->service->queue_depth, 1);
    timer_set(l, &x->wait, by_deadline(x, now_of(p) + rule->queue_timeout));
    if (x->service->nqueue == 1) /* else it is set */
        timer_set(l, &x->service->queue_timer, loop_now(l) + QUEUE_LOOK);
    ask_for_room(x->service);
}

static void begin_try(struct passage *p, struct bound_origin *o)
{
    struct proxy *x = &p->proxy;
    const char *reason = NULL;

    x->pool = o->pool;
    pool_ref(o->pool);
    atomic_fetch_add_explicit(&o->pool->state->inflight, 1, memory_order_relaxed);
    x->admitted = true;
    x->reached = false;
    x->got_bytes = false;
    x->interims = 0;
    x->tries++;
    remember_try(x, o->pool);
    x->origin_host = o->host;
    x->origin_label = arena_str(&p->arena, o->pool->state->label);
    x->try_started = time_usec();
    x->conn = x->fresh ? NULL
                       : origin_conn_reuse(o->pool, x->service, o->host,
                             !http_method_is_idempotent(p->head.method_id) &&
                                 !rules_of(p)->retry.non_idempotent);
    if (x->conn != NULL) {
        x->conn->p = p;
        proxy_connected(p);
        return;
    }
    x->state = PROXY_CONNECT;
    x->conn = origin_conn_open(o->pool, x->service, o->host, x->deadline, &reason);
    if (x->conn == NULL)
        proxy_origin_failed(p, reason);
    else
        x->conn->p = p;
}

static void next_try(struct passage *p)
{
    struct proxy *x = &p->proxy;
    const char *reason = NULL;
    struct bound_origin *o;

    if (x->deadline > 0 && now_of(p) >= x->deadline) {
        proxy_give_up(p, "total_timeout");
        return;
    }
    o = balance_choose(p, &reason);
    if (o != NULL)
        begin_try(p, o);
    else if (strcmp(reason, "no_room") == 0)
        enqueue(p);
    else
        proxy_give_up(p, x->reason != NULL ? x->reason : reason);
}

void proxy_serve_queue(struct bound_service *s)
{
    while (s->nqueue > 0) {
        struct passage *p = list_item(s->queue.next, struct passage, link);
        const char *reason = NULL;
        struct bound_origin *o = balance_choose(p, &reason);

        if (o == NULL && strcmp(reason, "no_room") == 0)
            return;
        proxy_leave_queue(p);
        if (o != NULL)
            begin_try(p, o);
        else
            proxy_give_up(p, reason);
    }
}

/* ---- sending ---- */

/* The client sends nothing before the origin says that it may. */
static bool waits_for_100(const struct passage *p)
{
    return p->proxy.state == PROXY_SEND && p->proxy.expect_continue && p->body_bytes == 0;
}

/* The timer of the present phase: sending must progress; then the head must come. */
void proxy_arm(struct passage *p)
{
    struct proxy *x = &p->proxy;
    const struct service_timeouts *t = &rules_of(p)->timeouts;
    msec_t limit = t->idle;
    msec_t when;

    if (x->state == PROXY_AWAIT_HEAD || waits_for_100(p))
        limit = p->route->timeouts.per_try > 0 ? p->route->timeouts.per_try : t->per_try;
    when = now_of(p) + (limit > 0 ? limit : 3600000);
    if (x->state == PROXY_AWAIT_HEAD)
        when = by_deadline(x, when);
    timer_set(p->worker->loop, &x->try_timer, when);
}

/* Has it taken anything since the timer was last set, slowly as it may be? */
static bool origin_reads(struct proxy *x)
{
    uint64_t acknowledged = stream_acknowledged(&x->conn->s);
    bool moved = acknowledged > x->acknowledged;

    x->acknowledged = acknowledged;
    return moved;
}

void proxy_on_try_timer(struct timer *t)
{
    struct proxy *x = list_item(t, struct proxy, try_timer);
    struct passage *p = list_item(x, struct passage, proxy);

    if (x->state == PROXY_BODY && p->front->blocked(p)) {
        proxy_arm(p); /* it is the client that does not read: the front watches that */
        return;
    }
    if (x->state == PROXY_SEND && p->body_wanted && !waits_for_100(p) &&
        !stream_blocked(&x->conn->s)) {
        proxy_arm(p); /* it is the client that does not send */
        return;
    }
    if (x->state == PROXY_SEND && origin_reads(x)) {
        proxy_arm(p);
        return;
    }
    if (x->deadline > 0 && now_of(p) >= x->deadline && x->state == PROXY_AWAIT_HEAD)
        proxy_origin_failed(p, "total_timeout");
    else
        proxy_origin_failed(p, x->state == PROXY_AWAIT_HEAD || waits_for_100(p)
                                   ? "try_timeout"
                                   : "origin_idle_timeout");
}

static void body_sent(struct passage *p)
{
    p->proxy.sending = false;
    p->body_wanted = false;
    if (p->proxy.state == PROXY_SEND)
        p->proxy.state = PROXY_AWAIT_HEAD;
    proxy_arm(p);
}

/* One piece in the request's framing. False: the connection is broken. */
static bool write_piece(struct passage *p, struct str data, bool end)
{
    struct proxy *x = &p->proxy;
    struct iovec v[6];
    char head[18];
    unsigned n = 0;
    bool chunked = p->head.framing == H1_CHUNKED;

    if (data.len > 0) {
        if (chunked)
            v[n++] = (struct iovec){ head, h1_chunk_head(data.len, head) };
        v[n++] = (struct iovec){ (void *)(uintptr_t)data.at, data.len };
        if (chunked)
            v[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    }
    if (end && chunked) {
        v[n++] = (struct iovec){ (void *)(uintptr_t) "0\r\n", 3 };
        if (x->trailers.len > 0)
            v[n++] = (struct iovec){ x->trailers.data, x->trailers.len };
        v[n++] = (struct iovec){ (void *)(uintptr_t) "\r\n", 2 };
    }
    return n == 0 || stream_write(&x->conn->s, v, n);
}

static void keep_for_replay(struct proxy *x, struct str data)
{
    if (!x->replay_whole)
        return;
    if (x->replay.len + data.len <= REPLAY_MAX) {
        buf_str(&x->replay, data);
        return;
    }
    x->replay_whole = false;
    buf_free(&x->replay);
}

/* A write failed: the origin closed. It may have answered before that, so let the read say. */
static void sending_broke(struct passage *p)
{
    struct stream *s = &p->proxy.conn->s;

    s->readable = true;
    s->hangup = true;
    body_sent(p);
}

void proxy_body(struct passage *p, struct str data, bool end)
{
    struct proxy *x = &p->proxy;

    keep_for_replay(x, data);
    if (x->conn == NULL || !x->sending)
        return; /* the origin answered without waiting for it, and closes or reads on */
    if (!write_piece(p, data, end)) {
        sending_broke(p);
        return;
    }
    if (end) {
        start_deadline(p); /* the time that the client took to send is not the origin's */
        body_sent(p);
    } else if (stream_blocked(&x->conn->s) && !x->conn->s.corked) {
        p->body_wanted = false;
    }
    if (x->sending)
        proxy_arm(p);
}

void proxy_trailer(struct passage *p, const struct http_field *f)
{
    if (p->proxy.trailers.len + f->name.len + f->value.len + 4 <= TRAILERS_MAX)
        h1_put_field(&p->proxy.trailers, f->name, f->value);
}

/* Head and what there is of the body in one write. */
void proxy_connected(struct passage *p)
{
    struct proxy *x = &p->proxy;
    struct origin_conn *c = x->conn;
    struct buf *b = &p->worker->scratch;
    struct iovec v;
    bool again = p->body_bytes > 0 || (p->body_ended && p->head.framing == H1_CHUNKED);
    bool ok;

    x->state = PROXY_SEND;
    x->sending = true;
    b->len = 0;
    proxy_put_head(p, b);
    v = (struct iovec){ b->data, b->len };
    h1_response_start(&x->parser, &x->head,
        &(struct h1_limits){ .max_head = 65000, .max_fields = H1_FIELDS_MAX }, p->head.method_id);
    c->s.corked = !p->body_ended || again;
    ok = stream_write(&c->s, &v, 1);
    x->reached = true;
    if (ok && again)
        ok = write_piece(p, buf_as_str(&x->replay), p->body_ended);
    if (!ok) {
        sending_broke(p);
    } else if (p->body_ended) {
        body_sent(p);
    } else {
        proxy_arm(p);
        p->body_wanted = true;
        p->front->pull(p); /* may end this try, and even begin another */
    }
    if (x->conn == c && c->s.corked && !stream_uncork(&c->s))
        sending_broke(p);
    else if (x->conn == c && x->sending && stream_blocked(&c->s))
        p->body_wanted = false;
    if (x->conn == c && c->s.readable && x->state == PROXY_AWAIT_HEAD)
        proxy_read_response(p);
}

void proxy_origin_ready(struct passage *p, bool writable)
{
    struct proxy *x = &p->proxy;
    struct origin_conn *c = x->conn;

    if (writable && !stream_blocked(&c->s)) {
        if (x->sending && !p->body_ended && !p->body_wanted) {
            proxy_arm(p);
            p->body_wanted = true;
            p->front->pull(p);
        } else if (x->state == PROXY_TUNNEL) {
            if (x->tunnel_ended)
                proxy_tunnel_end(p);
            else
                p->front->pull(p);
        }
    }
    if (x->conn == c && c->s.readable)
        proxy_read_response(p);
}

/* ---- tunnels ---- */

size_t proxy_tunnel_send(struct passage *p, struct str data)
{
    struct proxy *x = &p->proxy;
    struct iovec v = { (void *)(uintptr_t)data.at, data.len };

    if (x->conn == NULL || stream_blocked(&x->conn->s))
        return 0;
    if (!stream_write(&x->conn->s, &v, 1)) {
        x->conn->s.readable = true;
        x->conn->s.hangup = true;
        return 0;
    }
    proxy_arm(p);
    return data.len;
}

void proxy_tunnel_end(struct passage *p)
{
    p->proxy.tunnel_ended = true;
    if (p->proxy.conn != NULL && stream_blocked(&p->proxy.conn->s))
        return; /* again when all is sent */
    if (p->proxy.conn != NULL && p->proxy.conn->s.tls == NULL)
        shutdown(p->proxy.conn->s.watch.fd, SHUT_WR);
    else
        p->front->abort(p);
}
