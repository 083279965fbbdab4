/*
 * A client's context: whom to trust, and sessions to resume.
 *
 * OpenSSL verifies against the given certificates and the name of the server
 * (RFC 6125, or the address itself when the name is one).  The newest session
 * of each name is kept, so that the next connection costs no signature.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/addr.h"
#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

enum { SESSIONS_MAX = 1024, CA_PEM_MAX = 4 << 20 };

struct tls_client {
    struct tls_table sessions; /* SSL_SESSION by server name */
    struct tls_trust *trust;   /* NULL: does not verify */
};

/* ---- sessions ---- */

static void forget_all(struct tls_client *client)
{
    for (size_t i = 0; i < client->sessions.size; i++)
        SSL_SESSION_free(client->sessions.entries[i].value);
    tls_table_free(&client->sessions);
}

/* Called by OpenSSL when a session is complete, in TLS 1.3 when a ticket has come. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    const struct tls *t = SSL_get_app_data(ssl);
    struct tls_client *client = t->context->client;
    struct str name = str_from(t->server_name);
    SSL_SESSION *old;

    if (t->server_name == NULL || !SSL_SESSION_is_resumable(session))
        return 0;
    old = tls_table_get(&client->sessions, name);
    if (old == NULL && client->sessions.used >= SESSIONS_MAX)
        forget_all(client);
    SSL_SESSION_free(old);
    tls_table_put(&client->sessions, name, session);
    return 1; /* it is ours now */
}

/* ---- before the handshake ---- */

static bool verify_name(SSL *ssl, char *name)
{
    struct ip ip;

    if (ip_parse(str_from(name), &ip))
        return X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), ip.bytes, ip.len) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* RFC 6066 3: addresses are not for SNI. */
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

int tls_client_prepare(struct tls *t, struct str server_name)
{
    SSL_SESSION *session;

    if (server_name.len == 0 || server_name.len > 255 ||
        memchr(server_name.at, 0, server_name.len) != NULL)
        return -1;
    t->server_name = xstrndup(server_name.at, server_name.len);
    if (!verify_name(t->ssl, t->server_name))
        return -1;
    session = tls_table_get(&t->context->client->sessions, server_name);
    if (session != NULL)
        SSL_set_session(t->ssl, session);
    return 0;
}

/* ---- whom to trust ---- */

struct tls_trust { /* shared by the contexts of a family: a system has 150 authorities */
    unsigned refs; /* under the family's lock */
    struct buf pem;
    X509_STORE *store;
};

static int read_authorities(struct tls_family *f, struct str pem, X509_STORE *store)
{
    BIO *text = BIO_new_mem_buf(pem.len > 0 ? pem.at : "", (int)pem.len);
    X509 *x;
    int n = 0;

    MUST(text != NULL);
    for (;;) {
        x = X509_new_ex(f->ctx, NULL);
        MUST(x != NULL);
        if (PEM_read_bio_X509(text, &x, NULL, NULL) == NULL)
            break;
        X509_STORE_add_cert(store, x);
        X509_free(x);
        n++;
    }
    X509_free(x);
    BIO_free(text);
    ERR_clear_error();
    return n;
}

static void trust_free(struct tls_trust *trust)
{
    X509_STORE_free(trust->store);
    buf_free(&trust->pem);
    free(trust);
}

static struct tls_trust *trust_new(struct tls_family *f, struct str pem, struct err *err)
{
    struct tls_trust *trust = xcalloc(1, sizeof(*trust));

    trust->store = X509_STORE_new();
    MUST(trust->store != NULL);
    buf_init(&trust->pem, CA_PEM_MAX);
    buf_str(&trust->pem, pem);
    if (!trust->pem.over && read_authorities(f, pem, trust->store) > 0)
        return trust;
    if (trust->pem.over)
        err_set(err, ERR_LIMIT, "tls_ca", "the authorities are over %d bytes", CA_PEM_MAX);
    else
        err_set(err, ERR_CONFIG, "tls_ca",
            "there is no certificate of an authority to trust: expected PEM, -----BEGIN "
            "CERTIFICATE----- and base64");
    trust_free(trust);
    return NULL;
}

static struct tls_trust *trust_ref(struct tls_family *f, struct str pem, struct err *err)
{
    struct tls_trust *trust;

    pthread_mutex_lock(&f->lock);
    trust = tls_table_get(&f->authorities, pem);
    if (trust == NULL) {
        trust = trust_new(f, pem, err);
        if (trust != NULL)
            tls_table_put(&f->authorities, pem, trust);
    }
    if (trust != NULL)
        trust->refs++;
    pthread_mutex_unlock(&f->lock);
    return trust;
}

static void trust_unref(struct tls_family *f, struct tls_trust *trust)
{
    pthread_mutex_lock(&f->lock);
    if (--trust->refs == 0) {
        tls_table_remove(&f->authorities, buf_as_str(&trust->pem));
        trust_free(trust);
    }
    pthread_mutex_unlock(&f->lock);
}

/* ---- the context ---- */

struct tls_context *tls_client_new(const struct tls_client_options *o, struct err *err)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    struct tls_context *c = xcalloc(1, sizeof(*c));

    c->refs = 1;
    c->family = tls_family_get(o->family);
    c->client = xcalloc(1, sizeof(*c->client));
    c->ssl = SSL_CTX_new_ex(c->family->ctx, NULL, TLS_client_method());
    MUST(c->ssl != NULL);
    tls_set_common(c->ssl, o->allow_tls12);
    SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ssl, on_session);
    MUST(SSL_CTX_set_alpn_protos(c->ssl, alpn, sizeof(alpn) - 1) == 0);
    SSL_CTX_set_verify(c->ssl, o->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (!o->verify)
        return c;
    c->client->trust = trust_ref(c->family, o->ca_pem, err);
    if (c->client->trust == NULL) {
        tls_context_unref(c);
        return NULL;
    }
    SSL_CTX_set1_cert_store(c->ssl, c->client->trust->store);
    return c;
}

void tls_client_free(struct tls_context *c)
{
    forget_all(c->client);
    if (c->client->trust != NULL)
        trust_unref(c->family, c->client->trust);
    free(c->client);
}
