/*
 * addresses - how many connections each client address has, over all workers.
 */
#ifndef WEIR_EDGE_ADDRESSES_H
#define WEIR_EDGE_ADDRESSES_H

#include <stdbool.h>

#include "base/addr.h"

struct addresses;
struct addresses *addresses_new(void);
void addresses_free(struct addresses *a);
/* One more, unless it already has `max` (0: no limit, but it is counted all the same). */
bool addresses_enter(struct addresses *a, struct ip ip, unsigned max);
void addresses_leave(struct addresses *a, struct ip ip);

#endif
