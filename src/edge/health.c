/*
 * health - see health.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "edge/event.h"
#include "edge/health.h"
#include "edge/stream.h"
#include "http/h1.h"

static const struct h1_limits head_limits = { .max_head = 16000, .max_fields = 64 };
enum { INTERIMS_MAX = 4 };

struct check {       /* one origin */
    struct stream s; /* must stay first; open while a probe runs */
    struct health_checks *all;
    struct check *next;
    struct origin_state *state;
    const struct service *service; /* of the plan that is followed */
    struct tls_context *tls;
    struct str host;
    struct timer timer; /* the next probe, or the end of this one's time */
    bool probing;
    bool connected;
    bool secured;
    unsigned interims;
    bool seen; /* in the plan that is being followed */
    unsigned successes;
    unsigned failures;
    struct h1_parser parser;
    struct h1_head head;
    struct http_field fields[64];
};

struct health_checks {
    struct loop *loop;
    struct log *log;
    unsigned ring;
    struct pages pages;
    struct plan *plan;
    struct check *list;
};

struct health_checks *health_new(struct loop *l, struct log *log, unsigned ring)
{
    struct health_checks *h = xcalloc(1, sizeof(*h));

    h->loop = l;
    h->log = log;
    h->ring = ring;
    return h;
}

/* ---- outcomes ---- */

static void end_probe(struct check *c)
{
    msec_t interval = c->service->health.interval;

    stream_close(&c->s);
    c->probing = false;
    /* A tenth of jitter, so that the checks of many origins spread out. */
    timer_set(c->all->loop, &c->timer,
        loop_now(c->all->loop) + interval - interval / 20 + random_below(interval / 10 + 1));
}

static void turn(struct check *c, bool healthy)
{
    c->state->healthy = healthy;
    if (healthy)
        c->state->warm_from = time_msec();
    event_origin_in(
        c->all->log, c->all->ring, healthy ? "origin_healthy" : "origin_unhealthy", c->state, 0);
    log_flush(c->all->log, c->all->ring);
}

static void outcome(struct check *c, bool ok)
{
    const struct health *rule = &c->service->health;

    if (ok) {
        c->failures = 0;
        if (++c->successes >= rule->healthy_after && !c->state->healthy)
            turn(c, true);
    } else {
        c->successes = 0;
        if (++c->failures >= rule->unhealthy_after && c->state->healthy)
            turn(c, false);
    }
    end_probe(c);
}

/* ---- one probe ---- */

static void send_request(struct check *c)
{
    const struct health *rule = &c->service->health;
    struct str host = rule->host.len > 0 ? rule->host : c->host;
    char text[2048];
    int n = snprintf(text, sizeof(text),
        "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: weir-health\r\nConnection: close\r\n\r\n",
        STR_ARG(rule->path), STR_ARG(host));
    struct iovec v = { text, (size_t)n };

    if (n < 0 || (size_t)n >= sizeof(text) || !stream_write(&c->s, &v, 1))
        outcome(c, false);
}

static void read_response(struct check *c)
{
    const struct health *rule = &c->service->health;

    for (;;) {
        enum stream_got got = stream_fill(&c->s);
        struct str in = stream_input(&c->s);
        int64_t n;

        if (got == STREAM_AGAIN)
            return;
        if (got != STREAM_GOT) {
            outcome(c, false);
            return;
        }
        n = h1_parse(&c->parser, in.at, in.len);
        if (n > 0 && c->head.status < 200 && c->interims++ < INTERIMS_MAX) {
            stream_consume(&c->s, (size_t)n);
            h1_response_start(&c->parser, &c->head, &head_limits, HTTP_GET);
            n = h1_parse(&c->parser, in.at + n, in.len - (size_t)n);
        }
        if (n < 0 || n > 0) {
            outcome(c,
                n > 0 && c->head.status >= rule->expect_from && c->head.status <= rule->expect_to);
            return;
        }
    }
}

static void secure(struct check *c)
{
    switch (tls_handshake(c->s.tls)) {
    case TLS_OK:
        c->secured = true;
        send_request(c);
        break;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        break;
    case TLS_CLOSED:
    case TLS_FAILED:
        outcome(c, false);
        break;
    }
}

