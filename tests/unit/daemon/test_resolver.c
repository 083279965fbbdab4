/*
 * resolver: names are looked up, looked up again, and the last good answer kept; against a small
 * DNS server on loopback that the test itself plays.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "daemon/resolver.h"

/* ---- the server ---- */

enum reply { REPLY_ADDRESSES, REPLY_NO_NAME, REPLY_FAILURE, REPLY_NOTHING };

static struct {
    struct watch_fd watch;
    uint16_t port;
    enum reply reply;
    const char *addresses[4]; /* IPv4 */
    bool ipv6;                /* 2001:db8::1 as well */
    uint32_t ttl;
    unsigned questions;
} server;

static void put16(struct buf *b, unsigned n)
{
    buf_char(b, (char)(n >> 8));
    buf_char(b, (char)n);
}

static void put_answer(struct buf *b, unsigned type, const void *data, size_t n)
{
    put16(b, 0xc00c); /* the name of the question */
    put16(b, type);
    put16(b, 1);
    put16(b, server.ttl >> 16);
    put16(b, server.ttl & 0xffff);
    put16(b, (unsigned)n);
    buf_add(b, data, n);
}

static unsigned put_answers(struct buf *b, unsigned type)
{
    static const unsigned char six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
    unsigned n = 0;

    if (type == 28 && server.ipv6) {
        put_answer(b, 28, six, sizeof(six));
        return 1;
    }
    for (; type == 1 && n < 4 && server.addresses[n] != NULL; n++) {
        struct in_addr a;

        MUST(inet_pton(AF_INET, server.addresses[n], &a) == 1);
        put_answer(b, 1, &a, sizeof(a));
    }
    return n;
}

static void question(struct watch_fd *w, unsigned events)
{
    static const unsigned codes[] = { 0, 3, 2, 0 };
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    unsigned char q[512];
    struct buf answers;
    struct buf b;
    ssize_t n = recvfrom(w->fd, q, sizeof(q), 0, (struct sockaddr *)&from, &from_len);
    size_t end = 12;
    unsigned count = 0;

    (void)events;
    if (n < 17)
        return;
    server.questions++;
    while (end < (size_t)n && q[end] != 0)
        end += q[end] + 1U;
    end += 5; /* the root, type, class */
    if (server.reply == REPLY_NOTHING || end > (size_t)n)
        return;
    buf_init(&answers, 512);
    if (server.reply == REPLY_ADDRESSES)
        count = put_answers(&answers, (unsigned)q[end - 4] << 8 | q[end - 3]);
    buf_init(&b, 1024);
    buf_add(&b, q, 2);
    put16(&b, 0x8180 | codes[server.reply]);
    put16(&b, 1);
    put16(&b, count);
    put16(&b, 0);
    put16(&b, 0);
    buf_add(&b, q + 12, end - 12);
    buf_str(&b, buf_as_str(&answers));
    sendto(w->fd, b.data, b.len, 0, (struct sockaddr *)&from, from_len);
    buf_free(&answers);
    buf_free(&b);
}

/* ---- the rest of control, as much as a resolver needs ---- */

static struct control control;
static char *told; /* the last EDGE_ENDPOINTS */
static unsigned tellings;
static struct channel *edge_side;
static struct version version;
static bool ready;

static void on_endpoints(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    (void)arg;
    free(told);
    told = xstrndup(m->body.at, m->body.len);
    tellings++;
}

static const struct message_rule edge_hears[] = {
    { EDGE_ENDPOINTS, "endpoints", CHANNEL_BODY_MAX, 0, on_endpoints },
    { 0 },
};
static const struct message_rule control_hears[] = { { 0 } };

static struct blueprint *blueprint_with(const char *origins, const char *more)
{
    struct problems problems;
    struct blueprint *b;
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text,
        "{\"listeners\":{\"m\":\"127.0.0.1:1\"},"
        "\"services\":{\"shop\":{\"origins\":[%s],\"resolve_interval\":\"%s\"}},"
        "\"routes\":[{\"to\":\"shop\"}],\"dns\":{\"servers\":[\"127.0.0.1:%u\"],"
        "\"timeout\":\"400ms\"}}",
        origins, more, server.port);
    b = blueprint_from_canonical(buf_as_str(&text), &problems);
    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s\n", problems.at[i].text);
    MUST(b != NULL);
    problems_free(&problems);
    buf_free(&text);
    return b;
}

static void start(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t len = sizeof(a);
    int ends[2];

    memset(&control, 0, sizeof(control));
    memset(&server, 0, sizeof(server));
    control.loop = loop_new();
    asks_init(&control.asks, control.loop);
    MUST(channel_pair(ends) == 0);
    control.edge = channel_new(control.loop, ends[0], control_hears, NULL, NULL);
    edge_side = channel_new(control.loop, ends[1], edge_hears, NULL, NULL);
    server.watch.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    server.watch.ready = question;
    MUST(bind(server.watch.fd, (struct sockaddr *)&a, len) == 0);
    MUST(getsockname(server.watch.fd, (struct sockaddr *)&a, &len) == 0);
    server.port = ntohs(a.sin_port);
    MUST(loop_add_level(control.loop, &server.watch) == 0);
    server.ttl = 1;
    control.resolver = resolver_new(&control);
    told = NULL;
    tellings = 0;
}

static void finish(void)
{
    resolver_free(control.resolver);
    if (version.blueprint != NULL)
        blueprint_unref(version.blueprint);
    version.blueprint = NULL;
    channel_free(control.edge);
    channel_free(edge_side);
    close(server.watch.fd);
    loop_free(control.loop);
    free(told);
}

