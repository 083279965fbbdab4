/*
 * token create - auth/token/create, create-orphan and create/<role>: what a child may have of what its parent has.
 *
 * The rules are Vault's: without sudo a child has a part of its parent's policies; root comes from root alone; a role
 * may allow more, or less.  They are the last thing that is decided about policies before the token is made.
 */
#include "keeper/auth/token_roles_int.h"
#include "keeper/core/core_int.h"
#include "keeper/core/identity_int.h"
#include "keeper/core/identity_store_int.h"
#include "keeper/core/token_store_int.h"

enum { METADATA_MAX = 16384, ID_MAX = 1024 };

struct wish {
    const struct token *parent; /* NULL: asked by the keeper itself, as root would */
    const struct token_role *role;
    bool sudo;
    bool orphan; /* asked by its own endpoint, which has an ACL of its own */
    struct value *policies;
    struct value *metadata;
    struct str display_name;
    struct str id;
    struct str type;
    struct str entity_alias;
    int64_t ttl;
    int64_t period;
    int64_t explicit_max_ttl;
    int64_t num_uses;
    bool no_parent;
    bool no_default_policy;
    bool renewable;
};

/* ---- reading ---- */

static void read_positive(struct request *r, const char *name, int64_t *to)
{
    if (field_seconds(r, name, to) && *to < 0)
        reply_error(r, 400, "%s must be positive", name);
}

static bool read_wish(struct request *r, struct wish *w)
{
    size_t bytes = 0;

    w->policies = value_list(&r->arena);
    w->renewable = true;
    field_list(r, "policies", &w->policies);
    if (field_map(r, "meta", &w->metadata) || field_map(r, "metadata", &w->metadata))
        value_each (m, w->metadata) {
            if (m->kind != VALUE_TEXT && !refused(r))
                reply_error(r, 400, "metadata values must be texts");
            bytes += m->name.len + m->text.len;
        }
    field_text(r, "display_name", &w->display_name);
    field_text(r, "id", &w->id);
    field_text(r, "type", &w->type);
    field_text(r, "entity_alias", &w->entity_alias);
    if (!field_has(r, "ttl"))
        read_positive(r, "lease", &w->ttl);
    read_positive(r, "ttl", &w->ttl);
    read_positive(r, "period", &w->period);
    read_positive(r, "explicit_max_ttl", &w->explicit_max_ttl);
    field_int(r, "num_uses", &w->num_uses);
    field_bool(r, "no_parent", &w->no_parent);
    field_bool(r, "no_default_policy", &w->no_default_policy);
    field_bool(r, "renewable", &w->renewable);
    if (!refused(r) && bytes > METADATA_MAX)
        reply_error(r, 400, "metadata of a token may have at most %d bytes", METADATA_MAX);
    if (!refused(r) && w->num_uses < 0)
        reply_error(r, 400, "number of uses cannot be negative");
    return !refused(r);
}

/* ---- the parent ---- */

static bool parent_may(struct request *r, const struct wish *w)
{
    const struct token *p = w->parent;

    if (p == NULL)
        return true;
    if (p->batch)
        reply_error(r, 400, "batch tokens cannot create more tokens");
    else if (p->num_uses != 0)
        reply_error(r, 400, "restricted use token cannot generate child tokens");
    else if (p->depth >= TOKEN_DEPTH_MAX)
        reply_error(r, 400, "tokens may be nested %d deep", TOKEN_DEPTH_MAX);
    return !refused(r);
}

/* ---- policies ---- */

static bool listed(const struct value *names, struct str name)
{
    value_each (n, names)
        if (str_eq(n->text, name))
            return true;
    return false;
}

