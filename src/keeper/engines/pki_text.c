/*
 * pki_text - serial numbers, times, PEM and the like: how this engine spells things.
 */
#include <openssl/bio.h>
#include <stdio.h>

#include "base/hash.h"
#include "keeper/engines/pki_int.h"

struct str pki_base64(struct arena *a, struct str s)
{
    size_t room = (s.len + 2) / 3 * 4;
    char *to = arena_alloc(a, room + 1);

    EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)s.at, (int)s.len);
    return (struct str){ to, room };
}

struct str pki_pem(struct arena *a, const char *label, struct str der)
{
    struct str b64 = pki_base64(a, der);
    struct buf b;
    struct str out;

    buf_init(&b, b64.len + b64.len / 64 + 2 * strlen(label) + 64);
    buf_printf(&b, "-----BEGIN %s-----\n", label);
    for (size_t i = 0; i < b64.len; i += 64) {
        buf_add(&b, b64.at + i, b64.len - i < 64 ? b64.len - i : 64);
        buf_char(&b, '\n');
    }
    buf_printf(&b, "-----END %s-----", label);
    out = arena_str(a, buf_as_str(&b));
    buf_free(&b);
    return out;
}

struct str pki_serial_text(struct arena *a, struct str bytes)
{
    static const char hex[] = "0123456789abcdef";
    char *to;
    size_t n = 0;

    while (bytes.len > 1 && bytes.at[0] == '\0') {
        bytes.at++;
        bytes.len--;
    }
    to = arena_alloc(a, bytes.len * 3 + 1);
    for (size_t i = 0; i < bytes.len; i++) {
        if (i > 0)
            to[n++] = ':';
        to[n++] = hex[(uint8_t)bytes.at[i] >> 4];
        to[n++] = hex[(uint8_t)bytes.at[i] & 15];
    }
    return (struct str){ to, n };
}

struct str pki_serial(struct arena *a, const X509 *x)
{
    const ASN1_INTEGER *n = X509_get0_serialNumber(x);

    return pki_serial_text(
        a, (struct str){ (const char *)ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n) });
}

struct str pki_serial_read(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);
    size_t n = 0;

    if (s.len == 0 || s.len > 200)
        return STR_NONE;
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.at[i]);

        if (i % 3 == 2) {
            if (c != ':' && c != '-')
                return STR_NONE;
            to[n++] = ':';
        } else if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')) {
            to[n++] = c;
        } else {
            return STR_NONE;
        }
    }
    return s.len % 3 == 2 ? (struct str){ to, n } : STR_NONE;
}

struct str pki_uuid(struct arena *a)
{
    uint8_t b[16];

    random_bytes(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    return str_from(arena_printf(a,
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
        b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]));
}

/* ---- times ---- */

/* Days since 1970 of a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

struct str pki_rfc3339(struct arena *a, int64_t seconds)
{
    ASN1_TIME *t = ASN1_GENERALIZEDTIME_set(NULL, (time_t)seconds);
    struct tm tm = { 0 };
    struct str out = STR("");

    if (t != NULL && ASN1_TIME_to_tm(t, &tm) == 1)
        out = str_from(arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900,
            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec));
    ASN1_TIME_free(t);
    return out;
}

static bool number_at(struct str s, size_t at, size_t digits, uint64_t most, int64_t *to)
{
    uint64_t n;

    if (at + digits > s.len || !str_to_u64((struct str){ s.at + at, digits }, most, &n))
        return false;
    *to = (int64_t)n;
    return true;
}

bool pki_rfc3339_read(struct str s, int64_t *seconds)
{
    int64_t year;
    int64_t month;
    int64_t day;
    int64_t hour;
    int64_t minute;
    int64_t second;

    if (s.len < 20 || s.at[4] != '-' || s.at[7] != '-' || s.at[10] != 'T' || s.at[13] != ':' ||
        s.at[16] != ':' || s.at[s.len - 1] != 'Z')
        return false;
    if (!number_at(s, 0, 4, 9999, &year) || !number_at(s, 5, 2, 12, &month) ||
        !number_at(s, 8, 2, 31, &day) || !number_at(s, 11, 2, 23, &hour) ||
        !number_at(s, 14, 2, 59, &minute) || !number_at(s, 17, 2, 59, &second) || month == 0 ||
        day == 0 || (s.len > 20 && s.at[19] != '.'))
        return false;
    *seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

int64_t pki_time(const ASN1_TIME *t)
{
    struct tm tm = { 0 };

    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    return ((days_of(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * 24 + tm.tm_hour) * 60 +
               tm.tm_min) *
               60 +
           tm.tm_sec;
}

/* ---- names ---- */

bool pki_glob(struct str pattern, struct str s)
{
    size_t p = 0;
    size_t i = 0;
    size_t star = SIZE_MAX;
    size_t mark = 0;

    while (i < s.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            mark = i;
        } else if (p < pattern.len && pattern.at[p] == s.at[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

struct str pki_lower(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    to[s.len] = '\0';
    return (struct str){ to, s.len };
}

const char *pki_key_type(EVP_PKEY *pkey)
{
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_RSA:
        return "rsa";
    case EVP_PKEY_EC:
        return "ec";
    case EVP_PKEY_ED25519:
        return "ed25519";
    default:
        return NULL;
    }
}
