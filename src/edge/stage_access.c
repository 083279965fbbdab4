/*
 * Access: networks that a route, or the whole edge, lets in.
 *
 * The edge-wide lists were asked about the peer at accept; here they are asked
 * about the client behind trusted proxies.
 */
#include "edge/passage.h"
#include "edge/stage.h"

static bool is_denied(const struct access *a, struct ip client)
{
    if (client.len == 0)
        return false;
    return cidr_set_contains(a->deny.set, client) ||
           (a->allow.n > 0 && !cidr_set_contains(a->allow.set, client));
}

static enum verdict on_request(struct passage *p)
{
    if (is_denied(&p->binding->blueprint->access, p->client) ||
        is_denied(&p->route->access, p->client)) {
        passage_refuse(p, 403, "access_denied");
        return ANSWERED;
    }
    return NEXT;
}

const struct stage stage_access = {
    .name = "access",
    .on_request = on_request,
};
