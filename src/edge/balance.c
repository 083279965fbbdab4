/*
 * balance - see balance.h.
 */
#include "edge/balance.h"
#include "base/hash.h"
#include "edge/event.h"
#include "edge/passage.h"
#include "edge/worker.h"
#include "http/uri.h"

enum { WARM_START = 10, WARM_FULL = 100 }; /* percent of its share that a cold origin gets */

struct choice {
    struct bound_service *s;
    const struct passage *p;
    msec_t now;
    bool skip_tried;
};

/* Slow start: from 10 % to 100 % of its share, linear over the time. */
static unsigned warmth(const struct choice *c, const struct origin_state *o)
{
    msec_t from = atomic_load_explicit(&o->warm_from, memory_order_relaxed);
    msec_t span = c->s->service->slow_start;

    if (from == 0 || span == 0 || c->now >= from + span)
        return WARM_FULL;
    return WARM_START + (unsigned)((c->now - from) * (WARM_FULL - WARM_START) / span);
}

static bool was_tried(const struct passage *p, const struct pool *pool)
{
    for (unsigned i = 0; i < p->proxy.ntried; i++)
        if (p->proxy.tried[i] == pool)
            return true;
    return false;
}

static bool has_room(const struct choice *c, const struct bound_origin *o)
{
    return o->pool->nidle > 0 || atomic_load_explicit(&o->pool->state->connections,
                                     memory_order_relaxed) < c->s->service->pool.max_connections;
}

static bool is_usable(const struct choice *c, const struct bound_origin *o)
{
    const struct origin_state *st = o->pool->state;

    return atomic_load_explicit(&st->healthy, memory_order_relaxed) &&
           !origin_state_is_ejected(st, c->now) &&
           breaker_is_ready(&st->breaker, &c->s->service->breaker, c->now) && has_room(c, o) &&
           !(c->skip_tried && was_tried(c->p, o->pool));
}

/* ---- the methods ---- */

static struct bound_origin *any_by_weight(const struct choice *c)
{
    struct bound_service *s = c->s;
    uint64_t at;

    if (s->plan->equal_weights)
        return &s->origins[random_below(s->norigins)];
    at = random_below(s->plan->total_weight);
    for (size_t i = 0; i < s->norigins; i++) {
        if (at < s->origins[i].weight)
            return &s->origins[i];
        at -= s->origins[i].weight;
    }
    return &s->origins[0];
}

static uint64_t inflight_of(const struct bound_origin *o)
{
    return atomic_load_explicit(&o->pool->state->inflight, memory_order_relaxed);
}

/* Requests in flight (with this one) for the share it should have. */
static uint64_t load_of(const struct choice *c, const struct bound_origin *o)
{
    return (inflight_of(o) + 1) * 1000000 / ((uint64_t)o->weight * warmth(c, o->pool->state));
}

/* When both are idle, the first that was drawn by weight stays, or the lighter one would never be
 * taken. */
static bool is_less_loaded(
    const struct choice *c, const struct bound_origin *o, const struct bound_origin *than)
{
    if (inflight_of(o) == 0 && inflight_of(than) == 0)
        return false;
    return load_of(c, o) < load_of(c, than);
}

static bool accepts_cold(const struct choice *c, const struct bound_origin *o)
{
    unsigned warm = warmth(c, o->pool->state);

    return warm == WARM_FULL || random_below(WARM_FULL) < warm;
}

static struct bound_origin *first_usable(const struct choice *c, size_t from)
{
    for (size_t i = 0; i < c->s->norigins; i++) {
        struct bound_origin *o = &c->s->origins[(from + i) % c->s->norigins];

        if (is_usable(c, o))
            return o;
    }
    return NULL;
}

static struct bound_origin *p2c(const struct choice *c)
{
    struct bound_origin *best = NULL;

    for (int tries = 0, seen = 0; tries < 8 && seen < 2; tries++) {
        struct bound_origin *o = any_by_weight(c);

        if (o == best || !is_usable(c, o) || !accepts_cold(c, o))
            continue;
        if (best == NULL || is_less_loaded(c, o, best))
            best = o;
        seen++;
    }
    return best != NULL ? best : first_usable(c, random_below(c->s->norigins));
}

/* Smooth weighted round robin: each gains its weight, the richest pays the total. */
static struct bound_origin *round_robin(const struct choice *c)
{
    struct bound_origin *best = NULL;
    int64_t total = 0;

    for (size_t i = 0; i < c->s->norigins; i++) {
        struct bound_origin *o = &c->s->origins[i];
        int64_t weight = (int64_t)o->weight * (int64_t)warmth(c, o->pool->state);

        if (!is_usable(c, o))
            continue;
        o->current += weight;
        total += weight;
        if (best == NULL || o->current > best->current)
            best = o;
    }
    if (best != NULL)
        best->current -= total;
    return best;
}

static uint64_t hash_key(const struct choice *c)
{
    const struct balance *b = &c->s->service->balance;
    struct str key = STR_NONE;

    if (b->hash_on == HASH_HEADER)
        key = h1_find(&c->p->head, b->hash_name);
    else if (b->hash_on == HASH_COOKIE)
        key = cookie_get(h1_get(&c->p->head, HTTP_COOKIE), b->hash_name);
    if (key.len == 0) /* without the header or cookie, the address */
        return hash_stable(c->p->client.bytes, c->p->client.len);
    return hash_stable(key.at, key.len);
}

