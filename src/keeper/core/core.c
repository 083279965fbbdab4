/*
 * core - see core_int.h: life, links, rounds, opening and sealing.
 */
#include <stdlib.h>
#include <unistd.h>

#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/seals_int.h"
#include "keeper/seal/backup_int.h"
#include "keeper/seal/memory_int.h"
#include "keeper/sys/observe_int.h"
#include "keeper/sys/quota_int.h"
#include "keeper/sys/sys_int.h"

enum { KEY_FILE_MAX = 4096, GATES_FIRST = 16 };

/* ---- rounds ---- */

static void add_gate(struct core *c, uint64_t batch)
{
    if (c->ngates == c->room) {
        c->room = c->room == 0 ? GATES_FIRST : c->room * 2;
        c->gates = xreallocarray(c->gates, c->room, sizeof(struct gate));
    }
    c->gates[c->ngates++] = (struct gate){ batch, c->records };
}

/* Batches whose records are in the journal go to the store. */
static void open_gates(struct core *c)
{
    uint64_t written =
        c->state == CORE_OPEN || c->state == CORE_SEALING ? audit_written(c->audit) : UINT64_MAX;
    size_t n = 0;

    while (n < c->ngates && c->gates[n].records <= written)
        n++;
    if (n == 0)
        return;
    entries_commit(c->entries, c->gates[n - 1].batch);
    c->ngates -= n;
    memmove(c->gates, c->gates + n, c->ngates * sizeof(struct gate));
}

/* Makes what is kept in memory of the entries anew; when the store is away, the next tick tries again. */
static void reload(struct core *c)
{
    int there;

    if (!c->stale || c->state != CORE_OPEN)
        return;
    acls_forget(c->acls);
    there = seals_load(c);
    if (there == 0) /* its init could not be written down: it never was */
        core_seal(c);
    else
        c->stale = there != 1 || !mounts_load(c) || !quotas_load(c);
}

/* What is in memory of the entries may be of a batch that failed. */
static void notice_failures(struct core *c)
{
    struct entries_stats stats;

    entries_get_stats(c->entries, &stats);
    if (stats.failures == c->failures)
        return;
    c->failures = stats.failures;
    c->stale = true;
    reload(c);
}

/* The journal's last head, noted in the store once the journal has it. */
static void begin_closing(struct core *c)
{
    c->closing = true;
    c->records = audit_last(c->audit);
    c->closing_batch = entries_close_batch(c->entries);
    if (c->closing_batch != 0)
        add_gate(c, c->closing_batch);
    audit_flush(c->audit, true);
}

/* What was answered is done, and the last head is down; a journal or store that does not answer keeps no keys in memory. */
static bool is_settled(struct core *c)
{
    if (audit_is_stuck(c->audit) || loop_now(c->loop) > c->sealing_since + CORE_SEAL_WITHIN) {
        entries_abandon(c->entries);
        c->ngates = 0;
        return true;
    }
    return c->ngates == 0 && (entries_is_durable(c->entries, c->closing_batch) ||
                                 entries_has_failed(c->entries, c->closing_batch));
}

static void forget_all(struct core *c)
{
    c->closing = false;
    audit_stop(c->audit);
    entries_forget(c->entries);
    barrier_close(c->barrier);
    mounts_forget(c->mounts);
    tokens_forget(c);
    acls_forget(c->acls);
    quotas_forget(c->quotas);
    backups_forget(c);
    c->records = 0;
}

/* The first keyring of a keeper could not be written down, and the entries have taken it back: there is no keeper. */
static void notice_lost_keyring(struct core *c)
{
    if ((c->state != CORE_OPEN && c->state != CORE_SEALING) || barrier_is_open(c->barrier))
        return;
    forget_all(c);
    audit_forget(c->audit);
    c->state = CORE_NO_STORE;
    core_look_at_store(c);
}

static void finish_sealing(struct core *c)
{
    if (c->state != CORE_SEALING || c->calls > c->nheld ||
        (c->ngates > 0 && !audit_is_stuck(c->audit)))
        return;
    if (!c->closing)
        begin_closing(c);
    if (!is_settled(c) || c->state != CORE_SEALING) /* giving up batches comes back here */
        return;
    forget_all(c);
    c->state = CORE_SEALED;
    core_tell(c, "state", STR("sealed"));
    calls_let_go(c);
}

