/*
 * link - see link.h.
 *
 *     link_send --copies--> out --last turn of the round--> socket --> in --> handlers, in place
 *
 * What always holds:
 *
 * (1) `out` holds whole frames of which the first out_at bytes are sent; `in` holds at most one
 *     unfinished frame behind those that wait for their handlers.
 * (2) A handler may send, pause and free the link; link_send() never calls back.
 * (3) Memory is bounded by what may wait (out) and by the longest frame the rules allow (in).
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "net/link.h"

enum {
    READ_SIZE = 64 << 10,   /* at least so much room for each read */
    FLUSH_SIZE = 256 << 10, /* past it frames go out before the round ends */
    KEEP_SIZE = 1 << 20,    /* a larger buffer is given back once it is empty */
    READS_A_ROUND = 16,     /* others want their turn too */
    MOST = 64 << 20,
    SOCKET_BUFFER = 1 << 20,
    PARTS_MAX = 16,
};

struct head {
    uint32_t length;
    uint16_t type;
    uint16_t zero;
    uint64_t id;
};
_Static_assert(sizeof(struct head) == LINK_HEAD, "the head of a frame has 16 bytes");

struct link {
    struct watch_fd watch; /* must stay first */
    struct loop *loop;
    const struct frame_rule *allowed;
    void (*on_close)(struct link *l, void *arg);
    void *arg;
    struct buf in;
    struct buf out;
    size_t in_at;
    size_t out_at;
    size_t most;
    struct turn flush; /* of what this round has gathered */
    struct turn more;  /* of what there was too much to read, or a pause held up */
    bool blocked;      /* the socket took no more; wait for LOOP_WRITE */
    bool drained;      /* the socket had no more to read */
    bool hangup;       /* the other side has closed: read to the end */
    bool paused;
    bool closed;
    bool *freed; /* set when the link is freed inside one of its own callbacks */
};

/* ---- heads ---- */

static struct head pack_head(uint16_t type, uint64_t id, size_t length)
{
    return (struct head){
        .length = htole32((uint32_t)length),
        .type = htole16(type),
        .id = htole64(id),
    };
}

static struct head unpack_head(const void *at)
{
    struct head h;

    memcpy(&h, at, sizeof(h));
    h.length = le32toh(h.length);
    h.type = le16toh(h.type);
    h.id = le64toh(h.id);
    return h;
}

static size_t total(const struct iovec *v, unsigned nv)
{
    size_t n = 0;

    for (unsigned i = 0; i < nv; i++)
        n += v[i].iov_len;
    MUST(n <= LINK_BODY_MAX);
    return n;
}

/* ---- the end ---- */

static void end(struct link *l)
{
    if (l->closed)
        return;
    l->closed = true;
    turn_cancel(&l->flush);
    turn_cancel(&l->more);
    loop_remove(l->loop, &l->watch);
    close(l->watch.fd);
    l->watch.fd = -1;
    if (l->on_close != NULL)
        l->on_close(l, l->arg);
}

void link_free(struct link *l)
{
    if (l == NULL)
        return;
    if (l->freed != NULL)
        *l->freed = true;
    l->on_close = NULL;
    end(l);
    buf_free(&l->in);
    buf_free(&l->out);
    free(l);
}

/* ---- writing ---- */

/* All of it was used, and wiped by then. */
static void empty(struct buf *b, size_t *at)
{
    *at = 0;
    b->len = 0;
    if (b->cap > KEEP_SIZE)
        buf_free(b);
}

/* As much as the socket takes. False: broken. */
static bool flush(struct link *l)
{
    while (l->out_at < l->out.len) {
        ssize_t n = send(l->watch.fd, l->out.data + l->out_at, l->out.len - l->out_at,
            MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            l->blocked = errno == EAGAIN || errno == ENOBUFS;
            return l->blocked;
        }
        explicit_bzero(l->out.data + l->out_at, (size_t)n);
        l->out_at += (size_t)n;
    }
    empty(&l->out, &l->out_at);
    return true;
}

static void flush_turn(struct turn *t)
{
    struct link *l = (struct link *)(void *)((char *)t - offsetof(struct link, flush));

    if (!l->blocked && !flush(l))
        end(l);
}

