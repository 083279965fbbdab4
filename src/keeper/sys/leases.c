/*
 * leases - what is under sys/leases, and the older words for the same.
 */
#include "keeper/core/encode_int.h"
#include "keeper/core/lease_int.h"
#include "keeper/sys/sys_int.h"

/* Of the path or of the body. False: reply_error() said what is missing. */
static bool lease_id(struct request *r, struct str *id)
{
    *id = param(r, "id");
    if (id->len == 0)
        field_text(r, "lease_id", id);
    if (id->len == 0 && !refused(r))
        field_text(r, "url_lease_id", id);
    if (id->len == 0 && !refused(r))
        reply_error(r, 400, "lease_id must be specified");
    return !refused(r);
}

void sys_lease_lookup(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct lease *lease;
    struct str id;

    if (!lease_id(r, &id))
        return;
    lease = lease_load(r, id);
    if (lease == NULL) {
        reply_error(r, 400, "invalid lease");
        return;
    }
    value_put_text(a, v, "id", lease->id);
    value_put_text(a, v, "issue_time", time_text(a, lease->issued));
    value_put(v, "expire_time",
        lease->expires > 0 ? value_text(a, time_text(a, lease->expires)) : value_null(a));
    value_put(v, "last_renewal",
        lease->renewed > 0 ? value_text(a, time_text(a, lease->renewed)) : value_null(a));
    value_put_bool(a, v, "renewable", lease->renewable);
    value_put_i64(a, v, "ttl", lease->expires > 0 ? lease->expires - r->now / 1000 : 0);
    reply_data(r, v);
}

void sys_lease_list(struct request *r)
{
    struct str prefix = param(r, "prefix");

    if (prefix.len > 0 && prefix.at[prefix.len - 1] != '/')
        prefix = str_from(arena_printf(&r->arena, "%.*s/", STR_ARG(prefix)));
    reply_keys(r, lease_list(r, prefix));
}

void sys_lease_renew(struct request *r)
{
    int64_t increment = 0;
    struct str id;

    field_seconds(r, "increment", &increment);
    if (refused(r) || !lease_id(r, &id))
        return;
    if (lease_renew(r, id, increment) && r->reply.status == 0)
        r->reply.status = 200;
}

/* A lease that is not there is as good as revoked. */
void sys_lease_revoke(struct request *r)
{
    struct str id;

    if (!lease_id(r, &id))
        return;
    lease_revoke(r, id, false);
    if (!refused(r))
        reply_empty(r);
}

static void revoke_prefix(struct request *r, bool force)
{
    if (param(r, "prefix").len == 0) { /* would be all leases and tokens there are, root's too */
        reply_error(r, 404, "1 error occurred:\n\t* unsupported path\n\n");
        return;
    }
    lease_revoke_prefix(r, param(r, "prefix"), force);
    if (!refused(r))
        reply_empty(r);
}

void sys_lease_revoke_prefix(struct request *r)
{
    revoke_prefix(r, false);
}

void sys_lease_revoke_force(struct request *r)
{
    revoke_prefix(r, true);
}

/* Leases are found by the time they end: nothing to tidy. */
void sys_lease_tidy(struct request *r)
{
    reply_empty(r);
}

void sys_lease_count(struct request *r)
{
    struct value *v = value_map(&r->arena);

    value_put_i64(&r->arena, v, "lease_count", (int64_t)lease_count(r->core));
    value_put(v, "counts", value_map(&r->arena));
    reply_data(r, v);
}
