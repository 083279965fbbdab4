/*
 * Transit, beyond Vault: the versions of a key one by one, with their NIST SP 800-57 states, and commands that change these.
 */
#include "base/mem.h"
#include "keeper/core/encode_int.h"
#include "keeper/engines/transit_int.h"

static struct value *describe(
    struct request *r, const struct transit_key *k, uint32_t n, const struct transit_version *v)
{
    struct arena *a = &r->arena;
    struct value *one = value_map(a);

    value_put_i64(a, one, "version", n);
    value_put_text(a, one, "state", str_from(transit_state_name(transit_state(k, v, n))));
    value_put_text(a, one, "creation_time", time_text_fine(a, v->created));
    if (v->changed != 0)
        value_put_text(a, one, "state_since", time_text(a, v->changed));
    if (v->reason != NULL)
        value_put_text(a, one, "reason", str_from(v->reason));
    if (n > k->latest && k->activates != 0)
        value_put_text(a, one, "activation_time", time_text(a, k->activates));
    value_put_i64(a, one, "uses", (int64_t)transit_usage_of(&r->tx, r->mount, param(r, "name"), n));
    return one;
}

static uint32_t last_of(const struct transit_key *k)
{
    return k->pending > k->latest ? k->pending : k->latest;
}

void transit_versions_list(struct request *r)
{
    const struct transit_key *k = transit_of(r, NULL);
    struct value *data = value_map(&r->arena);
    struct value *versions = value_map(&r->arena);

    if (k == NULL)
        return;
    for (uint32_t n = 1; n <= last_of(k) && r->tx.failed == NULL; n++) {
        const struct transit_version *v =
            transit_version_get(&r->tx, r->mount, param(r, "name"), n);

        if (v != NULL)
            value_put_named(&r->arena, versions, str_from(arena_printf(&r->arena, "%u", n)),
                describe(r, k, n, v));
    }
    value_put(data, "versions", versions);
    transit_reply(r, data);
}

/* NULL: refused, and said. */
static const struct transit_version *version_of(
    struct request *r, const struct transit_key *k, uint32_t *n)
{
    const struct transit_version *v = NULL;
    uint64_t number;

    if (str_to_u64(param(r, "version"), UINT32_MAX, &number) && number > 0) {
        *n = (uint32_t)number;
        v = transit_version_get(&r->tx, r->mount, param(r, "name"), *n);
    }
    if (v == NULL || number > last_of(k)) {
        reply_not_found(r);
        return NULL;
    }
    return v;
}

void transit_version_read(struct request *r)
{
    const struct transit_key *k = transit_of(r, NULL);
    const struct transit_version *v;
    uint32_t n;

    if (k == NULL || (v = version_of(r, k, &n)) == NULL)
        return;
    transit_reply(r, describe(r, k, n, v));
}

static enum transit_state state_named(struct str name)
{
    enum transit_state s = 0;

    while (s < TRANSIT_STATES && !str_is(name, transit_state_name(s)))
        s++;
    return s;
}

/* Why a version cannot become that; NULL: it can. What is destroyed or compromised stays so. */
static const char *refusal(
    const struct transit_key *k, const struct transit_version *v, uint32_t n, enum transit_state to)
{
    if (v->key == NULL)
        return "the version is destroyed";
    if (to == TRANSIT_PRE_ACTIVE || to == TRANSIT_STATES)
        return "state must be one of active, deactivated, compromised, destroyed";
    if (v->state == TRANSIT_COMPROMISED && to != TRANSIT_DESTROYED)
        return "the version is compromised";
    if (to == TRANSIT_ACTIVE && n > k->latest)
        return "the version is not active yet: rotate activates it";
    if (to != TRANSIT_COMPROMISED && to != TRANSIT_ACTIVE && n == k->latest)
        return "the latest version is in use: rotate first";
    if (to == TRANSIT_DESTROYED && !k->deletion_allowed)
        return "deletion is not allowed for this key";
    return NULL;
}

void transit_version_write(struct request *r)
{
    const struct transit_key *found = transit_of(r, NULL);
    const struct transit_version *old;
    struct transit_version v;
    struct str name = STR("");
    struct str reason = STR("");
    enum transit_state to;
    const char *why;
    uint32_t n;

    if (found == NULL || (old = version_of(r, found, &n)) == NULL)
        return;
    field_text(r, "state", &name);
    field_text(r, "reason", &reason);
    if (refused(r))
        return;
    to = state_named(name);
    why = refusal(found, old, n, to);
    if (why != NULL) {
        reply_error(r, 400, "%s", why);
        return;
    }
    v = *old;
    v.key = crypto_ref(old->key);
    v.state = to;
    v.changed = r->now / 1000;
    v.reason = arena_printf(&r->arena, "%.*s", STR_ARG(reason));
    transit_version_put(&r->tx, r->mount, param(r, "name"), n, &v);
    crypto_unref(v.key);
    transit_reply(r, describe(r, found, n, &v));
}
