/*
 * backup_file - see backup_file_int.h.
 */
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/seal/backup_file_int.h"
#include "keeper/seal/memory_int.h"

static const char magic[] = "weir keeper backup 1\n";
static const char signed_words[] = "weir keeper backup manifest";

enum {
    MAGIC = sizeof(magic) - 1,
    TAG = 16,
    HASH = 32,
    LAST = 1U << 31,
    RECORD_HEAD = 5,
    BOX = BACKUP_KEY + crypto_box_SEALBYTES,
    OUTPUT_MAX = 96 << 20,
};

static void put_u32(uint8_t *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(n >> (8 * i));
}

static uint32_t get_u32(const void *from)
{
    const uint8_t *at = from;

    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void make_nonce(uint8_t nonce[12], uint64_t number, bool last)
{
    put_u32(nonce, (uint32_t)number);
    put_u32(nonce + 4, (uint32_t)(number >> 32));
    put_u32(nonce + 8, last);
}

/* What is signed: it binds the manifest to this file. */
static void signed_digest(const uint8_t header[HASH], struct str manifest, uint8_t digest[64])
{
    crypto_hash_sha512_state s;

    crypto_hash_sha512_init(&s);
    crypto_hash_sha512_update(&s, (const uint8_t *)signed_words, sizeof(signed_words));
    crypto_hash_sha512_update(&s, header, HASH);
    crypto_hash_sha512_update(&s, (const uint8_t *)manifest.at, manifest.len);
    crypto_hash_sha512_final(&s, digest);
}

static EVP_CIPHER_CTX *keyed(const uint8_t *key, bool seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    MUST(ctx != NULL && EVP_CipherInit_ex2(ctx, EVP_aes_256_gcm(), key, NULL, seal, NULL) == 1);
    return ctx;
}

/* ---- writing ---- */

struct backup_writer {
    EVP_CIPHER_CTX *ctx;
    uint8_t header[HASH];
    uint64_t number;
    struct buf plain;
    struct buf out;
};

static struct value *recipient_value(struct arena *a, const uint8_t *key, const uint8_t *file_key)
{
    struct value *v = value_map(a);
    uint8_t box[BOX];

    if (crypto_box_seal(box, file_key, BACKUP_KEY, key) != 0)
        return NULL;
    value_put_text(a, v, "key", (struct str){ (const char *)key, BACKUP_KEY });
    value_put_text(a, v, "box", (struct str){ (const char *)box, BOX });
    return v;
}

static void write_header(struct backup_writer *w, const struct value *header)
{
    struct buf b;
    uint8_t length[4];

    buf_init(&b, BACKUP_HEADER_MAX);
    value_encode(header, &b);
    MUST(!b.over);
    put_u32(length, (uint32_t)b.len);
    buf_add(&w->out, magic, MAGIC);
    buf_add(&w->out, length, sizeof(length));
    buf_str(&w->out, buf_as_str(&b));
    buf_free(&b);
    crypto_hash_sha256(w->header, (const uint8_t *)w->out.data, w->out.len);
}

struct backup_writer *backup_writer_new(
    const uint8_t *recipients, unsigned n, const uint8_t root[BACKUP_KEY], int64_t created)
{
    struct backup_writer *w = xcalloc(1, sizeof(*w));
    uint8_t *file_key = secret_alloc(BACKUP_KEY);
    struct value *header;
    struct value *list;
    struct arena a;
    bool ok = true;

    MUST(n > 0 && n <= BACKUP_RECIPIENTS_MAX);
    arena_init(&a, 16384);
    buf_init_secret(&w->plain, BACKUP_RECORD_MAX + 2 * BACKUP_PIECE);
    buf_init(&w->out, OUTPUT_MAX);
    randombytes_buf(file_key, BACKUP_KEY);
    header = value_map(&a);
    value_put_i64(&a, header, "created", created);
    value_put_text(&a, header, "root", (struct str){ (const char *)root, BACKUP_KEY });
    list = value_list(&a);
    for (unsigned i = 0; i < n && ok; i++) {
        struct value *v = recipient_value(&a, recipients + (size_t)i * BACKUP_KEY, file_key);

        ok = v != NULL;
        if (ok)
            value_add(list, v);
    }
    value_put(header, "recipients", list);
    if (ok) {
        write_header(w, header);
        w->ctx = keyed(file_key, true);
    }
    secret_free(file_key);
    arena_free(&a);
    if (ok)
        return w;
    backup_writer_free(w);
    return NULL;
}

void backup_writer_free(struct backup_writer *w)
{
    if (w == NULL)
        return;
    EVP_CIPHER_CTX_free(w->ctx);
    buf_free(&w->plain);
    buf_free(&w->out);
    free(w);
}

static void seal_piece(struct backup_writer *w, size_t len, bool last)
{
    uint8_t nonce[12];
    uint8_t head[4];
    uint8_t *to;
    int n = 0;

    put_u32(head, (uint32_t)(len + TAG) | (last ? LAST : 0));
    buf_add(&w->out, head, sizeof(head));
    to = (uint8_t *)buf_reserve(&w->out, len + TAG);
    MUST(to != NULL);
    make_nonce(nonce, w->number++, last);
    MUST(EVP_EncryptInit_ex2(w->ctx, NULL, NULL, nonce, NULL) == 1);
    MUST(EVP_EncryptUpdate(w->ctx, NULL, &n, w->header, HASH) == 1);
    if (len > 0)
        MUST(EVP_EncryptUpdate(w->ctx, to, &n, (const uint8_t *)w->plain.data, (int)len) == 1);
    MUST(EVP_EncryptFinal_ex(w->ctx, to + len, &n) == 1);
    MUST(EVP_CIPHER_CTX_ctrl(w->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, to + len) == 1);
    w->out.len += len + TAG;
    buf_consume(&w->plain, len);
}

void backup_writer_add(struct backup_writer *w, enum backup_record kind, struct str body)
{
    uint8_t head[RECORD_HEAD] = { (uint8_t)kind };

    MUST(body.len <= BACKUP_RECORD_MAX);
    put_u32(head + 1, (uint32_t)body.len);
    buf_add(&w->plain, head, sizeof(head));
    buf_str(&w->plain, body);
    MUST(!w->plain.over);
    while (w->plain.len > BACKUP_PIECE)
        seal_piece(w, BACKUP_PIECE, false);
}

void backup_writer_end(struct backup_writer *w, struct str manifest, const uint8_t seed[BACKUP_KEY])
{
    uint8_t *secret = secret_alloc(crypto_sign_SECRETKEYBYTES);
    uint8_t pub[crypto_sign_PUBLICKEYBYTES];
    uint8_t signature[BACKUP_SIGNATURE];
    uint8_t digest[64];

    crypto_sign_seed_keypair(pub, secret, seed);
    signed_digest(w->header, manifest, digest);
    crypto_sign_detached(signature, NULL, digest, sizeof(digest), secret);
    secret_free(secret);
    backup_writer_add(w, BACKUP_MANIFEST, manifest);
    backup_writer_add(w, BACKUP_SIGNED, (struct str){ (char *)signature, sizeof(signature) });
    seal_piece(w, w->plain.len, true);
}

struct buf *backup_writer_output(struct backup_writer *w)
{
    return &w->out;
}

/* ---- reading ---- */

enum reading { IN_HEADER, IN_PIECES, WHOLE, BROKEN };

struct backup_reader {
    struct backup_handler handler;
    enum reading at;
    uint8_t *key; /* secret memory; NULL once it has been used */
    bool is_file_key;
    EVP_CIPHER_CTX *ctx;
    uint8_t header[HASH];
    uint8_t root[BACKUP_KEY];
    int64_t created;
    uint64_t number;
    struct buf in;
    struct buf plain;
};

struct backup_reader *backup_reader_new(
    const uint8_t key[BACKUP_KEY], bool is_file_key, const struct backup_handler *h)
{
    struct backup_reader *r = xcalloc(1, sizeof(*r));

    r->handler = *h;
    r->key = secret_alloc(BACKUP_KEY);
    memcpy(r->key, key, BACKUP_KEY);
    r->is_file_key = is_file_key;
    buf_init(&r->in, 64 << 20);
    buf_init_secret(&r->plain, BACKUP_RECORD_MAX + 2 * BACKUP_PIECE);
    return r;
}

void backup_reader_free(struct backup_reader *r)
{
    if (r == NULL)
        return;
    secret_free(r->key);
    EVP_CIPHER_CTX_free(r->ctx);
    buf_free(&r->in);
    buf_free(&r->plain);
    free(r);
}

static bool refuse(struct err *err, const char *id, const char *why)
{
    err_set(err, ERR_PEER, id, "%s", why);
    return false;
}

static bool damaged(struct err *err)
{
    return refuse(
        err, "backup_damaged", "the backup is damaged: a piece of it is not what was written");
}

/* Tries the box that is addressed to this key. */
static bool open_box(
    const struct backup_reader *r, const struct value *recipients, uint8_t *file_key)
{
    uint8_t pub[BACKUP_KEY];

    if (crypto_scalarmult_base(pub, r->key) != 0)
        return false;
    value_each (it, recipients) {
        struct str to = value_get_text(it, "key", STR_NONE);
        struct str box = value_get_text(it, "box", STR_NONE);

        if (to.len == BACKUP_KEY && box.len == BOX && memcmp(to.at, pub, BACKUP_KEY) == 0)
            return crypto_box_seal_open(file_key, (const uint8_t *)box.at, BOX, pub, r->key) == 0;
    }
    return false;
}

static bool read_header(struct backup_reader *r, struct str text, struct err *err)
{
    uint8_t *file_key = secret_alloc(BACKUP_KEY);
    const struct value *header;
    struct str root;
    struct arena a;
    bool ok;

    arena_init(&a, 16384);
    header = value_decode(&a, text, 1024);
    root = value_get_text(header, "root", STR_NONE);
    r->created = value_get_i64(header, "created", 0);
    ok = root.len == BACKUP_KEY || refuse(err, "backup_format", "this is no backup of a keeper");
    if (ok)
        memcpy(r->root, root.at, BACKUP_KEY);
    if (ok && r->is_file_key)
        memcpy(file_key, r->key, BACKUP_KEY);
    else if (ok && !open_box(r, value_get(header, "recipients"), file_key))
        ok = refuse(err, "backup_recipient",
            "the backup was not made for this key: give the private key of one of its recipients");
    if (ok)
        r->ctx = keyed(file_key, false);
    secret_free(r->key);
    r->key = NULL;
    secret_free(file_key);
    arena_free(&a);
    return ok;
}

/* The header, once all of it is there. */
static bool take_header(struct backup_reader *r, struct err *err)
{
    uint32_t length;
    size_t whole;

    if (r->in.len < MAGIC + 4)
        return true;
    if (memcmp(r->in.data, magic, MAGIC) != 0)
        return refuse(err, "backup_format", "this is no backup of a keeper");
    length = get_u32(r->in.data + MAGIC);
    if (length > BACKUP_HEADER_MAX)
        return refuse(err, "backup_format", "this is no backup of a keeper");
    whole = MAGIC + 4 + (size_t)length;
    if (r->in.len < whole)
        return true;
    crypto_hash_sha256(r->header, (const uint8_t *)r->in.data, whole);
    if (!read_header(r, (struct str){ r->in.data + MAGIC + 4, length }, err))
        return false;
    buf_consume(&r->in, whole);
    r->at = IN_PIECES;
    return true;
}

static bool open_piece(struct backup_reader *r, const uint8_t *sealed, size_t len, bool last)
{
    uint8_t *to = (uint8_t *)buf_reserve(&r->plain, len);
    uint8_t nonce[12];
    uint8_t tag[TAG];
    int n = 0;

    if (to == NULL)
        return false;
    memcpy(tag, sealed + len, TAG);
    make_nonce(nonce, r->number++, last);
    if (EVP_DecryptInit_ex2(r->ctx, NULL, NULL, nonce, NULL) != 1 ||
        EVP_DecryptUpdate(r->ctx, NULL, &n, r->header, HASH) != 1 ||
        (len > 0 && EVP_DecryptUpdate(r->ctx, to, &n, sealed, (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(r->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1 ||
        EVP_DecryptFinal_ex(r->ctx, to + len, &n) != 1)
        return false;
    r->plain.len += len;
    return true;
}

/* The records that are whole by now. */
static bool take_records(struct backup_reader *r, struct err *err)
{
    size_t at = 0;
    bool ok = true;

    while (ok && r->plain.len - at >= RECORD_HEAD) {
        uint32_t len = get_u32(r->plain.data + at + 1);

        if (len > BACKUP_RECORD_MAX)
            return refuse(err, "backup_limit", "the backup holds a record that is too long");
        if (r->plain.len - at - RECORD_HEAD < len)
            break;
        ok = r->handler.on_record(r->handler.arg, (enum backup_record)(uint8_t)r->plain.data[at],
            (struct str){ r->plain.data + at + RECORD_HEAD, len }, err);
        at += RECORD_HEAD + len;
    }
    buf_consume(&r->plain, at);
    return ok;
}

static bool take_pieces(struct backup_reader *r, struct err *err)
{
    size_t at = 0;

    while (r->at == IN_PIECES && r->in.len - at >= 4) {
        uint32_t head = get_u32(r->in.data + at);
        size_t len = head & ~LAST;
        bool last = (head & LAST) != 0;

        if (len < TAG || len > BACKUP_PIECE + TAG)
            return damaged(err);
        if (r->in.len - at - 4 < len)
            break;
        if (!open_piece(r, (const uint8_t *)r->in.data + at + 4, len - TAG, last))
            return damaged(err);
        at += 4 + len;
        if (!take_records(r, err))
            return false;
        if (last)
            r->at = WHOLE;
    }
    buf_consume(&r->in, at);
    return r->at != WHOLE || (r->plain.len == 0 && r->in.len == 0) || damaged(err);
}

bool backup_reader_feed(struct backup_reader *r, struct str bytes, struct err *err)
{
    bool ok;

    if (r->at == BROKEN)
        return damaged(err);
    if (r->at == WHOLE && bytes.len > 0) {
        r->at = BROKEN;
        return refuse(err, "backup_damaged", "something follows the end of the backup");
    }
    buf_str(&r->in, bytes);
    ok = !r->in.over || refuse(err, "backup_limit", "too much of the backup was sent at once");
    if (ok && r->at == IN_HEADER)
        ok = take_header(r, err);
    if (ok && r->at == IN_PIECES)
        ok = take_pieces(r, err);
    if (!ok)
        r->at = BROKEN;
    return ok;
}

bool backup_reader_is_whole(const struct backup_reader *r)
{
    return r->at == WHOLE;
}

int64_t backup_reader_created(const struct backup_reader *r)
{
    return r->created;
}

const uint8_t *backup_reader_root(const struct backup_reader *r)
{
    return r->root;
}

bool backup_reader_is_signed(
    const struct backup_reader *r, struct str manifest, struct str signature)
{
    uint8_t digest[64];

    signed_digest(r->header, manifest, digest);
    return signature.len == BACKUP_SIGNATURE &&
           crypto_sign_verify_detached(
               (const uint8_t *)signature.at, digest, sizeof(digest), r->root) == 0;
}
