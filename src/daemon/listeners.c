/*
 * listeners - see listeners.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/auto.h"
#include "base/list.h"
#include "base/mem.h"
#include "daemon/listeners.h"

struct listener_set {
    struct list link;
    char *address; /* as it was asked for */
    struct addr bound;
    int fds[LISTENER_SOCKETS_MAX];
    unsigned n;
};

struct listeners {
    struct list sets;
    unsigned n;
};

struct listeners *listeners_new(void)
{
    struct listeners *l = xcalloc(1, sizeof(*l));

    list_init(&l->sets);
    return l;
}

static void set_free(struct listeners *l, struct listener_set *s)
{
    if (s->n > 0 && s->bound.any.sa_family == AF_UNIX)
        unlink(s->bound.un.sun_path);
    for (unsigned i = 0; i < s->n; i++)
        close(s->fds[i]);
    list_remove(&s->link);
    l->n--;
    free(s->address);
    free(s);
}

void listeners_free(struct listeners *l)
{
    if (l == NULL)
        return;
    list_each (it, after, &l->sets)
        set_free(l, list_item(it, struct listener_set, link));
    free(l);
}

static int say_why(const char *address, struct err *err)
{
    if (errno == EADDRINUSE)
        return err_set(err, ERR_CONFIG, "listen_in_use",
            "%s is in use by another program: stop that one (\"ss -ltnp\" names it), or choose "
            "another address",
            address);
    if (errno == EACCES || errno == EPERM)
        return err_set(err, ERR_CONFIG, "listen_denied",
            "%s may not be listened on by this user: start as root, or choose a port from 1024 up",
            address);
    if (errno == EADDRNOTAVAIL)
        return err_set(err, ERR_CONFIG, "listen_no_such_address",
            "%s is not an address of this machine", address);
    return err_set(err, ERR_SYSTEM, "listen_failed", "cannot listen on %s", address);
}

/* ---- TCP ---- */

static int tcp_socket(const struct addr *a, bool shared)
{
    int on = 1;
    int off = 0;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (a->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &a->any, a->len) == 0)
        return fd;
    on = errno;
    close(fd);
    errno = on;
    return -1;
}

/* On a kernel without IPv6, [::] still means every address. */
static void without_ipv6(struct addr *a)
{
    int fd = a->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr)
                 ? socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)
                 : -1;

    if (fd < 0 && errno == EAFNOSUPPORT && a->any.sa_family == AF_INET6)
        *a = addr_from_ip((struct ip){ .len = 4 }, addr_port(a));
    if (fd >= 0)
        close(fd);
}

static int bind_tcp(struct listener_set *s, unsigned backlog, unsigned count, struct err *err)
{
    int probe;

    errno = 0;
    without_ipv6(&s->bound);
    /* SO_REUSEPORT would let us share the port with another Weir of the same user: ask once
     * without it whether anyone listens there. */
    probe = tcp_socket(&s->bound, false);
    if (probe < 0)
        return say_why(s->address, err);
    close(probe);
    while (s->n < count) {
        int fd = tcp_socket(&s->bound, true);

        if (fd < 0)
            return say_why(s->address, err);
        s->fds[s->n++] = fd;
        if (s->n == 1) { /* port 0: the rest share what the first was given */
            s->bound.len = sizeof(s->bound.v6);
            if (getsockname(fd, &s->bound.any, &s->bound.len) == -1)
                return say_why(s->address, err);
        }
    }
    for (unsigned i = 0; i < s->n; i++)
        if (listen(s->fds[i], (int)backlog) == -1)
            return say_why(s->address, err);
    return 0;
}

/* ---- unix sockets ---- */

/* A socket file whose owner is gone is removed; one that answers is not ours to take. */
static void remove_stale(const struct addr *a)
{
    struct stat st;
    auto_close int fd = -1;

    if (lstat(a->un.sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, &a->any, a->len) == -1 && errno == ECONNREFUSED)
        unlink(a->un.sun_path);
}

static int bind_unix(struct listener_set *s, unsigned backlog, unsigned mode, struct err *err)
{
    const struct addr *a = &s->bound;
    mode_t old;
    int bound;
    int fd;

    remove_stale(a);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return say_why(s->address, err);
    old = umask(0777 & ~mode); /* never, even for a moment, open to more than `mode` */
    bound = bind(fd, &a->any, a->len);
    umask(old);
    if (bound == -1 || listen(fd, (int)backlog) == -1) {
        int saved = errno;

        close(fd);
        errno = saved;
        return say_why(s->address, err);
    }
    s->fds[s->n++] = fd;
    return 0;
}

/* ---- all ---- */

static struct listener_set *find(struct listeners *l, struct str address)
{
    list_each (it, after, &l->sets) {
        struct listener_set *s = list_item(it, struct listener_set, link);

        if (str_is(address, s->address))
            return s;
    }
    return NULL;
}

/* NULL when it cannot be had. */
static struct listener_set *bind_new(
    struct listeners *l, const struct listener_wish *wish, struct err *err)
{
    struct listener_set *s;
    struct addr a;
    int result;

    if (l->n >= LISTENERS_MAX || wish->count < 1 || wish->count > LISTENER_SOCKETS_MAX) {
        err_set(
            err, ERR_LIMIT, "listen_limit", "more than %d addresses to listen on", LISTENERS_MAX);
        return NULL;
    }
    if (addr_parse(wish->address, &a, err) == -1)
        return NULL;
    s = xcalloc(1, sizeof(*s));
    s->address = xstrndup(wish->address.at, wish->address.len);
    s->bound = a;
    list_append(&l->sets, &s->link);
    l->n++;
    result = a.any.sa_family == AF_UNIX ? bind_unix(s, wish->backlog, wish->mode, err)
                                        : bind_tcp(s, wish->backlog, wish->count, err);
    if (result == 0)
        return s;
    if (a.any.sa_family == AF_UNIX)
        s->n = 0; /* the file is somebody else's */
    set_free(l, s);
    return NULL;
}

int listeners_bind(struct listeners *l, const struct listener_wish *wish, const int **fds,
    unsigned *n, struct err *err)
{
    struct listener_set *s = find(l, wish->address);

    if (s == NULL)
        s = bind_new(l, wish, err);
    if (s == NULL)
        return -1;
    *fds = s->fds;
    *n = s->n;
    return 0;
}

void listeners_keep(struct listeners *l, bool (*keep)(void *arg, struct str address), void *arg)
{
    list_each (it, after, &l->sets) {
        struct listener_set *s = list_item(it, struct listener_set, link);

        if (!keep(arg, str_from(s->address)))
            set_free(l, s);
    }
}
