/*
 * entries_list - what is in a folder, what is due, and deleting all of a folder.
 *
 * The store orders by blinded ids, so a folder is read whole, page by page, and sorted here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

enum { DELETES_A_CALL = 512, DUE_MOST = 65536, DEEPEST = ENTRY_PATH_MAX };

/* ---- pages of the store ---- */

struct page {
    struct str rows;
    uint32_t n;
    uint32_t most;
    uint8_t question[2 * STORE_ID + 4]; /* of STORE_LIST: folder, after, most */
    bool last;
};

static void put_u32(uint8_t *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(n >> (8 * i));
}

static void pages_begin(struct entries *e, struct page *p, struct str folder, uint32_t most)
{
    memset(p, 0, sizeof(*p));
    p->most = most;
    barrier_blind(e->barrier, folder, p->question);
    put_u32(p->question + (size_t)2 * STORE_ID, most);
}

/* The next page; false: there is none, or the transaction fails. Its rows are valid until the store is asked again. */
static bool page_next(struct tx *t, struct page *p)
{
    enum read_result result;

    if (p->last || t->failed != NULL)
        return false;
    result = entries_ask(
        t->entries, STORE_LIST, (struct str){ (char *)p->question, sizeof(p->question) }, &p->rows);
    if (result == READ_OK && !rows_begin(&p->rows, &p->n))
        result = READ_CORRUPT;
    tx_fail(t, result);
    if (result != READ_OK)
        return false;
    p->last = p->n == 0; /* a page may be short: by bytes, not by rows */
    return p->n > 0;
}

/* The next row's path; false: the page ends, or the transaction fails. */
static bool page_row(struct tx *t, struct page *p, struct str *path)
{
    struct row r;

    if (p->n == 0)
        return false;
    p->n--;
    if (!wire_take_row(&p->rows, &r) || (*path = row_path(t->entries, &r, t->arena)).len == 0) {
        tx_fail(t, READ_CORRUPT);
        return false;
    }
    memcpy(p->question + STORE_ID, r.id, STORE_ID);
    return true;
}

/* ---- names ---- */

struct names {
    struct str *at;
    size_t n;
    size_t room;
};

static void add_name(struct names *to, struct str name)
{
    if (to->n == to->room) {
        to->room = to->room > 0 ? to->room * 2 : 64;
        to->at = xreallocarray(to->at, to->room, sizeof(struct str));
    }
    to->at[to->n++] = name;
}

/* What is left of a path in the folder; a path further down counts as its subfolder. */
static void add_path(struct names *to, struct str path, size_t folder)
{
    struct str name = { path.at + folder, path.len - folder };
    const char *slash = memchr(name.at, '/', name.len);

    if (slash != NULL)
        name.len = (size_t)(slash - name.at) + 1;
    add_name(to, name);
}

static int order_of(const void *a, const void *b)
{
    return name_order(*(const struct str *)a, *(const struct str *)b);
}

static void sort_names(struct names *names)
{
    size_t kept = 0;

    if (names->n > 0)
        qsort(names->at, names->n, sizeof(struct str), order_of);
    for (size_t i = 0; i < names->n; i++) {
        if (kept == 0 || !str_eq(names->at[kept - 1], names->at[i]))
            names->at[kept++] = names->at[i];
    }
    names->n = kept;
}

static bool is_pinned(struct tx *t, struct str path)
{
    const struct cached *c = cache_find(&t->entries->cache, path, path_hash(path));

    return c != NULL && c->pinned;
}

/* Is the path decided by the transaction or by what is not durable yet? */
static bool is_overlaid(struct tx *t, struct str path)
{
    return tx_find(t, path, path_hash(path)) != NULL || is_pinned(t, path);
}

/* What is not durable yet decides about the folder too: names that are there are added to `to` (NULL: to nothing). */
static void add_pinned(struct tx *t, struct str folder, struct names *to)
{
    uint64_t hash = path_hash(folder);

    list_each (at, after, &t->entries->cache.pinned) {
        const struct cached *c = list_item(at, struct cached, place);
        struct str path = { c->path, c->path_len };

        if (c->folder != hash || !str_eq(folder_of(path), folder) || c->path[0] == PLAIN)
            continue;
        if (c->batch > t->after) /* also when it is gone: that it is not there is news too */
            t->after = c->batch;
        if (c->there && to != NULL)
            add_path(to, arena_str(t->arena, path), folder.len);
    }
}

/* What everybody sees in the folder, sorted. False: the transaction fails. */
static bool read_names(struct tx *t, struct str folder, struct names *to)
{
    struct str path;
    struct page p;

    pages_begin(t->entries, &p, folder, ROWS_A_PAGE);
    while (page_next(t, &p)) {
        while (page_row(t, &p, &path)) {
            if (!is_pinned(t, path))
                add_path(to, path, folder.len);
        }
    }
    add_pinned(t, folder, to);
    sort_names(to);
    return t->failed == NULL;
}

