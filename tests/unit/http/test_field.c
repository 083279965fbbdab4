/*
 * Names of fields and methods, lists, and the table of characters.
 */
#include "check.h"
#include "http/chars_int.h"
#include "http/field.h"
#include "http/field_int.h"
#include "http/method.h"

enum { NAME_MAX_LEN = 64 };

static void change_case(struct str name, char *to, unsigned how)
{
    for (size_t i = 0; i < name.len; i++)
        to[i] = how == 0 || (how == 1 && i % 2 == 0) ? name.at[i] : (char)(name.at[i] & ~0x20);
    for (size_t i = 0; i < name.len; i++)
        if (name.at[i] == '-')
            to[i] = '-';
}

static void every_known_name_is_found_in_any_case(void)
{
    for (unsigned id = 0; id < HTTP_FIELD_COUNT; id++) {
        struct str name = http_field_name((enum http_field_id)id);
        char text[NAME_MAX_LEN];
        bool twin;

        CHECK(name.len >= 2 && name.len < NAME_MAX_LEN);
        for (unsigned how = 0; how < 3; how++) {
            struct str s = { text, name.len };

            change_case(name, text, how);
            CHECK_U64(http_field_lookup(s), id);
            CHECK_U64(field_lookup_token(s, &twin), id);
        }
    }
}

/* Each byte of each name replaced by each other byte: none of that is the name. */
static void a_name_with_one_byte_changed_is_unknown(void)
{
    for (unsigned id = 0; id < HTTP_FIELD_COUNT; id++) {
        struct str name = http_field_name((enum http_field_id)id);
        char text[NAME_MAX_LEN];
        struct str s = { text, name.len };
        bool twin;

        memcpy(text, name.at, name.len);
        for (size_t i = 0; i < name.len; i++) {
            for (unsigned c = 0; c < 256; c++) {
                text[i] = (char)c;
                if (ascii_lower((char)c) == name.at[i])
                    continue;
                CHECK(http_field_lookup(s) != id);
                if (http_is_token(s))
                    CHECK(field_lookup_token(s, &twin) != id);
            }
            text[i] = name.at[i];
        }
        s.len--;
        CHECK(http_field_lookup(s) != id);
    }
    CHECK_U64(http_field_lookup(STR("")), HTTP_UNKNOWN);
    CHECK_U64(http_field_lookup(STR("x")), HTTP_UNKNOWN);
}

static void twins_differ_by_underscores_alone(void)
{
    CHECK(http_field_is_twin(STR("Content_Length")));
    CHECK(http_field_is_twin(STR("transfer_ENCODING")));
    CHECK(http_field_is_twin(STR("X_Forwarded-For")));
    CHECK(http_field_is_twin(STR("x_forwarded_for")));
    CHECK(!http_field_is_twin(STR("Content-Length")));
    CHECK(!http_field_is_twin(STR("Content_Lengti")));
    CHECK(!http_field_is_twin(STR("User_Agent")));
    CHECK(!http_field_is_twin(STR("")));
}

static void fields_have_their_class(void)
{
    CHECK(http_field_is_hop(HTTP_CONNECTION) && http_field_is_hop(HTTP_TE));
    CHECK(!http_field_is_hop(HTTP_COOKIE) && !http_field_is_hop(HTTP_UNKNOWN));
    CHECK(!http_field_in_trailer(HTTP_HOST) && !http_field_in_trailer(HTTP_SET_COOKIE));
    CHECK(http_field_in_trailer(HTTP_UNKNOWN) && http_field_in_trailer(HTTP_DATE));
}

/* The table against the words of RFC 9110 5.6.2 and 5.5. */
static void characters_are_what_the_rules_say(void)
{
    for (unsigned i = 1; i < 256; i++) {
        char c = (char)i;
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');

        CHECK(
            chars_has(c, CHAR_TOKEN) == (digit || letter || strchr("!#$%&'*+-.^_`|~", c) != NULL));
        CHECK(chars_has(c, CHAR_CONTROL) == ((i < 0x20 && c != '\t') || i == 0x7f));
        CHECK(chars_has(c, CHAR_TARGET) == (i > 0x20 && i < 0x7f && strchr("\"#<>\\", c) == NULL));
        CHECK(chars_has(c, CHAR_HEX) == hex);
        CHECK(chars_has(c, CHAR_LABEL) == (digit || letter || strchr("-_", c) != NULL));
    }
    CHECK(chars_table[0] == CHAR_CONTROL);
    CHECK(chars_hex['9'] == 9 && chars_hex['a'] == 10 && chars_hex['F'] == 15);
    CHECK(http_is_token(STR("a-b")) && !http_is_token(STR("")) && !http_is_token(STR("a b")));
    CHECK(http_is_field_value(STR("a\t\xff ")) && !http_is_field_value(STR("a\rb")));
}

/* The elements joined by '|'. */
static void check_list(const char *list, const char *want)
{
    struct str rest = str_from(list);
    struct str e;
    char text[128];
    size_t n = 0;

    while (http_list_next(&rest, &e)) {
        memcpy(text + n, e.at, e.len);
        n += e.len;
        text[n++] = '|';
    }
    CHECK_STR(((struct str){ text, n }), want);
}

static void lists_are_split_outside_of_quotes(void)
{
    check_list("", "");
    check_list(" , ,,", "");
    check_list("a", "a|");
    check_list("a, b\t,c ", "a|b|c|");
    check_list("a;x=\"1,2\", b", "a;x=\"1,2\"|b|");
    check_list("\"a\\\",b\",c", "\"a\\\",b\"|c|");
    check_list("\"open, a", "\"open, a|");
    check_list("\"a\\", "\"a\\|");
    CHECK(http_list_has(STR("gzip, Chunked"), STR("chunked")));
    CHECK(!http_list_has(STR("gzip, chunkedx"), STR("chunked")));
}

static void methods_are_known_in_capitals_only(void)
{
    static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT",
        "OPTIONS", "TRACE", "PATCH" };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        CHECK_U64(http_method_lookup(str_from(known[i])), HTTP_GET + i);
    CHECK_U64(http_method_lookup(STR("get")), HTTP_OTHER);
    CHECK_U64(http_method_lookup(STR("GETS")), HTTP_OTHER);
    CHECK_U64(http_method_lookup(STR("")), HTTP_OTHER);
    CHECK_U64(http_method_lookup(STR("PROPFIND")), HTTP_OTHER);
    CHECK(http_method_is_safe(HTTP_HEAD) && !http_method_is_safe(HTTP_PUT));
    CHECK(http_method_is_idempotent(HTTP_PUT) && !http_method_is_idempotent(HTTP_POST));
    CHECK(!http_method_is_idempotent(HTTP_OTHER) && !http_method_is_safe(HTTP_OTHER));
}

TESTS(CASE(every_known_name_is_found_in_any_case), CASE(a_name_with_one_byte_changed_is_unknown),
    CASE(twins_differ_by_underscores_alone), CASE(fields_have_their_class),
    CASE(characters_are_what_the_rules_say), CASE(lists_are_split_outside_of_quotes),
    CASE(methods_are_known_in_capitals_only))
