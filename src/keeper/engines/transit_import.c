/*
 * Transit: what brings keys in: restore of a backup, and import of a user's own key (BYOK).
 *
 * An import is an AES key under the mount's wrapping key (RSA-4096, OAEP), followed by the user's key under that (RFC 5649).
 * Unwrapping takes milliseconds and is done in a worker.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_int.h"
#include "keeper/engines/transit_vault_int.h"
#include "keeper/seal/memory_int.h"

enum {
    WRAPPED_AES = 512 /* bytes: RSA-4096 */,
    UNWRAPPED_MAX = 16 * 1024,
    CIPHERTEXT_MAX = 64 * 1024
};

/* ---- restore ---- */

void transit_restore(struct request *r)
{
    const struct value *backup = value_get(r->parsed, "backup");
    struct str name = param(r, "name");
    struct str text = STR("");
    bool force = false;
    const char *why;

    field_text(r, "backup", &text);
    field_bool(r, "force", &force);
    if (refused(r))
        return;
    if (text.len == 0) {
        reply_error(r, 400, "'backup' must be supplied");
        return;
    }
    if (backup == NULL || value_get(backup, "error") != NULL) {
        reply_error(r, 400, "%.*s",
            STR_ARG(value_get_text(backup, "error", STR("the backup cannot be read"))));
        return;
    }
    if (name.len == 0)
        name = value_get_text(value_get(backup, "policy"), "name", STR(""));
    if (!transit_name_is_valid(name)) {
        reply_error(r, 400, "invalid key name");
        return;
    }
    if (transit_key_get(&r->tx, r->mount, name) != NULL) {
        if (!force) {
            reply_error(r, 500, "key \"%.*s\" already exists", STR_ARG(name));
            return;
        }
        transit_key_remove(&r->tx, r->mount, name);
    }
    why = transit_from_vault(&r->tx, r->mount, name, backup, r->now);
    if (why != NULL)
        reply_error(r, 400, "%s", why);
    else
        reply_empty(r);
}

/* ---- the wrapping key ---- */

static struct crypto_key *wrapping_key(struct request *r)
{
    struct str der;
    struct err err;

    if (!entry_get(&r->tx, mount_path(r, "wrapping_key"), &der))
        return NULL;
    return crypto_from_secret(KEY_RSA_4096, der, &err);
}

static void reply_wrapping_key(struct request *r, const struct crypto_key *k)
{
    struct value *data = value_map(&r->arena);
    struct buf pem;

    buf_init(&pem, 4096);
    crypto_public_pem(k, &pem);
    value_put_text(&r->arena, data, "public_key", buf_as_str(&pem));
    transit_reply(r, data);
    buf_free(&pem);
}

static void made_wrapping_key(struct request *r, struct crypto_key *key, void *arg)
{
    struct crypto_key *first = wrapping_key(r); /* of somebody who was faster */
    size_t len;
    void *der;

    (void)arg;
    if (first == NULL) {
        der = crypto_secret(key, &len);
        entry_put(&r->tx, mount_path(r, "wrapping_key"), (struct str){ der, len }, 0);
        secret_free(der);
    }
    reply_wrapping_key(r, first != NULL ? first : key);
    crypto_unref(first);
}

void transit_wrapping_key(struct request *r)
{
    struct crypto_key *k = wrapping_key(r);

    if (k == NULL)
        transit_generate(r, KEY_RSA_4096, 0, made_wrapping_key, NULL);
    else
        reply_wrapping_key(r, k);
    crypto_unref(k);
}

/* ---- import ---- */

struct import {
    struct transit_key k;
    struct str name;
    enum digest digest;
    struct str ciphertext; /* in the request's arena */
    struct crypto_key *wrapping;
    struct crypto_key *key; /* what came out */
    const char *error;
    bool version;  /* of a key that is there */
    uint32_t into; /* fills the private half of this version; 0: a new one */
};

