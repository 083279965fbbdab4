/*
 * gather - see gather.h.
 */
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"
#include "daemon/gather.h"
#include "daemon/pack.h"
#include "keeper/messages.h"

enum { EDGE_ACCOUNT_MAX = 256 << 20 };

struct gathering {
    struct ask usage; /* must stay first */
    struct ask edge;
    struct ask keeper;
    unsigned pending;
    struct gathered result;
    void (*done)(void *arg, const struct gathered *g);
    void *arg;
};

static void one_done(struct gathering *g)
{
    if (--g->pending > 0)
        return;
    g->done(g->arg, &g->result);
    buf_free(&g->result.usage);
    buf_free(&g->result.edge);
    buf_free(&g->result.keeper);
    free(g);
}

static void usage_answered(struct ask *a, struct message *m)
{
    struct gathering *g = list_item(a, struct gathering, usage);

    if (m != NULL)
        buf_str(&g->result.usage, m->body);
    one_done(g);
}

static void edge_answered(struct ask *a, struct message *m)
{
    struct gathering *g = list_item(a, struct gathering, edge);
    struct err err;

    if (m != NULL && m->nfds == 1 && fd_read_all(m->fds[0], &g->result.edge, &err) == -1)
        g->result.edge.len = 0;
    one_done(g);
}

static void keeper_answered(struct ask *a, struct message *m)
{
    struct gathering *g = list_item(a, struct gathering, keeper);

    if (m != NULL && m->type == KEEPER_OBSERVED)
        buf_str(&g->result.keeper, m->body);
    one_done(g);
}

void gather(struct control *c, uint16_t edge_question, struct str body,
    void (*done)(void *arg, const struct gathered *g), void *arg)
{
    struct gathering *g = xcalloc(1, sizeof(*g));

    g->pending = c->plan.keeper ? 3 : 2;
    g->done = done;
    g->arg = arg;
    buf_init(&g->result.usage, CHANNEL_BODY_MAX);
    buf_init(&g->result.edge, EDGE_ACCOUNT_MAX);
    buf_init(&g->result.keeper, CHANNEL_BODY_MAX);
    if (c->plan.keeper)
        ask_put(&c->asks, &g->keeper,
            &(struct question){
                .over = c->keeper, .type = KEEPER_OBSERVE, .timeout = GATHER_TIMEOUT },
            keeper_answered);
    ask_put(&c->asks, &g->usage,
        &(struct question){ .over = c->life, .type = LIFE_ASK_USAGE, .timeout = GATHER_TIMEOUT },
        usage_answered);
    ask_put(&c->asks, &g->edge,
        &(struct question){
            .over = c->edge, .type = edge_question, .body = body, .timeout = GATHER_TIMEOUT },
        edge_answered);
}

bool gathered_next(struct str *rest, struct process_usage *out)
{
    struct unpack u = unpack_from(*rest);

    if (rest->len == 0)
        return false;
    out->role = unpack_str(&u);
    out->pid = unpack_u64(&u);
    out->restarts = unpack_u64(&u);
    out->cpu = unpack_u64(&u);
    out->resident = unpack_u64(&u);
    out->fds = unpack_u64(&u);
    *rest = u.rest;
    return !u.bad;
}
