/*
 * sys - the table of sys/.
 *
 * The first pattern that fits counts.  SUDO is where Vault wants it, and for all that changes who can open the keeper.
 */
#include "keeper/core/approval_int.h"
#include "keeper/core/engines_int.h"
#include "keeper/core/lockout_int.h"
#include "keeper/core/wrap_int.h"
#include "keeper/sys/incident_int.h"
#include "keeper/sys/managed_int.h"
#include "keeper/sys/sys_int.h"

enum {
    ANYONE = ENDPOINT_OPEN | ENDPOINT_SEALED,
    SUDO = ENDPOINT_SUDO,
    OPEN = ENDPOINT_OPEN,
    APPROVE = ENDPOINT_SUDO | ENDPOINT_APPROVE,
};

#define READ   [OP_READ]
#define LIST   [OP_LIST]
#define WRITE  [OP_WRITE]
#define DELETE [OP_DELETE]

/* clang-format off */
static const struct endpoint endpoints[] = {
    /* opening and closing */
    { "init", { READ = sys_init_read, WRITE = sys_init_write }, .flags = ANYONE },
    { "seal-status", { READ = sys_seal_status }, .flags = ANYONE },
    { "unseal", { WRITE = sys_unseal }, .flags = ANYONE },
    { "seal", { WRITE = sys_seal }, .flags = APPROVE },
    { "health", { READ = sys_health }, .flags = ANYONE },
    { "leader", { READ = sys_leader }, .flags = OPEN },
    { "ha-status", { READ = sys_ha_status } },
    { "step-down", { WRITE = sys_step_down }, .flags = SUDO },

    /* what is mounted */
    { "mounts", { READ = sys_mounts_list } },
    { "mounts/{path*}", { READ = sys_mount_read, WRITE = sys_mount_write,
        DELETE = sys_mount_delete } },
    { "auth", { READ = sys_auth_list } },
    { "auth/{path*}", { READ = sys_auth_read, WRITE = sys_auth_write, DELETE = sys_auth_delete },
        .flags = SUDO },
    { "locked-users/{accessor}/unlock/{name}", { WRITE = lockout_endpoint_unlock } },
    { "remount", { WRITE = sys_remount }, .flags = SUDO },
    { "remount/status/{id}", { READ = sys_remount_status } },

    /* policies, and what they permit */
    { "policy", { READ = sys_policy_list, LIST = sys_policy_list } },
    { "policy/{name}", { READ = sys_policy_read, WRITE = sys_policy_write,
        DELETE = sys_policy_delete }, sys_policy_exists },
    { "policies/acl", { READ = sys_policies_list, LIST = sys_policies_list } },
    { "policies/acl/{name}", { READ = sys_policies_read, WRITE = sys_policy_write,
        DELETE = sys_policy_delete }, sys_policy_exists },
    { "policies/password", { LIST = sys_passwords_list } },
    { "policies/password/{name}", { READ = sys_password_read, WRITE = sys_password_write,
        DELETE = sys_password_delete } },
    { "policies/password/{name}/generate", { READ = sys_password_generate } },
    { "capabilities", { WRITE = sys_capabilities } },
    { "capabilities-self", { WRITE = sys_capabilities_self } },
    { "capabilities-accessor", { WRITE = sys_capabilities_accessor } },

    /* for user interfaces and command lines */
    { "internal/ui/mounts", { READ = sys_ui_mounts }, .flags = OPEN },
    { "internal/ui/mounts/{path*}", { READ = sys_ui_mount }, .flags = OPEN },
    { "internal/ui/resultant-acl", { READ = sys_ui_acl }, .flags = ENDPOINT_ANY },
    { "internal/counters/config", { READ = sys_counters_config } },
    { "internal/counters/activity", { READ = sys_counters_none } },
    { "internal/counters/activity/monthly", { READ = sys_counters_none } },
    { "internal/counters/entities", { READ = sys_counters_entities } },
    { "internal/counters/tokens", { READ = sys_counters_tokens } },
    { "internal/counters/requests", { READ = sys_counters_none } },

    /* leases */
    { "leases", { READ = sys_lease_count }, .flags = SUDO },
    { "leases/count", { READ = sys_lease_count } },
    { "leases/lookup", { WRITE = sys_lease_lookup } },
    { "leases/lookup/{prefix*}", { LIST = sys_lease_list }, .flags = SUDO },
    { "leases/renew", { WRITE = sys_lease_renew } },
    { "leases/renew/{id*}", { WRITE = sys_lease_renew } },
    { "leases/revoke", { WRITE = sys_lease_revoke } },
    { "leases/revoke/{id*}", { WRITE = sys_lease_revoke } },
    { "leases/revoke-prefix/{prefix*}", { WRITE = sys_lease_revoke_prefix }, .flags = SUDO },
    { "leases/revoke-force/{prefix*}", { WRITE = sys_lease_revoke_force }, .flags = SUDO },
    { "leases/tidy", { WRITE = sys_lease_tidy } },
    { "renew", { WRITE = sys_lease_renew } },
    { "renew/{id*}", { WRITE = sys_lease_renew } },
    { "revoke", { WRITE = sys_lease_revoke } },
    { "revoke/{id*}", { WRITE = sys_lease_revoke } },
    { "revoke-prefix/{prefix*}", { WRITE = sys_lease_revoke_prefix }, .flags = SUDO },
    { "revoke-force/{prefix*}", { WRITE = sys_lease_revoke_force }, .flags = SUDO },

    /* response wrapping; who has the wrapping token may take what is in it */
    { "wrapping/wrap", { WRITE = wrap_endpoint_wrap } },
    { "wrapping/unwrap", { WRITE = wrap_endpoint_unwrap }, .flags = OPEN },
    { "wrapping/rewrap", { WRITE = wrap_endpoint_rewrap }, .flags = OPEN },
    { "wrapping/lookup", { READ = wrap_endpoint_lookup, WRITE = wrap_endpoint_lookup },
        .flags = OPEN },

    /* approvals by others */
    { "control-group/authorize", { WRITE = approval_authorize } },
    { "control-group/request", { WRITE = approval_status } },

    /* audit */
    { "audit", { READ = sys_audit_list }, .flags = SUDO },
    { "audit/{path*}", { WRITE = sys_audit_enable, DELETE = sys_audit_disable }, .flags = SUDO },
    { "audit-hash/{path*}", { WRITE = sys_audit_hash } },
    { "config/auditing/request-headers", { READ = sys_audit_headers }, .flags = SUDO },
    { "config/auditing/request-headers/{name}", { READ = sys_audit_header_read,
        WRITE = sys_audit_header_write,
        DELETE = sys_audit_header_delete }, .flags = SUDO },

    /* the barrier's keys, shares, and a new root token */
    { "key-status", { READ = sys_key_status } },
    { "rotate", { WRITE = sys_rotate }, .flags = SUDO },
    { "rotate/config", { READ = sys_rotate_config_read, WRITE = sys_rotate_config_write },
        .flags = SUDO },
    { "rekey/init", { READ = sys_rekey_status, WRITE = sys_rekey_begin, DELETE = sys_rekey_cancel },
        .flags = SUDO },
    { "rekey/update", { WRITE = sys_rekey_update }, .flags = SUDO },
    { "rekey/verify", { READ = sys_rekey_verify_status, WRITE = sys_rekey_verify_update,
        DELETE = sys_rekey_verify_cancel },
        .flags = SUDO },
    { "rekey/backup", { READ = sys_rekey_backup, DELETE = sys_rekey_backup_delete },
        .flags = SUDO },
    { "rekey/recovery-key-backup", { READ = sys_rekey_backup, DELETE = sys_rekey_backup_delete },
        .flags = SUDO },
    { "rekey-recovery-key/init", { READ = sys_rekey_status, WRITE = sys_rekey_begin,
        DELETE = sys_rekey_cancel }, .flags = SUDO },
    { "rekey-recovery-key/update", { WRITE = sys_rekey_update }, .flags = SUDO },
    { "rekey-recovery-key/verify", { READ = sys_rekey_verify_status,
        WRITE = sys_rekey_verify_update,
        DELETE = sys_rekey_verify_cancel }, .flags = SUDO },
    { "generate-root/attempt", { READ = sys_root_status, WRITE = sys_root_begin,
        DELETE = sys_root_cancel }, .flags = SUDO },
    { "generate-root/update", { WRITE = sys_root_update }, .flags = SUDO },

    /* tools */
    { "tools/random", { WRITE = sys_tools_random } },
    { "tools/random/{first}", { WRITE = sys_tools_random } },
    { "tools/random/{first}/{second}", { WRITE = sys_tools_random } },
    { "tools/hash", { WRITE = sys_tools_hash } },
    { "tools/hash/{algorithm}", { WRITE = sys_tools_hash } },

    /* limits and settings */
    { "quotas/config", { READ = sys_quotas_config_read, WRITE = sys_quotas_config_write } },
    { "quotas/rate-limit", { LIST = sys_quotas_list } },
    { "quotas/rate-limit/{name}", { READ = sys_quota_read, WRITE = sys_quota_write,
        DELETE = sys_quota_delete } },
    { "quotas/lease-count", { LIST = sys_quotas_list } },
    { "quotas/lease-count/{name}", { READ = sys_quota_read, WRITE = sys_quota_write,
        DELETE = sys_quota_delete } },
    { "config/ui/headers", { LIST = sys_ui_headers }, .flags = SUDO },
    { "config/ui/headers/{name}", { READ = sys_ui_header_read, WRITE = sys_ui_header_write,
        DELETE = sys_ui_header_delete },
        .flags = SUDO },
    { "config/cors", { READ = sys_cors_read, WRITE = sys_cors_write, DELETE = sys_cors_delete },
        .flags = SUDO },
    { "config/state/sanitized", { READ = sys_config_state } },
    { "plugins/catalog", { READ = sys_plugins, LIST = sys_plugins } },
    { "plugins/catalog/{kind}", { READ = sys_plugins_of, LIST = sys_plugins_of } },
    { "plugins/catalog/{kind}/{name}", { READ = sys_plugin, WRITE = sys_plugin_change,
        DELETE = sys_plugin_change },
        .flags = SUDO },
    { "plugins/reload/backend", { WRITE = sys_step_down }, .flags = SUDO },

    /* backups, and proofs that they can be restored */
    { "weir/backup", { WRITE = sys_backup_begin }, .flags = APPROVE },
    { "weir/backup/config", { READ = sys_backup_config_read, WRITE = sys_backup_config_write },
        .flags = SUDO },
    { "weir/backup/{id}", { DELETE = sys_backup_cancel }, .flags = SUDO },
    { "weir/backup/{id}/{number}", { READ = sys_backup_piece }, .flags = SUDO },
    { "weir/restore", { WRITE = sys_restore_begin }, .flags = ANYONE },
    { "weir/restore/{id}", { DELETE = sys_restore_cancel }, .flags = ANYONE },
    { "weir/restore/{id}/finish", { WRITE = sys_restore_finish }, .flags = ANYONE },
    { "weir/restore/{id}/{offset}", { WRITE = sys_restore_feed }, .flags = ANYONE | ENDPOINT_RAW },
    { "weir/drill", { WRITE = sys_drill_begin }, .flags = SUDO },
    { "weir/drill/{id}", { DELETE = sys_drill_cancel }, .flags = SUDO },
    { "weir/drill/{id}/finish", { WRITE = sys_drill_finish }, .flags = SUDO },
    { "weir/drill/{id}/{offset}", { WRITE = sys_drill_feed }, .flags = SUDO | ENDPOINT_RAW },
    { "storage/raft/snapshot", { READ = sys_snapshot_read, WRITE = sys_snapshot_write },
        .flags = APPROVE },
    { "storage/raft/snapshot-force", { WRITE = sys_snapshot_write }, .flags = SUDO },

    /* something is compromised */
    { "weir/incident", { LIST = sys_incident_list, WRITE = sys_incident }, .flags = APPROVE },
    { "weir/incident/{id}", { READ = sys_incident_read }, .flags = SUDO },

    /* looking at it */
    { "metrics", { READ = sys_metrics } },
    { "replication/status", { READ = sys_replication }, .flags = OPEN },
    { "experiments", { READ = sys_experiments } },
    { "host-info", { READ = sys_host_info } },
    { "version-history", { LIST = sys_version_history, READ = sys_version_history } },

    /* what a blueprint names; for control alone */
    { "weir/managed/policy/{name}", { WRITE = sys_managed_policy } },
    { "weir/managed/key/{name}", { WRITE = sys_managed_key } },
    { "weir/managed/secret/{name}", { WRITE = sys_managed_secret } },
    { "weir/managed/certificate/{name}", { WRITE = sys_managed_certificate } },
    { 0 },
};
/* clang-format on */

const struct engine engine_sys = {
    .type = "system",
    .single = true,
    .endpoints = endpoints,
    .tick = sys_tick,
};
