/*
 * keep_api - see keep_api.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "daemon/keep_api.h"
#include "daemon/pack.h"
#include "daemon/say.h"

enum {
    TCP_MODE = 0666, /* of `listen: unix:...`: the token decides */
    SOCKETS = 2,     /* the blueprint's, our own */
    TRY_AGAIN = 1000,
    CHAIN_TIMEOUT = 30000,
};

struct keep_api {
    struct control *control;
    struct ask sockets[SOCKETS];
    struct ask given;
    struct ask chain;
    struct pulse retry;
    bool asking;
    unsigned pending;
    int fds[SOCKETS];
    struct err err;
    bool failed;
    bool known;          /* the vault has its sockets */
    uint64_t chain_hash; /* of the certificate it has */
    uint64_t next_hash;
    char listens_on[ADDR_TEXT_MAX]; /* as the blueprint says it */
    char address[ADDR_TEXT_MAX];
    char url[512];
};

static const struct keeper_rule *rule_of(const struct keep_api *k)
{
    const struct version *live = k->control->live;

    return live != NULL && live->blueprint->keeper.on && k->control->plan.keeper
               ? &live->blueprint->keeper
               : NULL;
}

/* The chain of the live version; empty without TLS. */
static struct str chain_of(const struct keep_api *k)
{
    const struct keeper_rule *rule = rule_of(k);
    const struct version *live = k->control->live;

    if (rule == NULL || rule->certificate == NULL)
        return STR_NONE;
    return buf_as_str(&live->certificates[rule->certificate - live->blueprint->certificates].chain);
}

static uint64_t hash_of(struct str chain)
{
    return chain.len > 0 ? hash_stable(chain.at, chain.len) : 0;
}

static void close_sockets(struct keep_api *k)
{
    for (unsigned i = 0; i < SOCKETS; i++) {
        if (k->fds[i] >= 0)
            close(k->fds[i]);
        k->fds[i] = -1;
    }
}

/* ---- the certificate ---- */

static void chain_taken(struct ask *a, struct message *m)
{
    struct keep_api *k = list_item(a, struct keep_api, chain);

    if (m != NULL && m->type == VAULT_OK)
        k->chain_hash = k->next_hash;
    else if (m != NULL)
        say("the keeper's API did not take its new certificate: %.*s", STR_ARG(m->body));
}

static void send_chain(struct keep_api *k)
{
    struct control *c = k->control;
    struct str chain = chain_of(k);
    auto_close int fd = -1;

    if (c->vault == NULL || chain.len == 0 || hash_of(chain) == k->chain_hash)
        return;
    fd = fd_memory("weir-chain", chain.at, chain.len);
    k->next_hash = hash_of(chain);
    ask_cancel(&k->chain);
    ask_put(&c->asks, &k->chain,
        &(struct question){ .over = fd >= 0 ? c->vault : NULL,
            .type = VAULT_CHAIN,
            .fds = &fd,
            .nfds = 1,
            .timeout = CHAIN_TIMEOUT },
        chain_taken);
}

/* ---- the sockets ---- */

static void try_later(struct keep_api *k, const char *why)
{
    if (why != NULL)
        say("the keeper's API does not listen: %s", why);
    pulse_set(&k->retry, TRY_AGAIN);
}

static void given(struct ask *a, struct message *m)
{
    struct keep_api *k = list_item(a, struct keep_api, given);

    k->asking = false;
    if (m != NULL && m->type == VAULT_OK) {
        k->known = true;
        k->chain_hash = k->next_hash;
        keep_api_follow(k); /* what went live meanwhile */
    } else if (m != NULL) {
        err_set(&k->err, ERR_PEER, "vault", "%.*s", STR_ARG(m->body));
        try_later(k, k->err.text);
    } else if (k->control->vault != NULL) {
        try_later(k, NULL);
    }
}

static void give(struct keep_api *k)
{
    struct control *c = k->control;
    const struct keeper_rule *rule = rule_of(k);
    struct str chain = chain_of(k);
    auto_close int chain_fd = -1;
    int fds[SOCKETS + 1];
    unsigned n = 0;
    struct buf b;

    for (unsigned i = 0; i < SOCKETS; i++)
        fds[n++] = k->fds[i];
    if (chain.len > 0) {
        chain_fd = fd_memory("weir-chain", chain.at, chain.len);
        fds[n++] = chain_fd;
    }
    k->next_hash = hash_of(chain);
    buf_init(&b, 1024);
    pack_u32(&b, chain.len > 0);
    pack_u32(&b, chain.len > 0 ? 1 : 2);
    pack_str(&b, rule->listen_text);
    snprintf(k->listens_on, sizeof(k->listens_on), "%.*s", STR_ARG(rule->listen_text));
    ask_put(&c->asks, &k->given,
        &(struct question){ .over = chain.len == 0 || chain_fd >= 0 ? c->vault : NULL,
            .type = VAULT_LISTENERS,
            .body = buf_as_str(&b),
            .fds = fds,
            .nfds = n,
            .timeout = CHAIN_TIMEOUT },
        given);
    buf_free(&b);
    close_sockets(k);
}

