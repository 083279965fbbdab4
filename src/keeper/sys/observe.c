/*
 * observe - see observe_int.h.
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/bug.h"
#include "keeper/core/state_int.h"
#include "keeper/crypto/meter_int.h"
#include "keeper/seal/backup_int.h"
#include "keeper/seal/memory_int.h"
#include "keeper/sys/observe_int.h"

enum { TURN_EVERY = 60000, HMAC_BYTES = 32, EXPIRING_MAX = 10000 };

struct tested {
    bool known;
    bool ok;
    int64_t at; /* msec since 1970 */
    nsec_t took;
    uint64_t failures;
};

struct signers {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    bool ending;
    bool asked;
    int64_t now; /* msec since 1970, when it was asked */
    struct tested tested[KEY_TYPES];
    /* The thread's own. */
    struct crypto_key *keys[KEY_TYPES];
    uint64_t rounds;
    /* The core's own. */
    msec_t asked_at;
    msec_t turned_at;
    int64_t soonest; /* seconds since 1970: what expires next; 0: nothing known */
};

/* ---- testing ---- */

/* RSA keys take their time: one a round is made, and none in the first, when the keeper has enough to do. */
static bool is_slow(enum key_type t)
{
    return t == KEY_RSA_2048 || t == KEY_RSA_3072 || t == KEY_RSA_4096;
}

static void make_key(struct signers *s, enum key_type t, bool *made_slow)
{
    struct err err;

    if (s->keys[t] != NULL || (is_slow(t) && *made_slow))
        return;
    *made_slow |= is_slow(t);
    s->keys[t] = crypto_generate(t, HMAC_BYTES, &err);
}

static void test_one(struct signers *s, enum key_type t, int64_t now)
{
    nsec_t begin = time_nsec();
    bool ok = s->keys[t] != NULL && crypto_self_test(s->keys[t]);
    nsec_t took = time_nsec() - begin;
    struct tested *to = &s->tested[t];

    pthread_mutex_lock(&s->lock);
    to->known = true;
    to->ok = ok;
    to->at = now;
    to->took = took;
    to->failures += !ok;
    pthread_mutex_unlock(&s->lock);
}

static bool is_ending(struct signers *s)
{
    bool ending;

    pthread_mutex_lock(&s->lock);
    ending = s->ending;
    pthread_mutex_unlock(&s->lock);
    return ending;
}

static void test_all(struct signers *s, int64_t now)
{
    bool made_slow = s->rounds++ == 0;

    for (unsigned t = 0; t < KEY_TYPES && !is_ending(s); t++) {
        make_key(s, (enum key_type)t, &made_slow);
        if (s->keys[t] != NULL || !is_slow((enum key_type)t))
            test_one(s, (enum key_type)t, now);
    }
}

static void *thread(void *arg)
{
    struct signers *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->ending) {
        int64_t now = s->now;

        if (!s->asked) {
            pthread_cond_wait(&s->news, &s->lock);
            continue;
        }
        s->asked = false;
        pthread_mutex_unlock(&s->lock);
        test_all(s, now);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

struct signers *signers_new(void)
{
    struct signers *s = xcalloc(1, sizeof(*s));

    MUST(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->news, NULL) == 0);
    MUST(pthread_create(&s->thread, NULL, thread, s) == 0);
    return s;
}

