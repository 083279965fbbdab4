/*
 * server - listeners and connections.  See server.h and server_int.h.
 *
 * A connection is closed, and its memory freed, only from the loop's own callbacks (an event, a
 * timer, a turn): http_answer() never closes one under its caller.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "http/server_int.h"

enum {
    LINGER_TIME = 2000, /* ms for the client to read its last answer */
    REST_TIME = 100,    /* ms that listeners rest when there are no descriptors */
    KEEP_SIZE = 64 << 10,
};

/* ---- time ---- */

static void out_of_time(struct timer *t)
{
    struct server_conn *c =
        (struct server_conn *)(void *)((char *)t - offsetof(struct server_conn, timer));

    if (c->phase != SERVER_LINGER && (c->phase != SERVER_HEAD || c->reading != NULL))
        c->server->stats.slow++;
    switch (c->phase) {
    case SERVER_HEAD:
    case SERVER_BODY:
    case SERVER_CHUNKS:
        if (c->reading != NULL && c->out.len == c->out_at) {
            server_refuse(c, 408, "request_timeout");
            return;
        }
        break;
    case SERVER_HANDSHAKE:
    case SERVER_LINGER:
        break;
    }
    server_conn_close(c);
}

/* Of the request that comes, or of the wait for one. */
static msec_t reading_limit(const struct server_conn *c)
{
    const struct http_server_options *o = &c->server->options;

    if (c->phase != SERVER_HEAD)
        return o->body_timeout;
    if (c->reading != NULL)
        return o->header_timeout;
    return c->ncalls == 0 ? o->idle_timeout : 0;
}

/* Each wait has its own limit, counted from its beginning; while an answer is being made there is
 * none. */
void server_set_timer(struct server_conn *c)
{
    const struct http_server_options *o = &c->server->options;
    msec_t limit = 0;

    if (c->phase == SERVER_LINGER)
        limit = LINGER_TIME;
    else if (c->out.len > c->out_at)
        limit = o->body_timeout;
    else if (c->phase == SERVER_HANDSHAKE)
        limit = o->header_timeout;
    else if (server_may_read(c))
        limit = reading_limit(c);
    if (limit > 0)
        timer_set(c->server->loop, &c->timer, loop_now(c->server->loop) + limit);
    else
        timer_cancel(c->server->loop, &c->timer);
}

/* ---- the end ---- */

void server_conn_close(struct server_conn *c)
{
    struct http_server *s = c->server;

    timer_cancel(s->loop, &c->timer);
    turn_cancel(&c->flush);
    turn_cancel(&c->more);
    list_each (it, after, &c->calls) {
        struct http_call *call = list_item(it, struct http_call, link);

        if (!call->answered && s->options.gone != NULL)
            s->options.gone(call, s->options.arg);
        list_remove(&call->link);
        server_call_free(call);
    }
    if (c->reading != NULL)
        server_call_free(c->reading);
    s->bytes -= c->out_charged;
    buf_free(&c->out);
    if (c->tls != NULL)
        tls_shutdown(c->tls);
    tls_free(c->tls);
    loop_forget(s->loop, &c->watch);
    close(c->watch.fd);
    list_remove(&c->link);
    s->nconns--;
    free(c);
}

/* ---- bytes in ---- */

bool server_may_read(const struct server_conn *c)
{
    return !c->stop && !c->ended && c->ncalls < c->server->options.max_pipelined &&
           c->out.len - c->out_at < SERVER_OUT_MAX;
}

static int fill_tls(struct server_conn *c, char *to, size_t room, size_t *n)
{
    switch (tls_read(c->tls, to, room, n)) {
    case TLS_OK:
        c->drained = !tls_has_pending(c->tls);
        return 1;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        c->drained = true;
        return 0;
    case TLS_CLOSED:
        c->ended = true;
        return -1;
    case TLS_FAILED:
        break;
    }
    return -1;
}

