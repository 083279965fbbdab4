/*
 * role_vault - the process that answers the keeper's API; see vault/vault.h.
 *
 * It parses what strangers send, and holds no key: TLS is signed by the keeper as it is for the edge,
 * requests go to the keeper in frames of fixed layout.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/messages.h"
#include "daemon/pack.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"
#include "daemon/say.h"
#include "vault/vault.h"

enum { CHAIN_MAX = 4 << 20 };

struct vault_role {
    struct loop *loop;
    struct vault *vault;
    struct channel *control;
    char *address; /* what it listens on; NULL: nothing yet */
};

/* ---- what control says ---- */

static void answer(struct channel *c, uint64_t id, const struct err *err)
{
    if (err == NULL)
        channel_send(c, VAULT_OK, id, STR_NONE, NULL, 0);
    else
        channel_send(c, VAULT_REFUSED, id, str_from(err->text), NULL, 0);
}

static int read_chain(int fd, struct buf *chain, struct err *err)
{
    buf_init(chain, CHAIN_MAX);
    return fd_read_all(fd, chain, err);
}

static int listen_on(
    struct vault_role *r, struct message *m, uint32_t with_tls, struct str chain, struct err *err)
{
    unsigned n = m->nfds - (with_tls > 0); /* the last is the chain */

    for (unsigned i = 0; i < n; i++) {
        int fd = m->fds[i];

        m->fds[i] = -1;
        if (vault_listen(r->vault, fd, i < with_tls ? chain : STR_NONE, err) == -1)
            return -1;
    }
    return 0;
}

static void on_listeners(struct channel *c, struct message *m, void *arg)
{
    struct vault_role *r = arg;
    struct unpack u = unpack_from(m->body);
    uint32_t with_tls = unpack_u32(&u);
    uint32_t plain = unpack_u32(&u);
    struct str address = unpack_str(&u);
    struct buf chain = { 0 };
    struct err err;
    int result = 0;

    MUST(unpack_done(&u) && m->nfds == with_tls + plain + (with_tls > 0));
    if (r->address != NULL && str_is(address, r->address)) {
        answer(c, m->id, NULL); /* a new control gives what the last one gave */
        return;
    }
    if (r->address != NULL)
        _exit(0); /* other sockets: whoever is started next takes them */
    if (with_tls > 0)
        result = read_chain(m->fds[m->nfds - 1], &chain, &err);
    if (result == 0)
        result = listen_on(r, m, with_tls, buf_as_str(&chain), &err);
    if (result == 0)
        r->address = xstrndup(address.at, address.len);
    buf_free(&chain);
    answer(c, m->id, result == 0 ? NULL : &err);
}

static void on_chain(struct channel *c, struct message *m, void *arg)
{
    struct vault_role *r = arg;
    struct buf chain;
    struct err err;
    int result;

    MUST(m->nfds == 1);
    result = read_chain(m->fds[0], &chain, &err);
    if (result == 0)
        result = vault_set_certificate(r->vault, buf_as_str(&chain), &err);
    buf_free(&chain);
    answer(c, m->id, result == 0 ? NULL : &err);
}

static const struct message_rule from_control[] = {
    { VAULT_LISTENERS, "listeners", 1024, CHANNEL_FDS_MAX, on_listeners },
    { VAULT_CHAIN, "chain", 0, 1, on_chain },
    { 0 },
};

static void control_closed(struct channel *c, void *arg)
{
    struct vault_role *r = arg;

    if (r->control == c)
        r->control = NULL;
    channel_free(c);
}

/* ---- what the parent says ---- */

static void on_attach(struct channel *c, struct message *m, void *arg)
{
    struct vault_role *r = arg;
    uint32_t peer;
    uint32_t index;

    (void)c;
    MUST(role_unpack_attach(m, &peer, &index));
    if (peer == ROLE_KEEPER && index == TIE_REQUESTS) {
        vault_attach_core(r->vault, m->fds[0]);
    } else if (peer == ROLE_KEEPER && index == TIE_SIGNER) {
        vault_attach_signer(r->vault, m->fds[0]);
    } else if (peer == ROLE_CONTROL) {
        channel_free(r->control);
        r->control = channel_new(r->loop, m->fds[0], from_control, control_closed, r);
    } else {
        BUG("the vault has no such peer");
    }
    m->fds[0] = -1;
}

static const struct message_rule orders[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { 0 },
};

int role_vault(void)
{
    struct vault_role r = { 0 };
    struct rlimit none = { 0, 0 };
    struct arena arena;
    struct start start;

    arena_init(&arena, 4096);
    role_receive_start(&arena, &start);
    role_become(start.drop);
    /* Tokens and secrets pass through: no core file, and nobody of this user reads them here. */
    MUST(setrlimit(RLIMIT_CORE, &none) == 0);
    MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
    r.loop = loop_new();
    r.vault = vault_new(r.loop);
    sandbox_enter(SANDBOX_VAULT, NULL, 0);
    MUST(channel_new(r.loop, ROLE_LIFELINE, orders, role_lifeline_closed, &r) != NULL);
    loop_run(r.loop);
    return 0;
}
