/*
 * err - see err.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

int err_set_at(struct err *e, enum err_kind kind, const char *id, const char *file, int line,
    const char *fmt, ...)
{
    int sys = errno;
    va_list ap;
    int n;

    e->kind = kind;
    e->sys = kind == ERR_SYSTEM ? sys : 0;
    e->id = id;
    e->file = file;
    e->line = line;
    va_start(ap, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (kind == ERR_SYSTEM && n >= 0 && (size_t)n + 3 < sizeof(e->text)) {
        char reason[128];

        snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %s",
            strerror_r(sys, reason, sizeof(reason)));
    }
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char inner[sizeof(e->text)];
    va_list ap;
    int n;

    memcpy(inner, e->text, sizeof(inner));
    va_start(ap, fmt);
    n = vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n + 3 < sizeof(e->text))
        snprintf(e->text + n, sizeof(e->text) - (size_t)n, ": %.*s",
            (int)(sizeof(e->text) - (size_t)n - 3), inner);
    return -1;
}

int err_exit_code(const struct err *e)
{
    return e->kind == ERR_CONFIG ? 2 : 1;
}
