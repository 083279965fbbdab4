/*
 * hcl_policy - an ACL policy in HCL or JSON, as plain rules for the core.
 *
 * Reads what Vault reads and refuses what it refuses, with the line.  Two
 * things differ on purpose: "mfa_methods" is refused, because a policy that
 * asks for a second factor must not work without one, and "approvals" (or
 * Vault Enterprise's "control_group") is understood.
 */
#include "vault/hcl_int.h"
#include "vault/parsed_int.h"

struct policy_reader {
    struct arena *arena;
    struct err *err;
    struct str path; /* of the rule being read, for errors */
};

static int refuse(struct policy_reader *r, unsigned line, const char *what, struct str name)
{
    return err_set(r->err, ERR_CONFIG, "policy", "path \"%.*s\": %s%s%.*s%s on line %u",
        STR_ARG(r->path), what, name.at != NULL ? " \"" : "", (int)name.len,
        name.at != NULL ? name.at : "", name.at != NULL ? "\"" : "", line);
}

/* ---- values ---- */

static struct value *plain(struct arena *a, const struct hcl *v)
{
    struct value *to;

    switch (v->kind) {
    case HCL_NULL:
        return value_null(a);
    case HCL_BOOL:
        return value_bool(a, str_is(v->text, "true"));
    case HCL_NUMBER:
        return value_number(a, v->text);
    case HCL_TEXT:
        return value_text(a, v->text);
    case HCL_LIST:
        to = value_list(a);
        for (struct hcl_item *it = v->first; it != NULL; it = it->next)
            value_add(to, plain(a, it->value));
        return to;
    case HCL_OBJECT:
        to = value_map(a);
        for (struct hcl_item *it = v->first; it != NULL; it = it->next)
            value_put_named(a, to, it->key, plain(a, it->value));
        return to;
    }
    return value_null(a);
}

static struct str lower(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    to[s.len] = '\0';
    return (struct str){ to, s.len };
}

/* A unit of Go's durations, and days, in nanoseconds. */
static uint64_t unit_of(struct str *s)
{
    static const struct {
        const char *name;
        uint64_t nanoseconds;
    } units[] = { { "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "ms", 1000000 },
        { "s", 1000000000ULL }, { "m", 60000000000ULL }, { "h", 3600000000000ULL },
        { "d", 86400000000000ULL } };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        struct str name = str_from(units[i].name);

        if (str_starts(*s, name)) {
            s->at += name.len;
            s->len -= name.len;
            return units[i].nanoseconds;
        }
    }
    return 0;
}

/* "90", "1h30m", "1.5h"; past a century it is no duration. */
static bool seconds_of(struct str s, int64_t *out)
{
    const double most = 100.0 * 366 * 86400;
    double total = 0;
    uint64_t n;

    if (str_to_u64(s, (uint64_t)most, &n)) {
        *out = (int64_t)n;
        return true;
    }
    if (s.len == 0)
        return false;
    while (s.len > 0) {
        double number = 0;
        double scale = 1;
        bool fraction = false;
        size_t digits = 0;
        uint64_t unit;

        for (; s.len > 0 && ((*s.at >= '0' && *s.at <= '9') || (*s.at == '.' && !fraction));
             s.at++, s.len--) {
            if (*s.at == '.') {
                fraction = true;
                continue;
            }
            digits++;
            number = number * 10 + (*s.at - '0');
            scale *= fraction ? 10 : 1;
        }
        unit = unit_of(&s);
        if (digits == 0 || unit == 0)
            return false;
        total += number / scale * (double)unit / 1e9;
        if (!(total <= most))
            return false;
    }
    *out = (int64_t)total;
    return true;
}

/* The texts of a list, or of one text. */
static bool each_text(const struct hcl *v, void (*call)(void *arg, struct str s), void *arg)
{
    if (v->kind == HCL_TEXT) {
        call(arg, v->text);
        return true;
    }
    if (v->kind != HCL_LIST)
        return false;
    for (struct hcl_item *it = v->first; it != NULL; it = it->next) {
        if (it->value->kind != HCL_TEXT)
            return false;
        call(arg, it->value->text);
    }
    return true;
}

struct texts {
    struct arena *arena;
    struct value *list;
};

static void add_text(void *arg, struct str s)
{
    const struct texts *t = arg;

    value_add_text(t->arena, t->list, s);
}

static bool add_texts(struct policy_reader *r, const struct hcl *v, struct value *to)
{
    return each_text(v, add_text, &(struct texts){ r->arena, to });
}

static struct value *member(
    struct policy_reader *r, struct value *rule, const char *name, enum value_kind kind)
{
    struct value *v = value_get(rule, name);

    if (v == NULL) {
        v = kind == VALUE_LIST ? value_list(r->arena) : value_map(r->arena);
        value_put(rule, name, v);
    }
    return v;
}

/* ---- the words of a rule ---- */

static bool is_capability(struct str s)
{
    static const char *const known[] = { "deny", "create", "read", "update", "delete", "list",
        "sudo", "patch", "subscribe", "recover" };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (str_is(s, known[i]))
            return true;
    return false;
}

