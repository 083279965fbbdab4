/*
 * h1 - the start line, and the order of the steps; see h1_int.h for the picture.
 *
 * The bytes of fields are split in scan.c, what they mean is judged in
 * h1_rules.c, chunked bodies are in h1_chunks.c.
 *
 * (1) The outcome does not depend on how the bytes were cut into calls: what is
 *     judged is always the first byte, then the first whole line, that is wrong.
 * (2) Bytes past the limits are never looked at.
 */
#include "http/h1.h"

#include "http/chars_int.h"
#include "http/h1_int.h"
#include "http/scan_int.h"

enum { METHOD_MAX = 32, BLANK_LINES_MAX = 2, VERSION_LEN = 8, GET_LEN = 3 };

#define WORD(id, word, status) word,
static const char *const words[H1_ERROR_COUNT] = { H1_ERRORS(WORD) };
#undef WORD
#define STATUS(id, word, status) status,
static const uint16_t statuses[H1_ERROR_COUNT] = { H1_ERRORS(STATUS) };
#undef STATUS

const char *h1_error_word(enum h1_error e)
{
    return words[e];
}

unsigned h1_error_status(enum h1_error e)
{
    return statuses[e];
}

enum h1_step h1_bad_byte(
    struct h1_parser *p, const char *data, uint32_t at, uint32_t end, enum h1_error otherwise)
{
    if (data[at] == '\r') {
        if (at + 1 == end)
            return H1_STEP_MORE;
        return h1_fail(p, data[at + 1] == '\n' ? otherwise : H1_BARE_CR);
    }
    if (data[at] == '\n')
        return h1_fail(p, H1_BARE_LF);
    if (data[at] == '\0')
        return h1_fail(p, H1_NUL_BYTE);
    return h1_fail(p, chars_has(data[at], CHAR_CONTROL) ? H1_CONTROL_BYTE : otherwise);
}

static void start(struct h1_parser *p, struct h1_head *head, const struct h1_limits *limits)
{
    struct http_field *fields = head->fields;
    struct h1_limits own = *limits; /* limits may be p's */
    size_t size = sizeof(*head);

    *p = (struct h1_parser){ .head = head, .limits = own };
    if (p->limits.max_fields > H1_FIELDS_MAX)
        p->limits.max_fields = H1_FIELDS_MAX;
    /* With the size in sight compilers write "rep stos", which takes 20 ns to get going. */
    __asm__("" : "+r"(size));
    memset(head, 0, size);
    head->fields = fields;
}

void h1_request_start(struct h1_parser *p, struct h1_head *head, const struct h1_limits *limits)
{
    start(p, head, limits);
    p->state = H1_AT_START;
}

void h1_response_start(struct h1_parser *p, struct h1_head *head, const struct h1_limits *limits,
    enum http_method request_method)
{
    start(p, head, limits);
    p->response = true;
    p->request_method = request_method;
    p->to_head_request = request_method == HTTP_HEAD;
    p->state = H1_AT_STATUS;
}

/* Empty lines before a request: some old clients send one after a body (RFC 9112 2.2). */
static enum h1_step skip_blank(struct h1_parser *p, const char *data, size_t end)
{
    while (p->at < end && data[p->at] == '\r') {
        if (p->at + 1 == end)
            return H1_STEP_MORE;
        if (data[p->at + 1] != '\n')
            return h1_fail(p, H1_BARE_CR);
        if (p->at / 2 == BLANK_LINES_MAX)
            return h1_fail(p, H1_BAD_REQUEST_LINE);
        p->at += 2;
    }
    if (p->at == end)
        return H1_STEP_MORE;
    p->begin = p->at;
    p->scanned = p->at;
    p->state = H1_AT_METHOD;
    return H1_STEP_NEXT;
}

static enum h1_step take_method(struct h1_parser *p, const char *data, uint32_t end)
{
    uint32_t from = p->at;
    uint32_t max = end - from > METHOD_MAX ? from + METHOD_MAX + 1 : end;
    uint32_t stop = p->scanned;

    while (stop < max && chars_has(data[stop], CHAR_TOKEN))
        stop++;
    p->scanned = stop;
    if (stop - from > METHOD_MAX)
        return h1_fail(p, H1_BAD_METHOD);
    if (stop == end)
        return H1_STEP_MORE;
    if (data[stop] != ' ' || stop == from)
        return h1_bad_byte(p, data, stop, end,
            data[stop] == ' ' || data[stop] == '\t' || data[stop] == '\r' ? H1_BAD_REQUEST_LINE
                                                                          : H1_BAD_METHOD);
    p->head->method = (struct str){ data + from, stop - from };
    p->head->method_id = http_method_lookup(p->head->method);
    p->part = stop + 1;
    p->scanned = stop + 1;
    p->state = H1_AT_TARGET;
    return H1_STEP_NEXT;
}

