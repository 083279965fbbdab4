/*
 * json_read - see json_read.h.
 *
 * One pass, by recursion as deep as the limit allows.  A text without escapes is
 * not copied.  Names are compared only when a map is complete: small ones each
 * with each, larger ones by a hash table, so that a million equal names cost no
 * more than a million others.
 */
#include <stdlib.h>

#include "base/auto.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_int.h"
#include "base/json_read.h"
#include "base/utf8.h"

enum { FEW_NAMES = 16 };

struct reader {
    struct arena *arena;
    const char *start;
    const char *at;
    const char *end;
    uint32_t nodes;  /* still allowed */
    const char *why; /* NULL until something is wrong, at `at` */
};

static bool wrong(struct reader *r, const char *why)
{
    if (r->why == NULL)
        r->why = why;
    return false;
}

static int peek(const struct reader *r)
{
    return r->at < r->end ? (unsigned char)*r->at : -1;
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take_word(struct reader *r, struct str word)
{
    if ((size_t)(r->end - r->at) < word.len || memcmp(r->at, word.at, word.len) != 0)
        return wrong(r, "expected a value");
    r->at += word.len;
    return true;
}

/* ---- numbers ---- */

static size_t digits(const char *p, size_t n, size_t at)
{
    size_t from = at;

    while (at < n && p[at] >= '0' && p[at] <= '9')
        at++;
    return at - from;
}

size_t json_number_length(const char *p, size_t n)
{
    size_t at = n > 0 && p[0] == '-' ? 1 : 0;
    size_t run = digits(p, n, at);

    if (run == 0 || (p[at] == '0' && run > 1))
        return 0;
    at += run;
    if (at < n && p[at] == '.') {
        run = digits(p, n, at + 1);
        if (run == 0)
            return 0;
        at += 1 + run;
    }
    if (at < n && (p[at] == 'e' || p[at] == 'E')) {
        at++;
        if (at < n && (p[at] == '+' || p[at] == '-'))
            at++;
        run = digits(p, n, at);
        if (run == 0)
            return 0;
        at += run;
    }
    return at;
}

/* ---- texts ---- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind \u, -1 when they are not. */
static int32_t take_hex(struct reader *r)
{
    int32_t code = 0;

    if (r->end - r->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(r->at[i]);

        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    r->at += 4;
    return code;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* Behind "\u". NULL: wrong. */
static char *take_unicode(struct reader *r, char *to)
{
    int32_t high = take_hex(r);
    int32_t low;

    if (high < 0) {
        wrong(r, "expected four hexadecimal digits behind \\u");
        return NULL;
    }
    if (high < 0xd800 || high > 0xdfff)
        return put_utf8(to, (uint32_t)high);
    if (high <= 0xdbff && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u') {
        r->at += 2;
        low = take_hex(r);
        if (low >= 0xdc00 && low <= 0xdfff)
            return put_utf8(
                to, 0x10000 + ((uint32_t)(high - 0xd800) << 10 | (uint32_t)(low - 0xdc00)));
    }
    wrong(r, "half of a surrogate pair stands alone");
    return NULL;
}

/* Behind the backslash. NULL: wrong. */
static char *take_escape(struct reader *r, char *to)
{
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    const char *found;
    int c = peek(r);

    if (c == 'u') {
        r->at++;
        return take_unicode(r, to);
    }
    found = c > 0 ? memchr(names, c, sizeof(names) - 1) : NULL;
    if (found == NULL) {
        wrong(r, "no such escape");
        return NULL;
    }
    r->at++;
    *to++ = meant[found - names];
    return to;
}

/* Bytes up to the next quote or backslash that are what they may be. */
static bool skip_run(struct reader *r)
{
    for (;;) {
        size_t n;
        int c;

        r->at += json_plain_run((const unsigned char *)r->at, (size_t)(r->end - r->at));
        c = peek(r);
        if (c == '"' || c == '\\')
            return true;
        if (c < 0)
            return wrong(r, "a text does not end");
        if (c < 0x20)
            return wrong(r, "a control character in a text must be escaped");
        n = utf8_length((const unsigned char *)r->at, (size_t)(r->end - r->at));
        if (n == 0)
            return wrong(r, "not UTF-8");
        r->at += n;
    }
}

/* From the opening quote to behind the closing one. */
static bool take_text(struct reader *r, struct str *out)
{
    const char *from = ++r->at;
    const char *close;
    char *copy;
    char *to;

    if (!skip_run(r))
        return false;
    if (*r->at == '"') {
        *out = (struct str){ from, (size_t)(r->at++ - from) };
        return true;
    }
    /* What is escaped is never shorter than what it means. */
    for (close = r->at; close < r->end && *close != '"'; close++)
        close += *close == '\\' && close + 1 < r->end;
    copy = to = arena_alloc(r->arena, (size_t)(close - from) + 1);
    for (;;) {
        memcpy(to, from, (size_t)(r->at - from));
        to += r->at - from;
        if (*r->at++ == '"')
            break;
        to = take_escape(r, to);
        from = r->at;
        if (to == NULL || !skip_run(r))
            return false;
    }
    *to = '\0';
    *out = (struct str){ copy, (size_t)(to - copy) };
    return true;
}

/* ---- names that come twice ---- */

static void replace(
    struct value *of, struct value *before, struct value *old, const struct value *v)
{
    old->kind = v->kind;
    old->n = v->n;
    old->text = v->text;
    old->first = v->first;
    old->last = v->last;
    before->next = v->next;
    if (of->last == v)
        of->last = before;
    of->n--;
}

static struct value *find_among(const struct value *map, const struct value *v)
{
    struct value *it = map->first;

    while (it != v && !str_eq(it->name, v->name))
        it = it->next;
    return it;
}

static struct value *find_hashed(struct value **table, size_t mask, struct value *v)
{
    size_t at = hash_bytes(v->name.at, v->name.len) & mask;

    while (table[at] != NULL && !str_eq(table[at]->name, v->name))
        at = (at + 1) & mask;
    if (table[at] == NULL)
        table[at] = v;
    return table[at];
}

static void merge_equal_names(struct value *map)
{
    auto_free struct value **table = NULL;
    struct value *before = NULL;
    size_t size = 64;

    if (map->n > FEW_NAMES) {
        while (size < 2 * (size_t)map->n)
            size *= 2;
        table = xcalloc(size, sizeof(struct value *));
    }
    for (struct value *v = map->first; v != NULL;) {
        struct value *next = v->next;
        struct value *first = table != NULL ? find_hashed(table, size - 1, v) : find_among(map, v);

        if (first != v)
            replace(map, before, first, v);
        else
            before = v;
        v = next;
    }
}

/* ---- values ---- */

static struct value *take_value(struct reader *r, unsigned depth);

/* The name and the colon of a member. */
static bool take_name(struct reader *r, struct str *name)
{
    if (peek(r) != '"')
        return wrong(r, "expected the name of a member, in quotes");
    if (!take_text(r, name))
        return false;
    skip_space(r);
    if (peek(r) != ':')
        return wrong(r, "expected ':'");
    r->at++;
    skip_space(r);
    return true;
}

static bool take_children(struct reader *r, struct value *of, unsigned depth)
{
    bool map = of->kind == VALUE_MAP;
    int closing = map ? '}' : ']';

    if (depth == 0)
        return wrong(r, "nested too deep");
    r->at++;
    skip_space(r);
    if (peek(r) == closing) {
        r->at++;
        return true;
    }
    for (;;) {
        struct str name = STR_NONE;
        struct value *v;

        if (map && !take_name(r, &name))
            return false;
        v = take_value(r, depth - 1);
        if (v == NULL)
            return false;
        v->name = name;
        value_add(of, v);
        skip_space(r);
        if (peek(r) == closing)
            break;
        if (peek(r) != ',')
            return wrong(r, map ? "expected ',' or '}'" : "expected ',' or ']'");
        r->at++;
        skip_space(r);
    }
    r->at++;
    if (map && of->n > 1)
        merge_equal_names(of);
    return true;
}

static bool take_number(struct reader *r, struct value *v)
{
    size_t n = json_number_length(r->at, (size_t)(r->end - r->at));

    if (n == 0)
        return wrong(r, "expected a value");
    v->kind = VALUE_NUMBER;
    v->text = (struct str){ r->at, n };
    r->at += n;
    return true;
}

static bool fill_value(struct reader *r, struct value *v, unsigned depth)
{
    switch (peek(r)) {
    case '"':
        v->kind = VALUE_TEXT;
        return take_text(r, &v->text);
    case '{':
        v->kind = VALUE_MAP;
        return take_children(r, v, depth);
    case '[':
        v->kind = VALUE_LIST;
        return take_children(r, v, depth);
    case 't':
        v->kind = VALUE_TRUE;
        return take_word(r, STR("true"));
    case 'f':
        v->kind = VALUE_FALSE;
        return take_word(r, STR("false"));
    case 'n':
        v->kind = VALUE_NULL;
        return take_word(r, STR("null"));
    default:
        return take_number(r, v);
    }
}

static struct value *take_value(struct reader *r, unsigned depth)
{
    struct value *v;

    if (r->nodes == 0) {
        wrong(r, "too many values");
        return NULL;
    }
    r->nodes--;
    v = arena_calloc(r->arena, 1, sizeof(*v));
    return fill_value(r, v, depth) ? v : NULL;
}

static void explain(const struct reader *r, struct err *err)
{
    unsigned line = 1;
    const char *begin = r->start;

    for (const char *p = r->start; p < r->at; p++)
        if (*p == '\n') {
            line++;
            begin = p + 1;
        }
    err_set(err, ERR_PEER, "json", "line %u, column %zu: %s%s", line, (size_t)(r->at - begin) + 1,
        r->at == r->end ? "the text ends early: " : "", r->why);
}

struct value *json_read(struct arena *a, struct str text, uint32_t nodes, struct err *err)
{
    struct reader r = { a, text.at, text.at, text.at + text.len, nodes, NULL };
    struct value *v;

    skip_space(&r);
    v = take_value(&r, VALUE_DEPTH_MAX);
    if (v != NULL) {
        skip_space(&r);
        if (r.at < r.end)
            wrong(&r, "nothing may follow the document");
    }
    if (r.why == NULL)
        return v;
    explain(&r, err);
    return NULL;
}

/* ---- writing ---- */

static void write_number(struct str s, struct buf *to)
{
    if (s.len > 0 && json_number_length(s.at, s.len) == s.len)
        buf_str(to, s);
    else
        json_str(to, s);
}

static void write_children(const struct value *v, struct buf *to)
{
    bool map = v->kind == VALUE_MAP;

    buf_char(to, map ? '{' : '[');
    value_each (it, v) {
        if (it != v->first)
            buf_char(to, ',');
        if (map) {
            json_str(to, it->name);
            buf_char(to, ':');
        }
        json_write(it, to);
    }
    buf_char(to, map ? '}' : ']');
}

void json_write(const struct value *v, struct buf *to)
{
    switch (v->kind) {
    case VALUE_NULL:
        buf_add(to, "null", 4);
        break;
    case VALUE_FALSE:
        buf_add(to, "false", 5);
        break;
    case VALUE_TRUE:
        buf_add(to, "true", 4);
        break;
    case VALUE_NUMBER:
        write_number(v->text, to);
        break;
    case VALUE_TEXT:
        json_str(to, v->text);
        break;
    case VALUE_LIST:
    case VALUE_MAP:
        write_children(v, to);
        break;
    }
}
