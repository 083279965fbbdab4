/*
 * What the api takes apart for the core: PEM, certificate requests, OCSP requests, backups.
 */
#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include "base/buf.h"
#include "base/json_read.h"
#include "certs.h"
#include "check.h"
#include "vault/parsed_int.h"

static struct arena arena = { .block_size = 4096 };

static struct value *special(const char *path, struct value *body)
{
    struct value *parsed = value_map(&arena);

    parse_special(&arena, str_from(path), STR("application/json"), body, STR("{}"), parsed);
    return parsed;
}

static struct value *with(const char *member, const char *text)
{
    struct value *body = value_map(&arena);

    value_put_text(&arena, body, member, str_from(text));
    return body;
}

static struct value *entry(const struct value *parsed, const char *group, const char *member)
{
    return value_get(value_get(parsed, group), member);
}

/* ---- PEM ---- */

static void takes_bundles_apart(void)
{
    struct cert ca = cert_make(&(struct cert_wish){ .key = "P-256", .name = "Root", .ca = true });
    struct cert leaf = cert_make(&(struct cert_wish){ .key = "RSA", .issuer = &ca });
    char *bundle = xasprintf("# comment\n%s\n%s%s\ntext behind", leaf.pem, ca.pem, leaf.key_pem);
    struct value *parsed = special("pki/config/ca", with("pem_bundle", bundle));
    struct value *certificates = entry(parsed, "certificates", "pem_bundle");
    struct value *keys = entry(parsed, "private_keys", "pem_bundle");
    const uint8_t *at;
    EVP_PKEY *key;

    CHECK(certificates != NULL && certificates->n == 2);
    CHECK(keys != NULL && keys->n == 1);
    CHECK(value_get(parsed, "pem_errors") == NULL);
    at = (const uint8_t *)keys->first->text.at;
    key = d2i_AutoPrivateKey(NULL, &at, (long)keys->first->text.len);
    CHECK(key != NULL && EVP_PKEY_eq(key, leaf.key) == 1);
    EVP_PKEY_free(key);
    free(bundle);
    cert_free(&leaf);
    cert_free(&ca);
}

