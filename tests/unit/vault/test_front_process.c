/*
 * The front in a process of its own, plain and behind TLS whose key it does not have: what clients send
 * and get does not stay in its memory.
 *
 * The test is the client, the signer of TLS and the core.  The secret words are made here after
 * the fork, so that the front knows them only from the wire.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../net/tls_ends.h"
#include "base/value.h"
#include "keeper/messages.h"
#include "memory_scan.h"
#include "net/channel.h"
#include "net/link.h"
#include "vault/vault.h"

struct world {
    pid_t pid;
    struct cert cert;
    int core;
    int signer;
    struct sockaddr_un address;
    socklen_t address_len;
    char in_word[33];  /* a client sends it */
    char out_word[33]; /* the core answers it */
    struct buf asked;  /* the last KEEPER_REQUEST */
    unsigned nasked;
};

/* ---- the front ---- */

static void be_the_front(int listener, int core, int signer, const char *chain)
{
    struct loop *l = loop_new();
    struct vault *v = vault_new(l);
    struct err err;

    vault_attach_core(v, core);
    vault_attach_signer(v, signer);
    MUST(vault_listen(v, listener, str_from(chain), &err) == 0);
    loop_run(l);
    _exit(1);
}

static void make_word(char *to)
{
    uint8_t bytes[16];

    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static void world_open(struct world *w, bool tls)
{
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int core[2];
    int signer[2];

    memset(w, 0, sizeof(*w));
    w->cert = cert_make(&(struct cert_wish){ .names = "DNS:keeper.test" });
    w->address.sun_family = AF_UNIX;
    w->address_len = sizeof(sa_family_t);
    MUST(bind(listener, (struct sockaddr *)&w->address, w->address_len) == 0);
    MUST(listen(listener, 16) == 0 && link_pair(core) == 0 && channel_pair(signer) == 0);
    w->address_len = sizeof(w->address);
    MUST(getsockname(listener, (struct sockaddr *)&w->address, &w->address_len) == 0);
    w->pid = fork();
    MUST(w->pid >= 0);
    if (w->pid == 0) {
        close(core[0]);
        close(signer[0]);
        be_the_front(listener, core[1], signer[1], tls ? w->cert.pem : NULL);
    }
    close(core[1]);
    close(signer[1]);
    close(listener);
    w->core = core[0];
    w->signer = signer[0];
    make_word(w->in_word);
    make_word(w->out_word);
    buf_init(&w->asked, 1 << 20);
}

static void world_close(struct world *w)
{
    kill(w->pid, SIGKILL);
    waitpid(w->pid, NULL, 0);
    close(w->core);
    close(w->signer);
    cert_free(&w->cert);
    buf_free(&w->asked);
}

/* ---- the core's two parts ---- */

static void sign_one(struct world *w)
{
    static char body[CHANNEL_BODY_MAX];
    struct message m = { 0 };
    struct tls_signing s = { 0 };

    MUST(channel_receive_now(w->signer, &m, body) == 1 && m.type == KEEPER_SIGN);
    memcpy(&s.scheme, m.body.at + TLS_KEY_ID, sizeof(s.scheme));
    s.input = (const uint8_t *)m.body.at + KEEPER_SIGN_HEAD;
    s.input_len = m.body.len - KEEPER_SIGN_HEAD;
    sign_with(w->cert.key, &s);
    MUST(s.ok);
    MUST(channel_send_now(w->signer, KEEPER_SIGNED, m.id,
             (struct str){ (const char *)s.signature, s.signature_len }, NULL, 0) == 0);
}

static void answer_one(struct world *w)
{
    char head[KEEPER_RESPONSE_HEAD] = { (char)200, 0, 0, 0, 0, 0, 0, 0 };
    struct iovec v[2] = { { head, sizeof(head) } };
    struct arena a;
    struct buf b;
    struct value *map;
    uint16_t type;
    uint64_t id;

    MUST(link_receive(w->core, &type, &id, &w->asked) == 1 && type == KEEPER_REQUEST);
    w->nasked++;
    arena_init(&a, 1024);
    buf_init(&b, 4096);
    map = value_map(&a);
    value_put_text(&a, map, "value", str_from(w->out_word));
    value_encode(map, &b);
    v[1] = (struct iovec){ b.data, b.len };
    MUST(link_answer(w->core, KEEPER_RESPONSE, id, v, 2));
    buf_free(&b);
    arena_free(&a);
}

/* Does what the front wants of the core until the client's socket has something. */
static void attend(struct world *w, int client)
{
    struct pollfd p[3] = { { .fd = client, .events = POLLIN },
        { .fd = w->signer, .events = POLLIN }, { .fd = w->core, .events = POLLIN } };

    do {
        MUST(poll(p, 3, 60000) > 0);
        if ((p[1].revents & POLLIN) != 0)
            sign_one(w);
        if ((p[2].revents & POLLIN) != 0)
            answer_one(w);
    } while (p[0].revents == 0);
}

/* ---- a client ---- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain */
};

static struct client client_open(struct world *w, bool tls, const struct cert *own)
{
    struct client c = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    int r;

