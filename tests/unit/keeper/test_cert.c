/*
 * Login by TLS certificate: who gets in, who does not, and who may renew.
 */
#include <openssl/bn.h>

#include "certs.h"
#include "pki_words.h"
#include "vault/parsed_int.h"

/* ---- who comes ---- */

static struct str der_of(struct str pem)
{
    struct err err = { 0 };
    struct pem block = { 0 };

    MUST(pem_next(&f.arena, &pem, &block, &err) == 1);
    return block.der;
}

/* From now on this certificate is shown, with others behind it. */
static void come_with(struct str pem, struct str behind)
{
    struct str der[2] = { der_of(pem), STR_NONE };
    unsigned n = 1;

    if (behind.len > 0)
        der[n++] = der_of(behind);
    f.certificate = parse_client_chain(&f.arena, der, n);
    CHECK(f.certificate != NULL);
}

static struct str kept(const char *path)
{
    return arena_str(&f.arena, core_text(&f, path));
}

static struct str root_pem;

static void open_all(void)
{
    open_with_root("\"key_type\":\"ec\"");
    root_pem = kept("data.certificate");
    f.certificate = NULL;
    CHECK_U64(
        role("client",
            "{\"allow_any_name\":true,\"key_type\":\"ec\",\"server_flag\":false,\"ou\":\"ops\","
            "\"allowed_uri_sans\":\"*\",\"enforce_hostnames\":false}"),
        200);
    CHECK_U64(
        role("server", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"client_flag\":false}"), 200);
    CHECK_U64(call(OP_WRITE, "sys/auth/cert", "{\"type\":\"cert\"}"), 204);
    CHECK_U64(call(OP_WRITE, "sys/policies/acl/shop",
                  "{\"policy\":\"path \\\"pki/*\\\" { policy = \\\"read\\\" }\"}"),
        204);
}

static void close_all(void)
{
    f.certificate = NULL;
    core_fixture_close(&f);
}

static struct str client(const char *json)
{
    CHECK_U64(issue("client", json), 200);
    return kept("data.certificate");
}

/* A role named `name` that trusts the certificate, with more fields. */
static int trust(const char *name, struct str pem, const char *more)
{
    return call(OP_WRITE, arena_printf(&f.arena, "auth/cert/certs/%s", name),
        arena_printf(
            &f.arena, "{\"certificate\":\"%s\",\"policies\":\"shop\"%s}", quoted(pem), more));
}

static int login(const char *json)
{
    return core_call(&f, OP_WRITE, "auth/cert/login", NULL, json);
}

/* ---- trust ---- */

