/*
 * origin - see origin.h.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "edge/origin.h"

struct origin_state *origin_state_new(struct str service, const struct addr *addr)
{
    struct origin_state *s = xcalloc(1, sizeof(*s));
    char text[ADDR_TEXT_MAX];

    addr_format(addr, text);
    s->refs = 1;
    s->service = (struct str){ xstrndup(service.at, service.len), service.len };
    s->label = str_from(xstrdup(text));
    s->addr = *addr;
    s->healthy = true;
    return s;
}

struct origin_state *origin_state_ref(struct origin_state *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void origin_state_unref(struct origin_state *s)
{
    if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    free((void *)(uintptr_t)s->service.at);
    free((void *)(uintptr_t)s->label.at);
    free(s);
}
