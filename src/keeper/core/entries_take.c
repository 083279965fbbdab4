/*
 * entries_take - a transaction becomes part of the open batch.
 *
 * All that can fail is done before anything is changed.  Rows for folders come and go with the entries in
 * them: a folder's row is written with the first, and deleted when the last is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

enum { ROWS_A_LOOK = 64, LOOKED_AT = 8 };

/* ---- the batch ---- */

static struct batch *newest(struct entries *e)
{
    return list_item(e->batches.prev, struct batch, link);
}

static struct batch *batch_begin(struct entries *e)
{
    struct batch *b = xcalloc(1, sizeof(*b));

    b->number = ++e->number;
    buf_init(&b->bytes, STORE_MESSAGE_MAX);
    wire_put_u64(&b->bytes, e->generation);
    wire_put_u32(&b->bytes, 0);
    list_append(&e->batches, &b->link);
    e->stats.waiting++;
    return b;
}

struct batch *batch_open(struct entries *e, size_t bytes)
{
    struct batch *b;

    if (list_empty(&e->batches))
        return batch_begin(e);
    b = newest(e);
    if (b->count > 0 && b->bytes.len + bytes > BATCH_BYTES)
        b->closed = true;
    return b->closed ? batch_begin(e) : b;
}

void batch_add(struct entries *e, enum change_kind kind, const struct row *r)
{
    struct batch *b = newest(e);
    char byte = (char)kind;
    uint32_t count;

    buf_add(&b->bytes, &byte, 1);
    wire_put_row(&b->bytes, r);
    MUST(!b->bytes.over);
    count = ++b->count;
    for (int i = 0; i < 4; i++)
        b->bytes.data[8 + i] = (char)(count >> (8 * i));
}

static void note_term(struct entries *e)
{
    if (e->term != barrier_term(e->barrier)) {
        e->term = barrier_term(e->barrier);
        e->term_batch = newest(e)->number;
    }
}

void batch_put(struct entries *e, struct str path, struct str data, int64_t due)
{
    struct row r = { .due = due };
    struct buf name;
    struct buf sealed;

    id_of(e, path, r.id);
    folder_id_of(e, path, r.folder);
    if (path.at[0] == PLAIN) {
        r.term = UINT32_MAX; /* no key of the barrier's: never old */
        r.data = data;
        batch_add(e, CHANGE_PUT, &r);
        return;
    }
    note_term(e);
    buf_init(&name, ENTRY_PATH_MAX + BARRIER_OVERHEAD);
    buf_init(&sealed, ENTRY_DATA_MAX + BARRIER_OVERHEAD);
    barrier_seal(e->barrier, r.id, r.folder, SEALED_NAME, path, &name);
    barrier_seal(e->barrier, r.id, r.folder, SEALED_DATA, data, &sealed);
    r.term = barrier_term(e->barrier);
    r.name = buf_as_str(&name);
    r.data = buf_as_str(&sealed);
    batch_add(e, CHANGE_PUT, &r);
    buf_free(&sealed);
    buf_free(&name);
}

void batch_delete(struct entries *e, struct str path)
{
    struct row r = { 0 };

    id_of(e, path, r.id);
    batch_add(e, CHANGE_DELETE, &r);
}

/* ---- folders ---- */

static bool is_folder(struct str path)
{
    return path.len > 0 && path.at[path.len - 1] == '/';
}

/* Adds the folders' rows that are not there yet. The list grows while it is walked. */
static bool add_folders(struct tx *t)
{
    for (struct pending *p = t->first; p != NULL; p = p->next) {
        struct str folder = folder_of(p->path);
        uint64_t hash = path_hash(folder);
        struct pending *own;
        struct cached *c;

        if (!p->there || folder.len == 0 || p->path.at[0] == PLAIN)
            continue;
        own = tx_find(t, folder, hash);
        if (own != NULL && own->there)
            continue;
        if (own == NULL) {
            c = tx_load(t, folder, hash);
            if (c == NULL)
                return false;
            if (c->there)
                continue;
        }
        tx_change(t, folder, hash)->there = true;
    }
    return true;
}

/* One page of the folder's rows in the store: are all of them deleted by what is under way? -1: cannot be said; 1 no; 0: yes so far. */
static int page_has_living(
    struct entries *e, struct str answer, struct arena *a, uint8_t *after, uint32_t *n)
{
    if (!rows_begin(&answer, n))
        return -1;
    for (uint32_t i = 0; i < *n; i++) {
        struct row r;
        struct str path;
        struct cached *c;

        if (!wire_take_row(&answer, &r))
            return -1;
        path = row_path(e, &r, a);
        if (path.len == 0)
            return -1;
        c = cache_find(&e->cache, path, path_hash(path));
        if (c == NULL || c->there)
            return 1;
        memcpy(after, r.id, STORE_ID);
    }
    return 0;
}

