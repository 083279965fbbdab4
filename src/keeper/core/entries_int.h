/*
 * entries - the core's side of entry_int.h: batches, what is durable, and the rows outside the barrier.
 *
 *     tx_take() -> open batch --entries_close_batch()--> closed --entries_commit()--> sent --STORE_DONE--> durable
 *                                                           |                            |
 *                                                           +--entries_abandon()--> failed <--STORE_REFUSED, end of the link
 *
 * A round of the loop makes one batch.  The core sends it once the journal has its audit records.  When a batch fails,
 * all later ones fail with it (they may have read what it wrote): the cache is dropped and a new generation begins.
 *
 * What always holds:
 *  (1) A batch is durable only when all before it are or have failed; what a failed one had put into the cache is gone
 *      before anybody is told.
 *  (2) A keyring is in use only with its row: when the batch with the plain row "keyring" fails, the barrier
 *      goes back to the keyring that is durable.
 *  (3) The store sees sealed bytes and blinded names alone, but for plain rows, which their owner has sealed.
 */
#ifndef WEIR_KEEPER_CORE_ENTRIES_INT_H
#define WEIR_KEEPER_CORE_ENTRIES_INT_H

#include "keeper/core/entry_int.h"
#include "net/loop.h"

/* The barrier is borrowed. */
struct entries *entries_new(struct loop *l, struct barrier *b);
void entries_free(struct entries *e);
/* The reading link (blocking) and the writing link (on the loop); owns both, replaces those before: what is under way fails. */
void entries_attach(struct entries *e, int read_fd, int write_fd);
bool entries_attached(const struct entries *e);

/* The changes are the open batch's from now on and seen by everyone; t is empty then.  Returns the batch that must be durable before the
 * answer: the open one, or t->after when nothing was changed (0: none), and sets t->after to it. When it cannot be taken (t->failed
 * and t->busy say why; check it), nothing was. */
uint64_t tx_take(struct tx *t);
/* Ends the open batch: its number, or 0 when it is empty. Numbers grow by one. A batch that grew too long was closed by tx_take(): the number returned covers it. */
uint64_t entries_close_batch(struct entries *e);
/* Sends the closed batches up to this one. */
void entries_commit(struct entries *e, uint64_t up_to);
/* Fails all batches that were not sent, the open one too. */
void entries_abandon(struct entries *e);
bool entries_is_durable(const struct entries *e, uint64_t batch); /* 0 always is */
bool entries_has_failed(const struct entries *e, uint64_t batch);
/* Called when batches became durable or failed: later from the loop, at once by entries_abandon(), entries_commit() and entries_attach(). */
void entries_on_progress(struct entries *e, void (*call)(void *arg), void *arg);
/* The last bytes of the audit journal, at most `most` (and the store's JOURNAL_TAIL_MAX), in the arena; *size: of the whole. False: the
 * store does not answer. */
bool entries_journal_tail(
    struct entries *e, uint32_t most, struct arena *a, uint64_t *size, struct str *tail);
/* The sentence of the last failure ("the disk is full"), NULL since it works again: for health. */
const char *entries_trouble(const struct entries *e);
/* Sealing, once no handler runs and before barrier_close(): forgets and wipes all plaintext. What was taken still goes to the store, and is wiped
 * as soon as it is there: a moment later. */
void entries_forget(struct entries *e);

/* Rows that stand outside the barrier ("keyring", "seal", ...): their id is not blinded, their data not sealed here: it is sealed
 * already, or no secret. 1 there, 0 not there, -1 the store does not answer. tx_plain_put(): len 0 deletes. */
int entries_plain_get(struct entries *e, struct arena *a, const char *name, struct str *data);
void tx_plain_put(struct tx *t, const char *name, struct str data);
/* Packs the barrier into the plain row "keyring": after barrier_create(), barrier_rotate(), barrier_new_root(), in the same transaction
 * as what belongs to it (the root key's new wrappings).  When that transaction is dropped or its batch fails, the barrier is again as it
 * was before. */
void tx_put_keyring(struct tx *t);
/* After barrier_open() with the row "keyring": what is open now is what is durable. */
void entries_opened(struct entries *e);

/*
 * Background work, a bounded piece a call (from a tick): seals anew what older terms sealed, then destroys those terms; packs the
 * keyring now and then so that the count of seals outlives a crash.  Closes no batch.  True: there is more to do at once.
 */
bool entries_work(struct entries *e);

/* ---- for backups: rows as they are stored ---- */

struct row; /* store/store.h */
/* All rows of one moment in the order of their ids, a piece a call: `after` is zeros for the first, then the last id that came. Rows (borrowed
 * until the store is asked again) are given to each(). How many; 0: that was all; -1: the store does not answer. most 0 ends it early. */
int entries_scan(struct entries *e, const uint8_t after[32], unsigned most,
    void (*each)(void *arg, const struct row *r), void *arg);
/* Puts a row as it was stored once (restoring into an empty store) into the open batch; its number. 0: it cannot be. */
uint64_t entries_put_row(struct entries *e, const struct row *r);
uint64_t entries_delete_row(struct entries *e, const struct row *r);
/* Is the row the plain row of that name? */
bool entries_is_plain_row(struct entries *e, const struct row *r, const char *name);
/* Rows of the store; false: it does not answer. */
bool entries_count_rows(struct entries *e, uint64_t *rows);

/*
 * Entries over rows in memory, for drills: nothing can be taken.  The barrier is borrowed. Rows are copied; past `most` bytes in all false.
 * entries_scratch_ready() once all are there, before the first read.
 */
struct entries *entries_new_scratch(struct barrier *b, size_t most);
bool entries_scratch_add(struct entries *e, const struct row *r);
void entries_scratch_ready(struct entries *e);

struct entries_stats {
    size_t cached; /* bytes */
    size_t cached_entries;
    uint64_t hits;
    uint64_t misses;
    uint64_t commits;
    uint64_t failures;
    unsigned waiting; /* batches that are not durable yet */
};
void entries_get_stats(const struct entries *e, struct entries_stats *out);

#endif
