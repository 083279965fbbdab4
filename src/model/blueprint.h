/*
 * blueprint - what weir.yaml says, typed and checked.
 *
 * One schema table (model/schema.c) fills these structs, reports what is wrong
 * with a file, and yields `weir explain`, the JSON Schema and the reference
 * page.  A loaded blueprint is immutable and reference-counted: the count is
 * atomic, everything else is only read.  All memory is in one arena.
 *
 * Text fields are struct str (NUL-terminated, the NUL not counted); `at` is
 * NULL when the word was absent and has no default.
 */
#ifndef WEIR_MODEL_BLUEPRINT_H
#define WEIR_MODEL_BLUEPRINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

struct strs {
    struct str *at;
    size_t n;
};

struct cidrs {
    struct cidr *at;
    size_t n;
    const struct cidr_set *set; /* never NULL once loaded */
};

struct name_value {
    struct str name;
    struct str value;
};

struct name_values {
    struct name_value *at;
    size_t n;
};

/* ---- certificates, listeners ---- */

/* Who makes the certificate, when it is no file. */
enum issuer { ISSUER_NONE, ISSUER_KEEPER };

struct certificate {
    struct str name;
    struct strs hosts; /* exact or "*.example.org"; for files: from the certificate when absent */
    bool local;        /* issued by the machine's own authority, in the state folder */
    unsigned issuer;   /* enum issuer */
    msec_t ttl;        /* how long a certificate of the keeper's lasts */
    struct str chain;  /* PEM file, leaf first (absolute path once loaded) */
    struct str key;    /* PEM file; opened by the parent for the keeper alone */
    struct str ocsp;   /* DER file with a response to staple, or absent */
};

enum tls_version { TLS_1_2, TLS_1_3 };

struct listener_tls {
    bool on;                          /* true when `tls:` is there */
    struct strs certificates;         /* names; the first is for clients without SNI */
    struct certificate **certificate; /* resolved, as many as names */
    enum tls_version min_version;
    msec_t ticket_rotation;
    struct strs alpn; /* default ["http/1.1"] */
};

struct listener {
    struct str name;
    struct str address_text;
    struct addr address;
    struct listener_tls tls;
    bool redirect_to_https; /* answers 308 to the https URL on every request */
    unsigned redirect_port; /* of that URL; 443 is left out */
    unsigned backlog;
};

/* ---- services ---- */

/* How an origin process gets a value; see schema_keeper.c. */
enum hand { HAND_ENVIRONMENT, HAND_FILE, HAND_DESCRIPTOR };

struct managed_secret;

struct run_secret {
    struct str variable;
    struct str secret; /* name */
    unsigned as;       /* enum hand */
    const struct managed_secret *managed;
};

struct run_token { /* a token for the keeper's API, for as long as the process lives */
    bool on;
    struct strs policies;
    struct str variable;
    unsigned as; /* enum hand */
};

struct run {             /* local origin processes that Weir starts and supervises */
    struct strs command; /* empty: no `run:` */
    struct name_values environment;
    unsigned instances;
    struct str folder; /* working directory, absolute once loaded */
    unsigned port;     /* of the first instance, the next has the next; 0: any free one */
    struct str user;
    msec_t start_timeout; /* to become healthy */
    msec_t stop_timeout;  /* between SIGTERM and SIGKILL */
    msec_t restart_backoff;
    msec_t restart_backoff_max;
    struct run_secret *secrets;
    size_t nsecrets;
    struct run_token token;
};

struct origin {
    struct str address_text; /* "host:port", "1.2.3.4:80", "unix:/path" */
    struct addr address;     /* len 0 when `host` must be resolved */
    struct str host;
    uint16_t port;
    unsigned weight; /* 1..1000 */
};

enum balance_method { BALANCE_P2C, BALANCE_ROUND_ROBIN, BALANCE_HASH };
enum hash_on { HASH_ADDRESS, HASH_HEADER, HASH_COOKIE };

struct balance {
    enum balance_method method;
    enum hash_on hash_on;
    struct str hash_name; /* of the header or cookie */
};

struct origin_tls {
    bool on;
    bool verify;
    struct str ca;          /* PEM file; absent: the system's */
    struct str server_name; /* for SNI and verification; absent: the origin's host */
    enum tls_version min_version;
};

