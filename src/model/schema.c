/*
 * schema - the words at the top of a blueprint and those of its small parts.
 * See schema.h; services are in schema_service.c, routes in schema_route.c.
 */
#include "model/schema_int.h"

const struct choice schema_tls_versions[] = {
    { "1.2", TLS_1_2, "TLS 1.2 and 1.3" },
    { "1.3", TLS_1_3, "TLS 1.3 alone" },
    { NULL, 0, NULL },
};

static const struct word variable_words[] = {
    { "default", WORD_TEXT, .flags = WORD_TREE,
        .help = "The value when the environment has none; without it, the variable must be set.",
        .example = "\"3000\"" },
    { "help", WORD_TEXT, .flags = WORD_TREE, .help = "What it is for.",
        .example = "the port of the application" },
    { NULL },
};
static const struct table variable_table = {
    .title = "a variable",
    .words = variable_words,
    .short_word = "default",
};

static const struct choice alpn_protocols[] = {
    { "http/1.1", 0, "HTTP/1.1" },
    { NULL, 0, NULL },
};
static const struct word listener_tls_words[] = {
    { "certificates", WORD_NAME, WORD_LIST, AT(listener_tls, certificates),
        .flags = WORD_REQUIRED | WORD_NOT_EMPTY,
        .help = "Names of `certificates`; the first is for clients that name no host (SNI).",
        .example = "[main]" },
    { "min_version", WORD_CHOICE, AT(listener_tls, min_version), .preset = "1.2",
        .choices = schema_tls_versions, .help = "The oldest TLS version to speak.",
        .example = "\"1.3\"" },
    { "alpn", WORD_TEXT, WORD_LIST, AT(listener_tls, alpn), .preset = "http/1.1",
        .choices = alpn_protocols, .help = "Protocols to offer (ALPN), the best first.",
        .example = "[http/1.1]" },
    { "ticket_rotation", WORD_DURATION, AT(listener_tls, ticket_rotation), .preset = "12h",
        RANGE(SECONDS(60), DAYS(7)),
        .help = "How often the key for session tickets changes; the one before stays valid.",
        .example = "1h" },
    { NULL },
};
static const struct table listener_tls_table = {
    .title = "`tls` of a listener",
    .words = listener_tls_words,
    .size = sizeof(struct listener_tls),
    .short_word = "certificates",
    .has_switch = TABLE_OFF,
    .on = offsetof(struct listener_tls, on),
};

static const struct word listener_words[] = {
    { "address", WORD_ADDRESS, AT(listener, address_text), ALSO(listener, address),
        .flags = WORD_REQUIRED,
        .help = "Where to listen: :443 is all addresses, IPv4 and IPv6; or one address, or "
                "unix:/path.",
        .example = "\":443\"" },
    { "tls", WORD_TABLE, AT(listener, tls), .table = &listener_tls_table,
        .help = "Speaks TLS here, with these certificates.", .example = "{certificates: [main]}" },
    { "redirect_to_https", WORD_BOOL, AT(listener, redirect_to_https), .preset = "false",
        .help = "Answers every request with a redirect (308) to the same URL with https.",
        .example = "true" },
    { "redirect_port", WORD_UNSIGNED, AT(listener, redirect_port), .preset = "443", RANGE(1, 65535),
        .help = "The port in that URL; 443 is left out.", .example = "8443" },
    { "backlog", WORD_UNSIGNED, AT(listener, backlog), .preset = "4096", RANGE(1, 65535),
        .help = "Connections that may wait to be accepted, as the kernel allows.",
        .example = "1024" },
    { NULL },
};
static const struct table listener_table = {
    .title = "a listener",
    .words = listener_words,
    .size = sizeof(struct listener),
    .short_word = "address",
    .finish = finish_listener,
};

static const struct choice issuers[] = {
    { "none", ISSUER_NONE, "no one: `chain` and `key`, or `local`" },
    { "keeper", ISSUER_KEEPER, "the keeper, which also holds the key and renews it" },
    { NULL, 0, NULL },
};
static const struct word certificate_words[] = {
    { "hosts", WORD_SUBJECT, WORD_LIST, AT(certificate, hosts), .flags = WORD_NOT_EMPTY,
        .help = "Names it is for; those in the certificate when absent.",
        .example = "[example.org, \"*.example.org\"]" },
    { "local", WORD_BOOL, AT(certificate, local), .preset = "false",
        .help = "Issued by an authority of this machine's own, for development; `hosts` are its "
                "names.",
        .example = "true" },
    { "issuer", WORD_CHOICE, AT(certificate, issuer), .preset = "none", .choices = issuers,
        .help = "Issued and renewed by the keeper's own authority, for the names in `hosts`; its "
                "key never leaves the keeper.",
        .example = "keeper" },
    { "ttl", WORD_DURATION, AT(certificate, ttl), .preset = "30d", RANGE(SECONDS(60), DAYS(825)),
        .help = "How long such a certificate lasts; it is renewed when a third of that is left.",
        .example = "7d" },
    { "chain", WORD_PATH, AT(certificate, chain),
        .help = "PEM file with the certificate, then those that signed it.",
        .example = "tls/chain.pem" },
    { "key", WORD_PATH, AT(certificate, key),
        .help = "PEM file with its private key, which only the keeper reads.",
        .example = "tls/key.pem" },
    { "ocsp", WORD_PATH, AT(certificate, ocsp), .help = "DER file with an OCSP response to staple.",
        .example = "tls/ocsp.der" },
    { NULL },
};
static const struct table certificate_table = {
    .title = "a certificate",
    .words = certificate_words,
    .size = sizeof(struct certificate),
    .finish = finish_certificate,
};

