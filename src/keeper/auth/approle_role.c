/*
 * approle role - roles and their fields, whole and one by one; see approle_int.h.
 */
#include "keeper/auth/approle_int.h"
#include "keeper/core/encode_int.h"

enum { NAME_BYTES_MAX = 512 };

/* ---- finding ---- */

static struct str lower(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    return (struct str){ to, s.len };
}

static struct str role_path(struct request *r, struct str name)
{
    return mount_path(r, "role/%.*s", STR_ARG(lower(&r->arena, name)));
}

static struct str role_id_path(struct request *r, struct str role_id)
{
    return mount_path(r, "role-id/%.*s", STR_ARG(encode_base64url(&r->arena, role_id)));
}

struct value *approle_load_name(struct request *r, struct str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return NULL;
    return entry_get_value(&r->tx, role_path(r, name));
}

struct value *approle_load(struct request *r)
{
    return approle_load_name(r, param(r, "role_name"));
}

struct value *approle_load_role_id(struct request *r, struct str role_id)
{
    struct str name;

    if (role_id.len == 0 || role_id.len > NAME_BYTES_MAX ||
        !entry_get(&r->tx, role_id_path(r, role_id), &name))
        return NULL;
    return approle_load_name(r, name);
}

bool approle_exists(struct request *r)
{
    return approle_load(r) != NULL;
}

/* The role, or 404. */
static struct value *must_load(struct request *r)
{
    struct value *role = approle_load(r);

    if (role == NULL)
        reply_not_found(r);
    return role;
}

/* ---- the fields that are not token_* ---- */

enum kind { BOOL, COUNT, SECONDS, NETWORKS };

