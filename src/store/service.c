/*
 * service - see service.h.
 *
 * Each thread owns one link and a connection of its own to the database, and answers in order.  A fourth moves
 * what was committed from the log into the database, so that no commit has to.  Commits and
 * appends that have arrived by the time the one before is done share one transaction, or one fdatasync.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/link.h"
#include "store/journal.h"
#include "store/messages.h"
#include "store/service.h"
#include "store/store.h"
#include "store/wire.h"

enum {
    ROWS_MAX = 4096,  /* of one answer */
    GATHER_MAX = 256, /* questions that share a commit */
    GATHER_BYTES = 16 << 20,
    CHANGES_MAX = 1 << 20,
    CHECKPOINT_PAGES = 1000, /* 4 MB of log */
};

struct service {
    const struct service_options *options;
    struct store *reading;
    struct store *scanning;
    struct store *writing;
    struct journal *journal;
    struct err
        gap; /* why an append was refused, until the core resumes; kind ERR_NONE: it was not */
    struct err *whys;     /* of appends that were refused, GATHER_MAX of them */
    struct store *moving; /* for checkpoints */
    pthread_mutex_t lock;
    pthread_cond_t moved; /* something is to be moved, or all ends */
    bool due;
    bool ending;
    struct err err; /* the first failure that ended a thread; kind ERR_NONE: none */
};

static void note(struct service *s, const struct err *err)
{
    pthread_mutex_lock(&s->lock);
    if (s->err.kind == ERR_NONE)
        s->err = *err;
    pthread_mutex_unlock(&s->lock);
}

