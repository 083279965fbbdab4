/*
 * What somebody may hand to a restore as a backup: any bytes, in any pieces.
 *
 * The first byte says which key opens it (a recipient's, or the file key itself, so that any header will do) and how
 * large the pieces are.  The answer must not depend on the pieces, and nothing of a file that does not end well counts as whole.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bug.h"
#include "keeper/seal/backup_file_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    unsigned records;
    size_t bytes;
};

static bool on_record(void *arg, enum backup_record kind, struct str body, struct err *err)
{
    struct heard *h = arg;

    (void)kind;
    (void)err;
    h->records++;
    h->bytes += body.len;
    return true;
}

static bool feed(const uint8_t *data, size_t size, bool is_file_key, size_t step, struct heard *h)
{
    static const uint8_t key[BACKUP_KEY] = { 1 };
    struct backup_handler handler = { on_record, h };
    struct backup_reader *r = backup_reader_new(key, is_file_key, &handler);
    struct err err = { 0 };
    bool ok = true;

    for (size_t at = 0; at < size && ok; at += step) {
        size_t n = size - at < step ? size - at : step;

        ok = backup_reader_feed(r, (struct str){ (const char *)data + at, n }, &err);
    }
    MUST(ok || err.id != NULL);
    ok = ok && backup_reader_is_whole(r);
    backup_reader_free(r);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard one = { 0 };
    struct heard two = { 0 };
    bool whole;

    if (size < 1)
        return 0;
    whole = feed(data + 1, size - 1, (data[0] & 1) != 0, 1 + data[0] / 2U, &one);
    MUST(feed(data + 1, size - 1, (data[0] & 1) != 0, size, &two) == whole);
    MUST(!whole || (one.records == two.records && one.bytes == two.bytes));
    return 0;
}
