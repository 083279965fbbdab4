/*
 * The keeper and its client on one loop: what is signed, what is refused, and
 * what ends the channel.
 */
#include <openssl/rsa.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "certs.h"
#include "check.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "keeper/messages.h"
#include "net/channel.h"

enum { TLS13_HEAD = 64 + 34 };

struct stage { /* a keeper, and a channel to it as the control role has it */
    struct loop *loop;
    struct keeper *keeper;
    int control;
    char buffer[CHANNEL_BODY_MAX];
};

static void open_stage(struct stage *s)
{
    int ends[2];

    s->loop = loop_new();
    s->keeper = keeper_new(s->loop);
    MUST(channel_pair(ends) == 0);
    keeper_attach_control(s->keeper, ends[0]);
    s->control = ends[1];
    fd_set_nonblocking(s->control);
}

static void close_stage(struct stage *s)
{
    keeper_free(s->keeper);
    close(s->control);
    loop_free(s->loop);
}

/* Lets the loop run until the control channel has a message. */
static int hear(struct stage *s, struct message *m)
{
    for (int i = 0; i < 100; i++) {
        int got = channel_receive_now(s->control, m, s->buffer);

        if (got >= 0)
            return got;
        loop_once(s->loop, 1);
    }
    return -1;
}

static int load(struct stage *s, const char *pem, struct message *m)
{
    keeper_load_key(s->keeper, fd_memory("key", pem, strlen(pem)), 77);
    return hear(s, m);
}

static void key_id_of(EVP_PKEY *key, uint8_t id[TLS_KEY_ID])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(key, &der);

    EVP_Digest(der, (size_t)len, id, NULL, EVP_sha256(), NULL);
    OPENSSL_free(der);
}

static size_t tls13_input(uint8_t *to, size_t hash_len)
{
    memset(to, ' ', 64);
    memcpy(to + 64, "TLS 1.3, server CertificateVerify", 34);
    random_bytes(to + TLS13_HEAD, hash_len);
    return TLS13_HEAD + hash_len;
}

static size_t tls12_input(uint8_t *to, uint8_t group, uint8_t point_len)
{
    random_bytes(to, 64u + 4 + point_len);
    to[64] = 3;
    to[65] = 0;
    to[66] = group;
    to[67] = point_len;
    to[68] = 4;
    return 64u + 4 + point_len;
}

struct asked {
    struct tls_signing signing; /* must stay first */
    bool done;
};

static void note_done(struct tls_signing *s)
{
    struct asked *a = (struct asked *)(void *)s;

    CHECK(!a->done);
    a->done = true;
}

static void ask(struct keeper_client *c, struct asked *a, EVP_PKEY *key, uint16_t scheme,
    const uint8_t *input, size_t len)
{
    struct tls_signer *signer = keeper_client_signer(c);

    *a = (struct asked){ 0 };
    key_id_of(key, a->signing.key_id);
    a->signing.scheme = scheme;
    a->signing.input = input;
    a->signing.input_len = len;
    a->signing.done = note_done;
    CHECK(signer->sign(signer, &a->signing));
}

static void settle(struct stage *s, const struct asked *a)
{
    for (int i = 0; i < 100 && !a->done; i++)
        loop_once(s->loop, 1);
}

static const char *last_word; /* of the last refusal */

static bool signs(struct stage *s, struct keeper_client *c, EVP_PKEY *key, uint16_t scheme,
    const uint8_t *input, size_t len)
{
    struct asked a;

    ask(c, &a, key, scheme, input, len);
    settle(s, &a);
    CHECK(a.done);
    CHECK(a.signing.ok == (a.signing.why == NULL));
    last_word = a.signing.why;
    return a.signing.ok;
}

static struct keeper_client *client_of(struct stage *s)
{
    struct keeper_client *c = keeper_client_new(s->loop);
    int ends[2];

    MUST(channel_pair(ends) == 0);
    keeper_attach_edge(s->keeper, ends[0]);
    keeper_client_attach(c, ends[1]);
    return c;
}

