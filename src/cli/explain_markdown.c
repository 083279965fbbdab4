/*
 * explain - the reference page of the blueprint, from the schema table.
 */
#include <stdio.h>

#include "cli/explain_int.h"

/* | and newlines would end a cell; < begins HTML. */
static void cell(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            fputs("\\|", stdout);
        else if (*text == '<')
            fputs("&lt;", stdout);
        else
            putchar(*text);
    }
}

static void code_cell(const char *text)
{
    if (text[0] == '\0')
        return;
    putchar('`');
    cell(text);
    putchar('`');
}

static void default_cell(const struct word *w)
{
    char text[256];

    if (w->preset != NULL && w->preset_means == NULL && w->preset[0] != '\0')
        code_cell(w->preset);
    else
        cell(word_preset_text(w, text));
}

static void row(const struct word *w)
{
    char text[256];

    printf("| `%s` | ", w->name);
    explain_type(w, text, sizeof(text));
    cell(text);
    if (word_range_text(w, text)[0] != '\0')
        printf(", %s", text);
    printf(" | ");
    default_cell(w);
    printf(" | ");
    cell(w->help);
    if (w->example != NULL) {
        printf("<br>`%s: ", w->name);
        cell(w->example);
        putchar('`');
    }
    printf(" |\n");
}

static void choices(const struct word *w)
{
    if (w->choices == NULL)
        return;
    printf("\n`%s` is one of:\n\n", w->name);
    for (const struct choice *c = w->choices; c->name != NULL; c++) {
        printf("- `%s`: ", c->name);
        cell(c->help);
        putchar('\n');
    }
}

static void notes(const struct table *t)
{
    if (t->short_word != NULL)
        printf("A bare value stands for its `%s`. ", t->short_word);
    if (t->has_switch == TABLE_OFF)
        printf("It is off unless it is there; `true` or `{}` takes the defaults.");
    else if (t->has_switch == TABLE_ON)
        printf("It is on with these defaults; `false` turns it off.");
    else if (t->has_switch == TABLE_ZERO)
        printf("`false` sets `%s` to 0.", t->off_word);
    if (t->short_word != NULL || t->has_switch != TABLE_PLAIN)
        printf("\n\n");
}

static void table(const struct table *t)
{
    notes(t);
    printf("| word | type | default | meaning |\n|---|---|---|---|\n");
    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_HIDDEN) == 0)
            row(w);
    for (const struct word *w = t->words; w->name != NULL; w++)
        choices(w);
    putchar('\n');
}

static void section(void *ctx, const struct word *w, const char *path, unsigned depth)
{
    (void)ctx;
    if (w->type != WORD_TABLE)
        return;
    printf("%s `%s`\n\n", depth == 0 ? "##" : "###", path);
    printf("%s\n\n", w->help);
    table(w->table);
}

void explain_markdown(void)
{
    printf(
        "# The blueprint\n\n"
        "Every word that `weir.yaml` may hold, generated from the table that Weir itself reads it\n"
        "with. `weir explain WORD` says the same at a prompt, `weir schema` to an editor, and\n"
        "`weir check FILE` finds every mistake in a file.\n\n"
        "Where a list is expected, one value stands for a list of one. `${env.NAME}` in a value\n"
        "is an environment variable that `variables` declares. A duration is written `500ms`,\n"
        "`10s`, `2m`, `1h` or `1d`; a size `512B`, `16KB`, `10MB` or `1GB` (1 KB is 1024 bytes).\n"
        "Paths are relative to the file that says them.\n\n"
        "`environments/NAME.yaml` beside the file is an overlay: mappings merge, other values\n"
        "and lists replace, `null` takes away, routes are merged by `name`.\n\n"
        "## Words at the top\n\n");
    table(&schema_blueprint);
    schema_each(section, NULL);
}