    MUST(connect(c.fd, (struct sockaddr *)&w->address, w->address_len) == 0);
    if (!tls)
        return c;
    MUST(fd_set_nonblocking(c.fd) == 0);
    c.ctx = client_new(TLS1_3_VERSION);
    if (own != NULL)
        MUST(SSL_CTX_use_certificate(c.ctx, own->x509) == 1 &&
             SSL_CTX_use_PrivateKey(c.ctx, own->key) == 1);
    c.ssl = SSL_new(c.ctx);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_connect_state(c.ssl);
    while ((r = SSL_do_handshake(c.ssl)) != 1) {
        MUST(SSL_get_error(c.ssl, r) == SSL_ERROR_WANT_READ);
        attend(w, c.fd);
    }
    return c;
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static size_t hear(struct client *c, char *to, size_t room)
{
    ssize_t n =
        c->ssl != NULL ? SSL_read(c->ssl, to, (int)room) : recv(c->fd, to, room, MSG_DONTWAIT);

    return n > 0 ? (size_t)n : 0;
}

/* Sends, and waits for an answer that ends with this. */
static void ask(struct world *w, struct client *c, const struct buf *request, const char *ending)
{
    char got[4096];
    size_t len = 0;

    if (c->ssl != NULL)
        CHECK(SSL_write(c->ssl, request->data, (int)request->len) == (int)request->len);
    else
        CHECK(send(c->fd, request->data, request->len, MSG_NOSIGNAL) == (ssize_t)request->len);
    while (
        len < strlen(ending) || memcmp(got + len - strlen(ending), ending, strlen(ending)) != 0) {
        size_t n = hear(c, got + len, sizeof(got) - len);

        len += n;
        MUST(len < sizeof(got));
        if (n == 0)
            attend(w, c->fd);
    }
    CHECK(memcmp(got, "HTTP/1.1 ", 9) == 0);
}

static void put_request(struct buf *b, const char *path, const char *token, const char *body)
{
    buf_clear(b);
    buf_printf(b,
        "POST %s HTTP/1.1\r\nHost: k\r\nX-Vault-Token: hvs.%s\r\nContent-Length: %zu\r\n\r\n%s",
        path, token, strlen(body), body);
}

static void leaves_nothing(bool tls)
{
    struct world w;
    struct client c;
    struct buf b;
    char body[200];
    char ending[64];

    world_open(&w, tls);
    buf_init(&b, 1 << 16);
    c = client_open(&w, tls, NULL);
    snprintf(ending, sizeof(ending), "{\"value\":\"%s\"}\n", w.out_word);
    for (int i = 0; i < 3; i++) {
        snprintf(body, sizeof(body), "{\"a\":\"%s\",\"b\":\"\\n%s\"}", w.in_word, w.in_word);
        put_request(&b, "/v1/kv/a", w.in_word, body);
        ask(&w, &c, &b, ending);
    }
    CHECK_U64(w.nasked, 3);
    CHECK(memmem(w.asked.data, w.asked.len, w.in_word, 32) != NULL);
    snprintf(body, sizeof(body), "{\"a\":\"%s\"", w.in_word); /* refused before the core sees it */
    put_request(&b, "/v1/kv/a", w.in_word, body);
    ask(&w, &c, &b, "\"]}\n");
    put_request(&b, "/v1/kv/../a", w.in_word, "{}");
    ask(&w, &c, &b, "\"]}\n");
    CHECK_U64(w.nasked, 3);
    /* The connection still stands. */
    CHECK(memory_scan(w.pid, w.in_word, 32) <= 0);
    CHECK(memory_scan(w.pid, w.out_word, 32) <= 0);
    CHECK(memory_scan(w.pid, "Cache-Control", 13) != 0); /* the scan can find what is there */
    client_close(&c);
    buf_free(&b);
    world_close(&w);
}

static void plain_requests_leave_nothing_in_memory(void)
{
    leaves_nothing(false);
}

static void requests_over_tls_leave_nothing_in_memory(void)
{
    leaves_nothing(true);
}

static void logins_show_the_certificate(void)
{
    struct cert own = cert_make(&(struct cert_wish){ .name = "joe" });
    unsigned char *der = NULL;
    int len = i2d_X509(own.x509, &der);
    struct world w;
    struct client c;
    struct buf b;
    char ending[64];

    world_open(&w, true);
    buf_init(&b, 1 << 16);
    c = client_open(&w, true, &own);
    snprintf(ending, sizeof(ending), "{\"value\":\"%s\"}\n", w.out_word);
    put_request(&b, "/v1/auth/cert/login", "", "{}");
    ask(&w, &c, &b, ending);
    CHECK(len > 0 && memmem(w.asked.data, w.asked.len, der, (size_t)len) != NULL);
    put_request(&b, "/v1/secret/a", "", "{}"); /* where nobody asks for it, it is left out */
    ask(&w, &c, &b, ending);
    CHECK(len > 0 && memmem(w.asked.data, w.asked.len, der, (size_t)len) == NULL);
    OPENSSL_free(der);
    client_close(&c);
    buf_free(&b);
    world_close(&w);
    cert_free(&own);
}

TESTS(CASE(plain_requests_leave_nothing_in_memory), CASE(requests_over_tls_leave_nothing_in_memory),
    CASE(logins_show_the_certificate))
