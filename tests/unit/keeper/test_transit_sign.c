/*
 * Transit through a whole core: signatures, HMACs, hashes, random bytes, exports, certificate requests.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "check.h"
#include "core_fixture.h"

static struct core_fixture f;

static int write_to(const char *path, const char *json)
{
    return core_call(&f, OP_WRITE, path, f.root, json);
}

static int read_from(const char *path)
{
    return core_call(&f, OP_READ, path, f.root, NULL);
}

static const char *keep(const char *path)
{
    struct str s = core_text(&f, path);

    return arena_printf(&f.arena, "%.*s", STR_ARG(s));
}

#define BODY(...) arena_printf(&f.arena, __VA_ARGS__)

static void begin(void)
{
    core_fixture_open(&f);
    CHECK_U64(write_to("sys/mounts/transit", "{\"type\":\"transit\"}"), 204);
}

static void end(void)
{
    core_fixture_close(&f);
}

static void check_verifies(const char *path, const char *more, const char *signature, bool valid)
{
    CHECK_U64(
        write_to(path, BODY("{\"input\":\"aGVsbG8=\",\"signature\":\"%s\"%s}", signature, more)),
        200);
    CHECK_STR(core_text(&f, "data.valid"), valid ? "true" : "false");
}

/* ---- signatures ---- */

static void every_signing_key_verifies_its_own(void)
{
    static const char *const types[] = { "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521",
        "ecdsa-secp256k1", "rsa-2048" };
    static const char *const forms[] = { "", ",\"marshaling_algorithm\":\"jws\"",
        ",\"hash_algorithm\":\"sha2-512\"", ",\"signature_algorithm\":\"pkcs1v15\"",
        ",\"salt_length\":\"hash\"", ",\"hash_algorithm\":\"sha3-256\"" };

    begin();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const char *t = types[i];

        CHECK_U64(write_to(BODY("transit/keys/%s", t), BODY("{\"type\":\"%s\"}", t)), 200);
        for (size_t j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
            const char *signature;

            CHECK_U64(
                write_to(BODY("transit/sign/%s", t), BODY("{\"input\":\"aGVsbG8=\"%s}", forms[j])),
                200);
            CHECK_STR(core_text(&f, "data.key_version"), "1");
            signature = keep("data.signature");
            check_verifies(BODY("transit/verify/%s", t), forms[j], signature, true);
            CHECK_U64(
                write_to(BODY("transit/verify/%s", t),
                    BODY("{\"input\":\"aGVsbG9v\",\"signature\":\"%s\"%s}", signature, forms[j])),
                200);
            CHECK_STR(core_text(&f, "data.valid"), "false");
        }
    }
    end();
}

static void prehashed_input_is_not_hashed_again(void)
{
    /* SHA-256 of "hello" */
    static const char hashed[] = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    const char *signature;

    begin();
    CHECK_U64(write_to("transit/keys/e", "{\"type\":\"ecdsa-p256\"}"), 200);
    CHECK_U64(
        write_to("transit/sign/e", BODY("{\"input\":\"%s\",\"prehashed\":true}", hashed)), 200);
    signature = keep("data.signature");
    check_verifies("transit/verify/e", "", signature, true);
    CHECK_U64(write_to("transit/sign/e", "{\"input\":\"aGVsbG8=\",\"prehashed\":true}"), 400);
    CHECK_U64(
        write_to("transit/sign/e/sha2-512", BODY("{\"input\":\"%s\",\"prehashed\":true}", hashed)),
        400);
    CHECK_U64(write_to("transit/keys/r", "{\"type\":\"rsa-2048\"}"), 200);
    CHECK_U64(write_to("transit/sign/r",
                  BODY("{\"input\":\"%s\",\"prehashed\":true,\"signature_algorithm\":\"pkcs1v15\"}",
                      hashed)),
        200);
    signature = keep("data.signature");
    check_verifies(
        "transit/verify/r/sha2-256", ",\"signature_algorithm\":\"pkcs1v15\"", signature, true);
    CHECK_U64(write_to("transit/sign/r",
                  "{\"input\":\"aGVsbG8=\",\"prehashed\":true,\"signature_algorithm\":\"pkcs1v15\","
                  "\"hash_algorithm\":\"none\"}"),
        200);
    CHECK_U64(
        write_to("transit/sign/r", "{\"input\":\"aGVsbG8=\",\"hash_algorithm\":\"none\"}"), 400);
    end();
}

