/*
 * finish - what must hold within one table, and values that follow from others.
 *
 * Called by the reader of words when a table is filled; n is the mapping it
 * was filled from.
 */
#include "model/values_int.h"

#define PROBLEM(r, n, id, ...) problem_add((r)->problems, node_place(n), false, id, __VA_ARGS__)
#define WARNING(r, n, id, ...) problem_add((r)->problems, node_place(n), true, id, __VA_ARGS__)

void finish_listener(struct reading *r, const struct node *n, void *base)
{
    const struct listener *l = base;

    if (l->tls.on && l->redirect_to_https)
        PROBLEM(r, node_on_way(n, "redirect_to_https", NULL), "blueprint_redirect_loop",
            "%s speaks TLS and redirects to https: clients would go in circles", reading_where(r));
}

static void check_kept_certificate(
    struct reading *r, const struct node *n, const struct certificate *c, bool files)
{
    if (c->local || files)
        PROBLEM(r, n, "blueprint_certificate",
            "%s has the issuer keeper, so it is not `local` and has no chain and key",
            reading_where(r));
    else if (c->hosts.n == 0)
        PROBLEM(r, n, "blueprint_certificate",
            "%s has the issuer keeper, so it needs `hosts`, such as hosts: [shop.example.org]",
            reading_where(r));
}

static void check_local_certificate(
    struct reading *r, const struct node *n, const struct certificate *c, bool files)
{
    if (files)
        PROBLEM(r, n, "blueprint_certificate",
            "%s is `local`, so it has no chain and key; leave out one or the other",
            reading_where(r));
    else if (c->hosts.n == 0)
        PROBLEM(r, n, "blueprint_certificate",
            "%s is `local`, so it needs `hosts`, such as hosts: [localhost]", reading_where(r));
}

static void check_files_of_certificate(
    struct reading *r, const struct node *n, const struct certificate *c, bool files)
{
    if (!files)
        PROBLEM(r, n, "blueprint_certificate",
            "%s needs `chain` and `key`, or `issuer: keeper`, or `local: true` for one of this "
            "machine's own",
            reading_where(r));
    else if (c->chain.at == NULL || c->key.at == NULL)
        PROBLEM(r, n, "blueprint_certificate", "%s has a `%s` but no `%s`", reading_where(r),
            c->chain.at != NULL ? "chain" : "key", c->chain.at != NULL ? "key" : "chain");
}

void finish_certificate(struct reading *r, const struct node *n, void *base)
{
    const struct certificate *c = base;
    bool files = c->chain.at != NULL || c->key.at != NULL;

    if (c->issuer == ISSUER_KEEPER)
        check_kept_certificate(r, n, c, files);
    else if (c->local)
        check_local_certificate(r, n, c, files);
    else if (!r->misspelt)
        check_files_of_certificate(r, n, c, files);
}

static void check_retry(struct reading *r, const struct node *n, const struct service *s)
{
    const struct retry *retry = &s->retry;

    if (retry->attempts > 0 && retry->budget_percent == 0 && retry->budget_min == 0)
        WARNING(r, node_on_way(n, "retry", "budget", NULL), "blueprint_retry_budget",
            "%s: the budget is 0, so nothing is ever tried again; `retry: false` says so plainly",
            reading_where(r));
    if (retry->budget_percent > 50 && retry->attempts > 0)
        WARNING(r, node_on_way(n, "retry", "budget", NULL), "blueprint_retry_budget",
            "%s: a budget of %u%% lets retries multiply the load on a service in trouble",
            reading_where(r), retry->budget_percent);
    if (retry->backoff > retry->backoff_max)
        PROBLEM(r, node_on_way(n, "retry", "backoff", NULL), "blueprint_backoff",
            "%s: `backoff` is longer than `backoff_max`", reading_where(r));
}

