/*
 * Keys that move: backups as Vault makes them, backups of our own, and imports of a user's own key.
 *
 * The ciphertexts and signatures below were made by another implementation (Python's cryptography) with Vault's rules, from the
 * keys in the backups below; the first backup is the sample of Vault's documentation.
 */
#include "base/hash.h"
#include "check.h"
#include "core_fixture.h"
#include "keeper/core/encode_int.h"
#include "keeper/crypto/key_int.h"
#include "keeper/seal/memory_int.h"

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

/* ---- Vault's backups ---- */

static const char documented[] =
    "eyJwb2xpY3kiOnsibmFtZSI6ImFlcyIsImtleXMiOnsiMSI6eyJrZXkiOiJXK3k4Z0dOMHdiTDJLOU95NXFPN1laMGtjdzM"
    "vR0ZiNWM4STBzdlNMMnFNPSIsImhtYWNfa2V5IjoiUDBTcjh1YTJaZERNUTdPd2h4RGp1Z0U5d0JSR3Q2QXl6K0t4TzN5Z2"
    "M5ST0iLCJ0aW1lIjoiMjAxNy0xMi0wOFQxMTo1MDowOC42MTM4MzctMDU6MDAiLCJlY194IjpudWxsLCJlY195IjpudWxsL"
    "CJlY19kIjpudWxsLCJyc2Ffa2V5IjpudWxsLCJwdWJsaWNfa2V5IjoiIiwiY3JlYXRpb25fdGltZSI6MTUxMjc1MTgwOH19"
    "LCJkZXJpdmVkIjpmYWxzZSwia2RmIjowLCJjb252ZXJnZW50X2VuY3J5cHRpb24iOmZhbHNlLCJleHBvcnRhYmxlIjpmYWx"
    "zZSwibWluX2RlY3J5cHRpb25fdmVyc2lvbiI6MSwibWluX2VuY3J5cHRpb25fdmVyc2lvbiI6MCwibGF0ZXN0X3ZlcnNpb2"
    "4iOjEsImFyY2hpdmVfdmVyc2lvbiI6MSwiZGVsZXRpb25fYWxsb3dlZCI6ZmFsc2UsImNvbnZlcmdlbnRfdmVyc2lvbiI6M"
    "CwidHlwZSI6MCwiYmFja3VwX2luZm8iOnsidGltZSI6IjIwMTctMTItMDhUMTE6NTA6MjkuMjI4MTU3LTA1OjAwIiwidmVy"
    "c2lvbiI6MX0sInJlc3RvcmVfaW5mbyI6bnVsbH0sImFyY2hpdmVkX2tleXMiOnsia2V5cyI6W3sia2V5IjpudWxsLCJobWF"
    "jX2tleSI6bnVsbCwidGltZSI6IjAwMDEtMDEtMDFUMDA6MDA6MDBaIiwiZWNfeCI6bnVsbCwiZWNfeSI6bnVsbCwiZWNfZC"
    "I6bnVsbCwicnNhX2tleSI6bnVsbCwicHVibGljX2tleSI6IiIsImNyZWF0aW9uX3RpbWUiOjB9LHsia2V5IjoiVyt5OGdHT"
    "jB3YkwySzlPeTVxTzdZWjBrY3czL0dGYjVjOEkwc3ZTTDJxTT0iLCJobWFjX2tleSI6IlAwU3I4dWEyWmRETVE3T3doeERq"
    "dWdFOXdCUkd0NkF5eitLeE8zeWdjOUk9IiwidGltZSI6IjIwMTctMTItMDhUMTE6NTA6MDguNjEzODM3LTA1OjAwIiwiZWN"
    "feCI6bnVsbCwiZWNfeSI6bnVsbCwiZWNfZCI6bnVsbCwicnNhX2tleSI6bnVsbCwicHVibGljX2tleSI6IiIsImNyZWF0aW"
    "9uX3RpbWUiOjE1MTI3NTE4MDh9XX19Cg==";

