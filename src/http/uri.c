/*
 * uri - the one form of a path, and query strings.
 *
 * Most paths are normal already, and one scan says so; whatever looks unusual
 * goes the exact way, byte by byte.
 */
#include "http/uri.h"

#include "http/chars_int.h"
#include "http/scan_int.h"

/*
 * The byte at *i, decoded.  *escaped: '/', '\\' or '%' that must stay an escape.
 * False for a bad escape, %00, and what may not stand in a path as it is.
 */
static bool decode(struct str raw, size_t *i, char *c, bool *escaped)
{
    *c = raw.at[*i];
    *escaped = false;
    if (*c != '%') {
        (*i)++;
        return *c != '\\' && (unsigned char)*c > ' ' && *c != 0x7f;
    }
    if (raw.len - *i < 3 || !chars_has(raw.at[*i + 1], CHAR_HEX) ||
        !chars_has(raw.at[*i + 2], CHAR_HEX))
        return false;
    *c = (char)(chars_hex[(unsigned char)raw.at[*i + 1]] << 4 |
                chars_hex[(unsigned char)raw.at[*i + 2]]);
    *i += 3;
    *escaped = *c == '/' || *c == '\\' || *c == '%';
    return *c != '\0';
}

/* The length of a slash or backslash at i that is escaped once (%2F) or twice (%252F), or 0. */
static size_t escaped_slash(struct str s, size_t i)
{
    struct str digits = { s.at + i, 2 };
    size_t n = 3;

    if (s.len - i < 3 || s.at[i] != '%')
        return 0;
    if (s.len - i >= 5 && s.at[i + 1] == '2' && s.at[i + 2] == '5')
        n = 5;
    digits.at += n - 2;
    return str_eq_nocase(digits, STR("2f")) || str_eq_nocase(digits, STR("5c")) ? n : 0;
}

static bool behind_escaped_slash(struct str s, size_t i)
{
    return (i >= 3 && escaped_slash(s, i - 3) == 3) || (i >= 5 && escaped_slash(s, i - 5) == 5);
}

/*
 * Is there a ".." in the segment that other servers may see: before a path
 * parameter ("..;x"), or beside an escaped slash ("..%2Fx")?
 */
static bool hides_parent(struct str segment)
{
    for (size_t i = 0; i + 2 <= segment.len; i++) {
        size_t after = i + 2;

        if (segment.at[i] == '.' && segment.at[i + 1] == '.' &&
            (i == 0 || behind_escaped_slash(segment, i)) &&
            (after == segment.len || segment.at[after] == ';' || escaped_slash(segment, after) > 0))
            return true;
    }
    return false;
}

/* The last segment of the path of n bytes begins there. */
static size_t segment_start(const char *path, size_t n)
{
    while (path[n - 1] != '/')
        n--;
    return n;
}

/*
 * The last segment of the path of *n bytes is complete: an empty one and "." go,
 * ".." takes the one before it along.  `last`: no '/' follows.  False when that
 * climbs above the root, or hides a "..".
 */
static bool end_segment(char *to, size_t *n, bool last)
{
    size_t from = segment_start(to, *n);
    struct str segment = { to + from, *n - from };

    if (str_is(segment, "..")) {
        if (from == 1)
            return false;
        *n = segment_start(to, from - 1);
    } else if (str_is(segment, ".")) {
        *n = from;
    } else if (hides_parent(segment)) {
        return false;
    } else if (segment.len > 0 && !last) {
        to[(*n)++] = '/';
    }
    return true;
}

static bool normalize(struct str raw, char *to, struct str *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 1;
    size_t i = 1;

    to[0] = '/';
    while (i < raw.len) {
        bool escaped;
        char c;

        if (!decode(raw, &i, &c, &escaped))
            return false;
        if (escaped) {
            to[n++] = '%';
            to[n++] = hex[(unsigned char)c >> 4];
            to[n++] = hex[(unsigned char)c & 15];
        } else if (c != '/') {
            to[n++] = c;
        } else if (!end_segment(to, &n, false)) {
            return false;
        }
    }
    if (!end_segment(to, &n, true))
        return false;
    *out = (struct str){ to, n };
    if (str_eq(*out, raw))
        *out = raw;
    return true;
}

bool uri_normalize_path(struct str raw, char *to, struct str *out)
{
    if (raw.len == 0 || raw.at[0] != '/')
        return false;
    if (!scanner->is_normal(raw.at, raw.len))
        return normalize(raw, to, out);
    *out = raw;
    return true;
}

bool uri_query_next(struct str *query, struct str *name, struct str *value)
{
    while (query->len > 0) {
        struct str pair = str_cut(*query, '&', query);

        if (pair.len == 0)
            continue;
        *name = str_cut(pair, '=', value);
        if (value->at == NULL)
            *value = (struct str){ pair.at + pair.len, 0 };
        return true;
    }
    return false;
}

size_t uri_query_decode(struct str s, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];

        if (c == '%' && s.len - i > 2 && chars_has(s.at[i + 1], CHAR_HEX) &&
            chars_has(s.at[i + 2], CHAR_HEX)) {
            c = (char)(chars_hex[(unsigned char)s.at[i + 1]] << 4 |
                       chars_hex[(unsigned char)s.at[i + 2]]);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        to[n++] = c;
    }
    return n;
}
