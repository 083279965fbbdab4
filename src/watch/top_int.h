/*
 * top_int - what the view of `weir top` is made of: readings, then rows.
 */
#ifndef WEIR_WATCH_TOP_INT_H
#define WEIR_WATCH_TOP_INT_H

#include "base/mem.h"
#include "watch/client.h"
#include "watch/histogram.h"
#include "watch/metrics_table.h"

struct sample { /* a series at one time */
    enum metric id;
    struct str labels[METRIC_LABELS_MAX];
    double value;
    struct histogram_sum *histogram; /* NULL for other metrics */
};

struct reading {
    struct arena arena;
    usec_t at;
    struct sample *samples; /* by id, then labels */
    size_t nsamples;
};

/* On failure *out is untouched. */
int reading_parse(struct str document, struct reading **out, struct err *err);
void reading_free(struct reading *r);
const struct sample *reading_find(
    const struct reading *r, enum metric id, const struct str *labels);

struct top_row {        /* a route or an origin */
    struct str service; /* none for a route */
    struct str name;
    double rate;   /* requests a second */
    double errors; /* of them 5xx, or failed */
    bool has_times;
    double p50, p95, p99; /* seconds */
    double connections;
    double idle;
    bool unhealthy;
    bool ejected;
    int breaker; /* 0 closed, 1 half-open, 2 open */
};

struct top_process {
    struct str role;
    bool up;
    double cpu; /* seconds a second */
    double memory_bytes;
    double fds;
    double restarts;
};

struct top_totals {
    double rate, errors, client_errors; /* a second */
    bool has_times;
    double p50, p95, p99;
    double connections, accepted;
    double handshakes, resumed, handshake_errors;
    double retries, retries_denied, queued;
    double limited, refused;
    double log_events, log_dropped, log_dropped_ever;
};

struct top {
    struct reading *before;
    struct reading *now;
    /* Computed by top_feed() from the two. */
    double seconds; /* between them; 0: no rates */
    struct str version;
    struct top_totals totals;
    struct top_row *routes;
    size_t nroutes;
    struct top_row *origins;
    size_t norigins;
    struct top_process *processes;
    size_t nprocesses;
};

void top_compute(struct top *t);
/* Sorts routes and origins, greatest first, then by name. */
void top_sort(struct top_row *rows, size_t n, enum top_sort by);

#endif