struct health {
    bool on;
    struct str path;
    struct str host;
    msec_t interval;
    msec_t timeout;
    unsigned healthy_after;   /* successes in a row */
    unsigned unhealthy_after; /* failures in a row */
    unsigned expect_from;     /* status range that is healthy */
    unsigned expect_to;
};

struct outliers { /* passive ejection */
    bool on;
    unsigned errors; /* 5xx or failures in a row */
    msec_t ejection; /* the k-th lasts k times as long */
    msec_t ejection_max;
    unsigned max_ejected_percent;
};

enum retry_on {
    RETRY_ON_CONNECT = 1 << 0, /* connection refused, reset or timed out before a byte was sent */
    RETRY_ON_RESET = 1 << 1,   /* reset before the response began */
    RETRY_ON_TIMEOUT = 1 << 2, /* per-try timeout */
    RETRY_ON_502 = 1 << 3,
    RETRY_ON_503 = 1 << 4,
    RETRY_ON_504 = 1 << 5,
    RETRY_ON_429 = 1 << 6,
    RETRY_ON_500 = 1 << 7,
};

struct retry {
    unsigned attempts;       /* at most, after the first; 0: never */
    unsigned on;             /* set of enum retry_on */
    bool non_idempotent;     /* POST and PATCH too, even after bytes were sent */
    unsigned budget_percent; /* of the requests of the last 10 s */
    unsigned budget_min;     /* retries a second allowed whatever the traffic */
    msec_t backoff;          /* full jitter: random in 0..min(max, backoff * 2^k) */
    msec_t backoff_max;
};

struct breaker_rule {
    bool on;
    unsigned failures;  /* in a row that open it */
    msec_t probe_after; /* how long it stays open */
    unsigned successes; /* in a row while half-open that close it */
};

struct service_timeouts {
    msec_t connect;
    msec_t per_try; /* until the response head */
    msec_t total;   /* all tries, until the response head; 0: none */
    msec_t idle;    /* between two reads or writes of a body */
};

struct pool_rule {
    unsigned max_connections; /* per origin */
    unsigned max_idle;        /* per origin and worker */
    msec_t idle_timeout;
    unsigned max_requests; /* on one connection; 0: no limit */
    unsigned queue;        /* requests that may wait for a connection, per service and worker */
    msec_t queue_timeout;
};

struct service {
    struct str name;
    unsigned id; /* index in blueprint.services */
    struct origin *origins;
    size_t norigins;
    struct run run;
    struct balance balance;
    struct origin_tls tls;
    struct health health;
    struct outliers outliers;
    msec_t slow_start;
    struct retry retry;
    struct breaker_rule breaker;
    struct service_timeouts timeouts;
    struct pool_rule pool;
    msec_t resolve_interval; /* how often origin names are looked up again */
    bool preserve_host;      /* send the client's Host; else the origin's. Default true */
};

/* ---- limits and access ---- */

enum limit_key { LIMIT_ADDRESS, LIMIT_HEADER, LIMIT_COOKIE, LIMIT_ROUTE, LIMIT_HOST, LIMIT_METHOD };

struct limit_part {
    enum limit_key key;
    struct str name; /* of the header or cookie */
};

struct limit {
    struct str name;
    unsigned id;       /* index in blueprint.limits */
    uint64_t requests; /* `rate: 10/s` is requests 10, period 1000 */
    msec_t period;
    unsigned burst;           /* requests that may come at once; default = requests */
    struct limit_part *parts; /* `key: [address, header:X-Api-Key]` */
    size_t nparts;
    unsigned ipv6_prefix; /* default 64 */
    unsigned ipv4_prefix; /* default 32 */
    bool observe;         /* count and log, never refuse */
    struct cidrs exempt;
    unsigned table_size; /* distinct keys remembered */
};

/* ---- routes ---- */

enum path_kind { PATH_ANY, PATH_EXACT, PATH_PREFIX, PATH_PATTERN };

/* name absent matches any; value absent: must be present. "value" exact, "value*" prefix. */
struct field_match {
    struct str name;
    struct str value;
    bool prefix;
    bool absent; /* must not be there */
};

