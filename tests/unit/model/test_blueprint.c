/*
 * What a good blueprint becomes: values, defaults, short forms, canonical text.
 */
#include "files.h"

#define BASE "listeners: {web: \":0\"}\n"

static void presets_are_those_of_the_reference(void)
{
    struct blueprint *b = files_good(BASE "services: {shop: \"127.0.0.1:3000\"}\n"
                                          "routes: [{to: shop}]\n");
    const struct service *s;

    if (b == NULL)
        return;
    s = &b->services[0];
    CHECK_STR(b->name, "weir");
    CHECK_STR(b->state, "/var/lib/weir");
    CHECK_U64(b->client.max_head, 16384);
    CHECK_U64(b->client.max_fields, 100);
    CHECK_U64(b->client.max_body, 10485760);
    CHECK_U64(b->client.header_timeout, 10000);
    CHECK_U64(s->norigins, 1);
    CHECK_STR(s->origins[0].host, "127.0.0.1");
    CHECK_U64(s->origins[0].port, 3000);
    CHECK_U64(s->origins[0].weight, 1);
    CHECK(s->origins[0].address.len > 0);
    CHECK_U64(s->retry.attempts, 2);
    CHECK_U64(s->retry.on, RETRY_ON_CONNECT | RETRY_ON_RESET | RETRY_ON_503);
    CHECK_U64(s->retry.budget_percent, 20);
    CHECK(s->breaker.on && s->outliers.on && !s->health.on && !s->tls.on && s->preserve_host);
    CHECK_U64(s->timeouts.per_try, 15000);
    CHECK_U64(s->pool.max_connections, 1024);
    CHECK_U64(b->nroutes, 1);
    CHECK_STR(b->routes[0].name, "route-1");
    CHECK(b->routes[0].service == s && b->routes[0].upgrade && b->routes[0].log_sample == -1);
    CHECK(b->routes[0].access.allow.set != NULL && b->routes[0].match.from.set != NULL);
    CHECK(b->trusted_proxies.set != NULL && b->access.deny.set != NULL);
    CHECK(b->log.to == LOG_STDOUT && b->log.sample == 1);
    CHECK(b->metrics.on && b->metrics.address.len == 0);
    blueprint_unref(b);
}

static const char every_word[] =
    "name: shop\nstate: var\nuser: www-data\nworkers: 2\n"
    "listeners:\n"
    "  web: {address: \"127.0.0.1:8080\", redirect_to_https: true, redirect_port: 8443, backlog: 16}\n"
    "  secure: {address: \":8443\", tls: {certificates: [main], min_version: 1.3, ticket_rotation: 1h}}\n"
    "certificates: {main: {local: true, hosts: localhost}}\n"
    "services:\n"
    "  shop:\n"
    "    run: {command: [node, server.js], environment: {A: b, N: 1}, instances: 2, folder: app, port: 4000}\n"
    "    balance: {method: hash, hash_on: \"header:X-User\"}\n"
    "    health: {path: /healthz, expect: 200-204, interval: 1s, timeout: 500ms}\n"
    "    outliers: false\n"
    "    breaker: {failures: 3, probe_after: 2m, successes: 2}\n"
    "    retry: false\n"
    "    timeouts: {connect: 250ms, per_try: 1m30s, total: 2m}\n"
    "    slow_start: 30s\n"
    "  api:\n"
    "    origins: [{address: \"API.internal:80\", weight: 3}, \"[::1]:81\", \"unix:run/a.sock\"]\n"
    "    tls: {verify: false, server_name: api.internal}\n"
    "    preserve_host: no\n"
    "limits:\n"
    "  a: {rate: 600/m, burst: 20, key: [address, \"cookie:sid\", route], observe: true, exempt: 10.0.0.0/8}\n"
    "  b: 100/10s\n"
    "limit: [a, b]\n"
    "access: {allow: [10.0.0.0/8, \"::1\"], deny: 10.1.0.0/16}\n"
    "log: {to: file, path: logs/a.log, sample: 10%, rotate_size: 1MB, rotate_keep: 2}\n"
    "metrics: \"127.0.0.1:9100\"\n"
    "trace: {sample: 0.25, trust_incoming: false}\n"
    "dns: {servers: [1.1.1.1, \"[::1]:5353\"]}\n"
    "trusted_proxies: 10.0.0.0/8\nforwarded: both\nrequest_id_header: X-Id\nserver_header: false\n"
    "client: {max_body: 1GB, idle_timeout: 1d}\n"
    "routes:\n"
    "- name: items\n"
    "  match: {host: [Example.ORG, \"*.example.org\"], path: \"/v1/{id}/{rest...}\", method: [GET, POST],\n"
    "    header: {X-A: true, X-B: false, X-C: \"v*\", X-D: exact}, query: {q: \"1\"}, from: 10.0.0.0/8, listener: web}\n"
    "  to: api\n"
    "  rewrite: {path: \"/${capture.rest}\", host: b.internal}\n"
    "  request_headers: {set: {X-Id: \"${request_id}\"}, add: {Via: weir}, remove: Cookie}\n"
    "  limit: b\n"
    "  access: {deny: \"2001:db8::/32\"}\n"
    "  timeouts: {per_try: 2m}\n"
    "  max_body: 64KB\n"
    "  upgrade: false\n"
    "  buffer_request_for_retry: true\n"
    "  log_sample: 1%\n"
    "- {match: /old, redirect: {to: /new, status: 302}}\n"
    "- {match: /gone, respond: 410}\n"
    "- {to: shop}\n";

