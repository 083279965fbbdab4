/*
 * A server whose keys sign elsewhere: handshakes, hosts, parking, refusals.
 */
#include "tls_ends.h"

static void every_key_signs_in_both_versions(void)
{
    static const char *const kinds[] = { "P-256", "RSA", "P-384", "P-521", "ED25519" };
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct cert cert = cert_make(&(struct cert_wish){ .key = kinds[i], .names = "DNS:a.test" });
        struct late_signer signer = signer_of(&cert, 1);
        struct tls_context *c = server_of(&cert, 1, &signer, NULL);

        for (size_t k = 0; k < 2; k++) {
            SSL_CTX *client = client_new(versions[k]);
            struct ends e;

            ends_open(&e, c, client, "a.test");
            CHECK(shake(&e, &signer) == TLS_OK);
            CHECK_U64(signer.questions, k + 1);
            CHECK_U64(e.woken, 1);
            if (signer.questions != k + 1 || e.woken != 1)
                fprintf(stderr, "  %s %zu %s\n", kinds[i], k, tls_error(e.server));
            else
                talk(&e);
            ends_close(&e);
            SSL_CTX_free(client);
        }
        tls_context_unref(c);
        cert_free(&cert);
    }
}

/* The client's first key share is for a group we do not have: HelloRetryRequest. */
static void asks_for_another_key_share(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    char groups[] = "P-384:P-256";
    struct ends e;

    SSL_CTX_set1_groups_list(client, groups);
    ends_open(&e, c, client, "a.test");
    CHECK(shake(&e, &signer) == TLS_OK);
    talk(&e);
    ends_close(&e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

/* Moves up to n bytes of what the client has written on to the server. */
static void pass_on(int from, int to, size_t n)
{
    char bytes[64];
    ssize_t got = read(from, bytes, n);

    if (got > 0)
        MUST(write(to, bytes, (size_t)got) == got);
}

static void takes_a_handshake_byte_by_byte(void)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);

    for (int k = 0; k < 2; k++) {
        SSL_CTX *client = client_new(versions[k]);
        enum tls_result r = TLS_WANT_READ;
        struct ends e;
        int relay[2]; /* [0] is the client's, [1] ours */
        int done = 0;

        ends_open(&e, c, client, "a.test");
        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, relay) == 0);
        SSL_set_fd(e.client, relay[0]);
        for (int i = 0; i < 5000 && (r != TLS_OK || done != 1); i++) {
            if (done != 1)
                done = SSL_do_handshake(e.client);
            pass_on(relay[1], e.fd[1], 1);
            if (r != TLS_OK)
                r = tls_handshake(e.server);
            if (signer.asked != NULL)
                answer(&signer);
            pass_on(e.fd[1], relay[1], 64);
        }
        CHECK(r == TLS_OK && done == 1);
        ends_close(&e);
        close(relay[0]);
        close(relay[1]);
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    cert_free(&cert);
}

/* ---- which certificate ---- */

static void check_serves(
    struct tls_context *c, struct late_signer *signer, const char *sni, const struct cert *want)
{
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    struct ends e;
    X509 *got;

    ends_open(&e, c, client, sni);
    CHECK(shake(&e, signer) == TLS_OK);
    got = SSL_get0_peer_certificate(e.client);
    if (got == NULL || X509_cmp(got, want->x509) != 0)
        fprintf(stderr, "  for %s\n", sni != NULL ? sni : "no name");
    CHECK(got != NULL && X509_cmp(got, want->x509) == 0);
    ends_close(&e);
    SSL_CTX_free(client);
}

