/*
 * Entries over a real store: what one transaction sees, what others see, folders, due times, restarts.
 */
#include "check.h"
#include "keeper_fixture.h"

static void names_are(struct tx *t, const char *folder, const char *want)
{
    struct value *list = entry_list(t, str_from(folder), STR_NONE, 0);
    struct buf b;

    buf_init(&b, 100000);
    value_each(it, list)
    {
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

TESTS(CASE(reads_its_own_writes), CASE(folders_come_and_go))
