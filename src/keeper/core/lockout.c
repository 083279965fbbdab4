/*
 * lockout - see lockout_int.h.
 *
 * A set-associative table: the keyed hash of mount and name picks four places, of which the oldest gives way.  Pushing a
 * name out takes tens of thousands of failed logins, each of which costs a password hash.
 */
#include <stdlib.h>

#include "base/hash.h"
#include "keeper/core/lockout_int.h"
#include "keeper/core/state_int.h"

enum { SETS = 4096, WAYS = 4, THRESHOLD = 5, DURATION = 900 /* s */ };

struct failures {
    uint64_t who;
    int64_t last;  /* seconds since 1970 */
    int64_t until; /* locked until then; 0: not locked */
    int64_t count;
};

struct lockouts {
    struct failures sets[SETS][WAYS];
};

struct settings {
    int64_t threshold;
    int64_t duration;
    int64_t reset;
    bool off;
};

static struct settings settings_of(const struct mount *m)
{
    const struct value *config = value_get(m->config, "user_lockout_config");

    return (struct settings){
        .threshold = value_get_i64(config, "lockout_threshold", THRESHOLD),
        .duration = value_get_i64(config, "lockout_duration", DURATION),
        .reset = value_get_i64(config, "lockout_counter_reset", DURATION),
        .off = value_get_bool(config, "lockout_disable", false),
    };
}

void lockout_read_config(struct request *r, struct mount *m)
{
    struct value *given;
    struct value *asked = r->body;
    struct value *config = value_map(&r->arena);
    int64_t threshold = THRESHOLD;
    int64_t duration = DURATION;
    int64_t reset = DURATION;
    bool off = false;

    if (!field_map(r, "user_lockout_config", &given))
        return;
    r->body = given; /* its members are read as weakly typed as all others */
    field_int(r, "lockout_threshold", &threshold);
    field_seconds(r, "lockout_duration", &duration);
    field_seconds(r, "lockout_counter_reset", &reset);
    field_bool(r, "lockout_disable", &off);
    r->body = asked;
    if (!refused(r) && (threshold <= 0 || duration <= 0 || reset <= 0))
        reply_error(r, 400, "user_lockout_config: numbers and times must be positive");
    value_put_i64(&r->arena, config, "lockout_threshold", threshold);
    value_put_i64(&r->arena, config, "lockout_duration", duration);
    value_put_i64(&r->arena, config, "lockout_counter_reset", reset);
    value_put_bool(&r->arena, config, "lockout_disable", off);
    value_set(&r->arena, m->config, STR("user_lockout_config"), config);
}

static uint64_t who_is(struct request *r, const struct mount *m, struct str name)
{
    const char *joined = arena_printf(&r->arena, "%.*s/%.*s", STR_ARG(m->accessor), STR_ARG(name));

    return hash_bytes(joined, strlen(joined)) | 1; /* 0 is an empty place */
}

static struct failures *find(struct core *c, uint64_t who)
{
    if (c->lockouts == NULL)
        return NULL;
    for (unsigned i = 0; i < WAYS; i++) {
        struct failures *f = &c->lockouts->sets[(who >> 8) % SETS][i];

        if (f->who == who)
            return f;
    }
    return NULL;
}

static struct failures *oldest(struct core *c, uint64_t who)
{
    struct failures *set;
    struct failures *f;

    if (c->lockouts == NULL)
        c->lockouts = xcalloc(1, sizeof(*c->lockouts));
    set = c->lockouts->sets[(who >> 8) % SETS];
    f = &set[0];
    for (unsigned i = 1; i < WAYS; i++)
        if (set[i].last < f->last)
            f = &set[i];
    return f;
}

bool lockout_holds(struct request *r, const struct mount *m, struct str name)
{
    const struct failures *f = find(r->core, who_is(r, m, name));

    return f != NULL && r->now < f->until * 1000 && !settings_of(m).off;
}

void lockout_failed(struct request *r, const struct mount *m, struct str name)
{
    const struct settings s = settings_of(m);
    uint64_t who = who_is(r, m, name);
    struct failures *f = find(r->core, who);
    int64_t now = r->now / 1000;

    if (s.off)
        return;
    if (f == NULL) {
        f = oldest(r->core, who);
        *f = (struct failures){ .who = who };
    }
    if (now >= f->last + s.reset || (f->until != 0 && now >= f->until))
        f->count = f->until = 0;
    f->last = now;
    if (++f->count >= s.threshold)
        f->until = now + s.duration;
}

void lockout_clear(struct request *r, const struct mount *m, struct str name)
{
    struct failures *f = find(r->core, who_is(r, m, name));

    if (f != NULL)
        *f = (struct failures){ 0 };
}

void lockout_endpoint_unlock(struct request *r)
{
    const struct mount *m = core_mount_by_accessor(r->core, param(r, "accessor"));
    struct str name = param(r, "name");
    char *lower = arena_alloc(&r->arena, name.len + 1);

    if (m == NULL) {
        reply_error(r, 400, "no mount has this accessor");
        return;
    }
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.at[i]);
    lockout_clear(r, m, (struct str){ lower, name.len });
    reply_empty(r);
}

void lockouts_forget(struct core *c)
{
    free(c->lockouts);
    c->lockouts = NULL;
}
