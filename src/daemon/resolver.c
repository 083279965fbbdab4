/*
 * resolver - see resolver.h.
 *
 * One entry a host, however many origins have it.  c-ares drives its own
 * sockets on our loop and measures its time-outs in real time; when to look
 * again is the loop's time.
 */
#include <ares.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "daemon/pulse.h"
#include "daemon/resolver.h"
#include "daemon/say.h"

enum {
    ADDRESSES_MAX = 64, /* of one name */
    RETRY_MIN = 1000,   /* ms; after a failure */
    RETRY_MAX = 30000,
    ROUNDS_MAX = 16, /* of reading one socket that has more */
    TRIES = 2,
};

struct host {
    struct list link;
    struct resolver *all;
    char *name;
    bool live; /* the live blueprint has it */
    bool next; /* the one being applied has it */
    bool looking;
    bool answered; /* once, or failed once */
    msec_t interval;
    struct ip addresses[ADDRESSES_MAX];
    unsigned n;
    unsigned failures; /* in a row */
    char error[128];   /* of the last look, or "" */
    struct timer timer;
};

struct socket_watch {
    struct watch_fd watch; /* must stay first */
    struct list link;
    struct resolver *all;
};

struct resolver {
    struct control *control;
    ares_channel channel;
    char *servers; /* as the channel has them; "" the system's */
    msec_t timeout;
    struct list hosts;
    struct list sockets;
    struct pulse pulse;           /* c-ares' own time-outs */
    const struct blueprint *next; /* being prepared, until it is live */
    void (*ready)(void *arg);
    void *ready_arg;
    struct pulse patience; /* how long an apply waits for answers */
};

/* ---- c-ares on the loop ---- */

static void set_pulse(struct resolver *r)
{
    struct timeval tv;
    struct timeval *left = ares_timeout(r->channel, NULL, &tv);

    if (left != NULL)
        pulse_set(&r->pulse, (msec_t)left->tv_sec * 1000 + (msec_t)left->tv_usec / 1000 + 1);
    else
        pulse_cancel(&r->pulse);
}

static void pulse_beat(struct pulse *p)
{
    struct resolver *r = list_item(p, struct resolver, pulse);

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_pulse(r);
}

static bool is_watched(const struct resolver *r, int fd)
{
    list_each (it, after, &r->sockets) {
        if (list_item(it, struct socket_watch, link)->watch.fd == fd)
            return true;
    }
    return false;
}

static void socket_ready(struct watch_fd *w, unsigned events)
{
    struct socket_watch *s = (struct socket_watch *)(void *)w;
    struct resolver *r = s->all;
    struct pollfd more = { .fd = w->fd, .events = POLLIN };

    /* The loop tells of a socket once; c-ares may stop reading one before it is empty. */
    for (int i = 0; i < ROUNDS_MAX; i++) {
        ares_process_fd(r->channel, (events & LOOP_READ) != 0 ? more.fd : ARES_SOCKET_BAD,
            (events & LOOP_WRITE) != 0 ? more.fd : ARES_SOCKET_BAD);
        if (!is_watched(r, more.fd) || poll(&more, 1, 0) != 1)
            break;
        events = LOOP_READ;
    }
    set_pulse(r);
}

static void socket_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = arg;

    list_each (it, after, &r->sockets) {
        struct socket_watch *s = list_item(it, struct socket_watch, link);

        if (s->watch.fd != fd)
            continue;
        if (!readable && !writable) { /* about to be closed */
            loop_remove(r->control->loop, &s->watch);
            list_remove(&s->link);
            free(s);
        }
        return;
    }
    if (readable || writable) {
        struct socket_watch *s = xcalloc(1, sizeof(*s));

        s->watch = (struct watch_fd){ fd, socket_ready };
        s->all = r;
        list_append(&r->sockets, &s->link);
        if (loop_add(r->control->loop, &s->watch) == -1)
            say("a DNS socket cannot be watched");
    }
}

