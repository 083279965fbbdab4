/*
 * Templates: what is known, what is inserted, and what may not get through.
 */
#include "base/buf.h"
#include "check.h"
#include "model/template.h"

static struct str header_of(void *ctx, struct str name)
{
    (void)ctx;
    return str_is(name, "x-user") ? STR("ann\r\nEvil: 1") : STR_NONE;
}

static const char *expanded(const char *text, bool url)
{
    static char out[512];
    static const struct route route = { .name = { "shop", 4 } };
    struct route_request q = { .host = STR("example.org"),
        .path = STR("/a b"),
        .query = STR("x=1"),
        .method = STR("GET"),
        .header = header_of };
    struct route_result r = { .route = &route,
        .ncaptures = 1,
        .captures = { { STR("id"), STR("a b?c#d/\xc3\xa9%2F%\r\n") } } };
    struct template_values v = { &q, &r, STR("/a%20b"), STR("https"), STR("r-1"), STR("::1") };
    struct buf b;

    buf_init(&b, sizeof(out) - 1);
    if (url)
        template_expand_url(str_from(text), &v, &b);
    else
        template_expand(str_from(text), &v, &b);
    snprintf(out, sizeof(out), "%.*s", STR_ARG(buf_as_str(&b)));
    buf_free(&b);
    return out;
}

static void every_word_has_its_value(void)
{
    CHECK_STR(str_from(expanded("${scheme}://${host}${path}${query_with_mark}", false)),
        "https://example.org/a%20b?x=1");
    CHECK_STR(str_from(expanded("${method} ${query} ${client} ${request_id} ${route}", false)),
        "GET x=1 ::1 r-1 shop");
    CHECK_STR(str_from(expanded("[${capture.none}${header.none}]", false)), "[]");
    CHECK_STR(str_from(expanded("$ $$ $${host} ${host}$", false)), "$ $$ ${host} example.org$");
    CHECK_STR(str_from(expanded("", false)), "");
}

static void nothing_inserted_breaks_a_header_or_a_path(void)
{
    CHECK_STR(str_from(expanded("${header.X-User}", false)), "annEvil: 1");
    CHECK_STR(str_from(expanded("/i/${capture.id}", true)), "/i/a%20b%3Fc%23d/%C3%A9%2F%25%0D%0A");
    CHECK_STR(str_from(expanded("${header.x-user}", true)), "ann%0D%0AEvil:%201");
}

static void unknown_words_are_found(void)
{
    static const char *const good[] = { "", "plain", "$", "${host}", "$${nonsense}",
        "${capture.a}${header.b-c}" };
    static const char *const bad[] = { "${hots}", "${", "${host", "${}", "a${capture.}",
        "${header.}" };
    struct str word;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(template_check(str_from(good[i]), &word));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!template_check(str_from(bad[i]), &word));
    CHECK(!template_check(STR("x${hots}"), &word));
    CHECK_STR(word, "hots");
    CHECK_STR(str_from(template_nearest(word)), "host");
}

TESTS(CASE(every_word_has_its_value), CASE(nothing_inserted_breaks_a_header_or_a_path),
    CASE(unknown_words_are_found))
