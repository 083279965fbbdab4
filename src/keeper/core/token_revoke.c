/*
 * token revoke - the end of tokens, and of all that hangs on them.
 *
 * Deleting its entry refuses a token and all of its descendants at once (token_lives()).  What is then left to clear away
 * (leases, cubbyhole, children) may be a hundred thousand entries: a small rest goes in the same transaction, a
 * large one becomes the entry "token/revoking/<hash>", which lease_tick() works off a piece at a time, also after
 * a crash.  A child with a rest of its own becomes such an entry too, so nothing recurses.
 *
 * revoke-orphan is the other way round: the entry stays, spent, until each child was told that it has no parent.
 */
#include "keeper/core/lease_int.h"
#include "keeper/core/token_store_int.h"

enum { AT_ONCE = 64, A_PIECE = 256 };

static const char revoking[] = "token/revoking/";
static const char orphaning[] = "token/orphaning/";

static struct str job_path(struct request *r, const char *kind, struct str hash)
{
    return entry_path(&r->tx, "%s%.*s", kind, STR_ARG(hash));
}

static void put_job(struct request *r, const char *kind, struct str hash)
{
    entry_put(&r->tx, job_path(r, kind, hash), STR(""), r->now);
}

/* What is found by the token alone. */
static void clear_names(struct request *r, const struct token *k)
{
    entry_delete(&r->tx, entry_path(&r->tx, "token/id/%.*s", STR_ARG(k->hash)));
    entry_delete(&r->tx, entry_path(&r->tx, "token/accessor/%.*s", STR_ARG(k->accessor)));
    entry_delete(&r->tx, token_index_path(r, k));
    if (k->parent.len > 0)
        entry_delete(&r->tx,
            entry_path(&r->tx, "token/children/%.*s/%.*s", STR_ARG(k->parent), STR_ARG(k->hash)));
    if (policies_contain(k->policies, "response-wrapping"))
        entry_delete(&r->tx, entry_path(&r->tx, "wrapped/%.*s", STR_ARG(k->hash)));
    tokens_count(r->core, -1);
}

static bool clear_leases(struct request *r, struct str hash, unsigned *room)
{
    struct str folder = entry_path(&r->tx, "lease/token/%.*s/", STR_ARG(hash));

    value_each (name, entry_list(&r->tx, folder, STR_NONE, *room)) {
        struct str link = entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text));
        struct str id;

        if (entry_get(&r->tx, link, &id))
            lease_revoke(r, id, true);
        entry_delete(&r->tx, link);
        (*room)--;
    }
    return *room == 0;
}

static bool holds_any(struct request *r, const char *folder, struct str hash)
{
    struct value *names =
        entry_list(&r->tx, entry_path(&r->tx, "%s%.*s/", folder, STR_ARG(hash)), STR_NONE, 1);

    return names != NULL && names->n > 0;
}

static bool clear_children(struct request *r, struct str hash, unsigned *room)
{
    struct str folder = entry_path(&r->tx, "token/children/%.*s/", STR_ARG(hash));

    value_each (name, entry_list(&r->tx, folder, STR_NONE, *room)) {
        struct token child = { 0 };

        entry_delete(&r->tx, entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text)));
        if (token_read(r, name->text, &child))
            clear_names(r, &child);
        if (holds_any(r, "token/children/", name->text) ||
            holds_any(r, "lease/token/", name->text) || holds_any(r, "cubbyhole/", name->text))
            put_job(r, revoking, name->text);
        (*room)--;
    }
    return *room == 0;
}

/* True: there is more. */
static bool clear_rest(struct request *r, struct str hash, unsigned room)
{
    return clear_leases(r, hash, &room) ||
           entry_delete_under(&r->tx, entry_path(&r->tx, "cubbyhole/%.*s/", STR_ARG(hash))) ||
           clear_children(r, hash, &room);
}

