/*
 * sandbox - see sandbox.h.
 */
#include "daemon/sandbox.h"

void sandbox_enter(enum sandbox_kind kind, const struct sandbox_path *paths, size_t n)
{
    (void)kind;
    (void)paths;
    (void)n;
}
