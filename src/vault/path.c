/*
 * path - paths, queries and parameters as Vault reads them, and stricter where two readings are possible.
 *
 * A path is decoded once, here, and never again: what the core compares with policies is what it opens.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "http/uri.h"
#include "vault/vault_int.h"

enum { OCSP_BASE64_LEAST = 60 }; /* the shortest request that names a certificate has more */

bool vault_refuse(struct refusal *r, int status, const char *fmt, ...)
{
    va_list ap;

    r->status = status;
    va_start(ap, fmt);
    vsnprintf(r->text, sizeof(r->text), fmt, ap);
    va_end(ap);
    return false;
}

/* ---- paths ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX alone: '+' is itself in a path. */
static bool decode(struct str raw, char *to, size_t *len)
{
    size_t n = 0;

    for (size_t i = 0; i < raw.len; i++) {
        int high;
        int low;

        if (raw.at[i] != '%') {
            to[n++] = raw.at[i];
            continue;
        }
        if (raw.len - i < 3)
            return false;
        high = hex_value(raw.at[i + 1]);
        low = hex_value(raw.at[i + 2]);
        if (high < 0 || low < 0)
            return false;
        to[n++] = (char)(high << 4 | low);
        i += 2;
    }
    *len = n;
    return true;
}

static bool is_printable(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t i = 0;

    while (i < s.len) {
        size_t n = utf8_length(p + i, s.len - i);

        if (n == 0 || p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && p[i + 1] < 0xa0))
            return false;
        i += n;
    }
    return true;
}

/* In place: segments that are empty go, but for the '/' at the end. False: "." or "..". */
static bool squeeze(char *text, size_t *len)
{
    struct str rest = { text, *len };
    bool open_end = *len > 0 && text[*len - 1] == '/';
    size_t n = 0;

    while (rest.at != NULL) {
        struct str segment = str_cut(rest, '/', &rest);

        if (segment.len == 0)
            continue;
        if (str_is(segment, ".") || str_is(segment, ".."))
            return false;
        if (n > 0)
            text[n++] = '/';
        memmove(text + n, segment.at, segment.len);
        n += segment.len;
    }
    if (open_end && n > 0)
        text[n++] = '/';
    *len = n;
    return true;
}

static bool is_base64(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = ascii_lower(s.at[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/' && c != '=')
            return false;
    }
    return true;
}

/*
 * An OCSP request in a GET is base64 behind "ocsp/" (RFC 6960 appendix A.1), where "//" are two of its digits: they become
 * those of base64url, which the parser reads too.  A path of anything else has no such segment.
 */
static void keep_base64(char *text, size_t len)
{
    static const char mark[] = "/ocsp/M"; /* DER begins with SEQUENCE */
    char *at = memmem(text, len, mark, sizeof(mark) - 1);
    struct str rest;

    if (at == NULL)
        return;
    at += sizeof(mark) - 2;
    rest = (struct str){ at, len - (size_t)(at - text) };
    if (rest.len < OCSP_BASE64_LEAST || !is_base64(rest) ||
        memmem(rest.at, rest.len, "//", 2) == NULL)
        return;
    for (size_t i = 0; i < rest.len; i++)
        if (at[i] == '/')
            at[i] = '_';
}

bool vault_path(struct arena *a, struct str raw, struct str *path, struct refusal *r)
{
    char *text = arena_alloc(a, raw.len + 1);
    size_t len;

    if (!decode(raw, text, &len))
        return vault_refuse(r, 400, "invalid URL escape in the path");
    if (!is_printable((struct str){ text, len }))
        return vault_refuse(r, 400, "path contains unprintable characters");
    keep_base64(text, len);
    if (!squeeze(text, &len))
        return vault_refuse(r, 400, "path cannot contain parent references");
    if (len <= 3 || memcmp(text, "v1/", 3) != 0)
        return vault_refuse(r, 404, "%s", "");
    *path = (struct str){ text + 3, len - 3 };
    return true;
}

/* ---- queries ---- */

static struct str decode_query(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    return (struct str){ to, uri_query_decode(s, to) };
}

static void add_parameter(struct arena *a, struct value *to, struct str name, struct value *v)
{
    struct value *old = value_find(to, name);

    if (old == NULL) {
        value_put_named(a, to, name, v);
    } else if (old->kind == VALUE_LIST) {
        value_add(old, v);
    } else {
        struct value *list = value_list(a);

        value_add(list, value_text(a, old->text));
        value_add(list, v);
        value_set(a, to, name, list);
    }
}

bool vault_query(struct arena *a, struct str query, struct value *to, struct refusal *r)
{
    struct str name;
    struct str value;

    for (unsigned n = 0; uri_query_next(&query, &name, &value); n++) {
        if (n >= VAULT_QUERY_MAX)
            return vault_refuse(r, 400, "more than %d query parameters", VAULT_QUERY_MAX);
        name = decode_query(a, name);
        if (name.len > 0)
            add_parameter(a, to, name, value_text(a, decode_query(a, value)));
    }
    return true;
}

/* ---- words ---- */

bool vault_parse_bool(struct str s, bool *to)
{
    static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
    static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (str_is(s, yes[i]) || str_is(s, no[i])) {
            *to = str_is(s, yes[i]);
            return true;
        }
    }
    return false;
}

static double unit_seconds(struct str unit)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {
        { "s", 1 },
        { "m", 60 },
        { "h", 3600 },
        { "d", 86400 },
        { "ms", 1e-3 },
        { "us", 1e-6 },
        { "ns", 1e-9 },
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (str_is(unit, units[i].name))
            return units[i].seconds;
    return 0;
}

static size_t run_of(struct str s, bool digits)
{
    size_t n = 0;

    while (n < s.len && ((s.at[n] >= '0' && s.at[n] <= '9') || s.at[n] == '.') == digits)
        n++;
    return n;
}

bool vault_parse_seconds(struct str s, uint32_t *seconds)
{
    double total = 0;

    s = str_trim(s);
    if (s.len == 0 || s.len > 64)
        return false;
    while (s.len > 0) {
        char number[65];
        char *end;
        size_t n = run_of(s, true);
        size_t m = run_of((struct str){ s.at + n, s.len - n }, false);
        double factor = m > 0 ? unit_seconds((struct str){ s.at + n, m }) : 1;

        if (n == 0 || factor == 0 || (m == 0 && total > 0))
            return false;
        memcpy(number, s.at, n);
        number[n] = '\0';
        total += strtod(number, &end) * factor;
        if (end != number + n)
            return false;
        s = (struct str){ s.at + n + m, s.len - n - m };
    }
    if (!(total <= VAULT_WRAP_TTL_MAX))
        return false;
    *seconds = (uint32_t)ceil(total);
    return true;
}