static void all_bound(struct keep_api *k)
{
    if (k->failed || rule_of(k) == NULL || k->control->vault == NULL) {
        k->asking = false;
        close_sockets(k);
        if (k->failed)
            try_later(k, k->err.text);
        return;
    }
    keep_api_note(k, k->fds[0], rule_of(k));
    give(k);
}

static void bound(struct ask *a, struct message *m)
{
    struct control *c = list_item(a->all, struct control, asks);
    struct keep_api *k = c->keep_api;
    unsigned which = a == &k->sockets[0] ? 0 : 1;

    if (m != NULL && m->type == LIFE_BOUND && m->nfds == 1) {
        k->fds[which] = m->fds[0];
        m->fds[0] = -1;
    } else if (!k->failed) {
        k->failed = true;
        if (m != NULL)
            err_set(&k->err, ERR_CONFIG, "listen_failed", "%.*s", STR_ARG(m->body));
        else
            err_set(&k->err, ERR_PEER, "parent_silent", "the parent does not answer");
    }
    if (--k->pending == 0)
        all_bound(k);
}

static void begin(struct keep_api *k)
{
    struct control *c = k->control;
    const struct keeper_rule *rule = rule_of(k);
    auto_free char *own = control_keeper_address(c);

    if (rule == NULL || c->vault == NULL || k->asking)
        return;
    k->asking = true;
    k->failed = false;
    k->pending = SOCKETS;
    deliver_ask_socket(c, &k->sockets[0],
        &(struct listener_wish){ .address = rule->listen_text,
            .backlog = KEEP_API_BACKLOG,
            .count = 1,
            .mode = TCP_MODE },
        bound);
    deliver_ask_socket(c, &k->sockets[1],
        &(struct listener_wish){ .address = str_from(own),
            .backlog = KEEP_API_BACKLOG,
            .count = 1,
            .mode = KEEP_API_MODE },
        bound);
}

static void retry(struct pulse *p)
{
    struct keep_api *k = list_item(p, struct keep_api, retry);

    if (!k->known)
        begin(k);
}

void keep_api_attached(struct keep_api *k)
{
    k->known = false;
    k->chain_hash = 0;
    begin(k);
}

void keep_api_follow(struct keep_api *k)
{
    if (rule_of(k) == NULL)
        return;
    if (!k->known || !str_is(rule_of(k)->listen_text, k->listens_on))
        begin(k);
    else
        send_chain(k);
}

/* ---- what is said of it ---- */

struct str keep_api_address(const struct keep_api *k)
{
    return str_from(k->address);
}

/* The first name that a client can ask for. */
static const char *name_in(const struct certificate *c)
{
    for (size_t i = 0; c != NULL && i < c->hosts.n; i++)
        if (c->hosts.at[i].len > 0 && c->hosts.at[i].at[0] != '*')
            return c->hosts.at[i].at;
    return NULL;
}

static bool is_any(const struct addr *a)
{
    return a->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr)
                                        : a->v4.sin_addr.s_addr == 0;
}

void keep_api_note(struct keep_api *k, int fd, const struct keeper_rule *rule)
{
    const char *name = name_in(rule->certificate);
    const char *s = rule->certificate != NULL ? "s" : "";
    struct addr a = { .len = sizeof(a.un) };

    if (getsockname(fd, &a.any, &a.len) == -1)
        return;
    addr_format(&a, k->address);
    if (a.any.sa_family == AF_UNIX)
        snprintf(k->url, sizeof(k->url), "%s", k->address);
    else if (name != NULL || is_any(&a))
        snprintf(k->url, sizeof(k->url), "http%s://%s:%u", s, name != NULL ? name : "127.0.0.1",
            addr_port(&a));
    else
        snprintf(k->url, sizeof(k->url), "http%s://%s", s, k->address);
}

const char *keep_api_url(const struct keep_api *k)
{
    return k->url;
}

struct keep_api *keep_api_new(struct control *c)
{
    struct keep_api *k = xcalloc(1, sizeof(*k));

    k->control = c;
    for (unsigned i = 0; i < SOCKETS; i++)
        k->fds[i] = -1;
    pulse_init(&k->retry, c->loop, retry);
    return k;
}
