/*
 * encode - see encode_int.h.
 */
#include <sodium.h>

#include "base/hash.h"
#include "base/time.h"
#include "keeper/core/encode_int.h"

static struct str encode(struct arena *a, struct str bytes, int variant)
{
    size_t room = sodium_base64_ENCODED_LEN(bytes.len, variant);
    char *to = arena_alloc(a, room);

    sodium_bin2base64(to, room, (const unsigned char *)bytes.at, bytes.len, variant);
    return (struct str){ to, strlen(to) };
}

static bool decode(struct arena *a, struct str text, struct str *bytes, int variant)
{
    char *to = arena_alloc(a, text.len / 4 * 3 + 4);
    size_t len = 0;

    if (text.len > 0 && sodium_base642bin((unsigned char *)to, text.len / 4 * 3 + 3, text.at,
                            text.len, "\r\n", &len, NULL, variant) != 0)
        return false;
    to[len] = '\0';
    *bytes = (struct str){ to, len };
    return true;
}

struct str encode_base64(struct arena *a, struct str bytes)
{
    return encode(a, bytes, sodium_base64_VARIANT_ORIGINAL);
}

bool decode_base64(struct arena *a, struct str text, struct str *bytes)
{
    return decode(a, text, bytes, sodium_base64_VARIANT_ORIGINAL);
}

struct str encode_base64url(struct arena *a, struct str bytes)
{
    return encode(a, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool decode_base64url(struct arena *a, struct str text, struct str *bytes)
{
    if (text.len > 0 && text.at[text.len - 1] == '=')
        return decode(a, text, bytes, sodium_base64_VARIANT_URLSAFE);
    return decode(a, text, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

struct str encode_hex(struct arena *a, struct str bytes)
{
    char *to = arena_alloc(a, bytes.len * 2 + 1);

    sodium_bin2hex(to, bytes.len * 2 + 1, (const unsigned char *)bytes.at, bytes.len);
    return (struct str){ to, bytes.len * 2 };
}

bool decode_hex(struct arena *a, struct str text, struct str *bytes)
{
    char *to = arena_alloc(a, text.len / 2 + 1);
    size_t len = 0;

    if (text.len % 2 != 0)
        return false;
    if (text.len > 0 &&
        sodium_hex2bin((unsigned char *)to, text.len / 2, text.at, text.len, NULL, &len, NULL) != 0)
        return false;
    if (len != text.len / 2)
        return false;
    to[len] = '\0';
    *bytes = (struct str){ to, len };
    return true;
}

struct str encode_uuid(struct arena *a, const uint8_t bytes[16])
{
    static const uint8_t dash_before[16] = { [4] = 1, [6] = 1, [8] = 1, [10] = 1 };
    static const char digits[] = "0123456789abcdef";
    char *to = arena_alloc(a, 37);
    size_t len = 0;

    for (size_t i = 0; i < 16; i++) {
        if (dash_before[i])
            to[len++] = '-';
        to[len++] = digits[bytes[i] >> 4];
        to[len++] = digits[bytes[i] & 15];
    }
    to[len] = '\0';
    return (struct str){ to, len };
}

struct str random_uuid(struct arena *a)
{
    uint8_t bytes[16];

    random_bytes(bytes, sizeof(bytes));
    return encode_uuid(a, bytes);
}

struct str random_base62(struct arena *a, size_t n)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    enum { EVEN = 248 }; /* the largest multiple of 62 in a byte: above it bytes are drawn again */
    char *to = arena_alloc(a, n + 1);
    unsigned char drawn[64];
    size_t at = sizeof(drawn);
    size_t len = 0;

    while (len < n) {
        if (at == sizeof(drawn)) {
            random_bytes(drawn, sizeof(drawn));
            at = 0;
        }
        if (drawn[at] < EVEN)
            to[len++] = digits[drawn[at] % 62];
        at++;
    }
    sodium_memzero(drawn, sizeof(drawn));
    to[n] = '\0';
    return (struct str){ to, n };
}

struct str time_text(struct arena *a, int64_t seconds)
{
    char text[25];

    time_format_rfc3339((usec_t)(seconds > 0 ? seconds : 0) * 1000000, text);
    return str_from(arena_printf(a, "%.19sZ", text));
}

struct str time_text_fine(struct arena *a, int64_t msec)
{
    char text[25];

    time_format_rfc3339((usec_t)(msec > 0 ? msec : 0) * 1000, text);
    return str_from(arena_printf(a, "%.23s000000Z", text));
}
