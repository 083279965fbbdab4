/*
 * health - is it up, who leads, what version: sys/health, leader, ha-status, step-down, host-info, version-history.
 */
#include <sys/utsname.h>

#include "keeper/core/encode_int.h"
#include "keeper/sys/observe_int.h"
#include "keeper/sys/sys_int.h"

/* ---- sys/health ---- */

static bool asked_code(struct request *r, const char *name, int *code)
{
    int64_t n;

    if (!field_int(r, name, &n))
        return !refused(r);
    if (n < 100 || n > 599) {
        reply_error(r, 400, "%s is no status code", name);
        return false;
    }
    *code = (int)n;
    return true;
}

static int health_status(struct request *r)
{
    int active = 200;
    int sealed = 503;
    int uninitialized = 501;
    int unused = 0; /* this keeper is never a standby */

    if (!asked_code(r, "activecode", &active) || !asked_code(r, "sealedcode", &sealed) ||
        !asked_code(r, "uninitcode", &uninitialized) || !asked_code(r, "standbycode", &unused) ||
        !asked_code(r, "drsecondarycode", &unused) ||
        !asked_code(r, "performancestandbycode", &unused))
        return 0;
    if (!core_is_initialized(r->core))
        return uninitialized;
    return core_is_sealed(r->core) ? sealed : active;
}

void sys_health(struct request *r)
{
    struct core *c = r->core;
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    int status = health_status(r);

    if (status == 0)
        return;
    value_put_bool(a, v, "initialized", core_is_initialized(c));
    value_put_bool(a, v, "sealed", core_is_sealed(c));
    value_put_bool(a, v, "standby", core_is_sealed(c));
    value_put_bool(a, v, "performance_standby", false);
    value_put_text(a, v, "replication_performance_mode", STR("disabled"));
    value_put_text(a, v, "replication_dr_mode", STR("disabled"));
    value_put_i64(a, v, "server_time_utc", r->now / 1000);
    value_put_text(a, v, "version", str_from(sys_version()));
    if (!core_is_sealed(c)) {
        value_put_text(a, v, "cluster_name", STR("weir"));
        value_put_text(a, v, "cluster_id", core_cluster_id(c, a));
    }
    value_put(v, "keeper", observe_health(r));
    reply_bare(r, v);
    r->reply.status = status;
}

/* ---- who leads: always this one ---- */

void sys_leader(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_bool(a, v, "ha_enabled", false);
    value_put_bool(a, v, "is_self", false);
    value_put_text(a, v, "active_time", STR("0001-01-01T00:00:00Z"));
    value_put_text(a, v, "leader_address", STR(""));
    value_put_text(a, v, "leader_cluster_address", STR(""));
    value_put_bool(a, v, "performance_standby", false);
    value_put_i64(a, v, "performance_standby_last_remote_wal", 0);
    reply_bare(r, v);
}

static struct str host_name(struct arena *a)
{
    struct utsname u;

    return str_from(arena_strdup(a, uname(&u) == 0 ? u.nodename : "localhost"));
}

void sys_ha_status(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *node = value_map(a);
    struct value *nodes = value_list(a);
    struct value *v = value_map(a);

    value_put_text(a, node, "hostname", host_name(a));
    value_put_text(a, node, "api_address", STR(""));
    value_put_text(a, node, "cluster_address", STR(""));
    value_put_bool(a, node, "active_node", true);
    value_put(node, "last_echo", value_null(a));
    value_put_text(a, node, "version", str_from(sys_version()));
    value_add(nodes, node);
    value_put(v, "nodes", nodes);
    reply_data_and_top(r, v);
}

void sys_step_down(struct request *r)
{
    reply_empty(r);
}

/* ---- what it is ---- */

void sys_host_info(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *host = value_map(a);
    struct utsname u;

    value_put_text(a, v, "timestamp", time_text_fine(a, r->now));
    value_put_text(a, host, "hostname", host_name(a));
    if (uname(&u) == 0) {
        value_put_text(a, host, "os", STR("linux"));
        value_put_text(a, host, "kernelVersion", str_from(u.release));
        value_put_text(a, host, "kernelArch", str_from(u.machine));
    }
    value_put(v, "host", host);
    value_put(v, "cpu", value_list(a));
    value_put(v, "disk", value_list(a));
    value_put(v, "memory", value_map(a));
    reply_data(r, v);
}

void sys_version_history(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *keys = value_list(a);
    struct value *infos = value_map(a);
    struct value *info = value_map(a);
    struct value *first = entry_get_value(&r->tx, STR("core/made"));
    struct str version = str_from(sys_version());

    value_add_text(a, keys, version);
    value_put(info, "previous_version", value_null(a));
    value_put_text(
        a, info, "timestamp_installed", time_text(a, value_get_i64(first, "time", r->now / 1000)));
    value_put_text(a, info, "build_date", str_from(sys_build_date()));
    value_put_named(a, infos, version, info);
    value_put(v, "keys", keys);
    value_put(v, "key_info", infos);
    reply_data(r, v);
}

void sys_config_state(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *storage = value_map(a);
    struct value *listeners = value_list(a);

    value_put_text(a, storage, "type", STR("sqlite"));
    value_put_text(a, v, "api_addr", STR(""));
    value_put_text(a, v, "cluster_addr", STR(""));
    value_put_i64(a, v, "default_lease_ttl", CORE_TTL_DEFAULT);
    value_put_i64(a, v, "max_lease_ttl", CORE_TTL_DEFAULT);
    value_put_bool(a, v, "disable_mlock", false);
    value_put_bool(a, v, "raw_storage_endpoint", false);
    value_put(v, "listeners", listeners);
    value_put(v, "storage", storage);
    reply_data(r, v);
}

void sys_replication(struct request *r)
{
    static const char *const kinds[] = { "dr", "performance" };
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    for (size_t i = 0; i < 2; i++) {
        struct value *kind = value_map(a);

        value_put_text(a, kind, "mode", STR("disabled"));
        value_put(v, kinds[i], kind);
    }
    reply_data_and_top(r, v);
}

void sys_experiments(struct request *r)
{
    struct value *v = value_map(&r->arena);

    value_put(v, "available", value_list(&r->arena));
    value_put(v, "enabled", value_list(&r->arena));
    reply_data(r, v);
}

/* ---- what Vault counts for its licences, and is never counted here ---- */

void sys_counters_config(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);

    value_put_bool(a, v, "queries_available", false);
    value_put_text(a, v, "enabled", STR("disabled"));
    value_put_i64(a, v, "retention_months", 0);
    value_put_i64(a, v, "default_report_months", 12);
    reply_data(r, v);
}

void sys_counters_none(struct request *r)
{
    reply_empty(r);
}

static unsigned count_under(struct request *r, const char *folder)
{
    return entry_list(&r->tx, str_from(folder), STR_NONE, 0)->n;
}

void sys_counters_entities(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *counters = value_map(a);
    struct value *entities = value_map(a);

    value_put_i64(a, entities, "total", count_under(r, "identity/entity/"));
    value_put(counters, "entities", entities);
    value_put(v, "counters", counters);
    reply_data(r, v);
}

void sys_counters_tokens(struct request *r)
{
    struct arena *a = &r->arena;
    struct value *v = value_map(a);
    struct value *counters = value_map(a);
    struct value *tokens = value_map(a);

    value_put_i64(a, tokens, "total", count_under(r, "token/id/"));
    value_put(counters, "service_tokens", tokens);
    value_put(v, "counters", counters);
    reply_data(r, v);
}
