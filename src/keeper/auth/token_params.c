/*
 * token params - see token_params_int.h.
 */
#include "base/addr.h"
#include "keeper/auth/token_params_int.h"

enum { POLICIES_MAX = 1000, NETWORKS_MAX = 1000 };

static struct value *list_of(struct arena *a, const struct value *map, const char *name)
{
    const struct value *v = value_get(map, name);

    return v != NULL && v->kind == VALUE_LIST ? value_copy(a, v) : value_list(a);
}

void token_params_from(struct arena *a, struct token_params *p, const struct value *stored)
{
    *p = (struct token_params){
        .policies = list_of(a, stored, "token_policies"),
        .bound_cidrs = list_of(a, stored, "token_bound_cidrs"),
        .type = value_get_text(stored, "token_type", STR("default")),
        .ttl = value_get_i64(stored, "token_ttl", 0),
        .max_ttl = value_get_i64(stored, "token_max_ttl", 0),
        .period = value_get_i64(stored, "token_period", 0),
        .explicit_max_ttl = value_get_i64(stored, "token_explicit_max_ttl", 0),
        .num_uses = value_get_i64(stored, "token_num_uses", 0),
        .no_default_policy = value_get_bool(stored, "token_no_default_policy", false),
    };
}

void token_params_put(struct arena *a, struct value *to, const struct token_params *p)
{
    value_set(a, to, STR("token_bound_cidrs"), value_copy(a, p->bound_cidrs));
    value_set(a, to, STR("token_explicit_max_ttl"), value_i64(a, p->explicit_max_ttl));
    value_set(a, to, STR("token_max_ttl"), value_i64(a, p->max_ttl));
    value_set(a, to, STR("token_no_default_policy"), value_bool(a, p->no_default_policy));
    value_set(a, to, STR("token_num_uses"), value_i64(a, p->num_uses));
    value_set(a, to, STR("token_period"), value_i64(a, p->period));
    value_set(a, to, STR("token_policies"), value_copy(a, p->policies));
    value_set(a, to, STR("token_ttl"), value_i64(a, p->ttl));
    value_set(a, to, STR("token_type"), value_text(a, p->type));
}

/* ---- reading ---- */

/* An address without the prefix length that says nothing, as Vault shows it. */
static bool normal_network(struct arena *a, struct str s, struct str *to)
{
    struct str bits_text;
    struct str ip_text = str_cut(s, '/', &bits_text);
    struct ip ip;
    uint64_t bits;

    if (!ip_parse(ip_text, &ip))
        return false;
    bits = (uint64_t)ip.len * 8;
    if (bits_text.at != NULL && !str_to_u64(bits_text, bits, &bits))
        return false;
    *to = arena_str(a, bits == (uint64_t)ip.len * 8 ? ip_text : s);
    return true;
}

static bool read_networks(struct request *r, const char *name, bool as_given, struct value **to)
{
    struct value *given;
    struct value *out = value_list(&r->arena);

    if (!field_list(r, name, &given))
        return false;
    if (given->n > NETWORKS_MAX) {
        reply_error(r, 400, "%s: at most %d networks", name, NETWORKS_MAX);
        return false;
    }
    value_each (v, given) {
        struct str s;

        if (!normal_network(&r->arena, v->text, &s)) {
            reply_error(r, 400, "%s: \"%.*s\" is no network; write 10.0.0.0/8 or an address", name,
                STR_ARG(v->text));
            return false;
        }
        value_add_text(&r->arena, out, as_given ? v->text : s);
    }
    *to = out;
    return true;
}

bool field_networks(struct request *r, const char *name, struct value **to)
{
    return read_networks(r, name, false, to);
}

bool field_networks_as_given(struct request *r, const char *name, struct value **to)
{
    return read_networks(r, name, true, to);
}

static void read_seconds(struct request *r, const char *name, const char *old_name, int64_t *to)
{
    int64_t n;

    if (field_seconds(r, name, &n) || (old_name != NULL && field_seconds(r, old_name, &n))) {
        if (n < 0)
            reply_error(r, 400, "'%s' cannot be negative", name);
        else
            *to = n;
    }
}

