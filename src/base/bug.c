/*
 * bug - see bug.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"

void bug_at(const char *file, int line, const char *what)
{
    fprintf(stderr, "weir: bug at %s:%d: %s\n", file, line, what);
    abort();
}
