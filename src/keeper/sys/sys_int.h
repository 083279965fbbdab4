/*
 * sys - the endpoints of sys/, a file a theme; the table that joins them is in sys.c.
 */
#ifndef WEIR_KEEPER_SYS_SYS_INT_H
#define WEIR_KEEPER_SYS_SYS_INT_H

#include "keeper/core/seals_int.h"
#include "keeper/core/state_int.h"

/* ---- init.c ---- */
void sys_init_read(struct request *r);
void sys_init_write(struct request *r);
/* Can there be so many shares?  Else reply_error(). */
bool shares_are_possible(struct request *r, int64_t shares, int64_t threshold);
/* Two lists of shares into a map, as hex and as base64. */
void shares_say(struct arena *a, struct value *to, const char *hex, const char *base64,
    const uint8_t *shares, unsigned n, size_t len);

/* ---- unseal.c ---- */
void sys_seal_status(struct request *r);
void sys_unseal(struct request *r);
void sys_seal(struct request *r);
/* Which version of the API this is. */
const char *sys_version(void);
const char *sys_build_date(void);
/* The members of sys/seal-status. */
struct value *seal_status(struct request *r);
/* A share as clients give it: hex or base64; false: neither, or no share's length. */
bool share_decode(struct arena *a, struct str text, struct str *share);

/* ---- health.c ---- */
void sys_health(struct request *r);
void sys_leader(struct request *r);
void sys_ha_status(struct request *r);
void sys_step_down(struct request *r);
void sys_host_info(struct request *r);
void sys_version_history(struct request *r);
void sys_config_state(struct request *r);
void sys_replication(struct request *r);
void sys_experiments(struct request *r);
void sys_counters_config(struct request *r);
void sys_counters_none(struct request *r);
void sys_counters_entities(struct request *r);
void sys_counters_tokens(struct request *r);

/* ---- mounts.c ---- */
void sys_mounts_list(struct request *r);
void sys_auth_list(struct request *r);
void sys_mount_read(struct request *r);
void sys_mount_write(struct request *r);
void sys_auth_read(struct request *r);
void sys_auth_write(struct request *r);
void sys_mount_delete(struct request *r);
void sys_auth_delete(struct request *r);
void sys_tick(struct request *r, struct mount *m);
void sys_remount(struct request *r);
void sys_remount_status(struct request *r);
struct value *mount_value(struct arena *a, const struct mount *m);

/* ---- policies.c ---- */
void sys_policies_list(struct request *r);
void sys_policy_list(struct request *r);
void sys_policy_read(struct request *r);
void sys_policies_read(struct request *r);
void sys_policy_write(struct request *r);
bool sys_policy_exists(struct request *r);
void sys_policy_delete(struct request *r);
void sys_passwords_list(struct request *r);
void sys_password_read(struct request *r);
void sys_password_write(struct request *r);
void sys_password_delete(struct request *r);
void sys_password_generate(struct request *r);
/* One that nobody may write or hand out. */
bool policies_unassignable_name(struct request *r, struct str name);

/* ---- capabilities.c ---- */
void sys_capabilities(struct request *r);
void sys_capabilities_self(struct request *r);
void sys_capabilities_accessor(struct request *r);
void sys_ui_mounts(struct request *r);
void sys_ui_mount(struct request *r);
void sys_ui_acl(struct request *r);

/* ---- leases.c ---- */
void sys_lease_lookup(struct request *r);
void sys_lease_list(struct request *r);
void sys_lease_renew(struct request *r);
void sys_lease_revoke(struct request *r);
void sys_lease_revoke_prefix(struct request *r);
void sys_lease_revoke_force(struct request *r);
void sys_lease_tidy(struct request *r);
void sys_lease_count(struct request *r);

/* ---- devices.c ---- */
void sys_audit_list(struct request *r);
void sys_audit_enable(struct request *r);
void sys_audit_disable(struct request *r);
void sys_audit_hash(struct request *r);
void sys_audit_headers(struct request *r);
void sys_audit_header_read(struct request *r);
void sys_audit_header_write(struct request *r);
void sys_audit_header_delete(struct request *r);

/* ---- rotate.c ---- */
void sys_key_status(struct request *r);
void sys_rotate(struct request *r);
void sys_rotate_config_read(struct request *r);
void sys_rotate_config_write(struct request *r);
/* A new term, when the configuration or the count of seals says so. */
void rotate_when_due(struct request *r);

/* ---- rekey.c ---- */
void sys_rekey_status(struct request *r);
void sys_rekey_begin(struct request *r);
void sys_rekey_cancel(struct request *r);
void sys_rekey_update(struct request *r);
void sys_rekey_verify_status(struct request *r);
void sys_rekey_verify_update(struct request *r);
void sys_rekey_verify_cancel(struct request *r);
void sys_rekey_backup(struct request *r);
void sys_rekey_backup_delete(struct request *r);
struct rekey *rekey_new(void);
void rekey_free(struct rekey *k);
void rekey_forget(struct rekey *k);

/* ---- generate_root.c ---- */
void sys_root_status(struct request *r);
void sys_root_begin(struct request *r);
void sys_root_cancel(struct request *r);
void sys_root_update(struct request *r);
struct root_attempt *root_attempt_new(void);
void root_attempt_free(struct root_attempt *g);
void root_attempt_forget(struct root_attempt *g);
/* Adds the share of the body to a set, when it is of this attempt and no nonsense. False: reply_error(). */
bool share_update(struct request *r, struct share_set *set, const char *what);
/* Do they open this keeper?  Else the set is emptied, and reply_error(). */
bool shares_prove(struct request *r, struct share_set *set);

/* ---- tools.c ---- */
void sys_tools_random(struct request *r);
void sys_tools_hash(struct request *r);

/* ---- quota_config.c ---- */
void sys_quotas_list(struct request *r);
void sys_quota_read(struct request *r);
void sys_quota_write(struct request *r);
void sys_quota_delete(struct request *r);
void sys_quotas_config_read(struct request *r);
void sys_quotas_config_write(struct request *r);

/* ---- config.c ---- */
void sys_ui_headers(struct request *r);
void sys_ui_header_read(struct request *r);
void sys_ui_header_write(struct request *r);
void sys_ui_header_delete(struct request *r);
void sys_cors_read(struct request *r);
void sys_cors_write(struct request *r);
void sys_cors_delete(struct request *r);
void sys_plugins(struct request *r);
void sys_plugins_of(struct request *r);
void sys_plugin(struct request *r);
void sys_plugin_change(struct request *r);
void sys_raw(struct request *r);

/* ---- backup.c ---- */
void sys_backup_config_read(struct request *r);
void sys_backup_config_write(struct request *r);
void sys_backup_begin(struct request *r);
void sys_backup_piece(struct request *r);
void sys_backup_cancel(struct request *r);
void sys_snapshot_read(struct request *r);
void sys_snapshot_write(struct request *r);
void sys_restore_begin(struct request *r);
void sys_restore_feed(struct request *r);
void sys_restore_finish(struct request *r);
void sys_restore_cancel(struct request *r);
void sys_drill_begin(struct request *r);
void sys_drill_feed(struct request *r);
void sys_drill_finish(struct request *r);
void sys_drill_cancel(struct request *r);

/* ---- metrics.c ---- */
void sys_metrics(struct request *r);

#endif