static int on_capabilities(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    struct value *list = member(r, rule, "capabilities", VALUE_LIST);

    if (!add_texts(r, it->value, list))
        return refuse(r, it->line, "a list of texts is expected for", it->key);
    value_each (c, list) {
        if (!is_capability(c->text))
            return refuse(r, it->line, "invalid capability", c->text);
    }
    return 0;
}

/* The words that stood for capabilities before there were any. */
static int on_policy(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    static const struct {
        const char *word;
        const char *capabilities[7];
    } words[] = {
        { "deny", { "deny" } },
        { "read", { "read", "list" } },
        { "write", { "create", "read", "update", "delete", "list" } },
        { "sudo", { "create", "read", "update", "delete", "list", "sudo" } },
    };
    struct value *list = member(r, rule, "capabilities", VALUE_LIST);

    if (it->value->kind == HCL_TEXT && it->value->text.len == 0)
        return 0;
    for (size_t i = 0; it->value->kind == HCL_TEXT && i < sizeof(words) / sizeof(words[0]); i++) {
        if (!str_is(it->value->text, words[i].word))
            continue;
        for (const char *const *c = words[i].capabilities; *c != NULL; c++)
            value_add_text(r->arena, list, str_from(*c));
        return 0;
    }
    return refuse(r, it->line, "invalid policy", it->value->text);
}

static int on_ttl(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    int64_t seconds;

    if ((it->value->kind != HCL_NUMBER && it->value->kind != HCL_TEXT) ||
        !seconds_of(it->value->text, &seconds))
        return refuse(r, it->line, "a duration is expected for", it->key);
    value_set(r->arena, rule, it->key, value_i64(r->arena, seconds));
    return 0;
}

static int on_parameters(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    bool allowed = str_is(it->key, "allowed_parameters");
    struct value *map =
        member(r, rule, allowed ? "allowed_parameters" : "denied_parameters", VALUE_MAP);

    if (it->value->kind != HCL_OBJECT)
        return refuse(r, it->line, "an object is expected for", it->key);
    for (struct hcl_item *p = it->value->first; p != NULL; p = p->next) {
        struct value *list = value_list(r->arena);

        if (p->value->kind == HCL_LIST)
            list = plain(r->arena, p->value);
        else
            value_add(list, plain(r->arena, p->value));
        value_set(r->arena, map, lower(r->arena, p->key), list);
    }
    return 0;
}

static int on_required(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    struct value *list = member(r, rule, "required_parameters", VALUE_LIST);

    if (!add_texts(r, it->value, list))
        return refuse(r, it->line, "a list of texts is expected for", it->key);
    value_each (name, list)
        name->text = lower(r->arena, name->text);
    return 0;
}

static int on_ignored(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    (void)r;
    (void)it;
    (void)rule;
    return 0;
}

static int on_mfa(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    (void)rule;
    return refuse(
        r, it->line, "there are no second factors here, so this cannot be kept:", it->key);
}

/* ---- approvals ---- */

static int put_count(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    uint64_t n;

    if ((it->value->kind != HCL_NUMBER && it->value->kind != HCL_TEXT) ||
        !str_to_u64(it->value->text, 100, &n) || n == 0)
        return refuse(r, it->line, "a number from 1 to 100 is expected for", it->key);
    value_set(r->arena, to, STR("count"), value_i64(r->arena, (int64_t)n));
    return 0;
}

static int put_policies(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    struct value *list = member(r, to, "policies", VALUE_LIST);

    if (!add_texts(r, it->value, list))
        return refuse(r, it->line, "a list of texts is expected for", it->key);
    value_each (name, list)
        name->text = lower(r->arena, name->text);
    return 0;
}

static int put_ttl(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    struct hcl_item as = *it;

    as.key = STR("ttl");
    return on_ttl(r, &as, to);
}

struct word {
    const char *name;
    int (*read)(struct policy_reader *r, const struct hcl_item *it, struct value *to);
};

static int read_words(
    struct policy_reader *r, const struct hcl_item *of, const struct word *words, struct value *to)
{
    const struct word *w;

    if (of->value->kind != HCL_OBJECT)
        return refuse(r, of->line, "an object is expected for", of->key);
    for (struct hcl_item *it = of->value->first; it != NULL; it = it->next) {
        for (w = words; w->name != NULL && !str_is(it->key, w->name); w++)
            continue;
        if (w->name == NULL)
            return refuse(r, it->line, "invalid key", it->key);
        if (w->read(r, it, to) == -1)
            return -1;
    }
    return 0;
}

static int finish_approvals(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    if (value_get(to, "count") == NULL)
        return refuse(r, it->line, "how many approvals are needed is not said in", it->key);
    if (value_get(to, "policies") == NULL)
        return refuse(r, it->line, "whose approvals count is not said in", it->key);
    return 0;
}

static int on_approvals(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    static const struct word words[] = { { "count", put_count }, { "policies", put_policies },
        { "ttl", put_ttl }, { 0 } };
    struct value *to = value_map(r->arena);

    if (read_words(r, it, words, to) == -1 || finish_approvals(r, it, to) == -1)
        return -1;
    value_set(r->arena, rule, STR("approvals"), to);
    return 0;
}

