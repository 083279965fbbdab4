/*
 * JSON text: nothing that comes in can break a line, a string or a terminal.
 */
#include "base/hash.h"
#include "base/json.h"
#include "check.h"

static void escapes(struct str in, const char *want)
{
    struct buf b;

    buf_init(&b, 4096);
    json_escape(&b, in);
    CHECK_STR(buf_as_str(&b), want);
    buf_free(&b);
}

static void what_needs_it_is_escaped(void)
{
    escapes(STR("plain text, long enough for several steps of sixteen bytes"),
        "plain text, long enough for several steps of sixteen bytes");
    escapes(STR("say \"hi\" \\ there"), "say \\\"hi\\\" \\\\ there");
    escapes(STR("a\r\nb\tc"), "a\\r\\nb\\tc");
    escapes(STR("\x1b[31mred\x7f\0"), "\\u001b[31mred\\u007f\\u0000");
    escapes(STR("caf\xc3\xa9 \xf0\x9f\x8c\x8a"), "caf\xc3\xa9 \xf0\x9f\x8c\x8a");
    escapes(STR("\xff\xc0\xaf\xed\xa0\x80"),
        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    escapes(STR("cut \xe2\x82"), "cut \xef\xbf\xbd\xef\xbf\xbd");
}

/* One byte that needs an escape, at each place of texts of each length. */
static void it_is_found_wherever_it_stands(void)
{
    char text[70];

    for (size_t len = 1; len <= sizeof(text); len++) {
        for (size_t at = 0; at < len; at++) {
            struct buf b;

            memset(text, 'x', sizeof(text));
            text[at] = '"';
            buf_init(&b, 4096);
            json_escape(&b, (struct str){ text, len });
            CHECK(b.len == len + 1 && b.data[at] == '\\' && b.data[at + 1] == '"');
            buf_free(&b);
        }
    }
}

static void a_document_has_its_commas(void)
{
    struct buf b;
    struct json j;

    buf_init(&b, 4096);
    json_init(&j, &b, false);
    json_open(&j, NULL, '{');
    json_put_u64(&j, "n", 18446744073709551615U);
    json_open(&j, "list", '[');
    json_put_bool(&j, NULL, true);
    json_put_null(&j, NULL);
    json_close(&j, ']');
    json_open(&j, "empty", '{');
    json_close(&j, '}');
    json_put_text(&j, "s", "a\"b");
    json_close(&j, '}');
    CHECK_STR(buf_as_str(&b),
        "{\"n\":18446744073709551615,\"list\":[true,null],\"empty\":{},\"s\":\"a\\\"b\"}");
    buf_free(&b);
}

TESTS(CASE(what_needs_it_is_escaped), CASE(it_is_found_wherever_it_stands),
    CASE(a_document_has_its_commas))
