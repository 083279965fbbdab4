/*
 * tls - TLS 1.2 and 1.3 for connections on an event loop, by OpenSSL 3.
 *
 * A server context holds certificates without private keys: when a handshake
 * needs one it calls the signer, which answers later; the handshake is parked
 * meanwhile (OpenSSL's ASYNC jobs) and the loop goes on.
 *
 * A context and its connections are used by one thread; contexts may be made,
 * referenced and let go by any.  Contexts of one family share OpenSSL's
 * library context, whose locks do not scale: give each thread's contexts a
 * family of their own.  The ticket keys are given from outside, so that all
 * threads share them.
 */
#ifndef WEIR_NET_TLS_H
#define WEIR_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/time.h"

enum { TLS_KEY_ID = 32, TLS_SIGNATURE_MAX = 1024, TLS_SIGN_INPUT_MAX = 8192 };

/*
 * How a private key elsewhere signs.  scheme is a TLS SignatureScheme number
 * (RFC 8446 4.2.3: 0x0403 ecdsa_secp256r1_sha256, 0x0804 rsa_pss_rsae_sha256,
 * 0x0401 rsa_pkcs1_sha256, 0x0807 ed25519 ...); input is the whole text to be
 * signed (the keeper hashes). key_id is the SHA-256 of the DER SubjectPublicKeyInfo.
 */
struct tls_signing {
    uint8_t key_id[TLS_KEY_ID];
    uint16_t scheme;
    const uint8_t *input;
    size_t input_len;
    /* The answer. done(s) is called by the signer's owner, in the same thread, exactly once. */
    bool ok;
    const char
        *why; /* when not ok, or when it could not even be asked: a word that stays, or NULL */
    uint8_t signature[TLS_SIGNATURE_MAX];
    size_t signature_len;
    void (*done)(struct tls_signing *s);
};

struct tls_signer {
    /* Starts; the answer comes through s->done(). False: cannot even be asked (treated as failed). */
    bool (*sign)(struct tls_signer *signer, struct tls_signing *s);
    /* The handshake is gone: do not call done(). */
    void (*cancel)(struct tls_signer *signer, struct tls_signing *s);
};

struct tls_certificate {
    struct str chain_pem;    /* leaf first */
    struct str ocsp_der;     /* stapled when len > 0 */
    const struct str *hosts; /* lower case, exact or "*.x"; n == 0: the certificate's own names */
    size_t nhosts;
};

enum { TLS_FAMILIES_MAX = 256 };
enum { TLS_TICKET_KEY = 80 }; /* 16 name, 32 HMAC, 32 AES-256 */

struct tls_server_options {
    unsigned family; /* below TLS_FAMILIES_MAX; of the thread that will use the context */
    const struct tls_certificate *certificates; /* the first serves clients without SNI */
    size_t ncertificates;
    bool allow_tls12;       /* else 1.3 only */
    const struct str *alpn; /* in order of preference */
    size_t nalpn;
    struct tls_signer *signer;
    /* tickets[0] issues, all decrypt (and renew when not the first); n == 0: no tickets */
    const uint8_t (*ticket_keys)[TLS_TICKET_KEY];
    size_t nticket_keys;
    /* Asks each client for a certificate and takes any, or none: the client proves that it has the key,
     * but the chain is not verified.  Give no tickets then: a resumed session has no chain. */
    bool ask_certificate;
    bool wipe_plaintext; /* what was decrypted does not stay in OpenSSL's buffers */
};

struct tls_client_options {
    unsigned family;
    bool verify;
    struct str ca_pem; /* len 0: the system's store, given as PEM by whoever may read files */
    bool allow_tls12;
};

struct tls_context;
/* Both copy what they need. err ids tls_certificate, tls_chain, tls_ca. */
struct tls_context *tls_server_new(const struct tls_server_options *o, struct err *err);
struct tls_context *tls_client_new(const struct tls_client_options *o, struct err *err);
/* Replaces the ticket keys of a live context. */
void tls_set_ticket_keys(struct tls_context *c, const uint8_t (*keys)[TLS_TICKET_KEY], size_t n);
struct tls_context *tls_context_ref(struct tls_context *c);
void tls_context_unref(struct tls_context *c); /* sessions hold a reference */

struct tls; /* one connection */

enum tls_result {
    TLS_OK,
    TLS_WANT_READ,
    TLS_WANT_WRITE,
    TLS_WANT_KEY, /* parked: on_key is called when tls_handshake() should go on */
    TLS_CLOSED,   /* close_notify */
    TLS_FAILED,   /* tls_error() says why */
};

/* on_key may be NULL for clients. Does not own fd. */
struct tls *tls_accept(struct tls_context *c, int fd, void (*on_key)(void *arg), void *arg);
/* server_name: SNI and verification; session reuse is per context and name. */
struct tls *tls_connect(struct tls_context *c, int fd, struct str server_name);
void tls_free(struct tls *t); /* NULL is fine; cancels a pending signature */

/* Call it on each event of the socket until it is done, parked or not.
 * After TLS_OK call tls_read() or tls_write() soon: a server's TLS 1.3 ticket waits for the first
 * answer, or for the first read that finds nothing. */
enum tls_result tls_handshake(struct tls *t);
/* The last call was TLS_WANT_WRITE: an event that says "writable" alone is of use only then. */
bool tls_wants_write(const struct tls *t);
/* TLS_OK with *n > 0, or why not. */
enum tls_result tls_read(struct tls *t, void *to, size_t room, size_t *n);
/* As much as goes, in order, few records. TLS_OK: *n > 0 were taken, and if that is not all, call
 * again at once or later. TLS_WANT_WRITE: *n is 0. After either, offer what was not taken again
 * first (it may have moved): some of it may be encrypted already. */
enum tls_result tls_write(struct tls *t, const struct iovec *v, unsigned nv, size_t *n);
/*
 * Ask before waiting for the socket: true when another tls_read() may bring something, because
 * bytes are buffered here or the last read did not empty the socket.
 */
bool tls_has_pending(const struct tls *t);
/* Sends close_notify if it can without waiting. */
void tls_shutdown(struct tls *t);

struct tls_info {
    const char *version; /* "TLSv1.3" */
    const char *cipher;  /* "TLS_AES_128_GCM_SHA256" */
    bool resumed;
    struct str server_name; /* SNI, or len 0; valid while the session lives */
    struct str alpn;
};
void tls_get_info(const struct tls *t, struct tls_info *info);
/* What the client sent when it was asked: DER, leaf first, in the arena. How many; 0: none. */
unsigned tls_peer_certificates(
    const struct tls *t, struct arena *a, struct str *der, unsigned room);
/* One word for logs and metrics: "handshake_timeout", "unknown_ca", "no_shared_cipher", "bad_record"... */
const char *tls_error(const struct tls *t);

/* ---- looking at certificates; no private key anywhere ---- */

struct tls_certificate_info {
    uint8_t key_id[TLS_KEY_ID];
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;
    char subject[256];
    char names[8][256]; /* DNS names (and IP addresses) it is for, the first eight */
    unsigned nnames;
    unsigned chain_length;
};
/* The leaf of a PEM chain. err ids tls_certificate. */
int tls_inspect(struct str chain_pem, struct tls_certificate_info *out, struct err *err);

#endif
