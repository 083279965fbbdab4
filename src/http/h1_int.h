/*
 * h1 inside: the steps of a head, shared by the splitter (scan) and the rules.
 *
 *   request   START -> METHOD -> TARGET -> VERSION --.
 *   response  STATUS -> REASON ----------------------+-> LINE -> NAME -> VALUE -.
 *                                                         ^ |                   |
 *                                                         | '-> DONE            |
 *                                                         '---------------------'
 *   any of them -> FAILED
 *
 * In each state p->scanned is where the next byte to look at is, so that no
 * byte of a part is looked at twice however slowly it comes.
 */
#ifndef WEIR_HTTP_H1_INT_H
#define WEIR_HTTP_H1_INT_H

#include "http/h1.h"

enum h1_state {
    H1_AT_START,
    H1_AT_METHOD,
    H1_AT_TARGET,
    H1_AT_VERSION,
    H1_AT_STATUS,
    H1_AT_REASON,
    H1_AT_LINE, /* at the first byte of a field line */
    H1_AT_NAME,
    H1_AT_VALUE,
    H1_AT_DONE,
    H1_AT_FAILED,
};

/* What Connection asked for. */
enum {
    H1_SAID_CLOSE = 1,
    H1_SAID_KEEP_ALIVE = 2,
    H1_SAID_UPGRADE = 4,
    H1_SAID_NAMES = 8, /* of fields that we do not know */
};

/* What a step came to. */
enum h1_step { H1_STEP_MORE, H1_STEP_NEXT, H1_STEP_FAILED };

static inline enum h1_step h1_fail(struct h1_parser *p, enum h1_error e)
{
    p->error = e;
    p->state = H1_AT_FAILED;
    return H1_STEP_FAILED;
}

/*
 * The byte at `at` may not be there.  Control bytes have words of their own,
 * CR depends on the byte behind it (MORE when that has not come yet), and all
 * else is `otherwise`.
 */
enum h1_step h1_bad_byte(
    struct h1_parser *p, const char *data, uint32_t at, uint32_t end, enum h1_error otherwise);

/* The rules about the fields from index `from` on, in their order, then those about a whole head. */
enum h1_step h1_check_fields(struct h1_parser *p, unsigned from);
enum h1_step h1_finish_request(struct h1_parser *p);
enum h1_step h1_finish_response(struct h1_parser *p);
/* Splits head->target; H1_OK or what is wrong. */
enum h1_error h1_split_target(struct h1_head *h);

/* Is this host[:port], and does it have the host and port of the other (default ports for http)? */
bool authority_split(struct str s, struct str *host, struct str *port);
bool authority_eq(struct str a, struct str b);

#endif
