/*
 * metrics_int - the series, as the renderers read them.
 *
 * Series are only ever appended: a reader takes the count (acquire) and may
 * then read all that came before without a lock.
 */
#ifndef WEIR_WATCH_METRICS_INT_H
#define WEIR_WATCH_METRICS_INT_H

#include <pthread.h>

#include "watch/metrics.h"

struct series {
    struct str values[METRIC_LABELS_MAX]; /* point into key */
    char *key;                            /* the values, each behind its length */
    size_t key_len;
    uint64_t hash;
    _Atomic bool hidden;
    void *_Atomic shards[]; /* a cell or a histogram each, or NULL */
};

enum {
    SERIES_BLOCK = 64,
    /* one more for "other" */
    SERIES_BLOCKS = (METRICS_SERIES_MAX + 1 + SERIES_BLOCK - 1) / SERIES_BLOCK,
};

struct series_block {
    struct series *series[SERIES_BLOCK];
};

struct family {
    _Atomic unsigned count;
    struct series_block *blocks[SERIES_BLOCKS];
    uint32_t *slots; /* open addressing; the number of a series plus 1, 0: empty */
    uint32_t nslots; /* a power of two, or 0 */
};

struct slab;
struct metrics {
    pthread_mutex_t lock; /* for all that is not read by renderers */
    unsigned nshards;
    struct slab **slabs; /* by shard: where its next cells come from */
    struct family families[METRIC_COUNT];
};

/* How many series there are to be shown, hidden ones included. */
unsigned family_count(const struct metrics *m, enum metric id);
/* n < family_count(). NULL: hidden. */
const struct series *family_series(const struct metrics *m, enum metric id, unsigned n);
/* Does the family have anything to show? */
bool family_is_shown(const struct metrics *m, enum metric id);

/* The sum over the shards. */
int64_t series_value(const struct metrics *m, const struct series *s);
void series_sum(const struct metrics *m, const struct series *s, struct histogram_sum *out);
/* The youngest of the shards' exemplars. */
bool series_exemplar(
    const struct metrics *m, const struct series *s, unsigned classic, struct exemplar_copy *out);

/* One of these a kind of exposition. */
void render_text(const struct metrics *m, struct buf *out);
void render_openmetrics(const struct metrics *m, struct buf *out);
void render_protobuf(const struct metrics *m, struct buf *out);
void render_json(const struct metrics *m, struct buf *out);

#endif
