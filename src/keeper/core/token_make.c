/*
 * token make - new tokens, how long they last, and their renewal; see token_int.h.
 */
#include "keeper/core/core_int.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/identity_int.h"
#include "keeper/core/token_store_int.h"

enum { TOKEN_RANDOM = 24, METADATA_MAX = 16384 };

int64_t mount_default_ttl(const struct mount *m)
{
    if (m == NULL || m->default_ttl <= 0)
        return m != NULL && m->max_ttl > 0 && m->max_ttl < CORE_TTL_DEFAULT ? m->max_ttl
                                                                            : CORE_TTL_DEFAULT;
    return m->default_ttl;
}

int64_t mount_max_ttl(const struct mount *m)
{
    return m != NULL && m->max_ttl > 0 ? m->max_ttl : CORE_TTL_DEFAULT;
}

static void cap(struct request *r, const char *what, int64_t *ttl, int64_t most, int64_t max)
{
    if (*ttl <= most)
        return;
    if (str_is(str_from(what), "period"))
        reply_warn(r,
            "period of \"%.*s\" exceeded the effective max_ttl of \"%.*s\"; period value is "
            "capped accordingly",
            STR_ARG(duration_text(&r->arena, *ttl)), STR_ARG(duration_text(&r->arena, max)));
    else
        reply_warn(r,
            "TTL of \"%.*s\" exceeded the effective max_ttl of \"%.*s\"; TTL value is capped "
            "accordingly",
            STR_ARG(duration_text(&r->arena, *ttl)), STR_ARG(duration_text(&r->arena, max)));
    *ttl = most;
}

bool token_ttl(struct request *r, const struct mount *m, const struct ttl_rule *rule, int64_t *ttl)
{
    int64_t now = r->now / 1000;
    int64_t issued = rule->issued > 0 ? rule->issued : now;
    int64_t max = mount_max_ttl(m);
    int64_t n;
    int64_t left;

    if (rule->max_ttl > 0 && rule->max_ttl < max)
        max = rule->max_ttl;
    if (rule->explicit_max_ttl > 0 && rule->explicit_max_ttl < max)
        max = rule->explicit_max_ttl;
    if (rule->period > 0) {
        n = rule->period;
        cap(r, "period", &n, max, max);
        if (rule->explicit_max_ttl <= 0) {
            *ttl = n;
            return true;
        }
        left = issued + rule->explicit_max_ttl - now;
    } else {
        n = rule->increment > 0 ? rule->increment
            : rule->ttl > 0     ? rule->ttl
                                : mount_default_ttl(m);
        left = issued + max - now;
    }
    if (left <= 0) {
        reply_error(r, 400, "past the max TTL, cannot renew");
        return false;
    }
    cap(r, "ttl", &n, left, max);
    *ttl = n;
    return true;
}

/* ---- "auth" of a response ---- */

static bool lists(const struct value *names, struct str name)
{
    value_each (p, names)
        if (str_eq(p->text, name))
            return true;
    return false;
}

static struct value *copy_or_null(struct arena *a, const struct value *v)
{
    return v != NULL ? value_copy(a, v) : value_null(a);
}

struct value *token_auth_value(struct request *r, const struct token *t, struct str text)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *all = value_list(a);

    value_each (p, t->policies)
        value_add_text(a, all, p->text);
    value_each (p, t->identity_policies)
        if (!lists(t->policies, p->text))
            value_add_text(a, all, p->text);
    value_put_text(a, v, "client_token", text);
    value_put_text(a, v, "accessor", t->accessor);
    value_put(v, "policies", all);
    value_put(v, "token_policies", value_copy(a, t->policies));
    if (t->identity_policies != NULL && t->identity_policies->n > 0)
        value_put(v, "identity_policies", value_copy(a, t->identity_policies));
    value_put(v, "metadata", copy_or_null(a, t->metadata));
    value_put_i64(a, v, "lease_duration", token_left(r, t));
    value_put_bool(a, v, "renewable", t->renewable && !t->batch);
    value_put_text(a, v, "entity_id", t->entity);
    value_put_text(a, v, "token_type", t->batch ? STR("batch") : STR("service"));
    value_put_bool(a, v, "orphan", t->parent.len == 0);
    value_put(v, "mfa_requirement", value_null(a));
    value_put_i64(a, v, "num_uses", t->num_uses > 0 ? t->num_uses : 0);
    return v;
}

