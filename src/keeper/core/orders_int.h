/*
 * orders - what control may ask of the core besides; see orders.c, and KEEPER_ORDER and KEEPER_HAND in keeper/messages.h.
 */
#ifndef WEIR_KEEPER_CORE_ORDERS_INT_H
#define WEIR_KEEPER_CORE_ORDERS_INT_H

#include "keeper/core/core_int.h"

/*
 * done() once, now or later: fd is sealed memory with the value and becomes the callee's, text is what was to be told of
 * it; or fd is -1 and text a sentence.
 */
void core_hand(
    struct core *c, struct str bytes, void (*done)(void *arg, int fd, struct str text), void *arg);

#endif
