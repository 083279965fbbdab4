/*
 * sandbox - what a role gives up for good: files by landlock, system calls by seccomp.
 *
 * Landlock lets a process reach nothing in the file system but the paths that
 * are listed; seccomp kills it for a call that is not in its table (sandbox_calls.h).
 * Both are inherited by threads started afterwards.  A kernel without landlock
 * is said once, and the rest still holds.
 */
#ifndef WEIR_DAEMON_SANDBOX_H
#define WEIR_DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind { SANDBOX_CONTROL, SANDBOX_KEEPER, SANDBOX_EDGE, SANDBOX_ISSUER };

struct sandbox_path {
    const char *path; /* a folder with all in it, or a file; what is not there is left out */
    bool write;
};

/* After the user was dropped and no_new_privs is set; ends the process when it fails. */
void sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n);

#endif
