/*
 * The front: what HTTP says becomes what the core is asked, and the core's answer HTTP again.
 *
 * The core here is a link that answers with what it was asked, or as the path tells it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/json_read.h"
#include "check.h"
#include "keeper/messages.h"
#include "net/link.h"
#include "vault/vault.h"
#include "vault/vault_int.h"

struct world {
    struct loop *loop;
    struct vault *vault;
    struct link *core;
    struct sockaddr_un address;
    socklen_t address_len;
    unsigned asked;
    uint64_t held; /* id of a request for "hold" */
};

/* ---- a core ---- */

static uint32_t u32(const char *p)
{
    const uint8_t *u = (const uint8_t *)p;

    return (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
}

static struct str part(struct str *s)
{
    struct str p;

    MUST(s->len >= 4 && u32(s->at) <= s->len - 4);
    p = (struct str){ s->at + 4, u32(s->at) };
    *s = (struct str){ p.at + p.len, s->len - 4 - p.len };
    return p;
}

static void respond(
    struct world *w, uint64_t id, unsigned status, unsigned kind, const char *type, struct str body)
{
    struct buf b;
    size_t len = strlen(type);
    char head[8] = { (char)status, (char)(status >> 8), (char)kind, 0, (char)len };

    buf_init(&b, 64 << 20);
    buf_add(&b, head, sizeof(head));
    buf_text(&b, type);
    buf_str(&b, body);
    CHECK(link_send_str(w->core, KEEPER_RESPONSE, id, buf_as_str(&b)));
    buf_free(&b);
}

/* {"op":..,"head":..,"wrap_ttl":..,"path":..,"token":..,"type":..,"rest":..} */
static struct value *describe(struct arena *a, struct str body, struct str *path)
{
    struct value *v = value_map(a);
    struct str s = { body.at + KEEPER_REQUEST_HEAD, body.len - KEEPER_REQUEST_HEAD };
    struct str remote;

    value_put_i64(a, v, "op", body.at[0]);
    if (body.at[1] != 0)
        value_put_i64(a, v, "head", body.at[1]);
    CHECK(body.at[2] == 0 && body.at[3] == 0);
    if (u32(body.at + 4) > 0)
        value_put_i64(a, v, "wrap_ttl", u32(body.at + 4));
    *path = part(&s);
    value_put_text(a, v, "path", *path);
    value_put_text(a, v, "token", part(&s));
    remote = part(&s);
    CHECK_U64(remote.len, 0); /* a unix socket's */
    value_put_text(a, v, "type", part(&s));
    value_put(v, "rest", value_decode(a, part(&s), 1000000));
    CHECK_U64(s.len, 0);
    CHECK(value_get(v, "rest") != NULL);
    return v;
}

static void on_request(struct link *l, const struct frame *f, void *arg)
{
    struct world *w = arg;
    struct arena a;
    struct buf b;
    struct str path;
    struct value *v;

    (void)l;
    w->asked++;
    arena_init(&a, 4096);
    buf_init(&b, 64 << 20);
    v = describe(&a, f->body, &path);
    value_encode(v, &b);
    if (str_starts(path, STR("hold")))
        w->held = f->id;
    else if (str_is(path, "empty"))
        respond(w, f->id, 204, 2, "", STR_NONE);
    else if (str_is(path, "raw"))
        respond(w, f->id, 200, 1, "application/pkix-crl", STR("\x30\x00"));
    else if (str_is(path, "status"))
        respond(w, f->id, 473, 0, "", buf_as_str(&b));
    else if (str_is(path, "broken"))
        respond(w, f->id, 200, 0, "", STR("\x06\xff\xff\xff\xff"));
    else
        respond(w, f->id, 200, 0, "", buf_as_str(&b));
    buf_free(&b);
    arena_free(&a);
}

static void core_closed(struct link *l, void *arg)
{
    (void)l;
    (void)arg;
}

static const struct frame_rule from_api[] = {
    { KEEPER_REQUEST, "request", KEEPER_REQUEST_MAX, on_request },
    { 0 },
};

static void attach(struct world *w)
{
    int ends[2];

    link_free(w->core);
    MUST(link_pair(ends) == 0);
    w->core = link_new(w->loop, ends[0], from_api, core_closed, w);
    vault_attach_core(w->vault, ends[1]);
}

static void world_open(struct world *w)
{
    struct err err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(w, 0, sizeof(*w));
    w->loop = loop_new();
    w->vault = vault_new(w->loop);
    w->address.sun_family = AF_UNIX;
    w->address_len = sizeof(sa_family_t);
    MUST(bind(fd, (struct sockaddr *)&w->address, w->address_len) == 0 && listen(fd, 16) == 0);
    w->address_len = sizeof(w->address);
    MUST(getsockname(fd, (struct sockaddr *)&w->address, &w->address_len) == 0);
    MUST(vault_listen(w->vault, fd, STR_NONE, &err) == 0);
    attach(w);
}

static void world_close(struct world *w)
{
    vault_free(w->vault);
    link_free(w->core);
    loop_free(w->loop);
}

/* ---- a client ---- */

static int client(struct world *w)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    MUST(connect(fd, (struct sockaddr *)&w->address, w->address_len) == 0);
    MUST(fd_set_nonblocking(fd) == 0);
    return fd;
}

