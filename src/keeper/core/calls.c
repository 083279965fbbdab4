/*
 * calls - the life of a request in the core: made, finished by its handler, waiting for journal and store, answered.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/state_int.h"
#include "keeper/core/wrap_int.h"
#include "keeper/messages.h"
#include "keeper/sys/quota_int.h"

/* Tells requests apart, and is no secret. */
static struct str request_id(struct arena *a)
{
    const uint64_t drawn[2] = { random_u64(), random_u64() };

    return encode_uuid(a, (const uint8_t *)drawn);
}

struct call *call_new(struct core *c)
{
    struct call *call;

    if (list_empty(&c->idle)) {
        call = xcalloc(1, sizeof(*call));
        arena_init(&call->r.arena, CORE_ARENA);
        buf_init_secret(&call->answer_bytes, KEEPER_REQUEST_MAX);
        list_init(&call->link);
    } else {
        call = list_item(c->idle.next, struct call, link);
        list_remove(&call->link);
        c->nidle--;
    }
    call->r.core = c;
    tx_init(&call->r.tx, c->entries, &call->r.arena);
    call->r.now = (int64_t)(loop_wall(c->loop) / 1000);
    call->r.id = request_id(&call->r.arena);
    call->r.token = call->r.remote = call->r.raw = STR("");
    c->calls++;
    return call;
}

static void call_destroy(struct call *call)
{
    arena_free(&call->r.arena);
    buf_free(&call->answer_bytes);
    free(call);
}

void call_free(struct call *call)
{
    struct core *c = call->r.core;
    struct call fresh = { .answer_bytes = call->answer_bytes };

    list_remove(&call->link);
    tx_drop(&call->r.tx);
    mount_release(call->mount_held);
    arena_reset(&call->r.arena);
    c->calls--;
    if (c->nidle >= CORE_CALLS_KEPT) {
        call_destroy(call);
        return;
    }
    fresh.r.arena = call->r.arena;
    *call = fresh;
    list_init(&call->link);
    buf_clear(&call->answer_bytes);
    list_append(&c->idle, &call->link);
    c->nidle++;
}

void calls_free_idle(struct core *c)
{
    list_each (it, after, &c->idle) {
        list_remove(it);
        call_destroy(list_item(it, struct call, link));
    }
}

/* ---- the end ---- */

/* What a handler's answer still needs: a token, a wrapping. */
static void complete(struct request *r)
{
    struct reply *p = &r->reply;

    if (p->status == 0 && r->tx.failed == NULL)
        reply_error(r, 500, "nothing was answered");
    if (p->status < 400 && (p->auth != NULL || p->lease_id.len > 0))
        quota_admits_lease(r);
    if (p->status < 400 && p->auth != NULL && p->auth_made == NULL && !token_make(r, r->who) &&
        !refused(r))
        reply_error(r, 500, "no token could be made");
    if (p->status < 400 && r->wrap_ttl > 0 && p->wrap_info == NULL && p->status != 204)
        wrap_reply(r, r->wrap_ttl);
}

/* A transaction that failed says so, whatever the handler thought; nothing secret may stay in the reply. */
static void fail(struct request *r)
{
    const char *why = r->tx.failed;
    int status = r->tx.busy ? 503 : 500;

    tx_drop(&r->tx);
    r->reply = (struct reply){ .status = status };
    reply_error(r, status, "%s", why);
}

static void take_changes(struct call *call)
{
    struct request *r = &call->r;

    if (r->tx.failed == NULL && refused(r) && !r->keep)
        tx_drop(&r->tx);
    if (r->tx.failed == NULL)
        call->batch = tx_take(&r->tx);
    if (r->tx.failed != NULL) {
        call->reloads = call->repolicy = call->requota = false;
        call->r.core->stale = true; /* seals and mounts as they were meant to be are not */
        call->batch = 0;
        fail(r);
    }
}

bool call_is_audited(const struct call *call)
{
    const struct request *r = &call->r;

    if (r->core->state != CORE_OPEN)
        return false;
    return r->op != OP_READ || r->endpoint == NULL || (r->endpoint->flags & ENDPOINT_SEALED) == 0;
}

/* What was begun with a record ends with one. */
static bool needs_record(const struct call *call)
{
    return call->records != 0 || call_is_audited(call);
}