bool link_send(struct link *l, uint16_t type, uint64_t id, const struct iovec *v, unsigned nv)
{
    size_t length = total(v, nv);
    struct head head = pack_head(type, id, length);

    if (l->closed || link_waiting(l) >= l->most)
        return false;
    if (l->out_at >= FLUSH_SIZE &&
        l->out_at >= l->out.len / 2) { /* moving it costs no more than sending did */
        buf_consume(&l->out, l->out_at);
        l->out_at = 0;
    }
    buf_add(&l->out, &head, sizeof(head));
    for (unsigned i = 0; i < nv; i++)
        buf_add(&l->out, v[i].iov_base, v[i].iov_len);
    if (l->blocked)
        return true;
    /* What is broken shows at the end of the round: here a callback would come into the middle of the caller's work. */
    if (link_waiting(l) < FLUSH_SIZE || !flush(l) || l->out.len > 0)
        loop_take_last_turn(l->loop, &l->flush);
    return true;
}

bool link_send_str(struct link *l, uint16_t type, uint64_t id, struct str body)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)body.at, .iov_len = body.len };

    return link_send(l, type, id, &v, 1);
}

void link_set_most(struct link *l, size_t most)
{
    l->most = most;
}

size_t link_waiting(const struct link *l)
{
    return l->out.len - l->out_at;
}

/* ---- reading ---- */

static const struct frame_rule *rule_for(const struct link *l, const struct head *h)
{
    for (const struct frame_rule *r = l->allowed; r->type != 0; r++)
        if (r->type == h->type)
            return h->length <= r->max_body && h->zero == 0 ? r : NULL;
    return NULL;
}

/* Whole frames to their handlers. *need is how many bytes the unfinished one has in all.
 * False: not permitted, or a handler has freed or closed the link. */
static bool deliver(struct link *l, size_t *need)
{
    const bool *freed = l->freed;

    *need = LINK_HEAD;
    while (!l->paused && l->in.len - l->in_at >= LINK_HEAD) {
        char *at = l->in.data + l->in_at;
        struct head head = unpack_head(at);
        const struct frame_rule *rule = rule_for(l, &head);
        struct frame f = { head.type, head.id, { at + LINK_HEAD, head.length } };

        if (rule == NULL)
            return false;
        *need = LINK_HEAD + (size_t)head.length;
        if (l->in.len - l->in_at < *need)
            return true;
        rule->handle(l, &f, l->arg);
        if (*freed || l->closed)
            return false;
        explicit_bzero(at, *need);
        l->in_at += *need;
        *need = LINK_HEAD;
    }
    return true;
}

