/*
 * barrier - what seals every row: a keyring under a root key, which seals unlock.
 *
 *     seal (shares, key file ...) => root key => keyring of terms => rows
 *
 * The root key is wrapped once for each seal; any one of them opens it.  Rows are AES-256-GCM under a term's key:
 *     version u8 1 | term u32 | nonce 12 | ciphertext | tag 16,  AAD: "weir row" | "name" or "data" | blinded id | folder id | all before the ciphertext
 * Nonces are random 96 bits mixed with a counter that starts anew at each unseal, so that neither fork nor a
 * restored snapshot repeats one; a term is renewed long before 2^32 seals (CREATE at 2^31).  Names are blinded by
 * HMAC-SHA256 under the name key, which lives as long as the barrier.  After a rotation old rows are sealed anew in the
 * background and the old term is then destroyed.
 * Everything secret lies in secret memory (seal/memory.h).
 */
#ifndef WEIR_KEEPER_SEAL_BARRIER_INT_H
#define WEIR_KEEPER_SEAL_BARRIER_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
    BARRIER_KEY = 32,
    BARRIER_OVERHEAD = 33,
    BLIND = 32,
    BARRIER_UNCOUNTED =
        1
        << 22, /* seals that may go uncounted before a keyring is packed anew; added when one is opened */
};

struct barrier;

struct barrier *barrier_new(void);
void barrier_free(struct barrier *b);
bool barrier_is_open(const struct barrier *b);

/* A new root key and keyring (init). */
void barrier_create(struct barrier *b);
/* Forgets and wipes all keys. */
void barrier_close(struct barrier *b);
/* The keyring, sealed under the root key, for the store's row "core/keyring"; and opening with it.  err ids barrier_key, barrier_corrupt. */
void barrier_pack(const struct barrier *b, struct buf *to);
int barrier_open(
    struct barrier *b, const uint8_t root[BARRIER_KEY], struct str packed, struct err *err);
/* The root key, for wrapping it for a seal; and replacing it (rekey of the root: the caller packs and wraps anew). */
const uint8_t *barrier_root(const struct barrier *b);
void barrier_new_root(struct barrier *b);

/* Which part of a row. */
enum sealed_part { SEALED_NAME, SEALED_DATA };
void barrier_blind(struct barrier *b, struct str path, uint8_t out[BLIND]);
void barrier_seal(struct barrier *b, const uint8_t id[BLIND], const uint8_t folder[BLIND],
    enum sealed_part part, struct str plain, struct buf *to);
/* Into `to`, which is at least sealed.len long. False: not what was sealed there (corrupt, swapped, of an unknown term). */
bool barrier_unseal(struct barrier *b, const uint8_t id[BLIND], const uint8_t folder[BLIND],
    enum sealed_part part, struct str sealed, char *to, size_t *len);

/* Terms. */
uint32_t barrier_term(const struct barrier *b); /* the one that seals */
uint32_t barrier_oldest(const struct barrier *b);
int64_t barrier_term_made(const struct barrier *b);  /* seconds since 1970 */
uint64_t barrier_term_used(const struct barrier *b); /* seals made with it */
void barrier_rotate(struct barrier *b);
void barrier_destroy_before(struct barrier *b, uint32_t term);

/*
 * The state of the keys, for going back when a keyring could not be written down: a copy in secret
 * memory; NULL is a closed barrier.  barrier_restore() borrows it.
 */
struct barrier_state;
struct barrier_state *barrier_snapshot(const struct barrier *b);
void barrier_restore(struct barrier *b, const struct barrier_state *s);
void barrier_state_free(struct barrier_state *s);

/* A key for one purpose, made from the root of the keyring: audit HMACs, token salt ... 32 bytes, the same as long as the barrier lives. */
void barrier_derive(const struct barrier *b, const char *purpose, uint8_t out[BARRIER_KEY]);
/* HMAC-SHA256(key, kind | 0 | text); needs no barrier. */
void barrier_digest(
    const uint8_t key[BARRIER_KEY], const char *kind, struct str text, uint8_t out[BARRIER_KEY]);

#endif
