/*
 * kv metadata - version 2: what is known of a secret beside its data, and the mount's settings.
 */
#include "keeper/core/encode_int.h"
#include "keeper/engines/kv_int.h"

/* Of what an owner may note. */
enum { CUSTOM_KEYS = 64, CUSTOM_KEY = 128, CUSTOM_VALUE = 512 };

/* ---- reading ---- */

void kv_metadata_list(struct request *r, struct str path)
{
    kv_list(r, "key", path.at != NULL ? path : STR(""));
}

static struct value *versions_of(struct request *r, const struct kv_key *k)
{
    struct value *map = value_map(&r->arena);

    for (size_t i = 0; i < k->n; i++)
        value_put(map, arena_printf(&r->arena, "%lld", (long long)k->versions[i].n),
            kv_version_says(r, &k->versions[i], NULL));
    return map;
}

void kv_metadata_read(struct request *r, struct str path)
{
    struct arena *a = &r->arena;
    const struct kv_key *k = kv_key_load(r, path);
    struct value *data;

    if (k == NULL) {
        reply_not_found(r);
        return;
    }
    data = value_map(a);
    value_put_bool(a, data, "cas_required", k->cas_required);
    value_put_text(a, data, "created_time", time_text_fine(a, k->created));
    value_put_i64(a, data, "current_version", k->current);
    value_put(data, "custom_metadata", k->custom != NULL ? k->custom : value_null(a));
    value_put_text(a, data, "delete_version_after", duration_text(a, k->delete_after));
    value_put_i64(a, data, "max_versions", k->max_versions);
    value_put_i64(a, data, "oldest_version", k->oldest);
    value_put_text(a, data, "updated_time", time_text_fine(a, k->updated));
    value_put(data, "versions", versions_of(r, k));
    reply_data(r, data);
}

/* ---- what an owner notes ---- */

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f)
            return false;
    return true;
}

static bool refuse_custom(struct request *r, const char *why)
{
    reply_error(r, 400, "custom_metadata validation failed: %s", why);
    return false;
}

/* The sentence never repeats what was sent. */
static bool custom_is_valid(struct request *r, const struct value *custom)
{
    if (custom->n > CUSTOM_KEYS)
        return refuse_custom(r, "payload must contain at most 64 keys");
    value_each (it, custom) {
        if (it->kind != VALUE_TEXT)
            return refuse_custom(r, "values must be strings");
        if (it->name.len == 0 || it->name.len > CUSTOM_KEY)
            return refuse_custom(r, "the length of a key must be 1 to 128");
        if (it->text.len == 0 || it->text.len > CUSTOM_VALUE)
            return refuse_custom(r, "the length of a value must be 1 to 512");
        if (!is_printable(it->name) || !is_printable(it->text))
            return refuse_custom(r, "keys and values cannot include unprintable characters");
    }
    return true;
}

/* ---- writing ---- */

static bool at_least_zero(struct request *r, const char *name, int64_t n)
{
    if (n >= 0)
        return true;
    reply_error(r, 400, "%s cannot be negative", name);
    return false;
}

/* The settings of a key that are no custom metadata. */
static bool read_settings(struct request *r, struct kv_key *k)
{
    bool required = k->cas_required;
    struct kv_config config;

    field_int(r, "max_versions", &k->max_versions);
    field_seconds(r, "delete_version_after", &k->delete_after);
    field_bool(r, "cas_required", &k->cas_required);
    if (refused(r) || !at_least_zero(r, "max_versions", k->max_versions) ||
        !at_least_zero(r, "delete_version_after", k->delete_after))
        return false;
    kv_config_load(r, &config);
    if (config.cas_required && field_has(r, "cas_required") && !k->cas_required) {
        k->cas_required = required;
        reply_warn(r,
            "\"cas_required\" set to false, but is mandated by backend config. This value will be "
            "ignored.");
    }
    return true;
}

void kv_metadata_write(struct request *r, struct str path)
{
    struct kv_key *k = kv_key_load(r, path);
    struct value *custom = NULL;

    if (k == NULL)
        k = kv_key_new(r, path);
    if (field_map(r, "custom_metadata", &custom)) {
        if (!custom_is_valid(r, custom))
            return;
        k->custom = custom;
    }
    if (refused(r) || !read_settings(r, k))
        return;
    kv_key_store(r, k);
    reply_empty(r);
}

/* A member that is null goes back to what it was before anybody set it. */
static void forget_nulls(const struct request *r, struct kv_key *k)
{
    static const char *const names[] = { "max_versions", "delete_version_after", "cas_required" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct value *v = value_get(r->body, names[i]);

        if (v == NULL || v->kind != VALUE_NULL)
            continue;
        if (i == 0)
            k->max_versions = 0;
        else if (i == 1)
            k->delete_after = 0;
        else
            k->cas_required = false;
    }
}

/* False: refused. */
static bool patch_custom(struct request *r, struct kv_key *k)
{
    const struct value *patch = value_get(r->body, "custom_metadata");

    if (patch == NULL)
        return true;
    if (patch->kind == VALUE_NULL) {
        k->custom = NULL;
        return true;
    }
    if (patch->kind != VALUE_MAP)
        return refuse_custom(r, "it must be a map");
    k->custom = kv_merge(&r->arena, k->custom, patch);
    return custom_is_valid(r, k->custom);
}

void kv_metadata_patch(struct request *r, struct str path)
{
    struct kv_key *k = kv_key_load(r, path);

    if (k == NULL) {
        reply_not_found(r);
        return;
    }
    forget_nulls(r, k);
    if (!patch_custom(r, k) || !read_settings(r, k))
        return;
    kv_key_store(r, k);
    reply_empty(r);
}

void kv_metadata_delete(struct request *r, struct str path)
{
    const struct kv_key *k = kv_key_load(r, path);

    if (k != NULL)
        kv_key_delete(r, k);
    reply_empty(r);
}

/* ---- the mount's settings ---- */

void kv_config_read(struct request *r, struct str path)
{
    struct arena *a = &r->arena;
    struct value *data = value_map(a);
    struct kv_config c;

    (void)path;
    kv_config_load(r, &c);
    value_put_bool(a, data, "cas_required", c.cas_required);
    value_put_text(
        a, data, "delete_version_after", duration_text(a, c.delete_after > 0 ? c.delete_after : 0));
    value_put_i64(a, data, "max_versions", c.max_versions);
    reply_data(r, data);
}

void kv_config_write(struct request *r, struct str path)
{
    struct arena *a = &r->arena;
    struct value *row = value_map(a);
    struct kv_config c;

    (void)path;
    kv_config_load(r, &c);
    field_int(r, "max_versions", &c.max_versions);
    field_seconds(r, "delete_version_after", &c.delete_after);
    field_bool(r, "cas_required", &c.cas_required);
    if (refused(r) || !at_least_zero(r, "max_versions", c.max_versions))
        return;
    value_put_i64(a, row, "max_versions", c.max_versions);
    value_put_i64(a, row, "delete_after", c.delete_after < 0 ? -1 : c.delete_after);
    value_put_bool(a, row, "cas_required", c.cas_required);
    entry_put_value(&r->tx, mount_path(r, "config"), row, 0);
    reply_empty(r);
}
