/*
 * Routes and a request drawn from the input; the router must agree with a plain
 * reading of its contract.
 */
#include "../unit/model/oracle.h"
#include "base/bug.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at;
    size_t left;
};

/* 0 <= result < n; 0 when the input has run out. */
static unsigned draw(struct input *in, unsigned n)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++ % n;
}

static const char *const hosts[] = { "a.t", "b.a.t", "c.b.a.t", "t", "x.t" };
static const char *const patterns[] = { "a.t", "b.a.t", "t", "*.a.t", "*.b.a.t", "*.t" };
static const char *const methods[] = { "GET", "POST", "HEAD", "PUT" };
static const char *const values[] = { "true", "false", "\"1\"", "\"1*\"", "\"\"" };
static const char *const headers[] = { "1", "12", "2", "" };

static void put_path(struct input *in, struct buf *b)
{
    unsigned n = draw(in, 6);
    bool captures = false;
    unsigned end;

    for (unsigned i = 0; i < n; i++) {
        unsigned kind = draw(in, 4);

        if (kind == 3)
            buf_printf(b, "/{x%u}", i);
        else
            buf_printf(b, "/%c", 'a' + (char)kind);
        captures = captures || kind == 3;
    }
    end = draw(in, 4);
    if (end == 0)
        buf_text(b, captures ? "/{rest...}" : "/*");
    else if (end == 1)
        buf_text(b, "/{rest...}");
    else if (end == 2 || n == 0)
        buf_char(b, '/');
}

static void put_route(struct input *in, struct buf *b, bool first)
{
    unsigned nhosts = draw(in, 3);

    buf_printf(b, "%s{\"respond\":{},\"match\":{\"query\":{}", first ? "" : ",");
    if (nhosts > 0) {
        buf_text(b, ",\"host\":[");
        for (unsigned i = 0; i < nhosts; i++)
            buf_printf(b, "%s\"%s\"", i > 0 ? "," : "", patterns[draw(in, 6)]);
        buf_char(b, ']');
    }
    if (draw(in, 8) > 0) {
        buf_text(b, ",\"path\":\"");
        put_path(in, b);
        buf_char(b, '"');
    }
    if (draw(in, 3) == 0)
        buf_printf(b, ",\"method\":[\"%s\"]", methods[draw(in, 4)]);
    if (draw(in, 4) == 0)
        buf_printf(b, ",\"header\":{\"x\":%s}", values[draw(in, 5)]);
    buf_text(b, "}}");
}

static struct str header_of(void *ctx, struct str name)
{
    const struct asked *q = ctx;

    return str_is(name, "x") ? str_from(q->header) : STR_NONE;
}

static void ask(struct input *in, const struct blueprint *b)
{
    struct asked q = { .method = methods[draw(in, 4)] };
    struct route_request request;
    struct route_result out;
    const struct route *want;
    bool mismatch;
    size_t n = 0;

    snprintf(q.host, sizeof(q.host), "%s", hosts[draw(in, 5)]);
    for (unsigned i = draw(in, 7); i > 0; i--)
        n += (size_t)snprintf(q.path + n, sizeof(q.path) - n, "/%c", 'a' + (char)draw(in, 4));
    if (n == 0 || draw(in, 4) == 0)
        snprintf(q.path + n, sizeof(q.path) - n, "/");
    q.header = draw(in, 2) == 0 ? NULL : headers[draw(in, 4)];
    request = (struct route_request){ .host = str_from(q.host),
        .path = str_from(q.path),
        .method = str_from(q.method),
        .header = header_of,
        .ctx = &q };
    want = oracle(b, &q, &mismatch);
    router_find(b->router, &request, &out);
    MUST(out.route == want && out.method_mismatch == mismatch);
    for (unsigned i = 0; i < out.ncaptures; i++)
        MUST(out.captures[i].value.at >= q.path &&
             out.captures[i].value.at + out.captures[i].value.len <= q.path + strlen(q.path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct blueprint *b;
    struct problems problems;
    struct buf text;
    unsigned routes = 1 + draw(&in, 24);

    buf_init(&text, 1 << 20);
    buf_text(&text, "{\"listeners\":{\"w\":{\"address\":\":0\"}},\"routes\":[");
    for (unsigned i = 0; i < routes; i++)
        put_route(&in, &text, i == 0);
    buf_text(&text, "]}");
    b = blueprint_from_canonical(buf_as_str(&text), &problems);
    MUST(b != NULL);
    for (int i = 0; i < 8; i++)
        ask(&in, b);
    blueprint_unref(b);
    problems_free(&problems);
    buf_free(&text);
    return 0;
}
