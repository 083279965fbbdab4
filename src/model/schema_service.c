/*
 * schema - the words of a service.
 */
#include "model/schema_int.h"

static const struct word origin_words[] = {
    { "address", WORD_ORIGIN, AT(origin, address_text), .flags = WORD_REQUIRED,
        .help = "Where the origin listens: host:port, or unix:/path.",
        .example = "app.internal:3000" },
    { "weight", WORD_UNSIGNED, AT(origin, weight), .preset = "1", RANGE(1, 1000),
        .help = "Its share of the requests beside the other origins.", .example = "3" },
    { NULL },
};
static const struct table origin_table = {
    .title = "an origin",
    .words = origin_words,
    .size = sizeof(struct origin),
    .short_word = "address",
};

static const struct word run_words[] = {
    { "command", WORD_TEXT, WORD_LIST, AT(run, command), .flags = WORD_REQUIRED | WORD_NOT_EMPTY,
        .help = "The program and its arguments; no shell is in between. The port to listen on is "
                "in the environment variable PORT.",
        .example = "[node, server.js]" },
    { "environment", WORD_TEXT, WORD_MAP, WORD_KEY_ENVIRONMENT, AT(run, environment),
        .help = "Environment variables for it, beside PATH, PORT and WEIR_INSTANCE.",
        .example = "{NODE_ENV: production}" },
    { "instances", WORD_UNSIGNED, AT(run, instances), .preset = "1", RANGE(1, 256),
        .help = "How many processes to run.", .example = "2" },
    { "folder", WORD_PATH, AT(run, folder), .preset = ".", .preset_means = "the blueprint's folder",
        .help = "The folder it starts in.", .example = "./shop" },
    { "port", WORD_UNSIGNED, AT(run, port), .preset = "0", RANGE(0, 65535),
        .help = "The port of the first instance, the next has the next one; 0 takes free ones.",
        .example = "3000" },
    { "user", WORD_TEXT, AT(run, user), .flags = WORD_NOT_EMPTY,
        .help = "The user it runs as, when Weir is started by root; the blueprint's `user` when "
                "absent.",
        .example = "shop" },
    { "start_timeout", WORD_DURATION, AT(run, start_timeout), .preset = "30s", RANGE(100, HOURS(1)),
        .help = "How long it may take to accept a connection.", .example = "10s" },
    { "stop_timeout", WORD_DURATION, AT(run, stop_timeout), .preset = "10s", RANGE(0, HOURS(1)),
        .help = "How long it may take to end after SIGTERM, before SIGKILL.", .example = "30s" },
    { "restart_backoff", WORD_DURATION, AT(run, restart_backoff), .preset = "200ms",
        RANGE(10, HOURS(1)), .help = "The pause before it is started again; doubles each time.",
        .example = "1s" },
    { "restart_backoff_max", WORD_DURATION, AT(run, restart_backoff_max), .preset = "10s",
        RANGE(10, HOURS(1)), .help = "The longest such pause.", .example = "1m" },
    { "secrets", WORD_TABLE, WORD_MAP, WORD_KEY_ENVIRONMENT, AT(run, secrets),
        .table = &schema_run_secret,
        .help = "Environment variables that the keeper fills: with a secret, or with where to read "
                "it.",
        .example = "{DATABASE_PASSWORD: database, TLS_KEY: {secret: tls, as: file}}" },
    { "token", WORD_TABLE, AT(run, token), .table = &schema_run_token,
        .help = "A token for the keeper's API, with these policies and for as long as the process "
                "lives, in VAULT_TOKEN; VAULT_ADDR says where the API is.",
        .example = "[receipts]" },
    { NULL },
};
static const struct table run_table = {
    .title = "`run`",
    .words = run_words,
    .size = sizeof(struct run),
    .short_word = "command",
};

static const struct choice balance_methods[] = {
    { "p2c", BALANCE_P2C, "the less loaded of two chosen at random" },
    { "round_robin", BALANCE_ROUND_ROBIN, "one after the other" },
    { "hash", BALANCE_HASH, "always the same origin for the same key, see hash_on" },
    { NULL, 0, NULL },
};
static const struct word balance_words[] = {
    { "method", WORD_CHOICE, AT(balance, method), .preset = "p2c", .choices = balance_methods,
        .help = "How an origin is chosen for a request.", .example = "hash" },
    { "hash_on", WORD_HASH_ON, AT(balance, hash_on), ALSO(balance, hash_name), .preset = "address",
        .help = "What `method: hash` keeps together: address, header:NAME or cookie:NAME.",
        .example = "cookie:session" },
    { NULL },
};
static const struct table balance_table = {
    .title = "`balance`",
    .words = balance_words,
    .size = sizeof(struct balance),
    .short_word = "method",
};

