/*
 * audit verify - reads an audit journal, without the keeper and without its secrets, and says what is wrong with it.
 *
 * Finds any record that was changed, dropped, reordered, repeated or cut off: by the chain of hashes, by the signed
 * heads of the Merkle tree, and by the keeper's note of its newest head.  What it cannot find: that somebody who has the keeper's
 * data folder put an older copy of all of it back; compare the head with one that you kept elsewhere for that.
 * The format: docs/internals/audit.md.
 */
#ifndef WEIR_KEEPER_AUDIT_VERIFY_H
#define WEIR_KEEPER_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum audit_finding_kind {
    AUDIT_CHANGED,      /* a record is not what was written */
    AUDIT_MISSING,      /* records are not there */
    AUDIT_OUT_OF_ORDER, /* a record comes at the wrong place, or twice */
    AUDIT_UNREADABLE,   /* a line is no record */
    AUDIT_BAD_HEAD, /* a head is not signed by the key, or says something else than the records */
    AUDIT_CUT,      /* the end is missing */
    AUDIT_SEGMENT, /* a file of the journal is missing or does not begin where the one before ends */
    AUDIT_FINDING_KINDS,
};
/* "changed", "missing" ... */
const char *audit_finding_word(enum audit_finding_kind kind);

struct audit_finding {
    enum audit_finding_kind kind;
    uint64_t seq; /* the first record it is about; 0: none */
    const char *segment;
    uint64_t line;    /* of the segment, from 1; 0: none */
    const char *text; /* a sentence */
};

struct audit_verify_options {
    /* The folder with the segments, or the keeper's data folder with audit/ in it; there the keeper's note is read too. */
    const char *folder;
    const uint8_t *
        key; /* 32 bytes: the key that must have signed; NULL: the one that the note names, or the first head */
    struct str
        head; /* a head line that was kept elsewhere: the journal must hold what it says; or len 0 */
    void (*on_finding)(void *arg, const struct audit_finding *f); /* may be NULL */
    void *arg;
};

struct audit_verdict {
    uint64_t findings;
    uint64_t records; /* lines that are records, heads among them */
    uint64_t first;   /* their numbers; 0: there are none */
    uint64_t last;
    uint64_t heads;   /* that are signed as they should */
    uint64_t covered; /* the newest record under such a head; those behind it are not signed yet */
    uint64_t
        noted; /* the newest record that the keeper's note (or the given head) knows; 0: there is none */
    uint64_t segments;
    uint64_t bytes;
    bool has_key;
    uint8_t key[32];
    char first_time[32];
    char last_time[32];
    char head[4096]; /* the newest good head, as it stands there: keep it elsewhere */
};

/* 0: all was read; the journal is whole when there are no findings. -1: err audit_open, audit_read, audit_head (the given one is none). */
int audit_verify(
    const struct audit_verify_options *o, struct audit_verdict *verdict, struct err *err);

#endif