bool token_revoke(struct request *r, struct str hash)
{
    struct token k = { 0 };

    if (!token_read(r, hash, &k))
        return false;
    clear_names(r, &k);
    if (clear_rest(r, k.hash, AT_ONCE))
        put_job(r, revoking, k.hash);
    return true;
}

bool token_revoke_accessor(struct request *r, struct str accessor)
{
    struct token *k = token_load_accessor(r, accessor);

    return k != NULL && token_revoke(r, k->hash);
}

/* ---- revoking without the children ---- */

static bool free_children(struct request *r, struct str hash, unsigned room)
{
    struct str folder = entry_path(&r->tx, "token/children/%.*s/", STR_ARG(hash));

    value_each (name, entry_list(&r->tx, folder, STR_NONE, room)) {
        struct token child = { 0 };

        entry_delete(&r->tx, entry_path(&r->tx, "%.*s%.*s", STR_ARG(folder), STR_ARG(name->text)));
        if (token_read(r, name->text, &child)) {
            child.parent = STR_NONE;
            child.depth = 0;
            token_put(&r->tx, &child);
        }
        room--;
    }
    return room == 0;
}

bool token_revoke_orphan(struct request *r, struct str hash)
{
    struct token k = { 0 };

    if (!token_read(r, hash, &k))
        return false;
    if (!free_children(r, k.hash, AT_ONCE))
        return token_revoke(r, hash);
    clear_names(r, &k);
    k.parent = STR_NONE;
    k.expires = 0;
    k.num_uses = TOKEN_SPENT;
    entry_put_value(&r->tx, entry_path(&r->tx, "token/id/%.*s", STR_ARG(k.hash)),
        token_to_value(&r->arena, &k), 0);
    put_job(r, orphaning, k.hash);
    return true;
}

/* ---- in the background ---- */

static bool orphan_more(struct request *r, struct str hash, struct str path)
{
    if (free_children(r, hash, A_PIECE))
        return true;
    entry_delete(&r->tx, entry_path(&r->tx, "token/id/%.*s", STR_ARG(hash)));
    entry_delete(&r->tx, path);
    if (clear_rest(r, hash, AT_ONCE))
        put_job(r, revoking, hash);
    return false;
}

/* Accessors in order, a piece at a time; the job's entry says up to which it came. */
static bool tidy_more(struct request *r, struct str path)
{
    struct str after = STR_NONE;
    struct value *names;

    entry_get(&r->tx, path, &after);
    names = entry_list(&r->tx, STR("token/accessor/"), after, A_PIECE);
    value_each (name, names) {
        struct str place = entry_path(&r->tx, "token/accessor/%.*s", STR_ARG(name->text));
        struct token k = { 0 };
        struct str hash;

        if (entry_get(&r->tx, place, &hash) && !token_read(r, hash, &k))
            entry_delete(&r->tx, place);
        after = name->text;
    }
    if (names == NULL || names->n < A_PIECE) {
        entry_delete(&r->tx, path);
        return false;
    }
    entry_put(&r->tx, path, after, r->now);
    return true;
}

void token_tidy_begin(struct request *r)
{
    entry_put(&r->tx, STR("token/tidying"), STR(""), r->now);
}

bool token_revoke_more(struct request *r, struct str path)
{
    static const struct str ended = { "token/id/", sizeof("token/id/") - 1 };
    const struct str to_clear = { revoking, sizeof(revoking) - 1 };
    const struct str to_free = { orphaning, sizeof(orphaning) - 1 };

    if (str_starts(path, ended)) {
        token_revoke(r, (struct str){ path.at + ended.len, path.len - ended.len });
        return false;
    }
    if (str_starts(path, to_free))
        return orphan_more(r, (struct str){ path.at + to_free.len, path.len - to_free.len }, path);
    if (str_is(path, "token/tidying"))
        return tidy_more(r, path);
    if (!str_starts(path, to_clear))
        return false;
    if (clear_rest(r, (struct str){ path.at + to_clear.len, path.len - to_clear.len }, A_PIECE))
        return true;
    entry_delete(&r->tx, path);
    return false;
}
