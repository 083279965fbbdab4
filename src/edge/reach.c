/*
 * reach - see reach.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "edge/reach.h"

enum {
    AT_ONCE_MAX = 256
}; /* with more origins than that, the rest is left to the first requests */

struct knock {
    struct watch_fd watch; /* must stay first */
    struct list link;
    struct reach *all;
    struct origin_state *state;
    struct timer timer;
};

struct reach {
    struct loop *loop;
    void (*say)(const char *sentence, void *arg);
    void *arg;
    struct list knocks;
    unsigned n;
};

struct reach *reach_new(struct loop *l, void (*say)(const char *sentence, void *arg), void *arg)
{
    struct reach *r = xcalloc(1, sizeof(*r));

    r->loop = l;
    r->say = say;
    r->arg = arg;
    list_init(&r->knocks);
    return r;
}

static void end(struct knock *k)
{
    struct reach *r = k->all;

    timer_cancel(r->loop, &k->timer);
    if (k->watch.fd >= 0) {
        loop_forget(r->loop, &k->watch);
        close(k->watch.fd);
    }
    list_remove(&k->link);
    r->n--;
    origin_state_unref(k->state);
    free(k);
}

void reach_free(struct reach *r)
{
    list_each (it, after, &r->knocks)
        end(list_item(it, struct knock, link));
    free(r);
}

static void say(struct knock *k, const char *why)
{
    const struct origin_state *o = k->state;
    char text[512];

    snprintf(text, sizeof(text),
        "origin %.*s of service %.*s cannot be reached (%s): start it, or correct "
        "services.%.*s.origins; until then requests for it fail",
        STR_ARG(o->label), STR_ARG(o->service), why, STR_ARG(o->service));
    k->all->say(text, k->all->arg);
}

static void answered(struct knock *k, int error)
{
    char why[128];

    if (error != 0)
        say(k, strerror_r(error, why, sizeof(why)));
    end(k);
}

static void ready(struct watch_fd *w, unsigned events)
{
    struct knock *k = (struct knock *)(void *)w;
    int error = 0;
    socklen_t len = sizeof(error);

    if ((events & (LOOP_WRITE | LOOP_ERROR)) == 0)
        return;
    getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    answered(k, error);
}

static void on_timer(struct timer *t)
{
    answered(list_item(t, struct knock, timer), ETIMEDOUT);
}

static void knock(struct reach *r, struct origin_state *state, msec_t patience)
{
    const struct addr *a = &state->addr;
    struct knock *k = xcalloc(1, sizeof(*k));
    int error;

    k->all = r;
    k->state = origin_state_ref(state);
    k->watch.ready = ready;
    timer_init(&k->timer, on_timer);
    list_append(&r->knocks, &k->link);
    r->n++;
    k->watch.fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = k->watch.fd < 0 || connect(k->watch.fd, &a->any, a->len) == -1 ? errno : 0;
    if (error == EINPROGRESS && loop_add(r->loop, &k->watch) == 0)
        timer_set(r->loop, &k->timer, loop_now(r->loop) + patience);
    else
        answered(k, error == EINPROGRESS ? 0 : error);
}

void reach_follow(struct reach *r, const struct plan *p)
{
    for (size_t i = 0; i < p->blueprint->nservices; i++) {
        const struct plan_service *s = &p->services[i];

        for (size_t k = 0; k < s->norigins; k++) {
            struct origin_state *state = s->origins[k].state;

            if (state->knocked || s->service->run.command.n > 0 || r->n >= AT_ONCE_MAX)
                continue;
            state->knocked = true;
            knock(r, state, s->service->timeouts.connect);
        }
    }
}
