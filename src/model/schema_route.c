/*
 * schema - the words of a route, of access and of limits.
 */
#include "model/schema_int.h"

static const struct word access_words[] = {
    { "allow", WORD_CIDR, WORD_LIST, AT(access, allow),
        .help = "The only networks that may; all when absent.", .example = "[10.0.0.0/8]" },
    { "deny", WORD_CIDR, WORD_LIST, AT(access, deny),
        .help = "Networks that may not, even when `allow` has them.", .example = "[192.0.2.0/24]" },
    { NULL },
};
const struct table schema_access = {
    .title = "`access`",
    .words = access_words,
    .size = sizeof(struct access),
};

static const struct word limit_words[] = {
    { "rate", WORD_RATE, AT(limit, requests), ALSO(limit, period), .flags = WORD_REQUIRED,
        .help = "How many requests a key may make, over which time.", .example = "600/m" },
    { "burst", WORD_UNSIGNED, AT(limit, burst), .preset = "0",
        .preset_means = "the number in `rate`", RANGE(0, 1000000000),
        .help = "How many of them may come at once.", .example = "20" },
    { "key", WORD_LIMIT_KEY, WORD_LIST, AT(limit, parts), .preset = "address",
        .help = "What is counted apart: address, route, host, method, header:NAME, cookie:NAME, or "
                "several together.",
        .example = "[address, header:X-Api-Key]" },
    { "ipv4_prefix", WORD_UNSIGNED, AT(limit, ipv4_prefix), .preset = "32", RANGE(1, 32),
        .help = "IPv4 addresses that share so many bits are one key.", .example = "24" },
    { "ipv6_prefix", WORD_UNSIGNED, AT(limit, ipv6_prefix), .preset = "64", RANGE(1, 128),
        .help = "IPv6 addresses that share so many bits are one key; a household has a /64.",
        .example = "56" },
    { "observe", WORD_BOOL, AT(limit, observe), .preset = "false",
        .help = "Only counts and logs what would have been refused.", .example = "true" },
    { "exempt", WORD_CIDR, WORD_LIST, AT(limit, exempt), .help = "Networks that are not limited.",
        .example = "[10.0.0.0/8]" },
    { "table_size", WORD_UNSIGNED, AT(limit, table_size), .preset = "65536", RANGE(16, 16777216),
        .help = "How many keys are remembered; the longest unused goes first.",
        .example = "1000000" },
    { NULL },
};
const struct table schema_limit = {
    .title = "a limit",
    .words = limit_words,
    .size = sizeof(struct limit),
    .short_word = "rate",
    .finish = finish_limit,
};

static const struct word match_words[] = {
    { "host", WORD_HOST, WORD_LIST, AT(match, hosts), .flags = WORD_NOT_EMPTY,
        .help = "Hosts: exact, or *.example.org for all names below; any when absent.",
        .example = "[example.org, \"*.example.org\"]" },
    { "path", WORD_ROUTE_PATH, AT(match, path), ALSO(match, path_kind),
        .help = "/a is that path, /a/* is /a and all below it, /a/{id}/b takes a segment, "
                "/a/{rest...} takes what remains; any when absent.",
        .example = "/api/*" },
    { "method", WORD_METHOD, WORD_LIST, AT(match, methods), .flags = WORD_NOT_EMPTY,
        .help = "Methods; any when absent. GET includes HEAD.", .example = "[GET, POST]" },
    { "header", WORD_FIELD, WORD_MAP, WORD_KEY_HEADER, AT(match, headers),
        .help = "Headers that must be: \"value\", \"value*\" for a beginning, true for present, "
                "false for absent.",
        .example = "{X-Canary: true}" },
    { "query", WORD_FIELD, WORD_MAP, WORD_KEY_ANY, AT(match, query),
        .help = "Parameters of the query that must be, as in `header`.",
        .example = "{version: \"2\"}" },
    { "from", WORD_CIDR, WORD_LIST, AT(match, from), .flags = WORD_NOT_EMPTY,
        .help = "Networks of the client; any when absent.", .example = "[10.0.0.0/8]" },
    { "listener", WORD_NAME, WORD_LIST, AT(match, listeners), .flags = WORD_NOT_EMPTY,
        .help = "Names of listeners; any when absent.", .example = "internal" },
    { NULL },
};
static const struct table match_table = {
    .title = "`match`",
    .words = match_words,
    .size = sizeof(struct match),
    .short_word = "path",
};

