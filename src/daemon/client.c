/*
 * client - see client.h.  One request a connection, read to its end.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "daemon/client.h"
#include "http/h1.h"

enum { ANSWER_MAX = 256 << 20, PIECE = 65536, FIELDS = 64 };

struct client {
    char *socket;
};

static char *choose_socket(
    const char *name, const char *socket_path, const char *state, char *(*find_state)(void))
{
    const char *environment = getenv("WEIR_STATE");
    auto_free char *found = NULL;

    if (socket_path != NULL)
        return xstrdup(socket_path);
    if (state == NULL && environment != NULL && environment[0] != '\0')
        state = environment;
    if (state == NULL && find_state != NULL) {
        found = find_state();
        state = found;
    }
    return xasprintf("%s/%s", state != NULL ? state : "/var/lib/weir", name);
}

static int connect_to(const char *path, struct err *err)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "client_socket", "no socket");
    if (strlen(path) >= sizeof(to.sun_path))
        return err_set(
            err, ERR_CONFIG, "client_path", "the path %s is too long for a socket", path);
    memcpy(to.sun_path, path, strlen(path) + 1);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return take_fd(fd);
    if (errno == EACCES || errno == EPERM)
        return err_set(err, ERR_DENIED, "client_denied",
            "this user may not use %s: it belongs to the user who started Weir", path);
    err_set(err, ERR_PEER, "client_no_weir",
        "no Weir runs with the socket %s: start one with \"weir serve\", or say which is meant "
        "with --state FOLDER",
        path);
    return -1;
}

static struct client *new_for(const char *name, const char *socket_path, const char *state,
    char *(*find_state)(void), struct err *err)
{
    struct client *c = xcalloc(1, sizeof(*c));
    int fd;

    c->socket = choose_socket(name, socket_path, state, find_state);
    fd = connect_to(c->socket, err); /* is there anyone? */
    if (fd < 0) {
        client_free(c);
        return NULL;
    }
    close(fd);
    return c;
}

struct client *client_new(
    const char *socket_path, const char *state, char *(*find_state)(void), struct err *err)
{
    return new_for("admin.sock", socket_path, state, find_state, err);
}

struct client *client_new_keeper(
    const char *socket_path, const char *state, char *(*find_state)(void), struct err *err)
{
    return new_for("keeper.sock", socket_path, state, find_state, err);
}

void client_free(struct client *c)
{
    if (c == NULL)
        return;
    free(c->socket);
    free(c);
}

const char *client_socket(const struct client *c)
{
    return c->socket;
}

/* Without the signal that a plain write would bring. */
static int send_all(int fd, const struct buf *b)
{
    for (size_t at = 0; at < b->len;) {
        ssize_t n = send(fd, b->data + at, b->len - at, MSG_NOSIGNAL);

        if (n > 0)
            at += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return 0;
}

/* All until the other end closes. */
static int read_answer(int fd, struct buf *in, msec_t until, struct err *err)
{
    for (;;) {
        msec_t now = time_msec();
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char *to = buf_reserve(in, PIECE);
        ssize_t n;

        if (to == NULL)
            return err_set(err, ERR_LIMIT, "client_size", "the answer is too large");
        if (now >= until || poll(&p, 1, (int)(until - now)) == 0)
            return err_set(err, ERR_PEER, "client_timeout", "Weir did not answer in time");
        n = read(fd, to, PIECE);
        if (n == 0)
            return 0;
        if (n > 0)
            in->len += (size_t)n;
        else if (errno != EINTR)
            return err_set(err, ERR_SYSTEM, "client_lost", "the connection to Weir was lost");
    }
}

static int parse_answer(struct buf *in, struct client_answer *out, struct err *err)
{
    static const struct h1_limits limits = { 65536, 8192, FIELDS };
    struct http_field fields[FIELDS];
    struct h1_head head = { .fields = fields };
    struct h1_parser p;
    int64_t n;

    h1_response_start(&p, &head, &limits, HTTP_GET);
    n = h1_parse(&p, in->data, in->len);
    if (n <= 0 || (head.framing == H1_LENGTH && in->len - (size_t)n != head.content_length))
        return err_set(err, ERR_PEER, "client_lost", "Weir ended before its answer was complete");
    out->status = head.status;
    buf_init_secret(&out->body, ANSWER_MAX);
    buf_add(&out->body, in->data + n, in->len - (size_t)n);
    return 0;
}

int client_ask(
    struct client *c, const struct client_question *q, struct client_answer *out, struct err *err)
{
    auto_close int fd = connect_to(c->socket, err);
    struct buf request;
    struct buf in;
    int result;

    if (fd < 0)
        return -1;
    buf_init_secret(&request, ANSWER_MAX);
    buf_printf(
        &request, "%s %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n", q->method, q->target);
    if (q->accept != NULL)
        buf_printf(&request, "Accept: %s\r\n", q->accept);
    if (q->token != NULL)
        buf_printf(&request, "X-Vault-Token: %s\r\n", q->token);
    if (q->content_type != NULL && q->body.len > 0)
        buf_printf(&request, "Content-Type: %s\r\n", q->content_type);
    buf_printf(&request, "Content-Length: %zu\r\n\r\n", q->body.len);
    buf_str(&request, q->body);
    buf_init_secret(&in, ANSWER_MAX);
    if (send_all(fd, &request) == -1)
        result = err_set(err, ERR_SYSTEM, "client_lost", "the connection to Weir was lost");
    else
        result = read_answer(fd, &in, time_msec() + q->timeout, err);
    if (result == 0)
        result = parse_answer(&in, out, err);
    buf_free(&request);
    buf_free(&in);
    return result;
}
