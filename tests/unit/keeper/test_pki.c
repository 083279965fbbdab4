/*
 * The PKI engine: what it issues, revokes and refuses; openssl(1) is the judge of what it signs.
 */
#include "pki_words.h"

/* ---- issuing ---- */

static void issue_and_verify(const char *root_key, const char *role_key, const char *type)
{
    struct folder d = folder_make();

    open_with_root(root_key);
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    CHECK(core_text(&f, "data.private_key").len == 0);
    CHECK_U64(role("web", arena_printf(&f.arena,
                              "{\"allowed_domains\":\"shop.example\",\"allow_subdomains\":true,"
                              "\"max_ttl\":\"72h\",%s}",
                              role_key)),
        200);
    CHECK_U64(issue("web", "{\"common_name\":\"www.shop.example\",\"alt_names\":\"*.shop.example\","
                           "\"ip_sans\":\"10.0.0.1,fd00::1\",\"ttl\":\"24h\"}"),
        200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    save(&d, "key.pem", core_text(&f, "data.private_key"));
    CHECK_STR(core_text(&f, "data.private_key_type"), type);
    CHECK(openssl(&d, "leaf.pem: OK",
        "verify -x509_strict -CAfile ca.pem -verify_hostname www.shop.example "
        "-purpose sslserver leaf.pem"));
    CHECK(openssl(&d, "leaf.pem: OK", "verify -CAfile ca.pem -verify_ip fd00::1 leaf.pem"));
    CHECK(openssl(&d, "http://ca.example/crl", "x509 -in leaf.pem -noout -text"));
    CHECK(openssl(&d, "OCSP - URI:http://ca.example/ocsp", "x509 -in leaf.pem -noout -text"));
    CHECK(openssl(&d, NULL, "pkey -in key.pem -check -noout"));
    CHECK(openssl(&d, NULL, "x509 -in leaf.pem -pubkey -noout -out a.pub"));
    CHECK(openssl(&d, NULL, "pkey -in key.pem -pubout -out b.pub"));
    CHECK(str_eq(load(&d, "a.pub"), load(&d, "b.pub")));
    CHECK_U64(
        call(OP_READ, arena_printf(&f.arena, "pki/cert/%s", text_of("data.serial_number")), NULL),
        200);
    CHECK(str_starts(core_text(&f, "data.certificate"), STR("-----BEGIN CERTIFICATE-----")));
    core_fixture_close(&f);
    folder_remove(&d);
}

static void issues_rsa(void)
{
    issue_and_verify("\"key_type\":\"rsa\"", "\"key_type\":\"rsa\"", "rsa");
}

static void issues_ec(void)
{
    issue_and_verify("\"key_type\":\"ec\",\"key_bits\":384", "\"key_type\":\"ec\"", "ec");
}

static void issues_ed25519(void)
{
    issue_and_verify("\"key_type\":\"ed25519\"", "\"key_type\":\"ed25519\"", "ed25519");
}

static void signs_with_pss(void)
{
    struct folder d = folder_make();

    open_with_root("\"key_type\":\"rsa\",\"use_pss\":true,\"signature_bits\":384");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "rsassaPss", "x509 -in ca.pem -noout -text"));
    role("web",
        "{\"allow_any_name\":true,\"key_type\":\"ec\",\"use_pss\":true,\"signature_bits\":512}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\"}"), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "leaf.pem: OK", "verify -CAfile ca.pem leaf.pem"));
    CHECK(openssl(&d, "sha512", "x509 -in leaf.pem -noout -text"));
    core_fixture_close(&f);
    folder_remove(&d);
}

/* ---- names ---- */

