/*
 * managed - what a blueprint names is made to exist; asked by control alone, see managed.c.
 */
#ifndef WEIR_KEEPER_SYS_MANAGED_INT_H
#define WEIR_KEEPER_SYS_MANAGED_INT_H

#include "keeper/core/request_int.h"

/* {rules: [...]} */
void sys_managed_policy(struct request *r);
/* {mount, type, rotate: seconds, exportable} */
void sys_managed_key(struct request *r);
/* {mount, path, field, generate: "none".., length, rotate: seconds} -> {version: 0 when there is no value, rotated} */
void sys_managed_secret(struct request *r);

#endif
