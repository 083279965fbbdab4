/*
 * The small server: whole requests in, answers out in order, and a limit on everything.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "check.h"
#include "http/server.h"

enum { CALLS = 64 };

struct world {
    struct loop *loop;
    struct http_server *server;
    struct sockaddr_un address;
    socklen_t address_len;
    struct http_call *held[CALLS]; /* whose path begins with /later */
    unsigned nheld;
    unsigned handled;
    unsigned gone;
};

/* ---- a clock that only the test moves ---- */

static uint64_t *the_clock;

static void use_clock(void)
{
    int fd = memfd_create("clock", MFD_CLOEXEC);

    MUST(fd >= 0 && ftruncate(fd, 4096) == 0);
    the_clock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(the_clock != MAP_FAILED);
    the_clock[0] = 1000000;
    the_clock[1] = 784111777000000; /* Sun, 06 Nov 1994 08:49:37 GMT */
    MUST(time_use_test_clock(fd) == 0);
    close(fd);
}

static void advance(struct world *w, msec_t ms)
{
    the_clock[0] += ms * 1000;
    loop_once(w->loop, 0);
    loop_once(w->loop, 0);
}

/* ---- the server: says back what it was asked ---- */

static void say_back(struct http_call *call)
{
    const struct h1_head *h = http_call_head(call);
    struct buf b;

    buf_init(&b, 64 << 20);
    buf_printf(&b, "%.*s %.*s ", STR_ARG(h->method), STR_ARG(h->path));
    buf_str(&b, http_call_body(call));
    http_answer(call, 200, "text/plain", STR("X-Own: yes\r\n"), buf_as_str(&b));
    buf_free(&b);
}

static void handle(struct http_call *call, void *arg)
{
    struct world *w = arg;
    struct str path = http_call_head(call)->path;

    w->handled++;
    if (str_starts(path, STR("/later")))
        w->held[w->nheld++ % CALLS] = call;
    else if (str_is(path, "/empty"))
        http_answer(call, 204, NULL, STR_NONE, STR_NONE);
    else
        say_back(call);
}

static void gone(struct http_call *call, void *arg)
{
    struct world *w = arg;

    w->gone++;
    for (unsigned i = 0; i < CALLS; i++)
        if (w->held[i] == call)
            w->held[i] = NULL;
}

static void world_open(struct world *w)
{
    struct http_server_options o = {
        .max_body = 100000,
        .max_connections = 3,
        .max_pipelined = 4,
        .max_bytes = 250000,
        .header_timeout = 1000,
        .body_timeout = 2000,
        .idle_timeout = 5000,
        .handle = handle,
        .gone = gone,
        .arg = w,
    };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (the_clock == NULL)
        use_clock();
    memset(w, 0, sizeof(*w));
    w->loop = loop_new();
    w->server = http_server_new(w->loop, &o);
    w->address.sun_family = AF_UNIX; /* a name that the kernel picks */
    w->address_len = sizeof(sa_family_t);
    MUST(bind(fd, (struct sockaddr *)&w->address, w->address_len) == 0 && listen(fd, 16) == 0);
    w->address_len = sizeof(w->address);
    MUST(getsockname(fd, (struct sockaddr *)&w->address, &w->address_len) == 0);
    http_server_listen(w->server, fd, NULL);
}

static void world_close(struct world *w)
{
    http_server_free(w->server);
    loop_free(w->loop);
}

/* ---- a client ---- */

static int client(struct world *w)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(connect(fd, (struct sockaddr *)&w->address, w->address_len) == 0);
    MUST(fd_set_nonblocking(fd) == 0);
    for (int i = 0; i < 3; i++)
        loop_once(w->loop, 0);
    return fd;
}

static void turn(struct world *w)
{
    for (int i = 0; i < 6; i++)
        loop_once(w->loop, 0);
}

static void say(struct world *w, int fd, struct str s)
{
    while (s.len > 0) {
        ssize_t n = send(fd, s.at, s.len, MSG_NOSIGNAL);

        if (n > 0)
            s = (struct str){ s.at + n, s.len - (size_t)n };
        else if (n < 0 && errno != EAGAIN)
            break;
        turn(w);
    }
    turn(w);
}

