/*
 * What is said about a wrong blueprint, and where.
 */
#include "files.h"

#define BASE "listeners: {web: \":0\"}\nservices: {shop: \"a:80\"}\n" /* lines 1 and 2 */

struct wrong {
    const char *text;
    const char *id;
    unsigned line;
    unsigned column;
    const char *words;
};

static const struct wrong table[] = {
    /* YAML */
    { "", "blueprint_empty", 0, 0, "empty" },
    { "# nothing\n", "blueprint_empty", 0, 0, "empty" },
    { "---\n...\n", "blueprint_empty", 0, 0, "empty" },
    { "- a\n", "blueprint_type", 1, 1, "a list" },
    { "just text\n", "blueprint_type", 1, 1, "just text" },
    { "a: [\n", "blueprint_yaml", 0, 0, "not YAML" },
    { "listeners:\n\tweb: 1\n", "blueprint_tab", 2, 1, "tab" },
    { "name: a\nname: b\n", "blueprint_duplicate_key", 2, 1, "line 1" },
    { "name: a\n---\nname: b\n", "blueprint_documents", 2, 1, "second" },
    { "a: &x {b: 1}\nc:\n  <<: *x\n", "blueprint_merge_key", 3, 3, "merge" },
    { "? [a]\n: 1\n", "blueprint_key", 1, 3, "plain text" },
    { "a: &x b\n*x : c\n", "blueprint_key", 2, 1, "alias" },
    { "name: !!int 3\n", "blueprint_tag", 1, 7, "tag" },
    { "name: *nobody\n", "blueprint_alias", 0, 0, "nobody" },
    { "name: \"a\\0b\"\n", "blueprint_nul", 1, 7, "NUL" },
    { "name: a\xff\n", "blueprint_utf8", 1, 8, "0xff" },
    { "name: a\x01\n", "blueprint_utf8", 1, 8, "0x01" },
    { "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
        "blueprint_too_deep", 1, 0, "32" },
    { "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
      "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
      "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
        "blueprint_too_large", 6, 0, "alias" },
    { "a: &a [*a]\n", "blueprint_alias", 1, 0, "before" },
    /* words */
    { "lissteners: {}\n", "blueprint_unknown_word", 1, 1, "did you mean \"listeners\"" },
    { "frobnicate: {}\n", "blueprint_unknown_word", 1, 1, "a blueprint may have name, include" },
    { "@file: x\n", "blueprint_yaml", 1, 0, "not YAML" },
    { "\"@file\": x\n", "blueprint_unknown_word", 1, 1, "@file" },
    { BASE "services2: 1\n", "blueprint_unknown_word", 3, 1, "services" },
    { "services: {shop: {orgins: [a:80]}}\n", "blueprint_unknown_word", 1, 19,
        "in services.shop; did you mean \"origins\"" },
    { "services:\n", "blueprint_no_value", 0, 0, "services has no value" },
    { "services: []\n", "blueprint_type", 1, 11, "mapping by name" },
    { "services: {\"a b\": \"c:80\"}\n", "blueprint_name", 1, 12, "letters" },
    { "services: {shop: {retry: }}\n", "blueprint_no_value", 1, 0, "services.shop.retry" },
    { "listeners: {web: {tls: {}}}\n", "blueprint_missing_word", 0, 0, "needs `address`" },
    { "listeners: {web: {address: ':0', tls: true}}\n", "blueprint_missing_word", 0, 0,
        "needs `certificates`" },
    /* values */
    { "client: {max_head: 16XB}\n", "blueprint_value", 1, 20,
        "client.max_head: read \"16XB\", expected a size" },
    { "client: {max_head: 1GB}\n", "blueprint_value", 1, 20, "from 1KB to 64KB" },
    { "client: {max_head: []}\n", "blueprint_type", 1, 20, "read a list, expected a size" },
    { "client: {header_timeout: 10}\n", "blueprint_value", 1, 26, "say the unit: 10s" },
    { "client: {header_timeout: 10 s}\n", "blueprint_value", 1, 26, "a duration" },
    { "client: {max_fields: -1}\n", "blueprint_value", 1, 22, "whole number" },
    { "client: {max_fields: 99999999999999999999}\n", "blueprint_value", 1, 22, "whole number" },
    { "client: {max_body: 99999999999GB}\n", "blueprint_value", 1, 20, "too large" },
    { "server_header: maybe\n", "blueprint_value", 1, 16, "true or false" },
    { "forwarded: bth\n", "blueprint_value", 1, 12, "did you mean both?" },
    { "log: {sample: 2}\n", "blueprint_value", 1, 15, "fraction" },
    { "routes: [{to: a, log_sample: -2}]\n", "blueprint_value", 1, 30, "fraction" },
    { "limits: {a: 10}\n", "blueprint_value", 1, 13, "a rate such as" },
    { "limits: {a: 0/s}\n", "blueprint_value", 1, 13, "lets nothing through" },
    { "limits: {a: {rate: 1/s, key: \"header:\"}}\n", "blueprint_value", 1, 30, "header:NAME" },
    { "limits: {a: {rate: 1/s, key: [address, address]}}\n", "blueprint_limit_key", 1, 0, "twice" },
    { "limits: {a: {burst: 1}}\n", "blueprint_missing_word", 1, 13, "needs `rate`" },
    { "access: {deny: [10.1.2.3/8]}\n", "blueprint_value", 1, 17, "10.0.0.0/8" },
    { "listeners: {web: \"example.org:80\"}\n", "blueprint_value", 1, 18, "IP address" },
    { "services: {s: \"http://a:80\"}\n", "blueprint_value", 1, 15, "without http://" },
    { "services: {s: \"a\"}\n", "blueprint_value", 1, 15, "port is missing" },
    { "services: {s: {origins: [a:80], balance: {method: hash, hash_on: header}}}\n",
        "blueprint_value", 1, 66, "say which" },
    { "services: {s: {origins: [a:80], retry: {on: [conect]}}}\n", "blueprint_value", 1, 46,
        "did you mean connect" },
    { "services: {s: {origins: [{address: a:80, weight: 0}]}}\n", "blueprint_value", 1, 50,
        "services.s.origins[0].weight: read \"0\"; it must be from 1 to 1000" },
    { "services: {s: {origins: [a:80], health: {expect: 399-200}}}\n", "blueprint_value", 1, 50,
        "backwards" },
    /* routes */
    { "routes: [{match: {host: \"a:80\"}, to: s}]\n", "blueprint_value", 1, 25, "without a port" },
    { "routes: [{match: {host: \"a.*.b\"}, to: s}]\n", "blueprint_value", 1, 25, "first label" },
    { "routes: [{match: {host: \"b\xc3\xbc.de\"}, to: s}]\n", "blueprint_value", 1, 25, "xn--" },
    { "routes: [{match: a, to: s}]\n", "blueprint_value", 1, 18, "begin with /" },
    { "routes: [{match: /a*, to: s}]\n", "blueprint_value", 1, 18, "whole last segment" },
    { "routes: [{match: \"/a/*/b\", to: s}]\n", "blueprint_value", 1, 18, "whole last segment" },
    { "routes: [{match: \"/a//b\", to: s}]\n", "blueprint_value", 1, 18, "never match" },
    { "routes: [{match: \"/a/../b\", to: s}]\n", "blueprint_value", 1, 18, "never match" },
    { "routes: [{match: \"/a?b=c\", to: s}]\n", "blueprint_value", 1, 18, "`query`" },
    { "routes: [{match: \"/a%20b\", to: s}]\n", "blueprint_value", 1, 18, "decoded" },
    { "routes: [{match: \"/{a}x\", to: s}]\n", "blueprint_value", 1, 18, "whole segment" },
    { "routes: [{match: \"/{a...}/b\", to: s}]\n", "blueprint_value", 1, 18, "last segment" },
    { "routes: [{match: \"/{a}/{a}\", to: s}]\n", "blueprint_value", 1, 18, "twice" },
    { "routes: [{match: \"/{a}/*\", to: s}]\n", "blueprint_value", 1, 18, "{rest...}" },
    { "routes: [{match: {method: get}, to: s}]\n", "blueprint_value", 1, 27, "capitals" },
    { "routes: [{match: {host: []}, to: s}]\n", "blueprint_empty_list", 1, 25, "empty" },
    { "routes: [{}]\n", "blueprint_route_action", 1, 10, "does nothing" },
    { "routes: [{to: s, respond: 200}]\n", "blueprint_route_actions", 1, 27, "one thing" },
    { BASE "routes: [{to: shp}]\n", "blueprint_unknown_name", 3, 15, "did you mean \"shop\"" },
    { BASE "routes: [{to: shop, limit: x}]\n", "blueprint_unknown_name", 3, 28,
        "add it to `limits`" },
    { BASE "routes: [{match: {listener: wbe}, to: shop}]\n", "blueprint_unknown_name", 3, 29,
        "web" },
    { BASE "routes: [{name: a, to: shop}, {name: a, match: /b, to: shop}]\n",
        "blueprint_duplicate_name", 3, 38, "weir.yaml:3" },
    { BASE "routes: [{to: shop, rewrite: {path: \"/${capture.x}\"}}]\n",
        "blueprint_unknown_capture", 3, 0, "no {x}" },
    { BASE "routes: [{to: shop, rewrite: {path: \"/${hots}\"}}]\n", "blueprint_value", 3, 0,
        "did you mean ${host}" },
    { BASE "routes: [{to: shop, rewrite: {path: \"/${host\"}}]\n", "blueprint_value", 3, 0,
        "unknown" },
    { BASE "routes: [{to: shop, rewrite: {path: /a, strip_prefix: /b}}]\n", "blueprint_rewrite", 3,
        0, "no prefix" },
    { BASE "routes: [{to: shop, response_headers: {set: {Content-Length: 3}}}]\n",
        "blueprint_framing_header", 3, 0, "Content-Length" },
    { BASE "routes: [{to: shop, request_headers: {set: {Host: x}}}]\n", "blueprint_host_header", 3,
        0, "rewrite" },
    { BASE "routes: [{to: shop, request_headers: {set: {\"A B\": x}}}]\n", "blueprint_name", 3, 0,
        "header" },
    { BASE "routes: [{to: shop, request_headers: {set: {A: \"x\\r\\nB: y\"}}}]\n",
        "blueprint_value", 3, 0, "line break" },
    { BASE "routes: [{match: /a, redirect: /a}]\n", "blueprint_redirect_loop", 3, 0, "circles" },
    { BASE "routes: [{redirect: /login}]\n", "blueprint_redirect_loop", 3, 0, "circles" },
    { BASE "routes: [{match: /a, redirect: example.org}]\n", "blueprint_redirect", 3, 0,
        "https://" },
    { BASE "routes: [{match: /a, redirect: //example.org}]\n", "blueprint_redirect", 3, 0,
        "scheme" },
    { BASE "routes: [{match: /a, redirect: \"/b c\"}]\n", "blueprint_url", 3, 0, "%20" },
    { BASE "routes: [{to: shop, rewrite: {path: \"/b\xc3\xa9\"}}]\n", "blueprint_url", 3, 0,
        "%C3" },
    { BASE "routes: [{to: shop, rewrite: {path: \"${host}\"}}]\n", "blueprint_rewrite", 3, 0,
        "begin with /" },
    { BASE "routes: [{to: shop, rewrite: {path: \"/a#b\"}}]\n", "blueprint_rewrite", 3, 0,
        "never" },
    { BASE "routes: [{respond: {status: 204, body: x}}]\n", "blueprint_respond", 3, 0, "no body" },
    { BASE "routes: [{respond: {content_type: \"a\\r\\nb\"}}]\n", "blueprint_value", 3, 0,
        "line break" },
    { BASE "limits: {l: 1/s}\nlimit: [l, l]\nroutes: []\n", "blueprint_duplicate_name", 4, 12,
        "count twice" },
    /* between tables */
    { "routes: [{respond: 200}]\n", "blueprint_no_listeners", 1, 1, "nobody could connect" },
    { "listeners: {a: \":80\", b: \":80\"}\n", "blueprint_duplicate_address", 1, 0,
        "same address" },
    { "listeners: {a: {address: \":1\", tls: {certificates: [x]}}}\n", "blueprint_unknown_name", 1,
        0, "add it to `certificates`" },
    { "listeners: {a: {address: \":1\", redirect_to_https: true, tls: {certificates: [x]}}}\n",
        "blueprint_redirect_loop", 1, 0, "circles" },
    { "certificates: {a: {}}\n", "blueprint_certificate", 1, 0, "needs `chain` and `key`" },
    { "certificates: {a: {chain: c.pem}}\n", "blueprint_certificate", 1, 0, "no `key`" },
    { "certificates: {a: {local: true}}\n", "blueprint_certificate", 1, 0, "needs `hosts`" },
    { "certificates: {a: {chain: c.pem, key: k.pem}}\n", "blueprint_no_file", 1, 27, "c.pem" },
    { "certificates: {a: {local: true, hosts: x.org}, b: {local: true, hosts: x.org}}\n"
      "listeners: {w: {address: ':1', tls: {certificates: [a, b]}}}\n",
        "blueprint_duplicate_host", 2, 0, "x.org" },
    { BASE "routes: [{match: {pth: /}, too: shop}]\n", "blueprint_unknown_word", 3, 28, "\"to\"" },
    { "services: {s: {}}\n", "blueprint_no_origins", 1, 15, "nothing behind it" },
    { "services: {s: {origins: [a:1], run: {command: x}}}\n", "blueprint_run_and_origins", 1, 0,
        "either" },
    { "services: {s: {run: {command: x, port: 65535, instances: 2}}}\n", "blueprint_ports", 1, 0,
        "past port 65535" },
    { "services: {s: {origins: [a:1], health: {timeout: 10s, interval: 5s}}}\n",
        "blueprint_timeouts", 1, 0, "longer" },
    { "services: {s: {origins: [a:1], retry: {backoff: 10s, backoff_max: 1s}}}\n",
        "blueprint_backoff", 1, 0, "longer" },
    /* variables */
    { "variables: {A_B: {default: x}}\nname: \"${env.A_C}\"\n", "blueprint_variable_undeclared", 2,
        7, "did you mean ${env.A_B}" },
    { "name: \"${env.WEIR_TEST_NOT_SET}\"\nvariables: [WEIR_TEST_NOT_SET]\n",
        "blueprint_variable_unset", 1, 7, "not set" },
    { "variables: {\"A-B\": ''}\n", "blueprint_variable_name", 1, 13, "letters" },
    { "variables: {A: {defalt: x}}\n", "blueprint_unknown_word", 1, 17, "defalt" },
    { "include: nothing.yaml\n", "blueprint_include_missing", 1, 10, "nothing.yaml" },
    { "include: weir.yaml\n", "blueprint_include_cycle", 1, 10, "itself" },
    /* the keeper */
    { BASE "keys: {a: {type: ed25519}}\n", "blueprint_no_keeper", 3, 0, "add `keeper: {}`" },
    { BASE "secrets: {a: {generate: hex}}\n", "blueprint_no_keeper", 3, 0, "keeper" },
    { BASE "policies: {a: {paths: {x: read}}}\n", "blueprint_no_keeper", 3, 0, "keeper" },
    { BASE "certificates: {a: {issuer: keeper, hosts: [b.test]}}\n", "blueprint_no_keeper", 3, 0,
        "keeper" },
    { BASE "keeper: {}\ncertificates: {a: {issuer: keeper}}\n", "blueprint_certificate", 4, 0,
        "needs `hosts`" },
    { BASE "keeper: {}\ncertificates: {a: {issuer: keeper, local: true, hosts: [b.test]}}\n",
        "blueprint_certificate", 4, 0, "not `local`" },
    { BASE "keeper: {}\nkeys: {a: {type: ed2559}}\n", "blueprint_value", 4, 0, "ed25519" },
    { BASE "keeper: {}\nkeys: {a: {type: ed25519, rotate: 1m}}\n", "blueprint_rotate", 4, 0,
        "once an hour" },
    { BASE "keeper: {}\nsecrets: {a: {rotate: 1d}}\n", "blueprint_rotate", 4, 0, "generate" },
    { BASE "keeper: {}\nsecrets: {a: {path: /a//b}}\n", "blueprint_secret_path", 4, 0,
        "shop/database" },
    { BASE "keeper: {}\nsecrets: {a: {path: ../b}}\n", "blueprint_secret_path", 4, 0,
        "not a path" },
    { BASE "keeper: {}\npolicies: {root: {paths: {x: read}}}\n", "blueprint_policy", 4, 0, "root" },
    { BASE "keeper: {}\npolicies: {Big: {paths: {x: read}}}\n", "blueprint_policy", 4, 0,
        "lower case" },
    { BASE "keeper: {}\npolicies: {a: {paths: {v1/x: read}}}\n", "blueprint_policy", 4, 0,
        "without / or v1/" },
    { BASE "keeper: {}\npolicies: {a: {paths: {x: reed}}}\n", "blueprint_value", 4, 0, "read" },
    { BASE "keeper: {tls: main}\n", "blueprint_unknown_name", 3, 0, "certificate \"main\"" },
    { "keeper: {}\nservices: {s: {run: {command: x, secrets: {A: b}}}}\n", "blueprint_unknown_name",
        2, 0, "no secret \"b\"" },
    { "keeper: {}\nservices: {s: {run: {command: x, token: [b]}}}\n", "blueprint_unknown_name", 2,
        0, "no policy \"b\"" },
    { "keeper: {}\nsecrets: {b: {}}\nservices: {s: {run: {command: x, environment: {A: 1}, secrets: "
      "{A: b}}}}\n",
        "blueprint_duplicate_name", 3, 0, "in `environment` and in `secrets`" },
};