static const struct field {
    const char *name;
    const char *old_name;
    enum kind kind;
    bool yes; /* what a BOOL is at first */
} fields[] = {
    { "bind_secret_id", NULL, BOOL, true },
    { "local_secret_ids", NULL, BOOL, false },
    { "secret_id_bound_cidrs", "bound_cidr_list", NETWORKS, false },
    { "secret_id_num_uses", NULL, COUNT, false },
    { "secret_id_ttl", NULL, SECONDS, false },
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static struct value *field_default(struct arena *a, const struct field *f)
{
    if (f->kind == BOOL)
        return value_bool(a, f->yes);
    return f->kind == NETWORKS ? value_list(a) : value_i64(a, 0);
}

/* The value that the request gives it under this name; NULL: none, or refused. */
static struct value *field_given(struct request *r, const struct field *f, const char *name)
{
    struct value *list;
    int64_t n;
    bool b;

    switch (f->kind) {
    case BOOL:
        return field_bool(r, name, &b) ? value_bool(&r->arena, b) : NULL;
    case NETWORKS:
        return field_networks_as_given(r, name, &list) ? list : NULL;
    case COUNT:
        if (!field_int(r, name, &n))
            return NULL;
        break;
    case SECONDS:
        if (!field_seconds(r, name, &n))
            return NULL;
        break;
    }
    if (n < 0) {
        reply_error(r, 400, "%s cannot be negative", name);
        return NULL;
    }
    return value_i64(&r->arena, n);
}

static void take_field(struct request *r, const struct field *f, struct value *role)
{
    struct value *v = field_given(r, f, f->name);

    if (v == NULL && f->old_name != NULL && !refused(r))
        v = field_given(r, f, f->old_name);
    if (v != NULL)
        value_set(&r->arena, role, str_from(f->name), v);
}

/* ---- writing ---- */

static struct value *new_role(struct request *r, struct str name)
{
    struct arena *a = &r->arena;
    struct value *role = value_map(a);
    struct token_params p;

    value_put_text(a, role, "name", name);
    value_put_text(a, role, "uid", random_base62(a, 20));
    value_put_text(a, role, "role_id", random_uuid(a));
    for (size_t i = 0; i < FIELDS; i++)
        value_put(role, fields[i].name, field_default(a, &fields[i]));
    token_params_from(a, &p, NULL);
    token_params_put(a, role, &p);
    return role;
}

static void check(struct request *r, const struct value *role)
{
    const struct value *sources = value_get(role, "secret_id_bound_cidrs");
    const struct value *networks = value_get(role, "token_bound_cidrs");

    if (!value_get_bool(role, "bind_secret_id", true) && (sources == NULL || sources->n == 0) &&
        (networks == NULL || networks->n == 0))
        reply_error(r, 400, "at least one constraint should be enabled on the role");
    else if (value_get_i64(role, "token_max_ttl", 0) > mount_max_ttl(r->mount))
        reply_warn(r, "token_max_ttl is greater than the backend mount's maximum TTL value; "
                      "issued tokens' max TTL value will be truncated");
}

static bool save(struct request *r, struct value *role)
{
    check(r, role);
    if (refused(r))
        return false;
    entry_put_value(&r->tx, role_path(r, value_get_text(role, "name", STR(""))), role, 0);
    return true;
}

static bool take_role_id(struct request *r, struct value *role, struct str wanted)
{
    struct str had = value_get_text(role, "role_id", STR(""));
    struct str name = value_get_text(role, "name", STR(""));
    struct str other;

    if (wanted.len == 0 || wanted.len > NAME_BYTES_MAX) {
        reply_error(r, 400, "missing role_id");
        return false;
    }
    if (entry_get(&r->tx, role_id_path(r, wanted), &other) && !str_eq_nocase(other, name)) {
        reply_error(r, 400, "role_id already in use");
        return false;
    }
    if (!str_eq(had, wanted))
        entry_delete(&r->tx, role_id_path(r, had));
    entry_put(&r->tx, role_id_path(r, wanted), name, 0);
    value_set(&r->arena, role, STR("role_id"), value_text(&r->arena, wanted));
    return true;
}

void approle_write(struct request *r)
{
    struct str name = param(r, "role_name");
    struct value *role = approle_load(r);
    bool fresh = role == NULL;
    struct token_params p;
    struct str role_id;

    if (name.len > NAME_BYTES_MAX) {
        reply_error(r, 400, "a role's name may have at most %d bytes", NAME_BYTES_MAX);
        return;
    }
    if (fresh)
        role = new_role(r, name);
    else if (field_has(r, "local_secret_ids"))
        reply_error(r, 400, "local_secret_ids can only be modified during role creation");
    for (size_t i = 0; i < FIELDS && !refused(r); i++)
        take_field(r, &fields[i], role);
    token_params_from(&r->arena, &p, role);
    if (refused(r) || !token_params_read(r, &p, true))
        return;
    token_params_put(&r->arena, role, &p);
    role_id = value_get_text(role, "role_id", STR(""));
    field_text(r, "role_id", &role_id);
    if (refused(r) || !take_role_id(r, role, role_id))
        return;
    if (save(r, role))
        reply_empty(r);
}

/* ---- reading ---- */

void approle_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "role/"), STR_NONE, 0));
}

void approle_read(struct request *r)
{
    struct value *role = must_load(r);

    if (role == NULL)
        return;
    value_remove(role, STR("name"));
    value_remove(role, STR("uid"));
    value_remove(role, STR("role_id"));
    reply_data(r, role);
}

void approle_delete(struct request *r)
{
    struct value *role = approle_load(r);

    if (role != NULL) {
        struct str uid = value_get_text(role, "uid", STR(""));

        entry_delete(&r->tx, role_path(r, value_get_text(role, "name", STR(""))));
        entry_delete(&r->tx, role_id_path(r, value_get_text(role, "role_id", STR(""))));
        entry_put(&r->tx, mount_path(r, "gone/%.*s", STR_ARG(uid)), STR(""), r->now);
    }
    reply_empty(r);
}

void approle_role_id_read(struct request *r)
{
    struct value *role = must_load(r);
    struct value *data = value_map(&r->arena);

    if (role == NULL)
        return;
    value_put_text(&r->arena, data, "role_id", value_get_text(role, "role_id", STR("")));
    reply_data(r, data);
}

