/*
 * Signer health: what self-tests, signatures, audit and certificates say of themselves in health and metrics.
 */
#include "check.h"
#include "core_fixture.h"
#include "keeper/crypto/meter_int.h"
#include "keeper/sys/observe_int.h"

static struct core_fixture f;

static int get(const char *path, const char *json)
{
    return core_call(&f, OP_READ, path, f.root, json);
}

static int put(const char *path, const char *json)
{
    return core_call(&f, OP_WRITE, path, f.root, json);
}

static const struct value *observed(void)
{
    struct value *v = value_map(&f.arena);

    core_observe(f.core, &f.arena, v);
    return v;
}

static const struct value *signer(const char *name)
{
    return value_get(value_get(observed(), "signers"), name);
}

static bool contains(struct str all, const char *what)
{
    return memmem(all.at, all.len, what, strlen(what)) != NULL;
}

/* The tests run in a thread of their own: rounds pass until it has done its work. */
static bool is_tested(const char *name)
{
    for (int i = 0; i < 20000 && value_get(signer(name), "tested") == NULL; i++)
        core_fixture_rounds(&f, 1);
    return value_get(signer(name), "tested") != NULL;
}

static void every_algorithm_is_tested(void)
{
    static const char *const names[] = { "aes128-gcm96", "aes256-gcm96", "chacha20-poly1305",
        "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "hmac" };

    core_fixture_open(&f);
    core_fixture_advance(&f, 11);
    CHECK(is_tested("hmac"));
    core_fixture_advance(&f, 11);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK(is_tested(names[i]));
        CHECK(value_get_bool(signer(names[i]), "ok", false));
        CHECK_U64(value_get_i64(signer(names[i]), "test_failures", -1), 0);
    }
    CHECK(value_get_bool(observed(), "signers_ok", false));
    CHECK_U64(core_call(&f, OP_READ, "sys/health", NULL, NULL), 200);
    CHECK_STR(core_text(&f, "keeper.signers_ok"), "true");
    CHECK_STR(core_text(&f, "keeper.signers.ed25519.ok"), "true");
    CHECK_STR(core_text(&f, "keeper.audit.damaged"), "false");
    CHECK_STR(core_text(&f, "sealed"), "false");
    CHECK_U64(get("sys/metrics", "{\"format\":\"prometheus\"}"), 200);
    CHECK(contains(f.raw, "weir_keeper_self_test_ok{algorithm=\"ed25519\"} 1\n"));
    core_fixture_close(&f);
}

static void signatures_are_measured(void)
{
    int64_t before;

    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/transit", "{\"type\":\"transit\"}"), 204);
    CHECK_U64(put("transit/keys/k", "{\"type\":\"ecdsa-p384\"}") / 100, 2);
    before = value_get_i64(signer("ecdsa-p384"), "signatures", -1);
    for (int i = 0; i < 10; i++)
        CHECK_U64(put("transit/sign/k", "{\"input\":\"aGVsbG8=\"}"), 200);
    CHECK(value_get_i64(signer("ecdsa-p384"), "signatures", -1) >= before + 10);
    CHECK(value_get_i64(signer("ecdsa-p384"), "failures", -1) == 0);
    CHECK(value_get(signer("ecdsa-p384"), "p99_usec") != NULL);
    CHECK_U64(get("sys/metrics", "{\"format\":\"prometheus\"}"), 200);
    CHECK(contains(
        f.raw, "weir_keeper_signature_seconds{algorithm=\"ecdsa-p384\",quantile=\"0.99\"}"));
    core_fixture_close(&f);
}

static void audit_and_expiry_are_told(void)
{
    core_fixture_open(&f);
    CHECK_U64(put("sys/mounts/pki", "{\"type\":\"pki\"}"), 204);
    CHECK_U64(put("pki/root/generate/internal",
                  "{\"common_name\":\"root\",\"key_type\":\"ec\",\"ttl\":\"1h\"}"),
        200);
    core_fixture_advance(&f, 11);
    core_fixture_rounds(&f, 10);
    CHECK(value_get_i64(observed(), "soonest_expiry", 0) > 0);
    CHECK(value_get_i64(value_get(observed(), "audit"), "written", 0) > 5);
    CHECK_U64(value_get_i64(value_get(observed(), "audit"), "lag_msec", -1), 0);
    CHECK(value_get_i64(value_get(observed(), "audit"), "head_age_msec", -1) >= 0);
    CHECK(value_get(observed(), "backups") != NULL);
    CHECK_U64(put("sys/seal", NULL), 204);
    core_fixture_rounds(&f, 20);
    CHECK(value_get_bool(observed(), "sealed", false));
    CHECK(value_get(observed(), "backups") == NULL);
    core_fixture_close(&f);
}

/* Of a thousand durations of 1 to 1000 us: a bucket is at most a quarter too large. */
static void quantiles_are_near(void)
{
    struct meter_reading m;

    meter_turn();
    meter_turn();
    for (unsigned i = 1; i <= 1000; i++)
        meter_note(KEY_HMAC, (nsec_t)i * 1000, i % 100 != 0);
    meter_read(KEY_HMAC, &m);
    CHECK_U64(m.recent, 1000);
    CHECK_U64(m.failures, 10);
    CHECK(m.p50 >= 500 && m.p50 <= 625);
    CHECK(m.p95 >= 950 && m.p95 <= 1188);
    CHECK(m.p99 >= 990 && m.p99 <= 1238);
    meter_turn();
    meter_read(KEY_HMAC, &m);
    CHECK_U64(m.recent, 1000);
    meter_turn();
    meter_read(KEY_HMAC, &m);
    CHECK_U64(m.recent, 0);
    CHECK(m.p99 == 0);
}

int main(void)
{
    static const struct check_case cases[] = {
        CASE(quantiles_are_near),
        CASE(every_algorithm_is_tested),
        CASE(signatures_are_measured),
        CASE(audit_and_expiry_are_told),
    };

    core_fixture_use_clock();
    return check_run(cases, sizeof(cases) / sizeof(cases[0]));
}
