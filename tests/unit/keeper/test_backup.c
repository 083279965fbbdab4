/*
 * Backups: what a file gives away and what it withstands, drills, and restoring into an empty keeper.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/encode_int.h"
#include "keeper/seal/backup_file_int.h"

/* ---- the file ---- */

struct got {
    unsigned rows;
    size_t bytes;
    struct buf manifest;
    struct buf signature;
};

static bool on_record(void *arg, enum backup_record kind, struct str body, struct err *err)
{
    struct got *g = arg;

    (void)err;
    if (kind == BACKUP_ROW) {
        g->rows++;
        g->bytes += body.len;
    } else if (kind == BACKUP_MANIFEST) {
        buf_str(&g->manifest, body);
    } else if (kind == BACKUP_SIGNED) {
        buf_str(&g->signature, body);
    }
    return true;
}

static uint8_t pub[2][32];
static uint8_t identity[2][32];

static void make_identities(void)
{
    for (int i = 0; i < 2; i++) {
        random_bytes(identity[i], 32);
        MUST(crypto_scalarmult_base(pub[i], identity[i]) == 0);
    }
}

static void write_file(struct buf *to, unsigned rows, size_t row)
{
    uint8_t seed[32] = { 7 };
    uint8_t root[32];
    uint8_t secret[64];
    char *body = xcalloc(1, row + 1);
    struct backup_writer *w;

    crypto_sign_seed_keypair(root, secret, seed);
    w = backup_writer_new((const uint8_t *)pub, 2, root, 1234);
    MUST(w != NULL);
    for (unsigned i = 0; i < rows; i++)
        backup_writer_add(w, BACKUP_ROW, (struct str){ body, row });
    backup_writer_end(w, STR("the manifest"), seed);
    buf_str(to, buf_as_str(backup_writer_output(w)));
    backup_writer_free(w);
    free(body);
}

/* Whole, signed, and as written? Fed in steps of so many bytes. */
static bool reads(const uint8_t *key, struct str file, size_t step, struct got *g)
{
    struct backup_handler h = { on_record, g };
    struct backup_reader *r = backup_reader_new(key, false, &h);
    struct err err = { 0 };
    bool ok = true;

    memset(g, 0, sizeof(*g));
    buf_init(&g->manifest, 10000);
    buf_init(&g->signature, 100);
    for (size_t at = 0; at < file.len && ok; at += step) {
        size_t n = file.len - at < step ? file.len - at : step;

        ok = backup_reader_feed(r, (struct str){ file.at + at, n }, &err);
    }
    ok = ok && backup_reader_is_whole(r) &&
         backup_reader_is_signed(r, buf_as_str(&g->manifest), buf_as_str(&g->signature));
    buf_free(&g->manifest);
    buf_free(&g->signature);
    backup_reader_free(r);
    return ok;
}

static void a_file_is_read_by_its_recipients(void)
{
    uint8_t other[32];
    struct buf file;
    struct got g;

    buf_init(&file, 64 << 20);
    write_file(&file, 5, 700000); /* over pieces */
    CHECK(reads(identity[0], buf_as_str(&file), 100000, &g));
    CHECK_U64(g.rows, 5);
    CHECK_U64(g.bytes, 3500000);
    CHECK(reads(identity[1], buf_as_str(&file), file.len, &g));
    random_bytes(other, sizeof(other));
    CHECK(!reads(other, buf_as_str(&file), file.len, &g));
    CHECK_U64(g.rows, 0);
    buf_free(&file);
}

static void every_byte_of_a_file_counts(void)
{
    struct buf file;
    struct got g;
    size_t last;

    buf_init(&file, 1 << 20);
    write_file(&file, 3, 40);
    CHECK(reads(identity[0], buf_as_str(&file), 1, &g));
    CHECK_U64(g.rows, 3);
    for (size_t i = 0; i < file.len; i++) {
        file.data[i] ^= (char)(1 << i % 8);
        CHECK(!reads(identity[0], buf_as_str(&file), file.len, &g));
        file.data[i] ^= (char)(1 << i % 8);
        CHECK(!reads(identity[0], (struct str){ file.data, i }, file.len, &g));
    }
    last = file.len;
    buf_char(&file, 'x');
    CHECK(!reads(identity[0], buf_as_str(&file), last, &g));
    CHECK(!reads(identity[0], buf_as_str(&file), last + 1, &g));
    buf_free(&file);
}

/* ---- a keeper ---- */

