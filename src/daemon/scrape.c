/*
 * scrape - GET /metrics: what the edge counts, and what control knows of the processes,
 * certificates and blueprints, as one document.
 *
 * Who is asked has five seconds (see gather.c): then the document goes out without that part, and
 * weir_scrapes_incomplete_total says so.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/value.h"
#include "daemon/api_int.h"
#include "daemon/gather.h"
#include "daemon/origins.h"
#include "watch/metrics.h"

enum { OBSERVED_NODES = 10000 };

struct scrape {
    struct exchange *exchange;
    enum exposition exposition;
};

/* A registry of its own for each scrape: what is gone leaves no series behind. */
static void set(struct metrics *m, enum metric id, struct str label, uint64_t value)
{
    cell_set(metrics_cell(m, 0, id, &label), value);
}

static void put_processes(struct metrics *m, const struct control *c, struct str usage)
{
    struct process_usage u;

    if (usage.len == 0)
        return; /* not known is not "down" */
    for (unsigned r = 0; r < (c->plan.keeper ? ROLE_COUNT : ROLE_VAULT); r++)
        set(m, METRIC_PROCESS_UP, str_from(role_name((enum role)r)), 0);
    while (gathered_next(&usage, &u)) {
        set(m, METRIC_PROCESS_UP, u.role, u.pid > 0);
        set(m, METRIC_PROCESS_RESTARTS, u.role, u.restarts);
        set(m, METRIC_PROCESS_CPU, u.role, u.cpu * 1000);
        set(m, METRIC_PROCESS_MEMORY, u.role, u.resident);
        set(m, METRIC_PROCESS_FDS, u.role, u.fds);
    }
}

static void put_origin(void *arg, const char *label, bool up, uint64_t restarts)
{
    struct metrics *m = arg;

    set(m, METRIC_PROCESS_UP, str_from(label), up);
    set(m, METRIC_PROCESS_RESTARTS, str_from(label), restarts);
}

static void put_missing(struct control *c, struct metrics *m, const struct gathered *g)
{
    c->scrapes_without_edge += g->edge.len == 0;
    c->scrapes_without_usage += g->usage.len == 0;
    set(m, METRIC_SCRAPES_INCOMPLETE, STR("edge"), c->scrapes_without_edge);
    set(m, METRIC_SCRAPES_INCOMPLETE, STR("processes"), c->scrapes_without_usage);
}

/* A time of which nothing is known has no series. */
static void set_known(struct metrics *m, enum metric id, const struct value *v, const char *name)
{
    int64_t n = value_get_i64(v, name, 0);

    if (n > 0)
        set(m, id, STR_NONE, (uint64_t)n);
}

static void set_two(
    struct metrics *m, enum metric id, struct str first, const char *second, uint64_t value)
{
    const struct str labels[] = { first, str_from(second) };

    cell_set(metrics_cell(m, 0, id, labels), value);
}

/* "36.5", microseconds, as nanoseconds. */
static uint64_t nsec_of(const struct value *v, const char *name)
{
    const struct value *n = value_get(v, name);

    return n != NULL && n->kind == VALUE_NUMBER ? (uint64_t)(strtod(n->text.at, NULL) * 1000) : 0;
}

static void put_signers(struct metrics *m, const struct value *signers)
{
    value_each (one, signers) {
        set(m, METRIC_KEEPER_TEST_OK, one->name, value_get_bool(one, "ok", true));
        if (value_get(one, "signatures") == NULL)
            continue;
        set_two(m, METRIC_KEEPER_SIGNED, one->name, "ok",
            (uint64_t)value_get_i64(one, "signatures", 0));
        set_two(m, METRIC_KEEPER_SIGNED, one->name, "failed",
            (uint64_t)value_get_i64(one, "failures", 0));
        if (nsec_of(one, "p50_usec") == 0) /* none lately */
            continue;
        set_two(m, METRIC_KEEPER_SIGN_SECONDS, one->name, "0.5", nsec_of(one, "p50_usec"));
        set_two(m, METRIC_KEEPER_SIGN_SECONDS, one->name, "0.95", nsec_of(one, "p95_usec"));
        set_two(m, METRIC_KEEPER_SIGN_SECONDS, one->name, "0.99", nsec_of(one, "p99_usec"));
    }
}

static void put_api(struct metrics *m, const struct value *api)
{
    static const struct {
        const char *member;
        struct str reason;
    } rows[] = {
        { "turned_away", STR("too_many_connections") },
        { "refused", STR("malformed") },
        { "slow", STR("slow") },
        { "dropped", STR("no_core") },
    };

    if (api == NULL)
        return;
    set(m, METRIC_KEEPER_API_CONNECTIONS, STR_NONE, (uint64_t)value_get_i64(api, "connections", 0));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        set(m, METRIC_KEEPER_API_REFUSED, rows[i].reason,
            (uint64_t)value_get_i64(api, rows[i].member, 0));
}