static void turn(struct world *w)
{
    for (int i = 0; i < 10; i++)
        loop_once(w->loop, 0);
}

static void say(struct world *w, int fd, struct str s)
{
    while (s.len > 0) {
        ssize_t n = send(fd, s.at, s.len, MSG_NOSIGNAL);

        if (n > 0)
            s = (struct str){ s.at + n, s.len - (size_t)n };
        else if (n < 0 && errno != EAGAIN)
            break;
        turn(w);
    }
    turn(w);
}

static const char *hear(struct world *w, int fd)
{
    static char text[1 << 20];
    size_t len = 0;
    ssize_t n;

    turn(w);
    while ((n = recv(fd, text + len, sizeof(text) - 1 - len, 0)) > 0) {
        len += (size_t)n;
        turn(w);
    }
    text[len] = '\0';
    return text;
}

static const char *ask(struct world *w, struct str request)
{
    int fd = client(w);
    const char *got;

    say(w, fd, request);
    got = hear(w, fd);
    close(fd);
    turn(w);
    return got;
}

static int status_of(const char *response)
{
    return strlen(response) > 12 ? (int)strtol(response + 9, NULL, 10) : 0;
}

static struct str body_of(const char *response)
{
    const char *p = strstr(response, "\r\n\r\n");

    return str_from(p != NULL ? p + 4 : "");
}

static void becomes(struct world *w, struct str request, int status, const char *body)
{
    const char *got = ask(w, request);
    struct buf want;

    buf_init(&want, 1 << 20);
    buf_printf(&want, "%s\n", body);
    CHECK_U64(status_of(got), status);
    CHECK_STR(body_of(got), buf_cstr(&want));
    CHECK(strstr(got, "\r\nContent-Type: application/json\r\n") != NULL);
    CHECK(strstr(got, "\r\nCache-Control: no-store\r\n") != NULL);
    buf_free(&want);
}

/* A request of one line, with the fields that come in the next argument, and a body. */
#define REQUEST(line, fields) STR(line " HTTP/1.1\r\nHost: k\r\n" fields "\r\n")
#define BODY(line, fields, length, body)                                                           \
    STR(line " HTTP/1.1\r\nHost: k\r\nContent-Length: " length "\r\n" fields "\r\n" body)
#define ASKED(op, path)                                                                            \
    "{\"op\":" op ",\"path\":\"" path "\",\"token\":\"\",\"type\":\"\",\"rest\":{}}"
