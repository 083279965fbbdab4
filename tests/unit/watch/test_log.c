/*
 * The log: whole lines, in order, none lost unless counted, whatever the descriptor does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "check.h"
#include "watch/log.h"

enum { PATIENCE_MSEC = 20000 };

/* Looks again every millisecond, for as long as it may take on a busy machine. */
#define WAIT_FOR(x)                                                                                \
    do {                                                                                           \
        for (int left_ = PATIENCE_MSEC; left_ > 0 && !(x); left_--)                                \
            poll(NULL, 0, 1);                                                                      \
        CHECK(x);                                                                                  \
    } while (0)

static bool put(struct log *l, unsigned ring, const char *text)
{
    struct str line = str_from(text);
    char *to = log_begin(l, ring, (uint32_t)line.len + 100);

    if (to == NULL)
        return false;
    memcpy(to, line.at, line.len);
    log_commit(l, ring, (uint32_t)line.len);
    return true;
}

/* "RING NUMBER ...\n", of a length that the number gives. */
static bool put_numbered(struct log *l, unsigned ring, unsigned number)
{
    char line[512];
    int head = snprintf(line, sizeof(line), "%u %u ", ring, number);
    size_t dots = number * 7 % 400;

    memset(line + head, '.', dots);
    memcpy(line + (size_t)head + dots, "\n", 2);
    if (!put(l, ring, line))
        return false;
    log_flush(l, ring);
    return true;
}

static struct str content(int fd)
{
    static struct buf b;
    struct err err;

    buf_free(&b);
    buf_init(&b, 256 << 20);
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && fd_read_all(fd, &b, &err) == 0);
    return buf_as_str(&b);
}

static int new_file(void)
{
    return memfd_create("log", MFD_CLOEXEC);
}

static void lines_reach_the_file_in_order(void)
{
    int fd = new_file();
    struct log *l = log_new(1, NULL, NULL);

    log_set_fd(l, dup(fd), 0, 0);
    CHECK(put(l, 0, "one\n") && put(l, 0, "two\n"));
    log_flush(l, 0);
    WAIT_FOR(log_get_stats(l).written == 2);
    CHECK_STR(content(fd), "one\ntwo\n");
    CHECK(put(l, 0, "three\n"));
    log_flush(l, 0);
    WAIT_FOR(log_get_stats(l).written == 3);
    CHECK_U64(log_get_stats(l).bytes, 14);
    CHECK(put(l, 0, "four\n")); /* not flushed: written at the end */
    log_free(l);
    CHECK_STR(content(fd), "one\ntwo\nthree\nfour\n");
    close(fd);
}

static void without_a_descriptor_lines_are_discarded(void)
{
    struct log *l = log_new(1, NULL, NULL);

    for (unsigned i = 0; i < 20000; i++) /* some megabytes */
        while (!put_numbered(l, 0, i))
            poll(NULL, 0, 1);
    CHECK_U64(log_get_stats(l).written, 0);
    log_free(l);
}

struct worker {
    struct log *log;
    unsigned ring;
    unsigned lines;
    _Atomic unsigned dropped;
};

static void *write_lines(void *arg)
{
    struct worker *w = arg;
    unsigned dropped = 0;

    for (unsigned i = 0; i < w->lines; i++)
        dropped += !put_numbered(w->log, w->ring, i);
    atomic_store(&w->dropped, dropped);
    return NULL;
}

/* Every line is whole and each ring's lines are in order; returns how many there are. */
static unsigned check_lines(struct str text, unsigned nrings)
{
    unsigned next[8] = { 0 };
    unsigned n = 0;

    CHECK(text.len == 0 || text.at[text.len - 1] == '\n');
    while (text.len > 0) {
        struct str line = str_cut(text, '\n', &text);
        struct str rest;
        uint64_t ring;
        uint64_t number;
        bool ok = str_to_u64(str_cut(line, ' ', &rest), nrings - 1, &ring) &&
                  str_to_u64(str_cut(rest, ' ', &rest), 1 << 30, &number);

        CHECK(ok);
        if (!ok)
            break;
        CHECK(number >= next[ring] && rest.len == number * 7 % 400);
        next[ring] = (unsigned)number + 1;
        n++;
    }
    return n;
}

