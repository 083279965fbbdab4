/*
 * Chunked bodies: the same data, trailers and end for every cut.
 *
 * The first byte of the input is the size of the pieces.
 */
#include "base/buf.h"
#include "base/bug.h"
#include "http/h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    struct buf read;
    size_t used;
    enum h1_chunk_event last;
    enum h1_error error;
};

static void read_in_steps(struct str in, size_t step, struct result *r)
{
    struct h1_chunks c;
    size_t len = 0;

    buf_init(&r->read, 1 << 22);
    h1_chunks_start(&c);
    r->used = 0;
    do {
        struct str data;
        size_t used;

        r->last = h1_chunks_next(&c, in.at + r->used, len - r->used, &used, &data);
        MUST(used <= len - r->used);
        r->used += used;
        if (r->last == H1_CHUNK_DATA || r->last == H1_CHUNK_TRAILER) {
            struct http_field f;

            buf_str(&r->read, data);
            if (r->last == H1_CHUNK_TRAILER && h1_trailer(data, &f))
                MUST(http_is_token(f.name) && http_is_field_value(f.value));
        } else if (r->last == H1_CHUNK_MORE) {
            if (len == in.len)
                break;
            len = in.len - len > step ? len + step : in.len;
        }
    } while (r->last != H1_CHUNK_END && r->last != H1_CHUNK_ERROR);
    r->error = c.error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct result whole, pieces;
    struct str in;

    if (size == 0)
        return 0;
    in = (struct str){ (const char *)data + 1, size - 1 };
    read_in_steps(in, in.len, &whole);
    read_in_steps(in, data[0] > 0 ? data[0] : 1, &pieces);
    MUST(whole.last == pieces.last && whole.error == pieces.error);
    MUST(str_eq(buf_as_str(&whole.read), buf_as_str(&pieces.read)));
    MUST(whole.last != H1_CHUNK_END || whole.used == pieces.used);
    buf_free(&whole.read);
    buf_free(&pieces.read);
    return 0;
}