/* ---- with the transaction's own changes ---- */

struct choosing {
    struct tx *tx;
    struct str folder;
    struct names *to;
    size_t most; /* of them; 0: all */
};

/* A name that everybody sees, unless the transaction deletes it. False: enough. */
static bool choose(void *arg, struct str name)
{
    struct choosing *c = arg;
    char path[2 * ENTRY_PATH_MAX];
    size_t len = c->folder.len + name.len;
    const struct pending *p;

    if (c->tx->first != NULL && len <= sizeof(path)) {
        memcpy(path, c->folder.at, c->folder.len);
        memcpy(path + c->folder.len, name.at, name.len);
        p = tx_find(c->tx, (struct str){ path, len }, path_hash((struct str){ path, len }));
        if (p != NULL && !p->there)
            return true;
    }
    add_name(c->to, name);
    return c->most == 0 || c->to->n < c->most;
}

/* False: the transaction adds nothing to the folder. */
static bool add_own(struct tx *t, struct str folder, struct str after, struct names *to)
{
    size_t before = to->n;

    for (const struct pending *p = t->first; p != NULL; p = p->next) {
        if (!p->there || p->path.len <= folder.len || p->path.at[0] == PLAIN ||
            !str_starts(p->path, folder))
            continue;
        add_path(to, p->path, folder.len);
        if (name_order(to->at[to->n - 1], after) <= 0)
            to->n--;
    }
    return to->n > before;
}

static bool can_list(struct tx *t, struct str folder)
{
    if (folder.len > 0 && (folder.at[folder.len - 1] != '/' || folder.len > ENTRY_PATH_MAX))
        return false;
    if (barrier_is_open(t->entries->barrier))
        return true;
    if (t->failed == NULL) {
        t->failed = "the keeper is sealed";
        t->busy = true;
    }
    return false;
}

struct value *entry_list(struct tx *t, struct str folder, struct str after, unsigned most)
{
    struct value *list = value_list(t->arena);
    struct names chosen = { 0 };
    struct choosing c = { t, folder, &chosen, most };
    struct listing *known;

    if (!can_list(t, folder))
        return list;
    known = names_find(&t->entries->names, folder);
    if (known != NULL) {
        add_pinned(t, folder, NULL);
        names_each(known, after, choose, &c);
    } else {
        struct names all = { 0 };

        if (read_names(t, folder, &all))
            names_keep(&t->entries->names, folder, all.at, all.n);
        for (size_t i = 0; i < all.n && t->failed == NULL; i++) {
            if (name_order(all.at[i], after) > 0 && !choose(&c, all.at[i]))
                break;
        }
        free(all.at);
    }
    if (add_own(t, folder, after, &chosen))
        sort_names(&chosen);
    for (size_t i = 0; i < chosen.n && t->failed == NULL && (most == 0 || i < most); i++)
        value_add_text(t->arena, list, chosen.at[i]);
    free(chosen.at);
    return list;
}

/* ---- deleting ---- */

/* The transaction's and everybody's new entries anywhere under the folder. */
static bool delete_overlay(struct tx *t, struct str folder, unsigned *left)
{
    for (struct pending *p = t->first; p != NULL; p = p->next) {
        if (p->there && p->path.len > folder.len && p->path.at[0] != PLAIN &&
            str_starts(p->path, folder))
            entry_delete(t, p->path);
    }
    list_each (at, after, &t->entries->cache.pinned) {
        const struct cached *c = list_item(at, struct cached, place);
        struct str path = { c->path, c->path_len };

        if (!c->there || c->path[0] == PLAIN || path.len <= folder.len ||
            !str_starts(path, folder) || path.at[path.len - 1] == '/' ||
            tx_find(t, path, c->hash) != NULL)
            continue;
        if (*left == 0)
            return false;
        (*left)--;
        entry_delete(t, path);
    }
    return true;
}

/* The paths of one page that are not decided otherwise, in the arena. */
static bool living_of_page(struct tx *t, struct page *p, struct names *to)
{
    struct str path;

    to->n = 0;
    if (!page_next(t, p))
        return false;
    while (page_row(t, p, &path)) {
        if (!is_overlaid(t, path) || path.at[path.len - 1] == '/')
            add_name(to, path);
    }
    return t->failed == NULL;
}

