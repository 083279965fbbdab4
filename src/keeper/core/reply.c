/*
 * reply - what handlers answer; see request_int.h.  The envelope is made in answer.c.
 */
#include <stdio.h>

#include "keeper/core/request_int.h"

static struct value *format(struct arena *a, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static struct value *format(struct arena *a, const char *fmt, va_list ap)
{
    char text[1024];
    int n = vsnprintf(text, sizeof(text), fmt, ap);

    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof(text))
        n = (int)sizeof(text) - 1;
    return value_text(a, (struct str){ text, (size_t)n });
}

void reply_error(struct request *r, int status, const char *fmt, ...)
{
    va_list ap;

    r->reply.status = status;
    r->reply.errors = value_list(&r->arena);
    va_start(ap, fmt);
    value_add(r->reply.errors, format(&r->arena, fmt, ap));
    va_end(ap);
}

void reply_not_found(struct request *r)
{
    r->reply.status = 404;
    r->reply.errors = value_list(&r->arena);
}

void reply_empty(struct request *r)
{
    r->reply.status = 204;
}

void reply_data(struct request *r, struct value *data)
{
    r->reply.status = 200;
    r->reply.data = data;
}

void reply_keys(struct request *r, struct value *keys)
{
    struct value *data;

    if (keys == NULL || keys->n == 0) {
        reply_not_found(r);
        return;
    }
    data = value_map(&r->arena);
    value_put(data, "keys", keys);
    reply_data(r, data);
}

void reply_warn(struct request *r, const char *fmt, ...)
{
    va_list ap;

    if (r->reply.warnings == NULL)
        r->reply.warnings = value_list(&r->arena);
    va_start(ap, fmt);
    value_add(r->reply.warnings, format(&r->arena, fmt, ap));
    va_end(ap);
}

void reply_data_and_top(struct request *r, struct value *data)
{
    reply_data(r, data);
    r->reply.top = value_copy(&r->arena, data);
}

void reply_bare(struct request *r, struct value *body)
{
    r->reply.status = 200;
    r->reply.bare = true;
    r->reply.top = body;
}

void reply_raw(struct request *r, int status, const char *content_type, struct str bytes)
{
    r->reply.status = status;
    r->reply.content_type = content_type;
    r->reply.raw = bytes;
}

struct str mount_path(struct request *r, const char *fmt, ...)
{
    char tail[ENTRY_PATH_MAX];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(tail, sizeof(tail), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(tail)) { /* longer than a request's path may be */
        r->tx.failed = "a path is too long";
        n = 0;
    }
    return entry_path(&r->tx, "mount/%.*s/%.*s", STR_ARG(r->mount->id), n, tail);
}
