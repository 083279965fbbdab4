/*
 * parsed - which members of which requests are more than JSON, and who reads them.
 */
#include "vault/parsed_int.h"

static void put_error(struct arena *a, struct value *parsed, const char *member, const char *why)
{
    struct value *v = value_map(a);

    value_put_text(a, v, "error", str_from(why));
    value_put(parsed, member, v);
}

static void add_policy(struct arena *a, const struct value *body, struct value *parsed)
{
    struct err err = { 0 };
    struct str text = value_get_text(body, "policy", value_get_text(body, "rules", STR_NONE));
    struct value *policy;

    if (text.at == NULL)
        return;
    policy = parse_policy(a, text, &err);
    if (policy == NULL)
        put_error(a, parsed, "policy", err.text);
    else
        value_put(parsed, "policy", policy);
}

void parse_special(struct arena *a, struct str path, struct str content_type,
    const struct value *body, struct str raw, struct value *parsed)
{
    (void)content_type;
    (void)raw;
    if (str_starts(path, STR("sys/polic")))
        add_policy(a, body, parsed);
}
