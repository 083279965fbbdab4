/*
 * identity - between the files of this engine.
 */
#ifndef WEIR_KEEPER_ENGINES_IDENTITY_INT_H
#define WEIR_KEEPER_ENGINES_IDENTITY_INT_H

#include "keeper/core/core_int.h"
#include "keeper/core/identity_store_int.h"

enum { IDENTITY_AT_ONCE = 1000 /* ids in one request */ };

/* A member of that name, null when v is NULL. */
void identity_put(struct arena *a, struct value *to, const char *name, const struct value *v);
/* False: reply_error() said what is too much. */
bool identity_metadata_fits(struct request *r, const struct value *map);
/* "policies", "metadata" of the body into an entity or group. */
bool identity_take_fields(struct request *r, struct value *to);
/* Names out of the folder "identity/<folder>/", whose entries are named in base64url. */
void identity_list_names(struct request *r, const char *folder);

/* ---- identity_group.c ---- */
void group_write(struct request *r);
void group_write_by_id(struct request *r);
void group_write_by_name(struct request *r);
void group_read_by_id(struct request *r);
void group_read_by_name(struct request *r);
void group_delete_by_id(struct request *r);
void group_delete_by_name(struct request *r);
void group_list_ids(struct request *r);
void group_list_names(struct request *r);
void group_lookup(struct request *r);
void group_alias_write(struct request *r);
void group_alias_write_by_id(struct request *r);
void group_alias_read(struct request *r);
void group_alias_delete(struct request *r);
void group_alias_list(struct request *r);

#endif
