/*
 * Chunked bodies: attacks with their reason word, and bodies that are fine.
 * Each is fed whole, byte by byte, and cut at each place.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "check.h"
#include "http/h1.h"

/* All that was read: the data, then "|name=value" for each trailer, or the error's word. */
struct reader {
    struct h1_chunks chunks;
    struct buf read;
    size_t used;
    enum h1_chunk_event last;
};

/* Steps through what lies at the front of the input; what is held back stays there. */
static void read_some(struct reader *r, const char *in, size_t len)
{
    struct http_field f;
    struct str data;
    size_t used;

    do {
        r->last = h1_chunks_next(&r->chunks, in + r->used, len - r->used, &used, &data);
        r->used += used;
        if (r->last == H1_CHUNK_DATA)
            buf_str(&r->read, data);
        else if (r->last == H1_CHUNK_TRAILER && h1_trailer(data, &f))
            buf_printf(&r->read, "|%.*s=%.*s", STR_ARG(f.name), STR_ARG(f.value));
        else if (r->last == H1_CHUNK_TRAILER)
            buf_text(&r->read, "|dropped");
        else if (r->last == H1_CHUNK_ERROR)
            r->read.len = 0;
    } while (r->last == H1_CHUNK_DATA || r->last == H1_CHUNK_TRAILER);
    if (r->last == H1_CHUNK_ERROR)
        buf_text(&r->read, h1_error_word(r->chunks.error));
}

/* In pieces: the first bytes, then step by step; a copy of each length, for the sanitizers. */
static void read_in_steps(struct reader *r, struct str bytes, size_t first, size_t step)
{
    h1_chunks_start(&r->chunks);
    r->read.len = 0;
    r->used = 0;
    r->last = H1_CHUNK_MORE;
    for (size_t n = first; r->last == H1_CHUNK_MORE; n += step) {
        size_t len = n < bytes.len ? n : bytes.len;
        char *copy = malloc(len > 0 ? len : 1);

        memcpy(copy, bytes.at, len);
        read_some(r, copy, len);
        free(copy);
        if (len == bytes.len)
            break;
    }
    if (r->last == H1_CHUNK_MORE)
        buf_text(&r->read, "...");
}

static void check_body(struct str bytes, const char *want, size_t used)
{
    struct reader r = { 0 };

    buf_init(&r.read, 1 << 20);
    for (size_t cut = 0; cut <= bytes.len; cut++) {
        read_in_steps(&r, bytes, cut, bytes.len);
        CHECK_STR(buf_as_str(&r.read), want);
        if (r.last == H1_CHUNK_END)
            CHECK_U64(r.used, used);
    }
    read_in_steps(&r, bytes, 1, 1);
    CHECK_STR(buf_as_str(&r.read), want);
    buf_free(&r.read);
}

struct body {
    struct str bytes;
    const char *read;
};

#define B(bytes, read)                                                                             \
    {                                                                                              \
        { bytes, sizeof(bytes) - 1 }, read                                                         \
    }

