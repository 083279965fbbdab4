/*
 * read - what the reader of words knows while it reads, and how a value of
 * each type is read and written.
 */
#ifndef WEIR_MODEL_READ_INT_H
#define WEIR_MODEL_READ_INT_H

#include "base/err.h"
#include "model/problems_int.h"
#include "model/schema.h"
#include "model/tree_int.h"

struct variable {
    struct str name;
    struct str preset; /* at NULL: none */
    struct str value;  /* from the environment; at NULL: unset */
};

/* Where we are, innermost first, to name it in a message: services.shop.retry */
struct frame {
    const struct frame *up;
    struct str name;
};

struct reading {
    struct arena *arena;   /* the blueprint's */
    struct arena *scratch; /* gone when it is loaded */
    struct problem_list *problems;
    struct variable *variables;
    size_t nvariables;
    const char *folder; /* of the file that says the value being read */
    const char *state;  /* instead of `state:`, or NULL */
    bool canonical;     /* reading canonical text: hidden words, no variables */
    const struct cidr_set *no_networks;
    const struct frame *frame;
    bool misspelt; /* the table just read has an unknown word: what seems to be missing may be it */
    const struct node *root; /* merged */
};

/* The layout of every list in blueprint.h: a pointer, then a count. */
struct seq {
    void *at;
    size_t n;
};

struct value_type {
    const char *name;
    const char *expects;
    size_t size;
    bool is_text; /* a struct str */
    /* text is NUL-terminated, in an arena that may not outlive the call. err->text says what is
     * wrong; left empty, "expected <expects>" is said. */
    bool (*read)(
        struct reading *r, const struct word *w, struct str text, void *to, struct err *err);
    /* As JSON. */
    void (*write)(const struct word *w, const void *from, struct buf *json);
    const char *json_schema;
};
extern const struct value_type value_types[WORD_TYPES];

static inline struct place node_place(const struct node *n)
{
    return (struct place){ n->file, n->line, n->column };
}

/* "services.shop.retry" in the scratch arena; "the blueprint" at the top. */
const char *reading_where(struct reading *r);
/* The same with a word behind it. */
const char *reading_word(struct reading *r, struct str word);

/* A struct with the presets of its table. */
void fill_presets(struct reading *r, const struct table *t, void *base);
void fill_table(struct reading *r, const struct table *t, const struct node *n, void *base);
/* Where a nested value stands: the deepest node there is on the way of these NULL-ended keys. */
const struct node *node_on_way(const struct node *n, ...);

/* The text of a scalar with its ${env.NAME} filled in; false when one cannot be (said). */
bool variables_expand(struct reading *r, const struct node *n, bool template, struct str *out);
/* Takes `variables:` from the root and the environment. */
void variables_read(struct reading *r, const struct node *root);

/* What stands in more than one table. False when there are errors. */
void cross_check(struct reading *r, struct blueprint *b);

/* The keeper's part of it; names that are used exist, the words need a keeper. */
void cross_keeper(struct reading *r, struct blueprint *b);
/* The things of one map, to find by name. */
struct names {
    const char *what; /* "service" */
    const char *word; /* "services" */
    const void *at;
    size_t n;
    size_t size; /* of each; a struct str name is first in it */
};
/* The index, or -1 (said) when it is not there. */
ssize_t cross_find(
    struct reading *r, const struct names *all, const struct node *n, struct str name);

/* Warns of routes that can never be taken. Needs b->router. */
void shadow_check(struct reading *r, const struct blueprint *b);

/* One line of JSON; without the positions when that is what is asked. */
void canonical_write(struct reading *r, const struct blueprint *b, bool positions, struct buf *to);

/* The file, its includes and overlay as one tree; NULL when there is none (said). */
const struct node *source_read(struct arena *a, struct problem_list *problems, const char *path,
    const char *environment, const struct file **file);

/* table.finish of the schema. */
void finish_listener(struct reading *r, const struct node *n, void *base);
void finish_certificate(struct reading *r, const struct node *n, void *base);
void finish_service(struct reading *r, const struct node *n, void *base);
void finish_limit(struct reading *r, const struct node *n, void *base);
void finish_route(struct reading *r, const struct node *n, void *base);
void finish_log(struct reading *r, const struct node *n, void *base);
void finish_key(struct reading *r, const struct node *n, void *base);
void finish_secret(struct reading *r, const struct node *n, void *base);
void finish_policy(struct reading *r, const struct node *n, void *base);
void finish_header_edits(struct reading *r, const struct node *n, void *base);

#endif
