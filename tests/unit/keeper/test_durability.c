/*
 * What was answered is there after any crash, what was refused is not, and a full disk is no lasting harm.
 *
 * The same work is done again and again, each time with another write or sync that fails or ends the process:
 * N transactions, each of which writes its number in two places and deletes what the one before the last had written.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "check.h"
#include "disk_faults.h"
#include "keeper_fixture.h"
#include "net/link.h"
#include "store/journal.h"
#include "store/messages.h"
#include "store/store.h"

enum { STEPS = 6, JOURNAL_LINE = 40, SEGMENT = 5 * JOURNAL_LINE };

static struct str number_path(struct tx *t, const char *where, int n)
{
    return entry_path(t, "mount/%s/%d", where, n);
}

/* One transaction. False: refused. */
static bool do_step(struct keeper_fixture *f, int n)
{
    char text[5000];

    memset(text, 'a' + n, sizeof(text));
    entry_put(&f->tx, number_path(&f->tx, "left", n), (struct str){ text, sizeof(text) }, n);
    entry_put(&f->tx, number_path(&f->tx, "right", n), (struct str){ text, sizeof(text) }, 0);
    if (n >= 2)
        entry_delete(&f->tx, number_path(&f->tx, "left", n - 2));
    return keeper_fixture_take(f);
}

/* 1: all of step n is there; 0: nothing of it; -1: something else. Step n+2, when done, has deleted its left half. */
static int look_at_step(struct keeper_fixture *f, int n, bool replaced)
{
    struct str left = STR_NONE;
    struct str right = STR_NONE;
    bool has_left = entry_get(&f->tx, number_path(&f->tx, "left", n), &left);
    bool has_right = entry_get(&f->tx, number_path(&f->tx, "right", n), &right);

    if (f->tx.failed != NULL)
        return -1;
    if (!has_left && !has_right)
        return 0;
    if (!has_right || right.len != 5000 || right.at[4999] != 'a' + n || has_left == replaced)
        return -1;
    return 1;
}

/* Is what can be read what these steps have made? */
static void is_as_done(struct keeper_fixture *f, const bool done[STEPS], int maybe)
{
    struct value *names;
    unsigned count = 0;

    for (int n = 0; n < STEPS; n++) {
        bool replaced = n + 2 < STEPS && done[n + 2];
        int got = look_at_step(f, n, replaced);

        if (n == maybe || n + 2 == maybe)
            continue;
        if (got != done[n])
            fprintf(stderr, "step %d: %d, not %d\n", n, got, done[n]);
        CHECK(got == done[n]);
        count += done[n];
    }
    names = entry_list(&f->tx, STR("mount/right/"), STR_NONE, 0);
    CHECK(names->n >= count && names->n <= count + 2);
    if (maybe < 0)
        CHECK_U64(names->n, count);
    CHECK(f->tx.failed == NULL);
}

/* ---- a full disk ---- */

/* Whether a step was refused: a checkpoint that fails harms nobody. */
static bool full_at(unsigned n, unsigned *writes)
{
    struct keeper_fixture f;
    bool done[STEPS] = { 0 };
    int refused = 0;

    keeper_fixture_open(&f);
    disk_fault_set(n > 0 ? FAULT_FULL : FAULT_NONE, n);
    for (int i = 0; i < STEPS; i++) {
        done[i] = do_step(&f, i);
        refused += !done[i];
        if (!done[i]) {
            CHECK(entries_trouble(f.entries) != NULL);
            disk_fault_set(FAULT_NONE, 0); /* somebody made room: it goes on by itself */
        }
        is_as_done(&f, done, -1);
    }
    *writes = disk_fault_writes();
    disk_fault_set(FAULT_NONE, 0);
    CHECK(refused <= (n > 0));
    keeper_fixture_reopen(&f);
    is_as_done(&f, done, -1);
    keeper_fixture_close(&f);
    return refused > 0;
}

static void full_disk_at_each_write(void)
{
    unsigned writes = 0;
    unsigned refused = 0;
    unsigned ignored;

    CHECK(!full_at(0, &writes));
    CHECK(writes >= 2 * STEPS);
    for (unsigned n = 1; n <= writes; n++)
        refused += full_at(n, &ignored);
    CHECK(refused > writes / 2);
}

/* ---- kill -9 ---- */

/* In a process of its own: says over the pipe which steps were answered. */
static void child_works(const char *folder, int out, enum fault kind, unsigned n)
{
    struct keeper_fixture f;
    unsigned counts[2];

    keeper_fixture_open_at(&f, folder);
    disk_fault_set(kind, n);
    for (int i = 0; i < STEPS; i++) {
        char step = (char)i;

        MUST(do_step(&f, i));
        MUST(write(out, &step, 1) == 1);
    }
    counts[0] = disk_fault_writes();
    counts[1] = disk_fault_syncs();
    disk_fault_set(FAULT_NONE, 0);
    MUST(write(out, counts, sizeof(counts)) == sizeof(counts));
    _exit(0);
}

