/*
 * restore - taking a backup: into an empty keeper, or for a drill; see backup_int.h.
 *
 *     FEEDING --whole, finish--> VERIFIED (hash, signature, keyring opens) --finish...--> PROVEN --> done
 *         any step that fails: dropped; a restore leaves a store that counts as empty
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/seals_int.h"
#include "keeper/seal/backup_inside_int.h"
#include "keeper/seal/memory_int.h"
#include "store/wire.h"

enum { PLAIN_ROWS_MAX = 1000, ROWS_A_SWEEP = 4096 };

static const char marker[] =
    "restoring"; /* the plain row of a store into which a restore was begun */

void taking_free(struct taking *t)
{
    if (t == NULL)
        return;
    backup_reader_free(t->reader);
    inventory_free(t->inventory);
    if (t->kind == TAKING_DRILL) {
        entries_free(t->entries);
        barrier_free(t->barrier);
    } else if (t->core->state == CORE_UNINITIALIZED && barrier_is_open(t->barrier)) {
        entries_forget(t->entries);
        barrier_close(t->barrier);
    }
    secret_free(t->root);
    arena_free(&t->arena);
    EVP_MD_CTX_free(t->hash);
    free((void *)t->plain);
    free(t);
}

static void drop(struct request *r, struct taking *t)
{
    r->core->backups->taking = NULL;
    taking_free(t);
}

/* ---- records ---- */

static bool refuse(struct err *err, const char *why)
{
    err_set(err, ERR_PEER, "backup_damaged", "the backup is damaged: %s", why);
    return false;
}

static bool keep_plain(struct taking *t, const struct row *row, struct err *err)
{
    if (entries_is_plain_row(t->entries, row, "keyring")) {
        t->keyring = arena_str(&t->arena, row->data);
        return true;
    }
    if (entries_is_plain_row(t->entries, row, "seal")) {
        t->seal = arena_str(&t->arena, row->data);
        return true;
    }
    if (entries_is_plain_row(t->entries, row, marker))
        return true;
    if (t->nplain >= PLAIN_ROWS_MAX)
        return refuse(err, "there are too many rows of its kind");
    t->plain = xreallocarray(t->plain, t->nplain + 1, sizeof(struct row));
    t->plain[t->nplain] = *row;
    t->plain[t->nplain].name = arena_str(&t->arena, row->name);
    t->plain[t->nplain].data = arena_str(&t->arena, row->data);
    t->nplain++;
    return true;
}

static bool take_row(struct taking *t, struct str body, struct err *err)
{
    struct str rest = body;
    struct row row;

    if (t->root == NULL || t->manifest.at != NULL || !wire_take_row(&rest, &row) || rest.len != 0)
        return refuse(err, "a row is not where it belongs");
    t->rows++;
    MUST(EVP_DigestUpdate(t->hash, body.at, body.len) == 1);
    if (row.term == UINT32_MAX)
        return keep_plain(t, &row, err);
    if (t->kind == TAKING_DRILL) {
        if (entries_scratch_add(t->entries, &row))
            return true;
        err_set(err, ERR_LIMIT, "backup_limit", "the backup is too large for a drill in memory");
        return false;
    }
    t->batch = entries_put_row(t->entries, &row);
    if (t->batch != 0)
        return true;
    err_set(err, ERR_PEER, "store_io", "the storage does not answer");
    return false;
}

static bool on_record(void *arg, enum backup_record kind, struct str body, struct err *err)
{
    struct taking *t = arg;

    switch (kind) {
    case BACKUP_ROOT:
        if (t->root != NULL || body.len != BARRIER_KEY)
            return refuse(err, "its root key is not where it belongs");
        t->root = secret_alloc(BARRIER_KEY);
        memcpy(t->root, body.at, BARRIER_KEY);
        return true;
    case BACKUP_ROW:
        return take_row(t, body, err);
    case BACKUP_MANIFEST:
        if (t->manifest.at != NULL)
            return refuse(err, "it has two manifests");
        t->manifest = arena_str(&t->arena, body);
        return true;
    case BACKUP_SIGNED:
        if (t->manifest.at == NULL || t->signature.at != NULL)
            return refuse(err, "its signature is not where it belongs");
        t->signature = arena_str(&t->arena, body);
        return true;
    default:
        return refuse(err, "it holds a record of no known kind");
    }
}

