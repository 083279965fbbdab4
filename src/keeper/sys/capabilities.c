/*
 * capabilities - what a token may do at paths, and what a user interface may show it.
 */
#include "keeper/core/policy_int.h"
#include "keeper/core/token_int.h"
#include "keeper/sys/sys_int.h"

enum { PATHS_MAX = 1000 };

/* In the order of their words, as clients compare them. */
static const struct word {
    enum capability bit;
    const char *word;
} words[] = {
    { CAN_CREATE, "create" },
    { CAN_DELETE, "delete" },
    { CAN_LIST, "list" },
    { CAN_PATCH, "patch" },
    { CAN_READ, "read" },
    { CAN_RECOVER, "recover" },
    { CAN_SUBSCRIBE, "subscribe" },
    { CAN_SUDO, "sudo" },
    { CAN_UPDATE, "update" },
};

static struct value *words_of(struct arena *a, unsigned can)
{
    struct value *list = value_list(a);

    if ((can & CAN_ROOT) != 0) {
        value_add_text(a, list, STR("root"));
        return list;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if ((can & words[i].bit) != 0)
            value_add_text(a, list, str_from(words[i].word));
    if (list->n == 0)
        value_add_text(a, list, STR("deny"));
    return list;
}

/* As each operation would be decided: LIST looks at the path as a folder. */
static struct value *look(struct request *r, const struct token *t, struct str path)
{
    const struct acl *acl = core_acl(r, t);
    bool folder = path.len > 0 && path.at[path.len - 1] == '/';
    struct str bare = { path.at, folder ? path.len - 1 : path.len };
    struct acl_answer answer;
    struct acl_answer listed;
    unsigned can;

    acl_look(acl, path, false, &answer);
    acl_look(acl, bare, true, &listed);
    can = (answer.capabilities & CAN_DENY) != 0 ? 0 : answer.capabilities & ~(unsigned)CAN_LIST;
    if ((listed.capabilities & CAN_DENY) == 0)
        can |= listed.capabilities & CAN_LIST;
    return words_of(&r->arena, can);
}

static void answer(struct request *r, const struct token *t)
{
    struct value *v = value_map(&r->arena);
    struct value *paths = NULL;

    if (!field_list(r, "paths", &paths) && !refused(r))
        field_list(r, "path", &paths);
    if (refused(r))
        return;
    if (paths == NULL || paths->n == 0 || paths->n > PATHS_MAX) {
        reply_error(r, 400, "paths must be supplied");
        return;
    }
    value_each (path, paths)
        value_set(&r->arena, v, path->text, look(r, t, path->text));
    if (paths->n == 1)
        value_put(v, "capabilities", look(r, t, paths->first->text));
    reply_data_and_top(r, v);
}

void sys_capabilities(struct request *r)
{
    struct str text = STR("");
    struct token *t;

    field_text(r, "token", &text);
    if (refused(r))
        return;
    t = text.len > 0 ? token_load_text(r, text) : NULL;
    if (t == NULL)
        reply_error(r, 400, "invalid token");
    else
        answer(r, t);
}

void sys_capabilities_self(struct request *r)
{
    answer(r, r->who);
}

void sys_capabilities_accessor(struct request *r)
{
    struct str accessor = STR("");
    struct token *t;

    field_text(r, "accessor", &accessor);
    if (refused(r))
        return;
    t = accessor.len > 0 ? token_load_accessor(r, accessor) : NULL;
    if (t == NULL)
        reply_error(r, 400, "invalid accessor");
    else
        answer(r, t);
}

/* ---- sys/internal/ui ---- */

static struct value *rules_of(struct request *r, struct str policy)
{
    return value_get(
        entry_get_value(&r->tx, entry_path(&r->tx, "policy/%.*s", STR_ARG(policy))), "rules");
}

static bool is_denied(const struct value *rule)
{
    value_each (word, value_get(rule, "capabilities"))
        if (str_is(word->text, "deny"))
            return true;
    return false;
}

/* Could the rule's path be at or under the folder (or hold it)? */
static bool reaches(struct str path, struct str folder)
{
    size_t fixed = 0;

    while (fixed < path.len && path.at[fixed] != '+' && path.at[fixed] != '*')
        fixed++;
    if (fixed >= folder.len)
        return str_starts(path, folder);
    return fixed < path.len ? str_starts(folder, (struct str){ path.at, fixed })
                            : path.len + 1 == folder.len && str_starts(folder, path);
}

static bool list_reaches(struct request *r, const struct value *policies, struct str folder)
{
    value_each (name, policies) {
        if (str_is(name->text, "root"))
            return true;
        value_each (rule, rules_of(r, name->text))
            if (!is_denied(rule) && reaches(value_get_text(rule, "path", STR("")), folder))
                return true;
    }
    return false;
}

static bool may_see(struct request *r, const struct token *t, const struct mount *m)
{
    return t != NULL && (list_reaches(r, t->policies, m->path) ||
                            list_reaches(r, t->identity_policies, m->path));
}

/* To everybody, token or not. */
static bool is_listed(const struct mount *m)
{
    return str_is(value_get_text(m->config, "listing_visibility", STR("")), "unauth");
}

void sys_ui_mounts(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *auth = value_map(a);
    struct value *secret = value_map(a);
    struct token *t = r->token.len > 0 ? token_load_text(r, r->token) : NULL;
    struct mount *m = NULL;

    while ((m = core_mount_each(r->core, NULL, m)) != NULL) {
        struct str name =
            m->engine->auth ? (struct str){ m->path.at + 5, m->path.len - 5 } : m->path;

        if (m->tainted || (!is_listed(m) && !may_see(r, t, m)))
            continue;
        value_put_named(a, m->engine->auth ? auth : secret, name, mount_value(a, m));
    }
    value_put(v, "auth", auth);
    value_put(v, "secret", secret);
    reply_data(r, v);
}

void sys_ui_mount(struct request *r)
{
    struct str path = param(r, "path");
    struct mount *m = core_mount_of(r->core, path);
    struct token *t = r->token.len > 0 ? token_load_text(r, r->token) : NULL;
    struct value *v;

    if (m == NULL || m->tainted || (!is_listed(m) && !may_see(r, t, m))) {
        reply_error(r, 403,
            "preflight capability check returned 403, please ensure client's policies grant "
            "access to path \"%.*s\"",
            STR_ARG(path));
        return;
    }
    v = mount_value(&r->arena, m);
    value_put_text(&r->arena, v, "path", m->path);
    reply_data(r, v);
}

static void put_acl_row(
    struct request *r, struct value *exact, struct value *glob, const struct value *rule)
{
    struct str path = value_get_text(rule, "path", STR(""));
    const struct value *can = value_get(rule, "capabilities");
    bool star = path.len > 0 && path.at[path.len - 1] == '*';
    struct value *row = value_map(&r->arena);

    if (can == NULL)
        return;
    value_put(row, "capabilities", value_copy(&r->arena, can));
    if (star)
        path.len--;
    value_set(&r->arena, star ? glob : exact, path, row);
}

void sys_ui_acl(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *exact = value_map(&r->arena);
    struct value *glob = value_map(&r->arena);

    value_each (name, r->who->policies)
        value_each (rule, rules_of(r, name->text))
            put_acl_row(r, exact, glob, rule);
    value_each (name, r->who->identity_policies)
        value_each (rule, rules_of(r, name->text))
            put_acl_row(r, exact, glob, rule);
    value_put_bool(&r->arena, v, "root", r->who->root);
    value_put(v, "exact_paths", exact);
    value_put(v, "glob_paths", glob);
    reply_data(r, v);
}