static int on_identity(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    static const struct word words[] = { { "group_names", put_policies },
        { "approvals", put_count }, { 0 } };

    return read_words(r, it, words, to);
}

/* factor "name" { identity { group_names = [..] approvals = n } }: one alone can be kept. */
static int on_factor(struct policy_reader *r, const struct hcl_item *it, struct value *to)
{
    static const struct word words[] = { { "identity", on_identity }, { 0 } };

    if (it->value->kind != HCL_OBJECT)
        return refuse(r, it->line, "an object is expected for", it->key);
    if (value_get(to, "count") != NULL || it->value->first == NULL ||
        it->value->first->next != NULL)
        return refuse(r, it->line, "exactly one factor is expected at", it->key);
    return read_words(r, it->value->first, words, to);
}

/* Vault Enterprise's words for the same; members of a group are here who has the policy of that name. */
static int on_control_group(struct policy_reader *r, const struct hcl_item *it, struct value *rule)
{
    static const struct word words[] = { { "ttl", put_ttl }, { "factor", on_factor }, { 0 } };
    struct value *to = value_map(r->arena);

    if (read_words(r, it, words, to) == -1 || finish_approvals(r, it, to) == -1)
        return -1;
    value_set(r->arena, rule, STR("approvals"), to);
    return 0;
}

/* ---- rules ---- */

static const struct word rule_words[] = {
    { "allowed_parameters", on_parameters },
    { "approvals", on_approvals },
    { "capabilities", on_capabilities },
    { "comment", on_ignored },
    { "control_group", on_control_group },
    { "denied_parameters", on_parameters },
    { "max_wrapping_ttl", on_ttl },
    { "mfa_methods", on_mfa },
    { "min_wrapping_ttl", on_ttl },
    { "policy", on_policy },
    { "required_parameters", on_required },
    { "subscribe_event_types", on_ignored },
    { 0 },
};

static bool has(struct str s, const char *part)
{
    return s.len > 0 && memmem(s.at, s.len, part, strlen(part)) != NULL;
}

static int read_rule(struct policy_reader *r, const struct hcl_item *it, struct value *rules)
{
    struct value *rule = value_map(r->arena);
    struct str path = it->key;
    int64_t most;

    if (path.len > 0 && path.at[0] == '/')
        path = (struct str){ path.at + 1, path.len - 1 };
    r->path = path;
    if (has(path, "+*"))
        return refuse(r, it->line, "invalid use of wildcards ('+*' is forbidden)", STR_NONE);
    value_put_text(r->arena, rule, "path", path);
    member(r, rule, "capabilities", VALUE_LIST);
    if (read_words(r, it, rule_words, rule) == -1)
        return -1;
    most = value_get_i64(rule, "max_wrapping_ttl", 0);
    if (most != 0 && most < value_get_i64(rule, "min_wrapping_ttl", 0))
        return refuse(
            r, it->line, "max_wrapping_ttl cannot be less than min_wrapping_ttl", STR_NONE);
    value_add(rules, rule);
    return 0;
}

/* JSON may give one object, or a list of them, at each level. */
static int read_rules(struct policy_reader *r, const struct hcl_item *it, struct value *rules)
{
    if (it->value->kind == HCL_LIST) {
        for (struct hcl_item *e = it->value->first; e != NULL; e = e->next) {
            struct hcl_item as = *e;

            as.key = it->key;
            if (e->value->kind != HCL_OBJECT)
                return refuse(r, e->line, "an object is expected for", it->key);
            if (read_rules(r, &as, rules) == -1)
                return -1;
        }
        return 0;
    }
    if (it->value->kind != HCL_OBJECT)
        return refuse(r, it->line, "an object is expected for", it->key);
    for (struct hcl_item *p = it->value->first; p != NULL; p = p->next) {
        struct hcl_item as = *p;

        if (p->value->kind == HCL_LIST && p->value->first != NULL && p->value->first->next == NULL)
            as.value = p->value->first->value;
        if (read_rule(r, &as, rules) == -1)
            return -1;
    }
    return 0;
}

struct value *parse_policy(struct arena *a, struct str text, struct err *err)
{
    struct policy_reader r = { a, err, STR_NONE };
    struct value *out = value_map(a);
    struct value *rules = value_list(a);
    struct str plain_text = parse_base64(a, text); /* Vault takes that too */
    struct hcl *root = hcl_parse(a, plain_text.len > 0 ? plain_text : text, err);

    if (root == NULL)
        return NULL;
    for (struct hcl_item *it = root->first; it != NULL; it = it->next) {
        if (str_is(it->key, "name"))
            continue;
        if (!str_is(it->key, "path")) {
            err_set(err, ERR_CONFIG, "policy", "invalid key \"%.*s\" on line %u", STR_ARG(it->key),
                it->line);
            return NULL;
        }
        if (read_rules(&r, it, rules) == -1)
            return NULL;
    }
    value_put(out, "rules", rules);
    if (plain_text.len > 0)
        value_put_text(a, out, "text", plain_text);
    return out;
}
