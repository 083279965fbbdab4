/*
 * apply - a new blueprint, all of it or nothing.
 *
 * Steps in order; each may ask other processes, and the next begins when all
 * answers are there.  Nothing that serves changes before the edge has taken the
 * configuration in the last step, so that a failure anywhere leaves what is
 * live as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/mem.h"
#include "daemon/admin.h"
#include "daemon/apply_int.h"
#include "daemon/keep_api.h"
#include "daemon/origins.h"
#include "daemon/resolver.h"
#include "daemon/say.h"
#include "keeper/messages.h"

enum { EDGE_TIMEOUT = 30000, EDGES_LOST_MAX = 3 };

static void advance(struct apply *a);

void apply_fail(struct apply *a, const struct err *err)
{
    if (!a->failed)
        a->err = *err;
    a->failed = true;
}

void apply_one_done(struct apply *a)
{
    if (--a->pending == 0)
        advance(a);
}

/* ---- step: the edge ---- */

static void delivered(void *arg, const struct err *err);

static void deliver_when_there(struct apply *a)
{
    struct control *c = a->control;

    if (c->edge != NULL) {
        deliver(c, a->next, delivered, a);
    } else {
        a->waits_for_edge = true;
        timer_set(c->loop, &a->edge_timer, loop_now(c->loop) + EDGE_TIMEOUT);
    }
}

static void delivered(void *arg, const struct err *err)
{
    struct apply *a = arg;

    /* At the start there is nothing to go back to: the next edge may fare better. */
    if (err != NULL && a->control->live == NULL && strcmp(err->id, "edge_gone") == 0 &&
        ++a->edges_lost < EDGES_LOST_MAX) {
        deliver_when_there(a);
        return;
    }
    if (err != NULL)
        apply_fail(a, err);
    apply_one_done(a);
}

static void give_to_edge(struct apply *a)
{
    a->pending++;
    deliver_when_there(a);
}

static void no_edge(struct timer *t)
{
    struct apply *a = list_item(t, struct apply, edge_timer);
    struct err err;

    a->waits_for_edge = false;
    err_set(&err, ERR_PEER, "edge_gone", "the edge does not start; see what was said on stderr");
    apply_fail(a, &err);
    apply_one_done(a);
}

/* ---- the whole ---- */

static void (*const steps[])(struct apply *a) = {
    apply_bind,
    apply_keep,
    apply_issue,
    apply_read_files,
    apply_inspect,
    apply_load_keys,
    apply_look_up_names,
    apply_start_origins,
    give_to_edge,
};

static msec_t ticket_rotation(const struct blueprint *b)
{
    msec_t least = 0;

    for (size_t i = 0; i < b->nlisteners; i++) {
        msec_t t = b->listeners[i].tls.on ? b->listeners[i].tls.ticket_rotation : 0;

        if (t > 0 && (least == 0 || t < least))
            least = t;
    }
    return least;
}

/* Keys that no live certificate has. */
static void forget_keys(struct control *c, const struct version *old)
{
    for (size_t i = 0; old != NULL && i < old->blueprint->ncertificates; i++) {
        const uint8_t *id = old->certificates[i].info.key_id;
        bool used = false;

        for (size_t k = 0; k < c->live->blueprint->ncertificates; k++)
            used = used || memcmp(c->live->certificates[k].info.key_id, id, TLS_KEY_ID) == 0;
        if (!used && c->keeper != NULL)
            channel_send(
                c->keeper, KEEPER_FORGET, 0, (struct str){ (const char *)id, TLS_KEY_ID }, NULL, 0);
    }
}

static void commit(struct apply *a)
{
    struct control *c = a->control;
    struct version *old = c->live;
    auto_free char *saved = control_state_path(c, "control/applied.json");
    struct err err;

    if (a->next->applied == 0)
        a->next->applied = time_wall_usec();
    c->live = a->next;
    a->next = NULL;
    if (version_save(c->live, saved, &err) == -1)
        say("%s; a restarted control would go on with the blueprint before this one", err.text);
    origins_follow(c->origins, c->live->blueprint);
    resolver_follow(c->resolver, c->live->blueprint);
    tickets_set_rotation(&c->tickets, ticket_rotation(c->live->blueprint));
    admin_follow(c->admin, a->metrics, a->nmetrics, c->live->blueprint->metrics.address_text);
    a->nmetrics = 0;
    forget_keys(c, old);
    deliver_keep(c, c->live);
    keep_api_follow(c->keep_api);
    version_free(c->former);
    c->former = NULL;
    if (c->live->renew > 0)
        control_upkeep_at(c, c->live->renew);
    version_free(old);
}

static void end(struct apply *a)
{
    struct control *c = a->control;
    struct apply_result result = { .problems = &a->problems };

    timer_cancel(c->loop, &a->edge_timer);
    c->applying = NULL;
    if (a->failed) {
        c->applies_refused += !a->unreadable;
        if (a->next != NULL) { /* not for a blueprint that could not even be read */
            origins_forget(c->origins);
            resolver_forget(c->resolver);
        }
        /* A control that is new and has nothing live yet does not know what the edge has. */
        if (a->next != NULL && c->live != NULL)
            deliver_keep(c, c->live);
        /* The edge may hold sockets of listeners that were never opened. */
        if (c->live != NULL && c->edge != NULL && a->step == sizeof(steps) / sizeof(steps[0]))
            apply_edge_attached(c);
        for (unsigned i = 0; i < a->nmetrics; i++)
            close(a->metrics[i]);
    } else {
        commit(a);
        c->applies_ok++;
    }
    result.ok = !a->failed;
    result.err = a->err;
    result.version = c->live;
    result.took = time_usec() - a->began;
    control_send_status(c, false, a->failed ? "serving; the last apply was refused" : "serving");
    a->done(a->arg, &result);
    version_free(a->next);
    problems_free(&a->problems);
    free(a);
}

