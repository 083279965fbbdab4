/*
 * approle secret - secret ids: made, looked at, used, ended; see approle_int.h.
 *
 * A secret id is never stored, only its hash.
 */
#include "keeper/auth/approle_int.h"
#include "keeper/core/encode_int.h"

enum { SECRET_MAX = 1024, METADATA_MAX = 16384, A_PIECE = 128 };

static struct str uid_of(const struct value *role)
{
    return value_get_text(role, "uid", STR(""));
}

static struct str secret_path(struct request *r, const struct value *role, struct str hash)
{
    return mount_path(r, "secret/%.*s/%.*s", STR_ARG(uid_of(role)), STR_ARG(hash));
}

static struct str accessor_path(struct request *r, const struct value *role, struct str accessor)
{
    return mount_path(r, "accessor/%.*s/%.*s", STR_ARG(uid_of(role)), STR_ARG(accessor));
}

static struct value *must_load(struct request *r)
{
    struct value *role = approle_load(r);

    if (role == NULL)
        reply_error(r, 404, "role \"%.*s\" does not exist", STR_ARG(param(r, "role_name")));
    return role;
}

static bool has_ended(const struct request *r, const struct value *secret)
{
    int64_t expires = value_get_i64(secret, "expires", 0);

    return expires > 0 && r->now >= expires * 1000;
}

static struct value *load(struct request *r, const struct value *role, struct str hash)
{
    struct value *secret = entry_get_value(&r->tx, secret_path(r, role, hash));

    return secret != NULL && !has_ended(r, secret) ? secret : NULL;
}

static void put(struct request *r, const struct value *role, struct str hash, struct value *secret)
{
    entry_put_value(
        &r->tx, secret_path(r, role, hash), secret, value_get_i64(secret, "expires", 0) * 1000);
}

static void destroy(
    struct request *r, const struct value *role, struct str hash, const struct value *secret)
{
    entry_delete(&r->tx, secret_path(r, role, hash));
    entry_delete(&r->tx, accessor_path(r, role, value_get_text(secret, "accessor", STR(""))));
}

/* ---- making ---- */

/* Within what the role permits, where it limits: 0 is no limit. */
static bool within(
    struct request *r, const char *name, const char *role_name, int64_t role_limit, int64_t asked)
{
    if (asked < 0)
        reply_error(r, 400, "%s cannot be negative", name);
    else if (role_limit > 0 && (asked == 0 || asked > role_limit))
        reply_error(r, 400, "%s cannot be %s than the role's %s", name,
            strcmp(name, "ttl") == 0 ? "longer" : "higher", role_name);
    return !refused(r);
}

static bool networks_within(struct request *r, const char *name, const struct value *asked,
    const struct value *role_networks)
{
    value_each (n, asked) {
        struct str rest;
        struct str ip = str_cut(n->text, '/', &rest);

        if (!token_remote_is_bound(role_networks, ip)) {
            reply_error(r, 400, "%s: \"%.*s\" is not within the networks of the role", name,
                STR_ARG(n->text));
            return false;
        }
    }
    return true;
}

static struct value *read_metadata(struct request *r)
{
    struct value *map = value_get(value_get(r->parsed, "maps"), "metadata");
    size_t bytes = 0;

    if (map == NULL && !field_map(r, "metadata", &map))
        map = value_map(&r->arena);
    if (refused(r))
        return NULL;
    value_each (m, map) {
        if (m->kind != VALUE_TEXT) {
            reply_error(r, 400, "failed to parse metadata: values must be texts");
            return NULL;
        }
        bytes += m->name.len + m->text.len;
    }
    if (bytes > METADATA_MAX) {
        reply_error(r, 400, "metadata may have at most %d bytes", METADATA_MAX);
        return NULL;
    }
    return value_copy(&r->arena, map);
}

