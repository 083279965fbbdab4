/*
 * Limit: the rate limits of the route and of the whole edge.
 *
 * After routing, because limits belong to routes; before anything that costs
 * more than a hash lookup.  All limits are asked, so that each one's count is
 * right; the response tells of the tightest (draft-ietf-httpapi-ratelimit-headers).
 */
#include "base/hash.h"
#include "edge/passage.h"
#include "edge/stage.h"
#include "edge/worker.h"
#include "http/uri.h"

static struct str part_value(
    const struct passage *p, const struct limit *l, const struct limit_part *part, struct ip *ip)
{
    switch (part->key) {
    case LIMIT_ADDRESS:
        *ip = ip_prefix(p->client, p->client.len == 4 ? l->ipv4_prefix : l->ipv6_prefix);
        return (struct str){ (const char *)ip->bytes, ip->len };
    case LIMIT_HEADER:
        return h1_find(&p->head, part->name);
    case LIMIT_COOKIE:
        return cookie_get(h1_get(&p->head, HTTP_COOKIE), part->name);
    case LIMIT_ROUTE:
        return p->route->name;
    case LIMIT_HOST:
        return p->route_request.host;
    case LIMIT_METHOD:
        return p->head.method;
    }
    return STR_NONE;
}

static uint64_t key_of(const struct passage *p, const struct limit *l)
{
    uint64_t parts[16] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < l->nparts && n < 16; i++) {
        struct ip ip = { 0 };
        struct str v = part_value(p, l, &l->parts[i], &ip);

        parts[n++] = hash_bytes(v.at, v.len) + (v.at != NULL);
    }
    return n == 1 ? parts[0] : hash_bytes(parts, n * sizeof(parts[0]));
}

static void count(const struct passage *p, const struct limit *l, enum limit_decision d)
{
    cell_add(p->binding->limits[l->id].decisions[d], 1);
}

struct tightest {
    const struct limit *rule;
    struct limit_result result;
    const struct limit *refused_by;
    usec_t retry_after;
};

static void ask(struct passage *p, const struct limit *l, struct tightest *t)
{
    struct limit_result r;

    if (l->exempt.n > 0 && cidr_set_contains(l->exempt.set, p->client)) {
        count(p, l, LIMIT_EXEMPT);
        return;
    }
    r = limiter_take(p->binding->limits[l->id].limiter, l, key_of(p, l), time_usec());
    if (!r.allowed && l->observe) {
        count(p, l, LIMIT_OBSERVED);
        p->observed = l;
        return;
    }
    count(p, l, r.allowed ? LIMIT_ALLOWED : LIMIT_REFUSED);
    if (!r.allowed && (t->refused_by == NULL || r.retry_after > t->retry_after)) {
        t->refused_by = l;
        t->retry_after = r.retry_after;
    }
    if (!l->observe && (t->rule == NULL || r.remaining < t->result.remaining || !r.allowed)) {
        t->rule = l;
        t->result = r;
    }
}

static usec_t seconds_up(usec_t t)
{
    return (t + 999999) / 1000000;
}

static void tell(struct passage *p, const struct tightest *t)
{
    unsigned long long window = (t->rule->period + 999) / 1000;

    passage_add_header(p, STR("RateLimit-Policy"),
        str_from(arena_printf(&p->arena, "\"%.*s\";q=%llu;w=%llu", STR_ARG(t->rule->name),
            (unsigned long long)t->rule->requests, window > 0 ? window : 1)));
    passage_add_header(p, STR("RateLimit"),
        str_from(arena_printf(&p->arena, "\"%.*s\";r=%llu;t=%llu", STR_ARG(t->rule->name),
            (unsigned long long)t->result.remaining,
            (unsigned long long)seconds_up(t->result.reset))));
}

static enum verdict on_request(struct passage *p)
{
    const struct blueprint *b = p->binding->blueprint;
    struct tightest t = { 0 };

    for (size_t i = 0; i < b->nglobal_limits; i++)
        ask(p, b->global_limit[i], &t);
    for (size_t i = 0; i < p->route->nlimits; i++)
        ask(p, p->route->limits[i], &t);
    if (t.rule != NULL)
        tell(p, &t);
    if (t.refused_by == NULL)
        return NEXT;
    passage_add_header(p, STR("Retry-After"),
        str_from(arena_printf(&p->arena, "%llu",
            (unsigned long long)seconds_up(t.retry_after > 0 ? t.retry_after : 1))));
    passage_refuse(p, 429, "rate_limited");
    return ANSWERED;
}

const struct stage stage_limit = {
    .name = "limit",
    .on_request = on_request,
};
