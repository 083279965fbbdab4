/*
 * acls - the policies of a token, compiled together and kept until a policy changes.
 *
 * A policy is the entry "policy/<name>": {text, rules}; a name without an entry permits nothing.  The table is emptied whole
 * when it is full or a policy changes: rare, and right.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "keeper/core/identity_store_int.h"
#include "keeper/core/state_int.h"

enum { BUCKETS = 1024, ACLS_MAX = 2048, ACLS_BYTES = 64 << 20, NAMES_MAX = 1 << 16 };

struct kept {
    struct kept *next;
    struct acl *acl;
    uint64_t after; /* the batch in which its policies became what they are */
    bool templated; /* another entity with these policies may do other things */
    size_t len;
    char names[];
};

struct acls {
    struct kept *buckets[BUCKETS];
    unsigned n;
    size_t bytes;
};

struct acls *acls_new(void)
{
    return xcalloc(1, sizeof(struct acls));
}

void acls_forget(struct acls *a)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        while (a->buckets[i] != NULL) {
            struct kept *k = a->buckets[i];

            a->buckets[i] = k->next;
            acl_free(k->acl);
            free(k);
        }
    a->n = 0;
    a->bytes = 0;
}

void acls_free(struct acls *a)
{
    if (a == NULL)
        return;
    acls_forget(a);
    free(a);
}

/* With their lengths: no name can look like two. */
static void add_names(struct buf *to, const struct value *list)
{
    value_each (it, list) {
        uint32_t len = (uint32_t)it->text.len;

        buf_add(to, &len, sizeof(len));
        buf_str(to, it->text);
    }
}

/* A policy that cannot be compiled must not leave out its denials: the request fails. */
static void add_policy(
    struct request *r, struct kept *k, struct acl *acl, const struct token *t, struct str name)
{
    const char *why = NULL;
    struct value *v;
    struct value *rules;

    if (str_is(name, "root")) {
        acl_add_root(acl);
        return;
    }
    v = policy_builtin(&r->arena, name);
    if (v == NULL)
        v = entry_get_value(&r->tx, entry_path(&r->tx, "policy/%.*s", STR_ARG(name)));
    rules = value_get(v, "rules");
    if (policy_has_templates(rules)) {
        k->templated = true;
        rules = policy_fill(&r->arena, rules, entity_load(r, t->entity));
    }
    if (v != NULL && !acl_add(acl, rules, &why) && r->tx.failed == NULL)
        r->tx.failed = "a policy of the token cannot be read";
}

static void compile(struct request *r, struct kept *k, const struct token *t)
{
    struct acl *acl = acl_new();

    value_each (it, t->policies)
        add_policy(r, k, acl, t, it->text);
    value_each (it, t->identity_policies)
        add_policy(r, k, acl, t, it->text);
    acl_finish(acl);
    k->acl = acl;
}

static struct kept *keep(struct core *c, struct str names, uint64_t bucket)
{
    struct kept *k;

    if (c->acls->n >= ACLS_MAX || c->acls->bytes >= ACLS_BYTES)
        acls_forget(c->acls);
    k = xcalloc(1, sizeof(*k) + names.len);
    k->len = names.len;
    if (names.len > 0)
        memcpy(k->names, names.at, names.len);
    k->next = c->acls->buckets[bucket];
    c->acls->buckets[bucket] = k;
    c->acls->n++;
    return k;
}

static struct kept *find(const struct acls *a, struct str names, uint64_t bucket)
{
    for (struct kept *k = a->buckets[bucket]; k != NULL; k = k->next)
        if (str_eq((struct str){ k->names, k->len }, names))
            return k;
    return NULL;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Compiled now; before: what the request waited for so far. */
static struct kept *make(struct request *r, struct str names, const struct token *t)
{
    struct kept *k;

    r->tx.after = 0;
    k = keep(r->core, names, hash_bytes(names.at, names.len) % BUCKETS);
    compile(r, k, t);
    k->after = r->tx.after;
    if (r->tx.failed != NULL)
        k->len = SIZE_MAX; /* nobody finds it */
    r->core->acls->bytes += acl_size(k->acl);
    return k;
}

static struct kept *find_or_make(struct request *r, struct buf *from, const struct token *t)
{
    struct str names = from->data != NULL ? buf_as_str(from) : STR("");
    struct kept *k = find(r->core->acls, names, hash_bytes(names.at, names.len) % BUCKETS);

    return k != NULL ? k : make(r, names, t);
}

const struct acl *core_acl(struct request *r, const struct token *t)
{
    struct buf names;
    uint64_t before = r->tx.after;
    struct kept *k;

    buf_init(&names, NAMES_MAX);
    add_names(&names, t->policies);
    add_names(&names, t->identity_policies);
    if (names.over)
        r->tx.failed = "the token has too many policies";
    k = find_or_make(r, &names, t);
    if (k->templated) { /* each state of each entity has its own */
        buf_char(&names, '\0');
        buf_str(&names, t->entity);
        buf_str(&names, identity_version(r, t->entity));
        k = find_or_make(r, &names, t);
    }
    r->tx.after = later(before, k->after);
    buf_free(&names);
    return k->acl;
}