static void lets_in_what_the_role_names(void)
{
    static const struct {
        const char *role;
        const char *request;
        int status;
    } examples[] = {
        { "\"allow_bare_domains\":true", "\"common_name\":\"shop.example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"shop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"a.b.shop.example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"A.Shop.Example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"evilshop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\".shop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"*.shop.example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"a.*.shop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"*a.shop.example\"", 400 },
        { "\"allow_subdomains\":true,\"allow_wildcard_certificates\":false",
            "\"common_name\":\"*.shop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"a.shop.example.\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"a.shop.example\\u0000.evil.example\"",
            400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"b\\u00fccher.shop.example\"", 400 },
        { "\"allow_subdomains\":true", "\"common_name\":\"a_b.shop.example\"", 400 },
        { "\"allow_subdomains\":true,\"enforce_hostnames\":false",
            "\"common_name\":\"a_b.shop.example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"ann@a.shop.example\"", 200 },
        { "\"allow_subdomains\":true", "\"common_name\":\"ann@evil@a.shop.example\"", 400 },
        { "\"allow_subdomains\":true",
            "\"common_name\":\"a.shop.example\",\"alt_names\":\"b.shop.example,c.evil.example\"",
            400 },
        { "\"allow_glob_domains\":true,\"allowed_domains\":\"api-*.shop.example\"",
            "\"common_name\":\"api-7.shop.example\"", 200 },
        { "\"allow_glob_domains\":true,\"allowed_domains\":\"api-*.shop.example\"",
            "\"common_name\":\"www.shop.example\"", 400 },
        { "\"allow_localhost\":true", "\"common_name\":\"localhost\"", 200 },
        { "\"allow_localhost\":false", "\"common_name\":\"localhost\"", 400 },
        { "\"allow_any_name\":true", "\"common_name\":\"any.thing\"", 200 },
        { "\"allow_any_name\":true", "\"common_name\":\"not a name\"", 400 },
        { "\"allow_any_name\":true", "\"alt_names\":\"a.example\"", 400 },
        { "\"allow_any_name\":true,\"require_cn\":false", "\"alt_names\":\"a.example\"", 200 },
        { "\"allow_any_name\":true,\"allow_ip_sans\":false",
            "\"common_name\":\"a.example\",\"ip_sans\":\"10.0.0.1\"", 400 },
        { "\"allow_any_name\":true", "\"common_name\":\"a.example\",\"ip_sans\":\"10.0.0\"", 400 },
        { "\"allow_any_name\":true", "\"common_name\":\"a.example\",\"uri_sans\":\"spiffe://x/y\"",
            400 },
        { "\"allow_any_name\":true,\"allowed_uri_sans\":\"spiffe://x/*\"",
            "\"common_name\":\"a.example\",\"uri_sans\":\"spiffe://x/y\"", 200 },
        { "\"allow_any_name\":true",
            "\"common_name\":\"a.example\",\"other_sans\":\"1.3.6.1.4.1.311.20.2.3;UTF8:ann\"",
            400 },
        { "\"allow_any_name\":true,\"allowed_other_sans\":\"1.3.6.1.4.1.311.20.2.3;UTF8:a*\"",
            "\"common_name\":\"a.example\",\"other_sans\":\"1.3.6.1.4.1.311.20.2.3;UTF8:ann\"",
            200 },
        { "\"allow_any_name\":true", "\"common_name\":\"a.example\",\"serial_number\":\"7\"", 400 },
        { "\"allow_any_name\":true,\"allowed_serial_numbers\":\"*\"",
            "\"common_name\":\"a.example\",\"serial_number\":\"7\"", 200 },
        { "\"cn_validations\":\"disabled\"", "\"common_name\":\"Some Device 7\"", 200 },
    };

    open_with_root("\"key_type\":\"ec\"");
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        int status;

        CHECK_U64(role("x", arena_printf(&f.arena,
                                "{\"key_type\":\"ec\",\"allowed_domains\":\"shop.example\",%s}",
                                examples[i].role)),
            200);
        status = issue("x", arena_printf(&f.arena, "{%s}", examples[i].request));
        CHECK_U64(status, examples[i].status);
        if (status != examples[i].status)
            fprintf(stderr, "%s %s: %.*s\n", examples[i].role, examples[i].request,
                STR_ARG(core_text(&f, "errors.0")));
    }
    core_fixture_close(&f);
}

/* ---- requests ---- */

static const char *make_request(const struct folder *d, const char *subject, const char *more)
{
    auto_free char *command =
        xasprintf("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                  "-keyout req.key -out req.pem -subj '%s' %s",
            subject, more);

    CHECK(openssl(d, NULL, command));
    return quoted(load(d, "req.pem"));
}

static int sign(const char *how, const char *csr, const char *more)
{
    return call(OP_WRITE, arena_printf(&f.arena, "pki/%s", how),
        arena_printf(&f.arena, "{\"csr\":\"%s\"%s}", csr, more));
}

