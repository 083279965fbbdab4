/*
 * disk_faults - the n-th write or sync of a file fails, or is the last thing this process does.
 *
 * Linking it puts these functions in front of the C library's, for our code and for SQLite.  Only
 * regular files count: sockets and pipes are left alone.
 */
#ifndef WEIR_TESTS_DISK_FAULTS_H
#define WEIR_TESTS_DISK_FAULTS_H

#include <stdbool.h>

enum fault {
    FAULT_NONE,
    FAULT_FULL,      /* ENOSPC for the n-th write and all after it, until changed */
    FAULT_SYNC,      /* EIO for the n-th sync, once */
    FAULT_KILL_SYNC, /* SIGKILL before the n-th sync */
    FAULT_KILL_WRITE /* SIGKILL in the middle of the n-th write: its first half is written */
};

/* Counts anew from 1. */
void disk_fault_set(enum fault kind, unsigned n);
/* How many writes and syncs there were since. */
unsigned disk_fault_writes(void);
unsigned disk_fault_syncs(void);

#endif
