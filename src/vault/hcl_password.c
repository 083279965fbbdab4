/*
 * hcl_password - a password policy: how long, and which characters must be among them how often.
 *
 *     length = 20
 *     rule "charset" { charset = "abc..." min-chars = 1 }
 */
#include "vault/hcl_int.h"
#include "vault/parsed_int.h"

enum { LENGTH_MIN = 4, LENGTH_MAX = 1024, RULES_MAX = 64, CHARSET_MAX = 4096 };

static int bad(struct err *err, unsigned line, const char *what)
{
    return err_set(err, ERR_CONFIG, "policy", "invalid password policy: %s on line %u", what, line);
}

static int read_charset(
    struct err *err, const struct hcl_item *of, struct value *rule, struct arena *a)
{
    for (struct hcl_item *it = of->value->first; it != NULL; it = it->next) {
        uint64_t n;

        if (str_is(it->key, "charset") && it->value->kind == HCL_TEXT && it->value->text.len > 0 &&
            it->value->text.len <= CHARSET_MAX) {
            value_set(a, rule, it->key, value_text(a, it->value->text));
        } else if (str_is(it->key, "min-chars") && it->value->kind == HCL_NUMBER &&
                   str_to_u64(it->value->text, LENGTH_MAX, &n)) {
            value_set(a, rule, it->key, value_i64(a, (int64_t)n));
        } else {
            return bad(err, it->line, "a charset or a min-chars is expected");
        }
    }
    return value_get(rule, "charset") != NULL ? 0 : bad(err, of->line, "a charset is missing");
}

static int read_rule(
    struct err *err, const struct hcl_item *of, struct value *rules, struct arena *a)
{
    if (of->value->kind != HCL_OBJECT)
        return bad(err, of->line, "rule \"charset\" { ... } is expected");
    for (struct hcl_item *it = of->value->first; it != NULL; it = it->next) {
        struct value *rule = value_map(a);

        if (!str_is(it->key, "charset") || it->value->kind != HCL_OBJECT)
            return bad(err, it->line, "rule \"charset\" { ... } is expected");
        if (read_charset(err, it, rule, a) == -1)
            return -1;
        if (rules->n >= RULES_MAX)
            return bad(err, it->line, "too many rules");
        value_add(rules, rule);
    }
    return 0;
}

struct value *parse_password_policy(struct arena *a, struct str text, struct err *err)
{
    struct str decoded = parse_base64(a, text);
    struct value *out = value_map(a);
    struct value *rules = value_list(a);
    uint64_t length = 0;
    int64_t least = 0;
    struct hcl *root = hcl_parse(a, decoded.len > 0 ? decoded : text, err);

    if (root == NULL) {
        err_wrap(err, "invalid password policy");
        return NULL;
    }
    for (struct hcl_item *it = root->first; it != NULL; it = it->next) {
        int done = 0;

        if (str_is(it->key, "rule"))
            done = read_rule(err, it, rules, a);
        else if (!str_is(it->key, "length") || it->value->kind != HCL_NUMBER ||
                 !str_to_u64(it->value->text, LENGTH_MAX, &length))
            done = bad(err, it->line, "a length up to 1024 or a rule is expected");
        if (done == -1)
            return NULL;
    }
    value_each (rule, rules)
        least += value_get_i64(rule, "min-chars", 0);
    if (length < LENGTH_MIN || rules->n == 0 || least > (int64_t)length) {
        bad(err, 1,
            length < LENGTH_MIN ? "the length must be 4 at least"
            : rules->n == 0     ? "there must be a rule"
                                : "the rules need more characters than there are");
        return NULL;
    }
    value_put_i64(a, out, "length", (int64_t)length);
    value_put(out, "rules", rules);
    if (decoded.len > 0)
        value_put_text(a, out, "text", decoded);
    return out;
}