static int fill_plain(struct server_conn *c, char *to, size_t room, size_t *n)
{
    ssize_t got;

    do
        got = recv(c->watch.fd, to, room, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        c->ended = true;
    if (got == 0 || (got < 0 && errno != EAGAIN))
        return -1;
    c->drained = got < 0 || (size_t)got < room;
    *n = got > 0 ? (size_t)got : 0;
    return got > 0 ? 1 : 0;
}

int server_fill(struct server_conn *c)
{
    struct buf *b;
    size_t room;
    size_t n = 0;
    int got;

    if (c->drained && (!c->hangup || c->tls != NULL))
        return 0;
    if (c->reading == NULL)
        c->reading = server_call_new(c);
    b = &c->reading->bytes;
    MUST(buf_reserve(b, SERVER_READ_SIZE) != NULL);
    room = b->cap - b->len;
    got = c->tls != NULL ? fill_tls(c, b->data + b->len, room, &n)
                         : fill_plain(c, b->data + b->len, room, &n);
    if (n > 0 && b->len == 0)
        server_set_timer(c); /* the head has begun */
    b->len += n;
    if (b->len == 0) {
        server_call_free(c->reading);
        c->reading = NULL;
    }
    return got;
}

static void throw_away(struct server_conn *c)
{
    char nothing[4096];

    for (;;) {
        ssize_t n = recv(c->watch.fd, nothing, sizeof(nothing), MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0 && errno != EINTR) {
            server_conn_close(c);
            return;
        }
    }
}

/* ---- bytes out ---- */

/* 1 all is out, 0 the socket takes no more, -1 broken */
static int send_out(struct server_conn *c)
{
    while (c->out_at < c->out.len) {
        struct iovec v = { c->out.data + c->out_at, c->out.len - c->out_at };
        size_t n = 0;

        if (c->tls != NULL) {
            enum tls_result r = tls_write(c->tls, &v, 1, &n);

            if (r != TLS_OK)
                return r == TLS_WANT_WRITE ? 0 : -1;
        } else {
            ssize_t sent = send(c->watch.fd, v.iov_base, v.iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);

            if (sent < 0 && errno == EINTR)
                continue;
            if (sent < 0)
                return errno == EAGAIN ? 0 : -1;
            n = (size_t)sent;
        }
        explicit_bzero(v.iov_base, n);
        c->out_at += n;
    }
    return 1;
}

static void begin_linger(struct server_conn *c)
{
    c->phase = SERVER_LINGER;
    if (c->tls != NULL)
        tls_shutdown(c->tls);
    shutdown(c->watch.fd, SHUT_WR);
    server_set_timer(c);
    throw_away(c);
}

static void flush(struct server_conn *c)
{
    int sent = send_out(c);

    if (sent < 0) {
        server_conn_close(c);
        return;
    }
    c->blocked = sent == 0;
    if (sent == 1) {
        c->out.len = c->out_at = 0;
        if (c->out.cap > KEEP_SIZE)
            buf_free(&c->out);
    }
    server_charge_out(c);
    if (sent == 1 && server_is_done(c)) {
        if (c->refused && !c->ended)
            begin_linger(c);
        else
            server_conn_close(c);
        return;
    }
    server_set_timer(c);
    if (server_may_read(c) && (!c->drained || c->hangup || c->reading != NULL))
        loop_take_turn(c->server->loop, &c->more);
}

static void flush_turn(struct turn *t)
{
    struct server_conn *c =
        (struct server_conn *)(void *)((char *)t - offsetof(struct server_conn, flush));

    if (!c->blocked)
        flush(c);
}

/* ---- events ---- */

static void more_turn(struct turn *t)
{
    server_read((struct server_conn *)(void *)((char *)t - offsetof(struct server_conn, more)));
}

static void shake_hands(struct server_conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_OK:
        c->phase = SERVER_HEAD;
        c->drained = false;
        server_set_timer(c);
        server_read(c);
        break;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        break;
    case TLS_CLOSED:
    case TLS_FAILED:
        server_conn_close(c);
        break;
    }
}

static void on_key(void *arg)
{
    shake_hands(arg);
}

static void conn_ready(struct watch_fd *w, unsigned events)
{
    struct server_conn *c = (struct server_conn *)(void *)w;

    if (c->phase == SERVER_HANDSHAKE) {
        shake_hands(c);
        return;
    }
    if (c->phase == SERVER_LINGER) {
        throw_away(c);
        return;
    }
    if ((events & LOOP_WRITE) != 0 && c->blocked) {
        c->blocked = false;
        loop_take_last_turn(c->server->loop, &c->flush);
    }
    if ((events & LOOP_READ) != 0) {
        c->drained = false;
        c->hangup |= (events & LOOP_HANGUP) != 0;
        server_read(c);
    }
}

/* ---- listening ---- */

static void rest(struct http_server *s)
{
    list_each (it, after, &s->listeners)
        loop_remove(s->loop, &list_item(it, struct server_listener, link)->watch);
    timer_set(s->loop, &s->again, loop_now(s->loop) + REST_TIME);
}

