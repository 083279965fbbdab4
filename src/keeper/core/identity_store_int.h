/*
 * identity store - entities as values: for core/identity.c and the endpoints of identity alone.
 *
 * An entity is a MAP {id, name, policies, metadata, aliases, disabled, created, updated,
 * version}; an alias {id, name, mount_accessor,
 * metadata, created}.
 */
#ifndef WEIR_KEEPER_CORE_IDENTITY_STORE_INT_H
#define WEIR_KEEPER_CORE_IDENTITY_STORE_INT_H

#include "keeper/core/identity_int.h"

enum { ENTITY_NAME_MAX = 512 };

struct str entity_path(struct request *r, struct str id);
struct str alias_path(struct request *r, struct str accessor, struct str name);
/* NULL: there is none. */
struct value *entity_load(struct request *r, struct str id);
struct value *entity_load_name(struct request *r, struct str name);
struct value *entity_load_alias(struct request *r, struct str accessor, struct str name);
struct value *entity_load_alias_id(struct request *r, struct str id);
/* Its alias at a mount (one at most), and by id; NULL. */
struct value *entity_alias_at(const struct value *e, struct str accessor);
struct value *entity_alias_of_id(const struct value *e, struct str id);
/* How the alias is found; the entity itself stays as it is. */
void alias_forget(struct request *r, const struct value *alias);
/* Not saved. name len 0: one is drawn. */
struct value *entity_new(struct request *r, struct str name);
struct value *entity_add_alias(struct request *r, struct value *e, const struct mount *m,
    struct str name, const struct value *metadata);
/* With its names. A name or alias that it no longer has is the caller's to forget. */
void entity_save(struct request *r, struct value *e);
void entity_forget(struct request *r, const struct value *e);
void entity_forget_name(struct request *r, struct str name);

/* ---- identity_group.c ---- */

/*
 * A group is a MAP {id, name, type, policies, metadata, members, groups, alias, created, updated}: members are entities, groups
 * are groups whose members are its own too.  Entries "identity/group/<id>", "identity/group-name/<base64url>",
 * "identity/group-alias/<accessor>/<base64url>", "identity/group-alias-id/<id>", and "identity/in/<member>/<group>" for each
 * member.  What an entity has of its groups is written into the entity when a group changes, so that requests read nothing more.
 */
enum { GROUP_REACH_MAX = 2000, GROUP_DEPTH_MAX = 64 };

struct value *group_load(struct request *r, struct str id);
struct value *group_load_name(struct request *r, struct str name);
struct value *group_load_alias(struct request *r, struct str accessor, struct str name);
struct value *group_load_alias_id(struct request *r, struct str id);
/* Not saved. */
struct value *group_new(struct request *r);
/* had: as it was before, or NULL. False: reply_error() said why (a circle, or too many entities). */
bool group_save(struct request *r, struct value *group, const struct value *had);
void group_forget(struct request *r, const struct value *group);
/* An entity ends: no group has it any more. */
void groups_forget_member(struct request *r, struct str member);
/* The groups that hold this entity or group itself: a LIST of ids. */
struct value *groups_of(struct request *r, struct str member);

#endif