/* One link has ended, or must: the others end too, so that the role ends and is started anew. */
static void end_all(struct service *s)
{
    shutdown(s->options->read_fd, SHUT_RDWR);
    shutdown(s->options->write_fd, SHUT_RDWR);
    shutdown(s->options->journal_fd, SHUT_RDWR);
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

static bool say(int fd, uint16_t type, uint64_t id, struct str body)
{
    struct iovec v = { (void *)(uintptr_t)body.at, body.len };

    return link_answer(fd, type, id, &v, 1);
}

static bool say_refused(int fd, uint64_t id, const struct err *err)
{
    struct iovec v[] = {
        { (void *)(uintptr_t)err->id, strlen(err->id) + 1 },
        { (void *)(uintptr_t)err->text, strlen(err->text) },
    };

    return link_answer(fd, STORE_REFUSED, id, v, 2);
}

/* ---- reading ---- */

struct question {
    struct service *service;
    struct str body; /* what has not been taken yet */
    struct arena arena;
    struct row *rows;
    struct buf answer;
};

static int say_rows(struct question *q, int n)
{
    if (n < 0)
        return -1;
    wire_put_u32(&q->answer, (uint32_t)n);
    for (int i = 0; i < n; i++)
        wire_put_row(&q->answer, &q->rows[i]);
    return STORE_ROWS;
}

static int take_most(struct question *q, uint32_t *most)
{
    if (!wire_take_u32(&q->body, most) || q->body.len != 0)
        return -1;
    if (*most > ROWS_MAX)
        *most = ROWS_MAX;
    return 0;
}

static int malformed(struct err *err)
{
    return err_set(err, ERR_PEER, "store_question", "the store does not understand the question");
}

static int on_get(struct question *q, struct err *err)
{
    uint8_t id[STORE_ID];

    if (!wire_take_bytes(&q->body, id, sizeof(id)) || q->body.len != 0)
        return malformed(err);
    return say_rows(q, store_get(q->service->reading, id, &q->arena, q->rows, err));
}

static int on_list(struct question *q, struct err *err)
{
    uint8_t folder[STORE_ID];
    uint8_t after[STORE_ID];
    uint32_t most;

    if (!wire_take_bytes(&q->body, folder, sizeof(folder)) ||
        !wire_take_bytes(&q->body, after, sizeof(after)) || take_most(q, &most) == -1)
        return malformed(err);
    return say_rows(
        q, store_list(q->service->reading, folder, after, &q->arena, q->rows, (int)most, err));
}

static int on_due(struct question *q, struct err *err)
{
    uint64_t now;
    uint32_t most;

    if (!wire_take_u64(&q->body, &now) || take_most(q, &most) == -1)
        return malformed(err);
    return say_rows(
        q, store_due(q->service->reading, (int64_t)now, &q->arena, q->rows, (int)most, err));
}

static int on_older(struct question *q, struct err *err)
{
    uint32_t term;
    uint32_t most;

    if (!wire_take_u32(&q->body, &term) || take_most(q, &most) == -1)
        return malformed(err);
    return say_rows(q, store_older(q->service->reading, term, &q->arena, q->rows, (int)most, err));
}

/* A connection of its own: it may hold a moment while others read what is new. */
static int on_scan(struct question *q, struct err *err)
{
    static const uint8_t start[STORE_ID];
    struct store *s = q->service->scanning;
    uint8_t after[STORE_ID];
    uint32_t most;
    int n;

    if (!wire_take_bytes(&q->body, after, sizeof(after)) || take_most(q, &most) == -1)
        return malformed(err);
    if (memcmp(after, start, STORE_ID) == 0 && store_hold(s, true, err) == -1)
        return -1;
    n = most > 0 ? store_scan(s, after, &q->arena, q->rows, (int)most, err) : 0;
    if (n == 0 && store_hold(s, false, err) == -1)
        return -1;
    return say_rows(q, n);
}

static int on_stats(struct question *q, struct err *err)
{
    struct store_stats stats;
    struct statvfs disk;

    if (q->body.len != 0)
        return malformed(err);
    if (store_get_stats(q->service->reading, &stats, err) == -1)
        return -1;
    if (statvfs(q->service->options->folder, &disk) == -1)
        return err_set(err, ERR_SYSTEM, "store_io", "%s", q->service->options->folder);
    wire_put_u64(&q->answer, stats.rows);
    wire_put_u64(&q->answer, stats.bytes);
    wire_put_u64(&q->answer, (uint64_t)disk.f_bavail * disk.f_frsize);
    return STORE_STATED;
}

static int on_tail(struct question *q, struct err *err)
{
    uint32_t most;

    if (!wire_take_u32(&q->body, &most) || q->body.len != 0)
        return malformed(err);
    if (most > JOURNAL_TAIL_MAX)
        most = JOURNAL_TAIL_MAX;
    wire_put_u64(&q->answer, journal_size(q->service->journal));
    if (journal_tail(q->service->journal, most, &q->answer, err) == -1)
        return -1;
    return STORE_TAILED;
}

/* Each returns the answer's type, or -1 and err. */
static int (*const questions[])(struct question *q, struct err *err) = {
    [STORE_GET] = on_get,
    [STORE_LIST] = on_list,
    [STORE_DUE] = on_due,
    [STORE_OLDER] = on_older,
    [STORE_SCAN] = on_scan,
    [STORE_STATS] = on_stats,
    [STORE_TAIL] = on_tail,
};

static void *serve_reads(void *arg)
{
    struct service *s = arg;
    int fd = s->options->read_fd;
    struct question q = { .service = s };
    struct buf body;
    uint16_t type;
    uint64_t id;
    bool ok = true;

    buf_init(&body, 4096);
    buf_init(&q.answer, STORE_MESSAGE_MAX);
    arena_init(&q.arena, 1 << 16);
    q.rows = xreallocarray(NULL, ROWS_MAX, sizeof(struct row));
    while (ok && link_receive(fd, &type, &id, &body) == 1) {
        struct err err = { 0 };
        int answer = -1;

        buf_consume(&q.answer, q.answer.len);
        q.answer.over = false;
        q.body = buf_as_str(&body);
        if (type < sizeof(questions) / sizeof(questions[0]) && questions[type] != NULL)
            answer = questions[type](&q, &err);
        else
            malformed(&err);
        MUST(!q.answer.over);
        ok = answer == -1 ? say_refused(fd, id, &err)
                          : say(fd, (uint16_t)answer, id, buf_as_str(&q.answer));
        arena_reset(&q.arena);
    }
    free(q.rows);
    arena_free(&q.arena);
    buf_free(&q.answer);
    buf_free(&body);
    end_all(s);
    return NULL;
}

/* ---- gathering ---- */

struct gathered {
    uint64_t id;
    struct str body; /* in the inbox */
    uint64_t size;   /* of the journal behind it */
    bool refused;
};

/* Waits for one, takes what else came with it. How many; 0: the link has ended; -1: it speaks nonsense. */
static int gather(int fd, struct link_inbox *in, uint16_t expected, struct gathered *to)
{
    size_t bytes = 0;
    int n = 0;

    while (n < GATHER_MAX && bytes < GATHER_BYTES) {
        uint16_t type;
        int got = link_receive_next(fd, in, n == 0, &type, &to[n].id, &to[n].body);

        if (got == 0)
            break;
        if (got < 0 || type != expected)
            return -1;
        bytes += to[n].body.len;
        n++;
    }
    return n;
}

/* ---- writing ---- */

struct changes {
    struct change *at;
    size_t n;
    size_t room;
};

/* Appends the changes of one commit. False: it is malformed. */
static bool take_commit(struct str body, uint64_t *generation, struct changes *to)
{
    uint32_t count;

    if (!wire_take_u64(&body, generation) || !wire_take_u32(&body, &count) || count > CHANGES_MAX)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (to->n == to->room) {
            to->room = to->room > 0 ? to->room * 2 : 256;
            to->at = xreallocarray(to->at, to->room, sizeof(struct change));
        }
        if (!wire_take_change(&body, &to->at[to->n]))
            return false;
        to->n++;
    }
    return body.len == 0;
}