static void signs_requests_within_the_role(void)
{
    struct folder d = folder_make();
    const char *csr;

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    role("web",
        "{\"allowed_domains\":\"shop.example\",\"allow_subdomains\":true,\"key_type\":\"ec\","
        "\"allow_ip_sans\":false}");
    csr = make_request(&d, "/O=Evil Corp/CN=a.shop.example",
        "-addext subjectAltName=DNS:b.shop.example -addext basicConstraints=critical,CA:TRUE -addext "
        "keyUsage=keyCertSign,cRLSign");
    CHECK_U64(sign("sign/web", csr, ""), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "leaf.pem: OK",
        "verify -x509_strict -CAfile ca.pem -verify_hostname b.shop.example leaf.pem"));
    /* Neither the subject's other attributes nor what would make it an authority came through. */
    CHECK(openssl(&d, "subject=CN = a.shop.example", "x509 -in leaf.pem -noout -subject"));
    CHECK(!says(&d, "Certificate Sign", "x509 -in leaf.pem -noout -text"));
    CHECK(!says(&d, "CA:TRUE", "x509 -in leaf.pem -noout -text"));

    csr = make_request(&d, "/CN=a.shop.example", "-addext subjectAltName=DNS:c.evil.example");
    CHECK_U64(sign("sign/web", csr, ""), 400);
    csr = make_request(&d, "/CN=a.shop.example", "-addext subjectAltName=IP:10.0.0.1");
    CHECK_U64(sign("sign/web", csr, ""), 400);
    csr = make_request(&d, "/CN=evil.example", "");
    CHECK_U64(sign("sign/web", csr, ",\"common_name\":\"a.shop.example\""), 400);
    CHECK_U64(sign("sign/web", "nonsense", ""), 400);
    CHECK_U64(sign("sign/none", csr, ""), 400);
    role("rsa", "{\"allow_any_name\":true,\"key_type\":\"rsa\"}");
    CHECK_U64(sign("sign/rsa", csr, ""), 400);
    CHECK_STR(core_text(&f, "errors.0"), "role requires keys of type rsa");
    core_fixture_close(&f);
    folder_remove(&d);
}

static void signs_verbatim_but_never_an_authority(void)
{
    struct folder d = folder_make();
    const char *csr;

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    csr = make_request(&d, "/O=Shop/OU=Ops/CN=Any Thing",
        "-addext subjectAltName=DNS:x.y,email:a@b.example,IP:10.9.8.7 -addext "
        "basicConstraints=CA:TRUE -addext keyUsage=keyCertSign,digitalSignature -addext "
        "extendedKeyUsage=codeSigning");
    CHECK_U64(sign("sign-verbatim", csr, ",\"ttl\":\"2h\""), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(
        &d, "subject=O = Shop, OU = Ops, CN = Any Thing", "x509 -in leaf.pem -noout -subject"));
    CHECK(openssl(&d, "email:a@b.example, IP Address:10.9.8.7",
        "x509 -in leaf.pem -noout -ext subjectAltName"));
    CHECK(openssl(&d, "Code Signing", "x509 -in leaf.pem -noout -text"));
    CHECK(!says(&d, "Certificate Sign", "x509 -in leaf.pem -noout -text"));
    CHECK(openssl(&d, "leaf.pem: OK", "verify -CAfile ca.pem leaf.pem"));
    core_fixture_close(&f);
    folder_remove(&d);
}

/* ---- validity ---- */

static void keeps_within_lifetimes(void)
{
    open_with_root("\"key_type\":\"ec\"");
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"ttl\":\"1h\",\"max_ttl\":\"2h\"}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"ttl\":\"10h\"}"), 200);
    CHECK(core_at(&f, "warnings.0") != NULL);
    role("long", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"max_ttl\":\"87000h\"}");
    CHECK_U64(issue("long", "{\"common_name\":\"a.example\",\"ttl\":\"87000h\"}"), 400);
    CHECK_U64(
        issue("long", "{\"common_name\":\"a.example\",\"not_after\":\"9999-12-31T23:59:59Z\"}"),
        400);
    CHECK_U64(
        issue("long", "{\"common_name\":\"a.example\",\"not_after\":\"2001-12-31T23:59:59Z\"}"),
        400);
    CHECK_U64(issue("long", "{\"common_name\":\"a.example\",\"not_after\":\"soon\"}"), 400);
    CHECK_U64(call(OP_PATCH, "pki/issuer/root", "{\"leaf_not_after_behavior\":\"truncate\"}"), 200);
    CHECK_U64(issue("long", "{\"common_name\":\"a.example\",\"ttl\":\"87000h\"}"), 200);
    core_fixture_close(&f);
}