struct match {
    struct strs hosts; /* lower case, exact or "*.example.org"; none: any */
    struct str path;   /* as written: "/a" exact, "/a/" + "*" prefix, "/a/{id}/b" pattern */
    enum path_kind path_kind;
    struct strs methods; /* none: any */
    struct field_match *headers;
    size_t nheaders;
    struct field_match *query;
    size_t nquery;
    struct cidrs from;     /* n == 0: any */
    struct strs listeners; /* names; none: any */
};

struct header_edits {
    struct name_values set; /* values may hold ${...}, see route_expand() in model/template.h */
    struct name_values add;
    struct strs remove;
};

enum route_action { ROUTE_PROXY, ROUTE_RESPOND, ROUTE_REDIRECT };

struct respond {
    unsigned status;
    struct str body;
    struct str content_type;
};

struct redirect {
    unsigned status;
    struct str to; /* template: "https://example.org${path}" */
};

struct rewrite {
    struct str path;         /* template, or absent */
    struct str strip_prefix; /* or absent */
    struct str host;         /* or absent */
};

struct access {
    struct cidrs allow; /* n == 0: all */
    struct cidrs deny;  /* wins over allow */
};

struct route_timeouts {
    msec_t per_try; /* 0: the service's */
    msec_t total;
};

struct route {
    struct str name; /* unique; default "route-N" */
    unsigned id;     /* index in blueprint.routes */
    struct match match;
    enum route_action action;
    struct str to; /* service name */
    const struct service *service;
    struct respond respond;
    struct redirect redirect;
    struct rewrite rewrite;
    struct header_edits request_headers;
    struct header_edits response_headers;
    struct strs limit_names;
    const struct limit **limits;
    size_t nlimits;
    struct access access;
    struct route_timeouts timeouts;
    uint64_t max_body;             /* bytes; 0: the client limits' */
    bool upgrade;                  /* allow Upgrade (WebSocket); default true */
    bool buffer_request_for_retry; /* keep up to 64 KB of the body, so that it can be sent again */
    double log_sample;             /* -1: as log.sample */
    const char *source;            /* "weir.yaml:31", for explanations */
};

/* ---- the keeper, and what it is to keep ---- */

struct keeper_seal {
    struct str key_file; /* absolute, or absent: shares alone open it */
};

struct keeper_rule {
    bool on; /* true when `keeper:` is there */
    struct str listen_text;
    struct addr listen;
    struct str tls; /* name of a certificate, or absent: plain HTTP */
    const struct certificate *certificate;
    struct keeper_seal seal;
};

struct managed_key { /* in a transit engine */
    struct str name;
    unsigned type; /* see managed_key_type() */
    struct str mount;
    msec_t rotate; /* 0: never */
    bool exportable;
};

enum generate { GENERATE_NONE, GENERATE_PASSWORD, GENERATE_HEX, GENERATE_BASE64, GENERATE_UUID };

struct managed_secret { /* in a KV engine, version 2 */
    struct str name;
    struct str mount;
    struct str path;
    struct str field;
    unsigned generate; /* enum generate */
    unsigned length;
    msec_t rotate; /* 0: never */
};

struct policy_path {
    struct str path;
    unsigned can; /* see policy_path_capability() */
    unsigned approvals;
    struct strs approvers; /* policies */
};

struct managed_policy {
    struct str name;
    struct policy_path *paths;
    size_t npaths;
};

/* Vault's words for them. */
const char *managed_key_type(const struct managed_key *k);
const char *managed_secret_generator(const struct managed_secret *s);
/* The next capability; *at begins as 0; NULL after the last. */
const char *policy_path_capability(const struct policy_path *p, unsigned *at);

/* ---- the rest ---- */

struct client_limits {
    size_t max_head;     /* bytes of request line and fields; at most 64 KB */
    unsigned max_fields; /* at most 256 */
    size_t max_uri;
    uint64_t max_body;
    unsigned max_connections; /* all */
    unsigned connections_per_address;
    unsigned max_requests;  /* on one connection; 0: no limit */
    msec_t header_timeout;  /* from the first byte of a request (or accept) to its head's end */
    msec_t idle_timeout;    /* keep-alive, between requests */
    msec_t body_timeout;    /* without any progress */
    unsigned min_body_rate; /* bytes a second, after a grace of 5 s; both ways */
    msec_t total_timeout;   /* of one request; 0: none */
    msec_t tls_timeout;     /* handshake */
    msec_t drain_timeout;   /* of `weir stop` */
};

