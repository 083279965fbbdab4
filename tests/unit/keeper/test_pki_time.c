/*
 * The PKI engine as time goes by: delta CRLs, tidying.
 */
#include "pki_words.h"

static void start(void)
{
    core_fixture_use_clock();
}

static void makes_delta_crls(void)
{
    struct folder d = folder_make();

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    CHECK_U64(
        call(OP_WRITE, "pki/config/crl",
            "{\"auto_rebuild\":true,\"enable_delta\":true,\"delta_rebuild_interval\":\"1s\"}"),
        200);
    core_call(&f, OP_READ, "pki/crl", NULL, NULL);
    CHECK_U64(core_call(&f, OP_READ, "pki/crl/delta/pem", NULL, NULL), 200);
    issue("web", "{\"common_name\":\"a.example\"}");
    call(OP_WRITE, "pki/revoke",
        arena_printf(&f.arena, "{\"serial_number\":\"%s\"}", text_of("data.serial_number")));
    core_fixture_advance(&f, 5);
    CHECK_U64(core_call(&f, OP_READ, "pki/crl/pem", NULL, NULL), 200);
    save(&d, "crl.pem", f.raw);
    CHECK(openssl(&d, "No Revoked Certificates", "crl -in crl.pem -noout -text"));
    CHECK_U64(core_call(&f, OP_READ, "pki/crl/delta/pem", NULL, NULL), 200);
    save(&d, "delta.pem", f.raw);
    CHECK(openssl(&d, "X509v3 Delta CRL Indicator: critical",
        "crl -in delta.pem -CAfile ca.pem -noout -text"));
    CHECK(openssl(&d, "Revoked Certificates:", "crl -in delta.pem -noout -text"));
    CHECK_U64(call(OP_READ, "pki/crl/rotate", NULL), 200);
    core_call(&f, OP_READ, "pki/crl/pem", NULL, NULL);
    save(&d, "crl.pem", f.raw);
    CHECK(openssl(&d, "Revoked Certificates:", "crl -in crl.pem -noout -text"));
    core_fixture_close(&f);
    folder_remove(&d);
}

static void tidies(void)
{
    open_with_root("\"key_type\":\"ec\"");
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    issue("web", "{\"common_name\":\"a.example\",\"ttl\":\"1h\"}");
    call(OP_WRITE, "pki/revoke",
        arena_printf(&f.arena, "{\"serial_number\":\"%s\"}", text_of("data.serial_number")));
    issue("web", "{\"common_name\":\"b.example\",\"ttl\":\"100h\"}");
    core_fixture_advance(&f, 7200);
    CHECK_U64(
        call(OP_WRITE, "pki/tidy",
            "{\"tidy_cert_store\":true,\"tidy_revoked_certs\":true,\"safety_buffer\":\"1m\"}"),
        202);
    for (int i = 0; i < 20; i++) {
        core_fixture_advance(&f, 2);
        core_fixture_rounds(&f, 3);
        call(OP_READ, "pki/tidy-status", NULL);
    }
    CHECK_STR(core_text(&f, "data.state"), "Finished");
    CHECK_STR(core_text(&f, "data.cert_store_deleted_count"), "1");
    CHECK_STR(core_text(&f, "data.revoked_cert_deleted_count"), "1");
    CHECK_U64(call(OP_LIST, "pki/certs", NULL), 200);
    CHECK(core_at(&f, "data.keys.1") != NULL && core_at(&f, "data.keys.2") == NULL);
    core_fixture_close(&f);
}

TESTS(CASE(start), CASE(makes_delta_crls), CASE(tidies))
