/*
 * policy - see policy_int.h.
 *
 * acl_add() collects rules, acl_finish() unites those of the same path and lays out three tables:
 *   exact    open-addressed hash
 *   prefix   sorted by path; each knows the longest other one that it begins with, so that the longest prefix of a path is
 *            found by one binary search and a walk up that chain
 *   segments sorted, the one that decides first; read from the front until one fits
 */
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "keeper/core/entry_int.h"
#include "keeper/core/policy_int.h"
#include "keeper/core/policy_rule_int.h"

struct rules {
    struct policy_rule *at;
    size_t n;
    size_t cap;
};

struct acl {
    struct arena arena;
    bool root;
    bool finished;
    struct rules rules[3]; /* by enum rule_kind */
    const struct policy_rule **exact;
    size_t exact_mask; /* slots - 1; a power of two */
    size_t size;
};

struct acl *acl_new(void)
{
    struct acl *a = xcalloc(1, sizeof(*a));

    arena_init(&a->arena, 4096);
    a->size = sizeof(*a);
    return a;
}

void acl_free(struct acl *a)
{
    if (a == NULL)
        return;
    for (size_t k = 0; k < 3; k++)
        free(a->rules[k].at);
    free(a->exact);
    arena_free(&a->arena);
    free(a);
}

size_t acl_size(const struct acl *a)
{
    return a->size;
}

bool acl_add(struct acl *a, const struct value *rules, const char **why)
{
    value_each (row, rules) {
        struct policy_rule r;
        struct rules *to;

        if (!policy_rule_read(&a->arena, row, &r, why))
            return false;
        to = &a->rules[r.kind];
        if (to->n == to->cap) {
            to->cap = to->cap > 0 ? 2 * to->cap : 8;
            to->at = xreallocarray(to->at, to->cap, sizeof(to->at[0]));
        }
        to->at[to->n++] = r;
        /* what value_copy() takes for lists of parameters is a guess: they are rare */
        a->size += 2 * sizeof(r) + r.path.len + (r.allowed != NULL || r.denied != NULL ? 1024 : 0);
    }
    return true;
}

void acl_add_root(struct acl *a)
{
    a->root = true;
}

static int compare_paths(const void *x, const void *y)
{
    const struct policy_rule *a = x;
    const struct policy_rule *b = y;
    size_t shared = a->path.len < b->path.len ? a->path.len : b->path.len;
    int c = shared > 0 ? memcmp(a->path.at, b->path.at, shared) : 0;

    if (c != 0)
        return c;
    if (a->path.len != b->path.len)
        return a->path.len < b->path.len ? -1 : 1;
    return (int)a->star - (int)b->star;
}

static int compare_strength(const void *x, const void *y)
{
    return policy_rule_compare(y, x);
}

static void unite(struct acl *a, struct rules *rules)
{
    size_t n = 0;

    if (rules->n == 0)
        return;
    qsort(rules->at, rules->n, sizeof(rules->at[0]), compare_paths);
    for (size_t i = 1; i < rules->n; i++) {
        if (compare_paths(&rules->at[n], &rules->at[i]) == 0)
            policy_rule_merge(&a->arena, &rules->at[n], &rules->at[i]);
        else
            rules->at[++n] = rules->at[i];
    }
    rules->n = n + 1;
}

static void lay_exact(struct acl *a)
{
    const struct rules *rules = &a->rules[RULE_EXACT];
    size_t slots = 8;

    while (slots < 2 * rules->n)
        slots *= 2;
    a->exact_mask = slots - 1;
    a->exact = xcalloc(slots, sizeof(struct policy_rule *));
    a->size += slots * sizeof(struct policy_rule *);
    for (size_t i = 0; i < rules->n; i++) {
        size_t at = hash_bytes(rules->at[i].path.at, rules->at[i].path.len) & a->exact_mask;

        while (a->exact[at] != NULL)
            at = (at + 1) & a->exact_mask;
        a->exact[at] = &rules->at[i];
    }
}

static void chain_prefixes(struct rules *rules)
{
    if (rules->at == NULL)
        return;
    for (size_t i = 1; i < rules->n; i++) {
        const struct policy_rule *w = &rules->at[i - 1];

        while (w != NULL && !str_starts(rules->at[i].path, w->path))
            w = w->within;
        rules->at[i].within = w;
    }
}

void acl_finish(struct acl *a)
{
    for (size_t k = 0; k < 3; k++)
        unite(a, &a->rules[k]);
    lay_exact(a);
    chain_prefixes(&a->rules[RULE_PREFIX]);
    if (a->rules[RULE_SEGMENTS].n > 0)
        qsort(a->rules[RULE_SEGMENTS].at, a->rules[RULE_SEGMENTS].n, sizeof(struct policy_rule),
            compare_strength);
    a->finished = true;
}

static const struct policy_rule *find_exact(const struct acl *a, struct str path)
{
    size_t at;

    if (a->rules[RULE_EXACT].n == 0)
        return NULL;
    at = hash_bytes(path.at, path.len) & a->exact_mask;
    for (; a->exact[at] != NULL; at = (at + 1) & a->exact_mask)
        if (str_eq(a->exact[at]->path, path))
            return a->exact[at];
    return NULL;
}

