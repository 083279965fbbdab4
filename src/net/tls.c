/*
 * tls - a connection: handshake, read, write.  See tls.h.
 *
 *     tls_accept() --> handshaking --(needs the key)--> parked
 *                         |   ^                            |
 *                         |   +------(signer's done())-----+
 *                         +--> established --> closed or failed
 *
 * The handshake of a server runs as one of OpenSSL's jobs: on a stack of its
 * own, so that it can stop inside the provider that wants a signature.  The
 * stack goes back when the call ends, unless it is parked; how many may be
 * parked is bounded, and who comes later waits for one of them to end.
 */
#include <errno.h>
#include <openssl/async.h>
#include <openssl/err.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

struct tls_parked {
    struct tls_signing signing; /* must stay first */
    struct tls *tls;
    bool paused;
    bool answered;
};

/* ---- contexts ---- */

/* Only what is sound today; few, because each handshake looks at them all. */
void tls_set_common(SSL_CTX *ssl, bool allow_tls12)
{
    static char groups[] = "X25519:P-256";
    static char signatures[] =
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:"
        "RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512";

    MUST(SSL_CTX_set_min_proto_version(ssl, allow_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1);
    MUST(SSL_CTX_set_cipher_list(ssl,
             "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
             "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
             "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305") == 1);
    MUST(SSL_CTX_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                       "TLS_CHACHA20_POLY1305_SHA256") == 1);
    MUST(SSL_CTX_set1_groups_list(ssl, groups) == 1);
    MUST(SSL_CTX_set1_sigalgs_list(ssl, signatures) == 1);
    SSL_CTX_set_security_level(ssl, 2);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                              SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1);
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void tls_context_unref(struct tls_context *c)
{
    if (c == NULL || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    SSL_CTX_free(c->ssl);
    if (c->server != NULL)
        tls_server_free(c);
    if (c->client != NULL)
        tls_client_free(c);
    free(c);
}

/* ---- a connection begins and ends ---- */

static struct tls *tls_new(struct tls_context *c, int fd)
{
    struct tls *t = xcalloc(1, sizeof(*t));
    BIO *socket;

    t->context = tls_context_ref(c);
    t->thread = tls_thread_get();
    t->fd = fd;
    list_init(&t->waiting);
    t->ssl = SSL_new(c->ssl);
    MUST(t->ssl != NULL);
    SSL_set_app_data(t->ssl, t);
    socket = tls_bio_new(t);
    SSL_set_bio(t->ssl, socket, socket);
    return t;
}

struct tls *tls_accept(struct tls_context *c, int fd, void (*on_key)(void *arg), void *arg)
{
    struct tls *t;

    MUST(c->server != NULL);
    t = tls_new(c, fd);
    t->on_key = on_key;
    t->arg = arg;
    SSL_set_mode(t->ssl, SSL_MODE_ASYNC);
    SSL_set_accept_state(t->ssl);
    return t;
}

struct tls *tls_connect(struct tls_context *c, int fd, struct str server_name)
{
    struct tls *t;

    MUST(c->client != NULL);
    t = tls_new(c, fd);
    if (tls_client_prepare(t, server_name) == -1)
        t->error = "bad_server_name";
    SSL_set_connect_state(t->ssl);
    return t;
}

static void wake_waiting(struct tls_thread *thread);

/* The stack of a parked handshake is given back only by running it to its end. */
static void unpark(struct tls *t)
{
    struct tls_parked *p = t->parked;
    struct tls_signer *signer = tls_server_signer(t->context);

    if (!p->answered)
        signer->cancel(signer, &p->signing);
    p->signing.ok = false;
    p->answered = true;
    t->mute = true;
    t->thread->running = t;
    ERR_clear_error();
    SSL_do_handshake(t->ssl);
    ERR_clear_error();
    t->thread->running = NULL;
    MUST(t->parked == NULL);
}

void tls_free(struct tls *t)
{
    struct tls_thread *thread;

    if (t == NULL)
        return;
    thread = t->thread;
    list_remove(&t->waiting);
    if (t->parked != NULL)
        unpark(t);
    SSL_free(t->ssl);
    thread->out_len = 0;
    buf_free(&t->left);
    free(t->server_name);
    wake_waiting(thread);
    tls_context_unref(t->context);
    free(t);
}

/* ---- the key is elsewhere ---- */

static void signing_done(struct tls_signing *s)
{
    struct tls_parked *p = (struct tls_parked *)(void *)s;

    MUST(!p->answered);
    p->answered = true;
    if (p->paused)
        p->tls->on_key(p->tls->arg);
}

static bool wait_for_answer(struct tls *t, struct tls_parked *p)
{
    struct tls_thread *thread = t->thread;

    if (p->answered)
        return true;
    if (ASYNC_get_current_job() == NULL)
        return false;
    thread->parked++;
    p->paused = true;
    while (!p->answered)
        ASYNC_pause_job();
    thread->parked--;
    return true;
}

bool tls_ask_signer(const uint8_t key_id[TLS_KEY_ID], uint16_t scheme, const uint8_t *input,
    size_t input_len, uint8_t *signature, size_t room, size_t *signature_len)
{
    struct tls *t = tls_thread_get()->running;
    struct tls_parked p = { .tls = t };
    struct tls_signer *signer = t != NULL ? tls_server_signer(t->context) : NULL;

    if (signer == NULL || input_len > TLS_SIGN_INPUT_MAX)
        return false;
    memcpy(p.signing.key_id, key_id, TLS_KEY_ID);
    p.signing.scheme = scheme;
    p.signing.input = input;
    p.signing.input_len = input_len;
    p.signing.done = signing_done;
    t->parked = &p;
    if (!signer->sign(signer, &p.signing)) {
        p.signing.ok = false;
    } else if (!wait_for_answer(t, &p)) {
        signer->cancel(signer, &p.signing);
        p.signing.ok = false;
    }
    t->parked = NULL;
    if (!p.signing.ok || p.signing.signature_len > room) {
        t->key_failed = p.signing.why != NULL ? p.signing.why : "key_unavailable";
        return false;
    }
    memcpy(signature, p.signing.signature, p.signing.signature_len);
    *signature_len = p.signing.signature_len;
    return true;
}

/* Not nested: each of the woken may end at once, and make room for the next. */
static void wake_waiting(struct tls_thread *thread)
{
    if (thread->waking)
        return;
    thread->waking = true;
    while (!list_empty(&thread->waiting) && thread->parked < TLS_PARKED_MAX) {
        struct tls *t = list_item(thread->waiting.next, struct tls, waiting);

        list_remove(&t->waiting);
        t->on_key(t->arg);
    }
    thread->waking = false;
}

/* ---- handshake ---- */

static enum tls_result failed(struct tls *t)
{
    t->error = tls_error_word(t);
    tls_bio_flush(t); /* the alert */
    return TLS_FAILED;
}

static enum tls_result established(struct tls *t)
{
    bool server = t->context->server != NULL;

    t->established = true;
    SSL_clear_mode(t->ssl, SSL_MODE_ASYNC);
    /* What is left to send in TLS 1.3 is a ticket, which can go with the first answer. */
    if (server && SSL_version(t->ssl) == TLS1_3_VERSION) {
        tls_bio_stash(t);
        t->hold = t->left.len > 0;
        return TLS_OK;
    }
    return tls_bio_flush(t);
}

/* What there is to send first; then, if a short read had stopped us, whether more has come. */
static enum tls_result handshake_wants_read(struct tls *t, bool *again)
{
    enum tls_result sent = tls_bio_flush(t);

    *again = sent == TLS_OK && !t->empty;
    t->drained = false;
    return sent == TLS_OK ? TLS_WANT_READ : sent == TLS_WANT_WRITE ? sent : failed(t);
}

static enum tls_result handshake_step(struct tls *t)
{
    enum tls_result result = TLS_OK;
    bool again = true;
    int done;

    if (t->parked == NULL)
        t->drained = false;
    while (again) {
        t->thread->running = t;
        ERR_clear_error();
        done = SSL_do_handshake(t->ssl);
        t->thread->running = NULL;
        again = false;
        if (done == 1)
            return established(t);
        switch (SSL_get_error(t->ssl, done)) {
        case SSL_ERROR_WANT_READ:
            result = handshake_wants_read(t, &again);
            break;
        case SSL_ERROR_WANT_ASYNC:
            tls_bio_stash(t);
            return TLS_WANT_KEY;
        default: /* all else is the end */
            return failed(t);
        }
    }
    return result;
}

enum tls_result tls_handshake(struct tls *t)
{
    struct tls_thread *thread = t->thread;
    enum tls_result result;

    if (t->error != NULL)
        return TLS_FAILED;
    if (t->parked != NULL && !t->parked->answered)
        return TLS_WANT_KEY;
    if (t->left.len > 0 && t->parked == NULL && !t->hold) {
        result = tls_bio_flush(t);
        if (result != TLS_OK)
            return result == TLS_FAILED ? failed(t) : result;
    }
    if (t->established)
        return TLS_OK;
    if (thread->parked >= TLS_PARKED_MAX && t->parked == NULL && t->context->server != NULL) {
        list_remove(&t->waiting);
        list_append(&thread->waiting, &t->waiting);
        return TLS_WANT_KEY;
    }
    result = handshake_step(t);
    wake_waiting(thread);
    return result;
}

bool tls_wants_write(const struct tls *t)
{
    return t->left.len > 0 && !t->hold && t->parked == NULL;
}

/* ---- reading ---- */

static enum tls_result read_failed(struct tls *t, int result)
{
    enum tls_result sent;

    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        sent = tls_bio_flush(t);
        return sent == TLS_FAILED ? failed(t) : TLS_WANT_READ;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default: /* all else is the end */
        return failed(t);
    }
}

