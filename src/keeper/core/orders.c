/*
 * orders - what control may have the core do, and the values that it may have handed out.
 *
 * An order is a request as the core itself would make it, with no token, so the table below says which: none whose
 * answer is a secret.  What is handed out leaves as sealed memory: control passes the descriptor on to the process that
 * it is for, and reads nothing.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json_read.h"
#include "keeper/core/orders_int.h"
#include "keeper/core/state_int.h"

enum { ORDER_NODES = 20000, WAY_MOST = 8 };

static const struct permitted {
    const char *path; /* ends with '*': all that begins so */
    enum operation op;
} orders[] = {
    { "sys/weir/managed/*", OP_WRITE },
    { "auth/token/renew-accessor", OP_WRITE },
    { "auth/token/revoke-accessor", OP_WRITE },
};

static bool fits(struct str path, const char *pattern)
{
    struct str want = str_from(pattern);

    if (want.at[want.len - 1] != '*')
        return str_eq(path, want);
    return str_starts(path, (struct str){ want.at, want.len - 1 });
}

static bool is_order(const struct request *r)
{
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (orders[i].op == r->op && fits(r->path, orders[i].path))
            return true;
    return false;
}

/* A KV value, or a token that is not root's. */
static bool may_be_handed(const struct request *r)
{
    if (r->op == OP_READ)
        return memmem(r->path.at, r->path.len, "/data/", 6) != NULL;
    if (r->op != OP_WRITE || !str_is(r->path, "auth/token/create"))
        return false;
    value_each (policy, value_get(r->body, "policies"))
        if (str_is(policy->text, "root"))
            return false;
    return value_get(r->body, "policies") != NULL && value_get(r->body, "id") == NULL;
}

/* {op, path, body} into a call of the core's own; the whole map, or NULL: malformed. */
static struct value *decode(struct call *call, struct str bytes)
{
    struct request *r = &call->r;
    struct value *v = value_decode(&r->arena, arena_str(&r->arena, bytes), ORDER_NODES);
    int64_t op = value_get_i64(v, "op", OP_READ);
    struct value *body = value_get(v, "body");

    if (v == NULL || v->kind != VALUE_MAP || op < 0 || op >= OP_COUNT ||
        (body != NULL && body->kind != VALUE_MAP))
        return NULL;
    r->inside = true;
    r->op = (enum operation)op;
    r->path = value_get_text(v, "path", STR(""));
    r->body = body != NULL ? body : value_map(&r->arena);
    r->parsed = value_map(&r->arena);
    return v;
}

/* Answers without having begun. */
static void refuse(struct call *call, int status, const char *why)
{
    reply_error(&call->r, status, "%s", why);
    call->answer(call->arg, STR_NONE);
    call_free(call);
}

/* What the answer's bytes say: a change that could not be written down is no success. */
static int status_of(const struct call *call, struct str bytes)
{
    const uint8_t *b = (const uint8_t *)bytes.at;

    return bytes.len >= 2 ? b[0] | b[1] << 8 : call->r.reply.status;
}

void core_on_tls_key(struct core *c, bool (*take)(void *arg, struct str pem), void *arg)
{
    c->take_tls_key = take;
    c->tls_key_arg = arg;
}

void core_on_change(struct core *c, void (*tell)(void *arg, const struct value *what), void *arg)
{
    c->tell_change = tell;
    c->change_arg = arg;
}

void core_tell(struct core *c, const char *what, struct str name)
{
    struct arena a;
    struct value *v;

    if (c->tell_change == NULL)
        return;
    arena_init(&a, 512);
    v = value_map(&a);
    value_put_text(&a, v, what, name);
    c->tell_change(c->change_arg, v);
    arena_free(&a);
}

/* ---- orders ---- */

struct order {
    struct call *call;
    void (*answer)(void *arg, struct str bytes);
    void *arg;
};

