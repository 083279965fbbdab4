/*
 * identity group - groups in storage, and what entities have of them; see identity_store_int.h.
 */
#include "keeper/core/encode_int.h"
#include "keeper/core/identity_store_int.h"
#include "keeper/core/token_int.h"

enum { NAME_RANDOM = 8 };

/* ---- finding ---- */

static bool is_id(struct str id)
{
    return id.len > 0 && id.len <= 64 && memchr(id.at, '/', id.len) == NULL;
}

static struct str group_path(struct request *r, struct str id)
{
    return entry_path(&r->tx, "identity/group/%.*s", STR_ARG(id));
}

static struct str name_path(struct request *r, struct str name)
{
    return entry_path(
        &r->tx, "identity/group-name/%.*s", STR_ARG(encode_base64url(&r->arena, name)));
}

static struct str alias_name_path(struct request *r, struct str accessor, struct str name)
{
    return entry_path(&r->tx, "identity/group-alias/%.*s/%.*s", STR_ARG(accessor),
        STR_ARG(encode_base64url(&r->arena, name)));
}

static struct str alias_id_path(struct request *r, struct str id)
{
    return entry_path(&r->tx, "identity/group-alias-id/%.*s", STR_ARG(id));
}

static struct str member_path(struct request *r, struct str member, struct str group)
{
    return entry_path(&r->tx, "identity/in/%.*s/%.*s", STR_ARG(member), STR_ARG(group));
}

struct value *group_load(struct request *r, struct str id)
{
    return is_id(id) ? entry_get_value(&r->tx, group_path(r, id)) : NULL;
}

static struct value *load_by(struct request *r, struct str path)
{
    struct str id;

    return entry_get(&r->tx, path, &id) ? group_load(r, id) : NULL;
}

struct value *group_load_name(struct request *r, struct str name)
{
    return name.len > 0 && name.len <= ENTITY_NAME_MAX ? load_by(r, name_path(r, name)) : NULL;
}

struct value *group_load_alias(struct request *r, struct str accessor, struct str name)
{
    if (!is_id(accessor) || name.len == 0 || name.len > ENTITY_NAME_MAX)
        return NULL;
    return load_by(r, alias_name_path(r, accessor, name));
}

struct value *group_load_alias_id(struct request *r, struct str id)
{
    return is_id(id) ? load_by(r, alias_id_path(r, id)) : NULL;
}

struct value *groups_of(struct request *r, struct str member)
{
    struct value *ids =
        entry_list(&r->tx, entry_path(&r->tx, "identity/in/%.*s/", STR_ARG(member)), STR_NONE, 0);

    return ids != NULL ? ids : value_list(&r->arena);
}

struct value *group_new(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *g = value_map(a);
    struct str random = random_base62(a, NAME_RANDOM);

    value_put_text(a, g, "id", random_uuid(a));
    value_put_text(a, g, "name", str_from(arena_printf(a, "group_%.*s", STR_ARG(random))));
    value_put_text(a, g, "type", STR("internal"));
    value_put(g, "policies", value_list(a));
    value_put(g, "metadata", value_map(a));
    value_put(g, "members", value_list(a));
    value_put(g, "groups", value_list(a));
    value_put_text(a, g, "created", time_text_fine(a, r->now));
    return g;
}

/* ---- what entities have of groups ---- */

static bool listed(const struct value *ids, struct str id)
{
    value_each (i, ids) {
        if (str_eq(i->text, id))
            return true;
    }
    return false;
}

/* Each once, in the order they are met. False: past the limit. */
static bool add_once(struct request *r, struct value *ids, struct str id)
{
    if (listed(ids, id))
        return true;
    value_add_text(&r->arena, ids, id);
    return ids->n <= GROUP_REACH_MAX;
}

/* The groups in `ids` and those above them. */
static bool climb(struct request *r, struct value *ids)
{
    value_each (id, ids) /* grows as it goes */
    {
        value_each (above, groups_of(r, id->text)) {
            if (!add_once(r, ids, above->text))
                return false;
        }
    }
    return true;
}

/* The entities in these groups and the groups below them. */
static bool descend(struct request *r, struct value *groups, struct value *entities)
{
    value_each (id, groups) {
        struct value *g = group_load(r, id->text);

        value_each (member, value_get(g, "members")) {
            if (!add_once(r, entities, member->text))
                return false;
        }
        value_each (below, value_get(g, "groups")) {
            if (!add_once(r, groups, below->text))
                return false;
        }
    }
    return true;
}

static bool refresh_entity(struct request *r, struct str id)
{
    struct arena *a = &r->arena;
    struct value *e = entity_load(r, id);
    struct value *direct = groups_of(r, id);
    struct value *all = value_copy(a, direct);
    struct value *inherited = value_list(a);
    struct value *policies = value_list(a);

    if (e == NULL)
        return true;
    if (!climb(r, all))
        return false;
    value_each (group, all) {
        if (!listed(direct, group->text))
            value_add_text(a, inherited, group->text);
        value_each (p, value_get(group_load(r, group->text), "policies"))
            value_add_text(a, policies, p->text);
    }
    value_set(a, e, STR("group_policies"), policies_clean(a, policies, false));
    value_set(a, e, STR("direct_group_ids"), value_copy(a, direct));
    value_set(a, e, STR("inherited_group_ids"), inherited);
    entity_save(r, e);
    return true;
}

