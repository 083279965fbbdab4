/*
 * log - see log.h.
 *
 * What the workers write lies in chunks (log_ring_int.h); here is the thread
 * that takes them to the descriptor.  It sleeps in one of two ways, and only
 * the worker that ends a sleep pays a system call:
 *
 *     ASLEEP  --first line--> AWAKE --writes--> NAPPING (50 ms at most)
 *       ^                                        |   |
 *       +-------- nothing came ------------------+   +-- time is up, or a few
 *                                                        chunks are full: AWAKE
 *
 * so that a busy edge wakes it now and then, and an idle one costs nothing.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "base/time.h"
#include "watch/log.h"
#include "watch/log_ring_int.h"

enum {
    WAKE_CHUNKS = 3, /* two full ones and the open one */
    NAP_MSEC = 50,
    BACKOFF_MSEC_MIN = 50,
    BACKOFF_MSEC_MAX = 1000,
    /* A pipe that poll() calls writable takes this much without blocking. */
    PIPE_PIECE = 4096,
    FAREWELL_MSEC = 1000,
    /* So many naps without a drop make a recovery, or a slow disk would fill stderr. */
    QUIET_ROUNDS = 10,
};

enum sleep {
    AWAKE,
    NAPPING, /* until a ring has WAKE_CHUNKS, at most NAP_MSEC */
    ASLEEP,  /* until a line comes */
    WAITING, /* after a failed write; lines do not end it */
};

struct log {
    unsigned nrings;
    struct log_ring *rings;
    pthread_t thread;
    _Atomic uint32_t sleep; /* enum sleep; futex */
    _Atomic bool stopping;
    void (*on_rotate)(void *arg);
    void *arg;

    pthread_mutex_t lock; /* for the next four */
    _Atomic bool has_next;
    int next_fd;
    uint64_t next_size;
    uint64_t next_rotate_size;

    /* The writer's. */
    int fd;
    bool blocks; /* a pipe, a terminal, a socket: ask before writing */
    uint64_t size;
    uint64_t rotate_size;
    bool rotate_asked;
    bool busy;   /* this round moved something */
    bool more;   /* and did not come to the end */
    int backoff; /* msec; 0: writes succeed */
    int error;   /* of the last write; 0: it succeeded */
    bool said;   /* that lines are dropped */
    unsigned quiet_rounds;
    uint64_t dropped_before;
    uint64_t dropped_said;
    _Atomic uint64_t written;
    _Atomic uint64_t bytes;
};

/* ---- the workers' side ---- */

char *log_begin(struct log *l, unsigned ring, uint32_t n)
{
    return ring_begin(&l->rings[ring], n);
}

void log_commit(struct log *l, unsigned ring, uint32_t used)
{
    ring_commit(&l->rings[ring], used);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* msec < 0: for ever. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value, int msec)
{
    struct timespec limit = { .tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000L };

    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, msec < 0 ? NULL : &limit, NULL, 0);
}

static void wake_writer(struct log *l)
{
    if (atomic_exchange(&l->sleep, AWAKE) != AWAKE)
        futex_wake(&l->sleep);
}

void log_flush(struct log *l, unsigned ring)
{
    struct log_ring *r = &l->rings[ring];
    uint32_t sleep;

    if (!ring_flush(r))
        return;
    /* After ring_flush(), as in fall_asleep(): we see the sleeper, or it sees our lines. */
    sleep = atomic_load(&l->sleep);
    if (sleep == ASLEEP || (sleep == NAPPING && ring_backlog(r) >= WAKE_CHUNKS))
        wake_writer(l);
}

/* ---- the writer's side ---- */

/* To stderr, if that does not block. */
static void say(const char *text, int len)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

    if (len > 0 && poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0 &&
        write(STDERR_FILENO, text, (size_t)len) < 0)
        return; /* there is nobody else to tell */
}

static uint64_t count_dropped(const struct log *l)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < l->nrings; i++)
        n += atomic_load_explicit(&l->rings[i].dropped, memory_order_relaxed);
    return n;
}

static bool is_drained(const struct log *l)
{
    for (unsigned i = 0; i < l->nrings; i++)
        if (!ring_is_drained(&l->rings[i]))
            return false;
    return true;
}