void approle_role_id_write(struct request *r)
{
    struct value *role = must_load(r);
    struct str role_id = STR("");

    if (role == NULL)
        return;
    field_text(r, "role_id", &role_id);
    if (!refused(r) && take_role_id(r, role, role_id) && save(r, role))
        reply_empty(r);
}

/* ---- one field ---- */

/* role/<name>/<word>: which member of the role that is, and an older name it also answers to. */
static const struct single {
    const char *word;
    const char *member;
    const char *old_name;
} singles[] = {
    { "bind-secret-id", "bind_secret_id", NULL },
    { "bound-cidr-list", "secret_id_bound_cidrs", "bound_cidr_list" },
    { "local-secret-ids", "local_secret_ids", NULL },
    { "period", "token_period", "period" },
    { "policies", "token_policies", "policies" },
    { "secret-id-bound-cidrs", "secret_id_bound_cidrs", NULL },
    { "secret-id-num-uses", "secret_id_num_uses", NULL },
    { "secret-id-ttl", "secret_id_ttl", NULL },
    { "token-bound-cidrs", "token_bound_cidrs", NULL },
    { "token-max-ttl", "token_max_ttl", NULL },
    { "token-num-uses", "token_num_uses", NULL },
    { "token-ttl", "token_ttl", NULL },
};

static const struct single *single_find(struct request *r)
{
    for (size_t i = 0; i < sizeof(singles) / sizeof(singles[0]); i++)
        if (str_is(param(r, "field"), singles[i].word))
            return &singles[i];
    reply_error(r, 404, "1 error occurred:\n\t* unsupported path\n\n");
    return NULL;
}

static const struct field *own_field(const struct single *s)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(fields[i].name, s->member) == 0)
            return &fields[i];
    return NULL;
}

void approle_field_read(struct request *r)
{
    const struct single *s = single_find(r);
    struct value *role = s != NULL ? must_load(r) : NULL;
    struct value *data = value_map(&r->arena);

    if (role == NULL)
        return;
    value_put(data, s->member, value_copy(&r->arena, value_get(role, s->member)));
    if (s->old_name != NULL)
        value_put(data, s->old_name, value_copy(&r->arena, value_get(role, s->member)));
    reply_data(r, data);
}

/* The body with this one member alone, so that the others stay as they are. */
static void keep_only(struct request *r, const struct single *s)
{
    struct value *v = value_get(r->body, s->member);
    struct value *one = value_map(&r->arena);

    if (v == NULL && s->old_name != NULL)
        v = value_get(r->body, s->old_name);
    if (v != NULL)
        value_put(one, s->member, value_copy(&r->arena, v));
    r->body = one;
}

void approle_field_write(struct request *r)
{
    const struct single *s = single_find(r);
    struct value *role = s != NULL ? must_load(r) : NULL;
    const struct field *own;
    struct token_params p;

    if (role == NULL)
        return;
    own = own_field(s);
    keep_only(r, s);
    if (r->body->n == 0) {
        reply_error(r, 400, "missing %s", s->member);
        return;
    }
    if (strcmp(s->member, "local_secret_ids") == 0) {
        reply_error(r, 405, "1 error occurred:\n\t* unsupported operation\n\n");
        return;
    }
    token_params_from(&r->arena, &p, role);
    if (own != NULL)
        take_field(r, own, role);
    else if (token_params_read(r, &p, false))
        token_params_put(&r->arena, role, &p);
    if (!refused(r) && save(r, role))
        reply_empty(r);
}

void approle_field_delete(struct request *r)
{
    const struct single *s = single_find(r);
    struct value *role = s != NULL ? must_load(r) : NULL;
    const struct field *own;
    struct value *fresh;

    if (role == NULL)
        return;
    own = own_field(s);
    fresh = own != NULL ? field_default(&r->arena, own)
                        : value_copy(&r->arena, value_get(new_role(r, STR("")), s->member));
    value_set(&r->arena, role, str_from(s->member), fresh);
    if (save(r, role))
        reply_empty(r);
}
