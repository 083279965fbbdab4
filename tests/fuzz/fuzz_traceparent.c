/*
 * traceparent: what is taken can be written and read again, and keeps its trace.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bug.h"
#include "watch/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace t;
    struct trace again;
    char text[TRACEPARENT_LEN];

    if (!trace_parse((struct str){ (const char *)data, size }, &t))
        return 0;
    MUST(size >= TRACEPARENT_LEN && (t.id[0] | t.id[1]) != 0 && t.parent != 0);
    trace_enter(&t);
    trace_format(&t, text);
    /* Version and flags are ours, the trace id is the caller's, byte for byte. */
    MUST(memcmp(text + 2, data + 2, 34) == 0);
    MUST(trace_parse((struct str){ text, sizeof(text) }, &again));
    MUST(again.id[0] == t.id[0] && again.id[1] == t.id[1]);
    MUST(again.parent == t.span && again.sampled == t.sampled);
    return 0;
}
