/*
 * rotate - the barrier's keyring: which term seals, and a new one.
 */
#include "keeper/core/encode_int.h"
#include "keeper/sys/sys_int.h"

enum { OPERATIONS_LEAST = 1000000, INTERVAL_LEAST = 86400 };

static const int64_t operations_most =
    INT64_C(2147483648); /* a term is renewed before 2^31 seals */

void sys_key_status(struct request *r)
{
    const struct barrier *b = r->core->barrier;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_i64(a, v, "term", barrier_term(b));
    value_put_text(a, v, "install_time", time_text(a, barrier_term_made(b)));
    value_put_i64(a, v, "encryptions", (int64_t)barrier_term_used(b));
    reply_data_and_top(r, v);
}

static void rotate(struct request *r, const char *why)
{
    struct value *v = value_map(&r->arena);

    if (r->tx.failed != NULL)
        return;
    barrier_rotate(r->core->barrier);
    tx_put_keyring(&r->tx);
    value_put_text(&r->arena, v, "why", str_from(why));
    value_put_i64(&r->arena, v, "term", barrier_term(r->core->barrier));
    audit_event(r->core->audit, "rotate", v, "why,term");
}

void sys_rotate(struct request *r)
{
    rotate(r, "command");
    reply_empty(r);
}

static void read_config(struct request *r, bool *enabled, int64_t *operations, int64_t *interval)
{
    const struct value *v = entry_get_value(&r->tx, STR("core/rotate"));

    *enabled = value_get_bool(v, "enabled", true);
    *operations = value_get_i64(v, "max_operations", operations_most);
    *interval = value_get_i64(v, "interval", 0);
}

void sys_rotate_config_read(struct request *r)
{
    struct value *v = value_map(&r->arena);
    int64_t operations;
    int64_t interval;
    bool enabled;

    read_config(r, &enabled, &operations, &interval);
    value_put_bool(&r->arena, v, "enabled", enabled);
    value_put_i64(&r->arena, v, "max_operations", operations);
    value_put_i64(&r->arena, v, "interval", interval);
    reply_data_and_top(r, v);
}

void sys_rotate_config_write(struct request *r)
{
    struct value *v = value_map(&r->arena);
    int64_t operations;
    int64_t interval;
    bool enabled;

    read_config(r, &enabled, &operations, &interval);
    field_bool(r, "enabled", &enabled);
    field_int(r, "max_operations", &operations);
    field_seconds(r, "interval", &interval);
    if (refused(r))
        return;
    if (operations < OPERATIONS_LEAST || operations > operations_most)
        reply_error(r, 400, "max_operations must be between %d and %lld", OPERATIONS_LEAST,
            (long long)operations_most);
    else if (interval != 0 && interval < INTERVAL_LEAST)
        reply_error(r, 400, "interval must be 0 or at least 24 hours");
    if (refused(r))
        return;
    value_put_bool(&r->arena, v, "enabled", enabled);
    value_put_i64(&r->arena, v, "max_operations", operations);
    value_put_i64(&r->arena, v, "interval", interval);
    entry_put_value(&r->tx, STR("core/rotate"), v, 0);
    reply_empty(r);
}

/* Rotates by itself when the configuration says so; past the hard limit always. */
void rotate_when_due(struct request *r)
{
    const struct barrier *b = r->core->barrier;
    int64_t used = (int64_t)barrier_term_used(b);
    int64_t operations;
    int64_t interval;
    bool enabled;

    read_config(r, &enabled, &operations, &interval);
    if (used >= operations_most || (enabled && used >= operations))
        rotate(r, "count");
    else if (enabled && interval > 0 && r->now / 1000 >= barrier_term_made(b) + interval)
        rotate(r, "age");
}
