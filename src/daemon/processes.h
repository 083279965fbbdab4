/*
 * processes - origin processes (`run:`), as the parent sees them: numbers that it starts,
 * signals and reports on.  What they are, and when they should run, control decides.
 *
 * Each is the leader of a process group of its own, so that its children go
 * with it, and dies with the parent.  What it writes comes out on our stderr,
 * each line with its label in front.
 *
 * A value that the keeper hands out comes as sealed memory, which the parent passes on unread: the
 * child reads it, after the fork and before it becomes the program, or leaves it open for the program.
 */
#ifndef WEIR_DAEMON_PROCESSES_H
#define WEIR_DAEMON_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"
#include "daemon/start.h"
#include "net/channel.h"

enum {
    PROCESSES_MAX = 1024,
    PROCESS_WORDS_MAX = 1024,
    PROCESS_VALUES_MAX = CHANNEL_FDS_MAX, /* handed to one process */
    PROCESS_VALUE_BYTES = 64 * 1024,      /* of one in the environment */
};

struct process_value {
    char *variable;
    uint32_t as; /* enum hand of the blueprint: environment, file, descriptor */
    int fd;      /* not packed: it comes beside the message; stays the caller's */
};

struct process_spec {
    uint64_t number; /* chosen by control, never used twice */
    struct identity who;
    char *label;        /* "api/1" */
    char *note;         /* given back to a later control, see LIFE_PROCESS */
    char *folder;       /* working directory */
    char **argv;        /* ended by NULL */
    char **environment; /* "NAME=value", added to the parent's; ended by NULL */
    struct process_value values[PROCESS_VALUES_MAX];
    uint32_t nvalues;
};

void process_spec_pack(const struct process_spec *s, struct buf *b);
bool process_spec_unpack(struct str body, struct arena *a, struct process_spec *out);

struct processes;
/* files: the limit of open files that they are to have.  exited() is called once for each. */
struct processes *processes_new(struct loop *l, struct rlimit files,
    void (*exited)(void *arg, uint64_t number, int status), void *arg);
void processes_free(struct processes *p); /* kills what still runs */

/* The pid, or -1: run_failed, run_limit, run_denied (uid 0 when allowed is not). */
pid_t processes_run(struct processes *p, const struct process_spec *s, bool root, struct err *err);
void processes_signal(struct processes *p, uint64_t number, int sig);
void processes_signal_all(struct processes *p, int sig);
/* True when the pid was one of ours. */
bool processes_reaped(struct processes *p, pid_t pid, int status);
unsigned processes_count(const struct processes *p);
void processes_each(const struct processes *p,
    void (*call)(void *arg, uint64_t number, pid_t pid, const char *label, const char *note),
    void *arg);

#endif
