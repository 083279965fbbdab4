/*
 * meter - see meter_int.h.
 */
#include <stdatomic.h>

#include "keeper/crypto/meter_int.h"

enum { BUCKETS = 160, WINDOWS = 2 };

static _Atomic uint32_t buckets[WINDOWS][KEY_TYPES][BUCKETS];
static _Atomic uint64_t signatures[KEY_TYPES];
static _Atomic uint64_t failures[KEY_TYPES];
static _Atomic unsigned window;

static unsigned bucket_of(nsec_t took)
{
    unsigned power = took < 4 ? 2 : 63 - (unsigned)__builtin_clzll(took);
    unsigned bucket = power * 4 + (unsigned)(took >> (power - 2) & 3);

    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The longest that falls into it. */
static double microseconds(unsigned bucket)
{
    unsigned power = bucket < 8 ? 2 : bucket / 4; /* no bucket below is ever used */

    return (double)((nsec_t)(4 + bucket % 4 + 1) << (power - 2)) / 1000;
}

void meter_note(enum key_type t, nsec_t took, bool ok)
{
    unsigned w = atomic_load_explicit(&window, memory_order_relaxed);

    if (t >= KEY_TYPES)
        return;
    atomic_fetch_add_explicit(&signatures[t], 1, memory_order_relaxed);
    if (!ok)
        atomic_fetch_add_explicit(&failures[t], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&buckets[w][t][bucket_of(took)], 1, memory_order_relaxed);
}

void meter_turn(void)
{
    unsigned next = 1 - atomic_load_explicit(&window, memory_order_relaxed);

    for (unsigned t = 0; t < KEY_TYPES; t++)
        for (unsigned i = 0; i < BUCKETS; i++)
            atomic_store_explicit(&buckets[next][t][i], 0, memory_order_relaxed);
    atomic_store_explicit(&window, next, memory_order_relaxed);
}

/* The duration that this share of them does not exceed. */
static double quantile(const uint64_t counts[BUCKETS], uint64_t total, double share)
{
    uint64_t seen = 0;

    if (total == 0)
        return 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += counts[i];
        if ((double)seen >= share * (double)total)
            return microseconds(i);
    }
    return microseconds(BUCKETS - 1);
}

void meter_read(enum key_type t, struct meter_reading *out)
{
    uint64_t counts[BUCKETS];
    uint64_t total = 0;

    for (unsigned i = 0; i < BUCKETS; i++) {
        counts[i] = atomic_load_explicit(&buckets[0][t][i], memory_order_relaxed) +
                    (uint64_t)atomic_load_explicit(&buckets[1][t][i], memory_order_relaxed);
        total += counts[i];
    }
    *out = (struct meter_reading){
        .signatures = atomic_load_explicit(&signatures[t], memory_order_relaxed),
        .failures = atomic_load_explicit(&failures[t], memory_order_relaxed),
        .recent = total,
        .p50 = quantile(counts, total, 0.50),
        .p95 = quantile(counts, total, 0.95),
        .p99 = quantile(counts, total, 0.99),
    };
}
