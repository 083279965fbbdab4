/*
 * The schema table itself: every word is documented, every example and default
 * can be read, and what is found is what was meant.
 */
#include "files.h"
#include "model/read_int.h"
#include "model/values_int.h"

/* ---- every word of every table ---- */

static unsigned words_seen;

static void documented(const struct word *w, const char *path)
{
    size_t help = strlen(w->help);

    CHECK(help > 8 && w->help[help - 1] == '.');
    CHECK(w->example != NULL && w->example[0] != '\0');
    CHECK((w->type == WORD_CHOICE || w->type == WORD_SET) <= (w->choices != NULL));
    CHECK((w->type == WORD_TABLE) == (w->table != NULL));
    if (check_failures > 0)
        fprintf(stderr, "    in %s\n", path);
}

/* What reading this word's example says that is not about what is missing around it. */
static bool example_is_good(const struct table *t, const struct word *w, const char *path)
{
    static const char *const bad[] = { "blueprint_value", "blueprint_type",
        "blueprint_unknown_word", "blueprint_no_value", "blueprint_name", "blueprint_yaml" };
    static const struct file file = { "example", "/", 0 };
    struct arena arena;
    struct problems problems;
    struct problem_list list;
    struct reading r = { .arena = &arena, .scratch = &arena, .problems = &list, .folder = "/" };
    const struct node *n;
    char text[512];
    bool good = true;

    arena_init(&arena, 1 << 16);
    problem_list_init(&list, &problems);
    r.no_networks = cidr_set_build(&arena, NULL, 0);
    snprintf(text, sizeof(text), "%s: %s\n", w->name, w->example);
    n = tree_read_text(&arena, &list, &file, str_from(text));
    if (n != NULL && t->size > 0) {
        void *base = arena_calloc(&arena, 1, t->size);

        fill_presets(&r, t, base);
        fill_table(&r, t, n, base);
    }
    problem_list_finish(&list);
    for (size_t i = 0; i < problems.n; i++)
        for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
            if (strcmp(problems.at[i].id, bad[k]) == 0)
                good = false;
    if (!good)
        files_print(&problems);
    if (!good)
        fprintf(stderr, "    in the example of %s\n", path);
    problems_free(&problems);
    arena_free(&arena);
    return good;
}

static void walk(const struct table *t, const char *prefix)
{
    char path[256];

    for (const struct word *w = t->words; w->name != NULL; w++) {
        if ((w->flags & WORD_HIDDEN) != 0)
            continue;
        words_seen++;
        snprintf(path, sizeof(path), "%s.%s", prefix, w->name);
        documented(w, path);
        CHECK(example_is_good(t, w, path));
        if (w->type == WORD_TABLE)
            walk(w->table, path);
    }
    CHECK(t->short_word == NULL || table_word(t, str_from(t->short_word)) != NULL);
    CHECK(t->off_word == NULL || table_word(t, str_from(t->off_word)) != NULL);
}

static void every_word_is_documented_and_its_example_can_be_read(void)
{
    words_seen = 0;
    walk(&schema_blueprint, "");
    CHECK(words_seen > 150);
}

/* ---- values ---- */

static bool read_as(enum word_type type, const char *text, void *to, char *json)
{
    static struct arena arena;
    struct problems problems;
    struct problem_list list;
    struct reading r = { .arena = &arena, .scratch = &arena, .problems = &list, .folder = "/base" };
    struct word w = { .type = type, .at = 0, .also = 8 };
    struct err err = { 0 };
    struct buf out;
    bool good;

    arena_init(&arena, 1 << 12);
    problem_list_init(&list, &problems);
    memset(to, 0, 256);
    good = value_types[type].read(&r, &w, str_from(text), to, &err);
    buf_init(&out, 1024);
    if (good)
        value_types[type].write(&w, to, &out);
    snprintf(json, 256, "%s", buf_cstr(&out));
    buf_free(&out);
    problem_list_finish(&list);
    problems_free(&problems);
    arena_free(&arena);
    return good;
}

