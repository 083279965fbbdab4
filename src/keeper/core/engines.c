/*
 * engines - all that can be mounted; see engines_int.h.
 */
#include "keeper/core/engines_int.h"

const struct engine *const engines[] = {
    &engine_approle,
    &engine_cert,
    &engine_cubbyhole,
    &engine_identity,
    &engine_kv,
    &engine_pki,
    &engine_sys,
    &engine_token,
    &engine_transit,
    &engine_userpass,
    NULL,
};
