/*
 * Histograms: every bound exact, quantiles within the promised error.
 */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "check.h"
#include "watch/histogram.h"

static const nsec_t msec = 1000000;

static void every_bound_is_inclusive_above(void)
{
    for (unsigned b = 0; b + 1 < HISTOGRAM_BUCKETS; b++) {
        long double seconds = exp2l(((int)b + 1 + HISTOGRAM_OFFSET) / 16.0L);
        nsec_t last = (nsec_t)floorl(seconds * 1e9L);

        CHECK_U64(histogram_bucket(last), b);
        CHECK_U64(histogram_bucket(last + 1), b + 1);
        CHECK(fabs(histogram_bound(b) - (double)seconds) < 1e-12 * (double)seconds);
    }
}

static void what_lies_outside_goes_to_the_ends(void)
{
    CHECK_U64(histogram_bucket(0), 0);
    CHECK_U64(histogram_bucket(1), 0);
    CHECK_U64(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
    CHECK_U64(histogram_bucket((nsec_t)INT64_MAX), HISTOGRAM_BUCKETS - 1);
    CHECK_U64(histogram_bucket((nsec_t)1 << 50), HISTOGRAM_BUCKETS - 1);
}

static void buckets_agree_with_the_logarithm(void)
{
    unsigned different = 0;

    for (int i = 0; i < 1000000; i++) {
        nsec_t v = 1000 + random_u64() % ((nsec_t)1 << (11 + i % 29));
        int want = (int)ceill(16 * log2l((long double)v / 1e9L)) - 1 - HISTOGRAM_OFFSET;

        different += histogram_bucket(v) != (unsigned)(want < 0 ? 0 : want);
    }
    CHECK_U64(different, 0);
}

static int compare(const void *a, const void *b)
{
    nsec_t x = *(const nsec_t *)a;
    nsec_t y = *(const nsec_t *)b;

    return (x > y) - (x < y);
}

static void quantiles_are_within_their_error(void)
{
    static const double quantiles[] = { 0.01, 0.5, 0.8, 0.95, 0.99, 0.999 };
    enum { N = 20000 };
    nsec_t *values = malloc(N * sizeof(*values));
    struct histogram h = { 0 };
    struct histogram_sum sum = { 0 };

    for (int i = 0; i < N; i++) {
        values[i] =
            i % 10 == 0 ? 80 * msec + random_below(400 * msec) : 2 * msec + random_below(msec);
        histogram_record(&h, values[i]);
    }
    qsort(values, N, sizeof(*values), compare);
    histogram_add(&sum, &h);
    CHECK_U64(sum.count, N);
    for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        double want = (double)values[(int)(quantiles[i] * N)] / 1e9;
        double got = histogram_quantile(&sum, quantiles[i]);

        /* A bucket is 4.4 % wide. */
        CHECK(fabs(got - want) <= 0.045 * want);
    }
    histogram_clear(&h);
    free(values);
}

static void an_empty_one_has_no_quantile(void)
{
    struct histogram_sum sum = { 0 };

    CHECK(histogram_quantile(&sum, 0.5) == 0);
}

static void sums_add_up(void)
{
    struct histogram a = { 0 };
    struct histogram b = { 0 };
    struct histogram_sum sum = { 0 };

    histogram_record(&a, 10 * msec);
    histogram_record(&b, 20 * msec);
    histogram_record(&b, 20 * msec);
    histogram_add(&sum, &a);
    histogram_add(&sum, &b);
    CHECK_U64(sum.count, 3);
    CHECK_U64(sum.sum_nsec, 50 * msec);
    CHECK_U64(sum.buckets[histogram_bucket(20 * msec)], 2);
    histogram_clear(&a);
    histogram_clear(&b);
}

