/*
 * store - see store.h; on SQLite.
 *
 * One table.  WITHOUT ROWID keeps a row in the tree of its id, so that a read is one walk; rows come and go by
 * id alone, folder and due have an index each.  WAL with synchronous=FULL: a commit is one fsync, readers go on.  Ids
 * are random, so that a large commit touches a page a row: checkpoints are few.  secure_delete wipes what is freed,
 * so that a destroyed row's ciphertext is not kept in free pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "store/store.h"

enum { LOG_PAGES_MOST = 32000 /* 128 MB: then a commit does it itself */ };
enum { APPLICATION = 0x77656972 /* "weir" */, SCHEMA = 1, BUSY_MSEC = 5000 };

enum query {
    Q_GET,
    Q_LIST,
    Q_DUE,
    Q_OLDER,
    Q_SCAN,
    Q_COUNT,
    Q_BEGIN,
    Q_END,
    Q_UNDO,
    Q_PUT,
    Q_DELETE,
    Q_DELETE_FOLDER,
    QUERIES
};

/* Columns of a read: id, folder, due, term, name, data. */
static const char *const texts[QUERIES] = {
    [Q_GET] = "SELECT id, folder, due, term, name, data FROM kv WHERE id = ?1",
    [Q_LIST] = "SELECT id, folder, due, term, name FROM kv WHERE folder = ?1 AND id > ?2 "
               "ORDER BY id LIMIT ?3",
    [Q_DUE] = "SELECT id, folder, due, term, name FROM kv WHERE due > 0 AND due <= ?1 "
              "ORDER BY due, id LIMIT ?2",
    [Q_OLDER] = "SELECT id, folder, due, term, name, data FROM kv WHERE id > ?3 AND term < ?1 "
                "ORDER BY id LIMIT ?2",
    [Q_SCAN] =
        "SELECT id, folder, due, term, name, data FROM kv WHERE id > ?1 ORDER BY id LIMIT ?2",
    [Q_COUNT] = "SELECT count(*) FROM kv",
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_END] = "COMMIT",
    [Q_UNDO] = "ROLLBACK",
    [Q_PUT] = "INSERT INTO kv(id, folder, due, term, name, data) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
              "ON CONFLICT(id) DO UPDATE SET folder = excluded.folder, due = excluded.due, "
              "term = excluded.term, name = excluded.name, data = excluded.data",
    [Q_DELETE] = "DELETE FROM kv WHERE id = ?1",
    [Q_DELETE_FOLDER] = "DELETE FROM kv WHERE folder = ?1",
};

static const char schema[] =
    "CREATE TABLE kv(id BLOB NOT NULL PRIMARY KEY, folder BLOB NOT NULL, due INTEGER NOT NULL,"
    " term INTEGER NOT NULL, name BLOB NOT NULL, data BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX kv_folder ON kv(folder, id);"
    "CREATE INDEX kv_due ON kv(due) WHERE due > 0;"
    "PRAGMA application_id = 2003134834;"
    "PRAGMA user_version = 1;";

struct store {
    sqlite3 *db;
    sqlite3_stmt *query[QUERIES];
    uint8_t older_at[STORE_ID]; /* where store_older() goes on */
    bool read_only;
    unsigned log_pages;
};

/* ---- errors ---- */

static int fail(struct store *s, struct err *err)
{
    int code = sqlite3_errcode(s->db) & 0xff;
    const char *id = "store_io";
    enum err_kind kind = ERR_SYSTEM;

    errno = sqlite3_system_errno(s->db);
    if (code == SQLITE_FULL)
        errno = ENOSPC;
    if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
        id = "store_corrupt";
        kind = ERR_PEER; /* no errno to tell */
    } else if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
        id = "store_full";
    }
    if (errno == 0)
        kind = ERR_PEER;
    return err_set(err, kind, id, "the keeper's database: %s", sqlite3_errmsg(s->db));
}

/* ---- opening ---- */

static int run(struct store *s, const char *sql)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

static int64_t ask_number(struct store *s, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t n = -1;

    if (sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK && sqlite3_step(q) == SQLITE_ROW)
        n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return n;
}

/* SQLite leaves no trace of names in messages; a file that is no database of ours is not touched. */
static int check_version(struct store *s, struct err *err)
{
    int64_t application = ask_number(s, "PRAGMA application_id");
    int64_t version = ask_number(s, "PRAGMA user_version");

    if (application < 0 || version < 0)
        return fail(s, err);
    if (application == 0 && version == 0) {
        int64_t tables = ask_number(s, "SELECT count(*) FROM sqlite_master");

        if (tables < 0)
            return fail(s, err);
        if (tables == 0 && !s->read_only) {
            if (run(s, "BEGIN EXCLUSIVE") == SQLITE_OK && run(s, schema) == SQLITE_OK &&
                run(s, "COMMIT") == SQLITE_OK)
                return 0;
            return fail(s, err);
        }
    }
    if (application != APPLICATION || version != SCHEMA)
        return err_set(err, ERR_CONFIG, "store_version",
            "the keeper's database has format %lld of application %llx, not %d: it is of another "
            "program or a newer Weir",
            (long long)version, (unsigned long long)application, SCHEMA);
    return 0;
}