static const struct word respond_words[] = {
    { "status", WORD_UNSIGNED, AT(respond, status), .preset = "200", RANGE(200, 599),
        .help = "The status.", .example = "404" },
    { "body", WORD_TEXT, AT(respond, body), .preset = "", .help = "The body.",
        .example = "\"closed for today\\n\"" },
    { "content_type", WORD_HEADER_VALUE, AT(respond, content_type),
        .preset = "text/plain; charset=utf-8", .flags = WORD_NOT_EMPTY,
        .help = "The type of the body.", .example = "application/json" },
    { NULL },
};
static const struct table respond_table = {
    .title = "`respond`",
    .words = respond_words,
    .size = sizeof(struct respond),
    .short_word = "status",
};

static const struct choice redirect_statuses[] = {
    { "301", 301, "moved for ever; POST may become GET" },
    { "302", 302, "for now; POST may become GET" },
    { "303", 303, "see there, with GET" },
    { "307", 307, "for now, with the same method" },
    { "308", 308, "for ever, with the same method" },
    { NULL, 0, NULL },
};
static const struct word redirect_words[] = {
    { "to", WORD_TEMPLATE, AT(redirect, to), .flags = WORD_REQUIRED | WORD_NOT_EMPTY,
        .help = "Where to: a URL or a path, which may hold ${...}.",
        .example = "https://example.org${path}${query_with_mark}" },
    { "status", WORD_CHOICE, AT(redirect, status), .preset = "308", .choices = redirect_statuses,
        .help = "The status.", .example = "302" },
    { NULL },
};
static const struct table redirect_table = {
    .title = "`redirect`",
    .words = redirect_words,
    .size = sizeof(struct redirect),
    .short_word = "to",
};

static const struct word rewrite_words[] = {
    { "path", WORD_TEMPLATE, AT(rewrite, path), .flags = WORD_NOT_EMPTY,
        .help = "The path to ask the origin for; may hold ${...}.",
        .example = "/v2/items/${capture.id}" },
    { "strip_prefix", WORD_URL_PATH, AT(rewrite, strip_prefix),
        .help = "What to take off the front of the path.", .example = "/api" },
    { "host", WORD_AUTHORITY, AT(rewrite, host), .help = "The Host to send to the origin.",
        .example = "backend.internal" },
    { NULL },
};
static const struct table rewrite_table = {
    .title = "`rewrite`",
    .words = rewrite_words,
    .size = sizeof(struct rewrite),
    .short_word = "path",
};

static const struct word header_edits_words[] = {
    { "set", WORD_TEMPLATE, WORD_MAP, WORD_KEY_HEADER, AT(header_edits, set),
        .help = "Headers to put in the place of any of that name; values may hold ${...}.",
        .example = "{X-Forwarded-Path: \"${path}\"}" },
    { "add", WORD_TEMPLATE, WORD_MAP, WORD_KEY_HEADER, AT(header_edits, add),
        .help = "Headers to put beside those that are there; values may hold ${...}.",
        .example = "{Vary: Accept}" },
    { "remove", WORD_HEADER_NAME, WORD_LIST, AT(header_edits, remove),
        .help = "Headers to leave out.", .example = "[Server, X-Powered-By]" },
    { NULL },
};
static const struct table header_edits_table = {
    .title = "header edits",
    .words = header_edits_words,
    .size = sizeof(struct header_edits),
    .finish = finish_header_edits,
};

