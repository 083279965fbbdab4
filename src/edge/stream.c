/*
 * stream - see stream.h.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "edge/stream.h"

enum {
    CORK_MAX = 32768,
    SMALL_WRITE =
        1024, /* less than this is put together first: one send() is cheaper than a vector */
};

void stream_init(struct stream *s, int fd, struct loop *loop, struct pages *pages)
{
    memset(s, 0, sizeof(*s));
    s->watch.fd = fd;
    s->loop = loop;
    s->pages = pages;
}

/* ---- buffers: a page of one of the sizes, or for what is larger the allocator's ---- */

void stream_give(struct stream *s, struct stream_buffer *b)
{
    if (b->data == NULL)
        return;
    for (unsigned i = 0; i < PAGE_SIZES; i++)
        if (b->cap == page_bytes((enum page_size)i)) {
            page_give(s->pages, b->data, (enum page_size)i);
            *b = (struct stream_buffer){ 0 };
            return;
        }
    free(b->data);
    *b = (struct stream_buffer){ 0 };
}

static struct stream_buffer buffer_take(struct stream *s, size_t n)
{
    struct stream_buffer b = { 0 };

    for (unsigned i = 0; i < PAGE_SIZES; i++)
        if (n <= page_bytes((enum page_size)i)) {
            b.data = page_take(s->pages, (enum page_size)i);
            b.cap = (uint32_t)page_bytes((enum page_size)i);
            return b;
        }
    b.data = xmalloc(n);
    b.cap = (uint32_t)n;
    return b;
}

/* Room for n more bytes behind what is there. */
static void buffer_extend(struct stream *s, struct stream_buffer *b, size_t n)
{
    uint32_t held = b->end - b->at;
    struct stream_buffer larger;

    if (b->cap - b->end >= n)
        return;
    MUST(n < UINT32_MAX / 4 && held < UINT32_MAX / 4);
    larger = buffer_take(s, held + n);
    memcpy(larger.data, b->data + b->at, held);
    larger.end = held;
    stream_give(s, b);
    *b = larger;
}

void stream_close(struct stream *s)
{
    if (s->tls != NULL) {
        tls_shutdown(s->tls);
        tls_free(s->tls);
        s->tls = NULL;
    }
    if (s->watch.fd >= 0) {
        loop_forget(s->loop, &s->watch);
        close(s->watch.fd);
        s->watch.fd = -1;
    }
    stream_give(s, &s->in);
    stream_give(s, &s->out);
}