static void progress(void *arg)
{
    struct core *c = arg;

    notice_lost_keyring(c);
    notice_failures(c);
    open_gates(c);
    calls_progress(c);
    finish_sealing(c);
}

static void round_end(void *arg)
{
    struct core *c = arg;
    uint64_t head;
    uint64_t batch;

    if (c->state == CORE_OPEN && (head = audit_round(c->audit)) != 0)
        c->records = head;
    batch = entries_close_batch(c->entries);
    if (c->state == CORE_OPEN || c->state == CORE_SEALING)
        audit_flush(c->audit, batch != 0);
    if (batch != 0)
        add_gate(c, batch);
    progress(c);
}

void core_took(struct call *call)
{
    struct core *c = call->r.core;

    if (call->repolicy)
        acls_forget(c->acls);
    if (call->reloads && !mounts_load(c))
        c->stale = true;
    if (call->requota && !quotas_load(c))
        c->stale = true;
}

/* ---- opening and sealing ---- */

bool core_open(struct core *c, const char **why)
{
    *why = "the store cannot be read";
    if (mounts_load(c) && quotas_load(c) && audit_start(c->audit, why)) {
        barrier_derive(c->barrier, "cluster id", c->cluster_id);
        c->state = CORE_OPEN;
        core_tell(c, "state", STR("open"));
        c->stale = false;
        c->opened = core_wall(c) / 1000;
        return true;
    }
    entries_forget(c->entries);
    barrier_close(c->barrier);
    mounts_forget(c->mounts);
    tokens_forget(c);
    return false;
}

void core_seal(struct core *c)
{
    if (c->state != CORE_OPEN)
        return;
    c->state = CORE_SEALING;
    c->sealing_since = loop_now(c->loop);
    shares_forget(seals_progress(c));
    rekey_forget(c->rekey);
    root_attempt_forget(c->root_attempt);
}

void core_look_at_store(struct core *c)
{
    const char *why;
    int there;

    if (c->state == CORE_OPEN || c->state == CORE_SEALING || !entries_attached(c->entries))
        return;
    there = seals_load(c);
    c->state = there == 1 ? CORE_SEALED : there == 0 ? CORE_UNINITIALIZED : CORE_NO_STORE;
    if (c->state == CORE_SEALED && c->keep_open)
        seals_open_with_file(c, &why);
}

/* ---- by the clock ---- */

static struct call *own_call(struct core *c, struct mount *m)
{
    struct call *call = call_new(c);

    call->r.inside = true;
    call->inline_work = true;
    if (m != NULL) {
        call->r.mount = m;
        call->mount_held = mount_hold(m);
    }
    return call;
}

/* The changes of a call of the core's own, without a record of their own: what did them says so in the audit itself. */
static void take_own(struct call *call)
{
    if (call->r.tx.failed == NULL)
        tx_take(&call->r.tx);
    if (call->r.tx.failed == NULL)
        core_took(call);
    call_free(call);
}

static void tick_mount(struct core *c, struct mount *m)
{
    struct call *call = own_call(c, m);

    m->engine->tick(&call->r, m);
    take_own(call);
}

static void tick_leases(struct core *c)
{
    struct call *call = own_call(c, NULL);

    if (lease_tick(&call->r))
        c->hurry = true;
    take_own(call);
}

static void tick_open(struct core *c)
{
    struct mount *m = NULL;

    reload(c);
    while ((m = core_mount_each(c, NULL, m)) != NULL)
        if (m->engine->tick != NULL && !m->tainted)
            tick_mount(c, m);
    tick_leases(c);
    signers_tick(c);
    if (entries_work(c->entries))
        c->hurry = true;
}

static void on_tick(struct timer *t)
{
    struct core *c = list_item(t, struct core, tick);

    c->hurry = false;
    backups_tick(c);
    if (c->state == CORE_OPEN)
        tick_open(c);
    else
        core_look_at_store(c);
    timer_set(c->loop, t, loop_now(c->loop) + (c->hurry ? CORE_TICK_HURRY : CORE_TICK));
}

