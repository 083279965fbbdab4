/*
 * vault - the front of the keeper.  See vault.h and vault_int.h.
 *
 *     call --pack--> frame with an id --> core --> frame with that id --print--> answer
 *
 * A request whose client has gone keeps its place until the core has answered, so that
 * clients who come and go cannot make the core do more than PENDING_MAX things at once.
 */
#include <endian.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/json.h"
#include "base/list.h"
#include "keeper/client.h"
#include "keeper/messages.h"
#include "net/link.h"
#include "vault/vault.h"
#include "vault/vault_int.h"

enum {
    PENDING_MAX = 4096,
    ANSWER_WITHIN = 90000, /* ms: Vault's default_max_request_duration */
    LOOK_EVERY = 1000,     /* ms */
    RESPONSE_MAX = LINK_BODY_MAX,
    SCRATCH_KEEP = 256 << 10,
};

static const struct http_server_options limits = {
    .max_body = VAULT_BODY_MAX,
    .max_connections = 4096,
    .max_pipelined = 32,
    .max_bytes = 256U << 20,
    .header_timeout = 10000,
    .body_timeout = 60000,
    .idle_timeout = 300000,
};

struct pending {
    struct list link;       /* in vault->waiting, oldest first, or in vault->idle */
    struct http_call *call; /* NULL: its client has gone */
    uint64_t id;
    uint32_t index;
    msec_t since;
};

struct vault {
    struct loop *loop;
    struct http_server *server;
    struct keeper_client *signer;
    struct tls_context *tls; /* of the TLS listeners; NULL: none yet */
    struct link *core;       /* NULL: not there */
    struct pending *pending; /* PENDING_MAX of them */
    struct list waiting;
    struct list idle;
    uint64_t generation;
    struct timer look; /* for what waits too long, and for telling the core what was counted */
    uint64_t refused;  /* by request.c */
    uint64_t dropped;
    uint64_t told[KEEPER_COUNTS];
    struct arena arena; /* of the request that is being packed */
    struct buf frame;
    struct buf json;
};

/* ---- answers ---- */

static const struct str plain_fields = STR("Cache-Control: no-store\r\n");
static const struct str tls_fields = STR("Cache-Control: no-store\r\nStrict-Transport-Security: "
                                         "max-age=31536000; includeSubDomains\r\n");

static struct str fields_for(const struct http_call *call)
{
    return http_call_is_tls(call) ? tls_fields : plain_fields;
}

static void answer_error(struct vault *v, struct http_call *call, int status, struct str text)
{
    buf_clear(&v->json);
    buf_text(&v->json, "{\"errors\":[");
    if (text.len > 0)
        json_str(&v->json, text);
    buf_text(&v->json, "]}\n");
    http_answer(call, status, "application/json", fields_for(call), buf_as_str(&v->json));
}

/* The core is not to be had. */
static void drop(struct vault *v, struct http_call *call, const char *why)
{
    v->dropped++;
    answer_error(v, call, 503, str_from(why));
}

static const char no_core[] = "the keeper's core is not there; try again in a moment";

static void forget_scratch(struct vault *v)
{
    arena_wipe(&v->arena);
    if (v->frame.cap > SCRATCH_KEEP)
        buf_free(&v->frame);
    else
        buf_clear(&v->frame);
    if (v->json.cap > SCRATCH_KEEP)
        buf_free(&v->json);
    else
        buf_clear(&v->json);
}

/* ---- what waits for the core ---- */

static struct pending *take_pending(struct vault *v, struct http_call *call)
{
    struct pending *p;

    if (list_empty(&v->idle))
        return NULL;
    p = list_item(v->idle.next, struct pending, link);
    list_remove(&p->link);
    list_append(&v->waiting, &p->link);
    p->call = call;
    p->id = ++v->generation << 16 | p->index;
    p->since = loop_now(v->loop);
    http_call_set_data(call, p);
    return p;
}

/* Its call, NULL when that has gone. */
static struct http_call *release_pending(struct vault *v, struct pending *p)
{
    struct http_call *call = p->call;

    list_remove(&p->link);
    list_prepend(&v->idle, &p->link); /* the one whose memory is warm is taken next */
    p->call = NULL;
    p->id = 0;
    return call;
}

static struct pending *find_pending(struct vault *v, uint64_t id)
{
    struct pending *p = (id & 0xffff) < PENDING_MAX ? &v->pending[id & 0xffff] : NULL;

    return p != NULL && p->id == id && id != 0 ? p : NULL;
}