static void what_is_not_dropped_is_there(void)
{
    enum { WORKERS = 3, LINES = 60000 };
    int fd = new_file();
    struct log *l = log_new(WORKERS, NULL, NULL);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    unsigned dropped = 0;

    log_set_fd(l, dup(fd), 0, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){ .log = l, .ring = i, .lines = LINES };
        pthread_create(&threads[i], NULL, write_lines, &workers[i]);
    }
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        dropped += workers[i].dropped;
    }
    CHECK_U64(log_get_stats(l).dropped, dropped);
    WAIT_FOR(log_get_stats(l).written == WORKERS * LINES - dropped);
    log_free(l);
    CHECK_U64(check_lines(content(fd), WORKERS), WORKERS * LINES - dropped);
    close(fd);
}

static void a_full_disk_drops_and_recovers(void)
{
    int fd = new_file();
    struct log *l = log_new(1, NULL, NULL);

    log_set_fd(l, open("/dev/full", O_WRONLY | O_CLOEXEC), 0, 0);
    while (put(l, 0, "this line has nowhere to go but waits, until the ring is full\n"))
        log_flush(l, 0);
    CHECK_U64(log_get_stats(l).dropped, 1);
    CHECK_U64(log_get_stats(l).written, 0);
    log_set_fd(l, dup(fd), 0, 0);
    WAIT_FOR(log_get_stats(l).written > 0);
    CHECK(put(l, 0, "there is room again\n"));
    log_free(l);
    CHECK(str_starts(content(fd), STR("this line has nowhere to go")));
    CHECK(str_ends(content(fd), STR("full\nthere is room again\n")));
    close(fd);
}

