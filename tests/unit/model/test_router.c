/*
 * The compiled router against a plain reading of its contract: random routes
 * and requests, matched one by one and sorted by the documented precedence.
 */
#include "base/hash.h"
#include "files.h"
#include "model/router.h"
#include "oracle.h"

/* ---- random routes ---- */

static const char *pick(const char *const *from, size_t n)
{
    return from[random_below(n)];
}
#define PICK(array) pick(array, sizeof(array) / sizeof((array)[0]))

static const char *const hosts[] = { "a.test", "b.a.test", "c.b.a.test", "other.test", "test" };
static const char *const wildcards[] = { "*.a.test", "*.b.a.test", "*.test" };
static const char *const words[] = { "a", "b", "c" };

static void random_path(struct buf *b)
{
    uint64_t n = random_below(4);
    bool captures = false;

    for (uint64_t i = 0; i < n; i++) {
        if (random_below(3) == 0) {
            buf_printf(b, "/{x%llu}", (unsigned long long)i);
            captures = true;
        } else {
            buf_printf(b, "/%s", PICK(words));
        }
    }
    if (random_below(4) == 0)
        buf_text(b, captures ? "/{rest...}" : "/*");
    else if (random_below(4) == 0 || n == 0)
        buf_char(b, '/');
}

static void random_route(struct buf *b, const char *const *methods)
{
    static const char *const headers[] = { "true", "false", "\"1\"", "\"1*\"" };
    uint64_t nhosts = random_below(3);

    buf_text(b, "- match:\n    ");
    buf_text(b, "query: {}\n");
    if (nhosts > 0) {
        buf_text(b, "    host: [");
        for (uint64_t i = 0; i < nhosts; i++)
            buf_printf(b, "%s\"%s\"", i > 0 ? "," : "",
                random_below(2) == 0 ? PICK(hosts) : PICK(wildcards));
        buf_text(b, "]\n");
    }
    if (random_below(8) > 0) {
        buf_text(b, "    path: \"");
        random_path(b);
        buf_text(b, "\"\n");
    }
    if (random_below(3) == 0)
        buf_printf(b, "    method: %s\n", methods[random_below(2)]);
    if (random_below(4) == 0)
        buf_printf(b, "    header: {X: %s}\n", PICK(headers));
    buf_text(b, "  respond: 200\n");
}

static struct str header_of(void *ctx, struct str name)
{
    const struct asked *q = ctx;

    return str_is(name, "x") ? str_from(q->header) : STR_NONE;
}

static void random_request(struct asked *q)
{
    static const char *const methods[] = { "GET", "POST", "HEAD", "PUT" };
    static const char *const headers[] = { "1", "12", "2", "" };
    size_t n = 0;

    snprintf(q->host, sizeof(q->host), "%s%s", random_below(3) == 0 ? "x." : "", PICK(hosts));
    q->path[0] = '\0';
    for (uint64_t i = random_below(5); i > 0; i--)
        n += (size_t)snprintf(q->path + n, sizeof(q->path) - n, "/%s", PICK(words));
    if (n == 0 || random_below(4) == 0)
        snprintf(q->path + n, sizeof(q->path) - n, "/");
    q->method = PICK(methods);
    q->header = random_below(2) == 0 ? NULL : PICK(headers);
}

static struct route_request request_of(struct asked *q)
{
    return (struct route_request){
        .host = str_from(q->host),
        .path = str_from(q->path),
        .method = str_from(q->method),
        .header = header_of,
        .ctx = q,
    };
}

static void compare(const struct blueprint *b)
{
    struct asked q;
    struct route_request request;
    struct route_result got;
    const struct route *want;
    bool mismatch;

    random_request(&q);
    request = request_of(&q);
    want = oracle(b, &q, &mismatch);
    router_find(b->router, &request, &got);
    CHECK(got.route == want && got.method_mismatch == mismatch);
    if (got.route != want || got.method_mismatch != mismatch)
        fprintf(stderr, "    %s %s%s (x: %s): got %s, want %s\n", q.method, q.host, q.path,
            q.header != NULL ? q.header : "-", got.route != NULL ? got.route->name.at : "none",
            want != NULL ? want->name.at : "none");
}

