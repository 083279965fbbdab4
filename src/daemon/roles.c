/*
 * roles - the parent starts the roles, joins them by channels, and starts them again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "daemon/parent_int.h"
#include "daemon/say.h"
#include "net/link.h"

enum {
    LIFELINE_FD = 3,
    TEST_CLOCK_FD = 4,
    BACKOFF_FIRST = 100, /* ms; the first restart after a healthy time is at once */
    BACKOFF_MAX = 10000,
    STARTS_MAX = 5, /* of a control that never gets as far as serving */
    WELL_FOR = 20,  /* seconds since the last PONG */
};
static const nsec_t second = 1000000000;

/* ---- a new process ---- */

/* In the child: only stdin, stdout, stderr, the lifeline and the clock page go on. */
static void become_role(const struct parent *p, const char *name, int life)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    int clock = p->options->test_clock;
    char self[] = "weir";
    char with_clock[] = "--test-clock";
    char role[32];
    char *argv[] = { self, role, NULL, NULL };
    sigset_t none;

    /* The terminal sends its signals to us all; only the parent decides what they mean. */
    sigaction(SIGINT, &ignore, NULL);
    sigaction(SIGTERM, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(role, sizeof(role), "--role=%s", name);
    life = fcntl(life, F_DUPFD_CLOEXEC, 10);
    if (clock >= 0) {
        clock = fcntl(clock, F_DUPFD_CLOEXEC, 10);
        dup2(clock, TEST_CLOCK_FD);
        argv[2] = with_clock;
    }
    dup2(life, LIFELINE_FD);
    execv("/proc/self/exe", argv);
    _exit(127);
}

pid_t role_spawn(const struct parent *p, const char *name, int *life)
{
    int ends[2];
    pid_t pid;

    if (channel_pair(ends) == -1)
        return -1;
    pid = fork();
    if (pid == 0)
        become_role(p, name, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -1;
    }
    *life = ends[0];
    return pid;
}

/* ---- channels between roles ---- */

static void attach(struct role_process *to, enum role peer, uint32_t index, int fd)
{
    unsigned char body[8] = { (unsigned char)peer, 0, 0, 0, (unsigned char)index,
        (unsigned char)(index >> 8), 0, 0 };

    channel_send(to->life, LIFE_ATTACH, 0, (struct str){ (char *)body, sizeof(body) }, &fd, 1);
}

/* Which roles talk to each other, and over how many pairs of what. */
static const struct tie {
    enum role a;
    enum role b;
    bool link;      /* a stream for links, see net/link.h; else a channel */
    unsigned first; /* index */
    unsigned count; /* 0: one for each of the edge's workers */
} ties[] = {
    { ROLE_CONTROL, ROLE_KEEPER, false, 0, 1 },
    { ROLE_CONTROL, ROLE_EDGE, false, 0, 1 },
    { ROLE_CONTROL, ROLE_VAULT, false, 0, 1 },
    { ROLE_EDGE, ROLE_KEEPER, false, 0, 0 },
    { ROLE_VAULT, ROLE_KEEPER, true, TIE_REQUESTS, 1 },
    { ROLE_VAULT, ROLE_KEEPER, false, TIE_SIGNER, 1 },
    { ROLE_STORE, ROLE_KEEPER, true, TIE_READ, TIES_STORE },
};

static void join(struct role_process *a, struct role_process *b, bool link, uint32_t index)
{
    int ends[2];

    if (a->life == NULL || b->life == NULL)
        return;
    if ((link ? link_pair(ends) : channel_pair(ends)) == -1) {
        say("no channel between %s and %s: %s", role_name(a->role), role_name(b->role),
            strerror(errno));
        return;
    }
    attach(a, b->role, index, ends[0]);
    attach(b, a->role, index, ends[1]);
    close(ends[0]);
    close(ends[1]);
}

static void join_all(struct parent *p, enum role r)
{
    for (size_t i = 0; i < sizeof(ties) / sizeof(ties[0]); i++) {
        const struct tie *t = &ties[i];
        unsigned count = t->count > 0 ? t->count : p->plan.workers;

        if (t->a == r || t->b == r)
            for (unsigned k = 0; k < count; k++)
                join(&p->roles[t->a], &p->roles[t->b], t->link, t->first + k);
    }
}

/* ---- life ---- */

static void gone(struct role_process *rp);

static void life_closed(struct channel *c, void *arg)
{
    struct role_process *rp = arg;

    /* It ended, or it said what it may not say; either way it is no longer one of us. */
    channel_free(c);
    rp->life = NULL;
    if (rp->role == ROLE_CONTROL)
        issuing_control_gone(rp->parent);
    if (rp->pid > 0)
        kill(rp->pid, SIGKILL);
    else
        gone(rp);
}

static void send_start(struct parent *p, struct role_process *rp)
{
    struct start s = {
        .workers = p->plan.workers,
        .drop = rp->role == ROLE_STORE ? p->plan.store : p->plan.roles,
        .state_given = p->options->state != NULL,
        .again = rp->role == ROLE_CONTROL && p->state != PARENT_STARTING,
        .json = p->options->json,
        .path = (char *)(uintptr_t)p->options->path,
        .environment = (char *)(uintptr_t)p->options->environment,
        .state = p->planned ? p->plan.state : (char *)(uintptr_t)p->options->state,
    };
    struct buf b;

    buf_init(&b, START_BODY_MAX);
    start_pack(&s, &b);
    channel_send(rp->life, LIFE_START, 0, buf_as_str(&b), NULL, 0);
    buf_free(&b);
}

