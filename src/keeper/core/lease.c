/*
 * lease - secrets that end, found by id, by prefix, by token and by time; see lease_int.h.
 *
 * Nothing of it is in memory: what is due comes from the store's index.  Entries:
 *     lease/id/<path>/<random>        the lease, due when it ends
 *     lease/id/<path>/h<hash>         {token}: a service token seen as a lease
 *     lease/token/<hash>/<random>     its id, under the token it hangs on
 *     lease/prefix/<base64url>        a prefix that is being revoked, due at once
 */
#include "keeper/core/core_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/entries_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/token_store_int.h"

enum { LEASE_RANDOM = 24, AT_ONCE = 64, A_PIECE = 256, DUE_AT_ONCE = 128, FOLDERS_DEEP = 128 };

static struct str id_path(struct request *r, struct str id)
{
    return entry_path(&r->tx, "lease/id/%.*s", STR_ARG(id));
}

static struct str last_segment(struct str id)
{
    for (size_t i = id.len; i > 0; i--)
        if (id.at[i - 1] == '/')
            return (struct str){ id.at + i, id.len - i };
    return id;
}

static struct str link_path(struct request *r, const struct lease *l)
{
    return entry_path(
        &r->tx, "lease/token/%.*s/%.*s", STR_ARG(l->token), STR_ARG(last_segment(l->id)));
}

/* ---- as an entry ---- */

static void put(struct request *r, const struct lease *l)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "holder", l->token);
    value_put_text(a, v, "mount", l->mount);
    if (l->secret != NULL)
        value_put(v, "secret", value_copy(a, l->secret));
    value_put_i64(a, v, "issued", l->issued);
    value_put_i64(a, v, "expires", l->expires);
    value_put_i64(a, v, "renewed", l->renewed);
    value_put_i64(a, v, "ttl", l->ttl);
    value_put_i64(a, v, "max_ttl", l->max_ttl);
    value_put_bool(a, v, "renewable", l->renewable);
    entry_put_value(&r->tx, id_path(r, l->id), v, l->expires * 1000);
}

static struct lease *from_value(struct request *r, struct str id, const struct value *v)
{
    struct lease *l = arena_calloc(&r->arena, 1, sizeof(*l));

    l->id = arena_str(&r->arena, id);
    l->token = value_get_text(v, "holder", STR_NONE);
    l->mount = value_get_text(v, "mount", STR_NONE);
    l->secret = value_get(v, "secret");
    l->issued = value_get_i64(v, "issued", 0);
    l->expires = value_get_i64(v, "expires", 0);
    l->renewed = value_get_i64(v, "renewed", 0);
    l->ttl = value_get_i64(v, "ttl", 0);
    l->max_ttl = value_get_i64(v, "max_ttl", 0);
    l->renewable = value_get_bool(v, "renewable", false);
    return l;
}

/* A token as a lease, as Vault shows it. */
static struct lease *from_token(struct request *r, struct str id, struct str hash)
{
    const struct token *k = token_load(r, hash);
    struct lease *l;

    if (k == NULL)
        return NULL;
    l = arena_calloc(&r->arena, 1, sizeof(*l));
    l->id = arena_str(&r->arena, id);
    l->token = k->hash;
    l->mount = k->mount_accessor;
    l->issued = k->created;
    l->expires = k->expires;
    l->renewed = k->renewed;
    l->ttl = k->issued_ttl;
    l->max_ttl = k->explicit_max_ttl;
    l->renewable = k->renewable;
    return l;
}

static bool usable_id(struct str id)
{
    return id.len > 0 && id.len < ENTRY_PATH_MAX - 128 && id.at[id.len - 1] != '/';
}

static struct value *read(struct request *r, struct str id)
{
    return usable_id(id) ? entry_get_value(&r->tx, id_path(r, id)) : NULL;
}

struct lease *lease_load(struct request *r, struct str id)
{
    struct value *v = read(r, id);
    struct value *token = value_get(v, "token");
    struct lease *l;

    if (v == NULL)
        return NULL;
    if (token != NULL)
        return from_token(r, id, token->text);
    l = from_value(r, id, v);
    return r->now < l->expires * 1000 ? l : NULL;
}

