/*
 * backup - making one; see backup_int.h.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/seal/backup_inside_int.h"
#include "keeper/seal/memory_int.h"
#include "store/wire.h"

enum { ROWS_A_SCAN = 1024, WHOLE_MAX = 30 << 20 };

/* ---- all of them ---- */

struct backups *backups_of(struct core *c)
{
    if (c->backups == NULL)
        c->backups = xcalloc(1, sizeof(*c->backups));
    return c->backups;
}

void backups_free(struct backups *b)
{
    if (b == NULL)
        return;
    making_free(NULL, b->making);
    taking_free(b->taking);
    free(b);
}

void backups_forget(struct core *c)
{
    struct backups *b = c->backups;

    if (b == NULL)
        return;
    making_free(c, b->making);
    b->making = NULL;
    if (b->taking != NULL && b->taking->kind == TAKING_DRILL) {
        taking_free(b->taking);
        b->taking = NULL;
    }
}

static bool is_idle(const struct core *c, msec_t used)
{
    return loop_now(c->loop) > used + BACKUP_IDLE;
}

void backups_tick(struct core *c)
{
    struct backups *b = c->backups;

    if (b == NULL)
        return;
    if (b->making != NULL && is_idle(c, b->making->used)) {
        making_free(c, b->making);
        b->making = NULL;
    }
    if (b->taking != NULL && is_idle(c, b->taking->used)) {
        taking_free(b->taking);
        b->taking = NULL;
    }
}

void store_root_seed(const struct barrier *b, uint8_t seed[32])
{
    barrier_derive(b, "store root", seed);
}

void store_root_public(const struct barrier *b, uint8_t pub[32])
{
    uint8_t *keys = secret_alloc(32 + crypto_sign_SECRETKEYBYTES);

    store_root_seed(b, keys);
    crypto_sign_seed_keypair(pub, keys + 32, keys);
    secret_free(keys);
}

/* ---- making ---- */

void making_free(struct core *c, struct making *m)
{
    static const uint8_t start[32];

    if (m == NULL)
        return;
    if (c != NULL && !m->ended && m->next > 0) /* lets the moment go that is held */
        entries_scan(c->entries, start, 0, NULL, NULL);
    backup_writer_free(m->writer);
    arena_free(&m->arena);
    EVP_MD_CTX_free(m->hash);
    buf_free(&m->piece);
    free(m);
}

static struct making *making_new(
    struct request *r, const uint8_t *recipients, unsigned n, struct backup_writer *writer)
{
    struct making *m = xcalloc(1, sizeof(*m));
    struct arena a;

    (void)recipients;
    arena_init(&a, 256);
    memcpy(m->id, random_uuid(&a).at, SESSION_ID + 1);
    arena_free(&a);
    m->writer = writer;
    m->created = r->now;
    m->recipients = n;
    m->used = loop_now(r->core->loop);
    m->hash = EVP_MD_CTX_new();
    MUST(EVP_DigestInit_ex2(m->hash, EVP_sha256(), NULL) == 1);
    arena_init(&m->arena, 16384);
    buf_init(&m->piece, 64 << 20);
    return m;
}

/* NULL: reply_error() said why. */
static struct making *begin(struct request *r, const uint8_t *recipients, unsigned n)
{
    struct core *c = r->core;
    struct backups *all = backups_of(c);
    struct inventory *inventory;
    struct backup_writer *writer;
    struct making *m;
    uint8_t pub[32];

    store_root_public(c->barrier, pub);
    writer = backup_writer_new(recipients, n, pub, r->now);
    if (writer == NULL) {
        reply_error(r, 400, "a recipient is no X25519 public key");
        return NULL;
    }
    m = making_new(r, recipients, n, writer);
    inventory = inventory_new(c->entries);
    if (inventory != NULL)
        m->inventory = inventory_describe(inventory, &m->arena, &r->tx.after);
    inventory_free(inventory);
    if (m->inventory == NULL) {
        making_free(c, m);
        reply_error(r, 503, "the storage does not answer");
        return NULL;
    }
    backup_writer_add(
        writer, BACKUP_ROOT, (struct str){ (const char *)barrier_root(c->barrier), BARRIER_KEY });
    making_free(c, all->making);
    all->making = m;
    return m;
}

void backup_begin(struct request *r, const uint8_t *recipients, unsigned n)
{
    struct making *m = begin(r, recipients, n);
    struct value *v = value_map(&r->arena);

    if (m == NULL)
        return;
    value_put_text(&r->arena, v, "id", str_from(m->id));
    value_put_i64(&r->arena, v, "created", m->created);
    value_put_i64(&r->arena, v, "recipients", n);
    reply_data(r, v);
}

struct adding {
    struct core *core;
    struct making *making;
    struct buf row;
};

static void add_row(void *arg, const struct row *row)
{
    struct adding *adding = arg;
    struct making *m = adding->making;

    memcpy(m->after, row->id, sizeof(m->after));
    /* The journal that the audit's head speaks of is not in the backup. */
    if (entries_is_plain_row(adding->core->entries, row, "audit-head"))
        return;
    adding->row.len = 0;
    wire_put_row(&adding->row, row);
    MUST(!adding->row.over);
    m->rows++;
    m->bytes += adding->row.len;
    MUST(EVP_DigestUpdate(m->hash, adding->row.data, adding->row.len) == 1);
    backup_writer_add(m->writer, BACKUP_ROW, buf_as_str(&adding->row));
}

