/*
 * Proxy: what is left goes to the route's service; the last stage.
 */
#include "edge/passage.h"
#include "edge/stage.h"

static enum verdict on_request(struct passage *p)
{
    proxy_start(p);
    return WAITING;
}

const struct stage stage_proxy = {
    .name = "proxy",
    .on_request = on_request,
};