/* Nothing is done, and nothing is told, that cannot be recorded. */
static void refuse_unrecorded(struct call *call)
{
    struct request *r = &call->r;

    if (!needs_record(call) || !audit_is_stuck(r->core->audit))
        return;
    r->tx.failed = "the audit log cannot be written";
    r->tx.busy = true;
}

static void record(struct call *call)
{
    struct core *c = call->r.core;

    if (!needs_record(call) || audit_is_stuck(c->audit)) {
        call->records = 0;
        return;
    }
    if (call->records == 0)
        audit_request(c->audit, &call->r);
    call->records = audit_response(c->audit, &call->r);
    c->records = call->records;
}

static void count(struct core *c, int status)
{
    if (status >= 400)
        c->counters.refused++;
    if (status >= 500)
        c->counters.failed++;
}

static void give_answer(struct call *call)
{
    struct core *c = call->r.core;
    bool sealing = call->sealing;

    call->answer(call->arg, buf_as_str(&call->answer_bytes));
    call_free(call);
    if (sealing)
        core_seal(c);
}

void call_finish(struct call *call)
{
    struct core *c = call->r.core;

    complete(&call->r);
    refuse_unrecorded(call);
    take_changes(call);
    call->sealing = call->sealing && !refused(&call->r);
    record(call);
    core_took(call);
    count(c, call->r.reply.status);
    if (call->answer == NULL) /* the core's own: its reply is read where it was made */
        return;
    answer_compose(call);
    call->since = loop_now(c->loop);
    if (call->batch == 0 && call->records == 0)
        give_answer(call);
    else
        list_append(call->batch != 0 ? &c->waiting_batch : &c->waiting_records, &call->link);
}

static void answer_late(struct call *call)
{
    static const char sentence[] = "the audit log or the store did not take it in time";
    struct core *c = call->r.core;

    buf_clear(&call->answer_bytes);
    answer_compose_error(&call->answer_bytes, 503, sentence);
    c->counters.failed++;
    if (call->records == 0)
        return;
    call->r.reply = (struct reply){ 0 };
    reply_error(&call->r, 503, "%s", sentence);
    audit_late(c->audit, &call->r); /* the record of its answer says something else */
}

/* True: the oldest of the list can be answered now. */
static bool is_ready(struct call *call)
{
    struct core *c = call->r.core;

    if (entries_has_failed(c->entries, call->batch)) {
        call->sealing = false;
        answer_late(call);
        return true;
    }
    if (call->records > audit_written(c->audit))
        return false;
    return entries_is_durable(c->entries, call->batch);
}

static void progress(struct list *waiting)
{
    list_each (it, after, waiting) {
        struct call *call = list_item(it, struct call, link);

        if (!is_ready(call))
            return;
        list_remove(it);
        give_answer(call);
    }
}

void calls_progress(struct core *c)
{
    progress(&c->waiting_records);
    progress(&c->waiting_batch);
}

void call_hold(struct call *call)
{
    struct core *c = call->r.core;

    call->working = true; /* dispatch leaves it alone */
    list_append(&c->held, &call->link);
    c->nheld++;
}

void calls_let_go(struct core *c)
{
    list_each (it, after, &c->held) {
        struct call *call = list_item(it, struct call, link);

        list_remove(it);
        c->nheld--;
        call->working = false;
        call->r.endpoint->on[call->r.op](&call->r);
        if (!call->working)
            call_finish(call);
    }
}

/* Those that wait too long: 503, and what the store was not yet given is given up. */
static bool give_up(struct core *c, struct list *waiting, msec_t now)
{
    bool any = false;

    list_each (it, after, waiting) {
        struct call *call = list_item(it, struct call, link);

        if (now < call->since + CORE_ANSWER_WITHIN)
            break;
        list_remove(it);
        call->sealing = false;
        answer_late(call);
        c->counters.late++;
        give_answer(call);
        any = true;
    }
    return any;
}

void calls_give_up(struct core *c)
{
    msec_t now = loop_now(c->loop);
    bool any = give_up(c, &c->waiting_records, now);

    if (give_up(c, &c->waiting_batch, now) || any)
        entries_abandon(c->entries);
}
