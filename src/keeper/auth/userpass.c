/*
 * userpass - login by name and password.
 *
 * Passwords are kept as Argon2id hashes (RFC 9106), made and compared in a worker.  A name that does not exist is compared
 * with a hash of nothing in particular, so that a refusal takes as long; failures are counted by core/lockout.c, alike for
 * both.  Names are kept and compared in lower case.  Entries under the mount: "user/<name>".
 */
#include <sodium.h>

#include "keeper/auth/token_params_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/lockout_int.h"

enum {
    NAME_BYTES_MAX = 512,
    PASSWORD_MAX = 1024,
    HASH_PASSES = 2,
    HASH_MEMORY = 19 << 20, /* OWASP's choice for Argon2id with two passes */
};

static struct str user_name(struct request *r)
{
    struct str s = param(r, "username");
    char *to = arena_alloc(&r->arena, s.len + 1);

    for (size_t i = 0; i < s.len; i++)
        to[i] = ascii_lower(s.at[i]);
    return (struct str){ to, s.len };
}

static struct str user_path(struct request *r, struct str name)
{
    return mount_path(r, "user/%.*s", STR_ARG(name));
}

static struct value *load(struct request *r, struct str name)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return NULL;
    return entry_get_value(&r->tx, user_path(r, name));
}

static bool exists(struct request *r)
{
    return load(r, user_name(r)) != NULL;
}

static bool given_password(struct request *r, struct str *to)
{
    *to = STR("");
    field_text(r, "password", to);
    if (!refused(r) && to->len == 0)
        reply_error(r, 400, "missing password");
    else if (!refused(r) && to->len > PASSWORD_MAX)
        reply_error(r, 400, "a password may have at most %d bytes", PASSWORD_MAX);
    return !refused(r);
}

/* ---- users ---- */

struct hashing {
    struct str password;
    char hash[crypto_pwhash_STRBYTES];
    bool failed;
    /* of a user that is being written */
    struct str name;
    struct value *user;
};

static void hash_in_worker(void *arg)
{
    struct hashing *h = arg;

    h->failed = crypto_pwhash_str_alg(h->hash, h->password.at, h->password.len, HASH_PASSES,
                    HASH_MEMORY, crypto_pwhash_ALG_ARGON2ID13) != 0;
}

static void hashed(struct request *r, void *arg)
{
    struct hashing *h = arg;

    if (h->failed) {
        reply_error(r, 503, "there is not enough memory to hash the password");
        return;
    }
    value_set(&r->arena, h->user, STR("hash"), value_text(&r->arena, str_from(h->hash)));
    entry_put_value(&r->tx, user_path(r, h->name), h->user, 0);
    reply_empty(r);
}

/* Writes the user with this password. */
static void save_with_password(
    struct request *r, struct str name, struct value *user, struct str password)
{
    struct hashing *h = arena_calloc(&r->arena, 1, sizeof(*h));

    h->password = password;
    h->name = name;
    h->user = user;
    request_work(r, hash_in_worker, hashed, h);
}

static void write_user(struct request *r)
{
    struct str name = user_name(r);
    struct value *user = load(r, name);
    struct str password;
    struct token_params p;

    if (name.len > NAME_BYTES_MAX) {
        reply_error(r, 400, "a name may have at most %d bytes", NAME_BYTES_MAX);
        return;
    }
    token_params_from(&r->arena, &p, user);
    if (!token_params_read(r, &p, true))
        return;
    if (user == NULL || field_has(r, "password")) {
        if (!given_password(r, &password))
            return;
        if (user == NULL)
            user = value_map(&r->arena);
        token_params_put(&r->arena, user, &p);
        save_with_password(r, name, user, password);
        return;
    }
    token_params_put(&r->arena, user, &p);
    entry_put_value(&r->tx, user_path(r, name), user, 0);
    reply_empty(r);
}

static void read_user(struct request *r)
{
    struct value *user = load(r, user_name(r));
    struct value *policies;

    if (user == NULL) {
        reply_not_found(r);
        return;
    }
    value_remove(user, STR("hash"));
    policies = value_get(user, "token_policies");
    if (policies != NULL && policies->n > 0)
        value_put(user, "policies", value_copy(&r->arena, policies));
    if (value_get_i64(user, "token_ttl", 0) > 0)
        value_put_i64(&r->arena, user, "ttl", value_get_i64(user, "token_ttl", 0));
    if (value_get_i64(user, "token_max_ttl", 0) > 0)
        value_put_i64(&r->arena, user, "max_ttl", value_get_i64(user, "token_max_ttl", 0));
    reply_data(r, user);
}

static void list_users(struct request *r)
{
    reply_keys(r, entry_list(&r->tx, mount_path(r, "user/"), STR_NONE, 0));
}

static void delete_user(struct request *r)
{
    struct str name = user_name(r);

    if (name.len <= NAME_BYTES_MAX)
        entry_delete(&r->tx, user_path(r, name));
    reply_empty(r);
}

