/*
 * Transit's keys as entries: what is written, and the objects that reading makes of it.
 *
 * A version's secret goes from secret memory into a wiped buffer into the barrier; it is in no value tree and in no
 * request's arena.
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/engines/transit_int.h"
#include "keeper/seal/memory_int.h"

enum { ROW_MAX = 256 * 1024, ROW_NODES = 2000, OBJECT_ARENA = 2048, CHAIN_MAX = 100 };

/* ---- names ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool transit_name_is_valid(struct str name)
{
    if (name.len == 0 || name.len > TRANSIT_NAME_MAX || !is_word(name.at[0]) ||
        !is_word(name.at[name.len - 1]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_word(name.at[i]) && name.at[i] != '-' && name.at[i] != '.')
            return false;
    return true;
}

static struct str key_path(struct tx *t, const struct mount *m, struct str name)
{
    return entry_path(t, "mount/%.*s/key/%.*s", STR_ARG(m->id), STR_ARG(name));
}

static struct str version_path(
    struct tx *t, const struct mount *m, struct str name, uint32_t version)
{
    return entry_path(t, "mount/%.*s/version/%.*s/%u", STR_ARG(m->id), STR_ARG(name), version);
}

/* ---- the key ---- */

/* What is a plain member of the row, in one table for both directions. */
enum field_kind { FIELD_BOOL, FIELD_U32, FIELD_I64, FIELD_INT };
static const struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
} fields[] = {
    { "derived", FIELD_BOOL, offsetof(struct transit_key, derived) },
    { "kdf", FIELD_INT, offsetof(struct transit_key, kdf) },
    { "convergent", FIELD_BOOL, offsetof(struct transit_key, convergent) },
    { "convergent_version", FIELD_INT, offsetof(struct transit_key, convergent_version) },
    { "exportable", FIELD_BOOL, offsetof(struct transit_key, exportable) },
    { "plaintext_backup", FIELD_BOOL, offsetof(struct transit_key, plaintext_backup) },
    { "deletion_allowed", FIELD_BOOL, offsetof(struct transit_key, deletion_allowed) },
    { "imported", FIELD_BOOL, offsetof(struct transit_key, imported) },
    { "allow_rotation", FIELD_BOOL, offsetof(struct transit_key, allow_rotation) },
    { "soft_deleted", FIELD_BOOL, offsetof(struct transit_key, soft_deleted) },
    { "latest", FIELD_U32, offsetof(struct transit_key, latest) },
    { "min_decryption", FIELD_U32, offsetof(struct transit_key, min_decryption) },
    { "min_encryption", FIELD_U32, offsetof(struct transit_key, min_encryption) },
    { "min_available", FIELD_U32, offsetof(struct transit_key, min_available) },
    { "pending", FIELD_U32, offsetof(struct transit_key, pending) },
    { "activates", FIELD_I64, offsetof(struct transit_key, activates) },
    { "auto_rotate", FIELD_I64, offsetof(struct transit_key, auto_rotate) },
    { "rotate_after", FIELD_I64, offsetof(struct transit_key, rotate_after) },
    { "rotated", FIELD_I64, offsetof(struct transit_key, rotated) },
    { "tried", FIELD_I64, offsetof(struct transit_key, tried) },
    { "key_size", FIELD_I64, offsetof(struct transit_key, key_size) },
    { "backed_up", FIELD_I64, offsetof(struct transit_key, backed_up) },
    { "restored", FIELD_I64, offsetof(struct transit_key, restored) },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void put_field(
    struct arena *a, struct value *row, const struct field *f, const struct transit_key *k)
{
    const char *at = (const char *)k + f->offset;

    switch (f->kind) {
    case FIELD_BOOL:
        value_put_bool(a, row, f->name, *(const bool *)(const void *)at);
        break;
    case FIELD_U32:
        value_put_i64(a, row, f->name, *(const uint32_t *)(const void *)at);
        break;
    case FIELD_I64:
        value_put_i64(a, row, f->name, *(const int64_t *)(const void *)at);
        break;
    case FIELD_INT:
        value_put_i64(a, row, f->name, *(const int *)(const void *)at);
        break;
    }
}

static void take_field(const struct value *row, const struct field *f, struct transit_key *k)
{
    char *at = (char *)k + f->offset;

    switch (f->kind) {
    case FIELD_BOOL:
        *(bool *)(void *)at = value_get_bool(row, f->name, false);
        break;
    case FIELD_U32:
        *(uint32_t *)(void *)at = (uint32_t)value_get_i64(row, f->name, 0);
        break;
    case FIELD_I64:
        *(int64_t *)(void *)at = value_get_i64(row, f->name, 0);
        break;
    case FIELD_INT:
        *(int *)(void *)at = (int)value_get_i64(row, f->name, 0);
        break;
    }
}

static void *key_parse(struct str data, const char **why)
{
    struct arena a;
    struct value *row;
    struct transit_key *k = NULL;
    enum key_type type;

    arena_init(&a, OBJECT_ARENA);
    row = value_decode(&a, data, ROW_NODES);
    type = key_type_find(value_get_text(row, "type", STR_NONE));
    if (type == KEY_TYPES) {
        *why = "a transit key of no known type";
    } else {
        k = xcalloc(1, sizeof(*k));
        k->type = type;
        for (size_t i = 0; i < FIELDS; i++)
            take_field(row, &fields[i], k);
    }
    arena_free(&a);
    return k;
}

static size_t key_size(const void *object)
{
    (void)object;
    return sizeof(struct transit_key);
}

static const struct entry_class key_class = {
    .name = "transit key",
    .parse = key_parse,
    .free = free,
    .size = key_size,
};

const struct transit_key *transit_key_get(struct tx *t, const struct mount *m, struct str name)
{
    if (!transit_name_is_valid(name))
        return NULL;
    return entry_object(t, key_path(t, m, name), &key_class);
}

/* When the tick must look: the earlier of rotation and activation. */
static int64_t due(const struct transit_key *k)
{
    int64_t rotation = 0;
    int64_t activation = k->pending != 0 ? k->activates : 0;

    if (k->auto_rotate > 0 && !k->soft_deleted && (!k->imported || k->allow_rotation))
        rotation = k->rotated + k->auto_rotate;
    if (rotation != 0 && rotation < k->tried + TRANSIT_TRY_AGAIN)
        rotation = k->tried + TRANSIT_TRY_AGAIN;
    if (rotation == 0 || (activation != 0 && activation < rotation))
        return activation * 1000;
    return rotation * 1000;
}

void transit_key_put(
    struct tx *t, const struct mount *m, struct str name, const struct transit_key *k)
{
    struct value *row = value_map(t->arena);

    value_put_text(t->arena, row, "type", str_from(key_facts(k->type)->name));
    for (size_t i = 0; i < FIELDS; i++)
        put_field(t->arena, row, &fields[i], k);
    entry_put_value(t, key_path(t, m, name), row, due(k));
}

/* ---- versions ---- */

static const char *const state_names[TRANSIT_STATES] = { "pre-active", "active", "deactivated",
    "compromised", "destroyed" };

const char *transit_state_name(enum transit_state s)
{
    return state_names[s];
}

static enum transit_state state_of(struct str name)
{
    for (enum transit_state s = 0; s < TRANSIT_STATES; s++)
        if (str_is(name, state_names[s]))
            return s;
    return TRANSIT_ACTIVE;
}

enum transit_state transit_state(
    const struct transit_key *k, const struct transit_version *v, uint32_t version)
{
    if (v->state != TRANSIT_ACTIVE)
        return v->state;
    if (version > k->latest)
        return TRANSIT_PRE_ACTIVE;
    if (version < k->latest && (k->min_encryption == 0 || version < k->min_encryption))
        return TRANSIT_DEACTIVATED;
    return TRANSIT_ACTIVE;
}

static void version_free(void *object)
{
    struct transit_version *v = object;

    if (v == NULL)
        return;
    crypto_unref(v->key);
    crypto_unref(v->hmac);
    free(v->reason);
    for (unsigned i = 0; i < v->nchain; i++)
        free((char *)(uintptr_t)v->chain[i].at);
    free(v->chain);
    free(v);
}

static size_t version_size(const void *object)
{
    const struct transit_version *v = object;

    return v->key != NULL && key_facts(crypto_type(v->key))->asymmetric ? 8192 : 1024;
}

static void take_chain(struct transit_version *v, const struct value *list)
{
    if (list == NULL || list->n == 0 || list->n > CHAIN_MAX)
        return;
    v->chain = xcalloc(list->n, sizeof(*v->chain));
    value_each (it, list) {
        char *copy = xmalloc(it->text.len + 1);

        memcpy(copy, it->text.at, it->text.len);
        v->chain[v->nchain++] = (struct str){ copy, it->text.len };
    }
}

/* Its key, of the secret or of the public half alone. */
static bool take_key(struct transit_version *v, const struct value *row, enum key_type type)
{
    struct str secret = value_get_text(row, "secret", STR_NONE);
    struct str public_half = value_get_text(row, "public", STR_NONE);
    struct err err;

    if (secret.len > 0)
        v->key = crypto_from_secret(type, secret, &err);
    else if (public_half.len > 0)
        v->key = crypto_from_public(type, public_half, &err);
    return v->key != NULL || v->state == TRANSIT_DESTROYED;
}

static bool take_hmac(struct transit_version *v, struct str bytes, enum key_type type)
{
    struct err err;

    if (v->key == NULL)
        return true;
    v->hmac = type == KEY_HMAC ? crypto_ref(v->key)
              : bytes.len > 0  ? crypto_from_secret(KEY_HMAC, bytes, &err)
                               : NULL;
    return v->hmac != NULL || bytes.len == 0;
}

static void *version_parse(struct str data, const char **why)
{
    struct arena a;
    struct transit_version *v = xcalloc(1, sizeof(*v));
    struct value *row;
    struct str hmac;
    enum key_type type;

    arena_init(&a, OBJECT_ARENA);
    row = value_decode(&a, data, ROW_NODES); /* texts stay in `data` */
    type = key_type_find(value_get_text(row, "type", STR_NONE));
    hmac = value_get_text(row, "hmac", STR_NONE);
    v->state = state_of(value_get_text(row, "state", STR_NONE));
    v->created = value_get_i64(row, "created", 0);
    v->changed = value_get_i64(row, "changed", 0);
    v->convergent = (int)value_get_i64(row, "convergent", 0);
    if (value_get(row, "reason") != NULL) {
        struct str reason = value_get_text(row, "reason", STR_NONE);

        v->reason = xstrndup(reason.len > 0 ? reason.at : "", reason.len);
    }
    take_chain(v, value_get(row, "chain"));
    if (type == KEY_TYPES || !take_key(v, row, type) || !take_hmac(v, hmac, type)) {
        *why = "a transit key's version that cannot be read";
        version_free(v);
        v = NULL;
    }
    arena_free(&a);
    return v;
}

static const struct entry_class version_class = {
    .name = "transit version",
    .parse = version_parse,
    .free = version_free,
    .size = version_size,
};

const struct transit_version *transit_version_get(
    struct tx *t, const struct mount *m, struct str name, uint32_t version)
{
    return entry_object(t, version_path(t, m, name, version), &version_class);
}

/* A member whose text is borrowed: nothing secret is copied into an arena. */
static void put_borrowed(struct arena *a, struct value *row, const char *name, struct str s)
{
    struct value *v = value_null(a);

    v->kind = VALUE_TEXT;
    v->text = s;
    value_put(row, name, v);
}

static void put_key(struct arena *a, struct value *row, const struct crypto_key *key, void *secret,
    size_t len, struct buf *der)
{
    if (secret != NULL) {
        put_borrowed(a, row, "secret", (struct str){ secret, len });
        return;
    }
    crypto_public_der(key, der);
    put_borrowed(a, row, "public", buf_as_str(der));
}

static struct value *version_row(
    struct arena *a, const struct transit_version *v, enum key_type type)
{
    struct value *row = value_map(a);

    value_put_text(a, row, "type", str_from(key_facts(type)->name));
    value_put_i64(a, row, "created", v->created);
    if (v->convergent != 0)
        value_put_i64(a, row, "convergent", v->convergent);
    if (v->state != TRANSIT_ACTIVE) {
        value_put_text(a, row, "state", str_from(state_names[v->state]));
        value_put_i64(a, row, "changed", v->changed);
    }
    if (v->reason != NULL)
        value_put_text(a, row, "reason", str_from(v->reason));
    if (v->nchain > 0) {
        struct value *chain = value_list(a);

        for (unsigned i = 0; i < v->nchain; i++)
            value_add_text(a, chain, v->chain[i]);
        value_put(row, "chain", chain);
    }
    return row;
}

void transit_version_put(struct tx *t, const struct mount *m, struct str name, uint32_t version,
    const struct transit_version *v)
{
    struct value *row = version_row(t->arena, v, crypto_type(v->key));
    void *secret = NULL;
    void *hmac = NULL;
    size_t len = 0;
    struct buf bytes;
    struct buf der;

    buf_init_secret(&bytes, ROW_MAX);
    buf_init(&der, ROW_MAX);
    if (v->state != TRANSIT_DESTROYED) {
        secret = crypto_secret(v->key, &len);
        put_key(t->arena, row, v->key, secret, len, &der);
        if (v->hmac != NULL && v->hmac != v->key) {
            hmac = crypto_secret(v->hmac, &len);
            put_borrowed(t->arena, row, "hmac", (struct str){ hmac, len });
        }
    }
    value_encode(row, &bytes);
    if (bytes.over)
        t->failed = "a transit key's version is too large to be stored";
    else
        entry_put(t, version_path(t, m, name, version), buf_as_str(&bytes), 0);
    buf_free(&bytes);
    buf_free(&der);
    secret_free(secret);
    secret_free(hmac);
}

void transit_key_remove(struct tx *t, const struct mount *m, struct str name)
{
    struct str folder = entry_path(t, "mount/%.*s/version/%.*s/", STR_ARG(m->id), STR_ARG(name));

    while (t->failed == NULL && entry_delete_under(t, folder))
        ;
    entry_delete(t, entry_path(t, "mount/%.*s/usage/%.*s", STR_ARG(m->id), STR_ARG(name)));
    entry_delete(t, key_path(t, m, name));
}

/* ---- what happens to a ring ---- */

void transit_version_add(struct tx *t, const struct mount *m, struct str name,
    struct transit_key *k, struct crypto_key *key, int64_t now_msec, int64_t activates)
{
    uint32_t number = (k->pending != 0 ? k->pending : k->latest) + 1;
    struct transit_version v = {
        .key = key,
        .created = now_msec,
        .convergent = k->convergent ? TRANSIT_CONVERGENT : 0,
        .state = TRANSIT_ACTIVE,
    };

    struct err err;

    v.hmac =
        k->type == KEY_HMAC ? crypto_ref(key) : crypto_generate(KEY_HMAC, TRANSIT_HMAC_KEY, &err);
    if (activates != TRANSIT_AT_ONCE) {
        k->pending = number;
        k->activates = activates;
    } else {
        k->latest = number;
        k->rotated = now_msec / 1000;
        k->pending = 0;
        k->activates = 0;
    }
    if (k->min_decryption == 0)
        k->min_decryption = 1;
    transit_version_put(t, m, name, number, &v);
    transit_key_put(t, m, name, k);
    crypto_unref(v.hmac);
}

static void destroy(struct tx *t, const struct mount *m, struct str name, uint32_t version,
    int64_t now_msec, const char *reason)
{
    const struct transit_version *old = transit_version_get(t, m, name, version);
    struct transit_version v;

    if (old == NULL || old->key == NULL)
        return;
    v = *old;
    v.key = crypto_ref(old->key);
    v.state = TRANSIT_DESTROYED;
    v.changed = now_msec / 1000;
    v.reason = (char *)(uintptr_t)reason;
    v.nchain = 0;
    transit_version_put(t, m, name, version, &v);
    crypto_unref(v.key);
}

void transit_trim(struct tx *t, const struct mount *m, struct str name, struct transit_key *k,
    uint32_t first, int64_t now_msec)
{
    for (uint32_t n = k->min_available > 0 ? k->min_available : 1; n < first && t->failed == NULL;
         n++)
        destroy(t, m, name, n, now_msec, "trimmed");
    k->min_available = first;
    transit_key_put(t, m, name, k);
}

/* ---- for incidents ---- */

static bool mark_compromised(
    struct request *r, const struct mount *m, struct str name, uint32_t version, struct str reason)
{
    const struct transit_version *old = transit_version_get(&r->tx, m, name, version);
    struct transit_version v;

    if (old == NULL || old->key == NULL)
        return false;
    v = *old;
    v.key = crypto_ref(old->key);
    v.state = TRANSIT_COMPROMISED;
    v.changed = r->now / 1000;
    v.reason = arena_printf(&r->arena, "%.*s", STR_ARG(reason));
    transit_version_put(&r->tx, m, name, version, &v);
    crypto_unref(v.key);
    return true;
}

/* The new version of a key whose latest one is compromised. */
static bool replace(struct request *r, const struct mount *m, struct str name,
    struct transit_key *k, struct crypto_key *fresh, struct err *err)
{
    if (fresh != NULL && crypto_type(fresh) != k->type) {
        err_set(err, ERR_CONFIG, "transit_key", "the new version is of another type");
        return false;
    }
    fresh = fresh != NULL ? crypto_ref(fresh) : crypto_generate(k->type, (size_t)k->key_size, err);
    if (fresh == NULL)
        return false;
    transit_version_add(&r->tx, m, name, k, fresh, r->now, TRANSIT_AT_ONCE);
    crypto_unref(fresh);
    return true;
}

bool transit_compromise(struct request *r, const struct mount *m, struct str name, uint32_t version,
    struct str reason, struct crypto_key *fresh, struct err *err)
{
    const struct transit_key *found = transit_key_get(&r->tx, m, name);
    struct transit_key k;
    bool any = false;
    uint32_t first;
    uint32_t last;

    if (found == NULL) {
        err_set(err, ERR_CONFIG, "transit_key", "there is no key %.*s", STR_ARG(name));
        return false;
    }
    k = *found;
    first = version != 0 ? version : k.min_available > 0 ? k.min_available : 1;
    last = version != 0 ? version : k.pending > k.latest ? k.pending : k.latest;
    for (uint32_t n = first; n <= last; n++)
        any = mark_compromised(r, m, name, n, reason) || any;
    if (!any) {
        err_set(err, ERR_CONFIG, "transit_version", "key %.*s has no such version", STR_ARG(name));
        return false;
    }
    if (k.latest < first || k.latest > last || (k.imported && !k.allow_rotation))
        return true;
    return replace(r, m, name, &k, fresh, err);
}