static void open_channel(struct resolver *r, const char *servers, msec_t timeout)
{
    struct ares_options options = {
        .timeout = (int)(timeout / TRIES > 0 ? timeout / TRIES : 1),
        .tries = TRIES,
        .sock_state_cb = socket_state,
        .sock_state_cb_data = r,
    };
    int result;

    if (r->channel != NULL)
        ares_destroy(r->channel);
    r->channel = NULL;
    result = ares_init_options(
        &r->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (result == ARES_SUCCESS && servers[0] != '\0')
        result = ares_set_servers_ports_csv(r->channel, servers);
    if (result != ARES_SUCCESS)
        say("DNS: %s (see `dns.servers` and /etc/resolv.conf)", ares_strerror(result));
    free(r->servers);
    r->servers = xstrdup(servers);
    r->timeout = timeout;
}

static void follow_rule(struct resolver *r, const struct dns_rule *rule)
{
    struct buf servers;

    buf_init(&servers, 4096);
    for (size_t i = 0; i < rule->servers.n; i++) {
        buf_text(&servers, i > 0 ? "," : "");
        buf_str(&servers, rule->servers.at[i]);
    }
    if (r->channel == NULL || r->timeout != rule->timeout ||
        strcmp(r->servers, buf_cstr(&servers)) != 0)
        open_channel(r, buf_cstr(&servers), rule->timeout);
    buf_free(&servers);
}

/* ---- the edge ---- */

static void send_origin(const struct host *h, const struct service *s, const struct origin *o)
{
    struct channel *edge = h->all->control->edge;
    struct buf b;
    struct json j;

    if (edge == NULL)
        return;
    buf_init(&b, CHANNEL_BODY_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_str(&j, "service", s->name);
    json_put_str(&j, "origin", o->address_text);
    json_open(&j, "addresses", '[');
    for (unsigned i = 0; i < h->n; i++) {
        struct addr a = addr_from_ip(h->addresses[i], o->port);
        char text[ADDR_TEXT_MAX];

        json_put_str(&j, NULL, (struct str){ text, addr_format(&a, text) });
    }
    json_close(&j, ']');
    json_close(&j, '}');
    channel_send(edge, EDGE_ENDPOINTS, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

static void send_host(const struct host *h, const struct blueprint *b)
{
    for (size_t i = 0; b != NULL && i < b->nservices; i++)
        for (size_t k = 0; k < b->services[i].norigins; k++) {
            const struct origin *o = &b->services[i].origins[k];

            if (o->address.len == 0 && str_is(o->host, h->name))
                send_origin(h, &b->services[i], o);
        }
}

void resolver_send_all(struct resolver *r, struct channel *edge)
{
    const struct blueprint *b = r->next != NULL            ? r->next
                                : r->control->live != NULL ? r->control->live->blueprint
                                                           : NULL;

    (void)edge;
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        if (h->n > 0)
            send_host(h, b);
    }
}

/* ---- answers ---- */

static void report(struct resolver *r)
{
    void (*ready)(void *arg) = r->ready;

    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        if (h->next && !h->answered)
            return;
    }
    if (ready == NULL)
        return;
    pulse_cancel(&r->patience);
    r->ready = NULL;
    ready(r->ready_arg);
}

static void out_of_patience(struct pulse *p)
{
    struct resolver *r = list_item(p, struct resolver, patience);
    void (*ready)(void *arg) = r->ready;

    r->ready = NULL;
    if (ready != NULL)
        ready(r->ready_arg);
}

static bool has(const struct ip *list, unsigned n, struct ip ip)
{
    for (unsigned i = 0; i < n; i++)
        if (ip_eq(list[i], ip))
            return true;
    return false;
}

/* The addresses without repetition, and the least TTL in seconds (-1: none, as from /etc/hosts). */
static unsigned collect(const struct ares_addrinfo *info, struct ip *list, int *ttl)
{
    unsigned n = 0;

    *ttl = -1;
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL && n < ADDRESSES_MAX;
         node = node->ai_next) {
        struct addr a = { 0 };
        struct ip ip;

        if (node->ai_addrlen > sizeof(a.v6))
            continue;
        memcpy(&a.any, node->ai_addr, node->ai_addrlen);
        a.len = node->ai_addrlen;
        ip = addr_ip(&a);
        if (ip.len > 0 && !has(list, n, ip))
            list[n++] = ip;
        if (node->ai_ttl > 0 && (*ttl < 0 || node->ai_ttl < *ttl))
            *ttl = node->ai_ttl;
    }
    return n;
}

static bool differs(const struct host *h, const struct ip *list, unsigned n)
{
    bool same = n == h->n;

    for (unsigned i = 0; i < n && same; i++)
        same = has(h->addresses, h->n, list[i]);
    return !same;
}

static void look_later(struct host *h, msec_t wait)
{
    struct loop *l = h->all->control->loop;

    timer_set(l, &h->timer, loop_now(l) + wait);
}

static void failed(struct host *h, int status)
{
    msec_t wait = RETRY_MIN;

    snprintf(h->error, sizeof(h->error), "%s", ares_strerror(status));
    if (h->failures++ == 0)
        say("%s cannot be resolved (%s)%s", h->name, h->error,
            h->n > 0 ? "; its last addresses stay in use" : "");
    for (unsigned i = 1; i < h->failures && wait < RETRY_MAX; i++)
        wait *= 2;
    look_later(h, wait < RETRY_MAX ? wait : RETRY_MAX);
}

static void succeeded(struct host *h, const struct ares_addrinfo *info)
{
    struct ip list[ADDRESSES_MAX];
    int ttl;
    unsigned n = collect(info, list, &ttl);
    bool changed = differs(h, list, n);
    msec_t wait = h->interval;

    if (n == 0) {
        failed(h, ARES_ENODATA);
        return;
    }
    if (h->failures > 0)
        say("%s can be resolved again", h->name);
    h->failures = 0;
    h->error[0] = '\0';
    memcpy(h->addresses, list, n * sizeof(*list));
    h->n = n;
    if (changed && h->live && h->all->control->live != NULL)
        send_host(h, h->all->control->live->blueprint);
    if (ttl > 0 && (msec_t)ttl * 1000 > wait)
        wait = (msec_t)ttl * 1000;
    look_later(h, wait);
}

static void host_free(struct host *h)
{
    timer_cancel(h->all->control->loop, &h->timer);
    list_remove(&h->link);
    free(h->name);
    free(h);
}

static void answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct host *h = arg;
    struct resolver *r = h->all;

    (void)timeouts;
    h->looking = false;
    if (!h->live && !h->next) { /* forgotten meanwhile */
        if (info != NULL)
            ares_freeaddrinfo(info);
        host_free(h);
        return;
    }
    if (status == ARES_EDESTRUCTION || status == ARES_ECANCELLED)
        look_later(h, 0); /* the channel was replaced */
    else if (status == ARES_SUCCESS && info != NULL)
        succeeded(h, info);
    else
        failed(h, status);
    if (info != NULL)
        ares_freeaddrinfo(info);
    h->answered = h->answered || (status != ARES_EDESTRUCTION && status != ARES_ECANCELLED);
    report(r);
}

