/*
 * edge - the main thread: takes orders from control, makes plans, tells the
 * workers.  See edge.h.
 */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "edge/addresses.h"
#include "edge/directory.h"
#include "edge/edge.h"
#include "edge/edge_int.h"
#include "edge/health.h"
#include "edge/material.h"
#include "edge/reach.h"
#include "edge/status.h"
#include "edge/worker.h"
#include "net/channel.h"

enum {
    TICKETS_MAX = 8,
    BUNDLE_MAX = 64 << 20,
    DRAIN_LOOK = 100,
};

struct limiter_entry {
    struct limiter_entry *next;
    struct limiter *limiter;
};

struct edge {
    struct loop *loop;
    struct channel *control;
    unsigned nworkers;
    struct worker **workers;
    bool started;
    struct metrics *metrics;
    struct log *log;
    struct post rotate;
    atomic_bool rotating; /* that post is on its way */
    struct addresses *addresses;
    struct directory *directory;
    struct health_checks *health;
    struct reach *reach;
    struct material *material;
    struct plan *plan;
    uint8_t tickets[TICKETS_MAX][TLS_TICKET_KEY];
    size_t ntickets;
    pthread_mutex_t limiters_lock;
    struct limiter_entry *limiters;
    uint64_t drain_id;
    struct timer drain_timer;
    struct post drained;
};

/* ---- orders to workers ---- */

enum order_kind {
    ORDER_BIND,
    ORDER_LISTEN,
    ORDER_KEEPER,
    ORDER_TICKETS,
    ORDER_DRAIN,
    ORDER_CLOSE,
    ORDER_SHED,
};

/* Counts the workers that have not done it yet; the last one's answer ends it. */
struct round {
    struct post post; /* to the main thread, by the last worker */
    struct edge *edge;
    _Atomic unsigned left;
    uint64_t id; /* of control's question */
    void (*done)(struct round *r);
};

struct order {
    struct post post; /* must stay first */
    struct worker *worker;
    enum order_kind kind;
    struct plan *plan;
    struct origin_state *state;
    struct str address; /* owned */
    int fd;
    uint8_t tickets[TICKETS_MAX][TLS_TICKET_KEY];
    size_t ntickets;
    struct round *round;
};

static void set_tickets(struct worker *w, const struct order *o)
{
    const struct plan *p = w->binding != NULL ? w->binding->plan : NULL;

    for (size_t i = 0; p != NULL && i < p->blueprint->nlisteners; i++)
        if (p->tls[w->index].listeners[i] != NULL)
            tls_set_ticket_keys(p->tls[w->index].listeners[i], o->tickets, o->ntickets);
}

static void round_done(struct post *p)
{
    struct round *r = (struct round *)(void *)p;

    r->done(r);
    free(r);
}

static void obey(struct post *post)
{
    struct order *o = (struct order *)(void *)post;

    switch (o->kind) {
    case ORDER_BIND:
        worker_bind(o->worker, o->plan);
        break;
    case ORDER_LISTEN:
        worker_add_acceptor(o->worker, o->address, o->fd);
        break;
    case ORDER_KEEPER:
        keeper_client_attach(o->worker->keeper, o->fd);
        break;
    case ORDER_TICKETS:
        set_tickets(o->worker, o);
        break;
    case ORDER_DRAIN:
        worker_drain(o->worker);
        break;
    case ORDER_CLOSE:
        worker_close_all(o->worker);
        break;
    case ORDER_SHED:
        pool_shed(o->worker, o->state);
        origin_state_unref(o->state);
        break;
    }
    if (o->round != NULL && atomic_fetch_sub(&o->round->left, 1) == 1) {
        o->round->post.call = round_done;
        loop_post(o->round->edge->loop, &o->round->post);
    }
    free((void *)(uintptr_t)o->address.at);
    free(o);
}

static void give(struct edge *e, unsigned worker, struct order order)
{
    struct order *o = xmalloc(sizeof(*o));

    *o = order;
    o->worker = e->workers[worker];
    o->post.call = obey;
    if (e->started)
        loop_post(o->worker->loop, &o->post);
    else
        obey(&o->post);
}

static struct round *round_new(struct edge *e, uint64_t id, void (*done)(struct round *r))
{
    struct round *r = xcalloc(1, sizeof(*r));

    r->edge = e;
    r->left = e->nworkers;
    r->id = id;
    r->done = done;
    return r;
}

/* ---- plans ---- */

static void refuse(struct edge *e, uint64_t id, const struct err *err)
{
    channel_send(e->control, EDGE_REFUSED, id, str_from(err->text), NULL, 0);
}

static void origin_gone(struct origin_state *s, void *arg)
{
    struct edge *e = arg;

    status_forget_origin(e->metrics, s);
}