/* What the store has under the folder. False: there is more than `left`. */
static bool delete_stored(struct tx *t, struct str folder, unsigned *left, unsigned depth)
{
    struct names names = { 0 };
    bool all = true;
    struct page p;

    MUST(depth <= DEEPEST);
    pages_begin(t->entries, &p, folder, DELETES_A_CALL);
    while (all && living_of_page(t, &p, &names)) {
        for (size_t i = 0; i < names.n && all; i++) {
            struct str path = names.at[i];

            if (path.at[path.len - 1] == '/') {
                all = delete_stored(t, path, left, depth + 1);
                if (all && tx_find(t, path, path_hash(path)) == NULL)
                    tx_change(t, path, path_hash(path))->there = false;
            } else if (*left == 0) {
                all = false;
            } else {
                (*left)--;
                entry_delete(t, path);
            }
        }
    }
    free(names.at);
    return all;
}

bool entry_delete_under(struct tx *t, struct str folder)
{
    unsigned left = DELETES_A_CALL;

    if (!can_list(t, folder) || t->failed != NULL)
        return false;
    if (!delete_overlay(t, folder, &left))
        return true;
    return !delete_stored(t, folder, &left, 0) && t->failed == NULL;
}

/* ---- what is due ---- */

struct due {
    struct str path;
    int64_t due;
};

struct dues {
    struct due *at;
    size_t n;
    size_t room;
};

static void add_due(struct dues *to, struct str path, int64_t due)
{
    if (to->n == to->room) {
        to->room = to->room > 0 ? to->room * 2 : 64;
        to->at = xreallocarray(to->at, to->room, sizeof(struct due));
    }
    to->at[to->n++] = (struct due){ path, due };
}

static int due_order(const void *a, const void *b)
{
    const struct due *x = a;
    const struct due *y = b;

    if (x->due != y->due)
        return x->due < y->due ? -1 : 1;
    return order_of(&x->path, &y->path);
}

/* Asks for the `most` earliest of all folders. How many the store gave; -1: the transaction fails. */
static int due_of_store(
    struct tx *t, struct str folder, int64_t now, uint32_t most, struct dues *to)
{
    uint8_t question[8 + 4];
    enum read_result result;
    struct str answer = STR_NONE;
    uint32_t n = 0;

    for (int i = 0; i < 8; i++)
        question[i] = (uint8_t)((uint64_t)now >> (8 * i));
    put_u32(question + 8, most);
    result = entries_ask(
        t->entries, STORE_DUE, (struct str){ (char *)question, sizeof(question) }, &answer);
    if (result == READ_OK && !rows_begin(&answer, &n))
        result = READ_CORRUPT;
    for (uint32_t i = 0; i < n && result == READ_OK; i++) {
        struct row r;
        struct str path;

        if (!wire_take_row(&answer, &r) || (path = row_path(t->entries, &r, t->arena)).len == 0)
            result = READ_CORRUPT;
        else if (str_starts(path, folder) && !is_overlaid(t, path))
            add_due(to, path, r.due);
    }
    tx_fail(t, result);
    return result == READ_OK ? (int)n : -1;
}

static void due_of_overlay(struct tx *t, struct str folder, int64_t now, struct dues *to)
{
    list_each (at, after, &t->entries->cache.pinned) {
        const struct cached *c = list_item(at, struct cached, place);
        struct str path = { c->path, c->path_len };

        if (c->there && c->due > 0 && c->due <= now && str_starts(path, folder) &&
            tx_find(t, path, c->hash) == NULL)
            add_due(to, arena_str(t->arena, path), c->due);
    }
    for (const struct pending *p = t->first; p != NULL; p = p->next) {
        if (p->there && p->due > 0 && p->due <= now && str_starts(p->path, folder))
            add_due(to, p->path, p->due);
    }
}

struct value *entry_due(struct tx *t, struct str folder, int64_t now, unsigned most)
{
    struct value *list = value_list(t->arena);
    struct dues dues = { 0 };
    uint32_t ask = most < 32 ? 64 : 2 * most;
    int got;

    if (!can_list(t, folder) || most == 0)
        return list;
    /* Those of other folders come first, perhaps: ask for more until there are enough of ours. */
    do {
        if (ask > DUE_MOST)
            ask = DUE_MOST;
        dues.n = 0;
        got = due_of_store(t, folder, now, ask, &dues);
        ask *= 4;
    } while (got > 0 && (uint32_t)got == ask / 4 && dues.n < most && ask / 4 < DUE_MOST);
    due_of_overlay(t, folder, now, &dues);
    if (dues.n > 0)
        qsort(dues.at, dues.n, sizeof(struct due), due_order);
    for (size_t i = 0; i < dues.n && i < most && t->failed == NULL; i++)
        value_add_text(t->arena, list, dues.at[i].path);
    free(dues.at);
    return list;
}
