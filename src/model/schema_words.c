/*
 * schema - questions to the table.  See schema.h.
 */
#include <stdio.h>

#include "model/schema_int.h"

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

static void each(
    const struct table *t, const char *prefix, unsigned depth, schema_visit *visit, void *ctx)
{
    char path[128];

    for (const struct word *w = t->words; w->name != NULL; w++) {
        if ((w->flags & WORD_HIDDEN) != 0)
            continue;
        snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", w->name);
        visit(ctx, w, path, depth);
        if (w->type == WORD_TABLE)
            each(w->table, path, depth + 1, visit, ctx);
    }
}

void schema_each(schema_visit *visit, void *ctx)
{
    each(&schema_blueprint, "", 0, visit, ctx);
}
