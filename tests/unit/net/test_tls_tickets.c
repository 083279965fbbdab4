/*
 * Tickets: what is resumed, with which keys, and what a new key does.
 */
#include "tls_ends.h"

static uint8_t keys[3][TLS_TICKET_KEY];

static SSL_SESSION *newest; /* what the server gave last */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

static SSL_CTX *resuming_client(int version)
{
    SSL_CTX *client = client_new(version);

    SSL_CTX_set_session_cache_mode(
        client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(client, on_session);
    return client;
}

static bool same_ticket(const SSL_SESSION *a, const SSL_SESSION *b)
{
    const unsigned char *at[2];
    size_t len[2];

    SSL_SESSION_get0_ticket(a, &at[0], &len[0]);
    SSL_SESSION_get0_ticket(b, &at[1], &len[1]);
    return len[0] == len[1] && memcmp(at[0], at[1], len[0]) == 0;
}

/* A handshake and a few words; whether it was resumed, and whether a ticket came. */
static bool visit(struct tls_context *c, struct late_signer *signer, SSL_CTX *client,
    SSL_SESSION *with, const char *sni, bool *ticket)
{
    struct tls_info info;
    struct ends e;

    SSL_SESSION_free(newest);
    newest = NULL;
    ends_open(&e, c, client, sni);
    if (with != NULL)
        CHECK(SSL_set_session(e.client, with) == 1);
    CHECK(shake(&e, signer) == TLS_OK);
    talk(&e);
    tls_get_info(e.server, &info);
    CHECK((SSL_session_reused(e.client) == 1) == info.resumed);
    CHECK_STR(info.server_name, sni);
    if (newest == NULL) /* TLS 1.2 does not announce a renewed one */
        newest = SSL_get1_session(e.client);
    *ticket = SSL_SESSION_has_ticket(newest) && (with == NULL || !same_ticket(with, newest));
    SSL_shutdown(e.client); /* else OpenSSL takes the session for broken */
    ends_close(&e);
    return info.resumed;
}

static struct tls_context *server_with_keys(
    const struct cert *cert, struct late_signer *signer, size_t nkeys)
{
    return server_of(cert, 1, signer,
        &(struct tls_server_options){ .allow_tls12 = true,
            .ticket_keys = (const uint8_t(*)[TLS_TICKET_KEY])keys,
            .nticket_keys = nkeys });
}

static void a_ticket_saves_the_signature(void)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);

    random_bytes(keys, sizeof(keys));
    for (int k = 0; k < 2; k++) {
        struct tls_context *c = server_with_keys(&cert, &signer, 1);
        SSL_CTX *client = resuming_client(versions[k]);
        SSL_SESSION *first;
        bool ticket;

        signer.questions = 0;
        CHECK(!visit(c, &signer, client, NULL, "a.test", &ticket));
        CHECK(ticket);
        first = SSL_SESSION_dup(newest);
        CHECK(visit(c, &signer, client, first, "a.test", &ticket));
        CHECK(ticket == (versions[k] == TLS1_3_VERSION)); /* 1.3: one for each visit */
        CHECK_U64(signer.questions, 1);
        SSL_SESSION_free(first);
        SSL_CTX_free(client);
        tls_context_unref(c);
    }
    cert_free(&cert);
}

static void old_keys_decrypt_and_renew(void)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);

    for (int k = 0; k < 2; k++) {
        struct tls_context *c = server_with_keys(&cert, &signer, 1);
        SSL_CTX *client = resuming_client(versions[k]);
        uint8_t turned[2][TLS_TICKET_KEY];
        SSL_SESSION *old;
        SSL_SESSION *renewed;
        bool ticket;

        CHECK(!visit(c, &signer, client, NULL, "a.test", &ticket));
        CHECK(ticket);
        old = SSL_SESSION_dup(newest);
        memcpy(turned[0], keys[1], TLS_TICKET_KEY);
        memcpy(turned[1], keys[0], TLS_TICKET_KEY);
        tls_set_ticket_keys(c, (const uint8_t(*)[TLS_TICKET_KEY])turned, 2);
        CHECK(visit(c, &signer, client, old, "a.test", &ticket));
        CHECK(ticket); /* renewed, in TLS 1.2 too */
        renewed = SSL_SESSION_dup(newest);

        tls_set_ticket_keys(
            c, (const uint8_t(*)[TLS_TICKET_KEY])turned, 1); /* the old key is gone */
        CHECK(!visit(c, &signer, client, old, "a.test", &ticket));
        CHECK(visit(c, &signer, client, renewed, "a.test", &ticket));

        tls_set_ticket_keys(c, NULL, 0); /* no tickets */
        CHECK(!visit(c, &signer, client, renewed, "a.test", &ticket));
        CHECK(!ticket);
        SSL_SESSION_free(old);
        SSL_SESSION_free(renewed);
        SSL_CTX_free(client);
        tls_context_unref(c);
    }
    cert_free(&cert);
}

static void tickets_outlive_the_context(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_with_keys(&cert, &signer, 1);
    SSL_CTX *client = resuming_client(TLS1_3_VERSION);
    SSL_SESSION *session;
    bool ticket;

    CHECK(!visit(c, &signer, client, NULL, "a.test", &ticket));
    session = SSL_SESSION_dup(newest);
    tls_context_unref(c);
    c = server_with_keys(&cert, &signer, 1); /* as after another blueprint, or in another worker */
    CHECK(visit(c, &signer, client, session, "a.test", &ticket));
    SSL_SESSION_free(session);
    SSL_CTX_free(client);
    tls_context_unref(c);
    cert_free(&cert);
}

static void a_forged_ticket_is_a_full_handshake(void)
{
    struct cert cert = cert_make(&(struct cert_wish){ .names = "DNS:a.test" });
    struct late_signer signer = signer_of(&cert, 1);
    struct tls_context *c = server_with_keys(&cert, &signer, 1);
    struct tls_context *other;
    SSL_CTX *client = resuming_client(TLS1_3_VERSION);
    SSL_SESSION *forged;
    bool ticket;

    memcpy(keys[1], keys[0], 16); /* the same name, other keys */
    other = server_of(&cert, 1, &signer,
        &(struct tls_server_options){
            .ticket_keys = (const uint8_t(*)[TLS_TICKET_KEY]) & keys[1], .nticket_keys = 1 });
    CHECK(!visit(other, &signer, client, NULL, "a.test", &ticket));
    forged = SSL_SESSION_dup(newest);
    CHECK(!visit(c, &signer, client, forged, "a.test", &ticket));
    SSL_SESSION_free(forged);
    SSL_SESSION_free(newest);
    newest = NULL;
    SSL_CTX_free(client);
    tls_context_unref(c);
    tls_context_unref(other);
    cert_free(&cert);
}

TESTS(CASE(a_ticket_saves_the_signature), CASE(old_keys_decrypt_and_renew),
    CASE(tickets_outlive_the_context), CASE(a_forged_ticket_is_a_full_handshake))
