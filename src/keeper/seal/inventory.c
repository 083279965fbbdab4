/*
 * inventory - see inventory_int.h.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "keeper/engines/transit_int.h"
#include "keeper/seal/inventory_int.h"

enum { CHALLENGE = 48, FAILURES_MAX = 100 };

enum keeper_of_keys { OF_TRANSIT, OF_PKI };

struct keys_mount {
    struct mount mount; /* id and path alone */
    enum keeper_of_keys kind;
};

struct item {
    struct keys_mount *mount;
    struct str name;
};

struct inventory {
    struct entries *entries;
    struct arena arena;
    struct item *items;
    size_t n;
    size_t room;
    size_t next;    /* to be proved */
    unsigned found; /* versions that the manifest has too */
};

/* ---- listing ---- */

static void list_keys(struct inventory *v, struct tx *t, struct keys_mount *m)
{
    struct value *names =
        entry_list(t, entry_path(t, "mount/%.*s/key/", STR_ARG(m->mount.id)), STR_NONE, 0);

    value_each (it, names) {
        if (v->n == v->room) {
            v->room = v->room > 0 ? v->room * 2 : 64;
            v->items = xreallocarray(v->items, v->room, sizeof(struct item));
        }
        v->items[v->n++] = (struct item){ m, it->text };
    }
}

static void list_mount(struct inventory *v, struct tx *t, struct str id)
{
    struct value *row = entry_get_value(t, entry_path(t, "core/mount/%.*s", STR_ARG(id)));
    struct str type = value_get_text(row, "type", STR(""));
    bool transit = str_is(type, "transit");
    struct keys_mount *m;

    if (row == NULL || (!transit && !str_is(type, "pki")))
        return;
    m = arena_calloc(&v->arena, 1, sizeof(*m));
    m->kind = transit ? OF_TRANSIT : OF_PKI;
    m->mount.id = id;
    m->mount.path = value_get_text(row, "path", STR(""));
    list_keys(v, t, m);
}

struct inventory *inventory_new(struct entries *e)
{
    struct inventory *v = xcalloc(1, sizeof(*v));
    struct value *mounts;
    struct tx t;

    v->entries = e;
    arena_init(&v->arena, 16384);
    tx_init(&t, e, &v->arena);
    mounts = entry_list(&t, STR("core/mount/"), STR_NONE, 0);
    value_each (it, mounts)
        list_mount(v, &t, it->text);
    if (t.failed == NULL)
        return v;
    inventory_free(v);
    return NULL;
}

void inventory_free(struct inventory *v)
{
    if (v == NULL)
        return;
    arena_free(&v->arena);
    free(v->items);
    free(v);
}

unsigned inventory_keys(const struct inventory *v)
{
    return (unsigned)v->n;
}

/* ---- keys of authorities ---- */

static EVP_PKEY *pki_load(struct tx *t, const struct item *it)
{
    struct value *v = entry_get_value(
        t, entry_path(t, "mount/%.*s/key/%.*s", STR_ARG(it->mount->mount.id), STR_ARG(it->name)));
    struct str der = value_get_text(v, "pkcs8", STR_NONE);
    const uint8_t *at = (const uint8_t *)der.at;

    return der.len > 0 ? d2i_AutoPrivateKey(NULL, &at, (long)der.len) : NULL;
}

static struct str public_of_pkey(struct arena *a, EVP_PKEY *key)
{
    uint8_t *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    struct str copy = n > 0 ? arena_str(a, (struct str){ (char *)der, (size_t)n }) : STR_NONE;

    OPENSSL_free(der);
    return copy;
}

