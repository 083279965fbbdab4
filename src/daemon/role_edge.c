/*
 * role_edge - the process that serves; see edge/edge.h.
 */
#include <unistd.h>

#include "base/bug.h"
#include "daemon/messages.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"
#include "edge/edge.h"

struct edge_role {
    struct edge *edge;
    uint32_t workers;
};

static void on_attach(struct channel *c, struct message *m, void *arg)
{
    struct edge_role *r = arg;
    uint32_t peer;
    uint32_t index;

    (void)c;
    MUST(role_unpack_attach(m, &peer, &index));
    if (peer == ROLE_CONTROL)
        edge_attach_control(r->edge, m->fds[0]);
    else if (peer == ROLE_KEEPER && index < r->workers)
        edge_attach_keeper(r->edge, index, m->fds[0]);
    else
        BUG("the edge has no such peer");
    m->fds[0] = -1;
}

static const struct message_rule orders[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { 0 },
};

int role_edge(void)
{
    struct edge_role r;
    struct arena arena;
    struct start start;
    struct loop *loop;

    arena_init(&arena, 4096);
    role_receive_start(&arena, &start);
    role_become(start.drop);
    loop = loop_new();
    r.workers = start.workers;
    r.edge = edge_new(loop, start.workers);
    sandbox_enter(SANDBOX_EDGE, NULL, 0);
    edge_start(r.edge);
    MUST(channel_new(loop, ROLE_LIFELINE, orders, role_lifeline_closed, &r) != NULL);
    loop_run(loop);
    return 0;
}