static void the_documented_backup_is_restored(void)
{
    begin();
    CHECK_U64(write_to("transit/restore", BODY("{\"backup\":\"%s\"}", documented)), 204);
    CHECK_U64(read_from("transit/keys/aes"), 200);
    CHECK_STR(core_text(&f, "data.keys.1"), "1512751808");
    CHECK(core_at(&f, "data.restore_info") != NULL);
    CHECK_U64(write_to("transit/keys/aes/config", "{\"exportable\":true}"), 200);
    CHECK_U64(read_from("transit/export/encryption-key/aes"), 200);
    CHECK_STR(core_text(&f, "data.keys.1"), "W+y8gGN0wbL2K9Oy5qO7YZ0kcw3/GFb5c8I0svSL2qM=");
    CHECK_U64(read_from("transit/export/hmac-key/aes"), 200);
    CHECK_STR(core_text(&f, "data.keys.1"), "P0Sr8ua2ZdDMQ7OwhxDjugE9wBRGt6Ayz+KxO3ygc9I=");
    CHECK_U64(write_to("transit/restore", BODY("{\"backup\":\"%s\"}", documented)), 500);
    CHECK(core_text(&f, "errors.0").len > 0 &&
          str_ends(core_text(&f, "errors.0"), STR("already exists")));
    CHECK_U64(
        write_to("transit/restore", BODY("{\"backup\":\"%s\",\"force\":true}", documented)), 204);
    CHECK_U64(write_to("transit/restore/other", BODY("{\"backup\":\"%s\"}", documented)), 204);
    CHECK_U64(read_from("transit/keys/other"), 200);
    end();
}

#define KEY  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define HMAC "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define FOX  "dGhlIHF1aWNrIGJyb3duIGZveA=="

/* One version as Vault spells it, and a key that has it alone. */
#define ENTRY(secret)                                                                              \
    "{\"key\":null,\"hmac_key\":\"" HMAC "\",\"time\":\"2023-01-02T03:04:05.678Z\",\"ec_x\":null," \
    "\"ec_y\":null,\"rsa_key\":null,\"public_key\":\"\",\"creation_time\":1672628645," secret "}"
#define POLICY(name, type, entry, more)                                                            \
    "{\"policy\":{\"name\":\"" name "\",\"keys\":{\"1\":" entry "},\"exportable\":true,"           \
    "\"min_decryption_version\":1,\"min_encryption_version\":0,\"latest_version\":1,"              \
    "\"archive_version\":1,\"min_available_version\":0,\"deletion_allowed\":false,\"type\":" type  \
    ",\"backup_info\":null,\"restore_info\":null,\"allow_plaintext_backup\":true,"                 \
    "\"version_template\":\"\",\"storage_prefix\":\"\",\"auto_rotate_period\":0,"                  \
    "\"Imported\":false,\"AllowImportedKeyRotation\":false" more                                   \
    "},\"archived_keys\":{\"keys\":[" entry "]}}"
#define SYMMETRIC(version)                                                                         \
    ENTRY("\"key\":\"" KEY "\",\"ec_d\":null,\"convergent_version\":" version)
#define CONVERGENT(version)                                                                        \
    ",\"derived\":true,\"kdf\":1,\"convergent_encryption\":true,\"convergent_version\":" version

static int restore(const char *json)
{
    struct str coded = encode_base64(&f.arena, str_from(json));

    return write_to("transit/restore", BODY("{\"backup\":\"%.*s\"}", STR_ARG(coded)));
}

static void check_opens(const char *name, const char *ciphertext, const char *more)
{
    CHECK_U64(write_to(BODY("transit/decrypt/%s", name),
                  BODY("{\"ciphertext\":\"%s\"%s}", ciphertext, more)),
        200);
    CHECK_STR(core_text(&f, "data.plaintext"), FOX);
}

static void check_seals_the_same(const char *name, const char *ciphertext, const char *more)
{
    check_opens(name, ciphertext, more);
    CHECK_U64(
        write_to(BODY("transit/encrypt/%s", name), BODY("{\"plaintext\":\"" FOX "\"%s}", more)),
        200);
    CHECK_STR(core_text(&f, "data.ciphertext"), ciphertext);
}