/* Says once that lines are being dropped, and once that they no longer are. */
static void report_drops(struct log *l)
{
    uint64_t dropped = count_dropped(l);
    char text[256];

    if (dropped == l->dropped_before && l->error == 0 && is_drained(l))
        l->quiet_rounds++;
    else
        l->quiet_rounds = 0;
    if (!l->said && dropped != l->dropped_before) {
        l->said = true;
        say(text, snprintf(text, sizeof(text),
                      "weir: log: events are being dropped: %s; requests go on [log_dropped]\n",
                      l->error != 0 && l->error != EAGAIN ? strerrordesc_np(l->error)
                                                          : "the log is written too slowly"));
    } else if (l->said && l->quiet_rounds >= QUIET_ROUNDS) {
        l->said = false;
        say(text, snprintf(text, sizeof(text),
                      "weir: log: writing again, %llu events were dropped [log_recovered]\n",
                      (unsigned long long)(dropped - l->dropped_said)));
        l->dropped_said = dropped;
    }
    l->dropped_before = dropped;
}

static void take_next_fd(struct log *l)
{
    struct stat st;

    pthread_mutex_lock(&l->lock);
    if (!l->has_next) {
        pthread_mutex_unlock(&l->lock);
        return;
    }
    if (l->fd >= 0)
        close(l->fd);
    l->fd = l->next_fd;
    l->size = l->next_size;
    l->rotate_size = l->next_rotate_size;
    l->has_next = false;
    pthread_mutex_unlock(&l->lock);

    l->blocks = l->fd >= 0 && fstat(l->fd, &st) == 0 && !S_ISREG(st.st_mode);
    l->rotate_asked = false;
    l->backoff = 0;
    l->error = 0;
    for (unsigned i = 0; i < l->nrings; i++) /* a torn line: all of it to the new one */
        ring_rewind(&l->rings[i]);
}

static void ask_rotation(struct log *l)
{
    if (l->rotate_asked || l->on_rotate == NULL)
        return;
    l->rotate_asked = true;
    l->on_rotate(l->arg);
}

