/*
 * status - see status.h.
 */
#include <stdio.h>

#include "base/json.h"
#include "edge/status.h"

static const char *const breaker_words[] = { "closed", "half_open", "open" };

struct gauges {
    struct metrics *metrics;
    unsigned shard;
    const struct plan *plan;
    msec_t now;
};

static bool is_in(const struct plan *p, const struct origin_state *s)
{
    for (size_t i = 0; p != NULL && i < p->blueprint->nservices; i++)
        for (size_t k = 0; k < p->services[i].norigins; k++)
            if (p->services[i].origins[k].state == s)
                return true;
    return false;
}

/* Series of addresses that come and go would otherwise pile up, and look like origins. */
void status_forget_origin(struct metrics *m, const struct origin_state *s)
{
    static const enum metric all[] = { METRIC_ORIGIN_HEALTHY, METRIC_ORIGIN_EJECTED,
        METRIC_BREAKER_STATE, METRIC_ORIGIN_SECONDS, METRIC_POOL_CONNECTIONS, METRIC_POOL_IDLE,
        METRIC_POOL_OPENED };
    static const char *const classes[] = { "error", "1xx", "2xx", "3xx", "4xx", "5xx" };
    struct str labels[] = { s->service, s->label, STR_NONE };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_hide(m, all[i], labels);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        labels[2] = str_from(classes[i]);
        metrics_hide(m, METRIC_ORIGIN_REQUESTS, labels);
    }
}

static void set_gauges(struct origin_state *s, void *arg)
{
    const struct gauges *g = arg;
    struct str labels[] = { s->service, s->label };

    if (!is_in(g->plan, s)) { /* only requests under way still know it */
        status_forget_origin(g->metrics, s);
        return;
    }
    cell_set(metrics_cell(g->metrics, g->shard, METRIC_ORIGIN_HEALTHY, labels), s->healthy);
    cell_set(metrics_cell(g->metrics, g->shard, METRIC_ORIGIN_EJECTED, labels),
        origin_state_is_ejected(s, g->now));
    cell_set(metrics_cell(g->metrics, g->shard, METRIC_BREAKER_STATE, labels), s->breaker.state);
}

void status_update_gauges(struct metrics *m, unsigned shard, const struct plan *p,
    struct directory *d, const struct log *log)
{
    struct gauges g = { m, shard, p, time_msec() };
    struct log_stats s = log_get_stats(log);

    directory_each(d, set_gauges, &g);
    cell_set(
        metrics_cell(m, shard, METRIC_LOG_EVENTS, (struct str[]){ STR("written") }), s.written);
    cell_set(
        metrics_cell(m, shard, METRIC_LOG_EVENTS, (struct str[]){ STR("dropped") }), s.dropped);
}

static void put_origin(struct json *j, const struct plan_origin *o)
{
    const struct origin_state *s = o->state;

    json_open(j, NULL, '{');
    json_put_str(j, "address", s->label);
    json_put_u64(j, "weight", o->weight);
    json_put_bool(j, "healthy", s->healthy);
    json_put_bool(j, "ejected", origin_state_is_ejected(s, time_msec()));
    json_put_text(j, "breaker", breaker_words[s->breaker.state % 3]);
    json_put_u64(j, "requests_in_flight", s->inflight);
    json_put_u64(j, "connections", s->connections);
    json_close(j, '}');
}

static void put_services(struct json *j, const struct plan *p)
{
    json_open(j, "services", '[');
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        const struct plan_service *s = &p->services[i];

        json_open(j, NULL, '{');
        json_put_str(j, "name", s->service->name);
        json_open(j, "origins", '[');
        for (size_t k = 0; k < s->norigins; k++)
            put_origin(j, &s->origins[k]);
        json_close(j, ']');
        json_close(j, '}');
    }
    json_close(j, ']');
}

struct leaving {
    struct json *json;
    const struct plan *plan;
};

static void put_leaving(struct origin_state *s, void *arg)
{
    const struct leaving *l = arg;

    if (atomic_load(&s->inflight) == 0 || is_in(l->plan, s))
        return;
    json_open(l->json, NULL, '{');
    json_put_str(l->json, "service", s->service);
    json_put_str(l->json, "address", s->label);
    json_put_u64(l->json, "requests_in_flight", s->inflight);
    json_close(l->json, '}');
}

void status_write(struct buf *b, const struct plan *p, struct directory *d,
    struct worker *const *workers, unsigned nworkers)
{
    struct json j;
    struct leaving l = { &j, p };

    json_init(&j, b, false);
    json_open(&j, NULL, '{');
    if (p != NULL) {
        char version[32]; /* as text: 64 bits do not fit a JSON number everywhere */

        snprintf(version, sizeof(version), "%016llx", (unsigned long long)p->blueprint->version);
        json_open(&j, "blueprint", '{');
        json_put_str(&j, "name", p->blueprint->name);
        json_put_text(&j, "version", version);
        json_put_u64(&j, "routes", p->blueprint->nroutes);
        json_close(&j, '}');
    }
    json_open(&j, "workers", '[');
    for (unsigned i = 0; i < nworkers; i++) {
        json_open(&j, NULL, '{');
        json_put_u64(&j, "connections", workers[i]->open);
        json_put_u64(&j, "requests_in_flight", workers[i]->inflight);
        json_close(&j, '}');
    }
    json_close(&j, ']');
    if (p != NULL)
        put_services(&j, p);
    json_open(&j, "leaving", '[');
    directory_each(d, put_leaving, &l);
    json_close(&j, ']');
    json_close(&j, '}');
}
