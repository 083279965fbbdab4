/*
 * Policies as clients may write them, of both kinds: no input crashes, what is read is within the
 * limits, and every refusal has a sentence.
 */
#include "base/bug.h"
#include "vault/hcl_int.h"
#include "vault/parsed_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rules(const struct value *rules)
{
    MUST(rules != NULL && rules->kind == VALUE_LIST);
    value_each (rule, rules) {
        const struct value *capabilities = value_get(rule, "capabilities");

        MUST(value_get(rule, "path") != NULL && capabilities != NULL);
        MUST(value_get_i64(rule, "min_wrapping_ttl", 0) >= 0);
        value_each (c, capabilities)
            MUST(c->kind == VALUE_TEXT && c->text.len > 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct arena arena;
    struct err err = { 0 };
    struct value *v;

    arena_init(&arena, 16 << 10);
    v = parse_policy(&arena, text, &err);
    if (v != NULL)
        check_rules(value_get(v, "rules"));
    else
        MUST(err.text[0] != '\0');
    v = parse_password_policy(&arena, text, &err);
    MUST(v == NULL || value_get_i64(v, "length", 0) >= 4);
    arena_free(&arena);
    return 0;
}
