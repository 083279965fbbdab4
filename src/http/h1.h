/*
 * h1 - HTTP/1.0 and HTTP/1.1 messages as bytes (RFC 9112), strict.
 *
 * Incremental: a head is parsed line by line as lines become complete, each
 * once; what is wrong is said as soon as its line is there (or before, when
 * the line can no longer become right).  Nothing is repaired: what is
 * ambiguous is refused, because the next hop may read it the other way
 * (request smuggling).  Knows nothing of Weir and allocates nothing.
 *
 *     struct h1_parser p;
 *     h1_request_start(&p, head, &limits);
 *     n = h1_parse(&p, data, len);       data stays where it is until the head is done
 *
 * All struct str of a head point into the caller's bytes.
 */
#ifndef WEIR_HTTP_H1_H
#define WEIR_HTTP_H1_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "http/field.h"
#include "http/method.h"

enum h1_framing {
    H1_NO_BODY,
    H1_LENGTH, /* content_length bytes; may be 0 */
    H1_CHUNKED,
    H1_UNTIL_CLOSE, /* responses only */
};

/* Why a message is refused; h1_error_word() is the reason word in logs and metrics. */
#define H1_ERRORS(E)                                                                               \
    E(OK, "ok", 0)                                                                                 \
    E(BARE_LF, "bare_lf", 400)                                                                     \
    E(BARE_CR, "bare_cr", 400)                                                                     \
    E(NUL_BYTE, "nul_byte", 400)                                                                   \
    E(CONTROL_BYTE, "control_byte", 400)                                                           \
    E(BAD_REQUEST_LINE, "bad_request_line", 400)                                                   \
    E(BAD_METHOD, "bad_method", 400)                                                               \
    E(BAD_TARGET, "bad_target", 400)                                                               \
    E(BAD_VERSION, "bad_version", 400)                                                             \
    E(UNSUPPORTED_VERSION, "unsupported_version", 505)                                             \
    E(URI_TOO_LONG, "uri_too_long", 414)                                                           \
    E(HEAD_TOO_LARGE, "head_too_large", 431)                                                       \
    E(TOO_MANY_FIELDS, "too_many_fields", 431)                                                     \
    E(BAD_FIELD_NAME, "bad_field_name", 400)                                                       \
    E(SPACE_BEFORE_COLON, "space_before_colon", 400)                                               \
    E(BAD_FIELD_VALUE, "bad_field_value", 400)                                                     \
    E(OBS_FOLD, "obs_fold", 400)                                                                   \
    E(MISSING_HOST, "missing_host", 400)                                                           \
    E(REPEATED_HOST, "repeated_host", 400)                                                         \
    E(BAD_HOST, "bad_host", 400)                                                                   \
    E(BAD_CONTENT_LENGTH, "bad_content_length", 400)                                               \
    E(REPEATED_CONTENT_LENGTH, "repeated_content_length", 400)                                     \
    E(LENGTH_WITH_CHUNKED, "length_with_chunked", 400)                                             \
    E(BAD_TRANSFER_ENCODING, "bad_transfer_encoding", 400)                                         \
    E(UNKNOWN_TRANSFER_ENCODING, "unknown_transfer_encoding", 501)                                 \
    E(TRANSFER_ENCODING_IN_1_0, "transfer_encoding_in_1_0", 400)                                   \
    E(BAD_CHUNK, "bad_chunk", 400)                                                                 \
    E(CHUNK_EXTENSION_TOO_LONG, "chunk_extension_too_long", 400)                                   \
    E(BAD_TRAILER, "bad_trailer", 400)                                                             \
    E(BAD_EXPECT, "bad_expect", 417)                                                               \
    E(BAD_UPGRADE, "bad_upgrade", 400)                                                             \
    E(BAD_STATUS_LINE, "bad_status_line", 502)

#define H1_ENUM(id, word, status) H1_##id,
enum h1_error { H1_ERRORS(H1_ENUM) H1_ERROR_COUNT };
#undef H1_ENUM
const char *h1_error_word(enum h1_error e);
unsigned h1_error_status(enum h1_error e); /* of requests; every broken response is a 502 */

enum { H1_FIELDS_MAX = 256 };

struct h1_limits {
    uint32_t max_head; /* bytes, from the first of the start line to the empty line */
    uint32_t max_uri;
    uint16_t max_fields; /* <= H1_FIELDS_MAX */
};