static void fail_all(struct vault *v)
{
    while (!list_empty(&v->waiting)) {
        struct pending *p = list_item(v->waiting.next, struct pending, link);
        struct http_call *call = release_pending(v, p);

        if (call != NULL)
            drop(v, call, no_core);
    }
}

static void look_for_late(struct vault *v)
{
    msec_t now = loop_now(v->loop);

    while (!list_empty(&v->waiting)) {
        struct pending *p = list_item(v->waiting.next, struct pending, link);
        struct http_call *call;

        if (p->since + ANSWER_WITHIN > now)
            break;
        call = release_pending(v, p);
        if (call != NULL)
            drop(v, call, "the keeper's core did not answer in time");
    }
}

/* ---- counting ---- */

static void count(const struct vault *v, uint64_t counts[KEEPER_COUNTS])
{
    struct http_server_stats s = http_server_get_stats(v->server);

    counts[KEEPER_COUNT_OPEN] = s.open;
    counts[KEEPER_COUNT_BYTES] = s.bytes;
    counts[KEEPER_COUNT_ACCEPTED] = s.accepted;
    counts[KEEPER_COUNT_TURNED_AWAY] = s.turned_away;
    counts[KEEPER_COUNT_REFUSED] = s.refused + v->refused;
    counts[KEEPER_COUNT_SLOW] = s.slow;
    counts[KEEPER_COUNT_DROPPED] = v->dropped;
}

static void tell_counts(struct vault *v)
{
    uint64_t counts[KEEPER_COUNTS];
    uint64_t wire[KEEPER_COUNTS];

    count(v, counts);
    if (v->core == NULL || memcmp(counts, v->told, sizeof(counts)) == 0)
        return;
    for (size_t i = 0; i < KEEPER_COUNTS; i++)
        wire[i] = htole64(counts[i]);
    if (link_send_str(v->core, KEEPER_COUNTED, 0, (struct str){ (char *)wire, sizeof(wire) }))
        memcpy(v->told, counts, sizeof(counts));
}

static void look(struct timer *t)
{
    struct vault *v = (struct vault *)(void *)((char *)t - offsetof(struct vault, look));

    look_for_late(v);
    tell_counts(v);
    timer_set(v->loop, &v->look, loop_now(v->loop) + LOOK_EVERY);
}

/* ---- from the core ---- */

struct response {
    int status;
    unsigned kind; /* see keeper/messages.h */
    struct str content_type;
    struct str body;
};

static bool unpack_response(struct str s, struct response *r)
{
    const uint8_t *p = (const uint8_t *)s.at;
    size_t type_len;

    if (s.len < KEEPER_RESPONSE_HEAD)
        return false;
    r->status = p[0] | p[1] << 8;
    r->kind = p[2];
    type_len = (size_t)p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16 | (size_t)p[7] << 24;
    if (type_len > s.len - KEEPER_RESPONSE_HEAD || type_len > 200 || r->kind > 2 ||
        r->status < 200 || r->status > 599)
        return false;
    r->content_type = (struct str){ s.at + KEEPER_RESPONSE_HEAD, type_len };
    r->body = (struct str){ s.at + KEEPER_RESPONSE_HEAD + type_len,
        s.len - KEEPER_RESPONSE_HEAD - type_len };
    return true;
}

static void answer(struct vault *v, struct http_call *call, const struct response *r)
{
    char type[201];

    memcpy(type, r->content_type.at, r->content_type.len);
    type[r->content_type.len] = '\0';
    switch (r->kind) {
    case 0:
        buf_clear(&v->json);
        if (!vault_print(r->body, &v->json)) {
            answer_error(v, call, 500, STR("internal error"));
            break;
        }
        buf_char(&v->json, '\n');
        http_answer(call, r->status, "application/json", fields_for(call), buf_as_str(&v->json));
        break;
    case 1:
        http_answer(call, r->status, type[0] != '\0' ? type : NULL, fields_for(call), r->body);
        break;
    default:
        http_answer(call, r->status, NULL, fields_for(call), STR_NONE);
    }
}

static void on_response(struct link *l, const struct frame *f, void *arg)
{
    struct vault *v = arg;
    struct pending *p = find_pending(v, f->id);
    struct http_call *call = p != NULL ? release_pending(v, p) : NULL;
    struct response r;

    (void)l;
    if (call == NULL)
        return;
    if (unpack_response(f->body, &r))
        answer(v, call, &r);
    else
        answer_error(v, call, 500, STR("internal error"));
    forget_scratch(v);
}

