/*
 * Several files that make one blueprint: includes and overlays.
 */
#include "files.h"

static void includes_are_joined_by_name(void)
{
    struct blueprint *b;
    struct problems p;

    files_begin();
    files_write("weir.yaml",
        "include: [\"parts/*.yaml\", more/services.yaml]\nlisteners: {web: \":0\"}\n"
        "client: {max_head: 32KB}\nvariables: [A]\nlimit: one\nlimits: {one: 1/s}\n"
        "routes: [{to: shop}]\n");
    files_write("parts/a.yaml",
        "services: {shop: \"a:80\"}\nclient: {max_body: 1MB}\nvariables: {B: x}\n"
        "routes: [{name: a, match: /a, to: api}]\n");
    files_write("parts/b.yaml",
        "routes: [{match: /b, respond: {body: \"${env.B}\"}}]\nlimits: {two: 2/s}\nlimit: [two]\n");
    files_write("more/services.yaml",
        "services: {api: {run: {command: [./api], folder: bin}}}\ninclude: deeper.yaml\n");
    files_write("more/deeper.yaml", "certificates: {c: {local: true, hosts: x.org}}\n");
    b = files_load(NULL, &p);
    files_print(&p);
    CHECK(b != NULL);
    if (b != NULL) {
        char folder[300];

        CHECK(b->nservices == 2 && b->nroutes == 3 && b->nlimits == 2 && b->nglobal_limits == 2);
        CHECK(b->client.max_head == 32768 && b->client.max_body == 1 << 20);
        CHECK_STR(str_from(b->routes[0].source), "weir.yaml:7");
        CHECK_STR(str_from(b->routes[1].source), "parts/a.yaml:4");
        CHECK_STR(b->routes[2].respond.body, "x");
        CHECK_U64(b->ncertificates, 1);
        snprintf(folder, sizeof(folder), "%s/more/bin", files_folder);
        CHECK_STR(b->services[1].run.folder, folder);
    }
    blueprint_unref(b);
    problems_free(&p);
    files_end();
}

static void the_same_name_twice_names_both_places(void)
{
    struct problems p;

    files_begin();
    files_write("weir.yaml",
        "include: a.yaml\nname: x\nlisteners: {web: \":0\"}\nservices:\n  shop: \"a:80\"\n");
    files_write("a.yaml", "services:\n  shop: \"b:80\"\nname: y\n");
    CHECK(files_load(NULL, &p) == NULL);
    CHECK(files_has(&p, "blueprint_said_twice", 2, 3, "weir.yaml, line 5"));
    CHECK(files_has(&p, "blueprint_said_twice", 3, 1, "weir.yaml, line 2"));
    CHECK(p.n > 0 && strstr(p.at[p.n - 1].file, "a.yaml") != NULL);
    problems_free(&p);
    files_end();
}

static void circles_and_repetitions_are_refused(void)
{
    struct problems p;

    files_begin();
    files_write("weir.yaml", "include: [a.yaml, b.yaml]\nlisteners: {web: \":0\"}\n");
    files_write("a.yaml", "include: b.yaml\n");
    files_write("b.yaml", "include: a.yaml\n");
    CHECK(files_load(NULL, &p) == NULL);
    CHECK(files_has(&p, "blueprint_include_cycle", 1, 10, "includes itself"));
    CHECK(files_has(&p, "blueprint_include_twice", 1, 0, "b.yaml is included twice"));
    problems_free(&p);
    files_end();
}

#define BASE                                                                                       \
    "listeners: {web: \":0\"}\n"                                                                   \
    "services:\n"                                                                                  \
    "  shop: \"a:80\"\n"                                                                           \
    "  api: {origins: [b:80, c:80], breaker: false, retry: {attempts: 1, backoff: 1ms}}\n"         \
    "log: {to: file, path: a.log}\n"                                                               \
    "routes:\n"                                                                                    \
    "- {name: front, match: {path: /*, method: GET}, to: shop}\n"                                  \
    "- {name: old, match: /old, to: shop}\n"

static void an_overlay_merges_over_the_base(void)
{
    struct blueprint *b;
    struct problems p;

    files_begin();
    files_write("weir.yaml", BASE);
    files_write("environments/staging.yaml",
        "services:\n"
        "  shop: {health: /up}\n"
        "  api: {origins: [d:80], breaker: {failures: 9}, retry: {attempts: 3}}\n"
        "  extra: \"e:80\"\n"
        "log: none\n"
        "routes:\n"
        "- {name: front, match: {method: null, path: /front/*}, to: null, respond: 503}\n"
        "- {name: new, match: /new, to: extra}\n");
    b = files_load("staging", &p);
    CHECK(b != NULL);
    if (b == NULL)
        files_print(&p);
    if (b != NULL) {
        CHECK_STR(b->environment, "staging");
        CHECK_U64(b->nservices, 3);
        CHECK(b->services[0].norigins == 1 && b->services[0].health.on);
        CHECK(b->services[1].norigins == 1 && b->services[1].breaker.failures == 9);
        CHECK(b->services[1].retry.attempts == 3 && b->services[1].retry.backoff == 1);
        CHECK(b->log.to == LOG_NONE);
        CHECK_U64(b->nroutes, 3);
        CHECK(b->routes[0].action == ROUTE_RESPOND && b->routes[0].match.methods.n == 0);
        CHECK_STR(b->routes[0].match.path, "/front/*");
        CHECK_STR(b->routes[2].name, "new");
    }
    blueprint_unref(b);
    problems_free(&p);
    files_end();
}

static void null_takes_away(void)
{
    struct blueprint *b;
    struct problems p;

    files_begin();
    files_write("weir.yaml", BASE);
    files_write("environments/small.yaml",
        "services: {api: null}\nlog: ~\nroutes: {old: null, front: {match: {path: null}}}\n");
    b = files_load("small", &p);
    CHECK(b != NULL);
    if (b == NULL)
        files_print(&p);
    if (b != NULL) {
        CHECK(b->nservices == 1 && b->nroutes == 1 && b->log.to == LOG_STDOUT);
        CHECK(b->routes[0].match.path_kind == PATH_ANY && b->routes[0].match.methods.n == 1);
    }
    blueprint_unref(b);
    problems_free(&p);
    files_end();
}

static void problems_stand_at_their_true_file_and_line(void)
{
    struct problems p;

    files_begin();
    files_write("weir.yaml", BASE);
    files_write("environments/bad.yaml", "services:\n  shop:\n    slow_start: soon\n");
    CHECK(files_load("bad", &p) == NULL);
    CHECK(files_has(&p, "blueprint_value", 3, 17, "services.shop.slow_start"));
    CHECK(p.n == 1 && strstr(p.at[0].file, "environments/bad.yaml") != NULL);
    problems_free(&p);
    CHECK(files_load("bda", &p) == NULL);
    CHECK(files_has(&p, "blueprint_environment", 0, 0, "did you mean \"bad\""));
    problems_free(&p);
    CHECK(files_load("../etc", &p) == NULL);
    CHECK(files_has(&p, "blueprint_environment", 0, 0, "there is no environment"));
    problems_free(&p);
    files_end();
}

TESTS(CASE(includes_are_joined_by_name), CASE(the_same_name_twice_names_both_places),
    CASE(circles_and_repetitions_are_refused), CASE(an_overlay_merges_over_the_base),
    CASE(null_takes_away), CASE(problems_stand_at_their_true_file_and_line))
