/*
 * identity - entities and their aliases in storage; see identity_int.h.  The endpoints are in engines/identity.c.
 */
#include <stdlib.h>

#include "keeper/core/encode_int.h"
#include "keeper/core/identity_store_int.h"
#include "keeper/core/token_int.h"

enum { NAME_RANDOM = 8 };

/* What every request of an entity's token must know; kept with the entry. */
struct known {
    struct arena arena;
    bool disabled;
    struct value *policies;
    struct str version;
};

static void known_free(void *object)
{
    struct known *n = object;

    if (n != NULL)
        arena_free(&n->arena);
    free(n);
}

/* Its own and those of its groups; NULL: none. */
static struct value *all_policies(struct arena *a, const struct value *entity)
{
    struct value *list = value_list(a);

    value_each (p, value_get(entity, "policies"))
        value_add_text(a, list, p->text);
    value_each (p, value_get(entity, "group_policies"))
        value_add_text(a, list, p->text);
    return list->n > 0 ? policies_clean(a, list, false) : NULL;
}

static void *known_parse(struct str data, const char **why)
{
    struct known *n = xcalloc(1, sizeof(*n));
    struct arena a;
    struct value *v;

    arena_init(&a, 4096);
    arena_init(&n->arena, 256);
    v = value_decode(&a, data, VALUE_NODES_MAX);
    if (v == NULL) {
        *why = "an entity is corrupt";
        known_free(n);
        n = NULL;
    } else {
        n->disabled = value_get_bool(v, "disabled", false);
        n->version = arena_str(&n->arena, value_get_text(v, "version", STR("")));
        n->policies = all_policies(&n->arena, v);
    }
    arena_free(&a);
    return n;
}

static const struct entry_class known_class = {
    .name = "entity",
    .parse = known_parse,
    .free = known_free,
};

struct str entity_path(struct request *r, struct str id)
{
    return entry_path(&r->tx, "identity/entity/%.*s", STR_ARG(id));
}

static struct str name_path(struct request *r, struct str name)
{
    return entry_path(&r->tx, "identity/name/%.*s", STR_ARG(encode_base64url(&r->arena, name)));
}

struct str alias_path(struct request *r, struct str accessor, struct str name)
{
    return entry_path(&r->tx, "identity/alias/%.*s/%.*s", STR_ARG(accessor),
        STR_ARG(encode_base64url(&r->arena, name)));
}

static bool is_id(struct str id)
{
    return id.len > 0 && id.len <= 64 && memchr(id.at, '/', id.len) == NULL;
}

bool identity_look(struct request *r, struct str id, struct value **policies)
{
    const struct known *n =
        is_id(id) ? entry_object(&r->tx, entity_path(r, id), &known_class) : NULL;

    *policies = n != NULL && n->policies != NULL ? value_copy(&r->arena, n->policies) : NULL;
    return n != NULL && !n->disabled;
}

struct str identity_version(struct request *r, struct str id)
{
    const struct known *n =
        is_id(id) ? entry_object(&r->tx, entity_path(r, id), &known_class) : NULL;

    return n != NULL ? arena_str(&r->arena, n->version) : STR_NONE;
}

struct value *entity_load(struct request *r, struct str id)
{
    return is_id(id) ? entry_get_value(&r->tx, entity_path(r, id)) : NULL;
}

struct value *entity_load_name(struct request *r, struct str name)
{
    struct str id;

    if (name.len == 0 || name.len > ENTITY_NAME_MAX || !entry_get(&r->tx, name_path(r, name), &id))
        return NULL;
    return entity_load(r, id);
}

struct value *entity_load_alias(struct request *r, struct str accessor, struct str name)
{
    struct str id;

    if (!is_id(accessor) || name.len == 0 || name.len > ENTITY_NAME_MAX ||
        !entry_get(&r->tx, alias_path(r, accessor, name), &id))
        return NULL;
    return entity_load(r, id);
}

struct value *entity_new(struct request *r, struct str name)
{
    struct arena *a = &r->arena;
    struct value *e = value_map(a);
    struct str random = random_base62(a, NAME_RANDOM);

    if (name.len == 0)
        name = str_from(arena_printf(a, "entity_%.*s", STR_ARG(random)));
    value_put_text(a, e, "id", random_uuid(a));
    value_put_text(a, e, "name", name);
    value_put(e, "policies", value_list(a));
    value_put(e, "metadata", value_map(a));
    value_put(e, "aliases", value_list(a));
    value_put_bool(a, e, "disabled", false);
    value_put_text(a, e, "created", time_text_fine(a, r->now));
    return e;
}

