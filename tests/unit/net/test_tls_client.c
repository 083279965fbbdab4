/*
 * Our client against our server: what it verifies, the words for what fails,
 * and what it resumes.
 */
#include "tls_ends.h"

struct pair {
    int fd[2];
    struct tls *server;
    struct tls *client;
    bool parked;
};

static void no_matter(void *arg)
{
    (void)arg;
}

static void pair_open(
    struct pair *p, struct tls_context *server, struct tls_context *client, const char *name)
{
    *p = (struct pair){ 0 };
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd) == 0);
    p->server = tls_accept(server, p->fd[0], no_matter, NULL);
    p->client = tls_connect(client, p->fd[1], str_from(name));
}

static void pair_close(struct pair *p)
{
    tls_free(p->client);
    tls_free(p->server);
    close(p->fd[0]);
    close(p->fd[1]);
}

/* Of the client; the server follows. */
static enum tls_result pair_shake(struct pair *p)
{
    enum tls_result c = TLS_WANT_READ;
    enum tls_result s = TLS_WANT_READ;

    for (int i = 0; i < 10; i++) {
        if (c == TLS_WANT_READ)
            c = tls_handshake(p->client);
        if (s == TLS_WANT_READ)
            s = tls_handshake(p->server);
    }
    return c;
}

static void say(struct tls *from, struct tls *to, const char *word)
{
    struct iovec v = { .iov_base = (void *)(uintptr_t)word, .iov_len = strlen(word) };
    char got[100];
    size_t n = 0;

    CHECK(tls_write(from, &v, 1, &n) == TLS_OK && n == v.iov_len);
    CHECK(tls_read(to, got, sizeof(got), &n) == TLS_OK);
    CHECK_STR(((struct str){ got, n }), word);
}

static struct tls_context *client_of(const char *ca_pem, bool verify)
{
    struct tls_client_options o = {
        .verify = verify, .ca_pem = str_from(ca_pem), .allow_tls12 = true
    };
    struct err err = { 0 };
    struct tls_context *c = tls_client_new(&o, &err);

    if (c == NULL)
        fprintf(stderr, "%s\n", err.text);
    MUST(c != NULL);
    return c;
}

static void verifies_and_says_what_failed(void)
{
    struct cert ca = cert_make(&(struct cert_wish){ .name = "ca", .ca = true });
    struct cert plain_ca = cert_make(&(struct cert_wish){ .name = "not a ca" });
    struct cert_wish wishes[] = {
        { .names = "DNS:a.test,DNS:*.w.test,IP:127.0.0.1,IP:::1", .issuer = &ca },
        { .names = "DNS:a.test" }, /* self-signed */
        { .names = "DNS:a.test", .issuer = &ca, .from_days = -10, .to_days = -1 },
        { .names = "DNS:a.test", .issuer = &ca, .from_days = 1, .to_days = 10 },
        { .names = "DNS:a.test", .issuer = &plain_ca },
    };
    static const struct {
        int wish;
        const char *name;
        const char *word; /* NULL: fine */
    } cases[] = {
        { 0, "a.test", NULL },
        { 0, "A.test", NULL },
        { 0, "x.w.test", NULL },
        { 0, "127.0.0.1", NULL },
        { 0, "::1", NULL },
        { 0, "b.test", "hostname_mismatch" },
        { 0, "x.y.w.test", "hostname_mismatch" },
        { 0, "127.0.0.2", "hostname_mismatch" },
        { 1, "a.test", "self_signed" },
        { 2, "a.test", "certificate_expired" },
        { 3, "a.test", "certificate_not_yet_valid" },
        { 4, "a.test", "unknown_ca" },
    };
    struct tls_context *client = client_of(ca.pem, true);

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cert cert = cert_make(&wishes[cases[i].wish]);
        struct late_signer signer = signer_of(&cert, 1);
        struct tls_context *server = server_of(&cert, 1, &signer, NULL);
        struct pair p;

        signer.at_once = true;
        pair_open(&p, server, client, cases[i].name);
        if (cases[i].word == NULL) {
            CHECK(pair_shake(&p) == TLS_OK);
            say(p.client, p.server, "hello");
            say(p.server, p.client, "well met");
        } else {
            CHECK(pair_shake(&p) == TLS_FAILED);
            CHECK_STR(str_from(tls_error(p.client)), cases[i].word);
        }
        pair_close(&p);
        tls_context_unref(server);
        cert_free(&cert);
    }
    tls_context_unref(client);
    cert_free(&ca);
    cert_free(&plain_ca);
}

static void does_not_verify_when_told_so(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *server = server_of(&cert, 1, &signer, NULL);
    struct tls_context *client = client_of("", false);
    struct tls_info info;
    struct pair p;

    signer.at_once = true;
    pair_open(&p, server, client, "elsewhere.test");
    CHECK(pair_shake(&p) == TLS_OK);
    tls_get_info(p.server, &info);
    CHECK_STR(info.server_name, "elsewhere.test");
    pair_close(&p);
    tls_context_unref(server);
    tls_context_unref(client);
    cert_free(&cert);
}

