/*
 * entries_names - the names in large folders, sorted, kept between calls.
 *
 * The store orders by blinded ids, so that the first names of a folder are known only when all are read.  Work that goes
 * through a large folder in pieces (revoking a tree of tokens, tidying) would read it all for each piece: so what has been read is
 * kept as a treap per folder, and follows each change that is taken.  Forgotten with the cache.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "keeper/core/entries_inside_int.h"

enum { LISTINGS_MOST = 64, NAMES_LEAST = 128, BYTES_MOST = 64 << 20 };

struct name_node {
    struct name_node *left;
    struct name_node *right;
    uint64_t priority; /* the hash of the name: as good as random, and the same each time */
    size_t len;
    char text[];
};

struct listing {
    struct list place; /* least recently used first */
    uint64_t hash;
    struct name_node *root;
    size_t bytes;
    size_t len;
    char folder[];
};

static struct str text_of(const struct name_node *n)
{
    return (struct str){ n->text, n->len };
}

int name_order(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n > 0 ? memcmp(a.at, b.at, n) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* ---- the treap ---- */

static struct name_node *rotate_right(struct name_node *n)
{
    struct name_node *up = n->left;

    n->left = up->right;
    up->right = n;
    return up;
}

static struct name_node *rotate_left(struct name_node *n)
{
    struct name_node *up = n->right;

    n->right = up->left;
    up->left = n;
    return up;
}

/* Where the name hangs, or would hang. */
static struct name_node **place_of(struct name_node **at, struct str name)
{
    while (*at != NULL) {
        int order = name_order(name, text_of(*at));

        if (order == 0)
            break;
        at = order < 0 ? &(*at)->left : &(*at)->right;
    }
    return at;
}

static struct name_node *insert(struct name_node *n, struct name_node *new)
{
    if (n == NULL)
        return new;
    if (name_order(text_of(new), text_of(n)) < 0) {
        n->left = insert(n->left, new);
        return n->left->priority > n->priority ? rotate_right(n) : n;
    }
    n->right = insert(n->right, new);
    return n->right->priority > n->priority ? rotate_left(n) : n;
}

static struct name_node *join(struct name_node *a, struct name_node *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    if (a->priority > b->priority) {
        a->right = join(a->right, b);
        return a;
    }
    b->left = join(a, b->left);
    return b;
}

static size_t node_size(size_t len)
{
    return sizeof(struct name_node) + len;
}

static void add(struct names_cache *c, struct listing *l, struct str name)
{
    struct name_node *n;

    if (*place_of(&l->root, name) != NULL)
        return;
    n = xmalloc(node_size(name.len));
    *n = (struct name_node){ .priority = path_hash(name), .len = name.len };
    memcpy(n->text, name.at, name.len);
    l->root = insert(l->root, n);
    l->bytes += node_size(name.len);
    c->bytes += node_size(name.len);
}

static void free_node(struct name_node *n)
{
    explicit_bzero(n->text, n->len);
    free(n);
}

static void take_away(struct names_cache *c, struct listing *l, struct str name)
{
    struct name_node **at = place_of(&l->root, name);
    struct name_node *n = *at;

    if (n == NULL)
        return;
    *at = join(n->left, n->right);
    l->bytes -= node_size(n->len);
    c->bytes -= node_size(n->len);
    free_node(n);
}

static void free_tree(struct name_node *n)
{
    if (n == NULL)
        return;
    free_tree(n->left);
    free_tree(n->right);
    free_node(n);
}

/* ---- listings ---- */

void names_init(struct names_cache *c)
{
    memset(c, 0, sizeof(*c));
    list_init(&c->listings);
}

static void drop(struct names_cache *c, struct listing *l)
{
    list_remove(&l->place);
    c->n--;
    c->bytes -= l->bytes;
    free_tree(l->root);
    explicit_bzero(l->folder, l->len);
    free(l);
}

void names_drop_all(struct names_cache *c)
{
    list_each (at, after, &c->listings)
        drop(c, list_item(at, struct listing, place));
}

struct listing *names_find(struct names_cache *c, struct str folder)
{
    uint64_t hash = path_hash(folder);

    list_each (at, after, &c->listings) {
        struct listing *l = list_item(at, struct listing, place);

        if (l->hash == hash && str_eq((struct str){ l->folder, l->len }, folder)) {
            list_remove(&l->place);
            list_append(&c->listings, &l->place);
            return l;
        }
    }
    return NULL;
}

static void make_room(struct names_cache *c)
{
    list_each (at, after, &c->listings) {
        if (c->n < LISTINGS_MOST && c->bytes <= BYTES_MOST)
            return;
        drop(c, list_item(at, struct listing, place));
    }
}

void names_keep(struct names_cache *c, struct str folder, const struct str *names, size_t n)
{
    struct listing *l;

    if (n < NAMES_LEAST || n > BYTES_MOST / sizeof(struct name_node) / 2)
        return;
    make_room(c);
    l = xcalloc(1, sizeof(*l) + folder.len);
    l->hash = path_hash(folder);
    l->len = folder.len;
    memcpy(l->folder, folder.at, folder.len);
    list_append(&c->listings, &l->place);
    c->n++;
    for (size_t i = 0; i < n; i++)
        add(c, l, names[i]);
}

bool names_is_empty(const struct listing *l)
{
    return l->root == NULL;
}

void names_change(struct names_cache *c, struct str path, bool there)
{
    struct str folder = folder_of(path);
    struct str name = { path.at + folder.len, path.len - folder.len };
    struct listing *l = c->n > 0 ? names_find(c, folder) : NULL;

    if (l != NULL && there)
        add(c, l, name);
    else if (l != NULL)
        take_away(c, l, name);
    if (c->bytes > BYTES_MOST)
        make_room(c);
}

/* In order, those past `after`, until each() says that it has enough. */
static bool walk(const struct name_node *n, struct str after,
    bool (*each)(void *arg, struct str name), void *arg)
{
    if (n == NULL)
        return true;
    if (name_order(text_of(n), after) <= 0)
        return walk(n->right, after, each, arg);
    return walk(n->left, after, each, arg) && each(arg, text_of(n)) &&
           walk(n->right, after, each, arg);
}

void names_each(
    const struct listing *l, struct str after, bool (*each)(void *arg, struct str name), void *arg)
{
    walk(l->root, after, each, arg);
}
