/*
 * router - which route a request takes, compiled.
 *
 * Precedence, so that an author can predict it: host (exact, then the longest
 * wildcard, then any), then path (exact, then pattern with the most literal
 * segments, then the longest prefix, then any), then the order in the file.
 * Among routes of the same host and path the first whose method, header,
 * query, address and listener conditions hold wins; when none does, the search
 * falls back to the next best path, then host.
 *
 * "*.example.org" is every name below example.org, however deep.  "/a/" "*" is
 * /a, /a/ and all below.  "{id}" is one segment that is not empty, "{rest...}" is
 * what remains, perhaps nothing.  Where GET is allowed, HEAD is too.
 *
 * A hash per host, then a hash of exact paths and a radix tree of segments:
 * the cost does not grow with the number of routes.
 */
#ifndef WEIR_MODEL_ROUTER_H
#define WEIR_MODEL_ROUTER_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/str.h"
#include "model/blueprint.h"

struct router;

enum { ROUTE_CAPTURES_MAX = 16 };

/* What the router asks of a request; the caller fills it once.  All borrowed. */
struct route_request {
    struct str host;  /* lower case, no port */
    struct str path;  /* normalised, percent-decoded: see http/uri.h */
    struct str query; /* raw, without '?' */
    struct str method;
    struct str listener;
    struct ip client;
    /* The value of a request header, at NULL when absent; name is lower case. */
    struct str (*header)(void *ctx, struct str name);
    void *ctx;
};

struct route_result {
    const struct route *route; /* NULL: none matches */
    bool method_mismatch;      /* a route matched but for its method: 405 */
    unsigned ncaptures;
    struct name_value captures[ROUTE_CAPTURES_MAX]; /* values point into request->path */
};

const struct router *router_build(struct arena *a, const struct blueprint *b);
void router_find(
    const struct router *r, const struct route_request *request, struct route_result *out);

/* The same search, saying for each candidate in order why it was or was not taken (JSON array). */
void router_explain(const struct router *r, const struct route_request *request,
    struct route_result *out, struct buf *json);

/* For the Allow header of a 405 (RFC 9110 15.5.6): "GET, HEAD, POST" into to, which is empty. */
void router_allow(const struct router *r, const struct route_request *request, struct buf *to);

#endif