/* 1 got some, 0 nothing there, -1 the end */
static int fill(struct link *l, size_t need)
{
    size_t have = l->in.len - l->in_at;
    size_t room = need > have + READ_SIZE ? need - have : READ_SIZE;
    ssize_t n;

    if (have == 0)
        empty(&l->in, &l->in_at);
    else if (l->in_at > 0 && l->in.cap - l->in.len < room) {
        buf_consume(&l->in, l->in_at);
        l->in_at = 0;
    }
    MUST(buf_reserve(&l->in, room) != NULL);
    room = l->in.cap - l->in.len;
    do
        n = recv(l->watch.fd, l->in.data + l->in.len, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        return -1;
    l->drained = n < 0 || (size_t)n < room;
    if (n < 0)
        return 0;
    l->in.len += (size_t)n;
    return 1;
}

/* False: over, by them or by us. */
static bool read_some(struct link *l)
{
    size_t need;
    int got = 1;

    if (!deliver(l, &need))
        return false;
    for (unsigned i = 0; !l->paused && got > 0 && (!l->drained || l->hangup); i++) {
        if (i >= READS_A_ROUND) {
            loop_take_turn(l->loop, &l->more);
            break;
        }
        got = fill(l, need);
        if (got < 0 || (got > 0 && !deliver(l, &need)))
            return false;
    }
    return true;
}

static void read_on(struct link *l)
{
    bool freed = false;
    bool good;

    l->freed = &freed;
    good = read_some(l);
    if (freed)
        return;
    l->freed = NULL;
    if (!good)
        end(l);
}

static void ready(struct watch_fd *w, unsigned events)
{
    struct link *l = (struct link *)(void *)w;

    if ((events & LOOP_WRITE) != 0 && l->blocked) {
        l->blocked = false;
        if (!flush(l)) {
            end(l);
            return;
        }
    }
    if ((events & LOOP_READ) != 0) {
        l->drained = false;
        l->hangup |= (events & LOOP_HANGUP) != 0;
        read_on(l);
    }
}

static void more_turn(struct turn *t)
{
    read_on((struct link *)(void *)((char *)t - offsetof(struct link, more)));
}

void link_pause(struct link *l, bool on)
{
    l->paused = on;
    if (!on && !l->closed)
        loop_take_turn(l->loop, &l->more);
}

static size_t longest(const struct frame_rule *r)
{
    size_t n = 0;

    for (; r->type != 0; r++) {
        MUST(r->max_body <= LINK_BODY_MAX);
        n = r->max_body > n ? r->max_body : n;
    }
    return n;
}

struct link *link_new(struct loop *loop, int fd, const struct frame_rule *allowed,
    void (*on_close)(struct link *l, void *arg), void *arg)
{
    struct link *l = xcalloc(1, sizeof(*l));

    l->watch.fd = fd;
    l->watch.ready = ready;
    l->loop = loop;
    l->allowed = allowed;
    l->on_close = on_close;
    l->arg = arg;
    l->most = MOST;
    buf_init_secret(&l->in, LINK_HEAD + longest(allowed) + 4 * (size_t)READ_SIZE);
    buf_init_secret(&l->out, SIZE_MAX / 4);
    turn_init(&l->flush, flush_turn);
    turn_init(&l->more, more_turn);
    MUST(fd_set_nonblocking(fd) == 0 && loop_add(loop, &l->watch) == 0);
    return l;
}

int link_pair(int ends[2])
{
    int size = SOCKET_BUFFER;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
        return -1;
    for (int i = 0; i < 2; i++)
        setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    return 0;
}

/* ---- without a loop ---- */

enum { FOREVER = 0, INBOX_READ = 256 << 10 };

/* Waits until the descriptor can; false when the time (of the real clock, 0: none) is over. */
static bool await(int fd, short what, nsec_t deadline)
{
    struct pollfd p = { .fd = fd, .events = what };

    for (;;) {
        nsec_t now = deadline == FOREVER ? 0 : time_nsec();
        int wait = deadline == FOREVER ? -1 : (int)((deadline - now + 999999) / 1000000);
        int n;

        if (deadline != FOREVER && now >= deadline)
            return false;
        n = poll(&p, 1, wait);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static bool write_frame(
    int fd, uint16_t type, uint64_t id, const struct iovec *v, unsigned nv, nsec_t deadline)
{
    struct head head = pack_head(type, id, total(v, nv));
    struct iovec parts[PARTS_MAX + 1] = { { .iov_base = &head, .iov_len = sizeof(head) } };
    struct msghdr m = { .msg_iov = parts, .msg_iovlen = nv + 1 };

    MUST(nv <= PARTS_MAX);
    for (unsigned i = 0; i < nv; i++)
        parts[i + 1] = v[i];
    while (m.msg_iovlen > 0) {
        ssize_t n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN && await(fd, POLLOUT, deadline))
            continue;
        if (n < 0 && errno != EINTR)
            return false;
        for (; n >= 0 && m.msg_iovlen > 0; m.msg_iov++, m.msg_iovlen--) {
            if ((size_t)n < m.msg_iov->iov_len) {
                m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + n;
                m.msg_iov->iov_len -= (size_t)n;
                break;
            }
            n -= (ssize_t)m.msg_iov->iov_len;
        }
    }
    return true;
}

/* All n bytes: 1; none of them before the end: 0; -1 broken or late. */
static int read_all(int fd, char *to, size_t n, nsec_t deadline)
{
    size_t have = 0;

    while (have < n) {
        ssize_t got = recv(fd, to + have, n - have, MSG_DONTWAIT);

        if (got > 0)
            have += (size_t)got;
        else if (got == 0)
            return have == 0 ? 0 : -1;
        else if (errno != EINTR && (errno != EAGAIN || !await(fd, POLLIN, deadline)))
            return -1;
    }
    return 1;
}

static int read_frame(int fd, uint16_t *type, uint64_t *id, struct buf *body, nsec_t deadline)
{
    char bytes[LINK_HEAD];
    struct head head;
    int got = read_all(fd, bytes, sizeof(bytes), deadline);

    if (got != 1)
        return got;
    head = unpack_head(bytes);
    buf_clear(body);
    if (head.zero != 0 || head.length > LINK_BODY_MAX)
        return -1;
    if (head.length > 0 && buf_reserve(body, head.length) == NULL)
        return -1;
    if (read_all(fd, body->data, head.length, deadline) != 1)
        return -1;
    body->len = head.length;
    *type = head.type;
    *id = head.id;
    return 1;
}

bool link_ask(int fd, uint16_t type, uint64_t id, struct str body, msec_t at_most,
    uint16_t *answer_type, struct buf *answer)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)body.at, .iov_len = body.len };
    nsec_t deadline = time_nsec() + at_most * 1000000;
    uint64_t answered;

    return write_frame(fd, type, id, &v, 1, deadline) &&
           read_frame(fd, answer_type, &answered, answer, deadline) == 1 && answered == id;
}