static void each_mistake_is_named_where_it_stands(void)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct wrong *w = &table[i];
        struct problems p;
        struct blueprint *b;

        files_begin();
        files_write("weir.yaml", w->text);
        b = files_load(NULL, &p);
        CHECK(b == NULL && p.nerrors > 0);
        if (!files_has(&p, w->id, w->line, w->column, w->words)) {
            check_failures++;
            fprintf(stderr, "no %s at %u:%u with \"%s\" for: %s\n", w->id, w->line, w->column,
                w->words, w->text);
        }
        blueprint_unref(b);
        problems_free(&p);
        files_end();
    }
}

static const struct wrong warnings[] = {
    { BASE "routes: [{to: shop}, {to: shop}]\n", "blueprint_shadowed", 3, 22, "route-1" },
    { BASE "routes: [{match: /a, to: shop}, {match: {path: /a, method: GET}, to: shop}]\n",
        "blueprint_shadowed", 3, 33, "route-1" },
    { BASE "routes: [{match: /*, to: shop}, {to: shop}]\n", "blueprint_shadowed", 3, 33,
        "route-1" },
    { BASE "routes: [{match: \"/{a}\", to: shop}, {match: \"/{b}\", to: shop}]\n",
        "blueprint_shadowed", 3, 0, "route-1" },
    { BASE "routes: []\n", "blueprint_no_routes", 3, 9, "404" },
    { BASE "keeper: {listen: ':8200'}\n", "blueprint_keeper_plain", 3, 0, "give it `tls`" },
    { BASE "keeper: {seal: /nowhere/unseal.key}\n", "blueprint_no_key_file", 3, 0, "keygen" },
    { "listeners: {w: \":0\"}\nservices: {s: {origins: [a:1], timeouts: {per_try: 9m}}}\n",
        "blueprint_timeouts", 2, 0, "never comes to pass" },
    { "listeners: {w: \":0\"}\nservices: {s: {origins: [a:1], retry: {budget: 90%}}}\n",
        "blueprint_retry_budget", 2, 0, "multiply" },
    { "listeners: {w: \":0\"}\nservices: {s: {origins: [a:1, A:1]}}\n",
        "blueprint_duplicate_origin", 2, 0, "twice" },
    { BASE "limits: {l: 1/s}\nlimit: l\nroutes: [{to: shop, limit: l}]\n", "blueprint_limit_twice",
        5, 0, "already" },
    { BASE "routes: [{match: /ab/*, to: shop, rewrite: {strip_prefix: /a}}]\n",
        "blueprint_strip_prefix", 3, 0, "sometimes" },
    { BASE "routes: [{respond: 200, rewrite: /x}]\n", "blueprint_no_effect", 3, 0, "without `to`" },
};

