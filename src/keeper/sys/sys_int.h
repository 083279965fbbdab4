/*
 * sys - the endpoints of sys/, a file a theme; the table that joins them is in sys.c.
 */
#ifndef WEIR_KEEPER_SYS_SYS_INT_H
#define WEIR_KEEPER_SYS_SYS_INT_H

#include "keeper/core/seals_int.h"
#include "keeper/core/state_int.h"

/* ---- init.c ---- */
void sys_init_read(struct request *r);
void sys_init_write(struct request *r);

/* ---- unseal.c ---- */
void sys_seal_status(struct request *r);
void sys_unseal(struct request *r);
void sys_seal(struct request *r);
/* The members of sys/seal-status. */
struct value *seal_status(struct request *r);

/* What version of the API this is. */
const char *sys_version(void);
/* Can there be so many shares?  Else reply_error(). */
bool shares_are_possible(struct request *r, int64_t shares, int64_t threshold);
/* Two lists of shares into a map, as hex and as base64. */
void shares_say(struct arena *a, struct value *to, const char *hex, const char *base64,
    const uint8_t *shares, unsigned n, size_t len);

/* A share as clients give it: hex or base64; false: neither, or no share's length. */
bool share_decode(struct arena *a, struct str text, struct str *share);

#endif
