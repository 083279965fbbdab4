/*
 * apply_steps - the steps of an apply up to the edge: all that can fail is tried before anything
 * that serves is touched.  See apply.c for their order.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/apply_int.h"
#include "daemon/keep_api.h"
#include "daemon/origins.h"
#include "daemon/pack.h"
#include "daemon/resolver.h"
#include "daemon/say.h"
#include "keeper/messages.h"

enum {
    ISSUE_TIMEOUT = 60000,
    EXPIRES_SOON_DAYS = 14,
    DAY = 24 * 3600,
    CLOCK_SKEW = 300,
    METRICS_BACKLOG = 64,
    UNIX_SOCKET_MODE = 0666,
};

struct step_ask {   /* one question of a step; freed with its answer */
    struct ask ask; /* must stay first */
    struct apply *apply;
    size_t index;     /* of the certificate or service */
    struct buf *into; /* where a file goes */
    const char *what; /* "certificate", "service": for the sentence */
    struct str name;
};

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
    apply_one_done(a);
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
    apply_fail(s->apply, &err);
}

/* ---- step: sockets ---- */

/* The system chooses the port of an address that says 0. */
static void note_port(struct step_ask *s, const struct message *m)
{
    struct addr a = { .len = sizeof(a.un) };

    if (strcmp(s->what, "listener") == 0 && m->nfds > 0 &&
        getsockname(m->fds[0], &a.any, &a.len) == 0)
        s->apply->next->ports[s->index] = addr_port(&a);
}

/* All of them: of the clients of an address, each of its sockets gets some. */
static void keep_metrics(struct apply *a, struct message *m)
{
    for (unsigned i = 0; i < m->nfds && a->nmetrics < LISTENER_SOCKETS_MAX; i++) {
        a->metrics[a->nmetrics++] = m->fds[i];
        m->fds[i] = -1;
    }
}

static void bound(struct ask *ask, struct message *m)
{
    struct step_ask *s = (struct step_ask *)(void *)ask;

    if (m == NULL || m->type != LIFE_BOUND) {
        refused(s, m, ERR_PEER, "listen_failed");
    } else {
        struct unpack u = unpack_from(m->body);

        note_port(s, m);
        if (strcmp(s->what, "keeper") == 0 && m->nfds > 0 && s->index == 0)
            keep_api_note(
                s->apply->control->keep_api, m->fds[0], &s->apply->next->blueprint->keeper);
        if (strcmp(s->what, "metrics") == 0)
            keep_metrics(s->apply, m);
        if (unpack_u32(&u) > 0) {
            ask_again(ask, ASK_TIMEOUT);
            return;
        }
    }
    answered(s);
}

void apply_bind(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->nlisteners; i++)
        deliver_ask_socket(a->control, &new_ask(a, i, "listener", b->listeners[i].name)->ask,
            &(struct listener_wish){ .address = b->listeners[i].address_text,
                .backlog = b->listeners[i].backlog,
                .count = a->control->plan.workers,
                .mode = UNIX_SOCKET_MODE },
            bound);
    /* Whether they can be had; the vault gets them once this is live. */
    if (b->keeper.on && a->control->plan.keeper) {
        auto_free char *own = control_keeper_address(a->control);
        const struct listener_wish wishes[] = {
            { b->keeper.listen_text, KEEP_API_BACKLOG, 1, UNIX_SOCKET_MODE },
            { str_from(own), KEEP_API_BACKLOG, 1, KEEP_API_MODE },
        };

        for (size_t i = 0; i < 2; i++)
            deliver_ask_socket(a->control, &new_ask(a, i, "keeper", b->keeper.listen_text)->ask,
                &wishes[i], bound);
    }
    if (b->metrics.on && b->metrics.address_text.len > 0)
        deliver_ask_socket(a->control, &new_ask(a, 0, "metrics", b->metrics.address_text)->ask,
            &(struct listener_wish){ .address = b->metrics.address_text,
                .backlog = METRICS_BACKLOG,
                .count = 1, /* control has one loop */
                .mode = UNIX_SOCKET_MODE },
            bound);
}

/* ---- step: local certificates ---- */

static void read_file(struct step_ask *s, struct message *m)
{
    struct err err;

    if (fd_read_all(m->fds[0], s->into, &err) == -1) {
        err_wrap(&err, "%s %.*s", s->what, STR_ARG(s->name));
        apply_fail(s->apply, &err);
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

void apply_issue(struct apply *a)
{
    struct str names[] = { STR("localhost"), STR("127.0.0.1"), STR("::1") };
    const struct strs here = { names, sizeof(names) / sizeof(names[0]) };
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->ncertificates; i++) {
        const struct certificate *c = &b->certificates[i];
        const struct strs *hosts = c->hosts.n > 0 ? &c->hosts : &here;
        struct step_ask *s;
        struct buf body;

        if (!a->next->certificates[i].local)
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
    apply_fail(a, &err);
}

void apply_read_files(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;
    bool system_ca = false;

    for (size_t i = 0; i < b->ncertificates; i++) {
        const struct certificate *c = &b->certificates[i];

        if (c->chain.len > 0)
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

void apply_inspect(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;
    struct err err;

    for (size_t i = 0; i < b->ncertificates; i++) {
        struct version_certificate *c = &a->next->certificates[i];

        if (tls_inspect(buf_as_str(&c->chain), &c->info, &err) == -1) {
            err_wrap(&err, "certificate %s", b->certificates[i].name.at);
            apply_fail(a, &err);
        } else if (!c->kept) { /* the keeper renews its own */
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
        apply_fail(a, &err);
    }
    answered(s);
}

void apply_load_keys(struct apply *a)
{
    const struct blueprint *b = a->next->blueprint;

    for (size_t i = 0; i < b->ncertificates; i++)
        if (!a->next->certificates[i].kept)
            deliver_key(a->control, &new_ask(a, i, "certificate", b->certificates[i].name)->ask,
                &b->certificates[i], a->next->certificates[i].local, key_answered);
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
        apply_fail(a, err);
    apply_one_done(a);
}

void apply_start_origins(struct apply *a)
{
    a->pending++;
    origins_prepare(a->control->origins, a->next->blueprint, origins_ready, a);
}

static void names_ready(void *arg)
{
    apply_one_done(arg);
}

void apply_look_up_names(struct apply *a)
{
    a->pending++;
    resolver_prepare(a->control->resolver, a->next->blueprint, names_ready, a);
}
