/*
 * entries_read - asks the store over the reading link, and waits for the answer.
 *
 * It waits at most CORE_READ_WITHIN.  Once an answer is late nothing waits any more: questions are refused
 * at once until it has come, so that a stuck disk costs the keeper one such wait and not one for each request.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/time.h"
#include "keeper/core/core_int.h"
#include "keeper/core/entries_inside_int.h"
#include "store/messages.h"
#include "store/wire.h"

enum { READ_PIECE = 64 << 10, KEEP = 1 << 20 };

void reader_init(struct reader *r)
{
    memset(r, 0, sizeof(*r));
    r->fd = -1;
    buf_init(&r->in, LINK_HEAD + STORE_MESSAGE_MAX + READ_PIECE);
    buf_init(&r->answer, 256);
}

void reader_attach(struct reader *r, int fd)
{
    if (r->fd >= 0)
        close(r->fd);
    buf_free(&r->in);
    reader_init(r);
    r->fd = fd;
}

static void hang_up(struct reader *r)
{
    reader_attach(r, -1);
}

/* What has arrived. False: the link has ended. */
static bool take_in(struct reader *r)
{
    for (;;) {
        char *to = buf_reserve(&r->in, READ_PIECE);
        ssize_t n;

        if (to == NULL)
            return false;
        n = recv(r->fd, to, READ_PIECE, MSG_DONTWAIT);
        if (n > 0)
            r->in.len += (size_t)n;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < READ_PIECE)
            return true;
    }
}

/* 1: the first whole frame is the answer to the last question; 0 not yet; -1: nonsense. */
static int look(struct reader *r, uint16_t *type, struct str *body)
{
    for (;;) {
        uint32_t length;
        uint64_t id;

        if (r->in.len < LINK_HEAD)
            return 0;
        memcpy(&length, r->in.data, 4);
        memcpy(type, r->in.data + 4, 2);
        memcpy(&id, r->in.data + 8, 8);
        length = le32toh(length);
        *type = le16toh(*type);
        id = le64toh(id);
        if (length > STORE_MESSAGE_MAX || id > r->asked)
            return -1;
        if (r->in.len < LINK_HEAD + (size_t)length)
            return 0;
        if (id == r->asked) {
            *body = (struct str){ r->in.data + LINK_HEAD, length };
            return 1;
        }
        buf_consume(&r->in, LINK_HEAD + (size_t)length); /* of a question that nobody waits for */
    }
}

static bool send_question(struct reader *r, uint16_t type, struct str body)
{
    struct iovec v = { (void *)(uintptr_t)body.at, body.len };

    r->asked++;
    return link_answer(r->fd, type, r->asked, &v, 1);
}

/* Nothing of an answer stays behind when the next question is asked. */
static void forget_answer(struct reader *r)
{
    if (r->in.cap > KEEP)
        buf_free(&r->in);
    r->in.len = 0;
    r->in.over = false;
}

static enum read_result wait_for(struct reader *r, uint16_t *type, struct str *body)
{
    nsec_t deadline = time_nsec() + (nsec_t)CORE_READ_WITHIN * 1000000;
    int got;

    while ((got = look(r, type, body)) == 0) {
        struct pollfd p = { .fd = r->fd, .events = POLLIN };
        nsec_t now = time_nsec();

        if (now >= deadline) {
            r->late = true;
            return READ_BUSY;
        }
        if (poll(&p, 1, (int)((deadline - now) / 1000000) + 1) > 0 && !take_in(r))
            got = -1;
        if (got == -1)
            break;
    }
    if (got == 1)
        return READ_OK;
    hang_up(r);
    return READ_BUSY;
}

/* Has the late answer come by now? */
static bool is_late(struct reader *r)
{
    struct str body;
    uint16_t type;
    int got;

    if (!take_in(r) && look(r, &type, &body) != 1) {
        hang_up(r);
        return true;
    }
    got = look(r, &type, &body);
    if (got == -1)
        hang_up(r);
    r->late = got != 1;
    return r->late;
}

enum read_result reader_ask(
    struct reader *r, uint16_t type, struct str body, uint16_t expected, struct str *answer)
{
    enum read_result result;
    uint16_t answered = 0;

    if (r->fd < 0 || (r->late && is_late(r)))
        return READ_BUSY;
    forget_answer(r);
    if (!send_question(r, type, body)) {
        hang_up(r);
        return READ_BUSY;
    }
    result = wait_for(r, &answered, answer);
    if (result != READ_OK || answered == expected)
        return result;
    if (answered != STORE_REFUSED) {
        hang_up(r);
        return READ_BUSY;
    }
    return str_starts(*answer, STR("store_corrupt")) ? READ_CORRUPT : READ_BUSY;
}

enum read_result entries_ask(struct entries *e, uint16_t type, struct str body, struct str *answer)
{
    if (e->scratch != NULL)
        return scratch_ask(e->scratch, type, body, answer);
    if (e->quiet > e->durable)
        return READ_BUSY;
    return reader_ask(&e->reader, type, body, STORE_ROWS, answer);
}

bool rows_begin(struct str *answer, uint32_t *n)
{
    return wire_take_u32(answer, n) && *n <= answer->len / WIRE_ROW_LEAST;
}

void tx_fail(struct tx *t, enum read_result why)
{
    if (t->failed != NULL || why == READ_OK)
        return;
    t->busy = why == READ_BUSY;
    t->failed = why == READ_BUSY ? "the storage does not answer"
                                 : "the storage gave what the keeper never wrote: a damaged or "
                                   "swapped entry";
}

struct str row_path(struct entries *e, const struct row *r, struct arena *a)
{
    char *to;
    uint8_t id[STORE_ID];
    size_t len;

    if (r->name.len < BARRIER_OVERHEAD || r->name.len > ENTRY_PATH_MAX + BARRIER_OVERHEAD)
        return STR_NONE;
    to = arena_alloc(a, r->name.len);
    if (!barrier_unseal(e->barrier, r->id, r->folder, SEALED_NAME, r->name, to, &len) || len == 0)
        return STR_NONE;
    barrier_blind(e->barrier, (struct str){ to, len }, id);
    if (memcmp(id, r->id, STORE_ID) != 0)
        return STR_NONE;
    return (struct str){ to, len };
}