/* ---- making ---- */

/* Stored with its accessor, its place under its parent and its place among leases. */
static void store(struct request *r, struct token *k, struct str text)
{
    struct arena *a = &r->arena;
    struct value *index = value_map(a);

    k->hash = token_hash(r, text);
    if (k->accessor.len == 0)
        k->accessor = random_base62(a, TOKEN_RANDOM);
    token_put(&r->tx, k);
    entry_put(&r->tx, entry_path(&r->tx, "token/accessor/%.*s", STR_ARG(k->accessor)), k->hash, 0);
    if (k->parent.len > 0)
        entry_put(&r->tx,
            entry_path(&r->tx, "token/children/%.*s/%.*s", STR_ARG(k->parent), STR_ARG(k->hash)),
            STR(""), 0);
    value_put_text(a, index, "token", k->hash);
    if (k->expires != 0) /* a root token has no lease: no revoking by prefix ends it */
        entry_put_value(&r->tx, token_index_path(r, k), index, 0);
    tokens_count(r->core, 1);
}

bool token_issue(struct request *r, struct token *k, struct str wanted)
{
    struct str text = wanted;

    k->root = policies_contain(k->policies, "root");
    if (k->batch && (k->num_uses != 0 || k->period != 0)) {
        reply_error(r, 400, "batch tokens can have neither a period nor a number of uses");
        return false;
    }
    if (k->batch) {
        text = token_seal_batch(r, k);
        if (text.len == 0 || text.len > TOKEN_TEXT_MAX) {
            reply_error(r, 400, "a batch token with this much metadata would be too long");
            return false;
        }
    } else {
        if (text.len > 0)
            entry_put(&r->tx, STR("token/custom"), STR(""), 0);
        if (text.len == 0)
            text = token_new_text(r);
        else if (entry_get(&r->tx,
                     entry_path(&r->tx, "token/id/%.*s", STR_ARG(token_hash(r, text))),
                     &(struct str){ 0 })) {
            reply_error(r, 400, "cannot create a token with a duplicate ID");
            return false;
        }
        store(r, k, text);
    }
    r->reply.auth_made = token_auth_value(r, k, text);
    if (r->reply.status == 0)
        r->reply.status = 200;
    return true;
}

static bool fits(struct request *r, const struct auth *auth)
{
    size_t n = 0;

    value_each (m, auth->metadata)
        n += m->name.len + m->text.len;
    if (n > METADATA_MAX)
        reply_error(r, 400, "metadata of a token may have at most %d bytes", METADATA_MAX);
    return n <= METADATA_MAX;
}

static bool login_policies(struct request *r, const struct auth *auth, struct token *k)
{
    const char *bad;

    k->policies = policies_clean(&r->arena, auth->policies, !auth->no_default_policy);
    bad = policies_unassignable(k->policies);
    if (bad != NULL)
        reply_error(r, 400, "cannot assign policy \"%s\"", bad);
    else if (policies_contain(k->policies, "root"))
        reply_error(r, 400, "auth methods cannot create root tokens");
    return !refused(r);
}

static bool login_is_batch(const struct mount *m, const struct auth *auth)
{
    struct str type = value_get_text(m->config, "token_type", STR(""));

    return auth->batch || str_is(type, "batch");
}

