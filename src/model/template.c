/*
 * template - see template.h.
 */
#include <stdio.h>

#include "model/problems_int.h"
#include "model/template.h"

enum template_word {
    T_HOST,
    T_PATH,
    T_QUERY,
    T_QUERY_WITH_MARK,
    T_METHOD,
    T_SCHEME,
    T_CLIENT,
    T_REQUEST_ID,
    T_ROUTE,
    T_CAPTURE,
    T_HEADER,
};

static const struct {
    const char *name;
    bool named; /* followed by a name of the author's */
} words[] = {
    [T_HOST] = { "host", false },
    [T_PATH] = { "path", false },
    [T_QUERY] = { "query", false },
    [T_QUERY_WITH_MARK] = { "query_with_mark", false },
    [T_METHOD] = { "method", false },
    [T_SCHEME] = { "scheme", false },
    [T_CLIENT] = { "client", false },
    [T_REQUEST_ID] = { "request_id", false },
    [T_ROUTE] = { "route", false },
    [T_CAPTURE] = { "capture.", true },
    [T_HEADER] = { "header.", true },
};
enum { NWORDS = sizeof(words) / sizeof(words[0]) };

static int word_of(struct str inside, struct str *name)
{
    for (int i = 0; i < NWORDS; i++) {
        struct str w = str_from(words[i].name);

        if (words[i].named && inside.len > w.len && str_starts(inside, w)) {
            *name = (struct str){ inside.at + w.len, inside.len - w.len };
            return i;
        }
        if (!words[i].named && str_eq(inside, w))
            return i;
    }
    return -1;
}

bool template_next(struct str *text, struct template_part *part)
{
    const char *p = text->at;
    const char *end;

    *part = (struct template_part){ .text = STR_NONE, .word = STR_NONE };
    if (text->len == 0)
        return false;
    end = p + text->len;
    if (str_starts(*text, STR("$${"))) {
        part->text = (struct str){ p + 1, 2 };
        p += 3;
    } else if (str_starts(*text, STR("${"))) {
        const char *close = memchr(p, '}', text->len);

        part->word = (struct str){ p + 2, (size_t)((close != NULL ? close : end) - p - 2) };
        p = close != NULL ? close + 1 : end;
        part->open = close == NULL;
    } else {
        do
            p++;
        while (p < end && *p != '$');
        part->text = (struct str){ text->at, (size_t)(p - text->at) };
    }
    *text = (struct str){ p, (size_t)(end - p) };
    return true;
}

bool template_check(struct str text, struct str *bad)
{
    struct template_part part;
    struct str name;

    while (template_next(&text, &part))
        if (part.word.at != NULL && (part.open || word_of(part.word, &name) == -1)) {
            *bad = part.word;
            return false;
        }
    return true;
}

const char *template_nearest(struct str bad)
{
    struct nearest near;

    nearest_init(&near, bad);
    for (int i = 0; i < NWORDS; i++)
        if (!words[i].named)
            nearest_try(&near, words[i].name);
    return near.best;
}

void template_words(char *to, size_t size)
{
    size_t n = 0;

    for (int i = 0; i < NWORDS && n < size; i++)
        n += (size_t)snprintf(to + n, size - n, "%s${%s%s}", i > 0 ? ", " : "", words[i].name,
            words[i].named ? "NAME" : "");
}

static struct str header_value(const struct route_request *request, struct str name)
{
    char low[256];

    if (request->header == NULL || name.len > sizeof(low))
        return STR_NONE;
    for (size_t i = 0; i < name.len; i++)
        low[i] = ascii_lower(name.at[i]);
    return request->header(request->ctx, (struct str){ low, name.len });
}

struct str template_capture(const struct route_result *result, struct str name)
{
    for (unsigned i = 0; i < result->ncaptures; i++)
        if (str_eq(result->captures[i].name, name))
            return result->captures[i].value;
    return STR_NONE;
}

static struct str value_of(int word, struct str name, const struct template_values *v)
{
    switch ((enum template_word)word) {
    case T_HOST:
        return v->request->host;
    case T_PATH:
        return v->raw_path;
    case T_QUERY:
    case T_QUERY_WITH_MARK:
        return v->request->query;
    case T_METHOD:
        return v->request->method;
    case T_SCHEME:
        return v->scheme;
    case T_CLIENT:
        return v->client;
    case T_REQUEST_ID:
        return v->request_id;
    case T_ROUTE:
        return v->result->route != NULL ? v->result->route->name : STR_NONE;
    case T_CAPTURE:
        return template_capture(v->result, name);
    case T_HEADER:
        return header_value(v->request, name);
    }
    return STR_NONE;
}

static void add_clean(struct buf *out, struct str s)
{
    size_t run = 0;

    if (s.len == 0)
        return;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '\r' || s.at[i] == '\n' || s.at[i] == '\0') {
            buf_add(out, s.at + run, i - run);
            run = i + 1;
        }
    buf_add(out, s.at + run, s.len - run);
}

/* What RFC 3986 allows in a path; an escape that normalising kept (%2F, %5C) stays. */
static void add_escaped(struct buf *out, struct str s)
{
    static const char plain[] = "-._~!$&'()*+,;=:@/";
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        struct str escape = { s.at + i, s.len - i < 3 ? s.len - i : 3 };
        bool keep = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != '\0' && strchr(plain, c) != NULL) || str_is(escape, "%2F") ||
                    str_is(escape, "%5C");

        if (keep) {
            buf_char(out, (char)c);
        } else {
            char text[3] = { '%', hex[c >> 4], hex[c & 15] };

            buf_add(out, text, sizeof(text));
        }
    }
}

static void expand(struct str text, const struct template_values *v, bool url, struct buf *out)
{
    struct template_part part;

    while (template_next(&text, &part)) {
        struct str name = STR_NONE;
        struct str value;
        int word;

        buf_str(out, part.text);
        if (part.word.at == NULL || (word = word_of(part.word, &name)) == -1)
            continue;
        value = value_of(word, name, v);
        if (word == T_QUERY_WITH_MARK && value.len > 0)
            buf_char(out, '?');
        if (url && (word == T_CAPTURE || word == T_HEADER))
            add_escaped(out, value);
        else
            add_clean(out, value);
    }
}

void template_expand(struct str text, const struct template_values *v, struct buf *out)
{
    expand(text, v, false, out);
}

void template_expand_url(struct str text, const struct template_values *v, struct buf *out)
{
    expand(text, v, true, out);
}