static const struct word client_words[] = {
    { "max_head", WORD_SIZE, AT(client_limits, max_head), .preset = "16KB", RANGE(1024, 65536),
        .help = "Request line and headers together; longer gets 431.", .example = "32KB" },
    { "max_fields", WORD_UNSIGNED, AT(client_limits, max_fields), .preset = "100", RANGE(8, 256),
        .help = "Headers in a request; more gets 431.", .example = "64" },
    { "max_uri", WORD_SIZE, AT(client_limits, max_uri), .preset = "8KB", RANGE(64, 65536),
        .help = "The request target; longer gets 414.", .example = "4KB" },
    { "max_body", WORD_SIZE, AT(client_limits, max_body), .preset = "10MB", RANGE(0, 1ULL << 50),
        .help = "A request body; larger gets 413. A route can say otherwise.", .example = "100MB" },
    { "max_connections", WORD_UNSIGNED, AT(client_limits, max_connections), .preset = "20000",
        RANGE(1, 10000000), .help = "Connections from clients at the same time, in all.",
        .example = "100000" },
    { "connections_per_address", WORD_UNSIGNED, AT(client_limits, connections_per_address),
        .preset = "1000", RANGE(0, 10000000),
        .help = "Connections from one address at the same time (a /64 of IPv6); 0 for no limit.",
        .example = "100" },
    { "max_requests", WORD_UNSIGNED, AT(client_limits, max_requests), .preset = "0",
        .help = "Requests on one connection before it is closed; 0 for no limit.",
        .example = "10000" },
    { "header_timeout", WORD_DURATION, AT(client_limits, header_timeout), .preset = "10s",
        RANGE(10, HOURS(1)), .help = "How long the head of a request may take to arrive.",
        .example = "5s" },
    { "idle_timeout", WORD_DURATION, AT(client_limits, idle_timeout), .preset = "60s",
        RANGE(10, DAYS(1)), .help = "How long a connection stays open between requests.",
        .example = "2m" },
    { "body_timeout", WORD_DURATION, AT(client_limits, body_timeout), .preset = "30s",
        RANGE(10, DAYS(1)), .help = "The longest silence within a body.", .example = "10s" },
    { "min_body_rate", WORD_UNSIGNED, AT(client_limits, min_body_rate), .preset = "240",
        .help = "Bytes a second that a body must make after 5 seconds, both ways; 0 for any.",
        .example = "1000" },
    { "total_timeout", WORD_DURATION, AT(client_limits, total_timeout), .preset = "0s",
        RANGE(0, DAYS(7)), .help = "How long a whole request may take; 0 for no limit.",
        .example = "10m" },
    { "tls_timeout", WORD_DURATION, AT(client_limits, tls_timeout), .preset = "10s",
        RANGE(10, HOURS(1)), .help = "How long a TLS handshake may take.", .example = "5s" },
    { "drain_timeout", WORD_DURATION, AT(client_limits, drain_timeout), .preset = "30s",
        RANGE(0, HOURS(1)), .help = "How long `weir stop` waits for requests to end.",
        .example = "10s" },
    { NULL },
};
const struct table schema_client = {
    .title = "`client`",
    .words = client_words,
    .size = sizeof(struct client_limits),
};

