/*
 * instance - the life of one origin process; the picture is in origins.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/hash.h"
#include "base/mem.h"
#include "daemon/hands.h"
#include "daemon/keep_api.h"
#include "daemon/origins_int.h"
#include "daemon/pack.h"
#include "daemon/processes.h"
#include "daemon/say.h"

enum {
    PROBE_EVERY = 20, /* ms between tries to connect to a process that starts */
    HEALTHY_FOR = 60, /* seconds up after which the backoff begins anew */
};

/* ---- specification ---- */

static uint64_t mix(uint64_t hash, const char *text)
{
    uint64_t pair[2] = { hash, hash_stable(text, strlen(text)) };

    return hash_stable(pair, sizeof(pair));
}

static void add_wishes(struct run_spec *s, const struct run *r)
{
    struct arena *a = &s->arena;

    s->wishes = arena_calloc(a, r->nsecrets + 1, sizeof(*s->wishes));
    for (size_t i = 0; i < r->nsecrets; i++) {
        const struct managed_secret *m = r->secrets[i].managed;

        if (m == NULL)
            continue;
        s->wishes[s->nwishes++] = (struct hand_wish){
            .variable = arena_strdup(a, r->secrets[i].variable.at),
            .as = r->secrets[i].as,
            .secret = arena_strdup(a, m->name.at),
            .path = arena_printf(a, "%s/data/%s", m->mount.at, m->path.at),
            .field = arena_strdup(a, m->field.at),
        };
    }
    if (r->token.on) {
        struct hand_wish *w = &s->wishes[s->nwishes++];

        w->variable = arena_strdup(a, r->token.variable.at);
        w->as = r->token.as;
        w->policies = arena_calloc(a, r->token.policies.n + 1, sizeof(char *));
        for (size_t i = 0; i < r->token.policies.n; i++)
            w->policies[i] = arena_strdup(a, r->token.policies.at[i].at);
    }
}

static void mix_wishes(struct run_spec *s)
{
    for (unsigned i = 0; i < s->nwishes; i++) {
        const struct hand_wish *w = &s->wishes[i];

        s->hash = mix(mix(s->hash, w->variable), w->as == HAND_ENVIRONMENT ? "environment"
                                                 : w->as == HAND_FILE      ? "file"
                                                                           : "descriptor");
        if (w->secret != NULL)
            s->hash = mix(mix(s->hash, w->path), w->field);
        for (char **p = w->policies; p != NULL && *p != NULL; p++)
            s->hash = mix(s->hash, *p);
    }
}

struct run_spec *run_spec_new(const struct run *r)
{
    struct run_spec *s = xcalloc(1, sizeof(*s));
    char port[16];

    arena_init(&s->arena, 4096);
    s->command = arena_calloc(&s->arena, r->command.n + 1, sizeof(char *));
    s->environment = arena_calloc(&s->arena, r->environment.n + 1, sizeof(char *));
    s->folder = arena_strdup(&s->arena, r->folder.at != NULL ? r->folder.at : "");
    s->user = arena_strdup(&s->arena, r->user.at != NULL ? r->user.at : "");
    s->hash = mix(mix(1, s->folder), s->user);
    for (size_t i = 0; i < r->command.n; i++) {
        s->command[i] = arena_strdup(&s->arena, r->command.at[i].at);
        s->hash = mix(s->hash, s->command[i]);
    }
    for (size_t i = 0; i < r->environment.n; i++) {
        s->environment[i] = arena_printf(&s->arena, "%s=%s", r->environment.at[i].name.at,
            r->environment.at[i].value.at != NULL ? r->environment.at[i].value.at : "");
        s->hash = mix(s->hash, s->environment[i]);
    }
    snprintf(port, sizeof(port), "%u", r->port);
    s->hash = mix(s->hash, port);
    add_wishes(s, r);
    mix_wishes(s);
    s->port = r->port;
    s->start_timeout = r->start_timeout;
    s->stop_timeout = r->stop_timeout;
    s->backoff = r->restart_backoff;
    s->backoff_max = r->restart_backoff_max;
    return s;
}

