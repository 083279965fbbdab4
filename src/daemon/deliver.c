/*
 * deliver - gives the edge all that belongs to a version of the blueprint.
 *
 *     BINDING --all sockets forwarded--> CONFIGURING --EDGE_OK--> done
 *        |                                    |
 *        +------------- refused, or the edge is gone -----------> done, with the reason
 *
 * The sockets are asked of the parent again each time: it has them already, and
 * the edge keeps those that it knows.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/control_int.h"
#include "daemon/log_ask.h"
#include "daemon/origins.h"
#include "daemon/pack.h"
#include "daemon/resolver.h"

enum { CONFIG_TIMEOUT = 60000, UNIX_SOCKET_MODE = 0666 };

struct socket_ask {
    struct ask ask; /* must stay first */
    struct delivery *delivery;
    const struct listener *listener;
    uint64_t sent;
};

struct delivery {
    struct ask config; /* must stay first */
    struct control *control;
    const struct version *version;
    struct channel *edge; /* which it began with */
    struct socket_ask *sockets;
    size_t nsockets;
    size_t pending;
    int log;
    bool failed;
    struct err err;
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

static void finish(struct delivery *d)
{
    struct delivery last = *d;

    if (d->log >= 0)
        close(d->log);
    free(d->sockets);
    free(d);
    last.done(last.arg, last.failed ? &last.err : NULL);
}

/* ---- configuration ---- */

static void configured(struct ask *a, struct message *m)
{
    struct delivery *d = (struct delivery *)(void *)a;
    struct control *c = d->control;

    if (m != NULL && m->type == EDGE_OK) {
        c->edge_fresh = false;
        /* What used to be logged elsewhere goes there to the last line. */
        if (log_differs(c, &d->version->blueprint->log, d->log))
            log_give(c, &d->version->blueprint->log, take_fd(d->log));
    } else {
        d->failed = true;
        if (m == NULL)
            err_set(&d->err, ERR_PEER, "edge_gone",
                "the edge did not answer (it is being restarted); try again");
        else
            err_set(&d->err, ERR_CONFIG, "edge_refused", "%.*s", STR_ARG(m->body));
    }
    finish(d);
}

/* The same path, but another file: somebody has put the old one aside.  At once, whatever else comes
 * of this delivery. */
static bool is_reopened(const struct control *c, const struct delivery *d)
{
    const struct log_rule *now = &d->version->blueprint->log;
    const struct log_rule *live = c->live != NULL ? &c->live->blueprint->log : NULL;

    return live != NULL && now->to == LOG_FILE && live->to == LOG_FILE &&
           str_eq(now->path, live->path) && log_differs(c, now, d->log);
}

static void configure(struct delivery *d)
{
    struct control *c = d->control;
    auto_close int fd = -1;
    struct buf bundle;

    if (c->edge != d->edge || d->failed) {
        if (!d->failed)
            err_set(&d->err, ERR_PEER, "edge_gone", "the edge is being restarted; try again");
        d->failed = true;
        finish(d);
        return;
    }
    if (c->edge_fresh || is_reopened(c, d))
        log_give(c, &d->version->blueprint->log, fcntl(d->log, F_DUPFD_CLOEXEC, 3));
    if (c->edge_fresh)
        channel_send(c->edge, EDGE_TICKETS, 0, tickets_all(&c->tickets), NULL, 0);
    resolver_send_all(c->resolver, c->edge);
    origins_send_all(c->origins, c->edge);
    version_bundle(d->version, &bundle);
    fd = fd_memory("weir-bundle", bundle.data, bundle.len);
    buf_free(&bundle);
    ask_put(&c->asks, &d->config,
        &(struct question){ .over = fd >= 0 ? c->edge : NULL,
            .answers = c->edge,
            .type = EDGE_CONFIG,
            .fds = &fd,
            .nfds = 1,
            .timeout = CONFIG_TIMEOUT },
        configured);
}

/* ---- sockets ---- */

static void bound(struct ask *a, struct message *m)
{
    struct socket_ask *s = (struct socket_ask *)(void *)a;
    struct delivery *d = s->delivery;
    struct control *c = d->control;

    if (m != NULL && m->type == LIFE_BOUND) {
        struct unpack u = unpack_from(m->body);
        uint32_t left = unpack_u32(&u);

        if (c->edge != NULL && c->edge == d->edge)
            channel_send(
                c->edge, EDGE_LISTENER, s->sent, s->listener->address_text, m->fds, m->nfds);
        s->sent += m->nfds;
        if (left > 0) {
            ask_again(a, ASK_TIMEOUT);
            return;
        }
    } else {
        d->failed = true;
        if (m != NULL)
            err_set(&d->err, ERR_CONFIG, "listen_failed", "listener %s: %.*s", s->listener->name.at,
                STR_ARG(m->body));
        else
            err_set(&d->err, ERR_PEER, "parent_silent", "the parent does not answer");
    }
    if (--d->pending == 0)
        configure(d);
}

static void log_opened(void *arg, int fd, const struct err *err)
{
    struct delivery *d = arg;

    d->log = fd;
    if (err != NULL) {
        d->failed = true;
        d->err = *err;
    }
    if (--d->pending == 0)
        configure(d);
}

void deliver_ask_socket(struct control *c, struct ask *a, const struct listener_wish *wish,
    void (*answer)(struct ask *a, struct message *m))
{
    struct buf b;

    buf_init(&b, 1024);
    pack_str(&b, wish->address);
    pack_u32(&b, wish->backlog);
    pack_u32(&b, wish->count);
    pack_u32(&b, wish->mode);
    ask_put(&c->asks, a,
        &(struct question){
            .over = c->life, .type = LIFE_BIND, .body = buf_as_str(&b), .timeout = ASK_TIMEOUT },
        answer);
    buf_free(&b);
}

void deliver(struct control *c, const struct version *v,
    void (*done)(void *arg, const struct err *err), void *arg)
{
    const struct blueprint *b = v->blueprint;
    struct delivery *d = xcalloc(1, sizeof(*d));

    d->control = c;
    d->version = v;
    d->edge = c->edge;
    d->log = -1;
    d->done = done;
    d->arg = arg;
    d->sockets = xcalloc(b->nlisteners + 1, sizeof(*d->sockets));
    d->pending = 2;
    log_ask(c, &b->log, false, log_opened, d);
    for (size_t i = 0; i < b->nlisteners; i++) {
        struct socket_ask *s = &d->sockets[d->nsockets++];

        s->delivery = d;
        s->listener = &b->listeners[i];
        d->pending++;
        deliver_ask_socket(c, &s->ask,
            &(struct listener_wish){ .address = b->listeners[i].address_text,
                .backlog = b->listeners[i].backlog,
                .count = c->plan.workers,
                .mode = UNIX_SOCKET_MODE },
            bound);
    }
    if (--d->pending == 0)
        configure(d);
}

/* ---- keys ---- */

void deliver_key(struct control *c, struct ask *ask, const struct certificate *certificate,
    bool local, void (*answer)(struct ask *a, struct message *m))
{
    auto_free char *path =
        local ? xasprintf("%s/local/%s.key", c->plan.state, certificate->name.at) : NULL;
    struct buf body;

    buf_init(&body, 8192);
    pack_str(&body, path != NULL ? str_from(path) : certificate->key);
    ask_put(&c->asks, ask,
        &(struct question){ .over = body.over || c->keeper == NULL ? NULL : c->life,
            .answers = c->keeper,
            .type = LIFE_OPEN_KEY,
            .body = buf_as_str(&body),
            .timeout = ASK_TIMEOUT },
        answer);
    buf_free(&body);
}

/* ---- what is no longer named ---- */

void deliver_keep(struct control *c, const struct version *v)
{
    auto_free char *admin = control_admin_address(c);
    auto_free char *keeper = control_keeper_address(c);
    struct buf b;

    buf_init(&b, CHANNEL_BODY_MAX);
    pack_text(&b, admin);
    if (v != NULL) {
        for (size_t i = 0; i < v->blueprint->nlisteners; i++)
            pack_str(&b, v->blueprint->listeners[i].address_text);
        if (v->blueprint->metrics.address_text.len > 0)
            pack_str(&b, v->blueprint->metrics.address_text);
        if (c->plan.keeper && v->blueprint->keeper.on) {
            pack_text(&b, keeper);
            pack_str(&b, v->blueprint->keeper.listen_text);
        }
    }
    channel_send(c->life, LIFE_KEEP, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}
