/*
 * role_control - the life of the control role; see control_int.h.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/admin.h"
#include "daemon/control_int.h"
#include "daemon/keep_api.h"
#include "daemon/keeping.h"
#include "daemon/log_ask.h"
#include "daemon/origins.h"
#include "daemon/pack.h"
#include "daemon/resolver.h"
#include "daemon/role.h"
#include "daemon/say.h"
#include "daemon/surroundings.h"
#include "keeper/messages.h"

/* ms; local certificates are renewed in time */
enum { UPKEEP_EVERY = 6 * 3600 * 1000, UPKEEP_LEAST = 1000, UPKEEP_AGAIN = 60000 };

char *control_state_path(const struct control *c, const char *name)
{
    return xasprintf("%s/%s", c->plan.state, name);
}

char *control_admin_address(const struct control *c)
{
    return xasprintf("unix:%s/admin.sock", c->plan.state);
}

char *control_keeper_address(const struct control *c)
{
    return xasprintf("unix:%s/keeper.sock", c->plan.state);
}

void control_send_status(struct control *c, bool reloading, const char *text)
{
    struct buf b;

    buf_init(&b, LIFE_SENTENCE_MAX);
    pack_u32(&b, reloading);
    pack_text(&b, text);
    if (c->live != NULL)
        channel_send(c->life, LIFE_STATUS, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

/* ---- stopping ---- */

struct draining {
    struct ask ask; /* must stay first */
    struct control *control;
    void (*done)(void *arg);
    void *arg;
};

static void all_stopped(void *arg)
{
    struct draining *d = arg;

    if (d->done != NULL)
        d->done(d->arg);
    channel_send(d->control->life, LIFE_STOPPED, 0, STR_NONE, NULL, 0);
    free(d);
}

static void drained(struct ask *a, struct message *m)
{
    struct draining *d = (struct draining *)(void *)a;

    if (m == NULL)
        say("the edge did not say that it has drained");
    origins_stop_all(d->control->origins, all_stopped, d);
}

void control_drain(struct control *c, msec_t timeout, void (*done)(void *arg), void *arg)
{
    struct draining *d = xcalloc(1, sizeof(*d));
    uint64_t body = timeout;

    c->draining = true;
    deliver_keep(c, NULL);
    d->control = c;
    d->done = done;
    d->arg = arg;
    ask_put(&c->asks, &d->ask,
        &(struct question){ .over = c->edge,
            .type = EDGE_DRAIN,
            .body = (struct str){ (const char *)&body, sizeof(body) },
            .timeout = timeout + ASK_TIMEOUT },
        drained);
}

/* ---- what the edge says ---- */

static void on_answer(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;

    (void)ch;
    asks_answered(&c->asks, m);
}

static void rotated(void *arg, int fd, const struct err *err)
{
    struct control *c = arg;

    if (err != NULL)
        say("%s; requests go on, and the log with them in the old file", err->text);
    else
        log_give(c, &c->live->blueprint->log, fd);
}

static void on_log_rotate(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;

    (void)ch;
    (void)m;
    if (c->live != NULL)
        log_ask(c, &c->live->blueprint->log, true, rotated, c);
}

static void on_event(struct channel *ch, struct message *m, void *arg)
{
    (void)ch;
    (void)arg;
    say("%.*s", STR_ARG(m->body));
}

static const struct message_rule from_edge[] = {
    { EDGE_OK, "ok", CHANNEL_BODY_MAX, 0, on_answer },
    { EDGE_REFUSED, "refused", CHANNEL_BODY_MAX, 0, on_answer },
    { EDGE_DATA, "data", CHANNEL_BODY_MAX, 1, on_answer },
    { EDGE_LOG_ROTATE, "log_rotate", 0, 0, on_log_rotate },
    { EDGE_EVENT, "event", CHANNEL_BODY_MAX, 0, on_event },
    { 0 },
};

static void edge_closed(struct channel *ch, void *arg)
{
    struct control *c = arg;

    if (c->edge == ch)
        c->edge = NULL;
    asks_gone(&c->asks, ch);
    channel_free(ch);
}

/* ---- what the keeper says ---- */

static void on_keeper_changed(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;

    (void)ch;
    keeping_changed(c->keeping, m->body);
}

static const struct message_rule from_keeper[] = {
    { KEEPER_KEY_LOADED, "key_loaded", 256, 0, on_answer },
    { KEEPER_KEY_REFUSED, "key_refused", CHANNEL_BODY_MAX, 0, on_answer },
    { KEEPER_KEYS, "keys", CHANNEL_BODY_MAX, 0, on_answer },
    { KEEPER_ORDERED, "ordered", CHANNEL_BODY_MAX, 0, on_answer },
    { KEEPER_HANDED, "handed", 256, 1, on_answer },
    { KEEPER_NOT_HANDED, "not_handed", CHANNEL_BODY_MAX, 0, on_answer },
    { KEEPER_OBSERVED, "observed", CHANNEL_BODY_MAX, 0, on_answer },
    { KEEPER_CHANGED, "changed", CHANNEL_BODY_MAX, 0, on_keeper_changed },
    { 0 },
};

static void keeper_closed(struct channel *ch, void *arg)
{
    struct control *c = arg;

    if (c->keeper == ch) {
        c->keeper = NULL;
        keeping_attached(c->keeping);
    }
    asks_gone(&c->asks, ch);
    channel_free(ch);
}

/* ---- what the vault says ---- */

static const struct message_rule from_vault[] = {
    { VAULT_OK, "ok", 0, 0, on_answer },
    { VAULT_REFUSED, "refused", LIFE_SENTENCE_MAX, 0, on_answer },
    { 0 },
};

static void vault_closed(struct channel *ch, void *arg)
{
    struct control *c = arg;

    if (c->vault == ch)
        c->vault = NULL;
    asks_gone(&c->asks, ch);
    channel_free(ch);
}

/* ---- what the parent says ---- */

static void replace(struct control *c, struct channel **at, struct channel *now)
{
    struct channel *old = *at;

    *at = now;
    if (old == NULL)
        return;
    asks_gone(&c->asks, old);
    channel_free(old);
}

static void on_attach(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;
    uint32_t peer;
    uint32_t served;

    (void)ch;
    MUST(role_unpack_attach(m, &peer, &served));
    if (peer == ROLE_EDGE) {
        replace(c, &c->edge, channel_new(c->loop, m->fds[0], from_edge, edge_closed, c));
        c->edge_fresh = served == 0;
        apply_edge_attached(c);
    } else if (peer == ROLE_KEEPER) {
        replace(c, &c->keeper, channel_new(c->loop, m->fds[0], from_keeper, keeper_closed, c));
        keeping_attached(c->keeping);
        apply_keeper_attached(c);
    } else if (peer == ROLE_VAULT) {
        replace(c, &c->vault, channel_new(c->loop, m->fds[0], from_vault, vault_closed, c));
        keep_api_attached(c->keep_api);
    } else {
        BUG("control has no such peer");
    }
    m->fds[0] = -1;
}

static void on_process(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;
    struct unpack u = unpack_from(m->body);
    uint64_t number = unpack_u64(&u);
    uint64_t pid = unpack_u64(&u);
    struct str note = unpack_str(&u);

    (void)ch;
    if (unpack_done(&u))
        origins_adopt(c->origins, number, pid, note);
}

static void on_exited(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;
    struct unpack u = unpack_from(m->body);
    uint64_t number = unpack_u64(&u);
    int status = (int)unpack_u32(&u);

    (void)ch;
    if (unpack_done(&u))
        origins_exited(c->origins, number, status);
}

static void reapplied(void *arg, const struct apply_result *result)
{
    (void)arg;
    if (result->ok)
        say("applied %s again", result->version->path);
    else
        say("the blueprint was not applied, the old one stays: %s", result->err.text);
}

static void on_apply(struct channel *ch, struct message *m, void *arg)
{
    struct apply_request again = { 0 };

    (void)ch;
    (void)m;
    apply_start(arg, &again, reapplied, NULL);
}

static void on_drain(struct channel *ch, struct message *m, void *arg)
{
    struct control *c = arg;
    msec_t timeout = c->live != NULL ? c->live->blueprint->client.drain_timeout : 0;

    (void)ch;
    (void)m;
    if (!c->draining)
        control_drain(c, timeout, NULL, NULL);
}

static const struct message_rule from_parent[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { LIFE_BOUND, "BOUND", 4, CHANNEL_FDS_MAX, on_answer },
    { LIFE_NOT_BOUND, "NOT_BOUND", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_NO_KEY, "NO_KEY", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_FILE, "FILE", 0, 1, on_answer },
    { LIFE_NO_FILE, "NO_FILE", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_LOG, "LOG", 0, 1, on_answer },
    { LIFE_NO_LOG, "NO_LOG", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_RUNNING, "RUNNING", 8, 0, on_answer },
    { LIFE_NOT_RUN, "NOT_RUN", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_PROCESS, "PROCESS", CHANNEL_BODY_MAX, 0, on_process },
    { LIFE_EXITED, "EXITED", 12, 0, on_exited },
    { LIFE_ISSUED, "ISSUED", 0, 1, on_answer },
    { LIFE_NOT_ISSUED, "NOT_ISSUED", LIFE_SENTENCE_MAX, 0, on_answer },
    { LIFE_USAGE, "USAGE", CHANNEL_BODY_MAX, 0, on_answer },
    { LIFE_APPLY, "APPLY", 0, 0, on_apply },
    { LIFE_DRAIN, "DRAIN", 0, 0, on_drain },
    { 0 },
};

/* ---- upkeep ---- */

static void kept_up(void *arg, const struct apply_result *result)
{
    struct control *c = arg;

    if (result->ok)
        return;
    say("certificates could not be looked after: %s", result->err.text);
    timer_set(c->loop, &c->upkeep, loop_now(c->loop) + UPKEEP_AGAIN);
}

/* What is live, once more: local certificates that grow old are issued again on the way, and
 * files that were renewed are read. */
static void upkeep(struct timer *t)
{
    struct control *c = list_item(t, struct control, upkeep);

    if (c->applying != NULL) { /* it may have looked before what is to be looked at */
        timer_set(c->loop, &c->upkeep, loop_now(c->loop) + UPKEEP_LEAST);
        return;
    }
    if (c->live != NULL && c->applying == NULL && !c->draining) {
        struct apply_request same = { .path = c->live->path,
            .environment = c->live->environment,
            .canonical = c->live->blueprint->canonical };

        timer_set(c->loop, &c->upkeep, loop_now(c->loop) + UPKEEP_EVERY);
        apply_start(c, &same, kept_up, c);
        return;
    }
    timer_set(c->loop, &c->upkeep, loop_now(c->loop) + UPKEEP_EVERY);
}

void control_upkeep_at(struct control *c, int64_t when)
{
    int64_t wait = when * 1000 - (int64_t)(time_wall_usec() / 1000);

    if (wait < UPKEEP_EVERY)
        timer_set(c->loop, &c->upkeep,
            loop_now(c->loop) + (wait > UPKEEP_LEAST ? (msec_t)wait : UPKEEP_LEAST));
}

static void tickets_changed(struct tickets *t)
{
    struct control *c = list_item(t, struct control, tickets);

    if (c->edge != NULL)
        channel_send(c->edge, EDGE_TICKETS, 0, tickets_all(t), NULL, 0);
}

int role_control(void)
{
    struct control c = { 0 };
    struct version *v;
    struct err err;

    arena_init(&c.arena, 4096);
    role_receive_start(&c.arena, &c.start);
    v = control_load(&c);
    if (surroundings_plan(v, &c.arena, &c.plan, &err) == -1 ||
        surroundings_make_folders(v, &c.plan, &err) == -1) {
        say("%s", err.text);
        control_give_up(err_exit_code(&err));
    }
    surroundings_enter_sandbox(v, &c.plan);
    control_send_plan(&c.plan);

    c.loop = loop_new();
    asks_init(&c.asks, c.loop);
    tickets_init(&c.tickets, c.loop, tickets_changed);
    c.origins = origins_new(&c);
    c.resolver = resolver_new(&c);
    c.keeping = keeping_new(&c);
    c.keep_api = keep_api_new(&c);
    c.admin = admin_new(&c);
    c.life = channel_new(c.loop, ROLE_LIFELINE, from_parent, role_lifeline_closed, &c);
    timer_init(&c.upkeep, upkeep);
    timer_set(c.loop, &c.upkeep, loop_now(c.loop) + UPKEEP_EVERY);
    control_begin(&c, v);
    loop_run(c.loop);
    return 0;
}
