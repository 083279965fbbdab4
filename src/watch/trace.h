/*
 * trace - W3C Trace Context (traceparent, Level 1) in and out.
 */
#ifndef WEIR_WATCH_TRACE_H
#define WEIR_WATCH_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { TRACEPARENT_LEN = 55 };

struct trace {
    uint64_t id[2];  /* trace id, big-endian halves; never both 0 */
    uint64_t parent; /* span id of the caller, 0: none */
    uint64_t span;   /* ours */
    bool sampled;
};

/* Of a traceparent header: false when it is malformed or version ff (then start a new one). */
bool trace_parse(struct str header, struct trace *out);
/* New ids; sampled with the given probability. */
void trace_new(struct trace *out, double sample);
/* A new span under the trace that was parsed: parent is kept, span is drawn. */
void trace_enter(struct trace *t);
/* "00-<32>-<16>-0x" with our span as the parent, into to[TRACEPARENT_LEN]; not terminated. */
void trace_format(const struct trace *t, char *to);
/* 32 hex digits of the id; not terminated. */
void trace_format_id(const struct trace *t, char *to);
/* 16 hex digits; not terminated. */
void trace_format_span(uint64_t span, char *to);

#endif
