/*
 * tree - a YAML (or canonical JSON) file as nodes that know where they stand.
 *
 * The loader merges, checks and reads these; they live in the loader's arena
 * and are gone when the blueprint is done.  A node may stand in several places
 * (an alias), so nodes are never changed once read: merging makes new ones.
 */
#ifndef WEIR_MODEL_TREE_INT_H
#define WEIR_MODEL_TREE_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/problems_int.h"

enum {
    TREE_FILE_MAX = 10 * 1024 * 1024,
    TREE_DEPTH_MAX = 32,
    TREE_NODES_MAX = 1000000, /* with every alias written out */
};

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node;
struct pair {
    struct str key;
    uint32_t line; /* of the key */
    uint32_t column;
    const struct file *file;
    const struct node *value;
};

struct node {
    enum node_kind kind;
    bool plain; /* not quoted: true, 10 and null mean what they say */
    uint32_t line;
    uint32_t column;
    uint32_t weight; /* nodes in it, aliases written out */
    const struct file *file;
    struct str text; /* of a scalar; NUL-terminated */
    size_t n;
    const struct node **items; /* of a list */
    struct pair *pairs;        /* of a mapping */
};

/* NULL when the file cannot be used at all; problems say why. path as to be shown. */
const struct node *tree_read_file(
    struct arena *a, struct problem_list *problems, const char *path, const struct file **file);
const struct node *tree_read_text(
    struct arena *a, struct problem_list *problems, const struct file *file, struct str text);
/* Canonical JSON: no aliases, no positions. */
const struct node *tree_read_json(
    struct arena *a, struct problem_list *problems, const struct file *file, struct str text);

/* The value of a key of a mapping; NULL when absent or not a mapping. */
const struct node *node_get(const struct node *map, const char *key);
const struct pair *node_pair(const struct node *map, struct str key);
/* An empty value, ~ or null, unquoted. */
bool node_is_null(const struct node *n);
/* true, yes, on / false, no, off, unquoted. */
bool node_is_bool(const struct node *n, bool *value);
/* What it is, for messages: "a list", "a mapping", "\"text\"" (shortened, into to[80]). */
const char *node_describe(const struct node *n, char *to);

/* A mapping that holds only this pair: what a scalar stands for. */
const struct node *node_wrap(struct arena *a, const char *key, const struct node *value);

#endif
