/*
 * keeper - see keeper.h.
 *
 * Single-threaded and without queues of its own: a message is answered before
 * the next is read, so what waits, waits in the sockets' buffers, and answers
 * come in the order of the questions.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/list.h"
#include "base/mem.h"
#include "keeper/core/orders_int.h"
#include "keeper/crypto/meter_int.h"
#include "keeper/keeper.h"
#include "keeper/key_int.h"
#include "keeper/messages.h"
#include "keeper/sys/observe_int.h"
#include "net/channel.h"

enum { KEYS_MAX = 20000, KEYS_A_MESSAGE = CHANNEL_BODY_MAX / TLS_KEY_ID };

struct edge { /* one worker's channel */
    struct list link;
    struct keeper *keeper;
    struct channel *channel;
};

struct keeper {
    struct loop *loop;
    struct key_tools *tools;
    struct key **keys; /* in order of their ids */
    size_t nkeys;
    struct list edges;
    struct channel *control;
    struct core *core;
};

/* ---- keys ---- */

/* Where the key with this id is, or would be. */
static size_t place_of(const struct keeper *k, const uint8_t *id, bool *found)
{
    size_t low = 0;
    size_t high = k->nkeys;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key_id(k->keys[middle]), id, TLS_KEY_ID);

        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

static void add_key(struct keeper *k, struct key *key)
{
    bool found;
    size_t at = place_of(k, key_id(key), &found);

    if (found) { /* the same key again */
        key_free(k->keys[at]);
        k->keys[at] = key;
        return;
    }
    k->keys = xreallocarray(k->keys, k->nkeys + 1, sizeof(struct key *));
    memmove(k->keys + at + 1, k->keys + at, (k->nkeys - at) * sizeof(struct key *));
    k->keys[at] = key;
    k->nkeys++;
}

static void say(struct keeper *k, uint16_t type, uint64_t id, struct str body)
{
    if (k->control != NULL)
        channel_send(k->control, type, id, body, NULL, 0);
}

void keeper_load_key(struct keeper *k, int fd, uint64_t id)
{
    struct err err = { 0 };
    struct key *key = NULL;
    char body[TLS_KEY_ID + 32];
    size_t word;

    if (k->nkeys >= KEYS_MAX)
        err_set(&err, ERR_LIMIT, "keeper_full", "the keeper has its %d keys already", KEYS_MAX);
    else
        key = key_read(k->tools, fd, &err);
    close(fd);
    if (key == NULL) {
        say(k, KEEPER_KEY_REFUSED, id, str_from(err.text));
        return;
    }
    add_key(k, key);
    word = strlen(key_algorithm(key));
    memcpy(body, key_id(key), TLS_KEY_ID);
    memcpy(body + TLS_KEY_ID, key_algorithm(key), word);
    say(k, KEEPER_KEY_LOADED, id, (struct str){ body, TLS_KEY_ID + word });
}

/* ---- the edge ---- */

static void edge_end(struct edge *e)
{
    list_remove(&e->link);
    channel_free(e->channel);
    free(e);
}

static void edge_closed(struct channel *c, void *arg)
{
    (void)c;
    edge_end(arg);
}

static void on_sign(struct channel *c, struct message *m, void *arg)
{
    struct edge *e = arg;
    struct keeper *k = e->keeper;
    const uint8_t *body = (const uint8_t *)m->body.at;
    uint8_t signature[TLS_SIGNATURE_MAX];
    const char *why = "unknown_key";
    size_t len = 0;
    uint16_t scheme;
    size_t at;
    bool found;

    if (m->body.len <= KEEPER_SIGN_HEAD) {
        edge_end(e);
        return;
    }
    scheme = (uint16_t)(body[TLS_KEY_ID] | body[TLS_KEY_ID + 1] << 8);
    if (!key_scheme_exists(scheme)) { /* our own edge never asks for one */
        edge_end(e);
        return;
    }
    at = place_of(k, body, &found);
    if (found) {
        nsec_t begin = time_nsec();

        why = key_sign(k->keys[at], scheme,
            (struct str){ m->body.at + KEEPER_SIGN_HEAD, m->body.len - KEEPER_SIGN_HEAD },
            signature, &len);
        meter_note(
            key_type_find(str_from(key_algorithm(k->keys[at]))), time_nsec() - begin, why == NULL);
    }
    if (why == NULL)
        channel_send(c, KEEPER_SIGNED, m->id, (struct str){ (char *)signature, len }, NULL, 0);
    else
        channel_send(c, KEEPER_NOT_SIGNED, m->id, str_from(why), NULL, 0);
}

static const struct message_rule from_edge[] = {
    { KEEPER_SIGN, "sign", KEEPER_SIGN_HEAD + TLS_SIGN_INPUT_MAX, 0, on_sign },
    { 0 },
};

void keeper_attach_edge(struct keeper *k, int fd)
{
    struct edge *e = xcalloc(1, sizeof(*e));

    e->keeper = k;
    list_append(&k->edges, &e->link);
    e->channel = channel_new(k->loop, fd, from_edge, edge_closed, e);
}

void keeper_attach_signer(struct keeper *k, int fd)
{
    keeper_attach_edge(k, fd);
}

/* ---- what the core is given, and gives ---- */

/* The key of a certificate that the core issued for the edge. */
static bool take_tls_key(void *arg, struct str pem)
{
    struct keeper *k = arg;
    struct err err;
    struct key *key = k->nkeys < KEYS_MAX ? key_parse(k->tools, pem, &err) : NULL;

    if (key != NULL)
        add_key(k, key);
    return key != NULL;
}