/* ---- changing ---- */

static void index_members(struct request *r, const struct value *list, struct str group, bool there)
{
    value_each (member, list) {
        if (there)
            entry_put(&r->tx, member_path(r, member->text, group), STR(""), 0);
        else
            entry_delete(&r->tx, member_path(r, member->text, group));
    }
}

static void unindex(struct request *r, const struct value *g)
{
    struct str id = value_get_text(g, "id", STR(""));
    const struct value *alias = value_get(g, "alias");

    entry_delete(&r->tx, name_path(r, value_get_text(g, "name", STR(""))));
    index_members(r, value_get(g, "members"), id, false);
    index_members(r, value_get(g, "groups"), id, false);
    if (alias != NULL) {
        entry_delete(&r->tx, alias_id_path(r, value_get_text(alias, "id", STR(""))));
        entry_delete(&r->tx, alias_name_path(r, value_get_text(alias, "mount_accessor", STR("")),
                                 value_get_text(alias, "name", STR(""))));
    }
}

static void put(struct request *r, struct value *g)
{
    struct arena *a = &r->arena;
    struct str id = value_get_text(g, "id", STR(""));
    const struct value *alias = value_get(g, "alias");

    value_set(a, g, STR("updated"), value_text(a, time_text_fine(a, r->now)));
    entry_put_value(&r->tx, group_path(r, id), g, 0);
    entry_put(&r->tx, name_path(r, value_get_text(g, "name", STR(""))), id, 0);
    index_members(r, value_get(g, "members"), id, true);
    index_members(r, value_get(g, "groups"), id, true);
    if (alias != NULL) {
        entry_put(&r->tx, alias_id_path(r, value_get_text(alias, "id", STR(""))), id, 0);
        entry_put(&r->tx,
            alias_name_path(r, value_get_text(alias, "mount_accessor", STR("")),
                value_get_text(alias, "name", STR(""))),
            id, 0);
    }
}

/* Would a group hold itself? */
static bool is_circle(struct request *r, const struct value *g)
{
    struct value *above = value_list(&r->arena);

    value_add_text(&r->arena, above, value_get_text(g, "id", STR("")));
    if (!climb(r, above))
        return true;
    value_each (below, value_get(g, "groups")) {
        if (listed(above, below->text))
            return true;
    }
    return false;
}

static bool refresh(struct request *r, const struct value *entities)
{
    value_each (id, entities) {
        if (!refresh_entity(r, id->text))
            return false;
    }
    return true;
}

bool group_save(struct request *r, struct value *g, const struct value *had)
{
    struct value *groups = value_list(&r->arena);
    struct value *entities = value_list(&r->arena);
    struct str id = value_get_text(g, "id", STR(""));
    bool fits;

    value_add_text(&r->arena, groups, id);
    fits = had == NULL || descend(r, groups, entities);
    if (had != NULL)
        unindex(r, had);
    if (is_circle(r, g)) {
        reply_error(r, 400, "cyclic relationship detected: a member group holds this group");
        return false;
    }
    put(r, g);
    groups = value_list(&r->arena);
    value_add_text(&r->arena, groups, id);
    if (!fits || !descend(r, groups, entities) || !refresh(r, entities)) {
        reply_error(r, 400, "a group may reach at most %d entities and groups", GROUP_REACH_MAX);
        return false;
    }
    return true;
}

void group_forget(struct request *r, const struct value *g)
{
    struct value *groups = value_list(&r->arena);
    struct value *entities = value_list(&r->arena);
    struct str id = value_get_text(g, "id", STR(""));

    value_add_text(&r->arena, groups, id);
    descend(r, groups, entities);
    groups_forget_member(r, id);
    unindex(r, g);
    entry_delete(&r->tx, group_path(r, id));
    refresh(r, entities);
}

static struct value *without(struct arena *a, const struct value *list, struct str id)
{
    struct value *out = value_list(a);

    value_each (v, list) {
        if (!str_eq(v->text, id))
            value_add_text(a, out, v->text);
    }
    return out;
}

void groups_forget_member(struct request *r, struct str member)
{
    struct arena *a = &r->arena;

    value_each (id, groups_of(r, member)) {
        struct value *g = group_load(r, id->text);

        entry_delete(&r->tx, member_path(r, member, id->text));
        if (g == NULL)
            continue;
        value_set(a, g, STR("members"), without(a, value_get(g, "members"), member));
        value_set(a, g, STR("groups"), without(a, value_get(g, "groups"), member));
        put(r, g);
    }
}
