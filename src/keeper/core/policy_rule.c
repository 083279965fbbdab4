/*
 * policy rule - see policy_rule_int.h.
 */
#include <stdlib.h>

#include "keeper/core/policy_int.h"
#include "keeper/core/policy_rule_int.h"

static const struct {
    const char *name;
    unsigned can;
} capabilities[] = {
    { "deny", CAN_DENY },
    { "create", CAN_CREATE },
    { "read", CAN_READ },
    { "update", CAN_UPDATE },
    { "delete", CAN_DELETE },
    { "list", CAN_LIST },
    { "sudo", CAN_SUDO },
    { "patch", CAN_PATCH },
    { "subscribe", CAN_SUBSCRIBE },
    { "recover", CAN_RECOVER },
};

static unsigned capability_find(struct str name)
{
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
        if (str_is(name, capabilities[i].name))
            return capabilities[i].can;
    return 0;
}

static struct str lower(struct arena *a, struct str s)
{
    char *to = arena_alloc(a, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    to[s.len] = '\0';
    return (struct str){ to, s.len };
}

static bool refuse(struct arena *a, const char **why, struct str path, const char *what)
{
    *why = arena_printf(a, "path \"%.*s\": %s", STR_ARG(path), what);
    return false;
}

static bool read_path(
    struct arena *a, const struct value *row, struct policy_rule *r, const char **why)
{
    const struct value *path = value_get(row, "path");
    struct str p;

    if (path == NULL || path->kind != VALUE_TEXT) {
        *why = "a rule without a path";
        return false;
    }
    p = arena_str(a, path->text);
    if (p.len > 0 && p.at[0] == '/')
        p = (struct str){ p.at + 1, p.len - 1 };
    r->star = p.len > 0 && p.at[p.len - 1] == '*';
    r->path = (struct str){ p.at, p.len - r->star };
    if (r->star && r->path.len > 0 && p.at[r->path.len - 1] == '+')
        return refuse(a, why, p, "invalid use of wildcards ('+*' is forbidden)");
    for (struct str rest = r->path, part; rest.at != NULL;) {
        part = str_cut(rest, '/', &rest);
        r->pluses += str_is(part, "+");
    }
    r->wild_at = r->path.len;
    if (r->pluses > 0) {
        r->kind = RULE_SEGMENTS;
        r->wild_at = (size_t)((const char *)memchr(p.at, '+', p.len) - p.at);
    } else {
        r->kind = r->star ? RULE_PREFIX : RULE_EXACT;
    }
    return true;
}

static bool read_capabilities(
    struct arena *a, const struct value *row, struct policy_rule *r, const char **why)
{
    value_each (c, value_get(row, "capabilities")) {
        unsigned can = c->kind == VALUE_TEXT ? capability_find(c->text) : 0;

        if (can == 0)
            return refuse(
                a, why, r->path, arena_printf(a, "invalid capability \"%.*s\"", STR_ARG(c->text)));
        r->can |= can;
    }
    if ((r->can & CAN_DENY) != 0)
        r->can = CAN_DENY;
    return true;
}

/* A MAP of LISTs under lower-case names; NULL when there is nothing in it. */
static struct value *read_parameters(struct arena *a, const struct value *from)
{
    struct value *to = value_map(a);

    if (from == NULL || from->kind != VALUE_MAP || from->n == 0)
        return NULL;
    value_each (p, from) {
        struct value *list = value_list(a);

        if (p->kind == VALUE_LIST) {
            value_each (v, p)
                value_add(list, value_copy(a, v));
        } else if (p->kind != VALUE_NULL) {
            value_add(list, value_copy(a, p));
        }
        value_set(a, to, lower(a, p->name), list);
    }
    return to;
}

static struct value *read_required(struct arena *a, const struct value *from)
{
    struct value *to = value_list(a);

    if (from == NULL || from->kind != VALUE_LIST || from->n == 0)
        return NULL;
    value_each (p, from)
        value_add_text(a, to, lower(a, p->text));
    return to;
}

bool policy_rule_read(
    struct arena *a, const struct value *row, struct policy_rule *out, const char **why)
{
    struct policy_rule r = { 0 };