static const struct body bodies[] = {
    B("0\r\n\r\n", ""),
    B("5\r\nhello\r\n0\r\n\r\n", "hello"),
    B("5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n", "hello, world"),
    B("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    B("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
    B("0000000000000002\r\nab\r\n000\r\n\r\n", "ab"),
    B("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
    B("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),

    /* extensions go */
    B("2;a=b\r\nab\r\n0;c\r\n\r\n", "ab"),
    B("2;\r\nab\r\n0\r\n\r\n", "ab"),
    B("2; a = \"x;\\\"y\" ; b\r\nab\r\n0\r\n\r\n", "ab"),
    B("2;\xff\t\r\nab\r\n0\r\n\r\n", "ab"),

    /* trailers */
    B("0\r\nX-Sum: abc\r\nServer-Timing:\t1 \r\n\r\n", "|X-Sum=abc|Server-Timing=1"),
    B("1\r\na\r\n0\r\nX:\r\n\r\n", "a|X="),
    B("0\r\nSet-Cookie: a=b\r\nX: 1\r\nConnection: close\r\nAuthorization: x\r\n\r\n",
        "|dropped|X=1|dropped|dropped"),

    /* more is to come */
    B("", "..."),
    B("5", "..."),
    B("5\r", "..."),
    B("5;", "..."),
    B("5\r\nhel", "hel..."),
    B("5\r\nhello", "hello..."),
    B("5\r\nhello\r", "hello..."),
    B("0\r\n", "..."),
    B("0\r\nX: 1\r\nY", "|X=1..."),
    B("0\r\n\r", "..."),

    /* sizes */
    B("\r\n", "bad_chunk"),
    B("-1\r\n", "bad_chunk"),
    B("+1\r\na", "bad_chunk"),
    B("0x1\r\na", "bad_chunk"),
    B(" 1\r\na", "bad_chunk"),
    B("1 \r\na", "bad_chunk"),
    B("1\t\r\na", "bad_chunk"),
    B("1 ;a\r\na", "bad_chunk"),
    B("1_0\r\na", "bad_chunk"),
    B("g\r\na", "bad_chunk"),
    B("1,1\r\na", "bad_chunk"),
    B("\"1\"\r\na", "bad_chunk"),
    B(";a\r\n", "bad_chunk"),
    B("\0"
      "1\r\na",
        "bad_chunk"),
    B("8000000000000000\r\n", "bad_chunk"),
    B("ffffffffffffffff\r\n", "bad_chunk"),
    B("10000000000000000\r\n", "bad_chunk"),
    B("10000000000000001\r\n", "bad_chunk"),
    B("00000000000000001\r\n", "bad_chunk"),
    B("fffffffffffffffff0\r\n", "bad_chunk"),

    /* line ends */
    B("1\na\r\n0\r\n\r\n", "bare_lf"),
    B("1\rXa", "bare_cr"),
    B("1\r\ra", "bare_cr"),
    B("1;a\nb\r\n", "bare_lf"),
    B("1;a\rb\r\n", "bare_cr"),
    B("1;a\r\r\n", "bare_cr"),
    B("1;a\0\r\n", "nul_byte"),
    B("1;a\x0b\r\n", "control_byte"),
    B("1;a=\"\n0\r\n\r\n\"\r\n", "bare_lf"),
    B("0\n\r\n", "bare_lf"),

    /* what follows the data is CRLF and nothing else */
    B("1\r\nab\r\n", "bad_chunk"),
    B("1\r\na\n0\r\n\r\n", "bad_chunk"),
    B("1\r\na0\r\n\r\n", "bad_chunk"),
    B("1\r\na\r0\r\n\r\n", "bad_chunk"),
    B("1\r\na\r\r\n0\r\n\r\n", "bad_chunk"),
    B("1\r\na \r\n0\r\n\r\n", "bad_chunk"),
    B("1\r\naX\n0\r\n\r\n", "bad_chunk"),
    B("1\r\na\r\n\r\n0\r\n\r\n", "bad_chunk"),

    /* trailers that must not be */
    B("0\r\nContent-Length: 5\r\n\r\n", "bad_trailer"),
    B("0\r\ntransfer-encoding: chunked\r\n\r\n", "bad_trailer"),
    B("0\r\nHost: b\r\n\r\n", "bad_trailer"),
    B("0\r\nContent_Length: 5\r\n\r\n", "bad_trailer"),
    B("0\r\nX : 1\r\n\r\n", "bad_trailer"),
    B("0\r\n X: 1\r\n\r\n", "bad_trailer"),
    B("0\r\nX: 1\r\n folded\r\n\r\n", "bad_trailer"),
    B("0\r\nX\r\n\r\n", "bad_trailer"),
    B("0\r\n: 1\r\n\r\n", "bad_trailer"),
    B("0\r\nX\xff: 1\r\n\r\n", "bad_trailer"),
    B("0\r\nGET / HTTP/1.1\r\n\r\n", "bad_trailer"),
    B("0\r\nX: 1\n\r\n", "bare_lf"),
    B("0\r\n\n", "bare_lf"),
    B("0\r\nX: 1\rY: 2\r\n\r\n", "bare_cr"),
    B("0\r\n\r\r\n", "bare_cr"),
    B("0\r\n\rX", "bare_cr"),
    B("0\r\nX: \0\r\n\r\n", "nul_byte"),
    B("0\r\nX: \x7f\r\n\r\n", "control_byte"),
};

static void bodies_are_read_as_meant_or_refused(void)
{
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        check_body(bodies[i].bytes, bodies[i].read, bodies[i].bytes.len);
}

static void what_follows_the_body_is_left_alone(void)
{
    check_body(STR("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n"), "a", 11);
}

/* prefix, n times a byte, suffix: the word. */
static void check_long(const char *prefix, size_t n, const char *suffix, const char *want)
{
    struct reader r = { 0 };
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_init(&r.read, 1 << 20);
    buf_text(&b, prefix);
    for (size_t i = 0; i < n; i++)
        buf_char(&b, 'x');
    buf_text(&b, suffix);
    read_in_steps(&r, buf_as_str(&b), b.len, 1);
    CHECK_STR(buf_as_str(&r.read), want);
    read_in_steps(&r, buf_as_str(&b), 1, 97);
    CHECK_STR(buf_as_str(&r.read), want);
    buf_free(&r.read);
    buf_free(&b);
}

static void extensions_and_trailers_are_bounded(void)
{
    check_long("1;", H1_CHUNK_EXTENSION_MAX, "\r\na\r\n0\r\n\r\n", "a");
    check_long("1;", H1_CHUNK_EXTENSION_MAX + 1, "", "chunk_extension_too_long");
    check_long("0\r\nX:", H1_TRAILERS_MAX, "", "bad_trailer");
    check_long("0\r\nA: 1\r\nX:", H1_TRAILERS_MAX - 8, "", "bad_trailer");
}

static void extensions_of_many_chunks_are_bounded_too(void)
{
    struct reader r = { 0 };
    struct buf b;

    buf_init(&b, 1 << 20);
    buf_init(&r.read, 1 << 20);
    for (int chunk = 0; chunk < 100; chunk++) {
        buf_text(&b, "1;");
        for (int i = 0; i < 1000; i++)
            buf_char(&b, 'x');
        buf_text(&b, "\r\na\r\n");
    }
    read_in_steps(&r, buf_as_str(&b), b.len, 1);
    CHECK_STR(buf_as_str(&r.read), "chunk_extension_too_long");
    CHECK(r.used <= (size_t)H1_CHUNK_EXTENSIONS_MAX * 2);
    buf_free(&r.read);
    buf_free(&b);
}

static void a_chunk_of_many_gigabytes_is_counted(void)
{
    struct h1_chunks c;
    struct str data;
    size_t used;

    h1_chunks_start(&c);
    CHECK(h1_chunks_next(&c, "7fffffffffffffff\r\nab", 20, &used, &data) == H1_CHUNK_DATA);
    CHECK_U64(used, 20);
    CHECK_STR(data, "ab");
    CHECK_U64(c.left, INT64_MAX - 2);
}

static void heads_of_chunks_are_written_in_hexadecimal(void)
{
    static const struct {
        uint64_t n;
        const char *text;
    } heads[] = { { 0, "0\r\n" }, { 1, "1\r\n" }, { 15, "f\r\n" }, { 16, "10\r\n" },
        { 26, "1a\r\n" }, { 65536, "10000\r\n" }, { UINT64_MAX, "ffffffffffffffff\r\n" } };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        char to[18];
        size_t n = h1_chunk_head(heads[i].n, to);

        CHECK_STR(((struct str){ to, n }), heads[i].text);
    }
}

TESTS(CASE(bodies_are_read_as_meant_or_refused), CASE(what_follows_the_body_is_left_alone),
    CASE(extensions_and_trailers_are_bounded), CASE(extensions_of_many_chunks_are_bounded_too),
    CASE(a_chunk_of_many_gigabytes_is_counted), CASE(heads_of_chunks_are_written_in_hexadecimal))
