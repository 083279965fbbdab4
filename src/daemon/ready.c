/*
 * ready - what `weir serve` prints when it serves: where, what, and what to try.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "base/json.h"
#include "daemon/control_int.h"

enum { ROUTES_SHOWN = 12 };

static const char *scheme(const struct listener *l)
{
    return l->tls.on ? "https" : "http";
}

static unsigned port_of(const struct control *c, const struct listener *l)
{
    return c->live->ports[l - c->live->blueprint->listeners];
}

/* An address that one can open in a browser on this machine. */
static void put_url(struct buf *b, const struct listener *l, unsigned port)
{
    struct ip ip = addr_ip(&l->address);
    char text[IP_TEXT_MAX];
    bool any = true;

    for (unsigned i = 0; i < ip.len; i++)
        any = any && ip.bytes[i] == 0;
    if (l->address.any.sa_family == AF_UNIX)
        buf_str(b, l->address_text);
    else if (any)
        buf_printf(b, "%s://localhost:%u", scheme(l), port);
    else if (ip.len == 16)
        buf_printf(b, "%s://[%.*s]:%u", scheme(l), (int)ip_format(ip, text), text, port);
    else
        buf_printf(b, "%s://%.*s:%u", scheme(l), (int)ip_format(ip, text), text, port);
}

static void put_route(struct buf *b, const struct route *r)
{
    buf_text(b, "  ");
    if (r->match.hosts.n > 0)
        buf_str(b, r->match.hosts.at[0]);
    buf_str(b, r->match.path.len > 0 ? r->match.path : STR("/*"));
    switch (r->action) {
    case ROUTE_PROXY:
        buf_printf(b, "  to %.*s\n", STR_ARG(r->to));
        break;
    case ROUTE_RESPOND:
        buf_printf(b, "  answers %u\n", r->respond.status);
        break;
    case ROUTE_REDIRECT:
        buf_printf(b, "  redirects to %.*s\n", STR_ARG(r->redirect.to));
        break;
    }
}

/* The first listener with TLS, else the first. */
static const struct listener *shown_listener(const struct blueprint *bp)
{
    for (size_t i = 0; i < bp->nlisteners; i++)
        if (bp->listeners[i].tls.on)
            return &bp->listeners[i];
    return bp->nlisteners > 0 ? &bp->listeners[0] : NULL;
}

/* By a name that the certificate is for, so that it is accepted. */
static void put_curl_tls(
    struct buf *b, const struct control *c, const struct listener *l, unsigned port)
{
    const struct certificate *certificate =
        l->tls.certificates.n > 0 ? l->tls.certificate[0] : NULL;
    const char *host = "localhost";

    if (certificate != NULL && certificate->local)
        buf_printf(b, "--cacert %s/local/ca.crt ", c->plan.state);
    if (certificate != NULL && certificate->hosts.n > 0 && certificate->hosts.at[0].at[0] != '*')
        host = certificate->hosts.at[0].at;
    if (strcmp(host, "localhost") != 0)
        buf_printf(b, "--resolve %s:%u:127.0.0.1 ", host, port);
    buf_printf(b, "https://%s:%u/\n", host, port);
}

static void put_curl(struct buf *b, const struct control *c, const struct listener *l)
{
    unsigned port = port_of(c, l);

    buf_text(b, "  curl ");
    if (l->address.any.sa_family == AF_UNIX) {
        buf_printf(b, "--unix-socket %s http://localhost/\n", l->address.un.sun_path);
    } else if (l->tls.on) {
        put_curl_tls(b, c, l, port);
    } else {
        put_url(b, l, port);
        buf_text(b, "/\n");
    }
}

static void put_trials(struct buf *b, const struct control *c)
{
    const struct blueprint *bp = c->live->blueprint;
    const struct listener *l = shown_listener(bp);
    const struct service *run = NULL;

    for (size_t i = 0; i < bp->nservices && run == NULL; i++)
        if (bp->services[i].run.command.n > 0)
            run = &bp->services[i];
    buf_text(b, "\ntry:\n");
    if (l != NULL)
        put_curl(b, c, l);
    buf_printf(b, "  weir status --state %s\n", c->plan.state);
    buf_printf(b, "  weir top --state %s\n", c->plan.state);
    if (run != NULL)
        buf_printf(b, "  weir origin kill %s/1 --state %s     (watch the edge cope)\n",
            run->name.at, c->plan.state);
}

static void put_words(const struct control *c, struct buf *b)
{
    const struct blueprint *bp = c->live->blueprint;

    buf_printf(
        b, "weir %s serves %s\n", WEIR_VERSION, bp->name.len > 0 ? bp->name.at : c->live->path);
    for (size_t i = 0; i < bp->nlisteners; i++) {
        buf_text(b, "  ");
        put_url(b, &bp->listeners[i], c->live->ports[i]);
        buf_printf(b, "  (%s)\n", bp->listeners[i].name.at);
    }
    buf_printf(b, "  admin socket %s/admin.sock\n\nroutes:\n", c->plan.state);
    for (size_t i = 0; i < bp->nroutes && i < ROUTES_SHOWN; i++)
        put_route(b, &bp->routes[i]);
    if (bp->nroutes > ROUTES_SHOWN)
        buf_printf(b, "  and %zu more (weir routes)\n", bp->nroutes - ROUTES_SHOWN);
    put_trials(b, c);
}

void ready_write(const struct control *c, struct buf *words, struct buf *json)
{
    const struct blueprint *bp = c->live->blueprint;
    struct json j;

    put_words(c, words);
    json_init(&j, json, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "weir", WEIR_VERSION);
    json_put_str(&j, "name", bp->name);
    json_put_text(&j, "state", c->plan.state);
    json_open(&j, "listeners", '[');
    for (size_t i = 0; i < bp->nlisteners; i++) {
        json_open(&j, NULL, '{');
        json_put_str(&j, "name", bp->listeners[i].name);
        json_put_str(&j, "address", bp->listeners[i].address_text);
        json_put_u64(&j, "port", c->live->ports[i]);
        json_put_bool(&j, "tls", bp->listeners[i].tls.on);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    json_put_u64(&j, "routes", bp->nroutes);
    json_close(&j, '}');
}
