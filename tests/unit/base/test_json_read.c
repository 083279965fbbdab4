/*
 * Reading JSON: what RFC 8259 says and nothing else, within limits.
 */
#include <stdlib.h>

#include "base/json_read.h"
#include "check.h"

static struct str printed(struct arena *a, const struct value *v)
{
    struct buf b;
    struct str s;

    buf_init(&b, 64 << 20);
    json_write(v, &b);
    s = arena_str(a, buf_as_str(&b));
    buf_free(&b);
    return s;
}

static void reads(struct str text, const char *want)
{
    struct arena a;
    struct err err = { 0 };
    struct value *v;

    arena_init(&a, 4096);
    v = json_read(&a, text, 1000, &err);
    if (v == NULL) {
        fprintf(stderr, "%.*s: %s\n", STR_ARG(text), err.text);
        CHECK(v != NULL);
    } else {
        CHECK_STR(printed(&a, v), want);
    }
    arena_free(&a);
}

static void refuses(struct str text, const char *why)
{
    struct arena a;
    struct err err = { 0 };

    arena_init(&a, 4096);
    CHECK(json_read(&a, text, 1000, &err) == NULL);
    CHECK_STR(str_from(err.text), why);
    CHECK(err.id != NULL && strcmp(err.id, "json") == 0);
    arena_free(&a);
}

static void documents_are_read(void)
{
    reads(STR("{}"), "{}");
    reads(STR(" [ ] \r\n\t"), "[]");
    reads(STR("null"), "null");
    reads(STR("\"x\""), "\"x\"");
    reads(STR("{\"a\":1,\"b\":[true,false,null,\"\"],\"c\":{\"d\":{}}}"),
        "{\"a\":1,\"b\":[true,false,null,\"\"],\"c\":{\"d\":{}}}");
    reads(STR("{ \"a\" : 1 , \"b\" : [ 2 , 3 ] }"), "{\"a\":1,\"b\":[2,3]}");
}

static void numbers_keep_their_spelling(void)
{
    reads(STR("[0,-0,1.50,-12.5e+3,1E400,123456789012345678901234567890]"),
        "[0,-0,1.50,-12.5e+3,1E400,123456789012345678901234567890]");
    refuses(STR("01"), "line 1, column 1: expected a value");
    refuses(STR("-"), "line 1, column 1: expected a value");
    refuses(STR("+1"), "line 1, column 1: expected a value");
    refuses(STR(".5"), "line 1, column 1: expected a value");
    refuses(STR("1."), "line 1, column 1: expected a value");
    refuses(STR("1e"), "line 1, column 1: expected a value");
    refuses(STR("[1e+]"), "line 1, column 2: expected a value");
    refuses(STR("NaN"), "line 1, column 1: expected a value");
    refuses(STR("0x10"), "line 1, column 2: nothing may follow the document");
}

static void escapes_mean_what_they_say(void)
{
    reads(STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\"");
    reads(STR("\"\\u0041\\u00e9\\u20ac\\ud83c\\udf0A\""),
        "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8a\"");
    reads(STR("\"pre\\u0000post\""), "\"pre\\u0000post\"");
    reads(STR("{\"\\u006bey\":\"caf\xc3\xa9\"}"), "{\"key\":\"caf\xc3\xa9\"}");
    refuses(STR("\"\\x41\""), "line 1, column 3: no such escape");
    refuses(STR("\"\\u12g4\""), "line 1, column 4: expected four hexadecimal digits behind \\u");
    refuses(STR("\"\\ud800\""), "line 1, column 8: half of a surrogate pair stands alone");
    refuses(STR("\"\\udc00x\""), "line 1, column 8: half of a surrogate pair stands alone");
    refuses(STR("\"\\ud800\\u0041\""), "line 1, column 14: half of a surrogate pair stands alone");
    refuses(STR("\"\\ud800\\n\""), "line 1, column 8: half of a surrogate pair stands alone");
    refuses(STR("\"a\\"), "line 1, column 4: the text ends early: no such escape");
}

