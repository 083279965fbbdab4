/*
 * tickets - see tickets.h.
 */
#include <string.h>

#include "base/hash.h"
#include "base/list.h"
#include "daemon/tickets.h"

static void rotate(struct tickets *t)
{
    memmove(t->keys[1], t->keys[0], sizeof(t->keys) - sizeof(t->keys[0]));
    random_bytes(t->keys[0], sizeof(t->keys[0]));
    if (t->n < TICKET_KEYS)
        t->n++;
}

static void due(struct timer *timer)
{
    struct tickets *t = list_item(timer, struct tickets, timer);

    rotate(t);
    timer_set(t->loop, &t->timer, loop_now(t->loop) + t->every);
    t->changed(t);
}

void tickets_init(struct tickets *t, struct loop *l, void (*changed)(struct tickets *t))
{
    memset(t, 0, sizeof(*t));
    t->loop = l;
    t->changed = changed;
    timer_init(&t->timer, due);
    rotate(t);
}

void tickets_set_rotation(struct tickets *t, msec_t every)
{
    if (every == t->every)
        return;
    t->every = every;
    timer_cancel(t->loop, &t->timer);
    if (every > 0)
        timer_set(t->loop, &t->timer, loop_now(t->loop) + every);
}

struct str tickets_all(const struct tickets *t)
{
    return (struct str){ (const char *)t->keys, t->n * sizeof(t->keys[0]) };
}
