/*
 * backup - making backups, restoring them into an empty keeper, and drills that prove a backup without restoring it.
 *
 *     begin --> piece, piece, ... --> end            making: the caller fetches pieces of the file in order
 *     begin --> feed, feed, ... --> finish, finish   restoring and drilling: the caller sends the file, then asks until it is done
 *
 * One of each at a time; one that nobody asks for BACKUP_IDLE long is dropped.  Nothing takes longer than some 50 ms at
 * a time.  What a file must be stands in seal/backup_file_int.h.
 *
 * A restore writes rows as they come, and the keyring and the seals with the last transaction, once the file was whole,
 * its manifest signed and every key in it proven: until then the store counts as empty, and only another restore
 * may begin there.  A drill keeps the rows in memory (BACKUP_DRILL_MAX), opens them with the root key that is in the backup,
 * and holds every key against the live one.
 */
#ifndef WEIR_KEEPER_SEAL_BACKUP_INT_H
#define WEIR_KEEPER_SEAL_BACKUP_INT_H

#include "keeper/core/request_int.h"

enum {
    BACKUP_IDLE = 120000,   /* ms */
    BACKUP_FETCH = 2 << 20, /* bytes a piece has, about */
    BACKUP_FEED_MAX = 16 << 20,
    BACKUP_DRILL_MAX = 1 << 30,
    BACKUP_STEP = 50, /* ms */
};

struct backups;                       /* of a core */
void backups_free(struct backups *b); /* NULL is fine */
/* Each second: drops what is idle. */
void backups_tick(struct core *c);
/* The keeper is sealed: forgets all that holds a key. */
void backups_forget(struct core *c);

/* Is a restore under way, or was one begun and never finished, so that nothing else may be made in this store? */
bool backup_blocks_init(struct core *c);

/* Endpoints (sys/backup.c calls them; each says its answer). */
void backup_begin(struct request *r, const uint8_t *recipients, unsigned n);
void backup_piece(struct request *r, struct str id, uint64_t number);
void backup_cancel(struct request *r, struct str id);
/* The whole file as one answer; 413 when it would be too large for one. */
void backup_whole(struct request *r, const uint8_t *recipients, unsigned n);

enum taking_kind { TAKING_RESTORE, TAKING_DRILL };
void taking_begin(
    struct request *r, enum taking_kind kind, const uint8_t key[32], bool is_file_key);
void taking_feed(struct request *r, enum taking_kind kind, struct str id, uint64_t offset);
void taking_finish(struct request *r, enum taking_kind kind, struct str id);
void taking_cancel(struct request *r, enum taking_kind kind, struct str id);

/* Adds {last_backup, last_backup_rows, last_drill, last_drill_ok, last_drill_keys, restored} (seconds since 1970, absent: never) for health and metrics. */
void backup_observe(struct tx *t, struct value *to);

#endif
