/*
 * origin_conn - see origin_conn.h.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "edge/origin_conn.h"
#include "edge/passage.h"
#include "edge/pool.h"

static const char *connect_reason(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT:
        return "connect_refused";
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return "connect_unreachable";
    case ETIMEDOUT:
        return "connect_timeout";
    case EADDRNOTAVAIL:
    case EMFILE:
    case ENFILE:
        return "out_of_descriptors";
    default:
        return "connect_failed";
    }
}

void origin_conn_close(struct origin_conn *c)
{
    struct pool *pool = c->pool;
    struct worker *w = pool->worker;

    if (c->phase == OC_CLOSED)
        return;
    if (c->phase == OC_IDLE) {
        list_remove(&c->link);
        pool->nidle--;
        cell_add(pool->idle_cell, (uint64_t)-1);
    }
    c->phase = OC_CLOSED;
    timer_cancel(w->loop, &c->timer);
    turn_cancel(&c->turn);
    stream_close(&c->s);
    tls_context_unref(c->tls);
    atomic_fetch_sub_explicit(&pool->state->connections, 1, memory_order_relaxed);
    cell_add(pool->connections, (uint64_t)-1);
    worker_bury(w, &c->grave, c);
}

static void fail(struct origin_conn *c, const char *reason)
{
    if (c->p != NULL)
        proxy_origin_failed(c->p, reason);
    else
        origin_conn_close(c);
}

static void on_timer(struct timer *t)
{
    struct origin_conn *c = list_item(t, struct origin_conn, timer);

    msec_t deadline = c->p != NULL ? c->p->proxy.deadline : 0;

    if (deadline > 0 && loop_now(c->s.loop) >= deadline)
        fail(c, "total_timeout");
    else
        fail(c, c->phase == OC_TLS ? "tls_timeout" : "connect_timeout");
}

static void tls_step(struct origin_conn *c)
{
    switch (tls_handshake(c->s.tls)) {
    case TLS_OK:
        c->phase = OC_READY;
        timer_cancel(c->pool->worker->loop, &c->timer);
        proxy_connected(c->p);
        break;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        break;
    case TLS_CLOSED:
    case TLS_FAILED: {
        const char *word = tls_error(c->s.tls);

        fail(c, arena_printf(&c->p->arena, "tls_%s", word));
        break;
    }
    }
}

static void connect_step(struct origin_conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(c->s.watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        fail(c, connect_reason(error));
        return;
    }
    if (c->s.tls != NULL) {
        c->phase = OC_TLS;
        tls_step(c);
        return;
    }
    c->phase = OC_READY;
    timer_cancel(c->pool->worker->loop, &c->timer);
    proxy_connected(c->p);
}

static void ready(struct watch_fd *watch, unsigned events)
{
    struct origin_conn *c = (struct origin_conn *)(void *)watch;

    stream_note(&c->s, events);
    switch ((enum origin_conn_phase)c->phase) {
    case OC_CONNECTING:
        if (events & (LOOP_WRITE | LOOP_ERROR))
            connect_step(c);
        break;
    case OC_TLS:
        tls_step(c);
        break;
    case OC_READY:
        if ((events & LOOP_WRITE) != 0 && stream_blocked(&c->s) && !stream_flush(&c->s)) {
            /* The origin may have answered before it closed: let the read find out. */
            c->s.hangup = true;
            c->s.readable = true;
        }
        proxy_origin_ready(c->p, (events & LOOP_WRITE) != 0);
        break;
    case OC_IDLE:
        /* Closed by the origin, or bytes that nobody asked for: either way it is of no use. The
         * first announcement that the socket is writable is neither. */
        if (events & (LOOP_READ | LOOP_HANGUP | LOOP_ERROR))
            origin_conn_close(c);
        break;
    case OC_CLOSED:
        break;
    }
}

static struct str tls_name(const struct bound_service *s, struct str host)
{
    const struct str given = s->service->tls.server_name;
    struct str name = host;
    uint16_t port;

    return given.len > 0 ? given : addr_split_host_port(host, &name, &port) ? name : host;
}

static uint64_t tls_name_hash(const struct bound_service *s, struct str host)
{
    struct str name = tls_name(s, host);

    return s->tls != NULL ? hash_bytes(name.at, name.len) : 0;
}

