/*
 * Entries over a real store: what one transaction sees, what others see, folders, due times, restarts.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/mem.h"
#include "check.h"
#include "keeper_fixture.h"
#include "net/link.h"
#include "store/messages.h"
#include "store/store.h"

static void names_are(struct tx *t, const char *folder, const char *want)
{
    struct value *list = entry_list(t, str_from(folder), STR_NONE, 0);
    struct buf b;

    buf_init(&b, 100000);
    value_each (it, list) {
        buf_str(&b, it->text);
        buf_char(&b, ' ');
    }
    CHECK_STR(buf_as_str(&b), want);
    buf_free(&b);
}

static void reads_its_own_writes(void)
{
    struct keeper_fixture f;
    struct arena other_arena;
    struct tx other;
    struct str data;

    keeper_fixture_open(&f);
    arena_init(&other_arena, 4096);
    tx_init(&other, f.entries, &other_arena);
    CHECK(!entry_get(&f.tx, STR("mount/x/a"), &data));
    entry_put(&f.tx, STR("mount/x/a"), STR("one"), 0);
    CHECK(entry_get(&f.tx, STR("mount/x/a"), &data));
    CHECK_STR(data, "one");
    CHECK(!entry_get(&other, STR("mount/x/a"), &data));
    CHECK(tx_take(&f.tx) > 0);
    CHECK(entry_get(&other, STR("mount/x/a"), &data));
    CHECK_STR(data, "one");
    CHECK(other.after > 0 && !entries_is_durable(f.entries, other.after));
    CHECK(keeper_fixture_settle(&f));
    CHECK(entries_is_durable(f.entries, other.after));
    keeper_fixture_reopen(&f);
    CHECK(entry_get(&f.tx, STR("mount/x/a"), &data));
    CHECK_STR(data, "one");
    CHECK(f.tx.failed == NULL);
    arena_free(&other_arena);
    keeper_fixture_close(&f);
}

static void folders_come_and_go(void)
{
    struct keeper_fixture f;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("mount/x/b"), STR("1"), 0);
    entry_put(&f.tx, STR("mount/x/deep/down/a"), STR("2"), 0);
    entry_put(&f.tx, STR("mount/x/a"), STR("3"), 0);
    names_are(&f.tx, "mount/x/", "a b deep/ ");
    names_are(&f.tx, "", "mount/ ");
    CHECK(keeper_fixture_take(&f));
    keeper_fixture_reopen(&f);
    names_are(&f.tx, "mount/x/", "a b deep/ ");
    names_are(&f.tx, "mount/", "x/ ");
    names_are(&f.tx, "mount/x/deep/", "down/ ");
    entry_delete(&f.tx, STR("mount/x/deep/down/a"));
    tx_take(&f.tx);
    names_are(&f.tx, "mount/x/", "a b ");
    CHECK(keeper_fixture_settle(&f));
    names_are(&f.tx, "mount/x/", "a b ");
    names_are(&f.tx, "mount/x/deep/", "");
    keeper_fixture_reopen(&f);
    names_are(&f.tx, "mount/x/", "a b ");
    CHECK(!entry_delete_under(&f.tx, STR("mount/")));
    CHECK(keeper_fixture_take(&f));
    names_are(&f.tx, "", "");
    keeper_fixture_reopen(&f);
    names_are(&f.tx, "", "");
    keeper_fixture_close(&f);
}

/* ---- what the store gives back ---- */

static struct store *stored(struct keeper_fixture *f, struct row *rows, int *n)
{
    char *path = xasprintf("%s/keeper.db", f->folder);
    struct err err = { 0 };
    struct store *s = store_open(path, false, &err);

    CHECK(s != NULL);
    *n = store_scan(s, NULL, &f->arena, rows, 20, &err);
    free(path);
    return s;
}

static void write_row(struct store *s, const struct row *r)
{
    struct change c = { .kind = CHANGE_PUT, .row = *r };
    struct err err = { 0 };

    CHECK(store_commit(s, &c, 1, &err) == 0);
}

