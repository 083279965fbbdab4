/*
 * hcl - see hcl_int.h.
 *
 * A recursive descent over the bytes without a separate token stream: the
 * language has no operators, and what may follow is always told by one byte.
 */
#include "base/utf8.h"
#include "vault/hcl_int.h"

struct hcl_reader {
    struct arena *arena;
    struct err *err;
    const char *at;
    const char *end;
    const char *line_start;
    unsigned line;
    unsigned nodes; /* still allowed */
    bool json;
};

static struct hcl *read_value(struct hcl_reader *r, unsigned depth);

static int bad(struct hcl_reader *r, const char *what)
{
    return err_set(r->err, ERR_CONFIG, "hcl", "At %u:%zu: %s", r->line,
        (size_t)(r->at - r->line_start) + 1, what);
}

static void newline(struct hcl_reader *r)
{
    r->at++;
    r->line++;
    r->line_start = r->at;
}

/* ---- what is between things ---- */

static int skip_block_comment(struct hcl_reader *r)
{
    r->at += 2;
    while (r->end - r->at >= 2) {
        if (r->at[0] == '*' && r->at[1] == '/') {
            r->at += 2;
            return 0;
        }
        if (*r->at == '\n')
            newline(r);
        else
            r->at++;
    }
    return bad(r, "comment not terminated");
}

static int skip_comment(struct hcl_reader *r)
{
    if (*r->at == '/' && r->end - r->at >= 2 && r->at[1] == '*')
        return skip_block_comment(r);
    if (*r->at == '/' && (r->end - r->at < 2 || r->at[1] != '/'))
        return bad(r, "expected '/' for comment");
    while (r->at < r->end && *r->at != '\n')
        r->at++;
    return 0;
}

static int skip_space(struct hcl_reader *r)
{
    while (r->at < r->end) {
        char c = *r->at;

        if (c == '\n') {
            newline(r);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            r->at++;
        } else if (!r->json && (c == '#' || c == '/')) {
            if (skip_comment(r) == -1)
                return -1;
        } else {
            break;
        }
    }
    return 0;
}

static bool next_is(const struct hcl_reader *r, char c)
{
    return r->at < r->end && *r->at == c;
}