static void read_lists(struct request *r, struct token_params *p, bool old_names)
{
    struct value *list;

    if (field_list(r, "token_policies", &list) ||
        (old_names && !refused(r) && field_list(r, "policies", &list))) {
        if (list->n > POLICIES_MAX)
            reply_error(r, 400, "a token may have at most %d policies", POLICIES_MAX);
        p->policies = policies_clean(&r->arena, list, false);
    }
    if (!refused(r) && !field_networks(r, "token_bound_cidrs", &p->bound_cidrs) && old_names &&
        !refused(r))
        field_networks(r, "bound_cidrs", &p->bound_cidrs);
}

static void read_type(struct request *r, struct token_params *p)
{
    static const char *const types[] = { "default", "service", "batch", "default-service",
        "default-batch" };
    struct str type = p->type;

    if (!field_text(r, "token_type", &type))
        return;
    if (type.len == 0)
        type = STR("default");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_is(type, types[i])) {
            p->type = type;
            return;
        }
    reply_error(r, 400, "invalid 'token_type' value \"%.*s\"", STR_ARG(type));
}

static bool is_batch_type(const struct token_params *p)
{
    return str_is(p->type, "batch") || str_is(p->type, "default-batch");
}

static bool consistent(struct request *r, const struct token_params *p)
{
    if (refused(r))
        return false;
    if (p->num_uses < 0)
        reply_error(r, 400, "'token_num_uses' cannot be negative");
    else if (p->ttl > 0 && p->max_ttl > 0 && p->ttl > p->max_ttl)
        reply_error(r, 400, "'token_ttl' cannot be greater than 'token_max_ttl'");
    else if (is_batch_type(p) && p->period != 0)
        reply_error(r, 400,
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic "
            "tokens");
    else if (is_batch_type(p) && p->num_uses != 0)
        reply_error(r, 400,
            "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with "
            "limited use count");
    return !refused(r);
}

bool token_params_read(struct request *r, struct token_params *p, bool old_names)
{
    read_lists(r, p, old_names);
    read_seconds(r, "token_ttl", old_names ? "ttl" : NULL, &p->ttl);
    read_seconds(r, "token_max_ttl", old_names ? "max_ttl" : NULL, &p->max_ttl);
    read_seconds(r, "token_period", old_names ? "period" : NULL, &p->period);
    read_seconds(r, "token_explicit_max_ttl", NULL, &p->explicit_max_ttl);
    if (!field_int(r, "token_num_uses", &p->num_uses) && old_names)
        field_int(r, "num_uses", &p->num_uses);
    field_bool(r, "token_no_default_policy", &p->no_default_policy);
    read_type(r, p);
    return consistent(r, p);
}

/* ---- granting ---- */

static bool grants_batch(const struct request *r, const struct token_params *p)
{
    struct str mount = value_get_text(r->mount->config, "token_type", STR(""));

    if (str_is(mount, "service") || str_is(mount, "batch"))
        return str_is(mount, "batch");
    if (str_is(p->type, "default"))
        return str_is(mount, "default-batch");
    return is_batch_type(p);
}

void token_params_grant(struct request *r, const struct token_params *p, struct auth *auth)
{
    auth->policies = p->policies;
    auth->bound_cidrs = p->bound_cidrs->n > 0 ? p->bound_cidrs : NULL;
    auth->ttl = p->ttl;
    auth->max_ttl = p->max_ttl;
    auth->period = p->period;
    auth->explicit_max_ttl = p->explicit_max_ttl;
    auth->num_uses = p->num_uses;
    auth->no_default_policy = p->no_default_policy;
    auth->renewable = true;
    auth->batch = grants_batch(r, p);
}

struct str login_display_name(struct request *r, struct str name)
{
    struct str path = r->mount->path;
    char *to = arena_alloc(&r->arena, path.len + name.len + 2);
    size_t n = 0;

    for (size_t i = sizeof("auth/") - 1; i < path.len; i++)
        to[n++] = (char)(path.at[i] == '/' ? '-' : path.at[i]);
    memcpy(to + n, name.at, name.len);
    n += name.len;
    if (n > 0 && to[n - 1] == '-')
        n--;
    return (struct str){ to, n };
}
