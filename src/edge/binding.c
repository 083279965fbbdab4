/*
 * binding - see binding.h.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "edge/edge_int.h"
#include "edge/proxy.h"
#include "edge/worker.h"

static void on_queue_timer(struct timer *t)
{
    struct bound_service *s = list_item(t, struct bound_service, queue_timer);
    struct binding *b = binding_ref(s->binding); /* serving the last one may end the binding */

    proxy_serve_queue(s);
    if (s->nqueue > 0)
        timer_set(b->worker->loop, t, loop_now(b->worker->loop) + QUEUE_LOOK);
    binding_unref(b);
}

static void bind_service(struct binding *b, struct bound_service *s, size_t i)
{
    const struct plan_service *from = &b->plan->services[i];
    struct worker *w = b->worker;

    s->service = from->service;
    s->plan = from;
    s->binding = b;
    s->worker = w;
    s->norigins = from->norigins;
    s->origins = xcalloc(from->norigins, sizeof(*s->origins));
    s->tls = b->plan->tls[w->index].services[i];
    list_init(&s->queue);
    timer_init(&s->queue_timer, on_queue_timer);
    for (size_t k = 0; k < from->norigins; k++)
        s->origins[k] = (struct bound_origin){ .pool = pool_get(w, from->origins[k].state),
            .weight = from->origins[k].weight,
            .host = from->origins[k].host };
    s->retries = metrics_cell(w->metrics, w->index, METRIC_RETRIES, &s->service->name);
    s->retries_denied =
        metrics_cell(w->metrics, w->index, METRIC_RETRIES_DENIED, &s->service->name);
    s->queue_depth = metrics_cell(w->metrics, w->index, METRIC_QUEUE_DEPTH, &s->service->name);
}

static void bind_limit(struct binding *b, struct bound_limit *l, const struct limit *rule)
{
    static const char *const words[LIMIT_DECISIONS] = { "allowed", "refused", "observed",
        "exempt" };
    struct worker *w = b->worker;

    l->limiter = edge_limiter(w->edge, rule);
    for (unsigned i = 0; i < LIMIT_DECISIONS; i++)
        l->decisions[i] = metrics_cell(w->metrics, w->index, METRIC_LIMIT_DECISIONS,
            (struct str[]){ rule->name, str_from(words[i]) });
}

struct binding *binding_new(struct worker *w, struct plan *plan)
{
    struct binding *b = xcalloc(1, sizeof(*b));
    struct blueprint *bp = plan->blueprint;

    b->refs = 1;
    b->worker = w;
    b->plan = plan;
    b->blueprint = bp;
    b->services = xcalloc(bp->nservices, sizeof(*b->services));
    for (size_t i = 0; i < bp->nservices; i++)
        bind_service(b, &b->services[i], i);
    b->routes = xcalloc(bp->nroutes + 1, sizeof(*b->routes));
    b->limits = xcalloc(bp->nlimits, sizeof(*b->limits));
    for (size_t i = 0; i < bp->nlimits; i++)
        bind_limit(b, &b->limits[i], &bp->limits[i]);
    return b;
}

void binding_unref(struct binding *b)
{
    if (b == NULL || --b->refs > 0)
        return;
    for (size_t i = 0; i < b->blueprint->nservices; i++) {
        struct bound_service *s = &b->services[i];

        timer_cancel(b->worker->loop, &s->queue_timer);
        for (size_t k = 0; k < s->norigins; k++)
            pool_unref(s->origins[k].pool);
        free(s->origins);
    }
    for (size_t i = 0; i < b->blueprint->nlimits; i++)
        limiter_unref(b->limits[i].limiter);
    free(b->limits);
    free(b->services);
    free(b->routes);
    plan_unref(b->plan);
    free(b);
}

static const struct str no_route = { "none", 4 };

struct bound_route *binding_route(struct binding *b, const struct route *r)
{
    struct bound_route *br = &b->routes[r != NULL ? r->id : b->blueprint->nroutes];
    struct worker *w = b->worker;
    const struct str *name = r != NULL ? &r->name : &no_route;

    if (br->seconds == NULL) {
        br->seconds = metrics_histogram(w->metrics, w->index, METRIC_REQUEST_SECONDS, name);
        br->bytes_in = metrics_cell(w->metrics, w->index, METRIC_REQUEST_BYTES, name);
        br->bytes_out = metrics_cell(w->metrics, w->index, METRIC_RESPONSE_BYTES, name);
    }
    return br;
}

cell *binding_route_class(struct binding *b, const struct route *r, unsigned status)
{
    struct bound_route *br = binding_route(b, r);
    unsigned class = status >= 100 && status < 600 ? status / 100 : 0;

    if (br->requests[class] == NULL)
        br->requests[class] = metrics_cell(b->worker->metrics, b->worker->index, METRIC_REQUESTS,
            (struct str[]){ r != NULL ? r->name : no_route, str_from(class_names[class]) });
    return br->requests[class];
}
