/*
 * issuing - the parent has local certificates issued, each by a process that ends afterwards.
 *
 * One at a time: the first makes the authority that the next signs with.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "daemon/pack.h"
#include "daemon/parent_int.h"

struct issuing {
    struct list link;
    uint64_t id; /* of control's question */
    struct buf body;
};

static void issuing_free(struct issuing *i)
{
    buf_free(&i->body);
    free(i);
}

static void answer(
    struct parent *p, uint16_t type, struct str sentence, const int *fds, unsigned nfds)
{
    struct channel *control = p->roles[ROLE_CONTROL].life;
    struct issuing *i = p->issuing_now;

    if (i == NULL)
        return;
    p->issuing_now = NULL;
    if (control != NULL)
        channel_send(control, type, i->id, sentence, fds, nfds);
    issuing_free(i);
}

static void on_answer(struct channel *c, struct message *m, void *arg)
{
    (void)c;
    answer(arg, m->type, m->body, m->fds, m->nfds);
}

static const struct message_rule issuer_answers[] = {
    { LIFE_ISSUED, "ISSUED", 0, 1, on_answer },
    { LIFE_NOT_ISSUED, "NOT_ISSUED", LIFE_SENTENCE_MAX, 0, on_answer },
    { 0 },
};

static void start_next(struct parent *p);

/* Reaped, and all that it said has been heard. */
static void gone(struct parent *p)
{
    if (p->issuer > 0 || p->issuer_life != NULL)
        return;
    answer(p, LIFE_NOT_ISSUED, STR("the process that issues certificates died"), NULL, 0);
    start_next(p);
}

static void life_closed(struct channel *c, void *arg)
{
    struct parent *p = arg;

    channel_free(c);
    p->issuer_life = NULL;
    gone(p);
}

static void start_next(struct parent *p)
{
    struct issuing *i;
    struct buf start;
    int fd;

    if (p->issuing_now != NULL || p->issuer > 0 || p->issuer_life != NULL ||
        list_empty(&p->issuing))
        return;
    i = list_item(p->issuing.next, struct issuing, link);
    list_remove(&i->link);
    p->issuing_now = i;
    p->issuer = role_spawn(p, "issuer", &fd);
    if (p->issuer < 0) {
        p->issuer = 0;
        answer(
            p, LIFE_NOT_ISSUED, STR("no process can be started to issue a certificate"), NULL, 0);
        return;
    }
    p->issuer_life = channel_new(p->loop, fd, issuer_answers, life_closed, p);
    buf_init(&start, CHANNEL_BODY_MAX);
    pack_text(&start, p->plan.state);
    buf_str(&start, buf_as_str(&i->body));
    channel_send(p->issuer_life, LIFE_ISSUE, i->id, buf_as_str(&start), NULL, 0);
    buf_free(&start);
}

void issuing_ask(struct parent *p, uint64_t id, struct str body)
{
    struct issuing *i = xcalloc(1, sizeof(*i));

    i->id = id;
    buf_init(&i->body, CHANNEL_BODY_MAX);
    buf_str(&i->body, body);
    list_append(&p->issuing, &i->link);
    start_next(p);
}

/* What was asked by a control that died is of no use to the next. */
void issuing_control_gone(struct parent *p)
{
    list_each (it, after, &p->issuing) {
        list_remove(it);
        issuing_free(list_item(it, struct issuing, link));
    }
}

bool issuing_reaped(struct parent *p, pid_t pid)
{
    if (pid != p->issuer)
        return false;
    p->issuer = 0;
    gone(p);
    return true;
}