static const struct word tls_words[] = {
    { "verify", WORD_BOOL, AT(origin_tls, verify), .preset = "true",
        .help = "Whether the origin's certificate must be valid for its name.",
        .example = "false" },
    { "ca", WORD_PATH, AT(origin_tls, ca),
        .help = "PEM file of the authorities that may have signed it; the system's when absent.",
        .example = "internal-ca.pem" },
    { "server_name", WORD_HOST_NAME, AT(origin_tls, server_name),
        .help = "The name to ask for (SNI) and to verify; the origin's host when absent.",
        .example = "app.internal" },
    { "min_version", WORD_CHOICE, AT(origin_tls, min_version), .preset = "1.2",
        .choices = schema_tls_versions, .help = "The oldest TLS version to accept.",
        .example = "\"1.3\"" },
    { NULL },
};
static const struct table tls_table = {
    .title = "`tls` of a service",
    .words = tls_words,
    .size = sizeof(struct origin_tls),
    .has_switch = TABLE_OFF,
    .on = offsetof(struct origin_tls, on),
};

static const struct word health_words[] = {
    { "path", WORD_URL_PATH, AT(health, path), .preset = "/", .help = "What is asked for with GET.",
        .example = "/healthz" },
    { "host", WORD_AUTHORITY, AT(health, host),
        .help = "The Host to send; the origin's when absent.", .example = "example.org" },
    { "interval", WORD_DURATION, AT(health, interval), .preset = "5s", RANGE(100, HOURS(1)),
        .help = "The time between two checks of an origin.", .example = "2s" },
    { "timeout", WORD_DURATION, AT(health, timeout), .preset = "2s", RANGE(10, HOURS(1)),
        .help = "How long a check may take.", .example = "1s" },
    { "healthy_after", WORD_UNSIGNED, AT(health, healthy_after), .preset = "2", RANGE(1, 100),
        .help = "Successes in a row that bring an origin back.", .example = "1" },
    { "unhealthy_after", WORD_UNSIGNED, AT(health, unhealthy_after), .preset = "3", RANGE(1, 100),
        .help = "Failures in a row that take an origin out.", .example = "2" },
    { "expect", WORD_STATUS_RANGE, AT(health, expect_from), ALSO(health, expect_to),
        .preset = "200-399", .help = "The statuses that count as healthy.", .example = "200" },
    { NULL },
};
static const struct table health_table = {
    .title = "`health`",
    .words = health_words,
    .size = sizeof(struct health),
    .short_word = "path",
    .has_switch = TABLE_OFF,
    .on = offsetof(struct health, on),
};

static const struct word outliers_words[] = {
    { "errors", WORD_UNSIGNED, AT(outliers, errors), .preset = "5", RANGE(1, 1000),
        .help = "5xx responses or failures in a row that eject an origin.", .example = "10" },
    { "ejection", WORD_DURATION, AT(outliers, ejection), .preset = "30s", RANGE(100, DAYS(1)),
        .help = "How long it stays out; the k-th time, k times as long.", .example = "10s" },
    { "ejection_max", WORD_DURATION, AT(outliers, ejection_max), .preset = "5m",
        RANGE(100, DAYS(1)), .help = "The longest it stays out.", .example = "10m" },
    { "max_ejected", WORD_PERCENT, AT(outliers, max_ejected_percent), .preset = "50%",
        RANGE(0, 100), .help = "The share of the origins that may be out at the same time.",
        .example = "30%" },
    { NULL },
};
static const struct table outliers_table = {
    .title = "`outliers`",
    .words = outliers_words,
    .size = sizeof(struct outliers),
    .has_switch = TABLE_ON,
    .on = offsetof(struct outliers, on),
};