static void fill_keeper(struct core_fixture *f)
{
    static const char *const types[] = { "ed25519", "ecdsa-p256", "ecdsa-p384", "rsa-2048",
        "aes256-gcm96", "chacha20-poly1305", "hmac" };

    CHECK(core_call(f, OP_WRITE, "sys/mounts/secret", f->root,
              "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}") < 300);
    CHECK(core_call(f, OP_WRITE, "sys/mounts/transit", f->root, "{\"type\":\"transit\"}") < 300);
    CHECK(core_call(f, OP_WRITE, "sys/mounts/pki", f->root, "{\"type\":\"pki\"}") < 300);
    CHECK_U64(core_call(f, OP_WRITE, "secret/data/shop", f->root,
                  "{\"data\":{\"password\":\"canary-7f3a\"}}"),
        200);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char *path = xasprintf("transit/keys/%s", types[i]);
        char *body = xasprintf("{\"type\":\"%s\"%s}", types[i], i == 6 ? ",\"key_size\":32" : "");

        CHECK(core_call(f, OP_WRITE, path, f->root, body) < 300);
        free(path);
        free(body);
    }
    CHECK(core_call(f, OP_WRITE, "transit/keys/ed25519/rotate", f->root, "{}") < 300);
    CHECK_U64(core_call(f, OP_WRITE, "pki/root/generate/internal", f->root,
                  "{\"common_name\":\"Root\",\"key_type\":\"ec\"}"),
        200);
}

enum {
    SIGNING = 2 + 1 + 1 + 1 + 1 /* ed25519 twice, two curves, RSA, the authority */,
    OTHERS = 3
};

static char *base64(struct core_fixture *f, const uint8_t *key)
{
    return arena_strdup(
        &f->arena, encode_base64(&f->arena, (struct str){ (const char *)key, 32 }).at);
}

static void back_up(struct core_fixture *f, struct buf *file)
{
    char *body = arena_printf(&f->arena, "{\"recipients\":[\"%s\"]}", base64(f, pub[0]));
    char *id;
    unsigned n = 0;

    CHECK_U64(core_call(f, OP_WRITE, "sys/weir/backup", f->root, body), 200);
    id = arena_printf(&f->arena, "%.*s", STR_ARG(core_text(f, "data.id")));
    while (core_call(f, OP_READ, arena_printf(&f->arena, "sys/weir/backup/%s/%u", id, n), f->root,
               NULL) == 200) {
        struct str piece = f->raw;

        buf_str(file, piece);
        CHECK_U64(core_call(f, OP_READ, arena_printf(&f->arena, "sys/weir/backup/%s/%u", id, n),
                      f->root, NULL),
            200); /* once more: the same */
        CHECK(str_eq(f->raw, piece));
        n++;
    }
    CHECK_U64(f->status, 204);
    CHECK(n > 0 && !file->over);
    CHECK_U64(core_call(f, OP_READ, arena_printf(&f->arena, "sys/weir/backup/%s/%u", id, n),
                  f->root, NULL),
        404);
}

/* Begin and feed; the status of the first call that is not 200, else 200. id: of the session. */
static int feed(
    struct core_fixture *f, const char *what, const uint8_t *key, struct str file, char **id)
{
    enum { STEP = 20000 };
    char *body = arena_printf(&f->arena, "{\"identity\":\"%s\"}", base64(f, key));
    char *path = arena_printf(&f->arena, "sys/weir/%s", what);

    if (core_call(f, OP_WRITE, path, f->root, body) != 200)
        return f->status;
    *id = arena_printf(&f->arena, "%.*s", STR_ARG(core_text(f, "data.id")));
    for (size_t at = 0; at < file.len; at += STEP) {
        size_t n = file.len - at < STEP ? file.len - at : STEP;

        path = arena_printf(&f->arena, "sys/weir/%s/%s/%zu", what, *id, at);
        if (core_call_raw(f, OP_WRITE, path, f->root, "application/octet-stream",
                (struct str){ file.at + at, n }) != 200)
            return f->status;
    }
    return 200;
}

static int finish(struct core_fixture *f, const char *what, const char *id)
{
    char *path = arena_printf(&f->arena, "sys/weir/%s/%s/finish", what, id);

    while (core_call(f, OP_WRITE, path, f->root, "{}") == 200 &&
           str_is(core_text(f, "data.done"), "false"))
        continue;
    return f->status;
}

static int drill(struct core_fixture *f, const uint8_t *key, struct str file)
{
    char *id = NULL;
    int status = feed(f, "drill", key, file, &id);

    return status == 200 ? finish(f, "drill", id) : status;
}

