/*
 * origin - the application behind the servers that are measured: GET /N is
 * answered with N bytes, as fast as one epoll loop can.
 *
 *     bench_origin address=127.0.0.1:8000
 *
 * No pipelining, no request bodies; a request that is not understood closes.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/mem.h"
#include "tool.h"

enum { BODY_MAX = 4 << 20, EVENTS = 256, RECV_MAX = 16384, KNOWN = 8 };

struct answer {
    size_t body;
    size_t len;
    char *bytes;
};

struct client {
    int fd;
    const struct answer *answer;
    size_t sent;
    size_t len;
    char request[RECV_MAX];
};

static struct answer answers[KNOWN];

/* The response for a body of that size, made the first time; NULL when there are too many. */
static const struct answer *answer_for(size_t body)
{
    for (struct answer *a = answers; a < answers + KNOWN; a++) {
        if (a->bytes != NULL && a->body != body)
            continue;
        if (a->bytes == NULL) {
            char *head = xasprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                   "Content-Length: %zu\r\n\r\n",
                body);
            size_t n = strlen(head);

            a->body = body;
            a->len = n + body;
            a->bytes = xmalloc(a->len);
            memcpy(a->bytes, head, n);
            memset(a->bytes + n, 'x', body);
            free(head);
        }
        return a;
    }
    return NULL;
}

static void client_drop(struct client *c)
{
    close(c->fd);
    free(c);
}

/* False when the client is gone. */
static bool client_send(struct client *c)
{
    while (c->sent < c->answer->len) {
        ssize_t n = send(c->fd, c->answer->bytes + c->sent, c->answer->len - c->sent, MSG_NOSIGNAL);

        if (n == -1)
            return errno == EAGAIN;
        c->sent += (size_t)n;
    }
    c->answer = NULL;
    c->len = 0;
    return true;
}

static const struct answer *client_understand(struct client *c)
{
    struct str rest = { c->request, c->len };
    struct str path;
    uint64_t body;

    str_cut(rest, ' ', &rest);
    path = str_cut(rest, ' ', &rest);
    if (path.len < 1)
        return NULL;
    path.at++;
    path.len--;
    return str_to_u64(path, BODY_MAX, &body) ? answer_for((size_t)body) : NULL;
}

static bool client_receive(struct client *c)
{
    ssize_t n = recv(c->fd, c->request + c->len, sizeof(c->request) - c->len, 0);

    if (n <= 0)
        return n == -1 && errno == EAGAIN;
    c->len += (size_t)n;
    if (c->len < 4 || memcmp(c->request + c->len - 4, "\r\n\r\n", 4) != 0)
        return c->len < sizeof(c->request);
    c->answer = client_understand(c);
    c->sent = 0;
    return c->answer != NULL && client_send(c);
}

static void accept_all(int listener, int ep)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
        struct client *c = xmalloc(sizeof(*c));
        struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

        c->fd = fd;
        c->answer = NULL;
        c->len = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
            client_drop(c);
    }
}

static int listen_on(const char *address)
{
    struct addr a;
    struct err err;
    int fd, one = 1;

    if (addr_parse(str_from(address), &a, &err) == -1)
        tool_die(err.text);
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == -1 ||
        bind(fd, &a.any, a.len) == -1 || listen(fd, 4096) == -1)
        tool_die(address);
    return fd;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1:8000";
    const struct option_word words[] = { { "address", NULL, &address }, { NULL, NULL, NULL } };
    struct epoll_event events[EVENTS];
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
    int listener, ep = epoll_create1(EPOLL_CLOEXEC);

    options_read(argc, argv, words);
    tool_raise_limits();
    listener = listen_on(address);
    if (ep == -1 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev) == -1)
        tool_die("epoll");
    for (;;) {
        int n = epoll_wait(ep, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (c == NULL)
                accept_all(listener, ep);
            else if (!(c->answer != NULL ? client_send(c) : client_receive(c)))
                client_drop(c);
        }
    }
}