static bool pkey_signs(EVP_PKEY *copy, EVP_PKEY *pub)
{
    const EVP_MD *md = EVP_PKEY_is_a(copy, "ED25519") ? NULL : EVP_sha256();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_MD_CTX *check = EVP_MD_CTX_new();
    uint8_t challenge[CHALLENGE];
    uint8_t signature[2048];
    size_t n = sizeof(signature);
    bool ok;

    random_bytes(challenge, sizeof(challenge));
    ok = EVP_DigestSignInit(ctx, NULL, md, NULL, copy) == 1 &&
         EVP_DigestSign(ctx, signature, &n, challenge, sizeof(challenge)) == 1 &&
         EVP_DigestVerifyInit(check, NULL, md, NULL, pub) == 1 &&
         EVP_DigestVerify(check, signature, n, challenge, sizeof(challenge)) == 1;
    EVP_MD_CTX_free(check);
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* ---- describing ---- */

static void describe_version(
    struct arena *a, struct value *list, uint32_t version, const char *type, struct str pub)
{
    struct value *one = value_map(a);

    value_put_i64(a, one, "version", version);
    value_put_text(a, one, "type", str_from(type));
    value_put_text(a, one, "public", pub);
    value_add(list, one);
}

static uint32_t first_version(const struct transit_key *k)
{
    return k->min_available > 0 ? k->min_available : 1;
}

static uint32_t last_version(const struct transit_key *k)
{
    return k->pending > k->latest ? k->pending : k->latest;
}

static const struct transit_version *private_version(
    struct tx *t, const struct item *it, uint32_t n)
{
    const struct transit_version *v = transit_version_get(t, &it->mount->mount, it->name, n);

    return v != NULL && v->key != NULL && !crypto_is_public(v->key) ? v : NULL;
}

static struct str public_of(struct arena *a, const struct crypto_key *k)
{
    struct str copy;
    struct buf b;

    buf_init(&b, 4096);
    crypto_public_der(k, &b);
    copy = arena_str(a, buf_as_str(&b));
    buf_free(&b);
    return copy;
}

static struct value *describe_item(struct tx *t, const struct item *it, struct arena *a)
{
    struct value *list = value_list(a);
    const struct transit_key *found;
    struct transit_key k;

    if (it->mount->kind == OF_PKI) {
        EVP_PKEY *key = pki_load(t, it);

        if (key != NULL)
            describe_version(a, list, 1, EVP_PKEY_get0_type_name(key), public_of_pkey(a, key));
        EVP_PKEY_free(key);
        return list;
    }
    found = transit_key_get(t, &it->mount->mount, it->name);
    if (found == NULL)
        return list;
    k = *found;
    for (uint32_t n = first_version(&k); n <= last_version(&k); n++) {
        const struct transit_version *v = private_version(t, it, n);

        if (v != NULL)
            describe_version(a, list, n, key_facts(k.type)->name, public_of(a, v->key));
    }
    return list;
}

struct value *inventory_describe(struct inventory *v, struct arena *a, uint64_t *after)
{
    struct value *all = value_map(a);
    struct value *keys = NULL;
    const struct keys_mount *last = NULL;
    struct arena scratch;
    bool ok = true;

    arena_init(&scratch, 65536);
    for (size_t i = 0; i < v->n && ok; i++) {
        const struct item *it = &v->items[i];
        struct tx t;

        MUST(it->mount != NULL);
        tx_init(&t, v->entries, &scratch);
        if (it->mount != last) {
            struct value *m = value_map(a);

            last = it->mount;
            keys = value_map(a);
            value_put_text(a, m, "path", last->mount.path);
            value_put_text(a, m, "engine", str_from(last->kind == OF_PKI ? "pki" : "transit"));
            value_put(m, "keys", keys);
            value_put_named(a, all, last->mount.id, m);
        }
        value_put_named(a, keys, it->name, describe_item(&t, it, a));
        ok = t.failed == NULL;
        if (t.after > *after)
            *after = t.after;
        arena_reset(&scratch);
    }
    arena_free(&scratch);
    return ok ? all : NULL;
}

/* ---- proving ---- */

struct proving {
    struct inventory *inventory;
    struct arena *arena; /* of what is told */
    struct proofs *to;
    const struct item *item;
    const struct value *published; /* versions of this key in the manifest */
    struct tx copy;
    struct tx live;
    bool has_live;
};

static void fail(struct proving *p, uint32_t version, const char *why)
{
    p->to->failed++;
    if (p->to->failures == NULL)
        p->to->failures = value_list(p->arena);
    if (p->to->failures->n < FAILURES_MAX)
        value_add_text(p->arena, p->to->failures,
            str_from(arena_printf(p->arena, "%.*s%.*s version %u: %s",
                STR_ARG(p->item->mount->mount.path), STR_ARG(p->item->name), version, why)));
}

/* The manifest's public key of a version; false: the manifest does not know it. */
static bool published_public(struct proving *p, uint32_t version, struct str *pub)
{
    value_each (it, p->published) {
        if (value_get_i64(it, "version", 0) == version) {
            p->inventory->found++;
            *pub = value_get_text(it, "public", STR_NONE);
            return true;
        }
    }
    return false;
}

static bool key_signs(struct crypto_key *copy, enum key_type type, struct str pub)
{
    struct signing how = { .digest = DIGEST_SHA256 };
    struct crypto_key *verifier;
    uint8_t challenge[CHALLENGE];
    struct str input = { (char *)challenge, sizeof(challenge) };
    struct err err = { 0 };
    struct buf signature;
    bool ok;

    buf_init(&signature, 4096);
    random_bytes(challenge, sizeof(challenge));
    verifier = pub.len > 0 ? crypto_from_public(type, pub, &err) : NULL;
    ok = verifier != NULL && crypto_key_sign(copy, &how, input, &signature, &err) == 0 &&
         crypto_verify(verifier, &how, input, buf_as_str(&signature), &err) == 1;
    crypto_unref(verifier);
    buf_free(&signature);
    return ok;
}

/* What the live key seals the copy opens; MACs of both are equal. */
static bool key_agrees(struct crypto_key *copy, struct crypto_key *live)
{
    uint8_t challenge[CHALLENGE];
    struct str input = { (char *)challenge, sizeof(challenge) };
    struct err err = { 0 };
    struct buf sealed;
    struct buf opened;
    bool ok;

    random_bytes(challenge, sizeof(challenge));
    if (crypto_type(copy) == KEY_HMAC) {
        uint8_t one[64];
        uint8_t two[64];
        size_t n;

        crypto_mac(copy, DIGEST_SHA256, input, one, &n);
        crypto_mac(live, DIGEST_SHA256, input, two, &n);
        return memcmp(one, two, n) == 0;
    }
    buf_init(&sealed, 4096);
    buf_init(&opened, 4096);
    ok = crypto_encrypt(live, NULL, STR("drill"), input, &sealed, &err) == 0 &&
         crypto_decrypt(copy, STR("drill"), buf_as_str(&sealed), &opened, &err) == 0 &&
         str_eq(buf_as_str(&opened), input);
    buf_free(&sealed);
    buf_free(&opened);
    return ok;
}

static void prove_version(struct proving *p, uint32_t n, const struct transit_version *copy)
{
    const struct transit_version *live = p->has_live ? private_version(&p->live, p->item, n) : NULL;
    enum key_type type = crypto_type(copy->key);
    struct str pub = STR_NONE;
    bool known = published_public(p, n, &pub);
    bool ok;

    p->to->keys++;
    p->to->not_live += live == NULL;
    if (key_facts(type)->signs && key_facts(type)->asymmetric) {
        if (live != NULL)
            pub = public_of(p->live.arena, live->key);
        p->to->signing++;
        ok = key_signs(copy->key, type, pub);
    } else {
        p->to->sealing++;
        ok = live != NULL ? key_agrees(copy->key, live->key) : crypto_self_test(copy->key);
    }
    if (!ok)
        fail(p, n,
            live != NULL ? "it is not the key that is in use"
            : known      ? "it is not the key that the manifest names"
                         : "neither the keeper nor the manifest knows it");
}

static void prove_transit(struct proving *p)
{
    const struct transit_key *found =
        transit_key_get(&p->copy, &p->item->mount->mount, p->item->name);
    struct transit_key k;

    if (found == NULL)
        return;
    k = *found;
    for (uint32_t n = first_version(&k); n <= last_version(&k); n++) {
        const struct transit_version *v = private_version(&p->copy, p->item, n);

        if (v != NULL)
            prove_version(p, n, v);
    }
}

static void prove_pki(struct proving *p)
{
    EVP_PKEY *copy = pki_load(&p->copy, p->item);
    EVP_PKEY *pub = p->has_live ? pki_load(&p->live, p->item) : NULL;
    struct str der = STR_NONE;
    bool live = pub != NULL;
    bool known = published_public(p, 1, &der);

    p->to->keys++;
    p->to->signing++;
    p->to->not_live += !live;
    if (!live && known) {
        const uint8_t *at = (const uint8_t *)der.at;

        pub = d2i_PUBKEY(NULL, &at, (long)der.len);
    }
    if (copy == NULL || pub == NULL || !pkey_signs(copy, pub))
        fail(p, 1,
            live    ? "it is not the key that is in use"
            : known ? "it is not the key that the manifest names"
                    : "neither the keeper nor the manifest knows it");
    EVP_PKEY_free(pub);
    EVP_PKEY_free(copy);
}

static void prove_item(struct proving *p, const struct value *published)
{
    const struct value *mount = value_find(published, p->item->mount->mount.id);

    p->published = value_find(value_get(mount, "keys"), p->item->name);
    if (p->item->mount->kind == OF_PKI)
        prove_pki(p);
    else
        prove_transit(p);
    if (p->copy.failed != NULL)
        fail(p, 0, "its entries in the backup are damaged");
}

static unsigned versions_of(const struct value *published)
{
    unsigned n = 0;

    value_each (mount, published) {
        value_each (key, value_get(mount, "keys"))
            n += key->n;
    }
    return n;
}

bool inventory_prove(struct inventory *v, struct entries *live, const struct value *published,
    struct arena *a, msec_t at_most, struct proofs *to)
{
    nsec_t end = time_nsec() + (nsec_t)at_most * 1000000;
    struct proving p = { .inventory = v, .arena = a, .to = to, .has_live = live != NULL };
    struct arena scratch;

    arena_init(&scratch, 65536);
    while (v->next < v->n && time_nsec() < end) {
        p.item = &v->items[v->next++];
        tx_init(&p.copy, v->entries, &scratch);
        tx_init(&p.live, live != NULL ? live : v->entries, &scratch);
        prove_item(&p, published);
        arena_reset(&scratch);
    }
    arena_free(&scratch);
    if (v->next < v->n)
        return false;
    to->missing = versions_of(published) - v->found;
    return true;
}
