/*
 * seals - see seals_int.h.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/bug.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/seals_int.h"
#include "keeper/seal/memory_int.h"

enum {
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    WRAPPED = NONCE + SEAL_KEY + crypto_aead_xchacha20poly1305_ietf_ABYTES,
    FILE_LEAST = 32,
};

static const char for_shares[] = "weir seal shares";
static const char for_file[] = "weir seal file";

struct seals {
    bool known;
    struct seal_config config;
    uint8_t shares_wrap[WRAPPED];
    uint8_t file_wrap[WRAPPED];
    uint8_t *file_key; /* secret memory; NULL: none was given */
    struct share_set progress;
};

struct seals *seals_new(void)
{
    return xcalloc(1, sizeof(struct seals));
}

void seals_free(struct seals *s)
{
    if (s == NULL)
        return;
    shares_forget(&s->progress);
    secret_free(s->file_key);
    free(s);
}

const struct seal_config *seals_config(const struct core *c)
{
    return &c->seals->config;
}

struct share_set *seals_progress(struct core *c)
{
    return &c->seals->progress;
}

/* ---- wrapping ---- */

static void wrap(const uint8_t *key, const char *purpose, const uint8_t *root, uint8_t to[WRAPPED])
{
    unsigned long long len;

    randombytes_buf(to, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        to + NONCE, &len, root, SEAL_KEY, (const uint8_t *)purpose, strlen(purpose), NULL, to, key);
    MUST(len == WRAPPED - NONCE);
}

static bool unwrap(
    const uint8_t *key, const char *purpose, const uint8_t from[WRAPPED], uint8_t *root)
{
    unsigned long long len;

    return crypto_aead_xchacha20poly1305_ietf_decrypt(root, &len, NULL, from + NONCE,
               WRAPPED - NONCE, (const uint8_t *)purpose, strlen(purpose), from, key) == 0 &&
           len == SEAL_KEY;
}

/* ---- the row ---- */

static bool read_wrap(const struct value *row, const char *name, uint8_t to[WRAPPED])
{
    struct str s = value_get_text(row, name, STR_NONE);

    if (s.len != WRAPPED)
        return false;
    memcpy(to, s.at, WRAPPED);
    return true;
}

static int read_seals(struct seals *s, struct arena *a, struct str data)
{
    struct value *row = value_decode(a, data, 64);

    s->config.shares = (unsigned)value_get_i64(row, "shares", 0);
    s->config.threshold = (unsigned)value_get_i64(row, "threshold", 0);
    s->config.file = read_wrap(row, "file_wrap", s->file_wrap);
    s->known = read_wrap(row, "shares_wrap", s->shares_wrap);
    return s->known ? 1 : -1;
}

int seals_load(struct core *c)
{
    struct arena a;
    struct str data;
    int there;

    arena_init(&a, 1024);
    there = entries_plain_get(c->entries, &a, "seal", &data);
    if (there == 1)
        there = read_seals(c->seals, &a, data);
    arena_free(&a);
    return there;
}

static void put_row(struct core *c, struct tx *t)
{
    struct seals *s = c->seals;
    struct value *row = value_map(t->arena);
    struct buf bytes;

    value_put_i64(t->arena, row, "shares", s->config.shares);
    value_put_i64(t->arena, row, "threshold", s->config.threshold);
    value_put_text(
        t->arena, row, "shares_wrap", (struct str){ (const char *)s->shares_wrap, WRAPPED });
    if (s->config.file)
        value_put_text(
            t->arena, row, "file_wrap", (struct str){ (const char *)s->file_wrap, WRAPPED });
    buf_init(&bytes, 4096);
    value_encode(row, &bytes);
    tx_plain_put(t, "seal", arena_str(t->arena, buf_as_str(&bytes)));
    buf_free(&bytes);
}

/* ---- the key file ---- */

bool seals_give_file(struct core *c, struct str bytes)
{
    if (bytes.len < FILE_LEAST)
        return false;
    secret_free(c->seals->file_key);
    c->seals->file_key = secret_alloc(SEAL_KEY);
    crypto_generichash(c->seals->file_key, SEAL_KEY, (const uint8_t *)bytes.at, bytes.len,
        (const uint8_t *)for_file, strlen(for_file));
    return true;
}

bool seals_has_file(const struct core *c)
{
    return c->seals->file_key != NULL;
}

void seals_add_file(struct core *c, struct tx *t)
{
    struct seals *s = c->seals;

    if (s->file_key == NULL)
        return;
    wrap(s->file_key, for_file, barrier_root(c->barrier), s->file_wrap);
    s->config.file = true;
    put_row(c, t);
}

/* ---- shares ---- */

void shares_forget(struct share_set *s)
{
    secret_free(s->bytes);
    *s = (struct share_set){ 0 };
}

void shares_begin(struct share_set *s)
{
    struct arena a;

    shares_forget(s);
    arena_init(&a, 64);
    memcpy(s->nonce, random_uuid(&a).at, 37);
    arena_free(&a);
}