static const struct policy_rule *find_prefix(const struct acl *a, struct str path)
{
    const struct rules *rules = &a->rules[RULE_PREFIX];
    const struct policy_rule key = { .path = path, .star = true };
    const struct policy_rule *r;
    size_t low = 0;
    size_t high = rules->n;

    while (low < high) { /* behind the last one that is not past the path */
        size_t mid = low + (high - low) / 2;

        if (compare_paths(&rules->at[mid], &key) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    for (r = low > 0 ? &rules->at[low - 1] : NULL; r != NULL; r = r->within)
        if (str_starts(path, r->path))
            return r;
    return NULL;
}

static const struct policy_rule *find_wild(const struct acl *a, struct str path)
{
    const struct policy_rule *prefix = find_prefix(a, path);
    const struct rules *segments = &a->rules[RULE_SEGMENTS];

    for (size_t i = 0; i < segments->n; i++) {
        const struct policy_rule *s = &segments->at[i];

        if (prefix != NULL && policy_rule_compare(prefix, s) > 0)
            break;
        if (policy_rule_fits(s, path))
            return s;
    }
    return prefix;
}

/* LIST: the folder with and without its '/' are one thing, so the rules of both forms count. */
static const struct policy_rule *find_for_list(const struct acl *a, struct str folder)
{
    const struct str file = { folder.at, folder.len - 1 };
    const struct policy_rule *f = find_exact(a, folder);
    const struct policy_rule *g = find_exact(a, file);

    if (f == NULL && g == NULL) {
        f = find_wild(a, folder);
        g = find_wild(a, file);
    }
    if (f == NULL || g == NULL || f == g)
        return f != NULL ? f : g;
    if (f->kind == RULE_EXACT)
        return g->can == CAN_DENY ? g : f;
    if (f->can != CAN_DENY && g->can != CAN_DENY && ((f->can ^ g->can) & CAN_LIST) != 0)
        return (f->can & CAN_LIST) != 0 ? f : g;
    return policy_rule_compare(f, g) > 0 ? f : g;
}

static const struct policy_rule *find(const struct acl *a, struct str path, bool list)
{
    const struct policy_rule *r;

    while (path.len > 0 && path.at[0] == '/')
        path = (struct str){ path.at + 1, path.len - 1 };
    if (list) {
        char with_slash[ENTRY_PATH_MAX + 1];
        struct str folder = { with_slash, path.len + 1 };

        if (path.len > 0 && path.at[path.len - 1] == '/')
            return find_for_list(a, path);
        if (folder.len > sizeof(with_slash))
            return NULL;
        if (path.len > 0)
            memcpy(with_slash, path.at, path.len);
        with_slash[path.len] = '/';
        return find_for_list(a, folder);
    }
    r = find_exact(a, path);
    return r != NULL ? r : find_wild(a, path);
}

static void describe(const struct acl *a, const struct policy_rule *r, struct acl_answer *out)
{
    *out = (struct acl_answer){ 0 };
    if (a->root)
        out->capabilities = CAN_ROOT;
    if (a->root || r == NULL)
        return;
    out->capabilities = r->can;
    out->min_wrapping_ttl = r->min_wrapping_ttl;
    out->max_wrapping_ttl = r->max_wrapping_ttl;
    out->approvals = r->approvals;
}

void acl_look(const struct acl *a, struct str path, bool list, struct acl_answer *out)
{
    MUST(a->finished);
    describe(a, a->root ? NULL : find(a, path, list), out);
}

static bool wrapping_fits(const struct policy_rule *r, int64_t ttl)
{
    if (r->max_wrapping_ttl > 0 && (ttl <= 0 || ttl > r->max_wrapping_ttl))
        return false;
    if (r->min_wrapping_ttl > 0 && (ttl <= 0 || ttl < r->min_wrapping_ttl))
        return false;
    /* two policies united may leave a range with nothing in it */
    return r->max_wrapping_ttl == 0 || r->max_wrapping_ttl >= r->min_wrapping_ttl;
}

bool acl_permits(
    const struct acl *a, const struct acl_question *q, struct acl_answer *out, const char **why)
{
    const struct policy_rule *r = a->root ? NULL : find(a, q->path, q->list);

    MUST(a->finished);
    describe(a, r, out);
    if (a->root)
        return true;
    if (r == NULL || r->can == CAN_DENY || (r->can & q->need) != q->need) {
        *why = r == NULL ? "no_rule" : r->can == CAN_DENY ? "deny" : "capability";
        return false;
    }
    if (!wrapping_fits(r, q->wrap_ttl)) {
        *why = "wrapping_ttl";
        return false;
    }
    if ((q->need & (CAN_CREATE | CAN_READ | CAN_UPDATE | CAN_PATCH)) != 0)
        return policy_rule_takes_body(r, q->body, why);
    return true;
}