static const struct frame_rule from_core[] = {
    { KEEPER_RESPONSE, "response", RESPONSE_MAX, on_response },
    { 0 },
};

static void core_gone(struct link *l, void *arg)
{
    struct vault *v = arg;

    v->core = NULL;
    link_free(l);
    fail_all(v);
    forget_scratch(v);
}

void vault_attach_core(struct vault *v, int fd)
{
    link_free(v->core);
    fail_all(v);
    v->core = link_new(v->loop, fd, from_core, core_gone, v);
    memset(v->told, 0, sizeof(v->told)); /* this one knows nothing yet */
}

/* ---- from clients ---- */

static void send_to_core(struct vault *v, struct http_call *call)
{
    struct pending *p = v->core != NULL ? take_pending(v, call) : NULL;

    if (v->core == NULL) {
        drop(v, call, no_core);
    } else if (p == NULL) {
        drop(v, call, "too many requests wait for the keeper's core");
    } else if (!link_send_str(v->core, KEEPER_REQUEST, p->id, buf_as_str(&v->frame))) {
        release_pending(v, p);
        drop(v, call, "too much waits for the keeper's core");
    }
}

static void on_call(struct http_call *call, void *arg)
{
    struct vault *v = arg;
    struct refusal refusal;

    http_call_set_data(call, NULL);
    if (vault_pack_request(call, &v->arena, &v->frame, &refusal)) {
        send_to_core(v, call);
    } else {
        v->refused++;
        answer_error(v, call, refusal.status, str_from(refusal.text));
    }
    forget_scratch(v);
}

static void on_gone(struct http_call *call, void *arg)
{
    struct pending *p = http_call_data(call);

    (void)arg;
    if (p != NULL)
        p->call = NULL;
}

/* ---- life ---- */

struct vault *vault_new(struct loop *l)
{
    struct vault *v = xcalloc(1, sizeof(*v));
    struct http_server_options o = limits;

    o.handle = on_call;
    o.gone = on_gone;
    o.arg = v;
    v->loop = l;
    v->server = http_server_new(l, &o);
    v->signer = keeper_client_new(l);
    v->pending = xcalloc(PENDING_MAX, sizeof(*v->pending));
    list_init(&v->waiting);
    list_init(&v->idle);
    for (uint32_t i = 0; i < PENDING_MAX; i++) {
        v->pending[i].index = i;
        list_append(&v->idle, &v->pending[i].link);
    }
    timer_init(&v->look, look);
    timer_set(l, &v->look, loop_now(l) + LOOK_EVERY);
    arena_init(&v->arena, 16384);
    buf_init_secret(&v->frame, KEEPER_REQUEST_MAX);
    buf_init_secret(&v->json, (size_t)RESPONSE_MAX * 6);
    return v;
}

void vault_free(struct vault *v)
{
    if (v == NULL)
        return;
    http_server_free(v->server);
    timer_cancel(v->loop, &v->look);
    link_free(v->core);
    tls_context_unref(v->tls);
    keeper_client_free(v->signer);
    arena_wipe(&v->arena);
    arena_free(&v->arena);
    buf_free(&v->frame);
    buf_free(&v->json);
    free(v->pending);
    free(v);
}

void vault_attach_signer(struct vault *v, int fd)
{
    keeper_client_attach(v->signer, fd);
}

/* No tickets: a resumed session would have lost the client's chain. */
static struct tls_context *new_context(struct vault *v, struct str chain_pem, struct err *err)
{
    static const struct str alpn[] = { STR("http/1.1") };
    struct tls_certificate certificate = { .chain_pem = chain_pem };
    struct tls_server_options o = {
        .certificates = &certificate,
        .ncertificates = 1,
        .allow_tls12 = true,
        .alpn = alpn,
        .nalpn = 1,
        .signer = keeper_client_signer(v->signer),
        .ask_certificate = true,
        .wipe_plaintext = true,
    };

    return tls_server_new(&o, err);
}

int vault_set_certificate(struct vault *v, struct str chain_pem, struct err *err)
{
    struct tls_context *c = new_context(v, chain_pem, err);

    if (c == NULL)
        return -1;
    tls_context_unref(v->tls);
    v->tls = c;
    http_server_set_tls(v->server, c);
    return 0;
}

int vault_listen(struct vault *v, int listener, struct str chain_pem, struct err *err)
{
    if (chain_pem.len > 0 && vault_set_certificate(v, chain_pem, err) == -1)
        return -1;
    http_server_listen(v->server, listener, chain_pem.len > 0 ? v->tls : NULL);
    return 0;
}
