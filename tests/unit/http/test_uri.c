/*
 * Paths in their one form, hosts, queries and cookies.
 */
#include <stdlib.h>

#include "check.h"
#include "http/scan_int.h"
#include "http/uri.h"

/* Normalised in a place of exactly the size that the contract asks for; "refused" if it is. */
static struct str normal(struct str raw, char **room)
{
    struct str out;

    free(*room);
    *room = malloc(raw.len + 1);
    return uri_normalize_path(raw, *room, &out) ? out : STR("refused");
}

static const struct {
    const char *raw;
    const char *want;
} paths[] = {
    /* normal already */
    { "/", "/" },
    { "/a", "/a" },
    { "/a/", "/a/" },
    { "/a/b.c/d", "/a/b.c/d" },
    { "/.well-known/x", "/.well-known/x" },
    { "/a..b/..c/...", "/a..b/..c/..." },
    { "/a;b=c/d,e", "/a;b=c/d,e" },
    { "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u" },

    /* empty and dot segments */
    { "//", "/" },
    { "//a", "/a" },
    { "/a//b", "/a/b" },
    { "/a//", "/a/" },
    { "/a///b//", "/a/b/" },
    { "/.", "/" },
    { "/./", "/" },
    { "/./a", "/a" },
    { "/a/.", "/a/" },
    { "/a/./b", "/a/b" },
    { "/a/..", "/" },
    { "/a/../", "/" },
    { "/a/../b", "/b" },
    { "/a/b/..", "/a/" },
    { "/a/b/../..", "/" },
    { "/a/b/../../c/./d", "/c/d" },
    { "/a//../b", "/b" },
    { "/0123456789abcdef0123456789abcdef/..", "/" },
    { "/0123456789abcdef0123456789abcde/../x", "/x" },

    /* escapes, once */
    { "/%41", "/A" },
    { "/%7Ea", "/~a" },
    { "/%c3%A9", "/\xc3\xa9" },
    { "/a%20b", "/a b" },
    { "/%2541", "/%2541" },
    { "/%252e%252e/a", "/%252e%252e/a" },
    { "/a%3Fb%23c", "/a?b#c" },
    { "/%2e", "/" },
    { "/a/%2e%2e/b", "/b" },
    { "/a/.%2E/b", "/b" },

    /* what would change segments stays escaped */
    { "/a%2fb", "/a%2Fb" },
    { "/a%2Fb", "/a%2Fb" },
    { "/a%5cb", "/a%5Cb" },
    { "/a/..b%2fc", "/a/..b%2Fc" },
    { "/a/b%2fcd..", "/a/b%2Fcd.." },
    { "/a/b%25..", "/a/b%25.." },
    { "/a/b..%2fc", "/a/b..%2Fc" },
    { "/a/b%2f..c", "/a/b%2F..c" },
    { "/a/.%2fb", "/a/.%2Fb" },
    { "/..a", "/..a" },
    { "/...", "/..." },

    /* refused */
    { "", "refused" },
    { "a", "refused" },
    { "*", "refused" },
    { "?a", "refused" },
    { "/..", "refused" },
    { "/../a", "refused" },
    { "/a/../..", "refused" },
    { "/a/../../b", "refused" },
    { "/%2e%2e/a", "refused" },
    { "/.%2e", "refused" },
    { "//..", "refused" },
    { "/./..", "refused" },
    { "/a/..;/b", "refused" },
    { "/a/..;x=y/b", "refused" },
    { "/a/%2e.;/b", "refused" },
    { "/a/..;", "refused" },
    { "/a/..%2fb", "refused" },
    { "/a/..%5cb", "refused" },
    { "/a/%2e%2e%2fb", "refused" },
    { "/a/b%2f..", "refused" },
    { "/a/b%2f..%2fc", "refused" },
    { "/a/b%5C..;x", "refused" },
    { "/a/..%252fb", "refused" },
    { "/a/b%252F..", "refused" },
    { "/a/b%255c..%2fc", "refused" },
    { "/%", "refused" },
    { "/%4", "refused" },
    { "/%4g", "refused" },
    { "/%g4", "refused" },
    { "/%%41", "refused" },
    { "/%u0041", "refused" },
    { "/a%00", "refused" },
    { "/a%00.html", "refused" },
    { "/a\\b", "refused" },
    { "/a/..\\b", "refused" },
    { "/a b", "refused" },
    { "/a\tb", "refused" },
    { "/a\x7f", "refused" },
    { "/a\nb", "refused" },
};

static void check_path(const char *path, const char *want, char **room)
{
    struct str raw = str_from(path);
    struct str out = normal(raw, room);

    CHECK_STR(out, want);
    if (str_eq(out, raw))
        CHECK(out.at == raw.at);
}

static void paths_have_one_form(void)
{
    const struct scanner *list[8];
    const struct scanner *usual = scanner;
    unsigned n = scanner_list(list, 8);
    char *room = NULL;

    for (unsigned s = 0; s < n; s++) {
        scanner = list[s];
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
            check_path(paths[i].raw, paths[i].want, &room);
    }
    scanner = usual;
    free(room);
}