#define ASKED_QUERY(op, path, query)                                                               \
    "{\"op\":" op ",\"path\":\"" path "\",\"token\":\"\",\"type\":\"\",\"rest\":{\"body\":" query  \
    "}}"

/* ---- methods, paths ---- */

static void methods_become_operations(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, REQUEST("GET /v1/kv/a", ""), 200, ASKED("0", "kv/a"));
    becomes(&w, REQUEST("LIST /v1/kv/a", ""), 200, ASKED("1", "kv/a"));
    becomes(&w, REQUEST("POST /v1/kv/a", ""), 200, ASKED("2", "kv/a"));
    becomes(&w, REQUEST("PUT /v1/kv/a", ""), 200, ASKED("2", "kv/a"));
    becomes(&w, REQUEST("DELETE /v1/kv/a", ""), 200, ASKED("3", "kv/a"));
    becomes(&w,
        BODY("PATCH /v1/kv/a", "Content-Type: application/merge-patch+json\r\n", "7", "{\"b\":2}"),
        200,
        "{\"op\":4,\"path\":\"kv/a\",\"token\":\"\",\"type\":\"application/merge-patch+json\","
        "\"rest\":"
        "{\"body\":{\"b\":2}}}");
    becomes(&w, BODY("PATCH /v1/kv/a", "Content-Type: application/json\r\n", "7", "{\"b\":2}"), 415,
        "{\"errors\":[\"PATCH requires Content-Type of application/merge-patch+json, provided "
        "application/json\"]}");
    becomes(&w, REQUEST("OPTIONS /v1/kv/a", "Origin: https://evil.example\r\n"), 405,
        "{\"errors\":[]}");
    becomes(&w, REQUEST("get /v1/kv/a", ""), 405, "{\"errors\":[]}");
    world_close(&w);
}

static void head_asks_and_shows_no_body(void)
{
    struct world w;
    const char *got;

    world_open(&w);
    got = ask(&w, REQUEST("HEAD /v1/sys/health?standbyok", ""));
    CHECK_U64(status_of(got), 200);
    CHECK_STR(body_of(got), "");
    CHECK_U64(w.asked, 1);
    got = ask(&w, REQUEST("HEAD /v1/kv/a", "")); /* a read that shows nothing still uses a token */
    CHECK_U64(status_of(got), 405);
    CHECK_U64(w.asked, 1);
    world_close(&w);
}

