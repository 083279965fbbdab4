/*
 * client - see client.h.
 *
 * The keeper answers in order, so what is in flight is a ring.  A question
 * whose handshake has gone stays in it, without anybody to tell.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/client.h"
#include "keeper/messages.h"
#include "net/channel.h"

enum { IN_FLIGHT_MAX = 1024 /* a power of two */, REASON_MAX = 64 };

struct keeper_client {
    struct tls_signer signer; /* must stay first */
    struct loop *loop;
    struct channel *channel;
    struct tls_signing *ring[IN_FLIGHT_MAX]; /* NULL: cancelled */
    uint64_t first;                          /* ids; the oldest in flight */
    uint64_t next;
    struct keeper_client_stats stats;
    char body[KEEPER_SIGN_HEAD + TLS_SIGN_INPUT_MAX];
};

static const char keeper_down[] = "keeper_down";

/* The keeper's words, and ours for the edge's log: the first is an operator's mistake, all others
 * are a bug of ours, or somebody who has taken over the edge. */
static const char *word_for(struct str reason)
{
    return str_is(reason, "unknown_key") ? "key_missing" : "key_refused";
}

/* why is NULL when there is a signature. */
static void answer(struct keeper_client *k, const char *why, struct str signature)
{
    struct tls_signing **slot = &k->ring[k->first++ % IN_FLIGHT_MAX];
    struct tls_signing *s = *slot;

    *slot = NULL;
    if (why == NULL)
        k->stats.signatures++;
    else
        k->stats.failures++;
    if (s == NULL)
        return;
    s->ok = why == NULL;
    s->why = why;
    s->signature_len = signature.len;
    if (s->ok)
        memcpy(s->signature, signature.at, signature.len);
    s->done(s); /* may ask the next question */
}

static void fail_all(struct keeper_client *k)
{
    uint64_t end = k->next;

    while (k->first < end)
        answer(k, keeper_down, STR_NONE);
}

/* The questions last: their owners may ask anew, and must find that nobody is there. */
static void drop_channel(struct keeper_client *k)
{
    struct channel *c = k->channel;

    k->channel = NULL;
    channel_free(c);
    fail_all(k);
}

static void on_close(struct channel *c, void *arg)
{
    (void)c;
    drop_channel(arg);
}

static bool is_oldest(const struct keeper_client *k, uint64_t id)
{
    return id == k->first && k->first < k->next;
}

static void on_signed(struct channel *c, struct message *m, void *arg)
{
    struct keeper_client *k = arg;

    (void)c;
    if (is_oldest(k, m->id))
        answer(k, m->body.len > 0 ? NULL : "key_refused", m->body);
    else
        drop_channel(k);
}

static void on_not_signed(struct channel *c, struct message *m, void *arg)
{
    struct keeper_client *k = arg;

    (void)c;
    if (is_oldest(k, m->id))
        answer(k, word_for(m->body), STR_NONE);
    else
        drop_channel(k);
}

static const struct message_rule from_keeper[] = {
    { KEEPER_SIGNED, "signed", TLS_SIGNATURE_MAX, 0, on_signed },
    { KEEPER_NOT_SIGNED, "not_signed", REASON_MAX, 0, on_not_signed },
    { 0 },
};

static bool client_sign(struct tls_signer *signer, struct tls_signing *s)
{
    struct keeper_client *k = (struct keeper_client *)(void *)signer;
    struct str body = { k->body, KEEPER_SIGN_HEAD + s->input_len };

    s->why = k->channel == NULL ? keeper_down : "keeper_busy";
    if (k->channel == NULL || s->input_len > TLS_SIGN_INPUT_MAX ||
        k->next - k->first >= IN_FLIGHT_MAX) {
        k->stats.failures++;
        return false;
    }
    memcpy(k->body, s->key_id, TLS_KEY_ID);
    k->body[TLS_KEY_ID] = (char)(s->scheme & 0xff);
    k->body[TLS_KEY_ID + 1] = (char)(s->scheme >> 8);
    memcpy(k->body + KEEPER_SIGN_HEAD, s->input, s->input_len);
    if (!channel_send(k->channel, KEEPER_SIGN, k->next, body, NULL, 0)) {
        k->stats.failures++;
        s->why = keeper_down; /* the loop will find the channel's end */
        return false;
    }
    k->ring[k->next++ % IN_FLIGHT_MAX] = s;
    return true;
}

static void client_cancel(struct tls_signer *signer, struct tls_signing *s)
{
    struct keeper_client *k = (struct keeper_client *)(void *)signer;

    for (uint64_t i = k->first; i < k->next; i++)
        if (k->ring[i % IN_FLIGHT_MAX] == s)
            k->ring[i % IN_FLIGHT_MAX] = NULL;
}

struct keeper_client *keeper_client_new(struct loop *l)
{
    struct keeper_client *k = xcalloc(1, sizeof(*k));

    k->loop = l;
    k->signer = (struct tls_signer){ client_sign, client_cancel };
    return k;
}

void keeper_client_free(struct keeper_client *k)
{
    if (k == NULL)
        return;
    drop_channel(k);
    free(k);
}

void keeper_client_attach(struct keeper_client *k, int fd)
{
    drop_channel(k);
    k->channel = channel_new(k->loop, fd, from_keeper, on_close, k);
}

bool keeper_client_is_up(const struct keeper_client *k)
{
    return k->channel != NULL;
}

struct tls_signer *keeper_client_signer(struct keeper_client *k)
{
    return &k->signer;
}

struct keeper_client_stats keeper_client_get_stats(const struct keeper_client *k)
{
    struct keeper_client_stats stats = k->stats;

    stats.in_flight = k->next - k->first;
    return stats;
}