/* A short read may have been the last one before the peer closed, which nobody would announce. */
static int read_on(struct tls *t, char *to, size_t room, size_t *n)
{
    int result = SSL_read_ex(t->ssl, to, room, n);

    if (result != 1 && t->drained && !t->empty &&
        SSL_get_error(t->ssl, result) == SSL_ERROR_WANT_READ) {
        t->drained = false;
        result = SSL_read_ex(t->ssl, to, room, n);
    }
    return result;
}

/* Behind bytes that came well: the next call will say why, OpenSSL would have forgotten. */
static void note_failure(struct tls *t, int result)
{
    int why = SSL_get_error(t->ssl, result);

    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_ZERO_RETURN)
        failed(t);
}

enum tls_result tls_read(struct tls *t, void *to, size_t room, size_t *n)
{
    size_t got = 0;

    *n = 0;
    if (t->error != NULL)
        return TLS_FAILED;
    MUST(t->established && room > 0);
    t->drained = false;
    ERR_clear_error();
    do {
        size_t more = 0;
        int result = read_on(t, (char *)to + got, room - got, &more);

        if (result != 1 && got == 0)
            return read_failed(t, result);
        if (result != 1) {
            note_failure(t, result);
            break;
        }
        got += more;
    } while (got < room && SSL_has_pending(t->ssl));
    if (t->thread->out_len > 0)
        tls_bio_stash(t); /* the answer to a key update: goes with what is written next */
    *n = got;
    return TLS_OK;
}

