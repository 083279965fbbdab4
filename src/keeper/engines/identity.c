/*
 * identity - entities and their aliases, looked at and changed; see core/identity_int.h for what they mean.  Groups
 * are in identity_group.c, identity tokens in identity_oidc.c.
 *
 * Not here: an OIDC provider that others log in by.
 */
#include "keeper/core/encode_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/token_int.h"
#include "keeper/engines/identity_int.h"
#include "keeper/engines/identity_oidc_int.h"

enum { METADATA_MAX = 64 /* members */, METADATA_BYTES = 512 /* each */ };

/* ---- saying ---- */

void identity_put(struct arena *a, struct value *to, const char *name, const struct value *v)
{
    value_put(to, name, v != NULL ? value_copy(a, v) : value_null(a));
}

static struct value *alias_value(struct request *r, const struct value *alias, struct str entity)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct str accessor = value_get_text(alias, "mount_accessor", STR(""));
    const struct mount *m = core_mount_by_accessor(r->core, accessor);

    value_put_text(a, v, "canonical_id", entity);
    identity_put(a, v, "creation_time", value_get(alias, "created"));
    identity_put(a, v, "custom_metadata", value_get(alias, "custom_metadata"));
    identity_put(a, v, "id", value_get(alias, "id"));
    identity_put(a, v, "last_update_time", value_get(alias, "created"));
    value_put_bool(a, v, "local", false);
    value_put(v, "merged_from_canonical_ids", value_null(a));
    identity_put(a, v, "metadata", value_get(alias, "metadata"));
    value_put_text(a, v, "mount_accessor", accessor);
    value_put_text(a, v, "mount_path", m != NULL ? m->path : STR(""));
    value_put_text(a, v, "mount_type", m != NULL ? str_from(m->engine->type) : STR(""));
    identity_put(a, v, "name", value_get(alias, "name"));
    return v;
}

static struct value *aliases_value(struct request *r, const struct value *e)
{
    struct value *list = value_list(&r->arena);

    value_each (alias, value_get(e, "aliases"))
        value_add(list, alias_value(r, alias, value_get_text(e, "id", STR(""))));
    return list;
}

static void put_list(struct arena *a, struct value *to, const char *name, const struct value *v)
{
    value_put(to, name, v != NULL ? value_copy(a, v) : value_list(a));
}

static struct value *all_groups(struct arena *a, const struct value *e)
{
    struct value *ids = value_list(a);

    value_each (id, value_get(e, "direct_group_ids"))
        value_add_text(a, ids, id->text);
    value_each (id, value_get(e, "inherited_group_ids"))
        value_add_text(a, ids, id->text);
    return ids;
}

static void say_entity(struct request *r, const struct value *e)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put(v, "aliases", aliases_value(r, e));
    identity_put(a, v, "creation_time", value_get(e, "created"));
    put_list(a, v, "direct_group_ids", value_get(e, "direct_group_ids"));
    identity_put(a, v, "disabled", value_get(e, "disabled"));
    put_list(a, v, "group_ids", all_groups(a, e));
    identity_put(a, v, "id", value_get(e, "id"));
    put_list(a, v, "inherited_group_ids", value_get(e, "inherited_group_ids"));
    identity_put(a, v, "last_update_time", value_get(e, "updated"));
    identity_put(a, v, "merged_entity_ids", value_get(e, "merged_entity_ids"));
    identity_put(a, v, "metadata", value_get(e, "metadata"));
    value_put(v, "mfa_secrets", value_map(a));
    identity_put(a, v, "name", value_get(e, "name"));
    value_put_text(a, v, "namespace_id", STR("root"));
    identity_put(a, v, "policies", value_get(e, "policies"));
    reply_data(r, v);
}

static void say_or_not_found(struct request *r, const struct value *e)
{
    if (e == NULL)
        reply_not_found(r);
    else
        say_entity(r, e);
}

/* ---- entities ---- */

bool identity_metadata_fits(struct request *r, const struct value *map)
{
    bool fits = map->n <= METADATA_MAX;

    value_each (m, map)
        fits = fits && m->kind == VALUE_TEXT && m->name.len + m->text.len <= METADATA_BYTES;
    if (!fits)
        reply_error(r, 400,
            "metadata may have at most %d members, each a text of at most %d bytes with its name",
            METADATA_MAX, METADATA_BYTES);
    return fits;
}