static bool verifies(EVP_PKEY *key, const struct asked *a, const EVP_MD *md, bool pss)
{
    EVP_MD_CTX *m = EVP_MD_CTX_new();
    EVP_PKEY_CTX *p = NULL;
    bool ok = EVP_DigestVerifyInit(m, &p, md, NULL, key) == 1;

    if (pss) {
        EVP_PKEY_CTX_set_rsa_padding(p, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(p, RSA_PSS_SALTLEN_DIGEST);
    }
    ok = ok && EVP_DigestVerify(m, a->signing.signature, a->signing.signature_len, a->signing.input,
                   a->signing.input_len) == 1;
    EVP_MD_CTX_free(m);
    return ok;
}

static void signs_every_scheme(void)
{
    static const struct {
        const char *key;
        const char *algorithm;
        uint16_t scheme;
        const EVP_MD *(*md)(void);
        bool pss;
        bool tls13;
    } cases[] = {
        { "P-256", "ecdsa-p256", 0x0403, EVP_sha256, false, true },
        { "P-256", "ecdsa-p256", 0x0503, EVP_sha384, false, false },
        { "P-384", "ecdsa-p384", 0x0503, EVP_sha384, false, true },
        { "P-521", "ecdsa-p521", 0x0603, EVP_sha512, false, true },
        { "RSA", "rsa-2048", 0x0804, EVP_sha256, true, true },
        { "RSA", "rsa-2048", 0x0805, EVP_sha384, true, true },
        { "RSA", "rsa-2048", 0x0806, EVP_sha512, true, true },
        { "RSA", "rsa-2048", 0x0401, EVP_sha256, false, false },
        { "RSA", "rsa-2048", 0x0501, EVP_sha384, false, false },
        { "RSA", "rsa-2048", 0x0601, EVP_sha512, false, false },
        { "ED25519", "ed25519", 0x0807, NULL, false, true },
    };
    static struct stage s;
    struct cert cert = { 0 };
    struct keeper_client *c;

    open_stage(&s);
    c = client_of(&s);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t input[256];
        uint8_t id[TLS_KEY_ID];
        struct message m;

        if (i == 0 || strcmp(cases[i].key, cases[i - 1].key) != 0) {
            cert_free(&cert);
            cert = cert_make(&(struct cert_wish){ .key = cases[i].key });
        }
        key_id_of(cert.key, id);
        CHECK(load(&s, cert.key_pem, &m) == 1);
        CHECK_U64(m.type, KEEPER_KEY_LOADED);
        CHECK_U64(m.id, 77);
        CHECK(m.body.len > sizeof(id) && memcmp(m.body.at, id, sizeof(id)) == 0);
        CHECK_STR(((struct str){ m.body.at + 32, m.body.len - 32 }), cases[i].algorithm);

        for (int k = 0; k < 3; k++) { /* the second time by the contexts that were kept */
            bool tls13 = k == 2 && cases[i].tls13;
            size_t len = tls13 ? tls13_input(input, 48) : tls12_input(input, 29, 32);
            struct asked a;

            ask(c, &a, cert.key, cases[i].scheme, input, len);
            settle(&s, &a);
            CHECK(a.done && a.signing.ok);
            CHECK(verifies(cert.key, &a, cases[i].md != NULL ? cases[i].md() : NULL, cases[i].pss));
        }
    }
    cert_free(&cert);
    keeper_client_free(c);
    close_stage(&s);
}

