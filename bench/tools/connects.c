/*
 * connects - a new connection for every request, as fast as the server takes them.
 *
 *     bench_connects address=127.0.0.1:8080 path=/2 seconds=3 parallel=16 mode=plain|full|resumed
 *
 * plain: TCP.  full: a full TLS 1.3 handshake each.  resumed: each resumes the
 * session of a first one (psk_dhe_ke).  On every connection one request is sent,
 * which asks for the connection to be closed behind its reply, and the reply is
 * read, so that handshakes count only when they carried something.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/mem.h"
#include "tool.h"

enum { EVENTS = 64 };

struct caller {
    struct wire wire;
    struct reply reply;
    bool sent;
};

struct run {
    struct target target;
    int ep;
    SSL_SESSION *session;
    uint64_t done, failed, resumed;
};

static SSL_SESSION *first_session;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    if (first_session != NULL)
        return 0;
    first_session = session;
    return 1;
}

static void caller_open(struct run *r, struct caller *c)
{
    c->sent = false;
    reply_start(&c->reply);
    if (!wire_open(&c->wire, &r->target, r->ep, c, r->session))
        tool_die("connect");
}

static void caller_next(struct run *r, struct caller *c, bool ok)
{
    if (ok) {
        r->done++;
        if (c->wire.ssl != NULL && SSL_session_reused(c->wire.ssl))
            r->resumed++;
    } else {
        r->failed++;
    }
    wire_close(&c->wire);
    caller_open(r, c);
}

static void caller_event(struct run *r, struct caller *c, uint32_t events)
{
    char bytes[16384];
    int shaken = events & EPOLLERR ? -1 : wire_shake(&c->wire);
    ssize_t n;

    if (shaken == 0)
        return;
    if (shaken == 1 && !c->sent && (events & (EPOLLOUT | EPOLLIN))) {
        c->sent = true;
        n = wire_write(&c->wire, r->target.request, r->target.request_len);
        shaken = n == (ssize_t)r->target.request_len ? 1 : -1;
    }
    if (shaken == -1) {
        caller_next(r, c, false);
        return;
    }
    while ((n = wire_read(&c->wire, bytes, sizeof(bytes))) > 0) {
        enum reply_state s = reply_feed(&c->reply, bytes, (size_t)n);

        if (s != REPLY_MORE) {
            caller_next(r, c, s == REPLY_DONE && c->reply.status / 100 == 2);
            return;
        }
    }
    if (n == -1)
        caller_next(r, c, false);
}

static void step(struct run *r)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->ep, events, EVENTS, 100);

    if (n == -1 && errno != EINTR)
        tool_die("epoll");
    for (int i = 0; i < n; i++)
        caller_event(r, events[i].data.ptr, events[i].events);
}

/* One connection for its ticket; it stays open and is forgotten. */
static void get_session(struct run *r)
{
    struct caller *c = xcalloc(1, sizeof(*c));
    nsec_t until = time_nsec() + 5000000000;

    SSL_CTX_sess_set_new_cb(r->target.tls, keep_session);
    caller_open(r, c);
    while (first_session == NULL && time_nsec() < until)
        step(r);
    errno = 0;
    if (first_session == NULL)
        tool_die("the server gave no session ticket");
    wire_close(&c->wire);
    free(c);
    r->session = first_session;
    /* With its cache on, OpenSSL lets a client use a TLS 1.3 session only once. */
    SSL_CTX_set_session_cache_mode(r->target.tls, SSL_SESS_CACHE_OFF);
    r->done = r->failed = r->resumed = 0;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1:8080", *path = "/2", *mode = "plain";
    uint64_t seconds = 3, parallel = 16;
    const struct option_word words[] = { { "address", NULL, &address }, { "path", NULL, &path },
        { "mode", NULL, &mode }, { "seconds", &seconds, NULL }, { "parallel", &parallel, NULL },
        { NULL, NULL, NULL } };
    struct run r = { 0 };
    struct caller *callers;
    nsec_t until;

    options_read(argc, argv, words);
    if (parallel == 0 || parallel > 1000 || seconds > 3600)
        tool_die("seconds or parallel is out of range");
    tool_raise_limits();
    target_init(&r.target, address, path, !str_is(str_from(mode), "plain"), true);
    r.ep = epoll_create1(EPOLL_CLOEXEC);
    if (str_is(str_from(mode), "resumed"))
        get_session(&r);
    callers = xcalloc(parallel, sizeof(*callers));
    until = time_nsec() + seconds * 1000000000;
    for (uint64_t i = 0; i < parallel; i++)
        caller_open(&r, &callers[i]);
    while (time_nsec() < until)
        step(&r);
    printf("{\"done\":%lu,\"failed\":%lu,\"resumed\":%lu}\n", r.done, r.failed, r.resumed);
    return 0;
}
