/*
 * tls_ends - a server whose keys sign elsewhere and later, and OpenSSL's own
 * client, at the two ends of a socketpair.
 */
#ifndef WEIR_TESTS_TLS_ENDS_H
#define WEIR_TESTS_TLS_ENDS_H

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "base/hash.h"
#include "certs.h"
#include "check.h"
#include "net/tls.h"

/* ---- a signer that answers when it is told to ---- */

struct late_signer {
    struct tls_signer signer; /* must stay first */
    const struct cert *certs;
    size_t ncerts;
    struct tls_signing *asked;
    unsigned questions;
    unsigned cancels;
    bool refuse;  /* sign() returns false */
    bool at_once; /* done() inside sign() */
    bool no;      /* answers, but without a signature */
};

static inline void key_id_of(EVP_PKEY *key, uint8_t id[TLS_KEY_ID])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    EVP_Digest(der, (size_t)len, id, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

static inline const EVP_MD *md_of(uint16_t scheme)
{
    switch (scheme) {
    case 0x0807:
        return NULL;
    case 0x0503:
    case 0x0501:
    case 0x0805:
        return EVP_sha384();
    case 0x0603:
    case 0x0601:
    case 0x0806:
        return EVP_sha512();
    default:
        return EVP_sha256();
    }
}

static inline void sign_with(EVP_PKEY *key, struct tls_signing *s)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;

    s->signature_len = sizeof(s->signature);
    MUST(EVP_DigestSignInit(m, &p, md_of(s->scheme), NULL, key) == 1);
    if (s->scheme >= 0x0804 && s->scheme <= 0x0806) {
        EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST);
    }
    s->ok = EVP_DigestSign(m, s->signature, &s->signature_len, s->input, s->input_len) == 1;
    EVP_MD_CTX_free(m);
}

static inline void answer(struct late_signer *l)
{
    struct tls_signing *s = l->asked;

    l->asked = NULL;
    s->ok = false;
    for (size_t i = 0; i < l->ncerts && !l->no; i++) {
        uint8_t id[TLS_KEY_ID];

        key_id_of(l->certs[i].key, id);
        if (memcmp(id, s->key_id, sizeof(id)) == 0)
            sign_with(l->certs[i].key, s);
    }
    s->done(s);
}

static inline bool late_sign(struct tls_signer *signer, struct tls_signing *s)
{
    struct late_signer *l = (struct late_signer *)(void *)signer;

    l->questions++;
    if (l->refuse)
        return false;
    l->asked = s;
    if (l->at_once)
        answer(l);
    return true;
}

static inline void late_cancel(struct tls_signer *signer, struct tls_signing *s)
{
    struct late_signer *l = (struct late_signer *)(void *)signer;

    MUST(l->asked == s);
    l->asked = NULL;
    l->cancels++;
}

static inline struct late_signer signer_of(const struct cert *certs, size_t n)
{
    return (
        struct late_signer){ .signer = { late_sign, late_cancel }, .certs = certs, .ncerts = n };
}

/* ---- both ends ---- */

struct ends {
    int fd[2];
    struct tls *server;
    SSL *client;
    unsigned woken;
    bool parked;
};

static inline void on_key(void *arg)
{
    struct ends *e = arg;

    e->woken++;
    e->parked = false;
}

static inline void ends_open(
    struct ends *e, struct tls_context *c, SSL_CTX *client, const char *sni)
{
    char name[256];

    *e = (struct ends){ 0 };
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e->fd) == 0);
    e->server = tls_accept(c, e->fd[0], on_key, e);
    e->client = SSL_new(client);
    SSL_set_fd(e->client, e->fd[1]);
    if (sni != NULL) {
        snprintf(name, sizeof(name), "%s", sni);
        SSL_set_tlsext_host_name(e->client, name);
    }
    SSL_set_connect_state(e->client);
}

