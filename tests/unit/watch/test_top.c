/*
 * The view of weir top: rates and quantiles of the time between two documents.
 */
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "watch/client.h"
#include "watch/metrics.h"

static int clock_fd = -1;
static struct buf out;

static void set_clock(usec_t usec)
{
    uint64_t page[2] = { usec, usec };

    if (clock_fd < 0) {
        clock_fd = memfd_create("clock", 0);
        CHECK(pwrite(clock_fd, page, sizeof(page), 0) == sizeof(page));
        CHECK(time_use_test_clock(clock_fd) == 0);
    }
    CHECK(pwrite(clock_fd, page, sizeof(page), 0) == sizeof(page));
}

static bool has(struct str text, const char *what)
{
    return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

static void feed(struct top *t, struct metrics *m, usec_t at)
{
    struct buf doc;
    struct err err;

    set_clock(at);
    buf_init(&doc, 1 << 20);
    metrics_render(m, EXPOSITION_JSON, &doc);
    CHECK(top_feed(t, buf_as_str(&doc), &err) == 0);
    buf_free(&doc);
}

static struct str drawn(const struct top *t, const struct top_look *look)
{
    buf_free(&out);
    buf_init(&out, 1 << 20);
    top_draw(t, look, &out);
    return buf_as_str(&out);
}

static void count(struct metrics *m, const char *route, const char *class, unsigned n, msec_t each)
{
    struct str labels[] = { str_from(route), str_from(class) };

    cell_add(metrics_cell(m, 0, METRIC_REQUESTS, labels), n);
    for (unsigned i = 0; i < n; i++)
        histogram_record(metrics_histogram(m, 0, METRIC_REQUEST_SECONDS, labels), each * 1000000);
}

static void set(struct metrics *m, enum metric id, const char *a, const char *b, uint64_t n)
{
    struct str labels[] = { str_from(a), str_from(b), str_from("") };

    cell_set(metrics_cell(m, 0, id, labels), n);
}

static json_t *as_json(const struct top *t)
{
    json_t *root;

    buf_free(&out);
    buf_init(&out, 1 << 20);
    top_json(t, TOP_BY_RATE, &out);
    root = json_loadb(out.data, out.len, 0, NULL);
    CHECK(root != NULL);
    return root;
}

static double number(const json_t *root, const char *a, const char *b)
{
    const json_t *value = json_object_get(json_object_get(root, a), b);

    CHECK(json_is_number(value));
    return json_number_value(value);
}

static void rates_are_of_the_time_between(void)
{
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();
    json_t *root;
    json_t *home;

    count(m, "home", "2xx", 5000, 500); /* long ago: must not show */
    feed(t, m, 1000000);
    CHECK(!top_is_ready(t));
    count(m, "home", "2xx", 90, 10);
    count(m, "home", "5xx", 10, 200);
    count(m, "cart", "4xx", 300, 10);
    feed(t, m, 3000000);
    CHECK(top_is_ready(t));
    root = as_json(t);
    CHECK(number(root, "per_second", "requests") == 200);
    CHECK(number(root, "per_second", "errors") == 5);
    CHECK(number(root, "per_second", "client_errors") == 150);
    CHECK(json_array_size(json_object_get(root, "routes")) == 2);
    home = json_array_get(json_object_get(root, "routes"), 1); /* fewer requests than cart */
    CHECK(json_number_value(json_object_get(home, "requests_per_second")) == 50);
    CHECK(number(home, "seconds", "p50") > 0.009 && number(home, "seconds", "p50") < 0.011);
    CHECK(number(home, "seconds", "p99") > 0.19 && number(home, "seconds", "p99") < 0.21);
    json_decref(root);
    feed(t, m, 4000000); /* nothing more came */
    root = as_json(t);
    CHECK(number(root, "per_second", "requests") == 0);
    CHECK(json_is_null(json_object_get(json_object_get(root, "seconds"), "p50")));
    json_decref(root);
    top_free(t);
    metrics_free(m);
}

static void a_counter_that_fell_starts_from_nothing(void)
{
    struct metrics *before = metrics_new(1);
    struct metrics *after = metrics_new(1);
    struct top *t = top_new();
    json_t *root;

    count(before, "home", "2xx", 1000, 10);
    count(after, "home", "2xx", 30, 10);
    feed(t, before, 1000000);
    feed(t, after, 2000000);
    root = as_json(t);
    CHECK(number(root, "per_second", "requests") == 30);
    json_decref(root);
    top_free(t);
    metrics_free(before);
    metrics_free(after);
}

static void without_time_between_there_are_no_rates(void)
{
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();
    struct top_look look = { .columns = 80 };
    json_t *root;

    count(m, "home", "2xx", 5, 10);
    feed(t, m, 1000000);
    feed(t, m, 1000000);
    root = as_json(t);
    CHECK(json_is_null(json_object_get(json_object_get(root, "per_second"), "requests")));
    json_decref(root);
    CHECK(has(drawn(t, &look), "home"));
    top_free(t);
    metrics_free(m);
}

static struct metrics *some_origins(void)
{
    static const char *const names[] = { "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.4:80",
        "10.0.0.5:80" };
    struct metrics *m = metrics_new(1);

    for (unsigned i = 0; i < 5; i++) {
        set(m, METRIC_ORIGIN_HEALTHY, "shop", names[i], i != 1);
        set(m, METRIC_ORIGIN_EJECTED, "shop", names[i], i == 2);
        set(m, METRIC_BREAKER_STATE, "shop", names[i], i == 3 ? 2 : i == 4 ? 1 : 0);
        set(m, METRIC_POOL_CONNECTIONS, "shop", names[i], 10 + i);
        set(m, METRIC_POOL_IDLE, "shop", names[i], i);
    }
    set(m, METRIC_PROCESS_UP, "edge", "", 1);
    set(m, METRIC_PROCESS_UP, "keeper", "", 0);
    set(m, METRIC_PROCESS_UP, "shop/0", "", 1);
    set(m, METRIC_PROCESS_UP, "shop/1", "", 0);
    set(m, METRIC_PROCESS_CPU, "edge", "", 500000000);
    set(m, METRIC_PROCESS_MEMORY, "edge", "", 34 << 20);
    set(m, METRIC_PROCESS_RESTARTS, "keeper", "", 3);
    set(m, METRIC_LOG_EVENTS, "dropped", "", 12);
    set(m, METRIC_BUILD, "9.8.7", "", 1);
    return m;
}

static void each_origin_shows_its_state(void)
{
    struct metrics *m = some_origins();
    struct top *t = top_new();
    struct top_look look = { .columns = 100 };
    struct str text;

    feed(t, m, 1000000);
    set(m, METRIC_PROCESS_CPU, "edge", "", 1000000000);
    feed(t, m, 2000000);
    text = drawn(t, &look);
    CHECK(has(text, "10/0  healthy\n") && has(text, "11/1  unhealthy\n"));
    CHECK(has(text, "12/2  ejected\n") && has(text, "13/3  open\n") &&
          has(text, "14/4  half-open\n"));
    CHECK(has(text, "shop/10.0.0.1:80 "));
    CHECK(has(text, "\nedge 50.0 % 34.0 MB   keeper down (3 restarts)   shop/1 down   origin"));
    CHECK(has(text, "   origin processes 1/2 up\n"));
    CHECK(has(text, "dropped 12\n"));
    CHECK(str_starts(text, STR("weir 9.8.7 ")));
    CHECK(!has(text, "\x1b"));
    look.colour = true;
    CHECK(has(drawn(t, &look), "\x1b[31munhealthy\x1b[0m\n"));
    top_free(t);
    metrics_free(m);
}

static void a_name_cannot_move_the_cursor(void)
{
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();
    struct top_look look = { .columns = 120, .trouble = "no\x1b[2J\nanswer" };
    struct str text;

    count(m, "evil\x1b[2J\r\n\x7f\xc2\x9b", "2xx", 1, 1);
    set(m, METRIC_PROCESS_UP, "role\x1b]0;x\x07", "", 1);
    set(m, METRIC_BUILD, "\x1b[31m", "", 1);
    feed(t, m, 1000000);
    feed(t, m, 2000000);
    text = drawn(t, &look);
    CHECK(has(text, "evil\\x1b[2J\\x0d\\x0a\\x7f\\xc2\\x9b "));
    for (size_t i = 0; i < text.len; i++)
        CHECK(text.at[i] == '\n' || (text.at[i] >= 0x20 && text.at[i] < 0x7f));
    top_free(t);
    metrics_free(m);
}

/* No line is wider and there are not more than the terminal has, whatever its size. */
static void fits_into_the_terminal(void)
{
    struct metrics *m = some_origins();
    struct top *t = top_new();
    char name[64];

    for (unsigned i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "a-route-with-quite-a-long-name-%u", i);
        count(m, name, "2xx", i, 1);
    }
    feed(t, m, 1000000);
    feed(t, m, 2000000);
    for (unsigned columns = 1; columns < 150; columns += 7) {
        for (unsigned rows = 1; rows < 70; rows += 3) {
            struct top_look look = { .columns = columns, .rows = rows, .live = true };
            struct str text = drawn(t, &look);
            unsigned lines = 1;

            CHECK(str_starts(text, STR("\x1b[H")));
            text = (struct str){ text.at + 3, text.len - 3 };
            while (text.at != NULL && text.len > 0) {
                struct str line = str_cut(text, '\n', &text);
                const char *end = memchr(line.at, '\x1b', line.len);

                lines += text.at != NULL;
                CHECK((end != NULL ? (size_t)(end - line.at) : line.len) <= columns);
            }
            CHECK(lines <= rows);
        }
    }
    top_free(t);
    metrics_free(m);
}