static void says_what_is_wrong_with_pem(void)
{
    static const struct {
        const char *text;
        const char *error;
    } examples[] = {
        { "hello", "no PEM block in it" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n", "a PEM block has no last line" },
        { "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            "a PEM block is not base64" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "a PEM block ends with another name than it begins" },
        { "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "block 1: not a certificate" },
        { "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "the private key is encrypted" },
    };

    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        struct value *parsed = special("pki/config/ca", with("certificate", examples[i].text));
        struct value *error = entry(parsed, "pem_errors", "certificate");

        CHECK(error != NULL);
        if (error != NULL)
            CHECK_STR(error->text, examples[i].error);
    }
}

/* One byte behind the certificate, or an encoding that is BER alone, is not let through. */
static void takes_exactly_one_certificate(void)
{
    struct cert c = cert_make(&(struct cert_wish){ .name = "x" });
    uint8_t *der = NULL;
    int n = i2d_X509(c.x509, &der);
    struct buf more;

    CHECK(parse_certificate(&arena, (struct str){ (char *)der, (size_t)n }).len == (size_t)n);
    buf_init(&more, 1 << 16);
    buf_add(&more, der, (size_t)n);
    buf_char(&more, 0);
    CHECK(parse_certificate(&arena, buf_as_str(&more)).at == NULL);
    CHECK(parse_certificate(&arena, (struct str){ (char *)der, (size_t)n - 1 }).at == NULL);
    buf_free(&more);
    OPENSSL_free(der);
    cert_free(&c);
}

static void reads_base64(void)
{
    CHECK_STR(parse_base64(&arena, STR("aGVsbG8=")), "hello");
    CHECK_STR(parse_base64(&arena, STR("aGVs\r\nbG8")), "hello");
    CHECK_STR(parse_base64(&arena, STR("_-8=")), "\xff\xef");
    CHECK(parse_base64(&arena, STR("a")).at == NULL);
    CHECK(parse_base64(&arena, STR("aGVsbG8==")).at == NULL);
    CHECK(parse_base64(&arena, STR("aG=Vs")).at == NULL);
    CHECK(parse_base64(&arena, STR("aGV$")).at == NULL);
}

/* ---- requests ---- */

struct csr_wish {
    const char *key;
    const char *names; /* subjectAltName, or NULL */
    const char *usage;
    const char *constraints;
    bool broken; /* signed by another key */
};

static void extend(X509_REQ *req, STACK_OF(X509_EXTENSION) * list, int nid, const char *value)
{
    X509V3_CTX v3;
    X509_EXTENSION *e;

    if (value == NULL)
        return;
    X509V3_set_ctx(&v3, NULL, NULL, req, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &v3, nid, value);
    MUST(e != NULL);
    sk_X509_EXTENSION_push(list, e);
}

static char *csr_make(const struct csr_wish *w)
{
    EVP_PKEY *key = cert_key(w->key);
    EVP_PKEY *signer = w->broken ? cert_key(w->key) : key;
    X509_REQ *req = X509_REQ_new();
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    BIO *b = BIO_new(BIO_s_mem());

    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
        (const unsigned char *)"shop.example", -1, -1, 0);
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "O", MBSTRING_UTF8,
        (const unsigned char *)"B\xc3\xbcro", -1, -1, 0);
    X509_REQ_set_pubkey(req, key);
    extend(req, list, NID_subject_alt_name, w->names);
    extend(req, list, NID_key_usage, w->usage);
    extend(req, list, NID_basic_constraints, w->constraints);
    X509_REQ_add_extensions(req, list);
    MUST(X509_REQ_sign(req, signer, EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256()) > 0);
    PEM_write_bio_X509_REQ(b, req);
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    if (signer != key)
        EVP_PKEY_free(signer);
    EVP_PKEY_free(key);
    X509_REQ_free(req);
    return cert_text_(b);
}

static struct value *csr_of(const struct csr_wish *w)
{
    char *pem = csr_make(w);
    struct value *v = value_get(special("pki/sign/web", with("csr", pem)), "csr");

    free(pem);
    return v;
}

static void check_json(const struct value *v, const char *want)
{
    struct buf got;

    buf_init(&got, 1 << 16);
    if (v != NULL)
        json_write(v, &got);
    CHECK_STR(buf_as_str(&got), want);
    buf_free(&got);
}

static void takes_requests_apart(void)
{
    struct value *v = csr_of(&(struct csr_wish){ .key = "P-256",
        .names =
            "DNS:shop.example,DNS:*.shop.example,IP:10.0.0.1,IP:fd00::1,email:ann@shop.example,"
            "URI:https://shop.example/x,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:ann@corp",
        .usage = "digitalSignature,keyCertSign",
        .constraints = "CA:TRUE,pathlen:2" });

    check_json(value_get(v, "subject"), "[{\"type\":\"CN\",\"value\":\"shop.example\",\"set\":0},"
                                        "{\"type\":\"O\",\"value\":\"B\xc3\xbcro\",\"set\":1}]");
    check_json(value_get(v, "dns"), "[\"shop.example\",\"*.shop.example\"]");
    check_json(value_get(v, "ips"), "[\"10.0.0.1\",\"fd00::1\"]");
    check_json(value_get(v, "emails"), "[\"ann@shop.example\"]");
    check_json(value_get(v, "uris"), "[\"https://shop.example/x\"]");
    check_json(
        value_get(v, "others"), "[{\"oid\":\"1.3.6.1.4.1.311.20.2.3\",\"value\":\"ann@corp\"}]");
    CHECK(value_get_bool(v, "is_ca", false));
    CHECK_U64(value_get_i64(v, "max_path_length", -1), 2);
    CHECK_U64(value_get_i64(v, "key_usage", 0), 1 + (1 << 5));
    CHECK_STR(value_get_text(v, "key_type", STR_NONE), "ec");
    CHECK_U64(value_get_i64(v, "key_bits", 0), 256);
    CHECK(value_get_bool(v, "signature_ok", false));
}

static void knows_the_keys_of_requests(void)
{
    struct value *v = csr_of(&(struct csr_wish){ .key = "RSA" });

    CHECK_STR(value_get_text(v, "key_type", STR_NONE), "rsa");
    CHECK_U64(value_get_i64(v, "key_bits", 0), 2048);
    CHECK(!value_get_bool(v, "is_ca", true));
    CHECK_U64(value_get(v, "dns")->n, 0);
    v = csr_of(&(struct csr_wish){ .key = "ED25519" });
    CHECK_STR(value_get_text(v, "key_type", STR_NONE), "ed25519");
    v = csr_of(&(struct csr_wish){ .key = "P-256", .broken = true });
    CHECK(!value_get_bool(v, "signature_ok", true));
    v = csr_of(&(struct csr_wish){ .key = "secp256k1" });
    CHECK_STR(value_get_text(v, "error", STR_NONE),
        "certificate request: its elliptic curve is not one of P-224, P-256, P-384 and P-521");
}

static void refuses_names_that_mean_two_things(void)
{
    struct value *v = csr_of(&(struct csr_wish){ .key = "P-256", .names = "DNS:a b" });

    CHECK_STR(value_get_text(v, "error", STR_NONE),
        "certificate request: a name in it is no printable ASCII");
    v = csr_of(&(struct csr_wish){ .key = "P-256", .names = "RID:1.2.3.4" });
    CHECK_STR(value_get_text(v, "error", STR_NONE),
        "certificate request: a kind of name in it is not supported");
}

static void refuses_what_is_no_request(void)
{
    struct value *v = value_get(special("pki/sign/web", with("csr", "nothing")), "csr");

    CHECK_STR(value_get_text(v, "error", STR_NONE), "no certificate request in PEM");
    v = value_get(special("pki/sign/web",
                      with("csr", "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE "
                                  "REQUEST-----")),
        "csr");
    CHECK_STR(value_get_text(v, "error", STR_NONE), "certificate request: it is malformed");
}

/* ---- OCSP ---- */

static struct buf ocsp_request(struct cert *ca, struct cert *leaf)
{
    unsigned char nonce[] = "0123456789abcdef";
    OCSP_REQUEST *req = OCSP_REQUEST_new();
    uint8_t *der = NULL;
    struct buf b;
    int n;

    OCSP_request_add0_id(req, OCSP_cert_to_id(EVP_sha1(), leaf->x509, ca->x509));
    OCSP_request_add0_id(req, OCSP_cert_to_id(EVP_sha256(), leaf->x509, ca->x509));
    OCSP_request_add1_nonce(req, nonce, 16);
    n = i2d_OCSP_REQUEST(req, &der);
    buf_init(&b, 1 << 16);
    buf_add(&b, der, (size_t)n);
    OPENSSL_free(der);
    OCSP_REQUEST_free(req);
    return b;
}

static void check_ocsp(const struct value *parsed, struct cert *leaf)
{
    struct value *v = value_get(parsed, "ocsp");
    struct value *list = value_get(v, "requests");
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf->x509);

    CHECK(list != NULL && list->n == 2);
    if (list == NULL || list->n != 2)
        return;
    CHECK_STR(value_get_text(list->first, "hash", STR_NONE), "sha1");
    CHECK_STR(value_get_text(list->last, "hash", STR_NONE), "sha256");
    CHECK(str_eq(value_get_text(list->first, "serial", STR_NONE),
        (struct str){ (const char *)serial->data, (size_t)serial->length }));
    CHECK_U64(value_get_text(list->first, "key_hash", STR_NONE).len, 20);
    CHECK_STR(value_get_text(v, "nonce", STR_NONE), "0123456789abcdef");
}