static void refuses_odd_authorities_and_names(void)
{
    struct tls_client_options o = { .verify = true, .ca_pem = STR("nothing") };
    struct err err = { 0 };
    struct tls_context *client;
    char zero[] = { 'a', '\0', 'b' };
    struct tls *t;

    CHECK(tls_client_new(&o, &err) == NULL);
    CHECK_STR(str_from(err.id), "tls_ca");
    o.ca_pem = STR_NONE;
    CHECK(tls_client_new(&o, &err) == NULL);
    CHECK_STR(str_from(err.id), "tls_ca");

    client = client_of("", false);
    t = tls_connect(client, -1, (struct str){ zero, sizeof(zero) });
    CHECK(tls_handshake(t) == TLS_FAILED);
    CHECK_STR(str_from(tls_error(t)), "bad_server_name");
    tls_free(t);
    tls_context_unref(client);
}

/* One connection with a few words, as an origin's answer would be. */
static bool resumes(struct tls_context *server, struct tls_context *client, const char *name)
{
    struct tls_info info;
    struct pair p;

    pair_open(&p, server, client, name);
    CHECK(pair_shake(&p) == TLS_OK);
    tls_get_info(p.client, &info);
    say(p.client, p.server, "GET");
    say(p.server, p.client, "200"); /* brings the ticket of TLS 1.3 along */
    tls_shutdown(p.client);
    pair_close(&p);
    return info.resumed;
}

static void resumes_by_name(void)
{
    static uint8_t keys[1][TLS_TICKET_KEY];
    struct cert ca = cert_make(&(struct cert_wish){ .name = "ca", .ca = true });
    struct cert cert =
        cert_make(&(struct cert_wish){ .names = "DNS:a.test,DNS:b.test", .issuer = &ca });
    struct late_signer signer = signer_of(&cert, 1);

    signer.at_once = true;
    random_bytes(keys, sizeof(keys));
    {
        struct tls_context *server = server_of(&cert, 1, &signer,
            &(struct tls_server_options){ .allow_tls12 = true,
                .ticket_keys = (const uint8_t(*)[TLS_TICKET_KEY])keys,
                .nticket_keys = 1 });
        struct tls_context *client = client_of(ca.pem, true);

        CHECK(!resumes(server, client, "a.test"));
        CHECK(resumes(server, client, "a.test"));
        CHECK(resumes(server, client, "a.test"));
        CHECK(!resumes(server, client, "b.test"));
        CHECK(resumes(server, client, "b.test"));
        tls_context_unref(client);
        tls_context_unref(server);
    }
    cert_free(&cert);
    cert_free(&ca);
}

static void remembers_few_names(void)
{
    static uint8_t keys[1][TLS_TICKET_KEY];
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *server = server_of(&cert, 1, &signer,
        &(struct tls_server_options){
            .ticket_keys = (const uint8_t(*)[TLS_TICKET_KEY])keys, .nticket_keys = 1 });
    struct tls_context *client = client_of("", false);

    signer.at_once = true;
    for (int i = 0; i < 1100; i++) {
        char name[32];

        snprintf(name, sizeof(name), "n%d.test", i);
        CHECK(!resumes(server, client, name));
    }
    CHECK(!resumes(server, client, "n0.test")); /* forgotten when the table was full */
    CHECK(resumes(server, client, "n1099.test"));
    tls_context_unref(server);
    tls_context_unref(client);
    cert_free(&cert);
}

/* A peer that does not read: what is not taken is offered again, from another place. */
static void writes_what_goes_and_goes_on(void)
{
    enum { TOTAL = 3 << 20 };
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *server = server_of(&cert, 1, &signer, NULL);
    struct tls_context *client = client_of("", false);
    char *data = xmalloc(TOTAL);
    char *got = xmalloc(TOTAL);
    size_t sent = 0;
    size_t received = 0;
    unsigned blocked = 0;
    struct pair p;
    size_t n;

    signer.at_once = true;
    for (size_t i = 0; i < TOTAL; i++)
        data[i] = (char)(i * 31 + i / 251);
    pair_open(&p, server, client, "a.test");
    CHECK(pair_shake(&p) == TLS_OK);
    for (int idle = 0; received < TOTAL && idle < 1000; idle++) {
        while (sent < TOTAL) {
            size_t len = TOTAL - sent < 100000 ? TOTAL - sent : 100000;
            char *copy = xmalloc(len); /* each time elsewhere */
            struct iovec v[3] = { { copy, len / 3 }, { copy + len / 3, len / 7 },
                { copy + len / 3 + len / 7, len - len / 3 - len / 7 } };
            enum tls_result r;

            memcpy(copy, data + sent, len);
            r = tls_write(p.server, v, 3, &n);
            free(copy);
            sent += n;
            CHECK(r == TLS_OK || r == TLS_WANT_WRITE);
            CHECK((r == TLS_OK) == (n > 0));
            if (r != TLS_OK) {
                blocked++;
                break;
            }
        }
        while (received < TOTAL &&
               tls_read(p.client, got + received, TOTAL - received, &n) == TLS_OK) {
            received += n;
            idle = 0;
        }
    }
    CHECK_U64(received, TOTAL);
    CHECK(memcmp(data, got, TOTAL) == 0);
    CHECK(blocked > 0);
    free(data);
    free(got);
    pair_close(&p);
    tls_context_unref(server);
    tls_context_unref(client);
    cert_free(&cert);
}

TESTS(CASE(verifies_and_says_what_failed), CASE(does_not_verify_when_told_so),
    CASE(refuses_odd_authorities_and_names), CASE(resumes_by_name), CASE(remembers_few_names),
    CASE(writes_what_goes_and_goes_on))