static void services_are_filled(const struct blueprint *b)
{
    const struct service *s = &b->services[0];
    char folder[300];

    CHECK_U64(s->run.command.n, 2);
    CHECK_STR(s->run.environment.at[1].value, "1");
    snprintf(folder, sizeof(folder), "%s/app", files_folder);
    CHECK_STR(s->run.folder, folder);
    CHECK(s->balance.method == BALANCE_HASH && s->balance.hash_on == HASH_HEADER);
    CHECK_STR(s->balance.hash_name, "x-user");
    CHECK(s->health.on && s->health.expect_from == 200 && s->health.expect_to == 204);
    CHECK(!s->outliers.on && s->breaker.on && s->breaker.probe_after == 120000);
    CHECK_U64(s->retry.attempts, 0);
    CHECK_U64(s->timeouts.per_try, 90000);
    s = &b->services[1];
    CHECK_U64(s->id, 1);
    CHECK_STR(s->origins[0].host, "api.internal");
    CHECK(s->origins[0].address.len == 0 && s->origins[0].weight == 3);
    CHECK(s->origins[1].address.len > 0 && s->origins[1].port == 81);
    CHECK(s->origins[2].address.len > 0);
    CHECK(s->tls.on && !s->tls.verify && !s->preserve_host);
}

static void the_rest_is_filled(const struct blueprint *b)
{
    CHECK_U64(b->limits[0].period, 60000);
    CHECK_U64(b->limits[0].nparts, 3);
    CHECK(b->limits[0].observe && b->limits[0].exempt.n == 1);
    CHECK_U64(b->limits[1].burst, 100);
    CHECK_U64(b->limits[1].period, 10000);
    CHECK(b->nglobal_limits == 2 && b->global_limit[1] == &b->limits[1]);
    CHECK(b->access.allow.n == 2 && b->access.deny.n == 1);
    CHECK(b->log.to == LOG_FILE && b->log.sample == 0.1 && b->log.rotate_size == 1048576);
    CHECK(b->metrics.address.len > 0 && b->trace.sample == 0.25 && !b->trace.trust_incoming);
    CHECK_STR(b->dns.servers.at[0], "1.1.1.1:53");
    CHECK_STR(b->dns.servers.at[1], "[::1]:5353");
    CHECK(b->forwarded == FORWARDED_BOTH && !b->server_header);
}

static void routes_are_filled(const struct blueprint *b)
{
    const struct route *r = &b->routes[0];

    CHECK_STR(r->match.hosts.at[0], "example.org");
    CHECK(r->match.path_kind == PATH_PATTERN && r->match.nheaders == 4 && r->match.nquery == 1);
    CHECK_STR(r->match.headers[0].name, "x-a");
    CHECK(r->match.headers[0].value.at == NULL && !r->match.headers[0].absent);
    CHECK(r->match.headers[1].absent && r->match.headers[2].prefix);
    CHECK_STR(r->match.headers[2].value, "v");
    CHECK_STR(r->request_headers.set.at[0].value, "${request_id}");
    CHECK(r->nlimits == 1 && r->limits[0] == &b->limits[1]);
    CHECK(r->max_body == 65536 && !r->upgrade && r->buffer_request_for_retry);
    CHECK(r->log_sample > 0.0099 && r->log_sample < 0.0101);
    CHECK_STR(str_from(r->source), "weir.yaml:38");
    CHECK(b->routes[1].action == ROUTE_REDIRECT && b->routes[1].redirect.status == 302);
    CHECK(b->routes[2].action == ROUTE_RESPOND && b->routes[2].respond.status == 410);
    CHECK(b->routes[3].service == &b->services[0]);
}