static const struct choice log_targets[] = {
    { "stdout", LOG_STDOUT, "lines on standard output" },
    { "file", LOG_FILE, "the file `path`, rotated" },
    { "none", LOG_NONE, "no log of requests" },
    { NULL, 0, NULL },
};
static const struct word log_words[] = {
    { "to", WORD_CHOICE, AT(log_rule, to), .preset = "stdout",
        .preset_means = "stdout, or file when there is a `path`", .choices = log_targets,
        .help = "Where the log of requests goes, one JSON object a line.", .example = "file" },
    { "path", WORD_PATH, AT(log_rule, path), .preset_means = "access.log in `state`",
        .help = "The file.", .example = "/var/log/weir/access.log" },
    { "sample", WORD_FRACTION, AT(log_rule, sample), .preset = "1",
        .help = "The share of the requests without error that are logged; errors always are.",
        .example = "10%" },
    { "rotate_size", WORD_SIZE, AT(log_rule, rotate_size), .preset = "100MB",
        RANGE(4096, 1ULL << 50), .help = "The size at which a new file is begun.",
        .example = "1GB" },
    { "rotate_keep", WORD_UNSIGNED, AT(log_rule, rotate_keep), .preset = "5", RANGE(0, 1000),
        .help = "How many old files are kept.", .example = "10" },
    { NULL },
};
static const struct table log_table = {
    .title = "`log`",
    .words = log_words,
    .size = sizeof(struct log_rule),
    .short_word = "to",
    .finish = finish_log,
};

static const struct word metrics_words[] = {
    { "address", WORD_ADDRESS, AT(metrics_rule, address_text), ALSO(metrics_rule, address),
        .help = "Where GET /metrics is answered; only on the admin socket when absent.",
        .example = "127.0.0.1:9100" },
    { "exemplars", WORD_BOOL, AT(metrics_rule, exemplars), .preset = "true",
        .help = "Whether OpenMetrics histograms name a trace for each bucket.",
        .example = "false" },
    { NULL },
};
static const struct table metrics_table = {
    .title = "`metrics`",
    .words = metrics_words,
    .size = sizeof(struct metrics_rule),
    .short_word = "address",
    .has_switch = TABLE_ON,
    .on = offsetof(struct metrics_rule, on),
};

static const struct word trace_words[] = {
    { "propagate", WORD_BOOL, AT(trace_rule, propagate), .preset = "true",
        .help = "Whether origins get a traceparent header (W3C Trace Context).",
        .example = "false" },
    { "trust_incoming", WORD_BOOL, AT(trace_rule, trust_incoming), .preset = "true",
        .help = "Whether a trace id that a client sends is kept.", .example = "false" },
    { "sample", WORD_FRACTION, AT(trace_rule, sample), .preset = "0",
        .help = "The share of new traces that are marked as sampled.", .example = "1%" },
    { NULL },
};
static const struct table trace_table = {
    .title = "`trace`",
    .words = trace_words,
    .size = sizeof(struct trace_rule),
};

static const struct word dns_words[] = {
    { "servers", WORD_RESOLVER, WORD_LIST, AT(dns_rule, servers),
        .help = "DNS servers to ask; the system's when absent.", .example = "[1.1.1.1]" },
    { "timeout", WORD_DURATION, AT(dns_rule, timeout), .preset = "2s", RANGE(10, HOURS(1)),
        .help = "How long a look-up may take.", .example = "500ms" },
    { NULL },
};
static const struct table dns_table = {
    .title = "`dns`",
    .words = dns_words,
    .size = sizeof(struct dns_rule),
    .short_word = "servers",
};

static const struct choice forwarded_styles[] = {
    { "x", FORWARDED_X, "X-Forwarded-For, -Proto, -Host and -Port" },
    { "rfc7239", FORWARDED_RFC7239, "Forwarded, as RFC 7239 has it" },
    { "both", FORWARDED_BOTH, "both" },
    { "none", FORWARDED_NONE, "neither" },
    { NULL, 0, NULL },
};