/* Waits until the reader of a pipe takes more, at most msec; false when it does not. */
static bool wait_writable(struct log *l, int msec)
{
    struct pollfd p = { .fd = l->fd, .events = POLLOUT };

    return poll(&p, 1, msec) == 1 && (p.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
}

/* At most PIPE_PIECE bytes, and whole lines if one ends in there: others write to a pipe too. */
static struct str pipe_piece(struct str piece)
{
    const char *newline;

    if (piece.len <= PIPE_PIECE)
        return piece;
    piece.len = PIPE_PIECE;
    newline = memrchr(piece.at, '\n', piece.len);
    if (newline != NULL)
        piece.len = (size_t)(newline + 1 - piece.at);
    return piece;
}

/* One write. False when it cannot be done now. */
static bool write_piece(struct log *l, struct log_ring *r, struct str piece)
{
    ssize_t n;

    if (l->fd < 0) {
        ring_advance(r, piece.len);
        return true;
    }
    if (l->blocks) {
        piece = pipe_piece(piece);
        if (!wait_writable(l, atomic_load(&l->stopping) ? FAREWELL_MSEC : 0)) {
            l->error = EAGAIN;
            return false;
        }
    }
    n = write(l->fd, piece.at, piece.len);
    if (n <= 0) {
        l->error = n < 0 ? errno : ENOSPC;
        return l->error == EINTR;
    }
    l->error = 0;
    l->size += (uint64_t)n;
    atomic_fetch_add_explicit(&l->bytes, (uint64_t)n, memory_order_relaxed);
    ring_advance(r, (size_t)n);
    return true;
}

/*
 * What the ring holds.  After as much as it can hold at most we look up, for a
 * worker may be as fast as we are.  False: the descriptor takes no more.
 */
static bool drain_ring(struct log *l, struct log_ring *r)
{
    size_t left = (size_t)CHUNKS_MAX * CHUNK_SIZE;
    uint64_t committed;
    struct str piece;

    while ((piece = ring_peek(r)).len > 0) {
        if (left == 0) {
            l->more = true;
            return true;
        }
        left -= piece.len < left ? piece.len : left;
        if (!write_piece(l, r, piece))
            return false;
        l->busy = true;
    }
    /* Some lines more than were written may be in there: they come with the next round. */
    committed = atomic_load_explicit(&r->committed, memory_order_relaxed);
    if (l->fd >= 0)
        atomic_fetch_add_explicit(&l->written, committed - r->counted, memory_order_relaxed);
    r->counted = committed;
    return true;
}

/* The ring with the torn line goes first: nothing may come between its parts. */
static bool drain(struct log *l)
{
    for (unsigned i = 0; i < l->nrings; i++)
        if (ring_is_torn(&l->rings[i]) && !drain_ring(l, &l->rings[i]))
            return false;
    for (unsigned i = 0; i < l->nrings; i++)
        if (!drain_ring(l, &l->rings[i]))
            return false;
    return true;
}

static bool is_called(struct log *l)
{
    return atomic_load(&l->stopping) || atomic_load(&l->has_next);
}

static void fall_asleep(struct log *l, enum sleep how, int msec)
{
    atomic_store(&l->sleep, how);
    if (!is_called(l) && (how != ASLEEP || is_drained(l)))
        futex_wait(&l->sleep, how, msec);
    atomic_store(&l->sleep, AWAKE);
}

static void back_off(struct log *l)
{
    if (l->error == EAGAIN) {
        wait_writable(l, NAP_MSEC);
        return;
    }
    if (l->error == EIO)
        ask_rotation(l);
    l->backoff = l->backoff > 0 ? l->backoff * 2 : BACKOFF_MSEC_MIN;
    if (l->backoff > BACKOFF_MSEC_MAX)
        l->backoff = BACKOFF_MSEC_MAX;
    fall_asleep(l, WAITING, l->backoff);
}

static void rest(struct log *l, bool drained)
{
    if (!drained) {
        back_off(l);
        return;
    }
    l->backoff = 0;
    if (l->rotate_size > 0 && l->size >= l->rotate_size)
        ask_rotation(l);
    if (l->more)
        return;
    if (l->busy || l->said)
        fall_asleep(l, NAPPING, NAP_MSEC);
    else
        fall_asleep(l, ASLEEP, -1);
}

static void *write_log(void *arg)
{
    struct log *l = arg;

    for (;;) {
        bool stopping = atomic_load(&l->stopping); /* before the last look at the rings */
        bool drained;

        take_next_fd(l);
        l->busy = false;
        l->more = false;
        drained = drain(l);
        report_drops(l);
        if (stopping && !l->more)
            return NULL;
        rest(l, drained);
    }
}

/* ---- life ---- */

struct log *log_new(unsigned nrings, void (*on_rotate)(void *arg), void *arg)
{
    struct log *l = xcalloc(1, sizeof(*l));
    void *rings;
    sigset_t all;
    sigset_t old;

    MUST(nrings > 0 &&
         posix_memalign(&rings, LOG_CACHE_LINE, nrings * sizeof(struct log_ring)) == 0);
    memset(rings, 0, nrings * sizeof(struct log_ring));
    l->rings = rings;
    l->nrings = nrings;
    l->on_rotate = on_rotate;
    l->arg = arg;
    l->fd = -1;
    pthread_mutex_init(&l->lock, NULL);

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    MUST(pthread_create(&l->thread, NULL, write_log, l) == 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return l;
}

/* Says what the descriptor did not take to the last. */
static void report_lost(struct log *l)
{
    uint64_t lost = 0;
    char text[128];

    for (unsigned i = 0; i < l->nrings; i++)
        lost += atomic_load(&l->rings[i].committed) - l->rings[i].counted;
    if (lost > 0)
        say(text,
            snprintf(text, sizeof(text), "weir: log: the last %llu events were lost [log_lost]\n",
                (unsigned long long)lost));
}

void log_free(struct log *l)
{
    if (l == NULL)
        return;
    atomic_store(&l->stopping, true);
    wake_writer(l);
    pthread_join(l->thread, NULL);
    report_lost(l);
    if (l->fd >= 0)
        close(l->fd);
    if (l->has_next && l->next_fd >= 0)
        close(l->next_fd);
    for (unsigned i = 0; i < l->nrings; i++)
        ring_free_chunks(&l->rings[i]);
    free(l->rings);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

void log_set_fd(struct log *l, int fd, uint64_t size, uint64_t rotate_size)
{
    pthread_mutex_lock(&l->lock);
    if (l->has_next && l->next_fd >= 0)
        close(l->next_fd);
    l->next_fd = fd;
    l->next_size = size;
    l->next_rotate_size = rotate_size;
    atomic_store(&l->has_next, true);
    pthread_mutex_unlock(&l->lock);
    wake_writer(l);
}

struct log_stats log_get_stats(const struct log *l)
{
    return (struct log_stats){
        .written = atomic_load_explicit(&l->written, memory_order_relaxed),
        .dropped = count_dropped(l),
        .bytes = atomic_load_explicit(&l->bytes, memory_order_relaxed),
    };
}
