/*
 * Rows in SQLite: found by id, folder, time and term; a commit is all or nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "check.h"
#include "store/store.h"

struct place {
    char folder[64];
    char path[80];
    struct arena arena;
    struct err err;
    struct store *store;
};

static void begin(struct place *p)
{
    memset(p, 0, sizeof(*p));
    snprintf(p->folder, sizeof(p->folder), "/tmp/weir-store-XXXXXX");
    CHECK(mkdtemp(p->folder) != NULL);
    snprintf(p->path, sizeof(p->path), "%s/keeper.db", p->folder);
    arena_init(&p->arena, 4096);
    p->store = store_open(p->path, false, &p->err);
    CHECK(p->store != NULL);
}

static void end(struct place *p)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };

    store_close(p->store);
    arena_free(&p->arena);
    for (int i = 0; i < 3; i++) {
        char name[100];

        snprintf(name, sizeof(name), "%s%s", p->path, suffixes[i]);
        unlink(name);
    }
    CHECK(rmdir(p->folder) == 0);
}

static struct change put(uint8_t id, uint8_t folder, int64_t due, uint32_t term, const char *data)
{
    struct change c = { .kind = CHANGE_PUT,
        .row = { .due = due, .term = term, .name = STR("name"), .data = str_from(data) } };

    c.row.id[0] = id;
    c.row.folder[0] = folder;
    return c;
}

static struct change removal(enum change_kind kind, uint8_t id)
{
    struct change c = { .kind = kind };

    c.row.id[0] = id;
    return c;
}

static bool commit(struct place *p, const struct change *c, size_t n)
{
    return store_commit(p->store, c, n, &p->err) == 0;
}

static void finds_rows(void)
{
    struct place p;
    struct row rows[10];
    uint8_t id[STORE_ID] = { 2 };
    uint8_t folder[STORE_ID] = { 9 };

    begin(&p);
    CHECK_U64(store_get(p.store, id, &p.arena, rows, &p.err), 0);
    CHECK(commit(&p,
        (struct change[]){ put(1, 9, 0, 1, "one"), put(2, 9, 500, 2, "two"), put(3, 9, 100, 3, ""),
            put(4, 8, 900, 1, "four") },
        4));
    CHECK_U64(store_get(p.store, id, &p.arena, rows, &p.err), 1);
    CHECK_STR(rows[0].data, "two");
    CHECK_STR(rows[0].name, "name");
    CHECK(rows[0].due == 500 && rows[0].term == 2 && rows[0].folder[0] == 9);
    CHECK_U64(store_list(p.store, folder, NULL, &p.arena, rows, 10, &p.err), 3);
    CHECK(rows[0].id[0] == 1 && rows[2].id[0] == 3 && rows[0].data.len == 0);
    CHECK_U64(store_list(p.store, folder, id, &p.arena, rows, 10, &p.err), 1);
    CHECK_U64(store_list(p.store, folder, NULL, &p.arena, rows, 2, &p.err), 2);
    CHECK_U64(store_due(p.store, 500, &p.arena, rows, 10, &p.err), 2);
    CHECK(rows[0].id[0] == 3 && rows[1].id[0] == 2);
    CHECK_U64(store_older(p.store, 3, &p.arena, rows, 10, &p.err), 3);
    CHECK_U64(store_scan(p.store, id, &p.arena, rows, 10, &p.err), 2);
    CHECK_STR(rows[1].data, "four");
    CHECK(commit(&p,
        (struct change[]){ put(2, 8, 0, 4, "two again"), removal(CHANGE_DELETE, 3),
            removal(CHANGE_DELETE, 77), removal(CHANGE_DELETE_FOLDER, 9) },
        4));
    CHECK_U64(store_scan(p.store, NULL, &p.arena, rows, 10, &p.err), 2);
    CHECK_STR(rows[0].data, "two again");
    CHECK_U64(store_due(p.store, 500, &p.arena, rows, 10, &p.err), 0);
    end(&p);
}

static void is_read_while_written(void)
{
    struct place p;
    struct store *reader;
    struct row row;
    uint8_t id[STORE_ID] = { 1 };
    struct store_stats stats;

    begin(&p);
    reader = store_open(p.path, true, &p.err);
    CHECK(reader != NULL);
    CHECK_U64(store_get(reader, id, &p.arena, &row, &p.err), 0);
    CHECK(commit(&p, (struct change[]){ put(1, 1, 0, 1, "x") }, 1));
    CHECK_U64(store_get(reader, id, &p.arena, &row, &p.err), 1);
    CHECK(store_get_stats(reader, &stats, &p.err) == 0);
    CHECK_U64(stats.rows, 1);
    CHECK(stats.bytes > 0);
    CHECK(store_commit(reader, (struct change[]){ put(2, 1, 0, 1, "x") }, 1, &p.err) == -1);
    store_close(reader);
    end(&p);
}

static void opens_again(void)
{
    struct place p;
    struct row rows[4];

    begin(&p);
    CHECK(commit(&p, (struct change[]){ put(1, 1, 0, 1, "kept") }, 1));
    store_close(p.store);
    p.store = store_open(p.path, false, &p.err);
    CHECK(p.store != NULL);
    CHECK_U64(store_scan(p.store, NULL, &p.arena, rows, 4, &p.err), 1);
    CHECK_STR(rows[0].data, "kept");
    end(&p);
}

static void leaves_other_files_alone(void)
{
    struct place p;
    FILE *f;

    begin(&p);
    CHECK(commit(&p, (struct change[]){ put(1, 1, 0, 1, "kept") }, 1));
    store_close(p.store);
    f = fopen(p.path, "r+e");
    CHECK(f != NULL && fseek(f, 60, SEEK_SET) == 0 && fwrite("\0\0\0\7", 1, 4, f) == 4);
    fclose(f);
    p.store = store_open(p.path, false, &p.err);
    CHECK(p.store == NULL);
    CHECK_STR(str_from(p.err.id), "store_version");
    f = fopen(p.path, "we");
    CHECK(f != NULL && fwrite("this is no database at all, but a text", 1, 38, f) == 38);
    fclose(f);
    p.store = store_open(p.path, false, &p.err);
    CHECK(p.store == NULL);
    CHECK_STR(str_from(p.err.id), "store_corrupt");
    p.store = store_open("/nonexistent/keeper.db", false, &p.err);
    CHECK(p.store == NULL);
    CHECK_STR(str_from(p.err.id), "store_open");
    end(&p);
}

/* What was deleted does not stay in free pages. */
static void wipes_what_it_deletes(void)
{
    struct place p;
    char *data = xmalloc(3001);
    char *file = xmalloc(1 << 20);
    size_t n;
    FILE *f;

    begin(&p);
    for (int i = 0; i < 3000; i++)
        data[i] = "canary23"[i % 8];
    data[3000] = '\0';
    CHECK(commit(&p, (struct change[]){ put(1, 1, 0, 1, data) }, 1));
    CHECK(commit(&p, (struct change[]){ removal(CHANGE_DELETE, 1) }, 1));
    store_close(p.store); /* checkpoints, and removes the log */
    f = fopen(p.path, "re");
    CHECK(f != NULL);
    n = fread(file, 1, 1 << 20, f);
    fclose(f);
    CHECK(n > 1000 && memmem(file, n, "canary23", 8) == NULL);
    p.store = NULL;
    free(file);
    free(data);
    end(&p);
}

TESTS(CASE(finds_rows), CASE(is_read_while_written), CASE(opens_again),
    CASE(leaves_other_files_alone), CASE(wipes_what_it_deletes))
