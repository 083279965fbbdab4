/*
 * entries_work - sealing anew what older terms have sealed, and then destroying those terms.
 *
 * A stolen old key is worth nothing once every row it sealed is gone from the store.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

enum { ROWS_A_CALL = 256, RENEW_AT_BITS = 31 };

/* Its own transaction: nothing but the keyring. */
static void write_keyring(struct entries *e)
{
    struct arena a;
    struct tx t;

    arena_init(&a, 4096);
    tx_init(&t, e, &a);
    tx_put_keyring(&t);
    tx_take(&t);
    tx_drop(&t);
    arena_free(&a);
}

/* Opened with the old key, and put into the open batch under the new one. False: it cannot be read. */
static bool seal_anew(struct entries *e, const struct row *r, struct arena *a)
{
    struct str path = row_path(e, r, a);
    const struct cached *c;
    char *plain;
    size_t len = 0;
    bool ok;

    if (path.len == 0)
        return false;
    c = cache_find(&e->cache, path, path_hash(path));
    if (c != NULL && c->pinned)
        return true; /* what is under way is newer, and it is asked for again */
    plain = xmalloc(r->data.len + 1);
    ok = barrier_unseal(e->barrier, r->id, r->folder, SEALED_DATA, r->data, plain, &len);
    if (ok) {
        batch_open(e, r->name.len + r->data.len + 4096);
        batch_put(e, path, (struct str){ plain, len }, r->due);
    }
    explicit_bzero(plain, r->data.len);
    free(plain);
    return ok;
}

/* How many rows older than the current term there were; -1: cannot be said. */
static int seal_some(struct entries *e)
{
    uint8_t question[8];
    struct str answer;
    struct arena a;
    uint32_t term = barrier_term(e->barrier);
    uint32_t n = 0;

    for (int i = 0; i < 4; i++) {
        question[i] = (uint8_t)(term >> (8 * i));
        question[4 + i] = (uint8_t)(ROWS_A_CALL >> (8 * i));
    }
    if (entries_ask(e, STORE_OLDER, (struct str){ (char *)question, sizeof(question) }, &answer) !=
            READ_OK ||
        !rows_begin(&answer, &n))
        return -1;
    arena_init(&a, 65536);
    for (uint32_t i = 0; i < n; i++) {
        struct row r;

        if (!wire_take_row(&answer, &r) || !seal_anew(e, &r, &a)) {
            e->stuck_term = term; /* the old key stays; reading that row says so */
            break;
        }
    }
    arena_free(&a);
    return (int)n;
}

static bool keyring_is_old(const struct entries *e)
{
    return barrier_term_used(e->barrier) > e->packed_used + BARRIER_UNCOUNTED / 2;
}

/* What is on its way would not be found yet. */
static bool old_rows_are_stored(const struct entries *e)
{
    return e->term == barrier_term(e->barrier) ? e->durable >= e->term_batch
                                               : list_empty(&e->batches);
}

bool entries_work(struct entries *e)
{
    int n;

    if (!barrier_is_open(e->barrier) || !entries_attached(e) || e->quiet > e->durable)
        return false;
    if (barrier_term_used(e->barrier) >> RENEW_AT_BITS != 0) {
        barrier_rotate(e->barrier);
        write_keyring(e);
        return true;
    }
    if (keyring_is_old(e))
        write_keyring(e);
    if (barrier_oldest(e->barrier) == barrier_term(e->barrier) ||
        e->stuck_term == barrier_term(e->barrier))
        return false;
    if (!old_rows_are_stored(e))
        return false;
    n = seal_some(e);
    if (n == 0) {
        barrier_destroy_before(e->barrier, barrier_term(e->barrier));
        write_keyring(e);
    }
    return n > 0 && e->stuck_term != barrier_term(e->barrier);
}
