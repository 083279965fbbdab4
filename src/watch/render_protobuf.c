/*
 * render_protobuf - io.prometheus.client.MetricFamily messages, each behind its
 * length, with native histograms of schema 4.
 *
 * Written by hand: ten messages do not make up for a generator.  A nested
 * message is written in place, and moved by as much as its length takes.
 */
#include "watch/metrics_int.h"
#include "watch/trace.h"

/* Field numbers of io/prometheus/client/metrics.proto. */
enum {
    FAMILY_NAME = 1,
    FAMILY_HELP = 2,
    FAMILY_TYPE = 3,
    FAMILY_METRIC = 4,
    FAMILY_UNIT = 5,
    METRIC_LABEL = 1,
    METRIC_GAUGE_VALUE = 2,
    METRIC_COUNTER_VALUE = 3,
    METRIC_HISTOGRAM_VALUE = 7,
    LABEL_NAME = 1,
    LABEL_VALUE = 2,
    NUMBER_VALUE = 1, /* of a gauge or a counter */
    HISTOGRAM_COUNT = 1,
    HISTOGRAM_SUM = 2,
    HISTOGRAM_BUCKET = 3,
    HISTOGRAM_SCHEMA = 5,
    HISTOGRAM_ZERO_THRESHOLD = 6,
    HISTOGRAM_ZERO_COUNT = 7,
    HISTOGRAM_SPAN = 12,
    HISTOGRAM_DELTA = 13,
    BUCKET_CUMULATIVE = 1,
    BUCKET_BOUND = 2,
    BUCKET_EXEMPLAR = 3,
    SPAN_OFFSET = 1,
    SPAN_LENGTH = 2,
    EXEMPLAR_LABEL = 1,
    EXEMPLAR_VALUE = 2,
    EXEMPLAR_TIME = 3,
    TIME_SECONDS = 1,
    TIME_NANOS = 2,
};

enum wire { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

static unsigned encode_varint(uint64_t n, char to[10])
{
    unsigned len = 0;

    for (; n >= 0x80; n >>= 7)
        to[len++] = (char)(n | 0x80);
    to[len++] = (char)n;
    return len;
}

static void put_varint(struct buf *out, uint64_t n)
{
    char bytes[10];

    buf_add(out, bytes, encode_varint(n, bytes));
}

static void put_tag(struct buf *out, unsigned field, enum wire wire)
{
    put_varint(out, field << 3 | (unsigned)wire);
}

static void put_u64(struct buf *out, unsigned field, uint64_t n)
{
    put_tag(out, field, WIRE_VARINT);
    put_varint(out, n);
}

/* sint32 and sint64 are zig-zag. */
static void put_signed(struct buf *out, unsigned field, int64_t n)
{
    put_u64(out, field, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0));
}

static void put_double(struct buf *out, unsigned field, double d)
{
    uint64_t bits;
    char bytes[8];

    memcpy(&bits, &d, sizeof(bits));
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (char)(bits >> (8 * i));
    put_tag(out, field, WIRE_FIXED64);
    buf_add(out, bytes, sizeof(bytes));
}

static void put_str(struct buf *out, unsigned field, struct str s)
{
    put_tag(out, field, WIRE_BYTES);
    put_varint(out, s.len);
    buf_str(out, s);
}

/* Puts the length of what was written since `start` before it. */
static void message_end(struct buf *out, size_t start)
{
    size_t len = out->len - start;
    char bytes[10];
    unsigned n = encode_varint(len, bytes);

    if (out->over || buf_reserve(out, n) == NULL)
        return;
    memmove(out->data + start + n, out->data + start, len);
    memcpy(out->data + start, bytes, n);
    out->len += n;
}

static size_t message_begin(struct buf *out, unsigned field)
{
    put_tag(out, field, WIRE_BYTES);
    return out->len;
}

static void put_label(struct buf *out, unsigned field, struct str name, struct str value)
{
    size_t start = message_begin(out, field);

    put_str(out, LABEL_NAME, name);
    put_str(out, LABEL_VALUE, value);
    message_end(out, start);
}

static void put_exemplar(struct buf *out, const struct exemplar_copy *e)
{
    size_t start = message_begin(out, BUCKET_EXEMPLAR);
    struct trace trace = { .id = { e->trace[0], e->trace[1] } };
    char id[32];
    size_t time;

    trace_format_id(&trace, id);
    put_label(out, EXEMPLAR_LABEL, STR("trace_id"), (struct str){ id, sizeof(id) });
    put_double(out, EXEMPLAR_VALUE, (double)e->value / 1e9);
    time = message_begin(out, EXEMPLAR_TIME);
    put_u64(out, TIME_SECONDS, e->wall / 1000000);
    put_u64(out, TIME_NANOS, e->wall % 1000000 * 1000);
    message_end(out, time);
    message_end(out, start);
}

