/*
 * json_int - what the reader and the writer of JSON share.
 */
#ifndef WEIR_BASE_JSON_INT_H
#define WEIR_BASE_JSON_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Stands for itself inside a JSON text and is one byte of ASCII. */
static inline bool json_is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that needs an escape. */
static inline unsigned json_needs_escape_(__m128i v)
{
    /* Signed: control bytes and all above 0x7f are less than a space. */
    __m128i bad = _mm_or_si128(
        _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));

    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(bad);
}

/* All n bytes in one vector, n being 4 to 16: the ends overlap. */
static inline __m128i json_load_short_(const unsigned char *p, size_t n)
{
    uint64_t ends[2];
    uint32_t half[2];

    if (n >= 8) {
        memcpy(&ends[0], p, 8);
        memcpy(&ends[1], p + n - 8, 8);
    } else {
        memcpy(&half[0], p, 4);
        memcpy(&half[1], p + n - 4, 4);
        ends[0] = (uint64_t)half[0] << 32 | half[1];
        ends[1] = ends[0];
    }
    return _mm_set_epi64x((long long)ends[1], (long long)ends[0]);
}

/* How many of the first bytes need no escape. */
static inline size_t json_plain_run(const unsigned char *p, size_t n)
{
    size_t run = 0;

    for (; run + 16 <= n; run += 16) {
        unsigned mask =
            json_needs_escape_(_mm_loadu_si128((const __m128i *)(const void *)(p + run)));

        if (mask != 0)
            return run + (size_t)__builtin_ctz(mask);
    }
    if (n - run >= 4 && json_needs_escape_(json_load_short_(p + run, n - run)) == 0)
        return n;
    while (run < n && json_is_plain(p[run]))
        run++;
    return run;
}
#else
static inline size_t json_plain_run(const unsigned char *p, size_t n)
{
    size_t run = 0;

    while (run < n && json_is_plain(p[run]))
        run++;
    return run;
}
#endif

/* How many bytes at p are a number as RFC 8259 section 6 has it; 0: none. */
size_t json_number_length(const char *p, size_t n);

#endif