void run_spec_free(struct run_spec *s)
{
    if (s == NULL)
        return;
    arena_free(&s->arena);
    free(s);
}

/* ---- small things ---- */

static const char *const words[] = {
    [INSTANCE_STOPPED] = "stopped",
    [INSTANCE_ASKED] = "starting",
    [INSTANCE_STARTING] = "starting",
    [INSTANCE_UP] = "up",
    [INSTANCE_WAITING] = "waiting",
    [INSTANCE_LEAVING] = "leaving",
    [INSTANCE_ENDING] = "ending",
};

const char *instance_state_word(const struct instance *i)
{
    return words[i->state];
}

static struct loop *loop_of(const struct instance *i)
{
    return i->all->control->loop;
}

static void enter(struct instance *i, enum instance_state state)
{
    bool was_up = i->state == INSTANCE_UP;

    i->state = state;
    i->since = time_wall_usec();
    if (was_up != (state == INSTANCE_UP))
        origins_changed(i->all, i->service);
}

static void stop_probing(struct instance *i)
{
    pulse_cancel(&i->probe);
    if (i->connecting.fd >= 0) {
        loop_remove(loop_of(i), &i->connecting);
        close(i->connecting.fd);
        i->connecting.fd = -1;
    }
}

static void send_signal(const struct instance *i, int sig)
{
    struct buf b;

    buf_init(&b, 64);
    pack_u64(&b, i->number);
    pack_u32(&b, (uint32_t)sig);
    channel_send(i->all->control->life, LIFE_SIGNAL, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

/* It is up, or has failed to come up: whoever waits for it is told. */
static void settle(struct instance *i, const struct err *err)
{
    if (!i->fresh && err != NULL && (i->said == NULL || strcmp(i->said, err->text) != 0))
        say("%s", err->text);
    free(i->said);
    /* A process that dies again is news each time; a keeper that is still sealed is not. */
    i->said = err != NULL && strcmp(err->id, "keeper_hand") == 0 ? xstrdup(err->text) : NULL;
    if (i->fresh) {
        i->fresh = false;
        origins_settled(i->all, err);
    }
    origins_roll(i->all);
}

/* ---- is it up? ---- */

static void up(struct instance *i)
{
    stop_probing(i);
    pulse_cancel(&i->limit);
    enter(i, INSTANCE_UP);
    settle(i, NULL);
}

static void connect_ended(struct instance *i, int why)
{
    if (why == 0) {
        up(i);
        return;
    }
    stop_probing(i);
    pulse_set(&i->probe, PROBE_EVERY);
}

static void connecting_ready(struct watch_fd *w, unsigned events)
{
    struct instance *i = list_item(w, struct instance, connecting);
    socklen_t len = sizeof(int);
    int why = 0;

    if ((events & (LOOP_WRITE | LOOP_ERROR | LOOP_HANGUP)) == 0)
        return;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &why, &len) == -1)
        why = errno;
    connect_ended(i, why);
}

static void probe(struct pulse *p)
{
    struct instance *i = list_item(p, struct instance, probe);
    struct addr a = addr_from_ip((struct ip){ 4, { 127, 0, 0, 1 } }, (uint16_t)i->port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        pulse_set(&i->probe, PROBE_EVERY);
        return;
    }
    i->connecting.fd = fd;
    if (connect(fd, &a.any, a.len) == 0)
        up(i);
    else if (errno != EINPROGRESS || loop_add(loop_of(i), &i->connecting) == -1)
        connect_ended(i, errno);
}

/* ---- starting ---- */

static int free_port(void)
{
    struct addr a = addr_from_ip((struct ip){ 4, { 127, 0, 0, 1 } }, 0);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, &a.any, a.len) == -1 || getsockname(fd, &a.any, &a.len) == -1)
        return -1;
    return addr_port(&a);
}

