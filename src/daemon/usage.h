/*
 * usage - what a process has used so far, from /proc.
 */
#ifndef WEIR_DAEMON_USAGE_H
#define WEIR_DAEMON_USAGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/time.h"

struct usage {
    usec_t cpu;
    uint64_t resident; /* bytes */
    uint64_t fds;
};

/* False when the process is gone. */
bool usage_of(pid_t pid, struct usage *out);

#endif