/* Nothing came and nobody closed since the last response? */
static bool is_quiet(struct origin_conn *c, bool careful)
{
    char byte;

    if (loop_has_news(c->s.loop, &c->s.watch))
        return false;
    return !careful ||
           (recv(c->s.watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

struct origin_conn *origin_conn_reuse(
    struct pool *pool, const struct bound_service *s, struct str host, bool careful)
{
    list_each (it, after, &pool->idle) {
        struct origin_conn *c = list_item(it, struct origin_conn, link);

        if (c->tls != s->tls || c->tls_name != tls_name_hash(s, host) || !is_quiet(c, careful)) {
            origin_conn_close(c);
            continue;
        }
        list_remove(&c->link);
        pool->nidle--;
        cell_add(pool->idle_cell, (uint64_t)-1);
        c->phase = OC_READY;
        return c;
    }
    return NULL;
}

static void on_idle(struct timer *t)
{
    struct origin_conn *c = list_item(t, struct origin_conn, timer);

    if (c->phase == OC_IDLE)
        origin_conn_close(c);
}

static int open_socket(const struct addr *a, int *error)
{
    int one = 1;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *error = errno;
    if (fd < 0)
        return -1;
    if (a->any.sa_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *error = connect(fd, &a->any, a->len) == 0 ? 0 : errno;
    return fd;
}

static void on_turn(struct turn *t)
{
    struct origin_conn *c = list_item(t, struct origin_conn, turn);

    if (c->phase == OC_READY && c->p != NULL)
        proxy_origin_ready(c->p, false);
}

struct origin_conn *origin_conn_open(struct pool *pool, struct bound_service *s, struct str host,
    msec_t deadline, const char **reason)
{
    msec_t by = loop_now(pool->worker->loop) + s->service->timeouts.connect;
    struct worker *w = pool->worker;
    struct origin_conn *c;
    int error;
    int fd = open_socket(&pool->state->addr, &error);

    if (fd < 0 || (error != 0 && error != EINPROGRESS)) {
        if (fd >= 0)
            close(fd);
        *reason = connect_reason(error);
        return NULL;
    }
    c = xcalloc(1, sizeof(*c));
    stream_init(&c->s, fd, w->loop, &w->pages);
    c->s.watch.ready = ready;
    list_init(&c->link);
    c->pool = pool;
    c->phase = OC_CONNECTING;
    timer_init(&c->timer, on_timer);
    turn_init(&c->turn, on_turn);
    timer_set(w->loop, &c->timer, deadline > 0 && deadline < by ? deadline : by);
    if (s->tls != NULL) {
        c->tls = tls_context_ref(s->tls);
        c->tls_name = tls_name_hash(s, host);
        c->s.tls = tls_connect(s->tls, fd, tls_name(s, host));
    }
    atomic_fetch_add_explicit(&pool->state->connections, 1, memory_order_relaxed);
    cell_add(pool->connections, 1);
    cell_add(pool->opened, 1);
    if (loop_add(w->loop, &c->s.watch) == -1) {
        *reason = "out_of_descriptors";
        origin_conn_close(c);
        return NULL;
    }
    return c;
}

/* Nothing may wait behind a response: it would be taken for the answer to the next request. */
static bool is_clean(struct origin_conn *c)
{
    if (c->s.in.at != c->s.in.end || c->s.hangup || stream_blocked(&c->s))
        return false;
    c->s.in.at = 0;
    c->s.in.end = 0;
    if (c->s.readable && stream_fill(&c->s) != STREAM_AGAIN)
        return false;
    stream_release_input(&c->s);
    return true;
}

void origin_conn_keep(struct origin_conn *c, const struct bound_service *s)
{
    struct worker *w = c->pool->worker;
    const struct pool_rule *rule = &s->service->pool;

    c->p = NULL;
    c->nrequests++;
    if (!is_clean(c) || c->pool->nidle >= rule->max_idle || c->pool->refs <= 1 ||
        (rule->max_requests > 0 && c->nrequests >= rule->max_requests)) {
        origin_conn_close(c);
        return;
    }
    c->phase = OC_IDLE;
    c->timer.fire = on_idle;
    list_prepend(&c->pool->idle, &c->link);
    c->pool->nidle++;
    cell_add(c->pool->idle_cell, 1);
    timer_set(w->loop, &c->timer, loop_now(w->loop) + rule->idle_timeout);
}