/* ---- beginning ---- */

struct sweep {
    struct entries *entries;
    uint8_t after[32];
    uint64_t batch;
};

static void sweep_row(void *arg, const struct row *row)
{
    struct sweep *s = arg;

    memcpy(s->after, row->id, sizeof(s->after));
    s->batch = entries_delete_row(s->entries, row);
}

/* What a restore that was never finished has left. False: the store does not answer. */
static bool sweep_store(struct request *r)
{
    struct sweep s = { .entries = r->core->entries };
    int n;

    do
        n = entries_scan(s.entries, s.after, ROWS_A_SWEEP, sweep_row, &s);
    while (n > 0);
    if (s.batch > r->tx.after)
        r->tx.after = s.batch;
    return n == 0;
}

static int has_marker(struct core *c)
{
    struct str ignored;
    struct arena a;
    int there;

    arena_init(&a, 256);
    there = entries_plain_get(c->entries, &a, marker, &ignored);
    arena_free(&a);
    return there;
}

bool backup_blocks_init(struct core *c)
{
    return (c->backups != NULL && c->backups->taking != NULL &&
               c->backups->taking->kind == TAKING_RESTORE) ||
           has_marker(c) != 0;
}

/* The store is empty, or holds the beginning of another restore, which goes. */
static bool make_room(struct request *r)
{
    struct core *c = r->core;
    int marked = has_marker(c);
    uint64_t rows = 0;

    if (c->state != CORE_UNINITIALIZED)
        reply_error(
            r, 400, "a backup is restored into an empty keeper alone: this one is initialized");
    else if (marked == 0 && entries_count_rows(c->entries, &rows) && rows > 0)
        reply_error(r, 400,
            "the store is not empty, though it has no keyring: restore into another folder");
    else if (!entries_count_rows(c->entries, &rows) || (marked == 1 && !sweep_store(r)))
        reply_error(r, 503, "the storage does not answer");
    if (!refused(r))
        tx_plain_put(&r->tx, marker, STR("1"));
    return !refused(r);
}

static struct taking *taking_new(
    struct request *r, enum taking_kind kind, const uint8_t key[32], bool is_file_key)
{
    struct taking *t = xcalloc(1, sizeof(*t));
    struct backup_handler h = { on_record, t };

    t->kind = kind;
    t->core = r->core;
    t->used = loop_now(r->core->loop);
    memcpy(t->id, random_uuid(&r->arena).at, SESSION_ID + 1);
    t->reader = backup_reader_new(key, is_file_key, &h);
    t->hash = EVP_MD_CTX_new();
    MUST(EVP_DigestInit_ex2(t->hash, EVP_sha256(), NULL) == 1);
    arena_init(&t->arena, 16384);
    t->barrier = kind == TAKING_DRILL ? barrier_new() : r->core->barrier;
    t->entries =
        kind == TAKING_DRILL ? entries_new_scratch(t->barrier, BACKUP_DRILL_MAX) : r->core->entries;
    return t;
}

void taking_begin(struct request *r, enum taking_kind kind, const uint8_t key[32], bool is_file_key)
{
    struct backups *all = backups_of(r->core);
    struct value *v = value_map(&r->arena);

    if (kind == TAKING_RESTORE && !make_room(r))
        return;
    taking_free(all->taking);
    all->taking = taking_new(r, kind, key, is_file_key);
    value_put_text(&r->arena, v, "id", str_from(all->taking->id));
    value_put_i64(&r->arena, v, "most", BACKUP_FEED_MAX);
    reply_data(r, v);
}

static struct taking *taking_of(struct request *r, enum taking_kind kind, struct str id)
{
    struct taking *t = r->core->backups != NULL ? r->core->backups->taking : NULL;

    if (t != NULL && t->kind == kind && str_is(id, t->id)) {
        t->used = loop_now(r->core->loop);
        return t;
    }
    reply_error(r, 404, "no such backup is being read");
    return NULL;
}

