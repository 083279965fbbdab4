/*
 * quota - see quota_int.h: the limits in memory, and counting against them.
 *
 * The most particular quota counts alone: one with a role, a path, a mount, none.  Each client address has its own
 * bucket: `rate` requests every `interval`; who goes past it is let wait for `block` seconds, if that is set.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "keeper/core/lease_int.h"
#include "keeper/core/state_int.h"
#include "keeper/sys/quota_int.h"
#include "keeper/sys/sys_int.h"

enum { BUCKETS = 4096 /* by hash of quota and address; a newcomer takes an old one's place */ };

struct limit {
    struct str name;
    struct str path;
    struct str role;
    double rate;
    msec_t interval;
    msec_t block;
    int64_t max_leases; /* > 0: a lease-count quota */
};

struct bucket {
    uint64_t whose;
    double tokens;
    msec_t filled;
    msec_t blocked_until;
};

struct quotas {
    struct arena arena;
    struct limit *limits;
    size_t n;
    struct bucket buckets[BUCKETS];
};

struct quotas *quotas_new(void)
{
    struct quotas *q = xcalloc(1, sizeof(struct quotas));

    arena_init(&q->arena, 4096);
    return q;
}

void quotas_forget(struct quotas *q)
{
    arena_reset(&q->arena);
    q->limits = NULL;
    q->n = 0;
}

void quotas_free(struct quotas *q)
{
    if (q == NULL)
        return;
    arena_free(&q->arena);
    free(q);
}

static void read_limit(struct arena *a, const struct value *v, struct limit *to)
{
    int64_t interval = value_get_i64(v, "interval", 1);

    *to = (struct limit){
        .name = arena_str(a, value_get_text(v, "name", STR(""))),
        .path = arena_str(a, value_get_text(v, "path", STR(""))),
        .role = arena_str(a, value_get_text(v, "role", STR(""))),
        .interval = (msec_t)(interval > 0 ? interval : 1) * 1000,
        .block = (msec_t)value_get_i64(v, "block_interval", 0) * 1000,
        .max_leases = value_get_i64(v, "max_leases", 0),
        .rate = quota_rate(value_get(v, "rate")),
    };
}

bool quotas_load(struct core *c)
{
    static const char *const folders[] = { "quota/rate-limit/", "quota/lease-count/" };
    struct quotas *q = c->quotas;
    struct arena scratch;
    struct tx t;

    arena_init(&scratch, CORE_ARENA);
    tx_init(&t, c->entries, &scratch);
    quotas_forget(q);
    for (size_t i = 0; i < 2; i++) {
        struct value *names = entry_list(&t, str_from(folders[i]), STR_NONE, 0);
        struct limit *all = arena_calloc(&q->arena, q->n + names->n + 1, sizeof(*all));

        if (q->n > 0)
            memcpy(all, q->limits, q->n * sizeof(*all));
        q->limits = all;
        value_each (name, names)
            read_limit(&q->arena,
                entry_get_value(&t, entry_path(&t, "%s%.*s", folders[i], STR_ARG(name->text))),
                &all[q->n++]);
    }
    arena_free(&scratch);
    return t.failed == NULL;
}

/* ---- counting ---- */

/* Does the limit's path hold the request's?  A mount's path holds all in it. */
static bool holds(const struct limit *l, struct str path)
{
    struct str p = l->path;

    if (p.len == 0)
        return true;
    if (p.at[p.len - 1] == '*')
        return str_starts(path, (struct str){ p.at, p.len - 1 });
    if (p.at[p.len - 1] == '/')
        return str_starts(path, p);
    return str_eq(path, p) || (path.len > p.len && str_starts(path, p) && path.at[p.len] == '/');
}

static bool role_fits(const struct limit *l, struct request *r)
{
    struct str role = STR("");

    if (l->role.len == 0)
        return true;
    role = value_get_text(r->body, "role", value_get_text(r->body, "role_name", role));
    return str_eq(role, l->role);
}

static const struct limit *most_particular(struct request *r, bool leases)
{
    const struct quotas *q = r->core->quotas;
    const struct limit *best = NULL;

    for (const struct limit *l = q->limits; l < q->limits + q->n; l++) {
        if ((l->max_leases > 0) != leases || !holds(l, r->path) || !role_fits(l, r))
            continue;
        if (best == NULL || l->role.len > best->role.len ||
            (l->role.len == best->role.len && l->path.len > best->path.len))
            best = l;
    }
    return best;
}

static struct bucket *bucket_of(struct request *r, const struct limit *l, msec_t now)
{
    uint64_t whose = hash_bytes(r->remote.at, r->remote.len) ^
                     (hash_bytes(l->name.at, l->name.len) * UINT64_C(0x9e3779b97f4a7c15));
    struct bucket *b = &r->core->quotas->buckets[whose % BUCKETS];

    if (b->whose != whose)
        *b = (struct bucket){ .whose = whose, .tokens = l->rate, .filled = now };
    return b;
}

static bool take_one(struct bucket *b, const struct limit *l, msec_t now)
{
    if (now < b->blocked_until)
        return false;
    b->tokens += l->rate * (double)(now - b->filled) / (double)l->interval;
    b->filled = now;
    if (b->tokens > l->rate)
        b->tokens = l->rate;
    if (b->tokens < 1) {
        b->blocked_until = l->block > 0 ? now + l->block : 0;
        return false;
    }
    b->tokens -= 1;
    return true;
}

static bool is_exempt(const struct request *r)
{
    static const char *const exempt[] = { "sys/health", "sys/seal-status", "sys/unseal",
        "sys/generate-recovery-token/attempt", "sys/generate-root/attempt", NULL };

    for (const char *const *path = exempt; *path != NULL; path++)
        if (str_is(r->path, *path))
            return true;
    return false;
}

bool quota_admits(struct request *r)
{
    const struct limit *l;
    msec_t now = loop_now(r->core->loop);

    if (r->core->quotas->n == 0 || is_exempt(r))
        return true;
    l = most_particular(r, false);
    if (l == NULL || take_one(bucket_of(r, l, now), l, now))
        return true;
    reply_error(r, 429, "request path \"%.*s\": rate limit quota exceeded", STR_ARG(r->path));
    return false;
}

bool quota_admits_lease(struct request *r)
{
    const struct limit *l;

    if (r->core->quotas->n == 0)
        return true;
    l = most_particular(r, true);
    if (l == NULL || (int64_t)lease_count(r->core) < l->max_leases)
        return true;
    reply_error(r, 429, "request path \"%.*s\": lease count quota exceeded", STR_ARG(r->path));
    return false;
}
