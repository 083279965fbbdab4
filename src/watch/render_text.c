/*
 * render_text - the Prometheus text format 0.0.4, and OpenMetrics 1.0.0.
 *
 * They differ in the name of a counter's family, in units, in how a whole
 * number is written as a bound, in exemplars and in the last line.
 */
#include <math.h>
#include <stdio.h>

#include "watch/metrics_int.h"
#include "watch/trace.h"

struct writer {
    const struct metrics *m;
    struct buf *out;
    bool open;         /* OpenMetrics */
    struct buf labels; /* of the present series: name="value",... */
};

/* Backslash and line feed, and within quotes the quote. */
static void add_escaped(struct buf *out, struct str s, bool quotes)
{
    while (s.len > 0) {
        size_t run = 0;

        while (
            run < s.len && s.at[run] != '\\' && s.at[run] != '\n' && !(quotes && s.at[run] == '"'))
            run++;
        buf_add(out, s.at, run);
        s = (struct str){ s.at + run, s.len - run };
        if (s.len == 0)
            break;
        buf_text(out, s.at[0] == '\n' ? "\\n" : s.at[0] == '"' ? "\\\"" : "\\\\");
        s = (struct str){ s.at + 1, s.len - 1 };
    }
}

static void add_nsec(struct buf *out, uint64_t nsec)
{
    char fraction[] = ".000000000";
    uint64_t n = nsec % 1000000000;

    for (unsigned i = 9; i > 0; i--, n /= 10)
        fraction[i] = (char)('0' + n % 10);
    buf_u64(out, nsec / 1000000000);
    buf_add(out, fraction, 10);
}

static void add_i64(struct buf *out, int64_t n)
{
    if (n < 0)
        buf_char(out, '-');
    buf_u64(out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void add_bound(struct writer *w, unsigned classic)
{
    double bound = histogram_classic_bound(classic);

    if (isinf(bound))
        buf_text(w->out, "+Inf");
    else
        buf_printf(w->out, w->open && bound >= 1 ? "%.1f" : "%.12g", bound);
}

static void write_head(struct writer *w, enum metric id)
{
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_COUNTER_NSEC] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_GAUGE_NSEC] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
    };
    struct str name = w->open ? metric_family(id) : str_from(metric_table[id].name);
    struct str unit = metric_unit(id);

    buf_printf(w->out, "# HELP %.*s ", STR_ARG(name));
    add_escaped(w->out, str_from(metric_table[id].help), w->open);
    buf_printf(w->out, "\n# TYPE %.*s %s\n", STR_ARG(name), types[metric_table[id].type]);
    if (w->open && unit.len > 0)
        buf_printf(w->out, "# UNIT %.*s %.*s\n", STR_ARG(name), STR_ARG(unit));
}

static void take_labels(struct writer *w, enum metric id, const struct series *s)
{
    unsigned n = metric_nlabels(id);

    w->labels.len = 0;
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            buf_char(&w->labels, ',');
        buf_str(&w->labels, metric_label(id, i));
        buf_text(&w->labels, "=\"");
        add_escaped(&w->labels, s->values[i], true);
        buf_char(&w->labels, '"');
    }
}

/* name_suffix{labels} and a space. */
static void write_name(struct writer *w, enum metric id, const char *suffix)
{
    buf_text(w->out, metric_table[id].name);
    buf_text(w->out, suffix);
    if (w->labels.len > 0) {
        buf_char(w->out, '{');
        buf_str(w->out, buf_as_str(&w->labels));
        buf_char(w->out, '}');
    }
    buf_char(w->out, ' ');
}

static void write_exemplar(struct writer *w, const struct series *s, unsigned classic)
{
    struct exemplar_copy e;
    struct trace trace = { 0 };
    char id[32];

    if (!series_exemplar(w->m, s, classic, &e))
        return;
    trace.id[0] = e.trace[0];
    trace.id[1] = e.trace[1];
    trace_format_id(&trace, id);
    buf_text(w->out, " # {trace_id=\"");
    buf_add(w->out, id, sizeof(id));
    buf_text(w->out, "\"} ");
    add_nsec(w->out, e.value);
    buf_printf(w->out, " %llu.%03llu", (unsigned long long)(e.wall / 1000000),
        (unsigned long long)(e.wall / 1000 % 1000));
}

static void write_histogram(struct writer *w, enum metric id, const struct series *s)
{
    uint64_t cumulative[HISTOGRAM_CLASSIC];
    struct histogram_sum sum;

    series_sum(w->m, s, &sum);
    histogram_classic(&sum, cumulative);
    for (unsigned i = 0; i < HISTOGRAM_CLASSIC; i++) {
        buf_text(w->out, metric_table[id].name);
        buf_text(w->out, "_bucket{");
        buf_str(w->out, buf_as_str(&w->labels));
        buf_text(w->out, w->labels.len > 0 ? ",le=\"" : "le=\"");
        add_bound(w, i);
        buf_text(w->out, "\"} ");
        buf_u64(w->out, cumulative[i]);
        if (w->open)
            write_exemplar(w, s, i);
        buf_char(w->out, '\n');
    }
    write_name(w, id, "_sum");
    add_nsec(w->out, sum.sum_nsec);
    buf_char(w->out, '\n');
    write_name(w, id, "_count");
    buf_u64(w->out, sum.count);
    buf_char(w->out, '\n');
}

static void write_value(struct writer *w, enum metric id, const struct series *s)
{
    int64_t value = series_value(w->m, s);

    write_name(w, id, "");
    if (metric_table[id].type == METRIC_COUNTER_NSEC || metric_table[id].type == METRIC_GAUGE_NSEC)
        add_nsec(w->out, (uint64_t)value);
    else if (metric_table[id].type == METRIC_COUNTER)
        buf_u64(w->out, (uint64_t)value);
    else
        add_i64(w->out, value);
    buf_char(w->out, '\n');
}

static void write_family(struct writer *w, enum metric id)
{
    unsigned n = family_count(w->m, id);

    write_head(w, id);
    for (unsigned i = 0; i < n; i++) {
        const struct series *s = family_series(w->m, id, i);

        if (s == NULL)
            continue;
        take_labels(w, id, s);
        if (metric_table[id].type == METRIC_HISTOGRAM)
            write_histogram(w, id, s);
        else
            write_value(w, id, s);
    }
}

static void render(const struct metrics *m, struct buf *out, bool open)
{
    /* A label value at most doubles when it is escaped. */
    size_t labels_max = (size_t)METRIC_LABELS_MAX * (2 * METRICS_LABEL_MAX + 64);
    struct writer w = { .m = m, .out = out, .open = open };

    buf_init(&w.labels, labels_max);
    for (int id = 0; id < METRIC_COUNT; id++)
        if (family_is_shown(m, (enum metric)id))
            write_family(&w, (enum metric)id);
    buf_free(&w.labels);
}

void render_text(const struct metrics *m, struct buf *out)
{
    render(m, out, false);
}

void render_openmetrics(const struct metrics *m, struct buf *out)
{
    render(m, out, true);
    buf_text(out, "# EOF\n");
}
