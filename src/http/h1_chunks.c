/*
 * h1_chunks - chunked bodies (RFC 9112 section 7), strict.
 *
 *   SIZE -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *     |  \-> EXTENSION -'  (size 0) -> TRAILER -> END
 *
 * A size is 1 to 16 hexadecimal digits and nothing else: no sign, no 0x, no
 * white space.  Extensions are dropped; what they may cost is bounded in each
 * chunk and in the body.  Every line ends with CRLF.
 */
#include "http/chars_int.h"
#include "http/h1.h"
#include "http/scan_int.h"

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_TRAILER,
    CHUNK_END,
    CHUNK_FAILED,
};

enum { SIZE_DIGITS = 16 };

void h1_chunks_start(struct h1_chunks *c)
{
    *c = (struct h1_chunks){ .state = CHUNK_SIZE };
}

static enum h1_chunk_event fail(struct h1_chunks *c, enum h1_error e)
{
    c->state = CHUNK_FAILED;
    c->error = e;
    return H1_CHUNK_ERROR;
}

/* One byte that belongs to no data and no extension. False: it may not be there. */
static bool take_byte(struct h1_chunks *c, char b)
{
    switch ((enum chunk_state)c->state) {
    case CHUNK_SIZE:
        if (chars_has(b, CHAR_HEX) && c->digits < SIZE_DIGITS) {
            c->left = c->left << 4 | chars_hex[(unsigned char)b];
            c->digits++;
            return true;
        }
        if (c->digits == 0 || c->left > INT64_MAX || (b != '\r' && b != ';'))
            return false;
        c->state = b == ';' ? CHUNK_EXTENSION : CHUNK_SIZE_LF;
        return true;
    case CHUNK_SIZE_LF:
        c->state = c->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
        return b == '\n';
    case CHUNK_DATA_CR:
        c->state = CHUNK_DATA_LF;
        return b == '\r';
    case CHUNK_DATA_LF:
        c->state = CHUNK_SIZE;
        c->digits = 0;
        c->extension = 0;
        c->left = 0;
        return b == '\n';
    case CHUNK_EXTENSION:
    case CHUNK_DATA:
    case CHUNK_TRAILER:
    case CHUNK_END:
    case CHUNK_FAILED:
        break;
    }
    return false;
}

/* What to call a byte that may not be there. */
static enum h1_error bad_byte(const struct h1_chunks *c, char b)
{
    if (c->state != CHUNK_DATA_CR && c->state != CHUNK_DATA_LF && b == '\n')
        return H1_BARE_LF;
    return c->state == CHUNK_SIZE_LF ? H1_BARE_CR : H1_BAD_CHUNK;
}

/* Returns how many bytes of the input are extension; the byte behind them ends it or is wrong. */
static size_t take_extension(struct h1_chunks *c, const char *in, size_t len)
{
    uint32_t most = (uint32_t)(len < UINT16_MAX ? len : UINT16_MAX);
    uint32_t n = scanner->value(in, 0, most);
    uint32_t room = H1_CHUNK_EXTENSION_MAX - c->extension;

    if (n > room || c->extension_bytes + n > H1_CHUNK_EXTENSIONS_MAX) {
        fail(c, H1_CHUNK_EXTENSION_TOO_LONG);
        return 0;
    }
    c->extension = (uint16_t)(c->extension + n);
    c->extension_bytes += n;
    if (n < len && n < most) {
        if (in[n] != '\r') {
            fail(c, in[n] == '\n' ? H1_BARE_LF : in[n] == '\0' ? H1_NUL_BYTE : H1_CONTROL_BYTE);
            return n;
        }
        c->state = CHUNK_SIZE_LF;
        n++;
    }
    return n;
}

/* Framing fields have no business behind the body that they would frame. */
static bool trailer_syntax_ok(struct str line)
{
    struct http_field f;
    enum http_field_id id;

    h1_trailer(line, &f);
    id = f.id;
    return http_is_token(f.name) && id != HTTP_CONTENT_LENGTH && id != HTTP_TRANSFER_ENCODING &&
           id != HTTP_HOST && !http_field_is_twin(f.name);
}

static enum h1_chunk_event take_trailer(
    struct h1_chunks *c, const char *in, size_t len, size_t *used, struct str *data)
{
    uint32_t room = H1_TRAILERS_MAX - c->trailer_bytes;
    uint32_t most = (uint32_t)(len < room ? len : room);
    uint32_t n = scanner->value(in, 0, most);

    if (n < most && in[n] != '\r')
        return fail(c, in[n] == '\n' ? H1_BARE_LF : in[n] == '\0' ? H1_NUL_BYTE : H1_CONTROL_BYTE);
    if (n + 1 < most && in[n + 1] != '\n')
        return fail(c, H1_BARE_CR);
    if (n + 1 >= most)
        return most == room ? fail(c, H1_BAD_TRAILER) : H1_CHUNK_MORE;
    if (n > 0 && !trailer_syntax_ok((struct str){ in, n }))
        return fail(c, H1_BAD_TRAILER);
    *used += n + 2;
    c->trailer_bytes += n + 2;
    if (n == 0) {
        c->state = CHUNK_END;
        return H1_CHUNK_END;
    }
    *data = (struct str){ in, n };
    return H1_CHUNK_TRAILER;
}

enum h1_chunk_event h1_chunks_next(
    struct h1_chunks *c, const char *in, size_t len, size_t *used, struct str *data)
{
    *used = 0;
    while (*used < len || c->state >= CHUNK_END) {
        const char *at = in + *used;
        size_t left = len - *used;

        switch ((enum chunk_state)c->state) {
        case CHUNK_DATA:
            left = left < c->left ? left : (size_t)c->left;
            *data = (struct str){ at, left };
            *used += left;
            c->left -= left;
            if (c->left == 0)
                c->state = CHUNK_DATA_CR;
            return H1_CHUNK_DATA;
        case CHUNK_EXTENSION:
            *used += take_extension(c, at, left);
            break;
        case CHUNK_TRAILER:
            return take_trailer(c, at, left, used, data);
        case CHUNK_END:
            return H1_CHUNK_END;
        case CHUNK_FAILED:
            return H1_CHUNK_ERROR;
        case CHUNK_SIZE:
        case CHUNK_SIZE_LF:
        case CHUNK_DATA_CR:
        case CHUNK_DATA_LF: {
            struct h1_chunks before = *c;

            if (!take_byte(c, *at))
                return fail(c, bad_byte(&before, *at));
            (*used)++;
            break;
        }
        }
    }
    return H1_CHUNK_MORE;
}

bool h1_trailer(struct str line, struct http_field *out)
{
    struct str value;

    out->name = str_cut(line, ':', &value);
    if (value.at == NULL)
        out->name.len = 0;
    out->value = str_trim(value);
    out->id = (uint8_t)http_field_lookup(out->name);
    out->hop = http_field_is_hop(out->id);
    return http_is_token(out->name) && http_field_in_trailer(out->id);
}

size_t h1_chunk_head(uint64_t n, char *to)
{
    static const char digits[] = "0123456789abcdef";
    unsigned shift = n > 0 ? (63u - (unsigned)__builtin_clzll(n)) & ~3u : 0;
    size_t len = 0;

    for (;; shift -= 4) {
        to[len++] = digits[n >> shift & 15];
        if (shift == 0)
            break;
    }
    to[len++] = '\r';
    to[len++] = '\n';
    return len;
}
