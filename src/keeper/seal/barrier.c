/*
 * barrier - see barrier_int.h.
 *
 * The packed keyring:
 *     version u8 1 | check 16 | nonce 12 | AES-256-GCM(root key): name key 32, purpose key 32, count u32,
 *     { term u32, made i64, used u64, key 32 } ... | tag 16,  AAD: all before the ciphertext
 * check is made of the root key alone, so that a wrong root key and a damaged row are told apart.
 */
#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"
#include "keeper/seal/barrier_int.h"
#include "keeper/seal/memory_int.h"

enum {
    VERSION = 1,
    CHECK_LEN = 16,
    NONCE = 12,
    TAG = 16,
    HEAD = 1 + 4 + NONCE, /* of a sealed part */
    TERM_LEN = 4 + 8 + 8 + BARRIER_KEY,
    PACK_HEAD = 1 + CHECK_LEN + NONCE,
    TERMS_MAX = 65536,
    COUNT_AT = 2 * BARRIER_KEY,
    TERMS_AT = COUNT_AT + 4,
};
_Static_assert(BARRIER_OVERHEAD == HEAD + TAG, "what sealing adds");

struct term {
    uint32_t number;
    int64_t made; /* seconds since 1970 */
    uint64_t used;
    uint8_t key[BARRIER_KEY];
    EVP_CIPHER_CTX *seal; /* made on first use */
    EVP_CIPHER_CTX *unseal;
};

/* All of it in secret memory. */
struct barrier_state {
    uint8_t root[BARRIER_KEY];
    uint8_t name_key[BARRIER_KEY];
    uint8_t purpose_key[BARRIER_KEY];
    uint32_t nterms;
    struct term terms[]; /* oldest first */
};

struct barrier {
    struct barrier_state *open; /* NULL: closed */
    EVP_MAC_CTX *blind;
    EVP_MD_CTX *mixer;
    uint64_t sealed; /* since it was opened */
    EVP_MAC *hmac;
    EVP_MD *sha256;
    EVP_CIPHER *aes;
};

/* ---- states ---- */

static struct barrier_state *state_new(uint32_t nterms)
{
    struct barrier_state *s =
        secret_alloc(sizeof(struct barrier_state) + nterms * sizeof(struct term));

    s->nterms = nterms;
    return s;
}

static void forget_contexts(struct term *t)
{
    EVP_CIPHER_CTX_free(t->seal);
    EVP_CIPHER_CTX_free(t->unseal);
    t->seal = NULL;
    t->unseal = NULL;
}

void barrier_state_free(struct barrier_state *s)
{
    if (s == NULL)
        return;
    for (uint32_t i = 0; i < s->nterms; i++)
        forget_contexts(&s->terms[i]);
    secret_free(s);
}

/* The terms from `first` on, with room for `more`. */
static struct barrier_state *state_copy(
    const struct barrier_state *s, uint32_t first, uint32_t more)
{
    struct barrier_state *copy = state_new(s->nterms - first + more);

    memcpy(copy->root, s->root, BARRIER_KEY);
    memcpy(copy->name_key, s->name_key, BARRIER_KEY);
    memcpy(copy->purpose_key, s->purpose_key, BARRIER_KEY);
    for (uint32_t i = first; i < s->nterms; i++) {
        copy->terms[i - first] = s->terms[i];
        copy->terms[i - first].seal = NULL;
        copy->terms[i - first].unseal = NULL;
    }
    return copy;
}

/* ---- small cryptography ---- */

void barrier_digest(
    const uint8_t key[BARRIER_KEY], const char *kind, struct str text, uint8_t out[BARRIER_KEY])
{
    crypto_auth_hmacsha256_state s;

    crypto_auth_hmacsha256_init(&s, key, BARRIER_KEY);
    crypto_auth_hmacsha256_update(&s, (const uint8_t *)kind, strlen(kind) + 1);
    crypto_auth_hmacsha256_update(&s, (const uint8_t *)text.at, text.len);
    crypto_auth_hmacsha256_final(&s, out);
    explicit_bzero(&s, sizeof(s));
}