enum log_to { LOG_NONE, LOG_STDOUT, LOG_FILE };

struct log_rule {
    enum log_to to;
    struct str path;      /* absolute once loaded */
    double sample;        /* 0..1 of the requests without error; errors are always logged */
    uint64_t rotate_size; /* bytes */
    unsigned rotate_keep; /* files */
};

struct metrics_rule {
    bool on;
    struct str address_text; /* of GET /metrics, served by control; absent: unix socket only */
    struct addr address;
    bool exemplars;
};

struct trace_rule {
    bool propagate;      /* traceparent in and out */
    bool trust_incoming; /* keep the trace id that a client sends */
    double sample;       /* sets the sampled flag of new traces */
};

struct dns_rule {
    struct strs servers; /* "1.2.3.4:53"; none: the system's */
    msec_t timeout;
};

enum forwarded_style { FORWARDED_X, FORWARDED_RFC7239, FORWARDED_BOTH, FORWARDED_NONE };

struct blueprint {
    _Atomic unsigned refs;
    struct arena arena;

    struct str name;
    struct str environment; /* of the overlay, or absent */
    struct str source;      /* the file's absolute path */
    uint64_t version; /* stable hash of the canonical text without file, environment and lines */
    struct str canonical; /* the whole resolved blueprint as JSON, one line; see below */

    struct str state; /* folder, absolute */
    struct str user;  /* that the roles run as when started by root */
    unsigned workers; /* 0: one per core */

    struct listener *listeners;
    size_t nlisteners;
    struct certificate *certificates;
    size_t ncertificates;
    struct service *services;
    size_t nservices;
    struct limit *limits;
    size_t nlimits;
    struct route *routes; /* in the order of the file */
    size_t nroutes;

    struct keeper_rule keeper;
    struct managed_key *keys;
    size_t nkeys;
    struct managed_secret *secrets;
    size_t nsecrets;
    struct managed_policy *policies;
    size_t npolicies;

    struct strs global_limits; /* `limit:` at the top: for every request */
    const struct limit **global_limit;
    size_t nglobal_limits;
    struct access access; /* for every request, at accept */
    struct cidrs trusted_proxies;
    enum forwarded_style forwarded;
    struct str request_id_header; /* "X-Request-Id" */
    bool server_header;           /* send "Server: weir" */

    struct client_limits client;
    struct log_rule log;
    struct metrics_rule metrics;
    struct trace_rule trace;
    struct dns_rule dns;

    const struct router *router; /* compiled, see model/router.h */
};

/* Everything wrong with a file, in the order of the file. */
struct problem {
    char *file;
    unsigned line;   /* from 1; 0: the file as a whole */
    unsigned column; /* from 1 */
    char *id;        /* "blueprint_unknown_word" */
    char *text;      /* one sentence: what was read, what was expected, the nearest word */
    bool warning;    /* an expired certificate, a shadowed route: does not refuse the file */
};

struct problems {
    struct problem *at;
    size_t n;
    size_t nerrors; /* without warnings */
};

void problems_free(struct problems *p);

struct blueprint_options {
    const char *environment; /* overlay environments/NAME.yaml beside the file, or NULL */
    const char *state;       /* overrides `state:`, or NULL */
};

/*
 * Reads the file, its includes and its overlay, checks all of it and compiles it.
 * Returns a blueprint with one reference, or NULL with problems filled; warnings
 * may be there in both cases.  problems is initialised by the call.
 */
struct blueprint *blueprint_load(
    const char *path, const struct blueprint_options *options, struct problems *problems);

/*
 * The same from `canonical` text (JSON, which is YAML): reads no file and no
 * environment.  How the edge gets its blueprint, since it cannot open files.
 */
struct blueprint *blueprint_from_canonical(struct str text, struct problems *problems);

struct blueprint *blueprint_ref(struct blueprint *b);
void blueprint_unref(struct blueprint *b); /* NULL is fine; the last one frees */

#endif
