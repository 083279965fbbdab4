/*
 * pki observe - when the first of the issuers ends.
 */
#include "keeper/engines/pki_int.h"

void pki_observe(struct request *r, struct mount *m, struct value *to)
{
    int64_t soonest = 0;

    (void)m;
    value_each (id, pki_ids(r, "issuer")) {
        const struct pki_issuer *i = pki_issuer_by_id(r, id->text);
        int64_t ends = i != NULL ? pki_time(X509_get0_notAfter(i->x509)) : 0;

        if (ends > 0 && (soonest == 0 || ends < soonest))
            soonest = ends;
    }
    if (soonest > 0)
        value_put_i64(&r->arena, to, "soonest_expiry", soonest);
}
