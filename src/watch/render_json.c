/*
 * render_json - our own exposition, for weir top and weir status.
 *
 *     {"at_usec":N,"metrics":{NAME:{"type":T,"series":[{"labels":{..},"value":V}]}}}
 *
 * at_usec is monotonic, for rates.  A histogram's series has, in the place of
 * the value, count, sum and its buckets that are not empty as [number, count]:
 * whoever takes the difference of two scrapes can compute any quantile of the
 * time between.
 */
#include "base/json.h"
#include "base/time.h"
#include "watch/metrics_int.h"

static const char *const types[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_COUNTER_NSEC] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_GAUGE_NSEC] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

static void put_labels(struct json *j, enum metric id, const struct series *s)
{
    unsigned n = metric_nlabels(id);

    json_open(j, "labels", '{');
    for (unsigned i = 0; i < n; i++) {
        char name[64] = { 0 };
        struct str label = metric_label(id, i);

        memcpy(name, label.at, label.len < sizeof(name) ? label.len : sizeof(name) - 1);
        json_put_str(j, name, s->values[i]);
    }
    json_close(j, '}');
}

static void put_histogram(struct json *j, const struct metrics *m, const struct series *s)
{
    struct histogram_sum sum;

    series_sum(m, s, &sum);
    json_put_u64(j, "count", sum.count);
    json_put_double(j, "sum", (double)sum.sum_nsec / 1e9);
    json_open(j, "buckets", '[');
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (sum.buckets[i] == 0)
            continue;
        json_open(j, NULL, '[');
        json_put_u64(j, NULL, i);
        json_put_u64(j, NULL, sum.buckets[i]);
        json_close(j, ']');
    }
    json_close(j, ']');
}

static void put_value(
    struct json *j, const struct metrics *m, enum metric id, const struct series *s)
{
    int64_t value = series_value(m, s);

    switch (metric_table[id].type) {
    case METRIC_HISTOGRAM:
        put_histogram(j, m, s);
        break;
    case METRIC_COUNTER_NSEC:
    case METRIC_GAUGE_NSEC:
        json_put_double(j, "value", (double)(uint64_t)value / 1e9);
        break;
    case METRIC_COUNTER:
        json_put_u64(j, "value", (uint64_t)value);
        break;
    case METRIC_GAUGE:
        json_put_i64(j, "value", value);
        break;
    }
}

static void put_family(struct json *j, const struct metrics *m, enum metric id)
{
    unsigned n = family_count(m, id);

    json_open(j, metric_table[id].name, '{');
    json_put_text(j, "type", types[metric_table[id].type]);
    json_open(j, "series", '[');
    for (unsigned i = 0; i < n; i++) {
        const struct series *s = family_series(m, id, i);

        if (s == NULL)
            continue;
        json_open(j, NULL, '{');
        put_labels(j, id, s);
        put_value(j, m, id, s);
        json_close(j, '}');
    }
    json_close(j, ']');
    json_close(j, '}');
}

void render_json(const struct metrics *m, struct buf *out)
{
    struct json j;

    json_init(&j, out, false);
    json_open(&j, NULL, '{');
    json_put_u64(&j, "at_usec", time_usec());
    json_open(&j, "metrics", '{');
    for (int id = 0; id < METRIC_COUNT; id++)
        if (family_is_shown(m, (enum metric)id))
            put_family(&j, m, (enum metric)id);
    json_close(&j, '}');
    json_close(&j, '}');
    buf_char(out, '\n');
}