/*
 * The first byte that may not be in a target.  Browsers send a backslash in a
 * query as it is; in a path some servers take it for '/', so there it is refused.
 */
static uint32_t target_end(struct h1_parser *p, const char *data, uint32_t max)
{
    uint32_t at = scanner->target(data, p->scanned, max);

    while (at < max && data[at] == '\\') {
        p->in_query = p->in_query || memchr(data + p->part, '?', at - p->part) != NULL;
        if (!p->in_query)
            return at;
        at = scanner->target(data, at + 1, max);
    }
    return at;
}

static enum h1_step take_target(struct h1_parser *p, const char *data, uint32_t end)
{
    uint32_t from = p->part;
    uint32_t most = p->limits.max_uri;
    uint32_t max = end - from > most ? from + most + 1 : end;
    uint32_t stop = target_end(p, data, max);
    enum h1_error error;

    p->scanned = stop;
    if (stop - from > most)
        return h1_fail(p, H1_URI_TOO_LONG);
    if (stop == end)
        return H1_STEP_MORE;
    if (data[stop] != ' ' || stop == from)
        return h1_bad_byte(p, data, stop, end,
            data[stop] == ' ' || data[stop] == '\t' || data[stop] == '\r' ? H1_BAD_REQUEST_LINE
                                                                          : H1_BAD_TARGET);
    p->head->target = (struct str){ data + from, stop - from };
    error = h1_split_target(p->head);
    if (error != H1_OK)
        return h1_fail(p, error);
    p->part = stop + 1;
    p->scanned = stop + 1;
    p->state = H1_AT_VERSION;
    return H1_STEP_NEXT;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.0" or "HTTP/1.1" at p->part, byte by byte from p->scanned; NEXT when it is all there. */
static enum h1_step take_version(struct h1_parser *p, const char *data, uint32_t end)
{
    static const char form[] = "HTTP/0.0";
    const char *at = data + p->part;

    if (end - p->part >= VERSION_LEN && memcmp(at, "HTTP/1.", 7) == 0 && (at[7] | 1) == '1') {
        p->scanned = p->part + VERSION_LEN;
        p->head->minor = (unsigned)(at[7] - '0');
        return H1_STEP_NEXT;
    }
    for (; p->scanned < p->part + VERSION_LEN; p->scanned++) {
        char want = form[p->scanned - p->part];
        char got;

        if (p->scanned == end)
            return H1_STEP_MORE;
        got = data[p->scanned];
        if (want == '0' ? !is_digit(got) : got != want)
            return h1_bad_byte(p, data, p->scanned, end,
                got == ' ' || got == '\t' || (got == '\r' && p->scanned == p->part)
                    ? H1_BAD_REQUEST_LINE
                    : H1_BAD_VERSION);
    }
    return h1_fail(p, H1_UNSUPPORTED_VERSION);
}

static void start_fields(struct h1_parser *p, uint32_t at)
{
    p->at = at;
    p->scanned = at;
    p->state = H1_AT_LINE;
}

static enum h1_step take_request_version(struct h1_parser *p, const char *data, uint32_t end)
{
    enum h1_step step = take_version(p, data, end);
    uint32_t stop = p->part + VERSION_LEN;

    if (step != H1_STEP_NEXT)
        return step;
    if (stop == end || (data[stop] == '\r' && stop + 1 == end))
        return H1_STEP_MORE;
    if (data[stop] != '\r' || data[stop + 1] != '\n')
        return h1_bad_byte(p, data, stop, end,
            data[stop] == ' ' || data[stop] == '\t' ? H1_BAD_REQUEST_LINE : H1_BAD_VERSION);
    start_fields(p, stop + 2);
    return H1_STEP_NEXT;
}

/*
 * The request line of nearly every request at once, when all of it is there.
 * Asks nothing less than the steps do; what it does not take is left to them.
 */
static inline void take_usual_line(struct h1_parser *p, const char *data, uint32_t end)
{
    static const char tail[] = " HTTP/1.1\r\n";
    const uint32_t tail_len = sizeof(tail) - 1;
    const uint32_t target = GET_LEN + 1;
    struct h1_head *h = p->head;
    uint32_t stop;

    if (end <= target || memcmp(data, "GET /", target + 1) != 0)
        return;
    stop = scanner->target(data, target, end);
    if (end - stop < tail_len || memcmp(data + stop, tail, tail_len) != 0 ||
        stop - target > p->limits.max_uri)
        return;
    h->method = (struct str){ data, GET_LEN };
    h->method_id = HTTP_GET;
    h->target = (struct str){ data + target, stop - target };
    h->minor = 1;
    h1_split_target(h);
    start_fields(p, stop + tail_len);
}

enum { STATUS_LEN = 4 }; /* of " 200" */

/* " 200" behind the version, then " " or the end of the line. */
static enum h1_step take_status(struct h1_parser *p, const char *data, uint32_t end)
{
    enum h1_step step = take_version(p, data, end);
    uint32_t at = p->part + VERSION_LEN;