static int identity_of(const struct instance *i, struct identity *who, struct err *err)
{
    const struct passwd *pw;

    *who = i->all->control->plan.control;
    if (i->spec->user[0] == '\0')
        return 0;
    pw = getpwnam(i->spec->user);
    if (pw == NULL)
        return err_set(err, ERR_CONFIG, "run_user", "service %s: there is no user %s (`run.user`)",
            i->service, i->spec->user);
    *who = (struct identity){ pw->pw_uid, pw->pw_gid };
    return 0;
}

static bool has_token(const struct instance *i)
{
    return i->spec->nwishes > 0 && i->spec->wishes[i->spec->nwishes - 1].secret == NULL;
}

static char **environment_of(struct instance *i, struct arena *a)
{
    size_t fixed = 4;
    size_t n = 0;
    char **list;

    while (i->spec->environment[n] != NULL)
        n++;
    list = arena_calloc(a, n + 6, sizeof(*list));
    list[0] = arena_printf(a, "PORT=%u", i->port);
    list[1] = arena_strdup(a, "HOST=127.0.0.1");
    list[2] = arena_printf(a, "WEIR_SERVICE=%s", i->service);
    list[3] = arena_printf(a, "WEIR_INSTANCE=%u", i->index);
    if (has_token(i))
        list[fixed++] = arena_printf(a, "VAULT_ADDR=%s", keep_api_url(i->all->control->keep_api));
    memcpy(
        list + fixed, i->spec->environment, n * sizeof(*list)); /* the author has the last word */
    return list;
}

/* Nothing of it runs any more, and nobody wants it to. */
static void ended(struct instance *i)
{
    enter(i, INSTANCE_STOPPED);
    if (i->again)
        instance_start(i);
    else
        origins_gone(i);
}

static void forget_token(struct instance *i)
{
    if (i->accessor != NULL)
        hands_revoke(i->all->control, i->accessor);
    free(i->accessor);
    i->accessor = NULL;
}

static void try_again(struct timer *t)
{
    instance_start(list_item(t, struct instance, backoff));
}

static msec_t backoff_for(const struct instance *i)
{
    msec_t wait = i->spec->backoff;

    for (unsigned k = 1; k < i->failures && wait < i->spec->backoff_max; k++)
        wait *= 2;
    return wait < i->spec->backoff_max ? wait : i->spec->backoff_max;
}

/* It cannot be started, or has died: later, perhaps. */
static void fall_back(struct instance *i, const struct err *err)
{
    stop_probing(i);
    pulse_cancel(&i->limit);
    forget_token(i);
    i->failures++;
    i->pid = 0;
    enter(i, INSTANCE_WAITING);
    timer_set(loop_of(i), &i->backoff, loop_now(loop_of(i)) + backoff_for(i));
    settle(i, err);
}

void instance_end(struct instance *i)
{
    enter(i, INSTANCE_ENDING);
    send_signal(i, SIGTERM);
    pulse_set(&i->limit, i->spec->stop_timeout);
}

static void too_slow(struct pulse *p)
{
    struct instance *i = list_item(p, struct instance, limit);
    struct err err;

    switch (i->state) {
    case INSTANCE_STARTING:
        err_set(&err, ERR_PEER, "origin_slow",
            "%s/%u runs, but accepts no connection on 127.0.0.1:%u within its start_timeout of "
            "%llu ms (it should listen on $PORT); see what it wrote",
            i->service, i->index, i->port, (unsigned long long)i->spec->start_timeout);
        send_signal(i, SIGKILL);
        settle(i, &err);
        break;
    case INSTANCE_LEAVING:
        instance_end(i);
        break;
    case INSTANCE_ENDING:
        say("%s/%u did not end within its stop_timeout of %llu ms: killed", i->service, i->index,
            (unsigned long long)i->spec->stop_timeout);
        send_signal(i, SIGKILL);
        break;
    case INSTANCE_STOPPED:
    case INSTANCE_ASKED:
    case INSTANCE_UP:
    case INSTANCE_WAITING:
        break;
    }
}