/* ---- intermediates ---- */

static void builds_a_chain_of_authorities(void)
{
    struct folder d = folder_make();
    const char *csr;

    open_with_root("\"key_type\":\"rsa\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    call(
        OP_WRITE, "sys/mounts/sub", "{\"type\":\"pki\",\"config\":{\"max_lease_ttl\":\"87600h\"}}");
    CHECK_U64(call(OP_WRITE, "sub/intermediate/generate/internal",
                  "{\"common_name\":\"Sub\",\"key_type\":\"ec\"}"),
        200);
    CHECK(core_text(&f, "data.key_id").len > 0);
    csr = quoted(core_text(&f, "data.csr"));
    CHECK_U64(
        call(OP_WRITE, "pki/root/sign-intermediate",
            arena_printf(&f.arena,
                "{\"csr\":\"%s\",\"common_name\":\"Sub\",\"ttl\":\"4380h\",\"max_path_length\":0}",
                csr)),
        200);
    save(&d, "sub.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "sub.pem: OK", "verify -x509_strict -CAfile ca.pem sub.pem"));
    CHECK(openssl(&d, "CA:TRUE, pathlen:0", "x509 -in sub.pem -noout -text"));
    CHECK_U64(call(OP_WRITE, "sub/intermediate/set-signed",
                  arena_printf(&f.arena, "{\"certificate\":\"%s\\n%s\"}",
                      quoted(load(&d, "sub.pem")), quoted(load(&d, "ca.pem")))),
        200);
    CHECK(core_at(&f, "data.imported_issuers.1") != NULL);
    CHECK_U64(
        call(OP_WRITE, "sub/roles/web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}"), 200);
    CHECK_U64(call(OP_WRITE, "sub/issue/web", "{\"common_name\":\"a.example\"}"), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    save(&d, "chain.pem", core_text(&f, "data.ca_chain.0"));
    CHECK(core_at(&f, "data.ca_chain.1") != NULL);
    CHECK(openssl(
        &d, "leaf.pem: OK", "verify -x509_strict -CAfile ca.pem -untrusted chain.pem leaf.pem"));
    /* Its path is used up. */
    CHECK_U64(call(OP_WRITE, "sub/root/sign-intermediate",
                  arena_printf(&f.arena, "{\"csr\":\"%s\",\"common_name\":\"Sub2\"}", csr)),
        400);
    core_fixture_close(&f);
    folder_remove(&d);
}

static void imports_what_openssl_made(void)
{
    struct folder d = folder_make();

    core_fixture_open(&f);
    CHECK_U64(call(OP_WRITE, "sys/mounts/pki", "{\"type\":\"pki\"}"), 204);
    CHECK(openssl(&d, NULL,
        "req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -out "
        "ca.pem -days 900 -subj /CN=Mine"));
    CHECK_U64(call(OP_WRITE, "pki/config/ca",
                  arena_printf(&f.arena, "{\"pem_bundle\":\"%s%s\"}", quoted(load(&d, "k.pem")),
                      quoted(load(&d, "ca.pem")))),
        200);
    CHECK(core_at(&f, "data.imported_issuers.0") != NULL &&
          core_at(&f, "data.imported_keys.0") != NULL);
    CHECK_U64(call(OP_WRITE, "pki/config/ca",
                  arena_printf(&f.arena, "{\"pem_bundle\":\"%s\"}", quoted(load(&d, "ca.pem")))),
        200);
    CHECK(core_at(&f, "data.existing_issuers.0") != NULL);
    CHECK_U64(role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}"), 200);
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\"}"), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "leaf.pem: OK", "verify -CAfile ca.pem leaf.pem"));
    CHECK_U64(call(OP_WRITE, "pki/config/ca",
                  arena_printf(&f.arena, "{\"pem_bundle\":\"%s\"}", quoted(load(&d, "leaf.pem")))),
        400);
    CHECK_U64(core_call(&f, OP_READ, "pki/ca/pem", NULL, NULL), 200);
    CHECK_STR(str_trim(f.raw),
        arena_printf(&f.arena, "%.*s", (int)load(&d, "ca.pem").len - 1, load(&d, "ca.pem").at));
    core_fixture_close(&f);
    folder_remove(&d);
}

/* ---- revoking ---- */

