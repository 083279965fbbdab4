/*
 * shamir - t-of-n shares of a secret over GF(2^8), polynomial 0x11b, in Vault's layout: y bytes, then one x byte.
 *
 * Constant time in the secret: no tables indexed by it.  x are distinct, non-zero, in random order.
 */
#ifndef WEIR_KEEPER_SEAL_SHAMIR_INT_H
#define WEIR_KEEPER_SEAL_SHAMIR_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHAMIR_SHARES_MAX = 255 };

/* shares: n x (len + 1) bytes. 2 <= t <= n <= 255, len >= 1. */
void shamir_split(const uint8_t *secret, size_t len, unsigned n, unsigned t, uint8_t *shares);
/* False when fewer than two, or an x comes twice or is 0. A wrong share gives a wrong secret, not false. */
bool shamir_combine(const uint8_t *const *shares, unsigned n, size_t len, uint8_t *secret);

#endif
