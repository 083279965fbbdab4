/*
 * entries - see entries_int.h: life, batches and their failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"

static void end_writer(struct entries *e);
static void send_permitted(struct entries *e);

static void tell(struct entries *e)
{
    if (e->progress != NULL)
        e->progress(e->progress_arg);
}

static void batch_free(struct entries *e, struct batch *b)
{
    list_remove(&b->link);
    buf_free(&b->bytes);
    barrier_state_free(b->state);
    free(b);
    e->stats.waiting--;
}

static struct batch *oldest(const struct entries *e)
{
    return list_empty(&e->batches) ? NULL : list_item(e->batches.next, struct batch, link);
}

/* ---- failure ---- */

static void note_failed(struct entries *e, uint64_t from, uint64_t to)
{
    if (e->nfailed > 0 && e->failed[e->nfailed - 1].to + 1 == from) {
        e->failed[e->nfailed - 1].to = to;
        return;
    }
    if (e->nfailed == FAILED_RANGES) { /* nobody waits for those any more */
        memmove(e->failed, e->failed + 1, sizeof(e->failed) - sizeof(e->failed[0]));
        e->nfailed--;
    }
    e->failed[e->nfailed].from = from;
    e->failed[e->nfailed].to = to;
    e->nfailed++;
}

void entries_restore_keyring(struct entries *e)
{
    const struct barrier_state *state = e->state;

    if (!barrier_is_open(e->barrier))
        return;
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        if (b->keyring)
            state = b->state;
    }
    barrier_restore(e->barrier, state);
}

void entries_fail_from(struct entries *e, struct batch *first, const char *why)
{
    uint64_t from;
    bool keyring = false;

    if (first == NULL)
        return;
    from = first->number;
    e->quiet = 0;
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        if (b->number < from) {
            e->quiet = b->number;
            continue;
        }
        keyring = keyring || b->keyring;
        batch_free(e, b);
    }
    note_failed(e, from, e->number);
    cache_drop_all(&e->cache);
    names_drop_all(&e->names);
    e->generation++;
    e->stats.failures++;
    snprintf(e->trouble_text, sizeof(e->trouble_text), "%s", why);
    e->trouble = e->trouble_text;
    e->term = 0;
    if (keyring)
        entries_restore_keyring(e);
    tell(e);
}

bool entries_has_failed(const struct entries *e, uint64_t batch)
{
    for (unsigned i = 0; i < e->nfailed; i++) {
        if (batch >= e->failed[i].from && batch <= e->failed[i].to)
            return true;
    }
    return false;
}

bool entries_is_durable(const struct entries *e, uint64_t batch)
{
    return batch <= e->durable && !entries_has_failed(e, batch);
}

/* ---- the writing link ---- */

static void on_done(struct link *l, const struct frame *f, void *arg)
{
    struct entries *e = arg;
    struct batch *b = oldest(e);

    (void)l;
    if (b == NULL || !b->sent || b->number != f->id) {
        end_writer(e); /* an answer to nothing we asked */
        return;
    }
    e->durable = b->number;
    e->stats.commits++;
    e->trouble = NULL;
    if (b->keyring) {
        barrier_state_free(e->state);
        e->state = b->state;
        b->state = NULL;
    }
    batch_free(e, b);
    cache_settle(&e->cache, e->durable);
    if (!barrier_is_open(e->barrier))
        cache_evict(&e->cache, 0);
    send_permitted(e);
    tell(e);
}

static void on_refused(struct link *l, const struct frame *f, void *arg)
{
    struct entries *e = arg;
    size_t id = strnlen(f->body.at, f->body.len);
    char why[160];

    (void)l;
    snprintf(why, sizeof(why), "%.*s", (int)(f->body.len - id),
        id < f->body.len ? f->body.at + id + 1 : "");
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        if (b->number == f->id) {
            entries_fail_from(e, oldest(e), why);
            return;
        }
    }
}

static const struct frame_rule from_store[] = {
    { STORE_DONE, "done", 0, on_done },
    { STORE_REFUSED, "refused", 4096, on_refused },
    { 0 },
};

static void on_close(struct link *l, void *arg)
{
    (void)l;
    end_writer(arg);
}