struct value *lease_list(struct request *r, struct str prefix)
{
    bool bare = prefix.len > 0 && prefix.at[prefix.len - 1] != '/';

    return entry_list(&r->tx,
        entry_path(&r->tx, "lease/id/%.*s%s", STR_ARG(prefix), bare ? "/" : ""), STR_NONE, 0);
}

/* ---- giving out, renewing ---- */

static void say(struct request *r, const struct lease *l)
{
    int64_t left = l->expires - r->now / 1000;

    r->reply.lease_id = l->id;
    r->reply.lease_duration = left > 0 ? left : 0;
    r->reply.renewable = l->renewable;
}

void lease_add(
    struct request *r, const struct value *secret, int64_t ttl, int64_t max_ttl, bool renewable)
{
    const struct ttl_rule rule = { .ttl = ttl, .max_ttl = max_ttl };
    struct str random = random_base62(&r->arena, LEASE_RANDOM);
    struct lease l = {
        .id = str_from(arena_printf(&r->arena, "%.*s/%.*s", STR_ARG(r->path), STR_ARG(random))),
        .token = r->who != NULL ? r->who->hash : STR_NONE,
        .mount = r->mount->accessor,
        .issued = r->now / 1000,
        .max_ttl = max_ttl,
        .renewable = renewable,
    };

    if (!token_ttl(r, r->mount, &rule, &l.ttl))
        return;
    l.expires = l.issued + l.ttl;
    if (r->who != NULL && r->who->batch && r->who->expires < l.expires)
        l.expires = r->who->expires; /* nothing but its own end can end it with the token */
    if (secret != NULL)
        l.secret = value_copy(&r->arena, secret);
    put(r, &l);
    if (l.token.len > 0)
        entry_put(&r->tx, link_path(r, &l), l.id, 0);
    tokens_count(r->core, 1);
    say(r, &l);
}

static bool engine_agrees(struct request *r, const struct lease *l)
{
    struct mount *m = core_mount_by_accessor(r->core, l->mount);
    struct mount *asked = r->mount;
    bool may;

    if (m == NULL || m->engine->renew == NULL)
        return true;
    r->mount = m;
    may = m->engine->renew(r, m, l->secret);
    r->mount = asked;
    if (!may && !refused(r))
        reply_error(r, 400, "the engine of this lease does not renew it");
    return may;
}

bool lease_renew(struct request *r, struct str id, int64_t increment)
{
    struct value *token = value_get(read(r, id), "token");
    struct lease *l = lease_load(r, id);
    struct ttl_rule rule;
    int64_t ttl;

    if (l == NULL) {
        reply_error(r, 400, "lease not found");
        return false;
    }
    if (token != NULL) {
        reply_error(r, 403, "tokens cannot be renewed through this endpoint");
        return false;
    }
    if (!l->renewable) {
        reply_error(r, 400, "lease is not renewable");
        return false;
    }
    rule = (struct ttl_rule){
        .increment = increment, .ttl = l->ttl, .max_ttl = l->max_ttl, .issued = l->issued
    };
    if (!engine_agrees(r, l) ||
        !token_ttl(r, core_mount_by_accessor(r->core, l->mount), &rule, &ttl))
        return false;
    l->renewed = r->now / 1000;
    l->expires = l->renewed + ttl;
    put(r, l);
    say(r, l);
    r->reply.status = 200;
    return true;
}

/* ---- revoking ---- */

static bool engine_undoes(struct request *r, const struct lease *l, bool force)
{
    struct mount *m = core_mount_by_accessor(r->core, l->mount);
    struct mount *asked = r->mount;
    struct reply said = r->reply;

    if (m == NULL || m->engine->revoke == NULL)
        return true;
    r->mount = m;
    r->reply.status = 0;
    m->engine->revoke(r, m, l->secret);
    r->mount = asked;
    if (refused(r) && !force)
        return false;
    r->reply = said;
    return true;
}

