/*
 * admin - connections of the admin API; see admin.h.
 *
 *     READING --whole request--> ANSWERING --exchange_answer()--> WRITING --+-> READING
 *        |                                                                  +-> closed
 *        +-- too large, malformed, too slow --> WRITING (an error), closed
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/list.h"
#include "base/mem.h"
#include "daemon/admin.h"
#include "http/h1.h"

enum {
    CONNS_MAX = 64,
    HEAD_MAX = 16384,
    FIELDS_MAX = 64,
    BODY_MAX = 16 << 20, /* a canonical blueprint of ten thousand routes fits */
    ANSWER_MAX = 256 << 20,
    READ_TIMEOUT = 10000,
    IDLE_TIMEOUT = 30000,
    WRITE_TIMEOUT = 30000,
};

struct listening {
    struct watch_fd watch; /* must stay first */
    struct admin *admin;
    bool public;
};

struct admin {
    struct control *control;
    struct listening local;
    struct listening *metrics; /* several when the address had been a listener's */
    unsigned nmetrics;
    char *metrics_address; /* or NULL */
    struct list conns;
    struct list dead; /* freed when the round of events is over: callers may still hold them */
    unsigned nconns;
};

struct admin_conn {
    struct watch_fd watch; /* must stay first */
    struct list link;
    struct admin *admin;
    bool public;
    bool closing; /* after what is being written */
    bool ended;   /* the client has sent all it will */
    bool busy;    /* inside serve_next() */
    bool dead;    /* closed; nothing may happen to it any more */
    struct timer timer;
    struct buf in;
    struct buf out;
    size_t sent;
    struct exchange *exchange; /* being answered */
};

/* ---- life ---- */

static void conn_close(struct admin_conn *c)
{
    struct loop *l = c->admin->control->loop;

    if (c->dead)
        return;
    c->dead = true;
    if (c->exchange != NULL)
        c->exchange->conn = NULL; /* freed when it is answered */
    timer_cancel(l, &c->timer);
    loop_remove(l, &c->watch);
    close(c->watch.fd);
    list_remove(&c->link);
    list_append(&c->admin->dead, &c->link);
    c->admin->nconns--;
}

static void bury(void *arg)
{
    struct admin *a = arg;

    list_each (it, after, &a->dead) {
        struct admin_conn *c = list_item(it, struct admin_conn, link);

        list_remove(&c->link);
        buf_free(&c->in);
        buf_free(&c->out);
        free(c);
    }
}

static void out_of_time(struct timer *t)
{
    conn_close(list_item(t, struct admin_conn, timer));
}

static void set_timer(struct admin_conn *c, msec_t wait)
{
    struct loop *l = c->admin->control->loop;

    timer_set(l, &c->timer, loop_now(l) + wait);
}

/* ---- writing ---- */

/* False: the connection is gone. */
static bool flush(struct admin_conn *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

        if (n > 0)
            c->sent += (size_t)n;
        else if (errno == EAGAIN)
            return true;
        else if (errno != EINTR) {
            conn_close(c);
            return false;
        }
    }
    c->sent = 0;
    buf_consume(&c->out, c->out.len);
    if (c->closing) {
        conn_close(c);
        return false;
    }
    return true;
}

