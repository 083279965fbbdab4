/*
 * entries_tx - one request's view of the entries: its own changes, then everybody's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

/* ---- paths ---- */

uint64_t path_hash(struct str path)
{
    return hash_bytes(path.at, path.len);
}

/* "a/b/c" is in "a/b/", "a/b/" is in "a/", "a" and "" are in "". */
struct str folder_of(struct str path)
{
    size_t n = path.len > 0 ? path.len - 1 : 0;

    while (n > 0 && path.at[n - 1] != '/')
        n--;
    return (struct str){ path.at, n };
}

static bool is_plain(struct str path)
{
    return path.len > 0 && path.at[0] == PLAIN;
}

/* What may be an entry's path; engines make most of them of what clients sent. */
static bool is_entry_path(struct str path)
{
    return path.len > 0 && path.len <= ENTRY_PATH_MAX && path.at[path.len - 1] != '/' &&
           !is_plain(path);
}

static void digest(const char *kind, struct str name, uint8_t out[STORE_ID])
{
    static const uint8_t no_key[BARRIER_KEY];

    barrier_digest(no_key, kind, name, out);
}

void id_of(struct entries *e, struct str path, uint8_t id[STORE_ID])
{
    if (is_plain(path))
        digest("weir plain row", (struct str){ path.at + 1, path.len - 1 }, id);
    else
        barrier_blind(e->barrier, path, id);
}

void folder_id_of(struct entries *e, struct str path, uint8_t id[STORE_ID])
{
    if (is_plain(path))
        digest("weir plain rows", STR_NONE, id);
    else
        barrier_blind(e->barrier, folder_of(path), id);
}

enum { FORMAT_PIECES = 16, DIGITS = 10 };

struct joining {
    struct str pieces[FORMAT_PIECES];
    size_t n;
    char digits[DIGITS]; /* of the one number there may be */
    bool has_number;
};

static struct str number(struct joining *j, unsigned n)
{
    size_t at = DIGITS;

    do {
        j->digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    j->has_number = true;
    return (struct str){ j->digits + at, DIGITS - at };
}

/* A format of text, %.*s and one %u as pieces: printf costs a request more than all the rest of finding its entries.
 * False: it has something else. */
static bool cut_format(struct joining *j, const char *fmt, va_list ap)
{
    while (*fmt != '\0' && j->n + 1 < FORMAT_PIECES) {
        const char *end = strchrnul(fmt, '%');
        int most;

        j->pieces[j->n++] = (struct str){ fmt, (size_t)(end - fmt) };
        fmt = end;
        if (strncmp(fmt, "%.*s", 4) == 0) {
            most = va_arg(ap, int);
            j->pieces[j->n].at = va_arg(ap, const char *);
            j->pieces[j->n].len = most > 0 ? strnlen(j->pieces[j->n].at, (size_t)most) : 0;
            j->n++;
            fmt += 4;
        } else if (strncmp(fmt, "%u", 2) == 0 && !j->has_number) {
            j->pieces[j->n++] = number(j, va_arg(ap, unsigned));
            fmt += 2;
        } else if (*fmt != '\0') {
            return false;
        }
    }
    return *fmt == '\0';
}

static struct str join(struct arena *a, const struct str *pieces, size_t n)
{
    size_t len = 0;
    char *to;

    for (size_t i = 0; i < n; i++)
        len += pieces[i].len;
    to = arena_alloc(a, len + 1);
    len = 0;
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].len > 0)
            memcpy(to + len, pieces[i].at, pieces[i].len);
        len += pieces[i].len;
    }
    to[len] = '\0';
    return (struct str){ to, len };
}

struct str entry_path(struct tx *t, const char *fmt, ...)
{
    struct joining j;
    char *to;
    va_list ap;
    va_list again;
    bool simple;
    int n;

    j.n = 0;
    j.has_number = false;
    va_start(ap, fmt);
    simple = cut_format(&j, fmt, ap);
    va_end(ap);
    if (simple)
        return join(t->arena, j.pieces, j.n);
    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    MUST(n >= 0);
    to = arena_alloc(t->arena, (size_t)n + 1);
    vsnprintf(to, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){ to, (size_t)n };
}

/* ---- changes ---- */

void tx_init(struct tx *t, struct entries *e, struct arena *a)
{
    memset(t, 0, sizeof(*t));
    t->entries = e;
    t->arena = a;
}

bool tx_is_empty(const struct tx *t)
{
    return t->first == NULL;
}

