/*
 * tls_int - what the parts of tls share.
 *
 *     tls.c            a connection: handshake, read, write
 *     tls_server.c     a server's context: hosts, certificates, tickets, ALPN
 *     tls_client.c     a client's context: verification, sessions to resume
 *     tls_certificate.c  PEM chains, and what is in them
 *     tls_provider.c   keys that sign elsewhere, as OpenSSL sees them
 *     tls_bio.c        the socket, as OpenSSL sees it
 *     tls_family.c     what contexts share, and what the connections of a thread share
 *     tls_error.c      OpenSSL's reasons as words
 *     tls_table.c      a hash table by name
 */
#ifndef WEIR_NET_TLS_INT_H
#define WEIR_NET_TLS_INT_H

#include <openssl/bio.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/list.h"
#include "net/tls.h"

/* ---- a hash table by name ---- */

struct tls_table_entry {
    char *name;
    size_t len;
    uint64_t hash;
    void *value;
};

struct tls_table {
    struct tls_table_entry *entries; /* open addressing; name NULL: empty */
    size_t size;                     /* a power of two, or 0 */
    size_t used;
};

void *tls_table_get(const struct tls_table *t, struct str name);
/* Copies the name; replaces the value that was there. */
void tls_table_put(struct tls_table *t, struct str name, void *value);
void tls_table_remove(struct tls_table *t, struct str name);
/* Not the values. */
void tls_table_free(struct tls_table *t);

/* ---- what the contexts of a family share ---- */

struct tls_family {
    OSSL_LIB_CTX *ctx;
    EVP_CIPHER *ticket_cipher;
    /* By PEM, so that a new context need not decode the same again. Under the lock, because
     * contexts are made and let go by other threads than the one that uses them. */
    pthread_mutex_t lock;
    struct tls_table certificates; /* struct tls_leaf */
    struct tls_table authorities;  /* struct tls_trust */
};

/* Made when first asked for, and kept until the process ends. */
struct tls_family *tls_family_get(unsigned number);

/* ---- what the connections of a thread share ---- */

enum {
    TLS_RECORD = 16384,        /* plaintext of a full record */
    TLS_RECORD_OVERHEAD = 256, /* more than header, nonce, padding byte and tag together */
    TLS_BATCH = 4,             /* full records that leave in one system call */
    TLS_OUT_ROOM = TLS_BATCH * (TLS_RECORD + TLS_RECORD_OVERHEAD),
    TLS_PARKED_MAX = 512, /* handshakes that wait for the keeper; each holds a stack */
};

struct tls_thread {
    struct tls *running; /* the connection whose handshake is on the stack */
    unsigned parked;
    bool waking;
    struct list waiting; /* handshakes that wait for one of those to end */
    size_t out_len;
    uint8_t out[TLS_OUT_ROOM];  /* ciphertext of the call that is running */
    uint8_t gather[TLS_RECORD]; /* plaintext of one record that came in pieces */
};

struct tls_thread *tls_thread_get(void);

/* ---- keys that sign elsewhere ---- */

#define TLS_KEYS_PROPERTIES "provider=weir-keys"
#define TLS_KEY_ID_PARAM    "weir-key-id"

int tls_provider_load(OSSL_LIB_CTX *ctx);

/*
 * The provider asks for a signature; tls.c parks the handshake that is running
 * in this thread. False when there is none, or the signer refused.
 */
bool tls_ask_signer(const uint8_t key_id[TLS_KEY_ID], uint16_t scheme, const uint8_t *input,
    size_t input_len, uint8_t *signature, size_t room, size_t *signature_len);

/* ---- certificates ---- */

enum tls_key_type { TLS_KEY_RSA, TLS_KEY_EC, TLS_KEY_ED25519, TLS_KEY_TYPES };

struct tls_leaf {  /* one certificate with its chain; shared by the contexts of a family */
    unsigned refs; /* under the family's lock */
    struct buf pem;
    X509 *x509;
    EVP_PKEY *key; /* its public key, as the provider has it: it signs */
    struct stack_st_X509 *chain;
    enum tls_key_type type;
};

struct tls_leaf *tls_leaf_ref(struct tls_family *f, struct str pem, struct err *err);
void tls_leaf_unref(struct tls_family *f, struct tls_leaf *leaf);
/* call(arg, name) for each DNS name and IP address, lower case; the common name when there is none. */
void tls_each_name(X509 *x, void (*call)(void *arg, struct str name), void *arg);

/* ---- contexts ---- */

struct tls_server;
struct tls_client;

struct tls_context {
    atomic_uint refs;
    struct tls_family *family;
    SSL_CTX *ssl;
    struct tls_server *server; /* one of the two */
    struct tls_client *client;
};

void tls_server_free(struct tls_context *c);
void tls_client_free(struct tls_context *c);
struct tls_signer *tls_server_signer(const struct tls_context *c);
/* SNI, name to verify, session to resume. */
int tls_client_prepare(struct tls *t, struct str server_name);
void tls_set_common(SSL_CTX *ssl, bool allow_tls12);

/* ---- a connection ---- */

struct tls_parked; /* on the stack of the parked handshake */

struct tls {
    SSL *ssl;
    struct tls_context *context;
    struct tls_thread *thread;
    int fd;
    int broken; /* errno of the socket; nothing goes out any more */
    bool established;
    bool drained;           /* the socket had no more than it gave: do not ask again in this call */
    bool empty;             /* the last read brought nothing */
    bool eof;               /* the peer has closed its side */
    bool mute;              /* going away: what OpenSSL still writes is dropped */
    bool hold;              /* what is in `left` may wait for the next record */
    bool slow;              /* the peer did not take a batch: smaller ones from now on */
    const char *key_failed; /* the signer's word, when it did not sign */
    const char *error;      /* TLS_FAILED from now on */
    size_t owed;            /* encrypted and in `left`, but not yet reported as taken */
    struct buf left;        /* ciphertext that the socket did not take */
    struct tls_parked *parked;
    struct list waiting; /* link in thread->waiting */
    void (*on_key)(void *arg);
    void *arg;
    char *server_name; /* client: the name that sessions are kept under */
};

/* ---- the socket ---- */

BIO *tls_bio_new(struct tls *t);
/* What OpenSSL wrote during this call, behind what was left over. */
enum tls_result tls_bio_flush(struct tls *t);
/* Keeps it for later instead. */
void tls_bio_stash(struct tls *t);

/* ---- words ---- */

/* From OpenSSL's error queue, which is emptied. */
const char *tls_error_word(struct tls *t);
const char *tls_verify_word(long result);
/* For err_set(): the newest reason on the queue, which is emptied. */
const char *tls_openssl_reason(void);

#endif
