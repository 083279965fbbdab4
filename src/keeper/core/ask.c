/*
 * ask - requests as they come from the api role, and those that the core makes itself.
 */
#include <endian.h>
#include <stdlib.h>

#include "keeper/core/state_int.h"
#include "keeper/messages.h"

enum { PART_PATH, PART_TOKEN, PART_REMOTE, PART_TYPE, PART_REST, PARTS };

/* One role's link; stays until the last of its questions is answered. */
struct api {
    struct list link;
    struct core *core;
    struct link *wire; /* NULL: closed */
    unsigned asked;
};

struct asked {
    struct api *api;
    uint64_t id;
};

/* ---- decoding ---- */

static uint32_t u32_at(const char *at)
{
    const uint8_t *p = (const uint8_t *)at;

    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool cut_parts(struct str rest, struct str parts[PARTS])
{
    for (unsigned i = 0; i < PARTS; i++) {
        uint32_t len;

        if (rest.len < 4)
            return false;
        len = u32_at(rest.at);
        rest = (struct str){ rest.at + 4, rest.len - 4 };
        if (rest.len < len)
            return false;
        parts[i] = (struct str){ rest.at, len };
        rest = (struct str){ rest.at + len, rest.len - len };
    }
    return rest.len == 0;
}

static struct value *map_member(struct arena *a, const struct value *map, const char *name)
{
    struct value *v = value_get(map, name);

    return v != NULL && v->kind == VALUE_MAP ? v : value_map(a);
}

static bool decode(struct request *r, struct str bytes)
{
    struct str copy;
    struct str parts[PARTS];
    struct value *rest;

    if (bytes.len < KEEPER_REQUEST_HEAD)
        return false;
    copy = arena_str(&r->arena, bytes);
    if ((uint8_t)copy.at[0] >= OP_COUNT ||
        !cut_parts(
            (struct str){ copy.at + KEEPER_REQUEST_HEAD, copy.len - KEEPER_REQUEST_HEAD }, parts))
        return false;
    rest = value_decode(&r->arena, parts[PART_REST], VALUE_NODES_MAX);
    if (rest == NULL || rest->kind != VALUE_MAP)
        return false;
    r->op = (enum operation)copy.at[0];
    r->wrap_ttl = u32_at(copy.at + 4);
    r->path = parts[PART_PATH];
    r->token = parts[PART_TOKEN];
    r->remote = parts[PART_REMOTE];
    r->body = map_member(&r->arena, rest, "body");
    r->parsed = map_member(&r->arena, rest, "parsed");
    r->raw = value_get_text(rest, "raw", STR(""));
    r->client_certificate = value_get(rest, "certificate");
    return true;
}

void core_request(
    struct core *c, struct str bytes, void (*answer)(void *arg, struct str bytes), void *arg)
{
    struct call *call = call_new(c);

    call->answer = answer;
    call->arg = arg;
    if (decode(&call->r, bytes)) {
        call_dispatch(call);
        return;
    }
    buf_clear(&call->answer_bytes);
    answer_compose_error(&call->answer_bytes, 400, "the request is malformed");
    answer(arg, buf_as_str(&call->answer_bytes));
    call_free(call);
}

struct request *request_inside(
    struct core *c, enum operation op, struct str path, struct value *body)
{
    struct call *call = call_new(c);
    struct request *r = &call->r;

    call->inline_work = true;
    r->inside = true;
    r->op = op;
    r->path = arena_str(&r->arena, path);
    r->body = body != NULL ? value_copy(&r->arena, body) : value_map(&r->arena);
    r->parsed = value_map(&r->arena);
    call_dispatch(call);
    return r;
}

void request_free(struct request *r)
{
    if (r != NULL)
        call_free(call_of(r));
}

/* ---- links ---- */

static void api_end(struct api *api)
{
    if (api->wire != NULL || api->asked > 0)
        return;
    list_remove(&api->link);
    free(api);
}

static void on_answer(void *arg, struct str bytes)
{
    struct asked *asked = arg;
    struct api *api = asked->api;

    if (api->wire != NULL)
        link_send_str(api->wire, KEEPER_RESPONSE, asked->id, bytes);
    free(asked);
    api->asked--;
    api_end(api);
}

static void on_request(struct link *l, const struct frame *f, void *arg)
{
    struct api *api = arg;
    struct asked *asked = xcalloc(1, sizeof(*asked));

    (void)l;
    asked->api = api;
    asked->id = f->id;
    api->asked++;
    core_request(api->core, f->body, on_answer, asked);
}

/* For metrics alone: whoever parses what strangers send may say anything here. */
static void on_counted(struct link *l, const struct frame *f, void *arg)
{
    struct core *c = ((struct api *)arg)->core;
    uint64_t n;

    (void)l;
    for (size_t i = 0; i < KEEPER_COUNTS && (i + 1) * sizeof(n) <= f->body.len; i++) {
        memcpy(&n, f->body.at + i * sizeof(n), sizeof(n));
        c->api_counts[i] = le64toh(n);
    }
}

static const struct frame_rule from_api[] = {
    { KEEPER_REQUEST, "request", KEEPER_REQUEST_MAX, on_request },
    { KEEPER_COUNTED, "counted", KEEPER_COUNTS * sizeof(uint64_t), on_counted },
    { 0 },
};

static void on_close(struct link *l, void *arg)
{
    struct api *api = arg;

    api->wire = NULL;
    link_free(l);
    api_end(api);
}

void core_attach_api(struct core *c, int fd)
{
    struct api *api = xcalloc(1, sizeof(*api));

    api->core = c;
    list_append(&c->apis, &api->link);
    api->wire = link_new(c->loop, fd, from_api, on_close, api);
}

void apis_close(struct core *c)
{
    list_each (it, after, &c->apis) {
        struct api *api = list_item(it, struct api, link);

        link_free(api->wire);
        list_remove(it);
        free(api);
    }
}
