/*
 * Policies: the tables of Vault's documentation on precedence, merging, parameters and wrapping times.
 */
#include "base/json_read.h"
#include "check.h"
#include "keeper/core/policy_int.h"

static struct arena arena;

/* A rule a line: "path: capability,capability". */
static struct acl *compile(const char *text)
{
    struct acl *a = acl_new();
    struct value *rules = value_list(&arena);
    const char *why = NULL;

    for (struct str rest = str_from(text), line, caps, cap; rest.at != NULL;) {
        struct value *row = value_map(&arena);
        struct value *list = value_list(&arena);

        line = str_trim(str_cut(rest, '\n', &rest));
        if (line.len == 0)
            continue;
        value_put_text(&arena, row, "path", str_cut(line, ':', &caps));
        while (caps.at != NULL) {
            cap = str_trim(str_cut(caps, ',', &caps));
            if (cap.len > 0)
                value_add_text(&arena, list, cap);
        }
        value_put(row, "capabilities", list);
        value_add(rules, row);
    }
    CHECK(acl_add(a, rules, &why));
    acl_finish(a);
    return a;
}

static unsigned look(const struct acl *a, const char *path, bool list)
{
    struct acl_answer out;

    acl_look(a, str_from(path), list, &out);
    return out.capabilities;
}

static unsigned once(const char *rules, const char *path, bool list)
{
    struct acl *a = compile(rules);
    unsigned can = look(a, path, list);

    acl_free(a);
    return can;
}

static void one_rule_fits_or_not(void)
{
    static const struct {
        const char *rule;
        const char *path;
        bool fits;
    } rows[] = {
        { "a/b", "a/b", true },
        { "a/b", "/a/b", true },
        { "/a/b", "a/b", true },
        { "a/b", "a/b/", false },
        { "a/b", "a/bc", false },
        { "a/b", "A/b", false },
        { "a/b*", "a/b", true },
        { "a/b*", "a/bc/d", true },
        { "a/*", "a", false },
        { "a/*", "a/", true },
        { "*", "", true },
        { "*", "anything/at/all", true },
        { "a/*/c", "a/b/c", false },
        { "a/*/c", "a/*/c", true },
        { "+", "a", true },
        { "+", "a/b", false },
        { "+/b", "a/b", true },
        { "a/+", "a/b", true },
        { "a/+", "a/", true },
        { "a/+", "a", false },
        { "a/+", "a/b/c", false },
        { "a/+/c", "a/b/c", true },
        { "a/+/c", "a/b/d", false },
        { "a/+/c", "a/b/c/d", false },
        { "a/+/c*", "a/b/cd/e", true },
        { "a/+/*", "a/b", false },
        { "a/+/*", "a/b/", true },
        { "+/+/c", "x/y/c", true },
        { "a/b+", "a/bc", false },
        { "a/b+", "a/b+", true },
        { "a/+b/c", "a/xb/c", false },
        { "a/+b/c", "a/+b/c", true },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *rule = arena_printf(&arena, "%s: read", rows[i].rule);
        bool fits = once(rule, rows[i].path, false) == CAN_READ;

        if (fits != rows[i].fits)
            fprintf(stderr, "%s against %s\n", rows[i].rule, rows[i].path);
        CHECK(fits == rows[i].fits);
    }
}