static void end_stream(struct request *r, struct making *m)
{
    struct value *v = value_map(&m->arena);
    uint8_t *seed = secret_alloc(32);
    uint8_t hash[32];
    struct buf manifest;

    MUST(EVP_DigestFinal_ex(m->hash, hash, NULL) == 1);
    value_put_i64(&m->arena, v, "format", 1);
    value_put_i64(&m->arena, v, "created", m->created);
    value_put_i64(&m->arena, v, "rows", (int64_t)m->rows);
    value_put_i64(&m->arena, v, "bytes", (int64_t)m->bytes);
    value_put_text(&m->arena, v, "hash", (struct str){ (char *)hash, sizeof(hash) });
    value_put_text(&m->arena, v, "weir", STR(WEIR_VERSION));
    value_put(v, "keys", m->inventory);
    buf_init(&manifest, BACKUP_RECORD_MAX);
    value_encode(v, &manifest);
    MUST(!manifest.over);
    store_root_seed(r->core->barrier, seed);
    backup_writer_end(m->writer, buf_as_str(&manifest), seed);
    secret_free(seed);
    buf_free(&manifest);
    m->ended = true;
}

/* What was backed up, for health; part of the request's transaction. */
static void note_backup(struct request *r, const struct making *m)
{
    struct value *v = value_map(&r->arena);

    value_put_i64(&r->arena, v, "time", m->created / 1000);
    value_put_i64(&r->arena, v, "rows", (int64_t)m->rows);
    value_put_i64(&r->arena, v, "recipients", m->recipients);
    entry_put_value(&r->tx, STR("core/backup/last"), v, 0);
}

/* Reads on until there is a piece's worth of output, or all has been read. False: the store does not answer. */
static bool fill(struct request *r, struct making *m, size_t want)
{
    struct adding adding = { .core = r->core, .making = m };
    int n = 1;

    buf_init(&adding.row, BACKUP_RECORD_MAX);
    while (n > 0 && !m->ended && backup_writer_output(m->writer)->len < want) {
        n = entries_scan(r->core->entries, m->after, ROWS_A_SCAN, add_row, &adding);
        if (n == 0) {
            end_stream(r, m);
            note_backup(r, m);
        }
    }
    buf_free(&adding.row);
    return n >= 0;
}

static struct making *making_of(struct request *r, struct str id)
{
    struct making *m = r->core->backups != NULL ? r->core->backups->making : NULL;

    if (m != NULL && str_is(id, m->id)) {
        m->used = loop_now(r->core->loop);
        return m;
    }
    reply_error(r, 404, "no such backup is being made");
    return NULL;
}

void backup_piece(struct request *r, struct str id, uint64_t number)
{
    struct making *m = making_of(r, id);
    struct buf *out;

    if (m == NULL)
        return;
    if (number + 1 == m->next) { /* it did not arrive */
        reply_raw(r, 200, "application/octet-stream", arena_str(&r->arena, buf_as_str(&m->piece)));
        return;
    }
    if (number != m->next) {
        reply_error(r, 400, "the next piece is %llu", (unsigned long long)m->next);
        return;
    }
    if (!fill(r, m, BACKUP_FETCH)) {
        reply_error(r, 503, "the storage does not answer");
        return;
    }
    out = backup_writer_output(m->writer);
    if (out->len == 0) { /* all has been fetched */
        making_free(r->core, m);
        r->core->backups->making = NULL;
        reply_empty(r);
        return;
    }
    m->piece.len = 0;
    buf_str(&m->piece, buf_as_str(out));
    MUST(!m->piece.over);
    buf_consume(out, out->len);
    m->next++;
    reply_raw(r, 200, "application/octet-stream", arena_str(&r->arena, buf_as_str(&m->piece)));
}

void backup_cancel(struct request *r, struct str id)
{
    struct making *m = making_of(r, id);

    if (m == NULL)
        return;
    making_free(r->core, m);
    r->core->backups->making = NULL;
    reply_empty(r);
}

void backup_whole(struct request *r, const uint8_t *recipients, unsigned n)
{
    struct making *m = begin(r, recipients, n);
    struct buf *out;

    if (m == NULL)
        return;
    m->next = 1;
    if (!fill(r, m, WHOLE_MAX))
        reply_error(r, 503, "the storage does not answer");
    out = backup_writer_output(m->writer);
    if (!refused(r) && !m->ended)
        reply_error(r, 413, "the backup is too large for one answer: use \"weir keeper backup\"");
    if (!refused(r))
        reply_raw(r, 200, "application/octet-stream", arena_str(&r->arena, buf_as_str(out)));
    making_free(r->core, m);
    r->core->backups->making = NULL;
}

/* ---- what is known of them ---- */

static void copy_number(
    struct arena *a, struct value *to, const char *name, const struct value *v, const char *from)
{
    if (value_get(v, from) != NULL)
        value_put_i64(a, to, name, value_get_i64(v, from, 0));
}

void backup_observe(struct tx *t, struct value *to)
{
    const struct value *last = entry_get_value(t, STR("core/backup/last"));
    const struct value *drill = entry_get_value(t, STR("core/backup/drill"));
    const struct value *restored = entry_get_value(t, STR("core/backup/restored"));

    copy_number(t->arena, to, "last_backup", last, "time");
    copy_number(t->arena, to, "last_backup_rows", last, "rows");
    copy_number(t->arena, to, "last_drill", drill, "time");
    copy_number(t->arena, to, "last_drill_keys", drill, "keys");
    copy_number(t->arena, to, "last_proven_drill", drill, "proven");
    if (drill != NULL)
        value_put_bool(t->arena, to, "last_drill_ok", value_get_bool(drill, "ok", false));
    copy_number(t->arena, to, "restored", restored, "time");
}
