/*
 * channel - see channel.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/mem.h"
#include "net/channel.h"

enum { QUEUE_MAX = 4096, SOCKET_BUFFER = 1 << 20, ROUND_MAX = 64 };

struct frame_head {
    uint16_t type;
    uint16_t zero;
    uint32_t length;
    uint64_t id;
};
_Static_assert(sizeof(struct frame_head) == 16, "the head of a frame has 16 bytes");

struct frame { /* waits for room in the socket */
    struct list link;
    struct frame_head head;
    int fds[CHANNEL_FDS_MAX];
    unsigned nfds;
    char body[];
};

struct channel {
    struct watch_fd watch; /* must stay first */
    struct loop *loop;
    const struct message_rule *allowed;
    void (*on_close)(struct channel *c, void *arg);
    void *arg;
    struct list queue;
    unsigned nqueue;
    bool closed;
    bool *freed; /* set when the channel is freed inside one of its own callbacks */
};

/* ---- one frame ---- */

/* 1 sent, 0 would block, -1 errno */
static int send_frame(int fd, const struct frame_head *head, const char *body, const int *fds,
    unsigned nfds, int flags)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
        struct cmsghdr align;
    } control = { 0 };
    struct frame_head copy = *head;
    struct iovec iov[2] = {
        { .iov_base = &copy, .iov_len = sizeof(copy) },
        { .iov_base = (void *)(uintptr_t)body, .iov_len = head->length },
    };
    struct msghdr msg = { .msg_iov = iov, .msg_iovlen = head->length > 0 ? 2 : 1 };

    if (nfds > 0) {
        struct cmsghdr *c;

        msg.msg_control = control.space;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * nfds);
    }
    for (;;) {
        if (sendmsg(fd, &msg, flags | MSG_NOSIGNAL) >= 0)
            return 1;
        if (errno == EAGAIN || errno == ENOBUFS)
            return 0;
        if (errno != EINTR)
            return -1;
    }
}

static void take_fds(struct msghdr *msg, struct message *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        unsigned n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (unsigned i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (m->nfds < CHANNEL_FDS_MAX)
                m->fds[m->nfds++] = fd;
            else
                close(fd);
        }
    }
}

static void close_fds(struct message *m)
{
    for (unsigned i = 0; i < m->nfds; i++)
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    m->nfds = 0;
}

