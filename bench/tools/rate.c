/*
 * rate - requests at a constant rate, whatever the server does (open loop).
 *
 *     bench_rate address=127.0.0.1:8080 path=/2 rate=10000 seconds=5 connections=64 [tls=1]
 *
 * Request i is due at start + i/rate.  It goes out on the next connection that
 * is free; if none is, it waits, and the wait counts: latency is taken from the
 * time it was due, so that a stalled server cannot hide behind the requests
 * that were not sent meanwhile.  One JSON object at the end:
 *
 *     sent, done, failed (no complete 2xx reply), closed_idle (connections that
 *     the server closed with no request on them), p50..max in microseconds
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "tool.h"

enum { EVENTS = 256 };

struct line {
    struct wire wire;
    struct reply reply;
    nsec_t due; /* 0: no request on it */
    bool free_listed;
    bool usable; /* connected, and shaken */
};

struct run {
    struct target target;
    int ep;
    struct line *lines;
    size_t nlines;
    struct line **idle; /* a stack of those that are free */
    size_t nidle;
    uint64_t *latencies;
    uint64_t total; /* requests to send */
    uint64_t sent, done, failed, closed_idle;
    nsec_t start;
    double period; /* nsec */
};

static void line_open(struct run *r, struct line *l)
{
    l->due = 0;
    l->usable = false;
    reply_start(&l->reply);
    if (!wire_open(&l->wire, &r->target, r->ep, l, NULL))
        tool_die("connect");
}

static void line_free(struct run *r, struct line *l)
{
    if (!l->free_listed) {
        l->free_listed = true;
        r->idle[r->nidle++] = l;
    }
}

static void line_broken(struct run *r, struct line *l)
{
    if (l->due != 0)
        r->failed++;
    else if (l->usable)
        r->closed_idle++;
    wire_close(&l->wire);
    line_open(r, l);
}

static void line_replied(struct run *r, struct line *l)
{
    if (l->reply.status / 100 == 2)
        r->latencies[r->done++] = time_nsec() - l->due;
    else
        r->failed++;
    l->due = 0;
    if (l->reply.closes) {
        r->closed_idle++;
        wire_close(&l->wire);
        line_open(r, l);
        return;
    }
    reply_start(&l->reply);
    line_free(r, l);
}

static void line_read(struct run *r, struct line *l)
{
    char bytes[65536];
    ssize_t n;

    while ((n = wire_read(&l->wire, bytes, sizeof(bytes))) > 0) {
        switch (l->due == 0 ? REPLY_BROKEN : reply_feed(&l->reply, bytes, (size_t)n)) {
        case REPLY_MORE:
            break;
        case REPLY_DONE:
            line_replied(r, l);
            return;
        case REPLY_BROKEN:
            line_broken(r, l);
            return;
        }
    }
    if (n == -1)
        line_broken(r, l);
}

static void line_event(struct run *r, struct line *l, uint32_t events)
{
    if (!l->usable) {
        int shaken = events & EPOLLERR ? -1 : wire_shake(&l->wire);

        if (shaken == -1)
            line_broken(r, l);
        else if (shaken == 1 && (events & EPOLLOUT)) {
            l->usable = true;
            line_free(r, l);
        }
        return;
    }
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        line_read(r, l);
}

static nsec_t due_at(const struct run *r, uint64_t i)
{
    return r->start + (nsec_t)((double)i * r->period);
}

static void send_due(struct run *r)
{
    while (r->sent < r->total && r->nidle > 0 && due_at(r, r->sent) <= time_nsec()) {
        struct line *l = r->idle[--r->nidle];

        l->free_listed = false;
        if (!l->usable)
            continue;
        l->due = due_at(r, r->sent++);
        if (wire_write(&l->wire, r->target.request, r->target.request_len) !=
            (ssize_t)r->target.request_len)
            line_broken(r, l);
    }
}

/* One round of waiting and working; wakes when the next request is due. */
static void step(struct run *r, nsec_t until)
{
    struct epoll_event events[EVENTS];
    nsec_t now = time_nsec();
    nsec_t next = r->sent < r->total && r->nidle > 0 ? due_at(r, r->sent) : until;
    nsec_t wait = next > now ? next - now : 0;
    struct timespec ts = { (time_t)(wait / 1000000000), (long)(wait % 1000000000) };
    int n = epoll_pwait2(r->ep, events, EVENTS, &ts, NULL);

    if (n == -1 && errno != EINTR)
        tool_die("epoll");
    for (int i = 0; i < n; i++)
        line_event(r, events[i].data.ptr, events[i].events);
    send_due(r);
}

static void connect_all(struct run *r)
{
    nsec_t until = time_nsec() + 5000000000;

    for (size_t i = 0; i < r->nlines; i++)
        line_open(r, &r->lines[i]);
    r->total = 0;
    while (r->nidle < r->nlines && time_nsec() < until)
        step(r, until);
    if (r->nidle < r->nlines)
        tool_die("not all connections could be opened");
    r->closed_idle = r->failed = 0;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1:8080", *path = "/2";
    uint64_t rate = 1000, seconds = 5, connections = 64, tls = 0;
    const struct option_word words[] = { { "address", NULL, &address }, { "path", NULL, &path },
        { "rate", &rate, NULL }, { "seconds", &seconds, NULL },
        { "connections", &connections, NULL }, { "tls", &tls, NULL }, { NULL, NULL, NULL } };
    struct run r = { 0 };
    struct quantiles q;
    nsec_t until;

    options_read(argc, argv, words);
    if (rate == 0 || rate > 1000000 || seconds > 3600 || connections == 0 || connections > 10000)
        tool_die("rate, seconds or connections is out of range");
    tool_raise_limits();
    prctl(PR_SET_TIMERSLACK, 1);
    target_init(&r.target, address, path, tls != 0, false);
    r.ep = epoll_create1(EPOLL_CLOEXEC);
    r.nlines = connections;
    r.lines = xcalloc(r.nlines, sizeof(*r.lines));
    r.idle = xcalloc(r.nlines, sizeof(struct line *));
    r.latencies = xcalloc(rate * seconds, sizeof(uint64_t));
    connect_all(&r);
    r.total = rate * seconds;
    r.period = 1e9 / (double)rate;
    r.start = time_nsec();
    until = r.start + seconds * 1000000000 + 2000000000;
    while (r.done + r.failed < r.total && time_nsec() < until)
        step(&r, until);
    q = quantiles_of(r.latencies, r.done);
    printf("{\"sent\":%lu,\"done\":%lu,\"failed\":%lu,\"closed_idle\":%lu,\"p50\":%.1f,"
           "\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}\n",
        r.total, r.done, r.total - r.done, r.closed_idle, q.p50, q.p90, q.p99, q.p999, q.max);
    return 0;
}