static void end_writer(struct entries *e)
{
    struct link *l = e->writer;

    e->writer = NULL;
    link_free(l);
    entries_fail_from(e, oldest(e), "the storage has gone");
}

void entries_attach(struct entries *e, int read_fd, int write_fd)
{
    end_writer(e);
    cache_drop_all(&e->cache);
    names_drop_all(&e->names);
    reader_attach(&e->reader, read_fd);
    e->quiet = 0;
    e->generation = 1;
    e->trouble = NULL;
    if (write_fd >= 0)
        e->writer = link_new(e->loop, write_fd, from_store, on_close, e);
}

bool entries_attached(const struct entries *e)
{
    return e->writer != NULL && e->reader.fd >= 0;
}

/* ---- batches ---- */

uint64_t entries_close_batch(struct entries *e)
{
    struct batch *b =
        list_empty(&e->batches) ? NULL : list_item(e->batches.prev, struct batch, link);

    if (b != NULL)
        b->closed = true;
    cache_evict(&e->cache, ENTRIES_CACHE);
    cache_bury(&e->cache);
    if (b == NULL || b->number <= e->reported)
        return 0;
    e->reported = b->number;
    return b->number;
}

/* Nothing of a new generation while a batch of the one before is under way: if that is refused after all, what came behind it
 * fails with it in here, and the store must not have it. */
static void send_permitted(struct entries *e)
{
    if (e->quiet > e->durable)
        return;
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        if (b->number > e->permitted || !b->closed)
            return;
        if (b->sent)
            continue;
        if (e->writer == NULL ||
            !link_send_str(e->writer, STORE_COMMIT, b->number, buf_as_str(&b->bytes))) {
            entries_fail_from(e, b, "the storage does not answer");
            return;
        }
        b->sent = true;
        buf_free(&b->bytes);
    }
}

void entries_commit(struct entries *e, uint64_t up_to)
{
    if (up_to > e->permitted)
        e->permitted = up_to;
    send_permitted(e);
}

void entries_abandon(struct entries *e)
{
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        if (!b->sent) {
            entries_fail_from(e, b, "the audit journal does not answer");
            return;
        }
    }
}

/* ---- life ---- */

struct entries *entries_new(struct loop *l, struct barrier *b)
{
    struct entries *e = xcalloc(1, sizeof(*e));

    e->loop = l;
    e->barrier = b;
    e->generation = 1;
    cache_init(&e->cache);
    names_init(&e->names);
    reader_init(&e->reader);
    list_init(&e->batches);
    return e;
}

void entries_free(struct entries *e)
{
    if (e == NULL)
        return;
    e->progress = NULL;
    link_free(e->writer);
    list_each (at, after, &e->batches)
        batch_free(e, list_item(at, struct batch, link));
    cache_free(&e->cache);
    names_drop_all(&e->names);
    scratch_free(e->scratch);
    reader_attach(&e->reader, -1);
    buf_free(&e->reader.in);
    buf_free(&e->reader.answer);
    barrier_state_free(e->state);
    free(e);
}

void entries_on_progress(struct entries *e, void (*call)(void *arg), void *arg)
{
    e->progress = call;
    e->progress_arg = arg;
}

const char *entries_trouble(const struct entries *e)
{
    return e->trouble;
}

void entries_forget(struct entries *e)
{
    names_drop_all(&e->names);
    cache_evict(&e->cache, 0); /* what is pinned goes as soon as the store has it, see on_done() */
    cache_bury(&e->cache);
    barrier_state_free(e->state);
    e->state = NULL;
    list_each (at, after, &e->batches) {
        struct batch *b = list_item(at, struct batch, link);

        barrier_state_free(b->state);
        b->state = NULL;
        b->keyring = false;
    }
    e->term = 0;
}

void entries_opened(struct entries *e)
{
    barrier_state_free(e->state);
    e->state = barrier_snapshot(e->barrier);
    e->packed_used = barrier_term_used(e->barrier);
    e->stuck_term = 0;
}

void entries_get_stats(const struct entries *e, struct entries_stats *out)
{
    *out = e->stats;
    out->cached = e->cache.bytes;
    out->cached_entries = e->cache.n;
}