static struct str alias_id_path(struct request *r, const struct value *alias)
{
    return entry_path(
        &r->tx, "identity/alias-id/%.*s", STR_ARG(value_get_text(alias, "id", STR(""))));
}

void entity_save(struct request *r, struct value *e)
{
    struct arena *a = &r->arena;
    struct str id = value_get_text(e, "id", STR(""));

    value_set(a, e, STR("updated"), value_text(a, time_text_fine(a, r->now)));
    value_set(a, e, STR("version"), value_text(a, random_base62(a, NAME_RANDOM)));
    entry_put_value(&r->tx, entity_path(r, id), e, 0);
    entry_put(&r->tx, name_path(r, value_get_text(e, "name", STR(""))), id, 0);
    value_each (alias, value_get(e, "aliases")) {
        entry_put(&r->tx,
            alias_path(r, value_get_text(alias, "mount_accessor", STR("")),
                value_get_text(alias, "name", STR(""))),
            id, 0);
        entry_put(&r->tx, alias_id_path(r, alias), id, 0);
    }
}

void entity_forget(struct request *r, const struct value *e)
{
    groups_forget_member(r, value_get_text(e, "id", STR("")));
    entry_delete(&r->tx, entity_path(r, value_get_text(e, "id", STR(""))));
    entry_delete(&r->tx, name_path(r, value_get_text(e, "name", STR(""))));
    value_each (alias, value_get(e, "aliases"))
        alias_forget(r, alias);
}

void alias_forget(struct request *r, const struct value *alias)
{
    entry_delete(&r->tx, alias_path(r, value_get_text(alias, "mount_accessor", STR("")),
                             value_get_text(alias, "name", STR(""))));
    entry_delete(&r->tx, alias_id_path(r, alias));
}

void entity_forget_name(struct request *r, struct str name)
{
    entry_delete(&r->tx, name_path(r, name));
}

struct value *entity_load_alias_id(struct request *r, struct str id)
{
    struct str entity;

    if (!is_id(id) ||
        !entry_get(&r->tx, entry_path(&r->tx, "identity/alias-id/%.*s", STR_ARG(id)), &entity))
        return NULL;
    return entity_load(r, entity);
}

struct value *entity_alias_at(const struct value *e, struct str accessor)
{
    value_each (alias, value_get(e, "aliases")) {
        if (str_eq(value_get_text(alias, "mount_accessor", STR("")), accessor))
            return alias;
    }
    return NULL;
}

struct value *entity_alias_of_id(const struct value *e, struct str id)
{
    value_each (alias, value_get(e, "aliases")) {
        if (str_eq(value_get_text(alias, "id", STR("")), id))
            return alias;
    }
    return NULL;
}

struct value *entity_add_alias(struct request *r, struct value *e, const struct mount *m,
    struct str name, const struct value *metadata)
{
    struct arena *a = &r->arena;
    struct value *alias = value_map(a);

    value_put_text(a, alias, "id", random_uuid(a));
    value_put_text(a, alias, "name", name);
    value_put_text(a, alias, "mount_accessor", m->accessor);
    value_put(alias, "metadata", metadata != NULL ? value_copy(a, metadata) : value_null(a));
    value_put_text(a, alias, "created", time_text_fine(a, r->now));
    value_add(value_get(e, "aliases"), alias);
    return alias;
}

bool identity_of_login(struct request *r, const struct mount *m, struct str alias,
    const struct value *metadata, struct str *id)
{
    struct value *e = entity_load_alias(r, m->accessor, alias);

    if (alias.len > ENTITY_NAME_MAX) {
        reply_error(r, 400, "a name may have at most %d bytes", ENTITY_NAME_MAX);
        return false;
    }
    if (e == NULL) {
        e = entity_new(r, STR_NONE);
        entity_add_alias(r, e, m, alias, metadata);
        entity_save(r, e);
    }
    if (value_get_bool(e, "disabled", false)) {
        reply_error(r, 403, "permission denied");
        return false;
    }
    *id = value_get_text(e, "id", STR_NONE);
    return true;
}

bool identity_disable(struct request *r, struct str id, bool disabled)
{
    struct value *e = entity_load(r, id);

    if (e == NULL)
        return false;
    value_set(&r->arena, e, STR("disabled"), value_bool(&r->arena, disabled));
    entity_save(r, e);
    return true;
}
