/*
 * problems - see problems_int.h and blueprint.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "model/problems_int.h"

void problem_list_init(struct problem_list *l, struct problems *out)
{
    *out = (struct problems){ 0 };
    *l = (struct problem_list){ .out = out };
}

void problems_free(struct problems *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->at[i].file);
        free(p->at[i].id);
        free(p->at[i].text);
    }
    free(p->at);
    *p = (struct problems){ 0 };
}

__attribute__((format(printf, 1, 0))) static char *text_of(const char *fmt, va_list ap)
{
    char *text = NULL;

    if (vasprintf(&text, fmt, ap) == -1)
        return xstrdup("out of memory");
    return text;
}

void problem_add(
    struct problem_list *l, struct place at, bool warning, const char *id, const char *fmt, ...)
{
    struct problems *out = l->out;
    struct problem *p;
    va_list ap;

    if (!warning)
        out->nerrors++;
    if (out->n == PROBLEMS_KEPT) {
        l->dropped++;
        return;
    }
    if (out->n == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 16;
        out->at = xreallocarray(out->at, l->cap, sizeof(*out->at));
        l->orders = xreallocarray(l->orders, l->cap, sizeof(*l->orders));
    }
    l->orders[out->n] = at.file->order;
    p = &out->at[out->n++];
    va_start(ap, fmt);
    *p = (struct problem){
        .file = xstrdup(at.file->path),
        .line = at.line,
        .column = at.column,
        .id = xstrdup(id),
        .text = text_of(fmt, ap),
        .warning = warning,
    };
    va_end(ap);
}

struct sortable {
    struct problem problem;
    unsigned order;
    size_t index;
};

static int by_place(const void *x, const void *y)
{
    const struct sortable *a = x;
    const struct sortable *b = y;

    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    if (a->problem.line != b->problem.line)
        return a->problem.line < b->problem.line ? -1 : 1;
    if (a->problem.column != b->problem.column)
        return a->problem.column < b->problem.column ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void sort(struct problem_list *l)
{
    struct problems *out = l->out;
    struct sortable *all = xcalloc(out->n, sizeof(*all));

    for (size_t i = 0; i < out->n; i++)
        all[i] = (struct sortable){ out->at[i], l->orders[i], i };
    qsort(all, out->n, sizeof(*all), by_place);
    for (size_t i = 0; i < out->n; i++)
        out->at[i] = all[i].problem;
    free(all);
}

/* What is past the limit becomes one line that counts it. */
static void cut(struct problem_list *l)
{
    struct problems *out = l->out;
    struct problem *last = &out->at[PROBLEMS_SHOWN];
    size_t more = out->n - PROBLEMS_SHOWN + l->dropped;
    bool warning = true;

    for (size_t i = PROBLEMS_SHOWN; i < out->n; i++) {
        warning = warning && out->at[i].warning;
        free(out->at[i].id);
        free(out->at[i].text);
        if (i > PROBLEMS_SHOWN)
            free(out->at[i].file);
    }
    last->line = 0;
    last->column = 0;
    last->id = xstrdup("blueprint_more");
    last->text = xasprintf("and %zu more", more);
    last->warning = warning;
    out->n = PROBLEMS_SHOWN + 1;
}

void problem_list_finish(struct problem_list *l)
{
    if (l->out->n > 0)
        sort(l);
    if (l->out->n > PROBLEMS_SHOWN)
        cut(l);
    free(l->orders);
    l->orders = NULL;
}

void nearest_init(struct nearest *n, struct str word)
{
    *n = (struct nearest){ .word = word, .distance = 4 };
}

void nearest_try(struct nearest *n, const char *candidate)
{
    unsigned d = str_distance(n->word, str_from(candidate));
    /* A short word must be nearer: every word of three letters is three edits from every other. */
    unsigned limit = (unsigned)(n->word.len + 2) / 3;

    if (d < n->distance && d <= limit) {
        n->distance = d;
        n->best = candidate;
    }
}
