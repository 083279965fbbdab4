/*
 * wire - rows and numbers as messages.h lays them out, for both ends of the store's links.
 *
 * Taking is bounded by what is left: a message that lies about a length is refused.
 */
#ifndef WEIR_STORE_WIRE_H
#define WEIR_STORE_WIRE_H

#include "base/buf.h"
#include "store/store.h"

enum { WIRE_ROW_LEAST = 2 * STORE_ID + 8 + 4 + 4 + 4 };

void wire_put_u32(struct buf *to, uint32_t n);
void wire_put_u64(struct buf *to, uint64_t n);
void wire_put_row(struct buf *to, const struct row *r);

/* Each takes from the front of *from; false when that is too short: then *from is of no more use. Texts are borrowed. */
bool wire_take_u32(struct str *from, uint32_t *n);
bool wire_take_u64(struct str *from, uint64_t *n);
bool wire_take_bytes(struct str *from, void *to, size_t n);
bool wire_take_row(struct str *from, struct row *r);
/* kind u8 | row, of STORE_COMMIT. */
bool wire_take_change(struct str *from, struct change *c);

#endif
