/*
 * token endpoints - auth/token/: looking at tokens, renewing and revoking them; making them is in token_create.c.
 */
#include "keeper/auth/token_roles_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"

static const char invalid_accessor[] = "1 error occurred:\n\t* invalid accessor\n\n";

/* ---- looking ---- */

static void put_optional(struct arena *a, struct value *v, const struct token *k)
{
    if (k->identity_policies != NULL && k->identity_policies->n > 0)
        value_put(v, "identity_policies", value_copy(a, k->identity_policies));
    if (k->role.len > 0)
        value_put_text(a, v, "role", k->role);
    if (k->period > 0)
        value_put_i64(a, v, "period", k->period);
    if (k->bound_cidrs != NULL && k->bound_cidrs->n > 0)
        value_put(v, "bound_cidrs", value_copy(a, k->bound_cidrs));
    if (k->renewed > 0) {
        value_put_text(a, v, "last_renewal", time_text(a, k->renewed));
        value_put_i64(a, v, "last_renewal_time", k->renewed);
    }
}

static void say_token(struct request *r, const struct token *k, struct str id)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_text(a, v, "accessor", k->accessor);
    value_put_i64(a, v, "creation_time", k->created);
    value_put_i64(a, v, "creation_ttl", k->issued_ttl);
    value_put_text(a, v, "display_name", k->display_name);
    value_put_text(a, v, "entity_id", k->entity);
    value_put(
        v, "expire_time", k->expires > 0 ? value_text(a, time_text(a, k->expires)) : value_null(a));
    value_put_i64(a, v, "explicit_max_ttl", k->explicit_max_ttl);
    value_put_text(a, v, "id", id);
    if (k->expires > 0)
        value_put_text(a, v, "issue_time", time_text(a, k->created));
    value_put(v, "meta", k->metadata != NULL ? value_copy(a, k->metadata) : value_null(a));
    value_put_i64(a, v, "num_uses", k->num_uses > 0 ? k->num_uses : 0);
    value_put_bool(a, v, "orphan", k->parent.len == 0);
    value_put_text(a, v, "path", k->path);
    value_put(v, "policies", value_copy(a, k->policies));
    if (k->expires > 0)
        value_put_bool(a, v, "renewable", k->renewable && !k->batch);
    value_put_i64(a, v, "ttl", token_left(r, k));
    value_put_text(a, v, "type", k->batch ? STR("batch") : STR("service"));
    put_optional(a, v, k);
    reply_data(r, v);
}

/* The token that is meant: "token" of the body, else what id holds already. False: neither (said). */
static bool asked_token(struct request *r, struct str *id)
{
    field_text(r, "token", id);
    if (!refused(r) && id->len == 0)
        reply_error(r, 400, "missing token ID");
    return !refused(r);
}

/* Whoever asks about himself has been looked up already. */
static const struct token *token_named(struct request *r, struct str id)
{
    return r->who != NULL && str_eq_secret(id, r->token) ? r->who : token_load_text(r, id);
}

static void lookup(struct request *r)
{
    struct str id = r->token;
    const struct token *k;

    if (!asked_token(r, &id))
        return;
    k = token_named(r, id);
    if (k == NULL)
        reply_error(r, 403, "bad token");
    else
        say_token(r, k, id);
}

static void lookup_self(struct request *r)
{
    if (r->who == NULL)
        reply_error(r, 400, "missing token ID");
    else
        say_token(r, r->who, r->token);
}

static struct token *by_accessor(struct request *r)
{
    struct str accessor = STR("");
    struct token *k;

    field_text(r, "accessor", &accessor);
    if (refused(r))
        return NULL;
    if (accessor.len == 0) {
        reply_error(r, 400, "missing accessor");
        return NULL;
    }
    k = token_load_accessor(r, accessor);
    if (k == NULL)
        reply_error(r, 400, "%s", invalid_accessor);
    return k;
}

static void lookup_accessor(struct request *r)
{
    const struct token *k = by_accessor(r);

    if (k != NULL)
        say_token(r, k, STR(""));
}

static void list_accessors(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("token/accessor/"), STR_NONE, 0));
}

/* ---- renewing ---- */

static void renew_token(struct request *r, const struct token *k, struct str text)
{
    int64_t increment = 0;

    if (field_seconds(r, "increment", &increment) && increment < 0)
        reply_error(r, 400, "increment must be positive");
    if (!refused(r))
        token_renew(r, k, text, increment);
}

static void renew(struct request *r)
{
    struct str id = STR("");
    const struct token *k;

    if (!asked_token(r, &id))
        return;
    k = token_named(r, id);
    if (k == NULL)
        reply_error(r, 400, "token not found");
    else
        renew_token(r, k, id);
}

