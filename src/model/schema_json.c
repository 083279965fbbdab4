/*
 * schema - the table as a JSON Schema (draft 2020-12), for editors.
 *
 * An editor sees words, types, choices, ranges and help.  What stands between
 * words (a service that a route names) only `weir check` sees.
 */
#include <stdio.h>

#include "base/json.h"
#include "model/schema_int.h"

static void put_word(struct json *j, const char *key, const struct word *w);
static void put_table(struct json *j, const char *key, const struct table *t, const char *help);

/* Text that is already JSON members, such as "type":"string". */
static void put_raw(struct json *j, const char *members)
{
    if (members == NULL)
        return;
    if (j->comma)
        buf_char(j->to, ',');
    buf_text(j->to, members);
    j->comma = true;
}

static bool is_number(const char *s)
{
    return s[0] != '\0' && s[strspn(s, "0123456789.")] == '\0';
}

/* A choice such as 1.3 is a number to YAML when it is not quoted. */
static void put_choices(struct json *j, const struct word *w)
{
    json_open(j, "enum", '[');
    for (const struct choice *c = w->choices; c->name != NULL; c++) {
        json_put_text(j, NULL, c->name);
        if (is_number(c->name)) {
            buf_char(j->to, ',');
            buf_text(j->to, c->name);
        }
    }
    json_close(j, ']');
}

static bool is_whole_number(const struct word *w)
{
    return w->type == WORD_UNSIGNED || w->type == WORD_PERCENT;
}

/* One value, without a list or map around it. */
static void put_value(struct json *j, const struct word *w)
{
    json_open(j, NULL, '{');
    if (w->choices != NULL)
        put_choices(j, w);
    else
        put_raw(j, word_type_json(w));
    if (is_whole_number(w) && w->max > 0) {
        json_put_u64(j, "minimum", w->min);
        json_put_u64(j, "maximum", w->max);
    }
    json_close(j, '}');
}

/* A value, or one that comes from the environment. */
static void put_item(struct json *j, const struct word *w)
{
    if (w->type == WORD_TABLE) {
        put_table(j, NULL, w->table, NULL);
        return;
    }
    put_value(j, w);
    json_open(j, NULL, '{');
    json_put_text(j, "$ref", "#/$defs/variable");
    json_close(j, '}');
}

static void put_any(struct json *j, const char *key, const struct word *w)
{
    json_open(j, key, '{');
    json_open(j, "anyOf", '[');
    put_item(j, w);
    json_close(j, ']');
    json_close(j, '}');
}

static void put_default(struct json *j, const struct word *w)
{
    if (w->preset == NULL || w->preset_means != NULL)
        return;
    if (w->shape == WORD_LIST || w->type == WORD_SET) {
        struct str rest = str_from(w->preset);

        json_open(j, "default", '[');
        while (rest.at != NULL)
            json_put_str(j, NULL, str_trim(str_cut(rest, ',', &rest)));
        json_close(j, ']');
    } else if (w->type == WORD_BOOL) {
        json_put_bool(j, "default", strcmp(w->preset, "true") == 0);
    } else if (w->type == WORD_UNSIGNED) {
        uint64_t n = 0;

        (void)str_to_u64(str_from(w->preset), UINT64_MAX, &n);
        json_put_u64(j, "default", n);
    } else {
        json_put_text(j, "default", w->preset);
    }
}

static void put_list(struct json *j, const struct word *w)
{
    json_open(j, "anyOf", '[');
    put_item(j, w);
    json_open(j, NULL, '{');
    json_put_text(j, "type", "array");
    put_any(j, "items", w);
    if ((w->flags & WORD_NOT_EMPTY) != 0)
        json_put_u64(j, "minItems", 1);
    json_close(j, '}');
    json_close(j, ']');
}

static void put_map(struct json *j, const struct word *w)
{
    static const char *const patterns[] = {
        [WORD_KEY_NAME] = "^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        [WORD_KEY_HEADER] = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
        [WORD_KEY_ENVIRONMENT] = "^[A-Za-z_][A-Za-z0-9_]*$",
        [WORD_KEY_ANY] = ".",
    };

    json_put_text(j, "type", "object");
    json_open(j, "propertyNames", '{');
    json_put_text(j, "pattern", patterns[w->keys]);
    json_close(j, '}');
    put_any(j, "additionalProperties", w);
}

static void put_word(struct json *j, const char *key, const struct word *w)
{
    char text[512];

    if (w->type == WORD_TABLE && w->shape == WORD_ONE) {
        put_table(j, key, w->table, w->help);
        return;
    }
    json_open(j, key, '{');
    snprintf(text, sizeof(text), w->preset_means != NULL ? "%s Default: %s." : "%s", w->help,
        w->preset_means);
    json_put_text(j, "description", text);
    put_default(j, w);
    if (w->flags & WORD_TREE && w->keys == WORD_KEY_ENVIRONMENT) {
        /* variables: a mapping, or only names */
        json_open(j, "anyOf", '[');
        json_open(j, NULL, '{');
        put_map(j, w);
        json_close(j, '}');
        json_open(j, NULL, '{');
        put_raw(j, "\"type\":\"array\",\"items\":{\"type\":\"string\"}");
        json_close(j, '}');
        json_close(j, ']');
    } else if (w->shape == WORD_MAP) {
        put_map(j, w);
    } else if (w->shape == WORD_LIST || w->type == WORD_SET) {
        put_list(j, w);
    } else {
        json_open(j, "anyOf", '[');
        put_item(j, w);
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void put_words(struct json *j, const struct table *t)
{
    json_put_text(j, "type", "object");
    json_open(j, "properties", '{');
    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_HIDDEN) == 0)
            put_word(j, w->name, w);
    json_close(j, '}');
    json_put_bool(j, "additionalProperties", false);
    json_open(j, "required", '[');
    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_REQUIRED) != 0)
            json_put_text(j, NULL, w->name);
    json_close(j, ']');
}

/* The mapping, true or false where it is a switch, or the short form. */
static void put_table(struct json *j, const char *key, const struct table *t, const char *help)
{
    const struct word *brief =
        t->short_word != NULL ? table_word(t, str_from(t->short_word)) : NULL;

    json_open(j, key, '{');
    if (help != NULL)
        json_put_text(j, "description", help);
    json_open(j, "anyOf", '[');
    json_open(j, NULL, '{');
    put_words(j, t);
    json_close(j, '}');
    if (t->has_switch != TABLE_PLAIN) {
        json_open(j, NULL, '{');
        put_raw(j, word_type_json(&(const struct word){ .type = WORD_BOOL }));
        json_close(j, '}');
    }
    if (brief != NULL)
        put_word(j, NULL, brief);
    json_close(j, ']');
    json_close(j, '}');
}

void schema_json(struct buf *to)
{
    struct json j;

    json_init(&j, to, false);
    json_open(&j, NULL, '{');
    json_put_text(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_put_text(&j, "title", "Weir blueprint");
    json_put_text(&j, "description", "What weir.yaml may say; `weir check` sees more.");
    put_words(&j, &schema_blueprint);
    json_open(&j, "$defs", '{');
    json_open(&j, "variable", '{');
    json_put_text(&j, "description", "A value from the environment, see `variables`.");
    json_put_text(&j, "type", "string");
    json_put_text(&j, "pattern", "\\$\\{env\\.[A-Za-z_][A-Za-z0-9_]*\\}");
    json_close(&j, '}');
    json_close(&j, '}');
    json_close(&j, '}');
}
