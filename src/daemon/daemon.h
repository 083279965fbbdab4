/*
 * daemon - what `weir serve` becomes: a parent and its roles.
 *
 * The parent starts each role afresh by exec of this same binary, with one
 * descriptor: its lifeline (see messages.h).  It holds the listening sockets,
 * starts origin processes, and opens key files for the keeper; it parses
 * nothing that comes from outside.
 */
#ifndef WEIR_DAEMON_DAEMON_H
#define WEIR_DAEMON_DAEMON_H

#include <stdbool.h>

struct serve_options {
    const char *path;        /* of the blueprint */
    const char *environment; /* overlay, or NULL */
    const char *state;       /* overrides `state:`, or NULL */
    int test_clock;          /* descriptor of a clock page, -1: the real clock */
    int ready_fd;            /* gets one line of JSON when Weir serves, -1: none */
    bool json;               /* the same line on stdout instead of words */
};

/* Until it is told to stop. Returns the exit code; what went wrong has been said on stderr. */
int daemon_serve(const struct serve_options *o);

/* The life of a role: argv is what the parent made, "--role=NAME" first. Returns the exit code. */
int daemon_role(int argc, char **argv);

#endif