static void picks_the_certificate_by_name(void)
{
    struct cert certs[] = {
        cert_make(&(struct cert_wish){ .names = "DNS:first.test" }),
        cert_make(&(struct cert_wish){ .names = "DNS:Exact.test,DNS:*.wild.test" }),
        cert_make(&(struct cert_wish){ .key = "RSA", .names = "DNS:deep.wild.test" }),
        cert_make(&(struct cert_wish){ .name = "old.test" }), /* no subjectAltName */
        cert_make(&(struct cert_wish){ .names = "DNS:first.test,DNS:late.test" }),
    };
    struct late_signer signer = signer_of(certs, 5);
    struct tls_context *c = server_of(certs, 5, &signer, NULL);
    static const struct {
        const char *sni;
        int cert;
    } cases[] = {
        { NULL, 0 },
        { "first.test", 0 },
        { "unknown.test", 0 },
        { "exact.test", 1 },
        { "EXACT.TEST", 1 },
        { "exact.test.", 1 },
        { "a.wild.test", 1 },
        { "deep.wild.test", 2 },
        { "a.deep.wild.test", 0 }, /* a star is one label */
        { "wild.test", 0 },
        { "old.test", 3 },
        { "late.test", 4 },
        { "*.wild.test", 1 },
        { ".wild.test", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        check_serves(c, &signer, cases[i].sni, &certs[cases[i].cert]);
    tls_context_unref(c);
    for (int i = 0; i < 5; i++)
        cert_free(&certs[i]);
}

static void given_hosts_replace_those_of_the_certificate(void)
{
    struct cert certs[] = {
        cert_make(&(struct cert_wish){ .names = "DNS:a.test" }),
        cert_make(&(struct cert_wish){ .names = "DNS:b.test" }),
    };
    struct late_signer signer = signer_of(certs, 2);
    struct str hosts[] = { STR("c.test"), STR("*.d.test") };
    struct tls_certificate list[] = {
        { .chain_pem = str_from(certs[0].pem) },
        { .chain_pem = str_from(certs[1].pem), .hosts = hosts, .nhosts = 2 },
    };
    struct tls_context *c = server_of(certs, 2, &signer,
        &(struct tls_server_options){ .certificates = list, .ncertificates = 2 });

    check_serves(c, &signer, "b.test", &certs[0]);
    check_serves(c, &signer, "c.test", &certs[1]);
    check_serves(c, &signer, "x.d.test", &certs[1]);
    tls_context_unref(c);
    cert_free(&certs[0]);
    cert_free(&certs[1]);
}

static void finds_a_host_among_ten_thousand(void)
{
    enum { HOSTS = 10000 };
    struct cert certs[] = {
        cert_make(&(struct cert_wish){ .names = "DNS:a.test" }),
        cert_make(&(struct cert_wish){ .names = "DNS:b.test" }),
    };
    struct late_signer signer = signer_of(certs, 2);
    struct str *hosts = xcalloc(HOSTS, sizeof(*hosts));
    struct tls_certificate *list = xcalloc(1 + HOSTS, sizeof(*list));
    struct tls_context *c;

    list[0].chain_pem = str_from(certs[0].pem);
    for (int i = 0; i < HOSTS; i++) {
        hosts[i] = str_from(xasprintf("%sh%d.test", i % 2 == 0 ? "" : "*.", i));
        list[1 + i] = (struct tls_certificate){ str_from(certs[1].pem), STR_NONE, &hosts[i], 1 };
    }
    c = server_of(certs, 2, &signer,
        &(struct tls_server_options){ .certificates = list, .ncertificates = 1 + HOSTS });
    check_serves(c, &signer, "h0.test", &certs[1]);
    check_serves(c, &signer, "x.h9999.test", &certs[1]);
    check_serves(c, &signer, "h9999.test", &certs[0]);
    check_serves(c, &signer, "x.h0.test", &certs[0]);
    tls_context_unref(c);
    for (int i = 0; i < HOSTS; i++)
        free((void *)(uintptr_t)hosts[i].at);
    free(hosts);
    free(list);
    cert_free(&certs[0]);
    cert_free(&certs[1]);
}

/* One host, an ECDSA and an RSA certificate: each client gets what it can verify. */
static void picks_the_key_by_what_the_client_can_verify(void)
{
    struct cert certs[] = {
        cert_make(&(struct cert_wish){ .names = "DNS:first.test" }),
        cert_make(&(struct cert_wish){ .names = "DNS:two.test" }),
        cert_make(&(struct cert_wish){ .key = "RSA", .names = "DNS:two.test,DNS:first.test" }),
    };
    struct late_signer signer = signer_of(certs, 3);
    struct tls_context *c = server_of(certs, 3, &signer, NULL);
    static const struct {
        const char *sni;
        const char *sigalgs;
        int cert;
    } cases[] = { { "two.test", "ECDSA+SHA256", 1 }, { "two.test", "RSA-PSS+SHA256", 2 },
        { "first.test", "ECDSA+SHA256", 0 }, { NULL, "RSA-PSS+SHA384", 2 } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *client = client_new(TLS1_3_VERSION);
        struct ends e;
        char list[64];
        X509 *got;

        snprintf(list, sizeof(list), "%s", cases[i].sigalgs);
        SSL_CTX_set1_sigalgs_list(client, list);
        ends_open(&e, c, client, cases[i].sni);
        CHECK(shake(&e, &signer) == TLS_OK);
        got = SSL_get0_peer_certificate(e.client);
        CHECK(got != NULL && X509_cmp(got, certs[cases[i].cert].x509) == 0);
        ends_close(&e);
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    for (int i = 0; i < 3; i++)
        cert_free(&certs[i]);
}

static void sends_the_chain_and_the_staple(void)
{
    struct cert root = cert_make(&(struct cert_wish){ .name = "root", .ca = true });
    struct cert middle =
        cert_make(&(struct cert_wish){ .name = "middle", .ca = true, .issuer = &root });
    struct cert leaf = cert_make(&(struct cert_wish){ .names = "DNS:a.test", .issuer = &middle });
    struct cert other = cert_make(&(struct cert_wish){ .names = "DNS:b.test" });
    struct cert signing[] = { leaf, other };
    struct late_signer signer = signer_of(signing, 2);
    auto_free char *pem = xasprintf("%s%s", leaf.pem, middle.pem);
    struct tls_certificate list[] = {
        { .chain_pem = str_from(pem), .ocsp_der = STR("a response of the authority") },
        { .chain_pem = str_from(other.pem) },
    };
    struct tls_context *c = server_of(NULL, 0, &signer,
        &(struct tls_server_options){
            .certificates = list, .ncertificates = 2, .allow_tls12 = true });
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    for (int k = 0; k < 4; k++) {
        SSL_CTX *client = client_new(versions[k / 2]);
        const unsigned char *staple = NULL;
        struct ends e;
        long len;

        ends_open(&e, c, client, k % 2 == 0 ? "a.test" : "b.test");
        SSL_set_tlsext_status_type(e.client, TLSEXT_STATUSTYPE_ocsp);
        CHECK(shake(&e, &signer) == TLS_OK);
        len = SSL_get_tlsext_status_ocsp_resp(e.client, &staple);
        if (k % 2 == 0) {
            CHECK(len > 0);
            CHECK_STR(((struct str){ (const char *)staple, len > 0 ? (size_t)len : 0 }),
                "a response of the authority");
            CHECK_U64(sk_X509_num(SSL_get_peer_cert_chain(e.client)), 2);
        } else {
            CHECK(len <= 0);
            CHECK_U64(sk_X509_num(SSL_get_peer_cert_chain(e.client)), 1);
        }
        ends_close(&e);
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    cert_free(&root);
    cert_free(&middle);
    cert_free(&leaf);
    cert_free(&other);
}

/* ---- ALPN, versions, ciphers ---- */

static void speaks_the_protocol_it_prefers(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct str alpn[] = { STR("h2"), STR("http/1.1") };
    struct tls_context *c =
        server_of(&cert, 1, &signer, &(struct tls_server_options){ .alpn = alpn, .nalpn = 2 });
    static const struct {
        const char *offer;
        const char *chosen;
    } cases[] = {
        { "\x08http/1.1\x02h2", "h2" },
        { "\x08http/1.1", "http/1.1" },
        { "\x08spdy/3.1\x08http/1.1", "http/1.1" },
        { "", "" },
        { "\x08spdy/3.1", NULL },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        SSL_CTX *client = client_new(TLS1_3_VERSION);
        struct tls_info info;
        struct ends e;

        ends_open(&e, c, client, "a.test");
        SSL_set_alpn_protos(
            e.client, (const unsigned char *)cases[i].offer, (unsigned)strlen(cases[i].offer));
        if (cases[i].chosen != NULL) {
            CHECK(shake(&e, &signer) == TLS_OK);
            tls_get_info(e.server, &info);
            CHECK_STR(info.alpn, cases[i].chosen);
            CHECK_STR(info.server_name, "a.test");
            CHECK_STR(str_from(info.version), "TLSv1.3");
            CHECK_STR(str_from(info.cipher), "TLS_AES_128_GCM_SHA256");
            CHECK(!info.resumed);
        } else {
            CHECK(shake(&e, &signer) == TLS_FAILED);
            CHECK_STR(str_from(tls_error(e.server)), "no_shared_alpn");
        }
        ends_close(&e);
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    cert_free(&cert);
}

static void check_cipher(struct tls_context *c, struct late_signer *signer, int version,
    const char *offer, const char *want)
{
    SSL_CTX *client = client_new(version);
    struct tls_info info;
    struct ends e;

    if (version == TLS1_3_VERSION)
        SSL_CTX_set_ciphersuites(client, offer);
    else
        SSL_CTX_set_cipher_list(client, offer);
    ends_open(&e, c, client, "a.test");
    if (want != NULL) {
        CHECK(shake(&e, signer) == TLS_OK);
        tls_get_info(e.server, &info);
        CHECK_STR(str_from(info.cipher), want);
    } else {
        CHECK(shake(&e, signer) == TLS_FAILED);
        CHECK_STR(str_from(tls_error(e.server)), "no_shared_cipher");
    }
    ends_close(&e);
    SSL_CTX_free(client);
}

static void chooses_the_cipher(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);

    check_cipher(c, &signer, TLS1_3_VERSION,
        "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_GCM_SHA256");
    check_cipher(c, &signer, TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256");
    check_cipher(c, &signer, TLS1_2_VERSION,
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    check_cipher(c, &signer, TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305:AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    check_cipher(c, &signer, TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256", NULL); /* CBC */
    check_cipher(c, &signer, TLS1_2_VERSION, "AES128-GCM-SHA256", NULL);         /* RSA exchange */
    tls_context_unref(c);
    cert_free(&cert);
}

static void refuses_versions_it_is_told_to(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c =
        server_of(&cert, 1, &signer, &(struct tls_server_options){ .allow_tls12 = false });
    SSL_CTX *client = client_new(TLS1_2_VERSION);
    struct ends e;

    ends_open(&e, c, client, "a.test");
    CHECK(shake(&e, &signer) == TLS_FAILED);
    CHECK_STR(str_from(tls_error(e.server)), "protocol_version");
    ends_close(&e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

/* ---- the signer ---- */

static void a_signer_that_refuses_fails_the_handshake(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);

    for (int k = 0; k < 3; k++) {
        SSL_CTX *client = client_new(k == 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
        struct ends e;

        signer.refuse = k == 0;
        signer.no = k != 0;
        ends_open(&e, c, client, "a.test");
        CHECK(shake(&e, &signer) == TLS_FAILED);
        CHECK_STR(str_from(tls_error(e.server)), "key_unavailable");
        CHECK(tls_handshake(e.server) == TLS_FAILED);
        ends_close(&e);
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    cert_free(&cert);
}

static void a_signer_may_answer_at_once(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    struct ends e;

    signer.at_once = true;
    ends_open(&e, c, client, "a.test");
    CHECK(shake(&e, &signer) == TLS_OK);
    CHECK_U64(e.woken, 0);
    talk(&e);
    ends_close(&e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

static enum tls_result until_parked(struct ends *e)
{
    enum tls_result r = TLS_WANT_READ;

    for (int i = 0; i < 5 && r == TLS_WANT_READ; i++) {
        SSL_do_handshake(e->client);
        r = tls_handshake(e->server);
    }
    return r;
}

static void a_parked_handshake_can_be_given_up(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);

    for (int k = 0; k < 2; k++) {
        SSL_CTX *client = client_new(k == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        struct ends e;

        ends_open(&e, c, client, "a.test");
        CHECK(until_parked(&e) == TLS_WANT_KEY);
        CHECK(signer.asked != NULL);
        if (k == 1) { /* answered, but nobody has gone on since */
            struct late_signer *l = &signer;

            answer(l);
            ends_close(&e);
            CHECK_U64(signer.cancels, 1);
        } else {
            ends_close(&e);
            CHECK(signer.asked == NULL);
            CHECK_U64(signer.cancels, 1);
        }
        SSL_CTX_free(client);
    }
    tls_context_unref(c);
    cert_free(&cert);
}

/* Signers that keep many questions. */
struct crowd_signer {
    struct tls_signer signer;
    const struct cert *cert;
    struct tls_signing *asked[1024];
    unsigned n;
};

static bool crowd_sign(struct tls_signer *signer, struct tls_signing *s)
{
    struct crowd_signer *l = (struct crowd_signer *)(void *)signer;

    MUST(l->n < 1024);
    l->asked[l->n++] = s;
    return true;
}

static void crowd_cancel(struct tls_signer *signer, struct tls_signing *s)
{
    struct crowd_signer *l = (struct crowd_signer *)(void *)signer;

    for (unsigned i = 0; i < l->n; i++)
        if (l->asked[i] == s)
            l->asked[i] = NULL;
}

/* More handshakes at once than may be parked: the others wait their turn, and all succeed. */
static void a_crowd_waits_its_turn(void)
{
    enum { CROWD = 600 };
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct crowd_signer signer = { .signer = { crowd_sign, crowd_cancel }, .cert = &cert };
    struct tls_certificate list = { .chain_pem = str_from(cert.pem) };
    struct tls_server_options o = {
        .certificates = &list, .ncertificates = 1, .signer = &signer.signer
    };
    struct err err;
    struct tls_context *c = tls_server_new(&o, &err);
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    struct ends *e = xcalloc(CROWD, sizeof(*e));
    unsigned done = 0;
    unsigned last = 0;

    for (unsigned i = 0; i < CROWD; i++) {
        ends_open(&e[i], c, client, "a.test");
        CHECK(until_parked(&e[i]) == TLS_WANT_KEY);
    }
    CHECK(signer.n < CROWD);       /* some could not even ask */
    tls_free(e[CROWD - 1].server); /* one gives up while it waits */
    e[CROWD - 1].server = NULL;
    while (last < signer.n) { /* answer, go on, until no more questions come */
        unsigned to = signer.n;

        for (unsigned i = last; i < to; i++) {
            sign_with(cert.key, signer.asked[i]);
            signer.asked[i]->done(signer.asked[i]);
        }
        last = to;
        for (unsigned i = 0; i < CROWD; i++) {
            if (e[i].server == NULL || e[i].woken == 0)
                continue;
            if (tls_handshake(e[i].server) == TLS_WANT_READ)
                SSL_do_handshake(e[i].client);
        }
    }
    for (unsigned i = 0; i < CROWD; i++) {
        if (e[i].server != NULL && tls_handshake(e[i].server) == TLS_OK)
            done++;
        ends_close(&e[i]);
    }
    CHECK_U64(done, CROWD - 1);
    free(e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

/* ---- what is not TLS ---- */

static void says_what_was_wrong(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);
    static const struct {
        struct str bytes;
        const char *word;
    } cases[] = {
        { { "GET / HTTP/1.1\r\n\r\n", 18 }, "plain_http" },
        { { "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10 }, "bad_message" },
        { { "\x17\x03\x03\x00\x01\x00", 6 }, "unexpected_message" },
        { { "\x16\x03\x03\x50\x00\x00", 6 }, "bad_record" },
        { { "SSH-2.0-OpenSSH_9.2\r\n", 21 }, "not_tls" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ends e = { 0 };

        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e.fd) == 0);
        e.server = tls_accept(c, e.fd[0], on_key, &e);
        MUST(write(e.fd[1], cases[i].bytes.at, cases[i].bytes.len) > 0);
        CHECK(tls_handshake(e.server) == TLS_FAILED);
        CHECK_STR(str_from(tls_error(e.server)), cases[i].word);
        ends_close(&e);
    }
    for (int k = 0; k < 2; k++) { /* closed at once; closed inside a record */
        struct ends e = { 0 };

        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e.fd) == 0);
        e.server = tls_accept(c, e.fd[0], on_key, &e);
        if (k == 1)
            MUST(write(e.fd[1], "\x16\x03", 2) == 2);
        shutdown(e.fd[1], SHUT_WR);
        CHECK(tls_handshake(e.server) == TLS_FAILED);
        CHECK_STR(str_from(tls_error(e.server)), "unexpected_eof");
        ends_close(&e);
    }
    tls_context_unref(c);
    cert_free(&cert);
}

static void the_end_of_a_connection_is_told_apart(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    char buffer[100];
    struct ends e;
    size_t n;

    ends_open(&e, c, client, "a.test"); /* with close_notify, behind data */
    CHECK(shake(&e, &signer) == TLS_OK);
    SSL_write(e.client, "last", 4);
    SSL_shutdown(e.client);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) == TLS_OK && n == 4);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) == TLS_CLOSED);
    ends_close(&e);

    ends_open(&e, c, client, "a.test"); /* cut off */
    CHECK(shake(&e, &signer) == TLS_OK);
    shutdown(e.fd[1], SHUT_WR);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) == TLS_FAILED);
    CHECK_STR(str_from(tls_error(e.server)), "unexpected_eof");
    ends_close(&e);

    ends_open(&e, c, client, "a.test"); /* tampered with, behind data */
    CHECK(shake(&e, &signer) == TLS_OK);
    SSL_write(e.client, "good", 4);
    MUST(write(e.fd[1], "\x17\x03\x03\x00\x14xxxxxxxxxxxxxxxxxxxx", 25) == 25);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) == TLS_OK && n == 4);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) == TLS_FAILED);
    CHECK_STR(str_from(tls_error(e.server)), "bad_record");
    ends_close(&e);

    ends_open(&e, c, client, "a.test"); /* we say goodbye */
    CHECK(shake(&e, &signer) == TLS_OK);
    tls_shutdown(e.server);
    CHECK(SSL_read(e.client, buffer, sizeof(buffer)) <= 0);
    CHECK((SSL_get_shutdown(e.client) & SSL_RECEIVED_SHUTDOWN) != 0);
    ends_close(&e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

static void key_updates_and_renegotiation(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_of(&cert, 1, &signer, NULL);
    SSL_CTX *client = client_new(TLS1_3_VERSION);
    char buffer[100];
    struct ends e;
    size_t n;

    ends_open(&e, c, client, "a.test");
    CHECK(shake(&e, &signer) == TLS_OK);
    SSL_key_update(e.client, SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(e.client);
    talk(&e);
    ends_close(&e);
    SSL_CTX_free(client);

    client = client_new(TLS1_2_VERSION);
    ends_open(&e, c, client, "a.test");
    CHECK(shake(&e, &signer) == TLS_OK);
    SSL_renegotiate(e.client);
    SSL_do_handshake(e.client);
    CHECK(tls_read(e.server, buffer, sizeof(buffer), &n) != TLS_OK);
    SSL_do_handshake(e.client);
    CHECK(SSL_do_handshake(e.client) <= 0);
    CHECK_U64(signer.questions, 2);
    ends_close(&e);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

/* ---- contexts ---- */

static void bad_certificates_get_a_sentence(void)
{
    struct cert good = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct cert stranger = cert_make(&(struct cert_wish){ .name = "stranger", .ca = true });
    struct cert weak = cert_make(&(struct cert_wish){ .key = "RSA-1024" });
    struct cert odd = cert_make(&(struct cert_wish){ .key = "secp256k1" });
    auto_free char *wrong_order = xasprintf("%s%s", good.pem, stranger.pem);
    auto_free char *torn = xstrndup(good.pem, strlen(good.pem) / 2);
    struct late_signer signer = signer_of(&good, 1);
    const struct {
        const char *pem;
        const char *id;
    } cases[] = {
        { "", "tls_certificate" },
        { "hello", "tls_certificate" },
        { torn, "tls_certificate" },
        { weak.pem, "tls_certificate" },
        { odd.pem, "tls_certificate" },
        { good.key_pem, "tls_certificate" },
        { wrong_order, "tls_chain" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tls_certificate list = { .chain_pem = str_from(cases[i].pem) };
        struct tls_server_options o = {
            .certificates = &list, .ncertificates = 1, .signer = &signer.signer
        };
        struct err err = { 0 };

        CHECK(tls_server_new(&o, &err) == NULL);
        CHECK_STR(str_from(err.id), cases[i].id);
    }
    cert_free(&good);
    cert_free(&stranger);
    cert_free(&weak);
    cert_free(&odd);
}

static void inspects_certificates(void)
{
    struct cert ca = cert_make(&(struct cert_wish){ .name = "ca", .ca = true });
    struct cert cert = cert_make(&(struct cert_wish){ .name = "www",
        .names = "DNS:A.test,IP:127.0.0.1,DNS:*.b.test,IP:2001:db8:0:0:0:0:0:1",
        .issuer = &ca,
        .from_days = -1,
        .to_days = 2 });
    auto_free char *pem = xasprintf("%s%s", cert.pem, ca.pem);
    struct tls_certificate_info info;
    uint8_t id[TLS_KEY_ID];
    struct err err = { 0 };

    CHECK(tls_inspect(str_from(pem), &info, &err) == 0);
    key_id_of(cert.key, id);
    CHECK(memcmp(info.key_id, id, sizeof(id)) == 0);
    CHECK_U64(info.not_after - info.not_before, 3 * 86400);
    CHECK_STR(str_from(info.subject), "CN=www");
    CHECK_U64(info.chain_length, 2);
    CHECK_U64(info.nnames, 4);
    CHECK_STR(str_from(info.names[0]), "a.test");
    CHECK_STR(str_from(info.names[1]), "127.0.0.1");
    CHECK_STR(str_from(info.names[2]), "*.b.test");
    CHECK_STR(str_from(info.names[3]), "2001:db8::1");
    CHECK(tls_inspect(STR("nothing"), &info, &err) == -1);
    CHECK_STR(str_from(err.id), "tls_certificate");
    cert_free(&ca);
    cert_free(&cert);
}

TESTS(CASE(every_key_signs_in_both_versions), CASE(asks_for_another_key_share),
    CASE(takes_a_handshake_byte_by_byte), CASE(picks_the_certificate_by_name),
    CASE(given_hosts_replace_those_of_the_certificate), CASE(finds_a_host_among_ten_thousand),
    CASE(picks_the_key_by_what_the_client_can_verify), CASE(sends_the_chain_and_the_staple),
    CASE(speaks_the_protocol_it_prefers), CASE(chooses_the_cipher),
    CASE(refuses_versions_it_is_told_to), CASE(a_signer_that_refuses_fails_the_handshake),
    CASE(a_signer_may_answer_at_once), CASE(a_parked_handshake_can_be_given_up),
    CASE(a_crowd_waits_its_turn), CASE(says_what_was_wrong),
    CASE(the_end_of_a_connection_is_told_apart), CASE(key_updates_and_renegotiation),
    CASE(bad_certificates_get_a_sentence), CASE(inspects_certificates))