/* All that is there; *end when the connection is over. */
static const char *hear(struct world *w, int fd, bool *end)
{
    static char text[1 << 20];
    size_t len = 0;
    ssize_t n;

    *end = false;
    turn(w);
    while (len < sizeof(text) - 1) {
        n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n <= 0) {
            *end = n == 0 || errno != EAGAIN;
            break;
        }
        len += (size_t)n;
        turn(w);
    }
    text[len] = '\0';
    return text;
}

#define OK_HEAD(length)                                                                            \
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Own: yes\r\nContent-Length: " length         \
    "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static void expect(struct world *w, int fd, const char *want, bool want_end)
{
    bool end;
    const char *got;

    got = hear(w, fd, &end);
    CHECK_STR(str_from(got), want);
    CHECK(end == want_end);
}

/* ---- requests and answers ---- */

static void a_request_gets_its_answer(void)
{
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(&w, fd, OK_HEAD("7") "\r\nGET /a ", false);
    say(&w, fd, STR("LIST /b?x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
    expect(&w, fd, OK_HEAD("13") "\r\nLIST /b hello", false);
    say(&w, fd, STR("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(&w, fd, OK_HEAD("10") "\r\n", false);
    say(&w, fd, STR("DELETE /empty HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(&w, fd, "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n", false);
    say(&w, fd, STR("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    expect(&w, fd, OK_HEAD("7") "Connection: keep-alive\r\n\r\nGET /a ", false);
    say(&w, fd, STR("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /never"));
    expect(&w, fd, OK_HEAD("7") "Connection: close\r\n\r\nGET /a ", true);
    CHECK_U64(w.handled, 6);
    close(fd);
    world_close(&w);
}

static void bytes_may_come_one_by_one(void)
{
    static const char text[] = "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                               "POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w);
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        say(&w, fd, (struct str){ text + i, 1 });
    expect(&w, fd, OK_HEAD("12") "\r\nPOST /p body" OK_HEAD("13") "\r\nPOST /c abcde", false);
    close(fd);
    world_close(&w);
}

static void large_bodies_move_and_stay_whole(void)
{
    struct world w;
    struct buf b;
    const char *got;
    char *body = xmalloc(90001);
    bool end;
    int fd;

    world_open(&w);
    fd = client(&w);
    for (int i = 0; i < 90000; i++)
        body[i] = (char)('a' + i % 26);
    body[90000] = '\0';
    buf_init(&b, 1 << 20);
    buf_printf(&b, "PUT /large HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n%s", body);
    say(&w, fd, buf_as_str(&b));
    got = hear(&w, fd, &end);
    CHECK(strstr(got, "\r\n\r\nPUT /large ") != NULL);
    CHECK(strlen(got) > 90000 && strcmp(got + strlen(got) - 90000, body) == 0);

    buf_clear(&b);
    buf_text(&b, "PUT /large HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 90000; i += 450)
        buf_printf(&b, "1c2\r\n%.450s\r\n", body + i);
    buf_text(&b, "0\r\n\r\nGET /after HTTP/1.1\r\nHost: x\r\n\r\n");
    say(&w, fd, buf_as_str(&b));
    got = hear(&w, fd, &end);
    CHECK(strstr(got, "\r\n\r\nPUT /large abc") != NULL);
    CHECK(strstr(got, body) != NULL);
    CHECK(strstr(got, "\r\n\r\nGET /after ") != NULL);
    buf_free(&b);
    free(body);
    close(fd);
    world_close(&w);
}

static void pipelined_requests_are_answered_in_order(void)
{
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd,
        STR("GET /later1 HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /later2 HTTP/1.1\r\nHost: x\r\n\r\nGET /d HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /e HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(&w, fd, "", false);
    CHECK_U64(w.handled, 4); /* no more than max_pipelined wait */
    say_back(w.held[1]);
    expect(&w, fd, "", false);
    say_back(w.held[0]);
    expect(&w, fd,
        OK_HEAD("12") "\r\nGET /later1 " OK_HEAD("7") "\r\nGET /b " OK_HEAD(
            "12") "\r\nGET /later2 " OK_HEAD("7") "\r\nGET /d " OK_HEAD("7") "\r\nGET /e ",
        false);
    close(fd);
    world_close(&w);
}

static void the_client_is_told_to_continue(void)
{
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd,
        STR("PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    expect(&w, fd, "HTTP/1.1 100 Continue\r\n\r\n", false);
    say(&w, fd, STR("hi"));
    expect(&w, fd, OK_HEAD("9") "\r\nPUT /p hi", false);
    /* not before the answers to what came first */
    say(&w, fd,
        STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"
            "PUT /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    expect(&w, fd, "", false);
    say_back(w.held[0]);
    expect(&w, fd, OK_HEAD("11") "\r\nGET /later HTTP/1.1 100 Continue\r\n\r\n", false);
    say(&w, fd, STR("ho"));
    expect(&w, fd, OK_HEAD("9") "\r\nPUT /p ho", false);
    close(fd);
    world_close(&w);
}

/* ---- what goes wrong ---- */

static void refused(struct str request, const char *status, const char *word)
{
    struct world w;
    const char *got;
    bool end;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, request);
    got = hear(&w, fd, &end);
    if (strncmp(got + 9, status, 3) != 0 || strstr(got, word) == NULL)
        fprintf(stderr, "%.60s: got %s\n", request.at, got);
    CHECK(strlen(got) > 12 && strncmp(got + 9, status, 3) == 0);
    CHECK(strstr(got, word) != NULL && strstr(got, "Connection: close\r\n") != NULL);
    CHECK(end);
    CHECK_U64(w.handled, 0);
    close(fd);
    world_close(&w);
}

static void bad_requests_are_refused(void)
{
    struct buf b;

    refused(STR("GET / HTTP/1.1\r\n\r\n"), "400", "missing_host");
    refused(STR("nonsense\r\n\r\n"), "400", "bad_");
    refused(STR("GET / HTTP/1.1\nHost: x\n\n"), "400", "bare_lf");
    refused(STR("GET / HTTP/1.1\r\nHost: x\r\nX-Vault-Token: a\x01z\r\n\r\n"), "400",
        "invalid header value");
    refused(STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                "Transfer-Encoding: chunked\r\n\r\n"),
        "400", "length_with_chunked");
    refused(STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n"), "413",
        "body_too_large");
    refused(STR("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), "400",
        "bad_chunk");
    buf_init(&b, 1 << 20);
    buf_text(&b, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    for (int i = 0; i < 70000; i++)
        buf_char(&b, 'a');
    buf_text(&b, "\r\n\r\n");
    refused(buf_as_str(&b), "431", "head_too_large");
    buf_clear(&b);
    buf_text(&b, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 110; i++)
        buf_printf(&b, "400\r\n%01024d\r\n", 0);
    refused(buf_as_str(&b), "413", "body_too_large");
    buf_free(&b);
}

static void a_refusal_waits_for_its_turn(void)
{
    struct world w;
    const char *got;
    bool end;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET bad HTTP/1.1\r\n\r\n"));
    expect(&w, fd, "", false);
    say_back(w.held[0]);
    got = hear(&w, fd, &end);
    CHECK(str_starts(str_from(got), STR(OK_HEAD("11") "\r\nGET /later HTTP/1.1 400 ")));
    CHECK(end);
    close(fd);
    world_close(&w);
}

static void who_is_slow_runs_out_of_time(void)
{
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w); /* says nothing */
    advance(&w, 4900);
    expect(&w, fd, "", false);
    advance(&w, 200);
    expect(&w, fd, "", true);
    close(fd);

    fd = client(&w); /* drips a head: each byte does not start the time anew */
    say(&w, fd, STR("GET / H"));
    advance(&w, 600);
    say(&w, fd, STR("T"));
    advance(&w, 600);
    {
        bool end;
        const char *got = hear(&w, fd, &end);

        CHECK(strncmp(got, "HTTP/1.1 408 ", 13) == 0 && end);
    }
    close(fd);

    fd = client(&w); /* and a body */
    say(&w, fd, STR("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"));
    advance(&w, 1500);
    say(&w, fd, STR("d"));
    expect(&w, fd, "", false);
    advance(&w, 600);
    {
        bool end;
        const char *got = hear(&w, fd, &end);

        CHECK(strncmp(got, "HTTP/1.1 408 ", 13) == 0 && end);
    }
    close(fd);
    CHECK_U64(w.handled, 0);

    fd = client(&w); /* but an answer may take its time */
    say(&w, fd, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    advance(&w, 60000);
    say_back(w.held[0]);
    expect(&w, fd, OK_HEAD("11") "\r\nGET /later ", false);
    advance(&w, 5100);
    expect(&w, fd, "", true);
    close(fd);
    world_close(&w);
}

static void connections_are_counted(void)
{
    struct http_server_stats stats;
    struct world w;
    const char *got;
    bool end;
    int fds[3];
    int fd;

    world_open(&w);
    for (int i = 0; i < 3; i++)
        fds[i] = client(&w);
    fd = client(&w);
    got = hear(&w, fd, &end);
    CHECK(strncmp(got, "HTTP/1.1 503 ", 13) == 0 && end);
    got = strstr(got, "\r\n\r\n");
    CHECK(got != NULL && strlen(got + 4) == 36);
    close(fd);
    close(fds[0]);
    turn(&w);
    fd = client(&w);
    say(&w, fd, STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect(&w, fd, OK_HEAD("7") "\r\nGET /a ", false);
    say(&w, fd, STR("nonsense\r\n\r\n"));
    stats = http_server_get_stats(w.server);
    CHECK_U64(stats.open, 3);
    CHECK_U64(stats.accepted, 4);
    CHECK_U64(stats.turned_away, 1);
    CHECK_U64(stats.refused, 1);
    CHECK_U64(stats.slow, 0);
    close(fd);
    close(fds[1]);
    close(fds[2]);
    turn(&w);
    stats = http_server_get_stats(w.server);
    CHECK_U64(stats.open, 0);
    CHECK_U64(stats.bytes, 0);
    world_close(&w);
}

static void bodies_together_are_bounded(void)
{
    struct world w;
    const char *got;
    struct buf b;
    bool end;
    int fds[3];

    world_open(&w);
    buf_init(&b, 1 << 20);
    buf_text(&b, "PUT /later HTTP/1.1\r\nHost: x\r\nContent-Length: 95000\r\n\r\n");
    for (int i = 0; i < 95000; i++)
        buf_char(&b, 'x');
    for (int i = 0; i < 3; i++) {
        fds[i] = client(&w);
        say(&w, fds[i], buf_as_str(&b));
    }
    CHECK_U64(w.nheld, 2);
    got = hear(&w, fds[2], &end);
    CHECK(strncmp(got, "HTTP/1.1 503 ", 13) == 0 && strstr(got, "too_many_bytes") != NULL && end);
    say_back(w.held[0]);
    say_back(w.held[1]);
    turn(&w);
    got = hear(&w, fds[0], &end);
    CHECK(strncmp(got, "HTTP/1.1 200 ", 13) == 0 && !end);
    (void)hear(&w, fds[1], &end);
    say(&w, fds[0], STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")); /* there is room again */
    expect(&w, fds[0], OK_HEAD("7") "\r\nGET /a ", false);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    buf_free(&b);
    world_close(&w);
}

static void calls_of_clients_who_left_are_gone(void)
{
    struct world w;
    struct linger reset = { 1, 0 };
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_U64(w.nheld, 1);
    shutdown(fd, SHUT_WR); /* half closed: it still listens */
    turn(&w);
    CHECK_U64(w.gone, 0);
    say_back(w.held[0]);
    expect(&w, fd, OK_HEAD("11") "\r\nGET /later ", true);
    close(fd);

    fd = client(&w);
    say(&w, fd,
        STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n"));
    CHECK_U64(w.nheld, 3);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    close(fd);
    turn(&w);
    say_back(w.held[1] != NULL ? w.held[1] : w.held[2]); /* writing finds out */
    turn(&w);
    CHECK_U64(w.gone, 1);
    world_close(&w);
}

static void freeing_tells_what_was_not_answered(void)
{
    struct world w;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd,
        STR("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\nGET /c"));
    CHECK_U64(w.handled, 2);
    world_close(&w);
    CHECK_U64(w.gone, 1);
    close(fd);
}

TESTS(CASE(a_request_gets_its_answer), CASE(bytes_may_come_one_by_one),
    CASE(large_bodies_move_and_stay_whole), CASE(pipelined_requests_are_answered_in_order),
    CASE(the_client_is_told_to_continue), CASE(bad_requests_are_refused),
    CASE(a_refusal_waits_for_its_turn), CASE(who_is_slow_runs_out_of_time),
    CASE(connections_are_counted), CASE(bodies_together_are_bounded),
    CASE(calls_of_clients_who_left_are_gone), CASE(freeing_tells_what_was_not_answered))
