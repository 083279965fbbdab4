/*
 * A server's context: which certificate for which host, tickets, ALPN, OCSP.
 *
 * One SSL_CTX with the default certificates in it. A client that names another
 * host costs one or two hash lookups and a switch of the connection's
 * certificates, however many there are. A host may have a certificate for each
 * type of key; OpenSSL picks by what the client can verify.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

enum { TICKET_KEYS_MAX = 8, TICKET_LIFETIME = 7200 /* seconds */, HOST_MAX = 255 };

struct staple {
    const struct tls_leaf *leaf;
    struct str ocsp;
};

struct host {
    struct tls_leaf *leaf[TLS_KEY_TYPES];
};

struct tls_server {
    struct tls_family *family;
    struct tls_signer *signer;
    struct tls_leaf **leaves; /* each holds a reference */
    size_t nleaves;
    struct staple *staples;
    size_t nstaples;
    struct host *standard;  /* for clients without SNI, and for unknown names */
    struct tls_table hosts; /* exact names, and "*.x" for wildcards */
    uint8_t *alpn;          /* as on the wire, RFC 7301 3.1 */
    size_t alpn_len;
    uint8_t ticket_keys[TICKET_KEYS_MAX][TLS_TICKET_KEY];
    size_t nticket_keys;
};

struct tls_signer *tls_server_signer(const struct tls_context *c)
{
    return c->server != NULL ? c->server->signer : NULL;
}

/* ---- hosts ---- */

struct adding {
    struct tls_server *server;
    struct tls_leaf *leaf;
    struct host *first;
};

/* Where two certificates of one type are for the same name, the first in the list serves it. */
static void add_host(void *arg, struct str name)
{
    struct adding *a = arg;
    struct host *h = tls_table_get(&a->server->hosts, name);

    if (h == NULL) {
        h = xcalloc(1, sizeof(*h));
        tls_table_put(&a->server->hosts, name, h);
    }
    if (h->leaf[a->leaf->type] == NULL)
        h->leaf[a->leaf->type] = a->leaf;
    if (a->first == NULL)
        a->first = h;
}

static int add_certificate(
    struct tls_server *s, const struct tls_certificate *given, struct err *err)
{
    struct adding a = { .server = s, .leaf = tls_leaf_ref(s->family, given->chain_pem, err) };

    if (a.leaf == NULL)
        return -1;
    s->leaves[s->nleaves++] = a.leaf;
    for (size_t i = 0; i < given->nhosts; i++)
        add_host(&a, given->hosts[i]);
    if (given->nhosts == 0)
        tls_each_name(a.leaf->x509, add_host, &a);
    if (s->standard == NULL && a.first == NULL) /* it is for no name at all: it still serves */
        add_host(&a, STR(""));
    if (s->standard == NULL)
        s->standard = a.first;
    if (given->ocsp_der.len > 0) {
        char *copy = xmalloc(given->ocsp_der.len);

        memcpy(copy, given->ocsp_der.at, given->ocsp_der.len);
        s->staples[s->nstaples++] = (struct staple){ a.leaf, { copy, given->ocsp_der.len } };
    }
    return 0;
}

/* RFC 6125 6.4.3: a star stands for one whole label, the first. */
static struct host *find_host(const struct tls_server *s, const char *sni)
{
    char name[HOST_MAX + 1];
    size_t len = 0;
    struct host *h;
    char *dot;

    for (; sni[len] != '\0' && len < HOST_MAX; len++)
        name[len] = ascii_lower(sni[len]);
    if (len > 0 && name[len - 1] == '.')
        len--;
    h = tls_table_get(&s->hosts, (struct str){ name, len });
    if (h != NULL)
        return h;
    dot = memchr(name, '.', len);
    if (dot == NULL || dot == name)
        return NULL;
    dot[-1] = '*';
    return tls_table_get(&s->hosts, (struct str){ dot - 1, len - (size_t)(dot - 1 - name) });
}

static bool use_host(SSL *ssl, const struct host *h)
{
    SSL_certs_clear(ssl);
    for (unsigned i = 0; i < TLS_KEY_TYPES; i++) {
        const struct tls_leaf *leaf = h->leaf[i];

        if (leaf != NULL && !SSL_use_cert_and_key(ssl, leaf->x509, leaf->key, leaf->chain, 1))
            return false;
    }
    return true;
}

static int on_certificate(SSL *ssl, void *arg)
{
    const struct tls_server *s = arg;
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct host *h;

    if (sni == NULL || SSL_session_reused(ssl))
        return 1;
    h = find_host(s, sni);
    return h == NULL || h == s->standard || use_host(ssl, h);
}

