/*
 * weir explain - what a word of the blueprint means; all of them as Markdown.
 *
 * Everything said here comes from the schema table.
 */
#include <stdio.h>

#include "base/json.h"
#include "cli/commands_int.h"
#include "cli/explain_int.h"

enum { MATCHES_MAX = 24 };

void explain_type(const struct word *w, char *to, size_t size)
{
    static const char *const before[] = { "", "list of: ", "by name: " };
    const char *type = w->type == WORD_TABLE ? "mapping" : word_type_name(w);
    size_t n = (size_t)snprintf(to, size, "%s", before[w->shape]);

    if (w->choices == NULL) {
        snprintf(to + n, size - n, "%s", type);
        return;
    }
    for (const struct choice *c = w->choices; c->name != NULL && n < size; c++)
        n += (size_t)snprintf(to + n, size - n, "%s%s", c == w->choices ? "" : " | ", c->name);
}

static void print_words(const struct table *t)
{
    int width = 0;

    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_HIDDEN) == 0 && (int)strlen(w->name) > width)
            width = (int)strlen(w->name);
    for (const struct word *w = t->words; w->name != NULL; w++)
        if ((w->flags & WORD_HIDDEN) == 0)
            printf("  %-*s  %s\n", width, w->name, w->help);
}

static void print_switch(const struct table *t)
{
    if (t->short_word != NULL)
        printf("  short      a bare value is its `%s`\n", t->short_word);
    if (t->has_switch == TABLE_OFF)
        printf("  switch     off unless it is there; `{}` or true takes the defaults\n");
    else if (t->has_switch == TABLE_ON)
        printf("  switch     on with the defaults unless it says false\n");
    else if (t->has_switch == TABLE_ZERO)
        printf("  switch     false sets `%s` to 0\n", t->off_word);
}

static void print_word(const struct schema_match *m)
{
    const struct word *w = m->word;
    char text[256];

    printf("%s\n  %s\n\n", m->path, w->help);
    explain_type(w, text, sizeof(text));
    printf("  type       %s\n", text);
    if (w->type != WORD_TABLE && w->choices == NULL)
        printf("  written    %s\n", word_expects(w));
    if (word_range_text(w, text)[0] != '\0')
        printf("  range      %s\n", text);
    if (word_preset_text(w, text)[0] != '\0')
        printf("  default    %s\n", text);
    if (w->choices != NULL)
        for (const struct choice *c = w->choices; c->name != NULL; c++)
            printf("  %-10s %s: %s\n", c == w->choices ? "choices" : "", c->name, c->help);
    if (w->type == WORD_TABLE)
        print_switch(w->table);
    printf("  example    %s: %s\n", w->name, w->example);
    if (w->type == WORD_TABLE) {
        printf("\n%s may have:\n", w->table->title);
        print_words(w->table);
    }
}

static void put_json_word(struct json *j, const struct schema_match *m)
{
    const struct word *w = m->word;
    char text[256];

    json_open(j, NULL, '{');
    json_put_text(j, "path", m->path);
    json_put_text(j, "help", w->help);
    explain_type(w, text, sizeof(text));
    json_put_text(j, "type", text);
    json_put_text(j, "default", word_preset_text(w, text)[0] != '\0' ? text : NULL);
    if (word_range_text(w, text)[0] != '\0')
        json_put_text(j, "range", text);
    json_put_bool(j, "required", (w->flags & WORD_REQUIRED) != 0);
    json_put_text(j, "example", w->example);
    if (w->choices != NULL) {
        json_open(j, "choices", '{');
        for (const struct choice *c = w->choices; c->name != NULL; c++)
            json_put_text(j, c->name, c->help);
        json_close(j, '}');
    }
    if (w->type == WORD_TABLE) {
        json_open(j, "words", '[');
        for (const struct word *in = w->table->words; in->name != NULL; in++)
            if ((in->flags & WORD_HIDDEN) == 0)
                json_put_text(j, NULL, in->name);
        json_close(j, ']');
    }
    json_close(j, '}');
}

static void put_json_each(void *ctx, const struct word *w, const char *path, unsigned depth)
{
    struct schema_match m = { .word = w };

    (void)depth;
    snprintf(m.path, sizeof(m.path), "%s", path);
    put_json_word(ctx, &m);
}

static void print_json(const struct schema_match *matches, size_t n)
{
    struct buf out;
    struct json j;

    buf_init(&out, 4 << 20);
    json_init(&j, &out, true);
    json_open(&j, NULL, '[');
    for (size_t i = 0; i < n; i++)
        put_json_word(&j, &matches[i]);
    if (n == 0)
        schema_each(put_json_each, &j);
    json_close(&j, ']');
    printf("%s\n", buf_cstr(&out));
    buf_free(&out);
}

static int explain_word(const struct command_line *line, const char *name)
{
    struct schema_match matches[MATCHES_MAX];
    struct schema_match nearest;
    size_t n = schema_find(str_from(name), matches, MATCHES_MAX, &nearest);
    struct err err;

    if (n == 0 && nearest.word != NULL)
        err_set(&err, ERR_CONFIG, "explain_unknown_word",
            "there is no word \"%s\"; did you mean %s?", name, nearest.path);
    else if (n == 0)
        err_set(&err, ERR_CONFIG, "explain_unknown_word",
            "there is no word \"%s\"; \"weir explain\" lists them", name);
    if (n == 0)
        return command_fail(line, &err);
    if (line->json)
        print_json(matches, n);
    else if (n == 1)
        print_word(&matches[0]);
    else
        for (size_t i = 0; i < n; i++)
            printf("%s\n  %s\n", matches[i].path, matches[i].word->help);
    return 0;
}

static int run(const struct command_line *line)
{
    if (command_option(line, "markdown") != NULL) {
        explain_markdown();
        return 0;
    }
    if (line->nargs > 0)
        return explain_word(line, line->args[0]);
    if (line->json) {
        print_json(NULL, 0);
        return 0;
    }
    printf("A blueprint (weir.yaml) may have:\n");
    print_words(&schema_blueprint);
    printf("\n\"weir explain WORD\" says more, \"weir explain services.retry\" goes deeper.\n");
    return 0;
}

static const struct option options[] = {
    { "markdown", NULL, "all words, as the reference page" },
    { NULL, NULL, NULL },
};

const struct command command_explain = {
    .name = "explain",
    .arguments = "[WORD]",
    .help = "Explain a word of the blueprint: type, range, default, example.",
    .details = "WORD is a path such as services.retry.budget, or one word, wherever it stands.\n"
               "Without WORD the words at the top are listed.",
    .options = options,
    .max_args = 1,
    .run = run,
};