/* 1 got one, 0 end, -1 errno (EAGAIN: nothing there, EPROTO: not a frame of ours) */
static int receive_frame(int fd, struct message *m, char *buffer, int flags)
{
    union {
        char space[CMSG_SPACE(sizeof(int) * CHANNEL_FDS_MAX)];
        struct cmsghdr align;
    } control;
    struct frame_head head;
    struct iovec iov[2] = {
        { .iov_base = &head, .iov_len = sizeof(head) },
        { .iov_base = buffer, .iov_len = CHANNEL_BODY_MAX },
    };
    struct msghdr msg = { .msg_iov = iov,
        .msg_iovlen = 2,
        .msg_control = control.space,
        .msg_controllen = sizeof(control.space) };
    ssize_t n;

    do
        n = recvmsg(fd, &msg, flags | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return (int)n;
    m->nfds = 0;
    take_fds(&msg, m);
    if ((size_t)n < sizeof(head) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
        head.length != (size_t)n - sizeof(head) || head.zero != 0) {
        close_fds(m);
        errno = EPROTO;
        return -1;
    }
    m->type = head.type;
    m->id = head.id;
    m->body = (struct str){ buffer, head.length };
    return 1;
}

int channel_send_now(
    int fd, uint16_t type, uint64_t id, struct str body, const int *fds, unsigned nfds)
{
    struct frame_head head = { .type = type, .length = (uint32_t)body.len, .id = id };

    MUST(body.len <= CHANNEL_BODY_MAX && nfds <= CHANNEL_FDS_MAX);
    return send_frame(fd, &head, body.at, fds, nfds, 0) == 1 ? 0 : -1;
}

int channel_receive_now(int fd, struct message *m, char *buffer)
{
    return receive_frame(fd, m, buffer, 0);
}

int channel_pair(int ends[2])
{
    int size = SOCKET_BUFFER;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
        return -1;
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

/* ---- on a loop ---- */

static void drop_frame(struct channel *c, struct frame *f)
{
    for (unsigned i = 0; i < f->nfds; i++)
        close(f->fds[i]);
    list_remove(&f->link);
    c->nqueue--;
    free(f);
}

static void end(struct channel *c)
{
    if (c->closed)
        return;
    c->closed = true;
    loop_remove(c->loop, &c->watch);
    close(c->watch.fd);
    c->watch.fd = -1;
    if (c->on_close != NULL)
        c->on_close(c, c->arg);
}

static bool flush(struct channel *c)
{
    while (!list_empty(&c->queue)) {
        struct frame *f = list_item(c->queue.next, struct frame, link);
        int sent = send_frame(c->watch.fd, &f->head, f->body, f->fds, f->nfds, MSG_DONTWAIT);

        if (sent == 0)
            return true;
        if (sent < 0)
            return false;
        drop_frame(c, f);
    }
    loop_want_write(c->loop, &c->watch, false);
    return true;
}

static const struct message_rule *rule_for(const struct channel *c, const struct message *m)
{
    for (const struct message_rule *r = c->allowed; r->type != 0; r++)
        if (r->type == m->type)
            return m->body.len <= r->max_body && m->nfds <= r->max_fds ? r : NULL;
    return NULL;
}

static void ready(struct watch_fd *w, unsigned events)
{
    static _Thread_local char buffer[CHANNEL_BODY_MAX];
    struct channel *c = (struct channel *)(void *)w;
    bool freed = false;
    bool broken = (events & LOOP_WRITE) != 0 && !list_empty(&c->queue) && !flush(c);
    int got = 1;

    c->freed = &freed;
    /* Bounded: other channels want their turn. What is left comes in the next round. */
    for (unsigned n = 0; got > 0 && n < ROUND_MAX; n++) {
        const struct message_rule *rule;
        struct message m;

        got = receive_frame(w->fd, &m, buffer, MSG_DONTWAIT);
        if (got <= 0)
            break;
        rule = rule_for(c, &m);
        if (rule != NULL)
            rule->handle(c, &m, c->arg);
        close_fds(&m);
        if (freed)
            return;
        if (rule == NULL)
            got = 0; /* not permitted: this ends the sender */
        if (c->closed)
            break;
    }
    c->freed = NULL;
    if (!c->closed && (broken || got == 0 || (got < 0 && errno != EAGAIN)))
        end(c);
}

struct channel *channel_new(struct loop *l, int fd, const struct message_rule *allowed,
    void (*on_close)(struct channel *c, void *arg), void *arg)
{
    struct channel *c = xcalloc(1, sizeof(*c));

    c->watch.fd = fd;
    c->watch.ready = ready;
    c->loop = l;
    c->allowed = allowed;
    c->on_close = on_close;
    c->arg = arg;
    list_init(&c->queue);
    MUST(fd_set_nonblocking(fd) == 0 && loop_add_level(l, &c->watch) == 0);
    return c;
}

void channel_free(struct channel *c)
{
    if (c == NULL)
        return;
    if (c->freed != NULL)
        *c->freed = true;
    if (!c->closed) {
        loop_remove(c->loop, &c->watch);
        close(c->watch.fd);
    }
    list_each (it, after, &c->queue)
        drop_frame(c, list_item(it, struct frame, link));
    free(c);
}

static bool enqueue(struct channel *c, const struct frame_head *head, const char *body,
    const int *fds, unsigned nfds)
{
    struct frame *f;

    if (c->nqueue >= QUEUE_MAX)
        return false;
    f = xmalloc(sizeof(*f) + head->length);
    f->head = *head;
    f->nfds = 0;
    for (unsigned i = 0; i < nfds; i++) {
        int copy = dup(fds[i]);

        if (copy >= 0)
            f->fds[f->nfds++] = copy;
    }
    if (head->length > 0)
        memcpy(f->body, body, head->length);
    if (list_empty(&c->queue))
        loop_want_write(c->loop, &c->watch, true);
    list_append(&c->queue, &f->link);
    c->nqueue++;
    return f->nfds == nfds;
}

bool channel_send(
    struct channel *c, uint16_t type, uint64_t id, struct str body, const int *fds, unsigned nfds)
{
    struct frame_head head = { .type = type, .length = (uint32_t)body.len, .id = id };
    int sent = 0;

    MUST(body.len <= CHANNEL_BODY_MAX && nfds <= CHANNEL_FDS_MAX);
    if (c->closed)
        return false;
    if (list_empty(&c->queue))
        sent = send_frame(c->watch.fd, &head, body.at, fds, nfds, MSG_DONTWAIT);
    if (sent == 1)
        return true;
    /* Closing from here would call back into a caller who is in the middle of something:
     * shut the socket, so that the loop finds its end. */
    if (sent == -1 || !enqueue(c, &head, body.at, fds, nfds)) {
        shutdown(c->watch.fd, SHUT_RDWR);
        return false;
    }
    return true;
}
