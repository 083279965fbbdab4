/*
 * parent - `weir serve`: life, signals and the end.  See parent_int.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "daemon/notify.h"
#include "daemon/parent_int.h"
#include "daemon/say.h"

enum {
    PING_EVERY = 2000,
    DRAIN_MOST = 3600 * 1000, /* control keeps the blueprint's time; this is for a stuck one */
    END_WAIT = 3000,          /* for roles and origin processes to go by themselves */
};

/* ---- the end ---- */

static void check_ended(struct parent *p)
{
    if (p->state == PARENT_ENDING && roles_are_gone(p) && processes_count(p->processes) == 0)
        loop_stop(p->loop);
}

void parent_end(struct parent *p, int exit_code)
{
    if (p->state == PARENT_ENDING)
        return;
    p->state = PARENT_ENDING;
    p->exit_code = exit_code;
    notify_systemd("STOPPING=1");
    roles_hang_up(p);
    processes_signal_all(p->processes, SIGTERM);
    pulse_set(&p->deadline, END_WAIT);
    check_ended(p);
}

static void end_at_once(struct parent *p)
{
    for (unsigned r = 0; r < ROLE_COUNT; r++)
        if (p->roles[r].pid > 0)
            kill(p->roles[r].pid, SIGKILL);
    processes_signal_all(p->processes, SIGKILL);
}

static void deadline(struct pulse *pulse)
{
    struct parent *p = (struct parent *)(void *)((char *)pulse - offsetof(struct parent, deadline));

    if (p->state == PARENT_DRAINING)
        parent_end(p, 1);
    else if (p->state == PARENT_ENDING)
        end_at_once(p);
}

void parent_drain(struct parent *p)
{
    struct channel *control = p->roles[ROLE_CONTROL].life;

    if (p->state != PARENT_SERVING || control == NULL) {
        parent_end(p, 0);
        return;
    }
    p->state = PARENT_DRAINING;
    notify_systemd("STOPPING=1\nSTATUS=draining");
    channel_send(control, LIFE_DRAIN, 0, STR_NONE, NULL, 0);
    pulse_set(&p->deadline, DRAIN_MOST);
}

/* ---- signals ---- */

static void reap(struct parent *p)
{
    pid_t pid;
    int status;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!role_reaped(p, pid, status) && !issuing_reaped(p, pid))
            processes_reaped(p->processes, pid, status);
    }
    check_ended(p);
}

static void on_stop_signal(struct parent *p)
{
    p->stop_signals++;
    if (p->state == PARENT_ENDING)
        end_at_once(p);
    else if (p->stop_signals > 1)
        parent_end(p, 0);
    else
        parent_drain(p);
}

static void on_hangup(struct parent *p)
{
    struct channel *control = p->roles[ROLE_CONTROL].life;

    if (p->state == PARENT_SERVING && control != NULL)
        channel_send(control, LIFE_APPLY, 0, STR_NONE, NULL, 0);
}

static void signals_ready(struct watch_fd *w, unsigned events)
{
    struct parent *p = (struct parent *)(void *)((char *)w - offsetof(struct parent, signals));
    struct signalfd_siginfo info;

    (void)events;
    while (read(w->fd, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(p);
            break;
        case SIGHUP:
            on_hangup(p);
            break;
        default:
            on_stop_signal(p);
            break;
        }
    }
}

static void take_signals(struct parent *p)
{
    static const int taken[] = { SIGCHLD, SIGHUP, SIGINT, SIGTERM };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    p->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    p->signals.ready = signals_ready;
    MUST(p->signals.fd >= 0 && loop_add_level(p->loop, &p->signals) == 0);
}

/* ---- serving ---- */

static void ping(struct pulse *pulse)
{
    struct parent *p = (struct parent *)(void *)((char *)pulse - offsetof(struct parent, ping));
    msec_t watchdog = notify_watchdog_interval();
    msec_t every = watchdog > 0 && watchdog / 3 < PING_EVERY ? watchdog / 3 : PING_EVERY;

    roles_ping(p);
    if (p->state == PARENT_DRAINING && !role_is_well(p, ROLE_CONTROL)) {
        say("control does not answer any more: stopping without it");
        parent_end(p, 1);
    }
    if (watchdog > 0 && (p->state != PARENT_SERVING || roles_are_well(p)))
        notify_systemd("WATCHDOG=1");
    pulse_set(&p->ping, every);
}

void parent_ready(struct parent *p, struct str words, struct str json, bool log_on_stdout)
{
    int fd = p->options->ready_fd;

    if (p->state != PARENT_STARTING)
        return; /* a new control took over: nothing has changed for anybody */
    p->state = PARENT_SERVING;
    if (p->options->json)
        printf("%.*s\n", STR_ARG(json));
    else
        fprintf(log_on_stdout ? stderr : stdout, "%.*s\n", STR_ARG(words));
    fflush(stdout);
    if (fd >= 0 && (fd_write_all(fd, json.at, json.len) == -1 || fd_write_all(fd, "\n", 1) == -1))
        say("cannot write to descriptor %d: %s", fd, strerror(errno));
    if (fd >= 0)
        close(fd);
    notify_systemd("READY=1");
}

/* Connections are descriptors: take all that we may have. */
static void raise_limits(struct parent *p)
{
    struct rlimit all;

    getrlimit(RLIMIT_NOFILE, &p->files);
    all = p->files;
    all.rlim_cur = all.rlim_max;
    setrlimit(RLIMIT_NOFILE, &all);
}

int daemon_serve(const struct serve_options *o)
{
    struct parent p = { .options = o, .loop = loop_new() };
    int exit_code;

    if (o->test_clock >= 0)
        fd_set_cloexec(o->test_clock, true);
    if (o->ready_fd >= 0)
        fd_set_cloexec(o->ready_fd, true);
    raise_limits(&p);
    arena_init(&p.arena, 4096);
    list_init(&p.issuing);
    p.listeners = listeners_new();
    p.processes = processes_new(p.loop, p.files, requests_process_exited, &p);
    pulse_init(&p.ping, p.loop, ping);
    pulse_init(&p.deadline, p.loop, deadline);
    roles_init(&p);
    take_signals(&p);
    ping(&p.ping);
    role_start(&p, ROLE_CONTROL);
    loop_run(p.loop);

    exit_code = p.exit_code;
    pulse_free(&p.ping);
    pulse_free(&p.deadline);
    processes_free(p.processes);
    listeners_free(p.listeners);
    arena_free(&p.arena);
    loop_free(p.loop);
    return exit_code;
}
