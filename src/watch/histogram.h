/*
 * histogram - latencies in base-2 exponential buckets, scale 4.
 *
 * 16 buckets an octave: a quantile is wrong by at most 2.2 %.  The same
 * buckets as OTLP's exponential histogram at scale 4 and as Prometheus' native
 * histogram at schema 4.  Values are nanoseconds; from 1 us to about 1,100 s,
 * outside of which the first and the last bucket take all.
 *
 * One writer, any number of readers.
 */
#ifndef WEIR_WATCH_HISTOGRAM_H
#define WEIR_WATCH_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/time.h"

enum { HISTOGRAM_SCALE = 4, HISTOGRAM_OCTAVES = 30, HISTOGRAM_BUCKETS = 16 * HISTOGRAM_OCTAVES };

struct exemplar { /* the last sampled one of a coarse bucket */
    _Atomic uint64_t sequence; /* odd while it is being written */
    uint64_t trace[2];
    nsec_t value;
    usec_t wall;
};

enum { HISTOGRAM_EXEMPLARS = 8 };

struct histogram {
    _Atomic uint64_t count;
    _Atomic uint64_t sum_nsec;
    _Atomic uint32_t buckets[HISTOGRAM_BUCKETS];
    struct exemplar exemplars[HISTOGRAM_EXEMPLARS];
};

unsigned histogram_bucket(nsec_t value);
/* Upper bound (inclusive) of a bucket, in seconds. */
double histogram_bound(unsigned bucket);
void histogram_record(struct histogram *h, nsec_t value);
/* trace: the 128-bit trace id, as two big-endian halves. */
void histogram_exemplar(struct histogram *h, nsec_t value, const uint64_t trace[2], usec_t wall);

/* A sum of histograms, for one reader. */
struct histogram_sum {
    uint64_t count;
    uint64_t sum_nsec;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};
void histogram_add(struct histogram_sum *to, const struct histogram *h);
/* 0 <= q <= 1; seconds, 0 when empty. Linear inside the bucket. */
double histogram_quantile(const struct histogram_sum *s, double q);

#endif
