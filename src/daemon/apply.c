/*
 * apply - a new blueprint, all of it or nothing.
 *
 * Steps in order; each may ask other processes, and the next begins when all
 * answers are there.  Nothing that serves changes before the edge has taken the
 * configuration in the last step, so that a failure anywhere leaves what is
 * live as it is.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/admin.h"
#include "daemon/control_int.h"
#include "daemon/origins.h"
#include "daemon/pack.h"
#include "daemon/resolver.h"
#include "daemon/say.h"
#include "keeper/messages.h"

enum {
    ISSUE_TIMEOUT = 60000,
    EDGE_TIMEOUT = 30000,
    EDGES_LOST_MAX = 3,
    EXPIRES_SOON_DAYS = 14,
    DAY = 24 * 3600,
    CLOCK_SKEW = 300,
};

struct step_ask {   /* one question of a step; freed with its answer */
    struct ask ask; /* must stay first */
    struct apply *apply;
    size_t index;     /* of the certificate or service */
    struct buf *into; /* where a file goes */
    const char *what; /* "certificate", "service": for the sentence */
    struct str name;
};

struct apply {
    struct control *control;
    struct version *next;
    struct problems problems;
    unsigned step;
    unsigned pending;
    bool failed;
    bool waits_for_edge;
    unsigned edges_lost;
    struct timer edge_timer;
    int metrics_fd;
    struct err err;
    usec_t began;
    void (*done)(void *arg, const struct apply_result *result);
    void *arg;
};

static void advance(struct apply *a);

static void fail(struct apply *a, const struct err *err)
{
    if (!a->failed)
        a->err = *err;
    a->failed = true;
}

static void one_done(struct apply *a)
{
    if (--a->pending == 0)
        advance(a);
}

/* ---- questions ---- */

static struct step_ask *new_ask(struct apply *a, size_t index, const char *what, struct str name)
{
    struct step_ask *s = xcalloc(1, sizeof(*s));

    s->apply = a;
    s->index = index;
    s->what = what;
    s->name = name;
    a->pending++;
    return s;
}

static void answered(struct step_ask *s)
{
    struct apply *a = s->apply;

    free(s);
    one_done(a);
}

/* Every refusal is a sentence; this says of what. */
static void refused(struct step_ask *s, const struct message *m, enum err_kind kind, const char *id)
{
    struct err err;

    if (m != NULL)
        err_set(&err, kind, id, "%s %.*s: %.*s", s->what, STR_ARG(s->name), STR_ARG(m->body));
    else
        err_set(&err, ERR_PEER, id, "%s %.*s: no answer came in time; try again", s->what,
            STR_ARG(s->name));
    fail(s->apply, &err);
}

/* ---- step: sockets ---- */

static void bound(struct ask *ask, struct message *m)
{
    struct step_ask *s = (struct step_ask *)(void *)ask;

    if (m == NULL || m->type != LIFE_BOUND) {
        refused(s, m, ERR_PEER, "listen_failed");
    } else {
        struct unpack u = unpack_from(m->body);

        if (unpack_u32(&u) > 0) {
            ask_again(ask, ASK_TIMEOUT);
            return;
        }
        if (strcmp(s->what, "metrics") == 0 && s->apply->metrics_fd < 0 && m->nfds > 0) {
            s->apply->metrics_fd = m->fds[0];
            m->fds[0] = -1;
        }
    }
    answered(s);
}

static void bind_sockets(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->nlisteners; i++)
        deliver_ask_socket(a->control, &new_ask(a, i, "listener", b->listeners[i].name)->ask,
            b->listeners[i].address_text, b->listeners[i].backlog, 0666, bound);
    if (b->metrics.on && b->metrics.address_text.len > 0)
        deliver_ask_socket(a->control, &new_ask(a, 0, "metrics", b->metrics.address_text)->ask,
            b->metrics.address_text, 64, 0666, bound);
}

/* ---- step: local certificates ---- */

static void read_file(struct step_ask *s, struct message *m)
{
    struct err err;

    if (fd_read_all(m->fds[0], s->into, &err) == -1) {
        err_wrap(&err, "%s %.*s", s->what, STR_ARG(s->name));
        fail(s->apply, &err);
    }
}

static void issued(struct ask *ask, struct message *m)
{
    struct step_ask *s = (struct step_ask *)(void *)ask;

    if (m == NULL || m->type != LIFE_ISSUED || m->nfds != 1)
        refused(s, m, ERR_PEER, "issue_failed");
    else
        read_file(s, m);
    answered(s);
}