/* ---- feeding ---- */

void taking_feed(struct request *r, enum taking_kind kind, struct str id, uint64_t offset)
{
    struct taking *t = taking_of(r, kind, id);
    struct value *v = value_map(&r->arena);
    struct err err = { 0 };

    if (t == NULL)
        return;
    if (r->raw.len > BACKUP_FEED_MAX || offset > t->received ||
        (offset < t->received && offset + r->raw.len > t->received)) {
        reply_error(r, 400, "the next byte is %llu", (unsigned long long)t->received);
        return;
    }
    if (offset == t->received) { /* else it is a repetition */
        if (!backup_reader_feed(t->reader, r->raw, &err)) {
            reply_error(r, 400, "%s", err.text);
            drop(r, t);
            return;
        }
        t->received += r->raw.len;
    }
    if (t->batch > r->tx.after)
        r->tx.after = t->batch;
    value_put_i64(&r->arena, v, "received", (int64_t)t->received);
    value_put_i64(&r->arena, v, "rows", (int64_t)t->rows);
    reply_data(r, v);
}

void taking_cancel(struct request *r, enum taking_kind kind, struct str id)
{
    struct taking *t = taking_of(r, kind, id);

    if (t == NULL)
        return;
    drop(r, t);
    reply_empty(r);
}

/* ---- verifying ---- */

/* What is wrong with it, or NULL. Opens the barrier. */
static const char *verify(struct taking *t)
{
    const struct value *manifest;
    uint8_t pub[32];
    uint8_t hash[32];
    struct err err;

    if (!backup_reader_is_whole(t->reader) || t->signature.at == NULL)
        return "the backup is not whole: its end is missing";
    if (!backup_reader_is_signed(t->reader, t->manifest, t->signature))
        return "the backup's manifest is not signed by the key that it names";
    manifest = value_decode(&t->arena, t->manifest, VALUE_NODES_MAX);
    MUST(EVP_DigestFinal_ex(t->hash, hash, NULL) == 1);
    if ((uint64_t)value_get_i64(manifest, "rows", -1) != t->rows ||
        !str_eq(value_get_text(manifest, "hash", STR_NONE), (struct str){ (char *)hash, 32 }))
        return "the backup's rows are not those of its manifest";
    t->published = value_get(manifest, "keys");
    if (t->root == NULL || t->keyring.at == NULL || t->seal.at == NULL)
        return "the backup has no keyring";
    if (barrier_open(t->barrier, t->root, t->keyring, &err) == -1)
        return "the backup's keyring is not opened by its root key";
    store_root_public(t->barrier, pub);
    if (memcmp(pub, backup_reader_root(t->reader), sizeof(pub)) != 0)
        return "the backup was signed by the key of another keeper";
    if (t->kind == TAKING_DRILL) {
        store_root_public(t->core->barrier, pub);
        if (memcmp(pub, backup_reader_root(t->reader), sizeof(pub)) != 0)
            return "the backup is of another keeper";
        entries_scratch_ready(t->entries);
    }
    t->inventory = inventory_new(t->entries);
    return t->inventory != NULL ? NULL : "the backup's entries cannot be read";
}

/* ---- the end ---- */

static void say_proofs(struct request *r, const struct taking *t, bool done)
{
    struct value *v = value_map(&r->arena);
    const struct proofs *p = &t->proofs;
    bool ok = p->failed == 0 && p->missing == 0;

    value_put_bool(&r->arena, v, "done", done);
    value_put_bool(&r->arena, v, "ok", done && ok);
    value_put_i64(&r->arena, v, "created", backup_reader_created(t->reader));
    value_put_i64(&r->arena, v, "rows", (int64_t)t->rows);
    value_put_i64(&r->arena, v, "keys", p->keys);
    value_put_i64(&r->arena, v, "signing_keys_proven", p->signing);
    value_put_i64(&r->arena, v, "other_keys_proven", p->sealing);
    value_put_i64(&r->arena, v, "not_live", p->not_live);
    value_put_i64(&r->arena, v, "failed", p->failed);
    value_put_i64(&r->arena, v, "missing", p->missing);
    value_put(v, "failures",
        p->failures != NULL ? value_copy(&r->arena, p->failures) : value_list(&r->arena));
    reply_data(r, v);
}