/* In a worker. */
static void unwrap(void *arg)
{
    struct import *i = arg;
    struct str head = { i->ciphertext.at, WRAPPED_AES };
    struct str tail = { i->ciphertext.at + WRAPPED_AES, i->ciphertext.len - WRAPPED_AES };
    struct buf aes;
    struct buf plain;
    struct err err;

    buf_init_secret(&aes, UNWRAPPED_MAX);
    buf_init_secret(&plain, UNWRAPPED_MAX + 16);
    if (crypto_oaep_decrypt(i->wrapping, i->digest, head, &aes, &err) == -1 ||
        crypto_kwp_unwrap(buf_as_str(&aes), tail, &plain, &err) == -1)
        i->error = "the ciphertext is not a key wrapped with this mount's wrapping key";
    else
        i->key = crypto_from_secret(i->k.type, buf_as_str(&plain), &err);
    if (i->k.type == KEY_HMAC)
        i->k.key_size = (int64_t)plain.len;
    if (i->error == NULL && (i->key == NULL || !crypto_self_test(i->key) ||
                                (i->k.type == KEY_HMAC && plain.len < TRANSIT_HMAC_KEY)))
        i->error = "the imported key is malformed or of another type";
    buf_free(&aes);
    buf_free(&plain);
}

static bool same_public(const struct crypto_key *a, const struct crypto_key *b)
{
    struct buf x;
    struct buf y;
    bool same;

    buf_init(&x, UNWRAPPED_MAX);
    buf_init(&y, UNWRAPPED_MAX);
    crypto_public_der(a, &x);
    crypto_public_der(b, &y);
    same = x.len > 0 && str_eq(buf_as_str(&x), buf_as_str(&y));
    buf_free(&x);
    buf_free(&y);
    return same;
}

/* The private half of a version that had come without one. False: refused, and said. */
static bool complete(struct request *r, struct import *i, uint32_t n)
{
    const struct transit_version *old = transit_version_get(&r->tx, r->mount, i->name, n);
    struct transit_version v;

    if (old == NULL || old->key == NULL || !crypto_is_public(old->key)) {
        reply_error(r, 400, "version %u has a private key already", n);
        return false;
    }
    if (!same_public(old->key, i->key)) {
        reply_error(r, 400, "the private key does not belong to the public key of version %u", n);
        return false;
    }
    v = *old;
    v.key = i->key;
    transit_version_put(&r->tx, r->mount, i->name, n, &v);
    return true;
}

static void store_version(struct request *r, struct import *i)
{
    const struct transit_key *found = transit_key_get(&r->tx, r->mount, i->name);
    const struct transit_version *latest;
    struct transit_key k;

    if (found == NULL) {
        reply_error(r, 400, "key not found");
        return;
    }
    k = *found;
    if (k.type != crypto_type(i->key) || !k.imported) { /* made anew while a worker was at it */
        reply_error(r, 400, "the key is another one by now");
        return;
    }
    latest = transit_version_get(&r->tx, r->mount, i->name, k.latest);
    if (i->into == 0 && !crypto_is_public(i->key) && latest != NULL && latest->key != NULL &&
        crypto_is_public(latest->key) && same_public(latest->key, i->key))
        i->into = k.latest;
    if (i->into != 0) {
        if (complete(r, i, i->into))
            reply_empty(r);
        return;
    }
    if (k.latest >= TRANSIT_VERSIONS_MAX) {
        reply_error(r, 400, "the key has too many versions");
        return;
    }
    transit_version_add(&r->tx, r->mount, i->name, &k, i->key, r->now, TRANSIT_AT_ONCE);
    reply_empty(r);
}

static void store_key(struct request *r, struct import *i)
{
    if (transit_key_get(&r->tx, r->mount, i->name) != NULL) {
        reply_error(r, 400,
            "the import path cannot be used with an existing key; use import-version to rotate an "
            "existing imported key");
        return;
    }
    transit_version_add(&r->tx, r->mount, i->name, &i->k, i->key, r->now, TRANSIT_AT_ONCE);
    reply_empty(r);
}

static void unwrapped(struct request *r, void *arg)
{
    struct import *i = arg;

    if (i->error != NULL)
        reply_error(r, 400, "%s", i->error);
    else if (i->version)
        store_version(r, i);
    else
        store_key(r, i);
    crypto_unref(i->wrapping);
    crypto_unref(i->key);
    free(i);
}

