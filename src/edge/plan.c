/*
 * plan - see plan.h.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "edge/plan.h"

enum { POINTS_PER_WEIGHT = 100, POINTS_MAX = 100000 };

struct plan *plan_new(struct blueprint *b, unsigned nthreads)
{
    struct plan *p = xcalloc(1, sizeof(*p));

    p->refs = 1;
    arena_init(&p->arena, 16384);
    p->blueprint = b;
    p->nthreads = nthreads;
    p->services = arena_calloc(&p->arena, b->nservices, sizeof(*p->services));
    p->tls = arena_calloc(&p->arena, nthreads, sizeof(*p->tls));
    for (unsigned i = 0; i < nthreads; i++) {
        p->tls[i].listeners = arena_calloc(&p->arena, b->nlisteners, sizeof(void *));
        p->tls[i].services = arena_calloc(&p->arena, b->nservices, sizeof(void *));
    }
    p->prints.listeners = arena_calloc(&p->arena, b->nlisteners, sizeof(uint64_t));
    p->prints.services = arena_calloc(&p->arena, b->nservices, sizeof(uint64_t));
    for (size_t i = 0; i < b->nservices; i++)
        p->services[i].service = &b->services[i];
    return p;
}

void plan_add_origin(
    struct plan_service *s, struct origin_state *state, unsigned weight, struct str host)
{
    s->origins = xreallocarray(s->origins, s->norigins + 1, sizeof(*s->origins));
    s->origins[s->norigins++] =
        (struct plan_origin){ .state = origin_state_ref(state), .weight = weight, .host = host };
}

static int by_hash(const void *a, const void *b)
{
    const struct hash_point *x = a;
    const struct hash_point *y = b;

    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

/*
 * Points in proportion to the weights, each a hash of address and number: an
 * origin that comes or goes moves only its own share of the keys.
 */
static void make_ring(struct plan_service *s)
{
    uint64_t each = POINTS_PER_WEIGHT;

    if (s->total_weight * each > POINTS_MAX)
        each = POINTS_MAX / s->total_weight > 0 ? POINTS_MAX / s->total_weight : 1;
    s->ring = xmalloc((size_t)(s->total_weight * each) * sizeof(*s->ring));
    for (size_t i = 0; i < s->norigins; i++) {
        uint64_t base = hash_stable(s->origins[i].state->label.at, s->origins[i].state->label.len);

        for (uint64_t k = 0; k < s->origins[i].weight * each; k++) {
            uint64_t seed[2] = { base, k };

            s->ring[s->nring++] =
                (struct hash_point){ hash_stable(seed, sizeof(seed)), (uint32_t)i };
        }
    }
    qsort(s->ring, s->nring, sizeof(*s->ring), by_hash);
}

void plan_finish(struct plan *p)
{
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        struct plan_service *s = &p->services[i];

        s->equal_weights = true;
        for (size_t k = 0; k < s->norigins; k++) {
            s->total_weight += s->origins[k].weight;
            if (s->origins[k].weight != s->origins[0].weight)
                s->equal_weights = false;
        }
        if (s->service->balance.method == BALANCE_HASH && s->norigins > 0)
            make_ring(s);
    }
}

struct plan *plan_ref(struct plan *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void plan_unref(struct plan *p)
{
    if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        for (size_t k = 0; k < p->services[i].norigins; k++)
            origin_state_unref(p->services[i].origins[k].state);
        free(p->services[i].origins);
        free(p->services[i].ring);
    }
    for (unsigned w = 0; w < p->nthreads; w++) {
        for (size_t i = 0; i < p->blueprint->nlisteners; i++)
            tls_context_unref(p->tls[w].listeners[i]);
        for (size_t i = 0; i < p->blueprint->nservices; i++)
            tls_context_unref(p->tls[w].services[i]);
    }
    blueprint_unref(p->blueprint);
    arena_free(&p->arena);
    free(p);
}
