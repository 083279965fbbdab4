/*
 * kv data - version 2: reading and writing versions, deleting them, and the names in them.
 */
#include "keeper/engines/kv_int.h"

/* ---- reading ---- */

/* The version that was asked for; NULL: reply says 404 without a word, as for a secret that is not there. */
static struct kv_version *asked_version(struct request *r, struct str path, struct kv_key **k)
{
    struct kv_version *v = NULL;
    int64_t n = 0;

    field_int(r, "version", &n);
    if (refused(r))
        return NULL;
    *k = kv_key_load(r, path);
    if (*k != NULL)
        v = kv_version_find(*k, n);
    if (v == NULL)
        reply_not_found(r);
    return v;
}

/* {NAME: content or null, metadata}; 404 all the same when the version is deleted or destroyed. */
static void say_version(struct request *r, const char *name, struct value *content,
    const struct kv_version *v, const struct kv_key *k)
{
    struct value *data = value_map(&r->arena);

    value_put(data, name, content != NULL ? content : value_null(&r->arena));
    value_put(data, "metadata", kv_version_says(r, v, k));
    reply_data(r, data);
    if (kv_version_is_gone(r, v))
        r->reply.status = 404;
}

/* NULL when it is gone. A row that is missing though the key knows it is not the same as a deleted one. */
static struct value *content_of(
    struct request *r, const struct kv_key *k, const struct kv_version *v)
{
    struct value *content;

    if (kv_version_is_gone(r, v))
        return NULL;
    content = kv_version_data(r, k, v->n);
    if (content == NULL && r->tx.failed == NULL)
        r->tx.failed = "a version of the secret is missing in the store";
    return content;
}

void kv_data_read(struct request *r, struct str path)
{
    struct kv_key *k;
    struct kv_version *v = asked_version(r, path, &k);

    if (v != NULL)
        say_version(r, "data", content_of(r, k, v), v, k);
}

/* Maps with something in them stay maps, to the depth that was asked for (0: all); all else is null. */
static struct value *names_of(struct arena *a, const struct value *map, int64_t depth, int64_t at)
{
    struct value *out = value_map(a);

    value_each (it, map) {
        bool deeper = it->kind == VALUE_MAP && it->n > 0 && (depth == 0 || at < depth);

        value_put_named(a, out, it->name, deeper ? names_of(a, it, depth, at + 1) : value_null(a));
    }
    return out;
}

void kv_subkeys(struct request *r, struct str path)
{
    struct kv_key *k;
    struct kv_version *v;
    struct value *content;
    int64_t depth = 0;

    field_int(r, "depth", &depth);
    if (refused(r))
        return;
    v = asked_version(r, path, &k);
    if (v == NULL)
        return;
    content = content_of(r, k, v);
    say_version(r, "subkeys",
        content != NULL ? names_of(&r->arena, content, depth > 0 ? depth : 0, 1) : NULL, v, k);
}

/* ---- writing ---- */

/* Check-and-set: may this write make the version after `current`? */
static bool cas_admits(struct request *r, bool needed, int64_t current)
{
    const struct value *cas = value_get(value_get(r->body, "options"), "cas");
    struct value number = { .kind = VALUE_NUMBER };
    int64_t wanted;

    if (cas == NULL || cas->kind == VALUE_NULL) {
        if (needed)
            reply_error(r, 400, "check-and-set parameter required for this call");
        return !needed;
    }
    number.text = cas->text;
    if ((cas->kind != VALUE_NUMBER && cas->kind != VALUE_TEXT) || !value_to_i64(&number, &wanted)) {
        reply_error(r, 400, "error parsing check-and-set parameter");
        return false;
    }
    if (wanted == current)
        return true;
    reply_error(r, 400, "check-and-set parameter did not match the current version");
    return false;
}

/* What is to be written; NULL: refused. */
static struct value *given_data(struct request *r)
{
    struct value *data = NULL;

