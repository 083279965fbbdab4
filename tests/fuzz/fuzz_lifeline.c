/*
 * The bodies of messages over a lifeline: a role that was taken over may send the parent anything.
 * What is read must also come out the same when it is packed again.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "daemon/gather.h"
#include "daemon/processes.h"
#include "daemon/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(struct str body, const struct buf *again)
{
    MUST(str_eq(body, buf_as_str(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = { (const char *)data, size };
    struct process_spec spec;
    struct process_usage usage;
    struct start start;
    struct plan plan;
    struct arena a;
    struct buf b;

    arena_init(&a, 4096);
    buf_init(&b, size + 1);
    if (start_unpack(body, &a, &start)) {
        start_pack(&start, &b);
        same(body, &b);
    }
    b.len = 0;
    if (plan_unpack(body, &a, &plan)) {
        plan_pack(&plan, &b);
        same(body, &b);
    }
    b.len = 0;
    if (process_spec_unpack(body, &a, &spec)) {
        process_spec_pack(&spec, &b);
        same(body, &b);
    }
    while (gathered_next(&body, &usage))
        MUST(body.len < size);
    buf_free(&b);
    arena_free(&a);
    return 0;
}
