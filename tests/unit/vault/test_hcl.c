/*
 * Policies in HCL and JSON: what is read, and how what is wrong is named.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "check.h"
#include "vault/hcl_int.h"
#include "vault/parsed_int.h"

static struct arena arena = { .block_size = 4096 };

/* The rules as one line: path [capabilities] and whatever else there is. */
static void show(const struct value *v, struct buf *to)
{
    switch (v->kind) {
    case VALUE_NULL:
        buf_text(to, "null");
        break;
    case VALUE_FALSE:
    case VALUE_TRUE:
        buf_text(to, v->kind == VALUE_TRUE ? "true" : "false");
        break;
    case VALUE_NUMBER:
    case VALUE_TEXT:
        buf_str(to, v->text);
        break;
    case VALUE_LIST:
    case VALUE_MAP:
        buf_char(to, v->kind == VALUE_LIST ? '[' : '{');
        value_each (it, v) {
            if (v->kind == VALUE_MAP)
                buf_printf(to, "%.*s=", STR_ARG(it->name));
            show(it, to);
            if (it->next != NULL)
                buf_char(to, ' ');
        }
        buf_char(to, v->kind == VALUE_LIST ? ']' : '}');
        break;
    }
}

struct example {
    const char *text;
    const char *rules; /* or what the error says */
};

static void run(const struct example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct err err = { 0 };
        struct buf got;
        struct value *v;

        arena_reset(&arena);
        buf_init(&got, 1 << 16);
        v = parse_policy(&arena, str_from(examples[i].text), &err);
        if (v == NULL)
            buf_text(&got, err.text);
        else
            show(value_get(v, "rules"), &got);
        CHECK_STR(buf_as_str(&got), examples[i].rules);
        buf_free(&got);
    }
}

#define RUN(examples) run(examples, sizeof(examples) / sizeof((examples)[0]))

static void reads_hcl(void)
{
    static const struct example examples[] = {
        { "", "[]" },
        { "# nothing\n// more\n/* and\n more */", "[]" },
        { "path \"secret/*\" {\n capabilities = [\"read\", \"list\",]\n}",
            "[{path=secret/* capabilities=[read list]}]" },
        { "path \"/sys/health\" { capabilities = [\"read\"] } path \"b\" { policy = \"write\" }",
            "[{path=sys/health capabilities=[read]} "
            "{path=b capabilities=[create read update delete list]}]" },
        { "name = \"dev\"\npath secret/x { policy = \"deny\" }",
            "At 2:12: expected '/' for comment" },
        { "path \"a\" { policy = \"sudo\", comment = \"why\" }",
            "[{path=a capabilities=[create read update delete list sudo]}]" },
        { "path \"a\" { capabilities = [\"update\"]\n min_wrapping_ttl = \"1h30m\"\n "
          "max_wrapping_ttl = 86400 }",
            "[{path=a capabilities=[update] min_wrapping_ttl=5400 max_wrapping_ttl=86400}]" },
        { "path \"a\" { allowed_parameters = { \"Foo\" = [\"x\", 1, true] \"*\" = [] } "
          "denied_parameters = { bar = [] } required_parameters = [\"Baz\"] }",
            "[{path=a capabilities=[] allowed_parameters={foo=[x 1 true] *=[]} "
            "denied_parameters={bar=[]} required_parameters=[baz]}]" },
        { "path \"a\" { capabilities = [\"delete\"] approvals { count = 2 policies = [\"Ops\"] ttl "
          "= \"4h\" } }",
            "[{path=a capabilities=[delete] approvals={count=2 policies=[ops] ttl=14400}}]" },
        { "path \"a\" { capabilities = [\"read\"] control_group = { ttl = \"1h\" factor \"f\" { "
          "identity { group_names = [\"managers\"] approvals = 1 } } } }",
            "[{path=a capabilities=[read] approvals={ttl=3600 policies=[managers] count=1}}]" },
        { "path \"a\" { capabilities = [\"read\"] capabilities = [\"list\"] }",
            "[{path=a capabilities=[read list]}]" },
        { "path \"x/{{identity.entity.name}}/+/y\" { capabilities = [\"read\"] }",
            "[{path=x/{{identity.entity.name}}/+/y capabilities=[read]}]" },
        { "path \"q\\\"\\u00e9\\n\" {}", "[{path=q\"\xc3\xa9\n capabilities=[]}]" },
        { "path \"a\" { comment = <<-END\n   some\n  text\n  END\n policy = \"read\" }",
            "[{path=a capabilities=[read list]}]" },
        { "cGF0aCAiYSIgeyBwb2xpY3kgPSAicmVhZCIgfQ==", "[{path=a capabilities=[read list]}]" },
    };

    RUN(examples);
}

