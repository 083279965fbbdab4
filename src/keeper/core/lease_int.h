/*
 * lease - what core and sys/leases ask of core/lease.c beside lease_add().
 *
 * A lease is the entry "lease/id/<lease id>", due when it ends; the id is "<mount path>/<rest of the path>/<24 random
 * characters>", so that a prefix finds all of a mount or role.
 */
#ifndef WEIR_KEEPER_CORE_LEASE_INT_H
#define WEIR_KEEPER_CORE_LEASE_INT_H

#include "keeper/core/request_int.h"

struct lease {
    struct str id;
    struct str token; /* hash of the token it hangs on */
    struct str mount; /* accessor */
    struct value *secret;
    int64_t issued;  /* seconds since 1970 */
    int64_t expires; /* seconds since 1970 */
    int64_t renewed; /* 0: never */
    int64_t ttl;     /* as given out, seconds */
    int64_t max_ttl;
    bool renewable;
};

/* NULL: there is none, or it has ended. */
struct lease *lease_load(struct request *r, struct str id);
/* Names under a prefix ("", "database/creds/"), as entry_list(). */
struct value *lease_list(struct request *r, struct str prefix);
/* Extends it (increment 0: by its ttl) and says the reply's lease_id, duration and warnings; else reply_error(). */
bool lease_renew(struct request *r, struct str id, int64_t increment);
/* Undoes what it stands for. force: forgets it even when that fails. False: there was none, or reply_error() said why. */
bool lease_revoke(struct request *r, struct str id, bool force);
/* All under a prefix; what is too much for one transaction goes on in the background. */
bool lease_revoke_prefix(struct request *r, struct str prefix, bool force);
/* Every second or so: revokes what is due, a bounded piece of work; true when there is more. Tokens too. */
bool lease_tick(struct request *r);
/* How many leases were given out and not revoked, as far as counted since the unseal. */
uint64_t lease_count(struct core *c);

#endif