static EVP_MAC_CTX *keyed_blind(const struct barrier *b, const uint8_t key[BARRIER_KEY])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(b->hmac);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
        OSSL_PARAM_construct_end(),
    };

    MUST(EVP_MAC_init(ctx, key, BARRIER_KEY, params) == 1);
    return ctx;
}

static EVP_CIPHER_CTX *keyed_cipher(
    const struct barrier *b, const uint8_t key[BARRIER_KEY], bool seal)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    MUST(ctx != NULL && EVP_CipherInit_ex2(ctx, b->aes, key, NULL, seal, NULL) == 1);
    return ctx;
}

/*
 * 96 bits that are random even when the kernel's generator gives the same twice (a
 * machine that was copied): time and a counter are mixed in, and nothing is kept ahead.
 */
static void draw_nonce(struct barrier *b, uint8_t nonce[NONCE])
{
    struct {
        uint8_t random[32];
        uint64_t counter;
        usec_t wall;
        nsec_t now;
    } in;
    uint8_t digest[32];

    random_bytes(in.random, sizeof(in.random));
    in.counter = b->sealed++;
    in.wall = time_wall_usec();
    in.now = time_nsec();
    MUST(EVP_DigestInit_ex2(b->mixer, b->sha256, NULL) == 1);
    MUST(EVP_DigestUpdate(b->mixer, &in, sizeof(in)) == 1);
    MUST(EVP_DigestFinal_ex(b->mixer, digest, NULL) == 1);
    memcpy(nonce, digest, NONCE);
}

static void encrypt(
    EVP_CIPHER_CTX *ctx, const uint8_t nonce[NONCE], struct str aad, struct str plain, uint8_t *out)
{
    int n = 0;

    MUST(plain.len <= INT32_MAX && aad.len <= INT32_MAX);
    MUST(EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1);
    MUST(EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.at, (int)aad.len) == 1);
    if (plain.len > 0)
        MUST(EVP_EncryptUpdate(ctx, out, &n, (const uint8_t *)plain.at, (int)plain.len) == 1);
    MUST(EVP_EncryptFinal_ex(ctx, out + plain.len, &n) == 1);
    MUST(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out + plain.len) == 1);
}

/* sealed: ciphertext and tag. What was written is wiped when the tag does not fit. */
static bool decrypt(
    EVP_CIPHER_CTX *ctx, const uint8_t *nonce, struct str aad, struct str sealed, uint8_t *out)
{
    size_t len = sealed.len - TAG;
    uint8_t tag[TAG];
    int n = 0;
    bool ok;

    if (sealed.len < TAG || sealed.len > INT32_MAX)
        return false;
    memcpy(tag, sealed.at + len, TAG);
    ok = EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 &&
         EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.at, (int)aad.len) == 1 &&
         (len == 0 || EVP_DecryptUpdate(ctx, out, &n, (const uint8_t *)sealed.at, (int)len) == 1) &&
         EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
         EVP_DecryptFinal_ex(ctx, out + len, &n) == 1;
    if (!ok && len > 0)
        explicit_bzero(out, len);
    return ok;
}

/* ---- life ---- */

struct barrier *barrier_new(void)
{
    struct barrier *b = xcalloc(1, sizeof(*b));

    b->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    b->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    b->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    b->mixer = EVP_MD_CTX_new();
    MUST(b->hmac != NULL && b->sha256 != NULL && b->aes != NULL && b->mixer != NULL);
    return b;
}

void barrier_free(struct barrier *b)
{
    if (b == NULL)
        return;
    barrier_close(b);
    EVP_MD_CTX_free(b->mixer);
    EVP_CIPHER_free(b->aes);
    EVP_MD_free(b->sha256);
    EVP_MAC_free(b->hmac);
    free(b);
}