static void write_password(struct request *r)
{
    struct str name = user_name(r);
    struct value *user = load(r, name);
    struct str password;

    if (user == NULL)
        reply_error(r, 400, "username does not exist");
    else if (given_password(r, &password))
        save_with_password(r, name, user, password);
}

static void write_policies(struct request *r)
{
    struct str name = user_name(r);
    struct value *user = load(r, name);
    struct token_params p;
    struct value *only = value_map(&r->arena);

    if (user == NULL) {
        reply_error(r, 400, "username does not exist");
        return;
    }
    for (const char *const *word = (const char *const[]){ "policies", "token_policies", NULL };
         *word != NULL; word++)
        if (field_has(r, *word))
            value_put(only, "token_policies", value_copy(&r->arena, value_get(r->body, *word)));
    r->body = only;
    token_params_from(&r->arena, &p, user);
    if (!token_params_read(r, &p, false))
        return;
    token_params_put(&r->arena, user, &p);
    entry_put_value(&r->tx, user_path(r, name), user, 0);
    reply_empty(r);
}

/* ---- login ---- */

struct attempt {
    struct str name;
    struct str password;
    char hash[crypto_pwhash_STRBYTES];
    bool right;
};

/* Of no password that is known; of the same cost as the others. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                             "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static void compare_in_worker(void *arg)
{
    struct attempt *t = arg;

    t->right = crypto_pwhash_str_verify(t->hash, t->password.at, t->password.len) == 0;
}

static void grant(struct request *r, const struct value *user, struct str name)
{
    struct auth *auth = arena_calloc(&r->arena, 1, sizeof(*auth));
    struct token_params p;

    token_params_from(&r->arena, &p, user);
    token_params_grant(r, &p, auth);
    auth->metadata = value_map(&r->arena);
    value_put_text(&r->arena, auth->metadata, "username", name);
    auth->internal = value_copy(&r->arena, auth->metadata);
    auth->display_name = login_display_name(r, name);
    auth->alias_name = name;
    r->reply.auth = auth;
    r->reply.status = 200;
}

static void compared(struct request *r, void *arg)
{
    const struct attempt *t = arg;
    const struct value *user = load(r, t->name);

    if (lockout_holds(r, r->mount, t->name)) {
        reply_error(r, 403, "permission denied");
        return;
    }
    /* the password may have been changed while the worker compared it */
    if (!t->right || !str_is(value_get_text(user, "hash", STR("")), t->hash)) {
        lockout_failed(r, r->mount, t->name);
        reply_error(r, 400, "invalid username or password");
        return;
    }
    if (!token_remote_is_bound(value_get(user, "token_bound_cidrs"), r->remote)) {
        reply_error(r, 403, "permission denied");
        return;
    }
    lockout_clear(r, r->mount, t->name);
    grant(r, user, t->name);
}

static void login(struct request *r)
{
    struct attempt *t = arena_calloc(&r->arena, 1, sizeof(*t));
    struct str hash;

    t->name = user_name(r);
    if (!given_password(r, &t->password))
        return;
    if (t->name.len > NAME_BYTES_MAX || lockout_holds(r, r->mount, t->name)) {
        reply_error(r, 403, "permission denied");
        return;
    }
    hash = value_get_text(load(r, t->name), "hash", str_from(nobody));
    if (hash.len >= sizeof(t->hash)) {
        reply_error(r, 500, "a user is corrupt");
        return;
    }
    memcpy(t->hash, hash.at, hash.len);
    request_work(r, compare_in_worker, compared, t);
}

/* A token goes on while its user has the same policies as when it was made. */
static bool renew(struct request *r, struct mount *m, const struct value *internal)
{
    struct str name = value_get_text(internal, "username", STR(""));
    struct value *user = load(r, name);
    struct token_params p;

    (void)m;
    if (user == NULL) {
        reply_error(r, 400, "user no longer exists");
        return false;
    }
    token_params_from(&r->arena, &p, user);
    if (!value_equal(
            policies_clean(&r->arena, p.policies, !p.no_default_policy), r->reply.auth->policies)) {
        reply_error(r, 400, "policies have changed, not renewing");
        return false;
    }
    r->reply.auth->ttl = p.ttl;
    r->reply.auth->max_ttl = p.max_ttl;
    r->reply.auth->period = p.period;
    return true;
}

static const struct endpoint endpoints[] = {
    { "login/{username}", { [OP_WRITE] = login }, NULL, ENDPOINT_OPEN },
    { "users", { [OP_LIST] = list_users }, NULL, 0 },
    { "users/{username}",
        { [OP_READ] = read_user, [OP_WRITE] = write_user, [OP_DELETE] = delete_user }, exists, 0 },
    { "users/{username}/password", { [OP_WRITE] = write_password }, NULL, 0 },
    { "users/{username}/policies", { [OP_WRITE] = write_policies }, NULL, 0 },
    { NULL },
};

const struct engine engine_userpass = {
    .type = "userpass",
    .auth = true,
    .endpoints = endpoints,
    .renew = renew,
};