static void what_is_only_odd_is_a_warning(void)
{
    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        const struct wrong *w = &warnings[i];
        struct problems p;
        struct blueprint *b;

        files_begin();
        files_write("weir.yaml", w->text);
        b = files_load(NULL, &p);
        CHECK(b != NULL && p.nerrors == 0);
        CHECK(files_has(&p, w->id, w->line, w->column, w->words));
        blueprint_unref(b);
        problems_free(&p);
        files_end();
    }
}

static void routes_with_other_conditions_shadow_nothing(void)
{
    struct problems p;
    struct blueprint *b;

    files_begin();
    files_write("weir.yaml",
        BASE "routes:\n"
             "- {match: {path: /a, method: GET}, to: shop}\n"
             "- {match: {path: /a, header: {X: true}}, to: shop}\n"
             "- {match: {path: /a, header: {X: \"1\"}, query: {q: true}}, name: deep, to: shop}\n"
             "- {match: {path: /a}, to: shop}\n"
             "- {match: {path: /a, host: x.org}, to: shop}\n"
             "- {match: {path: \"/{b}\"}, to: shop}\n");
    b = files_load(NULL, &p);
    CHECK(b != NULL);
    CHECK_U64(p.n, 1); /* X: "1" is within X: true */
    CHECK(files_has(&p, "blueprint_shadowed", 6, 3, "deep"));
    blueprint_unref(b);
    problems_free(&p);
    files_end();
}