bool barrier_is_open(const struct barrier *b)
{
    return b->open != NULL;
}

void barrier_close(struct barrier *b)
{
    barrier_state_free(b->open);
    EVP_MAC_CTX_free(b->blind);
    b->open = NULL;
    b->blind = NULL;
    b->sealed = 0;
}

static void use(struct barrier *b, struct barrier_state *s)
{
    uint64_t sealed = b->sealed;

    barrier_close(b);
    b->sealed = sealed;
    b->open = s;
    b->blind = keyed_blind(b, s->name_key);
}

static void fill_term(struct term *t, uint32_t number)
{
    t->number = number;
    t->made = (int64_t)(time_wall_usec() / 1000000);
    t->used = 0;
    random_bytes(t->key, BARRIER_KEY);
}

void barrier_create(struct barrier *b)
{
    struct barrier_state *s = state_new(1);

    random_bytes(s->root, BARRIER_KEY);
    random_bytes(s->name_key, BARRIER_KEY);
    random_bytes(s->purpose_key, BARRIER_KEY);
    fill_term(&s->terms[0], 1);
    use(b, s);
}

const uint8_t *barrier_root(const struct barrier *b)
{
    MUST(b->open != NULL);
    return b->open->root;
}

void barrier_new_root(struct barrier *b)
{
    MUST(b->open != NULL);
    random_bytes(b->open->root, BARRIER_KEY);
}

struct barrier_state *barrier_snapshot(const struct barrier *b)
{
    return b->open != NULL ? state_copy(b->open, 0, 0) : NULL;
}

void barrier_restore(struct barrier *b, const struct barrier_state *s)
{
    if (s == NULL)
        barrier_close(b);
    else
        use(b, state_copy(s, 0, 0));
}

/* ---- the packed keyring ---- */

static void put_u32(uint8_t *to, uint32_t n)
{
    n = htole32(n);
    memcpy(to, &n, 4);
}

static void put_u64(uint8_t *to, uint64_t n)
{
    n = htole64(n);
    memcpy(to, &n, 8);
}

static uint32_t get_u32(const uint8_t *from)
{
    uint32_t n;

    memcpy(&n, from, 4);
    return le32toh(n);
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t n;

    memcpy(&n, from, 8);
    return le64toh(n);
}

static void check_of(const uint8_t root[BARRIER_KEY], uint8_t *out)
{
    uint8_t full[BARRIER_KEY];

    barrier_digest(root, "weir root key check", STR_NONE, full);
    memcpy(out, full, CHECK_LEN);
}

void barrier_pack(const struct barrier *b, struct buf *to)
{
    const struct barrier_state *s = b->open;
    struct barrier drawn = *b; /* for the counter alone */
    EVP_CIPHER_CTX *ctx;
    uint8_t head[PACK_HEAD];
    uint8_t *plain;
    size_t n;
    char *out;

    MUST(s != NULL);
    n = TERMS_AT + (size_t)s->nterms * TERM_LEN;
    plain = secret_alloc(n);
    memcpy(plain, s->name_key, BARRIER_KEY);
    memcpy(plain + BARRIER_KEY, s->purpose_key, BARRIER_KEY);
    put_u32(plain + COUNT_AT, s->nterms);
    for (uint32_t i = 0; i < s->nterms; i++) {
        uint8_t *at = plain + TERMS_AT + (size_t)i * TERM_LEN;

        put_u32(at, s->terms[i].number);
        put_u64(at + 4, (uint64_t)s->terms[i].made);
        put_u64(at + 12, s->terms[i].used);
        memcpy(at + 20, s->terms[i].key, BARRIER_KEY);
    }
    head[0] = VERSION;
    check_of(s->root, head + 1);
    draw_nonce(&drawn, head + 1 + CHECK_LEN);
    buf_add(to, head, sizeof(head));
    out = buf_reserve(to, n + TAG);
    MUST(out != NULL);
    ctx = keyed_cipher(b, s->root, true);
    encrypt(ctx, head + 1 + CHECK_LEN, (struct str){ (char *)head, sizeof(head) },
        (struct str){ (char *)plain, n }, (uint8_t *)out);
    EVP_CIPHER_CTX_free(ctx);
    to->len += n + TAG;
    secret_free(plain);
}

