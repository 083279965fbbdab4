/*
 * hash - a keyed hash for tables that outsiders can fill, and random bits.
 *
 * hash_bytes() is SipHash-1-3: an outsider who does not know the seed cannot
 * choose keys that collide.  The seed is drawn once per process.
 */
#ifndef WEIR_BASE_HASH_H
#define WEIR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Seeded per process; differs between runs. */
uint64_t hash_bytes(const void *p, size_t n);
/* Not seeded: the same everywhere and for ever.  For consistent hashing. */
uint64_t hash_stable(const void *p, size_t n);

/* From the kernel, for keys and ids that must not be guessed; never fails. */
void random_bytes(void *p, size_t n);
/* Fast, per thread, not for secrets. */
uint64_t random_u64(void);
/* 0 <= result < n; n > 0. */
uint64_t random_below(uint64_t n);

#endif
