/*
 * expose - metrics with known values, in the format that an Accept header asks for.
 *
 *     expose ACCEPT [TIMES]      prints the content type, an empty line, the document
 *
 * TIMES, 1 when absent, is how often all that is counted has been counted.
 */
#include <stdlib.h>

#include "base/fd.h"
#include "watch/metrics.h"

/* 950 requests of 2 ms and 50 of 100 ms, the last of each with an exemplar. */
static void count_requests(struct metrics *m, unsigned shard, const struct str *labels)
{
    static const uint64_t fast[2] = { 0x1111111111111111, 0x1111111111111111 };
    static const uint64_t slow[2] = { 0x2222222222222222, 0x2222222222222222 };
    struct histogram *h = metrics_histogram(m, shard, METRIC_REQUEST_SECONDS, labels);

    for (int i = 0; i < 950; i++)
        histogram_record(h, 2000000);
    for (int i = 0; i < 50; i++)
        histogram_record(h, 100000000);
    histogram_exemplar(h, 2000000, fast, time_wall_usec());
    histogram_exemplar(h, 100000000, slow, time_wall_usec());
    cell_add(metrics_cell(m, shard, METRIC_REQUESTS, labels), 1000);
}

/* One series at least of every metric: the linter sees all names and sentences. */
static void fill(struct metrics *m, unsigned long times)
{
    struct str labels[METRIC_LABELS_MAX] = { STR("home"), STR("2xx"), STR("a\"\\\nb"), STR("x") };
    struct str empty[METRIC_LABELS_MAX] = { STR("quiet"), STR("2xx"), STR("x"), STR("x") };

    for (int id = 0; id < METRIC_COUNT; id++) {
        if (metric_table[id].type == METRIC_HISTOGRAM)
            metrics_histogram(m, 0, (enum metric)id, empty);
        else
            cell_set(metrics_cell(m, 0, (enum metric)id, labels), 7);
    }
    cell_set(metrics_cell(m, 0, METRIC_REQUESTS, labels), 0);
    for (unsigned long i = 0; i < times; i++) {
        count_requests(m, 0, labels);
        count_requests(m, 1, labels);
    }
}

int main(int argc, char **argv)
{
    enum exposition e = exposition_negotiate(str_from(argc > 1 ? argv[1] : ""));
    struct metrics *m = metrics_new(2);
    struct buf out;
    int failed;

    buf_init(&out, 1 << 20);
    fill(m, argc > 2 ? strtoul(argv[2], NULL, 10) : 1);
    buf_printf(&out, "%s\n\n", exposition_content_type(e));
    metrics_render(m, e, &out);
    failed = out.over || fd_write_all(1, out.data, out.len) == -1;
    buf_free(&out);
    metrics_free(m);
    return failed;
}