static void answer_ok(struct round *r)
{
    directory_sweep(r->edge->directory, origin_gone, r->edge);
    if (r->edge->control != NULL && r->id != 0)
        channel_send(r->edge->control, EDGE_OK, r->id, STR_NONE, NULL, 0);
}

static int make_plan(struct edge *e, struct blueprint *b, const struct material *m,
    struct plan **out, struct err *err)
{
    auto_free struct tls_signer **signers = xcalloc(e->nworkers, sizeof(struct tls_signer *));
    struct material_tickets tickets = { (const uint8_t(*)[TLS_TICKET_KEY])e->tickets, e->ntickets };
    struct plan *p = plan_new(b, e->nworkers + 1);

    for (unsigned i = 0; i < e->nworkers; i++)
        signers[i] = keeper_client_signer(e->workers[i]->keeper);
    directory_fill(e->directory, p);
    plan_finish(p);
    if (material_make_contexts(m, p, e->plan, signers, &tickets, err) == -1) {
        plan_unref(p);
        return -1;
    }
    *out = p;
    return 0;
}

static void follow(struct edge *e, struct plan *p, uint64_t id)
{
    struct round *r = round_new(e, id, answer_ok);
    struct plan *old = e->plan;

    e->plan = p;
    for (unsigned i = 0; i < e->nworkers; i++)
        give(e, i, (struct order){ .kind = ORDER_BIND, .plan = plan_ref(p), .round = r });
    health_follow(e->health, p);
    reach_follow(e->reach, p);
    plan_unref(old);
}

/* The same blueprint with the addresses of now. */
static void replan(struct edge *e)
{
    struct plan *p;
    struct err err;

    if (e->plan == NULL)
        return;
    if (make_plan(e, blueprint_ref(e->plan->blueprint), e->material, &p, &err) == 0)
        follow(e, p, 0);
}

/* ---- what control says ---- */

static void on_listener(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;

    (void)c;
    for (unsigned i = 0; i < m->nfds; i++) {
        struct str address = { xstrndup(m->body.at, m->body.len), m->body.len };

        give(e, (unsigned)(m->id + i) % e->nworkers,
            (struct order){ .kind = ORDER_LISTEN, .address = address, .fd = m->fds[i] });
        m->fds[i] = -1;
    }
}

static int load_config(
    struct edge *e, int fd, struct plan **plan, struct material **material, struct err *err)
{
    struct problems problems = { 0 };
    struct blueprint *b;
    struct str canonical;
    struct buf text;

    buf_init(&text, BUNDLE_MAX);
    if (fd_read_all(fd, &text, err) == -1 ||
        material_new(buf_as_str(&text), material, &canonical, err) == -1) {
        buf_free(&text);
        return -1;
    }
    buf_free(&text);
    b = blueprint_from_canonical(canonical, &problems);
    if (b == NULL)
        err_set(err, ERR_CONFIG, "edge_blueprint", "%s",
            problems.n > 0 ? problems.at[0].text : "the blueprint cannot be read");
    problems_free(&problems);
    if (b == NULL || make_plan(e, b, *material, plan, err) == -1) {
        material_free(*material);
        return -1;
    }
    return 0;
}

static void on_config(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct material *material = NULL;
    struct plan *p = NULL;
    struct err err;

    (void)c;
    if (m->nfds != 1) {
        err_set(&err, ERR_PEER, "edge_bundle", "a configuration without its bundle");
        refuse(e, m->id, &err);
        return;
    }
    if (load_config(e, m->fds[0], &p, &material, &err) == -1) {
        refuse(e, m->id, &err);
        return;
    }
    material_free(e->material);
    e->material = material;
    follow(e, p, m->id);
}

static uint64_t number_at(struct str body, size_t at)
{
    uint64_t n = 0;

    if (body.len >= at + sizeof(n))
        memcpy(&n, body.at + at, sizeof(n));
    return n;
}

static void on_log_file(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;

    (void)c;
    log_set_fd(e->log, m->nfds > 0 ? m->fds[0] : -1, number_at(m->body, 0), number_at(m->body, 8));
    if (m->nfds > 0)
        m->fds[0] = -1;
}

static void on_endpoints(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct err err;

    (void)c;
    if (directory_set_endpoints(e->directory, m->body, &err) == 0)
        replan(e);
}

static void on_instances(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct err err;

    (void)c;
    if (directory_set_instances(e->directory, m->body, &err) == 0)
        replan(e);
    if (m->id != 0)
        channel_send(e->control, EDGE_OK, m->id, STR_NONE, NULL, 0);
}

