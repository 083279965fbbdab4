/*
 * identity oidc - roles, tokens, and what others need to verify them; see identity_oidc_int.h.
 *
 * A token says who the asking entity is: iss, sub (the entity's id), aud (the role's client id), iat, exp.  Templates for more
 * claims are not offered.
 */
#include "base/json_read.h"
#include "keeper/core/encode_int.h"
#include "keeper/core/token_int.h"
#include "keeper/engines/identity_oidc_int.h"

enum { DAY = 86400, JWT_MAX = 16384 };

static const char config_path[] = "identity/oidc-config";

/* ---- configuration ---- */

static struct str issuer_base(struct request *r)
{
    return value_get_text(entry_get_value(&r->tx, str_from(config_path)), "issuer", STR(""));
}

static struct str issuer(struct request *r)
{
    return str_from(arena_printf(&r->arena, "%.*s/v1/identity/oidc", STR_ARG(issuer_base(r))));
}

void oidc_config_read(struct request *r)
{
    struct value *data = value_map(&r->arena);

    value_put_text(&r->arena, data, "issuer", issuer_base(r));
    reply_data(r, data);
}

void oidc_config_write(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct str s = issuer_base(r);

    field_text(r, "issuer", &s);
    if (refused(r))
        return;
    if (s.len > 0 && !str_starts(s, STR("https://")) && !str_starts(s, STR("http://"))) {
        reply_error(
            r, 400, "invalid issuer, which must include only a scheme, host, and optional port");
        return;
    }
    value_put_text(&r->arena, v, "issuer", s);
    entry_put_value(&r->tx, str_from(config_path), v, 0);
    reply_empty(r);
    if (s.len > 0)
        reply_warn(r, "tokens can be validated at this issuer's address alone from now on");
}

/* ---- roles ---- */

static struct str role_path(struct request *r, struct str name)
{
    return entry_path(
        &r->tx, "identity/oidc-role/%.*s", STR_ARG(encode_base64url(&r->arena, name)));
}

static struct value *role_load(struct request *r, struct str name)
{
    if (name.len == 0 || name.len > ENTITY_NAME_MAX)
        return NULL;
    return entry_get_value(&r->tx, role_path(r, name));
}

static struct value *new_role(struct request *r, struct str name)
{
    struct arena *a = &r->arena;
    struct value *role = value_map(a);

    value_put_text(a, role, "name", name);
    value_put_text(a, role, "key", STR(""));
    value_put_text(a, role, "client_id", random_base62(a, 32));
    value_put_i64(a, role, "ttl", DAY);
    return role;
}

void oidc_role_write(struct request *r)
{
    struct arena *a = &r->arena;
    struct str name = param(r, "name");
    struct value *role = role_load(r, name);
    struct str key;
    struct str client_id;
    struct str template = STR("");
    int64_t ttl;

    if (role == NULL)
        role = new_role(r, name);
    key = value_get_text(role, "key", STR(""));
    client_id = value_get_text(role, "client_id", STR(""));
    ttl = value_get_i64(role, "ttl", DAY);
    field_text(r, "key", &key);
    field_text(r, "client_id", &client_id);
    field_text(r, "template", &template);
    field_seconds(r, "ttl", &ttl);
    if (refused(r))
        return;
    if (name.len > ENTITY_NAME_MAX)
        reply_error(r, 400, "a name may have at most %d bytes", ENTITY_NAME_MAX);
    else if (key.len == 0)
        reply_error(r, 400, "the key parameter is required");
    else if (template.len > 0)
        reply_error(r, 400, "templates are not supported: a token has iss, sub, aud, iat and exp");
    else if (ttl <= 0)
        reply_error(r, 400, "ttl must be positive");
    else if (oidc_key_load(r, key) != NULL &&
             ttl > value_get_i64(oidc_key_load(r, key), "verification_ttl", 0))
        reply_error(r, 400,
            "a role's token ttl cannot be longer than the verification_ttl of the key it "
            "references");
    if (refused(r))
        return;
    value_set(a, role, STR("key"), value_text(a, key));
    value_set(a, role, STR("client_id"), value_text(a, client_id));
    value_set(a, role, STR("ttl"), value_i64(a, ttl));
    entry_put_value(&r->tx, role_path(r, name), role, 0);
    reply_empty(r);
}

void oidc_role_read(struct request *r)
{
    struct value *role = role_load(r, param(r, "name"));

    if (role == NULL) {
        reply_not_found(r);
        return;
    }
    value_remove(role, STR("name"));
    value_put_text(&r->arena, role, "template", STR(""));
    reply_data(r, role);
}

