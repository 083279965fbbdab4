/*
 * hands - see hands.h.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "daemon/hands.h"
#include "daemon/keeping.h"
#include "keeper/messages.h"

enum { HAND_TIMEOUT = 10000 };

struct fetched;

/* One wish under way. */
struct fetching {
    struct ask ask; /* must stay first */
    struct fetched *all;
    unsigned index;
    char *secret; /* its name, or NULL: a token */
};

struct fetched {
    struct hands hands; /* must stay first */
    struct control *control;
    struct arena arena; /* the names: the blueprint may be another one when the answers come */
    char *service;
    struct fetching *each;
    unsigned pending;
    bool failed;
    struct err err;
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

void hands_free(struct hands *h)
{
    struct fetched *f = (struct fetched *)(void *)h;

    if (h == NULL)
        return;
    for (unsigned i = 0; i < h->n; i++) {
        ask_cancel(&f->each[i].ask);
        if (h->values[i].fd >= 0)
            close(h->values[i].fd);
    }
    free(h->accessor);
    free(f->each);
    arena_free(&f->arena);
    free(f);
}

static void one_done(struct fetched *f)
{
    if (--f->pending == 0)
        f->done(f->arg, f->failed ? &f->err : NULL);
}

static void answered(struct ask *a, struct message *m)
{
    struct fetching *one = (struct fetching *)(void *)a;
    struct fetched *f = one->all;
    const char *what = one->secret != NULL ? "secret " : "token";
    const char *name = one->secret != NULL ? one->secret : "";

    if (m != NULL && m->type == KEEPER_HANDED && m->nfds == 1) {
        f->hands.values[one->index].fd = m->fds[0];
        m->fds[0] = -1;
        if (one->secret == NULL && m->body.len > 0 && f->hands.accessor == NULL)
            f->hands.accessor = xstrndup(m->body.at, m->body.len);
    } else if (!f->failed) {
        f->failed = true;
        if (m != NULL)
            err_set(&f->err, ERR_PEER, "keeper_hand", "service %s: %s%s: %.*s", f->service, what,
                name, STR_ARG(m->body));
        else
            err_set(&f->err, ERR_PEER, "keeper_hand",
                "service %s: %s%s: the keeper does not answer", f->service, what, name);
    }
    one_done(f);
}

/* ---- what is asked for ---- */

static struct value *way(struct arena *a, const char *first, const char *second, const char *third)
{
    struct value *list = value_list(a);

    value_add_text(a, list, str_from(first));
    value_add_text(a, list, str_from(second));
    if (third != NULL)
        value_add_text(a, list, str_from(third));
    return list;
}

static void put_token(
    struct arena *a, struct value *v, const struct hand_wish *w, const char *service)
{
    struct value *body = value_map(a);
    struct value *policies = value_list(a);

    for (char **p = w->policies; *p != NULL; p++)
        value_add_text(a, policies, str_from(*p));
    value_put(body, "policies", policies);
    value_put_i64(a, body, "period", HANDS_TOKEN_TTL);
    value_put_bool(a, body, "no_parent", true);
    value_put_text(a, body, "display_name", str_from(service));
    value_put_i64(a, v, "op", KEEPING_WRITE);
    value_put_text(a, v, "path", STR("auth/token/create"));
    value_put(v, "body", body);
    value_put(v, "field", way(a, "auth", "client_token", NULL));
    value_put(v, "tell", way(a, "auth", "accessor", NULL));
}

static void put_secret(struct arena *a, struct value *v, const struct hand_wish *w)
{
    value_put_i64(a, v, "op", KEEPING_READ);
    value_put_text(a, v, "path", str_from(w->path));
    value_put(v, "field", way(a, "data", "data", w->field));
}

static void fetch(struct fetched *f, unsigned index, const struct hand_wish *w)
{
    struct control *c = f->control;
    struct fetching *one = &f->each[index];
    struct arena arena;
    struct value *v;
    struct buf b;

    one->all = f;
    one->index = index;
    one->secret = w->secret != NULL ? arena_strdup(&f->arena, w->secret) : NULL;
    f->hands.values[index] = (struct process_value){
        .variable = arena_strdup(&f->arena, w->variable), .as = w->as, .fd = -1
    };
    arena_init(&arena, 2048);
    buf_init(&b, CHANNEL_BODY_MAX);
    v = value_map(&arena);
    if (w->secret == NULL)
        put_token(&arena, v, w, f->service);
    else
        put_secret(&arena, v, w);
    value_encode(v, &b);
    ask_put(&c->asks, &one->ask,
        &(struct question){ .over = b.over ? NULL : c->keeper,
            .type = KEEPER_HAND,
            .body = buf_as_str(&b),
            .timeout = HAND_TIMEOUT },
        answered);
    buf_free(&b);
    arena_free(&arena);
}

struct hands *hands_fetch(struct control *c, const struct run_spec *spec, const char *service,
    void (*done)(void *arg, const struct err *err), void *arg)
{
    struct fetched *f = xcalloc(1, sizeof(*f));

    MUST(spec->nwishes <= PROCESS_VALUES_MAX); /* the blueprint was checked */
    f->control = c;
    arena_init(&f->arena, 1024);
    f->service = arena_strdup(&f->arena, service);
    f->done = done;
    f->arg = arg;
    f->each = xcalloc(spec->nwishes + 1, sizeof(*f->each));
    f->hands.n = spec->nwishes;
    f->pending = spec->nwishes;
    for (unsigned i = 0; i < spec->nwishes; i++)
        fetch(f, i, &spec->wishes[i]);
    return &f->hands;
}

uint64_t hands_versions(const struct control *c, const struct run_spec *spec)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < spec->nwishes; i++) {
        const char *name = spec->wishes[i].secret;
        uint64_t pair[2] = { sum, name != NULL ? keeping_secret(c->keeping, name) : 0 };

        if (name == NULL)
            continue;
        if (pair[1] == 0)
            return 0;
        sum = hash_stable(pair, sizeof(pair));
    }
    return sum;
}

/* ---- tokens ---- */

static void told(struct order *o, int status, const struct value *answer)
{
    (void)
        status; /* a token that could not be renewed ends, and one that could not be revoked too */
    (void)answer;
    free(o);
}

static void tell(struct control *c, const char *path, const char *accessor)
{
    struct order *o;
    struct arena a;
    struct value *body;

    if (accessor == NULL)
        return;
    o = xcalloc(1, sizeof(*o));
    arena_init(&a, 1024);
    body = value_map(&a);
    value_put_text(&a, body, "accessor", str_from(accessor));
    keeping_order(c->keeping, o, KEEPING_WRITE, path, body, told);
    arena_free(&a);
}

void hands_renew(struct control *c, const char *accessor)
{
    tell(c, "auth/token/renew-accessor", accessor);
}

void hands_revoke(struct control *c, const char *accessor)
{
    tell(c, "auth/token/revoke-accessor", accessor);
}
