/* admin: the small HTTP server: what it takes, what it refuses, and what clients can make it hold. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "check.h"
#include "daemon/admin.h"
#include "daemon/origins.h"
#include "daemon/resolver.h"

static struct control control;
static struct addr public_address;
static char socket_path[64];

static int listen_on(int family, struct addr *a)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    MUST(bind(fd, &a->any, a->len) == 0 && listen(fd, 100) == 0);
    a->len = sizeof(a->un);
    MUST(getsockname(fd, &a->any, &a->len) == 0);
    return fd;
}

static void start(void)
{
    struct addr a;
    struct err err;
    char text[96];
    int fd;

    memset(&control, 0, sizeof(control));
    control.loop = loop_new();
    asks_init(&control.asks, control.loop);
    control.origins = origins_new(&control);
    control.resolver = resolver_new(&control);
    control.admin = admin_new(&control);
    snprintf(socket_path, sizeof(socket_path), "/tmp/weir-admin-%d.sock", (int)getpid());
    snprintf(text, sizeof(text), "unix:%s", socket_path);
    MUST(addr_parse(str_from(text), &a, &err) == 0);
    admin_listen(control.admin, listen_on(AF_UNIX, &a));
    MUST(addr_parse(STR("127.0.0.1:0"), &public_address, &err) == 0);
    fd = listen_on(AF_INET, &public_address);
    admin_follow(control.admin, &fd, 1, STR("127.0.0.1:0"));
}

static void finish(void)
{
    unlink(socket_path);
}

static int connect_local(void)
{
    char text[96];
    struct addr a;
    struct err err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(text, sizeof(text), "unix:%s", socket_path);
    MUST(addr_parse(str_from(text), &a, &err) == 0);
    MUST(connect(fd, &a.any, a.len) == 0 && fd_set_nonblocking(fd) == 0);
    return fd;
}

static int connect_public(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(connect(fd, &public_address.any, public_address.len) == 0 && fd_set_nonblocking(fd) == 0);
    return fd;
}

/* Sends, and reads until the server closes or `want` is in what came. */
static struct buf talk(int fd, struct str request, const char *want)
{
    struct buf in;
    size_t sent = 0;

    buf_init(&in, 64 << 20);
    for (;;) {
        char *to = buf_reserve(&in, 65536);
        ssize_t n =
            sent < request.len ? send(fd, request.at + sent, request.len - sent, MSG_NOSIGNAL) : 0;

        if (n > 0)
            sent += (size_t)n;
        loop_once(control.loop, 1);
        n = recv(fd, to, 65536, 0);
        if (n > 0)
            in.len += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
        if (want != NULL && strstr(buf_cstr(&in), want) != NULL)
            break;
    }
    return in;
}

static bool answers(int fd, const char *request, const char *first_line, const char *body)
{
    struct buf in = talk(fd, str_from(request), body);
    bool ok = strncmp(buf_cstr(&in), first_line, strlen(first_line)) == 0 &&
              strstr(buf_cstr(&in), body) != NULL;

    if (!ok)
        fprintf(stderr, "%s\n-> %s\n", request, buf_cstr(&in));
    buf_free(&in);
    return ok;
}

static void answers_what_it_is_asked(void)
{
    int fd = connect_local();

    CHECK(answers(fd, "GET /v1/explain?word=retry HTTP/1.1\r\nHost: w\r\n\r\n",
        "HTTP/1.1 200 OK\r\n", "\"path\":\"services.NAME.retry\""));
    CHECK(answers(fd, "GET /v1/schema HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 200 ", "$schema"));
    close(fd);
    fd = connect_local();
    CHECK(answers(fd, "GET /v1/origins HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 200 ",
        "{\"origins\":[],\"names\":[]}\n"));
    close(fd);
}

static void pipelined_requests_keep_their_order(void)
{
    int fd = connect_local();
    struct buf in = talk(fd,
        STR("GET /nowhere HTTP/1.1\r\nHost: w\r\n\r\n"
            "HEAD /v1/origins HTTP/1.1\r\nHost: w\r\n\r\n"
            "DELETE /v1/origins HTTP/1.1\r\nHost: w\r\nConnection: close\r\n\r\n"),
        NULL);
    const char *a = strstr(buf_cstr(&in), "HTTP/1.1 404 ");
    const char *b = strstr(buf_cstr(&in), "HTTP/1.1 200 ");
    const char *c = strstr(buf_cstr(&in), "HTTP/1.1 405 ");

    CHECK(a != NULL && b != NULL && c != NULL && a < b && b < c);
    CHECK(strstr(buf_cstr(&in), "\"origins\":[") == NULL); /* of a HEAD */
    buf_free(&in);
    close(fd);
}