uint64_t stream_acknowledged(const struct stream *s)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof(info);

    if (getsockopt(s->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
        return 0;
    return info.tcpi_bytes_acked;
}

void stream_break(struct stream *s)
{
    tls_free(s->tls);
    s->tls = NULL;
}

void stream_note(struct stream *s, unsigned events)
{
    if (events & LOOP_READ)
        s->readable = true;
    if (events & LOOP_HANGUP)
        s->hangup = true;
}

/* ---- reading ---- */

static enum stream_got read_plain(struct stream *s, char *to, size_t room, size_t *got)
{
    ssize_t n;

    do
        n = recv(s->watch.fd, to, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        /* Edge-triggered: a short read has emptied the socket, and more will be announced.
         * After a hang-up nothing more is announced: read on until the end. */
        if ((size_t)n < room && !s->hangup)
            s->readable = false;
        *got = (size_t)n;
        return STREAM_GOT;
    }
    s->readable = false;
    if (n == 0)
        return STREAM_EOF;
    return errno == EAGAIN ? STREAM_AGAIN : STREAM_FAILED;
}

static enum stream_got read_tls(struct stream *s, char *to, size_t room, size_t *got)
{
    switch (tls_read(s->tls, to, room, got)) {
    case TLS_OK:
        if (!tls_has_pending(s->tls) && !s->hangup)
            s->readable = false;
        return STREAM_GOT;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
    case TLS_WANT_KEY:
        s->readable = false;
        return STREAM_AGAIN;
    case TLS_CLOSED:
        s->readable = false;
        return STREAM_EOF;
    case TLS_FAILED:
        break;
    }
    s->readable = false;
    return STREAM_FAILED;
}

enum stream_got stream_fill(struct stream *s)
{
    enum stream_got r;
    size_t n = 0;

    if (!s->readable)
        return STREAM_AGAIN;
    if (s->in.data == NULL)
        s->in = buffer_take(s, page_bytes(PAGE_16K));
    if (s->in.end == s->in.cap)
        return STREAM_FULL;
    r = s->tls != NULL ? read_tls(s, s->in.data + s->in.end, s->in.cap - s->in.end, &n)
                       : read_plain(s, s->in.data + s->in.end, s->in.cap - s->in.end, &n);
    s->in.end += (uint32_t)n;
    s->bytes_in += n;
    return r;
}

void stream_consume(struct stream *s, size_t n)
{
    MUST(n <= s->in.end - s->in.at);
    s->in.at += (uint32_t)n;
}

void stream_release_input(struct stream *s)
{
    if (s->in.at == s->in.end)
        stream_give(s, &s->in);
}

void stream_move_input(struct stream *s, enum page_size size)
{
    size_t held = s->in.end - s->in.at;
    struct stream_buffer to;

    if (s->in.data != NULL && s->in.cap >= page_bytes(size)) {
        memmove(s->in.data, s->in.data + s->in.at, held);
        s->in.at = 0;
        s->in.end = (uint32_t)held;
        return;
    }
    to = buffer_take(s, page_bytes(size));
    if (s->in.data != NULL && held > 0)
        memcpy(to.data, s->in.data + s->in.at, held);
    to.end = (uint32_t)held;
    stream_give(s, &s->in);
    s->in = to;
}

/* ---- writing ---- */

static void keep(struct stream *s, const struct iovec *v, unsigned n, size_t skip)
{
    size_t total = 0;

    for (unsigned i = 0; i < n; i++)
        total += v[i].iov_len;
    total -= skip;
    if (s->out.data == NULL)
        s->out = buffer_take(s, total);
    buffer_extend(s, &s->out, total);
    for (unsigned i = 0; i < n; i++) {
        size_t from = skip < v[i].iov_len ? skip : v[i].iov_len;

        skip -= from;
        if (v[i].iov_len > from) {
            memcpy(
                s->out.data + s->out.end, (const char *)v[i].iov_base + from, v[i].iov_len - from);
            s->out.end += (uint32_t)(v[i].iov_len - from);
        }
    }
}

/* Writes once. -1: broken, else the bytes taken, 0 when it would block. */
static ssize_t write_once(struct stream *s, const struct iovec *v, unsigned n)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)v, .msg_iovlen = n };
    ssize_t sent;

    if (s->tls != NULL) {
        size_t taken = 0;
        enum tls_result r = tls_write(s->tls, v, n, &taken);

        return r == TLS_FAILED || r == TLS_CLOSED ? -1 : (ssize_t)taken;
    }
    do
        sent = n == 1 ? send(s->watch.fd, v[0].iov_base, v[0].iov_len, MSG_NOSIGNAL)
                      : sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EAGAIN ? 0 : -1;
    return sent;
}

/* The same, small pieces in one. */
static ssize_t write_first(struct stream *s, const struct iovec *v, unsigned n, size_t total)
{
    char together[SMALL_WRITE];
    struct iovec one = { together, 0 };

    if (n == 1 || total > SMALL_WRITE)
        return write_once(s, v, n);
    for (unsigned i = 0; i < n; i++) {
        memcpy(together + one.iov_len, v[i].iov_base, v[i].iov_len);
        one.iov_len += v[i].iov_len;
    }
    return write_once(s, &one, 1);
}

bool stream_write(struct stream *s, const struct iovec *v, unsigned n)
{
    size_t total = 0;
    ssize_t sent = 0;

    for (unsigned i = 0; i < n; i++)
        total += v[i].iov_len;
    s->bytes_out += total;
    if (s->out.data == NULL && !s->corked) {
        sent = write_first(s, v, n, total);
        if (sent < 0)
            return false;
        if ((size_t)sent == total)
            return true;
    }
    keep(s, v, n, (size_t)sent);
    if (s->corked && s->out.end - s->out.at > CORK_MAX)
        return stream_uncork(s);
    return true;
}

bool stream_flush(struct stream *s)
{
    while (s->out.data != NULL) {
        struct iovec v = { .iov_base = s->out.data + s->out.at, .iov_len = s->out.end - s->out.at };
        ssize_t sent = write_once(s, &v, 1);

        if (sent < 0)
            return false;
        if (sent == 0)
            return true;
        s->out.at += (uint32_t)sent;
        if (s->out.at == s->out.end)
            stream_give(s, &s->out);
    }
    return true;
}

bool stream_uncork(struct stream *s)
{
    s->corked = false;
    return stream_flush(s);
}
