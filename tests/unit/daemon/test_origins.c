/*
 * origins: which processes are started, told to the edge, replaced and ended; the test plays the
 * parent, the edge, and the processes, which are no more than a listening socket.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "check.h"
#include "daemon/origins.h"
#include "daemon/pack.h"
#include "daemon/processes.h"

enum { PROCESSES = 16 };

static struct played { /* a process that runs, as the test has it */
    uint64_t number;
    char label[32];
    char greeting[32];
    char note[128];
    unsigned port;
    int listening; /* -1: it does not accept yet */
    int last_signal;
    bool gone;
} played[PROCESSES];
static unsigned nplayed;
static bool slow;   /* they do not accept */
static bool broken; /* they cannot be run */

static struct control control;
static struct channel *parent_side;
static struct channel *edge_side;
static char edge_list[1024]; /* the last EDGE_INSTANCES */
static unsigned busy_port;   /* the edge has a request under way with it */

/* ---- the parent ---- */

static void listen_on(struct played *p)
{
    struct addr a = addr_from_ip((struct ip){ 4, { 127, 0, 0, 1 } }, (uint16_t)p->port);
    int on = 1;

    p->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(p->listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* A connection of some other program may have been given this port for a moment. */
    for (int i = 0; bind(p->listening, &a.any, a.len) == -1; i++)
        MUST(errno == EADDRINUSE && i < 500 && poll(NULL, 0, 20) == 0);
    MUST(listen(p->listening, 16) == 0);
}

static void on_run(struct channel *c, struct message *m, void *arg)
{
    struct played *p = &played[nplayed];
    struct process_spec spec;
    struct arena a;
    struct buf b;

    (void)arg;
    if (broken) {
        channel_send(c, LIFE_NOT_RUN, m->id, STR("no such program"), NULL, 0);
        return;
    }
    MUST(nplayed < PROCESSES);
    arena_init(&a, 4096);
    MUST(process_spec_unpack(m->body, &a, &spec));
    memset(p, 0, sizeof(*p));
    p->number = spec.number;
    p->listening = -1;
    snprintf(p->label, sizeof(p->label), "%s", spec.label);
    snprintf(p->note, sizeof(p->note), "%s", spec.note);
    for (char **e = spec.environment; *e != NULL; e++)
        if (sscanf(*e, "PORT=%u", &p->port) != 1)
            sscanf(*e, "GREETING=%31s", p->greeting);
    arena_free(&a);
    if (!slow)
        listen_on(p);
    nplayed++;
    buf_init(&b, 64);
    pack_u64(&b, 1000 + nplayed);
    channel_send(c, LIFE_RUNNING, m->id, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

static void end(struct played *p, int status)
{
    struct buf b;

    p->gone = true;
    if (p->listening >= 0)
        close(p->listening);
    buf_init(&b, 64);
    pack_u64(&b, p->number);
    pack_u32(&b, (uint32_t)status);
    channel_send(parent_side, LIFE_EXITED, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

static void on_signal(struct channel *c, struct message *m, void *arg)
{
    struct unpack u = unpack_from(m->body);
    uint64_t number = unpack_u64(&u);

    (void)c;
    (void)arg;
    for (unsigned i = 0; i < nplayed; i++)
        if (played[i].number == number && !played[i].gone) {
            played[i].last_signal = (int)unpack_u32(&u);
            end(&played[i], played[i].last_signal);
        }
}

static const struct message_rule parent_hears[] = {
    { LIFE_RUN, "run", CHANNEL_BODY_MAX, 0, on_run },
    { LIFE_SIGNAL, "signal", 12, 0, on_signal },
    { 0 },
};

/* ---- the edge ---- */

static void on_instances(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    (void)arg;
    snprintf(edge_list, sizeof(edge_list), "%.*s", STR_ARG(m->body));
}

static void on_status(struct channel *c, struct message *m, void *arg)
{
    char text[256];
    int fd;

    (void)arg;
    snprintf(text, sizeof(text),
        busy_port > 0 ? "{\"leaving\":[{\"service\":\"app\",\"address\":\"127.0.0.1:%u\"}]}"
                      : "{\"leaving\":[]}",
        busy_port);
    fd = fd_memory("status", text, strlen(text));
    channel_send(c, EDGE_DATA, m->id, STR_NONE, &fd, 1);
    close(fd);
}

static const struct message_rule edge_hears[] = {
    { EDGE_INSTANCES, "instances", CHANNEL_BODY_MAX, 0, on_instances },
    { EDGE_STATUS, "status", 0, 0, on_status },
    { 0 },
};

/* ---- control ---- */

static void on_answer(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    (void)arg;
    asks_answered(&control.asks, m);
}

static void on_exited(struct channel *c, struct message *m, void *arg)
{
    struct unpack u = unpack_from(m->body);
    uint64_t number = unpack_u64(&u);

    (void)c;
    (void)arg;
    origins_exited(control.origins, number, (int)unpack_u32(&u));
}

static const struct message_rule control_hears[] = {
    { LIFE_RUNNING, "running", 8, 0, on_answer },
    { LIFE_NOT_RUN, "not_run", 1024, 0, on_answer },
    { LIFE_EXITED, "exited", 12, 0, on_exited },
    { EDGE_DATA, "data", 0, 1, on_answer },
    { 0 },
};

static void start(void)
{
    int life[2];
    int edge[2];

    memset(&control, 0, sizeof(control));
    control.loop = loop_new();
    asks_init(&control.asks, control.loop);
    MUST(channel_pair(life) == 0 && channel_pair(edge) == 0);
    control.life = channel_new(control.loop, life[0], control_hears, NULL, NULL);
    parent_side = channel_new(control.loop, life[1], parent_hears, NULL, NULL);
    control.edge = channel_new(control.loop, edge[0], control_hears, NULL, NULL);
    edge_side = channel_new(control.loop, edge[1], edge_hears, NULL, NULL);
    control.origins = origins_new(&control);
    nplayed = 0;
    slow = false;
    broken = false;
    busy_port = 0;
    edge_list[0] = '\0';
}

static bool all_stopped;

static void stopped(void *arg)
{
    (void)arg;
    all_stopped = true;
}

static void finish(void)
{
    all_stopped = false;
    origins_stop_all(control.origins, stopped, NULL);
    while (!all_stopped)
        loop_once(control.loop, 50);
    for (unsigned i = 0; i < nplayed; i++)
        CHECK(played[i].gone);
    origins_free(control.origins);
    channel_free(control.life);
    channel_free(control.edge);
    channel_free(parent_side);
    channel_free(edge_side);
    loop_free(control.loop);
}

static struct blueprint *run_with(unsigned instances, const char *greeting, unsigned port)
{
    struct problems problems;
    struct blueprint *b;
    struct buf text;

    buf_init(&text, 4096);
    buf_printf(&text,
        "{\"listeners\":{\"m\":\"127.0.0.1:1\"},\"services\":{\"app\":{\"run\":{\"command\":[\"x\"],"
        "\"instances\":%u,\"port\":%u,\"environment\":{\"GREETING\":\"%s\"},\"restart_backoff\":\"10ms\","
        "\"start_timeout\":\"%s\",\"stop_timeout\":\"60s\"}}},\"routes\":[{\"to\":\"app\"}]}",
        instances, port, greeting, slow ? "1s" : "60s");
    b = blueprint_from_canonical(buf_as_str(&text), &problems);
    for (size_t i = 0; i < problems.n; i++)
        fprintf(stderr, "%s\n", problems.at[i].text);
    MUST(b != NULL);
    problems_free(&problems);
    buf_free(&text);
    return b;
}

static bool ready;
static struct err ready_err;

static void on_ready(void *arg, const struct err *err)
{
    (void)arg;
    ready = true;
    ready_err = err != NULL ? *err : (struct err){ 0 };
}

static void prepare(const struct blueprint *b)
{
    ready = false;
    origins_prepare(control.origins, b, on_ready, NULL);
    while (!ready)
        loop_once(control.loop, 50);
}

static void apply(struct blueprint *b)
{
    prepare(b);
    CHECK(ready_err.kind == ERR_NONE);
    origins_follow(control.origins, b);
    origins_send_all(control.origins, control.edge);
    blueprint_unref(b);
}

static bool edge_has(const struct played *p)
{
    char address[32];

    snprintf(address, sizeof(address), "\"127.0.0.1:%u\"", p->port);
    return strstr(edge_list, address) != NULL;
}

static unsigned running(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < nplayed; i++)
        n += !played[i].gone;
    return n;
}

static void until_played(unsigned n)
{
    while (nplayed < n)
        loop_once(control.loop, 50);
}

static void until_edge_has(const struct played *p, bool has)
{
    while (edge_has(p) != has)
        loop_once(control.loop, 50);
}

/* ---- cases ---- */

static void they_start_and_the_edge_is_told(void)
{
    start();
    apply(run_with(2, "a", 0));
    CHECK_U64(nplayed, 2);
    CHECK_STR(str_from(played[0].label), "app/1");
    CHECK_STR(str_from(played[1].label), "app/2");
    CHECK(played[0].port != 0 && played[0].port != played[1].port);
    until_edge_has(&played[0], true);
    until_edge_has(&played[1], true);
    finish();
}

static void what_did_not_change_lives_on(void)
{
    start();
    apply(run_with(2, "a", 0));
    apply(run_with(3, "a", 0));
    CHECK_U64(nplayed, 3);
    CHECK_U64(running(), 3);
    apply(run_with(1, "a", 0));
    until_edge_has(&played[2], false);
    while (running() > 1)
        loop_once(control.loop, 50);
    CHECK(!played[0].gone);
    CHECK(played[1].last_signal == SIGTERM);
    finish();
}

static void the_new_is_up_before_the_old_goes(void)
{
    start();
    apply(run_with(1, "a", 0));
    until_edge_has(&played[0], true);
    busy_port = played[0].port;
    apply(run_with(1, "b", 0));
    CHECK_U64(nplayed, 2);
    CHECK_STR(str_from(played[1].greeting), "b");
    until_edge_has(&played[1], true);
    until_edge_has(&played[0], false);
    for (unsigned i = 0; i < 10; i++) /* it has a request: it may finish it */
        loop_once(control.loop, 30);
    CHECK(!played[0].gone);
    busy_port = 0;
    while (!played[0].gone)
        loop_once(control.loop, 50);
    CHECK(played[0].last_signal == SIGTERM);
    CHECK(!played[1].gone);
    finish();
}

static void one_that_dies_comes_back(void)
{
    start();
    apply(run_with(1, "a", 0));
    until_edge_has(&played[0], true);
    end(&played[0], 1 << 8);
    until_played(2);
    until_edge_has(&played[0], false);
    until_edge_has(&played[1], true);
    CHECK_U64(origins_restarts(control.origins, STR("app/1")), 1);
    finish();
}

static void a_change_that_does_not_come_up_is_undone(void)
{
    struct blueprint *b;

    start();
    apply(run_with(1, "a", 0));
    slow = true;
    b = run_with(1, "b", 0);
    prepare(b);
    CHECK_STR(str_from(ready_err.id), "origin_slow");
    origins_forget(control.origins);
    blueprint_unref(b);
    while (running() > 1)
        loop_once(control.loop, 50);
    CHECK(!played[0].gone && edge_has(&played[0]));
    broken = true;
    b = run_with(1, "c", 0);
    prepare(b);
    CHECK_STR(str_from(ready_err.id), "run_failed");
    CHECK(strstr(ready_err.text, "no such program") != NULL);
    origins_forget(control.origins);
    blueprint_unref(b);
    CHECK(!played[0].gone && edge_has(&played[0]));
    finish();
}

/* A port that is free now, and the next one, most likely. */
static unsigned two_ports(void)
{
    struct addr a = addr_from_ip((struct ip){ 4, { 127, 0, 0, 1 } }, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned port;

    MUST(bind(fd, &a.any, a.len) == 0 && getsockname(fd, &a.any, &a.len) == 0);
    port = addr_port(&a);
    close(fd);
    return port < 65000 ? port : 64000;
}

static void on_ports_of_their_own_they_go_one_by_one(void)
{
    unsigned port = two_ports();

    start();
    apply(run_with(2, "a", port));
    CHECK(played[0].port == port && played[1].port == port + 1);
    until_edge_has(&played[1], true);
    apply(run_with(2, "b", port));
    while (nplayed < 4) {
        CHECK(running() >= 1);
        loop_once(control.loop, 50);
    }
    CHECK_STR(str_from(played[2].greeting), "b");
    CHECK_STR(str_from(played[3].greeting), "b");
    CHECK(played[2].port != played[3].port);
    until_edge_has(&played[2], true);
    until_edge_has(&played[3], true);
    CHECK_U64(running(), 2);
    finish();
}

static void a_new_control_takes_them_over(void)
{
    struct blueprint *b;

    start();
    b = run_with(2, "a", 0);
    apply(blueprint_ref(b));
    /* The next control knows what the parent tells it. */
    origins_free(control.origins);
    control.origins = origins_new(&control);
    edge_list[0] = '\0';
    for (unsigned i = 0; i < 2; i++)
        origins_adopt(control.origins, played[i].number, 1, str_from(played[i].note));
    origins_adopt(control.origins, 99, 1, STR("nonsense"));
    apply(b);
    CHECK_U64(nplayed, 2);
    until_edge_has(&played[0], true);
    until_edge_has(&played[1], true);
    finish();
}

/* Neither up nor failed: when it is stopped by hand, the apply need not wait for it. */
static void one_that_is_stopped_is_not_waited_for(void)
{
    struct blueprint *b;
    struct err err;

    start();
    b = run_with(1, "a", 0);
    apply(blueprint_ref(b));
    close(played[0].listening);
    played[0].listening = -1;
    origins_free(control.origins);
    control.origins = origins_new(&control);
    origins_adopt(control.origins, played[0].number, 1, str_from(played[0].note));
    ready = false;
    origins_prepare(control.origins, b, on_ready, NULL);
    CHECK(!ready);
    CHECK(origins_act(control.origins, STR("app"), 1, ORIGIN_STOP, &err) == 0);
    CHECK(ready && ready_err.kind == ERR_NONE);
    origins_follow(control.origins, b);
    blueprint_unref(b);
    finish();
}

static void by_hand(void)
{
    struct err err;

    start();
    apply(run_with(1, "a", 0));
    until_edge_has(&played[0], true);
    CHECK(origins_act(control.origins, STR("app"), 2, ORIGIN_STOP, &err) == -1);
    CHECK_STR(str_from(err.id), "origin_unknown");
    CHECK(origins_act(control.origins, STR("ap"), 1, ORIGIN_STOP, &err) == -1);
    CHECK(origins_act(control.origins, STR("app"), 1, ORIGIN_STOP, &err) == 0);
    while (!played[0].gone)
        loop_once(control.loop, 50);
    CHECK(!edge_has(&played[0]));
    while (origins_act(control.origins, STR("app"), 1, ORIGIN_KILL, &err) == 0)
        loop_once(control.loop, 50);
    CHECK_STR(str_from(err.id), "origin_state");
    apply(run_with(1, "a", 0)); /* an apply does not start what was stopped by hand */
    CHECK_U64(nplayed, 1);
    CHECK(origins_act(control.origins, STR("app"), 1, ORIGIN_START, &err) == 0);
    until_played(2);
    until_edge_has(&played[1], true);
    CHECK(origins_act(control.origins, STR("app"), 1, ORIGIN_RESTART, &err) == 0);
    until_played(3);
    until_edge_has(&played[2], true);
    CHECK(played[1].last_signal == SIGTERM);
    CHECK(origins_act(control.origins, STR("app"), 1, ORIGIN_KILL, &err) == 0);
    until_played(4);
    CHECK(played[2].last_signal == SIGKILL);
    until_edge_has(&played[3], true);
    finish();
}

TESTS(CASE(they_start_and_the_edge_is_told), CASE(what_did_not_change_lives_on),
    CASE(the_new_is_up_before_the_old_goes), CASE(one_that_dies_comes_back),
    CASE(a_change_that_does_not_come_up_is_undone), CASE(on_ports_of_their_own_they_go_one_by_one),
    CASE(a_new_control_takes_them_over), CASE(one_that_is_stopped_is_not_waited_for), CASE(by_hand))
