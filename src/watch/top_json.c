/*
 * top_json - the view as one JSON object. What cannot be known yet is null.
 */
#include <stdlib.h>

#include "base/json.h"
#include "watch/top_int.h"

static void put_times(struct json *j, bool known, double p50, double p95, double p99)
{
    const char *const names[] = { "p50", "p95", "p99" };
    const double values[] = { p50, p95, p99 };

    json_open(j, "seconds", '{');
    for (unsigned i = 0; i < 3; i++) {
        if (known)
            json_put_double(j, names[i], values[i]);
        else
            json_put_null(j, names[i]);
    }
    json_close(j, '}');
}

static void put_rate(struct json *j, const char *name, double n, bool known)
{
    if (known)
        json_put_double(j, name, n);
    else
        json_put_null(j, name);
}

static void put_totals(struct json *j, const struct top *t)
{
    const struct top_totals *n = &t->totals;
    bool known = t->seconds > 0;
    const struct {
        const char *name;
        double value;
    } rates[] = {
        { "requests", n->rate },
        { "errors", n->errors },
        { "client_errors", n->client_errors },
        { "connections_accepted", n->accepted },
        { "tls_handshakes", n->handshakes },
        { "tls_resumed", n->resumed },
        { "tls_errors", n->handshake_errors },
        { "retries", n->retries },
        { "retries_denied", n->retries_denied },
        { "refusals", n->refused },
        { "limited", n->limited },
        { "log_events", n->log_events },
        { "log_dropped", n->log_dropped },
    };

    json_open(j, "per_second", '{');
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        put_rate(j, rates[i].name, rates[i].value, known);
    json_close(j, '}');
    put_times(j, n->has_times, n->p50, n->p95, n->p99);
    json_put_double(j, "connections", n->connections);
    json_put_double(j, "queued", n->queued);
    json_put_double(j, "log_dropped", n->log_dropped_ever);
}

static void put_row(struct json *j, const struct top *t, const struct top_row *row)
{
    static const char *const breakers[] = { "closed", "half_open", "open" };
    bool origin = row->service.at != NULL;

    json_open(j, NULL, '{');
    if (origin)
        json_put_str(j, "service", row->service);
    json_put_str(j, origin ? "origin" : "route", row->name);
    put_rate(j, "requests_per_second", row->rate, t->seconds > 0);
    put_rate(j, "errors_per_second", row->errors, t->seconds > 0);
    put_times(j, row->has_times, row->p50, row->p95, row->p99);
    if (origin) {
        json_put_double(j, "connections", row->connections);
        json_put_double(j, "idle", row->idle);
        json_put_bool(j, "healthy", !row->unhealthy);
        json_put_bool(j, "ejected", row->ejected);
        json_put_text(
            j, "breaker", row->breaker >= 0 && row->breaker <= 2 ? breakers[row->breaker] : NULL);
    }
    json_close(j, '}');
}

static void put_rows(struct json *j, const struct top *t, const char *key,
    const struct top_row *rows, size_t n, enum top_sort sort)
{
    struct top_row *sorted = xcalloc(n + 1, sizeof(*sorted));

    if (n > 0)
        memcpy(sorted, rows, n * sizeof(*rows));
    top_sort(sorted, n, sort);
    json_open(j, key, '[');
    for (size_t i = 0; i < n; i++)
        put_row(j, t, &sorted[i]);
    json_close(j, ']');
    free(sorted);
}

static void put_process(struct json *j, const struct top *t, const struct top_process *p)
{
    json_open(j, NULL, '{');
    json_put_str(j, "role", p->role);
    json_put_bool(j, "up", p->up);
    put_rate(j, "cpu", p->cpu, t->seconds > 0);
    json_put_double(j, "memory_bytes", p->memory_bytes);
    json_put_double(j, "open_fds", p->fds);
    json_put_double(j, "restarts", p->restarts);
    json_close(j, '}');
}

void top_json(const struct top *t, enum top_sort sort, struct buf *out)
{
    struct json j;

    json_init(&j, out, true);
    json_open(&j, NULL, '{');
    if (t->version.len > 0)
        json_put_str(&j, "version", t->version);
    json_put_double(&j, "interval_seconds", t->seconds);
    put_totals(&j, t);
    put_rows(&j, t, "routes", t->routes, t->nroutes, sort);
    put_rows(&j, t, "origins", t->origins, t->norigins, sort);
    json_open(&j, "processes", '[');
    for (size_t i = 0; i < t->nprocesses; i++)
        put_process(&j, t, &t->processes[i]);
    json_close(&j, ']');
    json_close(&j, '}');
    buf_char(out, '\n');
}