bool identity_take_fields(struct request *r, struct value *to)
{
    struct arena *a = &r->arena;
    struct value *v;

    if (field_list(r, "policies", &v)) {
        v = policies_clean(a, v, false);
        if (policies_contain(v, "root"))
            reply_error(r, 400, "policies cannot contain root");
        value_set(a, to, STR("policies"), v);
    }
    if (!refused(r) && field_map(r, "metadata", &v) && identity_metadata_fits(r, v))
        value_set(a, to, STR("metadata"), v);
    return !refused(r);
}

static bool take_fields(struct request *r, struct value *e)
{
    bool disabled;

    if (identity_take_fields(r, e) && field_bool(r, "disabled", &disabled))
        value_set(&r->arena, e, STR("disabled"), value_bool(&r->arena, disabled));
    return !refused(r);
}

static bool take_name(struct request *r, struct value *e)
{
    struct str had = value_get_text(e, "name", STR(""));
    struct str name = had;
    const struct value *other;

    if (!field_text(r, "name", &name) || name.len == 0 || str_eq(name, had))
        return !refused(r);
    if (name.len > ENTITY_NAME_MAX) {
        reply_error(r, 400, "a name may have at most %d bytes", ENTITY_NAME_MAX);
        return false;
    }
    other = entity_load_name(r, name);
    if (other != NULL) {
        reply_error(r, 400, "entity name is already in use");
        return false;
    }
    entity_forget_name(r, had);
    value_set(&r->arena, e, STR("name"), value_text(&r->arena, name));
    return true;
}

/* An entity that is new is named in the answer, a changed one is not. */
static void save_entity(struct request *r, struct value *e, bool fresh)
{
    struct value *data = value_map(&r->arena);

    if (!take_fields(r, e) || !take_name(r, e))
        return;
    entity_save(r, e);
    if (!fresh) {
        reply_empty(r);
        return;
    }
    identity_put(&r->arena, data, "id", value_get(e, "id"));
    identity_put(&r->arena, data, "name", value_get(e, "name"));
    value_put(data, "aliases", value_null(&r->arena));
    reply_data(r, data);
}

static void write_entity(struct request *r)
{
    struct str id = STR("");
    struct str name = STR("");
    struct value *e = NULL;

    field_text(r, "id", &id);
    field_text(r, "name", &name);
    if (refused(r))
        return;
    if (id.len > 0) {
        e = entity_load(r, id);
        if (e == NULL) {
            reply_error(r, 400, "entity not found from id");
            return;
        }
    } else {
        e = entity_load_name(r, name);
    }
    if (e != NULL)
        save_entity(r, e, false);
    else
        save_entity(r, entity_new(r, STR_NONE), true);
}

static void write_by_id(struct request *r)
{
    struct value *e = entity_load(r, param(r, "id"));

    if (e == NULL)
        reply_error(r, 400, "entity not found from id");
    else
        save_entity(r, e, false);
}

static void write_by_name(struct request *r)
{
    struct str name = param(r, "name");
    struct value *e = entity_load_name(r, name);

    value_set(&r->arena, r->body, STR("name"), value_text(&r->arena, name));
    if (e != NULL)
        save_entity(r, e, false);
    else
        save_entity(r, entity_new(r, STR_NONE), true);
}

static void read_by_id(struct request *r)
{
    say_or_not_found(r, entity_load(r, param(r, "id")));
}

static void read_by_name(struct request *r)
{
    say_or_not_found(r, entity_load_name(r, param(r, "name")));
}

static void delete_by_id(struct request *r)
{
    struct value *e = entity_load(r, param(r, "id"));

    if (e != NULL)
        entity_forget(r, e);
    reply_empty(r);
}

static void delete_by_name(struct request *r)
{
    struct value *e = entity_load_name(r, param(r, "name"));

    if (e != NULL)
        entity_forget(r, e);
    reply_empty(r);
}

static void delete_several(struct request *r)
{
    struct value *ids = NULL;

    if (!field_list(r, "entity_ids", &ids) && !refused(r))
        reply_error(r, 400, "missing entity ids to delete");
    else if (!refused(r) && ids->n > IDENTITY_AT_ONCE)
        reply_error(r, 400, "at most %d entities at once", IDENTITY_AT_ONCE);
    if (refused(r))
        return;
    value_each (id, ids) {
        struct value *e = entity_load(r, id->text);

        if (e != NULL)
            entity_forget(r, e);
    }
    reply_empty(r);
}

