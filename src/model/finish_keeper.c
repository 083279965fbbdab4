/*
 * finish - what must hold within the tables of the keeper, and between them and the rest.
 */
#include <errno.h>
#include <unistd.h>

#include "model/values_int.h"

#define PROBLEM(r, n, id, ...) problem_add((r)->problems, node_place(n), false, id, __VA_ARGS__)
#define WARNING(r, n, id, ...) problem_add((r)->problems, node_place(n), true, id, __VA_ARGS__)

enum { HOUR = 3600 * 1000, SECRET_PATH_MAX = 512, HANDED_MAX = 16 /* to a process */ };

void finish_key(struct reading *r, const struct node *n, void *base)
{
    const struct managed_key *k = base;

    if (k->rotate > 0 && k->rotate < HOUR)
        PROBLEM(r, node_on_way(n, "rotate", NULL), "blueprint_rotate",
            "%s: a key is not rotated more often than once an hour", reading_where(r));
}

static bool is_secret_path(struct str path)
{
    char last = '/';

    for (size_t i = 0; i < path.len; i++) {
        char c = path.at[i];

        if ((unsigned char)c <= ' ' || c == 0x7f || strchr("?#%\\*+", c) != NULL ||
            (c == '/' && last == '/') || (c == '.' && last == '/'))
            return false;
        last = c;
    }
    return path.len > 0 && path.len <= SECRET_PATH_MAX && last != '/';
}

void finish_secret(struct reading *r, const struct node *n, void *base)
{
    struct managed_secret *s = base;

    if (s->path.at == NULL)
        s->path = s->name;
    if (!is_secret_path(s->path))
        PROBLEM(r, node_on_way(n, "path", NULL), "blueprint_secret_path",
            "%s: \"%.*s\" is not a path such as shop/database", reading_where(r), STR_ARG(s->path));
    if (s->rotate > 0 && s->generate == GENERATE_NONE)
        PROBLEM(r, node_on_way(n, "rotate", NULL), "blueprint_rotate",
            "%s: only what the keeper generates can it make anew; add `generate: password`",
            reading_where(r));
    if (s->rotate > 0 && s->rotate < HOUR)
        PROBLEM(r, node_on_way(n, "rotate", NULL), "blueprint_rotate",
            "%s: a secret is not rotated more often than once an hour", reading_where(r));
}

void finish_policy(struct reading *r, const struct node *n, void *base)
{
    const struct managed_policy *p = base;

    if (str_is(p->name, "root"))
        PROBLEM(r, n, "blueprint_policy", "the policy root is the keeper's own, it cannot be set");
    for (size_t i = 0; i < p->name.len; i++)
        if (p->name.at[i] >= 'A' && p->name.at[i] <= 'Z') {
            PROBLEM(
                r, n, "blueprint_policy", "%s: names of policies are lower case", reading_where(r));
            break;
        }
    for (size_t i = 0; i < p->npaths; i++)
        if (p->paths[i].path.len > 0 &&
            (p->paths[i].path.at[0] == '/' || str_starts(p->paths[i].path, STR("v1/"))))
            PROBLEM(r, n, "blueprint_policy",
                "%s: write the path %.*s without / or v1/ in front, as in transit/sign/receipts",
                reading_where(r), STR_ARG(p->paths[i].path));
}

/* ---- between the tables ---- */

static const struct node *item(const struct node *n, size_t i)
{
    return n->kind == NODE_LIST && i < n->n ? n->items[i] : n;
}

static void needs_keeper(struct reading *r, struct blueprint *b, const struct node *n)
{
    if (!b->keeper.on)
        PROBLEM(r, n, "blueprint_no_keeper",
            "this needs the keeper; add `keeper: {}` to the blueprint");
}

static void check_policies(
    struct reading *r, struct blueprint *b, const struct node *list, const struct strs *names)
{
    const struct names all = { "policy", "policies", b->policies, b->npolicies,
        sizeof(*b->policies) };

    for (size_t i = 0; i < names->n; i++)
        if (!str_is(names->at[i], "default"))
            cross_find(r, &all, item(list, i), names->at[i]);
}

