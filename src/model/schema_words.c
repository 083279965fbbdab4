/*
 * schema - questions to the table.  See schema.h.
 */
#include <stdio.h>

#include "model/schema_int.h"
#include "model/values_int.h"

const struct word *table_word(const struct table *t, struct str name)
{
    for (const struct word *w = t->words; w->name != NULL; w++)
        if (str_is(name, w->name))
            return w;
    return NULL;
}

const char *word_expects(const struct word *w)
{
    return value_types[w->type].expects;
}

const char *word_type_name(const struct word *w)
{
    return value_types[w->type].name;
}

const char *word_type_json(const struct word *w)
{
    return value_types[w->type].json_schema;
}

enum { TEXT_MAX = 96 };

const char *word_type_text(const struct word *w, char *to)
{
    static const char *const shapes[] = { "", "list: ", "by name: " };

    snprintf(to, TEXT_MAX, "%s%s", shapes[w->shape], word_type_name(w));
    return to;
}

const char *word_preset_text(const struct word *w, char *to)
{
    const char *text = w->preset_means != NULL ? w->preset_means : w->preset;
    bool table = w->type == WORD_TABLE && w->shape == WORD_ONE;

    if ((w->flags & WORD_REQUIRED) != 0)
        text = "required";
    else if (table)
        text = w->table->has_switch == TABLE_OFF  ? "off"
               : w->table->has_switch == TABLE_ON ? "on"
                                                  : "";
    else if (text == NULL)
        text = "none";
    snprintf(to, TEXT_MAX, "%s", text[0] == '\0' && !table ? "empty" : text);
    return to;
}

const char *word_range_text(const struct word *w, char *to)
{
    char min[32];
    char max[32];

    to[0] = '\0';
    if (w->max == 0)
        return to;
    if (w->type == WORD_DURATION) {
        value_format_duration(w->min, min);
        value_format_duration(w->max, max);
    } else if (w->type == WORD_SIZE) {
        value_format_size(w->min, min);
        value_format_size(w->max, max);
    } else {
        snprintf(min, sizeof(min), "%llu", (unsigned long long)w->min);
        snprintf(max, sizeof(max), "%llu%s", (unsigned long long)w->max,
            w->type == WORD_PERCENT ? "%" : "");
    }
    snprintf(to, 80, "%s to %s", min, max);
    return to;
}

static void each(
    const struct table *t, const char *prefix, unsigned depth, schema_visit *visit, void *ctx)
{
    static const char *const inside[] = { ".", "[].", ".NAME." };
    char path[128];

    for (const struct word *w = t->words; w->name != NULL; w++) {
        if ((w->flags & WORD_HIDDEN) != 0)
            continue;
        snprintf(path, sizeof(path), "%s%s", prefix, w->name);
        visit(ctx, w, path, depth);
        if (w->type != WORD_TABLE)
            continue;
        snprintf(path, sizeof(path), "%s%s%s", prefix, w->name, inside[w->shape]);
        each(w->table, path, depth + 1, visit, ctx);
    }
}

void schema_each(schema_visit *visit, void *ctx)
{
    each(&schema_blueprint, "", 0, visit, ctx);
}

struct finding {
    struct str name; /* as asked, without what stands for names and indexes */
    bool whole;      /* a path, not one word */
    bool tail;       /* or the end of one: retry.budget */
    struct schema_match *out;
    size_t max;
    size_t n;
    struct schema_match nearest;
    unsigned distance;
};

/* "services.NAME.origins[].weight" without NAME and []: what people write. */
static struct str plain_path(const char *path, char to[128])
{
    size_t n = 0;

    while (*path != '\0' && n < 127) {
        if (strncmp(path, "[]", 2) == 0)
            path += 2;
        else if (strncmp(path, ".NAME", 5) == 0)
            path += 5;
        else
            to[n++] = *path++;
    }
    to[n] = '\0';
    return (struct str){ to, n };
}

static void find_one(void *ctx, const struct word *w, const char *path, unsigned depth)
{
    struct finding *f = ctx;
    char plain[128];
    struct str is = f->whole ? plain_path(path, plain) : str_from(w->name);
    unsigned d;

    (void)depth;
    if (f->tail && is.len > f->name.len && is.at[is.len - f->name.len - 1] == '.' &&
        str_ends(is, f->name))
        is = f->name;
    d = str_distance(is, f->name);
    if (d > 0 && d >= f->distance)
        return;
    if (d == 0 && str_eq(is, f->name) && f->n < f->max) {
        f->out[f->n].word = w;
        snprintf(f->out[f->n++].path, sizeof(f->out[0].path), "%s", path);
        return;
    }
    if (d <= (unsigned)(f->name.len + 2) / 3) {
        f->distance = d;
        f->nearest.word = w;
        snprintf(f->nearest.path, sizeof(f->nearest.path), "%s", path);
    }
}

/* Takes indexes and the names of maps out of a path, by walking the tables. */
static struct str strip_names(struct str name, char to[128])
{
    const struct table *t = &schema_blueprint;
    const struct word *map = NULL;
    struct str rest = name;
    size_t n = 0;

    while (rest.at != NULL && n < 100) {
        struct str ignored;
        struct str part = str_cut(str_cut(rest, '.', &rest), '[', &ignored);
        const struct word *w = t != NULL ? table_word(t, part) : NULL;

        if (w == NULL && map != NULL && rest.at != NULL) {
            map = NULL; /* a name */
            continue;
        }
        n += (size_t)snprintf(
            to + n, 128 - n, "%s%.*s", n > 0 ? "." : "", part.len > 60 ? 60 : STR_ARG(part));
        map = w != NULL && w->shape == WORD_MAP ? w : NULL;
        t = w != NULL && w->type == WORD_TABLE ? w->table : NULL;
    }
    return (struct str){ to, n };
}

size_t schema_find(
    struct str name, struct schema_match *out, size_t max, struct schema_match *nearest)
{
    char text[128];
    bool whole = memchr(name.at, '.', name.len) != NULL || memchr(name.at, '[', name.len) != NULL;
    struct finding f = { .name = whole ? strip_names(name, text) : name,
        .whole = whole,
        .tail = whole,
        .out = out,
        .max = max,
        .distance = 5 };

    /* A word at the top is meant, even when it stands elsewhere too. */
    if (!whole && table_word(&schema_blueprint, name) != NULL)
        f.whole = true;
    schema_each(find_one, &f);
    *nearest = f.nearest;
    return f.n;
}
