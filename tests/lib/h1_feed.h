/*
 * h1_feed - gives a head to the parser in pieces, and compares what came out.
 *
 * For the unit tests and the fuzz targets; knows of no test framework.
 */
#ifndef WEIR_TESTS_H1_FEED_H
#define WEIR_TESTS_H1_FEED_H

#include "http/h1.h"
#include "http/scan_int.h"

struct outcome {
    int64_t result;
    enum h1_error error;
    size_t seen; /* bytes given when the outcome was known */
    struct h1_head head;
    struct http_field fields[H1_FIELDS_MAX];
    struct h1_parser parser;
};

struct message {
    struct str bytes;
    const struct h1_limits *limits;
    bool response;
    enum http_method request_method;
};

/* Calls h1_parse() at each multiple of step, and at the end; bytes must stay. */
static inline void feed_in_steps(
    const struct message *m, size_t first, size_t step, struct outcome *o)
{
    memset(o, 0, sizeof(*o));
    o->head.fields = o->fields;
    if (m->response)
        h1_response_start(&o->parser, &o->head, m->limits, m->request_method);
    else
        h1_request_start(&o->parser, &o->head, m->limits);
    for (size_t n = first; o->result == 0; n += step) {
        o->seen = n < m->bytes.len ? n : m->bytes.len;
        o->result = h1_parse(&o->parser, m->bytes.at, o->seen);
        o->error = o->parser.error;
        if (o->seen == m->bytes.len)
            break;
    }
}

static inline bool same_str(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || a.at == b.at);
}

/* Also the same places in memory. */
static inline bool same_outcome(const struct outcome *a, const struct outcome *b)
{
    const struct h1_head *x = &a->head;
    const struct h1_head *y = &b->head;

    if (a->result != b->result || a->error != b->error)
        return false;
    if (a->result <= 0)
        return true;
    for (unsigned i = 0; i < x->nfields && i < y->nfields; i++)
        if (!same_str(x->fields[i].name, y->fields[i].name) ||
            !same_str(x->fields[i].value, y->fields[i].value) ||
            x->fields[i].id != y->fields[i].id || x->fields[i].hop != y->fields[i].hop)
            return false;
    return same_str(x->method, y->method) && same_str(x->target, y->target) &&
           str_eq(x->path, y->path) && same_str(x->query, y->query) && same_str(x->host, y->host) &&
           same_str(x->reason, y->reason) && same_str(x->upgrade, y->upgrade) &&
           x->status == y->status && x->minor == y->minor && x->keep_alive == y->keep_alive &&
           x->expect_continue == y->expect_continue && x->framing == y->framing &&
           x->content_length == y->content_length && x->head_len == y->head_len &&
           x->nfields == y->nfields && memcmp(x->known, y->known, sizeof(x->known)) == 0;
}

#endif
