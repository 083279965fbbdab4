/*
 * answer - a reply as the bytes of a KEEPER_RESPONSE: the envelope that every answer of the API comes in.
 */
#include "keeper/core/state_int.h"
#include "keeper/messages.h"

enum { ANSWER_VALUE, ANSWER_BYTES, ANSWER_EMPTY, ANSWER_FIRST = 1024 };

static void head(struct buf *to, int status, uint8_t kind, const char *content_type)
{
    size_t len = content_type != NULL ? strlen(content_type) : 0;
    const uint8_t bytes[KEEPER_RESPONSE_HEAD] = { (uint8_t)status, (uint8_t)(status >> 8), kind, 0,
        (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16), (uint8_t)(len >> 24) };

    buf_add(to, bytes, sizeof(bytes));
    buf_add(to, content_type, len);
}

static struct value *or_null(struct arena *a, struct value *v)
{
    return v != NULL ? v : value_null(a);
}

/* What is no member of the envelope already. */
static void put_top(struct arena *a, struct value *map, const struct value *top)
{
    value_each (it, top)
        if (value_find(map, it->name) == NULL)
            value_put_named(a, map, it->name, value_copy(a, it));
}

static struct value *envelope(struct request *r)
{
    struct arena *a = &r->arena;
    struct reply *p = &r->reply;
    struct value *map = value_map(a);

    value_put_text(a, map, "request_id", r->id);
    value_put_text(a, map, "lease_id", p->lease_id);
    value_put_bool(a, map, "renewable", p->renewable);
    value_put_i64(a, map, "lease_duration", p->lease_duration);
    value_put(map, "data", or_null(a, p->data));
    value_put(map, "wrap_info", or_null(a, p->wrap_info));
    value_put(map, "warnings", or_null(a, p->warnings));
    value_put(map, "auth", or_null(a, p->auth_made));
    if (p->top != NULL)
        put_top(a, map, p->top);
    return map;
}

static struct value *refusal(struct request *r)
{
    struct value *map = value_map(&r->arena);

    value_put(map, "errors", r->reply.errors);
    if (r->reply.warnings != NULL)
        value_put(map, "warnings", r->reply.warnings);
    if (r->reply.top != NULL)
        put_top(&r->arena, map, r->reply.top);
    return map;
}

struct value *answer_value(struct request *r)
{
    struct reply *p = &r->reply;

    if (p->content_type != NULL)
        return NULL;
    if (p->bare)
        return p->top;
    if (p->status >= 400 && p->errors != NULL && p->data == NULL)
        return refusal(r);
    if (p->status == 204 && p->warnings == NULL && p->auth_made == NULL && p->wrap_info == NULL)
        return NULL;
    if (p->status == 204)
        p->status = 200;
    return envelope(r);
}

void answer_compose(struct call *call)
{
    struct reply *p = &call->r.reply;
    struct value *v = answer_value(&call->r);
    struct buf *to = &call->answer_bytes;

    buf_clear(to);
    if (p->content_type != NULL) {
        head(to, p->status, ANSWER_BYTES, p->content_type);
        buf_str(to, p->raw);
    } else if (v == NULL) {
        head(to, p->status, ANSWER_EMPTY, NULL);
    } else {
        head(to, p->status, ANSWER_VALUE, NULL);
        value_encode(v, to);
    }
    if (to->over) {
        buf_clear(to);
        answer_compose_error(to, 500, "the answer is too long");
    }
}

void answer_compose_error(struct buf *to, int status, const char *sentence)
{
    struct arena a;
    struct value *map;
    struct value *list;

    arena_init(&a, ANSWER_FIRST);
    map = value_map(&a);
    list = value_list(&a);
    value_add_text(&a, list, str_from(sentence));
    value_put(map, "errors", list);
    head(to, status, ANSWER_VALUE, NULL);
    value_encode(map, to);
    arena_free(&a);
}
