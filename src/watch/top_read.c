/*
 * top_read - a document of EXPOSITION_JSON, as sorted samples.
 *
 * It comes from a Weir that may be of another version: what is not known is
 * skipped, what is known must have the right form.
 */
#include <jansson.h>
#include <stdlib.h>

#include "watch/top_int.h"

enum { SAMPLES_MAX = METRIC_COUNT * 10001 };

static int compare_labels(enum metric id, const struct str *a, const struct str *b)
{
    unsigned n = metric_nlabels(id);

    for (unsigned i = 0; i < n; i++) {
        size_t len = a[i].len < b[i].len ? a[i].len : b[i].len;
        int order = len > 0 ? memcmp(a[i].at, b[i].at, len) : 0;

        if (order == 0)
            order = (a[i].len > b[i].len) - (a[i].len < b[i].len);
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_samples(const void *a, const void *b)
{
    const struct sample *x = a;
    const struct sample *y = b;

    if (x->id != y->id)
        return (x->id > y->id) - (x->id < y->id);
    return compare_labels(x->id, x->labels, y->labels);
}

static struct str copy_string(struct arena *a, const json_t *string)
{
    return arena_str(a, (struct str){ json_string_value(string), json_string_length(string) });
}

static bool read_labels(struct arena *a, const json_t *series, struct sample *out)
{
    const json_t *labels = json_object_get(series, "labels");
    unsigned n = metric_nlabels(out->id);

    for (unsigned i = 0; i < n; i++) {
        struct str name = metric_label(out->id, i);
        const json_t *value = json_object_getn(labels, name.at, name.len);

        if (!json_is_string(value))
            return false;
        out->labels[i] = copy_string(a, value);
    }
    return true;
}

static bool read_histogram(struct arena *a, const json_t *series, struct sample *out)
{
    const json_t *buckets = json_object_get(series, "buckets");
    struct histogram_sum *sum = arena_calloc(a, 1, sizeof(*sum));
    size_t n = json_array_size(buckets);

    if (!json_is_array(buckets))
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *pair = json_array_get(buckets, i);
        json_int_t bucket = json_integer_value(json_array_get(pair, 0));
        json_int_t count = json_integer_value(json_array_get(pair, 1));

        if (json_array_size(pair) != 2 || bucket < 0 || bucket >= HISTOGRAM_BUCKETS || count < 0)
            return false;
        sum->buckets[bucket] += (uint64_t)count;
        sum->count += (uint64_t)count;
    }
    out->histogram = sum;
    return true;
}

static bool read_series(struct arena *a, const json_t *series, struct sample *out)
{
    const json_t *value = json_object_get(series, "value");

    if (!read_labels(a, series, out))
        return false;
    if (metric_table[out->id].type == METRIC_HISTOGRAM)
        return read_histogram(a, series, out);
    out->value = json_number_value(value);
    return json_is_number(value);
}

static bool read_metrics(struct reading *r, const json_t *metrics)
{
    size_t total = 0;

    for (int id = 0; id < METRIC_COUNT; id++)
        total += json_array_size(
            json_object_get(json_object_get(metrics, metric_table[id].name), "series"));
    if (total > SAMPLES_MAX)
        return false;
    r->samples = arena_calloc(&r->arena, total, sizeof(struct sample));
    for (int id = 0; id < METRIC_COUNT; id++) {
        const json_t *list =
            json_object_get(json_object_get(metrics, metric_table[id].name), "series");
        size_t n = json_array_size(list);

        for (size_t i = 0; i < n; i++) {
            struct sample *s = &r->samples[r->nsamples++];

            s->id = (enum metric)id;
            if (!read_series(&r->arena, json_array_get(list, i), s))
                return false;
        }
    }
    if (r->nsamples > 0)
        qsort(r->samples, r->nsamples, sizeof(struct sample), compare_samples);
    return true;
}

int reading_parse(struct str document, struct reading **out, struct err *err)
{
    json_error_t why;
    json_t *root = json_loadb(document.at, document.len, 0, &why);
    const json_t *metrics = json_object_get(root, "metrics");
    const json_t *at = json_object_get(root, "at_usec");
    struct reading *r;

    if (!json_is_object(metrics) || !json_is_integer(at)) {
        json_decref(root);
        return err_set(err, ERR_PEER, "top_bad_answer", "what Weir answered is not metrics: %s",
            root == NULL ? why.text : "at_usec or metrics is missing");
    }
    r = xcalloc(1, sizeof(*r));
    arena_init(&r->arena, 65536);
    r->at = (usec_t)json_integer_value(at);
    if (!read_metrics(r, metrics)) {
        json_decref(root);
        reading_free(r);
        return err_set(err, ERR_PEER, "top_bad_answer",
            "what Weir answered is not metrics: a series is malformed");
    }
    json_decref(root);
    *out = r;
    return 0;
}

void reading_free(struct reading *r)
{
    if (r == NULL)
        return;
    arena_free(&r->arena);
    free(r);
}

const struct sample *reading_find(const struct reading *r, enum metric id, const struct str *labels)
{
    struct sample key = { .id = id };

    if (r == NULL || r->nsamples == 0)
        return NULL;
    memcpy(key.labels, labels, metric_nlabels(id) * sizeof(labels[0]));
    return bsearch(&key, r->samples, r->nsamples, sizeof(key), compare_samples);
}