static void all_of_them_in_the_order_of_the_file(void)
{
    struct problems p;

    files_begin();
    files_write("weir.yaml",
        "routes:\n- to: nowhere\n- mtch: /\n  to: shop\nlisteners:\n  web: nine\nservices:\n"
        "  shop: {retry: {budget: lots}, origins: [a:80]}\n");
    CHECK(files_load(NULL, &p) == NULL);
    CHECK_U64(p.n, 4);
    CHECK_U64(p.nerrors, 4);
    if (p.n == 4) {
        CHECK_U64(p.at[0].line, 2);
        CHECK_U64(p.at[1].line, 3);
        CHECK_U64(p.at[2].line, 6);
        CHECK_U64(p.at[3].line, 8);
    } else {
        files_print(&p);
    }
    problems_free(&p);
    files_end();
}

static void past_a_hundred_they_are_counted(void)
{
    struct problems p;
    struct buf b;

    buf_init(&b, 1 << 20);
    for (int i = 0; i < 6000; i++)
        buf_printf(&b, "word%d: 1\n", i);
    files_begin();
    files_write("weir.yaml", buf_cstr(&b));
    CHECK(files_load(NULL, &p) == NULL);
    CHECK_U64(p.n, 101);
    CHECK_U64(p.nerrors, 6000); /* and that there are no routes is a warning */
    CHECK_STR(str_from(p.at[100].text), "and 5901 more");
    CHECK_U64(p.at[99].line, 100);
    problems_free(&p);
    buf_free(&b);
    files_end();
}