/* Without this OpenSSL would not acknowledge the name (RFC 6066 3). */
static int on_servername(SSL *ssl, int *alert, void *arg)
{
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static int on_status(SSL *ssl, void *arg)
{
    const struct tls_server *s = arg;
    const X509 *chosen = SSL_get_certificate(ssl);

    for (size_t i = 0; i < s->nstaples; i++) {
        const struct staple *staple = &s->staples[i];
        unsigned char *copy;

        if (staple->leaf->x509 != chosen)
            continue;
        copy = OPENSSL_memdup(staple->ocsp.at, staple->ocsp.len); /* OpenSSL frees it */
        if (copy == NULL)
            return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->ocsp.len);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* ---- ALPN ---- */

static void set_alpn(struct tls_server *s, const struct str *names, size_t n)
{
    struct buf wire;

    buf_init(&wire, 4096);
    for (size_t i = 0; i < n; i++) {
        MUST(names[i].len > 0 && names[i].len < 256);
        buf_char(&wire, (char)names[i].len);
        buf_str(&wire, names[i]);
    }
    s->alpn = (uint8_t *)wire.data;
    s->alpn_len = wire.len;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
    const struct tls_server *s = arg;
    unsigned char *chosen;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, outlen, s->alpn, (unsigned)s->alpn_len, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* ---- tickets: RFC 5077 4, AES-256-CBC and HMAC-SHA-256 ---- */

static const uint8_t *ticket_key(const struct tls_server *s, const uint8_t *name, bool *newest)
{
    for (size_t i = 0; i < s->nticket_keys; i++) {
        if (memcmp(s->ticket_keys[i], name, 16) == 0) {
            *newest = i == 0;
            return s->ticket_keys[i];
        }
    }
    return NULL;
}

static bool key_mac(EVP_MAC_CTX *mac, const uint8_t *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)(key + 16), 32),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 1 go on, 2 go on and issue a new one, 0 do without, -1 failed */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    const struct tls *t = SSL_get_app_data(ssl);
    const struct tls_server *s = t->context->server;
    const EVP_CIPHER *aes = s->family->ticket_cipher;
    const uint8_t *key;
    bool newest = true;

    if (encrypt) {
        if (s->nticket_keys == 0)
            return 0;
        key = s->ticket_keys[0];
        memcpy(name, key, 16);
        if (RAND_bytes_ex(s->family->ctx, iv, 16, 0) != 1 ||
            EVP_EncryptInit_ex2(cipher, aes, key + 48, iv, NULL) != 1)
            return -1;
        return key_mac(mac, key) ? 1 : -1;
    }
    key = ticket_key(s, name, &newest);
    if (key == NULL)
        return 0;
    if (EVP_DecryptInit_ex2(cipher, aes, key + 48, iv, NULL) != 1 || !key_mac(mac, key))
        return -1;
    /* RFC 8446 C.4: a TLS 1.3 client uses a ticket once, lest it be recognised by it. */
    return newest && SSL_version(ssl) != TLS1_3_VERSION ? 1 : 2;
}

void tls_set_ticket_keys(struct tls_context *c, const uint8_t (*keys)[TLS_TICKET_KEY], size_t n)
{
    struct tls_server *s = c->server;

    MUST(s != NULL);
    if (n > TICKET_KEYS_MAX)
        n = TICKET_KEYS_MAX;
    OPENSSL_cleanse(s->ticket_keys, sizeof(s->ticket_keys));
    if (n > 0)
        memcpy(s->ticket_keys, keys, n * TLS_TICKET_KEY);
    s->nticket_keys = n;
    SSL_CTX_set_num_tickets(c->ssl, n > 0 ? 1 : 0);
    if (n > 0)
        SSL_CTX_clear_options(c->ssl, SSL_OP_NO_TICKET);
    else
        SSL_CTX_set_options(c->ssl, SSL_OP_NO_TICKET);
}

/* ---- the context ---- */

/*
 * AES-128-GCM first: the cheapest with the machine's own instructions. A client
 * that puts ChaCha20 first has none, and gets that.
 */
static void set_options(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ssl, TICKET_LIFETIME);
    MUST(SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"weir", 4) == 1);
}