void keeper_attach_api(struct keeper *k, int fd)
{
    core_attach_api(k->core, fd);
}

void keeper_attach_store(struct keeper *k, int read_fd, int write_fd, int journal_fd)
{
    core_attach_store(k->core, read_fd, write_fd, journal_fd);
}

void keeper_give_unseal_key(struct keeper *k, int fd)
{
    core_give_unseal_key(k->core, fd);
}

static void tell_changed(void *arg, const struct value *what)
{
    struct buf b;

    buf_init(&b, CHANNEL_BODY_MAX);
    value_encode(what, &b);
    if (!b.over)
        say(arg, KEEPER_CHANGED, 0, buf_as_str(&b));
    buf_free(&b);
}

/* ---- control ---- */

static void on_forget(struct channel *c, struct message *m, void *arg)
{
    struct keeper *k = arg;
    size_t at;
    bool found;

    if (m->body.len != TLS_KEY_ID) {
        k->control = NULL;
        channel_free(c);
        return;
    }
    at = place_of(k, (const uint8_t *)m->body.at, &found);
    if (!found)
        return;
    key_free(k->keys[at]);
    k->nkeys--;
    memmove(k->keys + at, k->keys + at + 1, (k->nkeys - at) * sizeof(struct key *));
}

static void on_list(struct channel *c, struct message *m, void *arg)
{
    struct keeper *k = arg;
    char *ids = xreallocarray(NULL, KEYS_A_MESSAGE, TLS_KEY_ID);
    size_t at = 0;
    size_t n;

    do {
        for (n = 0; n < KEYS_A_MESSAGE && at < k->nkeys; n++, at++)
            memcpy(ids + n * TLS_KEY_ID, key_id(k->keys[at]), TLS_KEY_ID);
        channel_send(c, KEEPER_KEYS, m->id, (struct str){ ids, n * TLS_KEY_ID }, NULL, 0);
    } while (n == KEYS_A_MESSAGE);
    free(ids);
}

static void on_observe(struct channel *c, struct message *m, void *arg)
{
    struct keeper *k = arg;
    struct arena a;
    struct value *v;
    struct buf b;

    arena_init(&a, 1024);
    buf_init(&b, CHANNEL_BODY_MAX);
    v = value_map(&a);
    core_observe(k->core, &a, v);
    value_encode(v, &b);
    channel_send(c, KEEPER_OBSERVED, m->id, buf_as_str(&b), NULL, 0);
    buf_free(&b);
    arena_free(&a);
}

/* A question of control's that the core answers later. */
struct asked {
    struct keeper *keeper;
    struct channel *control; /* that asked; compared, never used when it is no longer the one */
    uint64_t id;
};

static struct asked *asked_new(struct keeper *k, struct channel *c, uint64_t id)
{
    struct asked *a = xcalloc(1, sizeof(*a));

    *a = (struct asked){ k, c, id };
    return a;
}

static void ordered(void *arg, struct str bytes)
{
    struct asked *a = arg;
    static const struct str too_long = { "\xf4\x01", 2 }; /* 500 */

    if (a->keeper->control == a->control)
        channel_send(a->control, KEEPER_ORDERED, a->id,
            bytes.len <= CHANNEL_BODY_MAX ? bytes : too_long, NULL, 0);
    free(a);
}

static void on_order(struct channel *c, struct message *m, void *arg)
{
    struct keeper *k = arg;

    core_order(k->core, m->body, ordered, asked_new(k, c, m->id));
}

static void handed(void *arg, int fd, struct str text)
{
    struct asked *a = arg;

    if (a->keeper->control == a->control)
        channel_send(
            a->control, fd >= 0 ? KEEPER_HANDED : KEEPER_NOT_HANDED, a->id, text, &fd, fd >= 0);
    if (fd >= 0)
        close(fd);
    free(a);
}

static void on_hand(struct channel *c, struct message *m, void *arg)
{
    struct keeper *k = arg;

    core_hand(k->core, m->body, handed, asked_new(k, c, m->id));
}

static const struct message_rule from_control[] = {
    { KEEPER_FORGET, "forget", TLS_KEY_ID, 0, on_forget },
    { KEEPER_LIST, "list", 0, 0, on_list },
    { KEEPER_OBSERVE, "observe", 0, 0, on_observe },
    { KEEPER_ORDER, "order", CHANNEL_BODY_MAX, 0, on_order },
    { KEEPER_HAND, "hand", CHANNEL_BODY_MAX, 0, on_hand },
    { 0 },
};

static void control_closed(struct channel *c, void *arg)
{
    struct keeper *k = arg;

    k->control = NULL;
    channel_free(c);
}

void keeper_attach_control(struct keeper *k, int fd)
{
    channel_free(k->control);
    k->control = channel_new(k->loop, fd, from_control, control_closed, k);
}

/* ---- life ---- */

struct keeper *keeper_new(struct loop *l)
{
    struct keeper *k = xcalloc(1, sizeof(*k));

    k->loop = l;
    k->tools = key_tools_new();
    k->core = core_new(l);
    core_on_tls_key(k->core, take_tls_key, k);
    core_on_change(k->core, tell_changed, k);
    list_init(&k->edges);
    return k;
}

void keeper_free(struct keeper *k)
{
    list_each (it, after, &k->edges)
        edge_end(list_item(it, struct edge, link));
    channel_free(k->control);
    for (size_t i = 0; i < k->nkeys; i++)
        key_free(k->keys[i]);
    key_tools_free(k->tools);
    core_free(k->core);
    free(k->keys);
    free(k);
}