static void put_observed(struct metrics *m, const struct value *v)
{
    const struct value *audit = value_get(v, "audit");
    const struct value *backups = value_get(v, "backups");

    set(m, METRIC_KEEPER_SEALED, STR_NONE, value_get_bool(v, "sealed", true));
    set(m, METRIC_KEEPER_REQUESTS, STR_NONE, (uint64_t)value_get_i64(v, "requests", 0));
    set(m, METRIC_KEEPER_FAILED, STR_NONE, (uint64_t)value_get_i64(v, "requests_failed", 0));
    set(m, METRIC_KEEPER_QUEUE, STR_NONE, (uint64_t)value_get_i64(v, "queue", 0));
    set(m, METRIC_KEEPER_AUDIT_LAG, STR_NONE,
        (uint64_t)value_get_i64(audit, "lag_msec", 0) * 1000000);
    set(m, METRIC_KEEPER_AUDIT_STUCK, STR_NONE, value_get_bool(audit, "stuck", false));
    set(m, METRIC_KEEPER_AUDIT_DAMAGED, STR_NONE, value_get_bool(audit, "damaged", false));
    set_known(m, METRIC_KEEPER_BACKUP, backups, "last_backup");
    set_known(m, METRIC_KEEPER_DRILL, backups, "last_proven_drill");
    set_known(m, METRIC_KEEPER_EXPIRY, v, "soonest_expiry");
    put_api(m, value_get(v, "api"));
    put_signers(m, value_get(v, "signers"));
}

/* What the keeper says of itself. */
static void put_keeper(struct control *c, struct metrics *m, struct str observed)
{
    struct arena a;
    struct value *v;

    if (!c->plan.keeper)
        return;
    c->scrapes_without_keeper += observed.len == 0;
    set(m, METRIC_SCRAPES_INCOMPLETE, STR("keeper"), c->scrapes_without_keeper);
    if (observed.len == 0)
        return; /* not known is not "sealed" */
    arena_init(&a, 4096);
    v = value_decode(&a, observed, OBSERVED_NODES);
    put_observed(m, v);
    arena_free(&a);
}

static void put_version(struct metrics *m, const struct version *v)
{
    char version[32];

    snprintf(version, sizeof(version), "%016llx", (unsigned long long)v->blueprint->version);
    set(m, METRIC_BLUEPRINT_VERSION, str_from(version), v->applied / 1000000);
    for (size_t i = 0; i < v->blueprint->ncertificates; i++)
        set(m, METRIC_TLS_EXPIRY, v->blueprint->certificates[i].name,
            (uint64_t)v->certificates[i].info.not_after);
}

static void gathered(void *arg, const struct gathered *g)
{
    struct scrape *s = arg;
    struct control *c = s->exchange->control;
    struct metrics *m = metrics_new(1);
    struct buf out;
    struct buf own;

    put_processes(m, c, buf_as_str(&g->usage));
    origins_each_restart(c->origins, put_origin, m);
    if (c->live != NULL)
        put_version(m, c->live);
    set(m, METRIC_BLUEPRINT_APPLIES, STR("ok"), c->applies_ok);
    set(m, METRIC_BLUEPRINT_APPLIES, STR("refused"), c->applies_refused);
    put_missing(c, m, g);
    put_keeper(c, m, buf_as_str(&g->keeper));
    set(m, METRIC_BUILD, STR(WEIR_VERSION), 1);
    buf_init(&own, API_ANSWER_MAX);
    metrics_render(m, s->exposition, &own);
    metrics_free(m);
    buf_init(&out, API_ANSWER_MAX);
    buf_str(&out, buf_as_str(&g->edge));
    if (out.len == 0 || !exposition_join(s->exposition, &out, buf_as_str(&own))) {
        out.len = 0;
        buf_str(&out, buf_as_str(&own));
    }
    exchange_answer(s->exchange, 200, exposition_content_type(s->exposition), buf_as_str(&out));
    buf_free(&own);
    buf_free(&out);
    free(s);
}

static void scrape(struct exchange *x, enum exposition e)
{
    struct scrape *s = xcalloc(1, sizeof(*s));
    char body = (char)e;

    s->exchange = x;
    s->exposition = e;
    gather(x->control, EDGE_SCRAPE, (struct str){ &body, 1 }, gathered, s);
}

void api_metrics(struct exchange *x, const struct api_words *words)
{
    (void)words;
    scrape(x, exposition_negotiate(x->accept));
}

void api_metrics_json(struct exchange *x, const struct api_words *words)
{
    (void)words;
    scrape(x, EXPOSITION_JSON);
}
