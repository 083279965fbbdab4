/*
 * keeper_fixture - an opened barrier and entries over a real store, for the keeper's unit tests.
 *
 * The store role's service runs in a thread of the test, on a temporary folder.
 *
 *     struct keeper_fixture f;
 *     keeper_fixture_open(&f);
 *     entry_put(&f.tx, STR("mount/x/a"), STR("1"), 0);
 *     CHECK(keeper_fixture_take(&f));         taken, and durable; f.tx and f.arena are new
 *     keeper_fixture_reopen(&f);              as after a restart and unseal
 *     keeper_fixture_close(&f);
 */
#ifndef WEIR_TESTS_KEEPER_FIXTURE_H
#define WEIR_TESTS_KEEPER_FIXTURE_H

#include <pthread.h>

#include "keeper/core/entries_int.h"
#include "keeper/seal/barrier_int.h"
#include "net/loop.h"

struct keeper_fixture {
    struct loop *loop;
    struct barrier *barrier;
    struct entries *entries;
    struct arena arena;
    struct tx tx;
    char folder[64];
    /* the store: its thread, and the end of the journal's link that nobody else takes */
    pthread_t thread;
    int fds[3]; /* the service's ends */
    int journal_fd;
};

/* For tests that bring a core of their own: the folder and the service alone. to: the core's ends for reading, writing, journal. */
void keeper_fixture_store(struct keeper_fixture *f, int to[3]);
/* Once the three ends are closed. Removes the folder when told to. */
void keeper_fixture_end_store(struct keeper_fixture *f, bool remove);

void keeper_fixture_open(struct keeper_fixture *f);
/* On a folder that may hold a keeper of an earlier call. */
void keeper_fixture_open_at(struct keeper_fixture *f, const char *folder);
void keeper_fixture_close(struct keeper_fixture *f);
void keeper_fixture_leave(struct keeper_fixture *f); /* closes, and keeps the folder */
void keeper_fixture_remove(const char *folder);
/* tx_take(), and waits until it is durable. False: it was not taken, or failed. */
bool keeper_fixture_take(struct keeper_fixture *f);
/* Closes and sends the open batch and waits for all that was sent. False: some failed. */
bool keeper_fixture_settle(struct keeper_fixture *f);
/* Another service on the same folder, and new entries whose barrier is opened from what is stored. */
void keeper_fixture_reopen(struct keeper_fixture *f);

#endif
