/*
 * entries - entry_int.h's other side: what core.c does with the transactions of requests.
 *
 *     handler writes in r->tx     tx_take()         entries_close()     entries_release()        STORE_DONE
 *     (only itself sees it) ----> in the open batch ---> closed batch ---> sent to the store ---> durable
 *                                 (others see it)        \______________________________________/
 *                                                          refused, link lost: FAILED, caches dropped
 *
 * A batch is what one round of the loop changed; it is one transaction of the store.  core.c, in each round's end:
 *     entries_close(e, number of the last audit record); audit_flush(a);
 * and when the journal has written more:
 *     entries_release(e, audit_written(a));
 * A request is answered when entries_state(e, r->tx.after) is BATCH_DURABLE (batch 0 always is); BATCH_FAILED is 503.
 *
 * What always holds:
 *  (1) A batch is durable only when all before it are; when one fails all after it fail, and what
 *      they had put into the cache is gone before anybody is told.
 *  (2) A keyring is in use only with its row: when the batch with "core/keyring" fails, the barrier goes
 *      back to the keyring that is durable.
 *  (3) The store sees sealed bytes and blinded names alone; raw rows are sealed by their owner.
 */
#ifndef WEIR_KEEPER_CORE_ENTRIES_INT_H
#define WEIR_KEEPER_CORE_ENTRIES_INT_H

#include "keeper/core/entry_int.h"
#include "keeper/seal/barrier_int.h"
#include "net/loop.h"

struct entries *entries_new(struct loop *l, struct barrier *b, size_t cache_bytes);
void entries_free(struct entries *e);
/* The store role's links (both own their fd).  Replaces those before: what is under way fails. */
void entries_attach(struct entries *e, int read_fd, int write_fd);
bool entries_is_attached(const struct entries *e); /* and neither link has ended */

/* From now on others see the changes; t is empty and t->after is their batch (or, without changes, what it read).
 * False: nothing was taken, t->failed and t->busy say why. */
bool tx_take(struct tx *t);

/* Ends the open batch, which may go to the store once `gate` is released. */
void entries_close(struct entries *e, uint64_t gate);
/* Sends the closed batches whose gate is at most this. */
void entries_release(struct entries *e, uint64_t gate);
/* Gives up what has not been sent (the journal is stuck): those batches fail. */
void entries_abandon(struct entries *e);

enum batch_state { BATCH_WAITING, BATCH_DURABLE, BATCH_FAILED };
enum batch_state entries_state(const struct entries *e, uint64_t batch);
/* Called whenever batches have become durable or have failed. Not from inside the functions above but entries_abandon(). */
void entries_on_settled(struct entries *e, void (*call)(void *arg), void *arg);
/* The sentence of the last failure, NULL after a success: "the disk is full", for health. */
const char *entries_trouble(const struct entries *e);

/* Sealing: wipes all plaintext.  What has been taken still goes to the store; reads fail as busy until it is there. */
void entries_forget(struct entries *e);

/*
 * Rows that are read before the barrier is open: "core/keyring", "core/seal/..." .  The name is hashed, the data
 * is stored as it is given: it must be sealed already, or be no secret.  They are part of the transaction like others.
 */
bool entry_raw_get(struct tx *t, struct str name, struct str *data);
void entry_raw_put(struct tx *t, struct str name, struct str data);
void entry_raw_delete(struct tx *t, struct str name);
/* Packs the barrier's keyring into the row "core/keyring": after barrier_create(), barrier_rotate(), barrier_new_root(). */
void entry_put_keyring(struct tx *t);
/* The packed keyring, for barrier_open(); false: the keeper is not initialised (or t->failed). */
bool entry_get_keyring(struct tx *t, struct str *packed);
/* After barrier_open(): this keyring is the durable one. */
void entries_opened(struct entries *e);

/*
 * Background work, a bounded piece a call: seals anew what older terms sealed, then destroys those terms; packs the keyring now and
 * then so that the count of seals outlives a crash; says when a term is due to be renewed.  Each call is a
 * transaction of its own.  True: there is more to do at once.
 */
bool entries_work(struct entries *e);

struct entries_stats {
    size_t cached; /* bytes */
    size_t cached_entries;
    uint64_t hits;
    uint64_t misses;
    uint64_t commits;
    uint64_t failures;
    unsigned batches_waiting;
    uint32_t oldest_term; /* with rows, as far as known */
};
void entries_get_stats(const struct entries *e, struct entries_stats *out);

#endif
