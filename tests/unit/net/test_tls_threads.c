/*
 * Contexts made and let go by one thread while others use theirs: as when a
 * new blueprint is applied under load.
 */
#include <pthread.h>

#include "tls_ends.h"

enum { WORKERS = 2, VISITS = 30, CONTEXTS = 40 };

struct worker {
    pthread_t thread;
    struct late_signer signer;
    struct tls_context *context;
    unsigned done;
};

static struct cert cert;

static struct tls_context *make_context(unsigned family, struct late_signer *signer)
{
    return server_of(&cert, 1, signer, &(struct tls_server_options){ .family = family });
}

static void *work(void *arg)
{
    struct worker *w = arg;
    SSL_CTX *client = client_new(TLS1_3_VERSION);

    for (int i = 0; i < VISITS; i++) {
        struct ends e;

        ends_open(&e, w->context, client, "a.test");
        if (shake(&e, &w->signer) == TLS_OK)
            w->done++;
        ends_close(&e);
    }
    SSL_CTX_free(client);
    tls_context_unref(w->context);
    return NULL;
}

static void workers_go_on_while_contexts_come_and_go(void)
{
    struct worker workers[WORKERS] = { 0 };

    cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];

        w->signer = signer_of(&cert, 1);
        w->context = make_context(i, &w->signer);
        MUST(pthread_create(&w->thread, NULL, work, w) == 0);
    }
    for (int i = 0; i < CONTEXTS; i++)
        for (unsigned k = 0; k < WORKERS; k++)
            tls_context_unref(make_context(k, &workers[k].signer));
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK_U64(workers[i].done, VISITS);
    }
    cert_free(&cert);
}

TESTS(CASE(workers_go_on_while_contexts_come_and_go))