#define CONTEXT ",\"context\":\"bXkgY29udGV4dA==\""

static void symmetric_keys_of_vault_open_their_data(void)
{
    begin();
    CHECK_U64(restore(POLICY("aes", "0", SYMMETRIC("0"), "")), 204);
    check_opens("aes", "vault:v1:AAECAwQFBgcICQoLM2qzO7SQq3jmYfX53p4WTeW5/2u3hSvksnJLyqV5la90uI4=",
        ",\"associated_data\":\"YWFk\"");
    CHECK_U64(write_to("transit/verify/aes",
                  "{\"input\":\"" FOX
                  "\",\"hmac\":\"vault:v1:21XBfDVvOlGnlDIiisSk6Ivm/aw1B5mTXXCUX3mrQC4=\"}"),
        200);
    CHECK_STR(core_text(&f, "data.valid"), "true");
    /* The first key derivation function of all. */
    CHECK_U64(restore(POLICY("old", "0", SYMMETRIC("0"), ",\"derived\":true,\"kdf\":0")), 204);
    check_opens("old",
        "vault:v1:AAECAwQFBgcICQoLh7qwYd2kjzfC9a2yp/mS9VmPC2AeMl3lsXBtMcxBLjaQi2c=", CONTEXT);
    end();
}

static void convergent_keys_of_vault_seal_the_same(void)
{
    begin();
    CHECK_U64(restore(POLICY("three", "0", SYMMETRIC("3"), CONVERGENT("-1"))), 204);
    check_seals_the_same("three",
        "vault:v1:71tJG91ZNK7mP58ddBJRfMPzVPoxsWhQPsh9wCrxh2zt4UASzvrIK42Cvaz0Y6I=", CONTEXT);
    CHECK_U64(restore(POLICY("two", "0", SYMMETRIC("0"), CONVERGENT("2"))), 204);
    check_seals_the_same("two",
        "vault:v1:wT7tPfSlpgiBdg9sTEnWBvTV43hAi+dZU1nW1hD71E2xLCb2f+OV6acIvkMfNFk=", CONTEXT);
    CHECK_U64(restore(POLICY("one", "0", SYMMETRIC("0"), CONVERGENT("1"))), 204);
    check_seals_the_same("one", "vault:v1:NfxAr2u+mDCBsIDpfmaI0UFvuHlrWWl0PYtg4tgOX2elFZs=",
        CONTEXT ",\"nonce\":\"AAECAwQFBgcICQoL\"");
    CHECK_U64(write_to("transit/encrypt/one", "{\"plaintext\":\"" FOX "\"" CONTEXT "}"), 400);
    /* A new version of an old key is of the newest kind. */
    CHECK_U64(write_to("transit/keys/two/rotate", NULL), 200);
    CHECK_U64(write_to("transit/encrypt/two", "{\"plaintext\":\"" FOX "\"" CONTEXT "}"), 200);
    check_opens("two", keep("data.ciphertext"), CONTEXT);
    check_opens("two",
        "vault:v1:wT7tPfSlpgiBdg9sTEnWBvTV43hAi+dZU1nW1hD71E2xLCb2f+OV6acIvkMfNFk=", CONTEXT);
    end();
}

static void check_signed(const char *name, const char *signature, const char *more)
{
    CHECK_U64(write_to(BODY("transit/verify/%s", name),
                  BODY("{\"input\":\"" FOX "\",\"signature\":\"%s\"%s}", signature, more)),
        200);
    CHECK_STR(core_text(&f, "data.valid"), "true");
}

#define SCALAR                                                                                     \
    "912252530273971012700592605159902218744961080172612"                                          \
    "22445699397644687913215777"

