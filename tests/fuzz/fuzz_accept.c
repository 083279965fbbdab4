/*
 * Accept on /metrics: any bytes give one of the formats, and what is put
 * behind a list that asks for JSON alone with a lower quality changes nothing.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bug.h"
#include "watch/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str accept = { (const char *)data, size };
    enum exposition e = exposition_negotiate(accept);
    struct buf more;

    MUST(e <= EXPOSITION_JSON && exposition_content_type(e) != NULL);
    buf_init(&more, size + 64);
    buf_text(&more, "application/json;q=0,");
    buf_str(&more, accept);
    MUST(exposition_negotiate(buf_as_str(&more)) == e);
    more.len = 0;
    buf_text(&more, "application/json;q=1,");
    buf_str(&more, accept);
    MUST(exposition_negotiate(buf_as_str(&more)) == EXPOSITION_JSON);
    buf_free(&more);
    return 0;
}
