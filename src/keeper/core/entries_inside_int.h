/*
 * entries_inside - what the files of entries share: for core/entries*.c alone.
 *
 *     entry_get: changes of the transaction -> cache (holds all that is not durable yet) -> store
 *
 * Paths of plain rows begin with PLAIN in here, so that they share everything with the others.  A folder that is not
 * empty has a row of its own, whose path ends with '/'.
 */
#ifndef WEIR_KEEPER_CORE_ENTRIES_INSIDE_INT_H
#define WEIR_KEEPER_CORE_ENTRIES_INSIDE_INT_H

#include "base/list.h"
#include "keeper/core/entries_int.h"
#include "keeper/seal/barrier_int.h"
#include "net/link.h"
#include "store/store.h"

enum {
    PLAIN = 1,             /* first byte of a plain row's path; no other path has it */
    BATCH_BYTES = 8 << 20, /* past it the next transaction begins a new batch */
    TX_BYTES = 36 << 20,   /* of one transaction, sealed */
    ENTRIES_CACHE = 64 << 20,
    ROWS_A_PAGE = 2048,
    FAILED_RANGES = 64,
};

#define KEYRING_PATH STR("\001keyring")

/* A change of a transaction. In the arena; in a tree by hash that hangs on tx->first, and in a list. */
struct pending {
    struct pending *left;
    struct pending *right;
    struct pending *next;
    uint64_t hash;
    struct str path;
    struct str data;
    int64_t due;
    bool there; /* put; else deleted */
    void *object;
    const struct entry_class *class;
};

struct cached {
    struct cached *chain;
    struct list place; /* least recently used first; or, while not durable, in order of batches */
    uint64_t hash;
    uint64_t folder; /* hash of the folder's path */
    uint64_t batch;  /* not durable before it */
    int64_t due;
    char *data;
    size_t len;
    void *object;
    const struct entry_class *class;
    size_t size; /* counted for it in all */
    bool there;
    bool pinned;
    size_t path_len;
    char path[];
};

struct cache {
    struct cached **table;
    size_t room; /* a power of two */
    size_t n;
    size_t bytes;
    struct list used;
    struct list pinned;
    struct grave *graves; /* objects that somebody may still look at in this round */
};

/* Names of large folders. */
struct names_cache {
    struct list listings;
    size_t n;
    size_t bytes;
};

struct batch {
    struct list link;
    uint64_t number;
    struct buf bytes; /* of STORE_COMMIT */
    uint32_t count;
    bool closed;
    bool sent;
    bool keyring;
    struct barrier_state *state; /* what the keyring in it stands for */
};

/* The blocking end of the reading link. */
struct reader {
    int fd; /* -1: none */
    uint64_t asked;
    bool late; /* the answer to the last question is still to come */
    struct buf in;
    struct buf answer;
};

struct entries {
    struct loop *loop;
    struct barrier *barrier;
    struct cache cache;
    struct names_cache names;
    struct reader reader;
    struct scratch *scratch; /* instead of a store; NULL: none */
    struct link *writer;     /* NULL: none */
    uint64_t generation;
    struct list batches; /* oldest first */
    uint64_t number;     /* of the newest batch */
    uint64_t reported;   /* by entries_close_batch() */
    uint64_t durable;
    uint64_t permitted; /* batches up to it may go to the store */
    uint64_t quiet; /* reads are refused until this batch is durable: what it wrote was forgotten */
    struct {
        uint64_t from;
        uint64_t to;
    } failed[FAILED_RANGES];
    unsigned nfailed;
    struct barrier_state *state; /* the durable keyring */
    uint32_t term;               /* that sealed last */
    uint64_t term_batch;         /* the first batch with something of it */
    uint64_t packed_used;        /* count of seals in the newest keyring */
    uint32_t stuck_term;         /* some row of an older term than it cannot be read */
    void (*progress)(void *arg);
    void *progress_arg;
    const char *trouble;
    char trouble_text[160];
    struct entries_stats stats;
};

