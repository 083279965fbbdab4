/*
 * policies - sys/policy, sys/policies/acl and sys/policies/password; see policies_int.h.
 *
 * The api role reads the text of a policy; here its rules are checked by compiling them, and both are kept.
 */
#include "base/hash.h"
#include "keeper/core/policy_int.h"
#include "keeper/core/token_int.h"
#include "keeper/sys/policies_int.h"
#include "keeper/sys/sys_int.h"

enum { NAME_MAX_LEN = 512, POLICY_TEXT_MAX = 1 << 20 };

/* ---- the policy every token has ---- */

/* What "default" permits, in one table; its text is made of it. */
static const struct rule {
    const char *path;
    const char *what; /* said above it */
    const char *capabilities[5];
} default_rules[] = {
    { "auth/token/lookup-self", "A token may look at itself,", { "read" } },
    { "auth/token/renew-self", "renew itself,", { "update" } },
    { "auth/token/revoke-self", "revoke itself,", { "update" } },
    { "sys/capabilities-self", "ask what it may do,", { "update" } },
    { "sys/internal/ui/resultant-acl", "let a user interface know what to show,", { "read" } },
    { "sys/renew", "renew and look up leases whose id it knows,", { "update" } },
    { "sys/leases/renew", NULL, { "update" } },
    { "sys/leases/lookup", NULL, { "update" } },
    { "cubbyhole/*", "keep things of its own,", { "create", "read", "update", "delete", "list" } },
    { "sys/wrapping/wrap", "wrap, and take what is wrapped,", { "update" } },
    { "sys/wrapping/lookup", NULL, { "update" } },
    { "sys/wrapping/unwrap", NULL, { "update" } },
    { "sys/tools/hash", "use the tools,", { "update" } },
    { "sys/tools/hash/*", NULL, { "update" } },
    { "sys/control-group/request", "and look at its requests for approval.", { "update" } },
};

static struct value *rule_value(struct arena *a, const struct rule *rule, struct buf *text)
{
    struct value *row = value_map(a);
    struct value *list = value_list(a);

    if (rule->what != NULL)
        buf_printf(text, "# %s\n", rule->what);
    buf_printf(text, "path \"%s\" {\n    capabilities = [", rule->path);
    for (size_t i = 0; i < 5 && rule->capabilities[i] != NULL; i++) {
        value_add_text(a, list, str_from(rule->capabilities[i]));
        buf_printf(text, "%s\"%s\"", i > 0 ? ", " : "", rule->capabilities[i]);
    }
    buf_text(text, "]\n}\n");
    value_put_text(a, row, "path", str_from(rule->path));
    value_put(row, "capabilities", list);
    return row;
}

void policies_put_first(struct tx *t)
{
    struct value *policy = value_map(t->arena);
    struct value *rules = value_list(t->arena);
    struct buf text;

    buf_init(&text, 1 << 16);
    for (size_t i = 0; i < sizeof(default_rules) / sizeof(default_rules[0]); i++)
        value_add(rules, rule_value(t->arena, &default_rules[i], &text));
    value_put_text(t->arena, policy, "text", buf_as_str(&text));
    value_put(policy, "rules", rules);
    entry_put_value(t, STR("policy/default"), policy, 0);
    buf_free(&text);
}

/* ---- ACL policies ---- */

/* Names are lower case, and one segment. */
static struct str policy_name(struct request *r)
{
    struct str s = arena_str(&r->arena, param(r, "name"));
    char *at = (char *)(uintptr_t)s.at;

    for (size_t i = 0; i < s.len; i++)
        at[i] = ascii_lower(at[i]);
    return str_trim(s);
}

static struct str policy_path(struct request *r, const char *folder, struct str name)
{
    return entry_path(&r->tx, "%s/%.*s", folder, STR_ARG(name));
}

static struct value *policy_names(struct request *r)
{
    struct value *names = entry_list(&r->tx, STR("policy/"), STR_NONE, 0);

    value_add_text(&r->arena, names, STR("root"));
    return names;
}

void sys_policies_list(struct request *r)
{
    reply_keys(r, policy_names(r));
}

void sys_policy_list(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *names = policy_names(r);

    value_put(v, "keys", names);
    value_put(v, "policies", value_copy(&r->arena, names));
    reply_data_and_top(r, v);
}

static void read_policy(struct request *r, const char *member, bool top)
{
    struct str name = policy_name(r);
    struct value *v = value_map(&r->arena);
    struct value *policy = entry_get_value(&r->tx, policy_path(r, "policy", name));

    if (policy == NULL && !str_is(name, "root")) {
        reply_not_found(r);
        return;
    }
    value_put_text(&r->arena, v, "name", name);
    value_put_text(&r->arena, v, member, value_get_text(policy, "text", STR("")));
    if (top)
        reply_data_and_top(r, v);
    else
        reply_data(r, v);
}

void sys_policy_read(struct request *r)
{
    read_policy(r, "rules", true);
}

void sys_policies_read(struct request *r)
{
    read_policy(r, "policy", false);
}

/* The policy's text; what came in base64 was decoded by the api. False: reply_error() said why. */
static bool policy_text(struct request *r, const struct value *parsed, struct str *text)
{
    struct str wrong = value_get_text(parsed, "error", STR_NONE);

    if (!field_text(r, "policy", text) && !refused(r))
        field_text(r, "rules", text);
    if (refused(r))
        return false;
    *text = value_get_text(parsed, "text", *text);
    if (text->len == 0)
        reply_error(r, 400, "'policy' parameter not supplied or empty");
    else if (text->len > POLICY_TEXT_MAX)
        reply_error(r, 400, "the policy is too long");
    else if (wrong.at != NULL)
        reply_error(r, 400, "failed to parse policy: %.*s", STR_ARG(wrong));
    return !refused(r);
}