static void takes_ocsp_requests_apart(void)
{
    struct cert ca = cert_make(&(struct cert_wish){ .ca = true, .name = "Root" });
    struct cert leaf = cert_make(&(struct cert_wish){ .issuer = &ca });
    struct buf der = ocsp_request(&ca, &leaf);
    struct value *parsed = value_map(&arena);
    char text[2048];
    int n = EVP_EncodeBlock((unsigned char *)text, (unsigned char *)der.data, (int)der.len);

    parse_special(
        &arena, STR("pki/ocsp"), STR("application/ocsp-request"), NULL, buf_as_str(&der), parsed);
    check_ocsp(parsed, &leaf);
    parsed = value_map(&arena);
    parse_special(&arena, str_from(arena_printf(&arena, "pki/ocsp/%.*s", n, text)), STR_NONE, NULL,
        STR_NONE, parsed);
    check_ocsp(parsed, &leaf);
    parsed = value_map(&arena);
    parse_special(&arena, STR("pki/ocsp/AAAA"), STR_NONE, NULL, STR_NONE, parsed);
    CHECK_STR(value_get_text(value_get(parsed, "ocsp"), "error", STR_NONE),
        "an OCSP request is malformed");
    buf_free(&der);
    cert_free(&leaf);
    cert_free(&ca);
}