static void revokes(void)
{
    struct folder d = folder_make();
    const char *serial;
    const char *other;

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    issue("web", "{\"common_name\":\"a.example\"}");
    save(&d, "a.pem", core_text(&f, "data.certificate"));
    serial = text_of("data.serial_number");
    issue("web", "{\"common_name\":\"b.example\"}");
    save(&d, "b.pem", core_text(&f, "data.certificate"));
    save(&d, "b.key", core_text(&f, "data.private_key"));
    other = text_of("data.serial_number");

    CHECK_U64(
        call(OP_WRITE, "pki/revoke", arena_printf(&f.arena, "{\"serial_number\":\"%s\"}", serial)),
        200);
    CHECK_STR(core_text(&f, "data.state"), "revoked");
    CHECK_U64(core_call(&f, OP_READ, "pki/crl/pem", NULL, NULL), 200);
    save(&d, "crl.pem", f.raw);
    CHECK(openssl(&d, "verify OK", "crl -in crl.pem -CAfile ca.pem -noout"));
    CHECK(!says(&d, "a.pem: OK", "verify -crl_check -CAfile ca.pem -CRLfile crl.pem a.pem"));
    CHECK(openssl(&d, "b.pem: OK", "verify -crl_check -CAfile ca.pem -CRLfile crl.pem b.pem"));
    CHECK_U64(call(OP_LIST, "pki/certs/revoked", NULL), 200);
    CHECK_STR(core_text(&f, "data.keys.0"), serial);
    CHECK_U64(call(OP_READ, arena_printf(&f.arena, "pki/cert/%s", serial), NULL), 200);
    CHECK(core_text(&f, "data.revocation_time").len > 1);

    CHECK_U64(call(OP_WRITE, "pki/revoke", "{\"serial_number\":\"11:22\"}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/revoke", "{}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/revoke-with-key",
                  arena_printf(&f.arena, "{\"serial_number\":\"%s\",\"private_key\":\"%s\"}",
                      serial, quoted(load(&d, "b.key")))),
        400);
    CHECK_U64(call(OP_WRITE, "pki/revoke-with-key",
                  arena_printf(&f.arena, "{\"serial_number\":\"%s\",\"private_key\":\"%s\"}", other,
                      quoted(load(&d, "b.key")))),
        200);
    core_call(&f, OP_READ, "pki/crl/pem", NULL, NULL);
    save(&d, "crl.pem", f.raw);
    CHECK(!says(&d, "b.pem: OK", "verify -crl_check -CAfile ca.pem -CRLfile crl.pem b.pem"));
    core_fixture_close(&f);
    folder_remove(&d);
}

