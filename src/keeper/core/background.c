/*
 * background - requests of the core's own for which nobody waits: what a tick finds due and is slow.
 */
#include "keeper/core/state_int.h"

static void nobody_hears(void *arg, struct str bytes)
{
    (void)arg;
    (void)bytes;
}

void request_background(struct core *c, enum operation op, struct str path, struct value *body)
{
    struct call *call = call_new(c);
    struct request *r = &call->r;

    call->answer = nobody_hears;
    r->inside = true;
    r->op = op;
    r->path = arena_str(&r->arena, path);
    r->body = body != NULL ? value_copy(&r->arena, body) : value_map(&r->arena);
    r->parsed = value_map(&r->arena);
    call_dispatch(call);
}