static bool rules_compile(struct request *r, const struct value *rules)
{
    struct acl *acl = acl_new();
    const char *why = "there are no rules";
    bool ok = rules != NULL && acl_add(acl, rules, &why);

    if (!ok)
        reply_error(r, 400, "failed to parse policy: %s", why);
    acl_free(acl);
    return ok;
}

void sys_policy_write(struct request *r)
{
    struct str name = policy_name(r);
    const struct value *parsed = value_get(r->parsed, "policy");
    const struct value *rules = value_get(parsed, "rules");
    struct value *policy = value_map(&r->arena);
    struct str text = STR("");

    if (str_is(name, "root") || policies_unassignable_name(r, name)) {
        reply_error(r, 400, "cannot update \"%.*s\" policy", STR_ARG(name));
        return;
    }
    if (name.len == 0 || name.len > NAME_MAX_LEN) {
        reply_error(r, 400, "the name of a policy must be between 1 and %d bytes", NAME_MAX_LEN);
        return;
    }
    if (!policy_text(r, parsed, &text) || !rules_compile(r, rules))
        return;
    value_put_text(&r->arena, policy, "text", text);
    value_put(policy, "rules", value_copy(&r->arena, rules));
    entry_put_value(&r->tx, policy_path(r, "policy", name), policy, 0);
    call_of(r)->repolicy = true;
    reply_empty(r);
}

bool sys_policy_exists(struct request *r)
{
    struct str data;

    return entry_get(&r->tx, policy_path(r, "policy", policy_name(r)), &data);
}

void sys_policy_delete(struct request *r)
{
    struct str name = policy_name(r);

    if (str_is(name, "root") || str_is(name, "default") || policies_unassignable_name(r, name)) {
        reply_error(r, 400, "cannot delete \"%.*s\" policy", STR_ARG(name));
        return;
    }
    entry_delete(&r->tx, policy_path(r, "policy", name));
    call_of(r)->repolicy = true;
    reply_empty(r);
}

bool policies_unassignable_name(struct request *r, struct str name)
{
    struct value *one = value_list(&r->arena);

    value_add_text(&r->arena, one, name);
    return policies_unassignable(one) != NULL;
}

/* ---- password policies ---- */

void sys_passwords_list(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, STR("password-policy/"), STR_NONE, 0));
}

void sys_password_read(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *policy =
        entry_get_value(&r->tx, policy_path(r, "password-policy", param(r, "name")));

    if (policy == NULL) {
        reply_not_found(r);
        return;
    }
    value_put_text(&r->arena, v, "policy", value_get_text(policy, "text", STR("")));
    reply_data(r, v);
}

void sys_password_write(struct request *r)
{
    const struct value *parsed = value_get(r->parsed, "policy");
    struct value *policy;
    struct str text = STR("");

    if (!policy_text(r, parsed, &text))
        return;
    if (value_get(parsed, "rules") == NULL) {
        reply_error(r, 400, "failed to parse policy: there are no rules");
        return;
    }
    policy = value_copy(&r->arena, parsed);
    value_set(&r->arena, policy, STR("text"), value_text(&r->arena, text));
    entry_put_value(&r->tx, policy_path(r, "password-policy", param(r, "name")), policy, 0);
    reply_empty(r);
}

void sys_password_delete(struct request *r)
{
    entry_delete(&r->tx, policy_path(r, "password-policy", param(r, "name")));
    reply_empty(r);
}

/* One character of a set, evenly, of at most 255. */
static char draw(struct str set)
{
    size_t even = 256 - 256 % set.len;
    uint8_t byte;

    do
        random_bytes(&byte, 1);
    while (byte >= even);
    return set.at[byte % set.len];
}

static size_t draw_below(size_t n)
{
    uint32_t most = UINT32_MAX - UINT32_MAX % (uint32_t)n;
    uint32_t drawn;

    do
        random_bytes(&drawn, sizeof(drawn));
    while (drawn >= most);
    return drawn % n;
}

static void shuffle(char *at, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t k = draw_below(i);
        char c = at[i - 1];

        at[i - 1] = at[k];
        at[k] = c;
    }
}

/* Every character that some rule allows, once. */
static struct str all_characters(struct arena *a, const struct value *rules)
{
    char *to = arena_calloc(a, 256, 1);
    size_t n = 0;

    value_each (rule, rules) {
        struct str set = value_get_text(rule, "charset", STR(""));

        for (size_t i = 0; i < set.len && n < 255; i++)
            if (memchr(to, set.at[i], n) == NULL)
                to[n++] = set.at[i];
    }
    return (struct str){ to, n };
}

void sys_password_generate(struct request *r)
{
    struct value *policy =
        entry_get_value(&r->tx, policy_path(r, "password-policy", param(r, "name")));
    const struct value *rules = value_get(policy, "rules");
    size_t length = (size_t)value_get_i64(policy, "length", 20);
    struct value *v = value_map(&r->arena);
    struct str all;
    char *to;
    size_t n = 0;

    if (policy == NULL) {
        reply_not_found(r);
        return;
    }
    all = all_characters(&r->arena, rules);
    to = arena_alloc(&r->arena, length + 1);
    value_each (rule, rules) {
        struct str set = value_get_text(rule, "charset", STR(""));
        int64_t least = value_get_i64(rule, "min-chars", 0);

        while (set.len > 0 && set.len < 256 && least-- > 0 && n < length)
            to[n++] = draw(set);
    }
    while (n < length && all.len > 0)
        to[n++] = draw(all);
    shuffle(to, n);
    value_put_text(&r->arena, v, "password", (struct str){ to, n });
    reply_data(r, v);
}
