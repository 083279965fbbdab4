/*
 * messages - what the keeper's core says to the store role, over three links.
 *
 * A row travels as  id 32 | folder 32 | due i64 | term u32 | name length u32 | name | data length u32 | data.  Numbers are little-endian.
 *
 * Reading link (one question at a time, link_ask()):
 *   STORE_GET      id                              -> STORE_ROWS (none or one)
 *   STORE_LIST     folder 32 | after 32 (zeros: from the start) | most u32          -> STORE_ROWS, without data
 *   STORE_DUE      now i64 | most u32              -> STORE_ROWS, without data
 *   STORE_OLDER    term u32 | most u32             -> STORE_ROWS
 *   STORE_SCAN     after 32 | most u32             -> STORE_ROWS; of one moment: that of the scan from the start (after is zeros), which is
 *                  held until an answer has no rows, most is 0, or another scan starts
 *   STORE_STATS    empty                           -> STORE_STATED  rows u64 | bytes u64 | free bytes of the disk u64
 *   STORE_TAIL     most u32                        -> STORE_TAILED  size u64 (of the whole journal) | the journal's last bytes
 *   any                                            -> STORE_REFUSED  err id, NUL, sentence
 *   STORE_ROWS:    count u32 | rows
 * Writing link (commits are taken in order; several that wait are one transaction of the engine, each acknowledged):
 *   STORE_COMMIT   generation u64 | count u32 | { kind u8 | row } ...                -> STORE_DONE, or STORE_REFUSED (id of the question)
 *                  after a refusal every commit of that generation is refused, until the core begins a higher one
 * Journal link:
 *   JOURNAL_APPEND flags u32 (JOURNAL_SYNC: fdatasync before the answer) | bytes     -> JOURNAL_DONE  size u64, or STORE_REFUSED; in order
 *                  all or nothing: a torn append is cut off again before the next.  After a refusal every append is refused
 *                  until one with JOURNAL_RESUME comes, so that nothing that was on its way lands behind a gap: the core
 *                  sends anew, from the first that was refused on, once it has heard of all refusals
 */
#ifndef WEIR_STORE_MESSAGES_H
#define WEIR_STORE_MESSAGES_H

enum store_message {
    STORE_GET = 1,
    STORE_LIST,
    STORE_DUE,
    STORE_OLDER,
    STORE_SCAN,
    STORE_STATS,
    STORE_TAIL,
    STORE_COMMIT,
    JOURNAL_APPEND,
    STORE_ROWS = 64,
    STORE_STATED,
    STORE_TAILED,
    STORE_DONE,
    STORE_REFUSED,
    JOURNAL_DONE,
};

enum { STORE_MESSAGE_MAX = 40 << 20 };
enum journal_flags { JOURNAL_SYNC = 1, JOURNAL_RESUME = 2 };

#endif