static void answers_ocsp(void)
{
    static const char *const hashes[] = { "-sha1", "-sha256" };
    struct folder d = folder_make();

    open_with_root("\"key_type\":\"rsa\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    issue("web", "{\"common_name\":\"a.example\"}");
    save(&d, "a.pem", core_text(&f, "data.certificate"));
    issue("web", "{\"common_name\":\"b.example\"}");
    save(&d, "b.pem", core_text(&f, "data.certificate"));
    call(OP_WRITE, "pki/revoke",
        arena_printf(&f.arena, "{\"serial_number\":\"%s\"}", text_of("data.serial_number")));
    for (size_t i = 0; i < 2; i++) {
        CHECK(openssl(&d, NULL,
            arena_printf(&f.arena,
                "ocsp %s -issuer ca.pem -cert a.pem -cert b.pem -serial 77 -reqout req.der",
                hashes[i])));
        CHECK_U64(core_call_raw(&f, OP_WRITE, "pki/ocsp", NULL, "application/ocsp-request",
                      load(&d, "req.der")),
            200);
        save(&d, "resp.der", f.raw);
        CHECK(openssl(&d, "Response verify OK",
            arena_printf(&f.arena,
                "ocsp %s -issuer ca.pem -no_nonce -cert a.pem -cert b.pem -serial 77 "
                "-reqin req.der -respin resp.der -CAfile ca.pem",
                hashes[i])));
        CHECK(openssl(&d, "a.pem: good",
            arena_printf(&f.arena,
                "ocsp %s -issuer ca.pem -no_nonce -cert a.pem -cert b.pem -serial 77 "
                "-reqin req.der -respin resp.der -CAfile ca.pem",
                hashes[i])));
        CHECK(printed(&d, "b.pem: revoked"));
        CHECK(printed(&d, "77: unknown"));
    }
    CHECK_U64(
        core_call_raw(&f, OP_WRITE, "pki/ocsp", NULL, "application/ocsp-request", STR("junk")),
        200);
    save(&d, "resp.der", f.raw);
    CHECK(!says(&d, "good", "ocsp -respin resp.der -noverify"));
    /* Of an authority that is not ours. */
    CHECK(openssl(&d, NULL,
        "req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
        "k.pem -out other.pem -subj /CN=Other"));
    CHECK(openssl(&d, NULL, "ocsp -issuer other.pem -serial 5 -reqout req.der"));
    CHECK_U64(core_call_raw(
                  &f, OP_WRITE, "pki/ocsp", NULL, "application/ocsp-request", load(&d, "req.der")),
        200);
    save(&d, "resp.der", f.raw);
    says(&d, NULL, "ocsp -respin resp.der -noverify");
    CHECK(printed(&d, "unauthorized"));
    core_fixture_close(&f);
    folder_remove(&d);
}

/* ---- issuers ---- */

static void keeps_several_issuers(void)
{
    open_with_root("\"key_type\":\"ec\"");
    CHECK_U64(call(OP_WRITE, "pki/root/rotate/internal",
                  "{\"common_name\":\"Root 2\",\"key_type\":\"ec\",\"ttl\":\"8000h\"}"),
        200);
    CHECK_STR(core_text(&f, "data.issuer_name"), "next");
    CHECK_U64(call(OP_WRITE, "pki/root/rotate/internal",
                  "{\"common_name\":\"Root 2\",\"key_type\":\"ec\"}"),
        400);
    CHECK_U64(core_call(&f, OP_LIST, "pki/issuers", NULL, NULL), 200);
    CHECK(core_at(&f, "data.keys.1") != NULL && core_at(&f, "data.keys.2") == NULL);
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"issuer_ref\":\"next\"}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\"}"), 200);
    CHECK_U64(call(OP_WRITE, "pki/root/replace", "{\"default\":\"next\"}"), 200);
    CHECK_U64(call(OP_READ, "pki/issuer/default", NULL), 200);
    CHECK_STR(core_text(&f, "data.issuer_name"), "next");
    CHECK_U64(call(OP_PATCH, "pki/issuer/next",
                  "{\"usage\":\"read-only,crl-signing\",\"issuer_name\":\"renamed\"}"),
        200);
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\"}"), 404);
    CHECK_U64(
        call(OP_WRITE, "pki/issuer/renamed/issue/web", "{\"common_name\":\"a.example\"}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/issuer/root/issue/web", "{\"common_name\":\"a.example\"}"), 200);
    CHECK_U64(call(OP_DELETE, "pki/issuer/root", NULL), 204);
    CHECK_U64(call(OP_READ, "pki/issuer/root", NULL), 404);
    CHECK_U64(call(OP_LIST, "pki/keys", NULL), 200);
    CHECK_U64(call(OP_DELETE, "pki/root", NULL), 204);
    CHECK_U64(core_call(&f, OP_LIST, "pki/issuers", NULL, NULL), 404);
    CHECK_U64(core_call(&f, OP_READ, "pki/ca", NULL, NULL), 204);
    core_fixture_close(&f);
}

static void replaces_a_compromised_issuer(void)
{
    struct folder d = folder_make();
    const char *serial;

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "old.pem", core_text(&f, "data.certificate"));
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    issue("web", "{\"common_name\":\"a.example\"}");
    save(&d, "a.pem", core_text(&f, "data.certificate"));
    serial = text_of("data.serial_number");
    CHECK_U64(call(OP_READ, "pki/issuer/root/compromised", NULL), 200);
    CHECK_STR(core_text(&f, "data.certificates"), "1");
    CHECK_STR(core_text(&f, "data.serial_numbers.0"), serial);
    CHECK_STR(core_text(&f, "data.successor"), "self-signed");
    CHECK_U64(call(OP_WRITE, "pki/issuer/root/compromised", "{}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/issuer/root/compromised", "{\"reason\":\"laptop stolen\"}"), 200);
    /* Roles go on under the same name, and nothing verifies against the old one that was issued before. */
    CHECK_U64(issue("web", "{\"common_name\":\"b.example\"}"), 200);
    save(&d, "b.pem", core_text(&f, "data.certificate"));
    CHECK_U64(core_call(&f, OP_READ, "pki/issuer/root/json", NULL, NULL), 200);
    save(&d, "new.pem", core_text(&f, "data.certificate"));
    CHECK(openssl(&d, "b.pem: OK", "verify -x509_strict -CAfile new.pem b.pem"));
    CHECK(!says(&d, "a.pem: OK", "verify -CAfile new.pem a.pem"));
    CHECK_U64(call(OP_READ, arena_printf(&f.arena, "pki/cert/%s", serial), NULL), 200);
    CHECK(core_text(&f, "data.revocation_time").len > 1);
    CHECK_U64(
        core_call(&f, OP_READ,
            arena_printf(&f.arena, "pki/issuer/%s/crl/pem", text_of("data.issuer_id")), NULL, NULL),
        200);
    save(&d, "crl.pem", f.raw);
    CHECK(!says(&d, "a.pem: OK", "verify -crl_check -CAfile old.pem -CRLfile crl.pem a.pem"));
    CHECK(printed(&d, "certificate revoked"));
    core_fixture_close(&f);
    folder_remove(&d);
}

