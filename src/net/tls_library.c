/*
 * What all contexts of a thread share: OpenSSL's library context.
 *
 * A full handshake takes OpenSSL 3.0 several hundred locks, all of them in the
 * library context; so each thread has its own.  It lives as long as a context
 * of that thread does, and only that thread may let go of the last one.
 */
#include <openssl/async.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/tls_int.h"

static _Thread_local struct tls_library *mine;

/* Before anything else in OpenSSL: it would read a configuration file, which a sandboxed role may
 * not open, and which must not change what we do. */
static void start_openssl(void)
{
    if (OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        BUG("OpenSSL does not start");
}

static struct tls_library *library_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_library *l = xcalloc(1, sizeof(*l));

    pthread_once(&once, start_openssl);
    list_init(&l->waiting);
    l->ctx = OSSL_LIB_CTX_new();
    MUST(l->ctx != NULL);
    l->standard = OSSL_PROVIDER_load(l->ctx, "default");
    MUST(l->standard != NULL && tls_provider_load(l) == 0);
    l->ticket_cipher = EVP_CIPHER_fetch(l->ctx, "AES-256-CBC", NULL);
    MUST(l->ticket_cipher != NULL);
    MUST(ASYNC_init_thread(TLS_PARKED_MAX + 1, 0) == 1);
    return l;
}

struct tls_library *tls_library_ref(void)
{
    if (mine == NULL)
        mine = library_new();
    mine->refs++;
    return mine;
}

void tls_library_unref(struct tls_library *l)
{
    if (--l->refs > 0)
        return;
    MUST(l == mine && l->certificates.used == 0 && list_empty(&l->waiting));
    mine = NULL;
    tls_table_free(&l->certificates);
    EVP_CIPHER_free(l->ticket_cipher);
    OSSL_PROVIDER_unload(l->keys);
    OSSL_PROVIDER_unload(l->standard);
    OPENSSL_thread_stop_ex(l->ctx);
    OSSL_LIB_CTX_free(l->ctx);
    ASYNC_cleanup_thread();
    free(l);
}