static void listen_again(struct timer *t)
{
    struct http_server *s =
        (struct http_server *)(void *)((char *)t - offsetof(struct http_server, again));

    list_each (it, after, &s->listeners)
        MUST(loop_add_level(s->loop, &list_item(it, struct server_listener, link)->watch) == 0);
}

static void welcome(struct server_listener *l, int fd, const struct addr *from)
{
    struct http_server *s = l->server;
    struct server_conn *c = xcalloc(1, sizeof(*c));

    c->watch.fd = fd;
    c->watch.ready = conn_ready;
    c->server = s;
    list_init(&c->calls);
    buf_init_secret(&c->out, SIZE_MAX / 4);
    timer_init(&c->timer, out_of_time);
    turn_init(&c->flush, flush_turn);
    turn_init(&c->more, more_turn);
    if (addr_ip(from).len > 0)
        c->remote[ip_format(addr_ip(from), c->remote)] = '\0';
    c->phase = l->tls != NULL ? SERVER_HANDSHAKE : SERVER_HEAD;
    if (l->tls != NULL)
        c->tls = tls_accept(l->tls, fd, on_key, c);
    list_append(&s->conns, &c->link);
    s->nconns++;
    s->stats.accepted++;
    server_set_timer(c);
    if (loop_add(s->loop, &c->watch) == -1)
        server_conn_close(c);
}

/* One write into an empty socket: it takes it or the client goes without. */
static void turn_away(const struct server_listener *l, int fd)
{
    static const char busy[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 33\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
        "{\"errors\":[\"too_many_connections\"]}\n";

    l->server->stats.turned_away++;
    if (l->tls == NULL)
        (void)!send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(fd);
}

static void accept_ready(struct watch_fd *w, unsigned events)
{
    struct server_listener *l = (struct server_listener *)(void *)w;

    (void)events;
    for (;;) {
        struct addr from = { .len = sizeof(from) - offsetof(struct addr, any) };
        int fd = accept4(w->fd, &from.any, &from.len, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                rest(l->server);
            return;
        }
        if (l->server->nconns >= l->server->options.max_connections)
            turn_away(l, fd);
        else
            welcome(l, fd, &from);
    }
}

void http_server_listen(struct http_server *s, int listener, struct tls_context *tls)
{
    struct server_listener *l = xcalloc(1, sizeof(*l));
    int one = 1;

    /* Its connections inherit it: answers do not wait for the acknowledgement of the ones before. Not on a unix socket. */
    (void)setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    l->watch.fd = listener;
    l->watch.ready = accept_ready;
    l->server = s;
    l->tls = tls != NULL ? tls_context_ref(tls) : NULL;
    list_append(&s->listeners, &l->link);
    MUST(fd_set_nonblocking(listener) == 0 && loop_add_level(s->loop, &l->watch) == 0);
}

void http_server_set_tls(struct http_server *s, struct tls_context *tls)
{
    list_each (it, after, &s->listeners) {
        struct server_listener *l = list_item(it, struct server_listener, link);

        if (l->tls == NULL)
            continue;
        tls_context_unref(l->tls);
        l->tls = tls_context_ref(tls);
    }
}

struct http_server *http_server_new(struct loop *l, const struct http_server_options *o)
{
    struct http_server *s = xcalloc(1, sizeof(*s));

    s->loop = l;
    s->options = *o;
    list_init(&s->listeners);
    list_init(&s->conns);
    list_init(&s->spare);
    timer_init(&s->again, listen_again);
    return s;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    timer_cancel(s->loop, &s->again);
    list_each (it, after, &s->conns)
        server_conn_close(list_item(it, struct server_conn, link));
    list_each (it, after, &s->listeners) {
        struct server_listener *l = list_item(it, struct server_listener, link);

        loop_remove(s->loop, &l->watch);
        close(l->watch.fd);
        tls_context_unref(l->tls);
        free(l);
    }
    list_each (it, after, &s->spare) {
        struct http_call *call = list_item(it, struct http_call, link);

        arena_free(&call->arena);
        buf_free(&call->bytes);
        buf_free(&call->answer);
        free(call);
    }
    free(s);
}

struct http_server_stats http_server_get_stats(const struct http_server *s)
{
    struct http_server_stats stats = s->stats;

    stats.open = s->nconns;
    stats.bytes = s->bytes;
    return stats;
}