static void an_intermediate_is_followed_by_another(void)
{
    struct folder d = folder_make();
    const char *csr;

    open_with_root("\"key_type\":\"ec\"");
    save(&d, "ca.pem", core_text(&f, "data.certificate"));
    CHECK_U64(call(OP_WRITE, "pki/intermediate/generate/internal",
                  "{\"common_name\":\"Sub\",\"key_type\":\"ec\"}"),
        200);
    csr = quoted(core_text(&f, "data.csr"));
    CHECK_U64(call(OP_WRITE, "pki/root/sign-intermediate",
                  arena_printf(
                      &f.arena, "{\"csr\":\"%s\",\"common_name\":\"Sub\",\"ttl\":\"400h\"}", csr)),
        200);
    CHECK_U64(call(OP_WRITE, "pki/intermediate/set-signed",
                  arena_printf(&f.arena, "{\"certificate\":\"%s\"}",
                      quoted(core_text(&f, "data.certificate")))),
        200);
    CHECK_U64(
        call(OP_WRITE, arena_printf(&f.arena, "pki/issuer/%s", text_of("data.imported_issuers.0")),
            "{\"issuer_name\":\"sub\"}"),
        200);
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"issuer_ref\":\"sub\"}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"ttl\":\"1h\"}"), 200);
    CHECK_U64(call(OP_WRITE, "pki/issuer/sub/compromised", "{\"reason\":\"why not\"}"), 200);
    CHECK_STR(core_text(&f, "data.successor"), "signed by its parent");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"ttl\":\"1h\"}"), 200);
    save(&d, "leaf.pem", core_text(&f, "data.certificate"));
    save(&d, "sub.pem", core_text(&f, "data.issuing_ca"));
    CHECK(openssl(
        &d, "leaf.pem: OK", "verify -x509_strict -CAfile ca.pem -untrusted sub.pem leaf.pem"));
    core_fixture_close(&f);
    folder_remove(&d);
}

static void a_lease_ends_with_a_revocation(void)
{
    const char *serial;

    open_with_root("\"key_type\":\"ec\"");
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\",\"generate_lease\":true}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"ttl\":\"1h\"}"), 200);
    serial = text_of("data.serial_number");
    CHECK(str_starts(core_text(&f, "lease_id"), STR("pki/issue/web/")));
    CHECK_STR(core_text(&f, "lease_duration"), "3600");
    CHECK_U64(call(OP_WRITE, "sys/leases/revoke",
                  arena_printf(&f.arena, "{\"lease_id\":\"%s\"}", text_of("lease_id"))),
        204);
    CHECK_U64(call(OP_READ, arena_printf(&f.arena, "pki/cert/%s", serial), NULL), 200);
    CHECK(core_text(&f, "data.revocation_time").len > 1);
    core_fixture_close(&f);
}