static void on_late(struct timer *t)
{
    struct core *c = list_item(t, struct core, late);

    calls_give_up(c);
    progress(c);
    timer_set(c->loop, t, loop_now(c->loop) + CORE_LATE);
}

/* ---- what it is given ---- */

void core_attach_store(struct core *c, int read_fd, int write_fd, int journal_fd)
{
    entries_attach(c->entries, read_fd, write_fd);
    audit_attach(c->audit, journal_fd);
    core_look_at_store(c);
}

void core_give_unseal_key(struct core *c, int fd)
{
    char *bytes = secret_alloc(KEY_FILE_MAX);
    ssize_t n = 0;
    size_t len = 0;

    if (fd < 0) {
        secret_free(bytes);
        return;
    }
    while (len < KEY_FILE_MAX && (n = read(fd, bytes + len, KEY_FILE_MAX - len)) > 0)
        len += (size_t)n;
    close(fd);
    if (n >= 0 && seals_give_file(c, (struct str){ bytes, len })) {
        c->keep_open = true;
        core_look_at_store(c);
    }
    secret_free(bytes);
}

/* ---- looking at it ---- */

bool core_is_sealed(const struct core *c)
{
    return c->state != CORE_OPEN;
}

bool core_is_initialized(const struct core *c)
{
    return c->state == CORE_OPEN || c->state == CORE_SEALED || c->state == CORE_SEALING;
}

struct loop *core_loop(struct core *c)
{
    return c->loop;
}

struct entries *core_entries(struct core *c)
{
    return c->entries;
}

struct barrier *core_barrier(struct core *c)
{
    return c->barrier;
}

struct audit *core_audit(struct core *c)
{
    return c->audit;
}

struct str core_cluster_id(struct core *c, struct arena *a)
{
    return encode_uuid(a, c->cluster_id);
}

int64_t core_wall(struct core *c)
{
    return (int64_t)(loop_wall(c->loop) / 1000);
}

/* ---- life ---- */

struct core *core_new(struct loop *l)
{
    struct core *c = xcalloc(1, sizeof(*c));

    c->loop = l;
    list_init(&c->apis);
    list_init(&c->waiting_records);
    list_init(&c->waiting_batch);
    list_init(&c->working);
    list_init(&c->idle);
    list_init(&c->held);
    c->barrier = barrier_new();
    c->entries = entries_new(l, c->barrier);
    c->mounts = mounts_new();
    c->acls = acls_new();
    c->seals = seals_new();
    c->quotas = quotas_new();
    c->rekey = rekey_new();
    c->root_attempt = root_attempt_new();
    c->workers = workers_new(c);
    c->signers = signers_new();
    c->audit = audit_new(c);
    entries_on_progress(c->entries, progress, c);
    audit_on_written(c->audit, progress, c);
    loop_after(l, round_end, c);
    timer_init(&c->tick, on_tick);
    timer_init(&c->late, on_late);
    timer_set(l, &c->tick, time_msec() + CORE_TICK);
    timer_set(l, &c->late, time_msec() + CORE_LATE);
    return c;
}

static void free_calls(struct list *calls)
{
    list_each (it, after, calls)
        call_free(list_item(it, struct call, link));
}

void core_free(struct core *c)
{
    if (c == NULL)
        return;
    timer_cancel(c->loop, &c->tick);
    timer_cancel(c->loop, &c->late);
    loop_after_cancel(c->loop, round_end, c);
    apis_close(c);
    workers_free(c->workers);
    signers_free(c->signers);
    free_calls(&c->waiting_records);
    free_calls(&c->waiting_batch);
    free_calls(&c->working);
    free_calls(&c->held);
    calls_free_idle(c);
    audit_free(c->audit);
    entries_free(c->entries);
    mounts_free(c->mounts);
    acls_free(c->acls);
    quotas_free(c->quotas);
    backups_free(c->backups);
    rekey_free(c->rekey);
    root_attempt_free(c->root_attempt);
    seals_free(c->seals);
    tokens_forget(c);
    barrier_free(c->barrier);
    free(c->gates);
    free(c);
}
