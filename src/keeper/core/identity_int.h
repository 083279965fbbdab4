/*
 * identity - who stands behind tokens: entities, and the aliases by which auth mounts know them.
 *
 * An entity is made at the first login of an alias (a name at an auth mount).  A disabled entity's tokens are refused from
 * that moment on.  Entries: "identity/entity/<id>", "identity/name/<base64url of the name>",
 * "identity/alias/<mount accessor>/<base64url of the name>" and "identity/alias-id/<id>", each with the entity's id in it.
 */
#ifndef WEIR_KEEPER_CORE_IDENTITY_INT_H
#define WEIR_KEEPER_CORE_IDENTITY_INT_H

#include "keeper/core/request_int.h"

/* There is such an entity and it is not disabled. *policies: its own, or NULL. */
bool identity_look(struct request *r, struct str id, struct value **policies);
/* Changes with every change of the entity; len 0: there is none. */
struct str identity_version(struct request *r, struct str id);
/* The entity of an alias, made when there is none. False: reply_error() said why (disabled). */
bool identity_of_login(struct request *r, const struct mount *m, struct str alias,
    const struct value *metadata, struct str *id);
/* Disables (or enables) an entity in r->tx: its tokens are refused. False: there is none. */
bool identity_disable(struct request *r, struct str id, bool disabled);

#endif