/* Into a new state; NULL when it is no keyring. */
static struct barrier_state *unpack(const uint8_t *plain, size_t n, const uint8_t *root)
{
    struct barrier_state *s;
    uint32_t nterms;

    if (n < TERMS_AT)
        return NULL;
    nterms = get_u32(plain + COUNT_AT);
    if (nterms < 1 || nterms > TERMS_MAX || n != TERMS_AT + (size_t)nterms * TERM_LEN)
        return NULL;
    s = state_new(nterms);
    memcpy(s->root, root, BARRIER_KEY);
    memcpy(s->name_key, plain, BARRIER_KEY);
    memcpy(s->purpose_key, plain + BARRIER_KEY, BARRIER_KEY);
    for (uint32_t i = 0; i < nterms; i++) {
        const uint8_t *at = plain + TERMS_AT + (size_t)i * TERM_LEN;

        s->terms[i].number = get_u32(at);
        s->terms[i].made = (int64_t)get_u64(at + 4);
        s->terms[i].used = get_u64(at + 12);
        memcpy(s->terms[i].key, at + 20, BARRIER_KEY);
    }
    return s;
}

int barrier_open(
    struct barrier *b, const uint8_t root[BARRIER_KEY], struct str packed, struct err *err)
{
    const uint8_t *in = (const uint8_t *)packed.at;
    struct barrier_state *s = NULL;
    EVP_CIPHER_CTX *ctx;
    uint8_t check[CHECK_LEN];
    uint8_t *plain;
    size_t n;

    if (packed.len < PACK_HEAD + TAG || in[0] != VERSION)
        return err_set(err, ERR_SYSTEM, "barrier_corrupt", "the stored keyring is damaged");
    check_of(root, check);
    if (CRYPTO_memcmp(check, in + 1, CHECK_LEN) != 0)
        return err_set(err, ERR_DENIED, "barrier_key", "this is not the keeper's root key");
    n = packed.len - PACK_HEAD - TAG;
    plain = secret_alloc(n);
    ctx = keyed_cipher(b, root, false);
    if (decrypt(ctx, in + 1 + CHECK_LEN, (struct str){ packed.at, PACK_HEAD },
            (struct str){ packed.at + PACK_HEAD, packed.len - PACK_HEAD }, plain))
        s = unpack(plain, n, root);
    EVP_CIPHER_CTX_free(ctx);
    secret_free(plain);
    if (s == NULL)
        return err_set(err, ERR_SYSTEM, "barrier_corrupt", "the stored keyring is damaged");
    s->terms[s->nterms - 1].used += BARRIER_UNCOUNTED;
    use(b, s);
    return 0;
}

/* ---- rows ---- */

void barrier_blind(struct barrier *b, struct str path, uint8_t out[BLIND])
{
    size_t n;

    MUST(b->open != NULL);
    MUST(EVP_MAC_init(b->blind, NULL, 0, NULL) == 1);
    MUST(EVP_MAC_update(b->blind, (const uint8_t *)path.at, path.len) == 1);
    MUST(EVP_MAC_final(b->blind, out, &n, BLIND) == 1 && n == BLIND);
}

enum { AAD_MAX = 12 + 2 * BLIND + HEAD };

/* What a part belongs to, and the head it has: version and term are covered too. */
static struct str aad_of(char to[AAD_MAX], const uint8_t *id, const uint8_t *folder,
    enum sealed_part part, const void *head)
{
    static const char words[2][12] = {
        [SEALED_NAME] = "weir rowname", [SEALED_DATA] = "weir rowdata"
    };

