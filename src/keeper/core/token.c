/*
 * token - how tokens are found and judged; see token_int.h.  Making them is in token_make.c, ending them in token_revoke.c.
 *
 * The keys (the salt of hashes, the key of batch tokens) come from the barrier, so that they are the same after a restart and
 * nowhere in storage.
 */
#include <sodium.h>

#include "base/addr.h"
#include "keeper/audit/chain_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/identity_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/lockout_int.h"
#include "keeper/core/state_int.h"
#include "keeper/core/token_store_int.h"
#include "keeper/seal/memory_int.h"

struct tokens {
    uint64_t leases; /* given out less revoked since the unseal, tokens too */
    struct chain_mac *salted;
    uint8_t batch_key[BARRIER_KEY];
};

static struct tokens *tokens_of(struct core *c)
{
    struct tokens *t = c->tokens;
    uint8_t salt[BARRIER_KEY];

    if (t != NULL)
        return t;
    t = secret_alloc(sizeof(*t));
    barrier_derive(c->barrier, "token salt", salt);
    t->salted = chain_mac_new(salt);
    barrier_derive(c->barrier, "batch token", t->batch_key);
    sodium_memzero(salt, sizeof(salt));
    c->tokens = t;
    return t;
}

void tokens_forget(struct core *c)
{
    if (c->tokens != NULL)
        chain_mac_free(c->tokens->salted);
    secret_free(c->tokens);
    c->tokens = NULL;
    lockouts_forget(c);
}

void tokens_count(struct core *c, int change)
{
    struct tokens *t = tokens_of(c);

    if (change > 0 || t->leases > 0)
        t->leases += (uint64_t)(int64_t)change;
}

uint64_t lease_count(struct core *c)
{
    return c->state == CORE_OPEN ? tokens_of(c)->leases : 0;
}

struct str token_hash(struct request *r, struct str token)
{
    uint8_t mac[CHAIN_HASH];

    chain_mac(tokens_of(r->core)->salted, token, mac);
    return encode_hex(&r->arena, (struct str){ (const char *)mac, sizeof(mac) });
}

/* ---- the text of service tokens ---- */

enum { TEXT_RANDOM = 18, TEXT_CHECK = 6, TEXT_HEAD = 4 /* "hvs." */ };

static void checksum(struct request *r, const char *random, char to[TEXT_CHECK])
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char text[TEXT_RANDOM + 6] = "check ";
    struct str mac;

    memcpy(text + 6, random, TEXT_RANDOM);
    mac = token_hash(r, (struct str){ text, sizeof(text) });
    for (size_t i = 0; i < TEXT_CHECK; i++)
        to[i] = digits[((unsigned char)mac.at[2 * i] * 31U + (unsigned char)mac.at[2 * i + 1]) %
                       (sizeof(digits) - 1)];
}

struct str token_new_text(struct request *r)
{
    const struct str random = random_base62(&r->arena, TEXT_RANDOM);
    char check[TEXT_CHECK];

    checksum(r, random.at, check);
    return str_from(arena_printf(&r->arena, "hvs.%.*s%.*s", STR_ARG(random), TEXT_CHECK, check));
}

/* Can there be such a token at all?  Costs no read of the store for what was guessed. */
static bool is_plausible(struct request *r, struct str text)
{
    struct str data;
    char check[TEXT_CHECK];

    if (!str_starts(text, STR("hvs.")))
        return entry_get(&r->tx, STR("token/custom"), &data);
    if (text.len != TEXT_HEAD + TEXT_RANDOM + TEXT_CHECK)
        return false;
    checksum(r, text.at + TEXT_HEAD, check);
    return sodium_memcmp(check, text.at + TEXT_HEAD + TEXT_RANDOM, TEXT_CHECK) == 0;
}

/* ---- batch tokens: all that is known of them is sealed in themselves ---- */

struct str token_seal_batch(struct request *r, const struct token *k)
{
    struct buf plain;
    struct str sealed;
    uint8_t *to;
    unsigned long long n;

