/*
 * entries_journal - the end of the audit journal, asked over the reading link; what is in it is audit/'s business.
 */
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

bool entries_journal_tail(
    struct entries *e, uint32_t most, struct arena *a, uint64_t *size, struct str *tail)
{
    const uint8_t question[4] = { (uint8_t)most, (uint8_t)(most >> 8), (uint8_t)(most >> 16),
        (uint8_t)(most >> 24) };
    struct str answer;

    if (reader_ask(&e->reader, STORE_TAIL, (struct str){ (const char *)question, sizeof(question) },
            STORE_TAILED, &answer) != READ_OK ||
        !wire_take_u64(&answer, size))
        return false;
    *tail = arena_str(a, answer);
    return true;
}
