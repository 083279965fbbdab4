/*
 * kv - secrets by path: version 1 (a value a path) and version 2 (versions of it, and what is known about them).
 *
 * For engines/kv*.c alone.  Entries of a mount:
 *     v1/<path>                  version 1: the value
 *     config                     version 2: {max_versions, cas_required, delete_version_after}
 *     key/<path>                 version 2: struct kv_key
 *     version/<id of the key>/<n>    the data of a version; gone when it is destroyed
 *     upgrade                    a mount is going from version 1 to 2: kv_upgrade()
 * Source: the documentation of Vault's KV engines, version 1.14.
 */
#ifndef WEIR_KEEPER_ENGINES_KV_INT_H
#define WEIR_KEEPER_ENGINES_KV_INT_H

#include "keeper/core/request_int.h"

enum {
    KV_VERSIONS_DEFAULT = 10,
    KV_VERSIONS_MAX = 10000, /* kept of one key, whatever it asks for */
};

/* Times are milliseconds since 1970. */
struct kv_version {
    int64_t n;
    int64_t created;
    int64_t deleted; /* from then on it is; 0: it is not */
    bool destroyed;
};

struct kv_key {
    struct str path;
    struct str id;
    int64_t current; /* 0: none yet */
    int64_t oldest;
    int64_t created;
    int64_t updated;
    int64_t max_versions; /* 0: as the mount */
    int64_t delete_after; /* seconds; 0: as the mount */
    bool cas_required;
    struct value *custom;        /* MAP of texts, or NULL */
    struct kv_version *versions; /* by n */
    size_t n;
    size_t room;
};

struct kv_config {
    int64_t max_versions;
    int64_t delete_after; /* seconds; < 0: no version is deleted by itself */
    bool cas_required;
};

/* ---- kv_key.c ---- */
/* NULL: there is none. */
struct kv_key *kv_key_load(struct request *r, struct str path);
struct kv_key *kv_key_new(struct request *r, struct str path);
void kv_key_store(struct request *r, const struct kv_key *k);
/* With all its versions. */
void kv_key_delete(struct request *r, const struct kv_key *k);
/* NULL: there is none. n 0: the current one. */
struct kv_version *kv_version_find(struct kv_key *k, int64_t n);
bool kv_version_is_gone(const struct request *r, const struct kv_version *v);
/* A new version with this data, stored; the oldest go when there are too many. */
struct kv_version *kv_version_add(
    struct request *r, struct kv_key *k, const struct kv_config *config, const struct value *data);
struct value *kv_version_data(struct request *r, const struct kv_key *k, int64_t n);
void kv_version_destroy(struct request *r, const struct kv_key *k, struct kv_version *v);
/* {created_time, deletion_time, destroyed}, and version and custom_metadata when a key is given. */
struct value *kv_version_says(
    struct request *r, const struct kv_version *v, const struct kv_key *k);
void kv_config_load(struct request *r, struct kv_config *c);

/* ---- kv_data.c: path is what follows "data/" and the like ---- */
void kv_data_read(struct request *r, struct str path);
void kv_data_write(struct request *r, struct str path);
void kv_data_patch(struct request *r, struct str path);
void kv_data_delete(struct request *r, struct str path);
void kv_delete(struct request *r, struct str path);
void kv_undelete(struct request *r, struct str path);
void kv_destroy(struct request *r, struct str path);
void kv_subkeys(struct request *r, struct str path);

/* ---- kv_metadata.c ---- */
void kv_metadata_read(struct request *r, struct str path);
void kv_metadata_list(struct request *r, struct str path);
void kv_metadata_write(struct request *r, struct str path);
void kv_metadata_patch(struct request *r, struct str path);
void kv_metadata_delete(struct request *r, struct str path);
void kv_config_read(struct request *r, struct str path);
void kv_config_write(struct request *r, struct str path);

/* ---- kv_v1.c ---- */
void kv_v1_read(struct request *r);
void kv_v1_list(struct request *r);
void kv_v1_write(struct request *r);
void kv_v1_delete(struct request *r);
bool kv_v1_exists(struct request *r);
/* Marks the mount as going from 1 to 2; does a piece of it; is it still under way? */
void kv_upgrade_begin(struct request *r, struct mount *m);
void kv_upgrade(struct request *r, struct mount *m);
bool kv_is_upgrading(struct request *r);

/* ---- kv.c ---- */
/* "keys" of a folder of entries, with the body's after and limit. */
void kv_list(struct request *r, const char *kind, struct str path);
/* JSON merge patch, RFC 7396: a new tree. */
struct value *kv_merge(struct arena *a, const struct value *target, const struct value *patch);

#endif