bool tls_has_pending(const struct tls *t)
{
    return !t->drained || SSL_has_pending(t->ssl);
}

/* ---- writing ---- */

struct cursor {
    const struct iovec *v;
    unsigned nv;
    size_t at; /* in the first */
};

static void skip_empty(struct cursor *c)
{
    while (c->nv > 0 && c->at == c->v->iov_len) {
        c->v++;
        c->nv--;
        c->at = 0;
    }
}

static void skip(struct cursor *c, size_t n)
{
    skip_empty(c);
    while (n > 0) {
        size_t here = c->v->iov_len - c->at;
        size_t step = n < here ? n : here;

        c->at += step;
        n -= step;
        skip_empty(c);
        MUST(n == 0 || c->nv > 0); /* fewer bytes than were offered the last time */
    }
}

/* The plaintext of the next record: in place when it is in one piece, else gathered. */
static struct str next_record(const struct cursor *c, uint8_t *gather)
{
    struct cursor k = *c;
    size_t len = 0;
    size_t here = k.v->iov_len - k.at;

    if (here >= TLS_RECORD || k.nv == 1)
        return (struct str){ (const char *)k.v->iov_base + k.at,
            here < TLS_RECORD ? here : TLS_RECORD };
    while (k.nv > 0 && len < TLS_RECORD) {
        size_t step = k.v->iov_len - k.at;

        if (step > TLS_RECORD - len)
            step = TLS_RECORD - len;
        memcpy(gather + len, (const char *)k.v->iov_base + k.at, step);
        len += step;
        k.at += step;
        skip_empty(&k);
    }
    return (struct str){ (const char *)gather, len };
}