/* Reads all there is; false: some of it was refused. What is read must be what was written. */
static bool reads_well(struct keeper_fixture *f)
{
    static const char *const paths[] = { "mount/x/a", "mount/x/b", "mount/y/a" };
    struct arena arena;
    struct tx t;
    bool ok;

    entries_forget(f->entries); /* the cache */
    arena_init(&arena, 4096);
    tx_init(&t, f->entries, &arena);
    for (int i = 0; i < 3; i++) {
        struct str data;

        if (entry_get(&t, str_from(paths[i]), &data))
            CHECK_STR(data, paths[i]);
        else
            CHECK(t.failed != NULL);
    }
    ok = t.failed == NULL;
    tx_init(&t, f->entries, &arena);
    if (entry_list(&t, STR("mount/x/"), STR_NONE, 0)->n != 2)
        CHECK(t.failed != NULL);
    if (entry_due(&t, STR("mount/"), 1000, 10)->n != 3)
        CHECK(t.failed != NULL);
    entry_list(&t, STR("mount/y/"), STR_NONE, 0);
    entry_list(&t, STR("mount/"), STR_NONE, 0);
    entry_list(&t, STR(""), STR_NONE, 0);
    ok = ok && t.failed == NULL;
    CHECK(!t.busy);
    arena_free(&arena);
    return ok;
}

static void flip_each_byte(
    struct keeper_fixture *f, struct store *s, const struct row *r, bool name)
{
    struct row changed = *r;
    struct str *text = name ? &changed.name : &changed.data;
    char *bytes = xmalloc(text->len + 1);

    memcpy(bytes, text->at, text->len);
    text->at = bytes;
    for (size_t i = 0; i < text->len; i++) {
        bytes[i] ^= (char)(1 << i % 8);
        write_row(s, &changed);
        CHECK(!reads_well(f));
        bytes[i] ^= (char)(1 << i % 8);
    }
    text->len--;
    write_row(s, &changed);
    CHECK(!reads_well(f));
    free(bytes);
    write_row(s, r);
    CHECK(reads_well(f));
}

static void damaged_rows_are_errors(void)
{
    struct keeper_fixture f;
    struct row rows[20];
    struct store *s;
    int sealed = 0;
    int n = 0;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("mount/x/a"), STR("mount/x/a"), 1);
    entry_put(&f.tx, STR("mount/x/b"), STR("mount/x/b"), 2);
    entry_put(&f.tx, STR("mount/y/a"), STR("mount/y/a"), 3);
    CHECK(keeper_fixture_take(&f));
    s = stored(&f, rows, &n);
    CHECK_U64(n, 3 + 3 + 2); /* entries, folders, plain rows */
    CHECK(reads_well(&f));
    for (int i = 0; i < n; i++) {
        if (rows[i].term == UINT32_MAX)
            continue;
        sealed++;
        flip_each_byte(&f, s, &rows[i], true);
        if (rows[i].data.len > BARRIER_OVERHEAD) /* a folder's row says nothing by its data */
            flip_each_byte(&f, s, &rows[i], false);
        for (int k = 0; k < n; k++) {
            struct row swapped = rows[i];

            if (i == k || rows[k].term == UINT32_MAX)
                continue;
            swapped.data = rows[k].data;
            write_row(s, &swapped);
            CHECK(!reads_well(&f) || rows[i].data.len == BARRIER_OVERHEAD);
            swapped = rows[i];
            swapped.name = rows[k].name;
            write_row(s, &swapped);
            CHECK(!reads_well(&f));
            write_row(s, &rows[i]);
        }
    }
    CHECK_U64(sealed, 6);
    CHECK(reads_well(&f));
    store_close(s);
    keeper_fixture_close(&f);
}

/* Neither names nor data are in the files. */
static void stores_no_plaintext(void)
{
    static const char *const files[] = { "keeper.db", "keeper.db-wal" };
    struct keeper_fixture f;
    struct err err = { 0 };
    struct buf b;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("mount/canary-name/canary-entry"), STR("canary-data"), 0);
    CHECK(keeper_fixture_take(&f));
    for (int i = 0; i < 2; i++) {
        char *path = xasprintf("%s/%s", f.folder, files[i]);

        buf_init(&b, 100 << 20);
        CHECK(fd_read_file(path, &b, &err) == 0);
        CHECK(memmem(b.data, b.len, "canary", 6) == NULL);
        buf_free(&b);
        free(path);
    }
    keeper_fixture_close(&f);
}

/* ---- failure ---- */