static void running(struct ask *a, struct message *m)
{
    struct instance *i = list_item(a, struct instance, run);
    struct unpack u;
    struct err err;

    if (m == NULL || m->type != LIFE_RUNNING) {
        if (m != NULL)
            err_set(&err, ERR_CONFIG, "run_failed", "%.*s", STR_ARG(m->body));
        else
            err_set(&err, ERR_PEER, "run_failed", "%s/%u: the parent does not answer", i->service,
                i->index);
        fall_back(i, &err);
        return;
    }
    u = unpack_from(m->body);
    i->pid = unpack_u64(&u);
    if (i->state != INSTANCE_ASKED) { /* stopped meanwhile */
        enter(i, INSTANCE_ENDING);
        send_signal(i, SIGKILL);
        return;
    }
    i->started = time_nsec();
    enter(i, INSTANCE_STARTING);
    pulse_set(&i->limit, i->spec->start_timeout);
    probe(&i->probe);
}

static void put_values(const struct instance *i, struct process_spec *spec, int *fds)
{
    const struct hands *h = i->hands;

    spec->nvalues = h != NULL ? h->n : 0;
    for (unsigned k = 0; k < spec->nvalues; k++) {
        spec->values[k] = h->values[k];
        fds[k] = h->values[k].fd;
    }
}

/* The note is what a later control knows of it, see origins_adopt(). */
static char *note_of(const struct instance *i, struct arena *a)
{
    return arena_printf(a, "%s %u %u %llu %llu %s", i->service, i->index, i->port,
        (unsigned long long)i->spec->hash, (unsigned long long)i->secrets,
        i->accessor != NULL ? i->accessor : "-");
}

static void start_process(struct instance *i)
{
    struct control *c = i->all->control;
    struct process_spec spec = { 0 };
    int fds[PROCESS_VALUES_MAX];
    struct arena a;
    struct buf body;
    struct err err;

    i->port = i->spec->port > 0 ? i->spec->port + i->index - 1 : (unsigned)free_port();
    if (identity_of(i, &spec.who, &err) == -1) {
        fall_back(i, &err);
        return;
    }
    arena_init(&a, 4096);
    i->number = random_u64();
    spec.number = i->number;
    spec.label = arena_printf(&a, "%s/%u", i->service, i->index);
    spec.note = note_of(i, &a);
    spec.folder = i->spec->folder;
    spec.argv = i->spec->command;
    spec.environment = environment_of(i, &a);
    put_values(i, &spec, fds);
    buf_init(&body, CHANNEL_BODY_MAX);
    process_spec_pack(&spec, &body);
    enter(i, INSTANCE_ASKED);
    ask_put(&c->asks, &i->run,
        &(struct question){ .over = body.over ? NULL : c->life,
            .type = LIFE_RUN,
            .body = buf_as_str(&body),
            .fds = fds,
            .nfds = spec.nvalues,
            .timeout = ASK_TIMEOUT },
        running);
    buf_free(&body);
    arena_free(&a);
}

static void forget_hands(struct instance *i)
{
    hands_free(i->hands);
    i->hands = NULL;
}

/* Its secrets are there, or cannot be had now. */
static void handed(void *arg, const struct err *err)
{
    struct instance *i = arg;
    struct err copy;

    if (i->state != INSTANCE_ASKED) { /* stopped meanwhile */
        hands_revoke(i->all->control, i->hands->accessor);
        forget_hands(i);
        ended(i);
        return;
    }
    if (err != NULL) {
        copy = *err;
        hands_revoke(i->all->control, i->hands->accessor);
        forget_hands(i);
        fall_back(i, &copy);
        return;
    }
    i->accessor = take(i->hands->accessor);
    i->secrets = hands_versions(i->all->control, i->spec);
    start_process(i);
    forget_hands(i);
}