static void signing_keys_of_vault_verify_their_signatures(void)
{
    begin();
    CHECK_U64(restore(POLICY("ec", "1", ENTRY("\"ec_d\":" SCALAR), "")), 204);
    check_signed("ec",
        "vault:v1:MEYCIQCqo7LTaJDYcVtTSIBXbwbNwkXoxdHP0UawI0ey7X5RuQIhAIg4JAhTpekLzZY+"
        "jLu24z/NsSEe/Usu3Qxmme6eMkEl",
        "");
    CHECK_U64(restore(POLICY("ed", "2",
                  ENTRY("\"key\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8DoQe/884Qvh1w3RjnS8CZ"
                        "Z+TWMJulDV8d3IZkElUxuA==\""),
                  ",\"derived\":true,\"kdf\":1")),
        204);
    check_signed("ed",
        "vault:v1:x1Udi8XXWy0H7la1sHWeqwEWK0yOec9lOEfAPqzJWwl++7QPB5w1IZZAGspH5v5ReHHqf4RnsswrfyRTwQ"
        "YiCw==",
        CONTEXT);
    CHECK_U64(write_to("transit/sign/ed", "{\"input\":\"" FOX "\"" CONTEXT "}"), 200);
    CHECK_STR(core_text(&f, "data.public_key"), "e/XCyxc+hUzCf8kLlwUrT4Cu3YfCRe2cjFwWdAwrCjA=");
    end();
}

#define P                                                                                          \
    "1546732137638443281784728718025150988901748595222448633054370906772430798866954279952927"     \
    "8238746541544956234718616481585427107180613446402893333472461422321358291156722203333235"     \
    "3858049787180486831134183057020833545199993077390364959938806689016350223809914176306676"     \
    "019969635213034585825883528127235874684082417"
#define Q                                                                                          \
    "1327930250247153291239240833779228146841620599139480980326615632686882327349828032230151"     \
    "8048955331731683358443542450740927959439305634944704738891434560516592720132219270687054"     \
    "5643991584573901909956380720426452223425786322547871758965140883127102984930768213198832"     \
    "542217762257092135384802889866043941823057701"

static void rsa_keys_of_vault_open_and_verify(void)
{
    static const char ciphertext[] =
        "vault:v1:A16tiwlYEx+liyj9EJHWVLGWbOF8Xn42Ag8vY+QyYLMygJAx3oTwHhK+O6HROHSlU1z8jxBBIFe+PHWR3q"
        "tZ7NZRQnBTTC10umHk+0yG4Ffr6YMo1M0sy/7hn/v3cTP+OvTp8XdoP46gkSf6/9j5mNuomMk2QVj5GXszi95u6dTkf"
        "BU1MbgYs4p99P7pahnbjVyMWA6h7eOrx9/ZNTi52zL2Kod51hrptkNzF1wAFjAmh1Z5nBgopC9qYBp93GPOujTIFi+c"
        "HLZHw3P2tcaAGuqIQNDzZ3wUf6op4+qgMCpEUXwvuKhyFtVL91CMjc3IfcbGYFSo6FLdP49bd4g1IQ==";
    static const char signature[] =
        "vault:v1:E6xptIrZ5dJfF3MZh12jsoICgEfUPcppOI921Gqy9SI3RR6XU0EleShuFtmkJmUjoSFIosX0Pk2hmqDXnD"
        "NWxtqnKHg6AiQJKPmnSKN8oiy3jNvKoPtQTlvXLLBDeKLqk2yqdPZDL/Wr+WNTNlrWHRiX1o0wXWLfi01Zc+p9SO0yg"
        "qvnX1J4r3CsgVEQPQMYaCVe2paqI8RyL4Pw10oLf5MIb0vJs+vYpftzySy2z3BbYARbSw5CwIA6MFWGUu4wElupGndI"
        "Dz6NQxQU1W2XQEuqKjxAWyQ/6GX4WuqoG4AncccFeUOxV2Ol4Op4W/iLORLymawXuhsMEihcdDbVbA==";

    begin();
    CHECK_U64(restore(POLICY(
                  "rsa", "3", ENTRY("\"rsa_key\":{\"E\":65537,\"Primes\":[" P "," Q "]}"), "")),
        204);
    check_opens("rsa", ciphertext, "");
    check_signed("rsa", signature, "");
    CHECK_U64(read_from("transit/keys/rsa"), 200);
    CHECK_STR(core_text(&f, "data.keys.1.name"), "rsa-2048");
    end();
}

