/*
 * uri - paths, queries, cookies and forwarded headers, as a proxy must read them.
 */
#ifndef WEIR_HTTP_URI_H
#define WEIR_HTTP_URI_H

#include <stdbool.h>

#include "base/addr.h"
#include "base/str.h"

/*
 * The path that routes are matched against: percent-decoded once, empty and
 * dot segments removed (RFC 3986 5.2.4), always beginning with '/'.  %2F and
 * %5C stay encoded, so that they cannot change segments, and %25, so that
 * nothing can be decoded twice.  to must have
 * raw.len + 1 bytes.  False (refuse with 400) for a bad escape, %00, a raw
 * space, control byte or backslash, and a path that climbs above the root or
 * hides a ".." from us that another server may see ("..;x", "..%2F").  When raw
 * is already normal *out is raw itself.
 */
bool uri_normalize_path(struct str raw, char *to, struct str *out);

/*
 * Host without port, lower case, without a trailing dot, into to[256]; an IPv6
 * address keeps its brackets.  False when not a valid host.
 */
bool uri_normalize_host(struct str host, char *to, struct str *out);

/* The next name=value of a query string; both still encoded. False at the end. */
bool uri_query_next(struct str *query, struct str *name, struct str *value);
/* Decodes %XX and '+'; to must have s.len bytes. Returns the length. Bad escapes stay as they are. */
size_t uri_query_decode(struct str s, char *to);

/* The next name=value of a Cookie header (RFC 6265 5.4). False at the end. */
bool cookie_next(struct str *cookies, struct str *name, struct str *value);
struct str cookie_get(struct str cookies, struct str name);

/*
 * The client behind trusted proxies: walks X-Forwarded-For (or Forwarded's for=)
 * from the right while the addresses are trusted; the first that is not is the
 * client.  peer when the header is absent, malformed, or peer is not trusted.
 * Both are whole lists: a header may come in several fields, see h1_join().
 */
struct ip forwarded_client(struct ip peer, struct str x_forwarded_for, struct str forwarded,
    const struct cidr_set *trusted);

struct forwarded_element { /* one of RFC 7239's */
    struct str by;
    struct str for_;
    struct str host;
    struct str proto;
};
/* The next element; values without their quotes. False at the end or when malformed (*bad). */
bool forwarded_next(struct str *header, struct forwarded_element *out, bool *bad);

#endif