static void list_ids(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *keys = entry_list(&r->tx, STR("identity/entity/"), STR_NONE, 0);
    struct value *info = value_map(a);

    reply_keys(r, keys);
    if (r->reply.status != 200)
        return;
    value_each (id, keys) {
        struct value *e = entity_load(r, id->text);
        struct value *about = value_map(a);

        if (e == NULL)
            continue;
        identity_put(a, about, "name", value_get(e, "name"));
        value_put(about, "aliases", aliases_value(r, e));
        value_put_named(a, info, id->text, about);
    }
    value_put(r->reply.data, "key_info", info);
}

void identity_list_names(struct request *r, const char *folder)
{
    struct value *names = value_list(&r->arena);
    struct str path = entry_path(&r->tx, "identity/%s/", folder);

    value_each (name, entry_list(&r->tx, path, STR_NONE, 0)) {
        struct str s;

        if (decode_base64url(&r->arena, name->text, &s))
            value_add_text(&r->arena, names, s);
    }
    reply_keys(r, names);
}

static void list_names(struct request *r)
{
    identity_list_names(r, "name");
}

/* ---- aliases ---- */

static void list_alias_ids(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("identity/alias-id/"), STR_NONE, 0));
}

static void read_alias(struct request *r)
{
    struct str id = param(r, "id");
    struct value *e = entity_load_alias_id(r, id);
    struct value *alias = entity_alias_of_id(e, id);
    struct value *data;

    if (alias == NULL) {
        reply_not_found(r);
        return;
    }
    data = alias_value(r, alias, value_get_text(e, "id", STR("")));
    value_put_text(&r->arena, data, "namespace_id", STR("root"));
    reply_data(r, data);
}

static struct value *without(struct arena *a, const struct value *list, const struct value *one)
{
    struct value *out = value_list(a);

    value_each (v, list)
        if (v != one)
            value_add(out, value_copy(a, v));
    return out;
}

/* Takes it from its entity, which is saved without it. */
static void remove_alias(struct request *r, struct value *e, struct value *alias)
{
    alias_forget(r, alias);
    value_set(&r->arena, e, STR("aliases"), without(&r->arena, value_get(e, "aliases"), alias));
    entity_save(r, e);
}

static void delete_alias(struct request *r)
{
    struct str id = param(r, "id");
    struct value *e = entity_load_alias_id(r, id);
    struct value *alias = entity_alias_of_id(e, id);

    if (alias != NULL)
        remove_alias(r, e, alias);
    reply_empty(r);
}

struct alias_wish {
    struct str name;
    struct str entity;
    struct str id; /* of an alias that is to be changed */
    struct mount *mount;
    struct value *custom;
};

static bool read_wish(struct request *r, struct alias_wish *w)
{
    struct str accessor = STR("");

    w->name = w->entity = STR("");
    field_text(r, "name", &w->name);
    if (!field_text(r, "canonical_id", &w->entity))
        field_text(r, "entity_id", &w->entity);
    field_text(r, "mount_accessor", &accessor);
    if (field_map(r, "custom_metadata", &w->custom))
        identity_metadata_fits(r, w->custom);
    if (refused(r))
        return false;
    w->mount = core_mount_by_accessor(r->core, accessor);
    if (w->name.len == 0 || w->name.len > ENTITY_NAME_MAX)
        reply_error(r, 400, "'name' must have 1 to %d bytes", ENTITY_NAME_MAX);
    else if (w->mount == NULL || !w->mount->engine->auth)
        reply_error(r, 400, "invalid mount accessor \"%.*s\"", STR_ARG(accessor));
    return !refused(r);
}

/* The entity it is to belong to: the one named, else its own so far, else a new one. */
static struct value *alias_owner(struct request *r, const struct alias_wish *w, struct value *had)
{
    struct value *e = had;

    if (w->entity.len > 0) {
        e = entity_load(r, w->entity);
        if (e == NULL)
            reply_error(r, 400, "invalid entity ID");
    } else if (e == NULL) {
        e = entity_new(r, STR_NONE);
    }
    return e;
}

