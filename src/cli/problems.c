/*
 * problems - see problems.h.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "cli/problems.h"

enum { SHOWN_COLUMNS = 100 };

void print_clean(FILE *to, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool c1 = c == 0xc2 && i + 1 < s.len && ((unsigned char)s.at[i + 1] & 0xe0) == 0x80;

        if (c1) /* U+0080 to U+009F are control characters too */
            i++;
        fputc(c1 || c < 0x20 || c == 0x7f ? '?' : c, to);
    }
}

static bool in_colour(FILE *to)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(fileno(to)) && (no_color == NULL || no_color[0] == '\0') &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

/* Moves p on by n characters of UTF-8. */
static const char *skip_characters(const char *p, const char *end, size_t n)
{
    while (p < end && n > 0) {
        do
            p++;
        while (p < end && ((unsigned char)*p & 0xc0) == 0x80);
        n--;
    }
    return p;
}

/* The line with its place in view, and the caret. */
static void print_line(FILE *to, struct str line, unsigned column, bool colour)
{
    size_t skip = column > SHOWN_COLUMNS - 20 ? column - (SHOWN_COLUMNS - 20) : 0;
    const char *end = line.at + line.len;
    const char *from = skip_characters(line.at, end, skip);
    const char *until = skip_characters(from, end, SHOWN_COLUMNS);

    fputs(skip > 0 ? "    ..." : "    ", to);
    print_clean(to, (struct str){ from, (size_t)(until - from) });
    fputs(until < end ? "...\n" : "\n", to);
    fprintf(to, "    %*s%s^%s\n", (int)(column - 1 - skip + (skip > 0 ? 3 : 0)), "",
        colour ? "\033[1;32m" : "", colour ? "\033[0m" : "");
}

static void print_source(FILE *to, const struct problem *p, bool colour)
{
    auto_file FILE *f = p->line > 0 && p->column > 0 ? fopen(p->file, "re") : NULL;
    auto_free char *line = NULL;
    size_t cap = 0;
    ssize_t n = -1;

    if (f == NULL)
        return;
    for (unsigned i = 0; i < p->line; i++) {
        n = getline(&line, &cap, f);
        if (n == -1)
            return;
    }
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    print_line(to, (struct str){ line, (size_t)n }, p->column, colour);
}

static void print_one(FILE *to, const struct problem *p, bool colour)
{
    const char *bold = colour ? "\033[1m" : "";
    const char *kind = !colour ? "" : p->warning ? "\033[1;35m" : "\033[1;31m";
    const char *plain = colour ? "\033[0m" : "";

    fputs(bold, to);
    print_clean(to, str_from(p->file));
    if (p->line > 0)
        fprintf(to, ":%u:%u", p->line, p->column);
    fprintf(to, ":%s %s%s:%s ", plain, kind, p->warning ? "warning" : "error", plain);
    print_clean(to, str_from(p->text));
    fprintf(to, " [%s]\n", p->id);
}

void problems_print(FILE *to, const struct problems *p)
{
    bool terminal = isatty(fileno(to)) != 0;
    bool colour = in_colour(to);

    for (size_t i = 0; i < p->n; i++) {
        print_one(to, &p->at[i], colour);
        if (terminal)
            print_source(to, &p->at[i], colour);
    }
}

void problems_put_json(struct json *j, const struct problems *p)
{
    json_open(j, "problems", '[');
    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->at[i];

        json_open(j, NULL, '{');
        json_put_text(j, "file", one->file);
        json_put_u64(j, "line", one->line);
        json_put_u64(j, "column", one->column);
        json_put_text(j, "severity", one->warning ? "warning" : "error");
        json_put_text(j, "id", one->id);
        json_put_text(j, "text", one->text);
        json_close(j, '}');
    }
    json_close(j, ']');
}
