/*
 * Responses: the outcome is the same under every set of instructions and for
 * every cut.
 *
 * The first byte of the input is the size of the pieces, the second the method
 * of the request that is answered.
 */
#include "base/bug.h"
#include "h1_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct outcome *o, enum http_method method)
{
    const struct h1_head *h = &o->head;
    bool bodiless = h->status < 200 || h->status == 204 || h->status == 304 ||
                    method == HTTP_HEAD || (method == HTTP_CONNECT && h->status < 300);

    MUST(h->status >= 100 && h->status <= 599);
    MUST(bodiless == (h->framing == H1_NO_BODY));
    MUST(h->framing != H1_UNTIL_CLOSE || !h->keep_alive);
    MUST(h->known[HTTP_CONTENT_LENGTH] == 0 || h->known[HTTP_TRANSFER_ENCODING] == 0);
    for (unsigned i = 0; i < h->nfields; i++)
        MUST(http_is_token(o->fields[i].name) && http_is_field_value(o->fields[i].value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h1_limits limits = { .max_head = 2048, .max_uri = 512, .max_fields = 24 };
    static struct outcome whole, pieces;
    const struct scanner *list[8];
    struct message m = { .limits = &limits, .response = true };
    unsigned n = scanner_list(list, 8);
    size_t step;

    if (size < 2)
        return 0;
    step = data[0] > 0 ? data[0] : 1;
    m.request_method = (enum http_method)(data[1] % (HTTP_PATCH + 1));
    m.bytes = (struct str){ (const char *)data + 2, size - 2 };
    scanner = list[0];
    feed_in_steps(&m, m.bytes.len, 1, &whole);
    for (unsigned i = 0; i < n; i++) {
        scanner = list[i];
        feed_in_steps(&m, step, step, &pieces);
        MUST(same_outcome(&whole, &pieces));
    }
    if (whole.result > 0)
        check_accepted(&whole, m.request_method);
    return 0;
}