static void put_classic(struct buf *out, const struct metrics *m, const struct series *s,
    const struct histogram_sum *sum)
{
    uint64_t cumulative[HISTOGRAM_CLASSIC];

    histogram_classic(sum, cumulative);
    for (unsigned i = 0; i < HISTOGRAM_CLASSIC; i++) {
        size_t start = message_begin(out, HISTOGRAM_BUCKET);
        struct exemplar_copy e;

        put_u64(out, BUCKET_CUMULATIVE, cumulative[i]);
        put_double(out, BUCKET_BOUND, histogram_classic_bound(i));
        if (series_exemplar(m, s, i, &e))
            put_exemplar(out, &e);
        message_end(out, start);
    }
}

static void put_span(struct buf *out, int offset, unsigned length)
{
    size_t start = message_begin(out, HISTOGRAM_SPAN);

    put_signed(out, SPAN_OFFSET, offset);
    put_u64(out, SPAN_LENGTH, length);
    message_end(out, start);
}

/* Runs of buckets that are not empty, then each count as its difference to the one before. */
static void put_native(struct buf *out, const struct histogram_sum *sum)
{
    /* Bucket 0 of ours is number 1 + HISTOGRAM_OFFSET of schema 4. */
    int next = -(1 + HISTOGRAM_OFFSET);
    int64_t before = 0;

    put_signed(out, HISTOGRAM_SCHEMA, HISTOGRAM_SCALE);
    put_double(out, HISTOGRAM_ZERO_THRESHOLD, 0x1p-128);
    put_u64(out, HISTOGRAM_ZERO_COUNT, 0);
    if (sum->count == 0)
        put_span(out, 0, 0); /* says that this is a native histogram, though an empty one */
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        int end = i;

        while (end < HISTOGRAM_BUCKETS && sum->buckets[end] > 0)
            end++;
        if (end == i)
            continue;
        put_span(out, i - next, (unsigned)(end - i));
        next = end;
        i = end;
    }
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (sum->buckets[i] == 0)
            continue;
        put_signed(out, HISTOGRAM_DELTA, (int64_t)sum->buckets[i] - before);
        before = (int64_t)sum->buckets[i];
    }
}

static void put_histogram(struct buf *out, const struct metrics *m, const struct series *s)
{
    size_t start = message_begin(out, METRIC_HISTOGRAM_VALUE);
    struct histogram_sum sum;

    series_sum(m, s, &sum);
    put_u64(out, HISTOGRAM_COUNT, sum.count);
    put_double(out, HISTOGRAM_SUM, (double)sum.sum_nsec / 1e9);
    put_classic(out, m, s, &sum);
    put_native(out, &sum);
    message_end(out, start);
}

static void put_number(struct buf *out, unsigned field, double value)
{
    size_t start = message_begin(out, field);

    put_double(out, NUMBER_VALUE, value);
    message_end(out, start);
}

static void put_series(
    struct buf *out, const struct metrics *m, enum metric id, const struct series *s)
{
    size_t start = message_begin(out, FAMILY_METRIC);
    unsigned n = metric_nlabels(id);

    for (unsigned i = 0; i < n; i++)
        put_label(out, METRIC_LABEL, metric_label(id, i), s->values[i]);
    switch (metric_table[id].type) {
    case METRIC_COUNTER:
        put_number(out, METRIC_COUNTER_VALUE, (double)(uint64_t)series_value(m, s));
        break;
    case METRIC_COUNTER_NSEC:
        put_number(out, METRIC_COUNTER_VALUE, (double)(uint64_t)series_value(m, s) / 1e9);
        break;
    case METRIC_GAUGE:
        put_number(out, METRIC_GAUGE_VALUE, (double)series_value(m, s));
        break;
    case METRIC_GAUGE_NSEC:
        put_number(out, METRIC_GAUGE_VALUE, (double)(uint64_t)series_value(m, s) / 1e9);
        break;
    case METRIC_HISTOGRAM:
        put_histogram(out, m, s);
        break;
    }
    message_end(out, start);
}

static void put_family(struct buf *out, const struct metrics *m, enum metric id)
{
    static const uint8_t types[] = {
        [METRIC_COUNTER] = 0,
        [METRIC_COUNTER_NSEC] = 0,
        [METRIC_GAUGE] = 1,
        [METRIC_GAUGE_NSEC] = 1,
        [METRIC_HISTOGRAM] = 4,
    };
    struct str unit = metric_unit(id);
    unsigned n = family_count(m, id);
    size_t start = out->len;

    put_str(out, FAMILY_NAME, str_from(metric_table[id].name));
    put_str(out, FAMILY_HELP, str_from(metric_table[id].help));
    put_u64(out, FAMILY_TYPE, types[metric_table[id].type]);
    for (unsigned i = 0; i < n; i++) {
        const struct series *s = family_series(m, id, i);

        if (s != NULL)
            put_series(out, m, id, s);
    }
    if (unit.len > 0)
        put_str(out, FAMILY_UNIT, unit);
    message_end(out, start);
}

void render_protobuf(const struct metrics *m, struct buf *out)
{
    for (int id = 0; id < METRIC_COUNT; id++)
        if (family_is_shown(m, (enum metric)id))
            put_family(out, m, (enum metric)id);
}
