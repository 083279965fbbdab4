/*
 * entries_rows - rows as they are stored: read all at one moment for a backup, put back by a restore, kept in memory by a drill.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

static void put_u32(uint8_t *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(n >> (8 * i));
}

/* ---- the store's ---- */

int entries_scan(struct entries *e, const uint8_t after[32], unsigned most,
    void (*each)(void *arg, const struct row *r), void *arg)
{
    uint8_t question[STORE_ID + 4];
    struct str answer;
    uint32_t n;

    memcpy(question, after, STORE_ID);
    put_u32(question + STORE_ID, most);
    if (reader_ask(&e->reader, STORE_SCAN, (struct str){ (char *)question, sizeof(question) },
            STORE_ROWS, &answer) != READ_OK ||
        !rows_begin(&answer, &n))
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        struct row r;

        if (!wire_take_row(&answer, &r))
            return -1;
        each(arg, &r);
    }
    return (int)n;
}

uint64_t entries_put_row(struct entries *e, const struct row *r)
{
    struct batch *b;

    if (!entries_attached(e))
        return 0;
    b = batch_open(e, WIRE_ROW_LEAST + 1 + r->name.len + r->data.len);
    batch_add(e, CHANGE_PUT, r);
    return b->number;
}

uint64_t entries_delete_row(struct entries *e, const struct row *r)
{
    struct row only_id = { 0 };
    struct batch *b;

    if (!entries_attached(e))
        return 0;
    memcpy(only_id.id, r->id, STORE_ID);
    b = batch_open(e, WIRE_ROW_LEAST + 1);
    batch_add(e, CHANGE_DELETE, &only_id);
    return b->number;
}

bool entries_is_plain_row(struct entries *e, const struct row *r, const char *name)
{
    char path[ENTRY_PATH_MAX];
    uint8_t id[STORE_ID];
    size_t len = strlen(name);

    MUST(len + 1 < sizeof(path));
    path[0] = PLAIN;
    memcpy(path + 1, name, len + 1);
    id_of(e, (struct str){ path, len + 1 }, id);
    return memcmp(id, r->id, STORE_ID) == 0;
}

bool entries_count_rows(struct entries *e, uint64_t *rows)
{
    struct str answer;

    return reader_ask(&e->reader, STORE_STATS, STR_NONE, STORE_STATED, &answer) == READ_OK &&
           wire_take_u64(&answer, rows);
}

/* ---- in memory ---- */

struct scratch_row {
    const uint8_t *bytes; /* as wire.h has it: id first, then folder */
    size_t len;
};

struct scratch {
    struct arena arena;
    size_t left; /* bytes that may still come */
    struct scratch_row *rows;
    struct scratch_row *by_folder; /* the same, ordered by folder and id */
    size_t n;
    size_t room;
    struct buf answer;
};

struct entries *entries_new_scratch(struct barrier *b, size_t most)
{
    struct entries *e = entries_new(NULL, b);

    e->scratch = xcalloc(1, sizeof(*e->scratch));
    arena_init(&e->scratch->arena, 1 << 20);
    buf_init(&e->scratch->answer, STORE_MESSAGE_MAX);
    e->scratch->left = most;
    return e;
}

void scratch_free(struct scratch *s)
{
    if (s == NULL)
        return;
    arena_free(&s->arena);
    buf_free(&s->answer);
    free(s->rows);
    free(s->by_folder);
    free(s);
}

bool entries_scratch_add(struct entries *e, const struct row *r)
{
    struct scratch *s = e->scratch;
    size_t len = WIRE_ROW_LEAST + r->name.len + r->data.len;
    struct buf b;

    if (s->left < len + sizeof(struct scratch_row))
        return false;
    s->left -= len + sizeof(struct scratch_row);
    if (s->n == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 1024;
        s->rows = xreallocarray(s->rows, s->room, sizeof(struct scratch_row));
    }
    buf_init(&b, len);
    wire_put_row(&b, r);
    s->rows[s->n].bytes = memcpy(arena_alloc(&s->arena, b.len), b.data, b.len);
    s->rows[s->n++].len = b.len;
    buf_free(&b);
    return true;
}

static int order_by_id(const void *a, const void *b)
{
    return memcmp(
        ((const struct scratch_row *)a)->bytes, ((const struct scratch_row *)b)->bytes, STORE_ID);
}

static int order_by_folder(const void *a, const void *b)
{
    const struct scratch_row *x = a;
    const struct scratch_row *y = b;
    int order = memcmp(x->bytes + STORE_ID, y->bytes + STORE_ID, STORE_ID);

    return order != 0 ? order : memcmp(x->bytes, y->bytes, STORE_ID);
}

void entries_scratch_ready(struct entries *e)
{
    struct scratch *s = e->scratch;

    if (s->n == 0)
        return;
    s->by_folder = xreallocarray(NULL, s->n, sizeof(struct scratch_row));
    memcpy(s->by_folder, s->rows, s->n * sizeof(struct scratch_row));
    qsort(s->rows, s->n, sizeof(struct scratch_row), order_by_id);
    qsort(s->by_folder, s->n, sizeof(struct scratch_row), order_by_folder);
}

/* The first that is not before the key. */
static size_t lower_bound(const struct scratch_row *rows, size_t n,
    int (*order)(const void *, const void *), const uint8_t key[2 * STORE_ID])
{
    struct scratch_row wanted = { key, 0 };
    size_t low = 0;

    while (n > 0) {
        if (order(&rows[low + n / 2], &wanted) < 0) {
            low += n / 2 + 1;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    return low;
}

static void get_row(struct scratch *s, const uint8_t *id)
{
    size_t at = lower_bound(s->rows, s->n, order_by_id, id);
    bool there = at < s->n && memcmp(s->rows[at].bytes, id, STORE_ID) == 0;

    wire_put_u32(&s->answer, there);
    if (there)
        buf_add(&s->answer, s->rows[at].bytes, s->rows[at].len);
}

/* question: folder, after. */
static void list_rows(struct scratch *s, const uint8_t *question, uint32_t most)
{
    uint8_t key[2 * STORE_ID];
    uint32_t n = 0;
    size_t at;

    memcpy(key, question + STORE_ID, STORE_ID);
    memcpy(key + STORE_ID, question, STORE_ID);
    at = lower_bound(s->by_folder, s->n, order_by_folder, key);
    wire_put_u32(&s->answer, 0);
    for (; at < s->n && n < most && s->answer.len < STORE_ROWS_BYTES; at++) {
        const struct scratch_row *r = &s->by_folder[at];

        if (memcmp(r->bytes + STORE_ID, question, STORE_ID) != 0)
            break;
        if (memcmp(r->bytes, question + STORE_ID, STORE_ID) == 0)
            continue; /* `after` itself */
        buf_add(&s->answer, r->bytes, r->len);
        n++;
    }
    put_u32((uint8_t *)s->answer.data, n);
}

enum read_result scratch_ask(struct scratch *s, uint16_t type, struct str body, struct str *answer)
{
    uint32_t most;
    struct str rest;

    s->answer.len = 0;
    if (type == STORE_GET && body.len == STORE_ID) {
        get_row(s, (const uint8_t *)body.at);
    } else if (type == STORE_LIST && body.len == 2 * STORE_ID + 4) {
        rest = (struct str){ body.at + (size_t)2 * STORE_ID, 4 };
        wire_take_u32(&rest, &most);
        list_rows(s, (const uint8_t *)body.at, most);
    } else {
        return READ_BUSY;
    }
    MUST(!s->answer.over);
    *answer = buf_as_str(&s->answer);
    return READ_OK;
}