/* Whatever the raw path was: no empty, "." or ".." segment is left, and it begins with '/'. */
static void nothing_odd_is_left_in_any_path(void)
{
    static const char alphabet[] = "/./%2eaF;\\5c";
    uint32_t seed = 7;
    char raw[24];
    char to[25];

    for (unsigned round = 0; round < 200000; round++) {
        size_t len = round % sizeof(raw);
        struct str out;

        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            raw[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        raw[0] = '/';
        if (!uri_normalize_path((struct str){ raw, len }, to, &out))
            continue;
        CHECK(out.len > 0 && out.len <= len && out.at[0] == '/');
        CHECK(memmem(out.at, out.len, "//", 2) == NULL);
        CHECK(memmem(out.at, out.len, "/./", 3) == NULL);
        CHECK(memmem(out.at, out.len, "/../", 4) == NULL);
        CHECK(memmem(out.at, out.len, "/..;", 4) == NULL);
        CHECK(!str_ends(out, STR("/..")) && !str_ends(out, STR("/.")));
        CHECK(memchr(out.at, '\\', out.len) == NULL);
    }
}

static void hosts_lose_port_case_and_last_dot(void)
{
    static const struct {
        const char *host;
        const char *want;
    } hosts[] = { { "Example.COM", "example.com" }, { "example.com:8080", "example.com" },
        { "example.com.", "example.com" }, { "example.com.:80", "example.com" },
        { "my_app", "my_app" }, { "127.0.0.1:1", "127.0.0.1" }, { "[::1]", "[::1]" },
        { "[2001:DB8::1]:443", "[2001:db8::1]" }, { "", NULL }, { ".", NULL }, { "a..b", NULL },
        { ".a", NULL }, { "a..", NULL }, { "a b", NULL }, { "a,b", NULL }, { "u@a", NULL },
        { "a:", NULL }, { "a:x", NULL }, { "a:99999", NULL }, { "a:123456", NULL },
        { "[::1", NULL }, { "[::1]x", NULL }, { "[]", NULL }, { "::1", NULL }, { "a/b", NULL },
        { "a%20", NULL }, { "\xc3\xa9", NULL }, { "a\\b", NULL } };
    char to[256];

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct str out;
        bool ok = uri_normalize_host(str_from(hosts[i].host), to, &out);

        CHECK(ok == (hosts[i].want != NULL));
        if (ok && hosts[i].want != NULL)
            CHECK_STR(out, hosts[i].want);
    }
}

static void long_hosts_are_refused(void)
{
    char name[257];
    char to[256];
    struct str out;

    memset(name, 'a', sizeof(name));
    CHECK(uri_normalize_host((struct str){ name, 255 }, to, &out) && out.len == 255);
    CHECK(!uri_normalize_host((struct str){ name, 256 }, to, &out));
}

/* "name=value|" of all pairs. */
static void check_pairs(
    bool (*next)(struct str *, struct str *, struct str *), const char *text, const char *want)
{
    struct str rest = str_from(text);
    struct str name, value;
    char got[256];
    size_t n = 0;

    while (next(&rest, &name, &value))
        n +=
            (size_t)snprintf(got + n, sizeof(got) - n, "%.*s=%.*s|", STR_ARG(name), STR_ARG(value));
    CHECK_STR(((struct str){ got, n }), want);
}

static void queries_are_pairs(void)
{
    check_pairs(uri_query_next, "", "");
    check_pairs(uri_query_next, "a=b", "a=b|");
    check_pairs(uri_query_next, "a=b&c=d", "a=b|c=d|");
    check_pairs(uri_query_next, "&&a=b&&c&", "a=b|c=|");
    check_pairs(uri_query_next, "a==b", "a==b|");
    check_pairs(uri_query_next, "=b&=", "=b|=|");
    check_pairs(uri_query_next, "a=%26+b;c", "a=%26+b;c|");
}

static void query_values_are_decoded(void)
{
    static const struct {
        const char *raw;
        const char *want;
    } values[] = { { "", "" }, { "a+b%20c", "a b c" }, { "%41%62", "Ab" }, { "%", "%" },
        { "%4", "%4" }, { "%zz%41", "%zzA" }, { "%2541", "%41" }, { "a%", "a%" } };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        struct str raw = str_from(values[i].raw);
        char *to = malloc(raw.len + 1);
        struct str got = { to, uri_query_decode(raw, to) };

        CHECK_STR(got, values[i].want);
        free(to);
    }
}

static void cookies_are_pairs(void)
{
    check_pairs(cookie_next, "", "");
    check_pairs(cookie_next, "a=b", "a=b|");
    check_pairs(cookie_next, "a=b; c=d", "a=b|c=d|");
    check_pairs(cookie_next, "a=b;c=d ; ;", "a=b|c=d|");
    check_pairs(cookie_next, "a = b", "a=b|");
    check_pairs(cookie_next, "a=\"b c\"; d=e=f", "a=\"b c\"|d=e=f|");
    check_pairs(cookie_next, "alone; =x; a=", "=alone|=x|a=|");
    CHECK_STR(cookie_get(STR("a=1; b=2; b=3"), STR("b")), "2");
    CHECK(cookie_get(STR("a=1; xb=2"), STR("b")).at == NULL);
    CHECK(cookie_get(STR("B=1"), STR("b")).at == NULL);
    CHECK_STR(cookie_get(STR("a="), STR("a")), "");
}

TESTS(CASE(paths_have_one_form), CASE(nothing_odd_is_left_in_any_path),
    CASE(hosts_lose_port_case_and_last_dot), CASE(long_hosts_are_refused), CASE(queries_are_pairs),
    CASE(query_values_are_decoded), CASE(cookies_are_pairs))