static void save_alias(struct request *r, struct str id)
{
    struct arena *a = &r->arena;
    struct alias_wish w = { .id = id };
    struct value *had;
    struct value *old;
    struct value *e;
    struct value *alias;
    struct value *data = value_map(a);

    if (!read_wish(r, &w))
        return;
    had =
        id.len > 0 ? entity_load_alias_id(r, id) : entity_load_alias(r, w.mount->accessor, w.name);
    old = id.len > 0 ? entity_alias_of_id(had, id) : entity_alias_at(had, w.mount->accessor);
    if (id.len > 0 && old == NULL) {
        reply_error(r, 400, "invalid alias ID");
        return;
    }
    e = alias_owner(r, &w, had);
    if (e == NULL)
        return;
    if (old != NULL)
        id = arena_str(a, value_get_text(old, "id", STR("")));
    if (old != NULL)
        remove_alias(r, had, old);
    if (had != NULL && str_eq(value_get_text(e, "id", STR("")), value_get_text(had, "id", STR(""))))
        e = had;
    if (entity_alias_at(e, w.mount->accessor) != NULL) {
        reply_error(r, 400, "Entity already has an alias for the specified mount");
        return;
    }
    alias = entity_add_alias(r, e, w.mount, w.name, NULL);
    if (id.len > 0)
        value_set(a, alias, STR("id"), value_text(a, id));
    if (w.custom != NULL)
        value_put(alias, "custom_metadata", w.custom);
    entity_save(r, e);
    identity_put(a, data, "id", value_get(alias, "id"));
    identity_put(a, data, "canonical_id", value_get(e, "id"));
    reply_data(r, data);
}

static void write_alias(struct request *r)
{
    struct str id = STR("");

    field_text(r, "id", &id);
    if (!refused(r))
        save_alias(r, id);
}

static void write_alias_by_id(struct request *r)
{
    save_alias(r, param(r, "id"));
}

/* ---- lookup, merge ---- */

static void lookup_entity(struct request *r)
{
    static const char *const names[] = { "name", "id", "alias_id", "alias_name",
        "alias_mount_accessor" };
    struct str by[5] = { { 0 } };
    struct value *e = NULL;

    for (size_t i = 0; i < 5; i++)
        field_text(r, names[i], &by[i]);
    if (refused(r))
        return;
    if (by[0].len > 0)
        e = entity_load_name(r, by[0]);
    else if (by[1].len > 0)
        e = entity_load(r, by[1]);
    else if (by[2].len > 0)
        e = entity_load_alias_id(r, by[2]);
    else if (by[3].len > 0 && by[4].len > 0)
        e = entity_load_alias(r, by[4], by[3]);
    else
        reply_error(
            r, 400, "one of name, id, alias_id, or alias_name with alias_mount_accessor is needed");
    if (refused(r))
        return;
    if (e == NULL)
        reply_empty(r);
    else
        say_entity(r, e);
}

static bool merge_one(struct request *r, struct value *to, struct str id)
{
    struct arena *a = &r->arena;
    struct value *from = entity_load(r, id);
    struct value *merged = value_get(to, "merged_entity_ids");

    if (from == NULL || str_eq(id, value_get_text(to, "id", STR("")))) {
        reply_error(r, 400, "entity id to merge from is invalid");
        return false;
    }
    entity_forget(r, from);
    value_each (alias, value_get(from, "aliases")) {
        if (entity_alias_at(to, value_get_text(alias, "mount_accessor", STR(""))) != NULL) {
            reply_error(
                r, 400, "conflicting aliases of one mount: remove one of them before merging");
            return false;
        }
        value_add(value_get(to, "aliases"), value_copy(a, alias));
    }
    value_each (policy, value_get(from, "policies"))
        value_add_text(a, value_get(to, "policies"), policy->text);
    value_set(a, to, STR("policies"), policies_clean(a, value_get(to, "policies"), false));
    if (merged == NULL) {
        merged = value_list(a);
        value_put(to, "merged_entity_ids", merged);
    }
    value_add_text(a, merged, id);
    return true;
}