int link_receive(int fd, uint16_t *type, uint64_t *id, struct buf *body)
{
    return read_frame(fd, type, id, body, FOREVER);
}

void link_inbox_init(struct link_inbox *in, size_t most)
{
    MUST(most <= LINK_BODY_MAX);
    buf_init(&in->bytes, LINK_HEAD + most + INBOX_READ);
    in->at = 0;
    in->most = most;
}

void link_inbox_free(struct link_inbox *in)
{
    buf_free(&in->bytes);
    in->at = 0;
}

/* 1 a whole frame, 0 not yet, -1 nonsense. *need: bytes that it has in all, as far as is known. */
static int next_frame(struct link_inbox *in, struct head *head, size_t *need)
{
    size_t have = in->bytes.len - in->at;

    *need = LINK_HEAD;
    if (have < LINK_HEAD)
        return 0;
    *head = unpack_head(in->bytes.data + in->at);
    if (head->zero != 0 || head->length > in->most)
        return -1;
    *need = LINK_HEAD + (size_t)head->length;
    return have >= *need;
}

/* What is unfinished moves to the beginning; a buffer that once was large is given back. */
static void make_room(struct link_inbox *in, size_t need)
{
    if (in->at == in->bytes.len && in->bytes.cap > KEEP_SIZE)
        buf_free(&in->bytes);
    else
        buf_consume(&in->bytes, in->at);
    in->at = 0;
    MUST(buf_reserve(&in->bytes, need - in->bytes.len + INBOX_READ) != NULL);
}

/* 1 some bytes, 0 the end, -1 broken. */
static int take_in(int fd, struct link_inbox *in, size_t need)
{
    ssize_t got;

    if (in->bytes.cap - in->bytes.len < need || in->at == in->bytes.len)
        make_room(in, need);
    for (;;) {
        got = recv(fd, in->bytes.data + in->bytes.len, in->bytes.cap - in->bytes.len, 0);
        if (got >= 0)
            break;
        if (errno != EINTR && (errno != EAGAIN || !await(fd, POLLIN, FOREVER)))
            return -1;
    }
    in->bytes.len += (size_t)got;
    return got > 0;
}

int link_receive_next(
    int fd, struct link_inbox *in, bool wait, uint16_t *type, uint64_t *id, struct str *body)
{
    struct head head;
    size_t need;
    int whole;

    while ((whole = next_frame(in, &head, &need)) == 0 && wait) {
        int got = take_in(fd, in, need);

        if (got != 1)
            return got == 0 && in->at == in->bytes.len ? 0 : -1;
    }
    if (whole != 1)
        return whole;
    *body = (struct str){ in->bytes.data + in->at + LINK_HEAD, head.length };
    *type = head.type;
    *id = head.id;
    in->at += need;
    return 1;
}

bool link_answer(int fd, uint16_t type, uint64_t id, const struct iovec *v, unsigned nv)
{
    return write_frame(fd, type, id, v, nv, FOREVER);
}