/* The archive begins with the first version that is available. */
static void archived_versions_come_too(void)
{
    static const char backup[] = "{\"policy\":{\"name\":\"a\",\"keys\":{\"3\":" ENTRY(
        "\"key\":\"" KEY
        "\"") "},"
              "\"exportable\":true,\"min_decryption_version\":3,\"min_encryption_version\":0,"
              "\"latest_version\":3,\"archive_version\":3,\"min_available_version\":2,\"type\":0,"
              "\"allow_plaintext_backup\":true},\"archived_keys\":{\"keys\":[" ENTRY(
                  "\"key\":\"" HMAC "\"") "," ENTRY("\"key\":\"" KEY "\"") "]}}";

    begin();
    CHECK_U64(restore(backup), 204);
    CHECK_U64(read_from("transit/export/encryption-key/a"), 200);
    CHECK(core_at(&f, "data.keys.2") == NULL);
    CHECK_STR(core_text(&f, "data.keys.3"), KEY);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":1}"), 400);
    CHECK_U64(write_to("transit/keys/a/config", "{\"min_decryption_version\":2}"), 200);
    CHECK_U64(read_from("transit/export/encryption-key/a"), 200);
    CHECK_STR(core_text(&f, "data.keys.2"), HMAC);
    end();
}

static void damaged_backups_are_refused_whole(void)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"policy\":{\"name\":\"x\",\"type\":0}}",
        POLICY("x", "77", SYMMETRIC("0"), ""),
        POLICY("x", "1", SYMMETRIC("0"), ""),
        POLICY("x", "3", SYMMETRIC("0"), ""),
        POLICY("x", "0", ENTRY("\"key\":\"AAAA\""), ""),
        POLICY("x", "0", SYMMETRIC("0"), ",\"latest_version\":2"),
        POLICY("x", "0", SYMMETRIC("0"), ",\"latest_version\":999999999"),
        POLICY("x", "0", SYMMETRIC("0"), ",\"kdf\":7,\"derived\":true"),
        POLICY("x", "0", SYMMETRIC("9"), CONVERGENT("-1")),
        POLICY("x", "0", SYMMETRIC("0"), ",\"convergent_encryption\":true"),
        POLICY("x", "3", SYMMETRIC("0"), ",\"derived\":true"),
        POLICY("../x", "0", SYMMETRIC("0"), ""),
        POLICY("x", "1", ENTRY("\"ec_d\":0"), ""),
        POLICY("x", "1", ENTRY("\"ec_d\":-5"), ""),
        POLICY("x", "1", ENTRY("\"ec_d\":1e99"), ""),
        POLICY("x", "3", ENTRY("\"rsa_key\":{\"E\":65537,\"Primes\":[" P "," P "]}"), ""),
        POLICY("x", "3", ENTRY("\"rsa_key\":{\"E\":65537,\"Primes\":[15,21]}"), ""),
        POLICY("x", "4", ENTRY("\"rsa_key\":{\"E\":65537,\"Primes\":[" P "," Q "]}"), ""),
        POLICY("x", "0", SYMMETRIC("0"), ",\"version_template\":\"other:{{version}}\""),
    };

    begin();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int status = restore(bad[i]);

        CHECK_U64(status, 400);
        if (status != 400)
            fprintf(stderr, "%zu\n", i);
    }
    CHECK_U64(write_to("transit/restore", "{\"backup\":\"***\"}"), 400);
    CHECK_U64(write_to("transit/restore", "{}"), 400);
    CHECK_STR(core_text(&f, "errors.0"), "'backup' must be supplied");
    CHECK_U64(core_call(&f, OP_LIST, "transit/keys", f.root, NULL), 404);
    end();
}

/* ---- our own backups ---- */

