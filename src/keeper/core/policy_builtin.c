/*
 * policy builtin - what wrapping tokens may do: look into their own cubbyhole, and unwrap.
 */
#include "keeper/core/policy_int.h"

static void add_rule(struct arena *a, struct value *rules, const char *path, const char *can)
{
    struct value *row = value_map(a);
    struct value *list = value_list(a);

    value_add_text(a, list, str_from(can));
    value_put_text(a, row, "path", str_from(path));
    value_put(row, "capabilities", list);
    value_add(rules, row);
}

struct value *policy_builtin(struct arena *a, struct str name)
{
    struct value *policy;
    struct value *rules;

    if (!str_is(name, "response-wrapping"))
        return NULL;
    policy = value_map(a);
    rules = value_list(a);
    add_rule(a, rules, "cubbyhole/response", "read");
    add_rule(a, rules, "sys/wrapping/unwrap", "update");
    add_rule(a, rules, "sys/wrapping/lookup", "update");
    add_rule(a, rules, "sys/wrapping/rewrap", "update");
    value_put(policy, "rules", rules);
    return policy;
}
