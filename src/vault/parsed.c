/*
 * parsed - which members of which requests are more than JSON, and who reads them.
 */
#include "base/json_read.h"
#include <openssl/crypto.h>

#include "vault/parsed_int.h"

/* OpenSSL may look for no configuration file: this role opens none. Costs nothing after the first time. */
static void start(void)
{
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

static void put_error(struct arena *a, struct value *parsed, const char *member, const char *why)
{
    struct value *v = value_map(a);

    value_put_text(a, v, "error", str_from(why));
    value_put(parsed, member, v);
}

/* One value of a text, or what is wrong with it. */
static void put_parsed(struct arena *a, struct value *parsed, const char *member,
    struct value *(*parse)(struct arena *a, struct str text, struct err *err), struct str text)
{
    struct err err = { 0 };
    struct value *v;

    start();
    v = parse(a, text, &err);
    if (v == NULL)
        put_error(a, parsed, member, err.text);
    else
        value_put(parsed, member, v);
}

static void on_csr(struct arena *a, const struct value *v, struct value *parsed)
{
    if (value_get(parsed, "csr") == NULL)
        put_parsed(a, parsed, "csr", parse_csr, v->text);
}

static void on_backup(struct arena *a, const struct value *v, struct value *parsed)
{
    if (value_get(parsed, "backup") == NULL)
        put_parsed(a, parsed, "backup", parse_backup, v->text);
}

static void on_pem(struct arena *a, const struct value *v, struct value *parsed)
{
    struct err err = { 0 };
    struct value *errors;

    start();
    if (parse_pem(a, v->text, arena_str(a, v->name).at, parsed, &err) == 0)
        return;
    errors = value_get(parsed, "pem_errors");
    if (errors == NULL) {
        errors = value_map(a);
        value_put(parsed, "pem_errors", errors);
    }
    value_set(a, errors, v->name, value_text(a, str_from(err.text)));
}

/* An AppRole's metadata comes as a JSON text inside of JSON. */
static void on_map(struct arena *a, const struct value *v, struct value *parsed)
{
    struct err err = { 0 };
    struct value *maps = value_get(parsed, "maps");
    struct value *map;

    if (v->text.at[0] != '{' || v->text.len > PARSED_MAP_MAX)
        return;
    map = json_read(a, v->text, PARSED_MAP_NODES, &err);
    if (map == NULL)
        return;
    if (maps == NULL) {
        maps = value_map(a);
        value_put(parsed, "maps", maps);
    }
    value_put_named(a, maps, v->name, map);
}

/* Engines that only carry such a text (kv) pay for reading it once, which is bounded. */
static const struct special {
    const char *name;
    void (*parse)(struct arena *a, const struct value *v, struct value *parsed);
} specials[] = {
    { "backup", on_backup },
    { "ca_cert", on_pem },
    { "cacert", on_pem },
    { "certificate", on_pem },
    { "certificate_chain", on_pem },
    { "crl", on_pem },
    { "csr", on_csr },
    { "metadata", on_map },
    { "ocsp_ca_certificates", on_pem },
    { "pem_bundle", on_pem },
    { "pem_keys", on_pem },
    { "private_key", on_pem },
    { "public_key", on_pem },
};

static void add_members(struct arena *a, const struct value *body, struct value *parsed)
{
    value_each (v, body) {
        if (v->kind != VALUE_TEXT || v->text.len == 0)
            continue;
        for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++)
            if (str_is(v->name, specials[i].name))
                specials[i].parse(a, v, parsed);
    }
}

static void add_policy(
    struct arena *a, struct str path, const struct value *body, struct value *parsed)
{
    bool password = str_starts(path, STR("sys/policies/password/"));
    struct str text = value_get_text(body, "policy", value_get_text(body, "rules", STR_NONE));

    if (text.at != NULL)
        put_parsed(a, parsed, "policy", password ? parse_password_policy : parse_policy, text);
}

/* POST has the request in its body, GET has it in base64 at the end of the path (RFC 6960 appendix A.1). */
static void add_ocsp(struct arena *a, struct str path, struct str raw, struct value *parsed)
{
    const char *at = memmem(path.at, path.len, "/ocsp", 5);
    struct str end;

    if (at == NULL)
        return;
    end = (struct str){ at + 5, path.len - (size_t)(at + 5 - path.at) };
    if (end.len > 1 && end.at[0] == '/') {
        raw = end.len <= PARSED_OCSP_MAX ? parse_base64(a, (struct str){ end.at + 1, end.len - 1 })
                                         : STR_NONE;
        put_parsed(a, parsed, "ocsp", parse_ocsp, raw);
    } else if (end.len <= 1 && raw.len > 0) {
        put_parsed(a, parsed, "ocsp", parse_ocsp, raw);
    }
}

void parse_special(struct arena *a, struct str path, struct str content_type,
    const struct value *body, struct str raw, struct value *parsed)
{
    if (str_starts(path, STR("sys/polic")))
        add_policy(a, path, body, parsed);
    else
        add_members(a, body, parsed);
    if (raw.len == 0 || str_starts(content_type, STR("application/ocsp-request")))
        add_ocsp(a, path, raw, parsed);
}
