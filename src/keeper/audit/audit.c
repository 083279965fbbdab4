/*
 * audit - see audit_int.h: what is recorded goes to the journal, a line a record.
 */
#include <stdlib.h>

#include "base/json.h"
#include "keeper/audit/audit_int.h"
#include "keeper/core/core_int.h"
#include "store/messages.h"

enum { QUEUE_MAX = 8 << 20, FLAGS = 4, DONE = 8 };

struct audit {
    struct core *core;
    struct link *journal;
    struct buf queue;
    uint64_t last;    /* number of the newest record */
    uint64_t sent;    /* newest in the journal's hands */
    uint64_t written; /* newest that the journal has */
    msec_t waiting;   /* since when for an answer; 0: for none */
    uint64_t asked;   /* appends that were sent */
    void (*call)(void *arg);
    void *arg;
    bool broken;
};

struct audit *audit_new(struct core *c)
{
    struct audit *a = xcalloc(1, sizeof(*a));

    a->core = c;
    buf_init(&a->queue, QUEUE_MAX);
    return a;
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    link_free(a->journal);
    buf_free(&a->queue);
    free(a);
}

static void on_done(struct link *l, const struct frame *f, void *arg)
{
    struct audit *a = arg;

    (void)l;
    a->written = f->id;
    a->waiting = a->written == a->sent ? 0 : loop_now(core_loop(a->core));
    if (a->call != NULL)
        a->call(a->arg);
}

static void on_refused(struct link *l, const struct frame *f, void *arg)
{
    struct audit *a = arg;

    (void)l;
    (void)f;
    a->broken = true;
}

static const struct frame_rule from_journal[] = {
    { JOURNAL_DONE, "done", DONE, on_done },
    { STORE_REFUSED, "refused", 1024, on_refused },
    { 0 },
};

static void on_close(struct link *l, void *arg)
{
    struct audit *a = arg;

    a->journal = NULL;
    link_free(l);
}

void audit_attach(struct audit *a, int fd)
{
    link_free(a->journal);
    a->broken = false;
    a->waiting = 0;
    a->journal = link_new(core_loop(a->core), fd, from_journal, on_close, a);
}

bool audit_start(struct audit *a, const char **why)
{
    *why = "there is no journal";
    return a->journal != NULL;
}

void audit_stop(struct audit *a)
{
    audit_flush(a);
}

static uint64_t record(struct audit *a, const char *type, const struct request *r)
{
    struct json j;

    json_init(&j, &a->queue, false);
    json_open(&j, NULL, '{');
    json_put_u64(&j, "seq", ++a->last);
    json_put_text(&j, "type", type);
    json_put_i64(&j, "time", r->now);
    json_put_str(&j, "id", r->id);
    json_put_i64(&j, "operation", r->op);
    json_put_str(&j, "path", r->path);
    json_put_i64(&j, "status", r->reply.status);
    json_close(&j, '}');
    buf_char(&a->queue, '\n');
    return a->last;
}

uint64_t audit_request(struct audit *a, struct request *r)
{
    return record(a, "request", r);
}

uint64_t audit_response(struct audit *a, struct request *r)
{
    return record(a, "response", r);
}

uint64_t audit_event(
    struct audit *a, const char *what, const struct value *details, const char *plain)
{
    struct request r = { .id = { "", 0 }, .path = { "", 0 } };

    (void)details;
    (void)plain;
    return record(a, what, &r);
}

void audit_flush(struct audit *a)
{
    static const uint8_t flags[FLAGS];
    struct iovec v[2] = { { (void *)(uintptr_t)flags, FLAGS }, { a->queue.data, a->queue.len } };

    if (a->queue.len == 0 || a->journal == NULL)
        return;
    if (!link_send(a->journal, JOURNAL_APPEND, a->last, v, 2))
        return;
    a->sent = a->last;
    if (a->waiting == 0)
        a->waiting = loop_now(core_loop(a->core));
    buf_clear(&a->queue);
}

uint64_t audit_written(const struct audit *a)
{
    return a->written;
}

void audit_on_written(struct audit *a, void (*call)(void *arg), void *arg)
{
    a->call = call;
    a->arg = arg;
}

bool audit_is_stuck(const struct audit *a)
{
    return a->journal == NULL || a->broken || a->queue.over ||
           (a->waiting != 0 && loop_now(core_loop(a->core)) > a->waiting + CORE_ANSWER_WITHIN);
}

struct str audit_hash(struct audit *a, struct arena *to, struct str s)
{
    (void)a;
    (void)s;
    return str_from(arena_strdup(to, ""));
}

void audit_observe(struct audit *a, struct arena *arena, struct value *to)
{
    value_put_i64(arena, to, "records", (int64_t)a->last);
}