static const struct choice retry_causes[] = {
    { "connect", RETRY_ON_CONNECT, "no connection was made" },
    { "reset", RETRY_ON_RESET, "the connection broke before the response began" },
    { "timeout", RETRY_ON_TIMEOUT, "timeouts.per_try passed" },
    { "500", RETRY_ON_500, "status 500" },
    { "502", RETRY_ON_502, "status 502" },
    { "503", RETRY_ON_503, "status 503" },
    { "504", RETRY_ON_504, "status 504" },
    { "429", RETRY_ON_429, "status 429" },
    { NULL, 0, NULL },
};
static const struct word retry_words[] = {
    { "attempts", WORD_UNSIGNED, AT(retry, attempts), .preset = "2", RANGE(0, 10),
        .help = "How often a request is tried again after the first time; 0 never.",
        .example = "1" },
    { "on", WORD_SET, AT(retry, on), .preset = "connect, reset, 503", .choices = retry_causes,
        .help = "What is tried again, where it is safe: a request that may have had an effect is "
                "only repeated when its method is idempotent.",
        .example = "[connect, reset, timeout, 502, 503, 504]" },
    { "non_idempotent", WORD_BOOL, AT(retry, non_idempotent), .preset = "false",
        .help = "Repeats POST and PATCH too, even after they were sent. Only for origins that "
                "recognise a repeated request.",
        .example = "true" },
    { "budget", WORD_PERCENT, AT(retry, budget_percent), .preset = "20%", RANGE(0, 100),
        .help = "Retries may add this much to the requests of the last 10 seconds, so that they "
                "cannot turn a slow origin into a dead one.",
        .example = "10%" },
    { "budget_min", WORD_UNSIGNED, AT(retry, budget_min), .preset = "3", RANGE(0, 10000),
        .help = "Retries a second that are allowed whatever the traffic.", .example = "10" },
    { "backoff", WORD_DURATION, AT(retry, backoff), .preset = "25ms", RANGE(0, HOURS(1)),
        .help = "The pause before the first retry is random between 0 and this; the range doubles "
                "with each.",
        .example = "100ms" },
    { "backoff_max", WORD_DURATION, AT(retry, backoff_max), .preset = "250ms", RANGE(0, HOURS(1)),
        .help = "The longest such pause.", .example = "1s" },
    { NULL },
};
static const struct table retry_table = {
    .title = "`retry`",
    .words = retry_words,
    .size = sizeof(struct retry),
    .short_word = "attempts",
    .has_switch = TABLE_ZERO,
    .off_word = "attempts",
};

static const struct word breaker_words[] = {
    { "failures", WORD_UNSIGNED, AT(breaker_rule, failures), .preset = "5", RANGE(1, 10000),
        .help = "Failures in a row of one origin that open its breaker.", .example = "10" },
    { "probe_after", WORD_DURATION, AT(breaker_rule, probe_after), .preset = "10s",
        RANGE(10, HOURS(1)), .help = "How long it stays open before one request may try.",
        .example = "5s" },
    { "successes", WORD_UNSIGNED, AT(breaker_rule, successes), .preset = "1", RANGE(1, 1000),
        .help = "Successful tries in a row that close it again.", .example = "3" },
    { NULL },
};
static const struct table breaker_table = {
    .title = "`breaker`",
    .words = breaker_words,
    .size = sizeof(struct breaker_rule),
    .has_switch = TABLE_ON,
    .on = offsetof(struct breaker_rule, on),
};

static const struct word timeouts_words[] = {
    { "connect", WORD_DURATION, AT(service_timeouts, connect), .preset = "1s", RANGE(1, HOURS(1)),
        .help = "To make a connection to an origin, TLS included.", .example = "500ms" },
    { "per_try", WORD_DURATION, AT(service_timeouts, per_try), .preset = "15s", RANGE(1, HOURS(24)),
        .help = "For one try, until the head of the response is there.", .example = "5s" },
    { "total", WORD_DURATION, AT(service_timeouts, total), .preset = "30s", RANGE(0, HOURS(24)),
        .help = "For all tries together, until the head of the response is there; 0 for none.",
        .example = "10s" },
    { "idle", WORD_DURATION, AT(service_timeouts, idle), .preset = "60s", RANGE(1, DAYS(7)),
        .help = "The longest silence within a body or an upgraded connection.", .example = "5m" },
    { NULL },
};
static const struct table timeouts_table = {
    .title = "`timeouts` of a service",
    .words = timeouts_words,
    .size = sizeof(struct service_timeouts),
};