static void paths_are_decoded_once(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, REQUEST("GET /v1/kv/a%20b%2Fc%252e+d", ""), 200, ASKED("0", "kv/a b/c%2e+d"));
    becomes(&w, REQUEST("GET /v1//kv///a//", ""), 200, ASKED("0", "kv/a/"));
    becomes(&w, REQUEST("GET //v1/kv/a", ""), 200, ASKED("0", "kv/a"));
    becomes(&w, REQUEST("GET /v1/kv/caf%c3%a9", ""), 200, ASKED("0", "kv/caf\xc3\xa9"));
    becomes(&w, /* two digits of the base64 of an OCSP request, which no path may have */
        REQUEST("GET /v1/pki/ocsp/MEIwQDA%2B%2F%2F/wOjAJBgUr"
                "DgMCGgUABBQAAAAAAAAAAAAAAAAAAAAAAAAAAAQUAAAA",
            ""),
        200,
        "{\"op\":0,\"path\":\"pki/ocsp/MEIwQDA+___wOjAJBgUrDgMCGgUABBQAAAAAAAAAAAAAAAAAAAAAAAAAAAQUAAAA\",\"token\":\"\",\"type\":\"\",\"rest\":{\"parsed\":{\"ocsp\":{"
        "\"error\":\"an OCSP request is malformed\"}}}}");
    becomes(&w, REQUEST("GET /v1/kv/ocspx/Ma//b", ""), 200, ASKED("0", "kv/ocspx/Ma/b"));
    becomes(&w, REQUEST("GET /v1/kv/...a..b", ""), 200, ASKED("0", "kv/...a..b"));
    becomes(&w, REQUEST("GET /v1/kv/../sys/raw", ""), 400,
        "{\"errors\":[\"path cannot contain parent references\"]}");
    becomes(&w, REQUEST("GET /v1/kv/%2e%2e/sys/raw", ""), 400,
        "{\"errors\":[\"path cannot contain parent references\"]}");
    becomes(&w, REQUEST("GET /v1/kv/%2e%2e%2fsys/raw", ""), 400,
        "{\"errors\":[\"path cannot contain parent references\"]}");
    becomes(&w, REQUEST("GET /v1/kv/./a", ""), 400,
        "{\"errors\":[\"path cannot contain parent references\"]}");
    becomes(&w, REQUEST("GET /v1/kv/a%00", ""), 400,
        "{\"errors\":[\"path contains unprintable characters\"]}");
    becomes(&w, REQUEST("GET /v1/kv/a%0d%0ab", ""), 400,
        "{\"errors\":[\"path contains unprintable characters\"]}");
    becomes(&w, REQUEST("GET /v1/kv/%ff", ""), 400,
        "{\"errors\":[\"path contains unprintable characters\"]}");
    becomes(&w, REQUEST("GET /v1/kv/%c2%85", ""), 400,
        "{\"errors\":[\"path contains unprintable characters\"]}");
    becomes(&w, REQUEST("GET /ui/", ""), 404, "{\"errors\":[]}");
    becomes(&w, REQUEST("GET /", ""), 404, "{\"errors\":[]}");
    becomes(&w, REQUEST("GET /v1", ""), 404, "{\"errors\":[]}");
    becomes(&w, REQUEST("GET /v1/", ""), 404, "{\"errors\":[]}");
    becomes(&w, REQUEST("GET /v2/kv/a", ""), 404, "{\"errors\":[]}");
    world_close(&w);
}

/* ---- fields ---- */

static void tokens_come_in_two_fields(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Token: hvs.abc\r\n"), 200,
        "{\"op\":0,\"path\":\"a\",\"token\":\"hvs.abc\",\"type\":\"\",\"rest\":{}}");
    becomes(&w, REQUEST("GET /v1/a", "Authorization: Bearer  hvs.abc\r\n"), 200,
        "{\"op\":0,\"path\":\"a\",\"token\":\"hvs.abc\",\"type\":\"\",\"rest\":{}}");
    becomes(&w, REQUEST("GET /v1/a", "Authorization: Bearer two\r\nX-Vault-Token: one\r\n"), 200,
        "{\"op\":0,\"path\":\"a\",\"token\":\"one\",\"type\":\"\",\"rest\":{}}");
    becomes(&w, REQUEST("GET /v1/a", "Authorization: Basic aGk6aG8=\r\n"), 200, ASKED("0", "a"));
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Token: a\tb\r\n"), 400,
        "{\"errors\":[\"invalid header value\"]}");
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Token: caf\xc3\xa9\r\n"), 400,
        "{\"errors\":[\"invalid header value\"]}");
    CHECK_U64(status_of(ask(&w, REQUEST("GET /v1/a", "X-Vault-Token: a\x7f\r\n"))), 400);
    world_close(&w);
}

static void other_fields_of_vault(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Wrap-TTL: 5m\r\n"), 200,
        "{\"op\":0,\"wrap_ttl\":300,\"path\":\"a\",\"token\":\"\",\"type\":\"\",\"rest\":{}}");
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Wrap-TTL: 60\r\n"), 200,
        "{\"op\":0,\"wrap_ttl\":60,\"path\":\"a\",\"token\":\"\",\"type\":\"\",\"rest\":{}}");
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Wrap-TTL: -1s\r\n"), 400,
        "{\"errors\":[\"requested wrap ttl cannot be negative\"]}");
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Wrap-TTL: soon\r\n"), 400,
        "{\"errors\":[\"error parsing X-Vault-Wrap-TTL header\"]}");
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Request: true\r\nX-Vault-Namespace: root/\r\n"), 200,
        ASKED("0", "a"));
    becomes(&w, REQUEST("GET /v1/a", "X-Vault-Namespace: team\r\n"), 400,
        "{\"errors\":[\"there is no namespace but root\"]}");
    world_close(&w);
}