/* ---- texts ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(struct hcl_reader *r, unsigned digits, uint32_t *out)
{
    uint32_t n = 0;

    if ((size_t)(r->end - r->at) < digits)
        return false;
    for (; digits > 0; digits--) {
        int d = hex_digit(*r->at++);

        if (d < 0)
            return false;
        n = n << 4 | (uint32_t)d;
    }
    *out = n;
    return true;
}

/* A \u of JSON may be the first half of a pair (RFC 8259 section 7). */
static bool read_low_half(struct hcl_reader *r, uint32_t *c)
{
    uint32_t low;

    if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
        return false;
    r->at += 2;
    if (!read_hex(r, 4, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* Behind the backslash; what it stands for is never longer than its spelling. */
static int read_escape(struct hcl_reader *r, char **to)
{
    static const char names[] = "abfnrtv\\\"/";
    static const char meanings[] = "\a\b\f\n\r\t\v\\\"/";
    const char *known;
    uint32_t c = 0;
    char kind;

    if (r->at == r->end)
        return bad(r, "literal not terminated");
    kind = *r->at++;
    known = memchr(names, kind, sizeof(names) - 1);
    if (known != NULL) {
        *(*to)++ = meanings[known - names];
        return 0;
    }
    if ((kind != 'u' && kind != 'U' && kind != 'x') || !read_hex(r,
                                                           kind == 'u'   ? 4
                                                           : kind == 'U' ? 8
                                                                         : 2,
                                                           &c))
        return bad(r, "illegal char escape");
    if (c >= 0xd800 && c <= 0xdbff && !read_low_half(r, &c))
        return bad(r, "illegal char escape");
    if (c > 0x10ffff || (c >= 0xdc00 && c <= 0xdfff))
        return bad(r, "illegal char escape");
    *to = put_utf8(*to, c);
    return 0;
}

/* The end of a quoted text, so that the copy has a size before it is made. */
static const char *closing_quote(const struct hcl_reader *r)
{
    for (const char *p = r->at; p < r->end && *p != '\n'; p++) {
        if (*p == '"')
            return p;
        if (*p == '\\')
            p++;
    }
    return NULL;
}

/* "${" starts an interpolation that Vault keeps as it stands. */
static int read_quoted(struct hcl_reader *r, struct str *out)
{
    const char *close;
    char *text;
    char *to;

    r->at++;
    close = closing_quote(r);
    if (close == NULL)
        return bad(r, "literal not terminated");
    text = arena_alloc(r->arena, (size_t)(close - r->at) + 1);
    to = text;
    while (r->at < close) {
        size_t n = utf8_length((const unsigned char *)r->at, (size_t)(close - r->at));

        if (n == 0 || *r->at == '\0')
            return bad(r, "illegal UTF-8 encoding, or a null byte");
        if (*r->at == '\\') {
            r->at++;
            if (read_escape(r, &to) == -1)
                return -1;
            continue;
        }
        memcpy(to, r->at, n);
        to += n;
        r->at += n;
    }
    if (r->at != close)
        return bad(r, "illegal char escape");
    r->at++;
    *to = '\0';
    *out = (struct str){ text, (size_t)(to - text) };
    return 0;
}

static struct str read_line(struct hcl_reader *r)
{
    const char *start = r->at;
    size_t n;

    while (r->at < r->end && *r->at != '\n')
        r->at++;
    n = (size_t)(r->at - start);
    if (r->at < r->end)
        newline(r);
    return (struct str){ start, n };
}

static struct str without_indent(struct str s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    return s;
}

static struct str without_cr(struct str s)
{
    if (s.len > 0 && s.at[s.len - 1] == '\r')
        s.len--;
    return s;
}

/* <<EOF or <<-EOF; the latter without the indentation of its lines. */
static int read_heredoc(struct hcl_reader *r, struct str *out)
{
    const char *limit = r->end;
    bool indented;
    struct str mark;
    struct str line;
    char *text;
    char *to;

    if (limit - r->at < 3 || r->at[1] != '<')
        return bad(r, "heredoc expected second '<', didn't see it");
    r->at += 2;
    indented = *r->at == '-';
    r->at += indented;
    mark = without_cr(read_line(r));
    if (mark.len == 0)
        return bad(r, "zero-length heredoc anchor");
    text = arena_alloc(r->arena, (size_t)(limit - r->at) + 1);
    for (to = text; r->at < limit;) {
        line = read_line(r);
        if (str_eq(without_cr(without_indent(line)), mark)) {
            *to = '\0';
            *out = (struct str){ text, (size_t)(to - text) };
            return 0;
        }
        if (indented)
            line = without_indent(line);
        if (line.len > 0)
            memcpy(to, line.at, line.len);
        to += line.len;
        *to++ =
            '\n'; /* stands in the text, but for an unfinished last line: there is room for that one */
    }
    return bad(r, "heredoc not terminated");
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || c == '_' ||
           c == '-' || c == '.' || (c & 0x80) != 0;
}

static struct str read_word(struct hcl_reader *r)
{
    const char *start = r->at;

    while (r->at < r->end && is_word(*r->at))
        r->at++;
    return (struct str){ start, (size_t)(r->at - start) };
}

/* ---- values ---- */

static struct hcl *new_node(struct hcl_reader *r, enum hcl_kind kind)
{
    struct hcl *v;

    if (r->nodes == 0) {
        bad(r, "too many values");
        return NULL;
    }
    r->nodes--;
    v = arena_calloc(r->arena, 1, sizeof(*v));
    v->kind = kind;
    v->line = r->line;
    v->after = &v->first;
    return v;
}

static struct hcl_item *add_item(
    struct hcl_reader *r, struct hcl *to, struct str key, unsigned line, struct hcl *value)
{
    struct hcl_item *it = arena_calloc(r->arena, 1, sizeof(*it));

    it->key = key;
    it->line = line;
    it->value = value;
    *to->after = it;
    to->after = &it->next;
    return it;
}

static int read_key(struct hcl_reader *r, struct str *key)
{
    if (next_is(r, '"'))
        return read_quoted(r, key);
    if (r->json || r->at == r->end || !is_word(*r->at))
        return bad(r, "illegal character where a key was expected");
    *key = read_word(r);
    return 0;
}

static int read_members(struct hcl_reader *r, struct hcl *to, unsigned depth, char close);

/* The value behind its keys: "= value", or the labels and the block. */
static struct hcl *read_behind_key(struct hcl_reader *r, unsigned depth)
{
    struct hcl *block;
    struct str label;
    unsigned line = r->line;

    if (skip_space(r) == -1)
        return NULL;
    if (next_is(r, r->json ? ':' : '=')) {
        r->at++;
        return skip_space(r) == -1 ? NULL : read_value(r, depth);
    }
    if (r->json) {
        bad(r, "expected ':' behind the key");
        return NULL;
    }
    if (next_is(r, '{'))
        return read_value(r, depth);
    if (depth == 0) {
        bad(r, "nested too deep");
        return NULL;
    }
    block = new_node(r, HCL_OBJECT);
    if (block == NULL || r->at == r->end || (*r->at != '"' && !is_word(*r->at))) {
        if (block != NULL)
            bad(r, "expected '=', '{' or a label behind the key");
        return NULL;
    }
    if (read_key(r, &label) == -1)
        return NULL;
    struct hcl *inner = read_behind_key(r, depth - 1);
    if (inner == NULL)
        return NULL;
    add_item(r, block, label, line, inner);
    return block;
}

static int read_members(struct hcl_reader *r, struct hcl *to, unsigned depth, char close)
{
    struct hcl *value;
    struct str key;
    unsigned line;

    for (;;) {
        if (skip_space(r) == -1)
            return -1;
        if (r->at == r->end)
            return close == '\0' ? 0 : bad(r, "object expected closing '}'");
        if (close != '\0' && *r->at == close) {
            r->at++;
            return 0;
        }
        line = r->line;
        if (read_key(r, &key) == -1)
            return -1;
        value = read_behind_key(r, depth);
        if (value == NULL)
            return -1;
        add_item(r, to, key, line, value);
        if (skip_space(r) == -1)
            return -1;
        if (next_is(r, ','))
            r->at++;
        else if (r->json && !next_is(r, close))
            return bad(r, "expected ',' or '}' behind the value");
    }
}

static int read_list(struct hcl_reader *r, struct hcl *to, unsigned depth)
{
    struct hcl *value;

    for (;;) {
        if (skip_space(r) == -1)
            return -1;
        if (next_is(r, ']')) {
            r->at++;
            return 0;
        }
        value = read_value(r, depth);
        if (value == NULL)
            return -1;
        add_item(r, to, STR_NONE, value->line, value);
        if (skip_space(r) == -1)
            return -1;
        if (next_is(r, ','))
            r->at++;
        else if (!next_is(r, ']'))
            return bad(r, "error parsing list, expected comma or list end");
    }
}

static bool is_number(struct str s)
{
    size_t i = s.len > 1 && s.at[0] == '-';
    bool hex = s.len > i + 2 && s.at[i] == '0' && ascii_lower(s.at[i + 1]) == 'x';

    if (s.len == 0 || s.at[i] < '0' || s.at[i] > '9')
        return false;
    for (i += hex ? 2 : 0; i < s.len; i++)
        if (hex ? hex_digit(s.at[i]) < 0 : strchr("0123456789.eE+-", s.at[i]) == NULL)
            return false;
    return true;
}

static struct hcl *read_bare(struct hcl_reader *r)
{
    struct hcl *v = new_node(r, HCL_NUMBER);

    if (v == NULL)
        return NULL;
    v->text = read_word(r);
    if (next_is(r, '+') && v->text.len > 0) { /* 1e+3 */
        r->at++;
        v->text.len += 1 + read_word(r).len;
    }
    if (is_number(v->text))
        return v;
    if (str_is(v->text, "true") || str_is(v->text, "false")) {
        v->kind = HCL_BOOL;
        return v;
    }
    if (r->json && str_is(v->text, "null")) {
        v->kind = HCL_NULL;
        return v;
    }
    bad(r, "unknown token where a value was expected");
    return NULL;
}

static struct hcl *read_value(struct hcl_reader *r, unsigned depth)
{
    struct hcl *v;
    int done;

    if (depth == 0) {
        bad(r, "nested too deep");
        return NULL;
    }
    if (r->at == r->end) {
        bad(r, "value expected, end of the text found");
        return NULL;
    }
    if (*r->at == '\0' || strchr("{[\"<", *r->at) == NULL)
        return read_bare(r);
    v = new_node(r, *r->at == '{' ? HCL_OBJECT : *r->at == '[' ? HCL_LIST : HCL_TEXT);
    if (v == NULL)
        return NULL;
    if (v->kind == HCL_TEXT) {
        done = *r->at == '"' ? read_quoted(r, &v->text) : read_heredoc(r, &v->text);
    } else {
        r->at++;
        done =
            v->kind == HCL_LIST ? read_list(r, v, depth - 1) : read_members(r, v, depth - 1, '}');
    }
    return done == -1 ? NULL : v;
}

struct hcl *hcl_parse(struct arena *a, struct str text, struct err *err)
{
    struct hcl_reader r = { a, err, text.at, text.at + text.len, text.at, 1, HCL_NODES_MAX, false };
    struct hcl *root;

    if (text.len > HCL_TEXT_MAX) {
        bad(&r, "too large");
        return NULL;
    }
    for (const char *p = text.at; p < r.end; p++) {
        if (*p == '{')
            r.json = true;
        if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
            break;
    }
    if (skip_space(&r) == -1)
        return NULL;
    root = new_node(&r, HCL_OBJECT);
    if (root == NULL)
        return NULL;
    if (r.json)
        r.at++;
    if (read_members(&r, root, HCL_DEPTH_MAX, r.json ? '}' : '\0') == -1 || skip_space(&r) == -1)
        return NULL;
    if (r.at != r.end) {
        bad(&r, "something follows the end of the document");
        return NULL;
    }
    return root;
}