static void refuses_what_tls_does_not_sign(void)
{
    static struct stage s;
    struct cert ec = cert_make(&(struct cert_wish){ .key = "P-256" });
    struct cert rsa = cert_make(&(struct cert_wish){ .key = "RSA" });
    struct cert other = cert_make(&(struct cert_wish){ 0 });
    struct keeper_client *c;
    struct message m;
    uint8_t in[512];
    size_t len;

    open_stage(&s);
    c = client_of(&s);
    CHECK(load(&s, ec.key_pem, &m) == 1 && load(&s, rsa.key_pem, &m) == 1);

    len = tls13_input(in, 32);
    CHECK(signs(&s, c, ec.key, 0x0403, in, len));
    CHECK(!signs(&s, c, other.key, 0x0403, in, len));
    CHECK_STR(str_from(last_word), "key_missing");
    CHECK(!signs(&s, c, ec.key, 0x0804, in, len)); /* another kind of key */
    CHECK_STR(str_from(last_word), "key_refused");
    CHECK(!signs(&s, c, ec.key, 0x0503, in, len));  /* another curve, in TLS 1.3 */
    CHECK(!signs(&s, c, rsa.key, 0x0401, in, len)); /* PKCS1 in TLS 1.3 */
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len - 1));
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len + 1));
    for (size_t i = 0; i < TLS13_HEAD; i++) {
        in[i] ^= 1;
        CHECK(!signs(&s, c, ec.key, 0x0403, in, len));
        in[i] ^= 1;
    }
    memcpy(in + 64, "TLS 1.3, client CertificateVerify", 34);
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len));

    len = tls12_input(in, 23, 65);
    CHECK(signs(&s, c, ec.key, 0x0403, in, len));
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len + 1));
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len - 1));
    in[68] = 2; /* a compressed point */
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len));
    len = tls12_input(in, 22, 65); /* a group we do not know */
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len));
    len = tls12_input(in, 23, 65);
    in[64] = 1; /* an explicit curve */
    CHECK(!signs(&s, c, ec.key, 0x0403, in, len));
    memset(in, 'x', sizeof(in)); /* a document */
    for (size_t n = 1; n <= sizeof(in); n += 13)
        CHECK(!signs(&s, c, ec.key, 0x0403, in, n));
    CHECK_U64(keeper_client_get_stats(c).signatures, 2);
    CHECK(keeper_client_is_up(c)); /* refusing ends nothing */

    keeper_client_free(c);
    close_stage(&s);
    cert_free(&ec);
    cert_free(&rsa);
    cert_free(&other);
}

/* Sends one message as a broken edge would; true when the keeper then ends the channel. */
static bool ends_channel(struct stage *s, uint16_t type, struct str body, bool with_fd)
{
    int ends[2];
    int got = -1;
    int fd = with_fd ? fd_memory("x", "x", 1) : -1;
    struct message m;

    MUST(channel_pair(ends) == 0);
    keeper_attach_edge(s->keeper, ends[0]);
    MUST(channel_send_now(ends[1], type, 1, body, &fd, with_fd) == 0);
    fd_set_nonblocking(ends[1]);
    for (int i = 0; i < 20 && got == -1; i++) {
        loop_once(s->loop, 1);
        got = channel_receive_now(ends[1], &m, s->buffer);
    }
    close(ends[1]);
    if (fd >= 0)
        close(fd);
    for (int i = 0; i < 3; i++)
        loop_once(s->loop, 0);
    return got == 0;
}

static void malformed_messages_end_the_channel(void)
{
    static struct stage s;
    static char body[KEEPER_SIGN_HEAD + TLS_SIGN_INPUT_MAX + 1];
    struct cert ec = cert_make(&(struct cert_wish){ 0 });
    struct message m;
    size_t len;

    open_stage(&s);
    CHECK(load(&s, ec.key_pem, &m) == 1);
    key_id_of(ec.key, (uint8_t *)body);
    body[33] = 4;
    body[32] = 3;
    len = KEEPER_SIGN_HEAD + tls13_input((uint8_t *)body + KEEPER_SIGN_HEAD, 32);

    CHECK(!ends_channel(&s, KEEPER_SIGN, (struct str){ body, len }, false));
    CHECK(ends_channel(&s, KEEPER_SIGN, (struct str){ body, len }, true)); /* a descriptor */
    CHECK(ends_channel(&s, KEEPER_SIGN, (struct str){ body, 34 }, false));
    CHECK(ends_channel(&s, KEEPER_SIGN, (struct str){ body, 0 }, false));
    CHECK(ends_channel(&s, KEEPER_SIGN, (struct str){ body, sizeof(body) }, false)); /* too long */
    CHECK(ends_channel(&s, KEEPER_LIST, STR_NONE, false)); /* control's, not the edge's */
    CHECK(ends_channel(&s, KEEPER_FORGET, (struct str){ body, 32 }, false));
    CHECK(ends_channel(&s, KEEPER_SIGNED, (struct str){ body, 32 }, false));
    CHECK(ends_channel(&s, 999, STR_NONE, false));
    body[33] = 2; /* rsa_pkcs1_sha1 and the like */
    CHECK(ends_channel(&s, KEEPER_SIGN, (struct str){ body, len }, false));
    close_stage(&s);
    cert_free(&ec);
}

