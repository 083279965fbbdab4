/*
 * entry - what the engines keep: plaintext by path, sealed on its way to the store.
 *
 * A path is like "mount/<id>/keys/receipts"; segments are divided by '/', and
 * entry_list() sees them as folders.  No path or byte of data leaves the process but sealed:
 * names are blinded (HMAC-SHA256 under a key of the barrier), data is AES-256-GCM with the
 * blinded name as additional data, so that a row that was swapped, cut or changed is an
 * error (never wrong plaintext).
 *
 * A struct tx is the changes of one request: its own reads see them, other requests do once
 * core has taken it (tx_take(), when the request succeeded), and it is all or
 * nothing in the store.  A reader of an entry that is not yet durable is answered only
 * when it is: tx->after is the batch that must be.
 *
 * A failed read (store away, corrupt row) sets tx->failed: the request is
 * answered 500 or 503 whatever the handler says, and nothing of it is kept, so
 * handlers may treat it as "not there" and go on.
 */
#ifndef WEIR_KEEPER_CORE_ENTRY_INT_H
#define WEIR_KEEPER_CORE_ENTRY_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/value.h"

enum { ENTRY_PATH_MAX = 4096, ENTRY_DATA_MAX = 32 << 20 };

struct barrier; /* keeper/seal/barrier_int.h */
struct entries; /* the cache and what is under way */

struct tx {
    struct entries *entries;
    struct arena *arena;   /* the request's: all that is read lives as long */
    struct pending *first; /* changes, newest last */
    struct pending *last;
    uint64_t after;     /* batch that must be durable before the answer; 0: none */
    const char *failed; /* sentence, or NULL */
    bool busy;          /* failed because the store does not answer or is full: 503 */
};

void tx_init(struct tx *t, struct entries *e, struct arena *a);
/* Were there changes? */
bool tx_is_empty(const struct tx *t);
/* Forgets the changes. */
void tx_drop(struct tx *t);

/* True when it is there. */
bool entry_get(struct tx *t, struct str path, struct str *data);
/* The same, decoded; NULL when it is not there. */
struct value *entry_get_value(struct tx *t, struct str path);
/* due: when entry_due() gives it, msec since 1970; 0 never. */
void entry_put(struct tx *t, struct str path, struct str data, int64_t due);
void entry_put_value(struct tx *t, struct str path, const struct value *v, int64_t due);
void entry_delete(struct tx *t, struct str path);
/*
 * Names in a folder ("mount/x/data/" or "": with the '/'), sorted by byte; a subfolder's name
 * ends with '/'.  At most `most` names past `after` (len 0: from the start); 0: all.  Returns a VALUE_LIST of texts.
 */
struct value *entry_list(struct tx *t, struct str folder, struct str after, unsigned most);
/* Everything under the folder, a piece at a time: call until it returns false (each call: a bounded number of deletes). */
bool entry_delete_under(struct tx *t, struct str folder);
/* Paths under "folder" (a top one, like "lease/") that are due, the earliest first: a VALUE_LIST of at most `most` paths. */
struct value *entry_due(struct tx *t, struct str folder, int64_t now, unsigned most);

/*
 * An object made of an entry, and kept with it until the entry changes (or the
 * cache needs the room): parsed keys, compiled policies.  Immutable, valid
 * until the request's handler returns.  parse() gets the data and may return NULL (with a reason in *why): corrupt.
 */
struct entry_class {
    const char *name;
    void *(*parse)(struct str data, const char **why);
    void (*free)(void *object);
    size_t (*size)(const void *object); /* for the cache's limit; NULL: twice the data */
};
const void *entry_object(struct tx *t, struct str path, const struct entry_class *c);

/* A path of printf pieces, in the transaction's arena. */
struct str entry_path(struct tx *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