/* The first usable origin at or after the key's place on the ring. */
static struct bound_origin *by_ring(const struct choice *c)
{
    const struct plan_service *ps = c->s->plan;
    uint64_t key = hash_key(c);
    size_t low = 0;
    size_t high = ps->nring;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (ps->ring[mid].hash < key)
            low = mid + 1;
        else
            high = mid;
    }
    for (size_t i = 0; i < ps->nring; i++) {
        struct bound_origin *o = &c->s->origins[ps->ring[(low + i) % ps->nring].origin];

        if (is_usable(c, o))
            return o;
    }
    return NULL;
}

static struct bound_origin *pick(const struct choice *c)
{
    if (c->s->norigins == 1)
        return is_usable(c, &c->s->origins[0]) ? &c->s->origins[0] : NULL;
    switch (c->s->service->balance.method) {
    case BALANCE_P2C:
        return p2c(c);
    case BALANCE_ROUND_ROBIN:
        return round_robin(c);
    case BALANCE_HASH:
        return by_ring(c);
    }
    return NULL;
}

static const char *why_none(const struct choice *c)
{
    bool healthy = false;
    bool ready = false;

    if (c->s->norigins == 0)
        return "no_origin";
    for (size_t i = 0; i < c->s->norigins; i++) {
        const struct origin_state *st = c->s->origins[i].pool->state;

        if (!st->healthy || origin_state_is_ejected(st, c->now))
            continue;
        healthy = true;
        if (breaker_is_ready(&st->breaker, &c->s->service->breaker, c->now))
            ready = true;
    }
    return ready ? "no_room" : healthy ? "breaker_open" : "no_healthy_origin";
}

struct bound_origin *balance_choose(struct passage *p, const char **reason)
{
    struct choice c = { .s = p->proxy.service,
        .p = p,
        .now = loop_now(p->worker->loop),
        .skip_tried = p->proxy.ntried > 0 };
    struct bound_origin *o = c.s->norigins > 0 ? pick(&c) : NULL;

    if (o == NULL && c.skip_tried && c.s->norigins > 0) {
        c.skip_tried = false;
        o = pick(&c);
    }
    if (o != NULL &&
        breaker_admits(&o->pool->state->breaker, &c.s->service->breaker, c.now, &p->proxy.probe))
        return o;
    *reason = o != NULL ? "breaker_open" : why_none(&c);
    return NULL;
}

/* ---- outcomes ---- */

static void maybe_eject(struct passage *p, struct pool *pool, msec_t now)
{
    const struct bound_service *s = p->proxy.service;
    const struct outliers *rule = &s->service->outliers;
    struct origin_state *st = pool->state;
    size_t out = 0;
    msec_t span;

    if (atomic_fetch_add(&st->failures_in_row, 1) + 1 < rule->errors ||
        origin_state_is_ejected(st, now))
        return;
    for (size_t i = 0; i < s->norigins; i++)
        out += origin_state_is_ejected(s->origins[i].pool->state, now);
    if ((out + 1) * 100 > (size_t)rule->max_ejected_percent * s->norigins)
        return;
    span = rule->ejection * (atomic_fetch_add(&st->ejections, 1) + 1);
    if (span > rule->ejection_max)
        span = rule->ejection_max;
    st->failures_in_row = 0;
    st->ejected_until = now + span;
    st->warm_from = now + span;
    event_origin(p->worker, "origin_ejected", st, span);
}

static const char *const breaker_events[] = { "breaker_closed", "breaker_half_open",
    "breaker_open" };

void balance_report(struct passage *p, struct pool *pool, bool ok)
{
    const struct service *s = p->proxy.service->service;
    struct origin_state *st = pool->state;
    msec_t now = loop_now(p->worker->loop);

    if (breaker_report(&st->breaker, &s->breaker, ok, p->proxy.probe, now))
        event_origin(p->worker, breaker_events[st->breaker.state % 3], st, 0);
    if (!s->outliers.on)
        return;
    if (!ok) {
        maybe_eject(p, pool, now);
    } else if (atomic_load_explicit(&st->failures_in_row, memory_order_relaxed) != 0) {
        st->failures_in_row = 0;
        if (now > st->ejected_until + s->outliers.ejection_max)
            st->ejections = 0;
    }
}

/* ---- the retry budget ---- */

enum { SLOT_TIME = 1000, SLOTS = 10 };

static void turn(struct retry_budget *b, msec_t now)
{
    unsigned steps = 0;

    while (now >= b->slot_at + SLOT_TIME && steps++ < SLOTS) {
        b->slot = (b->slot + 1) % SLOTS;
        b->sum_requests -= b->requests[b->slot];
        b->sum_retries -= b->retries[b->slot];
        b->requests[b->slot] = 0;
        b->retries[b->slot] = 0;
        b->slot_at += SLOT_TIME;
    }
    if (now >= b->slot_at + SLOT_TIME)
        b->slot_at = now;
}

void budget_count(struct retry_budget *b, msec_t now)
{
    turn(b, now);
    b->requests[b->slot]++;
    b->sum_requests++;
}

bool budget_admits(struct retry_budget *b, const struct retry *rule, msec_t now)
{
    uint64_t by_share;
    uint64_t by_rate = (uint64_t)rule->budget_min * SLOTS;

    turn(b, now);
    by_share = (uint64_t)b->sum_requests * rule->budget_percent / 100;
    if (b->sum_retries >= (by_share > by_rate ? by_share : by_rate))
        return false;
    b->retries[b->slot]++;
    b->sum_retries++;
    return true;
}