/* '*' stands for anything, anywhere in the pattern. */
static bool glob_fits(struct str pattern, struct str s)
{
    size_t p = 0;
    size_t i = 0;
    size_t star = SIZE_MAX;
    size_t from = 0;

    while (i < s.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            from = i;
        } else if (p < pattern.len && pattern.at[p] == s.at[i]) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

static bool globbed(const struct value *patterns, struct str name)
{
    value_each (p, patterns)
        if (glob_fits(p->text, name))
            return true;
    return false;
}

static bool role_rules(const struct token_role *role)
{
    return role != NULL && role->allowed->n + role->disallowed->n + role->allowed_glob->n +
                                   role->disallowed_glob->n >
                               0;
}

static bool role_allows(struct request *r, const struct token_role *role, const struct value *final)
{
    bool limited = role->allowed->n + role->allowed_glob->n > 0;
    bool add_default = !role->params.no_default_policy;
    struct value *allowed = policies_clean(&r->arena, role->allowed, add_default);

    value_each (p, final) {
        if (limited && !listed(allowed, p->text) && !globbed(role->allowed_glob, p->text)) {
            reply_error(r, 400,
                "token policies must be subset of the role's allowed policies: \"%.*s\" is not",
                STR_ARG(p->text));
            return false;
        }
        if (listed(role->disallowed, p->text) || globbed(role->disallowed_glob, p->text)) {
            reply_error(
                r, 400, "token policy \"%.*s\" is disallowed by this role", STR_ARG(p->text));
            return false;
        }
    }
    return true;
}

static struct value *parent_policies(struct request *r, const struct wish *w)
{
    struct value *root;

    if (w->parent != NULL)
        return w->parent->policies;
    root = value_list(&r->arena);
    value_add_text(&r->arena, root, STR("root"));
    return root;
}

static struct value *by_role(struct request *r, const struct wish *w)
{
    const struct token_role *role = w->role;
    bool add = !w->no_default_policy && !role->params.no_default_policy &&
               !policies_contain(role->disallowed, "default") &&
               !globbed(role->disallowed_glob, STR("default"));
    struct value *final;

    if (w->policies->n > 0)
        final = policies_clean(&r->arena, w->policies, add);
    else if (role->allowed->n + role->allowed_glob->n > 0)
        final = policies_clean(&r->arena, role->allowed, add);
    else
        final = policies_clean(&r->arena, parent_policies(r, w), add);
    return role_allows(r, role, final) ? final : NULL;
}

static struct value *by_parent(struct request *r, const struct wish *w)
{
    struct value *parents = parent_policies(r, w);
    struct value *asked = policies_clean(&r->arena, w->policies, false);
    bool add;

    if (asked->n == 0 && w->parent == NULL) /* the keeper itself must say what it wants */
        return policies_clean(&r->arena, NULL, !w->no_default_policy);
    if (asked->n == 0)
        return policies_clean(&r->arena, parents, false);
    add = !w->no_default_policy && (w->sudo || policies_contain(parents, "default"));
    if (!w->sudo)
        value_each (p, asked)
            if (!listed(parents, p->text)) {
                reply_error(r, 400, "child policies must be subset of parent");
                return NULL;
            }
    return policies_clean(&r->arena, asked, add);
}

static struct value *without_default(struct arena *a, const struct value *names)
{
    struct value *out = value_list(a);

    value_each (n, names)
        if (!str_is(n->text, "default"))
            value_add_text(a, out, n->text);
    return out;
}

static bool decide_policies(struct request *r, const struct wish *w, struct token *k)
{
    const char *bad;

    k->policies = role_rules(w->role) ? by_role(r, w) : by_parent(r, w);
    if (k->policies == NULL)
        return false;
    if (w->no_default_policy)
        k->policies = without_default(&r->arena, k->policies);
    bad = policies_unassignable(k->policies);
    if (bad != NULL)
        reply_error(r, 400, "cannot assign policy \"%s\"", bad);
    else if (policies_contain(k->policies, "root") &&
             !policies_contain(parent_policies(r, w), "root"))
        reply_error(r, 400, "root tokens may not be created without parent token being root");
    else if (policies_contain(k->policies, "root") && k->batch)
        reply_error(r, 400, "batch tokens cannot be root tokens");
    return !refused(r);
}

static void warn_of_missing(struct request *r, const struct value *policies)
{
    value_each (p, policies) {
        struct str data;

        if (!str_is(p->text, "root") &&
            !entry_get(&r->tx, entry_path(&r->tx, "policy/%.*s", STR_ARG(p->text)), &data))
            reply_warn(r, "Policy \"%.*s\" does not exist", STR_ARG(p->text));
    }
}

/* ---- type, id, place ---- */

static const char *batch_cannot_have(const struct wish *w)
{
    return w->explicit_max_ttl != 0 ? "explicit_max_ttl"
           : w->num_uses != 0       ? "num_uses"
           : w->period != 0         ? "period"
           : w->id.len > 0          ? "id"
                                    : NULL;
}

static bool decide_type(struct request *r, const struct wish *w, struct token *k)
{
    struct str role = w->role != NULL ? w->role->params.type : STR("default-service");
    const char *bad;

    if (w->type.len > 0 && !str_is(w->type, "batch") && !str_is(w->type, "service"))
        reply_error(r, 400, "invalid 'token_type' value \"%.*s\"", STR_ARG(w->type));
    else if (str_is(role, "service") || str_is(role, "batch"))
        k->batch = str_is(role, "batch");
    else
        k->batch = w->type.len > 0 ? str_is(w->type, "batch") : str_is(role, "default-batch");
    bad = k->batch ? batch_cannot_have(w) : NULL;
    if (bad != NULL)
        reply_error(r, 400, "batch tokens cannot have \"%s\" set", bad);
    return !refused(r);
}

static bool id_is_usable(struct request *r, const struct wish *w)
{
    if (w->id.len == 0)
        return true;
    if (!w->sudo)
        reply_error(r, 400, "root or sudo privileges required to specify token id");
    else if (str_starts(w->id, STR("hvs.")) || str_starts(w->id, STR("s.")))
        reply_error(r, 400, "custom token ID cannot have the 'hvs.' prefix");
    else if (memchr(w->id.at, '.', w->id.len) != NULL)
        reply_error(r, 400, "custom token ID cannot have the '.' character");
    else if (w->id.len > ID_MAX)
        reply_error(r, 400, "custom token ID may have at most %d bytes", ID_MAX);
    return !refused(r);
}

static struct str clean_display_name(struct request *r, struct str name)
{
    char *to = arena_alloc(&r->arena, name.len + sizeof("token-"));
    size_t n = sizeof("token-") - 1;

    if (name.len == 0)
        return STR("token");
    memcpy(to, "token-", n);
    for (size_t i = 0; i < name.len && i < 256; i++) {
        char c = name.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        to[n++] = (char)(plain ? c : '-');
    }
    return (struct str){ to, to[n - 1] == '-' ? n - 1 : n };
}

static bool decide_place(struct request *r, const struct wish *w, struct token *k)
{
    bool orphan = w->orphan || w->parent == NULL;

    if (w->role != NULL) {
        orphan |= w->role->orphan;
        if (w->role->params.bound_cidrs->n > 0)
            k->bound_cidrs = w->role->params.bound_cidrs;
    } else if (w->no_parent) {
        if (!w->sudo) {
            reply_error(r, 400, "root or sudo privileges required to create orphan token");
            return false;
        }
        orphan = true;
    }
    if (orphan)
        return true;
    k->parent = w->parent->hash;
    k->depth = w->parent->depth + 1;
    k->entity = w->parent->entity;
    k->identity_policies = w->parent->identity_policies;
    if (w->role == NULL)
        k->bound_cidrs = w->parent->bound_cidrs;
    return true;
}

static bool decide_entity(struct request *r, const struct wish *w, struct token *k)
{
    if (w->entity_alias.len == 0)
        return true;
    if (w->role == NULL) {
        reply_error(r, 400, "'entity_alias' is only allowed in combination with token role");
        return false;
    }
    if (!globbed(w->role->entity_aliases, w->entity_alias)) {
        reply_error(r, 400, "invalid 'entity_alias' value");
        return false;
    }
    if (!identity_of_login(r, r->mount, w->entity_alias, NULL, &k->entity))
        return false;
    identity_look(r, k->entity, &k->identity_policies);
    return true;
}

/* ---- how long ---- */

static int64_t lesser(struct request *r, const char *what, int64_t asked, int64_t role)
{
    if (role <= 0)
        return asked;
    if (asked <= 0)
        return role;
    if (role < asked)
        asked = role;
    reply_warn(r,
        "%s specified both during creation call and in role; using the lesser value of %lld "
        "seconds",
        what, (long long)asked);
    return asked;
}

static bool decide_time(struct request *r, struct wish *w, struct token *k)
{
    struct ttl_rule rule = { .ttl = w->ttl };

    if (w->role == NULL && w->period > 0 && !w->sudo) {
        reply_error(r, 400, "root or sudo privileges required to create periodic token");
        return false;
    }
    if (w->role != NULL && !k->batch) {
        w->explicit_max_ttl =
            lesser(r, "Explicit max TTL", w->explicit_max_ttl, w->role->params.explicit_max_ttl);
        w->period = lesser(r, "Period", w->period, w->role->params.period);
    }
    rule.period = k->period = w->period;
    rule.explicit_max_ttl = k->explicit_max_ttl = w->explicit_max_ttl;
    if (w->period > 0 || w->ttl > 0 || !policies_contain(k->policies, "root")) {
        if (!token_ttl(r, r->mount, &rule, &k->issued_ttl))
            return false;
    } else {
        k->issued_ttl = w->explicit_max_ttl;
    }
    if (k->issued_ttl > 0) {
        k->expires = k->created + k->issued_ttl;
        return true;
    }
    if (w->parent != NULL && w->parent->expires != 0) {
        reply_error(r, 400, "expiring root tokens cannot create non-expiring root tokens");
        return false;
    }
    k->renewable = false;
    k->bound_cidrs = NULL;
    return true;
}

static int64_t fewer(int64_t asked, int64_t role)
{
    if (role == 0 || asked == 0)
        return role == 0 ? asked : role;
    return asked < role ? asked : role;
}

static struct str create_path(struct request *r, const struct token_role *role)
{
    if (role == NULL)
        return r->path;
    if (role->path_suffix.len == 0)
        return str_from(arena_printf(
            &r->arena, "%.*screate/%.*s", STR_ARG(r->mount->path), STR_ARG(role->name)));
    return str_from(arena_printf(&r->arena, "%.*screate/%.*s/%.*s", STR_ARG(r->mount->path),
        STR_ARG(role->name), STR_ARG(role->path_suffix)));
}

static void create(struct request *r, const struct token_role *role, bool orphan)
{
    struct wish w = { .parent = r->who,
        .role = role,
        .sudo = r->who == NULL || token_has_sudo(r),
        .orphan = orphan };
    struct token k = {
        .path = create_path(r, role),
        .role = role != NULL ? role->name : STR_NONE,
        .mount_accessor = r->mount->accessor,
        .created = r->now / 1000,
    };

    if (!parent_may(r, &w) || !read_wish(r, &w))
        return;
    k.metadata = w.metadata;
    k.display_name = clean_display_name(r, w.display_name);
    k.num_uses = role != NULL ? fewer(w.num_uses, role->params.num_uses) : w.num_uses;
    k.renewable = w.renewable && (role == NULL || role->renewable);
    if (!decide_type(r, &w, &k) || !id_is_usable(r, &w) || !decide_policies(r, &w, &k) ||
        !decide_place(r, &w, &k) || !decide_entity(r, &w, &k) || !decide_time(r, &w, &k))
        return;
    warn_of_missing(r, k.policies);
    token_issue(r, &k, w.id);
}

void token_create(struct request *r)
{
    create(r, NULL, false);
}

void token_create_orphan(struct request *r)
{
    create(r, NULL, true);
}

void token_create_role(struct request *r)
{
    struct str name = param(r, "role_name");
    const struct token_role *role = token_role_load(r, name);

    if (role == NULL)
        reply_error(r, 400, "unknown role %.*s", STR_ARG(name));
    else
        create(r, role, false);
}
