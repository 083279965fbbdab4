/*
 * The printer of responses: any bytes for a value; what it prints is JSON, the same that the tree would print.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bug.h"
#include "base/json_read.h"
#include "vault/vault_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = { (const char *)data, size };
    struct arena a;
    struct err err = { 0 };
    struct value *v;
    struct buf printed;
    struct buf other;

    arena_init(&a, 1 << 14);
    buf_init(&printed, 1 << 24);
    buf_init(&other, 1 << 24);
    v = value_decode(&a, in, VALUE_NODES_MAX);
    MUST(vault_print(in, &printed) == (v != NULL));
    if (v != NULL) {
        json_write(v, &other);
        MUST(str_eq(buf_as_str(&printed), buf_as_str(&other)));
        MUST(json_read(&a, buf_as_str(&printed), VALUE_NODES_MAX, &err) != NULL);
    }
    buf_free(&printed);
    buf_free(&other);
    arena_free(&a);
    return 0;
}
