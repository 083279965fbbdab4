/*
 * reference - the table of metrics as a page and as JSON.
 */
#include "base/json.h"
#include "watch/client.h"
#include "watch/metrics_table.h"

static const char *const types[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_COUNTER_NSEC] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_GAUGE_NSEC] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

/* | would end a cell, < begins HTML. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_text(out, "\\|");
        else if (*text == '<')
            buf_text(out, "&lt;");
        else
            buf_char(out, *text);
    }
}

void metrics_markdown(struct buf *out)
{
    buf_text(out,
        "# Metrics\n\n"
        "Every metric that `/metrics` and `weir metrics` show, generated from the table that Weir\n"
        "itself counts by. A scraper gets what it asks for: Prometheus text, OpenMetrics with\n"
        "exemplars, or protobuf with native histograms. A metric past 10,000 series counts the\n"
        "rest in one whose labels say `other`. How it works:\n"
        "[internals/metrics.md](../internals/metrics.md).\n\n"
        "| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_info *info = &metric_table[id];
        unsigned n = metric_nlabels((enum metric)id);

        buf_printf(out, "| `%s` | %s | ", info->name, types[info->type]);
        for (unsigned i = 0; i < n; i++)
            buf_printf(
                out, "%s`%.*s`", i > 0 ? ", " : "", STR_ARG(metric_label((enum metric)id, i)));
        buf_text(out, " | ");
        add_cell(out, info->help);
        buf_text(out, " |\n");
    }
}

void metrics_list(struct buf *out)
{
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_info *info = &metric_table[id];

        buf_printf(
            out, "%s{%s}  %s\n    %s\n", info->name, info->labels, types[info->type], info->help);
    }
}

void metrics_list_json(struct buf *out)
{
    struct json j;

    json_init(&j, out, true);
    json_open(&j, NULL, '[');
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_info *info = &metric_table[id];
        unsigned n = metric_nlabels((enum metric)id);

        json_open(&j, NULL, '{');
        json_put_text(&j, "name", info->name);
        json_put_text(&j, "type", types[info->type]);
        json_put_str(&j, "unit", metric_unit((enum metric)id));
        json_open(&j, "labels", '[');
        for (unsigned i = 0; i < n; i++)
            json_put_str(&j, NULL, metric_label((enum metric)id, i));
        json_close(&j, ']');
        json_put_text(&j, "help", info->help);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    buf_char(out, '\n');
}