/* What the request wants a secret id to be; NULL: refused. */
static struct value *read_secret(struct request *r, const struct value *role)
{
    struct arena *a = &r->arena;
    struct value *secret = value_map(a);
    struct value *sources = value_list(a);
    struct value *networks = value_list(a);
    struct value *metadata = read_metadata(r);
    int64_t num_uses = value_get_i64(role, "secret_id_num_uses", 0);
    int64_t ttl = value_get_i64(role, "secret_id_ttl", 0);
    int64_t most_uses = num_uses;
    int64_t longest = ttl;

    if (metadata == NULL)
        return NULL;
    field_int(r, "num_uses", &num_uses);
    field_seconds(r, "ttl", &ttl);
    if (!field_networks_as_given(r, "cidr_list", &sources) && !refused(r))
        sources = value_list(a);
    if (!refused(r))
        field_networks(r, "token_bound_cidrs", &networks);
    if (refused(r) || !within(r, "num_uses", "secret_id_num_uses", most_uses, num_uses) ||
        !within(r, "ttl", "secret_id_ttl", longest, ttl) ||
        !networks_within(r, "cidr_list", sources, value_get(role, "secret_id_bound_cidrs")) ||
        !networks_within(r, "token_bound_cidrs", networks, value_get(role, "token_bound_cidrs")))
        return NULL;
    value_put_text(a, secret, "accessor", random_uuid(a));
    value_put_i64(a, secret, "num_uses", num_uses);
    value_put_i64(a, secret, "ttl", ttl);
    value_put_i64(a, secret, "created", r->now / 1000);
    value_put_i64(a, secret, "updated", r->now / 1000);
    value_put_i64(a, secret, "expires", ttl > 0 ? r->now / 1000 + ttl : 0);
    value_put(secret, "metadata", metadata);
    value_put(secret, "cidr_list", sources);
    value_put(secret, "token_bound_cidrs", networks);
    return secret;
}

static void make(struct request *r, struct str secret_id)
{
    struct arena *a = &r->arena;
    struct value *role = must_load(r);
    struct value *secret;
    struct value *data = value_map(a);
    struct str accessor;
    struct str hash;

    if (role == NULL)
        return;
    if (!value_get_bool(role, "bind_secret_id", true)) {
        reply_error(r, 400, "bind_secret_id is not set on the role");
        return;
    }
    secret = read_secret(r, role);
    if (secret == NULL)
        return;
    hash = token_hash(r, secret_id);
    if (load(r, role, hash) != NULL) {
        reply_error(r, 400, "SecretID is already registered");
        return;
    }
    accessor = value_get_text(secret, "accessor", STR(""));
    put(r, role, hash, secret);
    entry_put(&r->tx, accessor_path(r, role, accessor), hash, 0);
    value_put_text(a, data, "secret_id", secret_id);
    value_put_text(a, data, "secret_id_accessor", accessor);
    value_put_i64(a, data, "secret_id_ttl", value_get_i64(secret, "ttl", 0));
    value_put_i64(a, data, "secret_id_num_uses", value_get_i64(secret, "num_uses", 0));
    reply_data(r, data);
}

void approle_secret_new(struct request *r)
{
    make(r, random_uuid(&r->arena));
}

/* "secret_id" of the body; false: reply_error(). */
static bool given(struct request *r, const char *name, struct str *to)
{
    *to = STR("");
    field_text(r, name, to);
    if (!refused(r) && to->len == 0)
        reply_error(r, 400, "missing %s", name);
    else if (!refused(r) && to->len > SECRET_MAX)
        reply_error(r, 400, "%s may have at most %d bytes", name, SECRET_MAX);
    return !refused(r);
}

void approle_secret_custom(struct request *r)
{
    struct str secret_id;

    if (given(r, "secret_id", &secret_id))
        make(r, secret_id);
}

/* ---- looking, ending ---- */

void approle_secret_list(struct request *r)
{
    struct value *role = must_load(r);

    if (role != NULL)
        reply_keys(r, entry_list(&r->tx, mount_path(r, "accessor/%.*s/", STR_ARG(uid_of(role))),
                          STR_NONE, 0));
}