    buf_init(&plain, TOKEN_TEXT_MAX);
    value_encode(token_to_value(&r->arena, k), &plain);
    if (plain.over) {
        buf_free(&plain);
        return STR_NONE;
    }
    to = arena_alloc(&r->arena, plain.len + TOKEN_BATCH_OVERHEAD);
    randombytes_buf(to, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(to + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
        &n, (const uint8_t *)plain.data, plain.len, NULL, 0, NULL, to,
        tokens_of(r->core)->batch_key);
    buf_free(&plain);
    sealed = encode_base64url(&r->arena,
        (struct str){ (const char *)to, n + crypto_aead_xchacha20poly1305_ietf_NPUBBYTES });
    return str_from(arena_printf(&r->arena, "hvb.%.*s", STR_ARG(sealed)));
}

bool token_open_batch(struct request *r, struct str text, struct token *k)
{
    const size_t nonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
    struct str sealed;
    struct value *v;
    unsigned long long n;
    uint8_t *plain;

    if (!decode_base64url(&r->arena, (struct str){ text.at + 4, text.len - 4 }, &sealed) ||
        sealed.len < TOKEN_BATCH_OVERHEAD)
        return false;
    plain = arena_alloc(&r->arena, sealed.len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL,
            (const uint8_t *)sealed.at + nonce, sealed.len - nonce, NULL, 0,
            (const uint8_t *)sealed.at, tokens_of(r->core)->batch_key) != 0)
        return false;
    v = value_decode(&r->arena, (struct str){ (const char *)plain, n }, VALUE_NODES_MAX);
    if (v == NULL)
        return false;
    token_from_value(v, k);
    k->batch = true;
    return true;
}

/* ---- lineage ---- */

/* What a descendant must know of an ancestor; kept with the entry. */
struct ancestor {
    char parent[TOKEN_HASH];
    bool orphan;
    bool spent;
    int64_t expires;
};

static void *ancestor_parse(struct str data, const char **why)
{
    struct arena a;
    struct ancestor *n = NULL;
    struct token k = { 0 };
    struct value *v;

    arena_init(&a, 4096);
    v = value_decode(&a, data, VALUE_NODES_MAX);
    if (v != NULL)
        token_from_value(v, &k);
    if (v == NULL || (k.parent.len != 0 && k.parent.len != TOKEN_HASH)) {
        *why = "a token is corrupt";
    } else {
        n = xcalloc(1, sizeof(*n));
        n->orphan = k.parent.len == 0;
        if (!n->orphan)
            memcpy(n->parent, k.parent.at, TOKEN_HASH);
        n->spent = k.num_uses == TOKEN_SPENT;
        n->expires = k.expires;
    }
    arena_free(&a);
    return n;
}

static size_t ancestor_size(const void *object)
{
    (void)object;
    return sizeof(struct ancestor);
}

static const struct entry_class ancestor_class = {
    .name = "token",
    .parse = ancestor_parse,
    .free = free,
    .size = ancestor_size,
};

static bool has_ended(const struct request *r, int64_t expires)
{
    return expires > 0 && r->now >= expires * 1000;
}

/* A spent ancestor is as good as any: what it made lives on until it is cleared away, a moment later. */
static bool ancestors_live(struct request *r, struct str parent)
{
    char hash[TOKEN_HASH];

    for (unsigned i = 0; parent.len > 0; i++) {
        const struct ancestor *n = entry_object(
            &r->tx, entry_path(&r->tx, "token/id/%.*s", STR_ARG(parent)), &ancestor_class);

        if (n == NULL || has_ended(r, n->expires) || i > TOKEN_DEPTH_MAX)
            return false;
        memcpy(hash, n->parent, TOKEN_HASH);
        parent = (struct str){ hash, n->orphan ? 0 : TOKEN_HASH };
    }
    return true;
}

bool token_lives(struct request *r, const struct token *k)
{
    return !has_ended(r, k->expires) && k->num_uses != TOKEN_SPENT && ancestors_live(r, k->parent);
}

/* ---- finding ---- */