static void a_drill_proves_every_key(void)
{
    struct core_fixture f;
    struct buf file;

    buf_init(&file, 64 << 20);
    core_fixture_open(&f);
    fill_keeper(&f);
    back_up(&f, &file);
    CHECK(memmem(file.data, file.len, "canary", 6) == NULL);
    CHECK(memmem(file.data, file.len, "transit", 7) == NULL);
    CHECK_U64(drill(&f, identity[0], buf_as_str(&file)), 200);
    CHECK_STR(core_text(&f, "data.ok"), "true");
    CHECK_U64(value_get_i64(core_at(&f, "data"), "signing_keys_proven", 0), SIGNING);
    CHECK_U64(value_get_i64(core_at(&f, "data"), "other_keys_proven", 0), OTHERS);
    CHECK_STR(core_text(&f, "data.not_live"), "0");
    CHECK_U64(drill(&f, identity[1], buf_as_str(&file)), 400);
    file.data[file.len / 2] ^= 1;
    CHECK_U64(drill(&f, identity[0], buf_as_str(&file)), 400);
    file.data[file.len / 2] ^= 1;
    CHECK_U64(drill(&f, identity[0], (struct str){ file.data, file.len - 1 }), 400);

    /* A key of the same name that is another one now. */
    CHECK(core_call(&f, OP_WRITE, "transit/keys/ecdsa-p256/config", f.root,
              "{\"deletion_allowed\":true}") < 300);
    CHECK(core_call(&f, OP_DELETE, "transit/keys/ecdsa-p256", f.root, NULL) < 300);
    CHECK_U64(drill(&f, identity[0], buf_as_str(&file)), 200);
    CHECK_STR(core_text(&f, "data.ok"), "true"); /* by the manifest */
    CHECK_STR(core_text(&f, "data.not_live"), "1");
    CHECK(core_call(&f, OP_WRITE, "transit/keys/ecdsa-p256", f.root, "{\"type\":\"ecdsa-p256\"}") <
          300);
    CHECK_U64(drill(&f, identity[0], buf_as_str(&file)), 200);
    CHECK_STR(core_text(&f, "data.ok"), "false");
    CHECK_STR(core_text(&f, "data.failed"), "1");
    CHECK_STR(core_text(&f, "data.failures.0"),
        "transit/ecdsa-p256 version 1: it is not the key that is in use");
    buf_free(&file);
    core_fixture_close(&f);
}

static void another_keepers_backup_is_no_drill(void)
{
    struct core_fixture f;
    struct core_fixture other;
    struct buf file;

    buf_init(&file, 64 << 20);
    core_fixture_open(&f);
    back_up(&f, &file);
    core_fixture_open(&other);
    CHECK_U64(drill(&other, identity[0], buf_as_str(&file)), 400);
    CHECK_STR(core_text(&other, "errors.0"), "the backup is of another keeper");
    core_fixture_close(&other);
    core_fixture_close(&f);
    buf_free(&file);
}

static void unseal_with(struct core_fixture *f, const struct core_fixture *shares)
{
    memcpy(f->shares, shares->shares, sizeof(f->shares));
    core_fixture_unseal(f);
}

/* A signature of one keeper, verified by another. */
static void signs_for(struct core_fixture *f, struct core_fixture *other, const char *key)
{
    char *body;

    CHECK_U64(core_call(f, OP_WRITE, arena_printf(&f->arena, "transit/sign/%s", key), f->root,
                  "{\"input\":\"aGVsbG8=\"}"),
        200);
    body = arena_printf(&f->arena, "{\"input\":\"aGVsbG8=\",\"signature\":\"%.*s\"}",
        STR_ARG(core_text(f, "data.signature")));
    CHECK_U64(core_call(other, OP_WRITE, arena_printf(&f->arena, "transit/verify/%s", key),
                  other->root, body),
        200);
    CHECK_STR(core_text(other, "data.valid"), "true");
}

