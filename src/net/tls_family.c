/*
 * What contexts share: OpenSSL's library context.  What the connections of a
 * thread share: room for the call that is running.
 *
 * A full handshake takes OpenSSL 3.0 several hundred locks, all of them in the
 * library context; so each worker's contexts are a family of their own.  A
 * family is never freed: OpenSSL keeps random generators in it for every
 * thread that came by, and there are as many families as workers.
 */
#include <openssl/async.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

static struct tls_family *families[TLS_FAMILIES_MAX];
static pthread_mutex_t families_lock = PTHREAD_MUTEX_INITIALIZER;

static struct tls_family *family_new(void)
{
    struct tls_family *f = xcalloc(1, sizeof(*f));

    /* First: OpenSSL would read a configuration file, which a sandboxed role may not open, and
     * which must not change what we do. */
    MUST(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1);
    pthread_mutex_init(&f->lock, NULL);
    f->ctx = OSSL_LIB_CTX_new();
    MUST(f->ctx != NULL);
    MUST(OSSL_PROVIDER_load(f->ctx, "default") != NULL && tls_provider_load(f->ctx) == 0);
    f->ticket_cipher = EVP_CIPHER_fetch(f->ctx, "AES-256-CBC", NULL);
    MUST(f->ticket_cipher != NULL);
    return f;
}

struct tls_family *tls_family_get(unsigned number)
{
    struct tls_family *f;

    MUST(number < TLS_FAMILIES_MAX);
    pthread_mutex_lock(&families_lock);
    if (families[number] == NULL)
        families[number] = family_new();
    f = families[number];
    pthread_mutex_unlock(&families_lock);
    return f;
}

/* ---- threads ---- */

static pthread_key_t thread_key;
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    MUST(pthread_key_create(&thread_key, free) == 0);
}

/* OpenSSL frees the stacks of jobs with the thread. */
struct tls_thread *tls_thread_get(void)
{
    static _Thread_local struct tls_thread *mine;

    if (mine != NULL)
        return mine;
    pthread_once(&thread_once, make_key);
    mine = xcalloc(1, sizeof(*mine));
    list_init(&mine->waiting);
    MUST(pthread_setspecific(thread_key, mine) == 0);
    MUST(ASYNC_init_thread(TLS_PARKED_MAX + 1, 0) == 1);
    return mine;
}
