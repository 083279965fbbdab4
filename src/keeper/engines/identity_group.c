/*
 * identity group - the endpoints of groups; what they mean is in core/identity_store_int.h.
 */
#include "keeper/core/encode_int.h"
#include "keeper/core/token_int.h"
#include "keeper/engines/identity_int.h"

static struct str id_of(const struct value *v)
{
    return value_get_text(v, "id", STR(""));
}

/* ---- saying ---- */

static struct value *alias_value(struct request *r, const struct value *g)
{
    struct arena *a = &r->arena;
    const struct value *alias = value_get(g, "alias");
    struct value *v = value_map(a);
    struct str accessor = value_get_text(alias, "mount_accessor", STR(""));
    const struct mount *m = core_mount_by_accessor(r->core, accessor);

    if (alias == NULL)
        return v;
    value_put_text(a, v, "canonical_id", id_of(g));
    identity_put(a, v, "creation_time", value_get(alias, "created"));
    identity_put(a, v, "id", value_get(alias, "id"));
    identity_put(a, v, "last_update_time", value_get(alias, "created"));
    value_put(v, "metadata", value_null(a));
    value_put_text(a, v, "mount_accessor", accessor);
    value_put_text(a, v, "mount_path", m != NULL ? m->path : STR(""));
    value_put_text(a, v, "mount_type", m != NULL ? str_from(m->engine->type) : STR(""));
    identity_put(a, v, "name", value_get(alias, "name"));
    return v;
}

/* Vault says null of a group without groups in it. */
static const struct value *some(const struct value *list)
{
    return list != NULL && list->n > 0 ? list : NULL;
}

static void say_group(struct request *r, const struct value *g)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    if (g == NULL) {
        reply_not_found(r);
        return;
    }
    value_put(v, "alias", alias_value(r, g));
    identity_put(a, v, "creation_time", value_get(g, "created"));
    identity_put(a, v, "id", value_get(g, "id"));
    identity_put(a, v, "last_update_time", value_get(g, "updated"));
    identity_put(a, v, "member_entity_ids", value_get(g, "members"));
    identity_put(a, v, "member_group_ids", some(value_get(g, "groups")));
    identity_put(a, v, "metadata", value_get(g, "metadata"));
    value_put_i64(a, v, "modify_index", value_get_i64(g, "changes", 1));
    identity_put(a, v, "name", value_get(g, "name"));
    value_put_text(a, v, "namespace_id", STR("root"));
    value_put(v, "parent_group_ids", groups_of(r, id_of(g)));
    identity_put(a, v, "policies", value_get(g, "policies"));
    identity_put(a, v, "type", value_get(g, "type"));
    reply_data(r, v);
}

void group_read_by_id(struct request *r)
{
    say_group(r, group_load(r, param(r, "id")));
}

void group_read_by_name(struct request *r)
{
    say_group(r, group_load_name(r, param(r, "name")));
}

void group_list_ids(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *keys = entry_list(&r->tx, STR("identity/group/"), STR_NONE, 0);
    struct value *info = value_map(a);

    reply_keys(r, keys);
    if (r->reply.status != 200)
        return;
    value_each (id, keys) {
        struct value *g = group_load(r, id->text);
        struct value *about = value_map(a);

        identity_put(a, about, "name", value_get(g, "name"));
        value_put_i64(a, about, "num_member_entities",
            g != NULL && value_get(g, "members") != NULL ? value_get(g, "members")->n : 0);
        value_put(about, "parent_group_ids", groups_of(r, id->text));
        value_put_named(a, info, id->text, about);
    }
    value_put(r->reply.data, "key_info", info);
}

void group_list_names(struct request *r)
{
    identity_list_names(r, "group-name");
}

/* ---- writing ---- */

static bool take_type(struct request *r, struct value *g, bool fresh)
{
    struct str had = value_get_text(g, "type", STR("internal"));
    struct str type = had;

    if (!field_text(r, "type", &type) || type.len == 0)
        return !refused(r);
    if (!str_is(type, "internal") && !str_is(type, "external"))
        reply_error(r, 400, "invalid group type \"%.*s\"", STR_ARG(type));
    else if (!fresh && !str_eq(type, had))
        reply_error(r, 400, "group type cannot be changed");
    else
        value_set(&r->arena, g, STR("type"), value_text(&r->arena, type));
    return !refused(r);
}