static const struct word blueprint_words[] = {
    { "name", WORD_NAME, AT(blueprint, name), .preset = "weir",
        .help = "What this blueprint is called, in metrics and `weir status`.", .example = "shop" },
    { "include", WORD_TEXT, WORD_LIST, .flags = WORD_TREE,
        .help = "Other files to read as parts of this one; may hold * and ?. Maps are joined by "
                "name, routes are appended; the same name twice is an error.",
        .example = "[routes/*.yaml]" },
    { "variables", WORD_TABLE, WORD_MAP, WORD_KEY_ENVIRONMENT, .flags = WORD_TREE,
        .table = &variable_table,
        .help = "Environment variables that this blueprint reads. Only these may be used, as "
                "${env.NAME}, in any value.",
        .example = "{SHOP_PORT: {default: \"3000\"}}" },
    { "state", WORD_PATH, AT(blueprint, state), .preset = "/var/lib/weir",
        .help = "The folder for what Weir keeps: its admin socket, local certificates, logs.",
        .example = "state" },
    { "user", WORD_TEXT, AT(blueprint, user), .preset = "nobody", .flags = WORD_NOT_EMPTY,
        .help = "The user that the roles run as, when Weir is started by root.",
        .example = "weir" },
    { "workers", WORD_UNSIGNED, AT(blueprint, workers), .preset = "0",
        .preset_means = "one per core", RANGE(0, 256), .help = "Event loops that serve requests.",
        .example = "4" },
    { "listeners", WORD_TABLE, WORD_MAP, AT(blueprint, listeners), .table = &listener_table,
        .help = "Where clients connect.", .example = "{web: {address: \":80\"}}" },
    { "certificates", WORD_TABLE, WORD_MAP, AT(blueprint, certificates),
        .table = &certificate_table, .help = "TLS certificates and where their keys are.",
        .example = "{main: {chain: tls/chain.pem, key: tls/key.pem}}" },
    { "services", WORD_TABLE, WORD_MAP, AT(blueprint, services), .table = &schema_service,
        .help = "What is behind Weir: the applications and how to treat them.",
        .example = "{shop: {origins: [127.0.0.1:3000]}}" },
    { "keeper", WORD_TABLE, AT(blueprint, keeper), .table = &schema_keeper,
        .help = "Keeps secrets and keys in processes of its own and answers HashiCorp Vault's API; "
                "`keeper: {}` is enough.",
        .example = "{listen: \"127.0.0.1:8200\"}" },
    { "keys", WORD_TABLE, WORD_MAP, AT(blueprint, keys), .table = &schema_key,
        .help = "Keys that the keeper makes, holds, rotates and works with (transit).",
        .example = "{receipts: {type: ed25519, rotate: 90d}}" },
    { "secrets", WORD_TABLE, WORD_MAP, AT(blueprint, secrets), .table = &schema_secret,
        .help = "Values that the keeper holds for origin processes, see `run.secrets`; the values "
                "themselves never stand in a blueprint.",
        .example = "{database: {generate: password}}" },
    { "policies", WORD_TABLE, WORD_MAP, AT(blueprint, policies), .table = &schema_policy,
        .help = "What tokens of the keeper may do, by path.",
        .example = "{receipts: {paths: {transit/sign/receipts: [update]}}}" },
    { "limits", WORD_TABLE, WORD_MAP, AT(blueprint, limits), .table = &schema_limit,
        .help = "Rate limits, to be named by `limit`.",
        .example = "{per_client: {rate: 100/s, key: address}}" },
    { "limit", WORD_NAME, WORD_LIST, AT(blueprint, global_limits),
        .help = "Names of `limits` that hold for every request.", .example = "[per_client]" },
    { "access", WORD_TABLE, AT(blueprint, access), .table = &schema_access,
        .help = "Which networks may connect at all.", .example = "{deny: [192.0.2.0/24]}" },
    { "routes", WORD_TABLE, WORD_LIST, AT(blueprint, routes), .table = &schema_route,
        .help =
            "Which request goes where. The best match wins, not the first: an exact host before "
            "*.wildcards, an exact path before patterns before prefixes; then the order here.",
        .example = "[{match: {path: /api/*}, to: shop}]" },
    { "client", WORD_TABLE, AT(blueprint, client), .table = &schema_client,
        .help = "What a client may spend: sizes, times and connections.",
        .example = "{max_body: 1MB}" },
    { "log", WORD_TABLE, AT(blueprint, log), .table = &log_table, .help = "The log of requests.",
        .example = "{to: file, path: /var/log/weir/access.log}" },
    { "metrics", WORD_TABLE, AT(blueprint, metrics), .table = &metrics_table,
        .help = "Metrics for Prometheus; `false` for none.",
        .example = "{address: \"127.0.0.1:9100\"}" },
    { "trace", WORD_TABLE, AT(blueprint, trace), .table = &trace_table,
        .help = "Trace context that is passed on to origins.", .example = "{sample: 1%}" },
    { "dns", WORD_TABLE, AT(blueprint, dns), .table = &dns_table,
        .help = "How the names of origins are looked up.", .example = "{servers: [10.0.0.2]}" },
    { "trusted_proxies", WORD_CIDR, WORD_LIST, AT(blueprint, trusted_proxies),
        .help = "Networks whose X-Forwarded-For and Forwarded headers are believed.",
        .example = "[10.0.0.0/8]" },
    { "forwarded", WORD_CHOICE, AT(blueprint, forwarded), .preset = "x",
        .choices = forwarded_styles, .help = "How origins are told who the client is.",
        .example = "both" },
    { "request_id_header", WORD_HEADER_NAME, AT(blueprint, request_id_header),
        .preset = "X-Request-Id", .help = "The header that carries the id of a request.",
        .example = "X-Correlation-Id" },
    { "server_header", WORD_BOOL, AT(blueprint, server_header), .preset = "true",
        .help = "Whether responses say \"Server: weir\".", .example = "false" },
    { "@file", WORD_TEXT, AT(blueprint, source), .flags = WORD_HIDDEN, .help = "The file." },
    { "@environment", WORD_TEXT, AT(blueprint, environment), .flags = WORD_HIDDEN,
        .help = "The overlay." },
    { NULL },
};
const struct table schema_blueprint = {
    .title = "a blueprint",
    .words = blueprint_words,
    .size = sizeof(struct blueprint),
};