static bool connected(struct check *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(c->s.watch.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        outcome(c, false);
        return false;
    }
    c->connected = true;
    if (c->s.tls == NULL)
        send_request(c);
    return c->probing;
}

static void ready(struct watch_fd *w, unsigned events)
{
    struct check *c = (struct check *)(void *)w;

    stream_note(&c->s, events);
    if (!c->connected && ((events & (LOOP_WRITE | LOOP_ERROR)) == 0 || !connected(c)))
        return;
    if (c->s.tls != NULL && !c->secured) {
        secure(c);
        if (!c->probing || !c->secured)
            return;
    }
    if (stream_blocked(&c->s) && !stream_flush(&c->s)) {
        outcome(c, false);
        return;
    }
    if (c->s.readable)
        read_response(c);
}

static void probe(struct check *c)
{
    const struct addr *a = &c->state->addr;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    stream_init(&c->s, fd, c->all->loop, &c->all->pages);
    c->s.watch.ready = ready;
    c->probing = true;
    c->connected = false;
    c->secured = false;
    c->interims = 0;
    c->head.fields = c->fields;
    h1_response_start(&c->parser, &c->head, &head_limits, HTTP_GET);
    timer_set(c->all->loop, &c->timer, loop_now(c->all->loop) + c->service->health.timeout);
    if (fd < 0 || (connect(fd, &a->any, a->len) == -1 && errno != EINPROGRESS)) {
        outcome(c, false);
        return;
    }
    if (c->tls != NULL) {
        struct str name = c->host;
        uint16_t port;

        if (c->service->tls.server_name.len > 0)
            name = c->service->tls.server_name;
        else if (!addr_split_host_port(c->host, &name, &port))
            name = c->host;
        c->s.tls = tls_connect(c->tls, fd, name);
    }
    if (loop_add(c->all->loop, &c->s.watch) == -1)
        outcome(c, false);
}

static void on_timer(struct timer *t)
{
    struct check *c = list_item(t, struct check, timer);

    if (c->probing)
        outcome(c, false); /* its time is over */
    else
        probe(c);
}

/* ---- following a plan ---- */

static struct check *check_for(struct health_checks *h, struct origin_state *state)
{
    struct check *c = h->list;

    while (c != NULL && c->state != state)
        c = c->next;
    if (c != NULL)
        return c;
    c = xcalloc(1, sizeof(*c));
    c->all = h;
    c->s.watch.fd = -1;
    c->state = origin_state_ref(state);
    timer_init(&c->timer, on_timer);
    timer_set(h->loop, &c->timer, loop_now(h->loop) + 1);
    c->next = h->list;
    h->list = c;
    return c;
}

static void drop_check(struct health_checks *h, struct check *c)
{
    timer_cancel(h->loop, &c->timer);
    if (c->probing)
        stream_close(&c->s);
    c->state->healthy = true; /* nobody says otherwise any more */
    origin_state_unref(c->state);
    free(c);
}

static void sweep(struct health_checks *h)
{
    struct check **at = &h->list;

    while (*at != NULL) {
        struct check *c = *at;

        if (c->seen) {
            c->seen = false;
            at = &c->next;
            continue;
        }
        *at = c->next;
        drop_check(h, c);
    }
}

void health_follow(struct health_checks *h, struct plan *p)
{
    struct plan *old = h->plan;

    h->plan = plan_ref(p);
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        const struct plan_service *s = &p->services[i];

        for (size_t k = 0; s->service->health.on && k < s->norigins; k++) {
            struct check *c = check_for(h, s->origins[k].state);

            c->seen = true;
            c->service = s->service;
            c->host = s->origins[k].host;
            c->tls = p->tls[p->nthreads - 1].services[i];
        }
    }
    sweep(h);
    plan_unref(old);
}

void health_free(struct health_checks *h)
{
    while (h->list != NULL) {
        struct check *c = h->list;

        h->list = c->next;
        drop_check(h, c);
    }
    plan_unref(h->plan);
    pages_free(&h->pages);
    free(h);
}
