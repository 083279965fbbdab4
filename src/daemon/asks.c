/*
 * asks - see asks.h.  Few are open at a time: a list will do.
 */
#include "daemon/asks.h"
#include "base/hash.h"
#include "base/list.h"

void asks_init(struct asks *all, struct loop *l)
{
    all->loop = l;
    all->last_id = random_u64() >> 1; /* a former control's answers must not look like ours */
    list_init(&all->open);
}

static void close_ask(struct ask *a)
{
    list_remove(&a->link);
    timer_cancel(a->all->loop, &a->timer);
}

static void out_of_time(struct timer *t)
{
    struct ask *a = list_item(t, struct ask, timer);

    close_ask(a);
    a->answer(a, NULL);
}

void ask_put(struct asks *all, struct ask *a, const struct question *q,
    void (*answer)(struct ask *a, struct message *m))
{
    bool sent;

    a->all = all;
    a->id = ++all->last_id;
    a->answers = q->answers != NULL ? q->answers : q->over;
    a->answer = answer;
    timer_init(&a->timer, out_of_time);
    list_init(&a->link);
    list_append(&all->open, &a->link);
    sent = q->over != NULL && channel_send(q->over, q->type, a->id, q->body, q->fds, q->nfds);
    timer_set(all->loop, &a->timer, loop_now(all->loop) + (sent ? q->timeout : 0));
}

void ask_again(struct ask *a, msec_t timeout)
{
    list_append(&a->all->open, &a->link);
    timer_set(a->all->loop, &a->timer, loop_now(a->all->loop) + timeout);
}

void ask_cancel(struct ask *a)
{
    if (a->all != NULL)
        close_ask(a);
}

bool asks_answered(struct asks *all, struct message *m)
{
    list_each (it, after, &all->open) {
        struct ask *a = list_item(it, struct ask, link);

        if (a->id != m->id)
            continue;
        close_ask(a);
        a->answer(a, m);
        return true;
    }
    return false;
}

void asks_gone(struct asks *all, const struct channel *answers)
{
    struct list gone;

    list_init(&gone);
    list_each (it, after, &all->open) {
        struct ask *a = list_item(it, struct ask, link);

        if (a->answers != answers)
            continue;
        close_ask(a);
        list_append(&gone, it);
    }
    while (!list_empty(&gone)) {
        struct ask *a = list_item(gone.next, struct ask, link);

        list_remove(&a->link);
        a->answer(a, NULL);
    }
}