static void limit_file_size(rlim_t n)
{
    struct rlimit limit = { .rlim_cur = n, .rlim_max = RLIM_INFINITY };

    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static int temporary_file(void)
{
    char name[] = "/tmp/weir-test-log-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);

    CHECK(fd >= 0 && unlink(name) == 0);
    return fd;
}

/* A limit on the file's size makes write() take a part of a line, then fail. */
static void a_torn_line_is_finished_first(void)
{
    int fd = temporary_file();
    struct log *l = log_new(2, NULL, NULL);

    limit_file_size(10);
    log_set_fd(l, dup(fd), 0, 0);
    CHECK(put(l, 1, "0123456789abcdef\n"));
    log_flush(l, 1);
    WAIT_FOR(log_get_stats(l).bytes == 10);
    CHECK(put(l, 0, "from the other ring\n"));
    log_flush(l, 0);
    limit_file_size(RLIM_INFINITY);
    WAIT_FOR(log_get_stats(l).written == 2);
    CHECK_STR(content(fd), "0123456789abcdef\nfrom the other ring\n");
    log_free(l);
    close(fd);
}

static void a_new_file_gets_the_torn_line_whole(void)
{
    int torn = temporary_file();
    int fd = new_file();
    struct log *l = log_new(1, NULL, NULL);

    limit_file_size(10);
    log_set_fd(l, dup(torn), 0, 0);
    CHECK(put(l, 0, "0123456789abcdef\n"));
    log_flush(l, 0);
    WAIT_FOR(log_get_stats(l).bytes == 10);
    limit_file_size(RLIM_INFINITY);
    log_set_fd(l, dup(fd), 0, 0);
    WAIT_FOR(log_get_stats(l).written == 1);
    CHECK_STR(content(fd), "0123456789abcdef\n");
    log_free(l);
    close(torn);
    close(fd);
}

static void count_call(void *arg)
{
    atomic_fetch_add((_Atomic unsigned *)arg, 1);
}

static void asks_once_for_a_new_file(void)
{
    _Atomic unsigned asked = 0;
    int first = new_file();
    int second = new_file();
    struct log *l = log_new(1, count_call, &asked);

    log_set_fd(l, dup(first), 100, 120);
    CHECK(put(l, 0, "ten bytes\n"));
    log_flush(l, 0);
    WAIT_FOR(log_get_stats(l).written == 1);
    CHECK_U64(asked, 0);
    for (unsigned i = 2; i < 5; i++) {
        CHECK(put(l, 0, "ten bytes\n"));
        log_flush(l, 0);
        WAIT_FOR(log_get_stats(l).written == i);
    }
    WAIT_FOR(asked == 1);
    log_set_fd(l, dup(second), 0, 20);
    CHECK(put(l, 0, "to the new one, which is full with it\n"));
    log_flush(l, 0);
    WAIT_FOR(asked == 2);
    log_free(l);
    CHECK_U64(content(first).len, 40);
    CHECK_STR(content(second), "to the new one, which is full with it\n");
    close(first);
    close(second);
}

static void a_pipe_that_nobody_reads_does_not_hold_us_up(void)
{
    int ends[2];
    struct log *l = log_new(1, NULL, NULL);
    struct buf all;
    unsigned written = 0;

    buf_init(&all, 64 << 20);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    log_set_fd(l, ends[1], 0, 0);
    while (put_numbered(l, 0, written))
        written++;
    for (;;) { /* now somebody reads: all that was not dropped comes, in whole lines */
        char *to = buf_reserve(&all, 65536);
        struct pollfd p = { .fd = ends[0], .events = POLLIN };
        ssize_t n;

        if (poll(&p, 1, log_get_stats(l).written >= written ? 0 : 10) != 1) {
            if (log_get_stats(l).written >= written)
                break;
            continue;
        }
        n = read(ends[0], to, 65536);
        if (n <= 0)
            break;
        all.len += (size_t)n;
    }
    CHECK_U64(check_lines(buf_as_str(&all), 1), written);
    log_free(l);
    close(ends[0]);
    buf_free(&all);
}

struct reader {
    int fd;
    struct buf all;
};

static void *read_all(void *arg)
{
    struct reader *r = arg;
    struct err err;

    CHECK(fd_read_all(r->fd, &r->all, &err) == 0);
    return NULL;
}

static void the_end_waits_for_a_slow_pipe(void)
{
    enum { LINES = 20000 }; /* 4 MB, a thousand pieces */
    int ends[2];
    struct log *l = log_new(1, NULL, NULL);
    struct reader r = { 0 };
    pthread_t thread;

    buf_init(&r.all, 64 << 20);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    r.fd = ends[0];
    log_set_fd(l, ends[1], 0, 0);
    for (unsigned i = 0; i < LINES; i++)
        CHECK(put_numbered(l, 0, i));
    pthread_create(&thread, NULL, read_all, &r);
    log_free(l);
    pthread_join(thread, NULL);
    CHECK_U64(check_lines(buf_as_str(&r.all), 1), LINES);
    buf_free(&r.all);
    close(ends[0]);
}

static void a_closed_pipe_is_no_end(void)
{
    int ends[2];
    int fd = new_file();
    struct log *l = log_new(1, NULL, NULL);

    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    log_set_fd(l, ends[1], 0, 0);
    CHECK(put(l, 0, "nobody listens\n"));
    log_flush(l, 0);
    log_set_fd(l, dup(fd), 0, 0);
    WAIT_FOR(log_get_stats(l).written == 1);
    log_free(l);
    close(fd);
}

static void the_drop_and_the_recovery_are_said_once(void)
{
    static const char recovered[] = "weir: log: writing again, 3 events were dropped "
                                    "[log_recovered]\n";
    struct str second;
    int said = new_file();
    int stderr_before = dup(STDERR_FILENO);
    int fd = new_file();
    struct log *l = log_new(1, NULL, NULL);

    CHECK(dup2(said, STDERR_FILENO) >= 0);
    log_set_fd(l, open("/dev/full", O_WRONLY | O_CLOEXEC), 0, 0);
    while (put(l, 0, "this line has nowhere to go but waits, until the ring is full\n"))
        log_flush(l, 0);
    CHECK(!put(l, 0, "this line has nowhere to go but waits, until the ring is full\n"));
    CHECK(!put(l, 0, "this line has nowhere to go but waits, until the ring is full\n"));
    WAIT_FOR(content(said).len > 0);
    log_set_fd(l, dup(fd), 0, 0);
    WAIT_FOR(str_ends(content(said), str_from(recovered)));
    CHECK(dup2(stderr_before, STDERR_FILENO) >= 0);
    log_free(l);
    /* Why is said too; on a busy machine the ring may fill before the first write fails. */
    CHECK(str_starts(content(said), STR("weir: log: events are being dropped: ")));
    str_cut(content(said), '\n', &second);
    CHECK_STR(second, recovered);
    close(said);
    close(stderr_before);
    close(fd);
}

TESTS(CASE(lines_reach_the_file_in_order), CASE(without_a_descriptor_lines_are_discarded),
    CASE(what_is_not_dropped_is_there), CASE(a_full_disk_drops_and_recovers),
    CASE(a_torn_line_is_finished_first), CASE(a_new_file_gets_the_torn_line_whole),
    CASE(asks_once_for_a_new_file), CASE(a_pipe_that_nobody_reads_does_not_hold_us_up),
    CASE(the_end_waits_for_a_slow_pipe), CASE(a_closed_pipe_is_no_end),
    CASE(the_drop_and_the_recovery_are_said_once))
