/*
 * conn - see conn.h.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "edge/addresses.h"
#include "edge/conn.h"
#include "edge/edge_int.h"
#include "edge/passage.h"

enum {
    ADVANCE_STEPS = 64, /* in one go: then the other connections have their turn */
    ACCEPT_PAUSE = 100, /* ms without accepting when descriptors have run out */
    LINGER_TIME = 2000,
    LINGER_BYTES = 256 * 1024,
    CHECK_EVERY = 1000, /* ms between looks at a slow body */
};

/* ---- the end ---- */

static void unref_acceptor(struct acceptor *a)
{
    if (--a->refs > 0)
        return;
    free((void *)(uintptr_t)a->address.at);
    free((void *)(uintptr_t)a->name.at);
    free(a);
}

void conn_close(struct conn *c)
{
    struct worker *w = c->worker;

    if (c->phase == CONN_CLOSED)
        return;
    c->phase = CONN_CLOSED;
    if (c->p != NULL) {
        struct passage *p = c->p;

        c->p = NULL;
        if (p->was_parsed) {
            passage_cancel(p, "client_closed");
            passage_finish(p);
        } else {
            passage_drop(p);
        }
    }
    timer_cancel(w->loop, &c->timer);
    turn_cancel(&c->turn);
    stream_give(&c->s, &c->head_page);
    stream_close(&c->s);
    if (c->counted)
        addresses_leave(w->addresses, c->peer);
    list_remove(&c->link);
    w->nconns--;
    atomic_store_explicit(&w->open, w->nconns, memory_order_relaxed);
    cell_add(c->open, (uint64_t)-1);
    unref_acceptor(c->acceptor);
    worker_bury(w, &c->grave, c);
}

void conn_begin_close(struct conn *c)
{
    if (!stream_uncork(&c->s)) {
        conn_close(c);
        return;
    }
    if (c->asked_to_close && !stream_blocked(&c->s) && c->s.in.at == c->s.in.end &&
        (!c->s.readable || c->s.hangup)) {
        conn_close(c); /* it will not send more: there is nothing to linger for */
        return;
    }
    c->phase = CONN_LINGER;
    c->lingered = 0;
    timer_set(c->worker->loop, &c->timer, loop_now(c->worker->loop) + LINGER_TIME);
    if (!stream_blocked(&c->s)) {
        if (c->s.tls != NULL)
            tls_shutdown(c->s.tls);
        shutdown(c->s.watch.fd, SHUT_WR);
    }
    if (!c->advancing)
        conn_advance(c);
}

/* Reads and forgets until the peer has closed too. */
static bool linger(struct conn *c)
{
    for (;;) {
        enum stream_got got;

        stream_consume(&c->s, c->s.in.end - c->s.in.at);
        stream_release_input(&c->s);
        got = stream_fill(&c->s);
        c->lingered += stream_input(&c->s).len;
        if (got == STREAM_AGAIN && c->lingered < LINGER_BYTES)
            return false;
        if (got != STREAM_GOT || c->lingered >= LINGER_BYTES) {
            conn_close(c);
            return false;
        }
    }
}

void conn_retire(struct conn *c)
{
    c->retired = true;
    c->close_after = true;
    conn_yield(c); /* not here: closing one may close another, and our caller walks over all */
}

/* ---- going on ---- */

static bool handshake(struct conn *c)
{
    struct acceptor *a = c->acceptor;
    enum tls_result r = tls_handshake(c->s.tls);

    switch (r) {
    case TLS_OK: {
        struct tls_info info;

        tls_get_info(c->s.tls, &info);
        cell_add(metrics_cell(c->worker->metrics, c->worker->index, METRIC_TLS_HANDSHAKES,
                     (struct str[]){ a->name, str_from(info.version),
                         info.resumed ? STR("true") : STR("false") }),
            1);
        c->phase = CONN_IDLE;
        c->s.readable = true;
        timer_set(
            c->worker->loop, &c->timer, loop_now(c->worker->loop) + conn_limits(c)->header_timeout);
        return true;
    }
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        return false;
    case TLS_CLOSED:
    case TLS_FAILED:
        break;
    }
    cell_add(metrics_cell(c->worker->metrics, c->worker->index, METRIC_TLS_ERRORS,
                 (struct str[]){ a->name, str_from(tls_error(c->s.tls)) }),
        1);
    conn_close(c);
    return false;
}

static bool step(struct conn *c)
{
    switch ((enum conn_phase)c->phase) {
    case CONN_TLS:
        return handshake(c);
    case CONN_IDLE:
    case CONN_HEAD:
        return h1_read_head(c);
    case CONN_PASSAGE:
        return h1_serve(c);
    case CONN_DRAIN:
        return h1_drain(c);
    case CONN_LINGER:
        return linger(c);
    case CONN_CLOSED:
        return false;
    }
    return false;
}

void conn_advance(struct conn *c)
{
    if (c->advancing)
        return;
    c->advancing = true;
    for (int n = 0; step(c); n++)
        if (n == ADVANCE_STEPS) {
            conn_yield(c);
            break;
        }
    c->advancing = false;
    if (c->phase != CONN_CLOSED && c->s.corked && !stream_uncork(&c->s))
        conn_close(c);
}

void conn_yield(struct conn *c)
{
    if (c->phase != CONN_CLOSED)
        loop_take_turn(c->worker->loop, &c->turn);
}

static void on_turn(struct turn *t)
{
    conn_advance(list_item(t, struct conn, turn));
}