static void control_lists_and_forgets(void)
{
    static struct stage s;
    struct cert a = cert_make(&(struct cert_wish){ 0 });
    struct cert b = cert_make(&(struct cert_wish){ .key = "ED25519" });
    struct keeper_client *c;
    struct message m;
    uint8_t id[TLS_KEY_ID];
    uint8_t in[256];
    size_t len = tls13_input(in, 32);

    open_stage(&s);
    c = client_of(&s);
    CHECK(load(&s, a.key_pem, &m) == 1 && load(&s, b.key_pem, &m) == 1);
    CHECK(load(&s, a.key_pem, &m) == 1); /* again: the same key */
    channel_send_now(s.control, KEEPER_LIST, 5, STR_NONE, NULL, 0);
    CHECK(hear(&s, &m) == 1);
    CHECK_U64(m.type, KEEPER_KEYS);
    CHECK_U64(m.id, 5);
    CHECK_U64(m.body.len, 64);
    CHECK(memcmp(m.body.at, m.body.at + 32, 32) < 0);

    CHECK(signs(&s, c, a.key, 0x0403, in, len));
    key_id_of(a.key, id);
    channel_send_now(s.control, KEEPER_FORGET, 6, (struct str){ (char *)id, 32 }, NULL, 0);
    channel_send_now(s.control, KEEPER_LIST, 7, STR_NONE, NULL, 0);
    CHECK(hear(&s, &m) == 1);
    CHECK_U64(m.body.len, 32);
    CHECK(!signs(&s, c, a.key, 0x0403, in, len));
    CHECK(signs(&s, c, b.key, 0x0807, in, len));
    channel_send_now(s.control, KEEPER_FORGET, 8, (struct str){ (char *)id, 31 }, NULL, 0);
    CHECK(hear(&s, &m) == 0); /* malformed: the end */
    keeper_client_free(c);
    close_stage(&s);
    cert_free(&a);
    cert_free(&b);
}

