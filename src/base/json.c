/*
 * json - see json.h.
 */
#include <math.h>

#include "base/json.h"
#include "base/json_int.h"
#include "base/utf8.h"

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

void json_escape(struct buf *b, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.at;
    size_t n = s.len;

    while (n > 0) {
        size_t run = json_plain_run(p, n);

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

void json_put_raw(struct json *j, const char *key, struct str json)
{
    next(j, key);
    buf_str(j->to, json);
}