static void a_long_name_is_cut_with_a_mark(void)
{
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();
    struct top_look look = { .columns = 80 };

    count(m, "a-route-with-quite-a-long-name-that-nobody-can-remember", "2xx", 1, 1);
    feed(t, m, 1000000);
    feed(t, m, 2000000);
    CHECK(has(drawn(t, &look), "\na-route-with-quite") && has(buf_as_str(&out), "~ "));
    top_free(t);
    metrics_free(m);
}

static void rows_are_sorted_as_asked(void)
{
    static const char *const first[] = { "busy", "broken", "slow" };
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();

    count(m, "slow", "2xx", 1, 1);
    count(m, "busy", "2xx", 1, 1);
    count(m, "broken", "5xx", 1, 1);
    feed(t, m, 1000000);
    count(m, "slow", "2xx", 5, 900);
    count(m, "busy", "2xx", 100, 10);
    count(m, "broken", "5xx", 20, 5);
    feed(t, m, 2000000);
    for (unsigned sort = 0; sort < 3; sort++) {
        struct top_look look = { .columns = 80, .sort = (enum top_sort)sort };
        struct str text = drawn(t, &look);
        const char *row = memmem(text.at, text.len, "ROUTE", 5);
        struct str line;

        str_cut((struct str){ row, text.len - (size_t)(row - text.at) }, '\n', &line);
        CHECK(str_starts(line, str_from(first[sort])));
    }
    top_free(t);
    metrics_free(m);
}

