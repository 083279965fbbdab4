/*
 * seals - who can open the barrier: t-of-n shares, a key file, or both at once.
 *
 *     shares --Shamir--> key of shares --+
 *                                        +--each wraps--> root key --> keyring
 *     key file --BLAKE2b--> key of file -+
 *
 * The plain row "seal" says how many shares there are and holds the root key wrapped for each seal (XChaCha20-Poly1305); it
 * changes in one transaction with the keyring.  Any one of the seals opens.
 */
#ifndef WEIR_KEEPER_CORE_SEALS_INT_H
#define WEIR_KEEPER_CORE_SEALS_INT_H

#include "keeper/core/state_int.h"
#include "keeper/seal/shamir_int.h"

enum { SEAL_KEY = 32, SHARE_MAX = SEAL_KEY + 1 };

/* Shares that came so far; in secret memory. */
struct share_set {
    unsigned n;
    size_t len; /* of each */
    uint8_t *bytes;
    char nonce[40]; /* of this attempt; "" when none is under way */
};

struct seal_config {
    unsigned shares;
    unsigned threshold;
    bool file; /* there is a wrapping for a key file */
};

struct seals *seals_new(void);
void seals_free(struct seals *s);

/* Reads the row. 1 initialised, 0 not, -1 the store does not answer (or the row is unreadable). */
int seals_load(struct core *c);
const struct seal_config *seals_config(const struct core *c);
/* A key file's bytes, kept in secret memory; false: fewer than 32 bytes. */
bool seals_give_file(struct core *c, struct str bytes);
bool seals_has_file(const struct core *c);
/*
 * New shares for the barrier's root key, not in force yet.  shares: n x len bytes, in the arena.  Using them puts the row, with the
 * wrapping for the key file too, when we have one; the row that is durable counts again when the transaction fails.
 */
struct seal_draft;
struct seal_draft *seals_draft(struct core *c, struct arena *a, unsigned shares, unsigned threshold,
    uint8_t **bytes, size_t *len);
void seals_draft_free(struct seal_draft *d);
bool seals_draft_opens(const struct seal_draft *d, const struct share_set *s);
void seals_use_draft(struct core *c, struct tx *t, const struct seal_draft *d);
/* Wraps the root key for the key file too, when that is not so yet. */
void seals_add_file(struct core *c, struct tx *t);

/* Shares. False: *why (wrong length, came already). */
bool shares_add(struct share_set *s, struct str share, const char **why);
void shares_forget(struct share_set *s);
void shares_begin(struct share_set *s); /* forgets, and draws a nonce */
/* The unseal that is under way. */
struct share_set *seals_progress(struct core *c);
/* Do they open this keeper?  root gets its root key. */
bool seals_try_shares(struct core *c, const struct share_set *s, uint8_t root[SEAL_KEY]);
/* Opens the barrier and the core. False: *why. */
bool seals_open_with_shares(struct core *c, const struct share_set *s, const char **why);
bool seals_open_with_file(struct core *c, const char **why);

#endif
