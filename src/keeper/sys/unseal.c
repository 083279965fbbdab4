/*
 * unseal - opening and closing the keeper: seal-status, unseal, seal.
 */
#include "keeper/core/encode_int.h"
#include "keeper/sys/sys_int.h"

static const char version[] = "1.14.0"; /* of the API: clients compare it */

static const char build_date[] = "2023-06-19T11:40:23Z";

const char *sys_version(void)
{
    return version;
}

const char *sys_build_date(void)
{
    return build_date;
}

struct value *seal_status(struct request *r)
{
    struct core *c = r->core;
    struct arena *a = &r->arena;
    const struct seal_config *config = seals_config(c);
    const struct share_set *progress = seals_progress(c);
    bool known = core_is_initialized(c);
    struct value *v = value_map(a);

    value_put_text(a, v, "type", str_from("shamir"));
    value_put_bool(a, v, "initialized", known);
    value_put_bool(a, v, "sealed", core_is_sealed(c));
    value_put_i64(a, v, "t", known ? config->threshold : 0);
    value_put_i64(a, v, "n", known ? config->shares : 0);
    value_put_i64(a, v, "progress", progress->n);
    value_put_text(a, v, "nonce", str_from(progress->nonce));
    value_put_text(a, v, "version", str_from(version));
    value_put_text(a, v, "build_date", str_from(build_date));
    value_put_bool(a, v, "migration", false);
    value_put_bool(a, v, "recovery_seal", config->file);
    value_put_text(a, v, "storage_type", STR("sqlite"));
    if (!core_is_sealed(c)) {
        value_put_text(a, v, "cluster_name", STR("weir"));
        value_put_text(a, v, "cluster_id", core_cluster_id(c, a));
    }
    return v;
}

void sys_seal_status(struct request *r)
{
    reply_bare(r, seal_status(r));
}

bool share_decode(struct arena *a, struct str text, struct str *share)
{
    const size_t bytes = text.len / 2;

    if ((bytes == SHARE_MAX || bytes == SEAL_KEY) && decode_hex(a, text, share))
        return true;
    return decode_base64(a, text, share) && (share->len == SHARE_MAX || share->len == SEAL_KEY);
}

static void take_share(struct request *r, struct str share)
{
    struct core *c = r->core;
    struct share_set *set = seals_progress(c);
    const char *why;

    if (set->nonce[0] == '\0')
        shares_begin(set);
    if (!shares_add(set, share, &why)) {
        reply_error(r, 400, "%s", why);
        return;
    }
    if (set->n >= seals_config(c)->threshold) {
        bool ok = seals_open_with_shares(c, set, &why);

        shares_forget(set);
        if (!ok) {
            reply_error(r, 400, "%s", why);
            return;
        }
        c->keep_open = seals_has_file(c);
        audit_event(c->audit, "unseal", NULL, "");
    }
    reply_bare(r, seal_status(r));
}

void sys_unseal(struct request *r)
{
    bool reset = false;
    bool migrate = false;
    struct str key = STR("");
    struct str share;

    field_bool(r, "reset", &reset);
    field_bool(r, "migrate", &migrate);
    field_text(r, "key", &key);
    if (refused(r))
        return;
    if (r->core->state == CORE_SEALING) {
        call_hold(call_of(r)); /* for a moment */
    } else if (!core_is_initialized(r->core)) {
        reply_error(r, 400, "Vault is not initialized");
    } else if (reset) {
        if (core_is_sealed(r->core))
            shares_forget(seals_progress(r->core));
        reply_bare(r, seal_status(r));
    } else if (migrate) {
        reply_error(r, 400, "there is no seal migration under way: all seals open at any time");
    } else if (key.len == 0) {
        reply_error(
            r, 400, "'key' must be specified in request body as JSON, or 'reset' set to true");
    } else if (!core_is_sealed(r->core)) {
        reply_bare(r, seal_status(r));
    } else if (!share_decode(&r->arena, key, &share)) {
        reply_error(r, 400, "'key' must be a valid hex or base64 string of a share");
    } else {
        take_share(r, share);
    }
}

void sys_seal(struct request *r)
{
    r->core->keep_open = false;
    call_of(r)->sealing = true;
    reply_empty(r);
}
