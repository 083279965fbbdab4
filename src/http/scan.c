/*
 * scan - see scan_int.h.
 *
 * The plain variant is the definition; a unit test holds the others to it.
 */
#include "http/scan_int.h"

#include "http/chars_int.h"

#define PLAIN(name, test)                                                                          \
    static uint32_t name##_plain(const char *data, uint32_t at, uint32_t end)                      \
    {                                                                                              \
        while (at < end && (test))                                                                 \
            at++;                                                                                  \
        return at;                                                                                 \
    }
PLAIN(token, chars_has(data[at], CHAR_TOKEN))
PLAIN(target, chars_has(data[at], CHAR_TARGET))
PLAIN(value, !chars_has(data[at], CHAR_CONTROL))
#undef PLAIN

static bool is_normal_plain(const char *path, size_t len)
{
    char before = 'x';

    for (size_t i = 0; i < len; i++) {
        char c = path[i];

        if (c == '%' || c == '\\' || (unsigned char)c <= ' ' || c == 0x7f ||
            (before == '/' && (c == '/' || c == '.')))
            return false;
        before = c;
    }
    return true;
}

/* name: [line, colon), value: (colon, stop) without white space at its ends. */
static inline void scan_add_field(
    struct h1_head *h, const char *data, uint32_t line, uint32_t colon, uint32_t stop)
{
    struct http_field *f = &h->fields[h->nfields++];
    uint32_t from = colon + 1;

    while (from < stop && (data[from] == ' ' || data[from] == '\t'))
        from++;
    while (stop > from && (data[stop - 1] == ' ' || data[stop - 1] == '\t'))
        stop--;
    f->name = (struct str){ data + line, colon - line };
    f->value = (struct str){ data + from, stop - from };
}

#define VARIANT(f) f##_plain
#define TARGET
#include "http/scan_fields_int.h"
#undef VARIANT
#undef TARGET

static const struct scanner plain = { "plain", token_plain, target_plain, value_plain,
    is_normal_plain, fields_plain };

/* Instruction sets are the one thing here that the platform decides. */
#if defined(__x86_64__)
#include <immintrin.h>

#define VARIANT(f) f##_sse2
#define SMALLER(f) f##_plain
#define TARGET
#define WIDTH     16
#define ALL       0xffffu
#define VEC       __m128i
#define LOAD(p)   _mm_loadu_si128((const __m128i *)(const void *)(p))
#define SET(c)    _mm_set1_epi8(c)
#define EQ(a, b)  _mm_cmpeq_epi8(a, b)
#define OR(a, b)  _mm_or_si128(a, b)
#define SUB(a, b) _mm_sub_epi8(a, b)
#define MIN(a, b) _mm_min_epu8(a, b)
#define BITS(v)   (uint32_t) _mm_movemask_epi8(v)
#include "http/scan_vector_int.h"
/* Uses what is above, hence behind it. */
#include "http/scan_fields_int.h"
#undef VARIANT
#undef TARGET
#undef WIDTH
#undef ALL
#undef VEC
#undef LOAD
#undef SET
#undef EQ
#undef OR
#undef SUB
#undef MIN
#undef BITS

#undef SMALLER
#define VARIANT(f) f##_avx2
#define SMALLER(f) f##_sse2
#define TARGET     __attribute__((target("avx2,bmi,bmi2")))
#define WIDTH      32
#define ALL        0xffffffffu
#define VEC        __m256i
#define LOAD(p)    _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define SET(c)     _mm256_set1_epi8(c)
#define EQ(a, b)   _mm256_cmpeq_epi8(a, b)
#define OR(a, b)   _mm256_or_si256(a, b)
#define SUB(a, b)  _mm256_sub_epi8(a, b)
#define MIN(a, b)  _mm256_min_epu8(a, b)
#define BITS(v)    (uint32_t) _mm256_movemask_epi8(v)
#include "http/scan_vector_int.h"
/* Uses what is above, hence behind it. */
#include "http/scan_fields_int.h"

static const struct scanner sse2 = { "sse2", token_sse2, target_sse2, value_sse2, is_normal_sse2,
    fields_sse2 };
static const struct scanner avx2 = { "avx2", token_avx2, target_avx2, value_avx2, is_normal_avx2,
    fields_avx2 };

unsigned scanner_list(const struct scanner *list[], unsigned room)
{
    unsigned n = 0;

    __builtin_cpu_init();
    if (n < room)
        list[n++] = &plain;
    if (n < room)
        list[n++] = &sse2;
    if (n < room && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        list[n++] = &avx2;
    return n;
}
#else
unsigned scanner_list(const struct scanner *list[], unsigned room)
{
    if (room > 0)
        list[0] = &plain;
    return room > 0;
}
#endif

const struct scanner *scanner = &plain;

/* Before main(), so that threads find it made and never write it. */
__attribute__((constructor)) static void choose(void)
{
    const struct scanner *list[8];

    scanner = list[scanner_list(list, 8) - 1];
}
