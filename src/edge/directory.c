/*
 * directory - see directory.h.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "edge/directory.h"

struct known { /* addresses of one origin name, or of a service's processes */
    struct known *next;
    char *service;
    char *origin; /* NULL: the service's processes */
    struct addr *addrs;
    size_t naddrs;
};

struct held {
    struct held *next;
    struct origin_state *state;
};

struct directory {
    struct known *known;
    struct held *states;
};

enum { ADDRESSES_MAX = 1024 };

struct directory *directory_new(void)
{
    return xcalloc(1, sizeof(struct directory));
}

static void free_known(struct known *k)
{
    free(k->service);
    free(k->origin);
    free(k->addrs);
    free(k);
}

void directory_free(struct directory *d)
{
    while (d->known != NULL) {
        struct known *k = d->known;

        d->known = k->next;
        free_known(k);
    }
    while (d->states != NULL) {
        struct held *h = d->states;

        d->states = h->next;
        origin_state_unref(h->state);
        free(h);
    }
    free(d);
}

/* ---- what control says ---- */

static struct known *find(struct directory *d, struct str service, const char *origin)
{
    for (struct known *k = d->known; k != NULL; k = k->next)
        if (str_is(service, k->service) &&
            (origin == NULL ? k->origin == NULL
                            : k->origin != NULL && strcmp(k->origin, origin) == 0))
            return k;
    return NULL;
}

static int set(struct directory *d, struct str text, bool with_origin, struct err *err)
{
    json_t *root = json_loadb(text.at, text.len, 0, NULL);
    const char *service = json_string_value(json_object_get(root, "service"));
    const char *origin = json_string_value(json_object_get(root, "origin"));
    json_t *list = json_object_get(root, "addresses");
    struct known *k;

    if (service == NULL || (with_origin && origin == NULL) || !json_is_array(list) ||
        json_array_size(list) > ADDRESSES_MAX) {
        json_decref(root);
        return err_set(err, ERR_PEER, "directory_message", "not a message about addresses");
    }
    if (!with_origin)
        origin = NULL;
    k = find(d, str_from(service), origin);
    if (k == NULL) {
        k = xcalloc(1, sizeof(*k));
        k->service = xstrdup(service);
        k->origin = origin != NULL ? xstrdup(origin) : NULL;
        k->next = d->known;
        d->known = k;
    }
    free(k->addrs);
    k->addrs = xcalloc(json_array_size(list), sizeof(*k->addrs));
    k->naddrs = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *a = json_string_value(json_array_get(list, i));

        if (a != NULL && addr_parse(str_from(a), &k->addrs[k->naddrs], err) == 0)
            k->naddrs++;
    }
    json_decref(root);
    return 0;
}

int directory_set_endpoints(struct directory *d, struct str json, struct err *err)
{
    return set(d, json, true, err);
}

int directory_set_instances(struct directory *d, struct str json, struct err *err)
{
    return set(d, json, false, err);
}

/* ---- plans ---- */

static struct origin_state *state_for(
    struct directory *d, struct str service, const struct addr *addr, const struct service *rules)
{
    struct held *h;

    for (h = d->states; h != NULL; h = h->next)
        if (str_eq(h->state->service, service) && addr_eq(&h->state->addr, addr))
            return h->state;
    h = xcalloc(1, sizeof(*h));
    h->state = origin_state_new(service, addr);
    if (rules->slow_start > 0)
        h->state->warm_from = time_msec();
    h->next = d->states;
    d->states = h;
    return h->state;
}

static struct str host_of(struct plan *p, const struct origin *o, const struct addr *addr)
{
    char text[ADDR_TEXT_MAX];

    if (o == NULL || o->host.len == 0) {
        addr_format(addr, text);
        return addr->any.sa_family == AF_UNIX ? STR("localhost")
                                              : str_from(arena_strdup(&p->arena, text));
    }
    return o->address_text;
}

static void add(struct directory *d, struct plan *p, struct plan_service *s, const struct origin *o,
    const struct addr *addr)
{
    for (size_t i = 0; i < s->norigins; i++)
        if (addr_eq(&s->origins[i].state->addr, addr))
            return;
    plan_add_origin(s, state_for(d, s->service->name, addr, s->service), o != NULL ? o->weight : 1,
        host_of(p, o, addr));
}

static void add_known(struct directory *d, struct plan *p, struct plan_service *s,
    const struct origin *o, const char *name)
{
    const struct known *k = find(d, s->service->name, name);

    for (size_t i = 0; k != NULL && i < k->naddrs; i++)
        add(d, p, s, o, &k->addrs[i]);
}

void directory_fill(struct directory *d, struct plan *p)
{
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        struct plan_service *s = &p->services[i];

        for (size_t k = 0; k < s->service->norigins; k++) {
            const struct origin *o = &s->service->origins[k];

            if (o->address.len > 0)
                add(d, p, s, o, &o->address);
            else
                add_known(d, p, s, o, o->address_text.at);
        }
        if (s->service->run.command.n > 0)
            add_known(d, p, s, NULL, NULL);
    }
}

void directory_sweep(
    struct directory *d, void (*gone)(struct origin_state *s, void *arg), void *arg)
{
    struct held **at = &d->states;

    while (*at != NULL) {
        struct held *h = *at;

        if (h->state->refs > 1) {
            at = &h->next;
            continue;
        }
        *at = h->next;
        gone(h->state, arg);
        origin_state_unref(h->state);
        free(h);
    }
}

void directory_each(struct directory *d, void (*call)(struct origin_state *s, void *arg), void *arg)
{
    for (struct held *h = d->states; h != NULL; h = h->next)
        call(h->state, arg);
}