/* Nobody without a token makes anything; with one, only what its policies say. */
static void asks_for_tokens(void)
{
    static const struct {
        enum operation op;
        const char *path;
        int status;
    } examples[] = {
        { OP_WRITE, "pki/root/generate/internal", 403 },
        { OP_WRITE, "pki/sign/web", 403 },
        { OP_WRITE, "pki/sign-verbatim", 403 },
        { OP_WRITE, "pki/revoke", 403 },
        { OP_WRITE, "pki/revoke-with-key", 403 },
        { OP_WRITE, "pki/tidy", 403 },
        { OP_WRITE, "pki/crl/rotate", 403 },
        { OP_WRITE, "pki/issuer/root/compromised", 403 },
        { OP_READ, "pki/issuer/root", 403 },
        { OP_READ, "pki/roles/web", 403 },
        { OP_LIST, "pki/certs", 403 },
        { OP_LIST, "pki/keys", 403 },
        { OP_DELETE, "pki/root", 403 },
        { OP_LIST, "pki/issuers", 200 },
        { OP_READ, "pki/ca/pem", 200 },
        { OP_READ, "pki/crl", 200 },
        { OP_READ, "pki/issuer/root/pem", 200 },
    };
    const char *token;

    open_with_root("\"key_type\":\"ec\"");
    call(OP_WRITE, "sys/policies/acl/other",
        "{\"policy\":\"path \\\"pki/roles/*\\\" { capabilities = [\\\"list\\\"] }\"}");
    CHECK_U64(call(OP_WRITE, "auth/token/create", "{\"policies\":[\"other\"]}"), 200);
    token = text_of("auth.client_token");
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        CHECK_U64(core_call(&f, examples[i].op, examples[i].path, NULL, "{}"), examples[i].status);
        CHECK_U64(core_call(&f, examples[i].op, examples[i].path, token, "{}"), examples[i].status);
    }
    core_fixture_close(&f);
}

static void survives_a_restart(void)
{
    open_with_root("\"key_type\":\"ec\"");
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    core_fixture_restart(&f);
    core_fixture_unseal(&f);
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\"}"), 200);
    CHECK_U64(call(OP_READ, "pki/roles/web", NULL), 200);
    CHECK_STR(core_text(&f, "data.allow_any_name"), "true");
    CHECK_STR(core_text(&f, "data.key_usage.0"), "DigitalSignature");
    core_fixture_close(&f);
}

static void formats(void)
{
    open_with_root("\"key_type\":\"ec\"");
    role("web", "{\"allow_any_name\":true,\"key_type\":\"ec\"}");
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"format\":\"der\"}"), 200);
    CHECK(str_starts(core_text(&f, "data.certificate"), STR("MII")));
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"format\":\"pem_bundle\","
                           "\"private_key_format\":\"pkcs8\"}"),
        200);
    CHECK(str_starts(core_text(&f, "data.certificate"), STR("-----BEGIN PRIVATE KEY-----")));
    CHECK_U64(issue("web", "{\"common_name\":\"a.example\",\"format\":\"jks\"}"), 400);
    CHECK_U64(core_call(&f, OP_READ, "pki/cert/ca", NULL, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/cert/ca/raw", NULL, NULL), 200);
    CHECK_U64((uint8_t)f.raw.at[0], 0x30);
    CHECK_U64(core_call(&f, OP_READ, "pki/cert/crl", NULL, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/ca_chain", NULL, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/issuer/root/json", NULL, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/issuer/root/crl/der", NULL, NULL), 200);
    CHECK_U64(core_call(&f, OP_READ, "pki/cert/00:11", NULL, NULL), 404);
    CHECK_U64(core_call(&f, OP_WRITE, "pki/issue/web", NULL, "{}"), 403);
    CHECK_U64(call(OP_WRITE, "pki/config/crl", "{\"expiry\":\"1s\"}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/config/crl", "{\"enable_delta\":true}"), 400);
    CHECK_U64(call(OP_WRITE, "pki/config/crl",
                  "{\"auto_rebuild\":true,\"auto_rebuild_grace_period\":\"100h\"}"),
        400);
    CHECK_U64(call(OP_WRITE, "pki/config/crl", "{\"expiry\":\"a while\"}"), 400);
    core_fixture_close(&f);
}

TESTS(CASE(issues_rsa), CASE(issues_ec), CASE(issues_ed25519), CASE(signs_with_pss),
    CASE(lets_in_what_the_role_names), CASE(signs_requests_within_the_role),
    CASE(signs_verbatim_but_never_an_authority), CASE(keeps_within_lifetimes),
    CASE(builds_a_chain_of_authorities), CASE(imports_what_openssl_made), CASE(revokes),
    CASE(answers_ocsp), CASE(keeps_several_issuers), CASE(replaces_a_compromised_issuer),
    CASE(an_intermediate_is_followed_by_another), CASE(a_lease_ends_with_a_revocation),
    CASE(asks_for_tokens), CASE(survives_a_restart), CASE(formats))
