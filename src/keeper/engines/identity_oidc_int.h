/*
 * identity oidc - identity tokens: signed statements (JWT, RFC 7519) about who an entity is, that others can verify.
 *
 * A key is the entry "identity/oidc-key/<base64url of the name>": {name, algorithm, rotation_period, verification_ttl,
 * allowed_client_ids, next_rotation, versions: [{kid, secret, expires}]}, the newest version last; the others verify until
 * they expire.  A role is "identity/oidc-role/<base64url>": {name, key, client_id, ttl}.
 */
#ifndef WEIR_KEEPER_ENGINES_IDENTITY_OIDC_INT_H
#define WEIR_KEEPER_ENGINES_IDENTITY_OIDC_INT_H

#include "keeper/crypto/key_int.h"
#include "keeper/engines/identity_int.h"

struct oidc_algorithm {
    const char *name; /* of RFC 7518 and 8037 */
    enum key_type key;
    struct signing signing;
    const char *curve; /* of a JWK; NULL: RSA */
};

/* NULL: none of that name. */
const struct oidc_algorithm *oidc_algorithm_find(struct str name);
struct value *oidc_key_load(struct request *r, struct str name);
void oidc_key_save(struct request *r, struct value *key);
/* A new version in a worker, then done(r, key) with the key as it is now, changed and not yet saved. */
void oidc_key_rotate(
    struct request *r, struct str name, void (*done)(struct request *r, struct value *key));
/* Of a version; NULL: it cannot be read. */
struct crypto_key *oidc_version_key(const struct value *key, const struct value *version);
bool oidc_version_is_valid(const struct request *r, const struct value *version);
/* As JWK (RFC 7517); NULL: it cannot be read. */
struct value *oidc_version_jwk(
    struct request *r, const struct value *key, const struct value *version);

/* ---- identity_oidc_key.c ---- */
void oidc_key_write(struct request *r);
void oidc_key_read(struct request *r);
void oidc_key_delete(struct request *r);
void oidc_key_list(struct request *r);
void oidc_key_rotate_now(struct request *r);

/* ---- identity_oidc.c ---- */
void oidc_config_read(struct request *r);
void oidc_config_write(struct request *r);
void oidc_role_write(struct request *r);
void oidc_role_read(struct request *r);
void oidc_role_delete(struct request *r);
void oidc_role_list(struct request *r);
void oidc_token(struct request *r);
void oidc_introspect(struct request *r);
void oidc_well_known(struct request *r);
void oidc_well_known_keys(struct request *r);

#endif