void oidc_role_delete(struct request *r)
{
    struct str name = param(r, "name");

    if (name.len <= ENTITY_NAME_MAX)
        entry_delete(&r->tx, role_path(r, name));
    reply_empty(r);
}

void oidc_role_list(struct request *r)
{
    identity_list_names(r, "oidc-role");
}

/* ---- tokens ---- */

static void add_part(struct request *r, struct buf *to, const struct value *v)
{
    struct buf json;

    buf_init(&json, JWT_MAX);
    json_write(v, &json);
    if (to->len > 0)
        buf_char(to, '.');
    buf_str(to, encode_base64url(&r->arena, buf_as_str(&json)));
    buf_free(&json);
}

static struct value *claims(struct request *r, const struct value *role)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    int64_t now = r->now / 1000;

    value_put_text(a, v, "aud", value_get_text(role, "client_id", STR("")));
    value_put_i64(a, v, "exp", now + value_get_i64(role, "ttl", DAY));
    value_put_i64(a, v, "iat", now);
    value_put_text(a, v, "iss", issuer(r));
    value_put_text(a, v, "namespace", STR("root"));
    value_put_text(a, v, "sub", r->who->entity);
    return v;
}

static void sign(struct request *r, struct buf *jwt, const struct value *key)
{
    const struct oidc_algorithm *alg =
        oidc_algorithm_find(value_get_text(key, "algorithm", STR("")));
    struct crypto_key *k = oidc_version_key(key, value_get(key, "versions")->last);
    struct err err = { 0 };
    struct buf signature;

    buf_init(&signature, 1024);
    if (k == NULL || crypto_key_sign(k, &alg->signing, buf_as_str(jwt), &signature, &err) == -1) {
        reply_error(r, 500, "the token could not be signed");
    } else {
        buf_char(jwt, '.');
        buf_str(jwt, encode_base64url(&r->arena, buf_as_str(&signature)));
    }
    buf_free(&signature);
    crypto_unref(k);
}

/* With the newest version of the key. */
static void give_token(struct request *r, const struct value *key)
{
    struct arena *a = &r->arena;
    const struct value *role = role_load(r, param(r, "name"));
    struct value *head = value_map(a);
    struct value *data = value_map(a);
    struct buf jwt;

    value_put_text(a, head, "alg", value_get_text(key, "algorithm", STR("")));
    value_put_text(
        a, head, "kid", value_get_text(value_get(key, "versions")->last, "kid", STR("")));
    buf_init(&jwt, JWT_MAX);
    add_part(r, &jwt, head);
    add_part(r, &jwt, claims(r, role));
    sign(r, &jwt, key);
    if (!refused(r)) {
        identity_put(a, data, "client_id", value_get(role, "client_id"));
        value_put_text(a, data, "token", buf_as_str(&jwt));
        identity_put(a, data, "ttl", value_get(role, "ttl"));
        reply_data(r, data);
    }
    buf_free(&jwt);
}

static void give_token_of_new(struct request *r, struct value *key)
{
    oidc_key_save(r, key);
    give_token(r, key);
}

static bool allows(const struct value *key, struct str client_id)
{
    value_each (id, value_get(key, "allowed_client_ids")) {
        if (str_is(id->text, "*") || str_eq(id->text, client_id))
            return true;
    }
    return false;
}

void oidc_token(struct request *r)
{
    struct str name = param(r, "name");
    const struct value *role = role_load(r, name);
    struct str key_name = value_get_text(role, "key", STR(""));
    const struct value *key = oidc_key_load(r, key_name);

    if (role == NULL)
        reply_error(r, 400, "role \"%.*s\" not found", STR_ARG(name));
    else if (key == NULL || value_get(key, "versions")->n == 0)
        reply_error(r, 400, "key \"%.*s\" not found", STR_ARG(key_name));
    else if (r->who == NULL || r->who->entity.len == 0)
        reply_error(r, 400, "no entity associated with the request's token");
    else if (!allows(key, value_get_text(role, "client_id", STR(""))))
        reply_error(r, 400,
            "the key \"%.*s\" does not list the client ID of the role \"%.*s\" "
            "as an allowed client ID",
            STR_ARG(key_name), STR_ARG(name));
    else if (r->now >= value_get_i64(key, "next_rotation", 0) * 1000)
        oidc_key_rotate(r, key_name, give_token_of_new);
    else
        give_token(r, key);
}

/* ---- for those who verify ---- */

static void reply_json(struct request *r, const struct value *v)
{
    struct buf json;

    buf_init(&json, 1 << 20);
    json_write(v, &json);
    reply_raw(r, 200, "application/json", arena_str(&r->arena, buf_as_str(&json)));
    buf_free(&json);
}

