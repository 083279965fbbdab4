/*
 * vault_int - what the parts of the front share.
 *
 *     vault.c     listeners, the link to the core, requests that wait for it
 *     request.c   a call of the HTTP API becomes a KEEPER_REQUEST
 *     path.c      paths and queries as Vault reads them
 *     print.c     a KEEPER_RESPONSE becomes JSON
 *     parsed.c    what in a request is more than JSON, see parsed_int.h
 */
#ifndef WEIR_VAULT_VAULT_INT_H
#define WEIR_VAULT_VAULT_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/value.h"
#include "http/server.h"

/* A body has room to be wrapped: in a request up to VALUE_DEPTH_MAX and VALUE_NODES_MAX, and in the
 * core's answer. */
enum {
    VAULT_BODY_MAX = 32 << 20, /* bytes of a request's body: Vault's max_request_size */
    VAULT_NODES_MAX = 900000,  /* values in it */
    VAULT_DEPTH_MAX = 48,
    VAULT_CERTIFICATES_MAX = 10,           /* of a client's chain */
    VAULT_TOKEN_MAX = 8 << 10,             /* bytes */
    VAULT_QUERY_MAX = 256,                 /* parameters */
    VAULT_WRAP_TTL_MAX = 10 * 365 * 86400, /* seconds */
};

/* Why a request goes no further than here: status 0 means that it does. */
struct refusal {
    int status;
    char text[240]; /* "": {"errors":[]} */
};

/* False: r says why. */
bool vault_refuse(struct refusal *r, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * The frame's body for a call, appended to `frame` (empty before). Everything it makes on the way is in the arena,
 * which may go at once.  False: r says why not.
 */
bool vault_pack_request(
    struct http_call *call, struct arena *a, struct buf *frame, struct refusal *r);

/*
 * The path behind "/v1/", decoded once, without empty segments but for a '/' at the end. False: 400 for bad escapes,
 * control bytes, what is no UTF-8 and segments "." and ".."; 404 when it is not below /v1/.
 */
bool vault_path(struct arena *a, struct str raw, struct str *path, struct refusal *r);
/* name=value pairs as a MAP of texts; a name that comes several times is a LIST of them. */
bool vault_query(struct arena *a, struct str query, struct value *to, struct refusal *r);
/* What Go's strconv.ParseBool takes. False: not one of those. */
bool vault_parse_bool(struct str s, bool *to);
/* "60", "5m", "1h30m", "1.5h", "2d" in whole seconds. False: no duration, or negative. */
bool vault_parse_seconds(struct str s, uint32_t *seconds);

/* Prints a value in its binary form (base/value.h) as JSON. False: malformed; then `to` is of no use. */
bool vault_print(struct str bytes, struct buf *to);

#endif
