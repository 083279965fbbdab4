/*
 * keeping - see keeping.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/keeping.h"
#include "daemon/say.h"
#include "keeper/messages.h"

enum {
    LOOK_EVERY = 250,          /* ms, while it is not open */
    LOOK_EVERY_OPEN = 10000,   /* it says itself when that changes; this is for what was missed */
    OPENS_WITHIN_AGAIN = 2000, /* for a control that is new: it may have been sealed on purpose */
    OPENS_WITHIN = 10000,      /* ms for a keeper with a key file, from its start */
    ORDER_TIMEOUT = 30000,
    ANSWER_NODES = 10000,
};

struct noted { /* version of a secret */
    struct list link;
    char *name;
    uint64_t version;
};

struct keeping {
    struct control *control;
    enum keeping_state state;
    struct pulse look;
    struct ask looking;
    bool asked;
    struct pulse patience; /* of whoever waits */
    void (*waits)(void *arg, bool open);
    void *waits_arg;
    struct list secrets;
};

static const char *const words[] = {
    [KEEPING_UNKNOWN] = "unknown",
    [KEEPING_UNINITIALIZED] = "not initialised",
    [KEEPING_SEALED] = "sealed",
    [KEEPING_OPEN] = "open",
};

const char *keeping_state_word(enum keeping_state s)
{
    return words[s];
}

enum keeping_state keeping_state(const struct keeping *k)
{
    return k->state;
}

/* ---- waiting ---- */

static void tell(struct keeping *k)
{
    void (*waits)(void *arg, bool open) = k->waits;

    if (waits == NULL)
        return;
    k->waits = NULL;
    pulse_cancel(&k->patience);
    waits(k->waits_arg, k->state == KEEPING_OPEN);
}

/* It has no file to open itself with, or nothing to open: somebody must act. */
static bool needs_somebody(const struct keeping *k)
{
    return k->state == KEEPING_UNINITIALIZED ||
           (k->state == KEEPING_SEALED && k->control->plan.unseal[0] == '\0');
}

static void out_of_patience(struct pulse *p)
{
    tell(list_item(p, struct keeping, patience));
}

void keeping_wait(struct keeping *k, void (*done)(void *arg, bool open), void *arg)
{
    k->waits = done;
    k->waits_arg = arg;
    if (k->state == KEEPING_OPEN || needs_somebody(k))
        tell(k);
    else
        pulse_set(&k->patience, k->control->start.again ? OPENS_WITHIN_AGAIN : OPENS_WITHIN);
}

/* ---- looking ---- */

static void applied_again(void *arg, const struct apply_result *result)
{
    struct control *c = arg;

    if (result->ok)
        say("the keeper is open; what it keeps is as %s says", c->live->path);
    else
        say("the keeper is open, but %s", result->err.text);
}

/* What had to be left undone while it was not. */
static void opened(struct keeping *k)
{
    struct control *c = k->control;
    struct apply_request same = { 0 };

    if (c->live == NULL || c->applying != NULL || c->draining)
        return;
    same.path = c->live->path;
    same.environment = c->live->environment;
    same.canonical = c->live->blueprint->canonical;
    apply_start(c, &same, applied_again, c);
}

static void enter(struct keeping *k, enum keeping_state state)
{
    enum keeping_state before = k->state;

    k->state = state;
    if (k->waits != NULL) {
        if (state == KEEPING_OPEN || needs_somebody(k))
            tell(k);
        return;
    }
    if (state == before)
        return;
    if (state == KEEPING_OPEN)
        opened(k);
    else if (before == KEEPING_OPEN && state == KEEPING_SEALED)
        say("the keeper was sealed: no secret is handed out and nothing is signed until it is opened "
            "(weir keeper unseal)");
}

static void observed(struct ask *a, struct message *m)
{
    struct keeping *k = list_item(a, struct keeping, looking);
    struct arena arena;
    struct value *v = NULL;

    k->asked = false;
    arena_init(&arena, 4096);
    if (m != NULL && m->type == KEEPER_OBSERVED)
        v = value_decode(&arena, m->body, ANSWER_NODES);
    if (v == NULL)
        enter(k, KEEPING_UNKNOWN);
    else if (!value_get_bool(v, "initialized", false))
        enter(k, KEEPING_UNINITIALIZED);
    else
        enter(k, value_get_bool(v, "sealed", true) ? KEEPING_SEALED : KEEPING_OPEN);
    arena_free(&arena);
    pulse_set(&k->look, k->state == KEEPING_OPEN ? LOOK_EVERY_OPEN : LOOK_EVERY);
}

