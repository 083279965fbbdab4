/*
 * origins - which instances there are, which of them the edge may use; see origins.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/hands.h"
#include "daemon/origins_int.h"
#include "daemon/say.h"

enum { RENEW_EVERY = HANDS_TOKEN_TTL / 4 * 1000 };

static void renew_tokens(struct timer *t)
{
    struct origins *o = list_item(t, struct origins, renew);
    struct control *c = o->control;

    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->accessor != NULL)
            hands_renew(c, i->accessor);
    }
    timer_set(c->loop, t, loop_now(c->loop) + RENEW_EVERY);
}

struct origins *origins_new(struct control *c)
{
    struct origins *o = xcalloc(1, sizeof(*o));

    o->control = c;
    list_init(&o->instances);
    origins_leave_init(o);
    timer_init(&o->renew, renew_tokens);
    timer_set(c->loop, &o->renew, loop_now(c->loop) + RENEW_EVERY);
    return o;
}

void origins_free(struct origins *o)
{
    if (o == NULL)
        return;
    list_each (it, after, &o->instances)
        instance_free(list_item(it, struct instance, link));
    timer_cancel(o->control->loop, &o->renew);
    ask_cancel(&o->looking);
    pulse_free(&o->look);
    free(o);
}

/* ---- what the edge knows ---- */

/* Until a blueprint is live, a service has the processes that were made for it alone. */
static bool is_used(const struct origins *o, const struct instance *i)
{
    if (i->state != INSTANCE_UP)
        return false;
    if (i->live || !i->next)
        return i->live;
    list_each (it, after, &o->instances) {
        struct instance *other = list_item(it, struct instance, link);

        if (other->live && strcmp(other->service, i->service) == 0)
            return false;
    }
    return true;
}

static void send_service(struct origins *o, struct channel *edge, const char *service)
{
    struct buf b;
    struct json j;

    buf_init(&b, CHANNEL_BODY_MAX);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "service", service);
    json_open(&j, "addresses", '[');
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        char address[32];

        if (strcmp(i->service, service) != 0 || !is_used(o, i))
            continue;
        snprintf(address, sizeof(address), "127.0.0.1:%u", i->port);
        json_put_text(&j, NULL, address);
    }
    json_close(&j, ']');
    json_close(&j, '}');
    if (!b.over)
        channel_send(edge, EDGE_INSTANCES, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

void origins_changed(struct origins *o, const char *service)
{
    if (o->control->edge != NULL && !o->control->edge_fresh)
        send_service(o, o->control->edge, service);
}

void origins_send_all(struct origins *o, struct channel *edge)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        bool first = true;

        for (struct list *l = o->instances.next; l != &i->link && first; l = l->next)
            first = strcmp(list_item(l, struct instance, link)->service, i->service) != 0;
        if (first)
            send_service(o, edge, i->service);
    }
}

/* ---- preparing ---- */

/* spec NULL: whatever it is.  One that was given other versions of its secrets is not the same. */
static struct instance *find(
    struct origins *o, struct str service, unsigned index, const struct run_spec *spec)
{
    uint64_t secrets = spec != NULL ? hands_versions(o->control, spec) : 0;

    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        bool same = spec == NULL || (i->spec->hash == spec->hash &&
                                        (secrets == 0 || i->secrets == 0 || i->secrets == secrets));

        if (str_is(service, i->service) && i->index == index && same &&
            i->state != INSTANCE_LEAVING && i->state != INSTANCE_ENDING)
            return i;
    }
    return NULL;
}

static void want(struct origins *o, const struct service *s, unsigned index)
{
    struct run_spec *spec = run_spec_new(&s->run);
    struct instance *i = find(o, s->name, index, spec);

    if (i != NULL) {
        i->next = true;
        if (i->state == INSTANCE_WAITING &&
            i->said != NULL) /* for the keeper, which may be open now */
            instance_start(i);
        if (i->later == NULL) { /* the same but perhaps for its timeouts */
            run_spec_free(i->spec);
            i->spec = spec;
            return;
        }
        run_spec_free(spec);
        return;
    }
    if (s->run.port > 0 && (i = find(o, s->name, index, NULL)) != NULL) {
        run_spec_free(i->later); /* there can be only one on the port: replaced once this is live */
        i->later = spec;
        i->next = true;
        return;
    }
    i = instance_new(o, s->name, index, spec);
    i->next = true;
    i->fresh = true;
    instance_start(i);
}