static char *traditional(EVP_PKEY *key, const char *pass)
{
    BIO *b = BIO_new(BIO_s_mem());

    if (pass == NULL)
        PEM_write_bio_PrivateKey_traditional(b, key, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_bio_PKCS8PrivateKey(
            b, key, EVP_aes_128_cbc(), pass, (int)strlen(pass), NULL, NULL);
    return cert_text_(b);
}

static void bad_key_files_get_a_sentence(void)
{
    static struct stage s;
    struct cert ec = cert_make(&(struct cert_wish){ 0 });
    struct cert rsa = cert_make(&(struct cert_wish){ .key = "RSA" });
    struct cert weak = cert_make(&(struct cert_wish){ .key = "RSA-1024" });
    struct cert odd = cert_make(&(struct cert_wish){ .key = "secp256k1" });
    char *big = xmalloc(70000);
    char *sec1 = traditional(ec.key, NULL);
    char *pkcs1 = traditional(rsa.key, NULL);
    char *locked = traditional(ec.key, "secret");
    char *with_cert = xasprintf("%s%s", ec.pem, sec1);
    char *torn = xstrndup(ec.key_pem, strlen(ec.key_pem) / 2);
    char *damaged = xstrdup(sec1);
    struct message m;
    int pipes[2];

    memset(big, 'A', 69999);
    big[69999] = '\0';
    memset(damaged + 40, 'A', 4);
    open_stage(&s);
    CHECK(load(&s, sec1, &m) == 1 && m.type == KEEPER_KEY_LOADED);
    CHECK(load(&s, pkcs1, &m) == 1 && m.type == KEEPER_KEY_LOADED);
    CHECK(load(&s, with_cert, &m) == 1 && m.type == KEEPER_KEY_LOADED);

    const struct {
        const char *text;
        const char *says;
    } bad[] = {
        { "", "there is no private key" },
        { ec.pem, "there is no private key" },
        { torn, "there is no private key" },
        { big, "over 65536 bytes" },
        { locked, "encrypted with a passphrase" },
        { weak.key_pem, "too short" },
        { odd.key_pem, "curve" },
        { damaged, "key" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(load(&s, bad[i].text, &m) == 1);
        CHECK_U64(m.type, KEEPER_KEY_REFUSED);
        CHECK(memmem(m.body.at, m.body.len, bad[i].says, strlen(bad[i].says)) != NULL);
        if (m.type != KEEPER_KEY_REFUSED)
            fprintf(stderr, "  case %zu\n", i);
    }
    MUST(pipe(pipes) == 0);
    keeper_load_key(s.keeper, pipes[0], 9);
    CHECK(hear(&s, &m) == 1);
    CHECK_U64(m.type, KEEPER_KEY_REFUSED);
    close(pipes[1]);
    close_stage(&s);
    free(big);
    free(sec1);
    free(pkcs1);
    free(locked);
    free(with_cert);
    free(torn);
    free(damaged);
    cert_free(&ec);
    cert_free(&rsa);
    cert_free(&weak);
    cert_free(&odd);
}

static void questions_fail_when_the_keeper_goes(void)
{
    static struct stage s;
    struct cert ec = cert_make(&(struct cert_wish){ 0 });
    struct keeper_client *c;
    struct tls_signer *signer;
    struct asked a[3];
    struct message m;
    uint8_t in[256];
    size_t len = tls13_input(in, 32);
    int ends[2];

    open_stage(&s);
    CHECK(load(&s, ec.key_pem, &m) == 1);
    c = keeper_client_new(s.loop);
    signer = keeper_client_signer(c);
    CHECK(!keeper_client_is_up(c));
    MUST(channel_pair(ends) == 0);
    keeper_client_attach(c, ends[1]); /* nobody is at the other end yet */
    for (int i = 0; i < 3; i++)
        ask(c, &a[i], ec.key, 0x0403, in, len);
    CHECK_U64(keeper_client_get_stats(c).in_flight, 3);
    signer->cancel(signer, &a[1].signing);
    close(ends[0]);
    settle(&s, &a[0]);
    CHECK(a[0].done && !a[0].signing.ok);
    CHECK_STR(str_from(a[0].signing.why), "keeper_down");
    CHECK(!a[1].done);
    CHECK(a[2].done && !a[2].signing.ok);
    CHECK(!keeper_client_is_up(c));
    CHECK(!signer->sign(signer, &a[0].signing));

    MUST(channel_pair(ends) == 0);
    keeper_attach_edge(s.keeper, ends[0]);
    keeper_client_attach(c, ends[1]);
    for (int i = 0; i < 3; i++)
        ask(c, &a[i], ec.key, 0x0403, in, len);
    signer->cancel(signer, &a[0].signing);
    settle(&s, &a[2]);
    CHECK(!a[0].done && a[1].signing.ok && a[2].signing.ok);
    CHECK_U64(keeper_client_get_stats(c).in_flight, 0);
    keeper_client_free(c);
    close_stage(&s);
    cert_free(&ec);
}

TESTS(CASE(signs_every_scheme), CASE(refuses_what_tls_does_not_sign),
    CASE(malformed_messages_end_the_channel), CASE(control_lists_and_forgets),
    CASE(bad_key_files_get_a_sentence), CASE(questions_fail_when_the_keeper_goes))
