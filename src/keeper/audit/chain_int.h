/*
 * chain - the arithmetic of the audit journal: what a record's hash is, the Merkle tree over them, and its signed heads.
 *
 *     hash of a record = SHA-256( 0 | hash of the record before | its line up to ,"hash": )
 *
 * That is the leaf hash of RFC 6962 section 2.1 with the chain in it: one hash a record serves both.  The first record's
 * predecessor is 32 zero bytes.  Pure; shared by the keeper and the offline verifier.
 */
#ifndef WEIR_KEEPER_AUDIT_CHAIN_INT_H
#define WEIR_KEEPER_AUDIT_CHAIN_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum {
    CHAIN_HASH = 32,
    CHAIN_HEX = 64,
    CHAIN_KEY = 32, /* Ed25519, public */
    CHAIN_SECRET = 64,
    CHAIN_SIGNATURE = 64,
    CHAIN_PEAKS = 64,
    CHAIN_SUFFIX = 75, /* ,"hash":"<64 hex>"} */
    CHAIN_TIME = 32,
};

void chain_leaf(const uint8_t before[CHAIN_HASH], struct str text, uint8_t out[CHAIN_HASH]);
void chain_hex(const uint8_t *bytes, size_t n, char *to); /* lower case, no NUL */
bool chain_unhex(struct str hex, uint8_t *to, size_t n);  /* lower case, exactly n bytes */

/* All leaves added so far, as the roots of the perfect trees they make up: peaks[i] has 2^i leaves where bit i of size is set. */
struct chain_tree {
    uint64_t size;
    uint8_t peaks[CHAIN_PEAKS][CHAIN_HASH];
};
void chain_tree_add(struct chain_tree *t, const uint8_t leaf[CHAIN_HASH]);
/* RFC 6962 section 2.1. */
void chain_tree_root(const struct chain_tree *t, uint8_t out[CHAIN_HASH]);

/* A record as it stands in the journal, without the line's end. */
struct chain_line {
    uint64_t seq;
    struct str text; /* what is hashed */
    uint8_t hash[CHAIN_HASH];
};
/* {"seq":N, ... ,"hash":"..."}: false when it does not begin and end so. */
bool chain_line_read(struct str line, struct chain_line *out);

/* What a head says of all records before it. */
struct chain_head {
    char time[CHAIN_TIME]; /* RFC 3339 */
    struct chain_tree tree;
    uint8_t last[CHAIN_HASH]; /* the hash of the newest record */
    uint8_t key[CHAIN_KEY];
    uint8_t signature[CHAIN_SIGNATURE];
};
/* The signed text: "weir audit head", size, time, root, last: each a line. */
void chain_head_sign(struct chain_head *h, const uint8_t secret[CHAIN_SECRET]);
/* By the key it names: the caller decides whether that is the right one. */
bool chain_head_verify(const struct chain_head *h);
/* From "type" on: "type":"head","size":... "peaks":[...]. */
void chain_head_write(const struct chain_head *h, struct buf *to);
/* Of a whole line; false: it is no head, or one whose root is not that of its peaks. */
bool chain_head_read(struct str line, struct chain_head *out);
/* A quick look. */
bool chain_is_head(struct str line);

/* HMAC-SHA256 under a key that is kept; the struct holds it and belongs in secret memory. */
struct chain_mac;
struct chain_mac *chain_mac_new(const uint8_t key[CHAIN_HASH]);
void chain_mac_free(struct chain_mac *m); /* wipes; NULL is fine */
void chain_mac(const struct chain_mac *m, struct str text, uint8_t out[CHAIN_HASH]);

#endif
