/*
 * histogram - see histogram.h.
 *
 * Finding the bucket takes no logarithm: the exponent of the value as a double
 * is the octave, and its mantissa is compared with the one bound that can lie
 * in the same 64th of the octave.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "watch/histogram.h"

/* The 52 mantissa bits of 2^(k/16), rounded down: bounds above 1 are irrational. */
static const uint64_t bounds[HISTOGRAM_PER_OCTAVE + 1] = { 0, 0xb5586cf9890f, 0x172b83c7d517a,
    0x2387a6e756238, 0x306fe0a31b715, 0x3dea64c123422, 0x4bfdad5362a27, 0x5ab07dd485429,
    0x6a09e667f3bcc, 0x7a11473eb0186, 0x8ace5422aa0db, 0x9c49182a3f090, 0xae89f995ad3ad,
    0xc199bdd85529c, 0xd5818dcfba487, 0xea4afa2a490d9, UINT64_MAX };

/* By the top 6 bits of a mantissa: how many of the bounds lie below that 64th. */
static const uint8_t below[64] = { 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 7,
    7, 8, 8, 8, 8, 9, 9, 9, 9, 10, 10, 10, 10, 11, 11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13,
    13, 14, 14, 14, 14, 14, 15, 15, 15, 15, 15, 16, 16, 16, 16, 16 };

static const uint64_t mantissa_mask = (UINT64_C(1) << 52) - 1;

unsigned histogram_bucket(nsec_t value)
{
    double seconds = (double)(int64_t)value * 1e-9;
    uint64_t bits;
    uint64_t mantissa;
    int bucket;
    unsigned n;

    if (value > INT64_MAX)
        return HISTOGRAM_BUCKETS - 1;
    memcpy(&bits, &seconds, sizeof(bits));
    mantissa = bits & mantissa_mask;
    n = below[mantissa >> 46];
    n += mantissa > bounds[n];
    /* n == 0: exactly a power of two, the last value of the octave before. */
    bucket = ((int)(bits >> 52) - 1023) * HISTOGRAM_PER_OCTAVE + (int)n - 1 - HISTOGRAM_OFFSET;
    if (bucket < 0)
        return 0;
    return bucket < HISTOGRAM_BUCKETS ? (unsigned)bucket : HISTOGRAM_BUCKETS - 1;
}

double histogram_bound(unsigned bucket)
{
    return exp2(((int)bucket + 1 + HISTOGRAM_OFFSET) / (double)HISTOGRAM_PER_OCTAVE);
}

static struct histogram_octave *new_octave(struct histogram *h, unsigned octave)
{
    struct histogram_octave *o = xcalloc(1, sizeof(*o));