    memcpy(to, words[part], sizeof(words[part]));
    memcpy(to + 12, id, BLIND);
    memcpy(to + 12 + BLIND, folder, BLIND);
    memcpy(to + 12 + BLIND + BLIND, head, HEAD);
    return (struct str){ to, AAD_MAX };
}

void barrier_seal(struct barrier *b, const uint8_t id[BLIND], const uint8_t folder[BLIND],
    enum sealed_part part, struct str plain, struct buf *to)
{
    struct term *t;
    char aad[AAD_MAX];
    uint8_t head[HEAD];
    char *out;

    MUST(b->open != NULL);
    t = &b->open->terms[b->open->nterms - 1];
    if (t->seal == NULL)
        t->seal = keyed_cipher(b, t->key, true);
    head[0] = VERSION;
    put_u32(head + 1, t->number);
    draw_nonce(b, head + 5);
    buf_add(to, head, HEAD);
    out = buf_reserve(to, plain.len + TAG);
    MUST(out != NULL);
    encrypt(t->seal, head + 5, aad_of(aad, id, folder, part, head), plain, (uint8_t *)out);
    to->len += plain.len + TAG;
    t->used++;
}

static struct term *find_term(const struct barrier *b, uint32_t number)
{
    for (uint32_t i = b->open->nterms; i-- > 0;) {
        if (b->open->terms[i].number == number)
            return &b->open->terms[i];
    }
    return NULL;
}

bool barrier_unseal(struct barrier *b, const uint8_t id[BLIND], const uint8_t folder[BLIND],
    enum sealed_part part, struct str sealed, char *to, size_t *len)
{
    const uint8_t *in = (const uint8_t *)sealed.at;
    char aad[AAD_MAX];
    struct term *t;

    MUST(b->open != NULL);
    if (sealed.len < BARRIER_OVERHEAD || in[0] != VERSION)
        return false;
    t = find_term(b, get_u32(in + 1));
    if (t == NULL)
        return false;
    if (t->unseal == NULL)
        t->unseal = keyed_cipher(b, t->key, false);
    if (!decrypt(t->unseal, in + 5, aad_of(aad, id, folder, part, in),
            (struct str){ sealed.at + HEAD, sealed.len - HEAD }, (uint8_t *)to))
        return false;
    *len = sealed.len - BARRIER_OVERHEAD;
    return true;
}

/* ---- terms ---- */

uint32_t barrier_term(const struct barrier *b)
{
    MUST(b->open != NULL);
    return b->open->terms[b->open->nterms - 1].number;
}

uint32_t barrier_oldest(const struct barrier *b)
{
    MUST(b->open != NULL);
    return b->open->terms[0].number;
}

int64_t barrier_term_made(const struct barrier *b)
{
    MUST(b->open != NULL);
    return b->open->terms[b->open->nterms - 1].made;
}

uint64_t barrier_term_used(const struct barrier *b)
{
    MUST(b->open != NULL);
    return b->open->terms[b->open->nterms - 1].used;
}

void barrier_rotate(struct barrier *b)
{
    struct barrier_state *s;

    MUST(b->open != NULL);
    s = state_copy(b->open, 0, 1);
    fill_term(&s->terms[s->nterms - 1], barrier_term(b) + 1);
    use(b, s);
}

void barrier_destroy_before(struct barrier *b, uint32_t term)
{
    uint32_t first = 0;

    MUST(b->open != NULL);
    while (first + 1 < b->open->nterms && b->open->terms[first].number < term)
        first++;
    if (first > 0)
        use(b, state_copy(b->open, first, 0));
}

void barrier_derive(const struct barrier *b, const char *purpose, uint8_t out[BARRIER_KEY])
{
    MUST(b->open != NULL);
    barrier_digest(b->open->purpose_key, purpose, STR_NONE, out);
}
