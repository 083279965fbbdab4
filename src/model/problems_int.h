/*
 * problems - everything wrong with a file, collected while it is read.
 */
#ifndef WEIR_MODEL_PROBLEMS_INT_H
#define WEIR_MODEL_PROBLEMS_INT_H

#include <stdarg.h>

#include "base/mem.h"
#include "model/blueprint.h"

/* A file that was read. path is what the user sees, folder what relative paths in it mean. */
struct file {
    const char *path;
    const char *folder; /* absolute */
    unsigned order;     /* files are reported in the order they were opened */
};

enum { PROBLEMS_SHOWN = 100, PROBLEMS_KEPT = 5000 };

struct problem_list {
    struct problems *out;
    size_t cap;
    size_t dropped;   /* past PROBLEMS_KEPT */
    unsigned *orders; /* of the file of each problem */
    unsigned nfiles;
};

struct place {
    const struct file *file;
    uint32_t line;
    uint32_t column;
};

void problem_list_init(struct problem_list *l, struct problems *out);
void problem_add(struct problem_list *l, struct place at, bool warning, const char *id,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Sorts by file, line and column, cuts past PROBLEMS_SHOWN ("and N more"), frees the list. */
void problem_list_finish(struct problem_list *l);

/* The candidate nearest to word, or NULL when none is near enough to be meant. */
struct nearest {
    struct str word;
    const char *best;
    unsigned distance;
};
void nearest_init(struct nearest *n, struct str word);
void nearest_try(struct nearest *n, const char *candidate);

#endif
