/*
 * entries - the core's side of entry_int.h: batches, what is durable, and the rows outside the barrier.
 *
 *     tx_take() -> open batch --entries_close_batch()--> closed --entries_commit()--> sent --STORE_DONE--> durable
 *                                                           |                            |
 *                                                           +--entries_abandon()--> failed <--STORE_REFUSED, end of the link
 *
 * A round of the loop makes one batch.  The core sends it once the journal has its audit records.  When a batch fails,
 * all later ones fail with it (they may have read what it wrote): the cache is dropped and a new generation begins.
 */
#ifndef WEIR_KEEPER_CORE_ENTRIES_INT_H
#define WEIR_KEEPER_CORE_ENTRIES_INT_H

#include "keeper/core/entry_int.h"
#include "net/loop.h"

/* The barrier is borrowed. */
struct entries *entries_new(struct loop *l, struct barrier *b);
void entries_free(struct entries *e);
/* The reading link (blocking) and the writing link (on the loop); owns both, replaces those before. */
void entries_attach(struct entries *e, int read_fd, int write_fd);
bool entries_attached(const struct entries *e);

/* The changes are the open batch's from now on and seen by everyone. Returns the batch that must be durable before the
 * answer: the open one, or t->after when nothing was changed (0: none). */
uint64_t tx_take(struct tx *t);
/* Ends the open batch: its number, or 0 when it is empty. Numbers grow by one. */
uint64_t entries_close_batch(struct entries *e);
/* Sends the closed batches up to this one. */
void entries_commit(struct entries *e, uint64_t up_to);
/* Fails all batches that were not sent, the open one too. */
void entries_abandon(struct entries *e);
bool entries_is_durable(const struct entries *e, uint64_t batch);
bool entries_has_failed(const struct entries *e, uint64_t batch);
/* Called when a batch became durable or failed. */
void entries_on_progress(struct entries *e, void (*call)(void *arg), void *arg);
/* Sealing: forgets and wipes all plaintext. */
void entries_forget(struct entries *e);

/* Rows that stand outside the barrier ("keyring", "seal", ...): their id is not blinded, their data not sealed here.
 * 1 there, 0 not there, -1 the store does not answer. */
int entries_plain_get(struct entries *e, struct arena *a, const char *name, struct str *data);
void tx_plain_put(struct tx *t, const char *name, struct str data);

#endif
