/*
 * What the store and the core read off each other's links: changes and rows.
 *
 * Whatever is taken is inside the input, and written again gives the same bytes.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bug.h"
#include "store/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size };
    struct change c;

    while (rest.len > 0) {
        struct str from = rest;
        struct buf again;

        if (!wire_take_change(&rest, &c))
            return 0;
        MUST(c.kind >= CHANGE_PUT && c.kind <= CHANGE_DELETE_FOLDER);
        buf_init(&again, size + 1);
        buf_char(&again, (char)c.kind);
        wire_put_row(&again, &c.row);
        MUST(str_eq(buf_as_str(&again), (struct str){ from.at, from.len - rest.len }));
        buf_free(&again);
    }
    return 0;
}