static void report(struct origins *o)
{
    void (*ready)(void *arg, const struct err *err) = o->ready;

    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->fresh)
            return;
    }
    if (ready == NULL)
        return;
    o->ready = NULL;
    ready(o->ready_arg, o->failed ? &o->err : NULL);
}

void origins_settled(struct origins *o, const struct err *err)
{
    if (err != NULL && !o->failed) {
        o->failed = true;
        o->err = *err;
    }
    report(o);
}

void origins_prepare(struct origins *o, const struct blueprint *b,
    void (*ready)(void *arg, const struct err *err), void *arg)
{
    o->failed = false;
    o->ready = NULL; /* not before all have been looked at */
    for (size_t k = 0; k < b->nservices; k++)
        for (unsigned n = 1; n <= b->services[k].run.instances; n++)
            if (b->services[k].run.command.n > 0)
                want(o, &b->services[k], n);
    o->ready = ready;
    o->ready_arg = arg;
    report(o);
}

void origins_forget(struct origins *o)
{
    o->ready = NULL;
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        bool only_next = i->next && !i->live;

        i->next = false;
        i->fresh = false;
        run_spec_free(i->later);
        i->later = NULL;
        if (only_next)
            instance_stop(i, true);
    }
}

/* ---- live ---- */

/* Does the service have an instance under way that will be up, or will have failed, soon? */
static bool is_moving(const struct origins *o, const char *service)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (strcmp(i->service, service) == 0 && i->live &&
            (i->again || i->state == INSTANCE_ASKED || i->state == INSTANCE_STARTING))
            return true;
    }
    return false;
}

void origins_roll(struct origins *o)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->later == NULL || !i->live || i->next || is_moving(o, i->service))
            continue;
        i->again = true;
        instance_stop(i, false);
    }
}

void origins_follow(struct origins *o, const struct blueprint *b)
{
    (void)b;
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        i->live = i->next;
        i->next = false;
    }
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        origins_changed(o, i->service);
    }
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (!i->live)
            instance_stop(i, false);
    }
    origins_roll(o);
}

static void check_stopped(struct origins *o)
{
    void (*stopped)(void *arg) = o->stopped;

    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->state != INSTANCE_STOPPED)
            return;
    }
    if (stopped == NULL)
        return;
    o->stopped = NULL;
    stopped(o->stopped_arg);
}

void origins_gone(struct instance *i)
{
    struct origins *o = i->all;

    if (!i->live && !i->next)
        instance_free(i);
    check_stopped(o);
}

void origins_stop_all(struct origins *o, void (*done)(void *arg), void *arg)
{
    o->ready = NULL;
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        i->held = true;
        i->again = false;
        i->live = true; /* stays in the list until all are gone */
        instance_stop(i, true);
    }
    o->stopped = done;
    o->stopped_arg = arg;
    check_stopped(o);
}

void origins_exited(struct origins *o, uint64_t number, int status)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->number == number) {
            instance_died(i, status);
            return;
        }
    }
}

void origins_adopt(struct origins *o, uint64_t number, uint64_t pid, struct str note)
{
    struct str rest;
    struct str service = str_cut(note, ' ', &rest);
    struct str index_text = str_cut(rest, ' ', &rest);
    struct str port_text = str_cut(rest, ' ', &rest);
    struct str hash_text = str_cut(rest, ' ', &rest);
    struct str secrets_text = str_cut(rest, ' ', &rest);
    struct run unknown = { .stop_timeout = 10000, .start_timeout = 30000 };
    uint64_t index;
    uint64_t port;
    uint64_t hash;
    uint64_t secrets;
    struct instance *i;

    if (!str_to_u64(index_text, 100000, &index) || !str_to_u64(port_text, 65535, &port) ||
        !str_to_u64(hash_text, UINT64_MAX, &hash) ||
        !str_to_u64(secrets_text, UINT64_MAX, &secrets)) {
        say("an origin process of a former control cannot be recognised");
        return;
    }
    i = instance_new(o, service, (unsigned)index, run_spec_new(&unknown));
    i->spec->hash = hash;
    i->secrets = secrets;
    i->accessor = str_is(rest, "-") ? NULL : xstrndup(rest.at, rest.len);
    i->live = true;
    i->fresh = true; /* the edge has it in its list: wait until it is known to be up */
    instance_adopt(i, number, pid, (unsigned)port, true);
}

