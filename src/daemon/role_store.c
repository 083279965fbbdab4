/*
 * role_store - the process that writes down what the keeper keeps; see store/service.h.
 *
 * It sees ciphertext and blinded names alone, and reaches nothing but its own folder.  The service
 * blocks in threads of its own; the loop here answers the parent meanwhile.  When a keeper has died
 * its links end, and the next one brings new ones: the service begins again with those.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/bug.h"
#include "base/fd.h"
#include "base/mem.h"
#include "daemon/messages.h"
#include "daemon/role.h"
#include "daemon/sandbox.h"
#include "daemon/say.h"
#include "store/service.h"

struct store_role {
    struct watch_fd ended; /* must stay first; a pipe that the service's thread writes to */
    struct loop *loop;
    char *folder;
    int next[TIES_STORE]; /* links that wait for the service to begin with them; -1: not there */
    struct service_options serving;
    bool busy;
    pthread_t thread;
    int tell; /* the other end of `ended` */
};

static void *serve(void *arg)
{
    struct store_role *r = arg;
    struct err err;

    if (store_serve(&r->serving, NULL, NULL, &err) == -1) {
        say("%s", err.text);
        _exit(1);
    }
    if (write(r->tell, "", 1) != 1)
        _exit(1);
    return NULL;
}

static void begin(struct store_role *r)
{
    if (r->busy || r->next[TIE_READ] < 0 || r->next[TIE_WRITE] < 0 || r->next[TIE_JOURNAL] < 0)
        return;
    r->busy = true;
    r->serving = (struct service_options){ .folder = r->folder,
        .read_fd = r->next[TIE_READ],
        .write_fd = r->next[TIE_WRITE],
        .journal_fd = r->next[TIE_JOURNAL] };
    for (unsigned i = 0; i < TIES_STORE; i++)
        r->next[i] = -1;
    MUST(pthread_create(&r->thread, NULL, serve, r) == 0);
}

static void service_ended(struct watch_fd *w, unsigned events)
{
    struct store_role *r = (struct store_role *)(void *)w;
    char byte;

    (void)events;
    if (read(w->fd, &byte, 1) != 1)
        return;
    pthread_join(r->thread, NULL);
    r->busy = false;
    begin(r);
}

static void on_attach(struct channel *c, struct message *m, void *arg)
{
    struct store_role *r = arg;
    uint32_t peer;
    uint32_t index;

    (void)c;
    MUST(role_unpack_attach(m, &peer, &index));
    MUST(peer == ROLE_KEEPER && index < TIES_STORE);
    if (r->next[index] >= 0) /* of a keeper that died before its turn came */
        close(r->next[index]);
    r->next[index] = m->fds[0];
    m->fds[0] = -1;
    begin(r);
}

static const struct message_rule orders[] = {
    { LIFE_PING, "PING", 0, 0, role_pong },
    { LIFE_ATTACH, "ATTACH", 8, 1, on_attach },
    { 0 },
};

int role_store(void)
{
    struct store_role r = { .next = { -1, -1, -1 } };
    struct rlimit none = { 0, 0 };
    struct sandbox_path path;
    struct arena arena;
    struct start start;
    int ends[2];

    arena_init(&arena, 4096);
    role_receive_start(&arena, &start);
    r.folder = xasprintf("%s/keeper", start.state);
    role_become(start.drop);
    umask(077);
    MUST(setrlimit(RLIMIT_CORE, &none) == 0);
    MUST(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
    r.loop = loop_new();
    MUST(pipe2(ends, O_CLOEXEC) == 0 && fd_set_nonblocking(ends[0]) == 0);
    r.ended.fd = ends[0];
    r.ended.ready = service_ended;
    r.tell = ends[1];
    MUST(loop_add_level(r.loop, &r.ended) == 0);
    path = (struct sandbox_path){ r.folder, true };
    sandbox_enter(SANDBOX_STORE, &path, 1);
    MUST(channel_new(r.loop, ROLE_LIFELINE, orders, role_lifeline_closed, &r) != NULL);
    loop_run(r.loop);
    return 0;
}
