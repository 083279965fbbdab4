/*
 * loop - epoll, a timer wheel, and calls from other threads.  See loop.h.
 *
 * The wheel has three levels of 256 slots: 1 ms, 256 ms and 65.5 s wide.  A
 * timer that is set later than its slot stays where it is and is put further
 * on when its slot comes up: setting a timer on each request costs two writes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/loop.h"

enum {
    WHEEL_BITS = 8,
    WHEEL_SLOTS = 1 << WHEEL_BITS,
    WHEEL_LEVELS = 3,
    EVENTS_MAX = 256,
    AFTER_MAX = 8,
    TEST_CLOCK_WAIT = 2, /* real ms between looks at a clock that a test moves */
    FAR_WAIT = 60000,
};

struct after {
    void (*call)(void *arg);
    void *arg;
};

struct loop {
    int epoll;
    msec_t now;
    usec_t wall;   /* 0: not read in this round */
    msec_t ticked; /* every slot up to this time has been looked at */
    unsigned ntimers;
    struct list wheel[WHEEL_LEVELS][WHEEL_SLOTS];
    struct epoll_event events[EVENTS_MAX];
    int nevents;
    int at;
    struct list turns;
    struct list last_turns;
    struct after after[AFTER_MAX];
    unsigned nafter;
    struct watch_fd wake;
    _Atomic(struct post *) posts;
    atomic_bool stop;
};