static void retry(struct pulse *pulse)
{
    struct role_process *rp = (struct role_process *)(void *)pulse;

    role_start(rp->parent, rp->role);
}

void roles_init(struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        p->roles[r].parent = p;
        p->roles[r].role = (enum role)r;
        pulse_init(&p->roles[r].retry, p->loop, retry);
    }
}

void role_start(struct parent *p, enum role r)
{
    struct role_process *rp = &p->roles[r];
    int fd;

    rp->pid = role_spawn(p, role_name(r), &fd);
    if (rp->pid < 0) {
        say("cannot start the %s: %s", role_name(r), strerror(errno));
        rp->pid = 0;
        rp->failures++;
        pulse_set(&rp->retry, BACKOFF_MAX);
        return;
    }
    rp->started = time_nsec();
    rp->answered = rp->started;
    rp->life = channel_new(
        p->loop, fd, r == ROLE_CONTROL ? control_requests : role_answers, life_closed, rp);
    send_start(p, rp);
    if (r == ROLE_CONTROL)
        requests_send_processes(p, rp->life);
    if (r == ROLE_KEEPER && p->plan.keeper)
        requests_send_unseal(p);
    if (p->planned)
        join_all(p, r);
}

static bool is_wanted(const struct parent *p, enum role r)
{
    return (r != ROLE_VAULT && r != ROLE_STORE) || (p->planned && p->plan.keeper);
}

void roles_start_planned(struct parent *p)
{
    static const enum role rest[] = { ROLE_KEEPER, ROLE_EDGE, ROLE_STORE, ROLE_VAULT };

    for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
        if (is_wanted(p, rest[i]) && p->roles[rest[i]].pid == 0)
            role_start(p, rest[i]);
}

static msec_t backoff(const struct role_process *rp)
{
    msec_t wait = BACKOFF_FIRST;

    if (rp->failures <= 1)
        return 0;
    for (unsigned i = 2; i < rp->failures && wait < BACKOFF_MAX; i++)
        wait *= 2;
    return wait < BACKOFF_MAX ? wait : BACKOFF_MAX;
}

static void say_death(const struct role_process *rp, msec_t wait)
{
    int status = rp->last_status;
    int pid = (int)rp->last_pid;
    char how[64];

    if (WIFSIGNALED(status))
        snprintf(how, sizeof(how), "was killed by signal %d (%s)", WTERMSIG(status),
            strsignal(WTERMSIG(status)));
    else
        snprintf(how, sizeof(how), "exited with %d", WEXITSTATUS(status));
    if (wait == 0)
        say("the %s (pid %d) %s; a new one starts now", role_name(rp->role), pid, how);
    else
        say("the %s (pid %d) %s for the %uth time; a new one starts in %llu ms",
            role_name(rp->role), pid, how, rp->failures, (unsigned long long)wait);
}

static void restart(struct parent *p, struct role_process *rp)
{
    msec_t wait;

    if (time_nsec() - rp->started > 60 * second)
        rp->failures = 0;
    rp->failures++;
    if (p->state == PARENT_STARTING && rp->failures >= STARTS_MAX) {
        say("the %s does not stay up: giving up", role_name(rp->role));
        parent_end(p, 1);
        return;
    }
    wait = backoff(rp);
    say_death(rp, wait);
    rp->restarts++;
    if (wait == 0)
        role_start(p, rp->role);
    else
        pulse_set(&rp->retry, wait);
}

/* Reaped, and all that it said has been heard. */
static void gone(struct role_process *rp)
{
    struct parent *p = rp->parent;

    if (p->state == PARENT_STARTING || p->state == PARENT_SERVING)
        restart(p, rp);
    else if (p->state == PARENT_DRAINING && rp->role == ROLE_CONTROL)
        parent_end(p, 1); /* nobody is left who could drain */
}

bool role_reaped(struct parent *p, pid_t pid, int status)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        struct role_process *rp = &p->roles[r];

        if (rp->pid != pid)
            continue;
        rp->pid = 0;
        rp->last_pid = pid;
        rp->last_status = status;
        if (rp->life == NULL)
            gone(rp);
        return true;
    }
    return false;
}

/* ---- how they are ---- */

void roles_ping(struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        if (p->roles[r].life != NULL)
            channel_send(p->roles[r].life, LIFE_PING, 0, STR_NONE, NULL, 0);
}

bool role_is_well(const struct parent *p, enum role r)
{
    return p->roles[r].pid > 0 && time_nsec() - p->roles[r].answered < WELL_FOR * second;
}

bool roles_are_well(const struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        if (is_wanted(p, (enum role)r) && !role_is_well(p, (enum role)r))
            return false;
    return true;
}

bool roles_are_gone(const struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        if (p->roles[r].pid > 0)
            return false;
    return true;
}

void roles_hang_up(struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++) {
        struct channel *life = p->roles[r].life;

        pulse_cancel(&p->roles[r].retry);
        p->roles[r].life = NULL;
        channel_free(life);
    }
}