static void say(struct request *r, const struct value *secret)
{
    struct arena *a = &r->arena;
    struct value *data = value_map(a);
    int64_t expires = value_get_i64(secret, "expires", 0);

    value_put_text(a, data, "secret_id_accessor", value_get_text(secret, "accessor", STR("")));
    value_put_i64(a, data, "secret_id_num_uses", value_get_i64(secret, "num_uses", 0));
    value_put_i64(a, data, "secret_id_ttl", value_get_i64(secret, "ttl", 0));
    value_put_text(a, data, "creation_time", time_text(a, value_get_i64(secret, "created", 0)));
    value_put_text(a, data, "last_updated_time", time_text(a, value_get_i64(secret, "updated", 0)));
    value_put_text(a, data, "expiration_time",
        expires > 0 ? time_text(a, expires) : STR("0001-01-01T00:00:00Z"));
    value_put(data, "metadata", value_copy(a, value_get(secret, "metadata")));
    value_put(data, "cidr_list", value_copy(a, value_get(secret, "cidr_list")));
    value_put(data, "token_bound_cidrs", value_copy(a, value_get(secret, "token_bound_cidrs")));
    reply_data(r, data);
}

void approle_secret_lookup(struct request *r)
{
    struct str secret_id;
    struct value *role = must_load(r);
    struct value *secret;

    if (role == NULL || !given(r, "secret_id", &secret_id))
        return;
    secret = load(r, role, token_hash(r, secret_id));
    if (secret == NULL)
        reply_empty(r);
    else
        say(r, secret);
}

void approle_secret_destroy(struct request *r)
{
    struct str secret_id;
    struct value *role = must_load(r);
    struct str hash;
    struct value *secret;

    if (role == NULL || !given(r, "secret_id", &secret_id))
        return;
    hash = token_hash(r, secret_id);
    secret = entry_get_value(&r->tx, secret_path(r, role, hash));
    if (secret != NULL)
        destroy(r, role, hash, secret);
    reply_empty(r);
}

static struct value *by_accessor(struct request *r, const struct value *role, struct str *hash)
{
    struct str accessor;
    struct value *secret = NULL;

    if (!given(r, "secret_id_accessor", &accessor))
        return NULL;
    if (memchr(accessor.at, '/', accessor.len) == NULL &&
        entry_get(&r->tx, accessor_path(r, role, accessor), hash))
        secret = load(r, role, *hash);
    if (secret == NULL)
        reply_error(r, 404, "failed to find accessor entry for secret_id_accessor");
    return secret;
}

void approle_accessor_lookup(struct request *r)
{
    struct value *role = must_load(r);
    struct str hash;
    struct value *secret = role != NULL ? by_accessor(r, role, &hash) : NULL;

    if (secret != NULL)
        say(r, secret);
}

void approle_accessor_destroy(struct request *r)
{
    struct value *role = must_load(r);
    struct str hash;
    struct value *secret = role != NULL ? by_accessor(r, role, &hash) : NULL;

    if (secret == NULL)
        return;
    destroy(r, role, hash, secret);
    reply_empty(r);
}

/* ---- use ---- */

bool approle_secret_use(
    struct request *r, const struct value *role, struct str secret_id, struct value **secret)
{
    struct str hash;
    struct value *s;
    int64_t uses;

