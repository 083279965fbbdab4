/*
 * The small server behind TLS: clients are asked for a certificate, whose key they must have and which
 * may be missing, expired or from nobody.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>

#include "../net/tls_ends.h"
#include "base/bug.h"
#include "http/server.h"

struct world {
    struct loop *loop;
    struct http_server *server;
    struct cert own;
    struct late_signer signer;
    struct tls_context *tls;
    struct sockaddr_un address;
    socklen_t address_len;
    unsigned handled;
    unsigned ncerts;
    struct buf leaf; /* DER, of the last call */
    bool was_tls;
};

static void handle(struct http_call *call, void *arg)
{
    struct world *w = arg;
    struct str der[4];

    w->handled++;
    w->was_tls = http_call_is_tls(call);
    w->ncerts = http_call_certificates(call, der, 4);
    buf_clear(&w->leaf);
    if (w->ncerts > 0)
        buf_str(&w->leaf, der[0]);
    http_answer(call, 200, "text/plain", STR_NONE, http_call_body(call));
}

static void world_open(struct world *w)
{
    struct http_server_options o = {
        .max_body = 1 << 20,
        .max_connections = 10,
        .max_pipelined = 4,
        .max_bytes = 4 << 20,
        .header_timeout = 60000,
        .body_timeout = 60000,
        .idle_timeout = 60000,
        .handle = handle,
        .arg = w,
    };
    struct tls_server_options t = {
        .allow_tls12 = true, .ask_certificate = true, .wipe_plaintext = true
    };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(w, 0, sizeof(*w));
    buf_init(&w->leaf, 1 << 16);
    w->own = cert_make(&(struct cert_wish){ .names = "DNS:keeper.test" });
    w->signer = signer_of(&w->own, 1);
    w->signer.at_once = true;
    w->tls = server_of(&w->own, 1, &w->signer, &t);
    w->loop = loop_new();
    w->server = http_server_new(w->loop, &o);
    w->address.sun_family = AF_UNIX;
    w->address_len = sizeof(sa_family_t);
    MUST(bind(fd, (struct sockaddr *)&w->address, w->address_len) == 0 && listen(fd, 16) == 0);
    w->address_len = sizeof(w->address);
    MUST(getsockname(fd, (struct sockaddr *)&w->address, &w->address_len) == 0);
    http_server_listen(w->server, fd, w->tls);
}

static void world_close(struct world *w)
{
    http_server_free(w->server);
    loop_free(w->loop);
    tls_context_unref(w->tls);
    cert_free(&w->own);
    buf_free(&w->leaf);
}

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

/* Turns the server until the client's call is done; what it returns. */
static int done(struct world *w, struct client *c, int (*step)(SSL *ssl))
{
    int r = -1;

    for (int i = 0; i < 200; i++) {
        ERR_clear_error();
        r = step(c->ssl);
        if (r > 0 || (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ &&
                         SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_WRITE))
            break;
        loop_once(w->loop, 0);
    }
    return r;
}

static struct client client_open(
    struct world *w, int version, const struct cert *own, EVP_PKEY *key)
{
    struct client c = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
        .ctx = client_new(version) };

    MUST(connect(c.fd, (struct sockaddr *)&w->address, w->address_len) == 0);
    MUST(fd_set_nonblocking(c.fd) == 0);
    if (own != NULL)
        MUST(SSL_CTX_use_certificate(c.ctx, own->x509) == 1 &&
             SSL_CTX_use_PrivateKey(c.ctx, key) == 1);
    c.ssl = SSL_new(c.ctx);
    SSL_set_fd(c.ssl, c.fd);
    SSL_set_connect_state(c.ssl);
    return c;
}

static void client_close(struct client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static char heard[4096];

static int hear(SSL *ssl)
{
    int n = SSL_read(ssl, heard, sizeof(heard) - 1);

    heard[n > 0 ? n : 0] = '\0';
    return n;
}

static void ask(struct world *w, struct client *c)
{
    static const char request[] = "PUT / HTTP/1.1\r\nHost: k\r\nContent-Length: 6\r\n\r\nsecret";

    CHECK(done(w, c, SSL_do_handshake) == 1);
    CHECK(SSL_write(c->ssl, request, sizeof(request) - 1) == sizeof(request) - 1);
    CHECK(done(w, c, hear) > 0);
    CHECK(strncmp(heard, "HTTP/1.1 200 ", 13) == 0);
    CHECK(strstr(heard, "\r\n\r\nsecret") != NULL);
}

static void try_with(int version, const struct cert *own)
{
    struct world w;
    struct client c;
    unsigned char *der = NULL;
    int len;

    world_open(&w);
    c = client_open(&w, version, own, own != NULL ? own->key : NULL);
    ask(&w, &c);
    ask(&w, &c);
    CHECK_U64(w.handled, 2);
    CHECK(w.was_tls);
    CHECK_U64(w.ncerts, own != NULL ? 1 : 0);
    if (own != NULL) {
        len = i2d_X509(own->x509, &der);
        CHECK(len > 0 && str_eq(buf_as_str(&w.leaf), (struct str){ (char *)der, (size_t)len }));
        OPENSSL_free(der);
    }
    client_close(&c);
    world_close(&w);
}

static void a_certificate_is_asked_for_and_may_be_missing(void)
{
    try_with(TLS1_3_VERSION, NULL);
    try_with(TLS1_2_VERSION, NULL);
}

static void what_the_client_sends_is_shown(void)
{
    struct cert own = cert_make(&(struct cert_wish){ .name = "joe" });
    struct cert rsa = cert_make(&(struct cert_wish){ .name = "jane", .key = "RSA" });

    try_with(TLS1_3_VERSION, &own);
    try_with(TLS1_2_VERSION, &own);
    try_with(TLS1_3_VERSION, &rsa);
    cert_free(&own);
    cert_free(&rsa);
}

static void an_expired_one_is_no_reason_to_refuse(void)
{
    struct cert old =
        cert_make(&(struct cert_wish){ .name = "old", .from_days = -20, .to_days = -10 });

    try_with(TLS1_3_VERSION, &old);
    try_with(TLS1_2_VERSION, &old);
    cert_free(&old);
}

static void the_certificate_of_live_listeners_changes(void)
{
    struct world w;
    struct cert next = cert_make(&(struct cert_wish){ .names = "DNS:next.test", .name = "next" });
    struct cert both[2];
    struct tls_server_options t = { .allow_tls12 = true, .ask_certificate = true };
    struct tls_context *fresh;
    struct client before;
    struct client after;
    X509 *seen;

    world_open(&w);
    both[0] = next;
    both[1] = w.own;
    w.signer.certs = both;
    w.signer.ncerts = 2;
    before = client_open(&w, TLS1_3_VERSION, NULL, NULL);
    ask(&w, &before);
    fresh = server_of(&next, 1, &w.signer, &t);
    http_server_set_tls(w.server, fresh);
    tls_context_unref(fresh);
    after = client_open(&w, TLS1_3_VERSION, NULL, NULL);
    ask(&w, &after);
    ask(&w, &before); /* whoever is there stays */
    seen = SSL_get1_peer_certificate(after.ssl);
    CHECK(seen != NULL && X509_cmp(seen, next.x509) == 0);
    X509_free(seen);
    client_close(&before);
    client_close(&after);
    world_close(&w);
    cert_free(&next);
}

TESTS(CASE(a_certificate_is_asked_for_and_may_be_missing), CASE(what_the_client_sends_is_shown),
    CASE(an_expired_one_is_no_reason_to_refuse), CASE(the_certificate_of_live_listeners_changes))