    atomic_store_explicit(&h->octaves[octave], o, memory_order_release);
    return o;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

void histogram_record(struct histogram *h, nsec_t value)
{
    unsigned bucket = histogram_bucket(value);
    unsigned octave = bucket / HISTOGRAM_PER_OCTAVE;
    struct histogram_octave *o = atomic_load_explicit(&h->octaves[octave], memory_order_relaxed);

    if (__builtin_expect(o == NULL, 0))
        o = new_octave(h, octave);
    add(&o->counts[bucket % HISTOGRAM_PER_OCTAVE], 1);
    add(&h->sum_nsec, value);
}

static unsigned classic_of(unsigned bucket)
{
    int octave = (int)(bucket / HISTOGRAM_PER_OCTAVE) + 1 + HISTOGRAM_OFFSET / HISTOGRAM_PER_OCTAVE;
    int classic = octave - HISTOGRAM_CLASSIC_FIRST;

    if (classic < 0)
        return 0;
    return classic < HISTOGRAM_CLASSIC ? (unsigned)classic : HISTOGRAM_CLASSIC - 1;
}

void histogram_exemplar(struct histogram *h, nsec_t value, const uint64_t trace[2], usec_t wall)
{
    struct exemplar *all = atomic_load_explicit(&h->exemplars, memory_order_relaxed);
    struct exemplar *e;
    uint32_t sequence;

    if (all == NULL) {
        all = xcalloc(HISTOGRAM_CLASSIC, sizeof(*all));
        atomic_store_explicit(&h->exemplars, all, memory_order_release);
    }
    e = &all[classic_of(histogram_bucket(value))];
    sequence = atomic_load_explicit(&e->sequence, memory_order_relaxed);
    atomic_store_explicit(&e->sequence, sequence + 1, memory_order_relaxed);
    /* Release stores: a reader that sees one of them sees the odd sequence too. */
    atomic_store_explicit(&e->trace[0], trace[0], memory_order_release);
    atomic_store_explicit(&e->trace[1], trace[1], memory_order_release);
    atomic_store_explicit(&e->value, value, memory_order_release);
    atomic_store_explicit(&e->wall, wall, memory_order_release);
    atomic_store_explicit(&e->sequence, sequence + 2, memory_order_release);
}

bool histogram_read_exemplar(const struct histogram *h, unsigned classic, struct exemplar_copy *out)
{
    const struct exemplar *all = atomic_load_explicit(&h->exemplars, memory_order_acquire);
    const struct exemplar *e;
    struct exemplar_copy copy;
    uint32_t before;
    uint32_t after;

    if (all == NULL)
        return false;
    e = &all[classic];
    for (int attempt = 0; attempt < 16; attempt++) {
        before = atomic_load_explicit(&e->sequence, memory_order_acquire);
        copy.trace[0] = atomic_load_explicit(&e->trace[0], memory_order_acquire);
        copy.trace[1] = atomic_load_explicit(&e->trace[1], memory_order_acquire);
        copy.value = atomic_load_explicit(&e->value, memory_order_acquire);
        copy.wall = atomic_load_explicit(&e->wall, memory_order_acquire);
        after = atomic_load_explicit(&e->sequence, memory_order_relaxed);
        if (before == after && before % 2 == 0) {
            if (before > 0)
                *out = copy;
            return before > 0;
        }
    }
    return false; /* it changes faster than we read: the next scrape will have one */
}

void histogram_clear(struct histogram *h)
{
    for (unsigned i = 0; i < HISTOGRAM_OCTAVES; i++)
        free(atomic_load(&h->octaves[i]));
    free(atomic_load(&h->exemplars));
    memset(h, 0, sizeof(*h));
}

void histogram_add(struct histogram_sum *to, const struct histogram *h)
{
    for (unsigned i = 0; i < HISTOGRAM_OCTAVES; i++) {
        const struct histogram_octave *o =
            atomic_load_explicit(&h->octaves[i], memory_order_acquire);

        for (unsigned j = 0; o != NULL && j < HISTOGRAM_PER_OCTAVE; j++) {
            uint64_t n = atomic_load_explicit(&o->counts[j], memory_order_relaxed);

            /* The count is the sum of what was read, so that it agrees with the buckets. */
            to->buckets[i * HISTOGRAM_PER_OCTAVE + j] += n;
            to->count += n;
        }
    }
    to->sum_nsec += atomic_load_explicit(&h->sum_nsec, memory_order_relaxed);
}

double histogram_quantile(const struct histogram_sum *s, double q)
{
    double rank = q * (double)s->count;
    double seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        double n = (double)s->buckets[i];
        double low = i > 0 ? histogram_bound(i - 1) : 0;

        if (n > 0 && seen + n >= rank)
            return low + (histogram_bound(i) - low) * fmax(rank - seen, 0) / n;
        seen += n;
    }
    return 0;
}

void histogram_classic(const struct histogram_sum *s, uint64_t cumulative[HISTOGRAM_CLASSIC])
{
    memset(cumulative, 0, HISTOGRAM_CLASSIC * sizeof(cumulative[0]));
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        cumulative[classic_of(i)] += s->buckets[i];
    for (unsigned i = 1; i < HISTOGRAM_CLASSIC; i++)
        cumulative[i] += cumulative[i - 1];
}

double histogram_classic_bound(unsigned classic)
{
    return classic < HISTOGRAM_CLASSIC - 1 ? ldexp(1, HISTOGRAM_CLASSIC_FIRST + (int)classic)
                                           : (double)INFINITY;
}
