/*
 * policies - see policies_int.h.
 */
#include "keeper/core/encode_int.h"
#include "keeper/sys/policies_int.h"

/* What "default" permits, in one table; its text is made of it. */
static const struct rule {
    const char *path;
    const char *what; /* said above it */
    const char *capabilities[5];
} default_rules[] = {
    { "auth/token/lookup-self", "a token may look at itself", { "read" } },
    { "auth/token/renew-self", "renew itself", { "update" } },
    { "auth/token/revoke-self", "revoke itself", { "update" } },
    { "sys/capabilities-self", "ask what it may do", { "update" } },
    { "sys/internal/ui/resultant-acl", "let a user interface see what it may show", { "read" } },
    { "sys/renew", "renew and look up leases that it knows", { "update" } },
    { "sys/leases/renew", NULL, { "update" } },
    { "sys/leases/lookup", NULL, { "update" } },
    { "cubbyhole/*", "keep things of its own", { "create", "read", "update", "delete", "list" } },
    { "sys/wrapping/wrap", "wrap, and look at what is wrapped", { "update" } },
    { "sys/wrapping/lookup", NULL, { "update" } },
    { "sys/wrapping/unwrap", NULL, { "update" } },
    { "sys/tools/hash", "use the tools", { "update" } },
    { "sys/tools/hash/*", NULL, { "update" } },
    { "sys/control-group/request", "look at its own requests for approval", { "update" } },
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
