/*
 * token roles - what auth/token/create/<role> may make; and the endpoints of auth/token/, a file a theme.
 */
#ifndef WEIR_KEEPER_AUTH_TOKEN_ROLES_INT_H
#define WEIR_KEEPER_AUTH_TOKEN_ROLES_INT_H

#include "keeper/auth/token_params_int.h"

struct token_role {
    struct str name;
    struct token_params params;
    struct value *allowed; /* LISTs of texts, never NULL */
    struct value *disallowed;
    struct value *allowed_glob;
    struct value *disallowed_glob;
    struct value *entity_aliases;
    struct str path_suffix;
    bool orphan;
    bool renewable;
};

/* NULL: there is none. */
struct token_role *token_role_load(struct request *r, struct str name);

void token_role_list(struct request *r);
void token_role_read(struct request *r);
void token_role_write(struct request *r);
void token_role_delete(struct request *r);
bool token_role_exists(struct request *r);

/* ---- token_create.c ---- */
void token_create(struct request *r);
void token_create_orphan(struct request *r);
void token_create_role(struct request *r);

#endif