/* status u16 | value */
static void ordered(void *arg, struct str bytes)
{
    struct order *o = arg;
    struct request *r = &o->call->r;
    struct value *v = answer_value(r);
    int status = status_of(o->call, bytes);
    struct buf b;

    buf_init_secret(&b, 1 << 20);
    buf_char(&b, (char)status);
    buf_char(&b, (char)(status >> 8));
    if (v != NULL && status == r->reply.status)
        value_encode(v, &b);
    o->answer(o->arg, buf_as_str(&b));
    buf_free(&b);
    free(o);
}

void core_order(
    struct core *c, struct str bytes, void (*answer)(void *arg, struct str bytes), void *arg)
{
    struct order *o = xcalloc(1, sizeof(*o));
    struct call *call = call_new(c);

    *o = (struct order){ call, answer, arg };
    call->answer = ordered;
    call->arg = o;
    if (decode(call, bytes) == NULL)
        refuse(call, 400, "the order is malformed");
    else if (!is_order(&call->r))
        refuse(call, 403, "control may not order that");
    else
        call_dispatch(call);
}

/* ---- handing out ---- */

struct handing {
    struct call *call;
    const struct value *value;
    void (*done)(void *arg, int fd, struct str text);
    void *arg;
};

/* Follows a LIST of names into the answer; NULL: there is no such member. */
static const struct value *follow(const struct value *from, const struct value *way)
{
    unsigned steps = 0;

    value_each (name, way) {
        if (++steps > WAY_MOST)
            return NULL;
        from = value_find(from, name->text);
    }
    return from;
}

/* -1: the kernel gives no memory. */
static int sealed_memory(struct str bytes)
{
    int fd = memfd_create("weir-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t at = 0;

    while (fd >= 0 && at < bytes.len) {
        ssize_t n = write(fd, bytes.at + at, bytes.len - at);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (fd >= 0 && at == bytes.len && lseek(fd, 0, SEEK_SET) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void not_handed(struct handing *h, const char *why)
{
    h->done(h->arg, -1, str_from(why));
}

static void hand(struct handing *h, int status)
{
    struct request *r = &h->call->r;
    const struct value *errors = r->reply.errors;
    const struct value *answer = answer_value(r);
    const struct value *found = follow(answer, value_get(h->value, "field"));
    const struct value *told = value_get(h->value, "tell");
    struct buf b;
    int fd;

    if (errors != NULL && errors->first != NULL) {
        not_handed(h, arena_str(&r->arena, errors->first->text).at);
        return;
    }
    if (status >= 500) {
        not_handed(h, "what was changed could not be written down");
        return;
    }
    if (status == 404 || found == NULL || found->kind == VALUE_NULL) {
        not_handed(h, "it has no value yet");
        return;
    }
    told = told != NULL ? follow(answer, told) : NULL;
    buf_init_secret(&b, 1 << 20);
    if (found->kind == VALUE_TEXT || found->kind == VALUE_NUMBER)
        buf_str(&b, found->text);
    else
        json_write(found, &b);
    fd = b.over ? -1 : sealed_memory(buf_as_str(&b));
    buf_free(&b);
    if (fd < 0)
        not_handed(h, "it is too long, or there is no memory for it");
    else
        h->done(h->arg, fd, told != NULL ? told->text : STR(""));
}

static void answered(void *arg, struct str bytes)
{
    struct handing *h = arg;

    if (h->value == NULL)
        not_handed(h, "the keeper cannot do that");
    else
        hand(h, status_of(h->call, bytes));
    free(h);
}

void core_hand(
    struct core *c, struct str bytes, void (*done)(void *arg, int fd, struct str text), void *arg)
{
    struct handing *h = xcalloc(1, sizeof(*h));
    struct call *call = call_new(c);

    *h = (struct handing){ .call = call, .done = done, .arg = arg };
    call->answer = answered;
    call->arg = h;
    h->value = decode(call, bytes);
    if (h->value == NULL)
        refuse(call, 400, "the question is malformed");
    else if (!may_be_handed(&call->r))
        refuse(call, 403, "that is not handed out");
    else
        call_dispatch(call);
}
