/*
 * engines - the table of what can be mounted.  Each is defined in the file of its name; one line here and one in engines.c.
 */
#ifndef WEIR_KEEPER_CORE_ENGINES_INT_H
#define WEIR_KEEPER_CORE_ENGINES_INT_H

#include "keeper/core/core_int.h"

extern const struct engine engine_approle;
extern const struct engine engine_cert;
extern const struct engine engine_cubbyhole;
extern const struct engine engine_identity;
extern const struct engine engine_kv;
extern const struct engine engine_pki;
extern const struct engine engine_sys;
extern const struct engine engine_token;
extern const struct engine engine_transit;
extern const struct engine engine_userpass;

#endif