void instance_start(struct instance *i)
{
    struct control *c = i->all->control;

    if (i->later != NULL) {
        run_spec_free(i->spec);
        i->spec = i->later;
        i->later = NULL;
    }
    timer_cancel(c->loop, &i->backoff);
    i->held = false;
    i->again = false;
    i->secrets = 0;
    if (i->spec->nwishes == 0) {
        start_process(i);
        return;
    }
    enter(i, INSTANCE_ASKED);
    i->hands = hands_fetch(c, i->spec, i->service, handed, i);
}

void instance_adopt(struct instance *i, uint64_t number, uint64_t pid, unsigned port, bool wanted)
{
    i->number = number;
    i->pid = pid;
    i->port = port;
    i->started = time_nsec();
    if (!wanted) {
        enter(i, INSTANCE_LEAVING);
        instance_end(i);
        return;
    }
    enter(i, INSTANCE_STARTING); /* it is up at once if it answers */
    pulse_set(&i->limit, i->spec->start_timeout);
    probe(&i->probe);
}

/* ---- ending ---- */

void instance_died(struct instance *i, int status)
{
    bool wanted = i->state == INSTANCE_STARTING || i->state == INSTANCE_UP;
    struct err err;

    stop_probing(i);
    pulse_cancel(&i->limit);
    forget_token(i);
    i->pid = 0;
    if (!wanted) {
        ended(i);
        return;
    }
    if (time_nsec() - i->started > (nsec_t)HEALTHY_FOR * 1000000000)
        i->failures = 0;
    i->restarts++;
    if (WIFSIGNALED(status))
        err_set(&err, ERR_PEER, "origin_died", "%s/%u was killed by signal %d; it starts again",
            i->service, i->index, WTERMSIG(status));
    else
        err_set(&err, ERR_PEER, "origin_died", "%s/%u exited with %d; it starts again", i->service,
            i->index, WEXITSTATUS(status));
    fall_back(i, &err);
}

void instance_stop(struct instance *i, bool at_once)
{
    timer_cancel(loop_of(i), &i->backoff);
    stop_probing(i);
    switch (i->state) {
    case INSTANCE_STOPPED:
    case INSTANCE_WAITING:
        ended(i);
        break;
    case INSTANCE_ASKED:
        enter(i, INSTANCE_LEAVING); /* the answer ends it */
        break;
    case INSTANCE_STARTING:
    case INSTANCE_UP:
        enter(i, INSTANCE_LEAVING);
        if (at_once) {
            instance_end(i);
        } else {
            pulse_set(&i->limit, i->spec->stop_timeout);
            origins_watch_leaving(i->all);
        }
        break;
    case INSTANCE_LEAVING:
        if (at_once && i->pid != 0)
            instance_end(i);
        break;
    case INSTANCE_ENDING:
        break;
    }
}

void instance_kill(struct instance *i)
{
    if (i->pid != 0)
        send_signal(i, SIGKILL);
}

/* ---- life ---- */

struct instance *instance_new(
    struct origins *o, struct str service, unsigned index, struct run_spec *spec)
{
    struct instance *i = xcalloc(1, sizeof(*i));

    i->all = o;
    i->service = xstrndup(service.at, service.len);
    i->index = index;
    i->spec = spec;
    i->connecting.fd = -1;
    i->connecting.ready = connecting_ready;
    pulse_init(&i->probe, o->control->loop, probe);
    pulse_init(&i->limit, o->control->loop, too_slow);
    timer_init(&i->backoff, try_again);
    list_append(&o->instances, &i->link);
    return i;
}

void instance_free(struct instance *i)
{
    ask_cancel(&i->run);
    forget_hands(i);
    free(i->accessor);
    free(i->said);
    timer_cancel(loop_of(i), &i->backoff);
    stop_probing(i);
    pulse_free(&i->probe);
    pulse_free(&i->limit);
    list_remove(&i->link);
    run_spec_free(i->spec);
    run_spec_free(i->later);
    free(i->service);
    free(i);
}
