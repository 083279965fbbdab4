/*
 * The socket, as OpenSSL sees it.
 *
 * Reading: OpenSSL reads ahead, so a small record costs one recv(). When that
 * brought less than there was room for, the socket is empty, and the next
 * question within the same call is answered without asking the kernel.
 *
 * Writing never blocks and never fails: records gather in the thread's buffer
 * and leave together at the end of the call (tls_bio_flush()). What the socket
 * does not take is kept with the connection. So a handshake flight, or several
 * records of a large body, are one system call.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/bug.h"
#include "net/tls_int.h"

/* Only a handshake with a huge certificate chain comes anywhere near. */
enum { LEFT_MAX = 1 << 20 };

static int read_socket(BIO *b, char *to, size_t room, size_t *n)
{
    struct tls *t = BIO_get_data(b);
    ssize_t got;

    BIO_clear_retry_flags(b);
    *n = 0;
    if (t->eof || t->broken != 0)
        return 0;
    if (t->drained || t->mute) {
        BIO_set_retry_read(b);
        return 0;
    }
    do
        got = recv(t->fd, to, room, 0);
    while (got < 0 && errno == EINTR);
    t->empty = got <= 0;
    if (got > 0) {
        t->drained = (size_t)got < room;
        *n = (size_t)got;
        return 1;
    }
    if (got == 0) {
        t->eof = true;
    } else if (errno == EAGAIN) {
        t->drained = true;
        BIO_set_retry_read(b);
    } else {
        t->broken = errno;
    }
    return 0;
}

static void keep(struct tls *t, const void *p, size_t n)
{
    if (t->left.max == 0)
        buf_init(&t->left, LEFT_MAX);
    buf_add(&t->left, p, n);
    if (t->left.over)
        t->broken = ENOBUFS;
}

void tls_bio_stash(struct tls *t)
{
    struct tls_thread *thread = t->thread;

    if (thread->out_len > 0 && t->broken == 0 && !t->mute)
        keep(t, thread->out, thread->out_len);
    thread->out_len = 0;
}

static int write_socket(BIO *b, const char *from, size_t len, size_t *n)
{
    struct tls *t = BIO_get_data(b);
    struct tls_thread *thread = t->thread;

    BIO_clear_retry_flags(b);
    if (len > sizeof(thread->out) - thread->out_len)
        tls_bio_stash(t);
    if (len <= sizeof(thread->out)) {
        memcpy(thread->out + thread->out_len, from, len);
        thread->out_len += len;
    } else if (t->broken == 0 && !t->mute) {
        keep(t, from, len);
    }
    *n = len;
    return 1;
}

static long control(BIO *b, int what, long number, void *pointer)
{
    struct tls *t = BIO_get_data(b);

    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH: /* the end of the call does it */
        return 1;
    case BIO_CTRL_EOF:
        return t->eof;
    default: /* the numbers of controls are OpenSSL's */
        return 0;
    }
}

/* -1 when the socket is broken. */
static ssize_t send_both(struct tls *t, const void *more, size_t more_len)
{
    struct iovec v[2] = {
        { .iov_base = t->left.data, .iov_len = t->left.len },
        { .iov_base = (void *)(uintptr_t)more, .iov_len = more_len },
    };
    struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
    ssize_t sent;

    if (t->left.len == 0) {
        m.msg_iov = v + 1;
        m.msg_iovlen = 1;
    }
    do
        sent = sendmsg(t->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == ENOBUFS)
        return 0;
    t->broken = errno;
    return -1;
}

enum tls_result tls_bio_flush(struct tls *t)
{
    struct tls_thread *thread = t->thread;
    size_t fresh = thread->out_len;
    size_t total = t->left.len + fresh;
    ssize_t sent;

    thread->out_len = 0;
    if (t->mute)
        return TLS_OK;
    if (t->broken != 0)
        return TLS_FAILED;
    if (total == 0)
        return TLS_OK;
    sent = send_both(t, thread->out, fresh);
    if (sent < 0)
        return TLS_FAILED;
    if ((size_t)sent < t->left.len) {
        buf_consume(&t->left, (size_t)sent);
        keep(t, thread->out, fresh);
    } else {
        size_t done = (size_t)sent - t->left.len;

        buf_free(&t->left);
        if (done < fresh)
            keep(t, thread->out + done, fresh - done);
    }
    t->hold = false;
    return (size_t)sent == total ? TLS_OK : TLS_WANT_WRITE;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir socket");
    MUST(method != NULL && BIO_meth_set_read_ex(method, read_socket) &&
         BIO_meth_set_write_ex(method, write_socket) && BIO_meth_set_ctrl(method, control));
}

BIO *tls_bio_new(struct tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    BIO *b;

    pthread_once(&once, make_method);
    b = BIO_new(method);
    MUST(b != NULL);
    BIO_set_data(b, t);
    BIO_set_init(b, 1);
    return b;
}
