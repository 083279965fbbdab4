/*
 * kv version 1 - a value a path; and the way of such a mount to version 2.
 */
#include "keeper/core/token_int.h"
#include "keeper/engines/kv_int.h"

enum { UPGRADES_A_TICK = 1000 };

static struct str place(struct request *r)
{
    return mount_path(r, "v1/%.*s", STR_ARG(r->rest));
}

static bool has_path(struct request *r)
{
    if (r->rest.len > 0)
        return true;
    reply_error(r, 400, "missing path");
    return false;
}

/* What a secret says of its own life ("ttl", or "lease" of old) is how long it may be kept. */
static int64_t lease_of(const struct request *r, const struct value *data)
{
    const struct value *v = value_get(data, "ttl");
    int64_t seconds;

    if (v == NULL)
        v = value_get(data, "lease");
    if (v != NULL && (v->kind == VALUE_TEXT || v->kind == VALUE_NUMBER) &&
        duration_parse(v->text, &seconds))
        return seconds;
    return mount_default_ttl(r->mount);
}

void kv_v1_read(struct request *r)
{
    struct value *data;

    if (!has_path(r))
        return;
    data = entry_get_value(&r->tx, place(r));
    if (data == NULL) {
        reply_not_found(r);
        return;
    }
    r->reply.lease_duration = lease_of(r, data);
    reply_data(r, data);
}

void kv_v1_list(struct request *r)
{
    kv_list(r, "v1", r->rest);
}

void kv_v1_write(struct request *r)
{
    if (!has_path(r))
        return;
    if (r->body->n == 0) {
        reply_error(r, 400, "missing data fields");
        return;
    }
    entry_put_value(&r->tx, place(r), r->body, 0);
    reply_empty(r);
}

void kv_v1_delete(struct request *r)
{
    if (!has_path(r))
        return;
    entry_delete(&r->tx, place(r));
    reply_empty(r);
}

bool kv_v1_exists(struct request *r)
{
    struct str data;

    return entry_get(&r->tx, place(r), &data);
}

/* ---- to version 2 ---- */

bool kv_is_upgrading(struct request *r)
{
    struct str data;

    return entry_get(&r->tx, mount_path(r, "upgrade"), &data);
}

void kv_upgrade_begin(struct request *r, struct mount *m)
{
    entry_put(&r->tx, entry_path(&r->tx, "mount/%.*s/upgrade", STR_ARG(m->id)), STR(""), 0);
}

static void upgrade_one(struct request *r, struct str path)
{
    struct str old = mount_path(r, "v1/%.*s", STR_ARG(path));
    struct value *data = entry_get_value(&r->tx, old);
    struct kv_config config;
    struct kv_key *k;

    if (data == NULL)
        return;
    kv_config_load(r, &config);
    k = kv_key_load(r, path);
    if (k == NULL)
        k = kv_key_new(r, path);
    kv_version_add(r, k, &config, data);
    kv_key_store(r, k);
    entry_delete(&r->tx, old);
}

/* Those under a folder, as many as `left` allows; false: there are more. */
static bool upgrade_folder(struct request *r, struct str folder, unsigned *left)
{
    struct value *names =
        entry_list(&r->tx, mount_path(r, "v1/%.*s", STR_ARG(folder)), STR(""), *left + 1);

    value_each (it, names) {
        struct str path = entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(it->text));

        if (*left == 0)
            return false;
        if (path.at[path.len - 1] == '/') {
            if (!upgrade_folder(r, path, left))
                return false;
            continue;
        }
        (*left)--;
        upgrade_one(r, path);
    }
    return r->tx.failed == NULL;
}

void kv_upgrade(struct request *r, struct mount *m)
{
    unsigned left = UPGRADES_A_TICK;

    (void)m;
    if (upgrade_folder(r, STR(""), &left))
        entry_delete(&r->tx, mount_path(r, "upgrade"));
}