/* A list of ids, each of which must name something. */
static bool take_ids(struct request *r, struct value *g, const char *field, const char *member,
    struct value *(*load)(struct request *r, struct str id))
{
    struct value *ids;
    struct value *once = value_list(&r->arena);

    if (!field_list(r, field, &ids))
        return !refused(r);
    if (str_is(value_get_text(g, "type", STR("")), "external") && ids->n > 0) {
        reply_error(r, 400, "%s can't be set manually for external groups", field);
        return false;
    }
    if (ids->n > IDENTITY_AT_ONCE) {
        reply_error(r, 400, "%s: at most %d", field, IDENTITY_AT_ONCE);
        return false;
    }
    value_each (id, policies_clean(&r->arena, ids, false)) /* sorted, once each */
    {
        if (load(r, id->text) == NULL) {
            reply_error(r, 400, "invalid %s: \"%.*s\"", field, STR_ARG(id->text));
            return false;
        }
        value_add_text(&r->arena, once, id->text);
    }
    value_set(&r->arena, g, str_from(member), once);
    return true;
}

static bool take_name(struct request *r, struct value *g)
{
    struct str had = value_get_text(g, "name", STR(""));
    struct str name = had;

    if (!field_text(r, "name", &name) || name.len == 0 || str_eq(name, had))
        return !refused(r);
    if (name.len > ENTITY_NAME_MAX)
        reply_error(r, 400, "a name may have at most %d bytes", ENTITY_NAME_MAX);
    else if (group_load_name(r, name) != NULL)
        reply_error(r, 400, "group name is already in use");
    else
        value_set(&r->arena, g, STR("name"), value_text(&r->arena, name));
    return !refused(r);
}

/* g NULL: a new one, which the answer names. */
static void save(struct request *r, struct value *g)
{
    struct arena *a = &r->arena;
    bool fresh = g == NULL;
    struct value *had = fresh ? NULL : value_copy(a, g);
    struct value *data = value_map(a);

    if (fresh)
        g = group_new(r);
    if (!identity_take_fields(r, g) || !take_type(r, g, fresh) || !take_name(r, g) ||
        !take_ids(r, g, "member_entity_ids", "members", entity_load) ||
        !take_ids(r, g, "member_group_ids", "groups", group_load))
        return;
    value_set(a, g, STR("changes"), value_i64(a, value_get_i64(g, "changes", 0) + 1));
    if (!group_save(r, g, had))
        return;
    if (!fresh) {
        reply_empty(r);
        return;
    }
    identity_put(a, data, "id", value_get(g, "id"));
    identity_put(a, data, "name", value_get(g, "name"));
    reply_data(r, data);
}

void group_write(struct request *r)
{
    struct str id = STR("");
    struct str name = STR("");
    struct value *g;

    field_text(r, "id", &id);
    field_text(r, "name", &name);
    if (refused(r))
        return;
    g = id.len > 0 ? group_load(r, id) : group_load_name(r, name);
    if (id.len > 0 && g == NULL)
        reply_error(r, 400, "invalid group ID");
    else
        save(r, g);
}

void group_write_by_id(struct request *r)
{
    struct value *g = group_load(r, param(r, "id"));

    if (g == NULL)
        reply_error(r, 400, "invalid group ID");
    else
        save(r, g);
}

void group_write_by_name(struct request *r)
{
    struct str name = param(r, "name");

    value_set(&r->arena, r->body, STR("name"), value_text(&r->arena, name));
    save(r, group_load_name(r, name));
}

static void forget(struct request *r, const struct value *g)
{
    if (g != NULL)
        group_forget(r, g);
    reply_empty(r);
}

void group_delete_by_id(struct request *r)
{
    forget(r, group_load(r, param(r, "id")));
}

void group_delete_by_name(struct request *r)
{
    forget(r, group_load_name(r, param(r, "name")));
}

/* ---- aliases: how an auth mount names an external group ---- */

void group_alias_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("identity/group-alias-id/"), STR_NONE, 0));
}

void group_alias_read(struct request *r)
{
    struct value *g = group_load_alias_id(r, param(r, "id"));

    if (g == NULL)
        reply_not_found(r);
    else
        reply_data(r, alias_value(r, g));
}