static void backups_come_back_with_everything(void)
{
    static const char *const types[] = { "aes128-gcm96", "aes256-gcm96", "chacha20-poly1305",
        "xchacha20-poly1305", "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521",
        "ecdsa-secp256k1", "rsa-2048", "hmac" };

    begin();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const char *sum;
        const char *t = types[i];

        CHECK_U64(
            write_to(BODY("transit/keys/%s", t),
                BODY("{\"type\":\"%s\",\"exportable\":true,\"allow_plaintext_backup\":true}", t)),
            200);
        CHECK_U64(write_to(BODY("transit/hmac/%s", t), "{\"input\":\"AA==\"}"), 200);
        sum = keep("data.hmac");
        CHECK_U64(write_to(BODY("transit/keys/%s/rotate", t), NULL), 200);
        CHECK_U64(read_from(BODY("transit/backup/%s", t)), 200);
        CHECK_U64(
            write_to("transit/restore/copy", BODY("{\"backup\":\"%s\"}", keep("data.backup"))),
            204);
        CHECK_U64(read_from("transit/keys/copy"), 200);
        CHECK_STR(core_text(&f, "data.type"), t);
        CHECK_STR(core_text(&f, "data.latest_version"), "2");
        CHECK_U64(
            write_to("transit/verify/copy", BODY("{\"input\":\"AA==\",\"hmac\":\"%s\"}", sum)),
            200);
        CHECK_STR(core_text(&f, "data.valid"), "true");
        CHECK_U64(write_to("transit/keys/copy/config", "{\"deletion_allowed\":true}"), 200);
        CHECK_U64(core_call(&f, OP_DELETE, "transit/keys/copy", f.root, NULL), 204);
    }
    end();
}

/* ---- import ---- */

static struct crypto_key *wrapping_key(void)
{
    struct str pem;
    struct str body;
    struct str der;
    struct buf text;
    struct crypto_key *k;
    struct err err;

    CHECK_U64(read_from("transit/wrapping_key"), 200);
    pem = core_text(&f, "data.public_key");
    CHECK(str_starts(pem, STR("-----BEGIN PUBLIC KEY-----")));
    body = (struct str){ pem.at + 27, pem.len - 27 - 25 };
    buf_init(&text, 8192);
    for (size_t i = 0; i < body.len; i++)
        if (body.at[i] != '\n' && body.at[i] != '-')
            buf_char(&text, body.at[i]);
    CHECK(decode_base64(&f.arena, buf_as_str(&text), &der));
    k = crypto_from_public(KEY_RSA_4096, der, &err);
    CHECK(k != NULL);
    buf_free(&text);
    return k;
}

static const char *wrap(struct crypto_key *k, enum digest d, struct str secret)
{
    uint8_t aes[32];
    struct buf out;
    struct err err;
    struct str coded;

    random_bytes(aes, sizeof(aes));
    buf_init(&out, 8192);
    CHECK(crypto_oaep_encrypt(k, d, (struct str){ (char *)aes, 32 }, &out, &err) == 0);
    CHECK(crypto_kwp_wrap((struct str){ (char *)aes, 32 }, secret, &out, &err) == 0);
    coded = encode_base64(&f.arena, buf_as_str(&out));
    buf_free(&out);
    return coded.at;
}

