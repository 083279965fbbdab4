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
 * The byte at *i, decoded.  *escaped: '/' or '\\' that must stay an escape.
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
    *escaped = *c == '/' || *c == '\\';
    return *c != '\0';
}

/*
 * The segment that ends the path of n bytes is complete: an empty one goes, "."
 * goes, ".." takes the one before it along.  `last`: no '/' follows, so that
 * what is left keeps its own.  False when that climbs above the root, also by
 * "..;x", which servers with path parameters read as "..".
 */
static bool end_segment(char *to, size_t *n, bool last)
{
    size_t from = *n;
    size_t len;

    while (to[from - 1] != '/')
        from--;
    len = *n - from;
    if (len >= 2 && to[from] == '.' && to[from + 1] == '.' && (len == 2 || to[from + 2] == ';')) {
        if (from == 1 || len > 2)
            return false;
        from--;
        while (to[from - 1] != '/')
            from--;
        *n = from;
    } else if (len == 1 && to[from] == '.') {
        *n = from;
    } else if (len > 0 && !last) {
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