void tx_clear(struct tx *t)
{
    for (struct pending *p = t->first; p != NULL; p = p->next) {
        if (p->object != NULL)
            cache_add_grave(&t->entries->cache, p->object, p->class);
        p->object = NULL;
    }
    t->first = NULL;
    t->last = NULL;
}

void tx_drop(struct tx *t)
{
    bool keyring = false;

    for (const struct pending *p = t->first; p != NULL; p = p->next)
        keyring = keyring || str_eq(p->path, KEYRING_PATH);
    tx_clear(t);
    if (keyring) /* which is not going to be written down */
        entries_restore_keyring(t->entries);
}

/* Where it is, or would hang: the tree is ordered by hash, then by path. */
static struct pending **place_of(struct pending **at, struct str path, uint64_t hash)
{
    while (*at != NULL) {
        struct pending *p = *at;

        if (p->hash == hash && str_eq(p->path, path))
            return at;
        at = hash < p->hash ? &p->left : &p->right;
    }
    return at;
}

struct pending *tx_find(const struct tx *t, struct str path, uint64_t hash)
{
    struct pending *root = t->first;

    return root != NULL ? *place_of(&root, path, hash) : NULL;
}

/* A change of this path, emptied when there was one. */
struct pending *tx_change(struct tx *t, struct str path, uint64_t hash)
{
    struct pending **at = place_of(&t->first, path, hash);
    struct pending *p = *at;

    if (p != NULL) {
        if (p->object != NULL)
            cache_add_grave(&t->entries->cache, p->object, p->class);
        p->object = NULL;
        return p;
    }
    p = arena_calloc(t->arena, 1, sizeof(*p));
    p->hash = hash;
    p->path = arena_str(t->arena, path);
    if (t->last != NULL)
        t->last->next = p;
    *at = p; /* also when it is the first */
    t->last = p;
    return p;
}

static void put(struct tx *t, struct str path, struct str data, int64_t due)
{
    struct pending *p = tx_change(t, path, path_hash(path));

    p->there = true;
    p->data = arena_str(t->arena, data);
    p->due = due;
}

void entry_put(struct tx *t, struct str path, struct str data, int64_t due)
{
    if (!is_entry_path(path) || data.len > ENTRY_DATA_MAX) {
        if (t->failed == NULL)
            t->failed = "an entry's path or data is too long";
        return;
    }
    put(t, path, data, due);
}

void entry_put_value(struct tx *t, struct str path, const struct value *v, int64_t due)
{
    struct buf b;

    buf_init_secret(&b, ENTRY_DATA_MAX);
    value_encode(v, &b);
    if (b.over && t->failed == NULL)
        t->failed = "an entry's path or data is too long";
    else
        entry_put(t, path, buf_as_str(&b), due);
    buf_free(&b);
}

void entry_delete(struct tx *t, struct str path)
{
    struct pending *p;

    if (!is_entry_path(path))
        return;
    p = tx_change(t, path, path_hash(path));
    p->there = false;
    p->data = STR_NONE;
    p->due = 0;
}

/* ---- reading ---- */

/* The one row of an answer, unsealed into *data (malloc'd). */
static enum read_result open_row(
    struct entries *e, struct str path, struct str answer, struct row *r, char **data, size_t *len)
{
    uint8_t id[STORE_ID];
    uint8_t folder[STORE_ID];

    if (!wire_take_row(&answer, r) || answer.len != 0)
        return READ_CORRUPT;
    id_of(e, path, id);
    folder_id_of(e, path, folder);
    if (memcmp(id, r->id, STORE_ID) != 0 || memcmp(folder, r->folder, STORE_ID) != 0)
        return READ_CORRUPT;
    *data = xmalloc(r->data.len);
    *len = r->data.len;
    if (is_plain(path)) {
        if (r->data.len > 0)
            memcpy(*data, r->data.at, r->data.len);
        return READ_OK;
    }
    if (barrier_unseal(e->barrier, r->id, r->folder, SEALED_DATA, r->data, *data, len))
        return READ_OK;
    free(*data);
    return READ_CORRUPT;
}

static struct cached *load_from_store(struct tx *t, struct str path, uint64_t hash)
{
    struct entries *e = t->entries;
    enum read_result result;
    struct str answer = STR_NONE;
    struct row row = { 0 };
    uint8_t id[STORE_ID];
    char *data = NULL;
    size_t len = 0;
    uint32_t n = 0;