static void renew_self(struct request *r)
{
    if (r->who == NULL)
        reply_error(r, 400, "token not found");
    else
        renew_token(r, r->who, r->token);
}

static void renew_accessor(struct request *r)
{
    const struct token *k = by_accessor(r);

    if (k != NULL)
        renew_token(r, k, STR(""));
}

/* ---- revoking ---- */

static bool revocable(struct request *r, const struct token *k)
{
    if (k->batch)
        reply_error(r, 400, "batch tokens cannot be revoked");
    return !k->batch;
}

static void revoke(struct request *r)
{
    struct str id = STR("");
    const struct token *k;

    if (!asked_token(r, &id))
        return;
    k = token_load_text(r, id);
    if (k != NULL && !revocable(r, k))
        return;
    token_revoke(r, k != NULL ? k->hash : token_hash(r, id));
    reply_empty(r);
}

static void revoke_self(struct request *r)
{
    if (r->who != NULL && !revocable(r, r->who))
        return;
    if (r->who != NULL)
        token_revoke(r, r->who->hash);
    reply_empty(r);
}

static void revoke_accessor(struct request *r)
{
    const struct token *k = by_accessor(r);

    if (k == NULL)
        return;
    token_revoke(r, k->hash);
    reply_empty(r);
}

static void revoke_orphan(struct request *r)
{
    struct str id = STR("");
    const struct token *k;

    if (!asked_token(r, &id))
        return;
    k = token_load_text(r, id);
    if (k == NULL) {
        reply_error(r, 400, "token to revoke not found");
        return;
    }
    if (!revocable(r, k))
        return;
    token_revoke_orphan(r, k->hash);
    reply_empty(r);
}

static void tidy(struct request *r)
{
    token_tidy_begin(r);
    reply_warn(
        r, "Tidy operation successfully started. What it finds is removed in the background.");
    reply_data(r, NULL);
    r->reply.status = 202;
}

static const struct endpoint endpoints[] = {
    { "create", { [OP_WRITE] = token_create }, NULL, 0 },
    { "create-orphan", { [OP_WRITE] = token_create_orphan }, NULL, 0 },
    { "create/{role_name}", { [OP_WRITE] = token_create_role }, NULL, 0 },
    { "lookup", { [OP_READ] = lookup, [OP_WRITE] = lookup }, NULL, 0 },
    { "lookup-self", { [OP_READ] = lookup_self, [OP_WRITE] = lookup_self }, NULL, 0 },
    { "lookup-accessor", { [OP_WRITE] = lookup_accessor }, NULL, 0 },
    { "accessors", { [OP_LIST] = list_accessors }, NULL, ENDPOINT_SUDO },
    { "renew", { [OP_WRITE] = renew }, NULL, 0 },
    { "renew-self", { [OP_WRITE] = renew_self }, NULL, 0 },
    { "renew-accessor", { [OP_WRITE] = renew_accessor }, NULL, 0 },
    { "revoke", { [OP_WRITE] = revoke }, NULL, 0 },
    { "revoke-self", { [OP_WRITE] = revoke_self }, NULL, 0 },
    { "revoke-accessor", { [OP_WRITE] = revoke_accessor }, NULL, 0 },
    { "revoke-orphan", { [OP_WRITE] = revoke_orphan }, NULL, ENDPOINT_SUDO },
    { "roles", { [OP_LIST] = token_role_list }, NULL, 0 },
    { "roles/{role_name}",
        { [OP_READ] = token_role_read,
            [OP_WRITE] = token_role_write,
            [OP_DELETE] = token_role_delete },
        token_role_exists, 0 },
    { "tidy", { [OP_WRITE] = tidy }, NULL, 0 },
    { NULL },
};

/* Of a token that was made by a role, the role's period counts as it is now. */
static bool still_granted(struct request *r, struct mount *m, const struct value *internal)
{
    struct auth *auth = r->reply.auth;
    const struct token_role *role;

    (void)m;
    (void)internal;
    if (auth == NULL || auth->role_name.len == 0)
        return true;
    role = token_role_load(r, auth->role_name);
    if (role == NULL) {
        reply_error(r, 400, "original token role \"%.*s\" could not be found, not renewing",
            STR_ARG(auth->role_name));
        return false;
    }
    if (role->params.period > 0)
        auth->period = role->params.period;
    return true;
}

const struct engine engine_token = {
    .type = "token",
    .auth = true,
    .single = true,
    .endpoints = endpoints,
    .renew = still_granted,
};
