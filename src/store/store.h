/*
 * store - durable rows, found by a name that means nothing here.
 *
 * What the keeper writes down: it seals every row and blinds every name before
 * they come here.  A row has a 32-byte id, the id of the folder it is in, an optional time at
 * which it is due, and the number of the key that sealed it, so that rows can be listed by
 * folder, by time and by age of their key; the rest is opaque.
 *
 * This interface is engine-neutral: SQLite now (WAL, synchronous=FULL), a
 * database over libpq later.  A struct store is used by one thread; several on one file work
 * side by side (readers do not wait for the writer).
 */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum {
    STORE_ID = 32,
    STORE_ROW_MAX = 36 << 20,
    STORE_ROWS_BYTES =
        2 << 20, /* past it an answer holds fewer rows than were asked for, but one at least */
};

struct row {
    uint8_t id[STORE_ID];
    uint8_t folder[STORE_ID];
    int64_t due;     /* milliseconds since 1970, or 0: never */
    uint32_t term;   /* which key sealed it */
    struct str name; /* sealed, a few dozen bytes */
    struct str data; /* sealed */
};

struct store;

/* Makes the file when it is not there. err ids store_open, store_corrupt, store_version. */
struct store *store_open(const char *path, bool read_only, struct err *err);
void store_close(struct store *s);

/* 1 there (texts in the arena), 0 not there, -1 err: store_io, store_full, store_corrupt. */
int store_get(
    struct store *s, const uint8_t id[STORE_ID], struct arena *a, struct row *out, struct err *err);
/* Of one folder, ordered by id, those past `after` (NULL: from the start); without data. -1 or how many. */
int store_list(struct store *s, const uint8_t folder[STORE_ID], const uint8_t *after,
    struct arena *a, struct row *out, int at_most, struct err *err);
/* due > 0 and <= now, the earliest first; without data. */
int store_due(
    struct store *s, int64_t now, struct arena *a, struct row *out, int at_most, struct err *err);
/* Sealed with a key before `term`; whole rows. */
int store_older(
    struct store *s, uint32_t term, struct arena *a, struct row *out, int at_most, struct err *err);
/* All rows ordered by id past `after`; whole rows: for backups. */
int store_scan(struct store *s, const uint8_t *after, struct arena *a, struct row *out, int at_most,
    struct err *err);

/* Reads from now on see one moment, until it is let go. -1: err. */
int store_hold(struct store *s, bool on, struct err *err);

enum change_kind {
    CHANGE_PUT = 1,
    CHANGE_DELETE,
    CHANGE_DELETE_FOLDER /* rows whose folder is id */
};
struct change {
    enum change_kind kind;
    struct row row; /* DELETE: id alone */
};

/* All or nothing, durable when it returns 0. err ids store_io, store_full. */
int store_commit(struct store *s, const struct change *changes, size_t n, struct err *err);

/* Pages of the log that readers still need and the database has not got: as of the last commit. */
unsigned store_log_pages(const struct store *s);
/* Moves what it can from the log into the database, beside the writer; from a struct store of its own. Nothing is lost when it fails. */
int store_checkpoint(struct store *s, struct err *err);

struct store_stats {
    uint64_t rows;
    uint64_t bytes;
};
int store_get_stats(struct store *s, struct store_stats *out, struct err *err);

#endif
