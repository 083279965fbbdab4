/*
 * hcl - HashiCorp's configuration language, first version, and its JSON form, as a tree.
 *
 * What policies are written in: key = value, key { ... }, key "label" { ... }, lists, objects, heredocs, three kinds of
 * comments.  A label is a nested object, so that path "a" { x = 1 } and {"path": {"a": {"x": 1}}} give the same tree.
 * Nothing is evaluated: "${...}" is text.  A text that begins with '{' is read as JSON, as Vault does it.
 * Source: the syntax pages of HCL 1.
 */
#ifndef WEIR_VAULT_HCL_INT_H
#define WEIR_VAULT_HCL_INT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

enum { HCL_DEPTH_MAX = 32, HCL_NODES_MAX = 200000, HCL_TEXT_MAX = 4 << 20 };

enum hcl_kind { HCL_NULL, HCL_BOOL, HCL_NUMBER, HCL_TEXT, HCL_LIST, HCL_OBJECT };

struct hcl {
    enum hcl_kind kind;
    unsigned line;
    struct str text; /* BOOL, NUMBER: the spelling; TEXT: without quotes and escapes */
    struct hcl_item
        *first; /* LIST: without keys; OBJECT: in the order of the text, keys may come twice */
    struct hcl_item **after; /* where the next one goes */
};

struct hcl_item {
    struct str key;
    unsigned line;
    struct hcl *value;
    struct hcl_item *next;
};

/* The root object, in the arena; texts may be borrowed. NULL: err id hcl, "At 3:7: ...". */
struct hcl *hcl_parse(struct arena *a, struct str text, struct err *err);

#endif