static void files_that_cannot_be_read_are_said_so(void)
{
    struct problems p;

    files_begin();
    CHECK(blueprint_load(files_path("none.yaml"), NULL, &p) == NULL);
    CHECK(files_has(&p, "blueprint_missing", 0, 0, "no such file"));
    problems_free(&p);
    CHECK(blueprint_load(files_folder, NULL, &p) == NULL);
    CHECK(files_has(&p, "blueprint_folder", 0, 0, "folder"));
    problems_free(&p);
    files_end();
}

static void ten_megabytes_are_too_many(void)
{
    struct problems p;
    size_t n = (10U << 20) + 2;
    char *text = malloc(n);

    CHECK(text != NULL);
    if (text == NULL)
        return;
    memset(text, ' ', n);
    text[0] = '#';
    text[n - 1] = '\0';
    files_begin();
    files_write("weir.yaml", text);
    CHECK(files_load(NULL, &p) == NULL);
    CHECK(files_has(&p, "blueprint_too_large", 0, 0, "10 MB"));
    problems_free(&p);
    free(text);
    files_end();
}

static void canonical_text_is_checked_too(void)
{
    static const char *const bad[] = { "", "{", "[]", "{\"x\":1}", "{\"listeners\":{}}",
        "{\"listeners\":{\"w\":{\"address\":\":0\"}},\"routes\":[{\"to\":\"x\"}]}",
        "{\"listeners\":{\"w\":{\"address\":\":0\"}},\"listeners\":{}}" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct problems p;
        struct blueprint *b = blueprint_from_canonical(str_from(bad[i]), &p);

        CHECK(b == NULL && p.nerrors > 0);
        blueprint_unref(b);
        problems_free(&p);
    }
}

TESTS(CASE(each_mistake_is_named_where_it_stands), CASE(what_is_only_odd_is_a_warning),
    CASE(routes_with_other_conditions_shadow_nothing), CASE(all_of_them_in_the_order_of_the_file),
    CASE(past_a_hundred_they_are_counted), CASE(files_that_cannot_be_read_are_said_so),
    CASE(ten_megabytes_are_too_many), CASE(canonical_text_is_checked_too))