static const struct {
    enum word_type type;
    const char *text;
    const char *json; /* NULL: refused */
} values[] = {
    { WORD_DURATION, "500ms", "\"500ms\"" },
    { WORD_DURATION, "1500ms", "\"1500ms\"" },
    { WORD_DURATION, "60s", "\"1m\"" },
    { WORD_DURATION, "1m30s", "\"90s\"" },
    { WORD_DURATION, "24h", "\"1d\"" },
    { WORD_DURATION, "0", "\"0s\"" },
    { WORD_DURATION, "1.5s", NULL },
    { WORD_DURATION, "s", NULL },
    { WORD_DURATION, "10w", NULL },
    { WORD_DURATION, "-1s", NULL },
    { WORD_DURATION, "99999999999999999d", NULL },
    { WORD_SIZE, "1024", "\"1KB\"" },
    { WORD_SIZE, "10MB", "\"10MB\"" },
    { WORD_SIZE, "1 GiB", "\"1GB\"" },
    { WORD_SIZE, "1000B", "\"1000B\"" },
    { WORD_SIZE, "0", "\"0B\"" },
    { WORD_SIZE, "KB", NULL },
    { WORD_SIZE, "1.5MB", NULL },
    { WORD_SIZE, "99999999999GB", NULL },
    { WORD_PERCENT, "20%", "\"20%\"" },
    { WORD_PERCENT, "20", "\"20%\"" },
    { WORD_PERCENT, "%", NULL },
    { WORD_FRACTION, "10%", "0.1" },
    { WORD_FRACTION, "0.25", "0.25" },
    { WORD_FRACTION, "1e-3", "0.001" },
    { WORD_FRACTION, "1", "1" },
    { WORD_FRACTION, "1.1", NULL },
    { WORD_FRACTION, "0x1", NULL },
    { WORD_FRACTION, "-1", NULL },
    { WORD_FRACTION, "nan", NULL },
    { WORD_RATE, "10/s", "\"10/s\"" },
    { WORD_RATE, "600/60s", "\"600/m\"" },
    { WORD_RATE, "5/7s", "\"5/7s\"" },
    { WORD_RATE, "5/0s", NULL },
    { WORD_RATE, "/s", NULL },
    { WORD_RATE, "5/", NULL },
    { WORD_STATUS_RANGE, "200", "\"200\"" },
    { WORD_STATUS_RANGE, "200-399", "\"200-399\"" },
    { WORD_STATUS_RANGE, "200-", NULL },
    { WORD_STATUS_RANGE, "99", NULL },
    { WORD_CIDR, "10.0.0.0/8", "\"10.0.0.0/8\"" },
    { WORD_CIDR, "2001:DB8::1", "\"2001:db8::1\"" },
    { WORD_PATH, "a/../b/./c//d", "\"/base/b/c/d\"" },
    { WORD_PATH, "/../..", "\"/\"" },
    { WORD_PATH, "", NULL },
    { WORD_HOST, "EXAMPLE.org.", "\"example.org\"" },
    { WORD_HOST, "*.Example.org", "\"*.example.org\"" },
    { WORD_HOST, "::1", "\"[::1]\"" },
    { WORD_HOST, "[0:0::1]", "\"[::1]\"" },
    { WORD_HOST, "127.0.0.1", "\"127.0.0.1\"" },
    { WORD_HOST, "a..b", NULL },
    { WORD_HOST, "*", NULL },
    { WORD_HOST, "*.", NULL },
    { WORD_SUBJECT, "::1", "\"::1\"" },
    { WORD_AUTHORITY, "B.test:80", "\"b.test:80\"" },
    { WORD_AUTHORITY, "[::1]:80", "\"[::1]:80\"" },
    { WORD_AUTHORITY, "::1", NULL },
    { WORD_AUTHORITY, "b.test:", NULL },
    { WORD_RESOLVER, "1.1.1.1", "\"1.1.1.1:53\"" },
    { WORD_RESOLVER, "::1", "\"[::1]:53\"" },
    { WORD_RESOLVER, "dns.example.org", NULL },
    { WORD_METHOD, "M-SEARCH", "\"M-SEARCH\"" },
    { WORD_METHOD, "GET /", NULL },
    { WORD_HEADER_NAME, "X-A", "\"X-A\"" },
    { WORD_HEADER_NAME, "X A", NULL },
    { WORD_LIMIT_KEY, "header:X-A", "\"header:x-a\"" },
    { WORD_LIMIT_KEY, "cookie:Sid", "\"cookie:Sid\"" },
    { WORD_LIMIT_KEY, "cookie", NULL },
    { WORD_NAME, "a.b-c_1", "\"a.b-c_1\"" },
    { WORD_NAME, ".a", NULL },
    { WORD_NAME, "", NULL },
    { WORD_URL_PATH, "/a?b", "\"/a?b\"" },
    { WORD_URL_PATH, "/a b", NULL },
    { WORD_ROUTE_PATH, "/a%2Fb", "\"/a%2Fb\"" },
    { WORD_ROUTE_PATH, "/", "\"/\"" },
    { WORD_ROUTE_PATH, "/*", "\"/*\"" },
    { WORD_ROUTE_PATH, "/{a}/", "\"/{a}/\"" },
    { WORD_ROUTE_PATH, "/{}", NULL },
    { WORD_ROUTE_PATH, "/{1a}", NULL },
    { WORD_ROUTE_PATH, "/a/.", NULL },
};

static void values_are_read_strictly_and_written_in_one_form(void)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        _Alignas(16) char to[256];
        char json[256];
        bool good = read_as(values[i].type, values[i].text, to, json);

        CHECK(good == (values[i].json != NULL));
        if (good && values[i].json != NULL)
            CHECK_STR(str_from(json), values[i].json);
        if (check_failures > 0)
            fprintf(stderr, "    for \"%s\"\n", values[i].text);
    }
}

/* ---- finding ---- */

static const char *found(const char *name, size_t count)
{
    static char path[128];
    struct schema_match matches[8];
    struct schema_match nearest;
    size_t n = schema_find(str_from(name), matches, 8, &nearest);

    CHECK_U64(n, count);
    snprintf(path, sizeof(path), "%s",
        n > 0                  ? matches[0].path
        : nearest.word != NULL ? nearest.path
                               : "");
    return path;
}

static void words_are_found_by_path_and_by_name(void)
{
    CHECK_STR(str_from(found("services.NAME.retry.budget", 1)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("services.retry.budget", 1)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("retry.budget", 1)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("services.shop.retry.budget", 1)), "services.NAME.retry.budget");
    CHECK_STR(
        str_from(found("services.shop.origins[0].weight", 1)), "services.NAME.origins[].weight");
    CHECK_STR(str_from(found("routes[3].match", 1)), "routes[].match");
    CHECK_STR(str_from(found("budget", 1)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("client", 1)), "client");
    CHECK_STR(str_from(found("limit", 1)), "limit");
    CHECK_STR(str_from(found("timeouts", 2)), "services.NAME.timeouts");
    CHECK_STR(str_from(found("budgte", 0)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("services.retry.budgte", 0)), "services.NAME.retry.budget");
    CHECK_STR(str_from(found("zzzzzzzz", 0)), "");
}

TESTS(CASE(every_word_is_documented_and_its_example_can_be_read),
    CASE(values_are_read_strictly_and_written_in_one_form),
    CASE(words_are_found_by_path_and_by_name))