static void lets_in_whom_the_authority_knows(void)
{
    struct str ann;

    open_all();
    CHECK_U64(trust("staff", root_pem, ""), 204);
    CHECK_U64(login("{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "client certificate must be supplied");
    ann = client("{\"common_name\":\"ann.example\"}");
    come_with(ann, STR_NONE);
    CHECK_U64(login("{}"), 200);
    CHECK_STR(core_text(&f, "auth.metadata.common_name"), "ann.example");
    CHECK_STR(core_text(&f, "auth.metadata.cert_name"), "staff");
    CHECK_STR(core_text(&f, "auth.policies.1"), "shop");
    CHECK(core_text(&f, "auth.client_token").len > 20);
    CHECK_U64(login("{\"name\":\"staff\"}"), 200);
    CHECK_U64(login("{\"name\":\"other\"}"), 400);
    /* One for servers alone. */
    CHECK_U64(issue("server", "{\"common_name\":\"ann.example\"}"), 200);
    come_with(kept("data.certificate"), STR_NONE);
    CHECK_U64(login("{}"), 400);
    close_all();
}

static void does_not_let_in_strangers(void)
{
    struct cert other = cert_make(&(struct cert_wish){ .name = "Root", .ca = true });
    struct cert eve = cert_make(&(struct cert_wish){ .name = "ann.example", .issuer = &other });
    struct cert own = cert_make(&(struct cert_wish){ .name = "ann.example" });

    open_all();
    CHECK_U64(trust("staff", root_pem, ""), 204);
    come_with(str_from(eve.pem), str_from(other.pem));
    CHECK_U64(login("{}"), 400);
    come_with(str_from(own.pem), root_pem);
    CHECK_U64(login("{}"), 400);
    close_all();
    cert_free(&own);
    cert_free(&eve);
    cert_free(&other);
}

/* The same number, issuer and name are not the same certificate. */
static void a_leaf_admits_exactly_itself(void)
{
    struct str ann;
    struct str bob;
    struct cert ca = cert_make(&(struct cert_wish){ .name = "Root", .ca = true });
    struct cert twin = cert_make(&(struct cert_wish){ .name = "ann.example", .issuer = &ca });
    char *pem;
    const uint8_t *at;
    struct str der;
    X509 *x;
    BIO *b;

    open_all();
    ann = client("{\"common_name\":\"ann.example\"}");
    bob = client("{\"common_name\":\"ann.example\"}");
    CHECK_U64(trust("ann", ann, ""), 204);
    come_with(ann, STR_NONE);
    CHECK_U64(login("{}"), 200);
    come_with(bob, STR_NONE);
    CHECK_U64(login("{}"), 400);
    der = der_of(ann);
    at = (const uint8_t *)der.at;
    x = d2i_X509(NULL, &at, (long)der.len);
    MUST(x != NULL);
    X509_set_serialNumber(twin.x509, X509_get_serialNumber(x));
    X509_sign(twin.x509, ca.key, EVP_sha256());
    b = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(b, twin.x509);
    pem = cert_text_(b);
    come_with(str_from(pem), STR_NONE);
    CHECK_U64(login("{}"), 400);
    free(pem);
    X509_free(x);
    /* One that is neither an authority nor a client's cannot be trusted. */
    CHECK_U64(trust("server", str_from(twin.pem), ""), 400);
    CHECK_U64(trust("none", STR("junk"), ""), 400);
    close_all();
    cert_free(&twin);
    cert_free(&ca);
}

static void looks_at_the_time(void)
{
    struct cert ca = cert_make(
        &(struct cert_wish){ .name = "Old", .ca = true, .from_days = -400, .to_days = 400 });
    struct cert old =
        cert_make(&(struct cert_wish){ .issuer = &ca, .from_days = -300, .to_days = -2 });
    struct cert early =
        cert_make(&(struct cert_wish){ .issuer = &ca, .from_days = 2, .to_days = 20 });
    struct cert good = cert_make(&(struct cert_wish){ .issuer = &ca });

    open_all();
    CHECK_U64(trust("old", str_from(ca.pem), ""), 204);
    come_with(str_from(old.pem), STR_NONE);
    CHECK_U64(login("{}"), 400);
    come_with(str_from(early.pem), STR_NONE);
    CHECK_U64(login("{}"), 400);
    come_with(str_from(good.pem), STR_NONE);
    CHECK_U64(login("{}"), 200);
    close_all();
    cert_free(&good);
    cert_free(&early);
    cert_free(&old);
    cert_free(&ca);
}

/* ---- conditions ---- */

static void every_condition_must_be_met(void)
{
    static const struct {
        const char *more;
        int status;
    } examples[] = {
        { "\"allowed_names\":\"ann.*\"", 200 },
        { "\"allowed_names\":\"bob.*\"", 400 },
        { "\"allowed_names\":\"bob.*,mail@ann.example\"", 200 },
        { "\"allowed_common_names\":\"ann.example\"", 200 },
        { "\"allowed_common_names\":\"www.ann.example\"", 400 },
        { "\"allowed_dns_sans\":\"www.*\"", 200 },
        { "\"allowed_dns_sans\":\"ftp.*\"", 400 },
        { "\"allowed_email_sans\":\"*@ann.example\"", 200 },
        { "\"allowed_email_sans\":\"*@bob.example\"", 400 },
        { "\"allowed_uri_sans\":\"spiffe://ann/*\"", 200 },
        { "\"allowed_uri_sans\":\"spiffe://bob/*\"", 400 },
        { "\"allowed_organizational_units\":\"ops\"", 200 },
        { "\"allowed_organizational_units\":\"dev\"", 400 },
        { "\"allowed_organizational_units\":\"ops\",\"allowed_names\":\"bob*\"", 400 },
        { "\"required_extensions\":\"2.5.29.15:*\"", 200 },
        { "\"required_extensions\":\"hex:2.5.29.15:0302*\"", 200 },
        { "\"required_extensions\":\"hex:2.5.29.15:04*\"", 400 },
        { "\"required_extensions\":[\"2.5.29.15:*\",\"1.2.3.4:x\"]", 400 },
        { "\"token_bound_cidrs\":\"10.0.0.0/8\"", 403 },
        { "\"token_bound_cidrs\":\"127.0.0.0/8\"", 200 },
    };
    struct str ann;

    open_all();
    ann = client(
        "{\"common_name\":\"ann.example\",\"alt_names\":\"www.ann.example,mail@ann.example\","
        "\"uri_sans\":\"spiffe://ann/x\"}");
    come_with(ann, STR_NONE);
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        call(OP_DELETE, "auth/cert/certs/staff", NULL);
        CHECK_U64(trust("staff", root_pem, arena_printf(&f.arena, ",%s", examples[i].more)), 204);
        CHECK_U64(login("{}"), examples[i].status);
        if (f.status != examples[i].status)
            fprintf(stderr, "%s\n", examples[i].more);
    }
    CHECK_U64(trust("x", root_pem, ",\"ocsp_enabled\":true"), 400);
    CHECK_U64(trust("x", root_pem, ",\"required_extensions\":\"1.2.3\""), 400);
    close_all();
}

static void looks_at_crls(void)
{
    const char *serial;
    struct str ann;
    struct str bob;

    open_all();
    CHECK_U64(trust("staff", root_pem, ""), 204);
    ann = client("{\"common_name\":\"ann.example\"}");
    serial = text_of("data.serial_number");
    bob = client("{\"common_name\":\"bob.example\"}");
    CHECK_U64(
        call(OP_WRITE, "pki/revoke", arena_printf(&f.arena, "{\"serial_number\":\"%s\"}", serial)),
        200);
    come_with(ann, STR_NONE);
    CHECK_U64(login("{}"), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/crl/pem", NULL, NULL), 200);
    CHECK_U64(call(OP_WRITE, "auth/cert/crls/root",
                  arena_printf(&f.arena, "{\"crl\":\"%s\"}", quoted(f.raw))),
        204);
    CHECK_U64(login("{}"), 400);
    CHECK_U64(call(OP_READ, "auth/cert/crls/root", NULL), 200);
    CHECK(core_at(&f, "data.serials") != NULL && core_at(&f, "data.serials")->n == 1);
    come_with(bob, STR_NONE);
    CHECK_U64(login("{}"), 200);
    CHECK_U64(call(OP_DELETE, "auth/cert/crls/root", NULL), 204);
    come_with(ann, STR_NONE);
    CHECK_U64(login("{}"), 200);
    CHECK_U64(call(OP_WRITE, "auth/cert/crls/root", "{\"crl\":\"junk\"}"), 400);
    CHECK_U64(call(OP_WRITE, "auth/cert/crls/root", "{\"url\":\"http://x/crl\"}"), 400);
    close_all();
}

/* ---- renewing ---- */

static void only_the_same_client_renews(void)
{
    const char *token;
    struct str ann;
    struct str bob;

    open_all();
    CHECK_U64(trust("staff", root_pem, ",\"token_ttl\":\"1h\""), 204);
    ann = client("{\"common_name\":\"ann.example\"}");
    bob = client("{\"common_name\":\"bob.example\"}");
    come_with(ann, STR_NONE);
    CHECK_U64(login("{}"), 200);
    token = text_of("auth.client_token");
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 200);
    come_with(bob, STR_NONE);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    f.certificate = NULL;
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    CHECK_U64(call(OP_WRITE, "auth/cert/config", "{\"disable_binding\":true}"), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 200);
    CHECK_U64(call(OP_DELETE, "auth/cert/certs/staff", NULL), 204);
    CHECK_U64(core_call(&f, OP_WRITE, "auth/token/renew-self", token, "{}"), 400);
    close_all();
}

static void reads_back_what_was_written(void)
{
    open_all();
    CHECK_U64(trust("Staff", root_pem,
                  ",\"allowed_names\":\"a,b\",\"token_ttl\":\"1h\",\"display_name\":\"web\""),
        204);
    CHECK_U64(call(OP_READ, "auth/cert/certs/staff", NULL), 200);
    CHECK_STR(str_trim(core_text(&f, "data.certificate")),
        arena_printf(&f.arena, "%.*s\n", STR_ARG(root_pem)));
    CHECK_STR(core_text(&f, "data.allowed_names.1"), "b");
    CHECK_STR(core_text(&f, "data.token_ttl"), "3600");
    CHECK_STR(core_text(&f, "data.display_name"), "web");
    CHECK_U64(call(OP_LIST, "auth/cert/certs", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), "staff");
    CHECK_U64(call(OP_READ, "auth/cert/certs/none", NULL), 404);
    close_all();
}

TESTS(CASE(lets_in_whom_the_authority_knows), CASE(does_not_let_in_strangers),
    CASE(a_leaf_admits_exactly_itself), CASE(looks_at_the_time), CASE(every_condition_must_be_met),
    CASE(looks_at_crls), CASE(only_the_same_client_renews), CASE(reads_back_what_was_written))