static void check_times(struct reading *r, const struct node *n, const struct service *s)
{
    const struct service_timeouts *t = &s->timeouts;

    if (t->total > 0 && t->per_try > t->total &&
        node_get(node_get(n, "timeouts"), "per_try") != NULL)
        WARNING(r, node_on_way(n, "timeouts", "per_try", NULL), "blueprint_timeouts",
            "%s: `per_try` is longer than `total`, so it never comes to pass", reading_where(r));
    if (t->connect > t->per_try)
        WARNING(r, node_on_way(n, "timeouts", "connect", NULL), "blueprint_timeouts",
            "%s: `connect` is longer than `per_try`, so it never comes to pass", reading_where(r));
    if (s->health.on && s->health.timeout > s->health.interval)
        PROBLEM(r, node_on_way(n, "health", "timeout", NULL), "blueprint_timeouts",
            "%s: the `timeout` of health checks is longer than their `interval`", reading_where(r));
    if (s->outliers.ejection > s->outliers.ejection_max)
        PROBLEM(r, node_on_way(n, "outliers", "ejection", NULL), "blueprint_backoff",
            "%s: `ejection` is longer than `ejection_max`", reading_where(r));
    if (s->run.restart_backoff > s->run.restart_backoff_max)
        PROBLEM(r, node_on_way(n, "run", "restart_backoff", NULL), "blueprint_backoff",
            "%s: `restart_backoff` is longer than `restart_backoff_max`", reading_where(r));
}

static void check_origins(struct reading *r, const struct node *n, const struct service *s)
{
    const struct node *list = node_get(n, "origins");

    for (size_t i = 0; i < s->norigins; i++)
        for (size_t k = 0; k < i && k < 256; k++)
            if (s->origins[i].address_text.at != NULL &&
                str_eq(s->origins[i].address_text, s->origins[k].address_text))
                WARNING(r, list->kind == NODE_LIST ? list->items[i] : list,
                    "blueprint_duplicate_origin", "%s has the origin %.*s twice", reading_where(r),
                    STR_ARG(s->origins[i].address_text));
}

void finish_service(struct reading *r, const struct node *n, void *base)
{
    struct service *s = base;
    bool runs = node_get(n, "run") != NULL;
    bool has_origins = node_get(n, "origins") != NULL;

    if (runs && has_origins)
        PROBLEM(r, n, "blueprint_run_and_origins",
            "%s has `run` and `origins`: either Weir starts the processes or they are elsewhere",
            reading_where(r));
    else if (!runs && s->norigins == 0 && !r->misspelt)
        PROBLEM(r, n, "blueprint_no_origins",
            "%s has nothing behind it; give it `origins: [host:port]` or `run: {command: ...}`",
            reading_where(r));
    if (runs && s->run.port > 0 && s->run.port + s->run.instances - 1 > 65535)
        PROBLEM(r, node_on_way(n, "run", "port", NULL), "blueprint_ports",
            "%s: %u instances from port %u on go past port 65535", reading_where(r),
            s->run.instances, s->run.port);
    if (node_get(node_get(n, "balance"), "hash_on") != NULL && s->balance.method != BALANCE_HASH)
        WARNING(r, node_on_way(n, "balance", "hash_on", NULL), "blueprint_hash_on",
            "%s: `hash_on` means nothing without `method: hash`", reading_where(r));
    check_origins(r, n, s);
    check_retry(r, n, s);
    check_times(r, n, s);
}

void finish_limit(struct reading *r, const struct node *n, void *base)
{
    struct limit *l = base;

    if (l->burst == 0)
        l->burst = (unsigned)(l->requests < UINT32_MAX ? l->requests : UINT32_MAX);
    if (l->nparts == 0)
        PROBLEM(r, node_on_way(n, "key", NULL), "blueprint_limit_key",
            "%s counts nothing: `key` is empty", reading_where(r));
    for (size_t i = 0; i < l->nparts; i++)
        for (size_t k = 0; k < i; k++)
            if (l->parts[i].key == l->parts[k].key && str_eq(l->parts[i].name, l->parts[k].name))
                PROBLEM(r, node_on_way(n, "key", NULL), "blueprint_limit_key",
                    "%s has the same key twice", reading_where(r));
}

void finish_log(struct reading *r, const struct node *n, void *base)
{
    struct log_rule *l = base;

    if (node_get(n, "path") != NULL && node_get(n, "to") == NULL)
        l->to = LOG_FILE;
    else if (node_get(n, "path") != NULL && l->to != LOG_FILE)
        WARNING(r, node_on_way(n, "path", NULL), "blueprint_log_path",
            "%s has a `path`, but the log does not go to a file", reading_where(r));
}
