/*
 * A role's rules for names against a second reading of them, made of regular expressions and fnmatch(3): 200,000 random
 * pairs of role and name.
 */
#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/hash.h"
#include "check.h"
#include "keeper/engines/pki_int.h"

enum { PAIRS = 200000, NAME_MAX_BYTES = 200 };

static const char *const flags[] = { "allow_bare_domains", "allow_subdomains", "allow_glob_domains",
    "allow_wildcard_certificates", "allow_localhost", "allow_any_name", "enforce_hostnames" };
enum { BARE, SUBDOMAINS, GLOB, WILDCARDS, LOCALHOST, ANY, HOSTNAMES, FLAGS };

struct role {
    bool on[FLAGS];
    const char *domain;
};

static regex_t hostname;

/* ---- the second reading ---- */

/* "a.base", "b.a.base" ... of a base that is taken literally. */
static bool ends_below(const char *name, const char *base)
{
    size_t n = strlen(name);
    size_t b = strlen(base);

    return n > b + 1 && strcmp(name + n - b, base) == 0 && name[n - b - 1] == '.';
}

static bool base_permits(const struct role *r, const char *host, const char *base, bool wildcard)
{
    return r->on[SUBDOMAINS] && (ends_below(host, base) || (wildcard && strcmp(host, base) == 0));
}

static bool domain_permits(
    const struct role *r, const char *name, const char *host, const char *at, bool wildcard)
{
    if (r->on[BARE] &&
        (strcmp(name, r->domain) == 0 || (at != NULL && strcmp(at + 1, r->domain) == 0)))
        return true;
    if (r->on[GLOB] && strchr(r->domain, '*') != NULL && fnmatch(r->domain, name, 0) == 0)
        return true;
    return base_permits(r, host, r->domain, wildcard);
}

static bool permits(const struct role *r, const char *name)
{
    const char *at = strchr(name, '@');
    const char *host = at != NULL ? at + 1 : name;
    bool wildcard = strncmp(host, "*.", 2) == 0;

    if (at == name || (at != NULL && strchr(at + 1, '@') != NULL) || host[0] == '\0')
        return false;
    if (wildcard)
        host += 2;
    if (strchr(host, '*') != NULL ||
        (wildcard && (at != NULL || !r->on[WILDCARDS] || host[0] == '\0')))
        return false;
    if (r->on[HOSTNAMES] && regexec(&hostname, host, 0, NULL, 0) != 0)
        return false;
    if (r->on[ANY] || domain_permits(r, name, host, at, wildcard))
        return true;
    if (!r->on[LOCALHOST])
        return false;
    return (!wildcard && (strcmp(host, "localhost") == 0 || strcmp(host, "localdomain") == 0)) ||
           base_permits(r, host, "localhost", wildcard) ||
           base_permits(r, host, "localdomain", wildcard);
}

/* ---- pairs ---- */

static const char *pick(const char *const *of, size_t n)
{
    return of[random_below(n)];
}

/* From pieces that the domains are made of too, so that many nearly fit. */
static void make_name(char *to)
{
    static const char *const labels[] = { "a", "shop", "example", "localhost", "localdomain", "*",
        "a*", "", "-a", "a-", "a-b", "xshop", "a_b", "api-7" };
    static const char *const ends[] = { "shop.example", "example", "localhost", "a",
        "x.shop.example" };
    size_t n = random_below(3);
    int len = 0;

    if (random_below(6) == 0)
        len += snprintf(
            to + len, NAME_MAX_BYTES - (size_t)len, "%s@", random_below(4) == 0 ? "" : "ann");
    for (; n > 0; n--)
        len += snprintf(to + len, NAME_MAX_BYTES - (size_t)len, "%s.",
            pick(labels, sizeof(labels) / sizeof(labels[0])));
    snprintf(to + len, NAME_MAX_BYTES - (size_t)len, "%s",
        random_below(3) == 0 ? pick(labels, sizeof(labels) / sizeof(labels[0]))
                             : pick(ends, sizeof(ends) / sizeof(ends[0])));
}

static struct role make_role(void)
{
    static const char *const domains[] = { "shop.example", "example", "a", "*.shop.example",
        "api-*.shop.example", "*" };
    struct role r = { .domain = pick(domains, sizeof(domains) / sizeof(domains[0])) };

    for (int i = 0; i < FLAGS; i++)
        r.on[i] = random_below(2) == 0;
    if (random_below(4) != 0)
        r.on[ANY] = false;
    return r;
}

static bool ours(struct request *r, const struct role *role, const char *name)
{
    struct value *v = pki_role_default(&r->arena);
    struct value *domains = value_list(&r->arena);
    struct pki_wish w;
    bool ok;

    for (int i = 0; i < FLAGS; i++)
        value_set(&r->arena, v, str_from(flags[i]), value_bool(&r->arena, role->on[i]));
    value_add_text(&r->arena, domains, str_from(role->domain));
    value_set(&r->arena, v, STR("allowed_domains"), domains);
    pki_wish_init(r, &w);
    value_add_text(&r->arena, strchr(name, '@') != NULL ? w.emails : w.dns, str_from(name));
    r->reply = (struct reply){ 0 };
    ok = pki_names_permitted(r, v, &w, STR(""));
    CHECK(ok == (r->reply.status == 0));
    arena_reset(&r->arena);
    return ok;
}

static void both_readings_agree(void)
{
    struct request r = { 0 };
    unsigned permitted = 0;

    MUST(regcomp(&hostname,
             "^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\\.)*[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$",
             REG_EXTENDED | REG_NOSUB) == 0);
    arena_init(&r.arena, 16384);
    for (int i = 0; i < PAIRS; i++) {
        struct role role = make_role();
        char name[NAME_MAX_BYTES] = "";
        bool want;

        make_name(name);
        want = permits(&role, name);
        permitted += want;
        if (ours(&r, &role, name) == want)
            continue;
        CHECK(false);
        fprintf(stderr, "\"%s\" for \"%s\" is %s:", name, role.domain,
            want ? "permitted" : "not permitted");
        for (int k = 0; k < FLAGS; k++)
            fprintf(stderr, " %s=%d", flags[k], role.on[k]);
        fputc('\n', stderr);
        break;
    }
    CHECK(permitted > PAIRS / 20 && permitted < PAIRS / 20 * 19); /* the pairs mean something */
    arena_free(&r.arena);
    regfree(&hostname);
}

TESTS(CASE(both_readings_agree))
