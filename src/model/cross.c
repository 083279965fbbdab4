/*
 * cross - what must hold between the tables: names that are used exist, and
 * nothing stands in the way of anything else.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/hash.h"
#include "model/router_int.h"
#include "model/values_int.h"

#define PROBLEM(r, n, id, ...) problem_add((r)->problems, node_place(n), false, id, __VA_ARGS__)
#define WARNING(r, n, id, ...) problem_add((r)->problems, node_place(n), true, id, __VA_ARGS__)

static struct str name_at(const struct names *all, size_t i)
{
    return *(const struct str *)(const void *)((const char *)all->at + i * all->size);
}

ssize_t cross_find(
    struct reading *r, const struct names *all, const struct node *n, struct str name)
{
    struct nearest near;

    if (name.at == NULL)
        return -1;
    for (size_t i = 0; i < all->n; i++)
        if (str_eq(name_at(all, i), name))
            return (ssize_t)i;
    nearest_init(&near, name);
    for (size_t i = 0; i < all->n; i++)
        nearest_try(&near, name_at(all, i).at);
    if (near.best != NULL)
        PROBLEM(r, n, "blueprint_unknown_name", "there is no %s \"%.*s\"; did you mean \"%s\"?",
            all->what, STR_ARG(name), near.best);
    else
        PROBLEM(r, n, "blueprint_unknown_name",
            all->n > 0 ? "there is no %s \"%.*s\"; `%s` has others"
                       : "there is no %s \"%.*s\"; add it to `%s`",
            all->what, STR_ARG(name), all->word);
    return -1;
}

/* The i-th of what may be a list or one value. */
static const struct node *item(const struct node *n, size_t i)
{
    return n->kind == NODE_LIST && i < n->n ? n->items[i] : n;
}

static void check_file(
    struct reading *r, const struct node *n, const char *word, struct str path, bool key)
{
    const struct node *at = node_on_way(n, word, NULL);

    if (path.at == NULL || r->canonical)
        return;
    /* A key that only root may read is as it should be: the parent opens it, not whoever checks. */
    if (access(path.at, R_OK) == 0 || errno == EACCES)
        return;
    if (errno == ENOENT)
        PROBLEM(r, at, "blueprint_no_file", "there is no file %.*s; %s", STR_ARG(path),
            key ? "put the private key there, or use `local: true` for a certificate of this "
                  "machine's own"
                : "put the file there, or correct the path");
    else
        PROBLEM(
            r, at, "blueprint_no_file", "%.*s cannot be read: %s", STR_ARG(path), strerror(errno));
}

static void check_certificates(struct reading *r, struct blueprint *b)
{
    for (size_t i = 0; i < b->ncertificates; i++) {
        const struct certificate *c = &b->certificates[i];
        const struct node *n = node_on_way(r->root, "certificates", c->name.at, NULL);

        check_file(r, n, "chain", c->chain, false);
        check_file(r, n, "key", c->key, true);
        check_file(r, n, "ocsp", c->ocsp, false);
    }
}

static void check_tls(struct reading *r, struct blueprint *b, struct listener *l)
{
    const struct names all = { "certificate", "certificates", b->certificates, b->ncertificates,
        sizeof(*b->certificates) };
    const struct node *list =
        node_on_way(r->root, "listeners", l->name.at, "tls", "certificates", NULL);

    l->tls.certificate =
        arena_calloc(r->arena, l->tls.certificates.n + 1, sizeof(struct certificate *));
    for (size_t i = 0; i < l->tls.certificates.n; i++) {
        ssize_t found = cross_find(r, &all, item(list, i), l->tls.certificates.at[i]);

        if (found >= 0)
            l->tls.certificate[i] = &b->certificates[found];
    }
    /* Which certificate is sent for a host must not depend on chance. */
    for (size_t i = 0; i < l->tls.certificates.n; i++)
        for (size_t k = 0; k < i; k++) {
            const struct certificate *x = l->tls.certificate[i];
            const struct certificate *y = l->tls.certificate[k];

            for (size_t h = 0; x != NULL && y != NULL && h < x->hosts.n; h++)
                for (size_t g = 0; g < y->hosts.n; g++)
                    if (x->hosts.at[h].at != NULL && str_eq(x->hosts.at[h], y->hosts.at[g]))
                        PROBLEM(r, item(list, i), "blueprint_duplicate_host",
                            "the certificates \"%.*s\" and \"%.*s\" both have the host %.*s",
                            STR_ARG(y->name), STR_ARG(x->name), STR_ARG(x->hosts.at[h]));
        }
}

