/*
 * incident, an entity: it is disabled, which refuses all its tokens from that moment on; they and their leases are revoked.
 */
#include "keeper/core/identity_store_int.h"
#include "keeper/sys/incident_int.h"

/* Service tokens of the entity; its batch tokens are not kept anywhere, being disabled is what ends them. */
static struct value *tokens_of(struct request *r, struct str entity, bool *all)
{
    struct value *names = entry_list(&r->tx, STR("token/id/"), STR_NONE, INCIDENT_TOKENS);
    struct value *list = value_list(&r->arena);

    *all = names->n < INCIDENT_TOKENS;
    value_each (it, names) {
        const struct token *t = token_load(r, it->text);

        if (t != NULL && str_eq(t->entity, entity))
            value_add_text(&r->arena, list, it->text);
    }
    return list;
}

static struct value *aliases_of(struct request *r, const struct value *entity)
{
    struct arena *a = &r->arena;
    struct value *list = value_list(a);

    value_each (it, value_get(entity, "aliases")) {
        struct value *one = value_map(a);

        value_put_text(a, one, "name", value_get_text(it, "name", STR("")));
        value_put_text(a, one, "mount_accessor", value_get_text(it, "mount_accessor", STR("")));
        value_add(list, one);
    }
    return list;
}

static struct value *accessors_of(struct request *r, const struct value *hashes)
{
    struct value *list = value_list(&r->arena);

    value_each (it, hashes) {
        const struct token *t = list->n < INCIDENT_LISTED ? token_load(r, it->text) : NULL;

        if (t != NULL)
            value_add_text(&r->arena, list, t->accessor);
    }
    return list;
}

static struct value *policies_of(struct request *r, const struct value *entity)
{
    const struct value *list = value_get(entity, "policies");

    return list != NULL ? value_copy(&r->arena, list) : value_list(&r->arena);
}

static void look(struct request *r, struct incident *in, const struct value *entity,
    const struct value *tokens, bool all)
{
    struct arena *a = &r->arena;

    value_put_text(a, in->radius, "entity_id", value_get_text(entity, "id", STR("")));
    value_put_text(a, in->radius, "entity_name", value_get_text(entity, "name", STR("")));
    value_put(in->radius, "aliases", aliases_of(r, entity));
    value_put(in->radius, "policies", policies_of(r, entity));
    value_put_i64(a, in->radius, "tokens", tokens->n);
    value_put_bool(a, in->radius, "tokens_all_counted", all);
    value_put(in->radius, "accessors", accessors_of(r, tokens));
    incident_mark(r, in, "the blast radius is known");
}

void incident_entity(struct request *r, struct incident *in)
{
    const struct value *entity = entity_load_name(r, in->name);
    struct value *tokens;
    struct str id;
    int64_t n = 0;
    bool all;

    if (entity == NULL)
        entity = entity_load(r, in->name);
    if (entity == NULL) {
        reply_error(r, 400, "there is no entity of this name or id");
        return;
    }
    id = arena_str(&r->arena, value_get_text(entity, "id", STR("")));
    tokens = tokens_of(r, id, &all);
    look(r, in, entity, tokens, all);
    if (in->dry_run) {
        incident_report(r, in);
        return;
    }
    identity_disable(r, id, true);
    incident_mark(r, in, "the entity is disabled: none of its tokens is taken any more");
    value_each (it, tokens)
        n += token_revoke(r, it->text);
    value_put_bool(&r->arena, in->done, "disabled", true);
    value_put_i64(&r->arena, in->done, "tokens_revoked", n);
    incident_mark(r, in, "%lld tokens are revoked, with their leases", (long long)n);
    incident_report(r, in);
}
