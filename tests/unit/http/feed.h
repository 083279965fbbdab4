/*
 * feed - gives a message to the parser in every way it can be cut, under every
 * set of instructions, and holds the outcomes against each other.
 */
#ifndef WEIR_TESTS_HTTP_FEED_H
#define WEIR_TESTS_HTTP_FEED_H

#include <stdlib.h>

#include "base/buf.h"
#include "check.h"
#include "h1_feed.h"

/* Of an array of characters that a literal filled; may hold NUL. */
#define BYTES(array) ((struct str){ (array), sizeof(array) - 1 })

/* Whole, byte by byte, and cut once at each place; with all scanners. */
static void feed_all_ways(const struct message *m, struct outcome *whole)
{
    const struct scanner *list[8];
    const struct scanner *usual = scanner;
    unsigned n = scanner_list(list, 8);
    static struct outcome o;

    feed_in_steps(m, m->bytes.len, 1, whole);
    for (unsigned i = 0; i < n; i++) {
        scanner = list[i];
        feed_in_steps(m, 1, 1, &o);
        if (!same_outcome(whole, &o)) {
            check_failures++;
            fprintf(stderr, "byte by byte (%s): %s, not %s: %.*s\n", scanner->name,
                h1_error_word(o.error), h1_error_word(whole->error), STR_ARG(m->bytes));
        }
        for (size_t cut = 1; cut <= m->bytes.len; cut++) {
            feed_in_steps(m, cut, m->bytes.len, &o);
            CHECK(same_outcome(whole, &o));
        }
    }
    scanner = usual;
}

/* A copy of exactly that size, so that a sanitizer sees a byte read behind it. */
static struct outcome feed(struct message m)
{
    static struct outcome whole;
    char *copy = malloc(m.bytes.len + 1);
    static char *last;

    memcpy(copy, m.bytes.at, m.bytes.len);
    free(last);
    last = realloc(copy, m.bytes.len > 0 ? m.bytes.len : 1);
    m.bytes.at = last;
    feed_all_ways(&m, &whole);
    return whole;
}

/* The framing in words: "none", "length 5", "chunked", "until close". */
static inline void put_framing(struct buf *b, const struct h1_head *h)
{
    switch (h->framing) {
    case H1_NO_BODY:
        buf_text(b, " none");
        break;
    case H1_LENGTH:
        buf_printf(b, " length %llu", (unsigned long long)h->content_length);
        break;
    case H1_CHUNKED:
        buf_text(b, " chunked");
        break;
    case H1_UNTIL_CLOSE:
        buf_text(b, " until close");
        break;
    }
    buf_text(b, h->keep_alive ? ", keep" : ", close");
    if (h->expect_continue)
        buf_text(b, ", expect");
    if (h->upgrade.at != NULL)
        buf_printf(b, ", upgrade %.*s", STR_ARG(h->upgrade));
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->fields[i].hop && h->fields[i].id == HTTP_UNKNOWN)
            buf_printf(b, ", hop %.*s", STR_ARG(h->fields[i].name));
}

/* What was read from a request, in a line: "GET /path?query at host, 1.1 none, keep". */
static inline const char *describe_request(const struct outcome *o, struct buf *b)
{
    const struct h1_head *h = &o->head;

    if (o->result <= 0)
        return o->result == 0 ? "more" : h1_error_word(o->error);
    b->len = 0;
    buf_printf(b, "%.*s %.*s", STR_ARG(h->method), STR_ARG(h->path));
    if (h->query.at != NULL)
        buf_printf(b, "?%.*s", STR_ARG(h->query));
    buf_printf(b, " at %.*s, 1.%u", STR_ARG(h->host), h->minor);
    put_framing(b, h);
    return buf_cstr(b);
}

/* "200 OK, 1.1 length 5, keep" */
static inline const char *describe_response(const struct outcome *o, struct buf *b)
{
    const struct h1_head *h = &o->head;

    if (o->result <= 0)
        return o->result == 0 ? "more" : h1_error_word(o->error);
    b->len = 0;
    buf_printf(b, "%u %.*s, 1.%u", h->status, STR_ARG(h->reason), h->minor);
    put_framing(b, h);
    return buf_cstr(b);
}

static inline struct outcome feed_request(struct str bytes, const struct h1_limits *limits)
{
    return feed((struct message){ .bytes = bytes, .limits = limits });
}

static inline struct outcome feed_response(
    struct str bytes, const struct h1_limits *limits, enum http_method request_method)
{
    return feed((struct message){
        .bytes = bytes, .limits = limits, .response = true, .request_method = request_method });
}

#endif