static void derived_keys_sign_by_context(void)
{
    const char *signature;
    const char *half;

    begin();
    CHECK_U64(write_to("transit/keys/d", "{\"type\":\"ed25519\",\"derived\":true}"), 200);
    CHECK_U64(write_to("transit/sign/d", "{\"input\":\"aGVsbG8=\"}"), 400);
    CHECK_U64(write_to("transit/sign/d", "{\"input\":\"aGVsbG8=\",\"context\":\"YQ==\"}"), 200);
    signature = keep("data.signature");
    half = keep("data.public_key");
    CHECK_U64(strlen(half), 44);
    check_verifies("transit/verify/d", ",\"context\":\"YQ==\"", signature, true);
    check_verifies("transit/verify/d", ",\"context\":\"Yg==\"", signature, false);
    CHECK_U64(core_call(&f, OP_READ, "transit/keys/d", f.root, "{\"context\":\"YQ==\"}"), 200);
    CHECK_STR(core_text(&f, "data.keys.1.public_key"), half);
    CHECK_U64(read_from("transit/keys/d"), 200);
    CHECK_STR(core_text(&f, "data.keys.1.public_key"), "");
    end();
}

static void requests_that_make_no_sense_are_refused(void)
{
    static const struct {
        const char *path, *body;
    } bad[] = {
        { "transit/sign/none", "{\"input\":\"AA==\"}" },
        { "transit/sign/aes", "{\"input\":\"AA==\"}" },
        { "transit/sign/e", "{}" },
        { "transit/sign/e", "{\"input\":\"*\"}" },
        { "transit/sign/e", "{\"input\":\"AA==\",\"key_version\":2}" },
        { "transit/sign/e", "{\"input\":\"AA==\",\"key_version\":-1}" },
        { "transit/sign/e/md5", "{\"input\":\"AA==\"}" },
        { "transit/sign/e", "{\"input\":\"AA==\",\"marshaling_algorithm\":\"xml\"}" },
        { "transit/sign/e", "{\"input\":\"AA==\",\"signature_algorithm\":\"x\"}" },
        { "transit/sign/e", "{\"input\":\"AA==\",\"salt_length\":\"-5\"}" },
        { "transit/verify/e", "{\"input\":\"AA==\"}" },
        { "transit/verify/e", "{\"input\":\"AA==\",\"signature\":\"x\"}" },
        { "transit/verify/e", "{\"input\":\"AA==\",\"signature\":\"vault:v9:AAAA\"}" },
        { "transit/verify/e", "{\"input\":\"AA==\",\"signature\":\"a\",\"hmac\":\"b\"}" },
        { "transit/verify/none", "{\"input\":\"AA==\",\"signature\":\"vault:v1:AAAA\"}" },
        { "transit/verify/e",
            "{\"batch_input\":[{\"input\":\"AA==\",\"signature\":\"vault:v1:AAAA\"},{\"input\":"
            "\"AA==\",\"hmac\":\"vault:v1:AAAA\"}]}" },
        { "transit/hmac/e", "{}" },
        { "transit/hmac/e/md5", "{\"input\":\"AA==\"}" },
        { "transit/hash/md5", "{\"input\":\"AA==\"}" },
        { "transit/hash", "{\"input\":\"AA==\",\"format\":\"octal\"}" },
        { "transit/random/0", "{}" },
        { "transit/random/131073", "{}" },
        { "transit/random/x", "{}" },
        { "transit/random/dice/3", "{}" },
    };

    begin();
    CHECK_U64(write_to("transit/keys/e", "{\"type\":\"ecdsa-p256\"}"), 200);
    CHECK_U64(write_to("transit/keys/aes", NULL), 200);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_U64(write_to(bad[i].path, bad[i].body), 400);
        CHECK(core_text(&f, "errors.0").len > 0);
    }
    end();
}

