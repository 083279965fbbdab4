/*
 * audit - see audit_int.h: life, heads, and what is said of it.
 */
#include <sodium.h>
#include <stdlib.h>

#include "keeper/audit/inside_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/entries_int.h"
#include "keeper/seal/barrier_int.h"
#include "keeper/seal/memory_int.h"

struct audit *audit_new(struct core *c)
{
    struct audit *a = xcalloc(1, sizeof(*a));

    a->core = c;
    queue_init(&a->queue, core_loop(c));
    return a;
}

static void forget_keys(struct audit *a)
{
    chain_mac_free(a->mac);
    secret_free(a->secret);
    a->mac = NULL;
    a->secret = NULL;
    sodium_memzero(a->remembered, sizeof(a->remembered));
}

void audit_free(struct audit *a)
{
    if (a == NULL)
        return;
    forget_keys(a);
    queue_free(&a->queue);
    free(a);
}

void audit_attach(struct audit *a, int fd)
{
    queue_attach(&a->queue, fd);
    if (a->mac == NULL && a->queue.lines.len == 0)
        a->known =
            false; /* whatever the new store's journal holds is looked at when we are opened */
}

void audit_on_written(struct audit *a, void (*call)(void *arg), void *arg)
{
    a->queue.on_written = call;
    a->queue.arg = arg;
}

/* ---- opening and closing ---- */

static void derive_keys(struct audit *a)
{
    uint8_t seed[BARRIER_KEY];
    uint8_t key[CHAIN_KEY];

    barrier_derive(core_barrier(a->core), "audit values", seed);
    a->mac = chain_mac_new(seed);
    barrier_derive(core_barrier(a->core), "audit heads", seed);
    a->secret = secret_alloc(CHAIN_SECRET);
    crypto_sign_seed_keypair(key, a->secret, seed);
    sodium_memzero(seed, sizeof(seed));
}

static void say_opened(struct audit *a)
{
    struct arena arena;
    struct value *details;

    arena_init(&arena, 1024);
    details = value_map(&arena);
    value_put_text(&arena, details, "journal", str_from(a->damaged ? a->damage : "goes on"));
    value_put_i64(&arena, details, "unsigned_records", (int64_t)a->unsigned_records);
    audit_event(
        a, a->damaged ? "audit_damaged" : "audit_opened", details, "journal,unsigned_records");
    arena_free(&arena);
}

bool audit_start(struct audit *a, const char **why)
{
    *why = "there is no audit journal";
    if (a->queue.link == NULL)
        return false;
    derive_keys(a);
    if (!a->known && !audit_find_end(a, why)) {
        forget_keys(a);
        return false;
    }
    a->known = true;
    a->head_seq = 0;
    a->head_at = loop_now(core_loop(a->core));
    say_opened(a);
    return true;
}

/* ---- heads ---- */

static void add_head(struct audit *a)
{
    struct buf *to = &a->queue.lines;
    int64_t now = (int64_t)(loop_wall(a->queue.loop) / 1000);
    size_t begin = record_begin(a, now);
    struct chain_head head = { .tree = a->tree };

    memcpy(head.last, a->last, CHAIN_HASH);
    memcpy(head.time, a->time, 24);
    chain_head_sign(&head, a->secret);
    chain_head_write(&head, to);
    a->head_seq = record_end(a, begin);
    a->head_at = loop_now(a->queue.loop);
    a->head_wall = now;
    a->since_head = 0;
    a->queue.sync = true;
}

/* How far the journal must reach, whoever cuts it: in the store once the head is on the disk. */
static void note_head(struct audit *a, size_t begin)
{
    struct entries *e = core_entries(a->core);
    struct buf *lines = &a->queue.lines;
    msec_t now = loop_now(a->queue.loop);
    struct arena arena;
    struct tx t;

    if (entries_trouble(e) != NULL && now < a->anchored_at + AUDIT_ANCHOR_EVERY)
        return;
    a->anchored_at = now;
    arena_init(&arena, 4096);
    tx_init(&t, e, &arena);
    tx_plain_put(&t, "audit-head", (struct str){ lines->data + begin, lines->len - begin - 1 });
    tx_take(&t);
    arena_free(&arena);
}

static bool head_is_due(const struct audit *a)
{
    if (a->tree.size == a->head_seq || a->since_head == 0)
        return false;
    return a->since_head >= AUDIT_HEAD_BYTES ||
           loop_now(a->queue.loop) >= a->head_at + AUDIT_HEAD_EVERY;
}

uint64_t audit_round(struct audit *a)
{
    size_t begin = a->queue.lines.len;

    if (a->mac == NULL || audit_is_stuck(a) || !head_is_due(a))
        return 0;
    add_head(a);
    note_head(a, begin);
    return a->head_seq;
}

uint64_t audit_last(struct audit *a)
{
    size_t begin;

    if (a->mac == NULL || audit_is_stuck(a))
        return 0;
    audit_event(a, "audit_closed", NULL, NULL);
    begin = a->queue.lines.len;
    add_head(a);
    note_head(a, begin);
    return a->head_seq;
}

void audit_stop(struct audit *a)
{
    forget_keys(a);
}

void audit_forget(struct audit *a)
{
    queue_begin(&a->queue, a->queue.written);
    a->known = false;
}

/* ---- on the way to the journal ---- */

void audit_flush(struct audit *a, bool sync)
{
    if (a->queue.compare && a->queue.link != NULL && a->known && !audit_compare(a))
        return;
    a->queue.sync |= sync;
    queue_flush(&a->queue);
}

uint64_t audit_written(const struct audit *a)
{
    return a->queue.written;
}

bool audit_is_stuck(const struct audit *a)
{
    return queue_is_stuck(&a->queue, CORE_ANSWER_WITHIN);
}

bool audit_sign(struct audit *a, struct str text, uint8_t signature[64], uint8_t key[32])
{
    static const char kind[] = "weir report\n";
    struct buf all;

    if (a->secret == NULL)
        return false;
    buf_init(&all, SIZE_MAX / 4);
    buf_text(&all, kind);
    buf_str(&all, text);
    crypto_sign_detached(signature, NULL, (const unsigned char *)all.data, all.len, a->secret);
    memcpy(key, a->secret + CHAIN_KEY, CHAIN_KEY);
    buf_free(&all);
    return true;
}

/* ---- what is said of it ---- */

void audit_observe(struct audit *a, struct arena *arena, struct value *to)
{
    const struct queue *q = &a->queue;
    msec_t now = loop_now(q->loop);
    const char *trouble = a->damaged ? a->damage : q->trouble[0] != '\0' ? q->trouble : NULL;

    value_put_i64(arena, to, "size", (int64_t)a->tree.size);
    value_put_i64(arena, to, "written", (int64_t)q->written);
    value_put_i64(arena, to, "records", (int64_t)a->records);
    value_put_i64(arena, to, "refusals", (int64_t)q->refusals);
    value_put_i64(arena, to, "waiting_bytes", (int64_t)q->lines.len);
    value_put_i64(arena, to, "lag_msec", q->waiting != 0 ? (int64_t)(now - q->waiting) : 0);
    value_put_i64(arena, to, "head_age_msec",
        a->head_wall != 0 ? (int64_t)(loop_wall(q->loop) / 1000) - a->head_wall : -1);
    value_put_bool(arena, to, "stuck", audit_is_stuck(a));
    value_put_bool(arena, to, "damaged", a->damaged);
    value_put(
        to, "trouble", trouble != NULL ? value_text(arena, str_from(trouble)) : value_null(arena));
}