static void advance(struct apply *a)
{
    while (a->pending == 0 && !a->failed && a->step < sizeof(steps) / sizeof(steps[0])) {
        a->pending++; /* so that answers inside the step do not come back here */
        steps[a->step++](a);
        a->pending--;
    }
    if (a->pending == 0)
        end(a);
}

static struct blueprint *load(
    struct control *c, const struct apply_request *r, const char *path, struct apply *a)
{
    struct blueprint_options options = {
        .environment = r->environment,
        .state = c->start.state_given ? c->start.state : NULL,
    };

    if (r->loaded != NULL)
        return r->loaded;
    if (r->canonical.len > 0)
        return blueprint_from_canonical(r->canonical, &a->problems);
    return blueprint_load(path, &options, &a->problems);
}

/* What only a start can change is said, not refused. */
static void say_what_needs_a_start(const struct control *c, const struct blueprint *b)
{
    if (strcmp(b->state.at, c->plan.state) != 0)
        say("`state` has changed to %s; that takes a new start (weir stop, weir serve)",
            b->state.at);
    if (b->workers != 0 && b->workers != c->plan.workers)
        say("`workers` has changed to %u; that takes a new start (weir stop, weir serve)",
            b->workers);
}

static void fail_with_problems(struct apply *a)
{
    const struct problem *first = NULL;
    struct err err;

    for (size_t i = 0; i < a->problems.n && first == NULL; i++)
        if (!a->problems.at[i].warning)
            first = &a->problems.at[i];
    a->unreadable = first != NULL && strcmp(first->id, "blueprint_open") == 0;
    if (first == NULL)
        err_set(&err, ERR_CONFIG, "blueprint_refused", "the blueprint cannot be read");
    else if (first->line > 0)
        err_set(&err, ERR_CONFIG, "blueprint_refused", "%s:%u:%u: %s", first->file, first->line,
            first->column, first->text);
    else
        err_set(&err, ERR_CONFIG, "blueprint_refused", "%s: %s", first->file, first->text);
    apply_fail(a, &err);
}

void apply_start(struct control *c, const struct apply_request *request,
    void (*done)(void *arg, const struct apply_result *result), void *arg)
{
    struct apply_request r = *request;
    struct apply *a = xcalloc(1, sizeof(*a));
    const char *path = r.path;
    struct blueprint *b;

    a->control = c;
    a->done = done;
    a->arg = arg;
    a->began = time_usec();
    timer_init(&a->edge_timer, no_edge);
    if (path == NULL) {
        path = c->live != NULL ? c->live->path : c->start.path;
        r.environment = c->live != NULL ? c->live->environment : r.environment;
    }
    if (c->applying != NULL || c->draining) {
        struct apply_result busy = { .problems = &a->problems, .version = c->live };

        err_set(&busy.err, ERR_LIMIT, c->draining ? "draining" : "apply_busy",
            c->draining ? "this Weir is stopping" : "another apply is under way; try again");
        blueprint_unref(r.loaded);
        done(arg, &busy);
        free(a);
        return;
    }
    c->applying = a;
    control_send_status(c, c->live != NULL, "applying");
    b = load(c, &r, path, a);
    if (b == NULL) {
        fail_with_problems(a);
    } else {
        a->next = version_new(b, path, r.environment);
        a->next->applied = r.applied;
        if (c->live != NULL)
            say_what_needs_a_start(c, b);
    }
    advance(a);
}

/* ---- roles that come back ---- */

static void restored(void *arg, const struct err *err)
{
    struct control *c = arg;

    if (err != NULL)
        say("the edge was not given the blueprint: %s", err->text);
    (void)c;
}

void apply_edge_attached(struct control *c)
{
    struct apply *a = c->applying;

    if (a != NULL && a->waits_for_edge) {
        a->waits_for_edge = false;
        timer_cancel(c->loop, &a->edge_timer);
        deliver(c, a->next, delivered, a);
    } else if (c->live != NULL) {
        deliver(c, c->live, restored, c);
    }
}

struct key_again {
    struct ask ask; /* must stay first */
    struct control *control;
    uint8_t id[TLS_KEY_ID]; /* of the certificate that is live */
    char name[80];
};

static void key_restored(struct ask *ask, struct message *m)
{
    struct key_again *k = (struct key_again *)(void *)ask;

    if (m == NULL)
        say("certificate %s: the new keeper did not take its key", k->name);
    else if (m->type != KEEPER_KEY_LOADED || m->body.len < TLS_KEY_ID)
        say("certificate %s: %.*s", k->name, STR_ARG(m->body));
    else if (memcmp(m->body.at, k->id, TLS_KEY_ID) != 0) /* renewed on disk, not applied yet */
        timer_set(k->control->loop, &k->control->upkeep, loop_now(k->control->loop));
    free(k);
}

void apply_keeper_attached(struct control *c)
{
    const struct blueprint *b = c->live != NULL ? c->live->blueprint : NULL;

    for (size_t i = 0; b != NULL && i < b->ncertificates; i++) {
        struct key_again *k;

        if (c->live->certificates[i].kept)
            continue; /* its own; it says when it is open, and then all is applied again */
        k = xcalloc(1, sizeof(*k));
        k->control = c;
        memcpy(k->id, c->live->certificates[i].info.key_id, sizeof(k->id));
        snprintf(k->name, sizeof(k->name), "%s", b->certificates[i].name.at);
        deliver_key(c, &k->ask, &b->certificates[i], c->live->certificates[i].local, key_restored);
    }
}
