/*
 * policies - ACL policies as they are stored: "policy/<name>": {text, rules}.
 */
#ifndef WEIR_KEEPER_SYS_POLICIES_INT_H
#define WEIR_KEEPER_SYS_POLICIES_INT_H

#include "keeper/core/request_int.h"

/* "default", which every token has that does not say otherwise. */
void policies_put_first(struct tx *t);

#endif