/* Under a parent it is the parent's child, else an orphan, as logins are. */
bool token_make(struct request *r, const struct token *parent)
{
    const struct auth *auth = r->reply.auth;
    const struct ttl_rule rule = { .ttl = auth->ttl,
        .period = auth->period,
        .max_ttl = auth->max_ttl,
        .explicit_max_ttl = auth->explicit_max_ttl };
    struct token k = {
        .parent = parent != NULL ? parent->hash : STR_NONE,
        .depth = parent != NULL ? parent->depth + 1 : 0,
        .display_name = auth->display_name,
        .path = auth->path.len > 0 ? auth->path : r->path,
        .mount_accessor = r->mount->accessor,
        .role = auth->role_name,
        .metadata = auth->metadata,
        .internal = auth->internal,
        .bound_cidrs = auth->bound_cidrs,
        .created = r->now / 1000,
        .period = auth->period,
        .explicit_max_ttl = auth->explicit_max_ttl,
        .max_ttl = auth->max_ttl,
        .num_uses = auth->num_uses,
        .batch = login_is_batch(r->mount, auth),
    };

    if (!fits(r, auth) || !login_policies(r, auth, &k))
        return false;
    if (k.depth > TOKEN_DEPTH_MAX) {
        reply_error(r, 400, "tokens may be nested %d deep", TOKEN_DEPTH_MAX);
        return false;
    }
    if (!token_ttl(r, r->mount, &rule, &k.issued_ttl))
        return false;
    if (auth->alias_name.len > 0) {
        if (!identity_of_login(r, r->mount, auth->alias_name, auth->metadata, &k.entity))
            return false;
        identity_look(r, k.entity, &k.identity_policies);
    }
    k.expires = k.created + k.issued_ttl;
    k.renewable = auth->renewable && !k.batch;
    return token_issue(r, &k, STR_NONE);
}

struct str token_make_root(struct request *r)
{
    struct value *names = value_list(&r->arena);
    struct token k = {
        .display_name = STR("root"),
        .path = STR("auth/token/root"),
        .created = r->now / 1000,
        .root = true,
    };
    struct str text = token_new_text(r);

    value_add_text(&r->arena, names, STR("root"));
    k.policies = names;
    store(r, &k, text);
    return text;
}

struct str token_make_wrapping(struct request *r, int64_t ttl, struct str *accessor)
{
    struct value *names = value_list(&r->arena);
    struct token k = {
        .path = r->path,
        .created = r->now / 1000,
        .issued_ttl = ttl,
        .expires = r->now / 1000 + ttl,
        .explicit_max_ttl = ttl,
        .num_uses = 1,
    };
    struct str text = token_new_text(r);

    value_add_text(&r->arena, names, STR("response-wrapping"));
    k.policies = names;
    store(r, &k, text);
    *accessor = k.accessor;
    return text;
}

/* ---- renewal ---- */

/* The engine that logged it in may refuse, or change what it grants now. */
static bool engine_renews(struct request *r, const struct token *t, struct auth *auth)
{
    struct mount *m = core_mount_by_accessor(r->core, t->mount_accessor);
    struct mount *asked = r->mount;
    bool may = true;

    if (m == NULL || m->engine->renew == NULL)
        return true;
    r->reply.auth = auth;
    r->mount = m;
    may = m->engine->renew(r, m, t->internal);
    r->mount = asked;
    r->reply.auth = NULL;
    if (!may && !refused(r))
        reply_error(r, 400, "the login that this token comes from is not valid any more");
    return may;
}

bool token_renew(struct request *r, const struct token *t, struct str text, int64_t increment)
{
    struct auth auth = { .policies = t->policies,
        .metadata = t->metadata,
        .ttl = t->issued_ttl,
        .max_ttl = t->max_ttl,
        .period = t->period,
        .explicit_max_ttl = t->explicit_max_ttl,
        .role_name = t->role };
    struct token k = *t;
    struct ttl_rule rule;
    int64_t ttl;

    if (t->batch) {
        reply_error(r, 400, "batch tokens cannot be renewed");
        return false;
    }
    if (!t->renewable || t->expires == 0) {
        reply_error(r, 400, "lease is not renewable");
        return false;
    }
    if (!engine_renews(r, t, &auth))
        return false;
    rule = (struct ttl_rule){ .increment = increment,
        .ttl = auth.ttl,
        .period = auth.period,
        .max_ttl = auth.max_ttl,
        .explicit_max_ttl = auth.explicit_max_ttl,
        .issued = t->created };
    if (!token_ttl(r, core_mount_by_accessor(r->core, t->mount_accessor), &rule, &ttl))
        return false;
    k.period = auth.period;
    k.max_ttl = auth.max_ttl;
    k.explicit_max_ttl = auth.explicit_max_ttl;
    k.renewed = r->now / 1000;
    k.expires = k.renewed + ttl;
    token_put(&r->tx, &k);
    r->reply.auth_made = token_auth_value(r, &k, text);
    r->reply.status = 200;
    return true;
}