static void what_failed_is_forgotten(void)
{
    struct keeper_fixture f;
    struct str data;
    uint64_t batch;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("a/kept"), STR("1"), 0);
    CHECK(keeper_fixture_take(&f));
    entry_put(&f.tx, STR("a/lost"), STR("2"), 0);
    entry_put(&f.tx, STR("a/kept"), STR("2"), 0);
    barrier_rotate(f.barrier);
    tx_put_keyring(&f.tx);
    batch = tx_take(&f.tx);
    CHECK(batch > 0 && barrier_term(f.barrier) == 2);
    CHECK(entry_get(&f.tx, STR("a/lost"), &data));
    CHECK_U64(f.tx.after, batch);
    entries_abandon(f.entries);
    CHECK(entries_has_failed(f.entries, batch));
    CHECK(!entries_is_durable(f.entries, batch));
    CHECK_U64(barrier_term(f.barrier), 1);
    entry_put(&f.tx, STR("a/more"), STR("3"), 0);
    CHECK(tx_take(&f.tx) == 0 && f.tx.failed != NULL && f.tx.busy);
    tx_drop(&f.tx);
    tx_init(&f.tx, f.entries, &f.arena);
    CHECK(!entry_get(&f.tx, STR("a/lost"), &data));
    CHECK(entry_get(&f.tx, STR("a/kept"), &data));
    CHECK_STR(data, "1");
    CHECK_U64(f.tx.after, 0);
    entry_put(&f.tx, STR("a/new"), STR("3"), 0);
    CHECK(keeper_fixture_take(&f));
    CHECK(entries_trouble(f.entries) == NULL);
    keeper_fixture_reopen(&f);
    CHECK(entry_get(&f.tx, STR("a/new"), &data));
    CHECK(!entry_get(&f.tx, STR("a/lost"), &data));
    CHECK_U64(barrier_term(f.barrier), 1);
    keeper_fixture_close(&f);
}

/* What was sent goes on while what was not is given up; until then nobody reads what is old by now. */
static void reads_wait_for_what_was_sent(void)
{
    struct keeper_fixture f;
    struct str data;
    uint64_t sent;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("a"), STR("1"), 0);
    tx_take(&f.tx);
    sent = entries_close_batch(f.entries);
    entries_commit(f.entries, sent);
    entry_put(&f.tx, STR("a"), STR("2"), 0);
    tx_take(&f.tx);
    entries_abandon(f.entries);
    tx_init(&f.tx, f.entries, &f.arena);
    CHECK(!entry_get(&f.tx, STR("a"), &data));
    CHECK(f.tx.failed != NULL && f.tx.busy);
    while (!entries_is_durable(f.entries, sent))
        loop_once(f.loop, 1000);
    tx_init(&f.tx, f.entries, &f.arena);
    CHECK(entry_get(&f.tx, STR("a"), &data));
    CHECK_STR(data, "1");
    keeper_fixture_close(&f);
}