static void reads_json(void)
{
    static const struct example examples[] = {
        { "{}", "[]" },
        { "{\"path\": {\"a\": {\"capabilities\": [\"read\"]}, \"b\": {\"policy\": \"deny\"}}}",
            "[{path=a capabilities=[read]} {path=b capabilities=[deny]}]" },
        { "{\"path\": [{\"a\": {\"capabilities\": [\"read\"]}}, {\"b\": [{\"policy\": "
          "\"deny\"}]}]}",
            "[{path=a capabilities=[read]} {path=b capabilities=[deny]}]" },
        { " {\"path\": {\"a\\/\\ud83d\\ude00\": {\"capabilities\": []}}} ",
            "[{path=a/\xf0\x9f\x98\x80 capabilities=[]}]" },
        { "{\"path\": {\"a\": {\"max_wrapping_ttl\": 60, \"allowed_parameters\": {\"p\": null}}}}",
            "[{path=a capabilities=[] max_wrapping_ttl=60 allowed_parameters={p=[null]}}]" },
        { "{\"path\" = {}}", "At 1:9: expected ':' behind the key" },
        { "{\"path\": {}} x", "At 1:14: something follows the end of the document" },
        { "{\"path\": {\"\\ud83d\": {}}}", "At 1:18: illegal char escape" },
    };

    RUN(examples);
}

static void names_what_is_wrong(void)
{
    static const struct example examples[] = {
        { "bad packet", "At 1:11: expected '=', '{' or a label behind the "
                        "key" },
        { "rule \"a\" {}", "invalid key \"rule\" on line 1" },
        { "path \"a\" {\n\n  capability = [\"read\"] }",
            "path \"a\": invalid key \"capability\" on line 3" },
        { "path \"a\" { capabilities = [\"reed\"] }",
            "path \"a\": invalid capability \"reed\" on line 1" },
        { "path \"a\" { capabilities = [1] }",
            "path \"a\": a list of texts is expected for \"capabilities\" "
            "on line 1" },
        { "path \"a\" { policy = \"banana\" }", "path \"a\": invalid policy \"banana\" on line 1" },
        { "path \"a/+*\" { policy = \"read\" }",
            "path \"a/+*\": invalid use of wildcards ('+*' is forbidden) "
            "on line 1" },
        { "path \"a\" { min_wrapping_ttl = \"2h\" max_wrapping_ttl = \"1h\" }",
            "path \"a\": max_wrapping_ttl cannot be less than "
            "min_wrapping_ttl on line 1" },
        { "path \"a\" { min_wrapping_ttl = \"soon\" }",
            "path \"a\": a duration is expected for \"min_wrapping_ttl\" "
            "on line 1" },
        { "path \"a\" { mfa_methods = [\"m\"] }",
            "path \"a\": there are no second factors here, so this cannot "
            "be kept: \"mfa_methods\" on line 1" },
        { "path \"a\" { approvals { count = 0 policies = [\"x\"] } }",
            "path \"a\": a number from 1 to 100 is expected for \"count\" "
            "on line 1" },
        { "path \"a\" { approvals { count = 1 } }",
            "path \"a\": whose approvals count is not said in "
            "\"approvals\" on line 1" },
        { "path = \"a\"", "path \"\": an object is expected for \"path\" on line 1" },
        { "path \"a", "At 1:7: literal not terminated" },
        { "path \"a\" {", "At 1:11: object expected closing '}'" },
        { "path \"a\" { comment = <<X\nabc", "At 2:4: heredoc not "
                                             "terminated" },
        { "/* never", "At 1:8: comment not terminated" },
        { "path \"a\" { capabilities = [\"read\" \"list\"] }",
            "At 1:35: error parsing list, expected comma or list end" },
    };

    RUN(examples);
}

static void refuses_bombs(void)
{
    struct err err = { 0 };
    struct buf b;

    buf_init(&b, 8 << 20);
    for (unsigned i = 0; i < 100000; i++)
        buf_text(&b, "a{");
    CHECK(parse_policy(&arena, buf_as_str(&b), &err) == NULL);
    b.len = 0;
    buf_text(&b, "path \"a\" { capabilities = [");
    for (unsigned i = 0; i < 300000; i++)
        buf_text(&b, "1,");
    CHECK(parse_policy(&arena, buf_as_str(&b), &err) == NULL);
    b.len = 0;
    buf_text(&b, "x ");
    for (unsigned i = 0; i < 100000; i++)
        buf_text(&b, "a ");
    CHECK(parse_policy(&arena, buf_as_str(&b), &err) == NULL);
    buf_free(&b);
}

static void says_the_text_of_base64(void)
{
    struct err err = { 0 };
    struct value *v = parse_policy(&arena, STR("cGF0aCAiYSIge30K"), &err);

    CHECK(v != NULL);
    CHECK_STR(value_get_text(v, "text", STR_NONE), "path \"a\" {}\n");
    v = parse_policy(&arena, STR("path \"a\" {}"), &err);
    CHECK(v != NULL && value_get(v, "text") == NULL);
}

TESTS(CASE(reads_hcl), CASE(reads_json), CASE(names_what_is_wrong), CASE(refuses_bombs),
    CASE(says_the_text_of_base64))
