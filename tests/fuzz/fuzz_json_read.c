/*
 * JSON: what is read and written again reads as the same, as text and in binary.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bug.h"
#include "base/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err err = { 0 };
    struct value *v;
    struct value *again;
    struct buf b;

    arena_init(&a, 1 << 14);
    buf_init(&b, 1 << 24);
    v = json_read(&a, (struct str){ (const char *)data, size }, 2000, &err);
    if (v == NULL) {
        MUST(err.id != NULL && err.text[0] != '\0');
    } else {
        json_write(v, &b);
        again = json_read(&a, buf_as_str(&b), 2000, &err);
        MUST(again != NULL && value_equal(v, again));
        buf_clear(&b);
        value_encode(v, &b);
        again = value_decode(&a, buf_as_str(&b), 2000);
        MUST(again != NULL && value_equal(v, again));
    }
    buf_free(&b);
    arena_free(&a);
    return 0;
}
