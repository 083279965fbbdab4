/*
 * journal - an append-only file in segments: the audit log.
 *
 *     folder/00000000000000000000.jsonl   the bytes from 0 on
 *     folder/00000000000067112960.jsonl   ... the last one grows
 *
 * A segment's name is where it begins in the whole, so that the journal is one run of bytes whatever was archived.  It
 * holds whole lines without NUL: opening cuts off what a crash has left half written.
 * One thread appends (and opens and closes); any may read the tail.
 */
#ifndef WEIR_STORE_JOURNAL_H
#define WEIR_STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum { JOURNAL_SEGMENT = 64 << 20, JOURNAL_TAIL_MAX = 8 << 20 };

struct journal;

/* Makes the folder when it is not there. err ids journal_open, journal_locked. segment: bytes after which a new one begins. */
struct journal *journal_open(const char *folder, uint64_t segment, struct err *err);
void journal_close(struct journal *j); /* NULL is fine */

/* All or nothing. err ids journal_full, journal_io: nothing was appended; the next append tries again. */
int journal_append(struct journal *j, struct str bytes, struct err *err);
/* Everything appended is on the disk when it returns 0.  After -1 nobody knows what is: the journal must be closed. */
int journal_sync(struct journal *j, struct err *err);

uint64_t journal_size(const struct journal *j);
/* The last bytes of the whole, at most `most`; across segments. From any thread. */
int journal_tail(const struct journal *j, uint32_t most, struct buf *to, struct err *err);

#endif
