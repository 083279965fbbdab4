/*
 * sandbox - the table of system calls, and who may make them.
 */
#ifndef WEIR_DAEMON_SANDBOX_INT_H
#define WEIR_DAEMON_SANDBOX_INT_H

#include "daemon/sandbox.h"

enum {
    FOR_CONTROL = 1 << SANDBOX_CONTROL,
    FOR_KEEPER = 1 << SANDBOX_KEEPER,
    FOR_EDGE = 1 << SANDBOX_EDGE,
    FOR_ISSUER = 1 << SANDBOX_ISSUER,
    FOR_VAULT = 1 << SANDBOX_VAULT,
    FOR_STORE = 1 << SANDBOX_STORE,
    FOR_ALL = FOR_CONTROL | FOR_KEEPER | FOR_EDGE | FOR_ISSUER | FOR_VAULT | FOR_STORE,
};

enum { SANDBOX_GROUP_MAX = 40 };

struct sandbox_group {
    const char *why;
    unsigned who;                 /* set of FOR_... */
    int calls[SANDBOX_GROUP_MAX]; /* ended by SANDBOX_END */
};

enum { SANDBOX_END = -9999 };

extern const struct sandbox_group sandbox_groups[]; /* why NULL ends */
extern const struct sandbox_group sandbox_intruders[];

#endif
