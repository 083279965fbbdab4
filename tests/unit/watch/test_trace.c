/*
 * traceparent, as W3C Trace Context Level 1 wants it.
 */
#include "check.h"
#include "watch/trace.h"

#define ID   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static struct str formatted(const struct trace *t)
{
    static char text[TRACEPARENT_LEN];

    trace_format(t, text);
    return (struct str){ text, sizeof(text) };
}

static void takes_over_the_callers_trace(void)
{
    struct trace t;
    char id[32];

    CHECK(trace_parse(STR("00-" ID "-" SPAN "-01"), &t));
    CHECK(t.id[0] == 0x4bf92f3577b34da6 && t.id[1] == 0xa3ce929d0e0e4736);
    CHECK(t.parent == 0x00f067aa0ba902b7 && t.span == 0 && t.sampled);
    trace_enter(&t);
    CHECK(t.span != 0 && t.span != t.parent);
    CHECK(str_starts(formatted(&t), STR("00-" ID "-")));
    CHECK(str_ends(formatted(&t), STR("-01")));
    trace_format_id(&t, id);
    CHECK_STR(((struct str){ id, 32 }), ID);
}

static void only_the_first_flag_counts(void)
{
    struct trace t;

    CHECK(trace_parse(STR("00-" ID "-" SPAN "-00"), &t) && !t.sampled);
    CHECK(trace_parse(STR("00-" ID "-" SPAN "-02"), &t) && !t.sampled);
    CHECK(trace_parse(STR("00-" ID "-" SPAN "-ff"), &t) && t.sampled);
    trace_enter(&t);
    CHECK(str_ends(formatted(&t), STR("-01")));
}

static void later_versions_are_read_by_what_we_know(void)
{
    struct trace t;

    CHECK(trace_parse(STR("01-" ID "-" SPAN "-01"), &t));
    CHECK(trace_parse(STR("cc-" ID "-" SPAN "-01-what-the-future-will-be-like"), &t));
    CHECK(trace_parse(STR("fe-" ID "-" SPAN "-01-"), &t));
    trace_enter(&t);
    CHECK(str_starts(formatted(&t), STR("00-")));
}

static void refuses_what_is_malformed(void)
{
    static const char *const bad[] = {
        "",
        "00",
        "ff-" ID "-" SPAN "-01",
        "00-" ID "-" SPAN "-01-more",
        "00-" ID "-" SPAN "-01 ",
        " 00-" ID "-" SPAN "-01",
        "01-" ID "-" SPAN "-01.more",
        "00-" ID "-" SPAN "-0",
        "00-" ID "-" SPAN "-1",
        "00-" ID "-" SPAN "-0g",
        "00-" ID "-" SPAN "-0A",
        "0-" ID "-" SPAN "-01",
        "000-" ID "-" SPAN "-01",
        "0G-" ID "-" SPAN "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" ID "-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" ID "-0000000000000000-01",
        "00-" ID "-" SPAN "_01",
        "00_" ID "-" SPAN "-01",
        "00-" ID "+" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-011",
        "00-4bf92f3577b34da6a3ce929d0e0e473/-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473:-" SPAN "-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473`-" SPAN "-01",
        "00-\xc3\xa9"
        "f92f3577b34da6a3ce929d0e0e4736-" SPAN "-01",
    };
    struct trace t = { .span = 7 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!trace_parse(str_from(bad[i]), &t));
    CHECK(t.span == 7 && t.parent == 0); /* untouched on failure */
}

static void what_it_writes_it_reads(void)
{
    for (int i = 0; i < 1000; i++) {
        struct trace out;
        struct trace in;

        trace_new(&out, 0.5);
        CHECK(trace_parse(formatted(&out), &in));
        CHECK(in.id[0] == out.id[0] && in.id[1] == out.id[1]);
        CHECK(in.parent == out.span && in.sampled == out.sampled);
    }
}

static void samples_as_often_as_asked(void)
{
    unsigned n = 0;
    struct trace t;

    for (int i = 0; i < 100000; i++) {
        trace_new(&t, 0.1);
        n += t.sampled;
        CHECK(t.parent == 0 && t.span != 0 && (t.id[0] | t.id[1]) != 0);
    }
    CHECK(n > 9000 && n < 11000); /* ten standard deviations */
    for (int i = 0; i < 1000; i++) {
        trace_new(&t, 0);
        CHECK(!t.sampled);
        trace_new(&t, 1);
        CHECK(t.sampled);
    }
}

TESTS(CASE(takes_over_the_callers_trace), CASE(only_the_first_flag_counts),
    CASE(later_versions_are_read_by_what_we_know), CASE(refuses_what_is_malformed),
    CASE(what_it_writes_it_reads), CASE(samples_as_often_as_asked))