/* ":80" and "127.0.0.1:80" do not exclude each other in the kernel, but the same address does. */
static void check_listeners(struct reading *r, struct blueprint *b)
{
    const struct node *list = node_get(r->root, "listeners");

    if ((list == NULL || (list->kind == NODE_MAP && list->n == 0)) && !r->misspelt)
        PROBLEM(r, node_on_way(r->root, "listeners", NULL), "blueprint_no_listeners",
            "there are no `listeners`, so nobody could connect; add listeners: {web: \":8080\"}");
    for (size_t i = 0; i < b->nlisteners; i++) {
        struct listener *l = &b->listeners[i];
        const struct node *n = node_on_way(r->root, "listeners", l->name.at, "address", NULL);

        if (l->tls.on)
            check_tls(r, b, l);
        for (size_t k = 0; k < i; k++)
            if (l->address.len > 0 && addr_eq(&l->address, &b->listeners[k].address) &&
                addr_port(&l->address) != 0)
                PROBLEM(r, n, "blueprint_duplicate_address",
                    "the listeners \"%.*s\" and \"%.*s\" have the same address %.*s",
                    STR_ARG(b->listeners[k].name), STR_ARG(l->name), STR_ARG(l->address_text));
        if (l->address.len > 0 && addr_eq(&l->address, &b->metrics.address))
            PROBLEM(r, n, "blueprint_duplicate_address",
                "`metrics` has the same address %.*s as the listener \"%.*s\"",
                STR_ARG(l->address_text), STR_ARG(l->name));
    }
}

static const struct limit **resolve_limits(struct reading *r, struct blueprint *b,
    const struct node *list, const struct strs *names, size_t *count)
{
    const struct names all = { "limit", "limits", b->limits, b->nlimits, sizeof(*b->limits) };
    const struct limit **to = arena_calloc(r->arena, names->n + 1, sizeof(const struct limit *));

    for (size_t i = 0; i < names->n; i++) {
        ssize_t found = cross_find(r, &all, item(list, i), names->at[i]);

        for (size_t k = 0; found >= 0 && k < *count; k++)
            if (to[k] == &b->limits[found])
                PROBLEM(r, item(list, i), "blueprint_duplicate_name",
                    "the limit \"%.*s\" is named twice, and would count twice",
                    STR_ARG(names->at[i]));
        if (found >= 0)
            to[(*count)++] = &b->limits[found];
    }
    return to;
}

/* Two routes of one name: an overlay or a log line could mean either. */
static void check_names(struct reading *r, const struct blueprint *b, const struct node *list)
{
    size_t cap = 16;
    auto_free uint32_t *slots = NULL;

    while (cap < b->nroutes * 2)
        cap *= 2;
    slots = xcalloc(cap, sizeof(*slots));
    for (size_t i = 0; i < b->nroutes; i++) {
        struct str name = b->routes[i].name;
        size_t at = hash_bytes(name.at, name.len) & (cap - 1);

        while (slots[at] > 0 && !str_eq(b->routes[slots[at] - 1].name, name))
            at = (at + 1) & (cap - 1);
        if (slots[at] > 0)
            PROBLEM(r, node_on_way(item(list, i), "name", NULL), "blueprint_duplicate_name",
                "there is already a route \"%.*s\", in %s", STR_ARG(name),
                b->routes[slots[at] - 1].source);
        else
            slots[at] = (uint32_t)i + 1;
    }
}

