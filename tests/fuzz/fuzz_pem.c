/*
 * PEM bundles, and certificates in DER: what is let through is read again as the same bytes.
 */
#include "base/bug.h"
#include "vault/parsed_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_group(struct arena *a, const struct value *parsed, const char *group,
    struct str (*parse)(struct arena *a, struct str der))
{
    value_each (der, value_get(value_get(parsed, group), "m"))
        MUST(str_eq(parse(a, der->text), der->text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct arena arena;
    struct err err = { 0 };
    struct value *parsed;

    arena_init(&arena, 16 << 10);
    parsed = value_map(&arena);
    if (parse_pem(&arena, text, "m", parsed, &err) == -1)
        MUST(err.text[0] != '\0');
    check_group(&arena, parsed, "certificates", parse_certificate);
    check_group(&arena, parsed, "crls", parse_crl);
    parse_certificate(&arena, text);
    parse_crl(&arena, text);
    parse_private_key(&arena, text);
    parse_public_key(&arena, text);
    parse_client_chain(&arena, &text, 1);
    arena_free(&arena);
    return 0;
}