static void batches_sign_and_verify(void)
{
    begin();
    CHECK_U64(write_to("transit/keys/e", "{\"type\":\"ed25519\"}"), 200);
    CHECK_U64(write_to("transit/sign/e",
                  "{\"batch_input\":[{\"input\":\"AA==\",\"reference\":\"r\"},{}]}"),
        200);
    CHECK_STR(core_text(&f, "data.batch_results.1.error"), "missing input");
    CHECK_STR(core_text(&f, "data.batch_results.0.reference"), "r");
    CHECK_U64(
        write_to("transit/verify/e",
            BODY("{\"batch_input\":[{\"input\":\"AA==\",\"signature\":\"%s\"},{\"input\":"
                 "\"AQ==\",\"signature\":\"%s\"}]}",
                keep("data.batch_results.0.signature"), keep("data.batch_results.0.signature"))),
        200);
    CHECK_STR(core_text(&f, "data.batch_results.0.valid"), "true");
    CHECK_STR(core_text(&f, "data.batch_results.1.valid"), "false");
    end();
}

/* ---- HMAC, hash, random ---- */

static void hmacs_verify(void)
{
    const char *sum;

    begin();
    CHECK_U64(write_to("transit/keys/a", NULL), 200);
    CHECK_U64(write_to("transit/keys/h", "{\"type\":\"hmac\",\"key_size\":64}"), 200);
    CHECK_STR(core_text(&f, "data.key_size"), "64");
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "a" : "h";

        CHECK_U64(write_to(BODY("transit/hmac/%s", name), "{\"input\":\"aGVsbG8=\"}"), 200);
        sum = keep("data.hmac");
        CHECK(str_starts(str_from(sum), STR("vault:v1:")));
        CHECK_U64(write_to(BODY("transit/verify/%s", name),
                      BODY("{\"input\":\"aGVsbG8=\",\"hmac\":\"%s\"}", sum)),
            200);
        CHECK_STR(core_text(&f, "data.valid"), "true");
        CHECK_U64(write_to(BODY("transit/verify/%s", name),
                      BODY("{\"input\":\"aGVsbG9v\",\"hmac\":\"%s\"}", sum)),
            200);
        CHECK_STR(core_text(&f, "data.valid"), "false");
        CHECK_U64(write_to(BODY("transit/verify/%s/sha2-512", name),
                      BODY("{\"input\":\"aGVsbG8=\",\"hmac\":\"%s\"}", sum)),
            200);
        CHECK_STR(core_text(&f, "data.valid"), "false");
    }
    CHECK_U64(
        write_to("transit/hmac/a", "{\"batch_input\":[{\"input\":\"AA==\"},{\"input\":\"\"},{}]}"),
        200);
    CHECK_STR(core_text(&f, "data.batch_results.2.error"), "missing input for HMAC");
    CHECK(core_text(&f, "data.batch_results.1.hmac").len > 0);
    CHECK_U64(write_to("transit/encrypt/h", "{\"plaintext\":\"AA==\"}"), 400);
    end();
}