static bool is_emptied(struct entries *e, struct str folder, uint64_t hash, struct arena *a)
{
    uint8_t question[2 * STORE_ID + 4] = { 0 };
    const struct listing *known = names_find(&e->names, folder);
    uint32_t most = 1;
    uint32_t n = 0;

    if (known != NULL)
        return names_is_empty(known);
    list_each (at, after, &e->cache.pinned) {
        const struct cached *c = list_item(at, struct cached, place);

        if (c->folder != hash || !str_eq(folder_of((struct str){ c->path, c->path_len }), folder))
            continue;
        if (c->there)
            return false;
        most++;
    }
    if (most > ROWS_A_LOOK) /* the first that lives says all */
        most = ROWS_A_LOOK;
    barrier_blind(e->barrier, folder, question);
    for (int i = 0; i < 4; i++)
        question[2 * STORE_ID + i] = (uint8_t)(most >> (8 * i));
    do {
        struct str answer;

        if (entries_ask(e, STORE_LIST, (struct str){ (char *)question, sizeof(question) },
                &answer) != READ_OK ||
            page_has_living(e, answer, a, question + STORE_ID, &n) != 0)
            return false;
    } while (n == most);
    return true;
}

/* Deletes the rows of folders that have nothing in them any more, from the inside out. When that cannot
 * be said the row stays: an empty folder is listed, no entry is lost. */
static void remove_emptied(struct tx *t, struct str folder, uint64_t number)
{
    struct entries *e = t->entries;

    while (folder.len > 0) {
        uint64_t hash = path_hash(folder);
        struct cached *c = cache_find(&e->cache, folder, hash);

        if (c != NULL && !c->there && c->pinned)
            return;
        if (!is_emptied(e, folder, hash, t->arena))
            return;
        batch_delete(e, folder);
        cache_set_gone(&e->cache, folder, hash, number);
        names_change(&e->names, folder, false);
        folder = folder_of(folder);
    }
}

/* Each folder that something was deleted in, once (but for very scattered ones). */
static void remove_all_emptied(struct tx *t, uint64_t number)
{
    uint64_t looked_at[LOOKED_AT] = { 0 };
    unsigned next = 0;

    for (const struct pending *p = t->first; p != NULL; p = p->next) {
        struct str folder = is_folder(p->path) ? p->path : folder_of(p->path);
        uint64_t hash = path_hash(folder);
        unsigned i = 0;

        if (p->there || p->path.at[0] == PLAIN)
            continue;
        while (i < LOOKED_AT && looked_at[i] != hash)
            i++;
        if (i < LOOKED_AT)
            continue;
        looked_at[next++ % LOOKED_AT] = hash;
        remove_emptied(t, folder, number);
    }
}

/* ---- taking ---- */

static size_t sealed_size(const struct tx *t)
{
    size_t total = 0;

    for (const struct pending *p = t->first; p != NULL; p = p->next)
        total += WIRE_ROW_LEAST + 1 + 2 * BARRIER_OVERHEAD + p->path.len + p->data.len;
    return total;
}

static bool refuse(struct tx *t, bool busy, const char *why)
{
    if (t->failed == NULL) {
        t->failed = why;
        t->busy = busy;
    }
    return false;
}

static bool can_be_taken(struct tx *t)
{
    struct entries *e = t->entries;

    if (t->failed != NULL)
        return false;
    if (entries_has_failed(e, t->after))
        return refuse(t, true, "what this request had read could not be written down");
    if (t->first == NULL)
        return true;
    if (!entries_attached(e))
        return refuse(t, true, "the storage does not answer");
    for (const struct pending *p = t->first; p != NULL; p = p->next) {
        if (p->path.at[0] != PLAIN && !barrier_is_open(e->barrier))
            return refuse(t, true, "the keeper is sealed");
    }
    if (!add_folders(t))
        return false;
    if (sealed_size(t) > TX_BYTES)
        return refuse(t, false, "the request changes too much at once");
    return true;
}

static void take_put(struct entries *e, struct pending *p, struct batch *b)
{
    struct cached *c;
    char *data = p->data.len > 0 ? memcpy(xmalloc(p->data.len), p->data.at, p->data.len) : NULL;

    batch_put(e, p->path, p->data, p->due);
    c = cache_set(&e->cache, p->path, p->hash,
        &(struct contents){ .there = true, .data = data, .len = p->data.len, .due = p->due },
        b->number);
    if (p->path.at[0] != PLAIN)
        names_change(&e->names, p->path, true);
    if (p->object != NULL)
        cache_set_object(&e->cache, c, p->object, p->class);
    p->object = NULL;
    if (str_eq(p->path, KEYRING_PATH)) {
        barrier_state_free(b->state);
        b->state = barrier_snapshot(e->barrier);
        b->keyring = true;
        if (barrier_is_open(e->barrier))
            e->packed_used = barrier_term_used(e->barrier);
    }
}

uint64_t tx_take(struct tx *t)
{
    struct entries *e = t->entries;
    struct batch *b;

    if (!can_be_taken(t))
        return 0;
    if (t->first == NULL)
        return t->after;
    b = batch_open(e, sealed_size(t));
    for (struct pending *p = t->first; p != NULL; p = p->next) {
        if (p->there) {
            take_put(e, p, b);
        } else if (!is_folder(p->path)) {
            batch_delete(e, p->path);
            cache_set_gone(&e->cache, p->path, p->hash, b->number);
            names_change(&e->names, p->path, false);
        }
    }
    remove_all_emptied(t, b->number);
    tx_clear(t);
    t->after = b->number;
    return b->number;
}