void group_alias_delete(struct request *r)
{
    struct value *g = group_load_alias_id(r, param(r, "id"));

    if (g != NULL) {
        struct value *had = value_copy(&r->arena, g);

        value_remove(g, STR("alias"));
        group_save(r, g, had);
    }
    if (!refused(r))
        reply_empty(r);
}

/* An alias of no group makes one, as in Vault. */
static struct value *group_of_alias(struct request *r)
{
    struct value *g = group_new(r);

    value_set(&r->arena, g, STR("type"), value_text(&r->arena, STR("external")));
    value_set(&r->arena, g, STR("changes"), value_i64(&r->arena, 1));
    return g;
}

static void save_alias(struct request *r, struct str alias_id)
{
    struct arena *a = &r->arena;
    struct str name = STR("");
    struct str accessor = STR("");
    struct str group = STR("");
    struct value *g = alias_id.len > 0 ? group_load_alias_id(r, alias_id) : NULL;
    struct value *alias = value_map(a);
    struct value *other;
    struct value *had;
    struct value *data = value_map(a);
    bool fresh;

    field_text(r, "name", &name);
    field_text(r, "mount_accessor", &accessor);
    field_text(r, "canonical_id", &group);
    if (refused(r))
        return;
    if (alias_id.len > 0 && g == NULL) {
        reply_error(r, 400, "invalid group alias ID");
        return;
    }
    if (group.len > 0)
        g = group_load(r, group);
    other = group_load_alias(r, accessor, name);
    if (group.len == 0 && g == NULL)
        g = other;
    fresh = group.len == 0 && g == NULL;
    if (fresh)
        g = group_of_alias(r);
    if (name.len == 0 || name.len > ENTITY_NAME_MAX)
        reply_error(r, 400, "missing alias name");
    else if (core_mount_by_accessor(r->core, accessor) == NULL)
        reply_error(r, 400, "invalid mount accessor \"%.*s\"", STR_ARG(accessor));
    else if (g == NULL)
        reply_error(r, 400, "invalid group ID given in 'canonical_id'");
    else if (!str_is(value_get_text(g, "type", STR("")), "external"))
        reply_error(r, 400, "alias can't be set on an internal group");
    else if (other != NULL && !str_eq(id_of(other), id_of(g)))
        reply_error(r, 400, "another group has this alias");
    if (refused(r))
        return;
    had = fresh ? NULL : value_copy(a, g);
    if (other != NULL && alias_id.len == 0)
        alias_id = value_get_text(value_get(g, "alias"), "id", STR(""));
    value_put_text(a, alias, "id", alias_id.len > 0 ? alias_id : random_uuid(a));
    value_put_text(a, alias, "name", name);
    value_put_text(a, alias, "mount_accessor", accessor);
    value_put_text(a, alias, "created", time_text_fine(a, r->now));
    value_set(a, g, STR("alias"), alias);
    if (!group_save(r, g, had))
        return;
    identity_put(a, data, "id", value_get(alias, "id"));
    identity_put(a, data, "canonical_id", value_get(g, "id"));
    reply_data(r, data);
}

void group_alias_write(struct request *r)
{
    struct str id = STR("");

    field_text(r, "id", &id);
    if (!refused(r))
        save_alias(r, id);
}

void group_alias_write_by_id(struct request *r)
{
    save_alias(r, param(r, "id"));
}

/* ---- lookup ---- */

void group_lookup(struct request *r)
{
    static const char *const names[] = { "name", "id", "alias_id", "alias_name",
        "alias_mount_accessor" };
    struct str by[5] = { { 0 } };
    struct value *g = NULL;

    for (size_t i = 0; i < 5; i++)
        field_text(r, names[i], &by[i]);
    if (refused(r))
        return;
    if (by[0].len > 0)
        g = group_load_name(r, by[0]);
    else if (by[1].len > 0)
        g = group_load(r, by[1]);
    else if (by[2].len > 0)
        g = group_load_alias_id(r, by[2]);
    else if (by[3].len > 0 && by[4].len > 0)
        g = group_load_alias(r, by[4], by[3]);
    else
        reply_error(
            r, 400, "one of name, id, alias_id, or alias_name with alias_mount_accessor is needed");
    if (refused(r))
        return;
    if (g == NULL)
        reply_empty(r);
    else
        say_group(r, g);
}
