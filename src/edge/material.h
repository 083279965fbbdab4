/*
 * material - the files behind a blueprint that the edge needs and cannot open:
 * certificate chains, OCSP responses, authorities.  From the bundle of EDGE_CONFIG.
 */
#ifndef WEIR_EDGE_MATERIAL_H
#define WEIR_EDGE_MATERIAL_H

#include "edge/plan.h"

struct material;
/* Of the bundle's JSON text; *canonical is the blueprint in it, owned by the material.
 * err id edge_bundle. */
int material_new(struct str bundle, struct material **out, struct str *canonical, struct err *err);
void material_free(struct material *m); /* NULL is fine */

struct material_tickets {
    const uint8_t (*keys)[TLS_TICKET_KEY];
    size_t n;
};

/*
 * Makes the plan's TLS contexts, or takes over those of `last` (may be NULL) that
 * were made of the same.  signers: one per worker.
 */
int material_make_contexts(const struct material *m, struct plan *p, const struct plan *last,
    struct tls_signer *const *signers, const struct material_tickets *tickets, struct err *err);

#endif
