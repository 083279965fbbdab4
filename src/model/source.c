/*
 * source - the files that make one blueprint: the first, those it includes,
 * and the overlay of an environment.  The result is one tree, whose nodes still
 * know the file and line they came from.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "model/merge_int.h"
#include "model/values_int.h"

enum { INCLUDE_DEPTH_MAX = 8, INCLUDE_FILES_MAX = 1000 };

struct opened {
    const struct opened *up; /* what included it */
    const char *real;
    const char *path;
};

struct source {
    struct merging m;
    const struct opened *seen[INCLUDE_FILES_MAX];
    size_t nseen;
};

static const struct node *read_whole(struct source *s, const char *path, const struct opened *up,
    unsigned depth, const struct file **file);

/* Folder of a path as it was written, with its slash; "" for none. */
static struct str folder_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? (struct str){ path, (size_t)(slash - path) + 1 } : STR("");
}

/* False (said) when this file cannot be read here again. */
static bool enter(struct source *s, const struct node *at, struct opened *o)
{
    auto_free char *real = realpath(o->path, NULL);

    o->real = real != NULL ? arena_strdup(s->m.arena, real) : o->path;
    for (const struct opened *up = o->up; up != NULL; up = up->up)
        if (strcmp(up->real, o->real) == 0) {
            problem_add(s->m.problems, node_place(at), false, "blueprint_include_cycle",
                "%s includes itself%s%s", o->path, up == o->up ? "" : " by way of ",
                up == o->up ? "" : o->up->path);
            return false;
        }
    for (size_t i = 0; i < s->nseen; i++)
        if (strcmp(s->seen[i]->real, o->real) == 0) {
            problem_add(s->m.problems, node_place(at), false, "blueprint_include_twice",
                "%s is included twice", o->path);
            return false;
        }
    if (s->nseen == INCLUDE_FILES_MAX) {
        problem_add(s->m.problems, node_place(at), false, "blueprint_include_many",
            "more than %d files are included", INCLUDE_FILES_MAX);
        return false;
    }
    s->seen[s->nseen++] = o;
    return true;
}

static const struct node *include_one(struct source *s, const struct node *root,
    const struct node *at, const char *path, const struct opened *up, unsigned depth)
{
    struct opened *o = arena_calloc(s->m.arena, 1, sizeof(*o));
    const struct file *file;
    const struct node *part;

    *o = (struct opened){ .up = up, .path = arena_strdup(s->m.arena, path) };
    if (depth == INCLUDE_DEPTH_MAX) {
        problem_add(s->m.problems, node_place(at), false, "blueprint_include_depth",
            "files include each other more than %d levels deep", INCLUDE_DEPTH_MAX);
        return root;
    }
    if (!enter(s, at, o))
        return root;
    part = read_whole(s, o->path, o, depth + 1, &file);
    return part != NULL ? join_parts(&s->m, root, part) : root;
}

static const struct node *include_pattern(struct source *s, const struct node *root,
    const struct node *at, const struct opened *up, unsigned depth)
{
    struct str folder = folder_part(up->path);
    const char *pattern = at->text.len > 0 && at->text.at[0] == '/'
                              ? at->text.at
                              : arena_printf(s->m.arena, "%.*s%s", STR_ARG(folder), at->text.at);
    glob_t found;
    int rc;

    if (at->kind != NODE_SCALAR || at->text.len == 0) {
        problem_add(s->m.problems, node_place(at), false, "blueprint_type",
            "include: expected the path of a file, such as routes/*.yaml");
        return root;
    }
    rc = glob(pattern, 0, NULL, &found);
    if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[") == NULL)
        problem_add(s->m.problems, node_place(at), false, "blueprint_include_missing",
            "there is no file %s to include", pattern);
    else if (rc != 0 && rc != GLOB_NOMATCH)
        problem_add(s->m.problems, node_place(at), false, "blueprint_include",
            "%s cannot be looked up", pattern);
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        root = include_one(s, root, at, found.gl_pathv[i], up, depth);
    if (rc == 0)
        globfree(&found);
    return root;
}

static const struct node *read_whole(struct source *s, const char *path, const struct opened *up,
    unsigned depth, const struct file **file)
{
    const struct node *root = tree_read_file(s->m.arena, s->m.problems, path, file);
    const struct node *include = node_get(root, "include");
    char read[80];

    if (root == NULL)
        return NULL;
    if (root->kind != NODE_MAP) {
        problem_add(s->m.problems, node_place(root), false, "blueprint_type",
            "read %s, expected words such as `listeners:` and `routes:`",
            node_describe(root, read));
        return NULL;
    }
    if (include == NULL)
        return root;
    if (include->kind != NODE_LIST)
        return include_pattern(s, root, include, up, depth);
    for (size_t i = 0; i < include->n; i++)
        root = include_pattern(s, root, include->items[i], up, depth);
    return root;
}

/* ---- environments ---- */

static bool is_environment_name(const char *name)
{
    return value_is_name(str_from(name));
}

static void missing_environment(struct source *s, const char *folder, const char *name)
{
    static const struct file nowhere = { "", "/", 0 };
    struct file file = nowhere;
    auto_free char *pattern = xasprintf("%s*.yaml", folder);
    struct buf known;
    struct nearest near;
    glob_t found = { 0 };

    file.path = arena_printf(s->m.arena, "%s%s.yaml", folder, name);
    buf_init(&known, 2048);
    nearest_init(&near, str_from(name));
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++) {
            struct str base = str_from(found.gl_pathv[i] + strlen(folder));
            const char *stem = arena_str(s->m.arena, (struct str){ base.at, base.len - 5 }).at;

            nearest_try(&near, stem);
            buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", stem);
        }
    globfree(&found);
    problem_add(s->m.problems, (struct place){ &file, 0, 0 }, false, "blueprint_environment",
        known.len == 0      ? "there is no environment \"%s\": this file is missing%s%s"
        : near.best != NULL ? "there is no environment \"%s\"; known are %s; did you mean \"%s\"?"
                            : "there is no environment \"%s\"; known are %s%s",
        name, known.len > 0 ? buf_cstr(&known) : "", near.best != NULL ? near.best : "");
    buf_free(&known);
}

static const struct node *overlay(
    struct source *s, const struct node *root, const char *path, const char *name)
{
    struct str folder = folder_part(path);
    const char *environments = arena_printf(s->m.arena, "%.*senvironments/", STR_ARG(folder));
    struct opened *o = arena_calloc(s->m.arena, 1, sizeof(*o));
    const struct file *file;
    const struct node *over;

    o->path = arena_printf(s->m.arena, "%s%s.yaml", environments, name);
    if (!is_environment_name(name) || access(o->path, F_OK) == -1) {
        missing_environment(s, environments, name);
        return NULL;
    }
    if (!enter(s, root, o))
        return NULL;
    over = read_whole(s, o->path, o, 0, &file);
    return over != NULL ? merge_overlay(&s->m, root, over) : NULL;
}

const struct node *source_read(struct arena *a, struct problem_list *problems, const char *path,
    const char *environment, const struct file **file)
{
    struct source *s = arena_calloc(a, 1, sizeof(*s));
    struct opened *o = arena_calloc(a, 1, sizeof(*o));
    static const struct node nowhere;
    const struct node *root;

    s->m = (struct merging){ a, problems };
    o->path = path;
    enter(s, &nowhere, o);
    root = read_whole(s, path, o, 0, file);
    if (root != NULL && environment != NULL)
        root = overlay(s, root, path, environment);
    return root;
}
