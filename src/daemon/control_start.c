/*
 * control_start - what control does once: it reads the blueprint, tells the parent its plan, takes
 * the admin socket, applies, and says that it serves.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/admin.h"
#include "daemon/control_int.h"
#include "daemon/pack.h"
#include "daemon/problem_text.h"
#include "daemon/role.h"
#include "daemon/say.h"

enum { ADMIN_BACKLOG = 64, ADMIN_MODE = 0600, PROBLEMS_MAX = 4 << 20, RETRY_AFTER = 1000 };

static void print_problems(const struct problems *p, bool json)
{
    struct buf b;

    buf_init(&b, PROBLEMS_MAX);
    if (json) {
        struct json j;

        json_init(&j, &b, false);
        json_open(&j, NULL, '{');
        problem_json(p, &j, "problems");
        json_close(&j, '}');
        buf_char(&b, '\n');
    } else {
        problem_text(p, &b);
    }
    if (fd_write_all(STDERR_FILENO, b.data, b.len) == -1)
        b.len = 0; /* nobody to tell */
    buf_free(&b);
}

/* There is no loop yet: the parent hears it, and this process ends. */
void control_give_up(int code)
{
    unsigned char body[4] = { (unsigned char)code, 0, 0, 0 };

    channel_send_now(ROLE_LIFELINE, LIFE_FAILED, 0, (struct str){ (char *)body, 4 }, NULL, 0);
    _exit(code);
}

static struct version *load_file(struct control *c)
{
    struct blueprint_options options = {
        .environment = c->start.environment[0] != '\0' ? c->start.environment : NULL,
        .state = c->start.state_given ? c->start.state : NULL,
    };
    struct problems problems;
    struct blueprint *b = blueprint_load(c->start.path, &options, &problems);

    if (problems.n > 0)
        print_problems(&problems, c->start.json);
    problems_free(&problems);
    if (b == NULL)
        control_give_up(2);
    return version_new(b, b->source.len > 0 ? b->source.at : c->start.path, c->start.environment);
}

/* What a former control had live; the file may have changed since, and that was not applied. */
static struct version *load_applied(struct control *c)
{
    auto_free char *path = xasprintf("%s/control/applied.json", c->start.state);
    struct version *v;
    struct err err;

    v = version_load(path, &err);
    if (v == NULL)
        say("%s; control reads %s instead", err.text, c->start.path);
    return v;
}

struct version *control_load(struct control *c)
{
    struct version *v = c->start.again ? load_applied(c) : NULL;

    return v != NULL ? v : load_file(c);
}

void control_send_plan(const struct plan *p)
{
    struct buf b;

    buf_init(&b, START_BODY_MAX);
    plan_pack(p, &b);
    if (channel_send_now(ROLE_LIFELINE, LIFE_PLAN, 0, buf_as_str(&b), NULL, 0) == -1)
        _exit(1);
    buf_free(&b);
}

static void send_ready(struct control *c)
{
    struct buf words;
    struct buf json;
    struct buf body;

    buf_init(&words, CHANNEL_BODY_MAX / 2 - 16);
    buf_init(&json, CHANNEL_BODY_MAX / 2 - 16);
    ready_write(c, &words, &json);
    buf_init(&body, CHANNEL_BODY_MAX);
    pack_str(&body, buf_as_str(&words));
    pack_str(&body, buf_as_str(&json));
    pack_u32(&body, c->live->blueprint->log.to == LOG_STDOUT);
    channel_send(c->life, LIFE_READY, 0, buf_as_str(&body), NULL, 0);
    buf_free(&words);
    buf_free(&json);
    buf_free(&body);
}

static void fail_start(struct control *c, int code)
{
    unsigned char body[4] = { (unsigned char)code, 0, 0, 0 };

    channel_send(c->life, LIFE_FAILED, 0, (struct str){ (char *)body, 4 }, NULL, 0);
}

static void started(void *arg, const struct apply_result *result)
{
    struct control *c = arg;

    if (result->ok) {
        send_ready(c);
        return;
    }
    say("%s", result->err.text);
    if (c->start.again)
        pulse_set(&c->retry, RETRY_AFTER); /* the edge serves on meanwhile */
    else
        fail_start(c, err_exit_code(&result->err));
}

static void start_applying(struct control *c, struct version *v)
{
    struct apply_request first = { .path = v->path,
        .environment = v->environment,
        .loaded = blueprint_ref(v->blueprint),
        .applied = v->applied };

    version_free(c->former);
    c->former = v;
    apply_start(c, &first, started, c);
}

struct beginning {
    struct ask ask; /* must stay first */
    struct control *control;
    struct version *version;
};

static void retry(struct pulse *p)
{
    struct control *c = list_item(p, struct control, retry);

    if (c->live == NULL && c->applying == NULL && !c->draining)
        start_applying(c, control_load(c));
}

static void admin_bound(struct ask *a, struct message *m)
{
    struct beginning *b = (struct beginning *)(void *)a;
    struct control *c = b->control;

    if (m == NULL || m->type != LIFE_BOUND || m->nfds != 1) {
        if (m != NULL)
            say("another Weir may be running with this state folder: %.*s", STR_ARG(m->body));
        fail_start(c, 1);
        free(b);
        return;
    }
    admin_listen(c->admin, m->fds[0]);
    m->fds[0] = -1;
    start_applying(c, b->version);
    free(b);
}

/* The admin socket first: who cannot have it is the second Weir on this state folder. */
void control_begin(struct control *c, struct version *v)
{
    struct beginning *b = xcalloc(1, sizeof(*b));
    auto_free char *address = control_admin_address(c);

    pulse_init(&c->retry, c->loop, retry);
    b->control = c;
    b->version = v;
    deliver_ask_socket(c, &b->ask,
        &(struct listener_wish){ .address = str_from(address),
            .backlog = ADMIN_BACKLOG,
            .count = 1,
            .mode = ADMIN_MODE },
        admin_bound);
}
