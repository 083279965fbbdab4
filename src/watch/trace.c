/*
 * trace - see trace.h.
 *
 * Of version 00 we want exactly what Level 1 says; of a later version the same
 * first four fields and nothing of what follows them (section 3.2.3 and 3.2.4).
 */
#include "watch/trace.h"
#include "base/hash.h"

enum { FLAG_SAMPLED = 1 };

/* Lower-case hexadecimal, n <= 16 digits. */
static bool read_hex(const char *at, unsigned n, uint64_t *out)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < n; i++) {
        char c = at[i];

        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *out = value;
    return true;
}

/*
 * Sixteen hex digits without a loop: each half's nibbles are spread over the
 * bytes of a word and turned into digits all at once.  Every request needs
 * this several times.
 */
static uint64_t hex_of_half(uint32_t half)
{
    uint64_t x = __builtin_bswap32(half);
    uint64_t past_nine;

    x = (x << 16 & 0x0000ffff00000000) | (x & 0xffff);
    x = (x << 8 | x) & 0x00ff00ff00ff00ff;
    x = (x >> 4 & 0x000f000f000f000f) | (x & 0x000f000f000f000f) << 8;
    past_nine = (x + 0x0606060606060606) >> 4 & 0x0101010101010101;
    return x + 0x3030303030303030 + past_nine * ('a' - '0' - 10);
}

static void write_hex(uint64_t value, char *to)
{
    uint64_t digits[2] = { hex_of_half((uint32_t)(value >> 32)), hex_of_half((uint32_t)value) };

    memcpy(to, digits, sizeof(digits));
}

/* version "-" trace-id "-" parent-id "-" flags */
bool trace_parse(struct str header, struct trace *out)
{
    struct trace t = { 0 };
    const char *at = header.at;
    uint64_t version;
    uint64_t flags;

    if (header.len < TRACEPARENT_LEN)
        return false;
    if (at[2] != '-' || at[35] != '-' || at[52] != '-')
        return false;
    if (!read_hex(at, 2, &version) || version == 0xff)
        return false;
    if (header.len > TRACEPARENT_LEN && (version == 0 || at[TRACEPARENT_LEN] != '-'))
        return false;
    if (!read_hex(at + 3, 16, &t.id[0]) || !read_hex(at + 19, 16, &t.id[1]) ||
        !read_hex(at + 36, 16, &t.parent) || !read_hex(at + 53, 2, &flags))
        return false;
    if ((t.id[0] | t.id[1]) == 0 || t.parent == 0)
        return false;
    t.sampled = (flags & FLAG_SAMPLED) != 0;
    *out = t;
    return true;
}

static uint64_t random_not_zero(void)
{
    uint64_t n;

    do
        n = random_u64();
    while (n == 0);
    return n;
}

void trace_new(struct trace *out, double sample)
{
    out->id[0] = random_u64();
    out->id[1] = random_not_zero();
    out->parent = 0;
    out->span = random_not_zero();
    out->sampled = (double)(random_u64() >> 11) * 0x1p-53 < sample;
}

void trace_enter(struct trace *t)
{
    t->span = random_not_zero();
}

void trace_format_id(const struct trace *t, char *to)
{
    write_hex(t->id[0], to);
    write_hex(t->id[1], to + 16);
}

void trace_format_span(uint64_t span, char *to)
{
    write_hex(span, to);
}

void trace_format(const struct trace *t, char *to)
{
    to[0] = '0';
    to[1] = '0';
    to[2] = '-';
    trace_format_id(t, to + 3);
    to[35] = '-';
    trace_format_span(t->span, to + 36);
    to[52] = '-';
    to[53] = '0';
    to[54] = t->sampled ? '1' : '0';
}