static const struct word pool_words[] = {
    { "max_connections", WORD_UNSIGNED, AT(pool_rule, max_connections), .preset = "1024",
        RANGE(1, 1000000), .help = "Connections to one origin at the same time.",
        .example = "100" },
    { "max_idle", WORD_UNSIGNED, AT(pool_rule, max_idle), .preset = "128", RANGE(0, 1000000),
        .help = "Connections kept open without a request, for each origin and worker.",
        .example = "16" },
    { "idle_timeout", WORD_DURATION, AT(pool_rule, idle_timeout), .preset = "30s",
        RANGE(1, DAYS(1)),
        .help = "When such a connection is closed; keep it below the origin's own timeout.",
        .example = "4s" },
    { "max_requests", WORD_UNSIGNED, AT(pool_rule, max_requests), .preset = "0",
        .help = "Requests on one connection before it is closed; 0 for no limit.",
        .example = "10000" },
    { "queue", WORD_UNSIGNED, AT(pool_rule, queue), .preset = "1024", RANGE(0, 1000000),
        .help = "Requests that may wait for a connection, for each worker; the next get 503.",
        .example = "100" },
    { "queue_timeout", WORD_DURATION, AT(pool_rule, queue_timeout), .preset = "5s",
        RANGE(0, HOURS(1)), .help = "How long a request waits for a connection before it gets 503.",
        .example = "1s" },
    { NULL },
};
static const struct table pool_table = {
    .title = "`pool`",
    .words = pool_words,
    .size = sizeof(struct pool_rule),
};

static bool has_run(const void *base)
{
    return ((const struct service *)base)->run.command.n > 0;
}

static const struct word service_words[] = {
    { "origins", WORD_TABLE, WORD_LIST, AT(service, origins), .table = &origin_table,
        .help = "The servers behind this service. Names are looked up again and again, see "
                "resolve_interval.",
        .example = "[app1.internal:3000, {address: \"app2.internal:3000\", weight: 2}]" },
    { "run", WORD_TABLE, AT(service, run), .table = &run_table, .present = has_run,
        .help = "Origin processes that Weir itself starts, watches, restarts and drains; instead "
                "of `origins`.",
        .example = "{command: [node, server.js], instances: 2}" },
    { "balance", WORD_TABLE, AT(service, balance), .table = &balance_table,
        .help = "How requests are spread over the origins.", .example = "round_robin" },
    { "tls", WORD_TABLE, AT(service, tls), .table = &tls_table,
        .help = "Speaks TLS to the origins; `tls: {}` is enough.", .example = "{ca: ca.pem}" },
    { "health", WORD_TABLE, AT(service, health), .table = &health_table,
        .help = "Asks each origin at intervals whether it is well.",
        .example = "{path: /healthz, interval: 2s}" },
    { "outliers", WORD_TABLE, AT(service, outliers), .table = &outliers_table,
        .help = "Takes an origin out for a while when its responses are errors; `false` never.",
        .example = "{errors: 10, ejection: 10s}" },
    { "slow_start", WORD_DURATION, AT(service, slow_start), .preset = "0s", RANGE(0, HOURS(1)),
        .help = "How long an origin that is new or back is given less than its share.",
        .example = "30s" },
    { "retry", WORD_TABLE, AT(service, retry), .table = &retry_table,
        .help = "When a request is tried again, elsewhere if possible; `false` never.",
        .example = "{attempts: 1, on: [connect, reset]}" },
    { "breaker", WORD_TABLE, AT(service, breaker), .table = &breaker_table,
        .help = "Stops sending to an origin that keeps failing; `false` never.",
        .example = "{failures: 10, probe_after: 5s}" },
    { "timeouts", WORD_TABLE, AT(service, timeouts), .table = &timeouts_table,
        .help = "How long the origins may take.", .example = "{per_try: 5s, total: 10s}" },
    { "pool", WORD_TABLE, AT(service, pool), .table = &pool_table,
        .help = "The connections to the origins.", .example = "{max_connections: 100}" },
    { "resolve_interval", WORD_DURATION, AT(service, resolve_interval), .preset = "10s",
        RANGE(100, DAYS(1)), .help = "How often the names of origins are looked up again.",
        .example = "1m" },
    { "preserve_host", WORD_BOOL, AT(service, preserve_host), .preset = "true",
        .help = "Sends the client's Host on; `false` sends the origin's.", .example = "false" },
    { NULL },
};
const struct table schema_service = {
    .title = "a service",
    .words = service_words,
    .size = sizeof(struct service),
    .short_word = "origins",
    .finish = finish_service,
};