/* Records for as much as leaves in one system call; *n is their plaintext. */
static bool encrypt_batch(struct tls *t, struct cursor *c, size_t *n)
{
    struct tls_thread *thread = t->thread;
    size_t room = t->slow ? TLS_RECORD : TLS_OUT_ROOM;

    *n = 0;
    while (c->nv > 0 && thread->out_len + TLS_RECORD + TLS_RECORD_OVERHEAD <= TLS_OUT_ROOM &&
           thread->out_len < room) {
        struct str plain = next_record(c, thread->gather);
        size_t taken = 0;

        if (SSL_write_ex(t->ssl, plain.at, plain.len, &taken) != 1)
            return false;
        skip(c, taken);
        *n += taken;
    }
    return true;
}

/*
 * What was encrypted but did not all go out is not reported as taken, so that
 * the caller comes back with it; by then it is not encrypted again.
 */
enum tls_result tls_write(struct tls *t, const struct iovec *v, unsigned nv, size_t *n)
{
    struct cursor c = { .v = v, .nv = nv };
    enum tls_result result = TLS_OK;
    size_t total = 0;

    *n = 0;
    if (t->error != NULL)
        return TLS_FAILED;
    MUST(t->established);
    if (t->left.len > 0 && !t->hold)
        result = tls_bio_flush(t);
    if (result != TLS_OK)
        return result == TLS_FAILED ? failed(t) : result;
    total = t->owed;
    skip(&c, t->owed);
    t->owed = 0;
    while (c.nv > 0) {
        size_t batch;

        ERR_clear_error();
        if (!encrypt_batch(t, &c, &batch))
            return failed(t);
        result = tls_bio_flush(t);
        if (result == TLS_FAILED)
            return failed(t);
        if (result == TLS_WANT_WRITE) {
            t->owed = batch;
            t->slow = true;
            break;
        }
        total += batch;
    }
    *n = total;
    return total > 0 ? TLS_OK : result;
}

void tls_shutdown(struct tls *t)
{
    if (t->error != NULL || !t->established)
        return;
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    ERR_clear_error();
    tls_bio_flush(t);
}

/* ---- looking ---- */

void tls_get_info(const struct tls *t, struct tls_info *info)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
    const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *alpn = NULL;
    unsigned alpn_len = 0;

    SSL_get0_alpn_selected(t->ssl, &alpn, &alpn_len);
    *info = (struct tls_info){
        .version = SSL_get_version(t->ssl),
        .cipher = cipher != NULL ? SSL_CIPHER_standard_name(cipher) : "",
        .resumed = SSL_session_reused(t->ssl) == 1,
        .server_name = str_from(sni),
        .alpn = { (const char *)alpn, alpn_len },
    };
}

const char *tls_error(const struct tls *t)
{
    return t->error != NULL ? t->error : "";
}