static void issue(struct apply *a)
{
    struct str names[] = { STR("localhost"), STR("127.0.0.1"), STR("::1") };
    const struct strs here = { names, sizeof(names) / sizeof(names[0]) };
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->ncertificates; i++) {
        const struct certificate *c = &b->certificates[i];
        const struct strs *hosts = c->hosts.n > 0 ? &c->hosts : &here;
        struct step_ask *s;
        struct buf body;

        if (!c->local)
            continue;
        buf_init(&body, 32768);
        pack_str(&body, c->name);
        for (size_t k = 0; k < hosts->n; k++)
            pack_str(&body, hosts->at[k]);
        s = new_ask(a, i, "certificate", c->name);
        s->into = &a->next->certificates[i].chain;
        ask_put(&a->control->asks, &s->ask,
            &(struct question){ .over = body.over ? NULL : a->control->life,
                .type = LIFE_ISSUE,
                .body = buf_as_str(&body),
                .timeout = ISSUE_TIMEOUT },
            issued);
        buf_free(&body);
    }
}

/* ---- step: files ---- */

static void opened(struct ask *ask, struct message *m)
{
    struct step_ask *s = (struct step_ask *)(void *)ask;

    if (m == NULL || m->type != LIFE_FILE || m->nfds != 1)
        refused(s, m, ERR_CONFIG, "file_open");
    else
        read_file(s, m);
    answered(s);
}

static void open_file(
    struct apply *a, const char *what, struct str name, struct str path, struct buf *into)
{
    struct step_ask *s;
    struct buf body;

    if (path.len == 0)
        return;
    s = new_ask(a, 0, what, name);
    s->into = into;
    buf_init(&body, 8192);
    pack_str(&body, path);
    ask_put(&a->control->asks, &s->ask,
        &(struct question){ .over = body.over ? NULL : a->control->life,
            .type = LIFE_OPEN_FILE,
            .body = buf_as_str(&body),
            .timeout = ASK_TIMEOUT },
        opened);
    buf_free(&body);
}

static void read_system_ca(struct apply *a)
{
    static const char *const paths[] = { "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem" };
    struct err err;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (fd_read_file(paths[i], &a->next->system_ca, &err) == 0)
            return;
    err_set(&err, ERR_CONFIG, "system_ca",
        "a service verifies TLS, but this machine has no list of authorities: install "
        "ca-certificates, or give the service `tls.ca`");
    fail(a, &err);
}

static void read_files(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;
    bool system_ca = false;

    for (size_t i = 0; i < b->ncertificates; i++) {
        const struct certificate *c = &b->certificates[i];

        if (!c->local)
            open_file(a, "certificate", c->name, c->chain, &a->next->certificates[i].chain);
        open_file(a, "certificate", c->name, c->ocsp, &a->next->certificates[i].ocsp);
    }
    for (size_t i = 0; i < b->nservices; i++) {
        const struct origin_tls *tls = &b->services[i].tls;

        if (tls->on && tls->verify && tls->ca.len == 0)
            system_ca = true;
        if (tls->on)
            open_file(a, "service", b->services[i].name, tls->ca, &a->next->authorities[i]);
    }
    if (system_ca)
        read_system_ca(a);
}

/* ---- step: certificates are what they should be ---- */

/* Told of, never a reason not to serve: the other names still have theirs, and a start that fails
 * in the night helps nobody. */
static void look_at_dates(const struct certificate *c, const struct tls_certificate_info *info)
{
    int64_t now = (int64_t)(time_wall_usec() / 1000000);
    const char *what = c->chain.at != NULL ? c->chain.at : "it";
    int64_t days = (info->not_after - now) / DAY;

    if (info->not_after <= now)
        say("certificate %s expired %lld days ago, clients will refuse it: renew %s, then run "
            "\"weir apply\"",
            c->name.at, (long long)-days, what);
    else if (info->not_before > now + CLOCK_SKEW)
        say("certificate %s is not valid yet, for %lld hours: is this machine's clock right?",
            c->name.at, (long long)((info->not_before - now) / 3600));
    else if (days < EXPIRES_SOON_DAYS)
        say("certificate %s expires in %lld days: renew %s, then run \"weir apply\"", c->name.at,
            (long long)days, what);
}

static void inspect(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;
    struct err err;

    for (size_t i = 0; i < b->ncertificates; i++) {
        struct version_certificate *c = &a->next->certificates[i];

        if (tls_inspect(buf_as_str(&c->chain), &c->info, &err) == -1) {
            err_wrap(&err, "certificate %s", b->certificates[i].name.at);
            fail(a, &err);
        } else {
            look_at_dates(&b->certificates[i], &c->info);
        }
    }
}