static int after_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct store *s = arg;

    (void)db;
    (void)name;
    s->log_pages = (unsigned)pages;
    return SQLITE_OK;
}

static int set_up(struct store *s, struct err *err)
{
    sqlite3_wal_hook(s->db, after_commit, s); /* in place of automatic checkpoints */
    sqlite3_extended_result_codes(s->db, 0);
    sqlite3_busy_timeout(s->db, BUSY_MSEC);
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, STORE_ROW_MAX + 65536);
    if (run(s, "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
               "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32000;") != SQLITE_OK)
        return fail(s, err);
    if (!s->read_only &&
        run(s, "PRAGMA secure_delete = ON; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
               "PRAGMA journal_size_limit = 64000000;") != SQLITE_OK)
        return fail(s, err);
    if (check_version(s, err) == -1)
        return -1;
    for (int i = 0; i < QUERIES; i++) {
        if (sqlite3_prepare_v3(
                s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->query[i], NULL) != SQLITE_OK)
            return fail(s, err);
    }
    return 0;
}

struct store *store_open(const char *path, bool read_only, struct err *err)
{
    struct store *s = calloc(1, sizeof(*s));
    int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;

    MUST(s != NULL);
    s->read_only = read_only;
    if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK) {
        errno = s->db != NULL ? sqlite3_system_errno(s->db) : ENOMEM;
        err_set(err, ERR_SYSTEM, "store_open", "%s", path);
        store_close(s);
        return NULL;
    }
    if (set_up(s, err) == -1) {
        err_wrap(err, "%s", path);
        store_close(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    for (int i = 0; i < QUERIES; i++)
        sqlite3_finalize(s->query[i]);
    sqlite3_close(s->db);
    free(s);
}

/* ---- reading ---- */

static struct str column_text(sqlite3_stmt *q, int column, struct arena *a)
{
    return arena_str(
        a, (struct str){ sqlite3_column_blob(q, column), (size_t)sqlite3_column_bytes(q, column) });
}

/* False: a row that we never wrote. */
static bool read_row(sqlite3_stmt *q, struct arena *a, struct row *out)
{
    if (sqlite3_column_bytes(q, 0) != STORE_ID || sqlite3_column_bytes(q, 1) != STORE_ID)
        return false;
    memcpy(out->id, sqlite3_column_blob(q, 0), STORE_ID);
    memcpy(out->folder, sqlite3_column_blob(q, 1), STORE_ID);
    out->due = sqlite3_column_int64(q, 2);
    out->term = (uint32_t)sqlite3_column_int64(q, 3);
    out->name = column_text(q, 4, a);
    out->data = sqlite3_column_count(q) > 5 ? column_text(q, 5, a) : STR_NONE;
    return true;
}

/* Rows of a query whose parameters are bound, at most so many, or so many bytes: then fewer, but one at least. */
static int read_rows(struct store *s, enum query which, struct arena *a, struct row *out,
    int at_most, size_t bytes, struct err *err)
{
    sqlite3_stmt *q = s->query[which];
    size_t total = 0;
    int n = 0;
    int code = SQLITE_DONE;

    while (n < at_most && total < bytes && (code = sqlite3_step(q)) == SQLITE_ROW) {
        if (!read_row(q, a, &out[n])) {
            n = err_set(err, ERR_PEER, "store_corrupt", "the keeper's database: a row is damaged");
            break;
        }
        total += out[n].name.len + out[n].data.len;
        n++;
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        n = fail(s, err);
    sqlite3_reset(q);
    sqlite3_clear_bindings(q);
    return n;
}

static void bind_id(sqlite3_stmt *q, int at, const uint8_t *id)
{
    sqlite3_bind_blob(q, at, id, STORE_ID, SQLITE_STATIC);
}

int store_get(
    struct store *s, const uint8_t id[STORE_ID], struct arena *a, struct row *out, struct err *err)
{
    struct row row;
    int n;

    bind_id(s->query[Q_GET], 1, id);
    n = read_rows(s, Q_GET, a, &row, 1, SIZE_MAX, err);
    if (n == 1)
        *out = row;
    return n;
}

static const uint8_t no_id[STORE_ID];

int store_list(struct store *s, const uint8_t folder[STORE_ID], const uint8_t *after,
    struct arena *a, struct row *out, int at_most, struct err *err)
{
    bind_id(s->query[Q_LIST], 1, folder);
    bind_id(s->query[Q_LIST], 2, after != NULL ? after : no_id);
    sqlite3_bind_int(s->query[Q_LIST], 3, at_most);
    return read_rows(s, Q_LIST, a, out, at_most, STORE_ROWS_BYTES, err);
}

int store_due(
    struct store *s, int64_t now, struct arena *a, struct row *out, int at_most, struct err *err)
{
    sqlite3_bind_int64(s->query[Q_DUE], 1, now);
    sqlite3_bind_int(s->query[Q_DUE], 2, at_most);
    return read_rows(s, Q_DUE, a, out, at_most, STORE_ROWS_BYTES, err);
}

static int older_from(struct store *s, const uint8_t *after, uint32_t term, struct arena *a,
    struct row *out, int at_most, struct err *err)
{
    sqlite3_stmt *q = s->query[Q_OLDER];

    sqlite3_bind_int64(q, 1, term);
    sqlite3_bind_int(q, 2, at_most);
    bind_id(q, 3, after);
    return read_rows(s, Q_OLDER, a, out, at_most, STORE_ROWS_BYTES, err);
}

/* No index by term, which every write would have to pay for: calls go through all rows in turns. */
int store_older(
    struct store *s, uint32_t term, struct arena *a, struct row *out, int at_most, struct err *err)
{
    int n = older_from(s, s->older_at, term, a, out, at_most, err);

    if (n == 0 && memcmp(s->older_at, no_id, STORE_ID) != 0)
        n = older_from(s, no_id, term, a, out, at_most, err);
    if (n >= 0)
        memcpy(s->older_at, n > 0 ? out[n - 1].id : no_id, STORE_ID);
    return n;
}

int store_scan(struct store *s, const uint8_t *after, struct arena *a, struct row *out, int at_most,
    struct err *err)
{
    bind_id(s->query[Q_SCAN], 1, after != NULL ? after : no_id);
    sqlite3_bind_int(s->query[Q_SCAN], 2, at_most);
    return read_rows(s, Q_SCAN, a, out, at_most, STORE_ROWS_BYTES, err);
}

int store_hold(struct store *s, bool on, struct err *err)
{
    bool held = sqlite3_get_autocommit(s->db) == 0;

    if (held && run(s, "COMMIT") != SQLITE_OK)
        return fail(s, err);
    if (on && run(s, "BEGIN") != SQLITE_OK)
        return fail(s, err);
    return 0;
}

int store_get_stats(struct store *s, struct store_stats *out, struct err *err)
{
    int64_t pages = ask_number(s, "PRAGMA page_count");
    int64_t size = ask_number(s, "PRAGMA page_size");
    sqlite3_stmt *q = s->query[Q_COUNT];

    if (pages < 0 || size < 0 || sqlite3_step(q) != SQLITE_ROW) {
        sqlite3_reset(q);
        return fail(s, err);
    }
    out->rows = (uint64_t)sqlite3_column_int64(q, 0);
    out->bytes = (uint64_t)(pages * size);
    sqlite3_reset(q);
    return 0;
}

/* ---- writing ---- */

static int step(struct store *s, enum query which, struct err *err)
{
    int code = sqlite3_step(s->query[which]);
    int result = code == SQLITE_DONE ? 0 : fail(s, err);

    sqlite3_reset(s->query[which]);
    sqlite3_clear_bindings(s->query[which]);
    return result;
}

static void bind_text(sqlite3_stmt *q, int at, struct str t)
{
    sqlite3_bind_blob(q, at, t.at != NULL ? t.at : "", (int)t.len, SQLITE_STATIC);
}

static int apply(struct store *s, const struct change *c, struct err *err)
{
    sqlite3_stmt *q;

    if (c->kind == CHANGE_DELETE || c->kind == CHANGE_DELETE_FOLDER) {
        enum query which = c->kind == CHANGE_DELETE ? Q_DELETE : Q_DELETE_FOLDER;

        bind_id(s->query[which], 1, c->row.id);
        return step(s, which, err);
    }
    q = s->query[Q_PUT];
    bind_id(q, 1, c->row.id);
    bind_id(q, 2, c->row.folder);
    sqlite3_bind_int64(q, 3, c->row.due);
    sqlite3_bind_int64(q, 4, c->row.term);
    bind_text(q, 5, c->row.name);
    bind_text(q, 6, c->row.data);
    return step(s, Q_PUT, err);
}

unsigned store_log_pages(const struct store *s)
{
    return s->log_pages;
}

int store_checkpoint(struct store *s, struct err *err)
{
    int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    return code == SQLITE_OK || code == SQLITE_BUSY ? 0 : fail(s, err);
}

int store_commit(struct store *s, const struct change *changes, size_t n, struct err *err)
{
    int result = step(s, Q_BEGIN, err);

    if (result == -1)
        return -1;
    for (size_t i = 0; i < n && result == 0; i++)
        result = apply(s, &changes[i], err);
    if (result == 0)
        result = step(s, Q_END, err);
    if (result == -1 && sqlite3_get_autocommit(s->db) == 0) {
        struct err ignored;

        step(s, Q_UNDO, &ignored);
    }
    if (result == 0 && s->log_pages > LOG_PAGES_MOST) {
        struct err ignored;

        store_checkpoint(
            s, &ignored); /* most is done already; the next commit begins the log anew */
    }
    return result;
}
