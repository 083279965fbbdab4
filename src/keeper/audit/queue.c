/*
 * queue - see queue_int.h.
 */
#include <string.h>

#include "keeper/audit/queue_int.h"
#include "store/messages.h"

enum { FLAGS = 4, DONE = 8, REFUSAL = 1024 };

void queue_init(struct queue *q, struct loop *l)
{
    memset(q, 0, sizeof(*q));
    q->loop = l;
    buf_init(&q->lines, QUEUE_MAX);
}

void queue_free(struct queue *q)
{
    link_free(q->link);
    q->link = NULL;
    buf_free(&q->lines);
}

void queue_begin(struct queue *q, uint64_t written)
{
    q->resume = q->resume || q->refused;
    buf_clear(&q->lines);
    q->sent = 0;
    q->n = 0;
    q->added = q->written = written;
    q->waiting = q->retry = 0;
    q->refused = q->compare = q->sync = false;
}

void queue_added(struct queue *q, uint64_t seq)
{
    q->added = seq;
    if (q->waiting == 0)
        q->waiting = loop_now(q->loop);
}

/* ---- answers ---- */

static struct queue_append *oldest(struct queue *q)
{
    return &q->under_way[q->first % QUEUE_UNDER_WAY];
}

static void take_oldest(struct queue *q)
{
    q->first = (q->first + 1) % QUEUE_UNDER_WAY;
    q->n--;
}

static void on_done(struct link *l, const struct frame *f, void *arg)
{
    struct queue *q = arg;
    struct queue_append *a = oldest(q);

    (void)l;
    if (q->n == 0 || a->last != f->id || q->refused) /* only a broken store says so */
        return;
    buf_consume(&q->lines, a->len);
    q->sent -= a->len;
    q->written = a->last;
    take_oldest(q);
    q->waiting = q->n > 0 ? oldest(q)->since : q->lines.len > 0 ? loop_now(q->loop) : 0;
    q->trouble[0] = '\0';
    if (q->on_written != NULL)
        q->on_written(q->arg);
}

static void keep_sentence(struct queue *q, struct str body)
{
    const char *end = memchr(body.at, '\0', body.len);
    struct str text = body;

    if (end != NULL)
        text = (struct str){ end + 1, body.len - (size_t)(end + 1 - body.at) };
    if (text.len >= sizeof(q->trouble))
        text.len = sizeof(q->trouble) - 1;
    memcpy(q->trouble, text.at, text.len);
    q->trouble[text.len] = '\0';
}

/* All that is under way will be refused too, until we resume. */
static void on_refused(struct link *l, const struct frame *f, void *arg)
{
    struct queue *q = arg;

    (void)l;
    if (q->n == 0)
        return;
    take_oldest(q);
    if (!q->refused)
        keep_sentence(q, f->body);
    q->refused = true;
    q->refusals++;
    if (q->n == 0) {
        q->sent = 0;
        q->retry = loop_now(q->loop) + QUEUE_RETRY;
    }
}

static const struct frame_rule from_journal[] = {
    { JOURNAL_DONE, "done", DONE, on_done },
    { STORE_REFUSED, "refused", REFUSAL, on_refused },
    { 0 },
};

/* ---- the link ---- */

static void nothing_under_way(struct queue *q)
{
    q->sent = 0;
    q->n = 0;
    q->refused = false;
    q->retry = 0;
}

static void on_close(struct link *l, void *arg)
{
    struct queue *q = arg;

    q->link = NULL;
    link_free(l);
    nothing_under_way(q);
}

void queue_attach(struct queue *q, int fd)
{
    link_free(q->link);
    nothing_under_way(q);
    q->link = link_new(q->loop, fd, from_journal, on_close, q);
    q->compare = true;
}

/* ---- sending ---- */

static void send_from(struct queue *q, uint32_t flags)
{
    const uint8_t head[FLAGS] = { (uint8_t)flags };
    size_t len = q->lines.len - q->sent;
    struct iovec v[2] = { { (void *)(uintptr_t)head, FLAGS }, { q->lines.data + q->sent, len } };

    if (!link_send(q->link, JOURNAL_APPEND, q->added, v, 2))
        return;
    q->resume = false;
    q->under_way[(q->first + q->n) % QUEUE_UNDER_WAY] = (struct queue_append){
        .last = q->added,
        .len = len,
        .since = loop_now(q->loop),
    };
    q->n++;
    q->sent = q->lines.len;
    q->sync = false;
}

void queue_flush(struct queue *q)
{
    uint32_t flags = (q->sync ? JOURNAL_SYNC : 0) | (q->resume ? JOURNAL_RESUME : 0);

    if (q->link == NULL || q->compare || q->n == QUEUE_UNDER_WAY)
        return;
    if (q->refused) {
        if (q->n > 0 || loop_now(q->loop) < q->retry)
            return;
        q->refused = false;
        q->retry = 0;
        flags = JOURNAL_SYNC | JOURNAL_RESUME;
    }
    if (q->sent < q->lines.len)
        send_from(q, flags);
}

/* The line of a record that is not written yet. *end: where the next begins. False: it is not there. */
static bool find_line(const struct queue *q, uint64_t seq, struct chain_line *line, size_t *end)
{
    struct str rest = buf_as_str(&q->lines);

    while (rest.len > 0) {
        struct str one = str_cut(rest, '\n', &rest);

        if (chain_line_read(one, line) && line->seq == seq) {
            *end = (size_t)(one.at + one.len + 1 - q->lines.data);
            return true;
        }
    }
    return false;
}

bool queue_matches(struct queue *q, struct str last_line)
{
    struct chain_line theirs = { 0 };
    struct chain_line ours;
    size_t end;
    bool known = last_line.len == 0 || chain_line_read(last_line, &theirs);

    q->compare = false;
    if (known && theirs.seq > q->written && theirs.seq <= q->added &&
        find_line(q, theirs.seq, &ours, &end) && memcmp(ours.hash, theirs.hash, CHAIN_HASH) == 0) {
        buf_consume(&q->lines, end);
        q->written = theirs.seq;
    }
    q->sync = q->lines.len > 0;
    q->waiting = q->lines.len > 0 ? loop_now(q->loop) : 0;
    return known && theirs.seq == q->written;
}

bool queue_is_stuck(const struct queue *q, msec_t at_most)
{
    return q->link == NULL || q->refused || q->compare || q->lines.over ||
           q->lines.len > QUEUE_MAX / 2 ||
           (q->waiting != 0 && loop_now(q->loop) > q->waiting + at_most);
}
