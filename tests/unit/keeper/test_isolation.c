/*
 * The edge's process never holds a private key, though it finishes handshakes
 * with it; the keeper's process holds it, but not the file it came from.
 *
 * Both are this program again, by exec, so that they inherit no memory.
 */
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/fd.h"
#include "certs.h"
#include "check.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "keeper/seal/memory_int.h"
#include "memory_scan.h"
#include "net/channel.h"

/* The descriptors that both programs find. */
enum { FD_CHANNEL = 10, FD_FILE, FD_SOCKET };

/* ---- the two programs ---- */

static int run_keeper(void)
{
    struct keeper *k;
    struct loop *l;

    CHECK(keeper_protect_memory() || getuid() != 0);
    l = loop_new();
    k = keeper_new(l);
    keeper_load_key(k, FD_FILE, 1);
    keeper_attach_edge(k, FD_CHANNEL);
    loop_run(l);
    return 0;
}

static struct tls *connection;

static void go_on(void *arg)
{
    (void)arg;
    if (tls_handshake(connection) == TLS_OK) {
        struct iovec v = { .iov_base = (char[]){ "ok" }, .iov_len = 2 };
        size_t n;

        tls_write(connection, &v, 1, &n);
    }
}

static void readable(struct watch_fd *w, unsigned events)
{
    (void)w;
    (void)events;
    go_on(NULL);
}

static int run_edge(void)
{
    struct loop *l = loop_new();
    struct keeper_client *k = keeper_client_new(l);
    struct watch_fd socket = { .fd = FD_SOCKET, .ready = readable };
    struct tls_certificate list = { 0 };
    struct tls_server_options o = { .certificates = &list,
        .ncertificates = 1,
        .allow_tls12 = true,
        .signer = keeper_client_signer(k) };
    struct err err = { 0 };
    struct tls_context *c;
    struct buf pem;

    buf_init(&pem, 100000);
    MUST(fd_read_all(FD_FILE, &pem, &err) == 0);
    list.chain_pem = buf_as_str(&pem);
    c = tls_server_new(&o, &err);
    MUST(c != NULL);
    keeper_client_attach(k, FD_CHANNEL);
    connection = tls_accept(c, FD_SOCKET, go_on, NULL);
    MUST(loop_add(l, &socket) == 0);
    loop_run(l);
    return 0;
}

/* ---- the test ---- */

static pid_t start(const char *role, int channel, const char *file, int socket)
{
    int text = fd_memory("file", file, strlen(file));
    pid_t pid = fork();

    MUST(pid >= 0 && text >= 0);
    if (pid == 0) {
        dup2(channel, FD_CHANNEL);
        dup2(text, FD_FILE);
        if (socket >= 0)
            dup2(socket, FD_SOCKET);
        execl("/proc/self/exe", "test", role, (char *)NULL);
        _exit(127);
    }
    close(text);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

struct secret { /* a number that must not be found, in both byte orders */
    uint8_t big[512];
    uint8_t little[512];
    size_t len;
};

static struct secret secret_of(EVP_PKEY *key, const char *param)
{
    struct secret s = { 0 };
    BIGNUM *n = NULL;

    MUST(EVP_PKEY_get_bn_param(key, param, &n) == 1);
    s.len = (size_t)BN_num_bytes(n);
    MUST(BN_bn2binpad(n, s.big, (int)s.len) > 0 && BN_bn2lebinpad(n, s.little, (int)s.len) > 0);
    BN_clear_free(n);
    return s;
}

static bool holds(pid_t pid, const struct secret *s)
{
    int big = memory_scan(pid, s->big, s->len);
    int little = memory_scan(pid, s->little, s->len);

    CHECK(big >= 0 && little >= 0);
    return big == 1 || little == 1;
}

/* Over a blocking socket. */
static void visit(int fd, int version)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    char got[8];

    SSL_CTX_set_max_proto_version(c, version);
    ssl = SSL_new(c);
    SSL_set_fd(ssl, fd);
    CHECK(SSL_connect(ssl) == 1);
    CHECK(SSL_read(ssl, got, sizeof(got)) == 2);
    SSL_free(ssl);
    SSL_CTX_free(c);
}

/* Where the kernel has memfd_secret(2) not even root finds a key from outside. */
static bool keeper_memory_is_secret(void)
{
    struct secret_memory_stats s;

    secret_memory_stats(&s);
    return strcmp(s.kind, "memfd_secret") == 0;
}

static void check_isolation(const char *kind, const char *param, int version)
{
    struct cert cert = cert_make(&(struct cert_wish){ .key = kind, .names = "DNS:a.test" });
    struct secret secret = secret_of(cert.key, param);
    const char *line = strchr(cert.key_pem, '\n') + 1;
    int channel[2];
    int socket[2];
    pid_t keeper;
    pid_t edge;

    MUST(channel_pair(channel) == 0);
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socket) == 0);
    MUST(fcntl(socket[0], F_SETFL, O_NONBLOCK) == 0);
    keeper = start("keeper", channel[0], cert.key_pem, -1);
    edge = start("edge", channel[1], cert.pem, socket[0]);
    close(channel[0]);
    close(channel[1]);
    close(socket[0]);

    visit(socket[1], version);
    CHECK(holds(getpid(), &secret)); /* so the search finds what is there */
    CHECK(holds(keeper, &secret) != keeper_memory_is_secret());
    CHECK(!holds(edge, &secret));
    CHECK_U64(memory_scan(keeper, line, 60), 0);
    CHECK_U64(memory_scan(edge, line, 60), 0);
    stop(edge);
    stop(keeper);
    close(socket[1]);
    cert_free(&cert);
}

static void the_edge_never_holds_an_ecdsa_key(void)
{
    check_isolation("P-256", OSSL_PKEY_PARAM_PRIV_KEY, TLS1_3_VERSION);
}

static void the_edge_never_holds_an_rsa_key(void)
{
    check_isolation("RSA", OSSL_PKEY_PARAM_RSA_FACTOR1, TLS1_2_VERSION);
}

int main(int argc, char **argv)
{
    static const struct check_case cases[] = { CASE(the_edge_never_holds_an_ecdsa_key),
        CASE(the_edge_never_holds_an_rsa_key) };

    if (argc == 2)
        return strcmp(argv[1], "keeper") == 0 ? run_keeper() : run_edge();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
