/*
 * top_rows - rates, quantiles and states, from two readings.
 */
#include <stdlib.h>

#include "watch/top_int.h"

/* What the series has grown by; all of it when it is new or was started anew. */
static double growth(const struct top *t, const struct sample *s)
{
    const struct sample *old = reading_find(t->before, s->id, s->labels);

    return old != NULL && old->value <= s->value ? s->value - old->value : s->value;
}

static double rate(const struct top *t, const struct sample *s)
{
    return t->seconds > 0 ? growth(t, s) / t->seconds : 0;
}

/* Adds what fell into the series' buckets between the readings. */
static void add_growth(const struct top *t, const struct sample *s, struct histogram_sum *to)
{
    const struct sample *old = reading_find(t->before, s->id, s->labels);

    if (t->seconds <= 0)
        return;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t n = s->histogram->buckets[i];
        uint64_t before = old != NULL ? old->histogram->buckets[i] : 0;

        n -= before <= n ? before : 0;
        to->buckets[i] += n;
        to->count += n;
    }
}

static bool label_is(const struct sample *s, unsigned n, const char *value)
{
    return str_is(s->labels[n], value);
}

/* ---- rows ---- */

static int compare_str(struct str a, struct str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
    const struct top_row *x = a;
    const struct top_row *y = b;
    int order = compare_str(x->service, y->service);

    return order != 0 ? order : compare_str(x->name, y->name);
}

/* One row for each route or origin that any of the metrics names; sorted by name. */
static struct top_row *collect_rows(
    const struct top *t, const enum metric *ids, unsigned nids, bool origins, size_t *n)
{
    struct top_row *rows = xcalloc(t->now->nsamples + 1, sizeof(*rows));
    size_t unique = 0;

    *n = 0;
    for (size_t i = 0; i < t->now->nsamples; i++) {
        const struct sample *s = &t->now->samples[i];
        bool wanted = false;

        for (unsigned j = 0; j < nids; j++)
            wanted |= s->id == ids[j];
        if (!wanted)
            continue;
        rows[*n].service = origins ? s->labels[0] : STR_NONE;
        rows[(*n)++].name = s->labels[origins];
    }
    qsort(rows, *n, sizeof(*rows), by_name);
    for (size_t i = 0; i < *n; i++)
        if (unique == 0 || by_name(&rows[unique - 1], &rows[i]) != 0)
            rows[unique++] = rows[i];
    *n = unique;
    return rows;
}

static struct top_row *find_row(struct top_row *rows, size_t n, struct str service, struct str name)
{
    struct top_row key = { .service = service, .name = name };

    return n > 0 ? bsearch(&key, rows, n, sizeof(key), by_name) : NULL;
}

static void take_times(struct top_row *row, const struct histogram_sum *sum)
{
    row->has_times = sum->count > 0;
    row->p50 = histogram_quantile(sum, 0.5);
    row->p95 = histogram_quantile(sum, 0.95);
    row->p99 = histogram_quantile(sum, 0.99);
}

static void fill_route(struct top *t, const struct sample *s, struct histogram_sum *all)
{
    struct top_row *row = find_row(t->routes, t->nroutes, STR_NONE, s->labels[0]);
    struct histogram_sum sum = { 0 };

    if (row == NULL)
        return;
    if (s->id == METRIC_REQUESTS) {
        row->rate += rate(t, s);
        row->errors += label_is(s, 1, "5xx") ? rate(t, s) : 0;
        t->totals.client_errors += label_is(s, 1, "4xx") ? rate(t, s) : 0;
    } else if (s->id == METRIC_REQUEST_SECONDS) {
        add_growth(t, s, &sum);
        add_growth(t, s, all);
        take_times(row, &sum);
    }
}

static void fill_origin(struct top *t, const struct sample *s)
{
    struct top_row *row = find_row(t->origins, t->norigins, s->labels[0], s->labels[1]);
    struct histogram_sum sum = { 0 };

    if (row == NULL)
        return;
    if (s->id == METRIC_ORIGIN_REQUESTS) {
        row->rate += rate(t, s);
        row->errors += label_is(s, 2, "5xx") || label_is(s, 2, "error") ? rate(t, s) : 0;
    } else if (s->id == METRIC_ORIGIN_SECONDS) {
        add_growth(t, s, &sum);
        take_times(row, &sum);
    } else if (s->id == METRIC_ORIGIN_HEALTHY) {
        row->unhealthy = s->value == 0;
    } else if (s->id == METRIC_ORIGIN_EJECTED) {
        row->ejected = s->value != 0;
    } else if (s->id == METRIC_BREAKER_STATE) {
        row->breaker = (int)s->value;
    } else if (s->id == METRIC_POOL_CONNECTIONS) {
        row->connections = s->value;
    } else if (s->id == METRIC_POOL_IDLE) {
        row->idle = s->value;
    }
}

static void compute_rows(struct top *t)
{
    static const enum metric of_routes[] = { METRIC_REQUESTS, METRIC_REQUEST_SECONDS };
    static const enum metric of_origins[] = { METRIC_ORIGIN_REQUESTS, METRIC_ORIGIN_SECONDS,
        METRIC_ORIGIN_HEALTHY, METRIC_BREAKER_STATE, METRIC_POOL_CONNECTIONS };
    struct histogram_sum all = { 0 };
    struct top_row total = { 0 };

    t->routes = collect_rows(t, of_routes, 2, false, &t->nroutes);
    t->origins = collect_rows(t, of_origins, 5, true, &t->norigins);
    for (size_t i = 0; i < t->now->nsamples; i++) {
        const struct sample *s = &t->now->samples[i];

        if (s->id == METRIC_REQUESTS || s->id == METRIC_REQUEST_SECONDS)
            fill_route(t, s, &all);
        else if (metric_nlabels(s->id) >= 2 && str_is(metric_label(s->id, 1), "origin"))
            fill_origin(t, s);
    }
    take_times(&total, &all);
    for (size_t i = 0; i < t->nroutes; i++) {
        t->totals.rate += t->routes[i].rate;
        t->totals.errors += t->routes[i].errors;
    }
    t->totals.has_times = total.has_times;
    t->totals.p50 = total.p50;
    t->totals.p95 = total.p95;
    t->totals.p99 = total.p99;
}