/* As seen from the blueprint's folder. */
static const char *short_path(const struct reading *r, const char *path)
{
    const char *slash = strrchr(r->root->file->path, '/');
    size_t n = slash != NULL ? (size_t)(slash - r->root->file->path) + 1 : 0;

    return strncmp(path, r->root->file->path, n) == 0 ? path + n : path;
}

static void check_route(
    struct reading *r, struct blueprint *b, struct route *route, const struct node *n)
{
    const struct names services = { "service", "services", b->services, b->nservices,
        sizeof(*b->services) };
    const struct names listeners = { "listener", "listeners", b->listeners, b->nlisteners,
        sizeof(*b->listeners) };
    const struct node *list = node_on_way(n, "match", "listener", NULL);
    ssize_t found;

    if (route->action == ROUTE_PROXY && route->to.at != NULL) {
        found = cross_find(r, &services, node_on_way(n, "to", NULL), route->to);
        route->service = found >= 0 ? &b->services[found] : NULL;
    }
    for (size_t i = 0; i < route->match.listeners.n; i++)
        cross_find(r, &listeners, item(list, i), route->match.listeners.at[i]);
    route->limits =
        resolve_limits(r, b, node_on_way(n, "limit", NULL), &route->limit_names, &route->nlimits);
    for (size_t i = 0; i < route->nlimits; i++)
        for (size_t k = 0; k < b->nglobal_limits; k++)
            if (route->limits[i] == b->global_limit[k])
                WARNING(r, node_on_way(n, "limit", NULL), "blueprint_limit_twice",
                    "the limit \"%.*s\" holds for every request already, and would count twice",
                    STR_ARG(route->limits[i]->name));
    if (route->source == NULL)
        route->source = arena_printf(r->arena, "%s:%u", short_path(r, n->file->path), n->line);
}

static void check_routes(struct reading *r, struct blueprint *b)
{
    const struct node *list = node_on_way(r->root, "routes", NULL);

    if (b->nroutes == 0)
        WARNING(r, list, "blueprint_no_routes", "there are no `routes`, so every request gets 404");
    for (size_t i = 0; i < b->nroutes; i++) {
        struct route *route = &b->routes[i];

        route->id = (unsigned)i;
        if (route->name.at == NULL)
            route->name = str_from(arena_printf(r->arena, "route-%zu", i + 1));
        check_route(r, b, route, item(list, i));
    }
    check_names(r, b, list);
}

void cross_check(struct reading *r, struct blueprint *b)
{
    for (size_t i = 0; i < b->nservices; i++)
        b->services[i].id = (unsigned)i;
    for (size_t i = 0; i < b->nlimits; i++)
        b->limits[i].id = (unsigned)i;
    check_certificates(r, b);
    check_listeners(r, b);
    b->global_limit = resolve_limits(
        r, b, node_on_way(r->root, "limit", NULL), &b->global_limits, &b->nglobal_limits);
    for (size_t i = 0; i < b->nservices; i++)
        check_file(r, node_on_way(r->root, "services", b->services[i].name.at, "tls", NULL), "ca",
            b->services[i].tls.ca, false);
    if (b->log.to == LOG_FILE && b->log.path.at == NULL && b->state.at != NULL)
        b->log.path = str_from(arena_printf(r->arena, "%s/access.log", b->state.at));
    cross_keeper(r, b);
    check_routes(r, b);
}

static void say_shadowed(void *ctx, const struct route *route, const struct route *by)
{
    struct reading *r = ctx;
    const struct node *n = item(node_on_way(r->root, "routes", NULL), route->id);

    WARNING(r, n, "blueprint_shadowed",
        "the route \"%.*s\" is never taken: \"%.*s\" (%s) has the same host and path and takes "
        "all its requests",
        STR_ARG(route->name), STR_ARG(by->name), by->source);
}

void shadow_check(struct reading *r, const struct blueprint *b)
{
    router_shadowed(b->router, b, say_shadowed, r);
}