static void queries_are_the_body_of_what_has_none(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, REQUEST("GET /v1/a?version=2&x=a%20b+c&flag&x=d", ""), 200,
        ASKED_QUERY("0", "a", "{\"version\":\"2\",\"x\":[\"a b c\",\"d\"],\"flag\":\"\"}"));
    becomes(&w, REQUEST("DELETE /v1/a?b=1", ""), 200, ASKED_QUERY("3", "a", "{\"b\":\"1\"}"));
    becomes(&w, REQUEST("GET /v1/a/?list=True&after=x", ""), 200,
        ASKED_QUERY("1", "a/", "{\"after\":\"x\"}"));
    becomes(&w, REQUEST("GET /v1/a?list=t", ""), 200, ASKED_QUERY("1", "a", "{}"));
    becomes(&w, REQUEST("GET /v1/a?list=0", ""), 200, ASKED_QUERY("0", "a", "{}"));
    becomes(&w, REQUEST("GET /v1/a?list=yes", ""), 400, "{\"errors\":[]}");
    becomes(&w, REQUEST("POST /v1/a?b=1", ""), 200, ASKED("2", "a"));
    world_close(&w);
}

/* ---- bodies ---- */

#define ASKED_BODY(body)                                                                           \
    "{\"op\":2,\"path\":\"a\",\"token\":\"\",\"type\":\"\",\"rest\":{\"body\":" body "}}"

static void bodies_are_json(void)
{
    struct world w;

    world_open(&w);
    becomes(&w, BODY("POST /v1/a", "", "39", "{\"a\":1.50,\"b\":[null,true],\"c\":\"\\u00e9\"}"),
        200, ASKED_BODY("{\"a\":1.50,\"b\":[null,true],\"c\":\"\xc3\xa9\"}"));
    becomes(&w, BODY("POST /v1/a", "", "4", "null"), 200, ASKED("2", "a"));
    becomes(&w, BODY("POST /v1/a", "", "3", " \r\n"), 200, ASKED("2", "a"));
    becomes(&w, BODY("POST /v1/a", "", "5", "{\"a\":"), 400,
        "{\"errors\":[\"error parsing JSON: line 1, column 6: the text ends early: "
        "expected a value\"]}");
    becomes(&w, BODY("POST /v1/a", "", "2", "[]"), 400,
        "{\"errors\":[\"error parsing JSON: expected an object\"]}");
    becomes(&w,
        BODY("POST /v1/a", "Content-Type: application/x-www-form-urlencoded\r\n", "7", "{\"b\":1}"),
        200,
        "{\"op\":2,\"path\":\"a\",\"token\":\"\",\"type\":\"application/x-www-form-urlencoded\","
        "\"rest\":"
        "{\"body\":{\"b\":1}}}");
    becomes(&w,
        BODY("POST /v1/a", "Content-Type: application/x-www-form-urlencoded\r\n", "9", "b=1&c=%26"),
        200,
        "{\"op\":2,\"path\":\"a\",\"token\":\"\",\"type\":\"application/x-www-form-urlencoded\","
        "\"rest\":"
        "{\"body\":{\"b\":\"1\",\"c\":\"&\"}}}");
    becomes(&w, BODY("POST /v1/a", "Content-Type: application/octet-stream\r\n", "2", "\x01\x02"),
        200,
        "{\"op\":2,\"path\":\"a\",\"token\":\"\",\"type\":\"application/octet-stream\",\"rest\":"
        "{\"raw\":\"\\u0001\\u0002\"}}");
    world_close(&w);
}

