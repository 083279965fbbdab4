/*
 * crypto vectors - what the tests of the keeper's cryptography share: bytes in hexadecimal, and one published RSA key.
 */
#ifndef WEIR_TESTS_CRYPTO_VECTORS_H
#define WEIR_TESTS_CRYPTO_VECTORS_H

#include <stdlib.h>

#include "base/str.h"
#include "keeper/crypto/key_int.h"

enum { HEX_MAX = 4096 };

/* The bytes of a hexadecimal text, in one of a few static rooms. */
static struct str hex(const char *text)
{
    static uint8_t rooms[16][HEX_MAX];
    static unsigned next;
    uint8_t *to = rooms[next++ % 16];
    size_t n = strlen(text) / 2;

    for (size_t i = 0; i < n; i++) {
        char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };

        to[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return (struct str){ (char *)to, n };
}

static bool is_hex(struct str got, const char *want)
{
    return str_eq(got, hex(want));
}

/* Project Wycheproof's 2048-bit key. */
#define RSA_P                                                                                      \
    "dc431050f782e894fb5248247d98cb7d58b8d1e24f3b55d041c56e4de086b0d5bb028bda42eeb5d234d5681e5809" \
    "d415e6a289ad4cfbf78f978f6c35814f50eebff1c5b80a69f788e81e6bab5ddaa78369d659d143ec6f17e79813a5" \
    "75cfad9c569156b90113e2e9110ad9e7b48a1c9348a6e653321191290ea36cfb3a5b18f1"
#define RSA_Q                                                                                      \
    "bd1a81e7977f9898122273ae3222b598ea5fb19eb4eabc38308a5e32196603b2e500ffb79f5b886816611debc472" \
    "fac45544070beb057c941378a6868af3b7a03d3f9880ec47d5e089b94fbde542aba9ae8d72c57088d7abf5b131f3" \
    "9098f7bc160f90536abc9492fd4e06f3ed7299d4b97bb03677207d95669f140cfbc20f25"

static struct crypto_key *rsa(void)
{
    struct err err;

    return crypto_from_primes(KEY_RSA_2048, hex("010001"), hex(RSA_P), hex(RSA_Q), &err);
}

#endif
