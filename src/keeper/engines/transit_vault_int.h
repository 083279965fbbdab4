/*
 * transit, in Vault's words - a key as the JSON inside a backup: {"policy": {...}, "archived_keys": {"keys": [...]}}.
 *
 * Read from what backups hold; the members' names are Vault's (OpenBao's differ in the numbers of two types).  What Vault does not know stands
 * under "weir": other programs leave it aside.
 */
#ifndef WEIR_KEEPER_ENGINES_TRANSIT_VAULT_INT_H
#define WEIR_KEEPER_ENGINES_TRANSIT_VAULT_INT_H

#include "keeper/engines/transit_int.h"

/* In the transaction's arena; every version that is not destroyed. */
struct value *transit_to_vault(
    struct tx *t, const struct mount *m, struct str name, const struct transit_key *k);
/* Writes the key under that name (which is free) with its versions. NULL: done, else what is wrong with it. */
const char *transit_from_vault(struct tx *t, const struct mount *m, struct str name,
    const struct value *backup, int64_t now_msec);

#endif
