/*
 * pulse - see pulse.h.  A timerfd each, made when it is first set.
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/bug.h"
#include "daemon/pulse.h"

static void ready(struct watch_fd *w, unsigned events)
{
    struct pulse *p = (struct pulse *)(void *)w;
    uint64_t n;

    (void)events;
    if (read(w->fd, &n, sizeof(n)) == sizeof(n))
        p->beat(p);
}

void pulse_init(struct pulse *p, struct loop *l, void (*beat)(struct pulse *p))
{
    p->watch.fd = -1;
    p->watch.ready = ready;
    p->loop = l;
    p->beat = beat;
}

void pulse_set(struct pulse *p, msec_t wait)
{
    struct itimerspec spec = { .it_value = { .tv_sec = (time_t)(wait / 1000),
                                   .tv_nsec = (long)(wait % 1000) * 1000000 } };

    if (wait == 0)
        spec.it_value.tv_nsec = 1;
    if (p->watch.fd < 0) {
        p->watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        MUST(p->watch.fd >= 0 && loop_add_level(p->loop, &p->watch) == 0);
    }
    MUST(timerfd_settime(p->watch.fd, 0, &spec, NULL) == 0);
}

void pulse_cancel(struct pulse *p)
{
    struct itimerspec off = { 0 };

    if (p->watch.fd >= 0)
        MUST(timerfd_settime(p->watch.fd, 0, &off, NULL) == 0);
}

void pulse_free(struct pulse *p)
{
    if (p->watch.fd < 0)
        return;
    loop_remove(p->loop, &p->watch);
    close(p->watch.fd);
    p->watch.fd = -1;
}