static void merge(struct request *r)
{
    struct str id = STR("");
    struct value *ids = value_list(&r->arena);
    struct value *to;

    field_text(r, "to_entity_id", &id);
    field_list(r, "from_entity_ids", &ids);
    if (refused(r))
        return;
    to = entity_load(r, id);
    if (to == NULL || ids->n == 0 || ids->n > IDENTITY_AT_ONCE) {
        reply_error(r, 400,
            to == NULL ? "entity id to merge to is invalid" : "missing entity ids to merge from");
        return;
    }
    value_each (from, ids)
        if (!merge_one(r, to, from->text))
            return;
    entity_save(r, to);
    reply_empty(r);
}

static const struct endpoint endpoints[] = {
    { "entity", { [OP_WRITE] = write_entity }, NULL, 0 },
    { "entity/id", { [OP_LIST] = list_ids }, NULL, 0 },
    { "entity/id/{id}",
        { [OP_READ] = read_by_id, [OP_WRITE] = write_by_id, [OP_DELETE] = delete_by_id }, NULL, 0 },
    { "entity/name", { [OP_LIST] = list_names }, NULL, 0 },
    { "entity/name/{name}",
        { [OP_READ] = read_by_name, [OP_WRITE] = write_by_name, [OP_DELETE] = delete_by_name },
        NULL, 0 },
    { "entity/merge", { [OP_WRITE] = merge }, NULL, 0 },
    { "entity/batch-delete", { [OP_WRITE] = delete_several }, NULL, 0 },
    { "entity-alias", { [OP_WRITE] = write_alias }, NULL, 0 },
    { "entity-alias/id", { [OP_LIST] = list_alias_ids }, NULL, 0 },
    { "entity-alias/id/{id}",
        { [OP_READ] = read_alias, [OP_WRITE] = write_alias_by_id, [OP_DELETE] = delete_alias },
        NULL, 0 },
    { "group", { [OP_WRITE] = group_write }, NULL, 0 },
    { "group/id", { [OP_LIST] = group_list_ids }, NULL, 0 },
    { "group/id/{id}",
        { [OP_READ] = group_read_by_id,
            [OP_WRITE] = group_write_by_id,
            [OP_DELETE] = group_delete_by_id },
        NULL, 0 },
    { "group/name", { [OP_LIST] = group_list_names }, NULL, 0 },
    { "group/name/{name}",
        { [OP_READ] = group_read_by_name,
            [OP_WRITE] = group_write_by_name,
            [OP_DELETE] = group_delete_by_name },
        NULL, 0 },
    { "group-alias", { [OP_WRITE] = group_alias_write }, NULL, 0 },
    { "group-alias/id", { [OP_LIST] = group_alias_list }, NULL, 0 },
    { "group-alias/id/{id}",
        { [OP_READ] = group_alias_read,
            [OP_WRITE] = group_alias_write_by_id,
            [OP_DELETE] = group_alias_delete },
        NULL, 0 },
    { "oidc/config", { [OP_READ] = oidc_config_read, [OP_WRITE] = oidc_config_write }, NULL, 0 },
    { "oidc/key", { [OP_LIST] = oidc_key_list }, NULL, 0 },
    { "oidc/key/{name}",
        { [OP_READ] = oidc_key_read, [OP_WRITE] = oidc_key_write, [OP_DELETE] = oidc_key_delete },
        NULL, 0 },
    { "oidc/key/{name}/rotate", { [OP_WRITE] = oidc_key_rotate_now }, NULL, 0 },
    { "oidc/role", { [OP_LIST] = oidc_role_list }, NULL, 0 },
    { "oidc/role/{name}",
        { [OP_READ] = oidc_role_read,
            [OP_WRITE] = oidc_role_write,
            [OP_DELETE] = oidc_role_delete },
        NULL, 0 },
    { "oidc/token/{name}", { [OP_READ] = oidc_token }, NULL, 0 },
    { "oidc/introspect", { [OP_WRITE] = oidc_introspect }, NULL, 0 },
    { "oidc/.well-known/openid-configuration", { [OP_READ] = oidc_well_known }, NULL,
        ENDPOINT_OPEN },
    { "oidc/.well-known/keys", { [OP_READ] = oidc_well_known_keys }, NULL, ENDPOINT_OPEN },
    { "lookup/entity", { [OP_WRITE] = lookup_entity }, NULL, 0 },
    { "lookup/group", { [OP_WRITE] = group_lookup }, NULL, 0 },
    { NULL },
};

const struct engine engine_identity = {
    .type = "identity",
    .single = true,
    .endpoints = endpoints,
};