/* What is let in must fit into the core's answer too, which wraps it. */
static void put_nested(struct buf *b, unsigned depth)
{
    buf_clear(b);
    buf_printf(
        b, "POST /v1/a HTTP/1.1\r\nHost: k\r\nContent-Length: %u\r\n\r\n{\"a\":", 2 * depth + 5);
    for (unsigned i = 1; i < depth; i++)
        buf_char(b, '[');
    buf_char(b, '1');
    for (unsigned i = 1; i < depth; i++)
        buf_char(b, ']');
    buf_text(b, "}");
}

static void json_has_limits(void)
{
    struct world w;
    struct buf b;
    const char *got;

    world_open(&w);
    buf_init(&b, 8 << 20);
    put_nested(&b, VAULT_DEPTH_MAX);
    got = ask(&w, buf_as_str(&b));
    CHECK_U64(status_of(got), 200);
    CHECK(strstr(got, "{\"body\":{\"a\":[[[[") != NULL);
    put_nested(&b, VAULT_DEPTH_MAX + 1);
    got = ask(&w, buf_as_str(&b));
    CHECK_U64(status_of(got), 400);
    CHECK(strstr(got, "nested too deep") != NULL);
    w.asked = 0;
    buf_clear(&b);
    buf_text(&b, "POST /v1/a HTTP/1.1\r\nHost: k\r\nContent-Length: 100000\r\n\r\n{\"a\":");
    for (int i = 0; i < 99995; i++)
        buf_char(&b, '[');
    got = ask(&w, buf_as_str(&b));
    CHECK_U64(status_of(got), 400);
    CHECK(strstr(got, "nested too deep") != NULL);
    buf_clear(&b);
    buf_text(&b, "POST /v1/a HTTP/1.1\r\nHost: k\r\nContent-Length: 2000008\r\n\r\n{\"a\":[1");
    for (int i = 0; i < 999999; i++)
        buf_text(&b, ",1");
    buf_text(&b, "]}");
    buf_char(&b, ' ');
    got = ask(&w, buf_as_str(&b));
    CHECK_U64(status_of(got), 400);
    CHECK(strstr(got, "too many values") != NULL);
    CHECK_U64(w.asked, 0);
    buf_free(&b);
    world_close(&w);
}

/* ---- answers ---- */

static void answers_are_what_the_core_says(void)
{
    struct world w;
    const char *got;

    world_open(&w);
    got = ask(&w, REQUEST("DELETE /v1/empty", ""));
    CHECK_U64(status_of(got), 204);
    CHECK(
        strstr(got, "Content-Type") == NULL && strstr(got, "Cache-Control: no-store\r\n") != NULL);
    CHECK_STR(body_of(got), "");
    got = ask(&w, REQUEST("GET /v1/raw", ""));
    CHECK_U64(status_of(got), 200);
    CHECK(strstr(got, "\r\nContent-Type: application/pkix-crl\r\n") != NULL);
    CHECK(strstr(got, "\r\nContent-Length: 2\r\n") != NULL);
    becomes(&w, REQUEST("GET /v1/status", ""), 473, ASKED("0", "status"));
    becomes(&w, REQUEST("GET /v1/broken", ""), 500, "{\"errors\":[\"internal error\"]}");
    world_close(&w);
}

static void without_a_core_there_is_an_error(void)
{
    struct world w;
    const char *got;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, REQUEST("GET /v1/hold", ""));
    CHECK_U64(w.asked, 1);
    link_free(w.core); /* the core dies with a question in hand */
    w.core = NULL;
    got = hear(&w, fd);
    CHECK_U64(status_of(got), 503);
    becomes(&w, REQUEST("GET /v1/a", ""), 503,
        "{\"errors\":[\"the keeper's core is not there; try again in a moment\"]}");
    attach(&w);
    becomes(&w, REQUEST("GET /v1/a", ""), 200, ASKED("0", "a"));
    say(&w, fd, REQUEST("GET /v1/b", "")); /* the connection lives on */
    CHECK_STR(body_of(hear(&w, fd)), ASKED("0", "b") "\n");
    close(fd);
    world_close(&w);
}