static void the_more_specific_rule_decides(void)
{
    static const struct {
        const char *winner; /* has "read" */
        const char *loser;
        const char *path;
    } rows[] = {
        { "a/b", "a/*", "a/b" },
        { "a/b", "a/+", "a/b" },
        { "a/bc*", "a/b*", "a/bcd" },
        { "a/b*", "a/*", "a/bcd" },
        { "a/b*", "a/+", "a/bc" },          /* the wildcard comes later */
        { "a/+", "a/*", "a/bc" },           /* ends in no star */
        { "a/+/c", "a/+/+", "a/b/c" },      /* fewer '+' */
        { "a/+/+", "a/+/*", "a/b/c" },      /* ends in no star */
        { "a/+/cd*", "a/+/c*", "a/b/cde" }, /* longer */
        { "a/b/+", "a/+/c", "a/b/c" },      /* the wildcard comes later */
        { "a/+/c", "+/b/c", "a/b/c" },
        { "+/b/c", "+/+/c", "a/b/c" },
        { "a/+/c", "a/*", "a/b/c" },
        { "a/b/c*", "a/+/c", "a/b/c" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *rules =
            arena_printf(&arena, "%s: read\n%s: deny", rows[i].winner, rows[i].loser);
        const char *turned =
            arena_printf(&arena, "%s: update\n%s: deny", rows[i].winner, rows[i].loser);
        const char *denied =
            arena_printf(&arena, "%s: deny\n%s: read", rows[i].winner, rows[i].loser);

        if (once(rules, rows[i].path, false) != CAN_READ)
            fprintf(stderr, "%s should beat %s\n", rows[i].winner, rows[i].loser);
        CHECK(once(rules, rows[i].path, false) == CAN_READ);
        CHECK(once(turned, rows[i].path, false) == CAN_UPDATE);
        CHECK(once(denied, rows[i].path, false) == CAN_DENY);
    }
    /* the same wildcard place, no star, as many '+', as long: the later in the alphabet */
    CHECK(once("a/+/c/+: read\na/+/+/d: update", "a/b/c/d", false) == CAN_READ);
}

static void equal_paths_unite_and_deny_wins(void)
{
    CHECK(once("a/b: read\na/b: update,list", "a/b", false) == (CAN_READ | CAN_UPDATE | CAN_LIST));
    CHECK(once("a/*: read\na/*: sudo", "a/x", false) == (CAN_READ | CAN_SUDO));
    CHECK(once("a/+/c: read\na/+/c: patch", "a/x/c", false) == (CAN_READ | CAN_PATCH));
    CHECK(once("a/b: read\na/b: deny\na/b: update", "a/b", false) == CAN_DENY);
    CHECK(once("a/b: read,deny", "a/b", false) == CAN_DENY);
    /* a rule of another kind with the same letters is another rule */
    CHECK(once("a/b: read\na/b*: update", "a/b", false) == CAN_READ);
    CHECK(once("a/b: read\na/b*: update", "a/bc", false) == CAN_UPDATE);
    /* a rule that gives nothing still decides */
    CHECK(once("a/*: read\na/b:", "a/b", false) == 0);
}

static void list_sees_both_forms_and_never_passes_a_deny(void)
{
    CHECK(once("a/b: list", "a/b", true) == CAN_LIST);
    CHECK(once("a/b: list", "a/b/", true) == CAN_LIST);
    CHECK(once("a/b/: list", "a/b", true) == CAN_LIST);
    CHECK(once("a/b/*: list", "a/b", true) == CAN_LIST);
    CHECK(once("a/b/*: list", "a/b", false) == 0);
    CHECK(once("a/+: list", "a/b", true) == CAN_LIST);
    CHECK(once("a/+/: list", "a/b", true) == CAN_LIST);
    CHECK(once("a/+/: list", "a/b/", true) == CAN_LIST);
    CHECK(once("a/b: deny\na/b/: list", "a/b", true) == CAN_DENY);
    CHECK(once("a/b: list\na/b/: deny", "a/b", true) == CAN_DENY);
    CHECK(once("a/+: deny\na/*: list", "a/b/", true) == CAN_DENY);
    CHECK(once("a/+/: deny\na/*: list", "a/b", true) == CAN_DENY);
    CHECK(once("a/b/*: deny\na/*: list", "a/b", true) == CAN_DENY);
    CHECK(once("a/b: list\na/b/*: deny", "a/b", true) == CAN_LIST); /* exact decides */
    CHECK(once("a/b/*: list\na/*: deny", "a/b", true) == CAN_LIST);
    CHECK(once("a/b*: list\na/b/*: read", "a/b", true) == CAN_LIST);
    CHECK(once("*: list", "", true) == CAN_LIST);
}

static void root_may_everything(void)
{
    struct acl *a = acl_new();
    struct acl_answer out;
    const char *why = NULL;

    acl_add_root(a);
    acl_finish(a);
    CHECK(acl_permits(a,
        &(struct acl_question){ .path = STR("sys/raw/x"), .need = CAN_DELETE | CAN_SUDO }, &out,
        &why));
    CHECK(out.capabilities == CAN_ROOT);
    acl_free(a);
}

static void nothing_is_permitted_by_nothing(void)
{
    struct acl *a = compile("");

    CHECK(look(a, "", false) == 0);
    CHECK(look(a, "a", true) == 0);
    acl_free(a);
}

static struct acl *compile_json(const char *json)
{
    struct err err;
    struct value *rules = json_read(&arena, str_from(json), 1000, &err);
    struct acl *a = acl_new();
    const char *why = NULL;

    CHECK(rules != NULL);
    CHECK(acl_add(a, rules, &why));
    acl_finish(a);
    return a;
}

/* The reason, or "yes". */
static const char *ask(const struct acl *a, const char *body, int64_t wrap_ttl, unsigned need)
{
    struct err err;
    struct acl_answer out;
    const char *why = "yes";
    const struct acl_question q = {
        .path = STR("p"),
        .list = need == CAN_LIST,
        .need = need,
        .body = json_read(&arena, str_from(body), 1000, &err),
        .wrap_ttl = wrap_ttl,
    };

    acl_permits(a, &q, &out, &why);
    return why;
}

static void parameters_are_looked_at(void)
{
    static const struct {
        const char *rule;
        const char *body;
        const char *want;
    } rows[] = {
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{}", "yes" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'a':1}", "yes" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'A':1}", "yes" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'b':'x'}", "yes" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'b':'yes'}", "yes" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'b':'z'}", "allowed_parameters" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'c':'x'}", "allowed_parameters" },
        { "'allowed_parameters':{'a':[],'b':['x','y*']}", "{'a':1,'c':2}", "allowed_parameters" },
        { "'allowed_parameters':{'*':[]}", "{'c':'x'}", "yes" },
        { "'allowed_parameters':{'*':[],'b':['x']}", "{'c':'x','b':'x'}", "yes" },
        { "'allowed_parameters':{'*':[],'b':['x']}", "{'c':'x','b':'y'}", "allowed_parameters" },
        { "'allowed_parameters':{'n':[5,true]}", "{'n':5}", "yes" },
        { "'allowed_parameters':{'n':[5,true]}", "{'n':true}", "yes" },
        { "'allowed_parameters':{'n':[5,true]}", "{'n':6}", "allowed_parameters" },
        { "'allowed_parameters':{'n':['5']}", "{'n':5}", "allowed_parameters" },
        { "'denied_parameters':{'a':[]}", "{'b':1}", "yes" },
        { "'denied_parameters':{'a':[]}", "{'a':1}", "denied_parameters" },
        { "'denied_parameters':{'a':['*bad']}", "{'a':'very bad'}", "denied_parameters" },
        { "'denied_parameters':{'a':['*bad']}", "{'a':'bad luck'}", "yes" },
        { "'denied_parameters':{'a':['*ad*']}", "{'a':'bad luck'}", "denied_parameters" },
        { "'denied_parameters':{'*':[]}", "{'a':1}", "denied_parameters" },
        { "'denied_parameters':{'*':[]}", "{}", "yes" },
        { "'denied_parameters':{'b':[]},'allowed_parameters':{'*':[]}", "{'b':1}",
            "denied_parameters" },
        { "'required_parameters':['A','b']", "{'a':1,'b':2}", "yes" },
        { "'required_parameters':['A','b']", "{'a':1}", "required_parameters" },
        { "'required_parameters':['a']", "{'A':1}", "required_parameters" },
        { "'required_parameters':['a']", "{}", "required_parameters" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *rule = arena_printf(
            &arena, "[{'path':'p','capabilities':['update','list'],%s}]", rows[i].rule);
        char *body = arena_strdup(&arena, rows[i].body);
        struct acl *a;

        for (char *c = rule; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        for (char *c = body; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        a = compile_json(rule);
        if (strcmp(ask(a, body, 0, CAN_UPDATE), rows[i].want) != 0)
            fprintf(stderr, "%s with %s\n", rule, body);
        CHECK_STR(str_from(ask(a, body, 0, CAN_UPDATE)), rows[i].want);
        CHECK_STR(str_from(ask(a, body, 0, CAN_LIST)), "yes");
        acl_free(a);
    }
}

static void parameters_unite(void)
{
    struct acl *a = compile_json("[{\"path\":\"p\",\"capabilities\":[\"update\"],"
                                 "\"allowed_parameters\":{\"a\":[\"x\"],\"b\":[\"x\"]}},"
                                 " {\"path\":\"p\",\"capabilities\":[\"update\"],"
                                 "\"allowed_parameters\":{\"a\":[\"y\"],\"b\":[]}}]");

    CHECK_STR(str_from(ask(a, "{\"a\":\"x\"}", 0, CAN_UPDATE)), "yes");
    CHECK_STR(str_from(ask(a, "{\"a\":\"y\"}", 0, CAN_UPDATE)), "yes");
    CHECK_STR(str_from(ask(a, "{\"a\":\"z\"}", 0, CAN_UPDATE)), "allowed_parameters");
    CHECK_STR(str_from(ask(a, "{\"b\":\"z\"}", 0, CAN_UPDATE)), "yes");
    acl_free(a);
}

static void wrapping_times_bound_the_request(void)
{
    struct acl *a = compile_json("[{\"path\":\"p\",\"capabilities\":[\"read\"],"
                                 "\"min_wrapping_ttl\":10,\"max_wrapping_ttl\":90}]");
    struct acl *two =
        compile_json("[{\"path\":\"p\",\"capabilities\":[\"read\"],\"min_wrapping_ttl\":50},"
                     " {\"path\":\"p\",\"capabilities\":[\"read\"],\"max_wrapping_ttl\":40}]");

    CHECK_STR(str_from(ask(a, "{}", 0, CAN_READ)), "wrapping_ttl");
    CHECK_STR(str_from(ask(a, "{}", 9, CAN_READ)), "wrapping_ttl");
    CHECK_STR(str_from(ask(a, "{}", 10, CAN_READ)), "yes");
    CHECK_STR(str_from(ask(a, "{}", 90, CAN_READ)), "yes");
    CHECK_STR(str_from(ask(a, "{}", 91, CAN_READ)), "wrapping_ttl");
    CHECK_STR(str_from(ask(two, "{}", 45, CAN_READ)), "wrapping_ttl");
    acl_free(a);
    acl_free(two);
}

static void approvals_are_not_waived(void)
{
    struct acl *a =
        compile_json("[{\"path\":\"p\",\"capabilities\":[\"read\"]},"
                     " {\"path\":\"p\",\"capabilities\":[\"read\"],\"approvals\":{\"count\":2}},"
                     " {\"path\":\"p\",\"capabilities\":[\"read\"],\"approvals\":{\"count\":1}}]");
    struct acl_answer out;

    acl_look(a, STR("p"), false, &out);
    CHECK(value_get_i64(out.approvals, "count", 0) == 2);
    acl_free(a);
}

static bool may(const struct acl *a, const char *path, unsigned need, const char **why)
{
    struct acl_answer out;

    return acl_permits(
        a, &(struct acl_question){ .path = str_from(path), .need = need }, &out, why);
}

static void a_need_is_met_whole(void)
{
    struct acl *a = compile("p: read,update\nq: deny");
    const char *why = "";

    CHECK(may(a, "p", CAN_READ, &why));
    CHECK(!may(a, "p", CAN_READ | CAN_SUDO, &why));
    CHECK_STR(str_from(why), "capability");
    CHECK(!may(a, "q", CAN_READ, &why));
    CHECK_STR(str_from(why), "deny");
    CHECK(!may(a, "r", CAN_READ, &why));
    CHECK_STR(str_from(why), "no_rule");
    acl_free(a);
}

static void wrong_rules_are_refused(void)
{
    static const struct {
        const char *rules;
        const char *why;
    } rows[] = {
        { "[{\"path\":\"a/+*\",\"capabilities\":[]}]",
            "path \"a/+*\": invalid use of wildcards ('+*' is forbidden)" },
        { "[{\"path\":\"a\",\"capabilities\":[\"fly\"]}]",
            "path \"a\": invalid capability \"fly\"" },
        { "[{\"path\":\"a\",\"min_wrapping_ttl\":5,\"max_wrapping_ttl\":4}]",
            "path \"a\": max_wrapping_ttl cannot be less than min_wrapping_ttl" },
        { "[{\"capabilities\":[]}]", "a rule without a path" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err;
        struct acl *a = acl_new();
        const char *why = "";

        CHECK(!acl_add(a, json_read(&arena, str_from(rows[i].rules), 1000, &err), &why));
        CHECK_STR(str_from(why), rows[i].why);
        acl_free(a);
    }
}

TESTS(CASE(one_rule_fits_or_not), CASE(the_more_specific_rule_decides),
    CASE(equal_paths_unite_and_deny_wins), CASE(list_sees_both_forms_and_never_passes_a_deny),
    CASE(root_may_everything), CASE(nothing_is_permitted_by_nothing),
    CASE(parameters_are_looked_at), CASE(parameters_unite), CASE(wrapping_times_bound_the_request),
    CASE(approvals_are_not_waived), CASE(a_need_is_met_whole), CASE(wrong_rules_are_refused))