bool token_read(struct request *r, struct str hash, struct token *k)
{
    struct value *v = entry_get_value(&r->tx, entry_path(&r->tx, "token/id/%.*s", STR_ARG(hash)));

    if (v == NULL || hash.len != TOKEN_HASH)
        return false;
    token_from_value(v, k);
    k->hash = arena_str(&r->arena, hash);
    return true;
}

struct token *token_load(struct request *r, struct str hash)
{
    struct token *k = arena_calloc(&r->arena, 1, sizeof(*k));

    return token_read(r, hash, k) && token_lives(r, k) ? k : NULL;
}

/* What its entity adds to its policies now. */
static struct token *with_entity(struct request *r, struct token *k)
{
    if (k != NULL && k->entity.len > 0)
        identity_look(r, k->entity, &k->identity_policies);
    return k;
}

struct token *token_load_accessor(struct request *r, struct str accessor)
{
    struct str hash;

    if (accessor.len == 0 || accessor.len > 128 || memchr(accessor.at, '/', accessor.len) != NULL)
        return NULL;
    if (!entry_get(&r->tx, entry_path(&r->tx, "token/accessor/%.*s", STR_ARG(accessor)), &hash))
        return NULL;
    return with_entity(r, token_load(r, hash));
}

static struct token *find(struct request *r, struct str text)
{
    struct token *k;

    if (text.len == 0 || text.len > TOKEN_TEXT_MAX)
        return NULL;
    if (!str_starts(text, STR("hvb.")))
        return is_plausible(r, text) ? token_load(r, token_hash(r, text)) : NULL;
    k = arena_calloc(&r->arena, 1, sizeof(*k));
    return token_open_batch(r, text, k) && token_lives(r, k) ? k : NULL;
}

struct token *token_load_text(struct request *r, struct str text)
{
    return with_entity(r, find(r, text));
}

/* ---- the check ---- */

/* "10.0.0.0/8" or one address; bits past the prefix do not matter, as in Vault. */
static bool network_holds(struct str network, struct ip ip)
{
    struct str bits_text;
    struct str ip_text = str_cut(network, '/', &bits_text);
    struct ip net;
    uint64_t bits;

    if (!ip_parse(ip_text, &net) || net.len != ip.len)
        return false;
    bits = (uint64_t)net.len * 8;
    if (bits_text.at != NULL && !str_to_u64(bits_text, bits, &bits))
        return false;
    return ip_eq(ip_prefix(ip, (unsigned)bits), ip_prefix(net, (unsigned)bits));
}

bool token_remote_is_bound(const struct value *networks, struct str remote)
{
    struct ip ip;

    if (networks == NULL || networks->n == 0)
        return true;
    if (!ip_parse(remote, &ip))
        return false;
    value_each (n, networks)
        if (network_holds(n->text, ip))
            return true;
    return false;
}

/* In a transaction of its own: the use counts whatever becomes of the request. */
static void take_use(struct request *r, struct token *k)
{
    struct tx own;
    uint64_t batch;

    k->num_uses = k->num_uses > 1 ? k->num_uses - 1 : TOKEN_SPENT;
    tx_init(&own, core_entries(r->core), &r->arena);
    token_put(&own, k);
    batch = tx_take(&own);
    if (batch > r->tx.after)
        r->tx.after = batch;
}

const struct token *token_check(struct request *r)
{
    struct token *k = find(r, r->token);

    if (k == NULL)
        return NULL;
    if (!r->inside && !token_remote_is_bound(k->bound_cidrs, r->remote))
        return NULL;
    if (k->entity.len > 0 && !identity_look(r, k->entity, &k->identity_policies))
        return NULL;
    if (k->num_uses > 0)
        take_use(r, k);
    return k;
}

int64_t token_left(const struct request *r, const struct token *t)
{
    int64_t left = t->expires - r->now / 1000;

    if (t->expires == 0)
        return 0;
    return left > 0 ? left : 0;
}

bool token_has_sudo(struct request *r)
{
    struct acl_answer can;

    if (r->who == NULL)
        return false;
    acl_look(core_acl(r, r->who), r->path, false, &can);
    return (can.capabilities & (CAN_SUDO | CAN_ROOT)) != 0;
}