static void an_answer_for_somebody_who_left_is_dropped(void)
{
    struct world w;
    uint64_t held;
    int fd;

    world_open(&w);
    fd = client(&w);
    say(&w, fd, REQUEST("GET /v1/hold", ""));
    held = w.held;
    CHECK(held != 0);
    say(&w, fd, REQUEST("GET /v1/hold", "")); /* pipelined: a reset finds both */
    close(fd);
    turn(&w);
    respond(&w, held, 204, 2, "", STR_NONE);
    respond(&w, held, 204, 2, "", STR_NONE);   /* twice: the second is nobody's */
    respond(&w, 999999, 204, 2, "", STR_NONE); /* as this one */
    becomes(&w, REQUEST("GET /v1/a", ""), 200, ASKED("0", "a"));
    world_close(&w);
}

/* ---- words ---- */

static void durations(void)
{
    static const struct {
        const char *text;
        bool good;
        uint32_t seconds;
    } cases[] = {
        { "0", true, 0 },
        { "90", true, 90 },
        { "90s", true, 90 },
        { "1h30m", true, 5400 },
        { "1.5h", true, 5400 },
        { "2d", true, 172800 },
        { "500ms", true, 1 },
        { " 10 ", true, 10 },
        { "", false, 0 },
        { "-1", false, 0 },
        { "1x", false, 0 },
        { "h", false, 0 },
        { "1h30", false, 0 },
        { "1..5h", false, 0 },
        { "999999999999", false, 0 },
        { "1e3", false, 0 },
        { "nan", false, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t seconds = 0;

        if (vault_parse_seconds(str_from(cases[i].text), &seconds) != cases[i].good ||
            seconds != cases[i].seconds)
            fprintf(stderr, "\"%s\" is %u\n", cases[i].text, seconds);
        CHECK(vault_parse_seconds(str_from(cases[i].text), &seconds) == cases[i].good);
        CHECK_U64(seconds, cases[i].seconds);
    }
}

static void printing_refuses_what_is_malformed(void)
{
    struct arena a;
    struct err err;
    struct buf encoded;
    struct buf printed;
    static const char text[] = "{\"a\":[1,2.50,null,true,false],\"b\":{\"\":\"x\\ny\"}}";
    struct value *v;

    arena_init(&a, 4096);
    buf_init(&encoded, 4096);
    buf_init(&printed, 4096);
    v = json_read(&a, str_from(text), 100, &err);
    MUST(v != NULL);
    value_encode(v, &encoded);
    CHECK(vault_print(buf_as_str(&encoded), &printed));
    CHECK_STR(buf_as_str(&printed), text);
    for (size_t n = 0; n < encoded.len; n++)
        CHECK(!vault_print((struct str){ encoded.data, n }, &printed));
    buf_char(&encoded, 0);
    CHECK(!vault_print(buf_as_str(&encoded), &printed));
    buf_clear(&encoded);
    for (int i = 0; i < 100; i++)
        buf_add(&encoded, "\x05\x01\0\0\0", 5);
    buf_char(&encoded, 0);
    CHECK(!vault_print(buf_as_str(&encoded), &printed)); /* too deep */
    buf_free(&encoded);
    buf_free(&printed);
    arena_free(&a);
}

TESTS(CASE(methods_become_operations), CASE(head_asks_and_shows_no_body),
    CASE(paths_are_decoded_once), CASE(tokens_come_in_two_fields), CASE(other_fields_of_vault),
    CASE(queries_are_the_body_of_what_has_none), CASE(bodies_are_json), CASE(json_has_limits),
    CASE(answers_are_what_the_core_says), CASE(without_a_core_there_is_an_error),
    CASE(an_answer_for_somebody_who_left_is_dropped), CASE(durations),
    CASE(printing_refuses_what_is_malformed))