bool shares_add(struct share_set *s, struct str share, const char **why)
{
    if (s->bytes == NULL)
        s->bytes = secret_alloc(SHAMIR_SHARES_MAX * (size_t)SHARE_MAX);
    *why = NULL;
    if (share.len != SHARE_MAX && share.len != SEAL_KEY)
        *why = "a share is 33 bytes (32, when it is the only one)";
    else if (s->n > 0 && share.len != s->len)
        *why = "shares of different kinds do not belong together";
    else if (s->n >= SHAMIR_SHARES_MAX)
        *why = "too many shares";
    for (unsigned i = 0; *why == NULL && i < s->n; i++) {
        const uint8_t *other = s->bytes + i * (size_t)SHARE_MAX;

        if (sodium_memcmp(other, share.at, share.len) == 0 ||
            (share.len == SHARE_MAX && other[SEAL_KEY] == (uint8_t)share.at[SEAL_KEY]))
            *why = "this share came already";
    }
    if (*why != NULL)
        return false;
    s->len = share.len;
    memcpy(s->bytes + s->n++ * (size_t)SHARE_MAX, share.at, share.len);
    return true;
}

static bool combine(const struct share_set *s, uint8_t *key)
{
    const uint8_t *shares[SHAMIR_SHARES_MAX];

    if (s->n == 1 && s->len == SEAL_KEY) {
        memcpy(key, s->bytes, SEAL_KEY);
        return true;
    }
    for (unsigned i = 0; i < s->n; i++)
        shares[i] = s->bytes + i * (size_t)SHARE_MAX;
    return s->len == SHARE_MAX && shamir_combine(shares, s->n, SEAL_KEY, key);
}

bool seals_try_shares(struct core *c, const struct share_set *s, uint8_t root[SEAL_KEY])
{
    uint8_t *key = secret_alloc(SEAL_KEY);
    bool ok = combine(s, key) && unwrap(key, for_shares, c->seals->shares_wrap, root);

    secret_free(key);
    return ok;
}

/* ---- new shares ---- */

struct seal_draft {
    unsigned shares;
    unsigned threshold;
    uint8_t shares_wrap[WRAPPED];
};

struct seal_draft *seals_draft(struct core *c, struct arena *a, unsigned shares, unsigned threshold,
    uint8_t **bytes, size_t *len)
{
    struct seal_draft *d = xcalloc(1, sizeof(*d));
    uint8_t *key = secret_alloc(SEAL_KEY);

    d->shares = shares;
    d->threshold = threshold;
    *len = shares == 1 ? SEAL_KEY : SHARE_MAX;
    *bytes = arena_alloc(a, shares * *len);
    randombytes_buf(key, SEAL_KEY);
    wrap(key, for_shares, barrier_root(c->barrier), d->shares_wrap);
    if (shares == 1)
        memcpy(*bytes, key, SEAL_KEY);
    else
        shamir_split(key, SEAL_KEY, shares, threshold, *bytes);
    secret_free(key);
    return d;
}

void seals_draft_free(struct seal_draft *d)
{
    free(d);
}

bool seals_draft_opens(const struct seal_draft *d, const struct share_set *s)
{
    uint8_t *keys = secret_alloc((size_t)2 * SEAL_KEY);
    bool ok = combine(s, keys) && unwrap(keys, for_shares, d->shares_wrap, keys + SEAL_KEY);

    secret_free(keys);
    return ok;
}

void seals_use_draft(struct core *c, struct tx *t, const struct seal_draft *d)
{
    struct seals *s = c->seals;

    memcpy(s->shares_wrap, d->shares_wrap, WRAPPED);
    s->config.shares = d->shares;
    s->config.threshold = d->threshold;
    if (s->file_key != NULL)
        seals_add_file(c, t);
    else
        put_row(c, t);
}

/* ---- opening ---- */

static bool open_with_root(struct core *c, const uint8_t *root, const char **why)
{
    struct arena a;
    struct str packed;
    struct err err;
    int there;

    arena_init(&a, 4096);
    there = entries_plain_get(c->entries, &a, "keyring", &packed);
    if (there == 1 && barrier_open(c->barrier, root, packed, &err) == 0) {
        arena_free(&a);
        entries_opened(c->entries);
        return core_open(c, why);
    }
    *why = there == -1  ? "the store does not answer"
           : there == 0 ? "the store has no keyring"
                        : "the keyring cannot be opened with this root key";
    arena_free(&a);
    return false;
}

bool seals_open_with_shares(struct core *c, const struct share_set *s, const char **why)
{
    uint8_t *root = secret_alloc(SEAL_KEY);
    bool ok = seals_try_shares(c, s, root);

    *why = "the shares do not open this keeper: one is wrong, or of another set";
    ok = ok && open_with_root(c, root, why);
    secret_free(root);
    return ok;
}

bool seals_open_with_file(struct core *c, const char **why)
{
    struct seals *s = c->seals;
    uint8_t *root;
    bool ok;

    *why = "no key file opens this keeper";
    if (s->file_key == NULL || !s->config.file)
        return false;
    root = secret_alloc(SEAL_KEY);
    ok = unwrap(s->file_key, for_file, s->file_wrap, root) && open_with_root(c, root, why);
    secret_free(root);
    return ok;
}
