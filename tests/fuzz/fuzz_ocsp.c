/*
 * OCSP requests in DER, and the base64 of transit backups: all that a client sends as one opaque piece.
 */
#include "base/bug.h"
#include "vault/parsed_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct arena arena;
    struct err err = { 0 };
    struct value *v;

    arena_init(&arena, 16 << 10);
    v = parse_ocsp(&arena, text, &err);
    MUST(v != NULL || err.text[0] != '\0');
    value_each (one, value_get(v, "requests")) {
        MUST(value_get_text(one, "serial", STR_NONE).len <= 64);
        MUST(value_get_text(one, "hash", STR_NONE).len > 0);
    }
    MUST(v == NULL || value_get_text(v, "nonce", STR_NONE).len <= 128);
    v = parse_backup(&arena, text, &err);
    MUST(v == NULL || v->kind == VALUE_MAP);
    arena_free(&arena);
    return 0;
}