static void on_key(void *arg)
{
    conn_advance(arg);
}

static void ready(struct watch_fd *watch, unsigned events)
{
    struct conn *c = (struct conn *)(void *)watch;
    bool was_blocked = stream_blocked(&c->s);

    stream_note(&c->s, events);
    if ((events & LOOP_WRITE) != 0 && was_blocked) {
        if (!stream_flush(&c->s)) {
            conn_close(c);
            return;
        }
        c->writing.last = loop_now(c->worker->loop);
        if (!stream_blocked(&c->s) && c->phase == CONN_LINGER) {
            if (c->s.tls != NULL)
                tls_shutdown(c->s.tls);
            shutdown(watch->fd, SHUT_WR);
        }
        if (!stream_blocked(&c->s) && c->phase == CONN_PASSAGE && c->p != NULL)
            proxy_resume(c->p);
    }
    if (events == LOOP_WRITE && c->phase == CONN_TLS && !tls_wants_write(c->s.tls))
        return; /* a new socket, to which the client has not said anything yet */
    if ((events & LOOP_ERROR) != 0 && c->phase == CONN_PASSAGE) {
        conn_close(c); /* a reset, or both sides are closed: nobody is there to be answered */
        return;
    }
    if ((events & LOOP_HANGUP) != 0 && c->phase == CONN_PASSAGE && c->p != NULL &&
        proxy_is_waiting(c->p) && c->p->body_ended && stream_input(&c->s).len == 0) {
        conn_close(c); /* it left, and nothing was done for it yet */
        return;
    }
    conn_advance(c);
}

static void on_timer(struct timer *t)
{
    struct conn *c = list_item(t, struct conn, timer);
    struct loop *l = c->worker->loop;

    switch ((enum conn_phase)c->phase) {
    case CONN_TLS:
        cell_add(metrics_cell(c->worker->metrics, c->worker->index, METRIC_TLS_ERRORS,
                     (struct str[]){ c->acceptor->name, STR("handshake_timeout") }),
            1);
        conn_close(c);
        break;
    case CONN_HEAD:
        h1_head_timeout(c);
        break;
    case CONN_PASSAGE:
    case CONN_DRAIN:
        if (h1_check_progress(c, loop_now(l)))
            timer_set(l, t, loop_now(l) + CHECK_EVERY);
        break;
    case CONN_IDLE:
    case CONN_LINGER:
    case CONN_CLOSED:
        conn_close(c);
        break;
    }
}

/* ---- the beginning ---- */

static bool admit(struct worker *w, struct acceptor *a, struct ip peer, bool *counted)
{
    const struct blueprint *b = w->binding->blueprint;
    const char *reason = NULL;

    *counted = false;
    if (peer.len > 0 &&
        (cidr_set_contains(b->access.deny.set, peer) ||
            (b->access.allow.n > 0 && !cidr_set_contains(b->access.allow.set, peer))))
        reason = "access_denied";
    else if (b->client.max_connections > 0 &&
             edge_connections(w->edge) >= b->client.max_connections)
        reason = "too_many_connections";
    else if (b->client.connections_per_address > 0 && peer.len > 0) {
        *counted = addresses_enter(w->addresses, peer, b->client.connections_per_address);
        if (!*counted)
            reason = "too_many_connections_of_address";
    }
    if (reason == NULL)
        return true;
    (void)a;
    worker_count_refusal(w, reason);
    return false;
}

static void begin(struct acceptor *a, int fd, const struct addr *from)
{
    struct worker *w = a->worker;
    struct conn *c;
    bool counted;

    if (!admit(w, a, addr_ip(from), &counted)) {
        close(fd);
        return;
    }
    c = xcalloc(1, sizeof(*c));
    stream_init(&c->s, fd, w->loop, &w->pages);
    c->s.watch.ready = ready;
    c->worker = w;
    c->acceptor = a;
    a->refs++;
    c->peer = addr_ip(from);
    c->peer_port = addr_port(from);
    c->counted = counted;
    c->phase = CONN_IDLE;
    timer_init(&c->timer, on_timer);
    turn_init(&c->turn, on_turn);
    list_append(&w->conns, &c->link);
    w->nconns++;
    atomic_store_explicit(&w->open, w->nconns, memory_order_relaxed);
    c->open = a->open;
    cell_add(c->open, 1);
    cell_add(a->accepted, 1);
    if (a->tls != NULL) {
        c->phase = CONN_TLS;
        c->s.tls = tls_accept(a->tls, fd, on_key, c);
        timer_set(w->loop, &c->timer, loop_now(w->loop) + conn_limits(c)->tls_timeout);
    } else {
        timer_set(w->loop, &c->timer, loop_now(w->loop) + conn_limits(c)->header_timeout);
    }
    /* Before the loop knows of it: a connection for one request may never need to. */
    c->s.readable = true;
    conn_advance(c);
    if (c->phase != CONN_CLOSED && loop_add(w->loop, &c->s.watch) == -1)
        conn_close(c);
}

/* One at a time: the loop says again when more wait, which costs less than asking in vain. */
void conn_accept(struct acceptor *a)
{
    struct addr from = { .len = sizeof(from.un) };
    int fd = accept4(a->watch.fd, &from.any, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        begin(a, fd, &from);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        worker_count_refusal(a->worker, "out_of_descriptors");
        worker_pause_acceptor(a, ACCEPT_PAUSE);
    }
}
