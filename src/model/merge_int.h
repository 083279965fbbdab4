/*
 * merge - several trees become one.
 */
#ifndef WEIR_MODEL_MERGE_INT_H
#define WEIR_MODEL_MERGE_INT_H

#include "model/read_int.h"

struct merging {
    struct arena *arena;
    struct problem_list *problems;
};

/* An included file: maps are joined, lists appended, the same word twice is said to be wrong. */
const struct node *join_parts(struct merging *m, const struct node *root, const struct node *part);

/*
 * An overlay: mappings merge, scalars and lists replace, null removes, routes
 * are merged by name.  A bare value counts as the mapping it stands for.
 */
const struct node *merge_overlay(
    struct merging *m, const struct node *root, const struct node *over);

#endif
