/*
 * keeper_fixture - see keeper_fixture.h.
 */
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "keeper_fixture.h"
#include "net/link.h"
#include "store/service.h"

static void *serve(void *arg)
{
    const struct keeper_fixture *f = arg;
    struct service_options o = {
        .folder = f->folder,
        .read_fd = f->fds[0],
        .write_fd = f->fds[1],
        .journal_fd = f->fds[2],
    };
    struct err err = { 0 };

    if (store_serve(&o, NULL, NULL, &err) == -1)
        fprintf(stderr, "the store: %s\n", err.text);
    return NULL;
}

static void start_store(struct keeper_fixture *f, int to[3])
{
    for (int i = 0; i < 3; i++) {
        int ends[2];

        MUST(link_pair(ends) == 0);
        to[i] = ends[0];
        f->fds[i] = ends[1];
    }
    MUST(pthread_create(&f->thread, NULL, serve, f) == 0);
}

void keeper_fixture_store(struct keeper_fixture *f, int to[3])
{
    const char *tmp = getenv("TMPDIR");

    memset(f, 0, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "%.40s/weir-keeper-XXXXXX", tmp != NULL ? tmp : "/tmp");
    MUST(mkdtemp(f->folder) != NULL);
    start_store(f, to);
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *where)
{
    (void)s;
    (void)flag;
    (void)where;
    return remove(path);
}

void keeper_fixture_remove(const char *folder)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void keeper_fixture_end_store(struct keeper_fixture *f, bool remove_it)
{
    pthread_join(f->thread, NULL);
    if (remove_it)
        keeper_fixture_remove(f->folder);
}

static void attach(struct keeper_fixture *f, int ends[3])
{
    f->barrier = barrier_new();
    f->entries = entries_new(f->loop, f->barrier);
    entries_attach(f->entries, ends[0], ends[1]);
    f->journal_fd = ends[2];
    tx_init(&f->tx, f->entries, &f->arena);
}

static void detach(struct keeper_fixture *f)
{
    tx_drop(&f->tx);
    entries_free(f->entries);
    barrier_free(f->barrier);
    close(f->journal_fd);
    arena_reset(&f->arena);
}

/* The root key lies beside what it opens: this is a test. */
static void create(struct keeper_fixture *f)
{
    barrier_create(f->barrier);
    tx_plain_put(&f->tx, "fixture root",
        (struct str){ (const char *)barrier_root(f->barrier), BARRIER_KEY });
    tx_put_keyring(&f->tx);
    MUST(keeper_fixture_take(f));
}

void keeper_fixture_open(struct keeper_fixture *f)
{
    int ends[3];

    keeper_fixture_store(f, ends);
    f->loop = loop_new();
    arena_init(&f->arena, 65536);
    attach(f, ends);
    create(f);
}

static void end(struct keeper_fixture *f, bool remove_it)
{
    detach(f);
    arena_free(&f->arena);
    loop_free(f->loop);
    keeper_fixture_end_store(f, remove_it);
}

void keeper_fixture_close(struct keeper_fixture *f)
{
    end(f, true);
}

void keeper_fixture_leave(struct keeper_fixture *f)
{
    end(f, false);
}

static bool wait_for(struct keeper_fixture *f, uint64_t batch)
{
    while (!entries_is_durable(f->entries, batch) && !entries_has_failed(f->entries, batch))
        loop_once(f->loop, 1000);
    return entries_is_durable(f->entries, batch);
}

bool keeper_fixture_settle(struct keeper_fixture *f)
{
    uint64_t batch = entries_close_batch(f->entries);

    entries_commit(f->entries, batch);
    return wait_for(f, batch);
}

bool keeper_fixture_take(struct keeper_fixture *f)
{
    uint64_t batch = tx_take(&f->tx);
    bool ok = f->tx.failed == NULL && keeper_fixture_settle(f) && wait_for(f, batch);

    tx_drop(&f->tx);
    arena_reset(&f->arena);
    tx_init(&f->tx, f->entries, &f->arena);
    return ok;
}

static bool open_stored(struct keeper_fixture *f)
{
    struct str packed;
    struct str root;
    struct err err = { 0 };
    int there = -1;

    /* A machine that has much else to do may take longer than a keeper would wait. */
    for (int i = 0; there < 0 && i < 600; i++) {
        there = entries_plain_get(f->entries, &f->arena, "keyring", &packed);
        if (there < 0)
            poll(NULL, 0, 20);
    }
    MUST(there >= 0);
    if (there == 0)
        return false;
    MUST(entries_plain_get(f->entries, &f->arena, "fixture root", &root) == 1);
    MUST(barrier_open(f->barrier, (const uint8_t *)root.at, packed, &err) == 0);
    entries_opened(f->entries);
    return true;
}

void keeper_fixture_reopen(struct keeper_fixture *f)
{
    int ends[3];

    detach(f);
    keeper_fixture_end_store(f, false);
    start_store(f, ends);
    attach(f, ends);
    MUST(open_stored(f));
}

void keeper_fixture_open_at(struct keeper_fixture *f, const char *folder)
{
    int ends[3];

    memset(f, 0, sizeof(*f));
    snprintf(f->folder, sizeof(f->folder), "%s", folder);
    start_store(f, ends);
    f->loop = loop_new();
    arena_init(&f->arena, 65536);
    attach(f, ends);
    if (!open_stored(f))
        create(f);
}
