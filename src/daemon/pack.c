/*
 * pack - see pack.h.
 */
#include "daemon/pack.h"

void pack_u32(struct buf *b, uint32_t n)
{
    unsigned char bytes[4];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(n >> 8 * i);
    buf_add(b, bytes, sizeof(bytes));
}

void pack_u64(struct buf *b, uint64_t n)
{
    pack_u32(b, (uint32_t)n);
    pack_u32(b, (uint32_t)(n >> 32));
}

void pack_str(struct buf *b, struct str s)
{
    pack_u32(b, (uint32_t)s.len);
    buf_str(b, s);
}

void pack_text(struct buf *b, const char *s)
{
    pack_str(b, str_from(s));
}

uint32_t unpack_u32(struct unpack *u)
{
    uint32_t n = 0;

    if (u->bad || u->rest.len < 4) {
        u->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < 4; i++)
        n |= (uint32_t)(unsigned char)u->rest.at[i] << 8 * i;
    u->rest.at += 4;
    u->rest.len -= 4;
    return n;
}

uint64_t unpack_u64(struct unpack *u)
{
    uint64_t low = unpack_u32(u);

    return low | (uint64_t)unpack_u32(u) << 32;
}

struct str unpack_str(struct unpack *u)
{
    uint32_t n = unpack_u32(u);
    struct str s;

    if (u->bad || n > u->rest.len || (n > 0 && memchr(u->rest.at, '\0', n) != NULL)) {
        u->bad = true;
        return STR("");
    }
    s = (struct str){ u->rest.at, n };
    u->rest.at += n;
    u->rest.len -= n;
    return s;
}

bool unpack_done(const struct unpack *u)
{
    return !u->bad && u->rest.len == 0;
}