bool lease_revoke(struct request *r, struct str id, bool force)
{
    struct value *v = read(r, id);
    struct value *token = value_get(v, "token");
    struct lease *l;

    if (v == NULL)
        return false;
    if (token != NULL) {
        if (!token_revoke(r, token->text)) /* a leftover */
            entry_delete(&r->tx, id_path(r, id));
        return true;
    }
    l = from_value(r, id, v);
    if (!engine_undoes(r, l, force))
        return false;
    entry_delete(&r->tx, id_path(r, id));
    if (l->token.len > 0)
        entry_delete(&r->tx, link_path(r, l));
    tokens_count(r->core, -1);
    return true;
}

/* Depth first, folders being made of path segments that requests had. False: an engine refused. */
static bool revoke_folder(
    struct request *r, struct str folder, bool force, unsigned deep, unsigned *room)
{
    struct value *names = entry_list(&r->tx, id_path(r, folder), STR_NONE, *room + 1);

    value_each (name, names) {
        struct str id =
            str_from(arena_printf(&r->arena, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text)));

        if (*room == 0)
            return true;
        if (!str_ends(name->text, STR("/"))) {
            if (!lease_revoke(r, id, force) && refused(r))
                return false;
            (*room)--;
        } else if (deep < FOLDERS_DEEP && !revoke_folder(r, id, force, deep + 1, room)) {
            return false;
        }
    }
    return true;
}

static struct str prefix_job(struct request *r, struct str prefix)
{
    struct str name = encode_base64url(&r->arena, prefix);

    return entry_path(&r->tx, "lease/prefix/%.*s", STR_ARG(name));
}

bool lease_revoke_prefix(struct request *r, struct str prefix, bool force)
{
    unsigned room = AT_ONCE;

    while (prefix.len > 0 && prefix.at[prefix.len - 1] == '/')
        prefix.len--;
    if (prefix.len > ENTRY_PATH_MAX / 2) {
        reply_error(r, 400, "the prefix is too long");
        return false;
    }
    if (prefix.len > 0 && lease_revoke(r, prefix, force))
        return true;
    if (refused(r))
        return false;
    if (prefix.len > 0)
        prefix = str_from(arena_printf(&r->arena, "%.*s/", STR_ARG(prefix)));
    if (!revoke_folder(r, prefix, force, 0, &room))
        return false;
    if (room == 0)
        entry_put(&r->tx, prefix_job(r, prefix), STR(""), r->now);
    return true;
}

/* ---- in the background ---- */

static bool prefix_more(struct request *r, struct str path, struct str name)
{
    unsigned room = A_PIECE;
    struct str prefix;

    if (decode_base64url(&r->arena, name, &prefix)) {
        revoke_folder(r, prefix, true, 0, &room);
        if (room == 0)
            return true;
    }
    entry_delete(&r->tx, path);
    return false;
}

static bool due_lease(struct request *r, struct str path)
{
    const struct str id = STR("lease/id/");
    const struct str job = STR("lease/prefix/");

    if (str_starts(path, job))
        return prefix_more(r, path, (struct str){ path.at + job.len, path.len - job.len });
    if (str_starts(path, id) &&
        !lease_revoke(r, (struct str){ path.at + id.len, path.len - id.len }, true))
        entry_delete(&r->tx, path);
    return false;
}

/* In a transaction of its own: one that cannot be read must not hold up the others. */
static bool alone(
    struct request *r, struct str path, bool (*each)(struct request *r, struct str path))
{
    struct tx outer = r->tx;
    bool more;

    tx_init(&r->tx, core_entries(r->core), &r->arena);
    more = each(r, path);
    if (r->tx.failed == NULL)
        tx_take(&r->tx);
    more = more && r->tx.failed == NULL;
    tx_drop(&r->tx);
    r->tx = outer;
    return more;
}

static bool due_of(
    struct request *r, const char *folder, bool (*each)(struct request *r, struct str path))
{
    struct value *due = entry_due(&r->tx, str_from(folder), r->now, DUE_AT_ONCE);
    bool more = due != NULL && due->n >= DUE_AT_ONCE;

    value_each (path, due) {
        if (alone(r, path->text, each)) /* a large one: the rest of the list waits for it */
            return true;
    }
    return more;
}

bool lease_tick(struct request *r)
{
    bool tokens = due_of(r, "token/", token_revoke_more);

    return due_of(r, "lease/", due_lease) || tokens;
}