    id_of(e, path, id);
    result = entries_ask(e, STORE_GET, (struct str){ (char *)id, sizeof(id) }, &answer);
    if (result == READ_OK && (!rows_begin(&answer, &n) || n > 1))
        result = READ_CORRUPT;
    if (result == READ_OK && n == 1)
        result = open_row(e, path, answer, &row, &data, &len);
    if (result != READ_OK) {
        tx_fail(t, result);
        return NULL;
    }
    return cache_set(&e->cache, path, hash,
        &(struct contents){ .there = n == 1, .data = data, .len = len, .due = row.due }, 0);
}

struct cached *tx_load(struct tx *t, struct str path, uint64_t hash)
{
    struct entries *e = t->entries;
    struct cached *c = cache_find(&e->cache, path, hash);

    if (c == NULL) {
        e->stats.misses++;
        if (!is_plain(path) && !barrier_is_open(e->barrier)) {
            if (t->failed == NULL)
                t->failed = "the keeper is sealed";
            t->busy = true;
            return NULL;
        }
        cache_evict(&e->cache, ENTRIES_CACHE);
        c = load_from_store(t, path, hash);
    } else {
        e->stats.hits++;
    }
    if (c != NULL && c->batch > t->after)
        t->after = c->batch;
    return c;
}

bool entry_get(struct tx *t, struct str path, struct str *data)
{
    uint64_t hash = path_hash(path);
    const struct pending *p = tx_find(t, path, hash);
    const struct cached *c;

    if (p != NULL) {
        if (p->there)
            *data = p->data;
        return p->there;
    }
    if (!is_entry_path(path))
        return false;
    c = tx_load(t, path, hash);
    if (c == NULL || !c->there)
        return false;
    *data = arena_str(t->arena, (struct str){ c->data, c->len });
    return true;
}

static void corrupt(struct tx *t, const char *why)
{
    if (t->failed == NULL)
        t->failed = why != NULL ? why : "an entry is damaged";
}

struct value *entry_get_value(struct tx *t, struct str path)
{
    struct str data;
    struct value *v;

    if (!entry_get(t, path, &data))
        return NULL;
    v = value_decode(t->arena, data, VALUE_NODES_MAX);
    if (v == NULL)
        corrupt(t, NULL);
    return v;
}

const void *entry_object(struct tx *t, struct str path, const struct entry_class *class)
{
    uint64_t hash = path_hash(path);
    struct pending *p = tx_find(t, path, hash);
    const char *why = NULL;
    struct cached *c;
    void *object;

    if (p != NULL) {
        if (p->there && p->object == NULL) {
            p->object = class->parse(p->data, &why);
            p->class = class;
            if (p->object == NULL)
                corrupt(t, why);
        }
        MUST(p->object == NULL || p->class == class);
        return p->there ? p->object : NULL;
    }
    c = is_entry_path(path) ? tx_load(t, path, hash) : NULL;
    if (c == NULL || !c->there)
        return NULL;
    if (c->object != NULL && c->class == class)
        return c->object;
    object = class->parse((struct str){ c->data, c->len }, &why);
    if (object == NULL)
        corrupt(t, why);
    else
        cache_set_object(&t->entries->cache, c, object, class);
    return object;
}

/* ---- plain rows ---- */

static struct str plain_path(struct arena *a, const char *name)
{
    char *p = arena_printf(a, "%c%s", PLAIN, name);

    return str_from(p);
}

int entries_plain_get(struct entries *e, struct arena *a, const char *name, struct str *data)
{
    struct str path = plain_path(a, name);
    struct tx t;
    struct cached *c;

    tx_init(&t, e, a);
    c = tx_load(&t, path, path_hash(path));
    if (c == NULL)
        return -1;
    if (c->pinned && !barrier_is_open(e->barrier) && str_eq(path, KEYRING_PATH))
        return -1; /* nobody is to open the barrier with a keyring that may still fail */
    if (c->there)
        *data = arena_str(a, (struct str){ c->data, c->len });
    return c->there;
}

void tx_plain_put(struct tx *t, const char *name, struct str data)
{
    struct str path = plain_path(t->arena, name);

    MUST(path.len > 1 && path.len <= ENTRY_PATH_MAX && data.len <= ENTRY_DATA_MAX);
    if (data.len > 0) {
        put(t, path, data, 0);
        return;
    }
    tx_change(t, path, path_hash(path))->there = false;
}

void tx_put_keyring(struct tx *t)
{
    struct buf b;

    buf_init(&b, ENTRY_DATA_MAX);
    barrier_pack(t->entries->barrier, &b);
    tx_plain_put(t, "keyring", buf_as_str(&b));
    buf_free(&b);
}