static void answer_data(struct edge *e, uint64_t id, struct buf *b)
{
    auto_close int fd = fd_memory("weir-answer", b->data, b->len);

    struct err err;

    if (fd >= 0) {
        channel_send(e->control, EDGE_DATA, id, STR_NONE, &fd, 1);
    } else {
        err_set(&err, ERR_SYSTEM, "edge_memory", "no memory for an answer");
        refuse(e, id, &err);
    }
    buf_free(b);
}

static void on_scrape(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    enum exposition x = EXPOSITION_TEXT;
    struct buf b;

    (void)c;
    if (m->body.len == 1 && (unsigned char)m->body.at[0] <= EXPOSITION_JSON)
        x = (enum exposition)m->body.at[0];
    status_update_gauges(e->metrics, e->nworkers, e->plan, e->directory, e->log);
    buf_init(&b, BUNDLE_MAX);
    metrics_render(e->metrics, x, &b);
    answer_data(e, m->id, &b);
}

static void on_status(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct buf b;

    (void)c;
    buf_init(&b, BUNDLE_MAX);
    status_write(&b, e->plan, e->directory, e->workers, e->nworkers);
    answer_data(e, m->id, &b);
}

static void on_tickets(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct order o = { .kind = ORDER_TICKETS };

    (void)c;
    e->ntickets = m->body.len / TLS_TICKET_KEY;
    if (e->ntickets > TICKETS_MAX)
        e->ntickets = TICKETS_MAX;
    memcpy(e->tickets, m->body.at, e->ntickets * TLS_TICKET_KEY);
    memcpy(o.tickets, e->tickets, sizeof(o.tickets));
    o.ntickets = e->ntickets;
    for (unsigned i = 0; i < e->nworkers; i++)
        give(e, i, o);
}

/* ---- draining ---- */

static void end_drain(struct edge *e)
{
    timer_cancel(e->loop, &e->drain_timer);
    if (e->drain_id == 0)
        return;
    log_flush(e->log, 0);
    if (e->control != NULL)
        channel_send(e->control, EDGE_OK, e->drain_id, STR_NONE, NULL, 0);
    e->drain_id = 0;
}

static void on_drained(struct post *p)
{
    struct edge *e = list_item(p, struct edge, drained);

    for (unsigned i = 0; i < e->nworkers; i++)
        if (atomic_load(&e->workers[i]->open) > 0)
            return;
    end_drain(e);
}

static void on_drain_timer(struct timer *t)
{
    struct edge *e = list_item(t, struct edge, drain_timer);

    for (unsigned i = 0; i < e->nworkers; i++)
        give(e, i, (struct order){ .kind = ORDER_CLOSE });
    end_drain(e);
}

static void look_again(struct round *r)
{
    on_drained(&r->edge->drained);
}

void edge_worker_drained(struct edge *e)
{
    struct round *r =
        round_new(e, 0, look_again); /* a post of its own: several may be on their way */

    r->post.call = round_done;
    loop_post(e->loop, &r->post);
}

static void on_drain(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;

    (void)c;
    e->drain_id = m->id;
    for (unsigned i = 0; i < e->nworkers; i++)
        give(e, i, (struct order){ .kind = ORDER_DRAIN });
    timer_set(e->loop, &e->drain_timer, loop_now(e->loop) + number_at(m->body, 0));
}

static const struct message_rule from_control[] = {
    { EDGE_LISTENER, "listener", 256, CHANNEL_FDS_MAX, on_listener },
    { EDGE_CONFIG, "config", 0, 1, on_config },
    { EDGE_LOG_FILE, "log_file", 16, 1, on_log_file },
    { EDGE_ENDPOINTS, "endpoints", CHANNEL_BODY_MAX, 0, on_endpoints },
    { EDGE_INSTANCES, "instances", CHANNEL_BODY_MAX, 0, on_instances },
    { EDGE_SCRAPE, "scrape", 1, 0, on_scrape },
    { EDGE_STATUS, "status", 0, 0, on_status },
    { EDGE_TICKETS, "tickets", TICKETS_MAX *TLS_TICKET_KEY, 0, on_tickets },
    { EDGE_DRAIN, "drain", 8, 0, on_drain },
    { 0 },
};

static void control_closed(struct channel *c, void *arg)
{
    struct edge *e = arg;

    /* Control died: its successor will be attached. Meanwhile we serve on. */
    if (e->control == c)
        e->control = NULL;
    channel_free(c);
}

/* ---- life ---- */

static void send_rotate(struct post *p)
{
    struct edge *e = list_item(p, struct edge, rotate);

    atomic_store(&e->rotating, false);
    if (e->control != NULL)
        channel_send(e->control, EDGE_LOG_ROTATE, 0, STR_NONE, NULL, 0);
}