static void put_answer(
    struct admin_conn *c, unsigned status, const char *content_type, struct str body, bool head)
{
    h1_put_status(&c->out, status);
    h1_put_field(&c->out, STR("Content-Type"), str_from(content_type));
    buf_printf(&c->out, "Content-Length: %zu\r\n", body.len);
    buf_text(&c->out, "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    if (c->closing)
        buf_text(&c->out, "Connection: close\r\n");
    buf_text(&c->out, "\r\n");
    if (!head)
        buf_str(&c->out, body);
}

static void refuse(struct admin_conn *c, unsigned status, const char *id, const char *text)
{
    struct buf b;
    struct json j;

    buf_init(&b, 4096);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_open(&j, "error", '{');
    json_put_text(&j, "id", id);
    json_put_text(&j, "text", text);
    json_close(&j, '}');
    json_close(&j, '}');
    buf_char(&b, '\n');
    c->closing = true;
    put_answer(c, status, "application/json", buf_as_str(&b), false);
    buf_free(&b);
    set_timer(c, WRITE_TIMEOUT);
    flush(c);
}

static void serve_next(struct admin_conn *c);

void exchange_answer(struct exchange *x, unsigned status, const char *content_type, struct str body)
{
    struct admin_conn *c = x->conn;
    bool head = x->method == HTTP_HEAD;

    free(x);
    if (c == NULL)
        return;
    c->exchange = NULL;
    set_timer(c, WRITE_TIMEOUT);
    put_answer(c, status, content_type, body, head);
    if (flush(c) && !c->busy && c->out.len == 0)
        serve_next(c);
}

static unsigned status_of(const struct err *err)
{
    switch (err->kind) {
    case ERR_CONFIG:
        return 400;
    case ERR_DENIED:
        return 403;
    case ERR_LIMIT:
        return 503;
    case ERR_PEER:
        return 502;
    case ERR_NONE:
    case ERR_SYSTEM:
        break;
    }
    return 500;
}

void exchange_fail(struct exchange *x, const struct err *err)
{
    struct buf b;
    struct json j;

    buf_init(&b, 8192);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_open(&j, "error", '{');
    json_put_text(&j, "id", err->id);
    json_put_text(&j, "text", err->text);
    json_close(&j, '}');
    json_close(&j, '}');
    buf_char(&b, '\n');
    exchange_answer(x, status_of(err), "application/json", buf_as_str(&b));
    buf_free(&b);
}

/* ---- reading ---- */

/* The strings of the exchange point into its own copy of the request. */
static struct exchange *exchange_new(struct admin_conn *c, const struct h1_head *h, struct str body)
{
    struct str accept = h1_find(h, STR("accept"));
    size_t room = h->path.len + h->query.len + accept.len + body.len;
    struct exchange *x = xmalloc(sizeof(*x) + room + 1);
    char *at = (char *)(x + 1);
    const struct {
        struct str *to;
        struct str from;
    } copies[] = { { &x->path, h->path }, { &x->query, h->query }, { &x->accept, accept },
        { &x->body, body } };

    x->control = c->admin->control;
    x->public = c->public;
    x->method = h->method_id;
    x->conn = c;
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        if (copies[i].from.len > 0)
            memcpy(at, copies[i].from.at, copies[i].from.len);
        *copies[i].to = (struct str){ at, copies[i].from.len };
        at += copies[i].from.len;
    }
    return x;
}

