/*
 * plan - what the edge is to do now: a blueprint, and the addresses its
 * services have at this moment.
 *
 * The main thread makes a new one at each apply and each time addresses
 * change; it is immutable and reference-counted (atomic).  Each worker makes a
 * binding of it (binding.h) and swaps that in between two rounds of its loop.
 */
#ifndef WEIR_EDGE_PLAN_H
#define WEIR_EDGE_PLAN_H

#include "edge/origin.h"
#include "model/blueprint.h"
#include "net/tls.h"

struct plan_origin {
    struct origin_state *state;
    unsigned weight;
    struct str host; /* name for SNI and, without preserve_host, Host; with the port if unusual */
};

struct hash_point {
    uint64_t hash;
    uint32_t origin; /* index */
};

struct plan_service {
    const struct service *service;
    struct plan_origin *origins;
    size_t norigins;
    uint64_t total_weight;
    bool equal_weights;
    struct hash_point *ring; /* sorted; only with BALANCE_HASH */
    size_t nring;
};

/* TLS contexts of one thread; made by the main thread, used by that thread alone. */
struct plan_tls {
    struct tls_context **listeners; /* by listener index; NULL: plain */
    struct tls_context **services;  /* by service id; NULL: plain */
};

/* What a context was made of, hashed: an equal one of the last plan is taken over. */
struct plan_prints {
    uint64_t *listeners;
    uint64_t *services;
};

struct plan {
    _Atomic unsigned refs;
    struct arena arena;
    struct blueprint *blueprint;
    struct plan_service *services; /* by service id */
    struct plan_tls *tls;          /* by thread: the workers, then the main thread */
    struct plan_prints prints;
    unsigned nthreads;
};

struct plan *plan_new(struct blueprint *b, unsigned nthreads); /* takes the reference of b */
/* Adds an origin; takes a reference of state. */
void plan_add_origin(
    struct plan_service *s, struct origin_state *state, unsigned weight, struct str host);
/* After the last origin: sums, and the hash ring. */
void plan_finish(struct plan *p);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p);

#endif
