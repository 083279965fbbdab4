/*
 * pool - see pool.h.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "edge/origin_conn.h"
#include "edge/pool.h"
#include "edge/worker.h"

const char *const class_names[6] = { "error", "1xx", "2xx", "3xx", "4xx", "5xx" };

static struct pool **slot_of(struct worker *w, const struct origin_state *state)
{
    size_t slots = sizeof(w->pools) / sizeof(w->pools[0]);

    return &w->pools[((uintptr_t)state >> 6) % slots];
}

static cell *cell_of(struct pool *p, enum metric id)
{
    return metrics_cell(p->worker->metrics, p->worker->index, id,
        (struct str[]){ p->state->service, p->state->label });
}

struct pool *pool_get(struct worker *w, struct origin_state *state)
{
    struct pool **slot = slot_of(w, state);
    struct pool *p = *slot;

    while (p != NULL && p->state != state)
        p = p->next;
    if (p != NULL) {
        p->refs++;
        return p;
    }
    p = xcalloc(1, sizeof(*p));
    p->refs = 1;
    p->worker = w;
    p->state = origin_state_ref(state);
    list_init(&p->idle);
    for (unsigned i = 0; i < 6; i++)
        p->requests[i] = metrics_cell(w->metrics, w->index, METRIC_ORIGIN_REQUESTS,
            (struct str[]){ state->service, state->label, str_from(class_names[i]) });
    p->connections = cell_of(p, METRIC_POOL_CONNECTIONS);
    p->idle_cell = cell_of(p, METRIC_POOL_IDLE);
    p->opened = cell_of(p, METRIC_POOL_OPENED);
    p->latency = metrics_histogram(w->metrics, w->index, METRIC_ORIGIN_SECONDS,
        (struct str[]){ state->service, state->label });
    p->next = *slot;
    *slot = p;
    return p;
}

void pool_ref(struct pool *p)
{
    p->refs++;
}

void pool_unref(struct pool *p)
{
    struct pool **at;

    if (p == NULL || --p->refs > 0)
        return;
    list_each (it, after, &p->idle)
        origin_conn_close(list_item(it, struct origin_conn, link));
    at = slot_of(p->worker, p->state);
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    origin_state_unref(p->state);
    free(p);
}

void pool_shed(struct worker *w, const struct origin_state *state)
{
    struct pool *p = *slot_of(w, state);

    while (p != NULL && p->state != state)
        p = p->next;
    if (p != NULL && !list_empty(&p->idle))
        origin_conn_close(list_item(p->idle.prev, struct origin_conn, link));
}

void pool_count_error(struct pool *p, const char *reason)
{
    cell_add(metrics_cell(p->worker->metrics, p->worker->index, METRIC_ORIGIN_ERRORS,
                 (struct str[]){ p->state->service, p->state->label, str_from(reason) }),
        1);
}
