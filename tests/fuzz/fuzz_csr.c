/*
 * Certificate requests in PEM or DER: what comes out can be encoded for the core, and its texts are
 * clean.
 */
#include "base/buf.h"
#include "base/bug.h"
#include "vault/parsed_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct value *list)
{
    value_each (v, list)
        MUST(v->text.len > 0 && memchr(v->text.at, '\0', v->text.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct err err = { 0 };
    struct buf bytes;
    struct value *v;

    arena_init(&arena, 16 << 10);
    buf_init(&bytes, 1 << 20);
    v = parse_csr(&arena, (struct str){ (const char *)data, size }, &err);
    MUST(v != NULL || err.text[0] != '\0');
    if (v != NULL) {
        check_texts(value_get(v, "dns"));
        check_texts(value_get(v, "ips"));
        check_texts(value_get(v, "emails"));
        check_texts(value_get(v, "uris"));
        value_encode(v, &bytes);
        MUST(!bytes.over);
        MUST(value_decode(&arena, buf_as_str(&bytes), VALUE_NODES_MAX) != NULL);
    }
    buf_free(&bytes);
    arena_free(&arena);
    return 0;
}