static void on_rotate(void *arg)
{
    struct edge *e = arg;

    if (atomic_exchange(&e->rotating, true))
        return;
    e->rotate.call = send_rotate;
    loop_post(e->loop, &e->rotate);
}

struct edge *edge_new(struct loop *l, unsigned workers)
{
    struct edge *e = xcalloc(1, sizeof(*e));

    MUST(workers >= 1);
    e->loop = l;
    e->nworkers = workers;
    e->metrics = metrics_new(workers + 1); /* the last is the main thread's */
    e->addresses = addresses_new();
    e->directory = directory_new();
    timer_init(&e->drain_timer, on_drain_timer);
    pthread_mutex_init(&e->limiters_lock, NULL);
    e->workers = xcalloc(workers, sizeof(struct worker *));
    return e;
}

static void say_event(const char *sentence, void *arg)
{
    struct edge *e = arg;

    if (e->control != NULL)
        channel_send(e->control, EDGE_EVENT, 0, str_from(sentence), NULL, 0);
}

static void *run_worker(void *arg)
{
    struct worker *w = arg;

    loop_run(w->loop);
    worker_unbind(w); /* TLS contexts belong to this thread */
    return NULL;
}

void edge_start(struct edge *e)
{
    e->log = log_new(e->nworkers + 1, on_rotate, e);
    e->reach = reach_new(e->loop, say_event, e);
    e->health = health_new(e->loop, e->log, e->nworkers);
    for (unsigned i = 0; i < e->nworkers; i++)
        e->workers[i] = worker_new(e, i);
    e->started = true;
    for (unsigned i = 0; i < e->nworkers; i++)
        MUST(pthread_create(&e->workers[i]->thread, NULL, run_worker, e->workers[i]) == 0);
}

void edge_free(struct edge *e)
{
    channel_free(e->control);
    for (unsigned i = 0; e->started && i < e->nworkers; i++) {
        loop_stop(e->workers[i]->loop);
        pthread_join(e->workers[i]->thread, NULL);
    }
    for (unsigned i = 0; e->started && i < e->nworkers; i++)
        worker_free(e->workers[i]);
    if (e->started) {
        health_free(e->health);
        reach_free(e->reach);
        log_free(e->log);
    }
    plan_unref(e->plan);
    material_free(e->material);
    directory_free(e->directory);
    addresses_free(e->addresses);
    while (e->limiters != NULL) {
        struct limiter_entry *l = e->limiters;

        e->limiters = l->next;
        limiter_unref(l->limiter);
        free(l);
    }
    pthread_mutex_destroy(&e->limiters_lock);
    metrics_free(e->metrics);
    explicit_bzero(e->tickets, sizeof(e->tickets));
    free(e->workers);
    free(e);
}

void edge_attach_control(struct edge *e, int fd)
{
    channel_free(e->control);
    e->control = channel_new(e->loop, fd, from_control, control_closed, e);
}

void edge_attach_keeper(struct edge *e, unsigned worker, int fd)
{
    MUST(e->started);
    if (worker < e->nworkers)
        give(e, worker, (struct order){ .kind = ORDER_KEEPER, .fd = fd });
    else
        close(fd);
}

/* ---- for the workers ---- */

struct limiter *edge_limiter(struct edge *e, const struct limit *rule)
{
    struct limiter_entry *l;
    struct limiter *found = NULL;

    pthread_mutex_lock(&e->limiters_lock);
    for (l = e->limiters; l != NULL; l = l->next)
        if (str_eq(limiter_name(l->limiter), rule->name))
            break;
    if (l == NULL) {
        l = xcalloc(1, sizeof(*l));
        l->next = e->limiters;
        e->limiters = l;
    }
    if (l->limiter == NULL || limiter_entries(l->limiter) < rule->table_size) {
        limiter_unref(l->limiter);
        l->limiter = limiter_new(rule->name, rule->table_size);
    }
    found = limiter_ref(l->limiter);
    pthread_mutex_unlock(&e->limiters_lock);
    return found;
}

unsigned edge_connections(const struct edge *e)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < e->nworkers; i++)
        sum += atomic_load_explicit(&e->workers[i]->open, memory_order_relaxed);
    return sum;
}

void edge_shed_idle(struct edge *e, unsigned asking, struct origin_state *state)
{
    for (unsigned i = 0; i < e->nworkers; i++)
        if (i != asking)
            give(e, i, (struct order){ .kind = ORDER_SHED, .state = origin_state_ref(state) });
}

struct metrics *edge_metrics(struct edge *e)
{
    return e->metrics;
}

struct log *edge_log(struct edge *e)
{
    return e->log;
}

struct addresses *edge_addresses(struct edge *e)
{
    return e->addresses;
}