static void hashes_and_random_bytes(void)
{
    begin();
    CHECK_U64(write_to("transit/hash", "{\"input\":\"YWJj\"}"), 200);
    CHECK_STR(core_text(&f, "data.sum"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK_U64(write_to("transit/hash/sha2-224", "{\"input\":\"YWJj\",\"format\":\"base64\"}"), 200);
    CHECK_STR(core_text(&f, "data.sum"), "Iwl9IjQF2CKGQqR3vaJVsyqtvOS9oLP342ydpw==");
    CHECK_U64(write_to("transit/random", NULL), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 44);
    CHECK_U64(write_to("transit/random/16", "{\"format\":\"hex\"}"), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 32);
    CHECK_U64(write_to("transit/random/all/16", "{\"format\":\"hex\"}"), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 32);
    CHECK_U64(write_to("transit/random/platform", "{\"format\":\"hex\",\"bytes\":8}"), 200);
    CHECK_U64(core_text(&f, "data.random_bytes").len, 16);
    CHECK_U64(write_to("transit/cache-config", "{\"size\":9}"), 400);
    CHECK_U64(write_to("transit/cache-config", "{\"size\":500}"), 200);
    CHECK_U64(read_from("transit/cache-config"), 200);
    CHECK_STR(core_text(&f, "data.size"), "500");
    end();
}

/* ---- exports ---- */

static void only_exportable_keys_go_out(void)
{
    static const struct {
        const char *path;
        int status;
    } cases[] = {
        { "transit/export/encryption-key/closed", 400 },
        { "transit/export/hmac-key/closed", 400 },
        { "transit/export/encryption-key/open", 200 },
        { "transit/export/encryption-key/open/1", 200 },
        { "transit/export/encryption-key/open/latest", 200 },
        { "transit/export/encryption-key/open/2", 400 },
        { "transit/export/encryption-key/open/x", 400 },
        { "transit/export/signing-key/open", 400 },
        { "transit/export/public-key/open", 400 },
        { "transit/export/other-key/open", 400 },
        { "transit/export/hmac-key/open", 200 },
        { "transit/export/encryption-key/none", 404 },
        { "transit/export/signing-key/ed", 400 },
        { "transit/export/public-key/ed", 200 },
        { "transit/backup/closed", 500 },
        { "transit/backup/open", 500 },
        { "transit/backup/none", 500 },
    };

    begin();
    CHECK_U64(write_to("transit/keys/closed", NULL), 200);
    CHECK_U64(write_to("transit/keys/open", "{\"exportable\":true}"), 200);
    CHECK_U64(write_to("transit/keys/ed", "{\"type\":\"ed25519\"}"), 200);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_U64(read_from(cases[i].path), cases[i].status);
    /* Once exportable, for ever. */
    CHECK_U64(write_to("transit/keys/open/config", "{\"exportable\":false}"), 200);
    CHECK_STR(core_text(&f, "data.exportable"), "true");
    end();
}

static void exports_have_the_forms_of_their_kinds(void)
{
    static const struct {
        const char *type, *kind, *format, *head;
    } cases[] = {
        { "ecdsa-p256", "signing-key", "", "-----BEGIN EC PRIVATE KEY-----" },
        { "ecdsa-p256", "signing-key", "pem", "-----BEGIN PRIVATE KEY-----" },
        { "ecdsa-p256", "signing-key", "der", "MIGHAgEAMBMGByqGSM49" },
        { "ecdsa-p256", "public-key", "", "-----BEGIN PUBLIC KEY-----" },
        { "rsa-2048", "signing-key", "", "-----BEGIN RSA PRIVATE KEY-----" },
        { "rsa-2048", "encryption-key", "", "-----BEGIN RSA PRIVATE KEY-----" },
        { "ed25519", "public-key", "pem", "-----BEGIN PUBLIC KEY-----" },
    };

    begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_U64(write_to(BODY("transit/keys/%s", cases[i].type),
                      BODY("{\"type\":\"%s\",\"exportable\":true}", cases[i].type)),
            200);
        CHECK_U64(
            core_call(&f, OP_READ, BODY("transit/export/%s/%s/1", cases[i].kind, cases[i].type),
                f.root, BODY("{\"format\":\"%s\"}", cases[i].format)),
            200);
        CHECK(str_starts(core_text(&f, "data.keys.1"), str_from(cases[i].head)));
    }
    CHECK_U64(read_from("transit/export/signing-key/ed25519"), 200);
    CHECK_U64(core_text(&f, "data.keys.1").len, 88); /* 64 bytes */
    end();
}

/* ---- certificates ---- */

static X509_REQ *parse_request(struct str pem)
{
    BIO *b = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509_REQ *req = PEM_read_bio_X509_REQ(b, NULL, NULL, NULL);

    BIO_free(b);
    return req;
}

static void requests_are_signed_by_the_key(void)
{
    static const char *const types[] = { "ed25519", "ecdsa-p256", "rsa-2048" };

    begin();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        X509_REQ *req;

        CHECK_U64(
            write_to(BODY("transit/keys/%s", types[i]), BODY("{\"type\":\"%s\"}", types[i])), 200);
        CHECK_U64(write_to(BODY("transit/keys/%s/csr", types[i]), NULL), 200);
        CHECK_STR(core_text(&f, "data.type"), types[i]);
        req = parse_request(core_text(&f, "data.csr"));
        CHECK(req != NULL && X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) == 1);
        X509_REQ_free(req);
    }
    CHECK_U64(write_to("transit/keys/aes", NULL), 200);
    CHECK_U64(write_to("transit/keys/aes/csr", NULL), 400);
    CHECK_U64(write_to("transit/keys/ed25519/csr", "{\"version\":2}"), 400);
    CHECK_U64(write_to("transit/keys/ed25519/csr", "{\"csr\":\"nonsense\"}"), 400);
    end();
}