    if (secret_id.len == 0 || secret_id.len > SECRET_MAX) {
        reply_error(r, 400, secret_id.len == 0 ? "missing secret_id" : "invalid secret_id");
        return false;
    }
    hash = token_hash(r, secret_id);
    s = load(r, role, hash);
    if (s == NULL) {
        reply_error(r, 400, "invalid role or secret ID");
        return false;
    }
    if (!token_remote_is_bound(value_get(s, "cidr_list"), r->remote)) {
        reply_error(r, 403,
            "source address \"%.*s\" unauthorized through CIDR restrictions on the secret ID",
            STR_ARG(r->remote));
        return false;
    }
    *secret = s;
    uses = value_get_i64(s, "num_uses", 0);
    if (uses == 1) {
        destroy(r, role, hash, s);
    } else if (uses > 1) {
        value_set(&r->arena, s, STR("num_uses"), value_i64(&r->arena, uses - 1));
        value_set(&r->arena, s, STR("updated"), value_i64(&r->arena, r->now / 1000));
        put(r, role, hash, s);
    }
    return true;
}

/* ---- in the background ---- */

static void tidy_role(struct request *r, struct str name)
{
    struct value *role = approle_load_name(r, name);

    if (role != NULL)
        entry_put(&r->tx, mount_path(r, "tidy/%.*s", STR_ARG(uid_of(role))), STR(""), r->now);
}

void approle_tidy(struct request *r)
{
    value_each (name, entry_list(&r->tx, mount_path(r, "role/"), STR_NONE, 0))
        tidy_role(r, name->text);
    reply_warn(
        r, "Tidy operation successfully started. What it finds is removed in the background.");
    reply_data(r, NULL);
    r->reply.status = 202;
}

/* Secret ids that ended and accessors of none, in order; the entry says up to which it came. */
static void tidy_more(struct request *r, struct str path, struct str uid)
{
    struct str folder = mount_path(r, "accessor/%.*s/", STR_ARG(uid));
    struct str after = STR_NONE;
    struct value *names;

    entry_get(&r->tx, path, &after);
    names = entry_list(&r->tx, folder, after, A_PIECE);
    value_each (name, names) {
        struct str place = entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text));
        struct str hash = STR("");
        struct str secret;
        struct value *s;

        after = name->text;
        entry_get(&r->tx, place, &hash);
        secret = mount_path(r, "secret/%.*s/%.*s", STR_ARG(uid), STR_ARG(hash));
        s = entry_get_value(&r->tx, secret);
        if (s != NULL && !has_ended(r, s))
            continue;
        entry_delete(&r->tx, secret);
        entry_delete(&r->tx, place);
    }
    if (names == NULL || names->n < A_PIECE)
        entry_delete(&r->tx, path);
    else
        entry_put(&r->tx, path, after, r->now);
}

static void forget_role(struct request *r, struct str path, struct str uid)
{
    if (!entry_delete_under(&r->tx, mount_path(r, "secret/%.*s/", STR_ARG(uid))) &&
        !entry_delete_under(&r->tx, mount_path(r, "accessor/%.*s/", STR_ARG(uid))))
        entry_delete(&r->tx, path);
}

static void end_secret(struct request *r, struct str path, struct str uid_and_hash)
{
    struct str hash;
    struct str uid = str_cut(uid_and_hash, '/', &hash);
    struct value *secret = entry_get_value(&r->tx, path);
    struct str accessor = value_get_text(secret, "accessor", STR(""));

    if (secret == NULL || !has_ended(r, secret))
        return;
    entry_delete(&r->tx, path);
    entry_delete(&r->tx, mount_path(r, "accessor/%.*s/%.*s", STR_ARG(uid), STR_ARG(accessor)));
}

void approle_tick(struct request *r, struct mount *m)
{
    static const struct {
        const char *folder;
        void (*work)(struct request *r, struct str path, struct str rest);
    } kinds[] = {
        { "secret/", end_secret },
        { "gone/", forget_role },
        { "tidy/", tidy_more },
    };

    (void)m;
    value_each (path, entry_due(&r->tx, STR("mount/"), r->now, A_PIECE)) {
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            struct str folder = mount_path(r, "%s", kinds[i].folder);

            if (str_starts(path->text, folder))
                kinds[i].work(r, path->text,
                    (struct str){ path->text.at + folder.len, path->text.len - folder.len });
        }
    }
}
