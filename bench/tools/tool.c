/*
 * tool - see tool.h.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "tool.h"

void tool_die(const char *what)
{
    fprintf(
        stderr, "bench: %s%s%s\n", what, errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
    exit(1);
}

void options_read(int argc, char **argv, const struct option_word *words)
{
    for (int i = 1; i < argc; i++) {
        struct str value, name = str_cut(str_from(argv[i]), '=', &value);
        const struct option_word *w = words;

        while (w->name != NULL && !str_is(name, w->name))
            w++;
        errno = 0;
        if (w->name == NULL || value.at == NULL)
            tool_die(argv[i]);
        if (w->text != NULL)
            *w->text = value.at;
        else if (!str_to_u64(value, UINT64_MAX, w->number))
            tool_die(argv[i]);
    }
}

void target_init(struct target *t, const char *address, const char *path, bool tls, bool close)
{
    struct err err;
    int n;

    memset(t, 0, sizeof(*t));
    if (addr_parse(str_from(address), &t->addr, &err) == -1)
        tool_die(err.text);
    n = snprintf(t->request, sizeof(t->request),
        "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\n%s\r\n", path,
        close ? "Connection: close\r\n" : "");
    if (n < 0 || (size_t)n >= sizeof(t->request))
        tool_die("path is too long");
    t->request_len = (size_t)n;
    if (!tls)
        return;
    t->tls = SSL_CTX_new(TLS_client_method());
    if (t->tls == NULL || !SSL_CTX_set_min_proto_version(t->tls, TLS1_3_VERSION) ||
        !SSL_CTX_set1_groups_list(t->tls, "X25519"))
        tool_die("no TLS 1.3");
    SSL_CTX_set_session_cache_mode(t->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_mode(t->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void reply_start(struct reply *r)
{
    r->len = 0;
    r->in_body = false;
    r->closes = false;
}

static bool reply_head(struct reply *r, size_t head_len)
{
    struct str rest = { r->head, head_len };
    struct str line = str_cut(rest, '\n', &rest);
    bool framed = false;

    if (line.len < 12 || !str_starts(line, STR("HTTP/1.")))
        return false;
    r->status = (unsigned)((line.at[9] - '0') * 100 + (line.at[10] - '0') * 10 + line.at[11] - '0');
    while (rest.len > 0) {
        struct str value, name;

        line = str_cut(rest, '\n', &rest);
        name = str_cut(line, ':', &value);
        if (value.at == NULL)
            continue;
        if (value.len > 0 && value.at[value.len - 1] == '\r')
            value.len--;
        value = str_trim(value);
        if (str_eq_nocase(name, STR("content-length")))
            framed = str_to_u64(value, UINT64_MAX, &r->left);
        else if (str_eq_nocase(name, STR("connection")))
            r->closes = str_eq_nocase(value, STR("close"));
    }
    return framed;
}

/* How much of the bytes belongs to the head; SIZE_MAX when it does not end in them. */
static size_t reply_head_end(struct reply *r, const char *bytes, size_t n)
{
    size_t take = n < HEAD_MAX - r->len ? n : HEAD_MAX - r->len;
    size_t from = r->len > 3 ? r->len - 3 : 0;
    const char *end;

    memcpy(r->head + r->len, bytes, take);
    end = memmem(r->head + from, r->len + take - from, "\r\n\r\n", 4);
    if (end == NULL) {
        r->len += take;
        return SIZE_MAX;
    }
    take = (size_t)(end - r->head) + 4 - r->len;
    r->len += take;
    return take;
}

enum reply_state reply_feed(struct reply *r, const char *bytes, size_t n)
{
    if (!r->in_body) {
        size_t used = reply_head_end(r, bytes, n);

        if (used == SIZE_MAX)
            return r->len == HEAD_MAX ? REPLY_BROKEN : REPLY_MORE;
        if (!reply_head(r, r->len))
            return REPLY_BROKEN;
        n -= used;
        r->in_body = true;
    }
    if (n > r->left)
        return REPLY_BROKEN;
    r->left -= n;
    return r->left == 0 ? REPLY_DONE : REPLY_MORE;
}

bool wire_open(struct wire *w, const struct target *t, int ep, void *data, SSL_SESSION *session)
{
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP,
        .data.ptr = data };
    int one = 1;

    w->ssl = NULL;
    w->shaken = t->tls == NULL;
    w->fd = socket(t->addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (w->fd == -1)
        return false;
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if ((connect(w->fd, &t->addr.any, t->addr.len) == -1 && errno != EINPROGRESS) ||
        epoll_ctl(ep, EPOLL_CTL_ADD, w->fd, &ev) == -1) {
        wire_close(w);
        return false;
    }
    if (t->tls != NULL) {
        w->ssl = SSL_new(t->tls);
        if (w->ssl == NULL || !SSL_set_fd(w->ssl, w->fd) ||
            !SSL_set_tlsext_host_name(w->ssl, "localhost"))
            tool_die("no TLS connection");
        if (session != NULL && !SSL_set_session(w->ssl, session))
            tool_die("no TLS session");
        SSL_set_connect_state(w->ssl);
    }
    return true;
}

static ssize_t tls_result(struct wire *w, int n)
{
    int why = SSL_get_error(w->ssl, n);

    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

int wire_shake(struct wire *w)
{
    int n;

    if (w->shaken)
        return 1;
    n = SSL_do_handshake(w->ssl);
    if (n != 1)
        return (int)tls_result(w, n);
    w->shaken = true;
    return 1;
}

ssize_t wire_read(struct wire *w, char *to, size_t room)
{
    ssize_t n;

    if (w->ssl != NULL) {
        n = SSL_read(w->ssl, to, (int)room);
        return n > 0 ? n : tls_result(w, (int)n);
    }
    n = read(w->fd, to, room);
    if (n > 0)
        return n;
    return n == -1 && errno == EAGAIN ? 0 : -1;
}

ssize_t wire_write(struct wire *w, const char *from, size_t n)
{
    ssize_t out;

    if (w->ssl != NULL) {
        out = SSL_write(w->ssl, from, (int)n);
        return out > 0 ? out : tls_result(w, (int)out);
    }
    out = send(w->fd, from, n, MSG_NOSIGNAL);
    if (out >= 0)
        return out;
    return errno == EAGAIN ? 0 : -1;
}

void wire_close(struct wire *w)
{
    if (w->ssl != NULL) {
        if (w->shaken)
            SSL_set_shutdown(w->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(w->ssl);
    }
    if (w->fd >= 0)
        close(w->fd);
    w->ssl = NULL;
    w->fd = -1;
}

void tool_raise_limits(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static double at_share(const uint64_t *nsec, size_t n, double share)
{
    size_t i = (size_t)((double)n * share);

    return n == 0 ? 0 : (double)nsec[i < n ? i : n - 1] / 1000;
}

struct quantiles quantiles_of(uint64_t *nsec, size_t n)
{
    qsort(nsec, n, sizeof(*nsec), by_size);
    return (struct quantiles){ at_share(nsec, n, 0.5), at_share(nsec, n, 0.9),
        at_share(nsec, n, 0.99), at_share(nsec, n, 0.999), at_share(nsec, n, 1) };
}
