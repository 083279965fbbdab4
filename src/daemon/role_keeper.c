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

struct keeper_role {
    struct keeper *keeper;
    int store[TIES_STORE]; /* of a store's links, what has come so far; -1: not yet */
};

/* A store's links come one by one, and are of use together. */
static void attach_store(struct keeper_role *r, uint32_t index, int fd)
{
    MUST(index < TIES_STORE);
    if (r->store[index] >= 0)
        close(r->store[index]);
    r->store[index] = fd;
    for (unsigned i = 0; i < TIES_STORE; i++)
        if (r->store[i] < 0)
            return;
    keeper_attach_store(r->keeper, r->store[TIE_READ], r->store[TIE_WRITE], r->store[TIE_JOURNAL]);
    for (unsigned i = 0; i < TIES_STORE; i++)
        r->store[i] = -1;
}

static void on_attach(struct channel *c, struct message *m, void *arg)
{
    struct keeper_role *r = arg;
    uint32_t peer;
    uint32_t index;

    (void)c;
    MUST(role_unpack_attach(m, &peer, &index));
    if (peer == ROLE_EDGE)
        keeper_attach_edge(r->keeper, m->fds[0]);
    else if (peer == ROLE_CONTROL)
        keeper_attach_control(r->keeper, m->fds[0]);
    else if (peer == ROLE_VAULT && index == TIE_REQUESTS)
        keeper_attach_api(r->keeper, m->fds[0]);
    else if (peer == ROLE_VAULT && index == TIE_SIGNER)
        keeper_attach_signer(r->keeper, m->fds[0]);
    else if (peer == ROLE_STORE)
        attach_store(r, index, m->fds[0]);
    else
        BUG("the keeper has no such peer");
    m->fds[0] = -1;
}

static void on_key(struct channel *c, struct message *m, void *arg)
{
    struct keeper_role *r = arg;

    (void)c;
    MUST(m->nfds == 1);
    keeper_load_key(r->keeper, m->fds[0], m->id);
    m->fds[0] = -1;
}

static void on_unseal(struct channel *c, struct message *m, void *arg)
{
    struct keeper_role *r = arg;

    (void)c;
    MUST(m->nfds == 1);
    keeper_give_unseal_key(r->keeper, m->fds[0]);
    m->fds[0] = -1;
}

static const struct message_rule orders[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { LIFE_KEY, "KEY", 0, 1, on_key },
    { LIFE_UNSEAL, "UNSEAL", 0, 1, on_unseal },
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
    struct keeper_role r = { .store = { -1, -1, -1 } };
    struct loop *loop;

    arena_init(&arena, 4096);
    role_receive_start(&arena, &start);
    protect_memory();
    role_become(start.drop);
    MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0); /* after role_become(), which may reset it */
    loop = loop_new();
    sandbox_files(SANDBOX_KEEPER, NULL, 0);
    r.keeper = keeper_new(loop); /* and its threads, the last that there will be */
    sandbox_calls(SANDBOX_KEEPER);
    MUST(channel_new(loop, ROLE_LIFELINE, orders, role_lifeline_closed, &r) != NULL);
    loop_run(loop);
    keeper_free(r.keeper);
    return 0;
}