struct h1_head {
    /* requests */
    struct str method;
    enum http_method method_id;
    struct str target; /* as received */
    struct str path;  /* of the target, raw: from '/' to before '?'; "/" when an absolute one has */
                      /* none; "*" for OPTIONS *; CONNECT: empty */
    struct str query; /* raw, without '?'; at NULL when there is none */
    struct str host;  /* of an absolute target, else of Host; with the port; may be empty in 1.0 */
    /* responses */
    unsigned status;
    struct str reason;
    /* both */
    unsigned minor;  /* HTTP/1.x */
    bool keep_alive; /* by version and Connection */
    bool expect_continue;
    struct str
        upgrade; /* value of Upgrade when Connection names it, at NULL: none; not with a body, */
                 /* never h2c; in responses only of a 101 */
    enum h1_framing framing;
    uint64_t content_length;
    uint32_t head_len; /* what h1_parse() returned: the body begins there */
    unsigned nfields;
    struct http_field *fields; /* room for limits.max_fields, the caller's */
    /* index + 1 of the first field with that id, 0: none */
    uint16_t known[HTTP_FIELD_COUNT];
};

struct h1_parser {
    struct h1_head *head;
    struct h1_limits limits;
    bool response;
    bool to_head_request;            /* the response answers a HEAD: no body whatever it says */
    enum http_method request_method; /* of the request that a response answers */
    uint8_t state;
    uint8_t said;     /* by Connection */
    uint8_t named;    /* fields that Connection has named */
    bool in_query;    /* the target has had its '?' */
    uint32_t begin;   /* of the start line, behind empty lines */
    uint32_t at;      /* start of the line being parsed */
    uint32_t part;    /* start of the target or the version, the colon of a field */
    uint32_t scanned; /* nothing before this needs another look */
    enum h1_error error;
};

/* head->fields must point at room for limits->max_fields; the rest is set here. */
void h1_request_start(struct h1_parser *p, struct h1_head *head, const struct h1_limits *limits);
void h1_response_start(struct h1_parser *p, struct h1_head *head, const struct h1_limits *limits,
    enum http_method request_method);

/*
 * data: all bytes from the start of the message, the same place each call.
 * > 0: the head is complete and has that many bytes.  0: more is needed.
 * -1: p->error says why.  Empty lines (CRLF) before a request line are skipped
 * and counted in the result (at most two, RFC 9112 2.2).
 * A 1xx response is a head like any other; the caller starts anew after it.
 */
int64_t h1_parse(struct h1_parser *p, const char *data, size_t len);

/* The first field with that id, at NULL when absent. */
static inline struct str h1_get(const struct h1_head *h, enum http_field_id id)
{
    return h->known[id] > 0 ? h->fields[h->known[id] - 1].value : STR_NONE;
}
/* By name, ASCII case-insensitive; the first. */
struct str h1_find(const struct h1_head *h, struct str name);
/*
 * The values of all fields with that id as one list, in order: what must be
 * read when a list is trusted from its end (X-Forwarded-For).  A single field
 * is given as it stands; several are joined in to[room] with ", ".  at NULL
 * when absent or when there is no room.
 */
struct str h1_join(const struct h1_head *h, enum http_field_id id, char *to, size_t room);

/* ---- chunked bodies ---- */

struct h1_chunks {
    uint8_t state;
    uint8_t digits;
    uint16_t extension; /* bytes of extensions seen in this chunk */
    uint64_t left;      /* of the current chunk */
    uint32_t trailer_bytes;
    uint32_t extension_bytes; /* in all chunks */
    enum h1_error error;
};

enum h1_chunk_event {
    H1_CHUNK_MORE,    /* all input used, more is needed */
    H1_CHUNK_DATA,    /* *data is a run of the body, inside the input */
    H1_CHUNK_TRAILER, /* *data is one whole trailer line without CRLF; h1_trailer() splits it */
    H1_CHUNK_END,     /* the body and its trailers are complete */
    H1_CHUNK_ERROR,   /* c->error */
};

enum {
    H1_TRAILERS_MAX = 8192,
    H1_CHUNK_EXTENSION_MAX = 1024,   /* of one chunk */
    H1_CHUNK_EXTENSIONS_MAX = 16384, /* of one body */
};

void h1_chunks_start(struct h1_chunks *c);
/*
 * One step: *used bytes of the input are done with.  A trailer line must be
 * whole in the input, else MORE with *used before it.
 */
enum h1_chunk_event h1_chunks_next(
    struct h1_chunks *c, const char *in, size_t len, size_t *used, struct str *data);
/*
 * Name and value of a trailer line; false when it is not allowed as a trailer
 * and must be dropped.  Lines that break the grammar or name a framing field
 * never get here: they are H1_BAD_TRAILER.
 */
bool h1_trailer(struct str line, struct http_field *out);

/* "1a\r\n" into to[18]. Returns the length. */
size_t h1_chunk_head(uint64_t n, char *to);

/* ---- writing ---- */

/* "HTTP/1.1 200 OK\r\n"; the phrase comes from a table. */
void h1_put_status(struct buf *b, unsigned status);
static inline void h1_put_field(struct buf *b, struct str name, struct str value)
{
    buf_str(b, name);
    buf_add(b, ": ", 2);
    buf_str(b, value);
    buf_add(b, "\r\n", 2);
}
/* "Not Found", "" when unknown. */
struct str http_status_phrase(unsigned status);

#endif