/* A request made of another request has its names and this key. */
static void a_template_gives_the_names(void)
{
    const char *pem;
    X509_REQ *req;
    char name[64] = "";
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509_REQ *template = X509_REQ_new();
    BIO *b = BIO_new(BIO_s_mem());
    char *bytes;
    struct buf json;
    long n;

    begin();
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(template), "CN", MBSTRING_ASC,
        (const unsigned char *)"shop.example", -1, -1, 0);
    X509_REQ_set_pubkey(template, key);
    X509_REQ_sign(template, key, EVP_sha256());
    PEM_write_bio_X509_REQ(b, template);
    n = BIO_get_mem_data(b, &bytes);
    buf_init(&json, 8192);
    buf_text(&json, "{\"csr\":\"");
    for (long i = 0; i < n; i++)
        bytes[i] == '\n' ? buf_text(&json, "\\n") : buf_char(&json, bytes[i]);
    buf_text(&json, "\"}");
    CHECK_U64(write_to("transit/keys/e", "{\"type\":\"ecdsa-p256\"}"), 200);
    CHECK_U64(write_to("transit/keys/e/csr", buf_cstr(&json)), 200);
    pem = keep("data.csr");
    req = parse_request(str_from(pem));
    CHECK(req != NULL && X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) == 1);
    X509_NAME_get_text_by_NID(X509_REQ_get_subject_name(req), NID_commonName, name, sizeof(name));
    CHECK_STR(str_from(name), "shop.example");
    CHECK(EVP_PKEY_eq(X509_REQ_get0_pubkey(req), key) != 1);
    buf_free(&json);
    BIO_free(b);
    X509_REQ_free(req);
    X509_REQ_free(template);
    EVP_PKEY_free(key);
    end();
}

TESTS(CASE(every_signing_key_verifies_its_own), CASE(prehashed_input_is_not_hashed_again),
    CASE(derived_keys_sign_by_context), CASE(requests_that_make_no_sense_are_refused),
    CASE(batches_sign_and_verify), CASE(hmacs_verify), CASE(hashes_and_random_bytes),
    CASE(only_exportable_keys_go_out), CASE(exports_have_the_forms_of_their_kinds),
    CASE(requests_are_signed_by_the_key), CASE(a_template_gives_the_names))