static void classic_buckets_count_exactly(void)
{
    struct histogram h = { 0 };
    struct histogram_sum sum = { 0 };
    uint64_t n[HISTOGRAM_CLASSIC];
    unsigned one_second = 0;

    while (histogram_classic_bound(one_second) < 1)
        one_second++;
    CHECK(histogram_classic_bound(one_second) == 1);
    CHECK(isinf(histogram_classic_bound(HISTOGRAM_CLASSIC - 1)));
    histogram_record(&h, 1000 * msec);
    histogram_record(&h, 1000 * msec + 1);
    histogram_record(&h, 100);
    histogram_record(&h, (nsec_t)900 * 1000 * msec);
    histogram_add(&sum, &h);
    histogram_classic(&sum, n);
    CHECK_U64(n[0], 1);
    CHECK_U64(n[one_second - 1], 1);
    CHECK_U64(n[one_second], 2);
    CHECK_U64(n[one_second + 1], 3);
    CHECK_U64(n[HISTOGRAM_CLASSIC - 2], 3);
    CHECK_U64(n[HISTOGRAM_CLASSIC - 1], 4);
    histogram_clear(&h);
}

static void an_exemplar_stays_in_its_bucket(void)
{
    static const uint64_t first[2] = { 1, 2 };
    static const uint64_t second[2] = { 3, 4 };
    struct histogram h = { 0 };
    struct exemplar_copy e;
    unsigned found = 0;

    for (unsigned i = 0; i < HISTOGRAM_CLASSIC; i++)
        CHECK(!histogram_read_exemplar(&h, i, &e));
    histogram_exemplar(&h, 100 * msec, first, 5);
    histogram_exemplar(&h, 100 * msec + 1, second, 6);
    histogram_exemplar(&h, 3 * msec, first, 7);
    for (unsigned i = 0; i < HISTOGRAM_CLASSIC; i++) {
        if (!histogram_read_exemplar(&h, i, &e))
            continue;
        found++;
        CHECK((double)e.value / 1e9 <= histogram_classic_bound(i));
        CHECK(i == 0 || (double)e.value / 1e9 > histogram_classic_bound(i - 1));
        if (e.value > 50 * msec)
            CHECK(e.trace[0] == 3 && e.trace[1] == 4 && e.wall == 6);
    }
    CHECK_U64(found, 2);
    histogram_clear(&h);
}

struct shared {
    struct histogram h;
    _Atomic bool stop;
};

static void *write_all_the_time(void *arg)
{
    struct shared *s = arg;

    for (uint64_t i = 1; !atomic_load(&s->stop); i++) {
        uint64_t trace[2] = { i, i };

        histogram_record(&s->h, (i % 1000) * msec);
        histogram_exemplar(&s->h, 2 * msec, trace, i);
    }
    return NULL;
}

static void a_reader_sees_whole_exemplars_and_growing_counts(void)
{
    struct shared s = { 0 };
    pthread_t writer;
    uint64_t before = 0;
    struct exemplar_copy e;

    pthread_create(&writer, NULL, write_all_the_time, &s);
    for (int i = 0; i < 2000; i++) {
        struct histogram_sum sum = { 0 };

        histogram_add(&sum, &s.h);
        CHECK(sum.count >= before);
        before = sum.count;
        for (unsigned j = 0; j < HISTOGRAM_CLASSIC; j++)
            if (histogram_read_exemplar(&s.h, j, &e))
                CHECK(e.trace[0] == e.trace[1] && e.wall == e.trace[0]);
    }
    atomic_store(&s.stop, true);
    pthread_join(writer, NULL);
    histogram_clear(&s.h);
}

TESTS(CASE(every_bound_is_inclusive_above), CASE(what_lies_outside_goes_to_the_ends),
    CASE(buckets_agree_with_the_logarithm), CASE(quantiles_are_within_their_error),
    CASE(an_empty_one_has_no_quantile), CASE(sums_add_up), CASE(classic_buckets_count_exactly),
    CASE(an_exemplar_stays_in_its_bucket), CASE(a_reader_sees_whole_exemplars_and_growing_counts))
