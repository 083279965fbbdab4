/*
 * Timers on a clock that the test moves; posts from another thread.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "check.h"
#include "net/loop.h"

static uint64_t *clock_page;

static void set_clock(msec_t ms)
{
    clock_page[0] = ms * 1000;
}

static struct loop *new_loop(void)
{
    if (clock_page == NULL) {
        int fd = memfd_create("clock", MFD_CLOEXEC);

        MUST(fd >= 0 && ftruncate(fd, 16) == 0 && time_use_test_clock(fd) == 0);
        clock_page = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        MUST(clock_page != MAP_FAILED);
        close(fd);
    }
    set_clock(1000);
    return loop_new();
}

struct alarm {
    struct timer timer;
    msec_t fired_at;
    unsigned fired;
};

static struct loop *now_loop;

static void ring(struct timer *t)
{
    struct alarm *a = list_item(t, struct alarm, timer);

    a->fired++;
    a->fired_at = loop_now(now_loop);
}

static void run_until(struct loop *l, msec_t ms)
{
    now_loop = l;
    set_clock(ms);
    loop_once(l, 0);
}

static void a_timer_fires_once_and_not_before_its_time(void)
{
    static const msec_t waits[] = { 1, 2, 255, 256, 257, 1000, 65535, 65536, 70000, 20000000 };
    struct loop *l = new_loop();

    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        struct alarm a = { 0 };

        set_clock(5000);
        loop_free(l);
        l = loop_new();
        timer_init(&a.timer, ring);
        timer_set(l, &a.timer, 5000 + waits[i]);
        run_until(l, 5000 + waits[i] - 1);
        CHECK_U64(a.fired, 0);
        run_until(l, 5000 + waits[i]);
        CHECK_U64(a.fired, 1);
        run_until(l, 5000 + 2 * waits[i] + 100);
        CHECK_U64(a.fired, 1);
    }
    loop_free(l);
}

static void setting_again_moves_it_both_ways(void)
{
    struct loop *l = new_loop();
    struct alarm a = { 0 };

    timer_init(&a.timer, ring);
    timer_set(l, &a.timer, 1100);
    timer_set(l, &a.timer, 3000); /* later */
    run_until(l, 2999);
    CHECK_U64(a.fired, 0);
    timer_set(l, &a.timer, 90000);
    timer_set(l, &a.timer, 3500); /* earlier */
    run_until(l, 3500);
    CHECK_U64(a.fired, 1);
    timer_set(l, &a.timer, 4000);
    timer_cancel(l, &a.timer);
    run_until(l, 10000);
    CHECK_U64(a.fired, 1);
    loop_free(l);
}

static struct alarm other;

static void cancel_other(struct timer *t)
{
    (void)t;
    timer_cancel(now_loop, &other.timer);
}

static void a_timer_may_cancel_another_that_is_due(void)
{
    struct loop *l = new_loop();
    struct timer first;

    other = (struct alarm){ 0 };
    timer_init(&first, cancel_other);
    timer_init(&other.timer, ring);
    timer_set(l, &first, 2000);
    timer_set(l, &other.timer, 2000);
    run_until(l, 2000);
    CHECK_U64(other.fired, 0);
    loop_free(l);
}

struct counted {
    struct post post;
    unsigned *sum;
};

static void add(struct post *p)
{
    (*((struct counted *)(void *)p)->sum)++;
}

enum { POSTS = 1000 };
static struct counted posts[POSTS];

static void *post_all(void *arg)
{
    for (int i = 0; i < POSTS; i++)
        loop_post(arg, &posts[i].post);
    loop_stop(arg);
    return NULL;
}

static void posts_from_another_thread_all_arrive(void)
{
    struct loop *l = new_loop();
    unsigned sum = 0;
    pthread_t thread;

    for (int i = 0; i < POSTS; i++)
        posts[i] = (struct counted){ .post.call = add, .sum = &sum };
    MUST(pthread_create(&thread, NULL, post_all, l) == 0);
    loop_run(l);
    pthread_join(thread, NULL);
    loop_once(l, 0);
    CHECK_U64(sum, POSTS);
    loop_free(l);
}

TESTS(CASE(a_timer_fires_once_and_not_before_its_time), CASE(setting_again_moves_it_both_ways),
    CASE(a_timer_may_cancel_another_that_is_due), CASE(posts_from_another_thread_all_arrive))