/* True when a request was taken out of c->in and is being answered. */
static bool take_request(struct admin_conn *c)
{
    static const struct h1_limits limits = { HEAD_MAX, 8192, FIELDS_MAX };
    struct http_field fields[FIELDS_MAX];
    struct h1_head head = { .fields = fields };
    struct h1_parser p;
    int64_t n;

    if (c->in.len == 0)
        return false;
    h1_request_start(&p, &head, &limits);
    n = h1_parse(&p, c->in.data, c->in.len);
    if (n < 0) {
        refuse(c, h1_error_status(p.error), h1_error_word(p.error), "the request is malformed");
        return false;
    }
    if (n == 0)
        return false;
    if (head.framing == H1_CHUNKED) {
        refuse(c, 411, "length_required", "send the body with a Content-Length");
        return false;
    }
    if (head.framing == H1_LENGTH && head.content_length > BODY_MAX) {
        refuse(c, 413, "body_too_large", "a body may have at most 16 MB");
        return false;
    }
    if (head.framing == H1_LENGTH && c->in.len - (size_t)n < head.content_length) {
        if (head.expect_continue && c->in.len == (size_t)n && c->out.len == 0) {
            buf_text(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
            flush(c);
        }
        return false;
    }
    c->closing = !head.keep_alive;
    c->exchange = exchange_new(c, &head,
        (struct str){
            c->in.data + n, head.framing == H1_LENGTH ? (size_t)head.content_length : 0 });
    buf_consume(&c->in, (size_t)n + (head.framing == H1_LENGTH ? (size_t)head.content_length : 0));
    return true;
}

static void serve_next(struct admin_conn *c)
{
    c->busy = true;
    while (!c->dead && c->exchange == NULL && c->out.len == 0 && take_request(c)) {
        timer_cancel(c->admin->control->loop, &c->timer);
        api_serve(c->exchange);
    }
    c->busy = false;
    if (c->ended && c->exchange == NULL && c->out.len == 0)
        conn_close(c);
}

static void conn_ready(struct watch_fd *w, unsigned events)
{
    struct admin_conn *c = (struct admin_conn *)(void *)w;

    if ((events & LOOP_WRITE) != 0 && c->out.len > 0 && !flush(c))
        return;
    while (!c->ended && !c->closing) {
        char *to = buf_reserve(&c->in, 16384);
        ssize_t n;

        if (to == NULL) {
            refuse(c, 413, "body_too_large", "a request may have at most 16 MB");
            return;
        }
        n = recv(w->fd, to, 16384, 0);
        if (n > 0) {
            c->in.len += (size_t)n;
        } else if (n == 0) {
            c->ended = true;
        } else if (errno == EAGAIN) {
            break;
        } else if (errno != EINTR) {
            conn_close(c);
            return;
        }
    }
    if (c->exchange == NULL && c->out.len == 0)
        serve_next(c);
    else if (c->ended && c->out.len == 0 && (events & LOOP_ERROR) != 0)
        conn_close(c);
}

/* ---- listening ---- */

static void accept_ready(struct watch_fd *w, unsigned events)
{
    struct listening *l = (struct listening *)(void *)w;
    struct admin *a = l->admin;
    int fd;

    (void)events;
    while ((fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct admin_conn *c;

        if (a->nconns >= CONNS_MAX) {
            close(fd);
            continue;
        }
        c = xcalloc(1, sizeof(*c));
        c->admin = a;
        c->public = l->public;
        c->watch.fd = fd;
        c->watch.ready = conn_ready;
        buf_init(&c->in, HEAD_MAX + BODY_MAX + 16384);
        buf_init(&c->out, ANSWER_MAX);
        timer_init(&c->timer, out_of_time);
        list_append(&a->conns, &c->link);
        a->nconns++;
        set_timer(c, READ_TIMEOUT);
        if (loop_add(a->control->loop, &c->watch) == -1)
            conn_close(c);
    }
}

struct admin *admin_new(struct control *c)
{
    struct admin *a = xcalloc(1, sizeof(*a));

    a->control = c;
    a->local = (struct listening){ { -1, accept_ready }, a, false };
    list_init(&a->conns);
    list_init(&a->dead);
    loop_after(c->loop, bury, a);
    return a;
}

static void listen_on(struct admin *a, struct listening *l, int fd)
{
    if (l->watch.fd >= 0) {
        loop_remove(a->control->loop, &l->watch);
        close(l->watch.fd);
    }
    l->watch.fd = fd;
    if (fd >= 0 &&
        (fd_set_nonblocking(fd) == -1 || loop_add_level(a->control->loop, &l->watch) == -1)) {
        close(fd);
        l->watch.fd = -1;
    }
}

void admin_listen(struct admin *a, int fd)
{
    listen_on(a, &a->local, fd);
}

void admin_follow(struct admin *a, const int *fds, unsigned n, struct str address)
{
    if (n > 0 && a->metrics_address != NULL && str_is(address, a->metrics_address)) {
        for (unsigned i = 0; i < n; i++)
            close(fds[i]);
        return;
    }
    for (unsigned i = 0; i < a->nmetrics; i++)
        listen_on(a, &a->metrics[i], -1);
    free(a->metrics);
    free(a->metrics_address);
    a->metrics = n > 0 ? xcalloc(n, sizeof(*a->metrics)) : NULL;
    a->metrics_address = n > 0 ? xstrndup(address.at, address.len) : NULL;
    a->nmetrics = n;
    for (unsigned i = 0; i < n; i++) {
        a->metrics[i] = (struct listening){ { -1, accept_ready }, a, true };
        listen_on(a, &a->metrics[i], fds[i]);
    }
}
