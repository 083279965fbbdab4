/*
 * chain - see chain_int.h.
 *
 * SHA-256 is OpenSSL's, called directly: an EVP context costs more than the block it hashes, and a request needs a
 * dozen of these.  The old functions, which the build forbids elsewhere, serve until OpenSSL has something as cheap.
 */
#undef OPENSSL_NO_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "keeper/audit/chain_int.h"
#include "keeper/seal/memory_int.h"

enum { LEAF = 0, NODE = 1, HEAD_ARENA = 8192, HEAD_NODES = 512, BLOCK = 64 };

/* ---- hashes ---- */

void chain_leaf(const uint8_t before[CHAIN_HASH], struct str text, uint8_t out[CHAIN_HASH])
{
    static const uint8_t kind = LEAF;
    SHA256_CTX ctx;

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, &kind, 1);
    SHA256_Update(&ctx, before, CHAIN_HASH);
    SHA256_Update(&ctx, text.at, text.len);
    SHA256_Final(out, &ctx);
}

static void node(
    const uint8_t left[CHAIN_HASH], const uint8_t right[CHAIN_HASH], uint8_t out[CHAIN_HASH])
{
    static const uint8_t kind = NODE;
    SHA256_CTX ctx;

    SHA256_Init(&ctx);
    SHA256_Update(&ctx, &kind, 1);
    SHA256_Update(&ctx, left, CHAIN_HASH);
    SHA256_Update(&ctx, right, CHAIN_HASH);
    SHA256_Final(out, &ctx);
}

