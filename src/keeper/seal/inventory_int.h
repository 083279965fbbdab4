/*
 * inventory - every key in a keeper's entries, and the proof that a copy of it works.
 *
 * Keys are found where the engines keep them: versions of transit keys, and keys of certificate authorities.  What is
 * proved is told by struct proofs: a signing key of the copy signs a fresh challenge that the LIVE public key
 * verifies; what a live symmetric key encrypts the copy decrypts, and MACs are equal.  A key that is not live any more is
 * held against the public key in the backup's manifest.
 */
#ifndef WEIR_KEEPER_SEAL_INVENTORY_INT_H
#define WEIR_KEEPER_SEAL_INVENTORY_INT_H

#include "base/time.h"
#include "keeper/core/entries_int.h"

struct inventory;

/* Lists the keys' names. NULL: the entries cannot be read. e is borrowed. */
struct inventory *inventory_new(struct entries *e);
void inventory_free(struct inventory *v);
unsigned inventory_keys(const struct inventory *v);
/* {mount id: {path, engine, keys: {name: [{version, type, public: SPKI DER}]}}}; NULL: they cannot be read. *after: the batch that must be durable. */
struct value *inventory_describe(struct inventory *v, struct arena *a, uint64_t *after);

struct proofs {
    unsigned keys;     /* versions, those below together */
    unsigned signing;  /* a signature was verified */
    unsigned sealing;  /* symmetric: decrypted, or MACs equal */
    unsigned not_live; /* of those: held against the manifest, or tested alone */
    unsigned failed;
    unsigned missing;       /* in the manifest, and not in the copy */
    struct value *failures; /* LIST of texts "transit/receipts version 3: ..." */
};

/* A piece of work of about that long. live NULL: there is none (a restore). published: of the manifest. True: all is done. */
bool inventory_prove(struct inventory *v, struct entries *live, const struct value *published,
    struct arena *a, msec_t at_most, struct proofs *to);

#endif
