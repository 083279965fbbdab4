/*
 * What somebody may have written into an audit journal: any bytes as lines, read as the keeper and the verifier read them.
 *
 * A line that is read as a record must have its text before its hash, and a head its root; nothing a stranger wrote may be signed.
 */
#include <stddef.h>
#include <stdint.h>

#include "base/bug.h"
#include "keeper/audit/chain_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(struct str text)
{
    struct chain_line line;
    struct chain_head head;

    if (chain_line_read(text, &line)) {
        MUST(line.seq > 0);
        MUST(line.text.at == text.at && line.text.len + CHAIN_SUFFIX == text.len);
    }
    (void)chain_is_head(text);
    if (chain_head_read(text, &head)) {
        struct buf b;

        (void)chain_head_verify(&head);
        buf_init(&b, 1 << 16);
        chain_head_write(&head, &b);
        MUST(!b.over && chain_is_head((struct str){ ",\"type\":\"head\",\"size\":", 22 }));
        buf_free(&b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size };

    while (rest.len > 0) {
        struct str behind;

        look(str_cut(rest, '\n', &behind));
        rest = behind.at != NULL ? behind : STR("");
    }
    return 0;
}
