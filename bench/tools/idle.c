/*
 * idle - opens N connections, makes one request on each, and holds them open.
 *
 *     bench_idle address=127.0.0.1:8080 path=/2 connections=5000 [tls=1]
 *
 * Prints {"open":N} when all of them had their reply and are idle; ends when its
 * standard input does, and then says how many the server had closed meanwhile.
 * At most 64 are being opened at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "tool.h"

enum { EVENTS = 256, OPENING_MAX = 64 };

struct holder {
    struct wire wire;
    bool sent;
    bool idle;
};

struct run {
    struct target target;
    int ep;
    struct holder *holders;
    struct reply *replies; /* one a holder, freed with the program */
    uint64_t wanted, opened, idle, failed, closed;
};

static void open_more(struct run *r)
{
    while (r->opened < r->wanted && r->opened - r->idle - r->failed < OPENING_MAX) {
        struct holder *h = &r->holders[r->opened];

        reply_start(&r->replies[r->opened]);
        if (!wire_open(&h->wire, &r->target, r->ep, h, NULL))
            tool_die("connect");
        r->opened++;
    }
}

static void holder_over(struct run *r, struct holder *h)
{
    if (h->idle)
        r->closed++;
    else
        r->failed++;
    wire_close(&h->wire);
}

static void holder_event(struct run *r, struct holder *h, uint32_t events)
{
    char bytes[16384];
    int shaken = events & EPOLLERR ? -1 : wire_shake(&h->wire);
    ssize_t n;

    if (shaken == 0)
        return;
    if (shaken == 1 && !h->sent) {
        h->sent = true;
        if (wire_write(&h->wire, r->target.request, r->target.request_len) <= 0)
            shaken = -1;
    }
    if (shaken == -1) {
        holder_over(r, h);
        return;
    }
    while ((n = wire_read(&h->wire, bytes, sizeof(bytes))) > 0) {
        if (h->idle || reply_feed(&r->replies[h - r->holders], bytes, (size_t)n) != REPLY_DONE)
            continue;
        h->idle = true;
        r->idle++;
    }
    if (n == -1)
        holder_over(r, h);
}

/* Until cond is met or nothing more comes in; stdin counts as an event. */
static bool step(struct run *r, int timeout)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(r->ep, events, EVENTS, timeout);
    bool ended = false;

    if (n == -1 && errno != EINTR)
        tool_die("epoll");
    for (int i = 0; i < n; i++) {
        struct holder *h = events[i].data.ptr;

        if (h == NULL)
            ended = true;
        else if (h->wire.fd != -1)
            holder_event(r, h, events[i].events);
    }
    return !ended;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1:8080", *path = "/2";
    uint64_t tls = 0, connections = 1000;
    const struct option_word words[] = { { "address", NULL, &address }, { "path", NULL, &path },
        { "connections", &connections, NULL }, { "tls", &tls, NULL }, { NULL, NULL, NULL } };
    struct epoll_event ev = { .events = EPOLLIN | EPOLLHUP, .data.ptr = NULL };
    struct run r = { 0 };
    nsec_t until;

    options_read(argc, argv, words);
    if (connections == 0 || connections > 1000000)
        tool_die("connections is out of range");
    tool_raise_limits();
    target_init(&r.target, address, path, tls != 0, false);
    r.ep = epoll_create1(EPOLL_CLOEXEC);
    r.wanted = connections;
    r.holders = xcalloc(connections, sizeof(*r.holders));
    r.replies = xcalloc(connections, sizeof(*r.replies));
    until = time_nsec() + 60000000000;
    while (r.idle + r.failed < r.wanted && time_nsec() < until) {
        open_more(&r);
        step(&r, 1000);
    }
    printf("{\"open\":%lu,\"failed\":%lu}\n", r.idle - r.closed, r.failed);
    fflush(stdout);
    if (epoll_ctl(r.ep, EPOLL_CTL_ADD, STDIN_FILENO, &ev) == -1)
        tool_die("standard input must be a pipe");
    while (step(&r, -1))
        continue;
    printf("{\"closed\":%lu}\n", r.closed);
    return 0;
}
