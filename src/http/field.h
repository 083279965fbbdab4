/*
 * field - header fields: the ones we know by number, and rules about names.
 */
#ifndef WEIR_HTTP_FIELD_H
#define WEIR_HTTP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/*
 * F(ID, "name", flags): H hop-by-hop (RFC 9110 7.6.1), N never allowed in
 * trailers, U its twin with '_' for '-' is refused in requests, because
 * gateways in the manner of CGI cannot tell the two apart.
 */
#define HTTP_FIELDS(F)                                                                             \
    F(HOST, "host", N)                                                                             \
    F(CONTENT_LENGTH, "content-length", N | U)                                                     \
    F(TRANSFER_ENCODING, "transfer-encoding", H | N | U)                                           \
    F(CONNECTION, "connection", H | N)                                                             \
    F(KEEP_ALIVE, "keep-alive", H | N)                                                             \
    F(PROXY_CONNECTION, "proxy-connection", H | N)                                                 \
    F(TE, "te", H | N)                                                                             \
    F(TRAILER, "trailer", H | N)                                                                   \
    F(UPGRADE, "upgrade", H | N)                                                                   \
    F(PROXY_AUTHENTICATE, "proxy-authenticate", H | N)                                             \
    F(PROXY_AUTHORIZATION, "proxy-authorization", H | N | U)                                       \
    F(EXPECT, "expect", N)                                                                         \
    F(CONTENT_TYPE, "content-type", N)                                                             \
    F(CONTENT_ENCODING, "content-encoding", N)                                                     \
    F(CONTENT_RANGE, "content-range", N)                                                           \
    F(DATE, "date", 0)                                                                             \
    F(SERVER, "server", 0)                                                                         \
    F(COOKIE, "cookie", N)                                                                         \
    F(SET_COOKIE, "set-cookie", N)                                                                 \
    F(AUTHORIZATION, "authorization", N)                                                           \
    F(USER_AGENT, "user-agent", 0)                                                                 \
    F(REFERER, "referer", 0)                                                                       \
    F(LOCATION, "location", 0)                                                                     \
    F(RETRY_AFTER, "retry-after", 0)                                                               \
    F(CACHE_CONTROL, "cache-control", N)                                                           \
    F(VIA, "via", 0)                                                                               \
    F(FORWARDED, "forwarded", 0)                                                                   \
    F(X_FORWARDED_FOR, "x-forwarded-for", U)                                                       \
    F(X_FORWARDED_PROTO, "x-forwarded-proto", U)                                                   \
    F(X_FORWARDED_HOST, "x-forwarded-host", U)                                                     \
    F(X_REQUEST_ID, "x-request-id", 0)                                                             \
    F(TRACEPARENT, "traceparent", 0)                                                               \
    F(TRACESTATE, "tracestate", 0)

#define HTTP_FIELD_ENUM(id, name, flags) HTTP_##id,
enum http_field_id {
    HTTP_FIELDS(HTTP_FIELD_ENUM) HTTP_FIELD_COUNT,
    HTTP_UNKNOWN = HTTP_FIELD_COUNT
};
#undef HTTP_FIELD_ENUM

struct http_field {
    struct str name;  /* as received */
    struct str value; /* without leading and trailing OWS */
    uint8_t id;       /* enum http_field_id, HTTP_UNKNOWN for the rest */
    bool hop;         /* hop-by-hop: by its id, or named by Connection */
};

/* ASCII case-insensitive. */
enum http_field_id http_field_lookup(struct str name);
struct str http_field_name(enum http_field_id id);
bool http_field_is_hop(enum http_field_id id);
bool http_field_in_trailer(enum http_field_id id);
/* Is this the name of a field marked U, but for '_' in the place of a '-'? */
bool http_field_is_twin(struct str name);
/* token of RFC 9110 5.6.2, not empty */
bool http_is_token(struct str s);
/* Visible ASCII, spaces, tabs and obs-text: no control bytes. */
bool http_is_field_value(struct str s);

/* The elements of a comma-separated list, quotes respected, trimmed, empty ones skipped. */
bool http_list_next(struct str *list, struct str *element);
/* Does the list hold this word (case-insensitive)? */
bool http_list_has(struct str list, struct str word);

#endif
