/*
 * json - see json.h.
 */
#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json.h"
#include "base/utf8.h"

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void escape_byte(struct buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

    switch (c) {
    case '"':
        buf_add(b, "\\\"", 2);
        break;
    case '\\':
        buf_add(b, "\\\\", 2);
        break;
    case '\n':
        buf_add(b, "\\n", 2);
        break;
    case '\r':
        buf_add(b, "\\r", 2);
        break;
    case '\t':
        buf_add(b, "\\t", 2);
        break;
    default:
        buf_add(b, text, sizeof(text));
    }
}

#ifdef __SSE2__
/* A bit for each of the sixteen bytes that needs an escape. */
static unsigned needs_escape(__m128i v)
{
    /* Signed: control bytes and all above 0x7f are less than a space. */
    __m128i bad = _mm_or_si128(
        _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)), _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));

    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    bad = _mm_or_si128(bad, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return (unsigned)_mm_movemask_epi8(bad);
}

/* All n bytes in one vector, n being 4 to 16: the ends overlap. */
static __m128i load_short(const unsigned char *p, size_t n)
{
    uint64_t ends[2];
    uint32_t half[2];

    if (n >= 8) {
        memcpy(&ends[0], p, 8);
        memcpy(&ends[1], p + n - 8, 8);
    } else {
        memcpy(&half[0], p, 4);
        memcpy(&half[1], p + n - 4, 4);
        ends[0] = (uint64_t)half[0] << 32 | half[1];
        ends[1] = ends[0];
    }
    return _mm_set_epi64x((long long)ends[1], (long long)ends[0]);
}

/* How many of the first bytes need no escape. */
static size_t plain_run(const unsigned char *p, size_t n)
{
    size_t run = 0;

    for (; run + 16 <= n; run += 16) {
        unsigned mask = needs_escape(_mm_loadu_si128((const __m128i *)(const void *)(p + run)));

        if (mask != 0)
            return run + (size_t)__builtin_ctz(mask);
    }
    if (n - run >= 4 && needs_escape(load_short(p + run, n - run)) == 0)
        return n;
    while (run < n && is_plain(p[run]))
        run++;
    return run;
}
#else
static size_t plain_run(const unsigned char *p, size_t n)
{
    size_t run = 0;

    while (run < n && is_plain(p[run]))
        run++;
    return run;
}
#endif

void json_escape(struct buf *b, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t n = s.len;

    while (n > 0) {
        size_t run = plain_run(p, n);

        buf_add(b, p, run);
        p += run;
        n -= run;
        if (n == 0)
            break;
        if (p[0] < 0x80) {
            escape_byte(b, p[0]);
            run = 1;
        } else if ((run = utf8_length(p, n)) > 0) {
            buf_add(b, p, run);
        } else {
            buf_add(b, "\xef\xbf\xbd", 3);
            run = 1;
        }
        p += run;
        n -= run;
    }
}

void json_str(struct buf *b, struct str s)
{
    buf_char(b, '"');
    json_escape(b, s);
    buf_char(b, '"');
}

void json_init(struct json *j, struct buf *to, bool pretty)
{
    *j = (struct json){ .to = to, .pretty = pretty };
}

static void newline(struct json *j)
{
    buf_char(j->to, '\n');
    for (unsigned i = 0; i < j->depth; i++)
        buf_add(j->to, "  ", 2);
}

static void next(struct json *j, const char *key)
{
    if (j->comma)
        buf_char(j->to, ',');
    if (j->pretty && j->depth > 0)
        newline(j);
    if (key != NULL) {
        json_str(j->to, str_from(key));
        buf_char(j->to, ':');
        if (j->pretty)
            buf_char(j->to, ' ');
    }
    j->comma = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
    next(j, key);
    buf_char(j->to, bracket);
    j->depth++;
    j->comma = false;
}

void json_close(struct json *j, char bracket)
{
    j->depth--;
    if (j->pretty && j->comma)
        newline(j);
    buf_char(j->to, bracket);
    j->comma = true;
}

void json_put_str(struct json *j, const char *key, struct str s)
{
    next(j, key);
    json_str(j->to, s);
}

void json_put_text(struct json *j, const char *key, const char *s)
{
    if (s == NULL)
        json_put_null(j, key);
    else
        json_put_str(j, key, str_from(s));
}

void json_put_u64(struct json *j, const char *key, uint64_t n)
{
    next(j, key);
    buf_u64(j->to, n);
}

void json_put_i64(struct json *j, const char *key, int64_t n)
{
    next(j, key);
    buf_printf(j->to, "%lld", (long long)n);
}

void json_put_double(struct json *j, const char *key, double d)
{
    next(j, key);
    if (isfinite(d))
        buf_printf(j->to, "%.12g", d);
    else
        buf_text(j->to, "null");
}

void json_put_bool(struct json *j, const char *key, bool b)
{
    next(j, key);
    buf_text(j->to, b ? "true" : "false");
}

void json_put_null(struct json *j, const char *key)
{
    next(j, key);
    buf_text(j->to, "null");
}