    if (step == H1_STEP_FAILED && (p->error == H1_BAD_REQUEST_LINE || p->error == H1_BAD_VERSION))
        p->error = H1_BAD_STATUS_LINE;
    if (step != H1_STEP_NEXT)
        return step;
    for (unsigned i = 0; i < STATUS_LEN; i++) {
        if (at + i == end)
            return H1_STEP_MORE;
        if (i == 0 ? data[at] != ' ' : !is_digit(data[at + i]))
            return h1_bad_byte(p, data, at + i, end, H1_BAD_STATUS_LINE);
    }
    p->head->status = (unsigned)(data[at + 1] - '0') * 100 + (unsigned)(data[at + 2] - '0') * 10 +
                      (unsigned)(data[at + 3] - '0');
    if (p->head->status < 100 || p->head->status > 599)
        return h1_fail(p, H1_BAD_STATUS_LINE);
    at += STATUS_LEN;
    if (at == end)
        return H1_STEP_MORE;
    if (data[at] != ' ' && data[at] != '\r')
        return h1_bad_byte(p, data, at, end, H1_BAD_STATUS_LINE);
    p->part = data[at] == ' ' ? at + 1 : at;
    p->scanned = p->part;
    p->state = H1_AT_REASON;
    return H1_STEP_NEXT;
}

static enum h1_step take_reason(struct h1_parser *p, const char *data, uint32_t end)
{
    uint32_t stop = scanner->value(data, p->scanned, end);

    p->scanned = stop;
    if (stop == end || (data[stop] == '\r' && stop + 1 == end))
        return H1_STEP_MORE;
    if (data[stop] != '\r' || data[stop + 1] != '\n')
        return h1_bad_byte(p, data, stop, end, H1_BAD_STATUS_LINE);
    p->head->reason = (struct str){ data + p->part, stop - p->part };
    start_fields(p, stop + 2);
    return H1_STEP_NEXT;
}

/* A rule that an earlier line broke wins over a bad byte in a later one. */
static enum h1_step take_fields(struct h1_parser *p, const char *data, uint32_t end)
{
    unsigned from = p->head->nfields;
    enum h1_step step = scanner->fields(p, data, end);

    if (h1_check_fields(p, from) == H1_STEP_FAILED)
        return H1_STEP_FAILED;
    if (step != H1_STEP_NEXT)
        return step;
    step = p->response ? h1_finish_response(p) : h1_finish_request(p);
    if (step == H1_STEP_NEXT) {
        p->head->head_len = p->at;
        p->state = H1_AT_DONE;
    }
    return step;
}

/* One step; a switch, because here each call that is not one saves a nanosecond. */
static inline enum h1_step take_one(struct h1_parser *p, const char *data, uint32_t end)
{
    switch ((enum h1_state)p->state) {
    case H1_AT_METHOD:
        return take_method(p, data, end);
    case H1_AT_TARGET:
        return take_target(p, data, end);
    case H1_AT_VERSION:
        return take_request_version(p, data, end);
    case H1_AT_STATUS:
        return take_status(p, data, end);
    case H1_AT_REASON:
        return take_reason(p, data, end);
    case H1_AT_LINE:
    case H1_AT_NAME:
    case H1_AT_VALUE:
        return take_fields(p, data, end);
    case H1_AT_START:
    case H1_AT_DONE:
    case H1_AT_FAILED:
        break;
    }
    return H1_STEP_FAILED;
}

static enum h1_step take(struct h1_parser *p, const char *data, size_t end)
{
    enum h1_step step = H1_STEP_NEXT;

    while (step == H1_STEP_NEXT && p->state < H1_AT_DONE)
        step = take_one(p, data, (uint32_t)end);
    return step;
}

int64_t h1_parse(struct h1_parser *p, const char *data, size_t len)
{
    size_t limit = p->limits.max_head;

    if (p->state == H1_AT_START) {
        take_usual_line(p, data, (uint32_t)(len < limit ? len : limit));
        if (p->state == H1_AT_START && skip_blank(p, data, len) == H1_STEP_MORE)
            return 0;
    }
    limit += p->begin;
    if (p->state < H1_AT_DONE && take(p, data, len < limit ? len : limit) == H1_STEP_MORE) {
        if (len < limit)
            return 0;
        h1_fail(p, H1_HEAD_TOO_LARGE);
    }
    return p->state == H1_AT_DONE ? (int64_t)p->head->head_len : -1;
}