    if (!field_map(r, "data", &data) && !refused(r))
        reply_error(r, 400, "no data provided");
    return refused(r) ? NULL : data;
}

static void add_version(
    struct request *r, struct kv_key *k, const struct kv_config *config, const struct value *data)
{
    struct kv_version *v = kv_version_add(r, k, config, data);

    kv_key_store(r, k);
    reply_data(r, kv_version_says(r, v, k));
}

void kv_data_write(struct request *r, struct str path)
{
    struct value *data = given_data(r);
    struct kv_config config;
    struct kv_key *k;

    if (data == NULL)
        return;
    kv_config_load(r, &config);
    k = kv_key_load(r, path);
    if (k == NULL)
        k = kv_key_new(r, path);
    if (cas_admits(r, config.cas_required || k->cas_required, k->current))
        add_version(r, k, &config, data);
}

void kv_data_patch(struct request *r, struct str path)
{
    struct value *patch = given_data(r);
    struct kv_config config;
    struct kv_version *v;
    struct value *before;
    struct kv_key *k;

    if (patch == NULL)
        return;
    kv_config_load(r, &config);
    k = kv_key_load(r, path);
    v = k != NULL ? kv_version_find(k, 0) : NULL;
    if (v == NULL) {
        reply_not_found(r);
        return;
    }
    if (!cas_admits(r, config.cas_required || k->cas_required, k->current))
        return;
    before = content_of(r, k, v);
    if (before == NULL) {
        say_version(r, "data", NULL, v, k);
        return;
    }
    add_version(r, k, &config, kv_merge(&r->arena, before, patch));
}

/* ---- deleting ---- */

static void delete_version(struct request *r, struct kv_version *v)
{
    if (!kv_version_is_gone(r, v))
        v->deleted = r->now;
}

void kv_data_delete(struct request *r, struct str path)
{
    struct kv_key *k = kv_key_load(r, path);
    struct kv_version *v = k != NULL ? kv_version_find(k, 0) : NULL;

    reply_empty(r);
    if (v == NULL || kv_version_is_gone(r, v))
        return;
    delete_version(r, v);
    kv_key_store(r, k);
}

static bool version_number(const struct value *v, int64_t *n)
{
    struct value number = { .kind = VALUE_NUMBER, .text = v->text };

    return value_to_i64(&number, n);
}

/* Each version that "versions" names and the key has. */
static void each_version(struct request *r, struct str path,
    void (*change)(struct request *r, struct kv_key *k, struct kv_version *v))
{
    struct value *numbers = NULL;
    struct kv_key *k;
    int64_t n;

    field_list(r, "versions", &numbers);
    if (refused(r))
        return;
    if (numbers == NULL || numbers->n == 0) {
        reply_error(r, 400, "No version number provided");
        return;
    }
    value_each (it, numbers)
        if (!version_number(it, &n)) {
            reply_error(r, 400, "error converting input for field \"versions\"");
            return;
        }
    reply_empty(r);
    k = kv_key_load(r, path);
    if (k == NULL)
        return;
    value_each (it, numbers) {
        struct kv_version *v = version_number(it, &n) && n > 0 ? kv_version_find(k, n) : NULL;

        if (v != NULL)
            change(r, k, v);
    }
    kv_key_store(r, k);
}

static void change_delete(struct request *r, struct kv_key *k, struct kv_version *v)
{
    (void)k;
    delete_version(r, v);
}

static void change_undelete(struct request *r, struct kv_key *k, struct kv_version *v)
{
    (void)r;
    (void)k;
    if (!v->destroyed)
        v->deleted = 0;
}

static void change_destroy(struct request *r, struct kv_key *k, struct kv_version *v)
{
    kv_version_destroy(r, k, v);
}

void kv_delete(struct request *r, struct str path)
{
    each_version(r, path, change_delete);
}

void kv_undelete(struct request *r, struct str path)
{
    each_version(r, path, change_undelete);
}

void kv_destroy(struct request *r, struct str path)
{
    each_version(r, path, change_destroy);
}