/* The log has grown: wakes the thread that moves it into the database. */
static void note_log(struct service *s)
{
    if (store_log_pages(s->writing) < CHECKPOINT_PAGES)
        return;
    pthread_mutex_lock(&s->lock);
    s->due = true;
    pthread_cond_signal(&s->moved);
    pthread_mutex_unlock(&s->lock);
}

/* The commits that belong to a living generation become one transaction. */
static bool commit_gathered(
    struct service *s, struct gathered *g, int n, uint64_t *dead, struct err *why)
{
    int fd = s->options->write_fd;
    struct changes all = { 0 };
    uint64_t newest = 0;
    bool ok = true;

    for (int i = 0; i < n && ok; i++) {
        size_t before = all.n;
        uint64_t generation;

        ok = take_commit(g[i].body, &generation, &all);
        g[i].refused = ok && generation <= *dead;
        if (g[i].refused)
            all.n = before;
        else if (ok)
            newest = generation;
    }
    if (ok && all.n > 0 && store_commit(s->writing, all.at, all.n, why) == -1) {
        *dead = newest;
        for (int i = 0; i < n; i++)
            g[i].refused = true;
    }
    note_log(s);
    for (int i = 0; i < n && ok; i++)
        ok = g[i].refused ? say_refused(fd, g[i].id, why) : say(fd, STORE_DONE, g[i].id, STR_NONE);
    free(all.at);
    return ok;
}

static void *serve_writes(void *arg)
{
    struct service *s = arg;
    struct gathered g[GATHER_MAX];
    struct link_inbox in;
    struct err why = { .id = "store_io" };
    uint64_t dead = 0; /* generations up to this one are refused */
    int n;

    link_inbox_init(&in, STORE_MESSAGE_MAX);
    while ((n = gather(s->options->write_fd, &in, STORE_COMMIT, g)) > 0 &&
           commit_gathered(s, g, n, &dead, &why))
        ;
    link_inbox_free(&in);
    end_all(s);
    return NULL;
}

/* ---- checkpoints ---- */

static bool wait_until_due(struct service *s)
{
    bool go_on;

    pthread_mutex_lock(&s->lock);
    while (!s->due && !s->ending)
        pthread_cond_wait(&s->moved, &s->lock);
    s->due = false;
    go_on = !s->ending;
    pthread_mutex_unlock(&s->lock);
    return go_on;
}

