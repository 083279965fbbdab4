/*
 * metrics - see metrics.h.
 *
 * A shard's cells come from slabs of its own, so that no two threads count on
 * the same cache line.  The hash is keyed: label values may come from outside.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "watch/label_int.h"
#include "watch/metrics_int.h"

enum {
    CACHE_LINE = 64,
    SLAB_CELLS = 504,
    KEY_MAX = METRIC_LABELS_MAX * (METRICS_LABEL_MAX + 2),
};

struct slab {
    _Alignas(CACHE_LINE) cell cells[SLAB_CELLS];
    struct slab *next;
    unsigned used;
};

struct key {
    size_t len;
    char bytes[KEY_MAX];
};

static void *alloc_lines(size_t n)
{
    void *p;

    n = (n + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    MUST(posix_memalign(&p, CACHE_LINE, n) == 0);
    memset(p, 0, n);
    return p;
}

struct metrics *metrics_new(unsigned nshards)
{
    struct metrics *m = xcalloc(1, sizeof(*m));

    MUST(nshards > 0);
    pthread_mutex_init(&m->lock, NULL);
    m->nshards = nshards;
    m->slabs = xcalloc(nshards, sizeof(struct slab *));
    return m;
}

static void series_free(const struct metrics *m, enum metric id, struct series *s)
{
    for (unsigned i = 0; i < m->nshards; i++) {
        void *data = atomic_load(&s->shards[i]);

        if (data == NULL || metric_table[id].type != METRIC_HISTOGRAM)
            continue; /* cells belong to the slabs */
        histogram_clear(data);
        free(data);
    }
    free(s->key);
    free(s);
}

