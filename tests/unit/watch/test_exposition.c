/*
 * The four formats: who gets which, what they look like, and two made one.
 *
 * Whether real readers take them is tested in tests/tools.
 */
#include <jansson.h>

#include "check.h"
#include "watch/metrics.h"

static struct buf out;

static struct str rendered(struct metrics *m, enum exposition e)
{
    buf_free(&out);
    buf_init(&out, 1 << 20);
    metrics_render(m, e, &out);
    return buf_as_str(&out);
}

static bool has(struct str text, const char *what)
{
    return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

static void accept_decides(void)
{
    static const struct {
        const char *accept;
        enum exposition want;
    } cases[] = {
        { "", EXPOSITION_TEXT },
        { "*/*", EXPOSITION_TEXT },
        { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", EXPOSITION_TEXT },
        { "text/plain", EXPOSITION_TEXT },
        { "application/openmetrics-text", EXPOSITION_OPENMETRICS },
        { "application/openmetrics-text; version=1.0.0; charset=utf-8", EXPOSITION_OPENMETRICS },
        { "Application/OpenMetrics-Text;VERSION=1.0.0", EXPOSITION_OPENMETRICS },
        { "application/openmetrics-text; version=\"1.0.0\"", EXPOSITION_OPENMETRICS },
        { "application/openmetrics-text; version=0.0.1", EXPOSITION_TEXT },
        { "application/openmetrics-text;version=1.0.0;q=0.4, text/plain;q=0.5", EXPOSITION_TEXT },
        { "application/openmetrics-text;q=0", EXPOSITION_TEXT },
        { "application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.3",
            EXPOSITION_OPENMETRICS },
        { "application/json", EXPOSITION_JSON },
        { "image/png, application/json;q=0.001", EXPOSITION_JSON },
        /* Prometheus 2.42 without and with native histograms */
        { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
          "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            EXPOSITION_OPENMETRICS },
        { "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
          "delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/"
          "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            EXPOSITION_PROTOBUF },
        { "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
          "encoding=compact-text",
            EXPOSITION_TEXT },
        { "text/plain;q=abc, application/json;q=2", EXPOSITION_TEXT },
        { "application/json;q=1.001", EXPOSITION_TEXT },
        { ";;;,,,;q=", EXPOSITION_TEXT },
        { "application/json;", EXPOSITION_JSON },
        { "application/json;q", EXPOSITION_TEXT },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (exposition_negotiate(str_from(cases[i].accept)) != cases[i].want)
            fprintf(stderr, "case %zu\n", i);
        CHECK(exposition_negotiate(str_from(cases[i].accept)) == cases[i].want);
    }
    CHECK(exposition_negotiate(STR_NONE) == EXPOSITION_TEXT);
}

static struct metrics *some_metrics(void)
{
    static const uint64_t trace[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
    struct metrics *m = metrics_new(1);
    struct str route[] = { STR("home"), STR("2xx") };
    struct histogram *h = metrics_histogram(m, 0, METRIC_REQUEST_SECONDS, route);

    cell_add(metrics_cell(m, 0, METRIC_REQUESTS, route), 3);
    histogram_record(h, 1500000000);
    histogram_record(h, 1500000000);
    histogram_record(h, 5000000);
    histogram_exemplar(h, 1500000000, trace, 1700000000123000);
    return m;
}

static void openmetrics_has_units_exemplars_and_an_end(void)
{
    struct metrics *m = some_metrics();
    struct str text = rendered(m, EXPOSITION_OPENMETRICS);

    CHECK(str_starts(text, STR("# HELP weir_requests Requests answered")));
    CHECK(has(text, "\n# TYPE weir_requests counter\nweir_requests_total{"));
    CHECK(has(text, "\n# UNIT weir_request_duration_seconds seconds\n"));
    CHECK(has(text, "{route=\"home\",le=\"1.0\"} 1\n"));
    CHECK(has(text, "{route=\"home\",le=\"2.0\"} 3 # {trace_id=\"0123456789abcdeffedcba9876543210"
                    "\"} 1.500000000 1700000000.123\n"));
    CHECK(has(text, "{route=\"home\",le=\"0.0009765625\"} 0\n"));
    CHECK(str_ends(text, STR("\n# EOF\n")));
    CHECK(!has(rendered(m, EXPOSITION_TEXT), "trace_id") && !has(buf_as_str(&out), "EOF"));
    metrics_free(m);
}

static void json_is_json(void)
{
    struct metrics *m = some_metrics();
    struct str text = rendered(m, EXPOSITION_JSON);
    json_t *root = json_loadb(text.at, text.len, 0, NULL);
    json_t *series = NULL;
    json_t *buckets = NULL;

    CHECK(json_is_integer(json_object_get(root, "at_usec")));
    CHECK(json_unpack(root, "{s:{s:{s:[o]}}}", "metrics", "weir_request_duration_seconds", "series",
              &series) == 0);
    CHECK(json_integer_value(json_object_get(series, "count")) == 3);
    CHECK(json_is_string(json_object_get(json_object_get(series, "labels"), "route")));
    buckets = json_object_get(series, "buckets");
    CHECK_U64(json_array_size(buckets), 2);
    CHECK_U64(json_integer_value(json_array_get(json_array_get(buckets, 1), 0)),
        histogram_bucket(1500000000));
    CHECK_U64(json_integer_value(json_array_get(json_array_get(buckets, 1), 1)), 2);
    json_decref(root);
    metrics_free(m);
}

/* Joins what `from` has to what `to` has, in every format, and gives the result. */
static bool joined(struct metrics *to, struct metrics *from, enum exposition e, struct buf *doc)
{
    buf_init(doc, 1 << 20);
    metrics_render(to, e, doc);
    return exposition_join(e, doc, rendered(from, e));
}

static void documents_of_two_processes_become_one(void)
{
    struct metrics *edge = some_metrics();
    struct metrics *control = metrics_new(1);
    struct metrics *empty = metrics_new(1);
    struct str version[] = { STR("1.2.3") };
    struct buf doc;
    json_t *root;

    cell_set(metrics_cell(control, 0, METRIC_BUILD, version), 1);
    CHECK(joined(edge, control, EXPOSITION_TEXT, &doc));
    CHECK(has(buf_as_str(&doc), "weir_requests_total{"));
    CHECK(str_ends(buf_as_str(&doc), STR("\nweir_build_info{version=\"1.2.3\"} 1\n")));
    buf_free(&doc);
    CHECK(joined(edge, control, EXPOSITION_OPENMETRICS, &doc));
    CHECK(str_ends(buf_as_str(&doc), STR("\nweir_build_info{version=\"1.2.3\"} 1\n# EOF\n")));
    CHECK(memmem(doc.data, doc.len - 6, "# EOF", 5) == NULL);
    buf_free(&doc);
    for (int i = 0; i < 3; i++) {
        struct metrics *a = i == 0 ? edge : i == 1 ? empty : control;
        struct metrics *b = i == 0 ? control : i == 1 ? control : empty;

        CHECK(joined(a, b, EXPOSITION_JSON, &doc));
        root = json_loadb(doc.data, doc.len, 0, NULL);
        CHECK_U64(json_object_size(json_object_get(root, "metrics")), i == 0 ? 3 : 1);
        json_decref(root);
        buf_free(&doc);
    }
    metrics_free(edge);
    metrics_free(control);
    metrics_free(empty);
}

static void half_a_document_is_not_joined(void)
{
    struct buf doc;

    buf_init(&doc, 1000);
    buf_text(&doc, "weir_requests_total 1\n");
    CHECK(!exposition_join(EXPOSITION_OPENMETRICS, &doc, STR("# EOF\n")));
    CHECK(!exposition_join(EXPOSITION_JSON, &doc, STR("{\"metrics\":{\"a\":1}}\n")));
    CHECK(!exposition_join(EXPOSITION_JSON, &doc, STR("null")));
    CHECK_STR(buf_as_str(&doc), "weir_requests_total 1\n");
    buf_free(&doc);
}

static void a_document_that_is_too_long_is_marked(void)
{
    struct metrics *m = some_metrics();

    for (size_t max = 0; max < 2000; max += 7) {
        for (int e = 0; e < 4; e++) {
            struct buf small;

            buf_init(&small, max);
            metrics_render(m, (enum exposition)e, &small);
            CHECK(small.len <= max);
            CHECK(small.over || small.len == rendered(m, (enum exposition)e).len);
            buf_free(&small);
        }
    }
    metrics_free(m);
    buf_free(&out);
}

TESTS(CASE(accept_decides), CASE(openmetrics_has_units_exemplars_and_an_end), CASE(json_is_json),
    CASE(documents_of_two_processes_become_one), CASE(half_a_document_is_not_joined),
    CASE(a_document_that_is_too_long_is_marked))