/* ---- step: keys ---- */

static void key_answered(struct ask *ask, struct message *m)
{
    struct step_ask *s = (struct step_ask *)(void *)ask;
    struct apply *a = s->apply;
    struct err err;

    if (m == NULL || m->type != KEEPER_KEY_LOADED || m->body.len < TLS_KEY_ID) {
        refused(s, m, ERR_CONFIG, "key_refused");
    } else if (memcmp(m->body.at, a->next->certificates[s->index].info.key_id, TLS_KEY_ID) != 0) {
        const struct certificate *c = &a->next->blueprint->certificates[s->index];

        err_set(&err, ERR_CONFIG, "key_mismatch",
            "certificate %s: the key in %s does not belong to the certificate in %s", c->name.at,
            c->key.at, c->chain.at);
        fail(a, &err);
    }
    answered(s);
}

static void load_keys(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->ncertificates; i++)
        deliver_key(a->control, &new_ask(a, i, "certificate", b->certificates[i].name)->ask,
            &b->certificates[i], key_answered);
}

/* ---- steps: origin processes, names ---- */

static void origins_ready(void *arg, const struct err *err)
{
    struct apply *a = arg;

    /* At the start an origin that does not come up is tried again and again meanwhile; a change
     * that brings one is refused. */
    if (err != NULL && a->control->live == NULL)
        say("%s", err->text);
    else if (err != NULL)
        fail(a, err);
    one_done(a);
}

static void start_origins(struct apply *a)
{
    a->pending++;
    origins_prepare(a->control->origins, a->next->blueprint, origins_ready, a);
}

static void names_ready(void *arg)
{
    one_done(arg);
}

static void look_up_names(struct apply *a)
{
    a->pending++;
    resolver_prepare(a->control->resolver, a->next->blueprint, names_ready, a);
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
        fail(a, err);
    one_done(a);
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
    fail(a, &err);
    one_done(a);
}

/* ---- the whole ---- */

static void (*const steps[])(struct apply *a) = {
    bind_sockets,
    issue,
    read_files,
    inspect,
    load_keys,
    look_up_names,
    start_origins,
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
    admin_follow(c->admin, take_fd(a->metrics_fd), c->live->blueprint->metrics.address_text);
    forget_keys(c, old);
    deliver_keep(c, c->live);
    version_free(old);
}

static void end(struct apply *a)
{
    struct control *c = a->control;
    struct apply_result result = { .problems = &a->problems };

    timer_cancel(c->loop, &a->edge_timer);
    c->applying = NULL;
    if (a->failed) {
        c->applies_refused++;
        if (a->next != NULL) { /* not for a blueprint that could not even be read */
            origins_forget(c->origins);
            resolver_forget(c->resolver);
            deliver_keep(c, c->live);
        }
        /* The edge may hold sockets of listeners that were never opened. */
        if (c->live != NULL && c->edge != NULL && a->step == sizeof(steps) / sizeof(steps[0]))
            apply_edge_attached(c);
        if (a->metrics_fd >= 0)
            close(a->metrics_fd);
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
    if (first == NULL)
        err_set(&err, ERR_CONFIG, "blueprint_refused", "the blueprint cannot be read");
    else if (first->line > 0)
        err_set(&err, ERR_CONFIG, "blueprint_refused", "%s:%u:%u: %s", first->file, first->line,
            first->column, first->text);
    else
        err_set(&err, ERR_CONFIG, "blueprint_refused", "%s: %s", first->file, first->text);
    fail(a, &err);
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
    a->metrics_fd = -1;
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
    char name[64];
};

static void key_restored(struct ask *ask, struct message *m)
{
    struct key_again *k = (struct key_again *)(void *)ask;

    if (m == NULL)
        say("certificate %s: the new keeper did not take its key", k->name);
    else if (m->type != KEEPER_KEY_LOADED)
        say("certificate %s: %.*s", k->name, STR_ARG(m->body));
    free(k);
}

void apply_keeper_attached(struct control *c)
{
    const struct blueprint *b = c->live != NULL ? c->live->blueprint : NULL;

    for (size_t i = 0; b != NULL && i < b->ncertificates; i++) {
        struct key_again *k = xcalloc(1, sizeof(*k));

        memcpy(k->name, b->certificates[i].name.at,
            b->certificates[i].name.len < sizeof(k->name) ? b->certificates[i].name.len
                                                          : sizeof(k->name) - 1);
        deliver_key(c, &k->ask, &b->certificates[i], key_restored);
    }
}
