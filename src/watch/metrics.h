/*
 * metrics - counters, gauges and histograms, declared in one table.
 *
 * metrics_table.h declares every metric once: name, type, unit, labels and a
 * sentence.  From it come /metrics, the reference page and the checks.
 *
 * A series is a metric with label values.  Each worker thread owns a shard:
 * it asks for the cell of a series once (mutex, hash), keeps the pointer, and
 * then counts with a plain add on its own cache line.  Rendering adds the
 * shards up.  Cells live as long as the metrics.
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

/*
 * labels: as many values as the table declares for the metric.  Returns the
 * same cell for the same series and shard.  Past the metric's series limit
 * (10,000) every new one shares the series whose label values are "other".
 */
cell *metrics_cell(struct metrics *m, unsigned shard, enum metric id, const struct str *labels);
struct histogram *metrics_histogram(struct metrics *m, unsigned shard, enum metric id,
    const struct str *labels);

/* Only the shard's own thread may call these. */
static inline void cell_add(cell *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
        memory_order_relaxed);
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
    EXPOSITION_JSON,        /* our own, for weir top and weir status: see docs/internals/metrics.md */
};

/* What an Accept header asks for. */
enum exposition exposition_negotiate(struct str accept);
const char *exposition_content_type(enum exposition e);
void metrics_render(struct metrics *m, enum exposition e, struct buf *out);

#endif