static inline void ends_close(struct ends *e)
{
    SSL_free(e->client);
    tls_free(e->server);
    close(e->fd[0]);
    close(e->fd[1]);
}

/* Turns both until neither moves. */
static inline enum tls_result shake(struct ends *e, struct late_signer *l)
{
    enum tls_result r = TLS_WANT_READ;
    int done = 0;

    for (int i = 0; i < 20; i++) {
        if (done != 1) {
            ERR_clear_error();
            done = SSL_do_handshake(e->client);
        }
        if (r != TLS_OK && r != TLS_FAILED) {
            r = tls_handshake(e->server);
            if (r == TLS_WANT_KEY) {
                CHECK(tls_handshake(e->server) == TLS_WANT_KEY);
                if (l->asked != NULL)
                    answer(l);
            }
        }
    }
    return r == TLS_OK && done == 1 ? TLS_OK : r == TLS_OK ? TLS_WANT_READ : r;
}

static inline SSL_CTX *client_new(int version)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_min_proto_version(c, version);
    SSL_CTX_set_max_proto_version(c, version);
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    return c;
}

static inline struct tls_context *server_of(
    const struct cert *certs, size_t n, struct late_signer *signer, struct tls_server_options *o)
{
    struct tls_certificate list[8] = { 0 };
    struct tls_server_options plain = { .allow_tls12 = true };
    struct tls_context *c;
    struct err err = { 0 };

    if (o == NULL)
        o = &plain;
    MUST(n <= 8);
    for (size_t i = 0; i < n; i++)
        list[i].chain_pem = str_from(certs[i].pem);
    if (o->certificates == NULL) {
        o->certificates = list;
        o->ncertificates = n;
    }
    o->signer = &signer->signer;
    c = tls_server_new(o, &err);
    if (o->certificates == list) /* they do not outlive this call */
        o->certificates = NULL;
    if (c == NULL)
        fprintf(stderr, "%s [%s]\n", err.text, err.id);
    MUST(c != NULL);
    return c;
}

static inline void talk(struct ends *e)
{
    static char big[200000];
    static char got[sizeof(big)];
    struct iovec v[3] = { { .iov_base = (char[]){ "head " }, .iov_len = 5 },
        { .iov_base = NULL, .iov_len = 0 }, { .iov_base = big, .iov_len = sizeof(big) - 5 } };
    size_t sent = 0;
    size_t received = 0;
    size_t n;
    char small[64];

    CHECK(SSL_write(e->client, "question", 8) == 8);
    CHECK(tls_read(e->server, small, sizeof(small), &n) == TLS_OK);
    CHECK_STR(((struct str){ small, n }), "question");
    CHECK(!tls_has_pending(e->server));

    random_bytes(big, sizeof(big));
    while (received < sizeof(big)) {
        struct iovec rest[3];
        size_t skip = sent;
        enum tls_result r;
        int k;

        memcpy(rest, v, sizeof(v));
        for (int i = 0; i < 3; i++) {
            size_t step = skip < rest[i].iov_len ? skip : rest[i].iov_len;

            rest[i].iov_base = (char *)rest[i].iov_base + step;
            rest[i].iov_len -= step;
            skip -= step;
        }
        if (sent < sizeof(big)) {
            r = tls_write(e->server, rest, 3, &n);
            CHECK(r == TLS_OK || r == TLS_WANT_WRITE);
            CHECK((r == TLS_OK) == (n > 0));
            sent += n;
        }
        while ((k = SSL_read(e->client, got + received, (int)(sizeof(got) - received))) > 0)
            received += (size_t)k;
        if (SSL_get_error(e->client, k) != SSL_ERROR_WANT_READ)
            break;
    }
    CHECK_U64(received, sizeof(big));
    CHECK_U64(sent, sizeof(big));
    CHECK(memcmp(got, "head ", 5) == 0);
    CHECK(memcmp(got + 5, big, sizeof(big) - 5) == 0);
}

#endif
