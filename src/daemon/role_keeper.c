/*
 * role_keeper - the process that holds the private keys; see keeper/keeper.h.
 */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bug.h"
#include "daemon/messages.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"
#include "daemon/say.h"
#include "keeper/keeper.h"

static void on_attach(struct channel *c, struct message *m, void *arg)
{
    uint32_t peer;
    uint32_t index;

    (void)c;
    MUST(role_unpack_attach(m, &peer, &index));
    if (peer == ROLE_EDGE)
        keeper_attach_edge(arg, m->fds[0]);
    else if (peer == ROLE_CONTROL)
        keeper_attach_control(arg, m->fds[0]);
    else
        BUG("the keeper talks to the edge and to control alone");
    m->fds[0] = -1;
}

static void on_key(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    MUST(m->nfds == 1);
    keeper_load_key(arg, m->fds[0], m->id);
    m->fds[0] = -1;
}

static const struct message_rule orders[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { LIFE_KEY, "KEY", 0, 1, on_key },
    { 0 },
};

/* Room for keys in memory that is never swapped; no core file; not to be traced or read. */
static void protect_memory(void)
{
    struct rlimit locked = { 64 << 20, 64 << 20 };
    struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_MEMLOCK, &locked); /* root only; else what there is must do */
    if (!keeper_protect_memory())
        say("keys cannot be locked in memory: allow the process 8 MB (LimitMEMLOCK= of systemd)");
    MUST(setrlimit(RLIMIT_CORE, &none) == 0);
}

int role_keeper(void)
{
    struct arena arena;
    struct start start;
    struct keeper *keeper;
    struct loop *loop;

    arena_init(&arena, 4096);
    role_receive_start(&arena, &start);
    protect_memory();
    role_become(start.drop);
    MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0); /* after role_become(), which may reset it */
    loop = loop_new();
    keeper = keeper_new(loop);
    sandbox_enter(SANDBOX_KEEPER, NULL, 0);
    MUST(channel_new(loop, ROLE_LIFELINE, orders, role_lifeline_closed, keeper) != NULL);
    loop_run(loop);
    keeper_free(keeper);
    return 0;
}