void signers_free(struct signers *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_broadcast(&s->news);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    for (unsigned t = 0; t < KEY_TYPES; t++)
        crypto_unref(s->keys[t]);
    pthread_cond_destroy(&s->news);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void ask(struct signers *s, int64_t now)
{
    pthread_mutex_lock(&s->lock);
    s->now = now;
    s->asked = true;
    pthread_cond_signal(&s->news);
    pthread_mutex_unlock(&s->lock);
}

static struct tested look(struct signers *s, unsigned t)
{
    struct tested copy;

    pthread_mutex_lock(&s->lock);
    copy = s->tested[t];
    pthread_mutex_unlock(&s->lock);
    return copy;
}

bool signers_are_well(struct signers *s)
{
    for (unsigned t = 0; t < KEY_TYPES; t++) {
        struct tested it = look(s, t);

        if (it.known && !it.ok)
            return false;
    }
    return true;
}

/* ---- what expires ---- */

static void sooner(struct signers *s, int64_t expires)
{
    if (expires > 0 && (s->soonest == 0 || expires < s->soonest))
        s->soonest = expires;
}

/* The certificates that the keeper renews itself, and what the engines say of theirs. */
static void look_at_expiry(struct core *c)
{
    struct call *call = call_new(c);
    struct request *r = &call->r;
    struct mount *m = NULL;
    struct value *names;

    r->inside = true;
    c->signers->soonest = 0;
    names = entry_list(&r->tx, STR("managed/certificate/"), STR_NONE, EXPIRING_MAX);
    value_each (it, names)
        sooner(c->signers,
            value_get_i64(entry_get_value(&r->tx,
                              entry_path(&r->tx, "managed/certificate/%.*s", STR_ARG(it->text))),
                "expires", 0));
    while ((m = core_mount_each(c, NULL, m)) != NULL) {
        struct value *said = value_map(&r->arena);

        if (m->engine->observe == NULL || m->tainted)
            continue;
        r->mount = m;
        m->engine->observe(r, m, said);
        sooner(c->signers, value_get_i64(said, "soonest_expiry", 0));
    }
    r->mount = NULL;
    call_free(call);
}

void signers_tick(struct core *c)
{
    struct signers *s = c->signers;
    msec_t now = loop_now(c->loop);

    if (s->turned_at == 0 || now >= s->turned_at + TURN_EVERY) {
        s->turned_at = now;
        meter_turn();
    }
    if (s->asked_at != 0 && now < s->asked_at + SIGNERS_EVERY)
        return;
    s->asked_at = now;
    ask(s, core_wall(c));
    look_at_expiry(c);
}

/* ---- what is said ---- */

static struct value *microseconds(struct arena *a, double n)
{
    return value_number(a, str_from(arena_printf(a, "%.1f", n)));
}

static struct value *one_signer(struct core *c, struct arena *a, unsigned t)
{
    struct tested it = look(c->signers, t);
    struct value *v = value_map(a);
    struct meter_reading m;

    meter_read((enum key_type)t, &m);
    value_put_bool(a, v, "ok", it.known ? it.ok : true);
    if (it.known) {
        value_put_i64(a, v, "tested", it.at / 1000);
        value_put(v, "test_usec", microseconds(a, (double)it.took / 1000));
    }
    value_put_i64(a, v, "test_failures", (int64_t)it.failures);
    if (!key_facts((enum key_type)t)->signs)
        return v;
    value_put_i64(a, v, "signatures", (int64_t)m.signatures);
    value_put_i64(a, v, "failures", (int64_t)m.failures);
    value_put(v, "p50_usec", microseconds(a, m.p50));
    value_put(v, "p95_usec", microseconds(a, m.p95));
    value_put(v, "p99_usec", microseconds(a, m.p99));
    return v;
}

static struct value *all_signers(struct core *c, struct arena *a)
{
    struct value *v = value_map(a);

    for (unsigned t = 0; t < KEY_TYPES; t++)
        value_put(v, key_facts((enum key_type)t)->name, one_signer(c, a, t));
    return v;
}

static void put_memory(struct arena *a, struct value *to)
{
    struct secret_memory_stats stats;
    struct value *v = value_map(a);

    secret_memory_stats(&stats);
    value_put_text(a, v, "kind", str_from(stats.kind));
    value_put_i64(a, v, "room", (int64_t)stats.room);
    value_put_i64(a, v, "used", (int64_t)stats.used);
    value_put_i64(a, v, "outside", (int64_t)stats.fallen_back);
    value_put(to, "memory", v);
}

static struct value *audit_value(struct core *c, struct arena *a)
{
    struct value *v = value_map(a);

    audit_observe(c->audit, a, v);
    return v;
}

/* Rows of the barrier: when it is open alone. */
static void put_kept(struct core *c, struct arena *a, struct value *to)
{
    struct value *backups = value_map(a);
    struct tx t;

    if (c->state != CORE_OPEN)
        return;
    tx_init(&t, c->entries, a);
    backup_observe(&t, backups);
    value_put(to, "backups", backups);
    if (c->signers->soonest != 0)
        value_put_i64(a, to, "soonest_expiry", c->signers->soonest);
}

static struct value *api_value(const struct core *c, struct arena *a)
{
    static const struct {
        const char *name;
        enum keeper_count count;
    } rows[] = {
        { "connections", KEEPER_COUNT_OPEN },
        { "bytes", KEEPER_COUNT_BYTES },
        { "accepted", KEEPER_COUNT_ACCEPTED },
        { "turned_away", KEEPER_COUNT_TURNED_AWAY },
        { "refused", KEEPER_COUNT_REFUSED },
        { "slow", KEEPER_COUNT_SLOW },
        { "dropped", KEEPER_COUNT_DROPPED },
    };
    struct value *v = value_map(a);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        value_put_i64(a, v, rows[i].name, (int64_t)c->api_counts[rows[i].count]);
    return v;
}

void core_observe(struct core *c, struct arena *a, struct value *to)
{
    const char *trouble = entries_trouble(c->entries);

    value_put_bool(a, to, "initialized", core_is_initialized(c));
    value_put_bool(a, to, "sealed", core_is_sealed(c));
    value_put_bool(a, to, "signers_ok", signers_are_well(c->signers));
    value_put(to, "signers", all_signers(c, a));
    value_put_i64(a, to, "queue", (int64_t)c->calls);
    value_put_i64(a, to, "requests", (int64_t)c->counters.requests);
    value_put_i64(a, to, "requests_failed", (int64_t)c->counters.failed);
    value_put_i64(a, to, "requests_late", (int64_t)c->counters.late);
    value_put(to, "api", api_value(c, a));
    value_put(to, "audit", audit_value(c, a));
    put_kept(c, a, to);
    put_memory(a, to);
    value_put(
        to, "store_trouble", trouble != NULL ? value_text(a, str_from(trouble)) : value_null(a));
}

/* Anybody may read it: nothing that says what is kept here. */
struct value *observe_health(struct request *r)
{
    struct core *c = r->core;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *audit = audit_value(c, a);
    struct value *shown = value_map(a);

    value_put_bool(a, v, "signers_ok", signers_are_well(c->signers));
    value_put(v, "signers", all_signers(c, a));
    value_put_i64(a, v, "queue", (int64_t)c->calls);
    value_put_i64(a, shown, "lag_msec", value_get_i64(audit, "lag_msec", 0));
    value_put_i64(a, shown, "head_age_msec", value_get_i64(audit, "head_age_msec", -1));
    value_put_bool(a, shown, "stuck", value_get_bool(audit, "stuck", false));
    value_put_bool(a, shown, "damaged", value_get_bool(audit, "damaged", false));
    value_put(v, "audit", shown);
    put_kept(c, a, v);
    return v;
}

/* ---- for Prometheus ---- */

static void metric(struct buf *to, const char *name, const char *kind, const char *help)
{
    buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void quantiles(struct buf *to)
{
    metric(to, "weir_keeper_signature_seconds", "summary",
        "How long signatures took in the last minutes.");
    for (unsigned t = 0; t < KEY_TYPES; t++) {
        const char *name = key_facts((enum key_type)t)->name;
        struct meter_reading m;

        if (!key_facts((enum key_type)t)->signs)
            continue;
        meter_read((enum key_type)t, &m);
        if (m.recent > 0)
            buf_printf(to,
                "weir_keeper_signature_seconds{algorithm=\"%s\",quantile=\"0.5\"} %.9f\n"
                "weir_keeper_signature_seconds{algorithm=\"%s\",quantile=\"0.95\"} %.9f\n"
                "weir_keeper_signature_seconds{algorithm=\"%s\",quantile=\"0.99\"} %.9f\n",
                name, m.p50 / 1e6, name, m.p95 / 1e6, name, m.p99 / 1e6);
        buf_printf(to, "weir_keeper_signature_seconds_count{algorithm=\"%s\"} %llu\n", name,
            (unsigned long long)m.signatures);
    }
    metric(to, "weir_keeper_signatures_failed_total", "counter", "Signatures that failed.");
    for (unsigned t = 0; t < KEY_TYPES; t++) {
        struct meter_reading m;

        if (!key_facts((enum key_type)t)->signs)
            continue;
        meter_read((enum key_type)t, &m);
        buf_printf(to, "weir_keeper_signatures_failed_total{algorithm=\"%s\"} %llu\n",
            key_facts((enum key_type)t)->name, (unsigned long long)m.failures);
    }
}

static void tests(struct core *c, struct buf *to)
{
    metric(to, "weir_keeper_self_test_ok", "gauge",
        "1 when the algorithm passed its last test, which comes every 10 s.");
    for (unsigned t = 0; t < KEY_TYPES; t++) {
        struct tested it = look(c->signers, t);

        if (it.known)
            buf_printf(to, "weir_keeper_self_test_ok{algorithm=\"%s\"} %d\n",
                key_facts((enum key_type)t)->name, it.ok);
    }
}

struct age {
    const char *name;
    const char *help;
    int64_t value; /* < 0: left out */
};

static int64_t age_of(const struct value *map, const char *name, int64_t now)
{
    int64_t at = value_get_i64(map, name, 0);

    return at > 0 ? now - at : -1;
}

void observe_metrics(struct core *c, struct buf *to)
{
    int64_t now = core_wall(c) / 1000;
    struct arena a;
    struct value *all;
    const struct value *audit;
    const struct value *backups;

    arena_init(&a, 8192);
    all = value_map(&a);
    core_observe(c, &a, all);
    audit = value_get(all, "audit");
    backups = value_get(all, "backups");
    quantiles(to);
    tests(c, to);
    {
        int64_t head = value_get_i64(audit, "head_age_msec", -1);
        int64_t soonest = value_get_i64(all, "soonest_expiry", 0);
        const struct age ages[] = {
            { "weir_keeper_audit_lag_seconds", "For how long audit records wait for the journal.",
                value_get_i64(audit, "lag_msec", 0) / 1000 },
            { "weir_keeper_audit_head_age_seconds", "Since the newest signed head of the journal.",
                head < 0 ? -1 : head / 1000 },
            { "weir_keeper_audit_stuck", "1 while the journal cannot be written.",
                value_get_bool(audit, "stuck", false) },
            { "weir_keeper_audit_damaged", "1 when the journal was not as the keeper left it.",
                value_get_bool(audit, "damaged", false) },
            { "weir_keeper_backup_age_seconds", "Since the newest backup.",
                age_of(backups, "last_backup", now) },
            { "weir_keeper_drill_age_seconds", "Since the newest drill that proved every key.",
                age_of(backups, "last_proven_drill", now) },
            { "weir_keeper_soonest_expiry_timestamp_seconds",
                "When the certificate that expires first does.", soonest > 0 ? soonest : -1 },
        };

        for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
            if (ages[i].value < 0)
                continue;
            metric(to, ages[i].name, "gauge", ages[i].help);
            buf_printf(to, "%s %lld\n", ages[i].name, (long long)ages[i].value);
        }
    }
    arena_free(&a);
}