static void what_is_not_json_is_refused_with_its_place(void)
{
    refuses(STR(""), "line 1, column 1: the text ends early: expected a value");
    refuses(STR("{\n  \"a\": 1,\n  b: 2\n}"),
        "line 3, column 3: expected the name of a member, in quotes");
    refuses(STR("{\"a\":1,}"), "line 1, column 8: expected the name of a member, in quotes");
    refuses(STR("[1,]"), "line 1, column 4: expected a value");
    refuses(STR("[1 2]"), "line 1, column 4: expected ',' or ']'");
    refuses(STR("{\"a\" 1}"), "line 1, column 6: expected ':'");
    refuses(STR("{\"a\":1]"), "line 1, column 7: expected ',' or '}'");
    refuses(STR("{} {}"), "line 1, column 4: nothing may follow the document");
    refuses(STR("tru"), "line 1, column 1: expected a value");
    refuses(STR("'a'"), "line 1, column 1: expected a value");
    refuses(STR("\"a"), "line 1, column 3: the text ends early: a text does not end");
    refuses(STR("\"a\nb\""), "line 1, column 3: a control character in a text must be escaped");
    refuses(STR("\"\xff\""), "line 1, column 2: not UTF-8");
    refuses(STR("\"\xed\xa0\x80\""), "line 1, column 2: not UTF-8");
    refuses(STR("\"\xc3"), "line 1, column 2: not UTF-8");
    refuses(STR("\xef\xbb\xbf{}"), "line 1, column 1: expected a value");
    refuses(STR("\0"), "line 1, column 1: expected a value");
}

static void a_name_counts_once(void)
{
    struct buf b;
    struct arena a;
    struct err err = { 0 };
    struct value *v;

    reads(STR("{\"a\":1,\"b\":2,\"a\":{\"x\":[3]}}"), "{\"a\":{\"x\":[3]},\"b\":2}");
    reads(STR("{\"a\":1,\"\\u0061\":2}"), "{\"a\":2}");
    reads(STR("{\"a\":[1],\"a\":null}"), "{\"a\":null}");
    /* so many that a table finds them */
    buf_init(&b, 1 << 20);
    arena_init(&a, 4096);
    buf_char(&b, '{');
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%s\"n%d\":%d", i > 0 ? "," : "", i % 100, i);
    buf_char(&b, '}');
    v = json_read(&a, buf_as_str(&b), 5000, &err);
    CHECK(v != NULL && v->n == 100);
    CHECK_U64(value_get_i64(v, "n0", -1), 900);
    CHECK_U64(value_get_i64(v, "n99", -1), 999);
    CHECK(v != NULL && str_is(v->first->name, "n0") && str_is(v->last->name, "n99"));
    arena_free(&a);
    buf_free(&b);
}

static void limits_hold(void)
{
    struct arena a;
    struct err err = { 0 };
    struct buf b;

    arena_init(&a, 4096);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < VALUE_DEPTH_MAX; i++)
        buf_char(&b, '[');
    for (int i = 0; i < VALUE_DEPTH_MAX; i++)
        buf_char(&b, ']');
    CHECK(json_read(&a, buf_as_str(&b), 1000, &err) != NULL);
    buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        buf_char(&b, '[');
    CHECK(json_read(&a, buf_as_str(&b), 1000000, &err) == NULL);
    CHECK_STR(str_from(err.text), "line 1, column 65: nested too deep");
    CHECK(json_read(&a, STR("[1,2,3]"), 4, &err) != NULL);
    CHECK(json_read(&a, STR("[1,2,3]"), 3, &err) == NULL);
    CHECK_STR(str_from(err.text), "line 1, column 6: too many values");
    buf_free(&b);
    arena_free(&a);
}

static void texts_without_escapes_are_borrowed(void)
{
    static const char text[] = "{\"name\":\"value\",\"with\":\"esc\\n\"}";
    struct arena a;
    struct err err = { 0 };
    struct value *v;
    struct str s;

    arena_init(&a, 4096);
    v = json_read(&a, str_from(text), 100, &err);
    s = value_get_text(v, "name", STR_NONE);
    CHECK(s.at == text + 9 && s.len == 5);
    s = value_get_text(v, "with", STR_NONE);
    CHECK(str_is(s, "esc\n") && (s.at < text || s.at > text + sizeof(text)));
    arena_free(&a);
}

static void nothing_that_is_no_json_is_written(void)
{
    struct arena a;
    struct value *v;

    arena_init(&a, 4096);
    v = value_list(&a);
    value_add(v, value_number(&a, STR("1,\"x\":2")));
    value_add(v, value_number(&a, STR("")));
    value_add(v, value_text(&a, STR("\xff\"\n")));
    CHECK_STR(printed(&a, v), "[\"1,\\\"x\\\":2\",\"\",\"\xef\xbf\xbd\\\"\\n\"]");
    arena_free(&a);
}

TESTS(CASE(documents_are_read), CASE(numbers_keep_their_spelling), CASE(escapes_mean_what_they_say),
    CASE(what_is_not_json_is_refused_with_its_place), CASE(a_name_counts_once), CASE(limits_hold),
    CASE(texts_without_escapes_are_borrowed), CASE(nothing_that_is_no_json_is_written))
