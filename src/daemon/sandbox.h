/*
 * sandbox - what a role gives up for good: files by landlock, system calls by seccomp.
 *
 * Landlock lets a process reach nothing in the file system but the paths that
 * are listed, and on newer kernels no TCP port that it has no business with;
 * seccomp lets it make the calls of its table and no other (sandbox_calls.h).
 * Threads that are started afterwards inherit both, those that run already get
 * the second.  A kernel without one of the two is said once, and the rest holds.
 *
 * What a call outside of the table does: the keeper dies of it, for it has
 * nothing to do but sign.  For the others it fails with EPERM, but for those
 * that only an intruder makes, which kill.  Under a test clock all of them kill,
 * so that the tests find what is missing in a table.
 */
#ifndef WEIR_DAEMON_SANDBOX_H
#define WEIR_DAEMON_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind {
    SANDBOX_CONTROL,
    SANDBOX_KEEPER,
    SANDBOX_EDGE,
    SANDBOX_ISSUER,
    SANDBOX_VAULT,
    SANDBOX_STORE,
};

struct sandbox_path {
    const char *path; /* a folder with all in it, or a file; what is not there is left out */
    bool write;
};

/*
 * The two halves, for a role that starts threads between them: threads inherit the first, and the
 * second holds for those that run already.  After sandbox_calls() the keeper can start no thread.
 */
void sandbox_files(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n);
void sandbox_calls(enum sandbox_kind kind);

/* Both.  Sets no_new_privs; ends the process when what the kernel can do cannot be had. */
void sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n);

#endif