static unsigned kills;

/* How many of the kind there are in all, when nothing was killed. */
static unsigned killed_at(enum fault kind, unsigned n)
{
    char folder[] = "/tmp/weir-durable-XXXXXX";
    bool done[STEPS] = { 0 };
    struct keeper_fixture f;
    char said[STEPS + 2 * sizeof(unsigned)];
    unsigned counts[2] = { 0 };
    size_t got = 0;
    ssize_t more;
    int pipes[2];
    int status;
    pid_t child;

    MUST(mkdtemp(folder) != NULL && pipe(pipes) == 0);
    keeper_fixture_open_at(&f, folder); /* makes the database */
    keeper_fixture_leave(&f);
    child = fork();
    if (child == 0)
        child_works(folder, pipes[1], kind, n);
    close(pipes[1]);
    while ((more = read(pipes[0], said + got, sizeof(said) - got)) > 0)
        got += (size_t)more;
    close(pipes[0]);
    MUST(waitpid(child, &status, 0) == child);
    for (size_t i = 0; i < STEPS && i < got; i++)
        done[i] = true;
    if (n == 0) {
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0 && got == sizeof(said));
        memcpy(counts, said + STEPS, sizeof(counts));
    } else {
        /* The last ones come or do not: SQLite tidies up when it pleases. */
        CHECK(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0);
        kills += WIFSIGNALED(status);
    }
    keeper_fixture_open_at(&f, folder);
    is_as_done(&f, done, n > 0 && got < STEPS ? (int)got : -1);
    CHECK(do_step(&f, STEPS - 1)); /* and it goes on */
    keeper_fixture_close(&f);
    return kind == FAULT_KILL_SYNC ? counts[1] : counts[0];
}

static void killed_at_each_sync(void)
{
    unsigned syncs = killed_at(FAULT_KILL_SYNC, 0);

    kills = 0;
    CHECK(syncs >= STEPS);
    for (unsigned n = 1; n <= syncs; n++)
        killed_at(FAULT_KILL_SYNC, n);
    CHECK(kills + 2 >= syncs);
}

static void killed_in_each_write(void)
{
    unsigned writes = killed_at(FAULT_KILL_WRITE, 0);

    kills = 0;
    CHECK(writes >= STEPS);
    for (unsigned n = 1; n <= writes; n++)
        killed_at(FAULT_KILL_WRITE, n);
    CHECK(kills > writes / 2);
}

/* ---- a sync that fails ---- */

static void sync_that_fails(void)
{
    for (unsigned n = 1; n <= STEPS; n++) {
        struct keeper_fixture f;
        bool done[STEPS] = { 0 };
        int maybe = -1;

        keeper_fixture_open(&f);
        disk_fault_set(FAULT_SYNC, n);
        for (int i = 0; i < STEPS; i++) {
            done[i] = do_step(&f, i);
            if (!done[i])
                maybe = i;
            is_as_done(&f, done, maybe);
        }
        CHECK(maybe >= 0);
        disk_fault_set(FAULT_NONE, 0);
        keeper_fixture_reopen(&f);
        is_as_done(&f, done, maybe);
        keeper_fixture_close(&f);
    }
}

/* ---- the journal ---- */

static void journal_of_a_full_disk(void)
{
    char folder[] = "/tmp/weir-durable-XXXXXX";
    char line[JOURNAL_LINE + 1];
    struct err err = { 0 };
    unsigned refused = 0;
    struct journal *j;
    struct buf all;

    MUST(mkdtemp(folder) != NULL);
    buf_init(&all, 100000);
    j = journal_open(folder, SEGMENT, &err);
    MUST(j != NULL);
    for (int i = 0; i < 40; i++) {
        uint64_t before = journal_size(j);

        snprintf(line, sizeof(line), "%0*d\n", JOURNAL_LINE - 1, i);
        disk_fault_set(i % 3 == 1 ? FAULT_FULL : FAULT_NONE, 1);
        if (journal_append(j, str_from(line), &err) == -1) {
            CHECK_STR(str_from(err.id), "journal_full");
            CHECK_U64(journal_size(j), before);
            refused++;
        } else {
            buf_text(&all, line);
        }
    }
    disk_fault_set(FAULT_NONE, 0);
    CHECK_U64(refused, 13);
    journal_close(j);
    j = journal_open(folder, SEGMENT, &err);
    {
        struct buf tail;

        buf_init(&tail, 100000);
        CHECK(journal_tail(j, 100000, &tail, &err) == 0);
        CHECK(str_eq(buf_as_str(&tail), buf_as_str(&all)));
        buf_free(&tail);
    }
    journal_close(j);
    buf_free(&all);
    keeper_fixture_remove(folder);
}

TESTS(CASE(full_disk_at_each_write), CASE(killed_at_each_sync), CASE(killed_in_each_write),
    CASE(sync_that_fails), CASE(journal_of_a_full_disk))