/* A store in this thread: what has been sent to it. 0: nothing. */
static uint64_t sent_to(struct keeper_fixture *f, int fd, struct buf *body)
{
    uint16_t type;
    uint64_t id;
    char byte;

    for (int i = 0; i < 4; i++)
        loop_once(f->loop, 0);
    if (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
        return 0;
    CHECK(link_receive(fd, &type, &id, body) == 1 && type == STORE_COMMIT);
    return id;
}

static uint64_t put_plain(struct keeper_fixture *f, const char *name)
{
    uint64_t batch;

    tx_init(&f->tx, f->entries, &f->arena);
    tx_plain_put(&f->tx, name, STR("x"));
    batch = tx_take(&f->tx);
    CHECK(batch > 0 && entries_close_batch(f->entries) == batch);
    return batch;
}

/* The store refuses what was sent when more has been given up by then, and more has come since: all of that fails, none is stored. */
static void nothing_new_is_sent_before_the_old_is_answered(void)
{
    struct keeper_fixture f;
    struct iovec why = { (void *)(uintptr_t) "io\0full", 7 };
    struct buf body;
    int reading[2];
    int writing[2];
    uint64_t sent;
    uint64_t behind;

    keeper_fixture_open(&f);
    buf_init(&body, STORE_MESSAGE_MAX);
    MUST(link_pair(reading) == 0 && link_pair(writing) == 0);
    entries_attach(f.entries, reading[0], writing[0]);
    sent = put_plain(&f, "one");
    entries_commit(f.entries, sent);
    put_plain(&f, "two");
    entries_abandon(f.entries);
    behind = put_plain(&f, "three");
    entries_commit(f.entries, behind);
    CHECK_U64(sent_to(&f, writing[1], &body), sent);
    CHECK_U64(sent_to(&f, writing[1], &body), 0);
    CHECK(link_answer(writing[1], STORE_REFUSED, sent, &why, 1));
    CHECK_U64(sent_to(&f, writing[1], &body), 0);
    CHECK(entries_has_failed(f.entries, sent) && entries_has_failed(f.entries, behind));

    sent = put_plain(&f, "four");
    entries_commit(f.entries, sent);
    CHECK_U64(sent_to(&f, writing[1], &body), sent);
    put_plain(&f, "five");
    entries_abandon(f.entries);
    behind = put_plain(&f, "six");
    entries_commit(f.entries, behind);
    CHECK(link_answer(writing[1], STORE_DONE, sent, NULL, 0));
    CHECK_U64(sent_to(&f, writing[1], &body), behind);
    CHECK(link_answer(writing[1], STORE_DONE, behind, NULL, 0));
    CHECK_U64(sent_to(&f, writing[1], &body), 0);
    CHECK(entries_is_durable(f.entries, behind) && entries_attached(f.entries));
    close(reading[1]);
    close(writing[1]);
    buf_free(&body);
    keeper_fixture_close(&f);
}

static void a_dropped_keyring_is_taken_back(void)
{
    struct keeper_fixture f;

    keeper_fixture_open(&f);
    barrier_rotate(f.barrier);
    tx_put_keyring(&f.tx);
    tx_drop(&f.tx);
    CHECK_U64(barrier_term(f.barrier), 1);
    keeper_fixture_close(&f);
}

/* ---- time, folders, objects ---- */

static void due_ones_come_in_order(void)
{
    struct keeper_fixture f;
    struct value *list;

    keeper_fixture_open(&f);
    for (int i = 0; i < 300; i++)
        entry_put(&f.tx, entry_path(&f.tx, "other/%d", i), STR("x"), 1 + i);
    entry_put(&f.tx, STR("lease/late"), STR("x"), 900);
    entry_put(&f.tx, STR("lease/early"), STR("x"), 500);
    entry_put(&f.tx, STR("lease/gone"), STR("x"), 550);
    entry_put(&f.tx, STR("lease/never"), STR("x"), 0);
    CHECK(keeper_fixture_take(&f));
    entry_delete(&f.tx, STR("lease/gone"));
    entry_put(&f.tx, STR("lease/moved/by"), STR("x"), 600);
    tx_take(&f.tx);
    entry_put(&f.tx, STR("lease/own"), STR("x"), 400);
    list = entry_due(&f.tx, STR("lease/"), 899, 10);
    CHECK_U64(list->n, 3);
    CHECK_STR(list->first->text, "lease/own");
    CHECK_STR(list->first->next->text, "lease/early");
    CHECK_STR(list->last->text, "lease/moved/by");
    CHECK_U64(entry_due(&f.tx, STR("lease/"), 899, 1)->n, 1);
    CHECK_U64(entry_due(&f.tx, STR("other/"), 899, 1000)->n, 300);
    keeper_fixture_close(&f);
}

static void large_folders(void)
{
    enum { N = 5000 };
    struct keeper_fixture f;
    struct value *list;
    unsigned calls = 1;

    keeper_fixture_open(&f);
    for (int i = 0; i < N; i++) {
        entry_put(&f.tx, entry_path(&f.tx, "m/%04d", i), STR("x"), 0);
        entry_put(&f.tx, entry_path(&f.tx, "m/sub%d/x/y", i % 7), STR("x"), 0);
    }
    CHECK(keeper_fixture_take(&f));
    list = entry_list(&f.tx, STR("m/"), STR_NONE, 0);
    CHECK_U64(list->n, N + 7);
    CHECK_STR(list->first->text, "0000");
    CHECK_STR(list->last->text, "sub6/");
    list = entry_list(&f.tx, STR("m/"), STR("0998"), 3);
    CHECK_U64(list->n, 3);
    CHECK_STR(list->first->text, "0999");
    CHECK_STR(list->last->text, "1001");
    while (entry_delete_under(&f.tx, STR("m/"))) {
        CHECK(keeper_fixture_take(&f));
        calls++;
    }
    CHECK(keeper_fixture_take(&f));
    CHECK(calls > 5);
    CHECK_U64(entry_list(&f.tx, STR(""), STR_NONE, 0)->n, 0);
    keeper_fixture_reopen(&f);
    CHECK_U64(entry_list(&f.tx, STR(""), STR_NONE, 0)->n, 0);
    CHECK_U64(entry_list(&f.tx, STR("m/sub3/x/"), STR_NONE, 0)->n, 0);
    keeper_fixture_close(&f);
}

/* ---- against a model ---- */

enum { MODEL_FOLDERS = 3, MODEL_NAMES = 400 };

struct model {
    bool there[MODEL_FOLDERS][MODEL_NAMES];
};

/* Lists a part of a folder, and compares it with what the model has. */
static void list_as_model(struct keeper_fixture *f, const struct model *m, int folder)
{
    unsigned most = random_below(3) == 0 ? 0 : (unsigned)random_below(50) + 1;
    int from = random_below(2) == 0 ? 0 : (int)random_below(MODEL_NAMES);
    struct str after = from > 0 ? entry_path(&f->tx, "%04d", from - 1) : STR_NONE;
    struct value *list = entry_list(&f->tx, entry_path(&f->tx, "f/%d/", folder), after, most);
    struct value *got = list->first;
    unsigned n = 0;

    for (int i = from; i < MODEL_NAMES && (most == 0 || n < most); i++) {
        if (!m->there[folder][i])
            continue;
        n++;
        if (got == NULL || !str_eq(got->text, entry_path(&f->tx, "%04d", i))) {
            CHECK(got != NULL && str_eq(got->text, entry_path(&f->tx, "%04d", i)));
            return;
        }
        got = got->next;
    }
    CHECK(got == NULL);
    CHECK_U64(list->n, n);
}

static void change_as_model(struct keeper_fixture *f, struct model *m)
{
    int folder = (int)random_below(MODEL_FOLDERS);
    int name = (int)random_below(MODEL_NAMES);
    struct str path = entry_path(&f->tx, "f/%d/%04d", folder, name);

    m->there[folder][name] = random_below(5) < 3;
    if (m->there[folder][name])
        entry_put(&f->tx, path, STR("x"), 0);
    else
        entry_delete(&f->tx, path);
}

static void lists_are_as_a_model_has_them(void)
{
    static struct model now;
    static struct model before; /* the transaction */
    struct keeper_fixture f;

    keeper_fixture_open(&f);
    for (int round = 0; round < 3000; round++) {
        uint64_t what = random_below(20);

        if (what < 12) {
            change_as_model(&f, &now);
        } else if (what < 16) {
            list_as_model(&f, &now, (int)random_below(MODEL_FOLDERS));
        } else if (what < 18) {
            tx_take(&f.tx); /* not durable yet */
            before = now;
        } else if (what == 18) {
            CHECK(keeper_fixture_take(&f));
            before = now;
        } else {
            tx_drop(&f.tx);
            now = before;
        }
        if (round % 1000 == 999) {
            CHECK(keeper_fixture_take(&f));
            before = now;
            keeper_fixture_reopen(&f);
        }
    }
    for (int i = 0; i < MODEL_FOLDERS; i++)
        list_as_model(&f, &now, i);
    CHECK(f.tx.failed == NULL);
    keeper_fixture_close(&f);
}

static unsigned parsed;
static unsigned freed;

static void *parse(struct str data, const char **why)
{
    if (str_is(data, "bad")) {
        *why = "bad indeed";
        return NULL;
    }
    parsed++;
    return xstrndup(data.at, data.len);
}

static void free_object(void *object)
{
    freed++;
    free(object);
}

static const struct entry_class texts = { "text", parse, free_object, NULL };

static void objects_live_with_their_entry(void)
{
    struct keeper_fixture f;
    const char *was;
    const char *is;

    keeper_fixture_open(&f);
    CHECK(entry_object(&f.tx, STR("o/a"), &texts) == NULL && f.tx.failed == NULL);
    entry_put(&f.tx, STR("o/a"), STR("one"), 0);
    was = entry_object(&f.tx, STR("o/a"), &texts);
    CHECK_STR(str_from(was), "one");
    CHECK(keeper_fixture_take(&f));
    CHECK(entry_object(&f.tx, STR("o/a"), &texts) == was);
    CHECK_U64(parsed, 1);
    entry_put(&f.tx, STR("o/a"), STR("two"), 0);
    is = entry_object(&f.tx, STR("o/a"), &texts);
    CHECK_STR(str_from(is), "two");
    tx_take(&f.tx);
    CHECK_STR(str_from(was), "one"); /* until the round ends */
    CHECK(entry_object(&f.tx, STR("o/a"), &texts) == is);
    CHECK_U64(freed, 0);
    CHECK(keeper_fixture_settle(&f));
    CHECK_U64(freed, 1);
    entry_put(&f.tx, STR("o/a"), STR("bad"), 0);
    CHECK(entry_object(&f.tx, STR("o/a"), &texts) == NULL);
    CHECK_STR(str_from(f.tx.failed), "bad indeed");
    keeper_fixture_close(&f);
    CHECK_U64(parsed, freed);
}

/* ---- terms ---- */

static void seals_anew_and_destroys(void)
{
    enum { N = 1000 };
    struct keeper_fixture f;
    struct row *rows = xreallocarray(NULL, 20, sizeof(struct row));
    struct str data;
    struct store *s;
    unsigned rounds = 0;
    int n;

    keeper_fixture_open(&f);
    for (int i = 0; i < N; i++)
        entry_put(&f.tx, entry_path(&f.tx, "m/%d", i), STR("content"), i + 1);
    CHECK(keeper_fixture_take(&f));
    barrier_rotate(f.barrier);
    tx_put_keyring(&f.tx);
    CHECK(keeper_fixture_take(&f));
    entry_put(&f.tx, STR("m/5"), STR("newer"), 0);
    tx_take(&f.tx);
    while (barrier_oldest(f.barrier) == 1 && rounds++ < 100) {
        entries_work(f.entries);
        CHECK(keeper_fixture_settle(&f));
    }
    CHECK_U64(barrier_oldest(f.barrier), 2);
    keeper_fixture_reopen(&f);
    CHECK_U64(barrier_oldest(f.barrier), 2);
    CHECK(entry_get(&f.tx, STR("m/5"), &data));
    CHECK_STR(data, "newer");
    CHECK(entry_get(&f.tx, STR("m/77"), &data));
    CHECK_STR(data, "content");
    CHECK_U64(entry_due(&f.tx, STR("m/"), 10, 100)->n, 9);
    CHECK_U64(entry_list(&f.tx, STR("m/"), STR_NONE, 0)->n, N);
    s = stored(&f, rows, &n);
    for (int i = 0; i < n; i++)
        CHECK(rows[i].term == 2 || rows[i].term == UINT32_MAX);
    store_close(s);
    free(rows);
    keeper_fixture_close(&f);
}

static void a_store_that_went_away(void)
{
    struct keeper_fixture f;
    struct str data;

    keeper_fixture_open(&f);
    entry_put(&f.tx, STR("a"), STR("1"), 0);
    CHECK(keeper_fixture_take(&f));
    entries_attach(f.entries, -1, -1);
    CHECK(!entries_attached(f.entries));
    CHECK(!entry_get(&f.tx, STR("a"), &data));
    CHECK(f.tx.failed != NULL && f.tx.busy);
    keeper_fixture_reopen(&f);
    CHECK(entry_get(&f.tx, STR("a"), &data));
    keeper_fixture_close(&f);
}

TESTS(CASE(reads_its_own_writes), CASE(folders_come_and_go), CASE(damaged_rows_are_errors),
    CASE(stores_no_plaintext), CASE(what_failed_is_forgotten), CASE(reads_wait_for_what_was_sent),
    CASE(nothing_new_is_sent_before_the_old_is_answered), CASE(a_dropped_keyring_is_taken_back),
    CASE(due_ones_come_in_order), CASE(large_folders), CASE(lists_are_as_a_model_has_them),
    CASE(objects_live_with_their_entry), CASE(seals_anew_and_destroys),
    CASE(a_store_that_went_away))