static int use_standard(struct tls_context *c, struct err *err)
{
    const struct host *h = c->server->standard;

    for (unsigned i = 0; i < TLS_KEY_TYPES; i++) {
        const struct tls_leaf *leaf = h->leaf[i];

        if (leaf != NULL &&
            !SSL_CTX_use_cert_and_key(c->ssl, leaf->x509, leaf->key, leaf->chain, 1))
            return err_set(err, ERR_CONFIG, "tls_certificate",
                "OpenSSL refuses the certificate: %s", tls_openssl_reason());
    }
    return 0;
}

static void set_callbacks(struct tls_context *c)
{
    struct tls_server *s = c->server;

    SSL_CTX_set_cert_cb(c->ssl, on_certificate, s);
    SSL_CTX_set_tlsext_servername_callback(c->ssl, on_servername);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(c->ssl, on_ticket);
    if (s->nstaples > 0) {
        SSL_CTX_set_tlsext_status_cb(c->ssl, on_status);
        SSL_CTX_set_tlsext_status_arg(c->ssl, s);
    }
    if (s->alpn_len > 0)
        SSL_CTX_set_alpn_select_cb(c->ssl, on_alpn, s);
}

/* ---- certificates of clients ---- */

enum { CLIENT_CHAIN_MAX = 100 << 10 /* bytes */ };

/* In the place of a verification: whoever asks for the chain looks at it anew. */
static int take_any(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}

static void ask_certificate(SSL_CTX *ssl)
{
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, take_any, NULL);
    SSL_CTX_set_max_cert_list(ssl, CLIENT_CHAIN_MAX);
}

static bool put_der(X509 *x, struct arena *a, struct str *to)
{
    int len = i2d_X509(x, NULL);
    unsigned char *at;

    if (len <= 0)
        return false;
    at = arena_alloc(a, (size_t)len);
    *to = (struct str){ (const char *)at, (size_t)len };
    return i2d_X509(x, &at) == len;
}

unsigned tls_peer_certificates(const struct tls *t, struct arena *a, struct str *der, unsigned room)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->ssl); /* of a server: without the leaf */
    X509 *leaf = SSL_get0_peer_certificate(t->ssl);
    unsigned n = 0;

    if (leaf != NULL && room > 0 && put_der(leaf, a, &der[0]))
        n = 1;
    for (int i = 0; n > 0 && n < room && i < sk_X509_num(chain); i++)
        if (put_der(sk_X509_value(chain, i), a, &der[n]))
            n++;
    return n;
}

struct tls_context *tls_server_new(const struct tls_server_options *o, struct err *err)
{
    struct tls_context *c = xcalloc(1, sizeof(*c));
    struct tls_server *s = xcalloc(1, sizeof(*s));

    MUST(o->ncertificates > 0);
    c->refs = 1;
    c->family = s->family = tls_family_get(o->family);
    c->server = s;
    s->signer = o->signer;
    s->leaves = xcalloc(o->ncertificates, sizeof(struct tls_leaf *));
    s->staples = xcalloc(o->ncertificates, sizeof(*s->staples));
    c->ssl = SSL_CTX_new_ex(c->family->ctx, NULL, TLS_server_method());
    MUST(c->ssl != NULL);
    tls_set_common(c->ssl, o->allow_tls12);
    set_options(c->ssl);
    if (o->ask_certificate)
        ask_certificate(c->ssl);
    if (o->wipe_plaintext)
        SSL_CTX_set_options(c->ssl, SSL_OP_CLEANSE_PLAINTEXT);
    set_alpn(s, o->alpn, o->nalpn);
    tls_set_ticket_keys(c, o->ticket_keys, o->nticket_keys);
    for (size_t i = 0; i < o->ncertificates; i++) {
        if (add_certificate(s, &o->certificates[i], err) == -1) {
            err_wrap(err, "certificate %zu", i + 1);
            tls_context_unref(c);
            return NULL;
        }
    }
    set_callbacks(c);
    if (use_standard(c, err) == -1) {
        tls_context_unref(c);
        return NULL;
    }
    return c;
}

void tls_server_free(struct tls_context *c)
{
    struct tls_server *s = c->server;

    for (size_t i = 0; i < s->nleaves; i++)
        tls_leaf_unref(s->family, s->leaves[i]);
    for (size_t i = 0; i < s->nstaples; i++)
        free((void *)(uintptr_t)s->staples[i].ocsp.at);
    for (size_t i = 0; i < s->hosts.size; i++)
        free(s->hosts.entries[i].value);
    tls_table_free(&s->hosts);
    OPENSSL_cleanse(s->ticket_keys, sizeof(s->ticket_keys));
    free(s->leaves);
    free(s->staples);
    free(s->alpn);
    free(s);
}
