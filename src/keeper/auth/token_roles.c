/*
 * token roles - see token_roles_int.h.  A role is the entry "mount/<id>/roles/<name>".
 */
#include "keeper/auth/token_roles_int.h"

enum { NAME_MAX_LEN = 128 };

static const struct {
    const char *name;
    size_t at;
} lists[] = {
    { "allowed_policies", offsetof(struct token_role, allowed) },
    { "disallowed_policies", offsetof(struct token_role, disallowed) },
    { "allowed_policies_glob", offsetof(struct token_role, allowed_glob) },
    { "disallowed_policies_glob", offsetof(struct token_role, disallowed_glob) },
    { "allowed_entity_aliases", offsetof(struct token_role, entity_aliases) },
};

enum { LISTS = sizeof(lists) / sizeof(lists[0]) };

static struct value **list_at(struct token_role *role, size_t i)
{
    return (struct value **)(void *)((char *)role + lists[i].at);
}

static struct str role_path(struct request *r, struct str name)
{
    return mount_path(r, "roles/%.*s", STR_ARG(name));
}

static struct token_role *from_value(struct request *r, struct str name, const struct value *v)
{
    struct arena *a = &r->arena;
    struct token_role *role = arena_calloc(a, 1, sizeof(*role));

    role->name = name;
    token_params_from(a, &role->params, v);
    for (size_t i = 0; i < LISTS; i++) {
        const struct value *list = value_get(v, lists[i].name);

        *list_at(role, i) = list != NULL ? value_copy(a, list) : value_list(a);
    }
    role->path_suffix = value_get_text(v, "path_suffix", STR(""));
    role->orphan = value_get_bool(v, "orphan", false);
    role->renewable = value_get_bool(v, "renewable", true);
    return role;
}

struct token_role *token_role_load(struct request *r, struct str name)
{
    struct value *v = name.len > 0 && name.len <= NAME_MAX_LEN
                          ? entry_get_value(&r->tx, role_path(r, name))
                          : NULL;

    return v != NULL ? from_value(r, name, v) : NULL;
}

bool token_role_exists(struct request *r)
{
    return token_role_load(r, param(r, "role_name")) != NULL;
}

void token_role_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "roles/"), STR_NONE, 0));
}

static void put_lists(struct arena *a, struct value *to, struct token_role *role)
{
    for (size_t i = 0; i < LISTS; i++)
        value_put(to, lists[i].name, value_copy(a, *list_at(role, i)));
    value_put_text(a, to, "path_suffix", role->path_suffix);
    value_put_bool(a, to, "orphan", role->orphan);
    value_put_bool(a, to, "renewable", role->renewable);
}

void token_role_read(struct request *r)
{
    struct arena *a = &r->arena;
    struct token_role *role = token_role_load(r, param(r, "role_name"));
    struct value *data = value_map(a);

    if (role == NULL) {
        reply_not_found(r);
        return;
    }
    put_lists(a, data, role);
    value_put_text(a, data, "name", role->name);
    value_put_i64(a, data, "period", role->params.period);
    value_put_i64(a, data, "explicit_max_ttl", role->params.explicit_max_ttl);
    token_params_put(a, data, &role->params);
    value_remove(data, STR("token_policies"));
    value_remove(data, STR("token_ttl"));
    value_remove(data, STR("token_max_ttl"));
    if (role->params.bound_cidrs->n == 0)
        value_remove(data, STR("token_bound_cidrs"));
    if (role->params.num_uses == 0)
        value_remove(data, STR("token_num_uses"));
    reply_data(r, data);
}

/* Letters, digits, '_', and between two of them also '-' and '.'. */
static bool suffix_is_valid(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        bool inner = (c == '-' || (c == '.' && s.at[i - 1] != '.')) && i > 0 && i + 1 < s.len;

        if (!word && !inner)
            return false;
    }
    return s.len <= NAME_MAX_LEN;
}

static const char *batch_conflict(const struct token_role *role)
{
    if (!str_is(role->params.type, "batch"))
        return NULL;
    if (!role->orphan)
        return "non-orphan tokens";
    if (role->params.period != 0)
        return "periodic tokens";
    if (role->renewable)
        return "renewable tokens";
    if (role->params.explicit_max_ttl != 0)
        return "tokens with an explicit max TTL";
    return NULL;
}

static void check(struct request *r, const struct token_role *role)
{
    const char *conflict = batch_conflict(role);

    if (role->name.len > NAME_MAX_LEN)
        reply_error(r, 400, "a role's name may have at most %d bytes", NAME_MAX_LEN);
    else if (!suffix_is_valid(role->path_suffix))
        reply_error(r, 400, "given role path suffix contains invalid characters");
    else if (conflict != NULL)
        reply_error(
            r, 400, "'token_type' cannot be 'batch' when role is set to generate %s", conflict);
    else if (role->params.explicit_max_ttl > mount_max_ttl(r->mount))
        reply_warn(r,
            "the explicit max TTL is greater than the mount's maximum of %lld seconds, which "
            "counts",
            (long long)mount_max_ttl(r->mount));
}

/* The older names of two fields. */
static void read_old(struct request *r, struct token_params *p)
{
    if (!field_has(r, "token_period"))
        field_seconds(r, "period", &p->period);
    if (!field_has(r, "token_explicit_max_ttl"))
        field_seconds(r, "explicit_max_ttl", &p->explicit_max_ttl);
    if (!field_has(r, "token_bound_cidrs"))
        field_networks(r, "bound_cidrs", &p->bound_cidrs);
    if (!refused(r) && (p->period < 0 || p->explicit_max_ttl < 0))
        reply_error(r, 400, "'period' and 'explicit_max_ttl' cannot be negative");
}

void token_role_write(struct request *r)
{
    struct arena *a = &r->arena;
    struct str name = param(r, "role_name");
    struct token_role *role = token_role_load(r, name);
    struct value *v = value_map(a);

    if (role == NULL) {
        role = from_value(r, name, NULL);
        role->params.type = STR("default-service");
    }
    if (!token_params_read(r, &role->params, false))
        return;
    read_old(r, &role->params);
    for (size_t i = 0; i < LISTS; i++) {
        struct value *list;

        if (field_list(r, lists[i].name, &list))
            *list_at(role, i) =
                i + 1 < LISTS ? policies_clean(a, list, false) : value_copy(a, list);
    }
    field_text(r, "path_suffix", &role->path_suffix);
    field_bool(r, "orphan", &role->orphan);
    field_bool(r, "renewable", &role->renewable);
    if (!refused(r))
        check(r, role);
    if (refused(r))
        return;
    put_lists(a, v, role);
    token_params_put(a, v, &role->params);
    entry_put_value(&r->tx, role_path(r, name), v, 0);
    reply_empty(r);
}

void token_role_delete(struct request *r)
{
    entry_delete(&r->tx, role_path(r, param(r, "role_name")));
    reply_empty(r);
}