/* ---- backups and policies ---- */

static void takes_backups_apart(void)
{
    struct value *v = value_get(
        special("transit/restore", with("backup", "eyJwb2xpY3kiOnsibmFtZSI6ImEifX0=")), "backup");

    check_json(v, "{\"policy\":{\"name\":\"a\"}}");
    v = value_get(special("transit/restore", with("backup", "!")), "backup");
    CHECK_STR(value_get_text(v, "error", STR_NONE), "the backup is not base64");
    v = value_get(special("transit/restore", with("backup", "c2VjcmV0")), "backup");
    CHECK_STR(value_get_text(v, "error", STR_NONE), "the backup is not what a backup made");
}

static void knows_both_kinds_of_policies(void)
{
    struct value *v =
        value_get(special("sys/policies/acl/x", with("policy", "path \"a\" { policy = \"read\" }")),
            "policy");

    CHECK(value_get(v, "rules") != NULL && value_get(v, "rules")->n == 1);
    v = value_get(special("sys/policy/x", with("rules", "pfad \"a\" {}")), "policy");
    CHECK_STR(value_get_text(v, "error", STR_NONE), "invalid key \"pfad\" on line 1");
    v = value_get(
        special("sys/policies/password/x",
            with("policy", "length = 20\nrule \"charset\" { charset = \"abc\" min-chars = "
                           "1 }\nrule \"charset\" { charset = \"0123\" }")),
        "policy");
    check_json(v, "{\"length\":20,\"rules\":[{\"charset\":\"abc\",\"min-chars\":1},{\"charset\":"
                  "\"0123\"}]}");
    v = value_get(
        special("sys/policies/password/x", with("policy", "length = 2 rule \"charset\" { charset = "
                                                          "\"abc\" }")),
        "policy");
    CHECK_STR(value_get_text(v, "error", STR_NONE),
        "invalid password policy: the length must be 4 at least on line 1");
}

static void does_nothing_for_the_rest(void)
{
    struct value *body = with("value", "-----BEGIN CERTIFICATE-----");

    CHECK_U64(special("secret/data/x", body)->n, 0);
    CHECK_U64(special("transit/sign/x", with("input", "aGVsbG8="))->n, 0);
}

TESTS(CASE(takes_bundles_apart), CASE(says_what_is_wrong_with_pem),
    CASE(takes_exactly_one_certificate), CASE(reads_base64), CASE(takes_requests_apart),
    CASE(knows_the_keys_of_requests), CASE(refuses_names_that_mean_two_things),
    CASE(refuses_what_is_no_request), CASE(takes_ocsp_requests_apart), CASE(takes_backups_apart),
    CASE(knows_both_kinds_of_policies), CASE(does_nothing_for_the_rest))