static void now_ready(void *arg)
{
    (void)arg;
    ready = true;
}

/* As an apply does it. */
static void apply(struct blueprint *b)
{
    ready = false;
    resolver_prepare(control.resolver, b, now_ready, NULL);
    while (!ready)
        loop_once(control.loop, 50);
    resolver_send_all(control.resolver, control.edge);
    if (version.blueprint != NULL)
        blueprint_unref(version.blueprint);
    version.blueprint = b;
    control.live = &version;
    resolver_follow(control.resolver, b);
}

static void until_told(unsigned n)
{
    while (tellings < n)
        loop_once(control.loop, 50);
}

static void until_asked(unsigned n)
{
    while (server.questions < n)
        loop_once(control.loop, 50);
}

/* What the admin API says of the names. */
static bool says(const char *what)
{
    struct json j;
    struct buf b;
    bool found;

    buf_init(&b, 4096);
    json_init(&j, &b, false);
    resolver_json(control.resolver, &j, NULL);
    found = strstr(buf_cstr(&b), what) != NULL;
    if (!found)
        fprintf(stderr, "%s\n", buf_cstr(&b));
    buf_free(&b);
    return found;
}

/* ---- cases ---- */

static void all_addresses_are_given(void)
{
    start();
    server.addresses[0] = "192.0.2.1";
    server.addresses[1] = "192.0.2.2";
    server.addresses[2] = "192.0.2.1"; /* once is enough */
    server.ipv6 = true;
    apply(blueprint_with("\"shop.test:8080\"", "1h"));
    until_told(1);
    CHECK(told != NULL && strstr(told, "\"service\":\"shop\"") != NULL);
    CHECK(strstr(told, "\"origin\":\"shop.test:8080\"") != NULL);
    CHECK(strstr(told, "\"192.0.2.1:8080\"") != NULL);
    CHECK(strstr(told, "\"192.0.2.2:8080\"") != NULL);
    CHECK(strstr(told, "\"[2001:db8::1]:8080\"") != NULL);
    CHECK(strstr(strstr(told, "192.0.2.1") + 1, "192.0.2.1") == NULL);
    finish();
}

static void a_change_is_told_and_no_change_is_not(void)
{
    start();
    server.addresses[0] = "192.0.2.1";
    apply(blueprint_with("\"shop.test:80\"", "1s"));
    until_told(1);
    server.questions = 0;
    until_asked(2); /* A and AAAA once more: the same answer */
    CHECK_U64(tellings, 1);
    server.addresses[0] = "192.0.2.9";
    until_told(2);
    CHECK(strstr(told, "192.0.2.9:80") != NULL && strstr(told, "192.0.2.1:80") == NULL);
    finish();
}

static void a_failure_keeps_the_last_answer(void)
{
    start();
    server.addresses[0] = "192.0.2.1";
    apply(blueprint_with("\"shop.test:80\"", "1s"));
    until_told(1);
    server.reply = REPLY_FAILURE;
    server.questions = 0;
    until_asked(4);
    while (!says("\"error\":\"") && server.questions < 40)
        loop_once(control.loop, 50);
    CHECK(says("192.0.2.1"));
    CHECK_U64(tellings, 1);
    server.reply = REPLY_ADDRESSES;
    server.addresses[0] = "192.0.2.2";
    until_told(2);
    CHECK(says("\"error\":null"));
    finish();
}

static void a_silent_server_does_not_hold_an_apply_up(void)
{
    nsec_t began = time_nsec();

    start();
    server.reply = REPLY_NOTHING;
    apply(blueprint_with("\"shop.test:80\"", "1h"));
    CHECK(time_nsec() - began < (nsec_t)10 * 1000000000);
    CHECK_U64(tellings, 0);
    /* Later it answers: the edge hears of it without a new apply. */
    server.reply = REPLY_ADDRESSES;
    server.addresses[0] = "192.0.2.5";
    until_told(1);
    CHECK(strstr(told, "192.0.2.5:80") != NULL);
    finish();
}

static void an_unknown_name_is_said(void)
{
    start();
    server.reply = REPLY_NO_NAME;
    apply(blueprint_with("\"shop.test:80\"", "1h"));
    CHECK(says("\"name\":\"shop.test\",\"addresses\":[],\"error\":\""));
    finish();
}

static void only_names_are_looked_up_and_old_ones_forgotten(void)
{
    start();
    server.addresses[0] = "192.0.2.1";
    apply(blueprint_with("\"192.0.2.7:80\",\"unix:/run/shop\"", "1h"));
    CHECK_U64(server.questions, 0);
    apply(blueprint_with("\"a.test:80\",\"b.test:80\",\"a.test:81\"", "1h"));
    until_told(3);
    CHECK_U64(server.questions, 4);
    apply(blueprint_with("\"b.test:80\"", "1h"));
    CHECK(!says("a.test") && says("b.test"));
    CHECK_U64(server.questions, 4); /* what is known is not asked again for an apply */
    finish();
}

static void the_hosts_file_counts(void)
{
    start();
    server.reply = REPLY_NO_NAME;
    apply(blueprint_with("\"localhost:80\"", "1h"));
    until_told(1);
    CHECK(strstr(told, "127.0.0.1:80") != NULL);
    finish();
}

TESTS(CASE(all_addresses_are_given), CASE(a_change_is_told_and_no_change_is_not),
    CASE(a_failure_keeps_the_last_answer), CASE(a_silent_server_does_not_hold_an_apply_up),
    CASE(an_unknown_name_is_said), CASE(only_names_are_looked_up_and_old_ones_forgotten),
    CASE(the_hosts_file_counts))