/* ---- entries_read.c ---- */
enum read_result { READ_OK, READ_BUSY, READ_CORRUPT };
void reader_init(struct reader *r);
void reader_attach(struct reader *r, int fd);
/* Answer (borrowed until the next question) of the expected type; a STORE_REFUSED is READ_BUSY or READ_CORRUPT. */
enum read_result reader_ask(
    struct reader *r, uint16_t type, struct str body, uint16_t expected, struct str *answer);
/* STORE_ROWS: how many, and each. */
bool rows_begin(struct str *answer, uint32_t *n);
enum read_result entries_ask(struct entries *e, uint16_t type, struct str body, struct str *answer);
/* Notes in the transaction why it must fail. */
void tx_fail(struct tx *t, enum read_result why);
/* The path of a row that the store gave, in the arena; len 0: not sealed by us. */
struct str row_path(struct entries *e, const struct row *r, struct arena *a);

/* ---- entries_cache.c ---- */
void cache_init(struct cache *c);
void cache_free(struct cache *c);
struct cached *cache_find(struct cache *c, struct str path, uint64_t hash);
struct contents {
    bool there;
    char *data; /* malloc'd */
    size_t len;
    int64_t due;
};
/* Takes the data; batch 0: as the store has it. */
struct cached *cache_set(
    struct cache *c, struct str path, uint64_t hash, const struct contents *now, uint64_t batch);
/* It is gone, as of that batch. */
void cache_set_gone(struct cache *c, struct str path, uint64_t hash, uint64_t batch);
void cache_set_object(
    struct cache *c, struct cached *it, void *object, const struct entry_class *class);
void cache_settle(struct cache *c, uint64_t durable);
void cache_drop_all(struct cache *c);
void cache_evict(struct cache *c, size_t most);
/* Once no handler runs. */
void cache_bury(struct cache *c);
void cache_add_grave(struct cache *c, void *object, const struct entry_class *class);

/* ---- entries_names.c ---- */
void names_init(struct names_cache *c);
void names_drop_all(struct names_cache *c);
/* NULL: it was not read lately, or is small. */
struct listing *names_find(struct names_cache *c, struct str folder);
/* All names in the folder, as everybody sees them. */
void names_keep(struct names_cache *c, struct str folder, const struct str *names, size_t n);
/* Of an entry's or folder's path: it has come or gone. */
void names_change(struct names_cache *c, struct str path, bool there);
bool names_is_empty(const struct listing *l);
void names_each(
    const struct listing *l, struct str after, bool (*each)(void *arg, struct str name), void *arg);
int name_order(struct str a, struct str b); /* by byte */

/* ---- entries_tx.c ---- */
/* Forgets the changes; the barrier stays as it is. */
void tx_clear(struct tx *t);
uint64_t path_hash(struct str path);
struct str folder_of(struct str path);
struct pending *tx_find(const struct tx *t, struct str path, uint64_t hash);
struct pending *tx_change(struct tx *t, struct str path, uint64_t hash);
/* From the cache or the store; NULL and t->failed when that cannot be said. Notes t->after. */
struct cached *tx_load(struct tx *t, struct str path, uint64_t hash);
void id_of(struct entries *e, struct str path, uint8_t id[STORE_ID]);
void folder_id_of(struct entries *e, struct str path, uint8_t id[STORE_ID]);

/* ---- entries_rows.c ---- */
/* Answers STORE_GET and STORE_LIST as the store would. */
enum read_result scratch_ask(struct scratch *s, uint16_t type, struct str body, struct str *answer);
void scratch_free(struct scratch *s);

/* ---- entries_take.c ---- */
void batch_add(struct entries *e, enum change_kind kind, const struct row *r);
/* Appends a row to the open batch, sealed now. */
void batch_put(struct entries *e, struct str path, struct str data, int64_t due);
void batch_delete(struct entries *e, struct str path);
struct batch *batch_open(struct entries *e, size_t bytes);

/* ---- entries.c ---- */
/* The barrier has the keyring again that is written down, or will be by a batch under way. A closed one stays closed. */
void entries_restore_keyring(struct entries *e);
void entries_fail_from(struct entries *e, struct batch *first, const char *why);

#endif