static void restores_into_an_empty_keeper(void)
{
    struct core_fixture f;
    struct core_fixture empty;
    struct buf file;
    char *id = NULL;

    buf_init(&file, 64 << 20);
    core_fixture_open(&f);
    fill_keeper(&f);
    back_up(&f, &file);
    core_fixture_open_empty(&empty);
    memcpy(empty.root, f.root, sizeof(f.root));

    /* One that is broken off: neither a keeper nor a place for a new one. */
    CHECK_U64(
        feed(&empty, "restore", identity[0], (struct str){ file.data, file.len / 2 }, &id), 200);
    CHECK_U64(core_call(&empty, OP_WRITE, "sys/init", NULL,
                  "{\"secret_shares\":1,\"secret_threshold\":1}"),
        400);
    CHECK_U64(finish(&empty, "restore", id), 400);
    core_fixture_restart(&empty);
    CHECK_U64(core_call(&empty, OP_READ, "sys/init", NULL, NULL), 200);
    CHECK_STR(core_text(&empty, "initialized"), "false");
    CHECK_U64(core_call(&empty, OP_WRITE, "sys/init", NULL,
                  "{\"secret_shares\":1,\"secret_threshold\":1}"),
        400);
    CHECK_U64(feed(&empty, "restore", identity[1], buf_as_str(&file), &id), 400);

    CHECK_U64(feed(&empty, "restore", identity[0], buf_as_str(&file), &id), 200);
    CHECK_U64(finish(&empty, "restore", id), 200);
    CHECK_STR(core_text(&empty, "data.ok"), "true");
    CHECK_U64(value_get_i64(core_at(&empty, "data"), "signing_keys_proven", 0), SIGNING);
    CHECK_U64(core_call(&empty, OP_READ, "sys/seal-status", NULL, NULL), 200);
    CHECK_STR(core_text(&empty, "initialized"), "true");
    CHECK_STR(core_text(&empty, "sealed"), "true");
    unseal_with(&empty, &f);
    CHECK_U64(core_call(&empty, OP_READ, "secret/data/shop", empty.root, NULL), 200);
    CHECK_STR(core_text(&empty, "data.data.password"), "canary-7f3a");
    signs_for(&empty, &f, "ed25519");
    signs_for(&f, &empty, "rsa-2048");
    CHECK(feed(&empty, "restore", identity[0], buf_as_str(&file), &id) == 400);
    core_fixture_restart(&empty);
    unseal_with(&empty, &f);
    CHECK_U64(core_call(&empty, OP_READ, "secret/data/shop", empty.root, NULL), 200);
    core_fixture_close(&empty);
    core_fixture_close(&f);
    buf_free(&file);
}

static void is_of_one_moment(void)
{
    struct core_fixture f;
    struct core_fixture empty;
    struct buf file;
    char *id;
    char *body;
    unsigned n = 0;

    buf_init(&file, 64 << 20);
    core_fixture_open(&f);
    fill_keeper(&f);
    body = arena_printf(&f.arena, "{\"recipients\":[\"%s\"]}", base64(&f, pub[0]));
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/backup", f.root, body), 200);
    id = arena_printf(&f.arena, "%.*s", STR_ARG(core_text(&f, "data.id")));
    while (core_call(&f, OP_READ, arena_printf(&f.arena, "sys/weir/backup/%s/%u", id, n), f.root,
               NULL) == 200) {
        buf_str(&file, f.raw);
        if (n++ == 0)
            CHECK_U64(core_call(&f, OP_WRITE, "secret/data/shop", f.root,
                          "{\"data\":{\"password\":\"later\"}}"),
                200);
    }
    core_fixture_open_empty(&empty);
    memcpy(empty.root, f.root, sizeof(f.root));
    CHECK_U64(feed(&empty, "restore", identity[0], buf_as_str(&file), &id), 200);
    CHECK_U64(finish(&empty, "restore", id), 200);
    unseal_with(&empty, &f);
    CHECK_U64(core_call(&empty, OP_READ, "secret/data/shop", empty.root, NULL), 200);
    CHECK_STR(core_text(&empty, "data.data.password"), "canary-7f3a");
    core_fixture_close(&empty);
    core_fixture_close(&f);
    buf_free(&file);
}

static void says_what_is_wrong(void)
{
    struct core_fixture f;

    core_fixture_open(&f);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/backup", f.root, "{}"), 400);
    CHECK_U64(
        core_call(&f, OP_WRITE, "sys/weir/backup", f.root, "{\"recipients\":[\"eA==\"]}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/backup", NULL, "{\"recipients\":[\"eA==\"]}"), 403);
    CHECK_U64(core_call(&f, OP_READ, "sys/weir/backup/none/0", f.root, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/drill", f.root, "{\"identity\":\"eA==\"}"), 400);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/drill", NULL, "{\"identity\":\"eA==\"}"), 403);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/backup/config", f.root,
                  arena_printf(&f.arena, "{\"recipients\":[\"%s\"]}", base64(&f, pub[0]))),
        204);
    CHECK_U64(core_call(&f, OP_WRITE, "sys/weir/backup", f.root, "{}"), 200);
    CHECK_U64(core_call(&f, OP_READ, "sys/storage/raft/snapshot", f.root, NULL), 200);
    CHECK(str_starts(f.raw, STR("weir keeper backup 1\n")));
    {
        struct buf file;

        buf_init(&file, 64 << 20);
        buf_str(&file, f.raw);
        CHECK_U64(drill(&f, identity[0], buf_as_str(&file)), 200);
        CHECK_STR(core_text(&f, "data.ok"), "true");
        buf_free(&file);
    }
    core_fixture_close(&f);
}

int main(void)
{
    static const struct check_case cases[] = { CASE(a_file_is_read_by_its_recipients),
        CASE(every_byte_of_a_file_counts), CASE(a_drill_proves_every_key),
        CASE(another_keepers_backup_is_no_drill), CASE(restores_into_an_empty_keeper),
        CASE(is_of_one_moment), CASE(says_what_is_wrong) };

    make_identities();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
