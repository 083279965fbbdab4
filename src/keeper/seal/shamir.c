/*
 * shamir - see shamir_int.h.
 *
 * Each byte of the secret is the constant term of a random polynomial of degree t-1 over GF(2^8); a share is
 * its value at one x.  Products are made bit by bit with masks, inverses as a^254: no table, no branch on a secret.
 */
#include "base/bug.h"
#include "base/hash.h"
#include "keeper/seal/memory_int.h"
#include "keeper/seal/shamir_int.h"

static uint8_t product(uint8_t a, uint8_t b)
{
    unsigned x = a;
    unsigned sum = 0;

    for (unsigned bit = 0; bit < 8; bit++) {
        sum ^= x & (0U - (b >> bit & 1U));
        x = x << 1 ^ (0x11bU & (0U - (x >> 7 & 1U)));
    }
    return (uint8_t)sum;
}

/* a^254; 0 for 0. */
static uint8_t inverse(uint8_t a)
{
    uint8_t power = a;
    uint8_t result = 1;

    for (unsigned bit = 1; bit < 8; bit++) {
        power = product(power, power);
        result = product(result, power);
    }
    return result;
}

/* The numbers 1..255 in random order. */
static void draw_places(uint8_t x[SHAMIR_SHARES_MAX])
{
    for (unsigned i = 0; i < SHAMIR_SHARES_MAX; i++)
        x[i] = (uint8_t)(i + 1);
    for (unsigned i = SHAMIR_SHARES_MAX - 1; i > 0; i--) {
        uint32_t r;
        unsigned j;
        uint8_t was = x[i];

        random_bytes(&r, sizeof(r));
        j = r % (i + 1);
        x[i] = x[j];
        x[j] = was;
    }
}

void shamir_split(const uint8_t *secret, size_t len, unsigned n, unsigned t, uint8_t *shares)
{
    uint8_t x[SHAMIR_SHARES_MAX];
    uint8_t *term; /* coefficients of one byte's polynomial */

    MUST(len >= 1 && t >= 2 && t <= n && n <= SHAMIR_SHARES_MAX);
    draw_places(x);
    term = secret_alloc(t);
    for (size_t at = 0; at < len; at++) {
        term[0] = secret[at];
        random_bytes(term + 1, t - 1);
        for (unsigned i = 0; i < n; i++) {
            uint8_t y = 0;

            for (unsigned k = t; k-- > 0;)
                y = product(y, x[i]) ^ term[k];
            shares[i * (len + 1) + at] = y;
        }
    }
    for (unsigned i = 0; i < n; i++)
        shares[i * (len + 1) + len] = x[i];
    secret_free(term);
}

bool shamir_combine(const uint8_t *const *shares, unsigned n, size_t len, uint8_t *secret)
{
    if (n < 2 || n > SHAMIR_SHARES_MAX)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (shares[i][len] == 0)
            return false;
        for (unsigned k = 0; k < i; k++) {
            if (shares[k][len] == shares[i][len])
                return false;
        }
    }
    for (size_t at = 0; at < len; at++)
        secret[at] = 0;
    for (unsigned i = 0; i < n; i++) {
        uint8_t weight = 1; /* Lagrange's basis at 0; in this field minus is plus */

        for (unsigned k = 0; k < n; k++) {
            if (k != i)
                weight = product(
                    weight, product(shares[k][len], inverse(shares[k][len] ^ shares[i][len])));
        }
        for (size_t at = 0; at < len; at++)
            secret[at] ^= product(weight, shares[i][at]);
    }
    return true;
}