static void a_symmetric_key_is_imported(void)
{
    struct crypto_key *k;
    struct str secret;
    const char *wrapped;

    begin();
    k = wrapping_key();
    CHECK(decode_base64(&f.arena, STR(KEY), &secret));
    wrapped = wrap(k, DIGEST_SHA256, secret);
    CHECK_U64(write_to("transit/keys/mine/import",
                  BODY("{\"type\":\"aes256-gcm96\",\"ciphertext\":\"%s\"}", wrapped)),
        204);
    check_opens("mine", "vault:v1:AAECAwQFBgcICQoLM2qzO7SQq3jmYfX53p4WTeW5/2u3hSvksnJLyqV5la90uI4=",
        ",\"associated_data\":\"YWFk\"");
    CHECK_U64(read_from("transit/keys/mine"), 200);
    CHECK_STR(core_text(&f, "data.imported_key"), "true");
    CHECK_U64(write_to("transit/keys/mine/rotate", NULL), 400);
    CHECK_U64(write_to("transit/keys/mine/import",
                  BODY("{\"type\":\"aes256-gcm96\",\"ciphertext\":\"%s\"}", wrapped)),
        400);
    wrapped = wrap(k, DIGEST_SHA1, secret);
    CHECK_U64(write_to("transit/keys/mine/import_version",
                  BODY("{\"hash_function\":\"SHA1\",\"ciphertext\":\"%s\"}", wrapped)),
        204);
    CHECK_U64(read_from("transit/keys/mine"), 200);
    CHECK_STR(core_text(&f, "data.latest_version"), "2");
    CHECK_U64(
        write_to("transit/keys/mac/import",
            BODY("{\"type\":\"hmac\",\"ciphertext\":\"%s\"}",
                wrap(k, DIGEST_SHA256, STR("a secret of more than 32 bytes, as HMACs want")))),
        204);
    CHECK_U64(read_from("transit/keys/mac"), 200);
    CHECK_STR(core_text(&f, "data.key_size"), "45");
    CHECK_U64(write_to("transit/keys/x/import", BODY("{\"type\":\"hmac\",\"ciphertext\":\"%s\"}",
                                                    wrap(k, DIGEST_SHA256, STR("too short")))),
        400);
    /* The wrong hash, the wrong type, no key at all. */
    CHECK_U64(write_to("transit/keys/x/import",
                  BODY("{\"type\":\"aes256-gcm96\",\"ciphertext\":\"%s\"}", wrapped)),
        400);
    CHECK_U64(
        write_to("transit/keys/x/import",
            BODY("{\"type\":\"aes128-gcm96\",\"hash_function\":\"SHA1\",\"ciphertext\":\"%s\"}",
                wrapped)),
        400);
    CHECK_U64(write_to("transit/keys/x/import", "{\"ciphertext\":\"AAAA\"}"), 400);
    CHECK_U64(write_to("transit/keys/x/import", "{}"), 400);
    CHECK_U64(
        write_to("transit/keys/x/import_version", BODY("{\"ciphertext\":\"%s\"}", wrapped)), 400);
    crypto_unref(k);
    end();
}

static void private_keys_are_imported(void)
{
    static const enum key_type types[] = { KEY_ED25519, KEY_ECDSA_P256, KEY_ECDSA_SECP256K1,
        KEY_RSA_2048 };
    struct crypto_key *k;
    struct err err;

    begin();
    k = wrapping_key();
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct crypto_key *own = crypto_generate(types[i], 0, &err);
        const char *name = key_facts(types[i])->name;
        struct buf der;
        struct str public_half;

        buf_init_secret(&der, 8192);
        crypto_private_pkcs8(own, &der);
        CHECK_U64(write_to(BODY("transit/keys/%s/import", name),
                      BODY("{\"type\":\"%s\",\"allow_rotation\":true,\"ciphertext\":\"%s\"}", name,
                          wrap(k, DIGEST_SHA256, buf_as_str(&der)))),
            204);
        der.len = 0;
        crypto_public_pem(own, &der);
        public_half = arena_str(&f.arena, buf_as_str(&der));
        CHECK_U64(read_from(BODY("transit/keys/%s", name)), 200);
        if (types[i] != KEY_ED25519)
            CHECK_STR(core_text(&f, "data.keys.1.public_key"), public_half.at);
        CHECK_U64(write_to(BODY("transit/keys/%s/rotate", name), NULL), 200);
        buf_free(&der);
        crypto_unref(own);
    }
    crypto_unref(k);
    end();
}

