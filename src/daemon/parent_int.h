/*
 * parent - the process that outlives the others.
 *
 *     STARTING --control READY--> SERVING --signal, stop--> DRAINING --STOPPED, time--> ENDING
 *         |                                                                               ^
 *         +------------------------------- control FAILED --------------------------------+
 *
 * Split over parent.c (life, signals), roles.c (starting and restarting roles),
 * requests.c (what control asks for) and issuing.c (local certificates).
 */
#ifndef WEIR_DAEMON_PARENT_INT_H
#define WEIR_DAEMON_PARENT_INT_H

#include "base/mem.h"
#include "daemon/daemon.h"
#include "daemon/listeners.h"
#include "daemon/messages.h"
#include "daemon/processes.h"
#include "daemon/pulse.h"
#include "daemon/start.h"
#include "net/channel.h"

struct parent;

struct role_process {
    struct pulse retry; /* must stay first */
    struct parent *parent;
    enum role role;
    pid_t pid; /* 0: not running */
    struct channel *life;
    uint64_t restarts;
    unsigned failures; /* in a row, without a healthy minute between */
    nsec_t started;
    nsec_t answered; /* the last PONG */
    pid_t last_pid;  /* of the one that died last */
    int last_status;
};

enum parent_state { PARENT_STARTING, PARENT_SERVING, PARENT_DRAINING, PARENT_ENDING };

struct issuing; /* a local certificate that is asked for */

struct parent {
    const struct serve_options *options;
    struct loop *loop;
    enum parent_state state;
    int exit_code;
    struct arena arena; /* the plan's text */
    bool planned;
    struct plan plan;
    struct role_process roles[ROLE_COUNT];
    struct listeners *listeners;
    struct processes *processes;
    bool unseal_missing; /* the file that opens the keeper was not there when the keeper started */
    struct list issuing; /* what waits */
    struct issuing *issuing_now;
    pid_t issuer;
    struct channel *issuer_life;
    struct watch_fd signals;
    struct rlimit files; /* as we were started: for origin processes */
    struct pulse ping;
    struct pulse deadline; /* of draining, then of ending */
    unsigned stop_signals;
};

/* roles.c */
void roles_init(struct parent *p);
void role_start(struct parent *p, enum role r);
void roles_start_planned(struct parent *p);
bool role_reaped(struct parent *p, pid_t pid, int status);
/* Executes ourselves as a role with the other end of *life as its lifeline. -1 with errno. */
pid_t role_spawn(const struct parent *p, const char *name, int *life);
void roles_ping(struct parent *p);
bool role_is_well(const struct parent *p, enum role r); /* runs, and has answered lately */
bool roles_are_well(const struct parent *p);
bool roles_are_gone(const struct parent *p);
void roles_hang_up(struct parent *p);

/* requests.c */
extern const struct message_rule control_requests[];
extern const struct message_rule role_answers[]; /* of the keeper and the edge */
/* The key file of the plan, opened for the keeper; says so when it cannot be. */
void requests_send_unseal(struct parent *p);
void requests_send_processes(struct parent *p, struct channel *control);
void requests_process_exited(void *arg, uint64_t number, int status);

/* issuing.c */
void issuing_ask(struct parent *p, uint64_t id, struct str body);
void issuing_control_gone(struct parent *p);
bool issuing_reaped(struct parent *p, pid_t pid);

/* parent.c */
/* Says that Weir serves; words for people keep out of the way of a log on stdout. */
void parent_ready(struct parent *p, struct str words, struct str json, bool log_on_stdout);
void parent_drain(struct parent *p);
void parent_end(struct parent *p, int exit_code);

#endif