/* Calls for each version that verifies, until one says true. */
static bool any_version(struct request *r,
    bool (*is_it)(struct request *r, const struct value *key, const struct value *v, void *arg),
    void *arg)
{
    value_each (name, entry_list(&r->tx, STR("identity/oidc-key/"), STR_NONE, 0)) {
        const struct value *key = entry_get_value(
            &r->tx, entry_path(&r->tx, "identity/oidc-key/%.*s", STR_ARG(name->text)));

        value_each (v, value_get(key, "versions")) {
            if (oidc_version_is_valid(r, v) && is_it(r, key, v, arg))
                return true;
        }
    }
    return false;
}

static bool add_jwk(
    struct request *r, const struct value *key, const struct value *version, void *list)
{
    struct value *jwk = oidc_version_jwk(r, key, version);

    if (jwk != NULL)
        value_add(list, jwk);
    return false;
}

void oidc_well_known_keys(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct value *keys = value_list(&r->arena);

    any_version(r, add_jwk, keys);
    value_put(v, "keys", keys);
    reply_json(r, v);
}

static struct value *words(struct arena *a, const char *const *list)
{
    struct value *v = value_list(a);

    for (; *list != NULL; list++)
        value_add_text(a, v, str_from(*list));
    return v;
}

void oidc_well_known(struct request *r)
{
    static const char *const algorithms[] = { "RS256", "RS384", "RS512", "ES256", "ES384", "ES512",
        "EdDSA", NULL };
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct str base = issuer(r);

    value_put_text(a, v, "issuer", base);
    value_put_text(
        a, v, "jwks_uri", str_from(arena_printf(a, "%.*s/.well-known/keys", STR_ARG(base))));
    value_put(v, "response_types_supported", words(a, (const char *const[]){ "id_token", NULL }));
    value_put(v, "subject_types_supported", words(a, (const char *const[]){ "public", NULL }));
    value_put(v, "id_token_signing_alg_values_supported", words(a, algorithms));
    reply_json(r, v);
}

struct seen {
    struct str input;     /* what was signed */
    struct str signature; /* its bytes */
};

static bool has_signed(
    struct request *r, const struct value *key, const struct value *version, void *arg)
{
    const struct seen *s = arg;
    const struct oidc_algorithm *alg =
        oidc_algorithm_find(value_get_text(key, "algorithm", STR("")));
    struct crypto_key *k = oidc_version_key(key, version);
    struct err err;
    bool is_it = k != NULL && crypto_verify(k, &alg->signing, s->input, s->signature, &err) == 1;

    (void)r;
    crypto_unref(k);
    return is_it;
}

/* NULL: it is good. What is read of it is read once its signature says that it is our own. */
static const char *judge(struct request *r, struct str jwt, struct str client_id)
{
    const char *dot = jwt.len > 0 ? memrchr(jwt.at, '.', jwt.len) : NULL;
    struct err err = { 0 };
    struct seen s;
    struct str payload;
    const struct value *v;
    struct str entity;
    struct value *policies;

    if (dot == NULL || jwt.len > JWT_MAX)
        return "malformed";
    s.input = (struct str){ jwt.at, (size_t)(dot - jwt.at) };
    if (!decode_base64url(&r->arena, (struct str){ dot + 1, jwt.len - (size_t)(dot + 1 - jwt.at) },
            &s.signature) ||
        !any_version(r, has_signed, &s))
        return "unable to validate the token signature";
    str_cut(s.input, '.', &payload);
    if (payload.at == NULL || !decode_base64url(&r->arena, payload, &payload))
        return "malformed";
    v = json_read(&r->arena, payload, 100, &err);
    if (r->now >= value_get_i64(v, "exp", 0) * 1000)
        return "token is expired";
    if (client_id.len > 0 && !str_eq(client_id, value_get_text(v, "aud", STR(""))))
        return "invalid client ID";
    entity = value_get_text(v, "sub", STR(""));
    return identity_look(r, entity, &policies) ? NULL : "entity was not found or is disabled";
}

void oidc_introspect(struct request *r)
{
    struct value *v = value_map(&r->arena);
    struct str jwt = STR("");
    struct str client_id = STR("");
    const char *wrong;

    field_text(r, "token", &jwt);
    field_text(r, "client_id", &client_id);
    if (refused(r))
        return;
    wrong = judge(r, jwt, client_id);
    value_put_bool(&r->arena, v, "active", wrong == NULL);
    if (wrong != NULL)
        value_put_text(&r->arena, v, "error", str_from(wrong));
    reply_json(r, v);
}