static void mistakes_get_a_sentence(void)
{
    static const struct {
        const char *request;
        const char *first_line;
        const char *body;
    } cases[] = {
        { "GET / HTTP/1.1\nHost: w\r\n\r\n", "HTTP/1.1 400 ", "bare_lf" },
        { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "missing_host" },
        { "POST /v1/check HTTP/1.1\r\nHost: w\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 411 ", "length_required" },
        { "POST /v1/check HTTP/1.1\r\nHost: w\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 413 ", "body_too_large" },
        { "POST /v1/check HTTP/1.1\r\nHost: w\r\nContent-Length: 3\r\n\r\n[1]", "HTTP/1.1 400 ",
            "must be a JSON object" },
        { "POST /v1/check HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 400 ",
            "which blueprint?" },
        { "POST /v1/origins/a/x/stop HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 400 ", "x is not the number" },
        { "POST /v1/origins/a/1/stop HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 400 ", "there is no service a" },
        { "POST /v1/origins/a/1/fly HTTP/1.1\r\nHost: w\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 400 ", "not to fly" },
        { "GET /v1/explain?word=nonsense HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 400 ",
            "there is no word nonsense" },
        { "GET /v1/routes HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 503 ", "nothing is live yet" },
        { "GET /v1/origins/ HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 404 ", "not_found" },
        { "GET /\"\\ HTTP/1.1\r\nHost: w\r\n\r\n", "HTTP/1.1 400 ", "error" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int fd = connect_local();

        CHECK(answers(fd, cases[i].request, cases[i].first_line, cases[i].body));
        close(fd);
    }
}

static void over_tcp_there_are_metrics_and_nothing_else(void)
{
    static const char *const hidden[] = { "/v1/origins", "/v1/schema", "/v1/status", "/v1/routes" };
    char request[128];
    int fd;

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        fd = connect_public();
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: w\r\n\r\n", hidden[i]);
        CHECK(answers(fd, request, "HTTP/1.1 404 ", "not_found"));
        close(fd);
    }
    fd = connect_public();
    CHECK(answers(fd, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "weir_build_info{"));
    close(fd);
}

/* Of the clients of an address each of its sockets gets some; those of one before are closed. */
static void metrics_are_answered_on_each_socket(void)
{
    static const char *const names[] = { "10.0.0.1:1", "10.0.0.2:1" }; /* told apart by the text */
    struct addr at[4];
    int fds[4];

    for (unsigned i = 0; i < 4; i++) {
        struct err err;

        MUST(addr_parse(STR("127.0.0.1:0"), &at[i], &err) == 0);
        fds[i] = listen_on(AF_INET, &at[i]);
    }
    for (unsigned first = 0; first < 4; first += 2) {
        admin_follow(control.admin, &fds[first], 2, str_from(names[first / 2]));
        for (unsigned i = first; i < first + 2; i++) {
            int fd;

            public_address = at[i];
            fd = connect_public();
            CHECK(
                answers(fd, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ", "weir_build_info{"));
            close(fd);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        CHECK(connect(fd, &at[i].any, at[i].len) == -1 && errno == ECONNREFUSED);
        close(fd);
    }
}

/* Here the parent and the edge are both away: the document says what it lacks. */
static void what_is_missing_is_counted(void)
{
    int fd = connect_public();

    control.scrapes_without_edge = 4;
    control.scrapes_without_usage = 7;
    CHECK(answers(fd, "GET /metrics HTTP/1.0\r\n\r\n", "HTTP/1.1 200 ",
        "weir_scrapes_incomplete_total{missing=\"edge\"} 5\n"
        "weir_scrapes_incomplete_total{missing=\"processes\"} 8\n"));
    close(fd);
}

static void bytes_may_come_one_by_one(void)
{
    static const char request[] =
        "POST /v1/check HTTP/1.1\r\nHost: w\r\nContent-Length: 2\r\n\r\n{}";
    int fd = connect_local();
    struct buf in;

    for (size_t i = 0; i + 1 < sizeof(request) - 1; i++) {
        MUST(send(fd, &request[i], 1, 0) == 1);
        loop_once(control.loop, 1);
    }
    in = talk(fd, STR("}"), "which blueprint?");
    CHECK(strstr(buf_cstr(&in), "which blueprint?") != NULL);
    buf_free(&in);
    close(fd);
}

static void who_leaves_is_forgotten(void)
{
    for (int i = 0; i < 200; i++) { /* more than there may be at a time */
        int fd = connect_local();

        MUST(send(fd, "GET /metrics HTTP/1.1\r\nHost: w\r\n\r\n", 34, 0) == 34);
        close(fd);
        loop_once(control.loop, 1);
        loop_once(control.loop, 1);
    }
    answers_what_it_is_asked();
}

static void there_are_only_so_many_at_a_time(void)
{
    int fds[80];
    unsigned closed = 0;

    for (unsigned i = 0; i < 80; i++)
        fds[i] = connect_local();
    for (unsigned i = 0; i < 20; i++)
        loop_once(control.loop, 1);
    for (unsigned i = 0; i < 80; i++) {
        char byte;

        closed += recv(fds[i], &byte, 1, 0) == 0;
        close(fds[i]);
    }
    CHECK(closed > 0 && closed < 80);
    for (unsigned i = 0; i < 20; i++)
        loop_once(control.loop, 1);
    answers_what_it_is_asked();
}

TESTS(CASE(start), CASE(answers_what_it_is_asked), CASE(pipelined_requests_keep_their_order),
    CASE(mistakes_get_a_sentence), CASE(over_tcp_there_are_metrics_and_nothing_else),
    CASE(metrics_are_answered_on_each_socket), CASE(what_is_missing_is_counted),
    CASE(bytes_may_come_one_by_one), CASE(who_leaves_is_forgotten),
    CASE(there_are_only_so_many_at_a_time), CASE(finish))