/* A failure (a full disk) leaves all in the log; the next commit has it tried again. */
static void *serve_checkpoints(void *arg)
{
    struct service *s = arg;
    struct err ignored;

    while (wait_until_due(s))
        store_checkpoint(s->moving, &ignored);
    return NULL;
}

/* ---- the journal ---- */

/* False: the link is of no more use, or the disk has lied. */
static bool append_gathered(struct service *s, struct gathered *g, int n)
{
    int fd = s->options->journal_fd;
    uint32_t any = 0;
    bool ok = true;

    for (int i = 0; i < n; i++) {
        struct str bytes = g[i].body;
        uint32_t flags;

        if (!wire_take_u32(&bytes, &flags))
            return false;
        if ((flags & JOURNAL_RESUME) != 0)
            s->gap.kind = ERR_NONE;
        if (s->gap.kind == ERR_NONE && journal_append(s->journal, bytes, &s->gap) == 0)
            any |= flags;
        g[i].size = journal_size(s->journal);
        g[i].refused = s->gap.kind != ERR_NONE;
        if (g[i].refused)
            s->whys[i] = s->gap;
    }
    if ((any & JOURNAL_SYNC) != 0 && journal_sync(s->journal, &s->whys[0]) == -1) {
        note(s, &s->whys[0]);
        return false;
    }
    for (int i = 0; i < n && ok; i++) {
        uint64_t size = g[i].size;
        char body[8];

        for (int k = 0; k < 8; k++)
            body[k] = (char)(size >> (8 * k));
        ok = g[i].refused ? say_refused(fd, g[i].id, &s->whys[i])
                          : say(fd, JOURNAL_DONE, g[i].id, (struct str){ body, sizeof(body) });
    }
    return ok;
}

static void *serve_journal(void *arg)
{
    struct service *s = arg;
    struct gathered g[GATHER_MAX];
    struct link_inbox in;
    int n;

    s->whys = xcalloc(GATHER_MAX, sizeof(*s->whys));
    link_inbox_init(&in, STORE_MESSAGE_MAX);
    while ((n = gather(s->options->journal_fd, &in, JOURNAL_APPEND, g)) > 0 &&
           append_gathered(s, g, n))
        ;
    link_inbox_free(&in);
    free(s->whys);
    end_all(s);
    return NULL;
}

/* ---- life ---- */

static int open_all(struct service *s, struct err *err)
{
    const char *folder = s->options->folder;
    char *db = xasprintf("%s/keeper.db", folder);
    char *audit = xasprintf("%s/audit", folder);
    int result = -1;

    if (mkdir(folder, 0700) == -1 && errno != EEXIST)
        err_set(err, ERR_SYSTEM, "store_open", "%s", folder);
    else if ((s->writing = store_open(db, false, err)) != NULL &&
             (s->moving = store_open(db, false, err)) != NULL &&
             (s->reading = store_open(db, true, err)) != NULL &&
             (s->scanning = store_open(db, true, err)) != NULL &&
             (s->journal = journal_open(audit, JOURNAL_SEGMENT, err)) != NULL)
        result = 0;
    free(db);
    free(audit);
    return result;
}

int store_serve(
    const struct service_options *o, void (*ready)(void *arg), void *arg, struct err *err)
{
    struct service s = {
        .options = o, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER
    };
    void *(*const serve[])(
        void *) = { serve_reads, serve_writes, serve_journal, serve_checkpoints };
    pthread_t threads[4];
    int result = open_all(&s, err);

    if (result == 0) {
        if (ready != NULL)
            ready(arg);
        for (int i = 0; i < 4; i++)
            MUST(pthread_create(&threads[i], NULL, serve[i], &s) == 0);
        for (int i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
        if (s.err.kind != ERR_NONE) {
            *err = s.err;
            result = -1;
        }
    }
    close(o->read_fd);
    close(o->write_fd);
    close(o->journal_fd);
    journal_close(s.journal);
    store_close(s.scanning);
    store_close(s.reading);
    store_close(s.moving);
    store_close(s.writing);
    return result;
}