static void check_run(struct reading *r, struct blueprint *b, struct service *s)
{
    const struct names all = { "secret", "secrets", b->secrets, b->nsecrets, sizeof(*b->secrets) };
    const struct node *n = node_on_way(r->root, "services", s->name.at, "run", NULL);

    if (s->run.nsecrets > 0)
        needs_keeper(r, b, node_on_way(n, "secrets", NULL));
    if (s->run.token.on)
        needs_keeper(r, b, node_on_way(n, "token", NULL));
    if (s->run.nsecrets + s->run.token.on > HANDED_MAX)
        PROBLEM(r, node_on_way(n, "secrets", NULL), "blueprint_secrets_many",
            "a process is handed at most %d secrets, its token among them", HANDED_MAX);
    for (size_t i = 0; i < s->run.nsecrets; i++) {
        struct run_secret *wish = &s->run.secrets[i];
        const struct node *at = node_on_way(n, "secrets", wish->variable.at, NULL);
        ssize_t found = cross_find(r, &all, at, wish->secret);

        wish->managed = found >= 0 ? &b->secrets[found] : NULL;
        for (size_t k = 0; k < s->run.environment.n; k++)
            if (str_eq(s->run.environment.at[k].name, wish->variable))
                PROBLEM(r, at, "blueprint_duplicate_name",
                    "the variable %.*s is in `environment` and in `secrets`",
                    STR_ARG(wish->variable));
    }
    if (s->run.token.on)
        check_policies(r, b, node_on_way(n, "token", "policies", NULL), &s->run.token.policies);
}

static bool is_local(const struct addr *a)
{
    struct ip ip = addr_ip(a);
    static const struct ip six = { 16, { [15] = 1 } };

    return a->any.sa_family == AF_UNIX || (ip.len == 4 && ip.bytes[0] == 127) || ip_eq(ip, six);
}

static void check_keeper_tls(struct reading *r, struct blueprint *b)
{
    const struct names all = { "certificate", "certificates", b->certificates, b->ncertificates,
        sizeof(*b->certificates) };
    const struct node *n = node_on_way(r->root, "keeper", NULL);
    struct keeper_rule *k = &b->keeper;
    ssize_t found;

    if (k->tls.at != NULL) {
        found = cross_find(r, &all, node_on_way(n, "tls", NULL), k->tls);
        k->certificate = found >= 0 ? &b->certificates[found] : NULL;
    } else if (k->listen.len > 0 && !is_local(&k->listen)) {
        WARNING(r, node_on_way(n, "listen", NULL), "blueprint_keeper_plain",
            "the keeper's API speaks plain HTTP on %.*s, where others may read tokens and secrets "
            "on their way: give it `tls`",
            STR_ARG(k->listen_text));
    }
    for (size_t i = 0; i < b->nlisteners; i++)
        if (k->listen.len > 0 && addr_port(&k->listen) != 0 &&
            addr_eq(&k->listen, &b->listeners[i].address))
            PROBLEM(r, node_on_way(n, "listen", NULL), "blueprint_duplicate_address",
                "`keeper` has the same address %.*s as the listener \"%.*s\"",
                STR_ARG(k->listen_text), STR_ARG(b->listeners[i].name));
}

static void check_key_file(struct reading *r, const struct keeper_rule *k)
{
    struct str path = k->seal.key_file;

    if (path.at == NULL || r->canonical || access(path.at, F_OK) == 0 || errno != ENOENT)
        return;
    WARNING(r, node_on_way(r->root, "keeper", "seal", "key_file", NULL), "blueprint_no_key_file",
        "there is no file %.*s yet; \"weir keeper keygen\" makes one", STR_ARG(path));
}

void cross_keeper(struct reading *r, struct blueprint *b)
{
    static const char *const words[] = { "keys", "secrets", "policies" };
    const size_t counts[] = { b->nkeys, b->nsecrets, b->npolicies };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (counts[i] > 0)
            needs_keeper(r, b, node_on_way(r->root, words[i], NULL));
    for (size_t i = 0; i < b->ncertificates; i++)
        if (b->certificates[i].issuer == ISSUER_KEEPER)
            needs_keeper(
                r, b, node_on_way(r->root, "certificates", b->certificates[i].name.at, NULL));
    if (b->keeper.on) {
        check_keeper_tls(r, b);
        check_key_file(r, &b->keeper);
    }
    for (size_t i = 0; i < b->nservices; i++)
        check_run(r, b, &b->services[i]);
}
