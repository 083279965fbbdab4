/*
 * token, target and value for a vector of WIDTH bytes; included only by
 * scan.c, which defines VARIANT(name), TARGET and the few operations below.
 *
 *     VEC, LOAD(p), SET(c), EQ(a, b), OR(a, b), AND(a, b), SUB(a, b), MIN(a, b)
 *     BITS(v)           one bit a byte, unsigned
 *     SMALLER(name)     the variant for fewer bytes than WIDTH
 */

/* 0xff for bytes from low to high, both included. */
TARGET static inline VEC VARIANT(range)(VEC v, char low, char high)
{
    VEC d = SUB(v, SET(low));

    return EQ(MIN(d, SET((char)(high - low))), d);
}

/* A quick yes for what names are made of; the rest of tchar is left to the table. */
TARGET static inline uint32_t VARIANT(not_word)(VEC v)
{
    VEC letter = VARIANT(range)(OR(v, SET(0x20)), 'a', 'z');
    VEC digit = VARIANT(range)(v, '0', '9');

    return ~BITS(OR(OR(letter, digit), EQ(v, SET('-')))) & ALL;
}

TARGET static inline uint32_t VARIANT(not_target)(VEC v)
{
    VEC visible = VARIANT(range)(v, 0x21, 0x7e);
    VEC quote_or_hash = EQ(OR(v, SET(1)), SET('#'));
    VEC angle = EQ(OR(v, SET(2)), SET('>'));
    VEC bad = OR(OR(quote_or_hash, angle), EQ(v, SET('\\')));

    return (~BITS(visible) & ALL) | BITS(bad);
}

TARGET static inline uint32_t VARIANT(control)(VEC v)
{
    uint32_t low = BITS(OR(EQ(MIN(v, SET(0x1f)), v), EQ(v, SET(0x7f))));

    return low & ~BITS(EQ(v, SET('\t')));
}

/*
 * The first byte from `at` whose bit is set in f().  The last, broken vector is
 * read so that it ends where the data ends, and the bytes before `at` shifted out.
 */
#define FIND(f, kind)                                                                              \
    uint32_t bits;                                                                                 \
                                                                                                   \
    for (; end - at >= WIDTH; at += WIDTH) {                                                       \
        bits = f(LOAD(data + at));                                                                 \
        if (bits != 0)                                                                             \
            return at + (uint32_t)__builtin_ctz(bits);                                             \
    }                                                                                              \
    if (at == end)                                                                                 \
        return end;                                                                                \
    if (end < WIDTH)                                                                               \
        return SMALLER(kind)(data, at, end);                                                       \
    bits = f(LOAD(data + end - WIDTH)) >> (WIDTH - (end - at));                                    \
    return bits != 0 ? at + (uint32_t)__builtin_ctz(bits) : end

TARGET static inline uint32_t VARIANT(word)(const char *data, uint32_t at, uint32_t end)
{
    FIND(VARIANT(not_word), token);
}

TARGET static inline uint32_t VARIANT(token)(const char *data, uint32_t at, uint32_t end)
{
    for (;;) {
        at = VARIANT(word)(data, at, end);
        if (at == end || !chars_has(data[at], CHAR_TOKEN))
            return at;
        at++;
    }
}

TARGET static inline uint32_t VARIANT(target)(const char *data, uint32_t at, uint32_t end)
{
    FIND(VARIANT(not_target), target);
}

TARGET static inline uint32_t VARIANT(value)(const char *data, uint32_t at, uint32_t end)
{
    FIND(VARIANT(control), value);
}

#undef FIND

/* One bit for each byte that is odd, or that makes the one before it so. */
TARGET static inline uint32_t VARIANT(odd)(VEC v)
{
    uint32_t escape = BITS(OR(EQ(v, SET('%')), EQ(v, SET('\\'))));
    uint32_t control = BITS(OR(EQ(MIN(v, SET(' ')), v), EQ(v, SET(0x7f))));
    uint32_t slash = BITS(EQ(v, SET('/')));
    uint32_t slash_or_dot = BITS(EQ(OR(v, SET(1)), SET('/')));

    return escape | control | (slash << 1 & slash_or_dot);
}

/* Vectors overlap by a byte, so that each pair of neighbours lies in one. */
TARGET static bool VARIANT(is_normal)(const char *path, size_t len)
{
    size_t at = 0;

    if (len < WIDTH)
        return SMALLER(is_normal)(path, len);
    for (; len - at >= WIDTH; at += WIDTH - 1)
        if (VARIANT(odd)(LOAD(path + at)) != 0)
            return false;
    return VARIANT(odd)(LOAD(path + len - WIDTH)) == 0;
}