/* ---- processes ---- */

static struct top_process *process_row(struct top *t, struct str role)
{
    for (size_t i = 0; i < t->nprocesses; i++)
        if (str_eq(t->processes[i].role, role))
            return &t->processes[i];
    t->processes[t->nprocesses] = (struct top_process){ .role = role };
    return &t->processes[t->nprocesses++];
}

static void fill_process(struct top *t, const struct sample *s)
{
    struct top_process *p = process_row(t, s->labels[0]);

    if (s->id == METRIC_PROCESS_UP)
        p->up = s->value != 0;
    else if (s->id == METRIC_PROCESS_CPU)
        p->cpu = rate(t, s);
    else if (s->id == METRIC_PROCESS_MEMORY)
        p->memory_bytes = s->value;
    else if (s->id == METRIC_PROCESS_FDS)
        p->fds = s->value;
    else if (s->id == METRIC_PROCESS_RESTARTS)
        p->restarts = s->value;
}

/* ---- totals ---- */

/* A sum over the series of a metric, or over those where one label has one value. */
struct total {
    enum metric id;
    unsigned label;
    const char *value; /* NULL: any */
    bool is_rate;
    size_t offset; /* of a double in struct top_totals */
};

#define TOTAL(field) offsetof(struct top_totals, field)
static const struct total totals[] = {
    { METRIC_CONNECTIONS, 0, NULL, false, TOTAL(connections) },
    { METRIC_CONNECTIONS_ACCEPTED, 0, NULL, true, TOTAL(accepted) },
    { METRIC_TLS_HANDSHAKES, 0, NULL, true, TOTAL(handshakes) },
    { METRIC_TLS_HANDSHAKES, 2, "true", true, TOTAL(resumed) },
    { METRIC_TLS_ERRORS, 0, NULL, true, TOTAL(handshake_errors) },
    { METRIC_RETRIES, 0, NULL, true, TOTAL(retries) },
    { METRIC_RETRIES_DENIED, 0, NULL, true, TOTAL(retries_denied) },
    { METRIC_QUEUE_DEPTH, 0, NULL, false, TOTAL(queued) },
    { METRIC_LIMIT_DECISIONS, 1, "refused", true, TOTAL(limited) },
    { METRIC_REFUSALS, 0, NULL, true, TOTAL(refused) },
    { METRIC_LOG_EVENTS, 0, "written", true, TOTAL(log_events) },
    { METRIC_LOG_EVENTS, 0, "dropped", true, TOTAL(log_dropped) },
    { METRIC_LOG_EVENTS, 0, "dropped", false, TOTAL(log_dropped_ever) },
};

static void add_to_totals(struct top *t, const struct sample *s)
{
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        const struct total *total = &totals[i];
        double *to = (double *)(void *)((char *)&t->totals + total->offset);

        if (s->id == total->id && (total->value == NULL || label_is(s, total->label, total->value)))
            *to += total->is_rate ? rate(t, s) : s->value;
    }
}

void top_compute(struct top *t)
{
    memset(&t->totals, 0, sizeof(t->totals));
    t->version = STR_NONE;
    t->nprocesses = 0;
    t->processes = xcalloc(t->now->nsamples + 1, sizeof(*t->processes));
    t->seconds = t->before != NULL && t->now->at > t->before->at
                     ? (double)(t->now->at - t->before->at) / 1e6
                     : 0;
    for (size_t i = 0; i < t->now->nsamples; i++) {
        const struct sample *s = &t->now->samples[i];

        if (s->id == METRIC_BUILD)
            t->version = s->labels[0];
        else if (metric_nlabels(s->id) == 1 && str_is(metric_label(s->id, 0), "role"))
            fill_process(t, s);
        add_to_totals(t, s);
    }
    compute_rows(t);
}

/* ---- order ---- */

static int by_rate(const void *a, const void *b)
{
    const struct top_row *x = a;
    const struct top_row *y = b;

    if (x->rate != y->rate)
        return x->rate < y->rate ? 1 : -1;
    return by_name(a, b);
}

static int by_errors(const void *a, const void *b)
{
    const struct top_row *x = a;
    const struct top_row *y = b;

    if (x->errors != y->errors)
        return x->errors < y->errors ? 1 : -1;
    return by_rate(a, b);
}

static int by_p99(const void *a, const void *b)
{
    const struct top_row *x = a;
    const struct top_row *y = b;

    if (x->p99 != y->p99)
        return x->p99 < y->p99 ? 1 : -1;
    return by_rate(a, b);
}

void top_sort(struct top_row *rows, size_t n, enum top_sort by)
{
    static int (*const orders[])(const void *, const void *) = {
        [TOP_BY_RATE] = by_rate,
        [TOP_BY_ERRORS] = by_errors,
        [TOP_BY_P99] = by_p99,
    };

    qsort(rows, n, sizeof(*rows), orders[by]);
}