static void agrees_with_a_plain_reading_of_its_contract(void)
{
    static const char *const methods[] = { "GET", "[POST, PUT]" };

    for (int round = 0; round < 300 && check_failures == 0; round++) {
        struct blueprint *b;
        struct problems p;
        struct buf text;

        buf_init(&text, 1 << 20);
        buf_text(&text, "listeners: {w: \":0\"}\nroutes:\n");
        for (uint64_t i = 1 + random_below(40); i > 0; i--)
            random_route(&text, methods);
        files_begin();
        files_write("weir.yaml", buf_cstr(&text));
        b = files_load(NULL, &p);
        CHECK(b != NULL);
        if (b == NULL)
            files_print(&p);
        for (int i = 0; b != NULL && i < 300; i++)
            compare(b);
        if (check_failures > 0)
            fprintf(stderr, "%s", buf_cstr(&text));
        blueprint_unref(b);
        problems_free(&p);
        buf_free(&text);
        files_end();
    }
}

/* ---- by hand ---- */

static struct route_result find(
    const struct blueprint *b, const char *method, const char *host, const char *path)
{
    struct route_request q = {
        .method = str_from(method), .host = str_from(host), .path = str_from(path)
    };
    struct route_result out;

    router_find(b->router, &q, &out);
    return out;
}

static const char *name_of(struct route_result r)
{
    return r.route != NULL ? r.route->name.at : "none";
}

static void the_best_match_wins_not_the_first(void)
{
    struct blueprint *b =
        files_good("listeners: {w: \":0\"}\nroutes:\n"
                   "- {name: all, respond: 200}\n"
                   "- {name: prefix, match: /a/*, respond: 200}\n"
                   "- {name: deep, match: /a/b/*, respond: 200}\n"
                   "- {name: pattern, match: \"/a/{x}\", respond: 200}\n"
                   "- {name: literal, match: \"/a/{x}/c\", respond: 200}\n"
                   "- {name: exact, match: /a/b, respond: 200}\n"
                   "- {name: wild, match: {host: \"*.org\", path: /a/b}, respond: 200}\n"
                   "- {name: long, match: {host: \"*.x.org\"}, respond: 200}\n"
                   "- {name: host, match: {host: y.x.org, path: /only}, respond: 200}\n");

    if (b == NULL)
        return;
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a/b"))), "exact");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a/z"))), "pattern");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a/b/c"))), "literal");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a/b/d"))), "deep");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a"))), "prefix");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/a/"))), "prefix");
    CHECK_STR(str_from(name_of(find(b, "GET", "h", "/ab"))), "all");
    CHECK_STR(str_from(name_of(find(b, "GET", "z.org", "/a/b"))), "wild");
    CHECK_STR(str_from(name_of(find(b, "GET", "org", "/a/b"))), "exact");
    CHECK_STR(str_from(name_of(find(b, "GET", "y.x.org", "/only"))), "host");
    CHECK_STR(str_from(name_of(find(b, "GET", "y.x.org", "/else"))), "long");
    CHECK_STR(str_from(name_of(find(b, "OPTIONS", "h", "*"))), "all");
    blueprint_unref(b);
}

static void captures_point_into_the_path(void)
{
    struct blueprint *b = files_good("listeners: {w: \":0\"}\nroutes:\n"
                                     "- {match: \"/u/{id}/f/{rest...}\", respond: 200}\n");
    struct route_result r;

    if (b == NULL)
        return;
    r = find(b, "GET", "h", "/u/7/f/x/y/");
    CHECK(r.route != NULL && r.ncaptures == 2);
    CHECK_STR(r.captures[0].name, "id");
    CHECK_STR(r.captures[0].value, "7");
    CHECK_STR(r.captures[1].name, "rest");
    CHECK_STR(r.captures[1].value, "x/y/");
    r = find(b, "GET", "h", "/u/7/f");
    CHECK(r.route != NULL && r.ncaptures == 2);
    CHECK_STR(r.captures[1].value, "");
    CHECK(r.captures[1].value.at != NULL);
    CHECK(find(b, "GET", "h", "/u//f").route == NULL);
    blueprint_unref(b);
}