static bool hash_of(struct request *r, enum digest *d)
{
    struct str name = STR("SHA256");

    field_text(r, "hash_function", &name);
    if (refused(r))
        return false;
    *d = digest_find(name);
    if (*d >= DIGEST_SHA1 && *d <= DIGEST_SHA512)
        return true;
    reply_error(r, 400, "unsupported hash function: %.*s", STR_ARG(name));
    return false;
}

/* 1: there is a public key, 0: none was given, -1: refused, and said. */
static int take_public(struct request *r, struct import *i)
{
    const struct value *list = value_get(value_get(r->parsed, "public_keys"), "public_key");
    struct str text = STR("");
    struct err err;

    field_text(r, "public_key", &text);
    if (refused(r))
        return -1;
    if (text.len == 0)
        return 0;
    if (list != NULL && list->n == 1)
        i->key = crypto_from_public(i->k.type, list->first->text, &err);
    if (i->key != NULL)
        return 1;
    reply_error(r, 400, "the public key is malformed or of another type");
    return -1;
}

/* Reads what is to be imported and does it. Takes over i. */
static void bring_in(struct request *r, struct import *i)
{
    struct str ciphertext = STR("");
    int got = take_public(r, i);

    if (got == 0 && hash_of(r, &i->digest)) {
        if (!field_bytes(r, "ciphertext", &ciphertext)) {
            if (!refused(r))
                reply_error(r, 400,
                    "one of the following fields must be set, `ciphertext` or `public_key`");
        } else if (ciphertext.len <= WRAPPED_AES || ciphertext.len > CIPHERTEXT_MAX) {
            reply_error(r, 400, "the ciphertext has not the length of a wrapped key");
        } else if ((i->wrapping = wrapping_key(r)) == NULL) {
            reply_error(r, 400, "there is no wrapping key yet: read wrapping_key first");
        }
    }
    if (refused(r)) {
        crypto_unref(i->key);
        crypto_unref(i->wrapping);
        free(i);
        return;
    }
    i->ciphertext = ciphertext;
    if (got == 1) {
        unwrapped(r, i);
    } else if (!request_work(r, unwrap, unwrapped, i)) {
        crypto_unref(i->wrapping);
        free(i);
    }
}

void transit_import(struct request *r)
{
    struct import *i = xcalloc(1, sizeof(*i));

    i->name = param(r, "name");
    if (!transit_name_is_valid(i->name))
        reply_error(r, 400, "a key's name is made of letters, digits, '_', '-' and '.'");
    else if (transit_key_fields(r, "aes256-gcm96", &i->k)) {
        i->k.imported = true;
        field_bool(r, "allow_rotation", &i->k.allow_rotation);
        if (!refused(r) && i->k.auto_rotate > 0 && !i->k.allow_rotation)
            reply_error(r, 400, "allow_rotation must be set to true if auto-rotation is enabled");
    }
    if (!refused(r) && transit_key_exists(r))
        reply_error(r, 400,
            "the import path cannot be used with an existing key; use import-version to rotate an "
            "existing imported key");
    if (refused(r))
        free(i);
    else
        bring_in(r, i);
}

void transit_import_version(struct request *r)
{
    const struct transit_key *k = transit_of(
        r, arena_printf(&r->arena,
               "no key found with name %.*s; to import a new key, use the import/ endpoint",
               STR_ARG(param(r, "name"))));
    struct import *i;
    int64_t into = 0;

    if (k == NULL)
        return;
    field_int(r, "version", &into);
    if (refused(r))
        return;
    if (!k->imported)
        reply_error(r, 400, "the import_version endpoint can only be used with an imported key");
    else if (k->allow_rotation && k->latest > 1 && into == 0)
        reply_error(r, 400, "import_version cannot be used on keys that were rotated here");
    else if (into < 0 || into > k->latest)
        reply_error(r, 400, "no such version");
    if (refused(r))
        return;
    i = xcalloc(1, sizeof(*i));
    i->k = *k;
    i->name = param(r, "name");
    i->version = true;
    i->into = (uint32_t)into;
    bring_in(r, i);
}
