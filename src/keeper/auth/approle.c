/*
 * approle - login of machines by role id and secret id; see approle_int.h.
 */
#include "keeper/auth/approle_int.h"
#include "keeper/core/engines_int.h"

static bool may_come_from_here(struct request *r, const struct value *role)
{
    if (!token_remote_is_bound(value_get(role, "secret_id_bound_cidrs"), r->remote)) {
        reply_error(r, 403, "source address \"%.*s\" unauthorized by CIDR restrictions on the role",
            STR_ARG(r->remote));
        return false;
    }
    if (!token_remote_is_bound(value_get(role, "token_bound_cidrs"), r->remote)) {
        reply_error(r, 403, "permission denied");
        return false;
    }
    return true;
}

/* The secret id's own, and whose it was. */
static struct value *metadata(struct request *r, const struct value *secret, struct str role_name)
{
    const struct value *own = value_get(secret, "metadata");
    struct value *map = own != NULL ? value_copy(&r->arena, own) : value_map(&r->arena);

    value_set(&r->arena, map, STR("role_name"), value_text(&r->arena, role_name));
    return map;
}

static void grant(struct request *r, const struct value *role, const struct value *secret)
{
    struct auth *auth = arena_calloc(&r->arena, 1, sizeof(*auth));
    struct str name = value_get_text(role, "name", STR(""));
    const struct value *networks = value_get(secret, "token_bound_cidrs");
    struct token_params p;

    token_params_from(&r->arena, &p, role);
    token_params_grant(r, &p, auth);
    if (networks != NULL && networks->n > 0)
        auth->bound_cidrs = value_copy(&r->arena, networks);
    auth->metadata = metadata(r, secret, name);
    auth->internal = value_map(&r->arena);
    value_put_text(&r->arena, auth->internal, "role_name", name);
    auth->display_name = login_display_name(r, STR(""));
    auth->alias_name = value_get_text(role, "role_id", STR(""));
    r->reply.auth = auth;
    r->reply.status = 200;
}

static void login(struct request *r)
{
    struct str role_id = STR("");
    struct str secret_id = STR("");
    struct value *role;
    struct value *secret = NULL;

    field_text(r, "role_id", &role_id);
    field_text(r, "secret_id", &secret_id);
    if (refused(r))
        return;
    if (role_id.len == 0) {
        reply_error(r, 400, "missing role_id");
        return;
    }
    role = approle_load_role_id(r, role_id);
    if (role == NULL) {
        reply_error(r, 400, "invalid role or secret ID");
        return;
    }
    if (!may_come_from_here(r, role))
        return;
    if (value_get_bool(role, "bind_secret_id", true) &&
        !approle_secret_use(r, role, secret_id, &secret))
        return;
    grant(r, role, secret);
}

/* The token goes on under the role as it is now. */
static bool renew(struct request *r, struct mount *m, const struct value *internal)
{
    struct str name = value_get_text(internal, "role_name", STR(""));
    struct value *role = approle_load_name(r, name);
    struct token_params p;

    (void)m;
    if (role == NULL) {
        reply_error(r, 400, "role \"%.*s\" does not exist during renewal", STR_ARG(name));
        return false;
    }
    token_params_from(&r->arena, &p, role);
    r->reply.auth->ttl = p.ttl;
    r->reply.auth->max_ttl = p.max_ttl;
    r->reply.auth->period = p.period;
    return true;
}

static const struct endpoint endpoints[] = {
    { "login", { [OP_WRITE] = login }, NULL, ENDPOINT_OPEN },
    { "role", { [OP_LIST] = approle_list }, NULL, 0 },
    { "role/{role_name}",
        { [OP_READ] = approle_read, [OP_WRITE] = approle_write, [OP_DELETE] = approle_delete },
        approle_exists, 0 },
    { "role/{role_name}/role-id",
        { [OP_READ] = approle_role_id_read, [OP_WRITE] = approle_role_id_write }, NULL, 0 },
    { "role/{role_name}/secret-id",
        { [OP_LIST] = approle_secret_list, [OP_WRITE] = approle_secret_new }, NULL, 0 },
    { "role/{role_name}/secret-id/lookup", { [OP_WRITE] = approle_secret_lookup }, NULL, 0 },
    { "role/{role_name}/secret-id/destroy",
        { [OP_WRITE] = approle_secret_destroy, [OP_DELETE] = approle_secret_destroy }, NULL, 0 },
    { "role/{role_name}/secret-id-accessor/lookup", { [OP_WRITE] = approle_accessor_lookup }, NULL,
        0 },
    { "role/{role_name}/secret-id-accessor/destroy",
        { [OP_WRITE] = approle_accessor_destroy, [OP_DELETE] = approle_accessor_destroy }, NULL,
        0 },
    { "role/{role_name}/custom-secret-id", { [OP_WRITE] = approle_secret_custom }, NULL, 0 },
    { "role/{role_name}/{field}",
        { [OP_READ] = approle_field_read,
            [OP_WRITE] = approle_field_write,
            [OP_DELETE] = approle_field_delete },
        NULL, 0 },
    { "tidy/secret-id", { [OP_WRITE] = approle_tidy }, NULL, 0 },
    { NULL },
};

const struct engine engine_approle = {
    .type = "approle",
    .auth = true,
    .endpoints = endpoints,
    .renew = renew,
    .tick = approle_tick,
};