static void another_method_is_405_and_names_those_allowed(void)
{
    struct blueprint *b = files_good("listeners: {w: \":0\"}\nroutes:\n"
                                     "- {match: {path: /a, method: GET}, respond: 200}\n"
                                     "- {match: {path: /a, method: [POST, PUT]}, respond: 200}\n"
                                     "- {match: {path: \"/{x}\", method: DELETE}, respond: 200}\n");
    struct route_request q = { .method = STR("PATCH"), .host = STR("h"), .path = STR("/a") };
    struct buf allow;

    if (b == NULL)
        return;
    CHECK(find(b, "PATCH", "h", "/a").route == NULL && find(b, "PATCH", "h", "/a").method_mismatch);
    CHECK(find(b, "HEAD", "h", "/a").route != NULL);
    CHECK(find(b, "DELETE", "h", "/a").route != NULL);
    CHECK(!find(b, "DELETE", "h", "/a").method_mismatch);
    CHECK(!find(b, "GET", "h", "/a/b").method_mismatch);
    buf_init(&allow, 1024);
    router_allow(b->router, &q, &allow);
    CHECK_STR(buf_as_str(&allow), "GET, HEAD, POST, PUT, DELETE");
    buf_free(&allow);
    blueprint_unref(b);
}

static bool takes(
    const struct blueprint *b, const char *query, const char *ip, const char *listener)
{
    struct route_request q = { .method = STR("GET"),
        .host = STR("h"),
        .path = STR("/"),
        .query = str_from(query),
        .listener = str_from(listener) };
    struct route_result out;

    CHECK(ip_parse(str_from(ip), &q.client));
    router_find(b->router, &q, &out);
    return out.route != NULL;
}

static void queries_addresses_and_listeners_are_conditions(void)
{
    struct blueprint *b =
        files_good("listeners: {web: \":0\", in: \":0\"}\nroutes:\n"
                   "- match:\n"
                   "    query: {a: \"x y*\", b: true, c: false, \"d\xc3\xa9\": \"\"}\n"
                   "    from: [10.0.0.0/8, \"2001:db8::/32\"]\n"
                   "    listener: in\n"
                   "  respond: 200\n");

    if (b == NULL)
        return;
    CHECK(takes(b, "a=x+y&b&d%C3%A9=", "10.1.2.3", "in"));
    CHECK(takes(b, "b=1&a=no&a=%78%20yz&d%c3%a9", "2001:db8::1", "in"));
    CHECK(!takes(b, "a=x&b&d%C3%A9=", "10.1.2.3", "in"));
    CHECK(!takes(b, "a=x+y&d%C3%A9=", "10.1.2.3", "in"));
    CHECK(!takes(b, "a=x+y&b&c&d%C3%A9=", "10.1.2.3", "in"));
    CHECK(!takes(b, "a=x+y&b&d%C3%A9=1", "10.1.2.3", "in"));
    CHECK(!takes(b, "a=x+y&b&d%C3%A9=", "11.1.2.3", "in"));
    CHECK(!takes(b, "a=x+y&b&d%C3%A9=", "10.1.2.3", "web"));
    CHECK(!takes(b, "", "10.1.2.3", "in"));
    blueprint_unref(b);
}

static void explains_each_candidate_in_order(void)
{
    struct blueprint *b =
        files_good("listeners: {w: \":0\"}\nroutes:\n"
                   "- {name: post, match: {path: /a, method: POST}, respond: 200}\n"
                   "- {name: canary, match: {path: \"/{x}\", header: {X-C: true}}, respond: 200}\n"
                   "- {name: rest, match: {host: h}, respond: 200}\n");
    struct route_request q = { .method = STR("GET"), .host = STR("h"), .path = STR("/a") };
    struct route_result out;
    struct buf json;

    if (b == NULL)
        return;
    q.host = STR("i");
    buf_init(&json, 1 << 16);
    router_explain(b->router, &q, &out, &json);
    CHECK(out.route == NULL && out.method_mismatch);
    CHECK_STR(buf_as_str(&json),
        "[{\"route\":\"post\",\"source\":\"weir.yaml:3\",\"host\":\"any\",\"path\":\"/a\","
        "\"taken\":false,\"why\":\"the method is another\"},"
        "{\"route\":\"canary\",\"source\":\"weir.yaml:4\",\"host\":\"any\",\"path\":\"/{x}\","
        "\"taken\":false,\"why\":\"a header does not match\",\"name\":\"x-c\"}]");
    buf_free(&json);
    blueprint_unref(b);
}

TESTS(CASE(agrees_with_a_plain_reading_of_its_contract), CASE(the_best_match_wins_not_the_first),
    CASE(captures_point_into_the_path), CASE(another_method_is_405_and_names_those_allowed),
    CASE(queries_addresses_and_listeners_are_conditions), CASE(explains_each_candidate_in_order))
