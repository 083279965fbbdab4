/*
 * sys - the table of sys/.
 */
#include "keeper/core/engines_int.h"
#include "keeper/sys/sys_int.h"

enum { ANYONE = ENDPOINT_OPEN | ENDPOINT_SEALED };

static const struct endpoint endpoints[] = {
    { "init", { [OP_READ] = sys_init_read, [OP_WRITE] = sys_init_write }, .flags = ANYONE },
    { "seal-status", { [OP_READ] = sys_seal_status }, .flags = ANYONE },
    { "unseal", { [OP_WRITE] = sys_unseal }, .flags = ANYONE },
    { "seal", { [OP_WRITE] = sys_seal }, .flags = ENDPOINT_SUDO | ENDPOINT_APPROVE },
    { 0 },
};

const struct engine engine_sys = {
    .type = "system",
    .single = true,
    .endpoints = endpoints,
};