static void every_word_reaches_its_place(void)
{
    struct blueprint *b = files_good(every_word);
    char folder[300];

    if (b == NULL)
        return;
    snprintf(folder, sizeof(folder), "%s/var", files_folder);
    CHECK_STR(b->state, folder);
    CHECK_U64(b->nlisteners, 2);
    CHECK(b->listeners[0].redirect_to_https && b->listeners[0].redirect_port == 8443);
    CHECK(b->listeners[1].tls.on && b->listeners[1].tls.min_version == TLS_1_3);
    CHECK(b->listeners[1].tls.certificate[0] == &b->certificates[0]);
    CHECK_STR(b->listeners[1].tls.alpn.at[0], "http/1.1");
    services_are_filled(b);
    the_rest_is_filled(b);
    routes_are_filled(b);
    blueprint_unref(b);
}

static void canonical_text_gives_the_same_blueprint(void)
{
    struct blueprint *b = files_good(
        BASE "services: {s: {origins: [a.b:1, {address: c.d:2, weight: 7}], health: true}}\n"
             "limits: {l: {rate: 5/7s, key: [header:A, host]}}\n"
             "routes:\n"
             "- {match: {query: {q: \"a*\", p: false}}, to: s, limit: l}\n"
             "- {match: /x, respond: {body: \"\\u2028\\u0001 \\\"$${env.X} \\U0001f600\"}}\n");
    struct blueprint *again;
    struct problems p;

    if (b == NULL)
        return;
    again = blueprint_from_canonical(b->canonical, &p);
    files_print(&p);
    CHECK(again != NULL && p.n == 0);
    if (again != NULL) {
        CHECK(str_eq(again->canonical, b->canonical));
        CHECK_U64(again->version, b->version);
        CHECK(str_eq(again->routes[1].respond.body, b->routes[1].respond.body));
        CHECK_STR(str_from(again->routes[0].source), "weir.yaml:5");
        CHECK(str_eq(again->source, b->source));
    }
    blueprint_unref(again);
    problems_free(&p);
    blueprint_unref(b);
}

static uint64_t version_of(const char *text)
{
    struct blueprint *b = files_good(text);
    uint64_t version = b != NULL ? b->version : 0;

    blueprint_unref(b);
    return version;
}

static void equal_content_has_an_equal_version(void)
{
    uint64_t v = version_of(BASE "services: {s: \"a:80\"}\nroutes: [{to: s}]\n");

    CHECK(v != 0);
    CHECK_U64(
        v, version_of("# a comment\n" BASE "services:\n  s:\n    origins:\n    - address: a:80\n"
                      "      weight: 1\n    retry: {attempts: 2}\nclient: {max_head: 16384}\n"
                      "routes:\n- {match: {}, to: s, name: route-1}\n"));
    CHECK(v != version_of(BASE "services: {s: \"a:81\"}\nroutes: [{to: s}]\n"));
    CHECK(v !=
          version_of(BASE "services: {s: {origins: [a:80], breaker: off}}\nroutes: [{to: s}]\n"));
}

static void references_are_counted(void)
{
    struct blueprint *b = files_good(BASE "routes: [{respond: 204}]\n");

    if (b == NULL)
        return;
    CHECK(blueprint_ref(b) == b);
    blueprint_unref(b);
    CHECK_STR(b->routes[0].name, "route-1");
    blueprint_unref(b);
    blueprint_unref(NULL);
}

static void variables_come_from_the_environment_where_declared(void)
{
    struct blueprint *b;

    setenv("WEIR_TEST_PORT", "4711", 1);
    setenv("WEIR_TEST_EVIL", "${host}", 1);
    unsetenv("WEIR_TEST_UNSET");
    b = files_good(BASE
        "variables: {WEIR_TEST_PORT: {help: x}, WEIR_TEST_UNSET: {default: d}, WEIR_TEST_EVIL: ''}\n"
        "services: {s: \"h:${env.WEIR_TEST_PORT}\"}\n"
        "routes: [{to: s, request_headers: {set: {A: \"${env.WEIR_TEST_EVIL}${host}$${env.X}\"}}},\n"
        "  {match: /b, respond: {body: \"${env.WEIR_TEST_UNSET} $${env.X} ${X}\"}}]\n");
    if (b == NULL)
        return;
    CHECK_U64(b->services[0].origins[0].port, 4711);
    CHECK_STR(b->routes[0].request_headers.set.at[0].value, "$${host}${host}$${env.X}");
    CHECK_STR(b->routes[1].respond.body, "d ${env.X} ${X}");
    blueprint_unref(b);
}

TESTS(CASE(presets_are_those_of_the_reference), CASE(every_word_reaches_its_place),
    CASE(canonical_text_gives_the_same_blueprint), CASE(equal_content_has_an_equal_version),
    CASE(references_are_counted), CASE(variables_come_from_the_environment_where_declared))