static void a_public_half_verifies_until_the_private_one_comes(void)
{
    const struct signing how = { .digest = DIGEST_SHA256 };
    struct err err;
    struct crypto_key *own = crypto_generate(KEY_ECDSA_P256, 0, &err);
    struct crypto_key *k;
    struct buf b;
    struct str pem;
    const char *signature;

    begin();
    k = wrapping_key();
    buf_init_secret(&b, 8192);
    crypto_public_pem(own, &b);
    pem = STR("");
    for (size_t i = 0; i < b.len; i++)
        pem = str_from(BODY(
            "%.*s%s", STR_ARG(pem), b.data[i] == '\n' ? "\\n" : (const char[]){ b.data[i], '\0' }));
    CHECK_U64(write_to("transit/keys/p/import",
                  BODY("{\"type\":\"ecdsa-p256\",\"public_key\":\"%.*s\"}", STR_ARG(pem))),
        204);
    b.len = 0;
    CHECK(crypto_key_sign(own, &how, STR("the quick brown fox"), &b, &err) == 0);
    signature = BODY("vault:v1:%.*s", STR_ARG(encode_base64(&f.arena, buf_as_str(&b))));
    check_signed("p", signature, "");
    CHECK_U64(write_to("transit/sign/p", "{\"input\":\"" FOX "\"}"), 400);
    b.len = 0;
    crypto_private_pkcs8(own, &b);
    CHECK_U64(write_to("transit/keys/p/import_version",
                  BODY("{\"ciphertext\":\"%s\"}", wrap(k, DIGEST_SHA256, buf_as_str(&b)))),
        204);
    CHECK_U64(write_to("transit/sign/p", "{\"input\":\"" FOX "\"}"), 200);
    CHECK_STR(core_text(&f, "data.key_version"), "1");
    buf_free(&b);
    crypto_unref(own);
    crypto_unref(k);
    end();
}

/* One keeper's key, wrapped for another's wrapping key, and taken in there. */
static void keys_go_from_keeper_to_keeper(void)
{
    const char *pem;
    struct str line = STR("");

    begin();
    CHECK_U64(write_to("sys/mounts/other", "{\"type\":\"transit\"}"), 204);
    CHECK_U64(read_from("other/wrapping_key"), 200);
    pem = keep("data.public_key");
    for (const char *c = pem; *c != '\0'; c++)
        line = str_from(
            BODY("%.*s%s", STR_ARG(line), *c == '\n' ? "\\n" : (const char[]){ *c, '\0' }));
    CHECK_U64(write_to("transit/keys/theirs/import",
                  BODY("{\"type\":\"rsa-4096\",\"public_key\":\"%.*s\"}", STR_ARG(line))),
        204);
    CHECK_U64(write_to("transit/keys/ed", "{\"type\":\"ed25519\",\"exportable\":true}"), 200);
    CHECK_U64(write_to("transit/keys/shut", "{\"type\":\"ed25519\"}"), 200);
    CHECK_U64(read_from("transit/byok-export/theirs/shut"), 400);
    CHECK_U64(read_from("transit/byok-export/ed/ed"), 400);
    CHECK_U64(read_from("transit/byok-export/theirs/ed"), 200);
    CHECK_U64(write_to("other/keys/ed/import",
                  BODY("{\"type\":\"ed25519\",\"ciphertext\":\"%s\"}", keep("data.keys.1"))),
        204);
    CHECK_U64(write_to("transit/sign/ed", "{\"input\":\"AA==\"}"), 200);
    CHECK_U64(write_to("other/verify/ed",
                  BODY("{\"input\":\"AA==\",\"signature\":\"%s\"}", keep("data.signature"))),
        200);
    CHECK_STR(core_text(&f, "data.valid"), "true");
    end();
}

TESTS(CASE(the_documented_backup_is_restored), CASE(symmetric_keys_of_vault_open_their_data),
    CASE(convergent_keys_of_vault_seal_the_same),
    CASE(signing_keys_of_vault_verify_their_signatures), CASE(rsa_keys_of_vault_open_and_verify),
    CASE(archived_versions_come_too), CASE(damaged_backups_are_refused_whole),
    CASE(backups_come_back_with_everything), CASE(a_symmetric_key_is_imported),
    CASE(private_keys_are_imported), CASE(a_public_half_verifies_until_the_private_one_comes),
    CASE(keys_go_from_keeper_to_keeper))