    if (!read_path(a, row, &r, why) || !read_capabilities(a, row, &r, why))
        return false;
    if (r.can != CAN_DENY) {
        r.min_wrapping_ttl = value_get_i64(row, "min_wrapping_ttl", 0);
        r.max_wrapping_ttl = value_get_i64(row, "max_wrapping_ttl", 0);
        r.allowed = read_parameters(a, value_get(row, "allowed_parameters"));
        r.denied = read_parameters(a, value_get(row, "denied_parameters"));
        r.required = read_required(a, value_get(row, "required_parameters"));
        if (value_get(row, "approvals") != NULL)
            r.approvals = value_copy(a, value_get(row, "approvals"));
    }
    if (r.min_wrapping_ttl < 0 || r.max_wrapping_ttl < 0 ||
        (r.max_wrapping_ttl > 0 && r.max_wrapping_ttl < r.min_wrapping_ttl))
        return refuse(a, why, r.path, "max_wrapping_ttl cannot be less than min_wrapping_ttl");
    *out = r;
    return true;
}

/* An empty list of values means any value, and swallows the others. */
static struct value *unite_parameters(struct arena *a, struct value *to, const struct value *more)
{
    if (to == NULL)
        return more != NULL ? value_copy(a, more) : NULL;
    value_each (m, more) {
        struct value *have = value_find(to, m->name);

        if (have == NULL || m->n == 0) {
            value_set(a, to, m->name, value_copy(a, m));
        } else if (have->n > 0) {
            value_each (v, m)
                value_add(have, value_copy(a, v));
        }
    }
    return to;
}

static int64_t shorter(int64_t a, int64_t b)
{
    if (a == 0 || (b > 0 && b < a))
        return b;
    return a;
}

/* Approvals that one policy wants are not waived by another; of two the larger number counts. */
static struct value *stricter(struct value *a, struct value *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return value_get_i64(a, "count", 1) >= value_get_i64(b, "count", 1) ? a : b;
}

void policy_rule_merge(struct arena *a, struct policy_rule *to, const struct policy_rule *more)
{
    if (to->can == CAN_DENY)
        return;
    if (more->can == CAN_DENY) {
        const struct policy_rule *within = to->within;

        *to = *more;
        to->within = within;
        return;
    }
    to->can |= more->can;
    to->min_wrapping_ttl = shorter(to->min_wrapping_ttl, more->min_wrapping_ttl);
    to->max_wrapping_ttl = shorter(to->max_wrapping_ttl, more->max_wrapping_ttl);
    to->allowed = unite_parameters(a, to->allowed, more->allowed);
    to->denied = unite_parameters(a, to->denied, more->denied);
    to->approvals = stricter(to->approvals, more->approvals);
    if (to->required == NULL)
        to->required = more->required;
    else
        value_each (p, more->required)
            value_add_text(a, to->required, p->text);
}

bool policy_rule_fits(const struct policy_rule *r, struct str path)
{
    struct str rule = r->path;

    for (;;) {
        struct str want = str_cut(rule, '/', &rule);
        bool last = rule.at == NULL;

        if (last && r->star && str_starts(path, want))
            return true;
        if (!str_is(want, "+") && !str_eq(want, str_cut(path, '/', &(struct str){ 0 })))
            return false;
        str_cut(path, '/', &path);
        if (last || path.at == NULL)
            return last && path.at == NULL;
    }
}

int policy_rule_compare(const struct policy_rule *a, const struct policy_rule *b)
{
    size_t shared = a->path.len < b->path.len ? a->path.len : b->path.len;

    if (a->wild_at != b->wild_at)
        return a->wild_at < b->wild_at ? -1 : 1;
    if (a->star != b->star)
        return a->star ? -1 : 1;
    if (a->pluses != b->pluses)
        return a->pluses > b->pluses ? -1 : 1;
    if (a->path.len != b->path.len)
        return a->path.len < b->path.len ? -1 : 1;
    return memcmp(a->path.at, b->path.at, shared);
}

/* '*' at the ends of the pattern stands for anything. */
static bool glob_fits(struct str pattern, struct str text)
{
    bool head = pattern.len > 0 && pattern.at[0] == '*';
    bool tail = pattern.len > 0 && pattern.at[pattern.len - 1] == '*';

    if (pattern.len < 2)
        return str_eq(pattern, text);
    pattern = (struct str){ pattern.at + head, pattern.len - head - tail };
    if (head && tail)
        return pattern.len == 0 ||
               (text.len > 0 && memmem(text.at, text.len, pattern.at, pattern.len) != NULL);
    if (head)
        return str_ends(text, pattern);
    if (tail)
        return str_starts(text, pattern);
    return str_eq(pattern, text);
}

static bool value_listed(const struct value *v, const struct value *list)
{
    if (list->n == 0)
        return true;
    value_each (l, list) {
        if (l->kind == VALUE_TEXT && v->kind == VALUE_TEXT ? glob_fits(l->text, v->text)
                                                           : value_equal(l, v))
            return true;
    }
    return false;
}

static const struct value *parameter(const struct value *map, struct str name)
{
    value_each (p, map) {
        if (str_eq_nocase(p->name, name))
            return p;
    }
    return NULL;
}

static bool takes_denied(const struct policy_rule *r, const struct value *body)
{
    if (r->denied == NULL)
        return true;
    if (value_get(r->denied, "*") != NULL)
        return false;
    value_each (b, body) {
        const struct value *list = parameter(r->denied, b->name);

        if (list != NULL && value_listed(b, list))
            return false;
    }
    return true;
}

static bool takes_allowed(const struct policy_rule *r, const struct value *body)
{
    bool any = value_get(r->allowed, "*") != NULL;

    if (r->allowed == NULL || (any && r->allowed->n == 1))
        return true;
    value_each (b, body) {
        const struct value *list = parameter(r->allowed, b->name);

        if (list == NULL ? !any : !value_listed(b, list))
            return false;
    }
    return true;
}

bool policy_rule_takes_body(const struct policy_rule *r, const struct value *body, const char **why)
{
    value_each (p, r->required) {
        if (value_find(body, p->text) == NULL) {
            *why = "required_parameters";
            return false;
        }
    }
    if (body == NULL || body->n == 0)
        return true;
    if (!takes_denied(r, body)) {
        *why = "denied_parameters";
        return false;
    }
    if (!takes_allowed(r, body)) {
        *why = "allowed_parameters";
        return false;
    }
    return true;
}
