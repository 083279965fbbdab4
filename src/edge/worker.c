/*
 * worker - see worker.h.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "edge/conn.h"
#include "edge/edge_int.h"
#include "edge/passage.h"
#include "edge/worker.h"

enum { SCRATCH_MAX = 1 << 20 };

/* ---- after each round of events ---- */

void worker_bury(struct worker *w, struct graveyard *g, void *memory)
{
    g->memory = memory;
    g->next = w->graves;
    w->graves = g;
}

static void free_graves(struct worker *w)
{
    while (w->graves != NULL) {
        struct graveyard *g = w->graves;

        w->graves = g->next;
        free(g->memory);
    }
}

static void after_round(void *arg)
{
    struct worker *w = arg;
    struct keeper_client_stats s;

    free_graves(w);
    log_flush(w->log, w->index);
    s = keeper_client_get_stats(w->keeper);
    cell_set(w->signatures_ok, s.signatures);
    cell_set(w->signatures_failed, s.failures);
    if (w->draining && w->nconns == 0 && !w->drained) {
        w->drained = true;
        edge_worker_drained(w->edge);
    }
}

/* ---- listeners ---- */

static void on_accept(struct watch_fd *watch, unsigned events)
{
    (void)events;
    conn_accept((struct acceptor *)(void *)watch);
}

static bool is_paused(const struct acceptor *a)
{
    return a->pause.when != 0;
}

static void on_pause_over(struct timer *t)
{
    struct acceptor *a = list_item(t, struct acceptor, pause);

    MUST(loop_add_level(a->worker->loop, &a->watch) == 0);
}

void worker_add_acceptor(struct worker *w, struct str address, int fd)
{
    struct acceptor *a;
    int one = 1;

    list_each (it, after, &w->acceptors) {
        if (str_eq(list_item(it, struct acceptor, link)->address, address)) {
            close(fd); /* another control, or a later blueprint, names the same socket */
            return;
        }
    }
    a = xcalloc(1, sizeof(*a));
    /* Connections inherit it: one call here instead of one for each. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    /* Nor are we woken for one that has not said anything yet; after a second we are. That second
     * is the kernel's, so not where a test holds the clock. */
    if (!time_is_test_clock())
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof(one));
    a->watch.fd = fd;
    a->watch.ready = on_accept;
    a->refs = 1;
    timer_init(&a->pause, on_pause_over);
    a->worker = w;
    a->address = (struct str){ xstrndup(address.at, address.len), address.len };
    list_append(&w->acceptors, &a->link);
}

void worker_pause_acceptor(struct acceptor *a, msec_t span)
{
    struct loop *l = a->worker->loop;

    if (is_paused(a))
        return;
    loop_remove(l, &a->watch);
    timer_set(l, &a->pause, loop_now(l) + span);
}

static void open_acceptor(struct acceptor *a, const struct listener *l)
{
    struct worker *w = a->worker;
    bool was_open = a->listener != NULL;

    if (!str_eq(a->name, l->name)) {
        free((void *)(uintptr_t)a->name.at);
        a->name = (struct str){ xstrndup(l->name.at, l->name.len), l->name.len };
        a->open = metrics_cell(w->metrics, w->index, METRIC_CONNECTIONS, &a->name);
        a->accepted = metrics_cell(w->metrics, w->index, METRIC_CONNECTIONS_ACCEPTED, &a->name);
    }
    a->listener = l;
    if (!was_open)
        MUST(loop_add_level(w->loop, &a->watch) == 0);
}

static void close_acceptor(struct acceptor *a)
{
    if (a->listener != NULL && !is_paused(a))
        loop_remove(a->worker->loop, &a->watch);
    timer_cancel(a->worker->loop, &a->pause);
    a->listener = NULL;
    a->tls = NULL;
    close(a->watch.fd);
    list_remove(&a->link);
    if (--a->refs == 0) {
        free((void *)(uintptr_t)a->address.at);
        free((void *)(uintptr_t)a->name.at);
        free(a);
    }
}

static void bind_acceptors(struct worker *w)
{
    const struct blueprint *b = w->binding->blueprint;

    list_each (it, after, &w->acceptors) {
        struct acceptor *a = list_item(it, struct acceptor, link);
        const struct listener *found = NULL;

        for (size_t i = 0; i < b->nlisteners && found == NULL; i++)
            if (str_eq(b->listeners[i].address_text, a->address)) {
                found = &b->listeners[i];
                a->tls = w->binding->plan->tls[w->index].listeners[i];
            }
        if (found == NULL)
            close_acceptor(a);
        else if (!w->draining)
            open_acceptor(a, found);
    }
}

/* ---- life ---- */

void worker_bind(struct worker *w, struct plan *plan)
{
    struct binding *old = w->binding;

    w->binding = binding_new(w, plan);
    bind_acceptors(w);
    binding_unref(old);
}

void worker_drain(struct worker *w)
{
    w->draining = true;
    list_each (it, after, &w->acceptors)
        close_acceptor(list_item(it, struct acceptor, link));
    list_each (it, after, &w->conns)
        conn_retire(list_item(it, struct conn, link));
}

void worker_close_all(struct worker *w)
{
    while (!list_empty(&w->conns)) /* closing one may close another */
        conn_close(list_item(w->conns.next, struct conn, link));
}

void worker_count_refusal(struct worker *w, const char *reason)
{
    struct str word = str_from(reason);

    cell_add(metrics_cell(w->metrics, w->index, METRIC_REFUSALS, &word), 1);
}

struct worker *worker_new(struct edge *e, unsigned index)
{
    struct worker *w = xcalloc(1, sizeof(*w));

    w->index = index;
    w->edge = e;
    w->loop = loop_new();
    w->keeper = keeper_client_new(w->loop);
    w->metrics = edge_metrics(e);
    w->log = edge_log(e);
    w->addresses = edge_addresses(e);
    list_init(&w->acceptors);
    list_init(&w->conns);
    buf_init(&w->scratch, SCRATCH_MAX);
    w->log_sampled_out =
        metrics_cell(w->metrics, index, METRIC_LOG_EVENTS, (struct str[]){ STR("sampled_out") });
    w->signatures_ok =
        metrics_cell(w->metrics, index, METRIC_SIGNATURES, (struct str[]){ STR("ok") });
    w->signatures_failed =
        metrics_cell(w->metrics, index, METRIC_SIGNATURES, (struct str[]){ STR("failed") });
    loop_after(w->loop, after_round, w);
    return w;
}

void worker_unbind(struct worker *w)
{
    worker_close_all(w);
    list_each (it, after, &w->acceptors)
        close_acceptor(list_item(it, struct acceptor, link));
    binding_unref(w->binding);
    w->binding = NULL;
    free_graves(w);
}

void worker_free(struct worker *w)
{
    while (w->free_passages != NULL) {
        struct passage *p = w->free_passages;

        w->free_passages = p->next_free;
        passage_bury(p);
    }
    free_graves(w);
    keeper_client_free(w->keeper);
    buf_free(&w->scratch);
    pages_free(&w->pages);
    loop_free(w->loop);
    free(w);
}
