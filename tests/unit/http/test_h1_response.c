/*
 * Responses: where they end, and what an origin may not send.
 */
#include "feed.h"

static const struct h1_limits limits = { .max_head = 16384, .max_uri = 1024, .max_fields = 16 };

struct reading {
    enum http_method method; /* of the request that is answered */
    struct str bytes;
    const char *read;
};

#define R(method, bytes, read)                                                                     \
    {                                                                                              \
        HTTP_##method, { bytes, sizeof(bytes) - 1 }, read                                          \
    }
#define OK "HTTP/1.1 200 OK\r\n"
#define PE "\r\n\r\n"

static const struct reading readings[] = {
    /* how a body ends */
    R(GET, OK "\r\n", "200 OK, 1.1 until close, close"),
    R(GET, OK "Connection: keep-alive" PE, "200 OK, 1.1 until close, close"),
    R(GET, OK "Content-Length: 5" PE, "200 OK, 1.1 length 5, keep"),
    R(GET, OK "Content-Length: 0" PE, "200 OK, 1.1 length 0, keep"),
    R(GET, OK "Transfer-Encoding: chunked" PE, "200 OK, 1.1 chunked, keep"),
    R(GET, OK "Content-Length: 5\r\nConnection: close" PE, "200 OK, 1.1 length 5, close"),
    R(POST, "HTTP/1.0 200 OK\r\nContent-Length: 5" PE, "200 OK, 1.0 length 5, close"),
    R(GET, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive" PE,
        "200 OK, 1.0 length 5, keep"),
    R(OTHER, OK "Content-Length: 5" PE, "200 OK, 1.1 length 5, keep"),

    /* no body at all */
    R(HEAD, OK "Content-Length: 5" PE, "200 OK, 1.1 none, keep"),
    R(HEAD, OK "Transfer-Encoding: chunked" PE, "200 OK, 1.1 none, keep"),
    R(HEAD, OK "\r\n", "200 OK, 1.1 none, keep"),
    R(GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5" PE, "304 Not Modified, 1.1 none, keep"),
    R(GET, "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content, 1.1 none, keep"),
    R(GET, "HTTP/1.1 204 No Content\r\nContent-Length: 0" PE, "204 No Content, 1.1 none, keep"),
    R(GET, "HTTP/1.1 100 Continue\r\n\r\n", "100 Continue, 1.1 none, keep"),
    R(GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>" PE, "103 Early Hints, 1.1 none, keep"),
    R(CONNECT, OK "\r\n", "200 OK, 1.1 none, keep"),
    R(CONNECT, OK "Transfer-Encoding: chunked" PE, "200 OK, 1.1 none, keep"),
    R(CONNECT, "HTTP/1.1 403 No\r\nContent-Length: 2" PE, "403 No, 1.1 length 2, keep"),

    /* where there can be none and yet one is said to come, the connection ends */
    R(GET, "HTTP/1.1 204 No Content\r\nContent-Length: 5" PE, "204 No Content, 1.1 none, close"),
    R(GET, "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked" PE,
        "204 No Content, 1.1 none, close"),
    R(GET, "HTTP/1.1 100 Continue\r\nContent-Length: 5" PE, "100 Continue, 1.1 none, close"),

    /* switching protocols */
    R(GET, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket" PE,
        "101 Switching Protocols, 1.1 none, keep, upgrade websocket"),
    R(GET, OK "Connection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0" PE,
        "200 OK, 1.1 length 0, keep"),
    R(GET, "HTTP/1.1 101 X\r\nUpgrade: websocket" PE, "101 X, 1.1 none, keep"),

    /* the reason phrase */
    R(GET, "HTTP/1.1 404 \r\nContent-Length: 0" PE, "404 , 1.1 length 0, keep"),
    R(GET, "HTTP/1.1 404\r\nContent-Length: 0" PE, "404 , 1.1 length 0, keep"),
    R(GET, "HTTP/1.1 500 Internal\tServer \xc3\xa9rror\r\nContent-Length: 0" PE,
        "500 Internal\tServer \xc3\xa9rror, 1.1 length 0, keep"),
    R(GET, "HTTP/1.1 599 ?\r\nContent-Length: 0" PE, "599 ?, 1.1 length 0, keep"),

    /* fields that only matter to this hop, and names that requests may not have */
    R(GET, OK "Connection: X-A\r\nX-A: 1\r\nContent_Length: 3\r\nContent-Length: 0" PE,
        "200 OK, 1.1 length 0, keep, hop X-A"),
    R(GET, OK "Expect: x\r\nHost: a b\r\nContent-Length: 0" PE, "200 OK, 1.1 length 0, keep"),

    /* broken status lines */
    R(GET, "\r\n" OK "\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 20 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 2000 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 099 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 600 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 000 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 2x0 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 -20 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1  200 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1\t200 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 200\tOK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 200OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 \r\n\r\n", "bad_status_line"),
    R(GET, "http/1.1 200 OK\r\n\r\n", "bad_status_line"),
    R(GET, " HTTP/1.1 200 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/1.12 200 OK\r\n\r\n", "bad_status_line"),
    R(GET, "HTTP/2.0 200 OK\r\n\r\n", "unsupported_version"),
    R(GET, "HTTP/1.2 200 OK\r\n\r\n", "unsupported_version"),
    R(GET, "ICY 200 OK\r\n\r\n", "bad_status_line"),
    R(GET, "<html>hello</html>", "bad_status_line"),
    R(GET, "SSH-2.0-OpenSSH_9.2\r\n", "bad_status_line"),
    R(GET, "HTTP/1.1 200 O\0K\r\n\r\n", "nul_byte"),
    R(GET, "HTTP/1.1 200 O\x1bK\r\n\r\n", "control_byte"),
    R(GET, "HTTP/1.1 200 OK\n\r\n", "bare_lf"),
    R(GET, "HTTP/1.1 200\n\r\n", "bare_lf"),
    R(GET, "HTTP/1.1 200 OK\r\r\n", "bare_cr"),
    R(GET, "HTTP/1.1 200\rOK\r\n", "bare_cr"),

    /* broken fields and framing */
    R(GET, OK "Content-Length: 5\nX: y" PE, "bare_lf"),
    R(GET, OK "Content-Length: 5\r\n folded" PE, "obs_fold"),
    R(GET, OK "Content-Length : 5" PE, "space_before_colon"),
    R(GET, OK "Content-Length: 5\r\nContent-Length: 5" PE, "repeated_content_length"),
    R(GET, OK "Content-Length: 5, 5" PE, "bad_content_length"),
    R(GET, OK "Content-Length: -1" PE, "bad_content_length"),
    R(GET, OK "Content-Length: 5\r\nTransfer-Encoding: chunked" PE, "length_with_chunked"),
    R(GET, OK "Transfer-Encoding: chunked\r\nContent-Length: 5" PE, "length_with_chunked"),
    R(HEAD, OK "Transfer-Encoding: chunked\r\nContent-Length: 5" PE, "length_with_chunked"),
    R(GET, OK "Transfer-Encoding: gzip" PE, "unknown_transfer_encoding"),
    R(GET, OK "Transfer-Encoding: chunked, chunked" PE, "bad_transfer_encoding"),
    R(GET, "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked" PE, "transfer_encoding_in_1_0"),
    R(GET, OK "Connection: Content-Length" PE, "bad_field_value"),
    R(GET, OK "Upgrade: a b" PE, "bad_upgrade"),
};

static void responses_are_read_as_meant_or_refused(void)
{
    struct buf b;

    buf_init(&b, 4096);
    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        const struct reading *r = &readings[i];
        struct outcome o = feed_response(r->bytes, &limits, r->method);
        const char *read = describe_response(&o, &b);

        if (strcmp(read, r->read) != 0) {
            check_failures++;
            fprintf(stderr, "%.*s: %s, not %s\n", STR_ARG(r->bytes), read, r->read);
        }
        if (o.result > 0)
            CHECK_U64(o.result, r->bytes.len);
    }
    buf_free(&b);
}

static void what_is_no_response_is_known_at_its_first_bytes(void)
{
    CHECK(feed_response(STR("<"), &limits, HTTP_GET).result == -1);
    CHECK(feed_response(STR("HTTP/1.1 2x"), &limits, HTTP_GET).result == -1);
    CHECK(feed_response(STR("HTTP/1.1 6000"), &limits, HTTP_GET).result == -1);
    CHECK(feed_response(STR("HTTP/1.1 200"), &limits, HTTP_GET).result == 0);
    CHECK(feed_response(STR("HTTP/1.1 200\r"), &limits, HTTP_GET).result == 0);
}

static void the_next_response_can_follow_at_once(void)
{
    struct outcome o = feed_response(
        STR("HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 5" PE), &limits, HTTP_POST);

    CHECK_U64(o.result, sizeof("HTTP/1.1 100 Continue\r\n\r\n") - 1);
}

static void status_lines_are_written_with_their_phrase(void)
{
    struct buf b;

    buf_init(&b, 1024);
    h1_put_status(&b, 200);
    h1_put_status(&b, 299);
    h1_put_field(&b, STR("A"), STR("b"));
    CHECK_STR(buf_as_str(&b), "HTTP/1.1 200 OK\r\nHTTP/1.1 299 \r\nA: b\r\n");
    CHECK_STR(http_status_phrase(404), "Not Found");
    CHECK_STR(http_status_phrase(299), "");
    CHECK_STR(http_status_phrase(99), "");
    CHECK_STR(http_status_phrase(600), "");
    buf_free(&b);
}

TESTS(CASE(responses_are_read_as_meant_or_refused),
    CASE(what_is_no_response_is_known_at_its_first_bytes),
    CASE(the_next_response_can_follow_at_once), CASE(status_lines_are_written_with_their_phrase))