static void look(struct timer *t)
{
    struct host *h = list_item(t, struct host, timer);
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };

    if (h->looking)
        return;
    if (h->all->channel == NULL) {
        h->answered = true;
        failed(h, ARES_ENOTINITIALIZED);
        return;
    }
    h->looking = true;
    ares_getaddrinfo(h->all->channel, h->name, NULL, &hints, answer, h);
    set_pulse(h->all);
}

/* ---- which names there are ---- */

struct resolver *resolver_new(struct control *c)
{
    struct resolver *r = xcalloc(1, sizeof(*r));

    MUST(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS);
    r->control = c;
    list_init(&r->hosts);
    list_init(&r->sockets);
    pulse_init(&r->pulse, c->loop, pulse_beat);
    pulse_init(&r->patience, c->loop, out_of_patience);
    return r;
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        h->live = h->next = false;
        if (!h->looking)
            host_free(h);
    }
    if (r->channel != NULL)
        ares_destroy(r->channel); /* answers, and so frees, the rest */
    pulse_free(&r->pulse);
    pulse_free(&r->patience);
    free(r->servers);
    free(r);
}

static void want(struct resolver *r, const struct service *s, const struct origin *o)
{
    struct host *found = NULL;

    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        if (str_is(o->host, h->name))
            found = h;
    }
    if (found == NULL) {
        found = xcalloc(1, sizeof(*found));
        found->all = r;
        found->name = xstrndup(o->host.at, o->host.len);
        timer_init(&found->timer, look);
        list_append(&r->hosts, &found->link);
        look_later(found, 0);
    }
    if (!found->next || s->resolve_interval < found->interval)
        found->interval = s->resolve_interval;
    found->next = true;
}

void resolver_prepare(
    struct resolver *r, const struct blueprint *b, void (*ready)(void *arg), void *arg)
{
    bool names = false;

    r->next = b;
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        h->next = false;
    }
    for (size_t i = 0; i < b->nservices; i++)
        for (size_t k = 0; k < b->services[i].norigins; k++)
            names = names || b->services[i].origins[k].address.len == 0;
    if (names)
        follow_rule(r, &b->dns);
    for (size_t i = 0; i < b->nservices; i++)
        for (size_t k = 0; k < b->services[i].norigins; k++)
            if (b->services[i].origins[k].address.len == 0)
                want(r, &b->services[i], &b->services[i].origins[k]);
    r->ready = ready;
    r->ready_arg = arg;
    pulse_set(&r->patience, b->dns.timeout);
    report(r);
}

void resolver_follow(struct resolver *r, const struct blueprint *b)
{
    (void)b;
    r->next = NULL;
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        h->live = h->next;
        h->next = false;
        if (!h->live && !h->looking)
            host_free(h);
    }
}

void resolver_forget(struct resolver *r)
{
    r->next = NULL;
    r->ready = NULL;
    pulse_cancel(&r->patience);
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        h->next = false;
        if (!h->live && !h->looking)
            host_free(h);
    }
}

void resolver_json(const struct resolver *r, struct json *j, const char *key)
{
    json_open(j, key, '[');
    list_each (it, after, &r->hosts) {
        struct host *h = list_item(it, struct host, link);

        json_open(j, NULL, '{');
        json_put_text(j, "name", h->name);
        json_open(j, "addresses", '[');
        for (unsigned i = 0; i < h->n; i++) {
            char text[IP_TEXT_MAX];

            json_put_str(j, NULL, (struct str){ text, ip_format(h->addresses[i], text) });
        }
        json_close(j, ']');
        json_put_text(j, "error", h->error[0] != '\0' ? h->error : NULL);
        json_close(j, '}');
    }
    json_close(j, ']');
}
