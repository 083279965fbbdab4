/*
 * metrics - counters, gauges and histograms, declared in one table.
 *
 * metrics_table.h declares every metric once: name, type, unit, labels and a
 * sentence.  From it come /metrics, the reference page and the checks.
 *
 * A series is a metric with label values.  Each worker thread owns a shard:
 * it asks for the cell of a series once (mutex, hash), keeps the pointer, and
 * then counts with a plain add on its own cache line.  Rendering adds the
 * shards up, and takes no lock: a scrape never stops a worker.  Cells live as
 * long as the metrics.
 */
#ifndef WEIR_WATCH_METRICS_H
#define WEIR_WATCH_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "watch/histogram.h"
#include "watch/metrics_table.h"

struct metrics;

typedef _Atomic uint64_t cell; /* gauges are two's complement: adding (uint64_t)-1 takes one away */

struct metrics *metrics_new(unsigned nshards);
void metrics_free(struct metrics *m);

enum { METRICS_SERIES_MAX = 10000, METRICS_LABEL_MAX = 256 };

/*
 * labels: as many values as the table declares for the metric; compared by
 * value, cut after METRICS_LABEL_MAX bytes, what is not UTF-8 replaced.
 * Returns the same cell for the same series and shard.  Past METRICS_SERIES_MAX
 * series of a metric every new one shares the series whose values are "other".
 */
cell *metrics_cell(struct metrics *m, unsigned shard, enum metric id, const struct str *labels);
struct histogram *metrics_histogram(
    struct metrics *m, unsigned shard, enum metric id, const struct str *labels);
/* Leaves the series out of what is rendered until its cell is next asked for. */
void metrics_hide(struct metrics *m, enum metric id, const struct str *labels);

/* Only the shard's own thread may call these. */
static inline void cell_add(cell *c, uint64_t n)
{
    atomic_store_explicit(
        c, atomic_load_explicit(c, memory_order_relaxed) + n, memory_order_relaxed);
}

static inline void cell_set(cell *c, uint64_t n)
{
    atomic_store_explicit(c, n, memory_order_relaxed);
}

/* From any thread, for cells that several share. */
static inline void cell_add_shared(cell *c, uint64_t n)
{
    atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

enum exposition {
    EXPOSITION_TEXT,        /* Prometheus text 0.0.4 */
    EXPOSITION_OPENMETRICS, /* OpenMetrics 1.0.0, with exemplars */
    EXPOSITION_PROTOBUF,    /* io.prometheus.client.MetricFamily, delimited, native histograms */
    EXPOSITION_JSON, /* our own, for weir top and weir status: see docs/internals/metrics.md */
};

/* What an Accept header asks for. */
enum exposition exposition_negotiate(struct str accept);
const char *exposition_content_type(enum exposition e);
/* Appends a whole document: of the metrics that have a series, in the table's order. */
void metrics_render(struct metrics *m, enum exposition e, struct buf *out);
/*
 * Appends to out, which holds a whole document, another one of the same kind
 * from another process, so that the two are one.  No metric may be in both.
 * False, and out as it was, when one of them is not a whole document.
 */
bool exposition_join(enum exposition e, struct buf *out, struct str more);

#endif