static void family_free(struct metrics *m, enum metric id)
{
    struct family *f = &m->families[id];
    unsigned n = atomic_load(&f->count);

    for (unsigned i = 0; i < n; i++)
        series_free(m, id, f->blocks[i / SERIES_BLOCK]->series[i % SERIES_BLOCK]);
    for (unsigned i = 0; i < SERIES_BLOCKS; i++)
        free(f->blocks[i]);
    free(f->slots);
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    for (int id = 0; id < METRIC_COUNT; id++)
        family_free(m, (enum metric)id);
    for (unsigned i = 0; i < m->nshards; i++) {
        for (struct slab *s = m->slabs[i], *next; s != NULL; s = next) {
            next = s->next;
            free(s);
        }
    }
    free(m->slabs);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* Each value behind its length (two bytes), so that no two lists look the same. */
static void key_make(struct key *key, const struct str *labels, unsigned n)
{
    key->len = 0;
    for (unsigned i = 0; i < n; i++) {
        char *to = key->bytes + key->len;
        size_t len = label_clean(labels[i], to + 2, METRICS_LABEL_MAX);

        to[0] = (char)(len >> 8);
        to[1] = (char)len;
        key->len += len + 2;
    }
}

static struct series *series_new(
    const struct metrics *m, const struct key *key, uint64_t hash, unsigned nlabels)
{
    struct series *s = xcalloc(1, sizeof(*s) + m->nshards * sizeof(s->shards[0]));
    const char *at;

    s->key = xmalloc(key->len + 1);
    memcpy(s->key, key->bytes, key->len);
    s->key_len = key->len;
    s->hash = hash;
    at = s->key;
    for (unsigned i = 0; i < nlabels; i++) {
        size_t len = (size_t)(unsigned char)at[0] << 8 | (unsigned char)at[1];

        s->values[i] = (struct str){ at + 2, len };
        at += len + 2;
    }
    return s;
}

static struct series *series_at(const struct family *f, unsigned n)
{
    return f->blocks[n / SERIES_BLOCK]->series[n % SERIES_BLOCK];
}

static struct series *family_find(const struct family *f, const struct key *key, uint64_t hash)
{
    for (uint32_t i = (uint32_t)hash; f->nslots > 0; i++) {
        uint32_t n = f->slots[i & (f->nslots - 1)];
        struct series *s;

        if (n == 0)
            break;
        s = series_at(f, n - 1);
        if (s->hash == hash && s->key_len == key->len && memcmp(s->key, key->bytes, key->len) == 0)
            return s;
    }
    return NULL;
}

static void slot_take(struct family *f, unsigned n)
{
    uint32_t i = (uint32_t)series_at(f, n)->hash;

    while (f->slots[i & (f->nslots - 1)] != 0)
        i++;
    f->slots[i & (f->nslots - 1)] = n + 1;
}

static void family_append(struct family *f, struct series *s)
{
    unsigned n = atomic_load_explicit(&f->count, memory_order_relaxed);

    MUST(n < METRICS_SERIES_MAX + 1);
    if (f->blocks[n / SERIES_BLOCK] == NULL)
        f->blocks[n / SERIES_BLOCK] = xcalloc(1, sizeof(struct series_block));
    f->blocks[n / SERIES_BLOCK]->series[n % SERIES_BLOCK] = s;
    if ((n + 1) * 2 > f->nslots) {
        f->nslots = f->nslots > 0 ? f->nslots * 2 : 16;
        free(f->slots);
        f->slots = xcalloc(f->nslots, sizeof(uint32_t));
        for (unsigned i = 0; i < n; i++)
            slot_take(f, i);
    }
    slot_take(f, n);
    atomic_store_explicit(&f->count, n + 1, memory_order_release);
}

static struct series *family_get(struct metrics *m, enum metric id, const struct str *labels)
{
    struct family *f = &m->families[id];
    unsigned nlabels = metric_nlabels(id);
    struct key key;
    struct series *s;
    uint64_t hash;

    key_make(&key, labels, nlabels);
    hash = hash_bytes(key.bytes, key.len);
    s = family_find(f, &key, hash);
    if (s == NULL && atomic_load_explicit(&f->count, memory_order_relaxed) >= METRICS_SERIES_MAX) {
        struct str other[METRIC_LABELS_MAX];

        for (unsigned i = 0; i < nlabels; i++)
            other[i] = STR("other");
        key_make(&key, other, nlabels);
        hash = hash_bytes(key.bytes, key.len);
        s = family_find(f, &key, hash);
    }
    if (s == NULL) {
        s = series_new(m, &key, hash, nlabels);
        family_append(f, s);
    }
    return s;
}

static void *slab_take(struct metrics *m, unsigned shard)
{
    struct slab *s = m->slabs[shard];

    if (s == NULL || s->used == SLAB_CELLS) {
        s = alloc_lines(sizeof(*s));
        s->next = m->slabs[shard];
        m->slabs[shard] = s;
    }
    return &s->cells[s->used++];
}

/* The shard's cell or histogram, made when there is none. */
static void *shard_data(struct metrics *m, unsigned shard, enum metric id, const struct str *labels)
{
    struct series *s;
    void *data;

    MUST(shard < m->nshards);
    pthread_mutex_lock(&m->lock);
    s = family_get(m, id, labels);
    atomic_store_explicit(&s->hidden, false, memory_order_relaxed);
    data = atomic_load_explicit(&s->shards[shard], memory_order_relaxed);
    if (data == NULL) {
        data = metric_table[id].type == METRIC_HISTOGRAM ? alloc_lines(sizeof(struct histogram))
                                                         : slab_take(m, shard);
        atomic_store_explicit(&s->shards[shard], data, memory_order_release);
    }
    pthread_mutex_unlock(&m->lock);
    return data;
}

cell *metrics_cell(struct metrics *m, unsigned shard, enum metric id, const struct str *labels)
{
    MUST(metric_table[id].type != METRIC_HISTOGRAM);
    return shard_data(m, shard, id, labels);
}

struct histogram *metrics_histogram(
    struct metrics *m, unsigned shard, enum metric id, const struct str *labels)
{
    MUST(metric_table[id].type == METRIC_HISTOGRAM);
    return shard_data(m, shard, id, labels);
}

void metrics_hide(struct metrics *m, enum metric id, const struct str *labels)
{
    struct series *s;
    struct key key;

    key_make(&key, labels, metric_nlabels(id));
    pthread_mutex_lock(&m->lock);
    s = family_find(&m->families[id], &key, hash_bytes(key.bytes, key.len));
    if (s != NULL)
        atomic_store_explicit(&s->hidden, true, memory_order_relaxed);
    pthread_mutex_unlock(&m->lock);
}

unsigned family_count(const struct metrics *m, enum metric id)
{
    return atomic_load_explicit(&m->families[id].count, memory_order_acquire);
}

const struct series *family_series(const struct metrics *m, enum metric id, unsigned n)
{
    const struct series *s = series_at(&m->families[id], n);

    return atomic_load_explicit(&s->hidden, memory_order_relaxed) ? NULL : s;
}

bool family_is_shown(const struct metrics *m, enum metric id)
{
    unsigned n = family_count(m, id);

    for (unsigned i = 0; i < n; i++)
        if (family_series(m, id, i) != NULL)
            return true;
    return false;
}

int64_t series_value(const struct metrics *m, const struct series *s)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < m->nshards; i++) {
        const cell *c = atomic_load_explicit(&s->shards[i], memory_order_acquire);

        if (c != NULL)
            sum += atomic_load_explicit(c, memory_order_relaxed);
    }
    return (int64_t)sum;
}

void series_sum(const struct metrics *m, const struct series *s, struct histogram_sum *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < m->nshards; i++) {
        const struct histogram *h = atomic_load_explicit(&s->shards[i], memory_order_acquire);

        if (h != NULL)
            histogram_add(out, h);
    }
}

bool series_exemplar(
    const struct metrics *m, const struct series *s, unsigned classic, struct exemplar_copy *out)
{
    bool found = false;

    for (unsigned i = 0; i < m->nshards; i++) {
        const struct histogram *h = atomic_load_explicit(&s->shards[i], memory_order_acquire);
        struct exemplar_copy one;

        if (h == NULL || !histogram_read_exemplar(h, classic, &one))
            continue;
        if (!found || one.wall > out->wall)
            *out = one;
        found = true;
    }
    return found;
}