void chain_hex(const uint8_t *bytes, size_t n, char *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool chain_unhex(struct str hex, uint8_t *to, size_t n)
{
    if (hex.len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = nibble(hex.at[2 * i]);
        int low = nibble(hex.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        to[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* ---- the tree ---- */

void chain_tree_add(struct chain_tree *t, const uint8_t leaf[CHAIN_HASH])
{
    uint8_t h[CHAIN_HASH];
    unsigned i = 0;

    memcpy(h, leaf, CHAIN_HASH);
    for (; (t->size >> i & 1) != 0; i++)
        node(t->peaks[i], h, h);
    memcpy(t->peaks[i], h, CHAIN_HASH);
    t->size++;
}

void chain_tree_root(const struct chain_tree *t, uint8_t out[CHAIN_HASH])
{
    bool any = false;

    SHA256(NULL, 0, out); /* of no leaves */
    for (unsigned i = 0; i < CHAIN_PEAKS; i++) {
        if ((t->size >> i & 1) == 0)
            continue;
        if (any)
            node(t->peaks[i], out, out);
        else
            memcpy(out, t->peaks[i], CHAIN_HASH);
        any = true;
    }
}

/* ---- lines ---- */

bool chain_line_read(struct str line, struct chain_line *out)
{
    static const struct str begin = { "{\"seq\":", 7 };
    static const struct str end = { ",\"hash\":\"", 9 };
    struct str digits;
    struct str rest;

    if (line.len < begin.len + CHAIN_SUFFIX || !str_starts(line, begin))
        return false;
    out->text = (struct str){ line.at, line.len - CHAIN_SUFFIX };
    if (memcmp(out->text.at + out->text.len, end.at, end.len) != 0 ||
        memcmp(line.at + line.len - 2, "\"}", 2) != 0)
        return false;
    digits = str_cut((struct str){ line.at + begin.len, out->text.len - begin.len }, ',', &rest);
    return str_to_u64(digits, UINT64_MAX, &out->seq) && out->seq > 0 &&
           chain_unhex((struct str){ out->text.at + out->text.len + end.len, CHAIN_HEX }, out->hash,
               CHAIN_HASH);
}

/* ---- heads ---- */

static void signed_text(const struct chain_head *h, struct buf *to)
{
    uint8_t root[CHAIN_HASH];
    char hex[CHAIN_HEX];

    buf_text(to, "weir audit head\n");
    buf_u64(to, h->tree.size);
    buf_char(to, '\n');
    buf_text(to, h->time);
    buf_char(to, '\n');
    chain_tree_root(&h->tree, root);
    chain_hex(root, CHAIN_HASH, hex);
    buf_add(to, hex, CHAIN_HEX);
    buf_char(to, '\n');
    chain_hex(h->last, CHAIN_HASH, hex);
    buf_add(to, hex, CHAIN_HEX);
    buf_char(to, '\n');
}

void chain_head_sign(struct chain_head *h, const uint8_t secret[CHAIN_SECRET])
{
    struct buf text;

    buf_init(&text, 512);
    signed_text(h, &text);
    crypto_sign_detached(h->signature, NULL, (const unsigned char *)text.data, text.len, secret);
    memcpy(h->key, secret + CHAIN_KEY, CHAIN_KEY);
    buf_free(&text);
}

bool chain_head_verify(const struct chain_head *h)
{
    struct buf text;
    bool ok;

    buf_init(&text, 512);
    signed_text(h, &text);
    ok = crypto_sign_verify_detached(
             h->signature, (const unsigned char *)text.data, text.len, h->key) == 0;
    buf_free(&text);
    return ok;
}

static void put_hex(struct buf *to, const char *before, const uint8_t *bytes, size_t n)
{
    char *at;

    buf_text(to, before);
    at = buf_reserve(to, 2 * n);
    if (at != NULL) {
        chain_hex(bytes, n, at);
        to->len += 2 * n;
    }
    buf_char(to, '"');
}

void chain_head_write(const struct chain_head *h, struct buf *to)
{
    uint8_t root[CHAIN_HASH];
    bool any = false;

    chain_tree_root(&h->tree, root);
    buf_text(to, "\"type\":\"head\",\"size\":");
    buf_u64(to, h->tree.size);
    put_hex(to, ",\"root\":\"", root, CHAIN_HASH);
    put_hex(to, ",\"last\":\"", h->last, CHAIN_HASH);
    put_hex(to, ",\"key\":\"", h->key, CHAIN_KEY);
    put_hex(to, ",\"signature\":\"", h->signature, CHAIN_SIGNATURE);
    buf_text(to, ",\"peaks\":[");
    for (unsigned i = CHAIN_PEAKS; i-- > 0;) {
        if ((h->tree.size >> i & 1) == 0)
            continue;
        put_hex(to, any ? ",\"" : "\"", h->tree.peaks[i], CHAIN_HASH);
        any = true;
    }
    buf_char(to, ']');
}

static bool read_hex(const struct value *map, const char *name, uint8_t *to, size_t n)
{
    return chain_unhex(value_get_text(map, name, STR_NONE), to, n);
}

/* The largest first; as many as the size has bits. */
static bool read_peaks(const struct value *list, struct chain_tree *t)
{
    const struct value *it = list != NULL && list->kind == VALUE_LIST ? list->first : NULL;

    for (unsigned i = CHAIN_PEAKS; i-- > 0;) {
        if ((t->size >> i & 1) == 0)
            continue;
        if (it == NULL || it->kind != VALUE_TEXT || !chain_unhex(it->text, t->peaks[i], CHAIN_HASH))
            return false;
        it = it->next;
    }
    return it == NULL;
}

static bool read_members(const struct value *v, struct chain_head *out)
{
    struct str time = value_get_text(v, "time", STR_NONE);
    int64_t size = value_get_i64(v, "size", -1);
    uint8_t root[CHAIN_HASH];
    uint8_t named[CHAIN_HASH];

    if (!str_is(value_get_text(v, "type", STR_NONE), "head") || size < 0 || time.len == 0 ||
        time.len >= CHAIN_TIME)
        return false;
    memcpy(out->time, time.at, time.len);
    out->tree.size = (uint64_t)size;
    if (!read_peaks(value_get(v, "peaks"), &out->tree) || !read_hex(v, "root", named, CHAIN_HASH) ||
        !read_hex(v, "last", out->last, CHAIN_HASH) || !read_hex(v, "key", out->key, CHAIN_KEY) ||
        !read_hex(v, "signature", out->signature, CHAIN_SIGNATURE))
        return false;
    chain_tree_root(&out->tree, root);
    return memcmp(root, named, CHAIN_HASH) == 0;
}

bool chain_head_read(struct str line, struct chain_head *out)
{
    struct arena a;
    struct value *v;
    struct err err;
    bool ok;

    memset(out, 0, sizeof(*out));
    arena_init(&a, HEAD_ARENA);
    v = json_read(&a, line, HEAD_NODES, &err);
    ok = v != NULL && read_members(v, out);
    arena_free(&a);
    return ok;
}

bool chain_is_head(struct str line)
{
    static const char mark[] = ",\"type\":\"head\",\"size\":";

    /* It stands behind seq and time, which are short; a client's text comes later in a record. */
    return memmem(line.at, line.len < 96 ? line.len : 96, mark, sizeof(mark) - 1) != NULL;
}

/* ---- HMAC, RFC 2104: the two padded keys are hashed once ---- */

struct chain_mac {
    SHA256_CTX inner;
    SHA256_CTX outer;
};

struct chain_mac *chain_mac_new(const uint8_t key[CHAIN_HASH])
{
    struct chain_mac *m = secret_alloc(sizeof(*m));
    uint8_t pad[BLOCK];

    for (unsigned i = 0; i < BLOCK; i++)
        pad[i] = (uint8_t)((i < CHAIN_HASH ? key[i] : 0) ^ 0x36);
    SHA256_Init(&m->inner);
    SHA256_Update(&m->inner, pad, BLOCK);
    for (unsigned i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    SHA256_Init(&m->outer);
    SHA256_Update(&m->outer, pad, BLOCK);
    sodium_memzero(pad, sizeof(pad));
    return m;
}

void chain_mac_free(struct chain_mac *m)
{
    secret_free(m);
}

void chain_mac(const struct chain_mac *m, struct str text, uint8_t out[CHAIN_HASH])
{
    SHA256_CTX ctx = m->inner;

    SHA256_Update(&ctx, text.at, text.len);
    SHA256_Final(out, &ctx);
    ctx = m->outer;
    SHA256_Update(&ctx, out, CHAIN_HASH);
    SHA256_Final(out, &ctx);
    sodium_memzero(&ctx, sizeof(ctx));
}
