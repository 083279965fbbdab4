/*
 * metrics_table - every metric that Weir has, declared once.
 *
 * M(id, name, type, labels, help): labels are separated by commas, in the order
 * in which metrics_cell() takes the values.  Names follow the Prometheus rules:
 * base units, counters end in _total.
 *
 * COUNTER and GAUGE cells hold whole numbers, gauges may be negative.  The cells
 * of a COUNTER_NSEC and of a GAUGE_NSEC hold nanoseconds, which are shown as seconds.
 */
#ifndef WEIR_WATCH_METRICS_TABLE_H
#define WEIR_WATCH_METRICS_TABLE_H

#include "base/str.h"

enum metric_type {
    METRIC_COUNTER,
    METRIC_COUNTER_NSEC,
    METRIC_GAUGE,
    METRIC_GAUGE_NSEC,
    METRIC_HISTOGRAM
};

/* clang-format off */
#define METRICS(M) \
    M(REQUESTS, "weir_requests_total", COUNTER, "route,class", \
        "Requests answered, by route and class of status (2xx, 3xx, 4xx, 5xx).") \
    M(REQUEST_SECONDS, "weir_request_duration_seconds", HISTOGRAM, "route", \
        "Time from the first byte of a request to the last byte of its response, by route.") \
    M(REFUSALS, "weir_refusals_total", COUNTER, "reason", \
        "Requests and connections that Weir itself refused or failed, by reason word.") \
    M(REQUEST_BYTES, "weir_request_bytes_total", COUNTER, "route", \
        "Bytes of request bodies received.") \
    M(RESPONSE_BYTES, "weir_response_bytes_total", COUNTER, "route", \
        "Bytes of response bodies sent.") \
    M(ORIGIN_REQUESTS, "weir_origin_requests_total", COUNTER, "service,origin,class", \
        "Tries sent to an origin, by class of its answer (2xx...5xx, error).") \
    M(ORIGIN_SECONDS, "weir_origin_duration_seconds", HISTOGRAM, "service,origin", \
        "Time from sending a try to the end of the origin's response head.") \
    M(ORIGIN_ERRORS, "weir_origin_errors_total", COUNTER, "service,origin,reason", \
        "Tries that an origin failed, by reason word (connect_refused, reset, timeout...).") \
    M(ORIGIN_HEALTHY, "weir_origin_healthy", GAUGE, "service,origin", \
        "1 when active health checks pass (or there are none), else 0.") \
    M(ORIGIN_EJECTED, "weir_origin_ejected", GAUGE, "service,origin", \
        "1 while passive outlier detection keeps the origin out.") \
    M(BREAKER_STATE, "weir_breaker_state", GAUGE, "service,origin", \
        "Circuit breaker: 0 closed, 1 half-open, 2 open.") \
    M(RETRIES, "weir_retries_total", COUNTER, "service", "Tries after the first.") \
    M(RETRIES_DENIED, "weir_retries_denied_total", COUNTER, "service", \
        "Retries that would have been made but for the retry budget.") \
    M(POOL_CONNECTIONS, "weir_pool_connections", GAUGE, "service,origin", \
        "Open connections to an origin, in use or idle.") \
    M(POOL_IDLE, "weir_pool_idle_connections", GAUGE, "service,origin", \
        "Idle connections to an origin.") \
    M(POOL_OPENED, "weir_pool_opened_total", COUNTER, "service,origin", \
        "Connections opened to an origin.") \
    M(QUEUE_DEPTH, "weir_queue_depth", GAUGE, "service", \
        "Requests that wait for a connection to an origin.") \
    M(LIMIT_DECISIONS, "weir_limit_decisions_total", COUNTER, "limit,decision", \
        "Rate limit decisions: allowed, refused, observed (would have been refused), exempt.") \
    M(CONNECTIONS, "weir_connections", GAUGE, "listener", "Open client connections.") \
    M(CONNECTIONS_ACCEPTED, "weir_connections_accepted_total", COUNTER, "listener", \
        "Client connections accepted.") \
    M(TLS_HANDSHAKES, "weir_tls_handshakes_total", COUNTER, "listener,version,resumed", \
        "TLS handshakes completed.") \
    M(TLS_ERRORS, "weir_tls_errors_total", COUNTER, "listener,reason", "TLS handshakes failed.") \
    M(TLS_EXPIRY, "weir_tls_certificate_not_after_seconds", GAUGE, "certificate", \
        "When a certificate expires, in seconds since 1970.") \
    M(SIGNATURES, "weir_keeper_signatures_total", COUNTER, "result", \
        "Signatures asked of the keeper for TLS handshakes, by result.") \
    M(KEEPER_SEALED, "weir_keeper_sealed", GAUGE, "", \
        "1 while the keeper is sealed, or not initialised yet.") \
    M(KEEPER_REQUESTS, "weir_keeper_requests_total", COUNTER, "", \
        "Requests that the keeper was asked, over its API and by Weir itself.") \
    M(KEEPER_FAILED, "weir_keeper_requests_failed_total", COUNTER, "", \
        "Requests that the keeper answered with a status of 500 or more.") \
    M(KEEPER_QUEUE, "weir_keeper_queue_depth", GAUGE, "", \
        "Requests that the keeper has not answered yet.") \
    M(KEEPER_API_CONNECTIONS, "weir_keeper_api_connections", GAUGE, "", \
        "Open connections to the keeper's API.") \
    M(KEEPER_API_REFUSED, "weir_keeper_api_refused_total", COUNTER, "reason", \
        "What the keeper's API let in no further: too_many_connections; malformed (or past a " \
        "limit of its requests); slow; no_core (or one with too much to do).") \
    M(KEEPER_TEST_OK, "weir_keeper_self_test_ok", GAUGE, "algorithm", \
        "1 when the algorithm passed its last self-test, which comes every 10 s.") \
    M(KEEPER_SIGNED, "weir_keeper_api_signatures_total", COUNTER, "algorithm,result", \
        "Signatures made for the keeper's API, by algorithm and result.") \
    M(KEEPER_SIGN_SECONDS, "weir_keeper_signature_seconds", GAUGE_NSEC, "algorithm,quantile", \
        "How long signatures took in the last minutes: quantiles 0.5, 0.95 and 0.99.") \
    M(KEEPER_AUDIT_LAG, "weir_keeper_audit_lag_seconds", GAUGE_NSEC, "", \
        "For how long the oldest audit record has waited for the journal.") \
    M(KEEPER_AUDIT_STUCK, "weir_keeper_audit_stuck", GAUGE, "", \
        "1 while the audit journal cannot be written, and requests get 503.") \
    M(KEEPER_AUDIT_DAMAGED, "weir_keeper_audit_damaged", GAUGE, "", \
        "1 when the audit journal was not as the keeper had left it.") \
    M(KEEPER_BACKUP, "weir_keeper_backup_timestamp_seconds", GAUGE, "", \
        "When the newest backup was made, in seconds since 1970.") \
    M(KEEPER_DRILL, "weir_keeper_drill_timestamp_seconds", GAUGE, "", \
        "When the newest drill proved every key of a backup, in seconds since 1970.") \
    M(KEEPER_EXPIRY, "weir_keeper_soonest_expiry_timestamp_seconds", GAUGE, "", \
        "When the first of the keeper's certificates expires, in seconds since 1970.") \
    M(LOG_EVENTS, "weir_log_events_total", COUNTER, "result", \
        "Log events: written, sampled_out, dropped (the disk was slow or full).") \
    M(BLUEPRINT_VERSION, "weir_blueprint_applied_timestamp_seconds", GAUGE, "version", \
        "When the live blueprint was applied, in seconds since 1970.") \
    M(BLUEPRINT_APPLIES, "weir_blueprint_applies_total", COUNTER, "result", \
        "Blueprints applied: ok, refused.") \
    M(PROCESS_UP, "weir_process_up", GAUGE, "role", "1 while the role's process runs.") \
    M(PROCESS_RESTARTS, "weir_process_restarts_total", COUNTER, "role", \
        "Restarts of a role or of an origin process after it died.") \
    M(PROCESS_CPU, "weir_process_cpu_seconds_total", COUNTER_NSEC, "role", \
        "CPU time used by the role's process.") \
    M(PROCESS_MEMORY, "weir_process_resident_memory_bytes", GAUGE, "role", \
        "Resident memory of the role's process.") \
    M(PROCESS_FDS, "weir_process_open_fds", GAUGE, "role", \
        "Open descriptors of the role's process.") \
    M(SCRAPES_INCOMPLETE, "weir_scrapes_incomplete_total", COUNTER, "missing", \
        "Scrapes answered without a part that did not come in time: edge, processes, keeper.") \
    M(BUILD, "weir_build_info", GAUGE, "version", "Always 1; the version of this binary.")
/* clang-format on */

#define METRIC_ENUM(id, name, type, labels, help) METRIC_##id,
enum metric { METRICS(METRIC_ENUM) METRIC_COUNT };
#undef METRIC_ENUM

enum { METRIC_LABELS_MAX = 4 };

struct metric_info {
    const char *name;
    enum metric_type type;
    const char *labels; /* as declared */
    const char *help;
};
extern const struct metric_info metric_table[METRIC_COUNT];

/* How many labels the metric has, and the name of the n-th. */
unsigned metric_nlabels(enum metric id);
struct str metric_label(enum metric id, unsigned n);
/* "seconds", "bytes" or "": what the name says, without _total. */
struct str metric_unit(enum metric id);
/* The name without _total: OpenMetrics calls a counter's family so. */
struct str metric_family(enum metric id);

#endif
