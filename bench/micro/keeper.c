/*
 * keeper - what it costs an edge that its TLS keys are in another process.
 *
 *     bench_keeper
 *
 * P-256 signatures of a TLS 1.3 handshake: bare, in this process; asked of a keeper in another
 * process one at a time; and 16 at once.  One JSON object at the end, in microseconds a signature.
 */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/time.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "net/channel.h"
#include "net/loop.h"

enum { ROUNDS = 20000, DEPTH_MOST = 16, INPUT = 130, SCHEME = 0x0403 };

struct run {
    struct tls_signer *signer;
    struct loop *loop;
    struct tls_signing asked[DEPTH_MOST];
    nsec_t begun[DEPTH_MOST];
    double *took; /* us, of each signature */
    int started;
    int done;
    bool over;
    uint8_t input[INPUT];
};
static struct run run;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_size);
    return values[ROUNDS / 2];
}

static void ask(struct tls_signing *s)
{
    run.begun[s - run.asked] = time_nsec();
    run.started++;
    MUST(run.signer->sign(run.signer, s));
}

static void on_signed(struct tls_signing *s)
{
    MUST(s->ok);
    run.took[run.done++] = (double)(time_nsec() - run.begun[s - run.asked]) / 1000;
    if (run.started < ROUNDS)
        ask(s);
    else if (run.done == ROUNDS)
        run.over = true;
}

/* Microseconds a signature, all in all; took[] has each one's own time. */
static double ask_all(int depth)
{
    nsec_t begin = time_nsec();

    run.started = run.done = 0;
    run.over = false;
    for (int i = 0; i < depth; i++)
        ask(&run.asked[i]);
    while (!run.over)
        loop_once(run.loop, 100);
    return (double)(time_nsec() - begin) / 1000 / ROUNDS;
}

static double bare(EVP_PKEY *key)
{
    uint8_t signature[128];
    nsec_t begin;

    for (int i = 0; i < ROUNDS; i++) {
        EVP_MD_CTX *c = EVP_MD_CTX_new();
        size_t len = sizeof(signature);

        begin = time_nsec();
        MUST(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key) == 1);
        MUST(EVP_DigestSign(c, signature, &len, run.input, INPUT) == 1);
        run.took[i] = (double)(time_nsec() - begin) / 1000;
        EVP_MD_CTX_free(c);
    }
    return median(run.took);
}

static void keep(int fd, int key)
{
    struct loop *l = loop_new();
    struct keeper *k = keeper_new(l);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    keeper_load_key(k, key, 1);
    keeper_attach_edge(k, fd);
    loop_run(l);
}

static int pem_of(EVP_PKEY *key)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *text;
    long len;
    int fd;

    MUST(PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL) == 1);
    len = BIO_get_mem_data(b, &text);
    fd = fd_memory("key", text, (size_t)len);
    MUST(fd >= 0);
    BIO_free(b);
    return fd;
}

static void fill_questions(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    memset(run.input, ' ', 64);
    memcpy(run.input + 64, "TLS 1.3, server CertificateVerify", 34);
    random_bytes(run.input + 98, INPUT - 98);
    for (int i = 0; i < DEPTH_MOST; i++) {
        struct tls_signing *s = &run.asked[i];

        EVP_Digest(der, (size_t)len, s->key_id, NULL, EVP_sha256(), NULL);
        s->scheme = SCHEME;
        s->input = run.input;
        s->input_len = INPUT;
        s->done = on_signed;
    }
    OPENSSL_free(der);
}

int main(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct keeper_client *client;
    double alone;
    double one;
    double many;
    int ends[2];
    int pem = pem_of(key);
    pid_t child;

    MUST(channel_pair(ends) == 0);
    child = fork();
    MUST(child >= 0);
    if (child == 0) {
        close(ends[1]);
        keep(ends[0], pem);
        return 1;
    }
    close(ends[0]);
    run.took = calloc(ROUNDS, sizeof(*run.took));
    run.loop = loop_new();
    client = keeper_client_new(run.loop);
    keeper_client_attach(client, ends[1]);
    run.signer = keeper_client_signer(client);
    fill_questions(key);
    alone = bare(key);
    ask_all(1);
    one = median(run.took);
    many = ask_all(DEPTH_MOST);
    printf("{\"bare_us\": %.2f, \"one_us\": %.2f, \"added_us\": %.2f, \"depth16_us\": %.2f}\n",
        alone, one, one - alone, many);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
