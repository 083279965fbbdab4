/*
 * hash - see hash.h.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/bug.h"
#include "base/hash.h"

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void draw_seed(void)
{
    random_bytes(seed, sizeof(seed));
}

static inline uint64_t rotl(uint64_t x, unsigned b)
{
    return x << b | x >> (64 - b);
}

/* Inlined, the four words stay in registers. */
static inline __attribute__((always_inline)) void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static uint64_t siphash13(const uint64_t key[2], const void *p, size_t n)
{
    uint64_t v[4] = { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 };
    const unsigned char *in = p;
    uint64_t last = (uint64_t)n << 56;
    uint64_t word;

    for (; n >= 8; in += 8, n -= 8) {
        memcpy(&word, in, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)in[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_bytes(const void *p, size_t n)
{
    pthread_once(&seed_once, draw_seed);
    return siphash13(seed, p, n);
}

uint64_t hash_stable(const void *p, size_t n)
{
    static const uint64_t key[2] = { 0x77656972, 0x77656972 };

    return siphash13(key, p, n);
}

void random_bytes(void *p, size_t n)
{
    char *to = p;

    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        MUST(got > 0);
        to += got;
        n -= (size_t)got;
    }
}

uint64_t random_u64(void)
{
    static _Thread_local uint64_t s[2]; /* xoroshiro128+ */
    uint64_t a;
    uint64_t b;

    if (__builtin_expect((s[0] | s[1]) == 0, 0))
        random_bytes(s, sizeof(s));
    a = s[0];
    b = s[1] ^ a;
    s[0] = rotl(a, 24) ^ b ^ b << 16;
    s[1] = rotl(b, 37);
    return a + (b ^ a);
}

uint64_t random_below(uint64_t n)
{
    __extension__ typedef unsigned __int128 u128;

    MUST(n > 0);
    return (uint64_t)(((u128)random_u64() * n) >> 64);
}
