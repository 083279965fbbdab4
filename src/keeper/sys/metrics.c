/*
 * metrics - sys/metrics: what the keeper counts, for Prometheus (text format 0.0.4) or as JSON.
 */
#include "base/json.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/sys/observe_int.h"
#include "keeper/sys/sys_int.h"

enum { METRICS_MAX = 1 << 20 };

struct sample {
    const char *name;
    const char *help;
    bool counter;
    double (*read)(struct core *c); /* NULL: what the api role counts */
    enum keeper_count count;
};

static double value_of(const struct sample *s, struct core *c)
{
    return s->read != NULL ? s->read(c) : (double)c->api_counts[s->count];
}

static double is_unsealed(struct core *c)
{
    return core_is_sealed(c) ? 0 : 1;
}

static double requests(struct core *c)
{
    return (double)c->counters.requests;
}

static double requests_refused(struct core *c)
{
    return (double)c->counters.refused;
}

static double requests_failed(struct core *c)
{
    return (double)c->counters.failed;
}

static double requests_late(struct core *c)
{
    return (double)c->counters.late;
}

static double in_flight(struct core *c)
{
    return (double)c->calls;
}

static double leases(struct core *c)
{
    return (double)lease_count(c);
}

static double mounts(struct core *c)
{
    return (double)mounts_count(c);
}

static double audit_records(struct core *c)
{
    return (double)audit_written(c->audit);
}

static double cached_bytes(struct core *c)
{
    struct entries_stats s;

    entries_get_stats(c->entries, &s);
    return (double)s.cached;
}

static double cache_hits(struct core *c)
{
    struct entries_stats s;

    entries_get_stats(c->entries, &s);
    return (double)s.hits;
}

static double cache_misses(struct core *c)
{
    struct entries_stats s;

    entries_get_stats(c->entries, &s);
    return (double)s.misses;
}

static double commits(struct core *c)
{
    struct entries_stats s;

    entries_get_stats(c->entries, &s);
    return (double)s.commits;
}

static double commits_failed(struct core *c)
{
    struct entries_stats s;

    entries_get_stats(c->entries, &s);
    return (double)s.failures;
}

static double barrier_seals(struct core *c)
{
    return (double)barrier_term_used(c->barrier);
}

static double barrier_now(struct core *c)
{
    return (double)barrier_term(c->barrier);
}

static const struct sample samples[] = {
    { "vault_core_unsealed", "1 when the keeper is unsealed.", false, is_unsealed },
    { "vault_core_in_flight_requests", "Requests that wait for an answer.", false, in_flight },
    { "vault_expire_num_leases", "Leases given out and not ended.", false, leases },
    { "weir_keeper_api_bytes", "Requests and answers in the memory of the API's process.", false,
        NULL, KEEPER_COUNT_BYTES },
    { "weir_keeper_api_connections", "Connections to the API.", false, NULL, KEEPER_COUNT_OPEN },
    { "weir_keeper_api_connections_refused_total", "Connections past the limit.", true, NULL,
        KEEPER_COUNT_TURNED_AWAY },
    { "weir_keeper_api_connections_total", "Connections to the API so far.", true, NULL,
        KEEPER_COUNT_ACCEPTED },
    { "weir_keeper_api_dropped_total", "Requests that found no core, or one with too much to do.",
        true, NULL, KEEPER_COUNT_DROPPED },
    { "weir_keeper_api_refused_total", "Requests that are malformed or past a limit.", true, NULL,
        KEEPER_COUNT_REFUSED },
    { "weir_keeper_api_slow_total", "Clients that ran out of time.", true, NULL,
        KEEPER_COUNT_SLOW },
    { "weir_keeper_audit_records_total", "Audit records in the journal.", true, audit_records },
    { "weir_keeper_barrier_seals_total", "Rows sealed with the newest term.", true, barrier_seals },
    { "weir_keeper_barrier_term", "The term that seals.", false, barrier_now },
    { "weir_keeper_cache_bytes", "Plaintext kept in memory.", false, cached_bytes },
    { "weir_keeper_cache_hits_total", "Entries read from memory.", true, cache_hits },
    { "weir_keeper_cache_misses_total", "Entries read from the store.", true, cache_misses },
    { "weir_keeper_commits_failed_total", "Batches that could not be written.", true,
        commits_failed },
    { "weir_keeper_commits_total", "Batches that were written.", true, commits },
    { "weir_keeper_mounts", "Mounts of engines.", false, mounts },
    { "weir_keeper_requests_failed_total", "Requests answered with 5xx.", true, requests_failed },
    { "weir_keeper_requests_late_total", "Requests that waited too long for journal or store.",
        true, requests_late },
    { "weir_keeper_requests_refused_total", "Requests answered with 4xx or 5xx.", true,
        requests_refused },
    { "weir_keeper_requests_total", "Requests of the API.", true, requests },
};

enum { SAMPLES = sizeof(samples) / sizeof(samples[0]) };

static void as_text(struct request *r)
{
    struct buf to;

    buf_init(&to, METRICS_MAX);
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct sample *s = &samples[i];

        buf_printf(&to, "# HELP %s %s\n# TYPE %s %s\n%s %.17g\n", s->name, s->help, s->name,
            s->counter ? "counter" : "gauge", s->name, value_of(s, r->core));
    }
    observe_metrics(r->core, &to);
    reply_raw(
        r, 200, "text/plain; version=0.0.4; charset=utf-8", arena_str(&r->arena, buf_as_str(&to)));
    buf_free(&to);
}

static struct value *as_value(struct arena *a, const struct sample *s, struct core *c)
{
    struct value *v = value_map(a);
    struct str number = str_from(arena_printf(a, "%.17g", value_of(s, c)));

    value_put_text(a, v, "Name", str_from(s->name));
    if (s->counter) {
        value_put_i64(a, v, "Count", 1);
        value_put(v, "Sum", value_number(a, number));
    } else {
        value_put(v, "Value", value_number(a, number));
    }
    value_put(v, "Labels", value_map(a));
    return v;
}

void sys_metrics(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *gauges = value_list(a);
    struct value *counters = value_list(a);
    struct str format = STR("");

    field_text(r, "format", &format);
    if (str_is(format, "prometheus")) {
        as_text(r);
        return;
    }
    for (size_t i = 0; i < SAMPLES; i++)
        value_add(samples[i].counter ? counters : gauges, as_value(a, &samples[i], r->core));
    value_put_text(a, v, "Timestamp", time_text(a, r->now / 1000));
    value_put(v, "Gauges", gauges);
    value_put(v, "Points", value_list(a));
    value_put(v, "Counters", counters);
    value_put(v, "Samples", value_list(a));
    reply_bare(r, v);
}