static void a_bad_document_changes_nothing(void)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"at_usec\":1}",
        "{\"at_usec\":\"1\",\"metrics\":{}}",
        "{\"at_usec\":1,\"metrics\":[]}",
        "{\"at_usec\":1,\"metrics\":{\"weir_requests_total\":{\"series\":[{}]}}}",
        "{\"at_usec\":1,\"metrics\":{\"weir_retries_total\":{\"series\":[{\"labels\":{\"service\":1},"
        "\"value\":1}]}}}",
        "{\"at_usec\":1,\"metrics\":{\"weir_retries_total\":{\"series\":[{\"labels\":{\"service\":"
        "\"a\"},\"value\":\"1\"}]}}}",
        "{\"at_usec\":1,\"metrics\":{\"weir_request_duration_seconds\":{\"series\":[{\"labels\":"
        "{\"route\":\"a\"},\"buckets\":[[480,1]]}]}}}",
        "{\"at_usec\":1,\"metrics\":{\"weir_request_duration_seconds\":{\"series\":[{\"labels\":"
        "{\"route\":\"a\"},\"buckets\":[[-1,1]]}]}}}",
        "{\"at_usec\":1,\"metrics\":{\"weir_request_duration_seconds\":{\"series\":[{\"labels\":"
        "{\"route\":\"a\"},\"buckets\":[1,2]}]}}}",
    };
    struct metrics *m = metrics_new(1);
    struct top *t = top_new();
    struct top_look look = { .columns = 80 };
    struct err err;

    count(m, "home", "2xx", 5, 10);
    feed(t, m, 1000000);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(top_feed(t, str_from(bad[i]), &err) == -1);
        CHECK_STR(str_from(err.id), "top_bad_answer");
    }
    CHECK(!top_is_ready(t));
    CHECK(has(drawn(t, &look), "home"));
    top_free(t);
    metrics_free(m);
}

static void a_newer_weir_may_have_metrics_we_do_not_know(void)
{
    struct top *t = top_new();
    struct err err;

    CHECK(top_feed(t,
              STR("{\"at_usec\":1,\"more\":2,\"metrics\":{\"weir_new\":{\"series\":7},"
                  "\"weir_retries_total\":{\"series\":[{\"labels\":{\"service\":\"a\",\"zone\":"
                  "\"b\"},\"value\":1.5}]}}}"),
              &err) == 0);
    top_free(t);
}

static void the_reference_names_every_metric(void)
{
    buf_free(&out);
    buf_init(&out, 1 << 20);
    metrics_markdown(&out);
    for (int id = 0; id < METRIC_COUNT; id++)
        CHECK(has(buf_as_str(&out), metric_table[id].name));
    CHECK(
        has(buf_as_str(&out), "| `weir_process_cpu_seconds_total` | counter | `role` | CPU time"));
    CHECK(has(buf_as_str(&out), "| `service`, `origin` |"));
    out.len = 0;
    metrics_list_json(&out);
    {
        json_t *root = json_loadb(out.data, out.len, 0, NULL);

        CHECK_U64(json_array_size(root), METRIC_COUNT);
        json_decref(root);
    }
    buf_free(&out);
}

TESTS(CASE(rates_are_of_the_time_between), CASE(a_counter_that_fell_starts_from_nothing),
    CASE(without_time_between_there_are_no_rates), CASE(each_origin_shows_its_state),
    CASE(a_name_cannot_move_the_cursor), CASE(fits_into_the_terminal),
    CASE(a_long_name_is_cut_with_a_mark), CASE(rows_are_sorted_as_asked),
    CASE(a_bad_document_changes_nothing), CASE(a_newer_weir_may_have_metrics_we_do_not_know),
    CASE(the_reference_names_every_metric))