static void take_posts(struct watch_fd *w, unsigned events)
{
    struct loop *l = (struct loop *)(void *)((char *)w - offsetof(struct loop, wake));
    struct post *p;
    struct post *ordered = NULL;
    uint64_t n;

    (void)events;
    if (read(w->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
        BUG("cannot read an eventfd");
    p = atomic_exchange(&l->posts, NULL);
    while (p != NULL) { /* the stack came newest first */
        struct post *next = p->next;

        p->next = ordered;
        ordered = p;
        p = next;
    }
    while (ordered != NULL) {
        struct post *next = ordered->next;

        ordered->call(ordered);
        ordered = next;
    }
}

struct loop *loop_new(void)
{
    struct loop *l = xcalloc(1, sizeof(*l));

    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    MUST(l->epoll >= 0 && l->wake.fd >= 0);
    l->wake.ready = take_posts;
    l->now = time_msec();
    l->ticked = l->now;
    list_init(&l->turns);
    list_init(&l->last_turns);
    for (unsigned i = 0; i < WHEEL_LEVELS; i++)
        for (unsigned k = 0; k < WHEEL_SLOTS; k++)
            list_init(&l->wheel[i][k]);
    MUST(loop_add_level(l, &l->wake) == 0);
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    close(l->wake.fd);
    close(l->epoll);
    free(l);
}

static int add(struct loop *l, struct watch_fd *w, uint32_t events)
{
    struct epoll_event ev = { .events = events, .data.ptr = w };

    return epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &ev);
}

int loop_add(struct loop *l, struct watch_fd *w)
{
    return add(l, w, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

int loop_add_level(struct loop *l, struct watch_fd *w)
{
    return add(l, w, EPOLLIN);
}

void loop_want_write(struct loop *l, struct watch_fd *w, bool on)
{
    struct epoll_event ev = { .events = on ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = w };

    MUST(epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &ev) == 0);
}

void loop_remove(struct loop *l, struct watch_fd *w)
{
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    for (int i = l->at; i < l->nevents; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
}

void loop_forget(struct loop *l, struct watch_fd *w)
{
    for (int i = l->at; i < l->nevents; i++)
        if (l->events[i].data.ptr == w)
            l->events[i].data.ptr = NULL;
}

bool loop_has_news(const struct loop *l, const struct watch_fd *w)
{
    for (int i = l->at; i < l->nevents; i++)
        if (l->events[i].data.ptr == w)
            return true;
    return false;
}

msec_t loop_now(const struct loop *l)
{
    return l->now;
}

usec_t loop_wall(struct loop *l)
{
    if (l->wall == 0)
        l->wall = time_wall_usec();
    return l->wall;
}

/* ---- timers ---- */

void timer_init(struct timer *t, void (*fire)(struct timer *t))
{
    list_init(&t->link);
    t->when = 0;
    t->slot = 0;
    t->fire = fire;
}

static void place(struct loop *l, struct timer *t)
{
    /* Never in the slot that is being looked at: it would wait for a whole turn. */
    msec_t when = t->when > l->ticked ? t->when : l->ticked + 1;
    msec_t ahead = when - l->ticked;
    unsigned level = 0;
    unsigned shift;

    while (level < WHEEL_LEVELS - 1 && ahead >= (msec_t)1 << (WHEEL_BITS * (level + 1)))
        level++;
    shift = WHEEL_BITS * level;
    if (ahead >= (msec_t)1 << (WHEEL_BITS * WHEEL_LEVELS))
        when = l->ticked + ((msec_t)1 << (WHEEL_BITS * WHEEL_LEVELS)) - 1;
    t->slot = when;
    list_append(&l->wheel[level][when >> shift & (WHEEL_SLOTS - 1)], &t->link);
}

void timer_set(struct loop *l, struct timer *t, msec_t when)
{
    if (t->when != 0 && when >= t->slot) {
        t->when = when; /* its slot comes up earlier and will put it further on */
        return;
    }
    if (t->when == 0)
        l->ntimers++;
    else
        list_remove(&t->link);
    t->when = when > 0 ? when : 1;
    place(l, t);
}

void timer_cancel(struct loop *l, struct timer *t)
{
    if (t->when == 0)
        return;
    list_remove(&t->link);
    t->when = 0;
    l->ntimers--;
}

/* Moves a ring to a head of its own. */
static void list_take(struct list *from, struct list *to)
{
    list_init(to);
    if (list_empty(from))
        return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    list_init(from);
}

static void look_at(struct loop *l, struct list *slot, bool finest)
{
    struct list due;

    list_take(slot, &due); /* firing may add to the slot */
    while (!list_empty(&due)) {
        struct timer *t = list_item(due.next, struct timer, link);

        list_remove(&t->link);
        if (finest && t->when <= l->ticked) {
            t->when = 0;
            l->ntimers--;
            t->fire(t);
        } else {
            place(l, t);
        }
    }
}

static void tick(struct loop *l)
{
    if (l->ntimers == 0) {
        l->ticked = l->now;
        return;
    }
    while (l->ticked < l->now) {
        l->ticked++;
        for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--)
            if ((l->ticked & (((msec_t)1 << (WHEEL_BITS * level)) - 1)) == 0)
                look_at(l, &l->wheel[level][l->ticked >> (WHEEL_BITS * level) & (WHEEL_SLOTS - 1)],
                    false);
        look_at(l, &l->wheel[0][l->ticked & (WHEEL_SLOTS - 1)], true);
    }
}

/* When to look again: the next slot of the finest wheel that holds something. */
static msec_t until_next(const struct loop *l, msec_t max_wait)
{
    if (l->ntimers == 0)
        return max_wait;
    for (msec_t ahead = 1; ahead < max_wait; ahead++) {
        msec_t t = l->ticked + ahead;

        if (!list_empty(&l->wheel[0][t & (WHEEL_SLOTS - 1)]) || (t & (WHEEL_SLOTS - 1)) == 0)
            return t > l->now ? t - l->now : 0;
    }
    return max_wait;
}

/* ---- turns ---- */

void turn_init(struct turn *t, void (*call)(struct turn *t))
{
    list_init(&t->link);
    t->call = call;
}

void loop_take_turn(struct loop *l, struct turn *t)
{
    if (list_empty(&t->link))
        list_append(&l->turns, &t->link);
}

void loop_take_last_turn(struct loop *l, struct turn *t)
{
    if (list_empty(&t->link))
        list_append(&l->last_turns, &t->link);
}

void turn_cancel(struct turn *t)
{
    list_remove(&t->link);
}

/* Those who ask again while they have their turn wait for the next round. */
static void give_turns(struct list *waiting)
{
    while (!list_empty(waiting)) {
        struct turn *t = list_item(waiting->next, struct turn, link);

        list_remove(&t->link);
        t->call(t);
    }
}

/* ---- running ---- */

static unsigned translate(uint32_t events)
{
    unsigned out = 0;

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        out |= LOOP_READ;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        out |= LOOP_WRITE;
    if (events & (EPOLLRDHUP | EPOLLHUP))
        out |= LOOP_HANGUP;
    if (events & EPOLLERR)
        out |= LOOP_ERROR | LOOP_HANGUP;
    return out;
}

void loop_once(struct loop *l, msec_t max_wait)
{
    bool idle = list_empty(&l->turns) && list_empty(&l->last_turns);
    msec_t wait = idle ? until_next(l, max_wait) : 0;
    struct list waiting;
    int n;

    if (time_is_test_clock() && wait > TEST_CLOCK_WAIT)
        wait = TEST_CLOCK_WAIT;
    n = epoll_wait(l->epoll, l->events, EVENTS_MAX, (int)wait);
    MUST(n >= 0 || errno == EINTR);
    l->now = time_msec();
    l->wall = 0;
    list_take(&l->turns, &waiting);
    l->nevents = n > 0 ? n : 0;
    for (l->at = 0; l->at < l->nevents;) {
        struct epoll_event *ev = &l->events[l->at++];
        struct watch_fd *w = ev->data.ptr;

        if (w != NULL)
            w->ready(w, translate(ev->events));
    }
    l->nevents = 0;
    give_turns(&waiting);
    tick(l);
    for (unsigned i = 0; i < l->nafter; i++)
        l->after[i].call(l->after[i].arg);
    list_take(&l->last_turns, &waiting);
    give_turns(&waiting);
}

void loop_run(struct loop *l)
{
    while (!atomic_load_explicit(&l->stop, memory_order_relaxed))
        loop_once(l, FAR_WAIT);
}

static void wake(struct loop *l)
{
    uint64_t one = 1;

    if (write(l->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        BUG("cannot wake a loop");
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

void loop_after(struct loop *l, void (*call)(void *arg), void *arg)
{
    MUST(l->nafter < AFTER_MAX);
    l->after[l->nafter++] = (struct after){ call, arg };
}

void loop_after_cancel(struct loop *l, void (*call)(void *arg), void *arg)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < l->nafter; i++)
        if (l->after[i].call != call || l->after[i].arg != arg)
            l->after[kept++] = l->after[i];
    l->nafter = kept;
}

void loop_post(struct loop *l, struct post *p)
{
    struct post *head = atomic_load(&l->posts);

    do
        p->next = head;
    while (!atomic_compare_exchange_weak(&l->posts, &head, p));
    wake(l);
}
