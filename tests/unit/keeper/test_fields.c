/*
 * What clients write for durations, booleans, lists and maps, as Vault's fields take them; and base64, hex, durations as text.
 */
#include "check.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/state_int.h"

static struct call call;

static struct request *with(const char *name, struct value *v)
{
    struct request *r = &call.r;

    arena_free(&r->arena);
    *r = (struct request){ 0 };
    arena_init(&r->arena, 4096);
    r->body = value_map(&r->arena);
    value_put(r->body, name, v != NULL ? value_copy(&r->arena, v) : value_null(&r->arena));
    return r;
}

static struct arena values;

static struct value *text(const char *s)
{
    return value_text(&values, str_from(s));
}

static void durations(void)
{
    static const struct {
        const char *text;
        int64_t seconds; /* -999: refused */
    } cases[] = {
        { "", 0 },
        { "0", 0 },
        { "90", 90 },
        { "90s", 90 },
        { "1h30m", 5400 },
        { "1.5h", 5400 },
        { "1d", 86400 },
        { "1500ms", 1 },
        { "999us", 0 },
        { "-5s", -5 },
        { "+5s", 5 },
        { " 5s ", 5 },
        { "1h 30m", -999 },
        { "h", -999 },
        { "5x", -999 },
        { "5s5", -999 },
        { ".", -999 },
        { ".5m", 30 },
        { "1..5h", -999 },
        { "99999999999999999999", -999 },
        { "999999h", -999 },
        { "--5s", -999 },
        { "1e3", -999 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t got = -999;

        CHECK(duration_parse(str_from(cases[i].text), &got) == (cases[i].seconds != -999));
        CHECK(got == cases[i].seconds);
    }
    CHECK_STR(duration_text(&values, 0), "0s");
    CHECK_STR(duration_text(&values, 59), "59s");
    CHECK_STR(duration_text(&values, 1800), "30m0s");
    CHECK_STR(duration_text(&values, 2764800), "768h0m0s");
    CHECK_STR(duration_text(&values, -61), "-1m1s");
}

static void booleans(void)
{
    bool b = false;

    CHECK(field_bool(with("x", text("True")), "x", &b) && b);
    CHECK(field_bool(with("x", text("0")), "x", &b) && !b);
    CHECK(field_bool(with("x", value_i64(&values, 7)), "x", &b) && b);
    CHECK(field_bool(with("x", text("")), "x", &b) && !b);
    CHECK(!field_bool(with("x", NULL), "x", &b) && !refused(&call.r));
    CHECK(!field_bool(with("y", text("true")), "x", &b) && !refused(&call.r));
    CHECK(!field_bool(with("x", text("yes please")), "x", &b) && refused(&call.r));
    CHECK_U64(call.r.reply.status, 400);
}

static void numbers(void)
{
    int64_t n = 0;

    CHECK(field_int(with("x", text("42")), "x", &n) && n == 42);
    CHECK(field_int(with("x", value_i64(&values, -3)), "x", &n) && n == -3);
    CHECK(!field_int(with("x", text("4.5")), "x", &n) && refused(&call.r));
    CHECK(!field_int(with("x", text("99999999999999999999")), "x", &n) && refused(&call.r));
    CHECK(field_seconds(with("x", value_i64(&values, 60)), "x", &n) && n == 60);
    CHECK(field_seconds(with("x", text("1m")), "x", &n) && n == 60);
    CHECK(!field_seconds(with("x", value_list(&values)), "x", &n) && refused(&call.r));
}

static void lists(void)
{
    struct value *list = value_list(&values);
    struct value *got = NULL;

    CHECK(field_list(with("x", text("a, b,,c ")), "x", &got) && got->n == 3);
    CHECK_STR(got->first->next->text, "b");
    CHECK(field_list(with("x", text("")), "x", &got) && got->n == 0);
    value_add(list, text(" a "));
    value_add(list, value_i64(&values, 5));
    value_add(list, value_null(&values));
    CHECK(field_list(with("x", list), "x", &got) && got->n == 2);
    CHECK_STR(got->first->text, "a");
    CHECK_STR(got->last->text, "5");
    value_add(list, value_map(&values));
    CHECK(!field_list(with("x", list), "x", &got) && refused(&call.r));
}

static void maps(void)
{
    struct value *list = value_list(&values);
    struct value *got = NULL;

    value_add(list, text("a=b"));
    value_add(list, text("c=d=e"));
    CHECK(field_map(with("x", list), "x", &got) && got->n == 2);
    CHECK_STR(value_get_text(got, "c", STR("")), "d=e");
    CHECK(field_map(with("x", text("a=b")), "x", &got) && got->n == 1);
    CHECK(field_map(with("x", text("")), "x", &got) && got->n == 0);
    CHECK(!field_map(with("x", text("ab")), "x", &got) && refused(&call.r));
}

/* What is refused is never repeated: it may be a secret in the wrong place. */
static void refusals_name_the_field_alone(void)
{
    struct request *r = with("plaintext", text("hunter2!"));
    struct str s;

    CHECK(!field_bytes(r, "plaintext", &s));
    CHECK_U64(r->reply.errors->n, 1);
    CHECK(memmem(r->reply.errors->first->text.at, r->reply.errors->first->text.len, "hunter2", 7) ==
          NULL);
    CHECK(memmem(r->reply.errors->first->text.at, r->reply.errors->first->text.len, "\"plaintext\"",
              11) != NULL);
}

static void encodings(void)
{
    struct str s;

    CHECK_STR(encode_base64(&values, STR("fo")), "Zm8=");
    CHECK(decode_base64(&values, STR("Zm8="), &s));
    CHECK_STR(s, "fo");
    CHECK(decode_base64(&values, STR("Zm9v\r\nYmFy"), &s));
    CHECK_STR(s, "foobar");
    CHECK(decode_base64(&values, STR(""), &s) && s.len == 0);
    CHECK(!decode_base64(&values, STR("Zm8"), &s));
    CHECK(!decode_base64(&values, STR("Zm8=="), &s));
    CHECK(!decode_base64(&values, STR("Zm_8"), &s));
    CHECK(decode_base64url(&values, STR("_-8"), &s) && s.len == 2);
    CHECK_STR(encode_hex(&values, STR("\x01\xff")), "01ff");
    CHECK(decode_hex(&values, STR("01FF"), &s) && s.len == 2);
    CHECK(!decode_hex(&values, STR("1"), &s));
    CHECK(!decode_hex(&values, STR("0g"), &s));
    CHECK_U64(random_uuid(&values).len, 36);
    CHECK_U64(random_base62(&values, 24).len, 24);
    CHECK(!str_eq(random_base62(&values, 24), random_base62(&values, 24)));
    CHECK_STR(time_text(&values, 1767225600), "2026-01-01T00:00:00Z");
    CHECK_STR(time_text_fine(&values, 1767225600123), "2026-01-01T00:00:00.123000000Z");
}

static void canonical_paths(void)
{
    static const char *const good[] = { "a", "a/b", "a/b/", "sys/mounts/secret/tune", "a/.b",
        "a/b..", "\xc3\xa9" };
    static const char *const bad[] = { "", "/", "/a", "a//b", "a/./b", "a/..", "..", ".", "a//",
        "a/\x01", "a\x7f" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(route_path_is_canonical(str_from(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!route_path_is_canonical(str_from(bad[i])));
    CHECK(!route_path_is_canonical((struct str){ "a\0b", 3 }));
}

static void paths_find_their_endpoint(void)
{
    static const struct endpoint endpoints[] = {
        { "keys" },
        { "keys/{name}" },
        { "keys/{name}/config" },
        { "data/{path*}" },
        { "a/{b}/{c*}" },
        { 0 },
    };
    static const struct engine engine = { .type = "test", .endpoints = endpoints };
    static struct mount mount = { .engine = &engine };
    static const struct {
        enum operation op;
        const char *rest;
        const char *pattern; /* NULL: none */
        const char *name;
        const char *value;
    } cases[] = {
        { OP_READ, "keys", "keys", NULL, NULL },
        { OP_LIST, "keys/", "keys", NULL, NULL },
        { OP_READ, "keys/", "keys", NULL, NULL },
        { OP_READ, "keys/a", "keys/{name}", "name", "a" },
        { OP_READ, "keys/a/config", "keys/{name}/config", "name", "a" },
        { OP_READ, "keys/a/other", NULL, NULL, NULL },
        { OP_READ, "data/a/b", "data/{path*}", "path", "a/b" },
        { OP_READ, "data/", "data/{path*}", "path", "" },
        { OP_READ, "data", "data/{path*}", "path", "" },
        { OP_READ, "a/x/y/z", "a/{b}/{c*}", "c", "y/z" },
        { OP_READ, "a/x", "a/{b}/{c*}", "b", "x" },
        { OP_READ, "other", NULL, NULL, NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request *r = with("x", NULL);

        r->op = cases[i].op;
        r->mount = &mount;
        r->rest = str_from(cases[i].rest);
        CHECK(route_find(r) == (cases[i].pattern != NULL));
        if (cases[i].pattern != NULL)
            CHECK_STR(str_from(r->endpoint->pattern), cases[i].pattern);
        if (cases[i].name != NULL)
            CHECK_STR(param(r, cases[i].name), cases[i].value);
    }
}

TESTS(CASE(durations), CASE(booleans), CASE(numbers), CASE(lists), CASE(maps),
    CASE(refusals_name_the_field_alone), CASE(encodings), CASE(canonical_paths),
    CASE(paths_find_their_endpoint))
