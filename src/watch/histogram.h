/*
 * histogram - latencies in base-2 exponential buckets, scale 4.
 *
 * 16 buckets an octave: a quantile is wrong by at most 2.2 %.  The same
 * buckets as OTLP's exponential histogram at scale 4 and as Prometheus' native
 * histogram at schema 4: bounds are powers of 2^(1/16) *seconds*, inclusive
 * above.  From 2^-20 s (1 us) to 2^10 s (17 minutes), outside of which the
 * first and the last bucket take all.
 *
 * Counters of an octave are allocated when something first falls into it, for
 * a route's latencies rarely span more than five of the thirty.  A zeroed
 * struct is an empty histogram.
 *
 * One writer, any number of readers.
 */
#ifndef WEIR_WATCH_HISTOGRAM_H
#define WEIR_WATCH_HISTOGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

enum {
    HISTOGRAM_SCALE = 4,
    HISTOGRAM_PER_OCTAVE = 16,
    HISTOGRAM_OCTAVES = 30,
    HISTOGRAM_BUCKETS = HISTOGRAM_PER_OCTAVE * HISTOGRAM_OCTAVES,
    /* Upper bound of bucket 0 is 2^((1 + HISTOGRAM_OFFSET) / 16) seconds. */
    HISTOGRAM_OFFSET = -16 * 20,
};

/*
 * Classic (`le`) buckets, for readers that know no native histograms: whole
 * octaves from 2^-12 s (244 us) to 2^6 s (64 s), so that they are counted
 * exactly; then +Inf.
 */
enum { HISTOGRAM_CLASSIC_FIRST = -12, HISTOGRAM_CLASSIC = 20 };

struct exemplar {              /* the last sampled one of a classic bucket */
    _Atomic uint32_t sequence; /* odd while it is being written; 0: none yet */
    _Atomic uint64_t trace[2];
    _Atomic nsec_t value;
    _Atomic usec_t wall;
};

struct histogram_octave {
    _Atomic uint64_t counts[HISTOGRAM_PER_OCTAVE];
};

struct histogram {
    _Atomic uint64_t sum_nsec;
    struct histogram_octave *_Atomic octaves[HISTOGRAM_OCTAVES];
    struct exemplar *_Atomic exemplars; /* HISTOGRAM_CLASSIC of them */
};

unsigned histogram_bucket(nsec_t value);
/* Upper bound (inclusive) of a bucket, in seconds. */
double histogram_bound(unsigned bucket);
void histogram_record(struct histogram *h, nsec_t value);
/* trace: the 128-bit trace id, as two big-endian halves. */
void histogram_exemplar(struct histogram *h, nsec_t value, const uint64_t trace[2], usec_t wall);
/* Frees what h points to, not h. */
void histogram_clear(struct histogram *h);

/* A sum of histograms, for one reader. */
struct histogram_sum {
    uint64_t count;
    uint64_t sum_nsec;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};
void histogram_add(struct histogram_sum *to, const struct histogram *h);
/* 0 <= q <= 1; seconds, 0 when empty. Linear inside the bucket. */
double histogram_quantile(const struct histogram_sum *s, double q);

/* How many values are at most each classic bucket's bound; the last is the count. */
void histogram_classic(const struct histogram_sum *s, uint64_t cumulative[HISTOGRAM_CLASSIC]);
/* In seconds; infinity for the last. */
double histogram_classic_bound(unsigned classic);

/* A consistent copy of a classic bucket's exemplar; false when there is none. */
struct exemplar_copy {
    uint64_t trace[2];
    nsec_t value;
    usec_t wall;
};
bool histogram_read_exemplar(
    const struct histogram *h, unsigned classic, struct exemplar_copy *out);

#endif
