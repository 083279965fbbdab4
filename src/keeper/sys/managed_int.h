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
/* {hosts, ttl: seconds} -> {chain: PEM, serial, expires, renew: seconds since 1970}; its key goes to those that sign TLS. */
void sys_managed_certificate(struct request *r);

/* ---- what they share ---- */

/* Asked by control? Else reply_error(). */
bool managed_from_control(struct request *r);
/* A request of the core's own within another one; request_free() it. parsed: see messages.h, or NULL. */
struct request *managed_ask(struct request *r, enum operation op, struct str path,
    struct value *body, const struct value *parsed);
/* 2xx?  Else its refusal is r's. */
bool managed_went_well(struct request *r, const struct request *in);
/* Asked, went well, and nothing of the answer is wanted. */
bool managed_done(struct request *r, enum operation op, struct str path, struct value *body,
    const struct value *parsed);
/* An engine of that type at that mount (no '/' behind it); made when there is none. version, max_ttl (seconds): NULL and 0
 * are whatever is usual. */
bool managed_engine(
    struct request *r, struct str mount, const char *type, const char *version, int64_t max_ttl);

#endif
