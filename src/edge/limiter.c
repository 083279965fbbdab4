/*
 * limiter - see limiter.h.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "edge/limiter.h"

enum { WAYS = 8, ENTRIES_MIN = 64, ENTRIES_MAX = 1 << 24, TRIES = 16 };

struct entry {
    _Atomic uint64_t key; /* 0: free */
    _Atomic usec_t tat;
};

struct limiter {
    _Atomic unsigned refs;
    struct str name;
    unsigned entries;
    struct entry *table;
};

struct limiter *limiter_new(struct str name, unsigned entries)
{
    struct limiter *l = xcalloc(1, sizeof(*l));
    unsigned n = ENTRIES_MIN;

    while (n < entries && n < ENTRIES_MAX)
        n *= 2;
    l->refs = 1;
    l->name = (struct str){ xstrndup(name.at, name.len), name.len };
    l->entries = n;
    l->table = xcalloc(n, sizeof(*l->table));
    return l;
}

struct limiter *limiter_ref(struct limiter *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void limiter_unref(struct limiter *l)
{
    if (l == NULL || atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    free((void *)(uintptr_t)l->name.at);
    free(l->table);
    free(l);
}

struct str limiter_name(const struct limiter *l)
{
    return l->name;
}

unsigned limiter_entries(const struct limiter *l)
{
    return l->entries;
}

/* The key's entry, or the one it takes over. */
static struct entry *find(struct limiter *l, uint64_t key)
{
    struct entry *bucket = &l->table[key & (l->entries - 1) & ~(uint64_t)(WAYS - 1)];
    struct entry *oldest = bucket;
    uint64_t held;

    for (unsigned i = 0; i < WAYS; i++) {
        held = atomic_load_explicit(&bucket[i].key, memory_order_acquire);
        if (held == key)
            return &bucket[i];
        if (atomic_load_explicit(&bucket[i].tat, memory_order_relaxed) <
            atomic_load_explicit(&oldest->tat, memory_order_relaxed))
            oldest = &bucket[i];
    }
    held = atomic_load(&oldest->key);
    if (atomic_compare_exchange_strong(&oldest->key, &held, key))
        atomic_store(&oldest->tat, 0);
    return oldest;
}

/*
 * GCRA: a request is worth `interval`; the burst may run ahead of the clock by
 * burst * interval.
 */
struct limit_result limiter_take(
    struct limiter *l, const struct limit *rule, uint64_t key, usec_t now)
{
    usec_t interval = rule->period * 1000 / rule->requests;
    struct limit_result r = { 0 };
    struct entry *e;
    usec_t window;

    if (interval == 0)
        interval = 1;
    window = interval * rule->burst;
    e = find(l, key != 0 ? key : 1);
    for (int i = 0; i < TRIES; i++) {
        usec_t seen = atomic_load_explicit(&e->tat, memory_order_relaxed);
        usec_t tat = (seen > now ? seen : now) + interval;

        if (tat > now + window) {
            r.retry_after = tat - now - window;
            r.reset = tat - interval - now;
            return r;
        }
        if (atomic_compare_exchange_weak(&e->tat, &seen, tat)) {
            r.allowed = true;
            r.remaining = (now + window - tat) / interval;
            r.reset = tat - now;
            return r;
        }
    }
    r.allowed = true; /* the other workers won sixteen times: they took the tokens, let it go */
    return r;
}