static void look(struct pulse *p)
{
    struct keeping *k = list_item(p, struct keeping, look);
    struct control *c = k->control;

    if (k->asked || c->keeper == NULL || !c->plan.keeper)
        return;
    k->asked = true;
    ask_put(&c->asks, &k->looking,
        &(struct question){ .over = c->keeper, .type = KEEPER_OBSERVE, .timeout = ASK_TIMEOUT },
        observed);
}

void keeping_attached(struct keeping *k)
{
    if (k->control->keeper == NULL) {
        k->state = KEEPING_UNKNOWN;
        return;
    }
    /* The one before may have been open: this one begins anew. */
    k->state = KEEPING_UNKNOWN;
    look(&k->look);
}

void keeping_changed(struct keeping *k, struct str body)
{
    struct control *c = k->control;
    struct arena arena;
    struct value *v;

    arena_init(&arena, 4096);
    v = value_decode(&arena, body, ANSWER_NODES);
    if (value_get(v, "state") != NULL)
        look(&k->look);
    if (value_get(v, "certificate") != NULL &&
        c->live != NULL) /* renewed: the edge is to have it */
        timer_set(c->loop, &c->upkeep, loop_now(c->loop));
    arena_free(&arena);
}

/* ---- orders ---- */

static void answered(struct ask *a, struct message *m)
{
    struct order *o = (struct order *)(void *)a;
    struct value *answer = NULL;
    struct arena arena;
    int status = 0;

    arena_init(&arena, 4096);
    if (m != NULL && m->type == KEEPER_ORDERED && m->body.len >= 2) {
        const unsigned char *b = (const unsigned char *)m->body.at;

        status = b[0] | b[1] << 8;
        if (m->body.len > 2)
            answer =
                value_decode(&arena, (struct str){ m->body.at + 2, m->body.len - 2 }, ANSWER_NODES);
    }
    o->done(o, status, answer);
    arena_free(&arena);
}

void keeping_order(struct keeping *k, struct order *o, enum keeping_op op, const char *path,
    struct value *body, void (*done)(struct order *o, int status, const struct value *answer))
{
    struct control *c = k->control;
    struct arena arena;
    struct value *v;
    struct buf b;

    arena_init(&arena, 4096);
    buf_init(&b, CHANNEL_BODY_MAX);
    v = value_map(&arena);
    value_put_i64(&arena, v, "op", op);
    value_put_text(&arena, v, "path", str_from(path));
    if (body != NULL)
        value_put(v, "body", value_copy(&arena, body));
    value_encode(v, &b);
    o->done = done;
    ask_put(&c->asks, &o->ask,
        &(struct question){ .over = b.over ? NULL : c->keeper,
            .type = KEEPER_ORDER,
            .body = buf_as_str(&b),
            .timeout = ORDER_TIMEOUT },
        answered);
    buf_free(&b);
    arena_free(&arena);
}

const char *keeping_error(int status, const struct value *answer, char *to)
{
    const struct value *errors = value_get(answer, "errors");
    struct str first = errors != NULL && errors->first != NULL ? errors->first->text : STR_NONE;

    if (status == 0)
        snprintf(to, 256, "the keeper does not answer");
    else if (first.len > 0)
        snprintf(to, 256, "%.*s", (int)(first.len < 240 ? first.len : 240), first.at);
    else
        snprintf(to, 256, "the keeper refused (status %d)", status);
    return to;
}

/* ---- secrets ---- */

static struct noted *find(const struct keeping *k, struct str name)
{
    list_each (it, after, &k->secrets) {
        struct noted *n = list_item(it, struct noted, link);

        if (str_is(name, n->name))
            return n;
    }
    return NULL;
}

void keeping_note_secret(struct keeping *k, struct str name, uint64_t version)
{
    struct noted *n = find(k, name);

    if (n == NULL) {
        n = xcalloc(1, sizeof(*n));
        n->name = xstrndup(name.at, name.len);
        list_append(&k->secrets, &n->link);
    }
    n->version = version;
}

uint64_t keeping_secret(const struct keeping *k, const char *name)
{
    const struct noted *n = find(k, str_from(name));

    return n != NULL ? n->version : 0;
}

/* ---- life ---- */

struct keeping *keeping_new(struct control *c)
{
    struct keeping *k = xcalloc(1, sizeof(*k));

    k->control = c;
    list_init(&k->secrets);
    pulse_init(&k->look, c->loop, look);
    pulse_init(&k->patience, c->loop, out_of_patience);
    return k;
}
