/*
 * backup_file - the bytes of a backup: for whom it is sealed, and a stream of records inside.
 *
 *     "weir keeper backup 1\n" | length u32 | header | piece piece ... last piece
 *     header: value {created: msec, root: Ed25519 public key of the store, recipients: [{key: X25519, box: sealed file key}]}
 *     piece:  length u32 (bit 31: the last one) | AES-256-GCM(file key, nonce: number of the piece u64 | last u32) | tag 16,
 *             AAD: SHA-256 of all before the first piece
 *     inside: { kind u8 | length u32 | body } ...   'K' root key, 'R' row, 'M' manifest, 'S' signature over header and manifest
 *
 * Numbers are little-endian.  The file key is random for each backup, and sealed to each recipient as libsodium's
 * crypto_box_seal does (X25519, XSalsa20-Poly1305).  A file that was cut, joined or changed anywhere is refused.
 */
#ifndef WEIR_KEEPER_SEAL_BACKUP_FILE_INT_H
#define WEIR_KEEPER_SEAL_BACKUP_FILE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/value.h"

enum {
    BACKUP_KEY = 32,
    BACKUP_RECIPIENTS_MAX = 64,
    BACKUP_PIECE = 1 << 20,
    BACKUP_HEADER_MAX = 64 << 10,
    BACKUP_RECORD_MAX = 37 << 20,
    BACKUP_SIGNATURE = 64,
};

enum backup_record {
    BACKUP_ROOT = 'K',
    BACKUP_ROW = 'R',
    BACKUP_MANIFEST = 'M',
    BACKUP_SIGNED = 'S'
};

/* ---- writing ---- */

struct backup_writer;

/* recipients: n x 32 bytes. root: the store's public key. The header is in the output at once. NULL: some recipient is no public key. */
struct backup_writer *backup_writer_new(
    const uint8_t *recipients, unsigned n, const uint8_t root[BACKUP_KEY], int64_t created);
void backup_writer_free(struct backup_writer *w);
void backup_writer_add(struct backup_writer *w, enum backup_record kind, struct str body);
/* Adds the manifest and its signature by the seed of the store's root key, and ends the stream. */
void backup_writer_end(
    struct backup_writer *w, struct str manifest, const uint8_t seed[BACKUP_KEY]);
/* What has been sealed so far and not been taken; the caller consumes it. */
struct buf *backup_writer_output(struct backup_writer *w);

/* ---- reading ---- */

struct backup_reader;
struct backup_handler {
    /* false: err says why it is refused. body is borrowed. */
    bool (*on_record)(void *arg, enum backup_record kind, struct str body, struct err *err);
    void *arg;
};

/* key: the private key of a recipient, or, when `is_file_key`, the file key itself. */
struct backup_reader *backup_reader_new(
    const uint8_t key[BACKUP_KEY], bool is_file_key, const struct backup_handler *h);
void backup_reader_free(struct backup_reader *r);
/* The next bytes of the file. False: it is refused, for good. err ids backup_format, backup_recipient, backup_damaged, backup_limit. */
bool backup_reader_feed(struct backup_reader *r, struct str bytes, struct err *err);
/* Has the last piece come, and nothing behind it? */
bool backup_reader_is_whole(const struct backup_reader *r);
/* Once the header has come; the keys are zeros before. */
int64_t backup_reader_created(const struct backup_reader *r);
const uint8_t *backup_reader_root(const struct backup_reader *r);
/* Is that the signature of the root key that the header names, over this header and manifest? */
bool backup_reader_is_signed(
    const struct backup_reader *r, struct str manifest, struct str signature);

#endif
