/*
 * Metrics: the same series gives the same cell, limits fold, shards add up.
 */
#include <pthread.h>
#include <stdio.h>

#include "check.h"
#include "watch/metrics.h"

static struct buf out;

static struct str rendered(struct metrics *m, enum exposition e)
{
    buf_free(&out);
    buf_init(&out, 64 << 20);
    metrics_render(m, e, &out);
    CHECK(!out.over);
    return buf_as_str(&out);
}

static bool has(struct str text, const char *what)
{
    return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

static unsigned count_of(struct str text, const char *what)
{
    unsigned n = 0;
    const char *at;

    while ((at = memmem(text.at, text.len, what, strlen(what))) != NULL) {
        n++;
        text.len -= (size_t)(at + 1 - text.at);
        text.at = at + 1;
    }
    return n;
}

static void series_are_compared_by_value(void)
{
    struct metrics *m = metrics_new(2);
    char name[] = "home";
    struct str a[] = { STR("home"), STR("2xx") };
    struct str b[] = { { name, 4 }, STR("2xx") };
    struct str c[] = { STR("hom"), STR("e2xx") };
    cell *first = metrics_cell(m, 0, METRIC_REQUESTS, a);

    CHECK(metrics_cell(m, 0, METRIC_REQUESTS, b) == first);
    CHECK(metrics_cell(m, 1, METRIC_REQUESTS, a) != first);
    CHECK(metrics_cell(m, 0, METRIC_REQUESTS, c) != first);
    CHECK(metrics_cell(m, 0, METRIC_RETRIES, a) != first);
    CHECK(metrics_histogram(m, 0, METRIC_REQUEST_SECONDS, a) ==
          metrics_histogram(m, 0, METRIC_REQUEST_SECONDS, b));
    metrics_free(m);
}

static void shards_add_up(void)
{
    struct metrics *m = metrics_new(3);
    struct str labels[] = { STR("home"), STR("2xx") };

    for (unsigned i = 0; i < 3; i++) {
        cell_add(metrics_cell(m, i, METRIC_REQUESTS, labels), 10 + i);
        histogram_record(metrics_histogram(m, i, METRIC_REQUEST_SECONDS, labels), 1500000000);
    }
    CHECK(has(
        rendered(m, EXPOSITION_TEXT), "\nweir_requests_total{route=\"home\",class=\"2xx\"} 33\n"));
    CHECK(has(rendered(m, EXPOSITION_TEXT),
        "\nweir_request_duration_seconds_bucket{route=\"home\",le=\"1\"} 0\n"
        "weir_request_duration_seconds_bucket{route=\"home\",le=\"2\"} 3\n"));
    CHECK(has(rendered(m, EXPOSITION_TEXT),
        "le=\"+Inf\"} 3\n"
        "weir_request_duration_seconds_sum{route=\"home\"} 4.500000000\n"
        "weir_request_duration_seconds_count{route=\"home\"} 3\n"));
    metrics_free(m);
}

static void a_gauge_may_fall_below_zero_in_a_shard(void)
{
    struct metrics *m = metrics_new(2);
    struct str labels[] = { STR("web") };

    cell_add(metrics_cell(m, 0, METRIC_CONNECTIONS, labels), 5);
    cell_add(metrics_cell(m, 1, METRIC_CONNECTIONS, labels), (uint64_t)-3);
    CHECK(has(rendered(m, EXPOSITION_TEXT), "weir_connections{listener=\"web\"} 2\n"));
    cell_set(metrics_cell(m, 0, METRIC_CONNECTIONS, labels), 0);
    CHECK(has(rendered(m, EXPOSITION_TEXT), "weir_connections{listener=\"web\"} -3\n"));
    CHECK(has(rendered(m, EXPOSITION_JSON), "\"value\":-3}"));
    metrics_free(m);
}

static void cpu_time_is_counted_in_nanoseconds(void)
{
    struct metrics *m = metrics_new(1);
    struct str labels[] = { STR("edge") };

    cell_set(metrics_cell(m, 0, METRIC_PROCESS_CPU, labels), 1230000000);
    CHECK(has(rendered(m, EXPOSITION_TEXT),
        "\nweir_process_cpu_seconds_total{role=\"edge\"} 1.230000000\n"));
    CHECK(has(rendered(m, EXPOSITION_JSON), "\"value\":1.23}"));
    metrics_free(m);
}

static void past_the_limit_series_share_one_named_other(void)
{
    struct metrics *m = metrics_new(1);
    struct str labels[1];
    cell *first = NULL;
    cell *other = NULL;
    char name[16];

    for (unsigned i = 0; i < METRICS_SERIES_MAX + 100; i++) {
        cell *c;

        labels[0] = (struct str){ name, (size_t)snprintf(name, sizeof(name), "s%u", i) };
        c = metrics_cell(m, 0, METRIC_RETRIES, labels);
        cell_add(c, 1);
        if (i == 0)
            first = c;
        if (i == METRICS_SERIES_MAX)
            other = c;
        CHECK(i < METRICS_SERIES_MAX || c == other);
    }
    labels[0] = STR("s0");
    CHECK(metrics_cell(m, 0, METRIC_RETRIES, labels) == first);
    labels[0] = STR("other");
    CHECK(metrics_cell(m, 0, METRIC_RETRIES, labels) == other);
    CHECK(has(rendered(m, EXPOSITION_TEXT), "\nweir_retries_total{service=\"other\"} 100\n"));
    CHECK_U64(count_of(buf_as_str(&out), "weir_retries_total{"), METRICS_SERIES_MAX + 1);
    CHECK(!has(buf_as_str(&out), "weir_pool_opened_total")); /* another metric has its own limit */
    metrics_free(m);
}

static void label_values_are_escaped_and_made_utf8(void)
{
    struct metrics *m = metrics_new(1);
    struct str quoted[] = { STR("a\"b\\c\nd") };
    struct str latin1[] = { STR("caf\xe9") };
    struct str utf8[] = { STR("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a") };
    struct str overlong[] = { STR("\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80") };
    struct str text;

    cell_add(metrics_cell(m, 0, METRIC_RETRIES, quoted), 1);
    cell_add(metrics_cell(m, 0, METRIC_RETRIES, latin1), 1);
    cell_add(metrics_cell(m, 0, METRIC_RETRIES, utf8), 1);
    cell_add(metrics_cell(m, 0, METRIC_RETRIES, overlong), 1);
    text = rendered(m, EXPOSITION_TEXT);
    CHECK(has(text, "{service=\"a\\\"b\\\\c\\nd\"} 1\n"));
    CHECK(has(text, "{service=\"caf\xef\xbf\xbd\"} 1\n"));
    CHECK(has(text, "{service=\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a\"} 1\n"));
    CHECK_U64(count_of(text, "\xef\xbf\xbd"), 1 + 9);
    CHECK_U64(count_of(text, "\n"), 2 + 4);
    metrics_free(m);
}

static void long_label_values_are_cut_between_characters(void)
{
    struct metrics *m = metrics_new(1);
    char bytes[4 * METRICS_LABEL_MAX];
    struct str labels[] = { { bytes, sizeof(bytes) } };
    struct str text;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = "\xe2\x82\xac"[i % 3];
    cell_add(metrics_cell(m, 0, METRIC_RETRIES, labels), 1);
    text = rendered(m, EXPOSITION_TEXT);
    CHECK_U64(count_of(text, "\xe2\x82\xac"), METRICS_LABEL_MAX / 3);
    CHECK(has(text, "\xe2\x82\xac\"} 1\n"));
    metrics_free(m);
}

static void a_hidden_series_comes_back_when_asked_for(void)
{
    struct metrics *m = metrics_new(1);
    struct str a[] = { STR("a") };
    struct str b[] = { STR("b") };
    cell *c = metrics_cell(m, 0, METRIC_RETRIES, a);

    metrics_cell(m, 0, METRIC_RETRIES, b);
    metrics_hide(m, METRIC_RETRIES, a);
    CHECK(!has(rendered(m, EXPOSITION_TEXT), "\"a\"") && has(buf_as_str(&out), "\"b\""));
    metrics_hide(m, METRIC_RETRIES, b);
    CHECK_U64(rendered(m, EXPOSITION_TEXT).len, 0);
    CHECK(metrics_cell(m, 0, METRIC_RETRIES, a) == c);
    CHECK(has(rendered(m, EXPOSITION_TEXT), "\"a\""));
    metrics_free(m);
}

static void the_table_is_well_formed(void)
{
    for (int id = 0; id < METRIC_COUNT; id++) {
        const struct metric_info *info = &metric_table[id];
        bool counter = info->type == METRIC_COUNTER || info->type == METRIC_COUNTER_NSEC;
        unsigned n = metric_nlabels((enum metric)id);
        struct str help = str_from(info->help);

        CHECK(str_starts(str_from(info->name), STR("weir_")));
        CHECK(str_ends(str_from(info->name), STR("_total")) == counter);
        CHECK(n <= METRIC_LABELS_MAX);
        CHECK(help.len > 10 && help.at[help.len - 1] == '.');
        for (unsigned i = 0; i < n; i++) {
            struct str label = metric_label((enum metric)id, i);

            CHECK(label.len > 0 && label.at[0] != ' ' && !str_is(label, "le"));
        }
        for (int other = 0; other < id; other++)
            CHECK(!str_is(str_from(info->name), metric_table[other].name));
    }
    CHECK_STR(metric_unit(METRIC_REQUEST_SECONDS), "seconds");
    CHECK_STR(metric_unit(METRIC_REQUEST_BYTES), "bytes");
    CHECK_U64(metric_unit(METRIC_REQUESTS).len, 0);
    CHECK_STR(metric_family(METRIC_REQUEST_BYTES), "weir_request_bytes");
}

struct worker {
    struct metrics *m;
    unsigned shard;
};

static void *ask_for_series(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < 3000; i++) {
        char name[16];
        struct str labels[2] = {
            { name, (size_t)snprintf(name, sizeof(name), "s%u", i % 1000) },
            STR("2xx"),
        };

        cell_add(metrics_cell(w->m, w->shard, METRIC_REQUESTS, labels), 1);
        histogram_record(metrics_histogram(w->m, w->shard, METRIC_REQUEST_SECONDS, labels), i);
    }
    return NULL;
}

static void rendering_and_counting_run_at_the_same_time(void)
{
    enum { WORKERS = 3 };
    struct metrics *m = metrics_new(WORKERS);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ m, i };
        pthread_create(&threads[i], NULL, ask_for_series, &workers[i]);
    }
    for (int i = 0; i < 20; i++)
        rendered(m, (enum exposition)(i % 4));
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    rendered(m, EXPOSITION_TEXT);
    CHECK_U64(count_of(buf_as_str(&out), "class=\"2xx\"} 9\n"), 1000);
    CHECK_U64(count_of(buf_as_str(&out), "le=\"+Inf\"} 9\n"), 1000);
    metrics_free(m);
    buf_free(&out);
}

TESTS(CASE(series_are_compared_by_value), CASE(shards_add_up),
    CASE(a_gauge_may_fall_below_zero_in_a_shard), CASE(cpu_time_is_counted_in_nanoseconds),
    CASE(past_the_limit_series_share_one_named_other), CASE(label_values_are_escaped_and_made_utf8),
    CASE(long_label_values_are_cut_between_characters),
    CASE(a_hidden_series_comes_back_when_asked_for), CASE(the_table_is_well_formed),
    CASE(rendering_and_counting_run_at_the_same_time))
