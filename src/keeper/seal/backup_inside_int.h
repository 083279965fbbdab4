/*
 * backup_inside - what backup.c and restore.c share.
 */
#ifndef WEIR_KEEPER_SEAL_BACKUP_INSIDE_INT_H
#define WEIR_KEEPER_SEAL_BACKUP_INSIDE_INT_H

#include <openssl/evp.h>

#include "keeper/core/state_int.h"
#include "keeper/seal/backup_file_int.h"
#include "keeper/seal/backup_int.h"
#include "keeper/seal/inventory_int.h"

enum { SESSION_ID = 36 };

struct making {
    char id[SESSION_ID + 1];
    msec_t used;
    struct backup_writer *writer;
    struct arena arena; /* the manifest's inventory */
    struct value *inventory;
    EVP_MD_CTX *hash; /* over all rows */
    uint8_t after[32];
    uint64_t rows;
    uint64_t bytes;
    uint64_t next;    /* piece */
    struct buf piece; /* the one before, should it be asked for again */
    int64_t created;
    unsigned recipients;
    bool ended;
};

struct taking {
    char id[SESSION_ID + 1];
    enum taking_kind kind;
    msec_t used;
    struct core *core;
    struct backup_reader *reader;
    struct arena arena;      /* manifest, plain rows */
    uint8_t *root;           /* secret memory; NULL until it came */
    struct barrier *barrier; /* a drill's own; a restore uses the core's */
    struct entries *entries;
    struct str keyring;
    struct str seal;
    struct row *plain; /* other plain rows */
    size_t nplain;
    EVP_MD_CTX *hash;
    uint64_t rows;
    uint64_t received;
    uint64_t batch; /* holds the last row */
    struct str manifest;
    struct str signature;
    struct value *published;
    struct inventory *inventory; /* once it is verified */
    struct proofs proofs;
};

struct backups {
    struct making *making;
    struct taking *taking;
};

struct backups *backups_of(struct core *c);
void making_free(struct core *c, struct making *m);
void taking_free(struct taking *t);
/* The seed of the key that signs manifests, and its public key. */
void store_root_seed(const struct barrier *b, uint8_t seed[32]);
void store_root_public(const struct barrier *b, uint8_t pub[32]);

#endif