/* ---- by hand ---- */

static struct instance *find_live(struct origins *o, struct str service, unsigned index)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->live && i->index == index && str_is(service, i->service))
            return i;
    }
    return NULL;
}

static bool has_service(const struct origins *o, struct str service)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        if (i->live && str_is(service, i->service))
            return true;
    }
    return false;
}

int origins_act(struct origins *o, struct str service, unsigned instance,
    enum origins_action action, struct err *err)
{
    struct instance *i = find_live(o, service, instance);

    if (i == NULL && has_service(o, service))
        return err_set(err, ERR_CONFIG, "origin_unknown", "service %.*s has no instance %u",
            STR_ARG(service), instance);
    if (i == NULL)
        return err_set(err, ERR_CONFIG, "origin_unknown",
            "there is no service %.*s that Weir runs (one with `run:`); \"weir origin\" lists them",
            STR_ARG(service));
    switch (action) {
    case ORIGIN_STOP:
        i->held = true;
        i->again = false;
        instance_stop(i, false);
        if (i->fresh) { /* nobody is to wait for it any more */
            i->fresh = false;
            origins_settled(o, NULL);
        }
        break;
    case ORIGIN_START:
        if (i->state == INSTANCE_LEAVING || i->state == INSTANCE_ENDING)
            i->again = true;
        else if (i->state == INSTANCE_STOPPED || i->state == INSTANCE_WAITING)
            instance_start(i);
        break;
    case ORIGIN_RESTART:
        i->again = true;
        instance_stop(i, false);
        break;
    case ORIGIN_KILL:
        if (i->pid == 0)
            return err_set(err, ERR_CONFIG, "origin_state", "%s/%u does not run (it is %s)",
                i->service, i->index, instance_state_word(i));
        instance_kill(i);
        break;
    }
    return 0;
}

/* ---- what is said of them ---- */

void origins_json(const struct origins *o, struct json *j, const char *key)
{
    json_open(j, key, '[');
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);
        char name[256];
        char address[32];
        char since[32];

        snprintf(name, sizeof(name), "%s/%u", i->service, i->index);
        snprintf(address, sizeof(address), "127.0.0.1:%u", i->port);
        time_format_rfc3339(i->since, since);
        json_open(j, NULL, '{');
        json_put_text(j, "name", name);
        json_put_text(j, "service", i->service);
        json_put_u64(j, "instance", i->index);
        json_put_text(j, "state", instance_state_word(i));
        json_put_str(j, "since", (struct str){ since, 24 });
        json_put_text(j, "address", i->port > 0 ? address : NULL);
        json_put_u64(j, "pid", i->pid);
        json_put_u64(j, "restarts", i->restarts);
        json_close(j, '}');
    }
    json_close(j, ']');
}

uint64_t origins_restarts(const struct origins *o, struct str label)
{
    list_each (it, after, &o->instances) {
        const struct instance *i = list_item(it, struct instance, link);
        char text[128];

        snprintf(text, sizeof(text), "%s/%u", i->service, i->index);
        if (i->live && str_is(label, text))
            return i->restarts;
    }
    return 0;
}

void origins_each_restart(const struct origins *o,
    void (*call)(void *arg, const char *label, bool up, uint64_t restarts), void *arg)
{
    list_each (it, after, &o->instances) {
        struct instance *i = list_item(it, struct instance, link);

        char label[128];

        if (!i->live)
            continue;
        snprintf(label, sizeof(label), "%s/%u", i->service, i->index);
        call(arg, label, i->state == INSTANCE_UP, i->restarts);
    }
}
