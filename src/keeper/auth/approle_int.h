/*
 * approle - roles of machines, and the secret ids that log in to them: between the files of this engine.
 *
 * A role is a MAP {name, uid, role_id, bind_secret_id, ..., token_*}.  Entries under the mount:
 *     role/<name in lower case>            the role
 *     role-id/<base64url of the role id>   its name
 *     secret/<uid>/<hash>                  a secret id, due when it ends; the hash is that of tokens
 *     accessor/<uid>/<accessor>            its hash
 *     gone/<uid>, tidy/<uid>               work in the background, due at once
 * The uid is drawn when a role is made, so that a deleted role's secret ids never open one of the same name.
 */
#ifndef WEIR_KEEPER_AUTH_APPROLE_INT_H
#define WEIR_KEEPER_AUTH_APPROLE_INT_H

#include "keeper/auth/token_params_int.h"

/* The role the path names; NULL: none. */
struct value *approle_load(struct request *r);
struct value *approle_load_name(struct request *r, struct str name);
struct value *approle_load_role_id(struct request *r, struct str role_id);

/* ---- approle_role.c ---- */
void approle_list(struct request *r);
void approle_read(struct request *r);
void approle_write(struct request *r);
void approle_delete(struct request *r);
bool approle_exists(struct request *r);
void approle_role_id_read(struct request *r);
void approle_role_id_write(struct request *r);
void approle_field_read(struct request *r);
void approle_field_write(struct request *r);
void approle_field_delete(struct request *r);

/* ---- approle_secret.c ---- */
void approle_secret_new(struct request *r);
void approle_secret_custom(struct request *r);
void approle_secret_list(struct request *r);
void approle_secret_lookup(struct request *r);
void approle_secret_destroy(struct request *r);
void approle_accessor_lookup(struct request *r);
void approle_accessor_destroy(struct request *r);
void approle_tidy(struct request *r);
void approle_tick(struct request *r, struct mount *m);
/* Takes a use. False: it does not open this role now; reply_error() said so. *secret: {metadata, token_bound_cidrs, ...}. */
bool approle_secret_use(
    struct request *r, const struct value *role, struct str secret_id, struct value **secret);

#endif