static void note_drill(struct request *r, const struct taking *t)
{
    struct value *v = value_map(&r->arena);
    struct value *before = entry_get_value(&r->tx, STR("core/backup/drill"));
    bool ok = t->proofs.failed == 0 && t->proofs.missing == 0;

    value_put_i64(&r->arena, v, "time", r->now / 1000);
    value_put_i64(&r->arena, v, "backup", backup_reader_created(t->reader) / 1000);
    value_put_i64(&r->arena, v, "rows", (int64_t)t->rows);
    value_put_i64(&r->arena, v, "keys", t->proofs.keys);
    value_put_bool(&r->arena, v, "ok", ok);
    value_put_i64(&r->arena, v, "proven", ok ? r->now / 1000 : value_get_i64(before, "proven", 0));
    entry_put_value(&r->tx, STR("core/backup/drill"), v, 0);
    audit_event(r->core->audit, "drill", v, "time,backup,rows,keys,ok,proven");
}

static void finish_drill(struct request *r, struct taking *t)
{
    note_drill(r, t);
    say_proofs(r, t, true);
    drop(r, t);
}

/* The last transaction: from now on it is a keeper. */
static void finish_restore(struct request *r, struct taking *t)
{
    struct core *c = r->core;
    struct value *v = value_map(&r->arena);
    bool file = seals_has_file(c);
    const char *why = NULL;

    for (size_t i = 0; i < t->nplain; i++)
        entries_put_row(c->entries, &t->plain[i]);
    tx_plain_put(&r->tx, marker, STR_NONE);
    tx_put_keyring(&r->tx);
    tx_plain_put(&r->tx, "seal", t->seal);
    value_put_i64(&r->arena, v, "time", r->now / 1000);
    value_put_i64(&r->arena, v, "backup", backup_reader_created(t->reader) / 1000);
    value_put_i64(&r->arena, v, "rows", (int64_t)t->rows);
    entry_put_value(&r->tx, STR("core/backup/restored"), v, 0);
    tx_take(&r->tx);
    if (r->tx.failed == NULL && seals_load(c) == 1) {
        seals_add_file(c, &r->tx); /* of this machine; nothing without one */
        tx_take(&r->tx);
    }
    if (r->tx.failed != NULL || !core_open(c, &why)) {
        reply_error(r, 503, "the restored keeper cannot be opened: %s",
            r->tx.failed != NULL ? r->tx.failed : why);
        drop(r, t);
        return;
    }
    audit_event(c->audit, "restored", v, "time,backup,rows");
    call_of(r)->sealing = !file; /* its shares open it */
    say_proofs(r, t, true);
    drop(r, t);
}

void taking_finish(struct request *r, enum taking_kind kind, struct str id)
{
    struct taking *t = taking_of(r, kind, id);
    const char *why = NULL;
    bool done;

    if (t == NULL)
        return;
    if (kind == TAKING_RESTORE && !entries_is_durable(t->entries, t->batch)) {
        reply_error(r, 503, "the last rows are not stored yet: try again");
        if (entries_has_failed(t->entries, t->batch))
            drop(r, t);
        return;
    }
    if (t->inventory == NULL && (why = verify(t)) != NULL) {
        reply_error(r, 400, "%s", why);
        drop(r, t);
        return;
    }
    done = inventory_prove(t->inventory, kind == TAKING_DRILL ? r->core->entries : NULL,
        t->published, &t->arena, BACKUP_STEP, &t->proofs);
    if (kind == TAKING_DRILL)
        entries_close_batch(t->entries); /* gives memory back */
    if (!done) {
        say_proofs(r, t, false);
    } else if (kind == TAKING_DRILL) {
        finish_drill(r, t);
    } else if (t->proofs.failed > 0 || t->proofs.missing > 0) {
        say_proofs(r, t, true); /* not ok: nothing was restored */
        drop(r, t);
    } else {
        finish_restore(r, t);
    }
}