static const struct word timeouts_words[] = {
    { "per_try", WORD_DURATION, AT(route_timeouts, per_try), .preset = "0s",
        .preset_means = "the service's", RANGE(0, HOURS(24)),
        .help = "As timeouts.per_try of the service, for this route.", .example = "2m" },
    { "total", WORD_DURATION, AT(route_timeouts, total), .preset = "0s",
        .preset_means = "the service's", RANGE(0, HOURS(24)),
        .help = "As timeouts.total of the service, for this route.", .example = "5m" },
    { NULL },
};
static const struct table timeouts_table = {
    .title = "`timeouts` of a route",
    .words = timeouts_words,
    .size = sizeof(struct route_timeouts),
};

static bool responds(const void *base)
{
    return ((const struct route *)base)->action == ROUTE_RESPOND;
}

static bool redirects(const void *base)
{
    return ((const struct route *)base)->action == ROUTE_REDIRECT;
}

static const struct word route_words[] = {
    { "name", WORD_NAME, AT(route, name), .preset_means = "route-1, route-2...",
        .help = "What logs, metrics and overlays call it.", .example = "checkout" },
    { "match", WORD_TABLE, AT(route, match), .table = &match_table,
        .help = "Which requests it takes: all conditions must hold; everything when absent.",
        .example = "{host: example.org, path: /api/*}" },
    { "to", WORD_NAME, AT(route, to), .help = "The service that answers.", .example = "shop" },
    { "respond", WORD_TABLE, AT(route, respond), .table = &respond_table, .present = responds,
        .help = "A fixed response, instead of `to`.", .example = "{status: 404, body: \"no\\n\"}" },
    { "redirect", WORD_TABLE, AT(route, redirect), .table = &redirect_table, .present = redirects,
        .help = "A redirect, instead of `to`.", .example = "https://www.example.org${path}" },
    { "rewrite", WORD_TABLE, AT(route, rewrite), .table = &rewrite_table,
        .help = "What the origin is asked for instead.", .example = "{strip_prefix: /api}" },
    { "request_headers", WORD_TABLE, AT(route, request_headers), .table = &header_edits_table,
        .help = "Edits to the headers on the way to the origin.",
        .example = "{set: {X-Tenant: \"${capture.tenant}\"}}" },
    { "response_headers", WORD_TABLE, AT(route, response_headers), .table = &header_edits_table,
        .help = "Edits to the headers on the way to the client.", .example = "{remove: [Server]}" },
    { "limit", WORD_NAME, WORD_LIST, AT(route, limit_names),
        .help = "Names of `limits` that hold here.", .example = "[per_client]" },
    { "access", WORD_TABLE, AT(route, access), .table = &schema_access,
        .help = "Which networks may use it.", .example = "{allow: [10.0.0.0/8]}" },
    { "timeouts", WORD_TABLE, AT(route, timeouts), .table = &timeouts_table,
        .help = "Other timeouts than the service's.", .example = "{per_try: 2m, total: 5m}" },
    { "max_body", WORD_SIZE, AT(route, max_body), .preset = "0", .preset_means = "client.max_body",
        RANGE(0, 1ULL << 50), .help = "The largest request body.", .example = "1GB" },
    { "upgrade", WORD_BOOL, AT(route, upgrade), .preset = "true",
        .help = "Whether a connection may become a WebSocket or another protocol.",
        .example = "false" },
    { "buffer_request_for_retry", WORD_BOOL, AT(route, buffer_request_for_retry), .preset = "false",
        .help = "Keeps up to 64 KB of a request body, so that it can be sent again.",
        .example = "true" },
    { "log_sample", WORD_FRACTION, AT(route, log_sample), .preset = "-1",
        .preset_means = "log.sample",
        .help = "The share of its requests without error that are logged.", .example = "1%" },
    { "@source", WORD_SOURCE, AT(route, source), .flags = WORD_HIDDEN,
        .help = "Where the route stands." },
    { NULL },
};
const struct table schema_route = {
    .title = "a route",
    .words = route_words,
    .size = sizeof(struct route),
    .finish = finish_route,
};
