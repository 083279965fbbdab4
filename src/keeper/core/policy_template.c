/*
 * policy template - paths of rules that name the entity who asks: "secret/{{identity.entity.id}}/file".
 *
 *     identity.entity.id, .name, .metadata.KEY
 *     identity.entity.aliases.ACCESSOR.id, .name, .metadata.KEY, .custom_metadata.KEY
 *
 * What is put in must be no more than a name: a value that is empty, "+", or has a '/' or '*' in it would reach
 * paths that the policy's author did not mean, so a rule with such a value, or with one that is not there, is left out.
 */
#include "keeper/core/policy_int.h"

static bool is_template(struct str path)
{
    return memmem(path.at, path.len, "{{", 2) != NULL;
}

bool policy_has_templates(const struct value *rules)
{
    value_each (rule, rules) {
        if (is_template(value_get_text(rule, "path", STR(""))))
            return true;
    }
    return false;
}

static struct str member(const struct value *of, struct str name)
{
    if (str_is(name, "id") || str_is(name, "name")) {
        const struct value *v = value_find(of, name);

        return v != NULL ? v->text : STR_NONE;
    }
    for (const char *const *map = (const char *const[]){ "metadata", "custom_metadata", NULL };
         *map != NULL; map++) {
        struct str key;

        if (str_is(str_cut(name, '.', &key), *map)) {
            const struct value *v = key.at != NULL ? value_find(value_get(of, *map), key) : NULL;

            return v != NULL && v->kind == VALUE_TEXT ? v->text : STR_NONE;
        }
    }
    return STR_NONE;
}

static struct str alias_member(const struct value *entity, struct str name)
{
    struct str rest;
    struct str accessor = str_cut(name, '.', &rest);

    value_each (alias, value_get(entity, "aliases")) {
        if (rest.at != NULL && str_eq(value_get_text(alias, "mount_accessor", STR("")), accessor))
            return member(alias, rest);
    }
    return STR_NONE;
}

static struct str look_up(const struct value *entity, struct str name)
{
    const struct str head = STR("identity.entity.");
    const struct str aliases = STR("aliases.");

    if (!str_starts(name, head))
        return STR_NONE;
    name = (struct str){ name.at + head.len, name.len - head.len };
    if (!str_starts(name, aliases))
        return member(entity, name);
    return alias_member(entity, (struct str){ name.at + aliases.len, name.len - aliases.len });
}

static bool is_plain(struct str s)
{
    if (s.len == 0 || str_is(s, "+"))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] == '/' || s.at[i] == '*' || (unsigned char)s.at[i] < 0x20)
            return false;
    return true;
}

/* False: something in it is not there, or no plain name. */
static bool fill_path(const struct value *entity, struct str path, struct buf *to)
{
    while (path.len > 0) {
        const char *open = memmem(path.at, path.len, "{{", 2);
        const char *close =
            open != NULL ? memmem(open, (size_t)(path.at + path.len - open), "}}", 2) : NULL;
        struct str value;

        if (open == NULL) {
            buf_str(to, path);
            break;
        }
        if (close == NULL)
            return false;
        value = look_up(entity, str_trim((struct str){ open + 2, (size_t)(close - open) - 2 }));
        if (!is_plain(value))
            return false;
        buf_add(to, path.at, (size_t)(open - path.at));
        buf_str(to, value);
        path = (struct str){ close + 2, (size_t)(path.at + path.len - close) - 2 };
    }
    return !to->over;
}

struct value *policy_fill(struct arena *a, const struct value *rules, const struct value *entity)
{
    struct value *out = value_list(a);

    value_each (rule, rules) {
        struct str path = value_get_text(rule, "path", STR(""));
        struct value *copy = value_copy(a, rule);
        struct buf filled;

        buf_init(&filled, 4096);
        if (!is_template(path)) {
            value_add(out, copy);
        } else if (fill_path(entity, path, &filled)) {
            value_set(a, copy, STR("path"), value_text(a, buf_as_str(&filled)));
            value_add(out, copy);
        }
        buf_free(&filled);
    }
    return out;
}
