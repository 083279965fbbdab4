/*
 * label - see label_int.h.
 */
#include "watch/label_int.h"

/* Length of the valid UTF-8 sequence at the start of s, or 0.  RFC 3629 section 4. */
static size_t sequence_length(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t len;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (s.len < len || p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

size_t label_clean(struct str value, char *to, size_t max)
{
    size_t used = 0;

    while (value.len > 0) {
        size_t n = sequence_length(value);
        struct str piece = n > 0 ? (struct str){ value.at, n } : STR("\xef\xbf\xbd");

        if (piece.len > max - used)
            break;
        memcpy(to + used, piece.at, piece.len);
        used += piece.len;
        n += n == 0;
        value = (struct str){ value.at + n, value.len - n };
    }
    return used;
}
